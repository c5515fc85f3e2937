//! Names, not numbers, decide what is drawn: whatever else a file declares, what remains of it draws
//! the same values at the same moments. Shrinking a failing scenario depends on it.
//!
//! Seen from outside, a draw is how long a message took. Two runs are compared wherever both send the
//! same kind of message between nodes of the same names, as the same one of its moment.

use kafkalab_core::event::{ClientEvent, Event};
use kafkalab_core::id::NodeId;
use kafkalab_core::time::{Duration, Span};
use kafkalab_sim::host::{self, Host};
use kafkalab_sim::lab::Lab;
use kafkalab_sim::recording::Happening;
use kafkalab_sim::scenario::plan::Plan;
use kafkalab_sim::scenario::{LoadOptions, load};
use std::collections::BTreeMap;
use std::sync::Arc;

const SEEDS: u64 = 200;

/// The scenario without the parts that are named.
fn plan(seed: u64, without: &[&str]) -> Plan {
    let has = |part: &str| !without.contains(&part);
    let producer = |name: &str, topic: &str| {
        format!("[producer.{name}]\ntopic = \"{topic}\"\nrecords = 30\nevery = \"20ms\"\n")
    };
    let brokers = if has("b4") { 4 } else { 3 };
    let partitions = if has("orders-1") { 2 } else { 1 };
    let audit = if has("audit") { "[topic.audit]\npartitions = 2\nreplicas = 2\n" } else { "" };
    let p0 = match (has("p0"), has("audit")) {
        (false, _) => String::new(),
        (true, true) => producer("p0", "audit"),
        (true, false) => producer("p0", "orders"),
    };
    let text = format!(
        "format = 1\nid = \"chance\"\ntitle = \"chance\"\nlimit = \"1s\"\nends = \"limit\"\n\
         [cluster]\nbrokers = {brokers}\n{audit}\
         [topic.orders]\npartitions = {partitions}\nreplicas = 3\n{p0}{}\
         [consumer.c1]\nassign = [\"orders-0\"]\n",
        producer("p1", "orders")
    );
    let options = LoadOptions { seed: Some(seed), ..LoadOptions::default() };
    let loaded = load("chance.toml", text.as_bytes(), &options);
    let scenario = loaded.unwrap_or_else(|mistakes| panic!("{text}\n{mistakes:#?}")).scenario;
    scenario.variants[0].plan.clone()
}

/// What is told of a message: from, to, what, when, the how manieth.
type Label = (String, String, String, u64, u32);

/// How long each message took that had nothing to wait for on its way.
fn draws(plan: &Plan) -> BTreeMap<Label, u64> {
    let lab = host::run(Lab::new(Arc::new(plan.clone())).recorded(), Host::Plain);
    let name = |node: NodeId| match node {
        node if node == kafkalab_sim::cluster::admin(plan) => "the admin client".to_owned(),
        node => plan.node_name(node),
    };
    let (mut ordinals, mut under_way) = (BTreeMap::new(), BTreeMap::new());
    let mut open: BTreeMap<_, u32> = BTreeMap::new();
    let mut draws = BTreeMap::new();
    for entry in lab.recorder().expect("it was recorded").entries() {
        let now = entry.at.as_micros();
        match &entry.what {
            Happening::Sent(sent) => {
                let letter = sent.letter;
                let what = format!("{:?} {:?}", letter.api, letter.direction);
                let kind = (name(letter.from), name(letter.to), what, now);
                let ordinal = ordinals.entry(kind.clone()).or_insert(0);
                let lane = open.entry((letter.conn, letter.direction as u8)).or_default();
                let (from, to, what, now) = kind;
                let label = (*lane == 0).then_some((from, to, what, now, *ordinal));
                *ordinal += 1;
                *lane += 1;
                let key = (letter.conn, letter.correlation, letter.direction as u8);
                under_way.insert(key, (label, now));
            }
            Happening::Delivered(letter) => {
                let lane = open.get_mut(&(letter.conn, letter.direction as u8));
                *lane.expect("it was sent") -= 1;
                let key = (letter.conn, letter.correlation, letter.direction as u8);
                let (label, sent) = under_way.remove(&key).expect("it was sent");
                draws.extend(label.map(|label| (label, now - sent)));
            }
            _ => {}
        }
    }
    draws
}

#[test]
fn the_same_name_purpose_moment_and_ordinal_draw_the_same_whatever_else_there_is() {
    let cases: [&[&str]; 5] =
        [&["p0"], &["orders-1"], &["b4"], &["audit", "p0"], &["p0", "audit", "orders-1", "b4"]];
    let mut compared = [0; 5];
    for seed in 0..SEEDS {
        let whole = draws(&plan(seed, &[]));
        for (without, compared) in cases.iter().zip(&mut compared) {
            for (label, took) in draws(&plan(seed, without)) {
                if let Some(other) = whole.get(&label) {
                    assert_eq!(took, *other, "seed {seed} without {without:?}: {label:?}");
                    *compared += 1;
                }
            }
        }
    }
    // Registrations, heartbeats, fetches of metadata: what depends on nothing that was removed.
    assert!(compared.iter().all(|n| *n > 20 * SEEDS), "{compared:?}");
}

/// However long a broker takes to apply metadata, the topics find all of them at work.
#[test]
fn every_partition_begins_with_its_first_replica_as_leader() {
    let slow = Span { min: Duration::from_millis(1), max: Duration::from_secs(1) };
    for seed in 0..40 {
        let mut plan = plan(seed, &[]);
        plan.cluster.metadata_apply = slow;
        let lab = host::run(Lab::new(Arc::new(plan)), Host::Plain);
        for (tp, partition) in lab.committed().image().partitions() {
            assert_eq!(partition.leader, Some(partition.replicas[0]), "seed {seed}: {tp:?}");
            assert_eq!(partition.isr.len(), partition.replicas.len(), "seed {seed}: {tp:?}");
        }
    }
}

/// The sticky partitioner chooses what it chose.
#[test]
fn what_a_client_chooses_depends_on_its_name() {
    let chosen = |plan: &Plan| {
        let lab = host::run(Lab::new(Arc::new(plan.clone())).recorded(), Host::Plain);
        let p1 = plan.names.node("p1");
        let entries = lab.recorder().expect("it was recorded").entries();
        entries.iter().find_map(|entry| match &entry.what {
            Happening::Noted(Event::Client(ClientEvent::BatchSent { tp, .. }))
                if entry.node == p1 =>
            {
                Some((plan.partition_name(*tp), entry.at))
            }
            _ => None,
        })
    };
    let mut firsts = BTreeMap::new();
    for seed in 0..40 {
        let (with, without) = (chosen(&plan(seed, &[])), chosen(&plan(seed, &["p0"])));
        let (with, without) = (with.expect("it sent"), without.expect("it sent"));
        assert_eq!(with.0, without.0, "seed {seed}");
        *firsts.entry(with.0).or_insert(0) += 1;
    }
    assert_eq!(firsts.len(), 2, "both partitions are chosen: {firsts:?}");
}
