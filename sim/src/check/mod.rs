//! The invariants that are always on: INV-1 to INV-18 of the reference, looked at after every input.
//!
//! A checker sees everything and changes nothing: it draws no chance, notes no event, and deleting
//! it leaves every run as it was. It keeps *ghost state* ([`ghost`]): what was committed, by whom,
//! who held it, what was acknowledged and read. Each rule is one small function which says what it
//! forbids and why Kafka keeps it:
//!
//! ```text
//!   shape       INV-1 to 4      one log, one record
//!   agreement   INV-5 to 9      logs among each other
//!   insync      INV-10 11 13 14 who counts as in sync
//!   durability  INV-12 15 16 18 what is committed stays, and only that is acknowledged
//!   reads       INV-17          what consumers saw stays
//!   excuses     G-7 G-8         what allows a loss
//! ```
//!
//! ## Cost
//! Rules are woken by notes and look only at the partition a note names; prefixes of logs are
//! compared by their digests, so a watermark that moves costs a few lookups per replica. An input
//! without notes costs one addition. A full audit every [`AUDIT_EVERY`] inputs and at the end
//! catches what went without a note.
//!
//! ## Simplified
//! The log's start offset does not move yet, so retention and compaction excuse nothing, and there
//! are no eligible leader replicas: the reference's C.elr is empty.

mod agreement;
mod cluster;
mod durability;
mod excuses;
mod ghost;
mod insync;
mod reads;
mod shape;
mod verdicts;

pub use verdicts::{Class, Violation};

use crate::look::{Committed, Look};
use crate::world::{Step, StepKind};
use cluster::{Case, Cluster, Moment};
use ghost::{Ghost, LastRecord};
use kafkalab_core::config::{Acks, Variations};
use kafkalab_core::epoch::{Offset, QuorumEpoch};
use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::event::{ClientEvent, ControllerEvent, Event, ReplicaEvent};
use kafkalab_core::id::{NodeId, NodeKind, TopicPartition};
use kafkalab_core::log::LogFile;
use shape::BrokerMarks;
use verdicts::Verdicts;

/// Inputs from one full audit to the next.
pub const AUDIT_EVERY: u64 = 4_096;

/// Every invariant that is checked, with its meaning.
pub const INVARIANTS: &[(&str, &str)] = &[
    ("INV-1", "offsets grow and epochs never shrink along a log; leader and ISR are replicas"),
    ("INV-2", "log start <= last stable offset <= high watermark <= log end, flushed <= log end"),
    ("INV-3", "the leader epoch cache tells the epoch of every batch"),
    ("INV-4", "epochs and applied metadata never go back"),
    ("INV-5", "at most one broker leads in one leader epoch"),
    ("INV-6", "equal leader epoch and offset mean equal record and equal prefix"),
    ("INV-7", "two replicas agree below the lower of their high watermarks"),
    ("INV-8", "a leader's own in-sync replicas hold what it holds below its high watermark"),
    ("INV-9", "the controller's in-sync replicas hold what any leader holds below its watermark"),
    ("INV-10", "the committed leader is in the committed ISR"),
    ("INV-11", "no in-sync replica's log ends before the leader's high watermark"),
    ("INV-12", "a replica that truncates cuts nothing that is committed"),
    ("INV-13", "a leader counts at least everyone in the committed ISR"),
    ("INV-14", "every live in-sync replica has all that is committed"),
    ("INV-15", "the leader has all that is committed and all that was acknowledged"),
    ("INV-16", "what was acknowledged with acks=all is on some replica's disk"),
    ("INV-17", "what a consumer was given is what the leader has there"),
    ("INV-18", "acks=all is acknowledged only when committed by enough in-sync replicas"),
];

/// All invariants with their ghost state. A plain value: it is cloned with the run it watches.
#[derive(Clone, Debug)]
pub struct Checks {
    variations: Variations,
    inputs: u64,
    /// By topic, then by partition: both are small consecutive numbers.
    ghosts: Vec<Vec<Ghost>>,
    /// By broker number.
    brokers: Vec<BrokerMarks>,
    quorum_epoch: Option<QuorumEpoch>,
    verdicts: Verdicts,
}

impl Checks {
    /// Nothing seen yet. The form of INV-13 depends on which protections are on.
    pub fn new(variations: &Variations) -> Self {
        Self {
            variations: variations.clone(),
            inputs: 0,
            ghosts: Vec::new(),
            brokers: Vec::new(),
            quorum_epoch: None,
            verdicts: Verdicts::default(),
        }
    }

