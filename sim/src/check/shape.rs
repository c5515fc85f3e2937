//! The shape of one replica and of one record: INV-1 to INV-4.
//!
//! Woken by every note that touches a log, a role or a record; a full walk along new batches is part
//! of the audit.

use super::cluster::{Case, Cluster};
use super::ghost::{Ghost, LastRecord};
use super::verdicts::{Class, Finding, Verdicts};
use super::writes;
use kafkalab_core::epoch::{BrokerEpoch, LeaderEpoch, Offset, QuorumEpoch};
use kafkalab_core::id::{Incarnation, NodeId};
use kafkalab_core::log::{LeaderEpochCache, PartitionLog};
use kafkalab_core::record::BatchBody;
use kafkalab_core::replica::Partition;

/// What one broker must not take back (INV-4).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BrokerMarks {
    /// Within one life: how far it has applied the metadata.
    metadata_end: Offset,
    /// Across lives: the epoch it was registered with.
    pub(super) epoch: Option<BrokerEpoch>,
    /// The life that was registered last; `None` if that is not known.
    pub(super) registered_life: Option<Incarnation>,
}

/// The marks of `node`.
pub(super) fn marks_mut(brokers: &mut Vec<BrokerMarks>, node: NodeId) -> &mut BrokerMarks {
    let number = usize::from(node.number());
    if brokers.len() <= number {
        brokers.resize(number + 1, BrokerMarks::default());
    }
    &mut brokers[number]
}

/// A replica was touched: its order, its epochs and the end of its cache.
pub(super) fn on_touched<'a, V: Cluster<'a>>(
    ghost: &mut Ghost,
    case: &Case<'a, V>,
    (node, replica): (NodeId, &Partition),
    out: &mut Verdicts,
) {
    in_order(ghost, case, (node, replica.log()), out);
    cache_ends_right(ghost, case, (node, replica), out);
    never_goes_back(ghost, case, (node, replica), out);
}

/// INV-2: log start ≤ last stable offset ≤ high watermark ≤ log end, and flushed ≤ log end.
///
/// A watermark beyond the end would let a reader be told that records exist which do not (L-6).
fn in_order<'a, V: Cluster<'a>>(
    ghost: &Ghost,
    case: &Case<'a, V>,
    (node, log): (NodeId, &PartitionLog),
    out: &mut Verdicts,
) {
    let marks = [log.start(), log.last_stable_offset(), log.high_watermark(), log.end()];
    let flushed = log.file().flushed();
    if !marks.is_sorted() || flushed > log.end() {
        out.report(case.moment, Finding::violation("INV-2", node, ghost.tp), || {
            let [start, stable, watermark, end] = marks;
            format!(
                "{node} has log start {start}, last stable offset {stable}, high watermark \
                 {watermark}, log end {end}, flushed {flushed}: out of order"
            )
        });
    }
}

/// INV-3 where it changes, at the end: the last entries grow in epoch and offset, the last batch has
/// the epoch the cache gives it, and no epoch is ahead of the replica's own.
///
/// Truncation asks the cache where an epoch ends (KIP-101); a wrong cache cuts too much or too little.
fn cache_ends_right<'a, V: Cluster<'a>>(
    ghost: &Ghost,
    case: &Case<'a, V>,
    (node, replica): (NodeId, &Partition),
    out: &mut Verdicts,
) {
    let (log, entries) = (replica.log(), replica.log().epochs().entries());
    let tail = &entries[entries.len().saturating_sub(2)..];
    let grows = tail.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1);
    let is_within = tail.last().is_none_or(|(epoch, start)| {
        *start <= log.end() && replica.leader_epoch().is_none_or(|own| *epoch <= own)
    });
    // An entry at the very end belongs to a leader that has not written yet (L-13).
    let of_last_batch = tail.iter().rfind(|(_, start)| *start < log.end());
    let gives_epoch = of_last_batch.map(|(epoch, _)| *epoch) == log.file().last_epoch();
    if !(grows && is_within && gives_epoch) {
        out.report(case.moment, Finding::violation("INV-3", node, ghost.tp), || {
            format!(
                "{node}'s epoch cache ends with {tail:?}, its log at {} with epoch {:?}, and it \
                 acts in epoch {:?}",
                log.end(),
                log.file().last_epoch(),
                replica.leader_epoch()
            )
        });
    }
}

