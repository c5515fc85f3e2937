//! The numbers a Kafka operator knows by heart, measured in runs of ours: modern defaults, links of
//! 1 ms, several seeds each. A figure outside its range means that a time-out, a step or a message
//! of the protocol is missing or one too many. `--nocapture` shows what was measured.

#![expect(clippy::print_stdout, reason = "--nocapture shows what was measured")]

use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::event::{ClientEvent, ControllerEvent, Event, ReplicaEvent};
use kafkalab_core::id::NodeId;
use kafkalab_core::time::{Duration, Instant};
use kafkalab_sim::host::{self, Host};
use kafkalab_sim::lab::{End, Lab};
use kafkalab_sim::recording::{Entry, Happening};
use kafkalab_sim::scenario::{LoadOptions, load};
use kafkalab_sim::story::Told;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

const SEEDS: u64 = 20;

/// Three brokers, one partition on all of them (b1 leads), one producer.
fn cluster(producer: &str, rest: &str) -> String {
    format!(
        "format = 1\nid = \"sanity\"\ntitle = \"sanity\"\nlimit = \"90s\"\n{rest}\n\
         [cluster]\nbrokers = 3\n[topic.orders]\npartitions = 1\nreplicas = 3\n\
         [producer.p1]\ntopic = \"orders\"\n\"linger.ms\" = 0\n{producer}\n"
    )
}

/// One recorded run to its end, with `injects` beside its story.
fn run(text: &str, seed: u64, injects: &[String]) -> Lab {
    let injects = injects.to_vec();
    let options = LoadOptions { seed: Some(seed), injects, ..LoadOptions::default() };
    let loaded = load("sanity.toml", text.as_bytes(), &options);
    let scenario = loaded.unwrap_or_else(|mistakes| panic!("{mistakes:#?}")).scenario;
    let lab = Lab::new(Arc::new(scenario.variants[0].plan.clone())).recorded();
    let lab = host::run(lab, Host::Plain);
    assert!(matches!(lab.end(), Some(End::Quiet | End::Limit(_))), "seed {seed}: {:?}", lab.end());
    lab
}

fn entries(lab: &Lab) -> &[Entry] {
    lab.recorder().expect("it was recorded").entries()
}

/// When the only injected action happened.
fn injected(lab: &Lab) -> Instant {
    let told =
        entries(lab).iter().find(|entry| matches!(entry.what, Happening::Told(Told::Inject(0))));
    told.expect("the action happened").at
}

/// When, from `since` on, an event that satisfies `wanted` was first noted.
fn noted(lab: &Lab, since: Instant, wanted: impl Fn(&Event) -> bool) -> Instant {
    let mut later = entries(lab).iter().filter(|entry| entry.at >= since);
    let found = later.find(|entry| matches!(&entry.what, Happening::Noted(event) if wanted(event)));
    found.expect("it was noted").at
}

/// Moments that differ from seed to seed, so that every phase of every timer is met.
fn at(seed: u64, step_ms: u64, action: &str) -> Vec<String> {
    vec![format!("at {}ms: {action}", 2_000 + seed * step_ms)]
}

/// What was measured, in microseconds.
#[derive(Default)]
struct Sample(Vec<u64>);

impl Sample {
    fn add(&mut self, from: Instant, to: Instant) {
        self.0.push(to.since(from).as_micros());
    }

    /// Holds the whole sample against a range of milliseconds.
    fn lies_within(&self, what: &str, low: f64, high: f64) {
        println!("{what}: {self}");
        let (min, max) = (self.0.iter().min(), self.0.iter().max());
        let (min, max) = (*min.expect("not empty"), *max.expect("not empty"));
        let is_within = min as f64 >= low * 1_000.0 && max as f64 <= high * 1_000.0;
        assert!(is_within, "{what}: {self}, expected {low} to {high} ms");
    }