    /// Looks at what an input touched. To be called after every input, once `committed` follows.
    pub fn observe(
        &mut self,
        look: Look<'_>,
        committed: &Committed,
        step: &Step,
        notes: &[Event],
    ) {
        self.inputs += 1;
        if !notes.is_empty() {
            let moment = Moment { at: step.at, input: step.no };
            let case = Case { view: look, image: committed.image(), moment };
            if step.what == StepKind::Boot && step.node.kind() == NodeKind::Broker {
                shape::on_boot(self.marks(step.node));
            }
            self.judge(&case, step.node, notes);
        }
        if self.inputs.is_multiple_of(AUDIT_EVERY) {
            self.audit(look, committed);
        }
    }

    /// Looks at everything, touched or not.
    pub fn audit(&mut self, look: Look<'_>, committed: &Committed) {
        let case = now(look, committed);
        for ghost in self.ghosts.iter_mut().flatten() {
            audit(ghost, &case, &self.variations, &mut self.verdicts);
        }
    }

    /// Enters what the world just did, between two inputs, to machines: what is missing from their
    /// disks (power that failed, a disk replaced) excuses losses later. A kill takes nothing.
    pub fn on_fault(&mut self, look: Look<'_>, committed: &Committed) {
        self.compare_disks(&now(look, committed));
    }

    /// What was found so far, in order; each kind of finding once per class and partition.
    pub fn violations(&self) -> &[Violation] {
        self.verdicts.list()
    }

    /// Whether the invariant of this name was broken, in whatever class.
    pub fn is_violated(&self, property: &str) -> bool {
        self.violations().iter().any(|violation| violation.property == property)
    }

    fn marks(&mut self, node: NodeId) -> &mut BrokerMarks {
        let number = usize::from(node.number());
        if self.brokers.len() <= number {
            self.brokers.resize(number + 1, BrokerMarks::default());
        }
        &mut self.brokers[number]
    }

    /// Enters what is missing from every log since it was last seen.
    fn compare_disks<'a, V: Cluster<'a>>(&mut self, case: &Case<'a, V>) {
        for ghost in self.ghosts.iter_mut().flatten() {
            let mut has_lost = false;
            for seat in &mut ghost.seats {
                let log = case.view.log(ghost.tp, seat.node);
                let after = log.map_or(Offset::ZERO, LogFile::end);
                if after >= seat.end {
                    continue;
                }
                let next_life = case.view.incarnation(seat.node);
                ghost.excuses.on_lost(seat.node, after, seat.end, next_life);
                (seat.end, seat.walked) = (after, seat.walked.min(after));
                seat.tail = log.and_then(LogFile::last_epoch);
                has_lost = true;
            }
            if has_lost {
                durability::acked_is_somewhere(ghost, case, &mut self.verdicts);
            }
        }
    }

    fn judge<'a, V: Cluster<'a>>(&mut self, case: &Case<'a, V>, node: NodeId, notes: &[Event]) {
        for note in notes {
            match note {
                Event::Replica(note) => self.on_replica(case, node, note),
                Event::Controller(note) => self.on_controller(case, node, note),
                Event::Client(ClientEvent::Delivered { tp, offset, id }) => {
                    let ghost = ghost_mut(&mut self.ghosts, *tp);
                    reads::on_delivered(ghost, case, (node, *offset), *id, &mut self.verdicts);
                }
                Event::Client(_) => {}
            }
        }
    }

