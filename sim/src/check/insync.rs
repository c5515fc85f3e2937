//! Who counts as in sync, and that counting them is enough: INV-10, INV-11, INV-13, INV-14.
//!
//! A leader waits for its *maximal* ISR: the committed one and whatever it proposed and was not
//! answered (KIP-497). The controller may have committed the proposal already and elect any of
//! them, so each must have all that is committed.

use super::agreement::Standing;
use super::cluster::{Case, Cluster};
use super::excuses;
use super::ghost::{Ghost, LastRecord};
use super::verdicts::{Finding, Verdicts};
use crate::check::Class;
use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::config::Variations;
use kafkalab_core::id::NodeId;
use kafkalab_core::replica::{Partition, PendingIsr};

/// INV-10: the leader is in sync with itself.
pub(super) fn leader_is_in_sync<'a, V: Cluster<'a>>(
    ghost: &Ghost,
    case: &Case<'a, V>,
    record: LastRecord,
    out: &mut Verdicts,
) {
    if let Some(leader) = record.leader
        && !record.isr.contains(leader)
    {
        out.report(case.moment, Finding::violation("INV-10", leader, ghost.tp), || {
            format!("{leader} leads and is not in the committed ISR {}", record.isr)
        });
    }
}

/// INV-11: the high watermark of the committed leader is not beyond the log end of any live,
/// unfaulted member of the committed ISR, nor of its own maximal one.
///
/// A member that is behind the watermark could be elected and would lose what was acknowledged.
pub(super) fn watermark_is_covered<'a, V: Cluster<'a>>(
    ghost: &Ghost,
    case: &Case<'a, V>,
    (leader, replica): (NodeId, &Partition),
    standing: &Standing,
    out: &mut Verdicts,
) {
    let (Some(leadership), Some(record)) = (replica.leadership(), case.record(ghost.tp)) else {
        return;
    };
    if record.leader != Some(leader) || replica.leader_epoch() != Some(record.leader_epoch) {
        return;
    }
    // The protocol's own maximal set may be switched off; what it should be is known here.
    let counted = PendingIsr::maximal(leadership.pending, leadership.isr).union(record.isr);
    let behind = counted.minus(standing.reaching).minus(ghost.excuses.faulted());
    let behind: BrokerSet = behind.iter().filter(|b| standing.live.contains(*b)).collect();
    if !behind.is_empty() {
        let class = ghost.class_of_missing(behind);
        let finding = Finding { class, ..Finding::violation("INV-11", leader, ghost.tp) };
        out.report(case.moment, finding, || {
            format!(
                "{leader}'s high watermark is {}, and the logs of {behind} end before it; the \
                 committed ISR is {}",
                standing.watermark, record.isr
            )
        });
    }
}

/// INV-13: the maximal ISR by which the committed leader counts contains the committed ISR; as long
/// as its own ISR is large enough for the watermark to move, and always if the watermark moves
/// below min.insync.replicas too (`hw.strict_min_isr` off).
///
/// Kafka itself leaves a hole here, which is its design's limit and no bug of ours: a metadata record
/// that repeats what the leader knows from an AlterPartition answer ends one of its newer proposals
/// (`Partition.makeLeader` accepts an equal partition epoch and resets the state). The watermark waits
/// for caught-up replicas that may join all the same (KAFKA-15021), but a replica may join as soon as it
/// reaches the watermark, long before it has caught up (`isFollowerInSync`): past such a one the watermark
/// may move while the controller takes it in.
pub(super) fn maximal_contains_committed<'a, V: Cluster<'a>>(
    ghost: &Ghost,
    case: &Case<'a, V>,
    (leader, replica): (NodeId, &Partition),
    variations: &Variations,
    out: &mut Verdicts,
) {
    let (Some(leadership), Some(record)) = (replica.leadership(), case.record(ghost.tp)) else {
        return;
    };
    if record.leader != Some(leader) || replica.leader_epoch() != Some(record.leader_epoch) {
        return;
    }
    let maximal = leadership.maximal_isr(variations);
    if record.isr.is_subset_of(maximal) {
        return;
    }
    let min_isr = case.image.min_insync_replicas(ghost.tp);
    if leadership.isr.len() < min_isr && variations.strict_min_isr {
        return;
    }
    let forgotten = ghost.forgotten.filter(|forgotten| {
        forgotten.leader == leader
            && replica.partition_epoch() == Some(forgotten.partition_epoch)
            && record.isr.is_subset_of(maximal.union(forgotten.proposed))
    });
    let class = if forgotten.is_some() { Class::DesignLimit } else { Class::Violation };
    let finding = Finding { class, ..Finding::violation("INV-13", leader, ghost.tp) };
    out.report(case.moment, finding, || {
        let why = if forgotten.is_some() {
            ": a record that repeated the partition epoch ended its proposal"
        } else {
            ""
        };
        format!(
            "{leader} counts {maximal} for its high watermark, and the committed ISR is {}{why}",
            record.isr
        )
    });
}

/// Whom a leader counts and who holds what it holds is waited for again, after a proposal that was
/// forgotten ([`Ghost::unwaited`]).
pub(super) fn are_waited_for(
    ghost: &mut Ghost,
    (leader, replica): (NodeId, &Partition),
    standing: &Standing,
) {
    let is_current = ghost.last_record.is_some_and(|record| record.leader == Some(leader));
    if let Some(leadership) = replica.leadership().filter(|_| is_current) {
        ghost.unwaited = ghost.unwaited.minus(leadership.isr.intersection(standing.holders));
    }
}

/// INV-14: every live, unfaulted member of the committed ISR has all that is committed, so that any
/// of them may be elected.
///
/// Its place in the ISR speaks of the life that was registered: a broker that restarted is taken out
/// when it registers again, and before that it is no candidate.
pub(super) fn candidates_are_complete<'a, V: Cluster<'a>>(
    ghost: &Ghost,
    case: &Case<'a, V>,
    known_holders: BrokerSet,
    out: &mut Verdicts,
) {
    let Some(record) = case.record(ghost.tp) else { return };
    let faulted = ghost.excuses.faulted_for(ghost.source());
    let doubtful = record.isr.minus(known_holders).minus(faulted);
    if doubtful.is_empty() || excuses::is_unclean_election_open(ghost) {
        return;
    }
    let end = ghost.committed_end();
    for node in doubtful.iter() {
        let Some(replica) = case.view.replica(ghost.tp, node) else { continue };
        let log = replica.log().file();
        if !ghost.holds(Some(log), end) && case.is_registered_life(node) {
            let class = ghost.class_of_missing(BrokerSet::of(node));
            let finding = Finding { class, ..Finding::violation("INV-14", node, ghost.tp) };
            out.report(case.moment, finding, || {
                format!(
                    "{node} is in the committed ISR {} and could be elected, and its log (to {}) \
                     lacks entries committed below {end}",
                    record.isr,
                    log.end()
                )
            });
        }
    }
}
