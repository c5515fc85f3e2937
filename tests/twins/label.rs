//! The observed label and the leg that decided it: H-41 as section 5 of the semantics amends it.

use crate::fates::{Fate, Scene, fates};
use crate::readers::{Led, delivered_to, distinct, effects_of, readers, that_lead, unread_by};
use kafkalab_core::config::Acks;
use kafkalab_core::id::{NodeId, RecordId};
use kafkalab_sim::scenario::plan::{ClientKind, Plan};
use std::collections::BTreeSet;

/// A label and a leg, each by its word; `None` where none is claimed, or nothing went wrong.
pub(crate) type Observed = (Option<&'static str>, Option<&'static str>);

/// "It follows H-41 of the reference, over the records that were told success."
pub(crate) fn label(scene: Scene<'_>, plan: &Plan) -> Observed {
    let readers = readers(plan);
    // "It is null where nobody reads".
    if readers.is_empty() {
        return (None, None);
    }
    let logs = scene.logs();
    let (led, fates) = (that_lead(&logs), fates(scene, &logs));
    // "… and while a client is dead that was not started again".
    let dead = dead(scene, plan);
    let has_sent = |node: &NodeId| fates.iter().any(|(id, _)| id.producer == *node);
    if dead.iter().any(has_sent) {
        return (None, Some("producer"));
    }
    // "… while a record is unread that no committed offset has passed": nobody commits offsets yet.
    let is_unread = readers.iter().any(|(reader, covered)| {
        !unread_by(&led, covered, &delivered_to(scene, *reader)).is_empty()
    });
    if !dead.is_empty() || is_unread {
        return (None, Some("consumer"));
    }
    // Whether a record that is not decided is lost, nobody can say.
    if fates.iter().any(|(_, fate)| fate.not_decided) {
        return (None, Some("broker"));
    }
    let acked: Vec<(RecordId, Fate)> = fates.iter().copied().filter(|one| one.1.acked).collect();
    let copies = |id: RecordId| led.values().flatten().filter(|one| **one == id).count();
    let (loses, repeated) = (leg_that_loses(scene, plan, &led, &acked), repeated(scene, plan));
    let repeats =
        acked.iter().find(|(id, _)| repeated.contains(id)).map(|(id, _)| match copies(*id) {
            0 | 1 => "consumer",
            _ => "producer",
        });
    match (loses, repeats) {
        (Some(leg), None) => (Some("at-most-once"), Some(leg)),
        (Some(leg), Some(_)) => (Some("none"), Some(leg)),
        (None, Some(leg)) => (Some("at-least-once"), Some(leg)),
        // "Exactly-once is not claimed (null, leg producer) when a record whose client was told
        // failure is in a log that leads."
        (None, None) if fates.iter().any(|(id, fate)| fate.gave_up && copies(*id) > 0) => {
            (None, Some("producer"))
        }
        (None, None) => (Some("exactly-once"), None),
    }
}

/// Who ran and does so no more, or whose application ended by itself.
fn dead(scene: Scene<'_>, plan: &Plan) -> Vec<NodeId> {
    let is_up = |node: &NodeId| scene.look.world().is_up(*node);
    let (lived, failed) = (&scene.history.lived, &scene.history.failed);
    let clients = plan.clients.iter().map(|client| client.node);
    clients.filter(|it| failed.contains(it) || (lived.contains(it) && !is_up(it))).collect()
}

/// L and M of H-41: an acked record is lost (the brokers broke their word if it was acks=all, else the
/// producer asked for too little), or it is in a log that leads and a reader never did its effect.
fn leg_that_loses(
    scene: Scene<'_>,
    plan: &Plan,
    led: &Led,
    acked: &[(RecordId, Fate)],
) -> Option<&'static str> {
    if let Some((lost, _)) = acked.iter().find(|(_, fate)| fate.lost) {
        let client = plan.clients.iter().find(|client| client.node == lost.producer)?;
        let ClientKind::Producer(producer) = &client.kind else { return None };
        return Some(if producer.config.acks == Acks::All { "broker" } else { "producer" });
    }
    let is_undone = readers(plan).into_iter().any(|(reader, covered)| {
        let done = distinct(effects_of(scene, reader));
        let undone = unread_by(led, &covered, &done);
        undone.iter().any(|id| acked.iter().any(|(acked, _)| acked == id))
    });
    is_undone.then_some("consumer")
}

/// D of H-41: the records whose effect one reader did more than once.
fn repeated(scene: Scene<'_>, plan: &Plan) -> BTreeSet<RecordId> {
    let mut repeated = BTreeSet::new();
    for (reader, _) in readers(plan) {
        let mut seen = BTreeSet::new();
        repeated.extend(effects_of(scene, reader).into_iter().filter(|id| !seen.insert(*id)));
    }
    repeated
}
