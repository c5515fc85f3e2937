//! INV-12, INV-15 to INV-18: what is committed or acknowledged stays.

use super::ghosts::entry_at;
use super::logs::{class, class_of};
use super::{Found, View};
use crate::history::Note;
use kafkalab_core::config::Acks;
use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::event::{Event, ReplicaEvent};
use kafkalab_sim::check::Class;

/// INV-12: "when a replica truncates to T following leader b of le e: T >= TrueHW unless an unclean
/// election produced an epoch <= e after the commit, or excused": what it cuts and had is meant, for a
/// replica may well have something else there.
pub(super) fn truncations(view: &View<'_>, news: &[&Note], found: &mut Vec<Found>) {
    for note in news {
        let Event::Replica(ReplicaEvent::Truncated { tp, to, leader_epoch, .. }) = &note.event
        else {
            continue;
        };
        if *tp != view.tp {
            continue;
        }
        let of = view.ghosts.of(view.tp);
        let Some(before) = of.before.get(&note.node) else { continue };
        let settled = of.settled.iter().map(|(offset, committed)| (offset, committed));
        for (offset, committed) in of.committed.iter().chain(settled) {
            if offset < to || entry_at(before, *offset) != Some(committed.entry) {
                continue;
            }
            let is_unclean = of
                .unclean
                .iter()
                .any(|one| one.leader_epoch <= *leader_epoch && one.at >= committed.safe.since);
            let class = if is_unclean {
                Class::Expected
            } else {
                view.ghosts.class(view.tp, *offset, &committed.safe)
            };
            found.push(("INV-12", class));
        }
    }
}

/// INV-18: "an acks=all success for offset o implies at that moment HW_b > o on the answering b and
/// |maxISR| >= minISR, and o in committed".
pub(super) fn answers(view: &View<'_>, news: &[&Note], found: &mut Vec<Found>) {
    for note in news {
        let Event::Replica(ReplicaEvent::ProduceAnswered {
            tp,
            error: ErrorCode::None,
            acks: Acks::All,
            body,
            base_offset: Some(base),
        }) = &note.event
        else {
            continue;
        };
        if *tp != view.tp {
            continue;
        }
        let Some(replica) = view.live(note.node) else { continue };
        let variations = &view.plan.cluster.variations;
        let enough = replica
            .leadership()
            .is_none_or(|leadership| leadership.maximal_isr(variations).len() >= view.min_isr());
        for record in &body.records {
            let offset = base.plus(u64::from(record.offset_delta));
            let committed = view.ghosts.of(view.tp).committed.get(&offset);
            let is_safe = replica.log().high_watermark() > offset
                && committed.is_some_and(|it| it.entry.id == record.id);
            if !enough || !is_safe {
                found.push(("INV-18", Class::Violation));
            } else if let (Some((_, leader)), Some(committed)) = (view.leader(), committed)
                && entry_at(leader.log().file(), offset) != Some(committed.entry)
            {
                // A zombie committed it, and the leader of now does not have it.
                found.push(("INV-18", class(view, offset)));
            }
        }
    }
}

pub(super) fn rules(view: &View<'_>, found: &mut Vec<Found>) {
    let of = view.ghosts.of(view.tp);
    if let Some((node, leader)) = view.leader() {
        let log = leader.log().file();
        // INV-15: "the live leader with le = C.le holds every committed entry, and every acked
        // (acks=all) value".
        for (offset, committed) in &of.committed {
            if entry_at(log, *offset) != Some(committed.entry) {
                found.push(("INV-15", class_of(view, node, *offset)));
            }
        }
        for acked in &of.acked {
            if entry_at(log, acked.offset) != Some(acked.entry) {
                found.push(("INV-15", view.ghosts.class(view.tp, acked.offset, &acked.safe)));
            }
        }
        // INV-17: "for every consumed (offset, record), the live leader with le = C.le has the same
        // record at that offset".
        for consumed in &of.consumed {
            let held = entry_at(log, consumed.offset).and_then(|entry| entry.id);
            if held != Some(consumed.id) {
                let class = view.ghosts.class(view.tp, consumed.offset, &consumed.safe);
                found.push(("INV-17", class));
            }
        }
    }
    // INV-16: "every acked (acks=all) entry exists on at least one live or restartable replica disk".
    for acked in &of.acked {
        let has = |node| {
            let log = view.log(node);
            log.and_then(|log| entry_at(log, acked.offset)) == Some(acked.entry)
        };
        if !view.replicas().any(has) {
            found.push(("INV-16", view.ghosts.class(view.tp, acked.offset, &acked.safe)));
        }
    }
}
