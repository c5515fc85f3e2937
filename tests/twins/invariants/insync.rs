//! INV-11, INV-13, INV-14: who counts as in sync.

use super::ghosts::entry_at;
use super::logs::class_of;
use super::{Found, View};
use kafkalab_sim::check::Class;

pub(super) fn rules(view: &View<'_>, found: &mut Vec<Found>) {
    if let Some((node, leader)) = view.leader() {
        let leadership = leader.leadership().expect("it leads");
        let variations = &view.plan.cluster.variations;
        let proposed = leadership.pending.map(|pending| pending.proposed);
        let maximal = proposed.map_or(leadership.isr, |set| leadership.isr.union(set));
        // INV-11: "HW_b <= min LEO over C.isr members that are live and unfaulted. With pending
        // changes also over maxISR."
        let watermark = leader.log().high_watermark();
        for member in view.committed.isr.union(maximal).iter() {
            let Some(replica) = view.live(member) else { continue };
            if view.is_unfaulted(member) && replica.log().end() < watermark {
                found.push(("INV-11", class_of(view, member, replica.log().end())));
            }
        }
        // INV-13: "|local ISR| >= minISR implies maxISR contains C.isr"; with hw.strict_min_isr off
        // always.
        let is_bound = leadership.isr.len() >= view.min_isr() || !variations.strict_min_isr;
        if is_bound && !view.committed.isr.is_subset_of(leadership.maximal_isr(variations)) {
            let class = if view.ghosts.has_forgotten(view.tp, node) {
                Class::DesignLimit
            } else {
                Class::Violation
            };
            found.push(("INV-13", class));
        }
    }
    // INV-14: "every live unfaulted r in C.isr has LEO >= TrueHW and agrees with committed below it".
    // Whom an unclean election put there is excused: 12, 15 and 17 are what that may break.
    let committed = &view.ghosts.of(view.tp).committed;
    for member in view.committed.isr.iter() {
        let Some(replica) = view.live(member).filter(|_| view.is_unfaulted(member)) else {
            continue;
        };
        let log = replica.log().file();
        for (offset, it) in committed {
            if entry_at(log, *offset) != Some(it.entry)
                && !view.ghosts.is_given_up(view.tp, *offset, &it.safe)
            {
                found.push(("INV-14", class_of(view, member, *offset)));
            }
        }
    }
}