    /// Wherever in the range one looks, some of the sample is there: in each fifth of it.
    fn is_spread_over(&self, low: f64, high: f64) {
        for fifth in 0..5 {
            let width = (high - low) / 5.0;
            let from = f64::from(fifth).mul_add(width, low);
            let here = |micros: &u64| (from..from + width).contains(&(*micros as f64 / 1_000.0));
            assert!(self.0.iter().any(here), "nothing from {from} to {} ms: {self}", from + width);
        }
    }

    fn mean(&self) -> f64 {
        self.0.iter().sum::<u64>() as f64 / self.0.len() as f64 / 1_000.0
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |micros: Option<&u64>| micros.map_or(0.0, |micros| *micros as f64 / 1_000.0);
        let (min, max) = (ms(self.0.iter().min()), ms(self.0.iter().max()));
        write!(f, "{min:.3} to {max:.3} ms, mean {:.3}, of {}", self.mean(), self.0.len())
    }
}

/// Four ways over the network: to the leader, to the slower follower and back, to the producer.
#[test]
fn a_steady_acks_all_write_takes_three_to_five_milliseconds() {
    let text = cluster("acks = \"all\"\nrecords = 100\nevery = \"20ms\"", "");
    let mut sample = Sample::default();
    for seed in 1..=SEEDS {
        let lab = run(&text, seed, &[]);
        let mut sent = BTreeMap::new();
        for entry in entries(&lab) {
            match &entry.what {
                Happening::Noted(Event::Client(ClientEvent::BatchSent { body, .. })) => {
                    sent.insert(body.digest, entry.at);
                }
                // The first records meet followers that have waited for long: not steady yet.
                Happening::Noted(Event::Client(ClientEvent::BatchAcked {
                    body,
                    base_offset: Some(offset),
                    ..
                })) if offset.0 >= 5 => {
                    sample.add(sent[&body.digest], entry.at);
                }
                _ => {}
            }
        }
    }
    sample.lies_within("steady acks=all write", 3.0, 5.0);
}

/// When b1 is no longer the leader in the controller's committed record.
fn replaced(lab: &Lab) -> Instant {
    noted(lab, injected(lab), |event| {
        matches!(event, Event::Controller(ControllerEvent::PartitionChanged { leader: Some(b), .. })
            if *b != NodeId::broker(1))
    })
}

/// The session runs from the last heartbeat, which is up to 2 s older than the death, and is looked
/// at every eighth of its 9 s.
#[test]
fn a_killed_leader_is_replaced_after_seven_to_ten_seconds() {
    let mut sample = Sample::default();
    for seed in 1..=SEEDS {
        let lab = run(&cluster("records = 0", ""), seed, &at(seed, 917, "kill b1"));
        sample.add(injected(&lab), replaced(&lab));
    }
    sample.lies_within("killed leader replaced (PartitionChanged)", 7_000.0, 10_160.0);
}

#[test]
fn a_stopped_leader_is_replaced_within_a_tenth_of_a_second() {
    let mut sample = Sample::default();
    for seed in 1..=SEEDS {
        let lab = run(&cluster("records = 0", ""), seed, &at(seed, 917, "stop b1"));
        sample.add(injected(&lab), replaced(&lab));
    }
    sample.lies_within("stopped leader replaced (PartitionChanged)", 0.0, 100.0);
}

/// When b3 is no longer in the committed ISR.
fn removed(lab: &Lab) -> Instant {
    noted(lab, injected(lab), |event| {
        matches!(event, Event::Controller(ControllerEvent::PartitionChanged { isr, .. })
            if !isr.contains(NodeId::broker(3)))
    })
}

