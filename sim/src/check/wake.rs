//! Which note wakes which rule.
//!
//! A note says which partition was touched, and often which replica; the rules then look at the
//! state as it stands after the whole input. The audit wakes every rule for every partition.

use super::cluster::{Case, Cluster};
use super::ghost::{Forgotten, Ghost, LastRecord};
use super::shape::BrokerMarks;
use super::verdicts::Verdicts;
use super::{
    Checks, agreement, durability, excuses, ghost_mut, insync, reads, registry, shape, upkeep,
    writes,
};
use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::config::{Acks, Variations};
use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::event::{ClientEvent, ControllerEvent, Event, ReplicaEvent};
use kafkalab_core::id::NodeId;
use kafkalab_core::replica::Partition;

impl Checks {
    /// Wakes the rules that `notes` of an input of `node` touch.
    pub(super) fn judge<'a, V: Cluster<'a>>(
        &mut self,
        case: &Case<'a, V>,
        node: NodeId,
        notes: &[Event],
    ) {
        // One write of the controller may commit several records, and the image shows what they come
        // to. So they are entered one by one, each with what was true before it; then the state
        // after all of them is judged.
        for note in notes {
            if let Event::Controller(note) = note {
                self.enter_record(case, note);
            }
        }
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
        let (ghosts, variations, out) = (&mut self.ghosts, &self.variations, &mut self.verdicts);
        match note {
            ReplicaEvent::Loaded { tp, .. }
            | ReplicaEvent::Appended { tp, .. }
            | ReplicaEvent::Truncated { tp, .. } => {
                let ghost = ghost_mut(ghosts, *tp);
                on_log(ghost, case, node, note, variations, out);
                touched(ghost, case, node, out);
            }
            ReplicaEvent::BecameLeader { tp, leader_epoch, .. } => {
                let ghost = ghost_mut(ghosts, *tp);
                touched(ghost, case, node, out);
                agreement::one_leader_per_epoch(ghost, case, (node, *leader_epoch), out);
                durability::leader_is_complete(ghost, case, out);
                led(ghost, case, node, variations, out);
                copies(ghost, case, node, out);
            }
            ReplicaEvent::BecameFollower { tp, .. } => {
                let ghost = ghost_mut(ghosts, *tp);
                touched(ghost, case, node, out);
                copies(ghost, case, node, out);
            }
            ReplicaEvent::HighWatermark { tp, as_leader: false, .. } => {
                let ghost = ghost_mut(ghosts, *tp);
                touched(ghost, case, node, out);
                if let Some(replica) = case.view.replica(*tp, node) {
                    agreement::below_watermark(ghost, case, (node, replica), out);
                }
            }
            ReplicaEvent::HighWatermark { tp, as_leader: true, .. }
            | ReplicaEvent::IsrProposed { tp, .. }
            | ReplicaEvent::IsrAdopted { tp, .. }
            | ReplicaEvent::IsrRefused { tp, .. } => {
                let ghost = ghost_mut(ghosts, *tp);
                if let ReplicaEvent::IsrRefused { error, .. } = note {
                    upkeep::on_refused(ghost, case, (node, *error));
                }
                touched(ghost, case, node, out);
                led(ghost, case, node, variations, out);
            }
            ReplicaEvent::IsrForgotten { tp, partition_epoch, proposed } => {
                let (partition_epoch, proposed) = (*partition_epoch, *proposed);
                let forgotten = Forgotten { leader: node, partition_epoch, proposed };
                let ghost = ghost_mut(ghosts, *tp);
                ghost.forgotten = Some(forgotten);
                let leadership = case.view.replica(*tp, node).and_then(Partition::leadership);
                let counted = leadership.map_or(BrokerSet::EMPTY, |leadership| leadership.isr);
                ghost.unwaited = ghost.unwaited.union(proposed.minus(counted));
            }
            ReplicaEvent::ProduceAnswered { tp, error, acks, body, base_offset } => {
                let ghost = ghost_mut(ghosts, *tp);
                if let (ErrorCode::None, Acks::All, Some(base)) = (error, acks, base_offset) {
                    durability::on_acknowledged(ghost, case, (node, *base), body, out);
                }
                writes::on_refused(ghost, case, (node, *error), *base_offset, out);
            }
            ReplicaEvent::MetadataPublished { end_offset } => {
                let marks = shape::marks_mut(&mut self.brokers, node);
                shape::on_metadata(marks, case, (node, *end_offset), out);
                upkeep::images_are_equal(&mut self.images, case, node, out);
            }
            ReplicaEvent::Registered { epoch } => {
                let marks = shape::marks_mut(&mut self.brokers, node);
                registry::on_told(marks, case, (node, *epoch), out);
            }
            ReplicaEvent::Lifecycle { .. }
            | ReplicaEvent::DuplicateRecognised { .. }
            | ReplicaEvent::FollowerCounted { .. }
            | ReplicaEvent::DivergenceFound { .. } => {}
        }
    }

