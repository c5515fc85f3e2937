//! INV-19 to INV-27: refusals, the shape of the ISR, who may be in it, lives, images, proposals,
//! fetchers, watermarks, sequences.

use super::{Found, View};
use crate::fates::Scene;
use crate::history::Note;
use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::epoch::{BrokerEpoch, LeaderEpoch, Offset, ProducerEpoch};
use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::event::{Event, LifecycleState, ReplicaEvent};
use kafkalab_core::id::{Incarnation, NodeId, ProducerId, TopicPartition};
use kafkalab_core::log::LogFile;
use kafkalab_core::replica::Role;
use kafkalab_sim::check::Class;
use std::collections::{BTreeMap, BTreeSet};

/// What these rules remember from turn to turn.
#[derive(Clone, Debug, Default)]
pub(super) struct Upkeep {
    /// The watermark of each leader in its life and epoch.
    watermarks: BTreeMap<(TopicPartition, NodeId), (Incarnation, LeaderEpoch, Offset)>,
    /// How far each broker's image was compared.
    images: BTreeMap<NodeId, Offset>,
    /// Whose life got each broker epoch.
    epochs: BTreeMap<(NodeId, BrokerEpoch), Incarnation>,
    /// What each leader noted last of its proposals: the set, as long as it may count it.
    proposals: BTreeMap<(TopicPartition, NodeId), BrokerSet>,
}

impl Upkeep {
    /// INV-22 and INV-23, about brokers.
    pub(super) fn brokers(&mut self, scene: Scene<'_>) -> Vec<Found> {
        let mut found = Vec::new();
        for node in scene.look.brokers() {
            let Some(broker) = scene.look.broker(node) else { continue };
            let life = scene.look.world().incarnation(node);
            // INV-22: "at most one live incarnation per (id, be)".
            if let Some(epoch) = broker.broker_epoch()
                && *self.epochs.entry((node, epoch)).or_insert(life) != life
            {
                found.push(("INV-22", Class::Violation));
            }
            // INV-22: "a broker whose be is not the registered one": a life that runs and was
            // registered has lost its registration to another, which is Kafka's own hole.
            let registered = scene.history.image.brokers.get(&node).map(|known| known.epoch);
            if broker.broker_epoch() < registered && broker.broker_epoch().is_some() {
                found.push(("INV-22", Class::DesignLimit));
            }
            // INV-23: "image hash per offset equal on all nodes": on each it is what the committed
            // records up to there add up to.
            let image = broker.replicas().image();
            let end = image.end_offset;
            if end == Offset::ZERO || self.images.insert(node, end) == Some(end) {
                continue;
            }
            let committed = scene.history.commits.get(end.0 as usize - 1);
            if committed.is_none_or(|(_, committed)| committed != image) {
                found.push(("INV-23", Class::Violation));
            }
        }
        found
    }

    /// INV-26: "leader HW monotone within one (b, le)".
    pub(super) fn watermarks(&mut self, view: &View<'_>, found: &mut Vec<Found>) {
        for (node, replica) in view.believers() {
            let life = view.scene.look.world().incarnation(node);
            let epoch = replica.leader_epoch().expect("a leader leads in an epoch");
            let now = (life, epoch, replica.log().high_watermark());
            let before = self.watermarks.insert((view.tp, node), now);
            if before.is_some_and(|it| (it.0, it.1) == (life, epoch) && it.2 > now.2) {
                found.push(("INV-26", Class::Violation));
            }
        }
    }
}