/// One moment of death, many seeds: the phases of the heartbeats and of the session check are drawn.
#[test]
fn when_a_killed_broker_is_fenced_depends_on_the_seed() {
    let mut sample = Sample::default();
    for seed in 1..=4 * SEEDS {
        let kill = ["at 5s: kill b3".to_owned()];
        let lab = run(&cluster("records = 0", ""), seed, &kill);
        let fenced = noted(&lab, injected(&lab), |event| {
            matches!(event, Event::Controller(ControllerEvent::BrokerFenced { .. }))
        });
        sample.add(injected(&lab), fenced);
    }
    sample.lies_within("killed broker fenced (BrokerFenced)", 7_000.0, 10_160.0);
    sample.is_spread_over(7_450.0, 9_650.0);
}

/// The same for the check of the ISR, which every leader makes each 15 s.
#[test]
fn when_a_cut_off_follower_leaves_the_isr_depends_on_the_seed() {
    let text = cluster("acks = \"1\"\nrecords = 500\nevery = \"100ms\"", "ends = \"limit\"");
    let mut sample = Sample::default();
    for seed in 1..=4 * SEEDS {
        let lab = run(&text.replace("90s", "52s"), seed, &["at 5s: cut b3 -> b1".to_owned()]);
        sample.add(injected(&lab), removed(&lab));
    }
    sample.lies_within("cut off follower out of the ISR (PartitionChanged)", 29_890.0, 45_050.0);
    sample.is_spread_over(33_400.0, 43_400.0);
}

/// A replaced leader goes on until it has applied the metadata that says so. `pause` keeps it from
/// hearing of its fencing, and its producer sends without waiting for the other replicas.
#[test]
fn a_zombie_acknowledges_for_as_long_as_it_takes_to_apply_metadata() {
    let producer = "acks = \"1\"\nrecords = 1500\nevery = \"10ms\"";
    let zombie = |seed, apply: &str| {
        let text = cluster(producer, "").replace("brokers = 3", &format!("brokers = 3\n{apply}"));
        let lab = run(&text, seed, &["at 1s: pause b1".to_owned(), "at 13s: resume b1".to_owned()]);
        let resumed = kafkalab_sim::cluster::internal(Duration::from_secs(13));
        let acks = entries(&lab).iter().filter(|entry| {
            let Happening::Noted(Event::Replica(event)) = &entry.what else { return false };
            entry.node == Some(NodeId::broker(1))
                && entry.at >= resumed
                && matches!(event, ReplicaEvent::ProduceAnswered { error: ErrorCode::None, .. })
        });
        let last = acks.map(|entry| entry.at).max().expect("it acknowledged something");
        assert!(lab.ledger().totals().lost > 0, "seed {seed}: all of it is lost");
        (resumed, last)
    };
    let (mut slow, mut usual) = (Sample::default(), Sample::default());
    for seed in 1..=SEEDS {
        let (resumed, last) = zombie(seed, "metadata-apply = \"70ms\"");
        slow.add(resumed, last);
        let (resumed, last) = zombie(seed, "");
        usual.add(resumed, last);
    }
    // Now and then the pause has outlasted its request for metadata: 50 ms more, to reconnect.
    slow.lies_within("last ack of a zombie, 70 ms to apply", 60.0, 125.0);
    usual.lies_within("last ack of a zombie, 1 to 20 ms to apply", 0.0, 80.0);
    assert!((65.0..80.0).contains(&slow.mean()), "{slow}");
    assert!((5.0..25.0).contains(&usual.mean()), "{usual}");
}

/// Much earlier than by lag: fencing removes it.
#[test]
fn a_killed_follower_leaves_the_isr_after_seven_to_ten_seconds() {
    let mut sample = Sample::default();
    for seed in 1..=SEEDS {
        let lab = run(&cluster("records = 0", ""), seed, &at(seed, 719, "kill b3"));
        sample.add(injected(&lab), removed(&lab));
    }
    sample.lies_within("killed follower out of the ISR (PartitionChanged)", 7_000.0, 10_160.0);
}

