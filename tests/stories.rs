//! What a real Apache Kafka 4.1.2 did, told again: each file of `stories/` is one story of three brokers on
//! one machine, as it was recorded. Order of events, error names and counts are the promises of the
//! file, kept by every seed. Times are measured here over 100 seeds:
//!
//! - each lies in the range that settings and TCP *allow*, and so does what the *real* one took;
//! - seeds and the real one meet. Its numbers may be off by 0.3 s or a tenth: it ran on a busy machine.
//!   Where they cannot meet, `docs/deviations.md` says why, and nothing real stands here.
//!
//! Not compared: how long a JVM needs to start and to exit. A story lets as much time pass instead.

use kafkalab_core::event::{ClientEvent, Event};
use kafkalab_core::id::NodeId;
use kafkalab_core::protocol::{ApiKey, Direction};
use kafkalab_core::time::Instant;
use kafkalab_sim::host::{self, Host};
use kafkalab_sim::lab::Lab;
use kafkalab_sim::recording::{Entry, Happening};
use kafkalab_sim::scenario::plan::{Plan, Variant};
use kafkalab_sim::scenario::{LoadOptions, load};
use kafkalab_sim::verdict::{Status, Verdict};
use std::collections::BTreeMap;
use std::sync::Arc;

const SEEDS: std::ops::RangeInclusive<u64> = 1..=100;
/// By how much a recorded number may be off.
fn noise(value: f64) -> f64 {
    (value / 10.0).max(0.3)
}

/// Something to measure in one run. Steps are named by their id.
#[derive(Clone, Copy, Debug)]
enum What {
    /// Seconds from one step to another.
    Span(&'static str, &'static str),
    /// The longest time, in seconds, in which a producer got no acknowledgement, after a step.
    Pause(&'static str, &'static str),
    /// Seconds from a step to the next acknowledgement.
    NextAck(&'static str, &'static str),
    /// How many batches a producer sent again after a step, each counted once.
    Retried(&'static str, &'static str),
    /// How often a broker asked to be registered after a step.
    Registrations(&'static str, &'static str),
    /// Records of a producer that were acknowledged and lost.
    Lost(&'static str),
}

/// From, to: both included.
type Range = (f64, f64);

/// What is measured, what settings and TCP allow, and what the real one took.
type Measure = (What, Range, Option<Range>);

/// One run, to be asked.
struct Run<'a> {
    plan: &'a Plan,
    lab: &'a Lab,
    fired: BTreeMap<&'a str, Instant>,
}

fn seconds(from: Instant, to: Instant) -> f64 {
    to.since(from).as_micros() as f64 / 1e6
}

impl Run<'_> {
    fn node(&self, name: &str) -> NodeId {
        self.plan.names.node(name).unwrap_or_else(|| panic!("{name} is a node"))
    }

    fn fired(&self, step: &str) -> Instant {
        *self.fired.get(step).unwrap_or_else(|| panic!("step {step} has fired"))
    }

    fn since(&self, step: &str) -> impl Iterator<Item = &Entry> {
        let from = self.fired(step);
        let entries = self.lab.recorder().expect("it is recorded").entries().iter();
        entries.filter(move |entry| entry.at >= from)
    }

    /// What `client` noted since `step`.
    fn notes(&self, client: &str, step: &str) -> impl Iterator<Item = (Instant, &ClientEvent)> {
        let client = self.node(client);
        let own = self.since(step).filter(move |entry| entry.node == Some(client));
        own.filter_map(|entry| match &entry.what {
            Happening::Noted(Event::Client(event)) => Some((entry.at, event)),
            _ => None,
        })
    }

    fn acks(&self, client: &str, step: &str) -> Vec<Instant> {
        let notes = self.notes(client, step);
        notes
            .filter(|(_, e)| matches!(e, ClientEvent::BatchAcked { .. }))
            .map(|(at, _)| at)
            .collect()
    }

    fn measure(&self, what: What) -> f64 {
        match what {
            Span(from, to) => seconds(self.fired(from), self.fired(to)),
            Pause(client, step) => {
                let mut at = vec![self.fired(step)];
                at.extend(self.acks(client, step));
                at.windows(2).map(|pair| seconds(pair[0], pair[1])).fold(0.0, f64::max)
            }
            NextAck(client, step) => {
                let first = self.acks(client, step).first().copied();
                seconds(self.fired(step), first.expect("it is acknowledged"))
            }
            Retried(client, step) => {
                let again = self.notes(client, step).filter_map(|(_, event)| match event {
                    ClientEvent::BatchRetried { body, .. } => Some(body.digest),
                    _ => None,
                });
                again.collect::<std::collections::BTreeSet<_>>().len() as f64
            }
            Registrations(broker, step) => {
                let broker = self.node(broker);
                let asked = self.since(step).filter(|entry| match &entry.what {
                    Happening::Sent(sent) => {
                        let letter = sent.letter;
                        letter.from == broker
                            && letter.api == ApiKey::BrokerRegistration
                            && letter.direction == Direction::Request
                    }
                    _ => false,
                });
                asked.count() as f64
            }
            Lost(client) => {
                let client = self.node(client);
                let lost = self
                    .lab
                    .ledger()
                    .rows()
                    .filter(|row| row.id.producer == client && row.lost.is_some());
                lost.count() as f64
            }
        }
    }
}

