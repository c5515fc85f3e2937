//! The invariants INV-1 to INV-27, from their wording, over the whole state of a partition.
//!
//! After every turn the ghost state is brought up to date and every rule is asked of every partition
//! of which anything has changed. A rule says what it found; its class follows from what allows it.

mod durability;
mod ghosts;
mod insync;
mod logs;
mod shape;
mod upkeep;

use crate::fates::Scene;
use ghosts::Ghosts;
use kafkalab_core::broker::Fetcher;
use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::epoch::{LeaderEpoch, Offset};
use kafkalab_core::id::{InputNo, NodeId, TopicPartition};
use kafkalab_core::log::LogFile;
use kafkalab_core::metadata::PartitionRegistration;
use kafkalab_core::replica::{Partition, Role};
use kafkalab_core::time::Instant;
use kafkalab_sim::check::Class;
use kafkalab_sim::cluster;
use kafkalab_sim::scenario::plan::Plan;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use upkeep::Upkeep;

/// Something that a rule found.
pub(crate) type Found = (&'static str, Class);

/// A broken invariant, when it was seen first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) at: Instant,
    pub(crate) input: InputNo,
}

/// What was broken, as what, and where.
pub(crate) type Breach = (String, Class, Option<TopicPartition>);

/// All invariants of one run.
#[derive(Clone, Debug)]
pub(crate) struct Invariants {
    plan: Arc<Plan>,
    ghosts: Ghosts,
    upkeep: Upkeep,
    seen: BTreeMap<TopicPartition, Signature>,
    pub(crate) broken: BTreeMap<Breach, Broken>,
}

/// Everything of a partition that a rule may look at, in short.
#[derive(Clone, Debug, PartialEq)]
struct Signature {
    registration: Option<PartitionRegistration>,
    active: BrokerSet,
    replicas: Vec<ReplicaSignature>,
    ghosts: [usize; 4],
}

#[derive(Clone, Debug, PartialEq)]
struct ReplicaSignature {
    is_up: bool,
    end: Option<Offset>,
    flushed: Option<Offset>,
    chain: Option<u64>,
    watermark: Option<Offset>,
    follows: Option<Role>,
    fetchers: usize,
    leads: Option<(LeaderEpoch, BrokerSet, Option<BrokerSet>)>,
}

/// One partition as a rule sees it.
pub(super) struct View<'a> {
    scene: Scene<'a>,
    plan: &'a Plan,
    ghosts: &'a Ghosts,
    tp: TopicPartition,
    /// C: the controller's committed record.
    committed: &'a PartitionRegistration,
}

impl<'a> View<'a> {
    /// Everyone who has, or should have, a copy.
    fn replicas(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.committed.replicas.iter().copied()
    }

    /// The replica of a live broker.
    fn live(&self, node: NodeId) -> Option<&'a Partition> {
        self.scene.look.replica(self.tp, node)
    }

    /// How many fetchers of `node` copy the partition.
    fn fetchers(&self, node: NodeId) -> usize {
        let fetchers = self.scene.look.broker(node).map_or(&[][..], |broker| broker.fetchers());
        let holds = |it: &&Fetcher| it.partitions().iter().any(|held| held.tp == self.tp);
        fetchers.iter().filter(holds).count()
    }

    fn log(&self, node: NodeId) -> Option<&'a LogFile> {
        self.scene.look.log(self.tp, node)
    }

    /// Every live broker that believes it leads, with its replica.
    fn believers(&self) -> Vec<(NodeId, &'a Partition)> {
        let live = self.replicas().filter_map(|node| Some((node, self.live(node)?)));
        live.filter(|(_, replica)| replica.leadership().is_some()).collect()
    }

    /// The live leader whose epoch is that of C.
    fn leader(&self) -> Option<(NodeId, &'a Partition)> {
        let leader = self.committed.leader?;
        let is_it = |(node, replica): &(NodeId, &Partition)| {
            *node == leader && replica.leader_epoch() == Some(self.committed.leader_epoch)
        };
        self.believers().into_iter().find(is_it)
    }

    /// min(min.insync.replicas, replicas).
    fn min_isr(&self) -> usize {
        let topic = &self.plan.topics[self.tp.topic.0 as usize];
        usize::from(topic.config.min_insync_replicas).min(self.committed.replicas.len())
    }

    /// "No data-losing fault since the replica last joined the ISR."
    fn is_unfaulted(&self, node: NodeId) -> bool {
        self.ghosts.is_unfaulted(self.tp, node)
    }
}

