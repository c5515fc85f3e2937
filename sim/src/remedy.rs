//! What would have kept the records that were lost: found by trying, never by assertion.
//!
//! The same plan, the same seed and the same faults are run again with stronger settings, one after
//! another from the mildest on; the first with which none of the records is lost is the answer.
//! Draws are keyed, so nothing else changes before the settings make a difference (semantics 2).

use crate::host::Host;
use crate::ledger::{Fate, Outcome, Row};
use crate::run::{How, run};
use crate::scenario::plan::{ClientKind, Plan};
use kafkalab_core::config::Acks;
use kafkalab_core::id::RecordId;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// One setting that protects records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `acks=all` on every producer.
    AcksAll,
    /// `min.insync.replicas` of every topic.
    MinInsyncReplicas(u16),
    /// No unclean elections.
    NoUnclean,
    /// More replicas of every topic.
    Replicas(u16),
}

/// What the stronger settings do for the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// All of them are kept.
    Kept,
    /// None is lost, and of some the producer is told that they failed.
    Told,
}

/// Settings that would have helped.
#[derive(Clone, Debug, PartialEq)]
pub struct Remedy {
    /// The settings, few as they can be.
    pub settings: Vec<Setting>,
    /// What they do.
    pub effect: Effect,
    /// The plan with them.
    pub plan: Arc<Plan>,
}

/// Looks for settings with which none of `lost` is lost. `None` if none of those tried helps.
pub fn find(
    plan: &Arc<Plan>,
    lost: &[RecordId],
    host: Host,
    stop: &Arc<AtomicBool>,
) -> Option<Remedy> {
    let mut second_best = None;
    for settings in candidates() {
        let Some(stronger) = with(plan, &settings) else { continue };
        let stronger = Arc::new(stronger);
        let how = How { host, is_recorded: false };
        let lab = run(&stronger, how, stop).ok()?;
        if !lab.has_come_to_its_end() {
            continue;
        }
        let rows = || lost.iter().map(|id| lab.ledger().row(*id));
        let is_lost = |row: &Row| row.fate() == Fate::Lost;
        if rows().any(|row| row.is_none_or(is_lost)) {
            continue;
        }
        let is_kept = rows().flatten().all(|row| matches!(row.outcome, Outcome::Acked { .. }));
        let effect = if is_kept { Effect::Kept } else { Effect::Told };
        let remedy = Remedy { settings, effect, plan: stronger };
        if is_kept {
            return Some(remedy);
        }
        second_best.get_or_insert(remedy);
    }
    second_best
}

/// What is tried, mildest first.
fn candidates() -> Vec<Vec<Setting>> {
    use Setting::{AcksAll, MinInsyncReplicas, NoUnclean, Replicas};
    vec![
        vec![AcksAll],
        vec![NoUnclean],
        vec![MinInsyncReplicas(2)],
        vec![AcksAll, MinInsyncReplicas(2)],
        vec![AcksAll, NoUnclean],
        vec![AcksAll, MinInsyncReplicas(2), NoUnclean],
        vec![Replicas(3), AcksAll, MinInsyncReplicas(2)],
        vec![Replicas(3), AcksAll, MinInsyncReplicas(2), NoUnclean],
    ]
}

/// The plan with `settings`; `None` if one of them changes nothing there.
fn with(plan: &Plan, settings: &[Setting]) -> Option<Plan> {
    let mut stronger = plan.clone();
    for setting in settings {
        let before = stronger.clone();
        for topic in &mut stronger.topics {
            let config = &mut topic.config;
            match setting {
                Setting::AcksAll => {}
                Setting::MinInsyncReplicas(n) => {
                    config.min_insync_replicas = config.min_insync_replicas.max(*n);
                }
                Setting::NoUnclean => config.unclean_leader_election_enable = false,
                Setting::Replicas(n) => topic.replicas = topic.replicas.max(*n),
            }
        }
        for client in &mut stronger.clients {
            if let (Setting::AcksAll, ClientKind::Producer(producer)) = (setting, &mut client.kind)
            {
                producer.config.acks = Acks::All;
            }
        }
        if stronger == before {
            return None;
        }
    }
    let is_possible = stronger.topics.iter().all(|topic| {
        topic.replicas <= stronger.cluster.brokers
            && topic.config.min_insync_replicas <= topic.replicas
    });
    is_possible.then_some(stronger)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::default_host;
    use crate::scenario::{LoadOptions, builtin, load};

    #[test]
    fn acks_all_would_have_kept_what_one_broker_had_alone() {
        let lesson = builtin::find("02").expect("embedded");
        let loaded = load("02", lesson.text.as_bytes(), &LoadOptions::default());
        let variants = loaded.expect("a good lesson").scenario.variants;
        let plan = Arc::new(variants[1].plan.clone());
        let producer = plan.clients[0].node;
        let lost = [3, 4].map(|n| RecordId { producer, n });
        let remedy = find(&plan, &lost, default_host(), &Arc::default()).expect("there is one");
        assert_eq!((remedy.settings, remedy.effect), (vec![Setting::AcksAll], Effect::Kept));
        assert_eq!(remedy.plan.clients, variants[2].plan.clients);
    }
}
