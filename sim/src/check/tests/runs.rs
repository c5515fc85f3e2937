//! Whole clusters under faults drawn from a seed: Kafka as it is today breaks nothing, and with a
//! protection switched off the rule that needs it is seen to fail.

use crate::check::{Class, Violation};
use crate::host::{self, Host};
use crate::lab::Lab;
use crate::scenario::{LoadOptions, load};
use kafkalab_core::chance::mix;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

const FAULTS: [&str; 14] = [
    "kill leader(orders-0)",
    "restart leader(orders-0)",
    "restart b1",
    "restart b2",
    "power b1",
    "power b3",
    "power leader(orders-1)",
    "pause b2 for 12s",
    "cut b1 <-> {b2, b3}",
    "cut k1 <-> leader(orders-0)",
    "hold Fetch response b1 -> {b2, b3}",
    "hold AlterPartition response k1 -> b1",
    "heal",
    "start {b1, b2, b3}",
];

/// A story of faults: one about every second, and everything healed at the end.
fn scenario(seed: u64, topic: &str, cluster: &str) -> String {
    let mut text = format!(
        "format = 1\nid = \"run\"\ntitle = {{ en = \"Run\" }}\nseed = {seed}\nlimit = \"60s\"\n\
         [cluster]\nbrokers = 3\n{cluster}\n\
         [topic.orders]\npartitions = 2\nreplicas = 3\n{topic}\n\
         [producer.p1]\ntopic = \"orders\"\nrecords = 1500\nevery = \"10ms\"\n\
         [consumer.c1]\nassign = [\"orders\"]\n"
    );
    for step in 0..12 {
        let draw = mix(mix(seed, 77), step);
        let fault = FAULTS[draw as usize % FAULTS.len()];
        let after = 50 + (draw >> 20) % 2_500;
        write!(text, "[[step]]\nafter = \"{after}ms\"\ndo = \"{fault}\"\n").expect("a string");
    }
    text + "[[step]]\nafter = \"2s\"\ndo = [\"heal\", \"start {b1, b2, b3}\"]\n"
}

fn run_lab(text: &str) -> Lab {
    let loaded = load("run.toml", text.as_bytes(), &LoadOptions::default());
    let loaded = loaded.unwrap_or_else(|mistakes| panic!("{mistakes:#?}\n{text}"));
    let plan = Arc::new(loaded.scenario.variants[0].plan.clone());
    host::run(Lab::new(plan), Host::Plain)
}

fn run(text: &str) -> Vec<Violation> {
    run_lab(text).checks().violations().to_vec()
}

/// The names of the rules that nothing excuses, broken in one of `seeds` runs.
fn violated(seeds: std::ops::Range<u64>, cluster: &str) -> BTreeSet<&'static str> {
    let found = seeds.flat_map(|seed| {
        let text = scenario(seed, "\"min.insync.replicas\" = 2", cluster);
        let found = run(&text);
        found.into_iter().filter(|violation| violation.class == Class::Violation)
    });
    found.map(|violation| violation.property).collect()
}

#[test]
fn kafka_as_it_is_breaks_nothing() {
    assert_eq!(violated(0..40, ""), BTreeSet::new());
}

/// With a protection switched off that a story as rough as this one needs, its rule is seen to fail.
#[test]
fn a_protection_that_is_missing_is_seen() {
    let without = |name: &str| violated(0..40, &format!("variations = {{ \"{name}\" = false }}"));
    assert!(without("isr.maximal").contains("INV-13"));
    let found = without("fetch.divergence_check");
    assert!(["INV-6", "INV-9"].iter().all(|name| found.contains(name)), "{found:?}");
}

/// What a fault or the last look of a run shows is heard by a promise that asks for it all the time.
#[test]
fn a_promise_hears_of_what_a_fault_or_the_end_shows() {
    let head = "format = 1\nid = \"run\"\ntitle = { en = \"Run\" }\nlimit = \"4s\"\nends = \"limit\"\n\
                [cluster]\nbrokers = 2\n[topic.t]\nreplicas = 1\n\
                [producer.p1]\ntopic = \"t\"\nrecords = 3\n";
    let wiped = "[[step]]\nat = \"2s\"\ndo = [\"kill b1\", \"wipe b1\"]\n\
                 [[expect]]\nalways = [\"INV-16\"]\n";
    let lab = run_lab(&format!("{head}{wiped}"));
    let judged = lab.story().judge(lab.scene());
    assert!(!judged[0].is_kept && judged[0].at < lab.world().now(), "{judged:#?}");
    let zombie =
        include_str!("../../../../scenarios/regressions/zombie-after-unclean-election.toml");
    let lab = run_lab(&zombie.replace("finally = [", "always = [\"INV-7\"]\nfinally = ["));
    let judged = lab.story().judge(lab.scene());
    let always = judged.iter().find(|one| one.text == "INV-7").expect("it was promised");
    assert!(!always.is_kept, "{always:#?}");
}