impl Upkeep {
    /// INV-24: "partition state object is PendingX iff a request is queued or in flight or was answered
    /// with a 'stay pending' error": what a leader counts is what it noted to have proposed, if it has
    /// noted no outcome since that ends it. (Newer metadata may end the pending state while the request
    /// is under way, R-47: "only if" is what is asked.)
    pub(super) fn proposals(&mut self, view: &View<'_>, news: &[&Note], found: &mut Vec<Found>) {
        for note in news {
            let Event::Replica(event) = &note.event else { continue };
            match event {
                ReplicaEvent::IsrProposed { tp, to, .. } => {
                    self.proposals.insert((*tp, note.node), *to);
                }
                ReplicaEvent::IsrAdopted { tp, .. }
                | ReplicaEvent::IsrForgotten { tp, .. }
                | ReplicaEvent::BecameFollower { tp, .. }
                | ReplicaEvent::IsrRefused { tp, error: ErrorCode::IneligibleReplica } => {
                    self.proposals.remove(&(*tp, note.node));
                }
                _ => {}
            }
        }
        for (node, replica) in view.believers() {
            let pending = replica.leadership().and_then(|leadership| leadership.pending);
            let noted = self.proposals.get(&(view.tp, node)).copied();
            if pending.is_some_and(|pending| Some(pending.proposed) != noted) {
                found.push(("INV-24", Class::Violation));
            }
        }
    }
}

/// INV-19: "NOT_ENOUGH_REPLICAS, MESSAGE_TOO_LARGE and other surely-not answers imply the value is not
/// in any log by this request": the answering broker wrote nothing for it.
pub(super) fn refusals(view: &View<'_>, news: &[&Note], found: &mut Vec<Found>) {
    for note in news {
        let Event::Replica(ReplicaEvent::ProduceAnswered { tp, error, base_offset, .. }) =
            &note.event
        else {
            continue;
        };
        let is_sure = matches!(
            error,
            ErrorCode::NotEnoughReplicas
                | ErrorCode::MessageTooLarge
                | ErrorCode::OutOfOrderSequenceNumber
        );
        if *tp == view.tp && is_sure && base_offset.is_some() {
            found.push(("INV-19", Class::Violation));
        }
    }
}

pub(super) fn rules(view: &View<'_>, found: &mut Vec<Found>) {
    let committed = view.committed;
    // INV-20: "C.isr within C.replicas; ELR off: C.isr is never empty".
    let is_replica = |node| committed.replicas.contains(&node);
    if !committed.isr.iter().all(is_replica) || committed.isr.is_empty() {
        found.push(("INV-20", Class::Violation));
    }
    // INV-21: "no fenced or shutting-down broker in C.isr, except (ELR off) a single member with
    // leader -1".
    let image = &view.scene.history.image;
    let is_last = committed.isr.len() == 1 && committed.leader.is_none();
    if let Some(member) = committed.isr.iter().find(|member| !image.is_active(*member))
        && !is_last
    {
        // Kafka elects whom an older heartbeat unfences, though it is marked as stopping.
        let is_unfenced = image.brokers.get(&member).is_some_and(|it| !it.is_fenced);
        let leads_alone = committed.leader == Some(member) && committed.isr.len() == 1;
        let is_limit = is_unfenced && leads_alone;
        let class = if is_limit { Class::DesignLimit } else { Class::Violation };
        found.push(("INV-21", class));
    }
    // INV-25: "at most one fetcher holds tp on b; none if b leads tp; exactly one (or a failed or
    // delayed mark) if b follows a leader that is not -1".
    for node in view.replicas() {
        let (Some(replica), Some(broker)) = (view.live(node), view.scene.look.broker(node)) else {
            continue;
        };
        // One that is stopping has stopped copying.
        if broker.state() > LifecycleState::Running {
            continue;
        }
        let (holding, leads) = (view.fetchers(node), replica.leadership().is_some());
        let follows = matches!(replica.role(), Role::Follower(Some(_)));
        if holding > 1 || (leads && holding > 0) || (follows && holding == 0) {
            found.push(("INV-25", Class::Violation));
        }
    }
    // INV-27: "with idempotent producers each (pid, epoch, seq) appears at most once in each log".
    if !view.replicas().filter_map(|node| view.log(node)).all(has_each_sequence_once) {
        found.push(("INV-27", Class::Violation));
    }
}

fn has_each_sequence_once(log: &LogFile) -> bool {
    let mut seen: BTreeSet<(ProducerId, ProducerEpoch, i32)> = BTreeSet::new();
    let stamps = log.batches_from(Offset::ZERO).filter_map(|batch| batch.body.producer);
    stamps.into_iter().all(|stamp| seen.insert((stamp.id, stamp.epoch, stamp.base_sequence)))
}