/// It heartbeats, so only the leader can notice: the bound of 30 s, looked at every 15 s.
#[test]
fn a_follower_that_does_not_fetch_leaves_the_isr_after_thirty_to_fortyfive_seconds() {
    let text = cluster("acks = \"1\"\nrecords = 850\nevery = \"100ms\"", "ends = \"limit\"");
    let mut sample = Sample::default();
    for seed in 1..=SEEDS {
        let lab = run(&text, seed, &at(seed, 770, "hold Fetch request b3 -> b1"));
        sample.add(injected(&lab), removed(&lab));
    }
    // The last fetch that counted is up to one record older than the hold.
    sample.lies_within("silent follower out of the ISR (PartitionChanged)", 29_890.0, 45_050.0);
}

/// Nothing new comes, so the waiting fetch must run out: replica.fetch.wait.max.ms is 500.
/// How much later than the leader's watermark those of the followers moved, by follower.
fn watermark_delays(lab: &Lab) -> Vec<(NodeId, Instant, Instant)> {
    let moved = |entry: &Entry, by_leader: bool| {
        matches!(&entry.what, Happening::Noted(Event::Replica(
            ReplicaEvent::HighWatermark { as_leader, .. })) if *as_leader == by_leader)
    };
    let leader = entries(lab).iter().find(|entry| moved(entry, true)).expect("it moved").at;
    let followers = entries(lab).iter().filter(|entry| moved(entry, false));
    let delays = followers.map(|entry| (entry.node.expect("a broker"), leader, entry.at));
    let delays: Vec<_> = delays.collect();
    assert_eq!(delays.len(), 2, "both followers learn it, once");
    delays
}

/// Two prompt followers always wait the whole half second: the record itself ended their long polls,
/// and the fetches that moved the watermark wait from then on.
#[test]
fn on_an_idle_partition_prompt_followers_learn_the_watermark_half_a_second_late() {
    let mut sample = Sample::default();
    for seed in 1..=SEEDS {
        let lab =
            run(&cluster("records = 0\nacks = \"all\"", ""), seed, &at(seed, 37, "send p1 1"));
        for (_, leader, follower) in watermark_delays(&lab) {
            sample.add(leader, follower);
        }
    }
    sample.lies_within("idle propagation of HW, both followers prompt", 499.0, 505.0);
}

/// A follower that had to wait for a slower one learns it when its own long poll runs out.
#[test]
fn on_an_idle_partition_a_waiting_follower_learns_the_watermark_up_to_half_a_second_late() {
    let mut sample = Sample::default();
    for seed in 1..=SEEDS {
        let mut injects = at(seed, 37, "send p1 1");
        injects.extend(at(seed, 37, "hold Fetch response b1 -> b3"));
        injects.extend(at(seed, 37 + 61, "release Fetch response b1 -> b3"));
        let lab = run(&cluster("records = 0\nacks = \"all\"", ""), seed, &injects);
        let delays = watermark_delays(&lab).into_iter();
        for (_, leader, b2) in delays.filter(|(node, ..)| *node == NodeId::broker(2)) {
            sample.add(leader, b2);
        }
    }
    sample.lies_within("idle propagation of HW, one follower slow", 0.0, 505.0);
    assert!((100.0..400.0).contains(&sample.mean()), "typically hundreds: {sample}");
}

/// A budget of the simulator itself: what a write costs in steps of processes.
#[test]
fn an_acks_all_write_costs_at_most_fifteen_inputs() {
    const RECORDS: u64 = 1_000;
    let inputs = |records: u64| {
        let producer = format!("acks = \"all\"\nrecords = {records}\nevery = \"20ms\"");
        let text = cluster(&producer, "ends = \"limit\"").replace("90s", "30s");
        run(&text, 1, &[]).world().counters().inputs
    };
    let (idle, busy) = (inputs(0), inputs(RECORDS));
    let each = (busy - idle) as f64 / RECORDS as f64;
    println!(
        "inputs per acks=all write: {each:.2} (idle run {idle}, with {RECORDS} writes {busy})"
    );
    assert!(each <= 15.0, "{each:.2} inputs per write");
}