    fn on_replica<'a, V: Cluster<'a>>(
        &mut self,
        case: &Case<'a, V>,
        node: NodeId,
        note: &ReplicaEvent,
    ) {
        let (ghosts, out) = (&mut self.ghosts, &mut self.verdicts);
        match note {
            ReplicaEvent::Loaded { tp, .. } => {
                let ghost = ghost_mut(ghosts, *tp);
                if let Some(log) = case.view.log(*tp, node) {
                    ghost.remember_tail(node, case.view.incarnation(node), log);
                }
                touched(ghost, case, node, out);
            }
            ReplicaEvent::BecameLeader { tp, leader_epoch, .. } => {
                let ghost = ghost_mut(ghosts, *tp);
                touched(ghost, case, node, out);
                agreement::one_leader_per_epoch(ghost, case, (node, *leader_epoch), out);
                durability::leader_is_complete(ghost, case, out);
                led(ghost, case, node, &self.variations, out);
            }
            ReplicaEvent::BecameFollower { tp, .. } => {
                touched(ghost_mut(ghosts, *tp), case, node, out);
            }
            ReplicaEvent::Appended { tp, base_offset, leader_epoch, as_leader, body } => {
                let ghost = ghost_mut(ghosts, *tp);
                let place = (node, *base_offset, *leader_epoch);
                shape::on_appended(ghost, case, place, body, out);
                if *as_leader {
                    agreement::on_written(ghost, case, place, body, out);
                } else {
                    let end = base_offset.plus(body.span());
                    agreement::on_copied(ghost, case, (node, end, *leader_epoch), out);
                }
                touched(ghost, case, node, out);
            }
            ReplicaEvent::Truncated { tp, from, to, leader_epoch } => {
                let ghost = ghost_mut(ghosts, *tp);
                durability::on_truncated(ghost, case, (node, *from, *to), *leader_epoch, out);
                if let Some(log) = case.view.log(*tp, node) {
                    ghost.remember_tail(node, case.view.incarnation(node), log);
                }
                touched(ghost, case, node, out);
                everyone(ghost, case, &self.variations, out);
                durability::acked_is_somewhere(ghost, case, out);
            }
            ReplicaEvent::HighWatermark { tp, as_leader, .. } => {
                let ghost = ghost_mut(ghosts, *tp);
                touched(ghost, case, node, out);
                if *as_leader {
                    led(ghost, case, node, &self.variations, out);
                } else if let Some(replica) = case.view.replica(*tp, node) {
                    agreement::below_watermark(ghost, case, (node, replica), out);
                }
            }
            ReplicaEvent::IsrProposed { tp, .. }
            | ReplicaEvent::IsrAdopted { tp, .. }
            | ReplicaEvent::IsrRefused { tp, .. } => {
                let ghost = ghost_mut(ghosts, *tp);
                touched(ghost, case, node, out);
                led(ghost, case, node, &self.variations, out);
            }
            ReplicaEvent::ProduceAnswered {
                tp,
                error: ErrorCode::None,
                acks: Acks::All,
                body,
                base_offset: Some(base),
            } => {
                let ghost = ghost_mut(ghosts, *tp);
                durability::on_acknowledged(ghost, case, (node, *base), body, out);
            }
            ReplicaEvent::MetadataPublished { end_offset } => {
                let marks = self.marks(node);
                let mut copy = *marks;
                shape::on_metadata(&mut copy, case, (node, *end_offset), &mut self.verdicts);
                *self.marks(node) = copy;
            }
            ReplicaEvent::Lifecycle { .. }
            | ReplicaEvent::Registered { .. }
            | ReplicaEvent::DuplicateRecognised { .. }
            | ReplicaEvent::FollowerCounted { .. }
            | ReplicaEvent::DivergenceFound { .. }
            | ReplicaEvent::ProduceAnswered { .. } => {}
        }
    }

    fn on_controller<'a, V: Cluster<'a>>(
        &mut self,
        case: &Case<'a, V>,
        node: NodeId,
        note: &ControllerEvent,
    ) {
        match note {
            ControllerEvent::Activated { epoch } => {
                let out = &mut self.verdicts;
                shape::on_activated(&mut self.quorum_epoch, case, (node, *epoch), out);
            }
            ControllerEvent::BrokerRegistered { broker, epoch } => {
                let mut marks = *self.marks(*broker);
                shape::on_registered(&mut marks, case, (*broker, *epoch), &mut self.verdicts);
                *self.marks(*broker) = marks;
            }
            ControllerEvent::PartitionChanged {
                tp,
                leader,
                leader_epoch,
                isr,
                partition_epoch,
                is_unclean,
            } => {
                let ghost = ghost_mut(&mut self.ghosts, *tp);
                let record = LastRecord {
                    leader: *leader,
                    leader_epoch: *leader_epoch,
                    partition_epoch: *partition_epoch,
                    isr: *isr,
                };
                let unclean = leader.filter(|_| *is_unclean);
                recorded(ghost, case, record, unclean, &mut self.verdicts);
                everyone(ghost, case, &self.variations, &mut self.verdicts);
            }
            ControllerEvent::BrokerFenced { .. }
            | ControllerEvent::BrokerUnfenced { .. }
            | ControllerEvent::BrokerShuttingDown { .. }
            | ControllerEvent::TopicCreated { .. } => {}
        }
    }
}

fn now<'a>(look: Look<'a>, committed: &'a Committed) -> Case<'a, Look<'a>> {
    let moment = Moment { at: look.world().now(), input: look.world().inputs() };
    Case { view: look, image: committed.image(), moment }
}

