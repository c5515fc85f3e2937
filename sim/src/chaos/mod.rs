//! Chaos: from a seed to a random scenario, as a proper plan that can be printed and saved.
//!
//! A run of chaos has two phases. In the *trouble* anything may fail, at least half of it at a
//! moment that a condition chooses (`when hw(t-0) >= 7: kill leader(t-0)`): such moments, not those
//! of a clock, are where protocols break. Then, three times in a row, everything is repaired, and
//! the cluster must come to rest. Safety is judged all the time, liveness at the end.
//!
//! Each part of a plan is drawn by itself, by its purpose and place: a change of how producers are
//! drawn leaves the faults as they were. Nothing here aims at a known bug; what finds them is that
//! triggers stand around elections, in-sync sets and watermarks, and that any kind of message can
//! be held back.
//!
//! ## What it does not reach
//! Four protections may be off without a run of chaos that shows it; for the first two a scenario
//! does (`scenarios/regressions/`).
//! - `isr.broker_epoch_check`: a broker must come back without its data, be registered and unfenced,
//!   and copy nothing, all while the proposal that names its former life is under way; and that
//!   proposal must have left before the former life died.
//! - `fetch.replica_epoch_fencing`: a replica must apply one election and not the next one, while the
//!   leader of the one still runs and the leader of the next has counted it. A preferred election
//!   would be the easier way (`elect` is no action yet).
//! - `hw.strict_min_isr` and `epoch.record_on_election` need a rarer order of events than some
//!   thousand seeds have shown.

mod dice;
mod faults;
mod trigger;
mod world;

use crate::scenario::plan::{Ends, Plan};
use kafkalab_core::config::Variations;
use kafkalab_core::time::Duration;

/// Which settings of topics a run of chaos has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topics {
    /// Drawn for each topic: an eighth of them allows unclean elections.
    Drawn,
    /// All allow unclean elections and ask for one in-sync replica: whatever is lost, is lost by
    /// permission, and every excuse of the invariants is put to the test.
    Unclean,
}

/// What kind of chaos.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chaos {
    /// Which protections are on.
    pub variations: Variations,
    /// What the topics allow.
    pub topics: Topics,
    /// The fewest and the most faults.
    pub faults: (u64, u64),
    /// For how long things may fail, from t = 0.
    pub trouble: Duration,
    /// How long a run may take in all.
    pub limit: Duration,
}

impl Default for Chaos {
    fn default() -> Self {
        Self {
            variations: Variations::default(),
            topics: Topics::Drawn,
            faults: (3, 12),
            trouble: Duration::from_secs(8),
            limit: Duration::from_secs(45),
        }
    }
}

impl Chaos {
    /// Trouble that lasts: what a leader holds back is old when it arrives.
    pub fn long() -> Self {
        let (trouble, limit) = (Duration::from_secs(18), Duration::from_secs(55));
        Self { faults: (8, 20), trouble, limit, ..Self::default() }
    }

    /// So many faults that hardly anything comes to its end before the next one.
    pub fn wild() -> Self {
        let (trouble, limit) = (Duration::from_secs(12), Duration::from_secs(50));
        Self { faults: (20, 60), trouble, limit, ..Self::default() }
    }

    /// Unclean elections everywhere.
    pub fn unclean() -> Self {
        Self { topics: Topics::Unclean, ..Self::default() }
    }

    /// The shapes in which violations are hunted, with their names.
    pub fn shapes() -> [(&'static str, Self); 4] {
        [
            ("default", Self::default()),
            ("long", Self::long()),
            ("wild", Self::wild()),
            ("unclean", Self::unclean()),
        ]
    }

    /// Everything is repaired at these moments; a late trigger may break something in between.
    pub fn repairs(&self) -> [Duration; 3] {
        [0, 4, 10].map(|after| self.trouble + Duration::from_secs(after))
    }
}

/// The scenario of `seed`.
pub fn plan(seed: u64, shape: &Chaos) -> Plan {
    let mut plan = world::plan(seed, shape);
    plan.injects = faults::draw(seed, shape, &plan);
    plan.ends = Ends::Quiet;
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::plan::Trigger;
    use crate::scenario::{LoadOptions, load, parse_inject, to_toml};

    const SEEDS: u64 = 300;

    #[test]
    fn unclean_topics_change_nothing_else() {
        for seed in 0..50 {
            let (drawn, mut unclean) =
                (plan(seed, &Chaos::default()), plan(seed, &Chaos::unclean()));
            for (topic, drawn) in unclean.topics.iter_mut().zip(&drawn.topics) {
                assert!(topic.config.unclean_leader_election_enable);
                assert_eq!(topic.config.min_insync_replicas, 1);
                topic.config = drawn.config.clone();
            }
            assert_eq!(drawn, unclean);
        }
    }

    #[test]
    fn a_seed_has_one_scenario() {
        for seed in 0..20 {
            assert_eq!(plan(seed, &Chaos::default()), plan(seed, &Chaos::default()));
        }
        assert_ne!(plan(1, &Chaos::default()), plan(2, &Chaos::default()));
    }

    #[test]
    fn every_scenario_can_be_written_as_a_file_and_as_sentences() {
        for seed in 0..SEEDS {
            let plan = plan(seed, &Chaos::default());
            let text = to_toml(&plan, "chaos", "A run of chaos");
            let loaded = load("chaos", text.as_bytes(), &LoadOptions::default());
            let loaded = loaded.unwrap_or_else(|why| panic!("seed {seed}: {why:#?}\n{text}"));
            assert_eq!(loaded.warnings, [], "seed {seed}");
            let again = &loaded.scenario.variants[0].plan;
            assert_eq!((&again.topics, &again.clients), (&plan.topics, &plan.clients));
            assert_eq!((&again.cluster, &again.net), (&plan.cluster, &plan.net));
            assert_eq!((&again.injects, again.limit), (&plan.injects, plan.limit));
            for inject in &plan.injects {
                let read = parse_inject(&inject.text, &plan.names);
                assert_eq!(read.as_ref(), Ok(inject), "seed {seed}");
            }
        }
    }

    #[test]
    fn half_of_the_faults_wait_for_a_moment_of_the_protocol() {
        let shape = Chaos::default();
        for seed in 0..SEEDS {
            let plan = plan(seed, &shape);
            let triggered = |t: &Trigger| matches!(t, Trigger::When(_));
            let count = plan.injects.iter().filter(|one| triggered(&one.trigger)).count();
            assert!(count >= 2, "seed {seed}: {count} are triggered");
            let last = plan.injects.last().expect("repairs come last");
            assert_eq!(last.trigger, Trigger::At(shape.repairs()[2]));
        }
    }
}
