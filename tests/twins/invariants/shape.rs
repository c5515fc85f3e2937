//! INV-1, INV-2, INV-3, INV-10: the shape of one record, one log, one epoch cache.

use super::{Found, View};
use kafkalab_core::epoch::{LeaderEpoch, Offset};
use kafkalab_core::log::LogFile;
use kafkalab_sim::check::Class;

pub(super) fn rules(view: &View<'_>, found: &mut Vec<Found>) {
    let leader = view.committed.leader;
    // INV-1: "leader in replicas or -1; LEO = last offset + 1; offsets in a log strictly increasing;
    // batch le non-decreasing along the log".
    let is_replica = |node| view.committed.replicas.contains(&node);
    let logs = view.replicas().filter_map(|node| view.log(node));
    if !leader.is_none_or(is_replica)
        || !view.committed.isr.iter().all(is_replica)
        || !logs.into_iter().all(is_in_order)
    {
        found.push(("INV-1", Class::Violation));
    }
    // INV-10: "C.leader = -1 or C.leader in C.isr".
    if !leader.is_none_or(|leader| view.committed.isr.contains(leader)) {
        found.push(("INV-10", Class::Violation));
    }
    for node in view.replicas() {
        let Some(replica) = view.live(node) else { continue };
        // INV-2: "LSTART <= LSO <= HW <= LEO; durableOffset <= LEO".
        let log = replica.log();
        let order = [log.start(), log.last_stable_offset(), log.high_watermark(), log.file().end()];
        if !order.is_sorted() || log.file().flushed() > log.file().end() {
            found.push(("INV-2", Class::Violation));
        }
        // INV-3: "strictly increasing in epoch and offset; every batch's le equals the epoch the
        // cache gives for its offset; last cache epoch <= local le".
        let entries = log.epochs().entries();
        let grows = entries.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 < two[1].1);
        let told = |offset: Offset| {
            let below = entries.iter().filter(|(_, start)| *start <= offset);
            below.map(|(epoch, _)| *epoch).next_back()
        };
        let batches = log.file().batches_from(Offset::ZERO);
        let is_told =
            batches.into_iter().all(|batch| told(batch.base_offset) == Some(batch.leader_epoch));
        let newest = entries.last().map(|(epoch, _)| *epoch);
        let is_ahead = newest > replica.leader_epoch() && replica.leader_epoch().is_some();
        if !grows || !is_told || is_ahead {
            found.push(("INV-3", Class::Violation));
        }
    }
}

fn is_in_order(log: &LogFile) -> bool {
    let (mut end, mut epoch) = (Offset::ZERO, LeaderEpoch::ZERO);
    for batch in log.batches_from(Offset::ZERO) {
        if batch.base_offset < end || batch.leader_epoch < epoch {
            return false;
        }
        (end, epoch) = (batch.end_offset(), batch.leader_epoch);
    }
    end == log.end()
}
