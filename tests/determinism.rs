//! A seed has one run: on both hosts, in every process, build profile and thread, from a clone, and
//! up to the moment at which something is changed.
//!
//! `KAFKALAB_SEEDS` says how many seeds the larger tests take; CI takes a thousand in release.

#[path = "chaos/mod.rs"]
mod chaos_seeds;

use chaos_seeds::each_seed;
use kafkalab_core::chance::{Draws, mix};
use kafkalab_core::id::InputNo;
use kafkalab_core::time::{Duration, Instant};
use kafkalab_sim::chaos::{self, Chaos};
use kafkalab_sim::cluster::internal;
use kafkalab_sim::host::{Host, Stage, run};
use kafkalab_sim::lab::Lab;
use kafkalab_sim::recording::Entry;
use kafkalab_sim::scenario::plan::{InjectPlan, Plan, Trigger};
use kafkalab_sim::scenario::{LoadOptions, load, to_toml};
use kafkalab_sim::world::{Counters, TraceHash};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many seeds, if nobody says: `cargo test` shall stay a matter of a few minutes.
const SEEDS: u64 = 150;

fn seeds() -> u64 {
    chaos_seeds::seeds(SEEDS)
}

fn plan(seed: u64) -> Arc<Plan> {
    Arc::new(chaos::plan(seed, &Chaos::default()))
}

fn run_on(host: Host, plan: &Arc<Plan>) -> Lab {
    run(Lab::new(Arc::clone(plan)), host)
}

/// What two equal runs have in common.
fn outcome(lab: &Lab) -> (TraceHash, Counters, String) {
    (lab.world().trace(), *lab.world().counters(), format!("{:?}", lab.end()))
}

#[test]
fn both_hosts_give_the_same_run() {
    each_seed(seeds(), |seed| {
        let plan = plan(seed);
        let [plain, madsim] = [Host::Plain, Host::Madsim].map(|host| run_on(host, &plan));
        assert_eq!(outcome(&plain), outcome(&madsim), "seed {seed}");
        assert_eq!(plain.ledger().totals(), madsim.ledger().totals(), "seed {seed}");
    });
}

/// Through this file two processes, two build profiles and two machines are compared. A change of
/// it changes what every saved seed means, and is explained in the commit that makes it.
#[test]
fn a_seed_means_the_same_everywhere() {
    let line = |seed: u64| {
        let lab = run_on(Host::Plain, &plan(seed));
        let (trace, counters, _) = outcome(&lab);
        let Counters { inputs, messages, .. } = counters;
        format!("seed {seed}: {trace} inputs={inputs} messages={messages}")
    };
    let lines: Vec<String> = (0..40).map(line).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

/// The same for a thousand seeds, in one number, which every process and profile must find.
#[test]
fn a_thousand_seeds_mean_the_same_everywhere() {
    let all = AtomicU64::new(0);
    each_seed(1_000, |seed| {
        let (TraceHash(trace), ..) = outcome(&run_on(Host::Plain, &plan(seed)));
        // A sum does not depend on which seed is done first.
        all.fetch_add(mix(seed, trace), Ordering::Relaxed);
    });
    insta::assert_snapshot!(format!("{:016x}", all.into_inner()));
}

#[test]
fn runs_on_one_thread_do_not_know_of_each_other() {
    let alone: Vec<_> = (0..10).map(|seed| outcome(&run_on(Host::Plain, &plan(seed)))).collect();
    for host in [Host::Madsim, Host::Plain] {
        for (seed, expected) in (0..10_u64).zip(&alone) {
            assert_eq!(outcome(&run_on(host, &plan(seed))), *expected, "seed {seed} on {host:?}");
        }
    }
}

#[test]
fn a_clone_goes_on_as_its_original_would_have() {
    each_seed(seeds() / 5, |seed| {
        let plan = plan(seed);
        let whole = run_on(Host::Plain, &plan);
        let until = Draws::new(seed, "fork", 0).below(Instant::ZERO, whole.world().inputs().0);
        let mut half = Lab::new(plan);
        while half.world().inputs() < InputNo(until) {
            half.take();
        }
        let host = if seed.is_multiple_of(2) { Host::Plain } else { Host::Madsim };
        assert_eq!(outcome(&run(half.clone(), host)), outcome(&whole), "seed {seed}");
        assert_eq!(outcome(&run(half, Host::Plain)), outcome(&whole), "seed {seed}");
    });
}

/// Recorded entries before `at`, each as one line.
fn before(lab: &Lab, at: Instant) -> Vec<String> {
    let entries = lab.recorder().expect("it was recorded").entries();
    let show = |entry: &Entry| format!("{entry:?}");
    entries.iter().take_while(|entry| entry.at < at).map(show).collect()
}

/// Forks, comparisons and shrinking rest on this.
#[test]
fn an_added_fault_leaves_every_earlier_event_as_it_was() {
    let differing = AtomicU64::new(0);
    let count = seeds().min(200);
    each_seed(count, |seed| {
        let original = plan(seed);
        let mut dice = Draws::new(seed, "one more", 0);
        let after = Duration::from_micros(dice.below(Instant::ZERO, 8_000_000));
        // A fault of another seed whose cast is never larger than this one's.
        let leader = kafkalab_sim::scenario::parse_action("kill leader(t-0)", &original.names);
        let actions = vec![leader.expect("every plan has this partition")];
        let mut changed = (*original).clone();
        let added = InjectPlan::new(Trigger::At(after), actions, &original.names);
        changed.injects.push(added);
        let run = |plan| run(Lab::new(plan).recorded(), Host::Plain);
        let (one, two) = (run(original), run(Arc::new(changed)));
        let at = internal(after);
        assert!(before(&one, at) == before(&two, at), "seed {seed}: changed at {at:?}");
        differing.fetch_add(u64::from(outcome(&one) != outcome(&two)), Ordering::Relaxed);
    });
    let differing = differing.into_inner();
    assert!(differing * 10 > count * 7, "most additions make a difference: {differing}");
}

/// A failing seed becomes a scenario file that fails the same way.
#[test]
fn the_file_of_a_seed_gives_the_same_run() {
    each_seed(seeds() / 5, |seed| {
        let plan = plan(seed);
        let text = to_toml(&plan, "chaos", "A run of chaos");
        let loaded = load("chaos", text.as_bytes(), &LoadOptions::default());
        let mut loaded = loaded.unwrap_or_else(|why| panic!("seed {seed}: {why:?}"));
        let again = Arc::new(loaded.scenario.variants.remove(0).plan);
        let (one, two) = (run_on(Host::Plain, &plan), run_on(Host::Plain, &again));
        assert_eq!(outcome(&one), outcome(&two), "seed {seed}");
    });
}
