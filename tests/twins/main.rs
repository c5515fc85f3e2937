//! Naive twins: the ledger's fates, every condition and promise, and every invariant, written a
//! second time from their definitions alone, plainly and slowly, and compared with the product over
//! seeds of chaos.
//!
//! A twin calls nothing of the ledger, the checks or the story. It reads what the recorder wrote down
//! and what the world is like, and judges everything all over again at every comparison. Where the
//! two differ, one of them does not say what the definition says.
//!
//! `KAFKALAB_SEEDS` says how many seeds; the documented number is 2,000.

#[path = "../chaos/mod.rs"]
mod chaos_seeds;
mod compare;
mod conditions;
mod counts;
mod fates;
mod history;
mod invariants;
mod label;
mod plans;
mod promises;
mod readers;

use chaos_seeds::{each_seed, seeds};
use compare::{Both, Difference, Moments};
use kafkalab_core::chance::Draws;
use kafkalab_core::time::Instant;
use kafkalab_sim::host::{Host, run};
use kafkalab_sim::lab::Lab;
use kafkalab_sim::scenario::Plan;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// How many seeds, if nobody says.
const SEEDS: u64 = 80;

/// Of so many seeds everything is told.
const TOLD: usize = 3;

/// Runs `plan` beside its twins for every seed. What they say differently is counted by its kind and
/// told for the first seeds.
fn judge(count: u64, moments: impl Fn(u64, &Arc<Plan>) -> Moments + Sync) {
    let found: Mutex<BTreeMap<u64, Vec<Difference>>> = Mutex::default();
    each_seed(count, |seed| {
        let plan = plans::plan(seed);
        let differences = Both::new(&plan).run(&moments(seed, &plan));
        if !differences.is_empty() {
            found.lock().expect("nobody panics with it").insert(seed, differences);
        }
    });
    let found = found.into_inner().expect("nobody panics with it");
    let mut kinds: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (seed, differences) in &found {
        for difference in differences {
            kinds.entry(&difference.kind).or_default().push(*seed);
        }
    }
    let tell = |(seed, all): (&u64, &Vec<Difference>)| {
        let lines: Vec<String> = all.iter().map(ToString::to_string).collect();
        format!("seed {seed}: {}", lines.join("\n"))
    };
    let first: Vec<String> = found.iter().take(TOLD).map(tell).collect();
    assert!(
        found.is_empty(),
        "{} of {count} seeds differ: {kinds:?}\n{}",
        found.len(),
        first.join("\n")
    );
}

#[test]
fn twins_agree_at_the_end_and_at_twenty_moments() {
    judge(seeds(SEEDS), |seed, plan| {
        let all = run(Lab::new(Arc::clone(plan)), Host::Plain).world().inputs().0;
        let mut dice = Draws::new(seed, "twins: moments", 0);
        Moments::After((0..20).map(|_| dice.below(Instant::ZERO, all) + 1).collect())
    });
}

#[test]
fn twins_agree_after_every_input() {
    judge(seeds(SEEDS) / 40, |_, _| Moments::Always);
}