/// INV-4 of a replica: within one life its leader epoch and partition epoch never decrease.
///
/// An older record applied after a newer one would bring a former leader back to life.
fn never_goes_back<'a, V: Cluster<'a>>(
    ghost: &mut Ghost,
    case: &Case<'a, V>,
    (node, replica): (NodeId, &Partition),
    out: &mut Verdicts,
) {
    let tp = ghost.tp;
    let seat = ghost.seat_mut(node, case.view.incarnation(node));
    let before = (seat.leader_epoch, seat.partition_epoch);
    let after = (replica.leader_epoch(), replica.partition_epoch());
    (seat.leader_epoch, seat.partition_epoch) = after;
    if after.0 < before.0 || after.1 < before.1 {
        out.report(case.moment, Finding::violation("INV-4", node, tp), || {
            format!(
                "{node} went back from leader epoch and partition epoch {before:?} to {after:?}"
            )
        });
    }
}

/// INV-1 of an append: it goes where the log ends, in an epoch that is not older than the last one.
pub(super) fn on_appended<'a, V: Cluster<'a>>(
    ghost: &mut Ghost,
    case: &Case<'a, V>,
    (node, base, epoch): (NodeId, Offset, LeaderEpoch),
    body: &BatchBody,
    out: &mut Verdicts,
) {
    let tp = ghost.tp;
    let seat = ghost.seat_mut(node, case.view.incarnation(node));
    let (end, tail) = (seat.end, seat.tail);
    (seat.end, seat.tail) = (base.plus(body.span()), Some(epoch));
    if base < end || Some(epoch) < tail {
        out.report(case.moment, Finding::violation("INV-1", node, tp), || {
            format!(
                "{node} appended at offset {base} in epoch {epoch} to a log that ended at {end} in \
                 epoch {tail:?}"
            )
        });
    }
}

/// INV-1, INV-3 and INV-27 along all batches that were not walked yet: offsets grow, epochs never
/// shrink, each batch has the epoch that the cache gives for its offset, and none is there twice.
pub(super) fn walk<'a, V: Cluster<'a>>(
    ghost: &mut Ghost,
    case: &Case<'a, V>,
    (node, replica): (NodeId, &Partition),
    out: &mut Verdicts,
) {
    let (tp, log) = (ghost.tp, replica.log());
    let seat = ghost.seat_mut(node, case.view.incarnation(node));
    let from = seat.walked.min(log.end());
    seat.walked = log.end();
    let mut end = from;
    let mut epoch = LeaderEpoch::ZERO;
    for batch in log.file().batches_from(from) {
        if batch.base_offset < end || batch.leader_epoch < epoch {
            out.report(case.moment, Finding::violation("INV-1", node, tp), || {
                let (base, own) = (batch.base_offset, batch.leader_epoch);
                format!("{node} has a batch of epoch {own} at {base} after one of {epoch} to {end}")
            });
        }
        (end, epoch) = (batch.end_offset(), batch.leader_epoch);
        if let Err(before) = writes::sequence_grows(seat, batch) {
            out.report(case.moment, Finding::violation("INV-27", node, tp), || {
                let (base, stamp) = (batch.base_offset, batch.body.producer);
                format!("{node} has a batch with {stamp:?} at {base} after sequence {before}")
            });
        }
        if epoch_at(log.epochs(), batch.base_offset) != Some(batch.leader_epoch) {
            out.report(case.moment, Finding::violation("INV-3", node, tp), || {
                let base = batch.base_offset;
                let cached = epoch_at(log.epochs(), base);
                format!("{node} has a batch of epoch {epoch} at {base}, its cache says {cached:?}")
            });
        }
    }
    if !log.epochs().entries().is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1) {
        out.report(case.moment, Finding::violation("INV-3", node, tp), || {
            let entries = log.epochs().entries();
            format!("{node}'s epoch cache does not grow in epoch and offset: {entries:?}")
        });
    }
}