    /// Enters what the controller recorded, before anything is judged by it.
    fn enter_record<'a, V: Cluster<'a>>(&mut self, case: &Case<'a, V>, note: &ControllerEvent) {
        match note {
            ControllerEvent::PartitionChanged {
                tp,
                leader,
                leader_epoch,
                isr,
                partition_epoch,
                is_unclean,
            } => {
                let record = LastRecord {
                    leader: *leader,
                    leader_epoch: *leader_epoch,
                    partition_epoch: *partition_epoch,
                    isr: *isr,
                };
                let unclean = leader.filter(|_| *is_unclean);
                let ghost = ghost_mut(&mut self.ghosts, *tp);
                joined(ghost, record, unclean, &mut self.brokers);
                recorded(ghost, case, record, unclean, &mut self.verdicts);
            }
            ControllerEvent::BrokerRegistered { broker, epoch } => {
                let marks = shape::marks_mut(&mut self.brokers, *broker);
                registry::on_registered(marks, case, (*broker, *epoch), &mut self.verdicts);
                shape::on_registered(marks, case, (*broker, *epoch), &mut self.verdicts);
            }
            ControllerEvent::Activated { .. }
            | ControllerEvent::BrokerFenced { .. }
            | ControllerEvent::BrokerUnfenced { .. }
            | ControllerEvent::BrokerShuttingDown { .. }
            | ControllerEvent::TopicCreated { .. } => {}
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
            ControllerEvent::PartitionChanged { tp, .. } => {
                let ghost = ghost_mut(&mut self.ghosts, *tp);
                everyone(ghost, case, &self.variations, &mut self.verdicts);
                if let Some(record) = case.record(*tp) {
                    registry::members_are_active(case, *tp, record, &mut self.verdicts);
                }
            }
            ControllerEvent::BrokerRegistered { broker, .. }
            | ControllerEvent::BrokerFenced { broker }
            | ControllerEvent::BrokerShuttingDown { broker } => {
                registry::is_active_where_in_sync(case, *broker, &mut self.verdicts);
            }
            ControllerEvent::BrokerUnfenced { .. } | ControllerEvent::TopicCreated { .. } => {}
        }
    }
}

/// The log on `node` was loaded, written or cut.
fn on_log<'a, V: Cluster<'a>>(
    ghost: &mut Ghost,
    case: &Case<'a, V>,
    node: NodeId,
    note: &ReplicaEvent,
    variations: &Variations,
    out: &mut Verdicts,
) {
    if let ReplicaEvent::Appended { base_offset, leader_epoch, as_leader, body, .. } = note {
        let place = (node, *base_offset, *leader_epoch);
        shape::on_appended(ghost, case, place, body, out);
        if *as_leader {
            agreement::on_written(ghost, case, place, body, out);
        } else {
            let end = base_offset.plus(body.span());
            agreement::on_copied(ghost, case, (node, end, *leader_epoch), out);
        }
        return;
    }
    if let ReplicaEvent::Truncated { from, to, leader_epoch, .. } = note {
        durability::on_truncated(ghost, case, (node, *from, *to), *leader_epoch, out);
    }
    if let Some(log) = case.view.log(ghost.tp, node) {
        ghost.remember_tail(node, case.view.incarnation(node), log);
    }
    if let ReplicaEvent::Truncated { .. } = note {
        everyone(ghost, case, variations, out);
        durability::acked_is_somewhere(ghost, case, out);
    }
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

/// The replica on `node` has another role or epoch.
fn copies<'a, V: Cluster<'a>>(ghost: &Ghost, case: &Case<'a, V>, node: NodeId, out: &mut Verdicts) {
    if let Some(replica) = case.view.replica(ghost.tp, node) {
        upkeep::copies_from_its_leader(ghost, case, (node, replica), out);
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
    writes::watermark_never_goes_back(ghost, case, (node, replica), out);
    upkeep::proposal_is_under_way(ghost, case, (node, replica), out);
    let standing = agreement::standing(ghost, case, (node, replica));
    durability::commit(ghost, case, (node, replica), &standing, out);
    agreement::in_sync_replicas_hold(ghost, case, (node, replica), &standing, out);
    insync::watermark_is_covered(ghost, case, (node, replica), &standing, out);
    insync::maximal_contains_committed(ghost, case, (node, replica), variations, out);
    let is_all =
        ghost.source() == replica.leader_epoch() && ghost.committed_end() == standing.watermark;
    let holders = if is_all { standing.holders } else { BrokerSet::EMPTY };
    insync::candidates_are_complete(ghost, case, holders, out);
    durability::leader_is_complete(ghost, case, out);
    insync::are_waited_for(ghost, (node, replica), &standing);
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
    insync::candidates_are_complete(ghost, case, BrokerSet::EMPTY, out);
}

/// Who is new in the ISR of `record`: a leader saw it level, in the life that was registered then.
/// `unclean` was elected from outside the ISR, which nobody saw level.
fn joined(
    ghost: &mut Ghost,
    record: LastRecord,
    unclean: Option<NodeId>,
    brokers: &mut Vec<BrokerMarks>,
) {
    let before = ghost.last_record.map_or(BrokerSet::EMPTY, |last| last.isr);
    for node in record.isr.minus(before).iter().filter(|node| Some(*node) != unclean) {
        let life = shape::marks_mut(brokers, node).registered_life;
        ghost.excuses.on_joined(node, life, record.leader_epoch);
    }
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
    if let Some(leader) = unclean {
        excuses::on_unclean_election(ghost, case, leader, record.leader_epoch);
    }
    registry::isr_has_its_shape(ghost, case, record, out);
    insync::leader_is_in_sync(ghost, case, record, out);
    shape::on_record(ghost, case, record, out);
}

/// Everything about one partition, touched or not.
pub(super) fn audit<'a, V: Cluster<'a>>(
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
        upkeep::copies_from_its_leader(ghost, case, (node, replica), out);
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
