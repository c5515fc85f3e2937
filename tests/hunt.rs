//! The hunt: in four shapes of chaos, Kafka as it is breaks no invariant that nothing explains.
//!
//! `cargo test` takes a fixed small sample. The long hunt, one line a shape:
//!
//! ```text
//! KAFKALAB_SEEDS=75000 cargo test --release -p kafkalab-tests --test hunt -- --nocapture
//! ```
//! `KAFKALAB_SHAPE=wild` takes one shape, `KAFKALAB_FIRST=75000` begins there, `KAFKALAB_THREADS=1`
//! leaves the other core to others; `KAFKALAB_SEEDS=1` prints the scenario, too. Every violation is printed with its shape and seed, panics and
//! moments at which time stood still too; of what Kafka's design allows, the first seed of each
//! invariant.

mod chaos;

use kafkalab_sim::chaos::{Chaos, plan};
use kafkalab_sim::check::Class;
use kafkalab_sim::host::{Host, run};
use kafkalab_sim::lab::{End, Lab};
use kafkalab_sim::scenario::plan::Plan;
use kafkalab_sim::scenario::to_toml;
use kafkalab_sim::verdict::Verdict;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// What a shape came to.
#[derive(Default)]
struct Bag {
    /// Seed and sentence of everything that must not be.
    wrong: Vec<(u64, String)>,
    /// By invariant: how many seeds showed a limit of Kafka's design, and the first of them.
    limits: BTreeMap<&'static str, (u64, u64)>,
    /// Seeds in which a setting or an accident allowed something.
    allowed: u64,
}

fn hunt_one(seed: u64, shape: &Chaos, bag: &Mutex<Bag>) {
    let lab = run(Lab::new(Arc::new(plan(seed, shape))), Host::Plain);
    let verdict = Verdict::on(&lab);
    let mut bag = bag.lock().expect("no hunter panics with the bag in hand");
    if let (Some(End::Finding(_)), Some(reason)) = (lab.end(), &verdict.reason) {
        bag.wrong.push((seed, format!("BUG {reason}")));
    }
    let mut limits: Vec<&'static str> = Vec::new();
    for one in &verdict.broken {
        match one.class {
            Class::Violation => {
                bag.wrong.push((seed, format!("{} {}: {}", one.property, one.class, one.text)));
            }
            Class::DesignLimit => limits.push(one.property),
            Class::Expected => {}
        }
    }
    bag.allowed += u64::from(verdict.broken.iter().any(|one| one.class == Class::Expected));
    limits.sort_unstable();
    limits.dedup();
    for property in limits {
        let (count, first) = bag.limits.entry(property).or_insert((0, seed));
        (*count, *first) = (*count + 1, seed.min(*first));
    }
}

#[expect(clippy::print_stderr, reason = "the lines are what a reader of this test wants to see")]
fn tell(name: &str, seeds: u64, began: Instant, bag: &Bag) {
    let secs = began.elapsed().as_secs_f64();
    let limits = bag.limits.iter().map(|(property, (count, first))| {
        format!("; {property} by design in {count}, first {first}")
    });
    eprintln!(
        "{name:<8} {seeds:>6} seeds {secs:>7.1} s  {} wrong, {} with allowed losses{}",
        bag.wrong.len(),
        bag.allowed,
        limits.collect::<String>()
    );
    for (seed, what) in &bag.wrong {
        eprintln!("  {name} {seed}: {what}");
    }
}

#[expect(clippy::print_stdout, reason = "to be saved as a file and made smaller")]
fn tell_file(plan: &Plan) {
    println!("{}", to_toml(plan, "hunt", "A run of chaos"));
}

#[test]
fn kafka_as_it_is_breaks_nothing_in_any_shape() {
    let count = chaos::seeds(60);
    let only = std::env::var("KAFKALAB_SHAPE").ok();
    let mut wrong = 0;
    for (name, shape) in Chaos::shapes() {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        if count == 1 {
            tell_file(&plan(chaos::number("KAFKALAB_FIRST", 0), &shape));
        }
        let (began, bag) = (Instant::now(), Mutex::new(Bag::default()));
        chaos::each_seed(count, |seed| hunt_one(seed, &shape, &bag));
        let mut bag = bag.into_inner().expect("no hunter panicked");
        bag.wrong.sort_unstable();
        tell(name, count, began, &bag);
        wrong += bag.wrong.len();
    }
    assert_eq!(wrong, 0, "each is a fault of the engine or of the checker: see the lines above");
}