fn epoch_at(cache: &LeaderEpochCache, offset: Offset) -> Option<LeaderEpoch> {
    let above = cache.entries().partition_point(|(_, start)| *start <= offset);
    above.checked_sub(1).map(|place| cache.entries()[place].0)
}

/// INV-1 and INV-4 of the committed record: the leader is a replica, the partition epoch grows with every change, the leader epoch by one with every election.
///
/// Both epochs fence late requests; a repeated value would let one through.
pub(super) fn on_record<'a, V: Cluster<'a>>(
    ghost: &mut Ghost,
    case: &Case<'a, V>,
    after: LastRecord,
    out: &mut Verdicts,
) {
    let tp = ghost.tp;
    let finding = |property| {
        let node = after.leader;
        Finding { node, ..Finding::violation(property, NodeId::broker(1), tp) }
    };
    if let Some(record) = case.record(tp)
        && !after.leader.iter().all(|broker| record.replicas.contains(broker))
    {
        out.report(case.moment, finding("INV-1"), || {
            format!("leader {:?} is no replica", after.leader)
        });
    }
    if let Some(before) = ghost.last_record {
        let changes = after.partition_epoch.0.checked_sub(before.partition_epoch.0);
        let elections = after.leader_epoch.0.checked_sub(before.leader_epoch.0);
        let is_new_leader = after.leader != before.leader;
        let holds = changes.is_some_and(|n| n > 0)
            && elections.is_some_and(|n| Some(n) <= changes && (n > 0 || !is_new_leader));
        if !holds {
            out.report(case.moment, finding("INV-4"), || {
                format!("the committed record went from {before:?} to {after:?}")
            });
        }
    }
    ghost.last_record = Some(after);
}

/// INV-4 of a broker's metadata: within one life what it has applied never shrinks.
pub(super) fn on_metadata<'a, V: Cluster<'a>>(
    marks: &mut BrokerMarks,
    case: &Case<'a, V>,
    (node, end): (NodeId, Offset),
    out: &mut Verdicts,
) {
    let before = std::mem::replace(&mut marks.metadata_end, end);
    if end < before {
        out.report(case.moment, Finding::of_broker("INV-4", Class::Violation, node), || {
            format!("{node} went back from metadata offset {before} to {end}")
        });
    }
}

/// A broker begins a new life: what counts within one life starts over.
pub(super) const fn on_boot(marks: &mut BrokerMarks) {
    marks.metadata_end = Offset::ZERO;
}

/// INV-4 of registrations: the epochs given to one broker grow from life to life (KIP-380).
pub(super) fn on_registered<'a, V: Cluster<'a>>(
    marks: &mut BrokerMarks,
    case: &Case<'a, V>,
    (node, epoch): (NodeId, BrokerEpoch),
    out: &mut Verdicts,
) {
    let before = marks.epoch.replace(epoch);
    // Of two registrations in one input the image shows the later life only.
    let registration = case.image.brokers.get(&node).filter(|known| known.epoch == epoch);
    marks.registered_life = registration.map(|known| known.incarnation);
    if before.is_some_and(|before| epoch < before) {
        out.report(case.moment, Finding::of_broker("INV-4", Class::Violation, node), || {
            format!("{node} was registered with epoch {epoch} after {before:?}")
        });
    }
}

/// INV-4 of the quorum: a controller becomes active in an epoch that no other was active in.
pub(super) fn on_activated<'a, V: Cluster<'a>>(
    last: &mut Option<QuorumEpoch>,
    case: &Case<'a, V>,
    (node, epoch): (NodeId, QuorumEpoch),
    out: &mut Verdicts,
) {
    let before = last.replace(epoch);
    if before.is_some_and(|before| epoch <= before) {
        out.report(case.moment, Finding::of_broker("INV-4", Class::Violation, node), || {
            format!("{node} became active in quorum epoch {epoch} after {before:?}")
        });
    }
}