impl Invariants {
    pub(crate) fn new(plan: &Arc<Plan>) -> Self {
        let (ghosts, upkeep, seen, broken) = Default::default();
        Self { plan: Arc::clone(plan), ghosts, upkeep, seen, broken }
    }

    /// The names of what was broken so far.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.broken.keys().map(|(name, ..)| name.clone()).collect()
    }

    /// Looks at everything after a turn.
    pub(crate) fn follow(&mut self, scene: Scene<'_>, at: Instant, input: InputNo) {
        let plan = Arc::clone(&self.plan);
        let mut found: Vec<(Found, Option<TopicPartition>)> = Vec::new();
        let news = self.ghosts.follow(scene, &plan, input, &mut found);
        found.extend(self.upkeep.brokers(scene).into_iter().map(|one| (one, None)));
        for tp in cluster::partitions(&plan) {
            let Some(committed) = scene.history.image.partition(tp) else { continue };
            let ghosts = &self.ghosts;
            let view = View { scene, plan: &plan, ghosts, tp, committed };
            let mut of_partition = Vec::new();
            durability::truncations(&view, &news, &mut of_partition);
            durability::answers(&view, &news, &mut of_partition);
            upkeep::refusals(&view, &news, &mut of_partition);
            self.upkeep.watermarks(&view, &mut of_partition);
            self.upkeep.proposals(&view, &news, &mut of_partition);
            let signature = signature(&view);
            if self.seen.get(&tp) != Some(&signature) {
                shape::rules(&view, &mut of_partition);
                logs::rules(&view, &mut of_partition);
                insync::rules(&view, &mut of_partition);
                durability::rules(&view, &mut of_partition);
                upkeep::rules(&view, &mut of_partition);
                self.seen.insert(tp, signature);
                let leading = view.leader().map(|(_, leader)| leader.log().file().clone());
                if let Some(log) = leading {
                    self.ghosts.settle(tp, &log);
                }
            }
            found.extend(of_partition.into_iter().map(|one| (one, Some(tp))));
        }
        for ((name, class), tp) in found {
            let breach = (name.to_owned(), class, tp);
            self.broken.entry(breach).or_insert(Broken { at, input });
        }
    }
}

fn signature(view: &View<'_>) -> Signature {
    let of_replica = |node| {
        let live = view.live(node);
        let log = view.log(node);
        ReplicaSignature {
            is_up: view.scene.look.world().is_up(node),
            end: log.map(LogFile::end),
            flushed: log.map(LogFile::flushed),
            chain: log.and_then(|log| log.chain_at(log.end())),
            watermark: live.map(|replica| replica.log().high_watermark()),
            follows: live
                .map(Partition::role)
                .filter(|it| matches!(it, Role::Follower(_)))
                .cloned(),
            fetchers: view.fetchers(node),
            leads: live.and_then(|replica| {
                let leadership = replica.leadership()?;
                let pending = leadership.pending.map(|pending| pending.proposed);
                Some((replica.leader_epoch()?, leadership.isr, pending))
            }),
        }
    };
    Signature {
        registration: Some(view.committed.clone()),
        active: view.replicas().filter(|it| view.scene.history.image.is_active(*it)).collect(),
        replicas: view.replicas().map(of_replica).collect(),
        ghosts: view.ghosts.sizes(view.tp),
    }
}