fn ghost_mut(ghosts: &mut Vec<Vec<Ghost>>, tp: TopicPartition) -> &mut Ghost {
    let (topic, partition) = (tp.topic.0 as usize, tp.partition as usize);
    if ghosts.len() <= topic {
        ghosts.resize_with(topic + 1, Vec::new);
    }
    let ghosts = &mut ghosts[topic];
    while ghosts.len() <= partition {
        let partition = ghosts.len() as u32;
        ghosts.push(Ghost::new(TopicPartition { partition, ..tp }));
    }
    &mut ghosts[partition]
}

/// The replica on `node` was touched.
fn touched<'a, V: Cluster<'a>>(
    ghost: &mut Ghost,
    case: &Case<'a, V>,
    node: NodeId,
    out: &mut Verdicts,
) {
    if let Some(replica) = case.view.replica(ghost.tp, node) {
        shape::on_touched(ghost, case, (node, replica), out);
    }
}

/// The watermark or the in-sync set of the leader on `node` was touched.
fn led<'a, V: Cluster<'a>>(
    ghost: &mut Ghost,
    case: &Case<'a, V>,
    node: NodeId,
    variations: &Variations,
    out: &mut Verdicts,
) {
    let Some(replica) = case.view.replica(ghost.tp, node) else { return };
    if replica.leadership().is_none() {
        return;
    }
    let standing = agreement::standing(ghost, case, (node, replica));
    durability::commit(ghost, case, (node, replica), &standing, out);
    agreement::in_sync_replicas_hold(ghost, case, (node, replica), &standing, out);
    insync::watermark_is_covered(ghost, case, (node, replica), &standing, out);
    insync::maximal_contains_committed(ghost, case, (node, replica), variations, out);
    let is_all = ghost.source() == replica.leader_epoch()
        && ghost.committed_end() == standing.watermark;
    let holders = if is_all { standing.holders } else { Default::default() };
    insync::candidates_are_complete(ghost, case, holders, out);
    durability::leader_is_complete(ghost, case, out);
}

/// Something changed that concerns all replicas of a partition.
fn everyone<'a, V: Cluster<'a>>(
    ghost: &mut Ghost,
    case: &Case<'a, V>,
    variations: &Variations,
    out: &mut Verdicts,
) {
    for place in 0..ghost.seats.len() {
        let node = ghost.seats[place].node;
        led(ghost, case, node, variations, out);
    }
    insync::candidates_are_complete(ghost, case, Default::default(), out);
}

/// The controller committed `record`; `unclean` is the leader it elected from outside the ISR.
fn recorded<'a, V: Cluster<'a>>(
    ghost: &mut Ghost,
    case: &Case<'a, V>,
    record: LastRecord,
    unclean: Option<NodeId>,
    out: &mut Verdicts,
) {
    if ghost.seats.is_empty()
        && let Some(known) = case.record(ghost.tp)
    {
        for replica in known.replicas.iter() {
            ghost.seat_mut(*replica, case.view.incarnation(*replica));
        }
    }
    let before = ghost.last_record.map_or_else(Default::default, |last| last.isr);
    for joined in record.isr.minus(before).iter() {
        if let Some(registration) = case.image.brokers.get(&joined) {
            ghost.excuses.on_joined(joined, registration.incarnation);
        }
    }
    if let Some(leader) = unclean {
        excuses::on_unclean_election(ghost, case, leader, record.leader_epoch);
    }
    insync::leader_is_in_sync(ghost, case, record, out);
    shape::on_record(ghost, case, record, out);
}

/// Everything about one partition, touched or not.
fn audit<'a, V: Cluster<'a>>(
    ghost: &mut Ghost,
    case: &Case<'a, V>,
    variations: &Variations,
    out: &mut Verdicts,
) {
    for place in 0..ghost.seats.len() {
        let node = ghost.seats[place].node;
        let Some(replica) = case.view.replica(ghost.tp, node) else { continue };
        shape::on_touched(ghost, case, (node, replica), out);
        shape::walk(ghost, case, (node, replica), out);
        let log = replica.log().file();
        if let Some(epoch) = log.last_epoch() {
            agreement::matches_its_epoch(ghost, case, (node, log, epoch), out);
        }
        agreement::below_watermark(ghost, case, (node, replica), out);
    }
    everyone(ghost, case, variations, out);
    durability::leader_is_complete(ghost, case, out);
    durability::acked_is_somewhere(ghost, case, out);
}