/// The values of one seed; its promises hold.
fn tell(name: &str, variant: &Variant, seed: u64, measures: &[Measure]) -> Vec<f64> {
    let mut plan = variant.plan.clone();
    plan.seed = seed;
    let plan = Arc::new(plan);
    let lab = Lab::new(Arc::clone(&plan)).recorded();
    let lab = std::thread::spawn(move || host::run(lab, Host::Plain)).join().expect("no panic");
    let verdict = Verdict::on(&lab);
    let broken: Vec<_> = verdict.promises.iter().filter(|p| !p.is_kept).collect();
    let (status, reason) = (verdict.status, &verdict.reason);
    assert_eq!(status, Status::Pass, "{name}, seed {seed}: {reason:?} {broken:#?}");
    let steps = plan.steps.iter().zip(lab.story().fired());
    let fired = steps.filter_map(|(step, at)| Some((step.id.as_deref()?, *at))).collect();
    let run = Run { plan: &plan, lab: &lab, fired };
    measures.iter().map(|(what, ..)| run.measure(*what)).collect()
}

/// Tells `variant` of a story with every seed. Says what does not fit.
fn compare(name: &str, variant: &Variant, measures: &[Measure]) -> Vec<String> {
    let runs: Vec<_> = SEEDS.map(|seed| tell(name, variant, seed, measures)).collect();
    let mut wrong = Vec::new();
    for (n, (what, allowed, real)) in measures.iter().enumerate() {
        let values = runs.iter().map(|run| run[n]);
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let most = values.fold(f64::NEG_INFINITY, f64::max);
        let holds = |from, to| allowed.0 <= from && to <= allowed.1;
        let meets = |from: f64, to: f64| from - noise(from) <= most && least <= to + noise(to);
        let is_real = real.is_none_or(|(from, to)| holds(from, to) && meets(from, to));
        if !holds(least, most) || !is_real {
            wrong.push(format!(
                "{name} {what:?}: {least} to {most}; allowed {allowed:?}, real {real:?}"
            ));
        }
    }
    wrong
}

