//! INV-6 to INV-9: logs beside each other.

use super::ghosts::entry_at;
use super::{Found, View};
use kafkalab_core::epoch::Offset;
use kafkalab_core::id::NodeId;
use kafkalab_core::log::LogFile;
use kafkalab_sim::check::Class;

pub(super) fn rules(view: &View<'_>, found: &mut Vec<Found>) {
    let nodes: Vec<NodeId> = view.replicas().collect();
    for (n, one) in nodes.iter().enumerate() {
        for other in &nodes[n + 1..] {
            matching(view, *one, *other, found);
            below_both_watermarks(view, *one, *other, found);
        }
    }
    for (node, leader) in view.believers() {
        let watermark = leader.log().high_watermark();
        let own = leader.leadership().expect("it believes so").isr;
        // INV-8: "all r in b's own committed ISR hold the same entries as b below HW_b".
        in_sync_hold(view, "INV-8", node, watermark, own.iter(), found);
        // INV-9: "all r in C.isr hold the same entries as b below HW_b".
        in_sync_hold(view, "INV-9", node, watermark, view.committed.isr.iter(), found);
    }
}

/// The first offset below `end` at which the two do not hold the same; `None` if there is none.
fn first_difference(one: &LogFile, other: &LogFile, end: Offset) -> Option<Offset> {
    if let (Some(left), Some(right)) = (one.chain_at(end), other.chain_at(end))
        && left == right
    {
        return None;
    }
    (0..end.0).map(Offset).find(|offset| entry_at(one, *offset) != entry_at(other, *offset))
}

/// INV-6: "two logs holding an entry with equal (le, offset) hold equal records and equal prefixes up
/// to it".
fn matching(view: &View<'_>, one: NodeId, other: NodeId, found: &mut Vec<Found>) {
    let (Some(left), Some(right)) = (view.log(one), view.log(other)) else { return };
    let end = left.end().min(right.end());
    if first_difference(left, right, end).is_none() {
        return;
    }
    let shared = (0..end.0).rev().map(Offset).find(|offset| {
        let epochs = [left, right].map(|log| entry_at(log, *offset).map(|it| it.leader_epoch));
        epochs[0].is_some() && epochs[0] == epochs[1]
    });
    if let Some(shared) = shared
        && first_difference(left, right, shared.next()).is_some()
    {
        found.push(("INV-6", Class::Violation));
    }
}

/// INV-7: "for b, r: entries below min(HW_b, HW_r) are equal. Allowed to fail only after an unclean
/// election or an excused fault".
fn below_both_watermarks(view: &View<'_>, one: NodeId, other: NodeId, found: &mut Vec<Found>) {
    let (Some(left), Some(right)) = (view.live(one), view.live(other)) else { return };
    let end = left.log().high_watermark().min(right.log().high_watermark());
    let difference = first_difference(left.log().file(), right.log().file(), end);
    if let Some(offset) = difference {
        found.push(("INV-7", class(view, offset)));
    }
}

/// Somebody lacks what stands, or stood, committed at `offset`: what allows it.
pub(super) fn class(view: &View<'_>, offset: Offset) -> Class {
    let of = view.ghosts.of(view.tp);
    let settled = of.settled.iter().filter(|(at, _)| *at == offset).map(|(_, it)| it);
    let all = of.committed.get(&offset).into_iter().chain(settled);
    let classes = all.map(|it| view.ghosts.class(view.tp, offset, &it.safe));
    classes.min().unwrap_or(Class::Violation)
}

/// The same of `member` of an ISR.
pub(super) fn class_of(view: &View<'_>, member: NodeId, offset: Offset) -> Class {
    if view.ghosts.is_unwaited(view.tp, member) {
        return Class::DesignLimit;
    }
    class(view, offset)
}

fn in_sync_hold(
    view: &View<'_>,
    name: &'static str,
    leader: NodeId,
    watermark: Offset,
    members: impl Iterator<Item = NodeId>,
    found: &mut Vec<Found>,
) {
    let Some(log) = view.log(leader) else { return };
    for member in members.filter(|member| *member != leader && view.is_unfaulted(*member)) {
        let Some(other) = view.log(member) else { continue };
        if let Some(offset) = first_difference(log, other, watermark) {
            found.push((name, class_of(view, member, offset)));
        }
    }
}