fn check(name: &str, text: &str, variant: Option<&str>, measures: &[Measure]) {
    let options = LoadOptions { variant: variant.map(str::to_owned), ..LoadOptions::default() };
    let loaded =
        load(name, text.as_bytes(), &options).unwrap_or_else(|why| panic!("{name}: {why:#?}"));
    assert!(loaded.warnings.is_empty(), "{name}: {:#?}", loaded.warnings);
    let variants = &loaded.scenario.variants;
    assert_eq!(variants.len(), 1, "{name}: a story is told one variant at a time");
    let wrong = compare(name, &variants[0], measures);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

macro_rules! stories {
    ($($(#[$doc:meta])* $test:ident: $file:literal $(/ $variant:literal)?, $measures:expr;)*) => {$(
        $(#[$doc])*
        #[test]
        fn $test() {
            let variants: &[&str] = &[$($variant)?];
            let text = include_str!(concat!("stories/", $file, ".toml"));
            check($file, text, variants.first().copied(), &$measures);
        }
    )*};
}

use What::{Lost, NextAck, Pause, Registrations, Retried, Span};

/// The session runs from the last heartbeat, 0 to 2 s before the fault, and is looked at every 1.125 s.
const FENCED: Range = (7.0, 10.2);
/// 36 SIGKILLs.
const FENCED_REAL: Option<Range> = Some((7.45, 9.65));
/// A connection that was being made goes on at its next SYN: 1, 3, 7 s after the first.
const SYN: Range = (0.0, 4.1);

stories! {
    clean_stop: "clean-stop", [
        (Span("stop", "moved"), (0.0, 0.06), Some((0.004, 0.019))),
        (Span("stop", "exit"), (2.05, 2.25), Some((2.09, 2.16))),
        (Registrations("b1", "stop"), (5.0, 5.0), None),
        (Span("stop", "unfenced"), (11.0, 13.2), Some((11.96, 12.31))),
        (Span("unfenced", "back"), (0.0, 0.7), Some((0.05, 0.30))),
        (Pause("p1", "stop"), (0.02, 1.1), Some((0.10, 0.52))),
        (Retried("p1", "stop"), (0.0, 2.0), Some((1.0, 2.0))),
    ];
    stop_without_leaderships: "stop-without-leaderships", [
        (Span("stop", "exit"), (0.0, 0.06), None),
    ];
    stop_the_last: "stop-the-last", [
        (Span("stop", "fenced"), (0.05, 0.15), Some((0.075, 0.075))),
    ];
    kill_and_restart_at_once: "kill-restart-at-once", [
        (Span("kill", "moved"), FENCED, Some((8.45, 9.32))),
        (Span("kill", "unfenced"), (7.0, 11.7), Some((8.52, 9.60))),
        (Pause("p1", "kill"), (7.0, 11.7), Some((8.67, 9.65))),
        (Retried("p1", "kill"), (0.0, 5.0), Some((1.0, 3.0))),
    ];
    kill_and_restart_late: "kill-restart-late", [
        (Span("kill", "fenced"), FENCED, FENCED_REAL),
        (Registrations("b1", "start"), (1.0, 1.0), None),
        (Span("start", "unfenced"), (0.0, 0.3), None),
        (Span("unfenced", "back"), (0.0, 0.7), Some((0.04, 0.46))),
    ];
    a_fenced_broker_and_a_new_controller: "fenced-start-new-controller", [
        (Registrations("b3", "start"), (1.0, 1.0), None),
        (Span("start", "unfenced"), (0.0, 0.3), None),
        (Pause("p1", "fenced"), (0.0, 0.1), Some((0.09, 0.09))),
    ];
    leader_killed: "leader-killed", [
        (Span("kill", "elected"), FENCED, Some((8.65, 9.25))),
        (NextAck("p1", "elected"), (0.0, 1.2), Some((0.21, 0.93))),
        (Retried("p1", "kill"), (1.0, 5.0), None),
    ];
    leader_paused_for_5_s: "leader-paused-short", [
        (Retried("p1", "pause"), (0.0, 0.0), None),
        (NextAck("p1", "resume"), (0.0, 0.02), Some((0.01, 0.01))),
    ];
    leader_paused_for_12_s: "leader-paused-long", [
        (Span("pause", "moved"), FENCED, Some((7.85, 9.45))),
        (Span("resume", "unfenced"), (0.0, 0.06), Some((0.004, 0.005))),
        (Span("resume", "follows"), (0.06, 0.16), Some((0.071, 0.085))),
        (Span("resume", "back"), (0.07, 1.2), Some((0.10, 0.57))),
        (Lost("p2"), (1195.0, 1220.0), Some((1208.0, 1209.0))),
        (NextAck("p1", "resume"), (0.0, 1.2), Some((0.11, 0.16))),
    ];
    leader_cut_off_for_20_s: "leader-isolated-20", [
        (Span("cut", "moved"), FENCED, Some((7.55, 7.55))),
        (Span("heal", "unfenced"), (0.0, 7.1), None),
        (Span("heal", "back"), (0.0, 7.5), Some((3.2, 6.9))),
        (Lost("p2"), (990.0, 1360.0), Some((1036.0, 1036.0))),
        (NextAck("p1", "cut"), (20.0, 27.5), Some((20.74, 20.74))),
        (NextAck("p3", "cut"), (25.4, 27.0), Some((26.6, 26.6))),
    ];
    leader_cut_off_for_45_s: "leader-isolated-45", [
        (Span("cut", "moved"), FENCED, Some((8.03, 8.03))),
        (Lost("p2"), (2240.0, 2610.0), Some((2270.0, 2270.0))),
        // The producer looks for requests without answer when a batch is filled, here every 2.9 s.
        (NextAck("p3", "cut"), (30.0, 33.0), Some((30.09, 30.09))),
    ];
    leader_cut_from_its_controller: "leader-cut-from-controller", [
        (Span("cut", "moved"), FENCED, Some((7.86, 9.92))),
        (Span("heal", "unfenced"), SYN, Some((0.01, 0.08))),
        (Span("unfenced", "back"), (0.0, 1.3), Some((0.09, 0.26))),
        (Lost("p2"), (380.0, 770.0), Some((406.0, 508.0))),
        (Pause("p1", "moved"), (8.0, 16.0), Some((8.26, 10.31))),
    ];
    follower_cut_from_its_leader: "follower-cut-from-leader", [
        (Span("cut", "removed"), (29.4, 45.1), Some((33.46, 43.43))),
        (Span("heal", "back"), SYN, Some((0.03, 0.44))),
    ];
    lag_clock_after_an_election: "lag-clock-after-election", [
        (Span("elected", "removed"), (10.0, 15.1), Some((13.21, 13.95))),
        (Span("heal", "back"), SYN, Some((0.13, 0.65))),
    ];
    min_isr_above_the_replicas: "min-isr-above-replicas", [];
    isr_below_its_minimum: "isr-below-min", [
        (Span("kill", "alone"), FENCED, Some((7.93, 7.93))),
        (Span("start", "back"), (0.0, 1.2), None),
        (Pause("p1", "alone"), (37.0, 43.0), None),
    ];
    short_outage: "short-outage", [
        (Span("kill", "alone"), FENCED, Some((8.29, 8.29))),
        (Retried("p1", "kill"), (0.0, 0.0), None),
    ];
    min_isr_out_of_reach_by_default: "min-isr-out-of-reach" / "default", [
        (Span("send", "end"), (119.9, 121.1), Some((120.00, 120.02))),
    ];
    min_isr_out_of_reach_delivery_timeout: "min-isr-out-of-reach" / "delivery", [
        (Span("send", "end"), (39.9, 41.1), None),
    ];
    min_isr_out_of_reach_three_retries: "min-isr-out-of-reach" / "retries", [
        (Span("send", "end"), (0.5, 1.0), Some((0.81, 0.96))),
    ];
    min_isr_out_of_reach_no_retry: "min-isr-out-of-reach" / "none", [
        (Span("send", "end"), (0.0, 0.02), None),
    ];
    min_isr_does_not_concern_acks_1: "min-isr-out-of-reach" / "acks-1", [
        (Span("send", "end"), (0.0, 0.02), None),
    ];
    leaderships_return: "leaderships-return", [
        (Span("back", "returned"), (0.0, 10.1), None),
    ];
    leaderships_return_by_default: "leaderships-return-by-default", [
        (Span("controller", "returned"), (300.0, 300.3), Some((300.0, 300.0))),
    ];
    the_last_in_sync_is_remembered: "last-in-sync-remembered", [
        (Span("start", "elected"), (0.0, 0.3), None),
        (Span("elected", "back"), (0.0, 1.3), Some((0.10, 0.10))),
    ];
    unclean_in_the_batch_of_the_fence: "unclean-in-the-fence", [
        (Span("kill", "elected"), FENCED, Some((8.1, 8.21))),
    ];
}
