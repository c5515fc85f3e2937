//! What a whole cluster costs: inputs a second and simulated over wall time, light and heavy load,
//! on both hosts, with and without invariants, beside a bare event loop of the same run.
//!
//! Rivals are interleaved, so that a noisy machine is noisy for all of them; figures are medians. Run
//! with `cargo bench -p kafkalab-benches --bench cluster`.

use kafkalab_core::node::Node;
use kafkalab_sim::host::{Host, default_host, run};
use kafkalab_sim::lab::{End, Lab};
use kafkalab_sim::scenario::{LoadOptions, Plan, load};
use kafkalab_sim::world::World;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUNDS: usize = 7;

/// Ten records a second at acks=all, for five simulated minutes.
const LIGHT: &str = r#"
format = 1
id     = "light"
title  = "Light load"
limit  = "310s"
[cluster]
brokers = 3
[topic.orders]
replicas = 3
"min.insync.replicas" = 2
[producer.p1]
topic   = "orders"
records = 3000
every   = "100ms"
[consumer.c1]
assign = ["orders"]
"#;

/// One record a millisecond from each of three producers, on three partitions.
const HEAVY: &str = r#"
format = 1
id     = "heavy"
title  = "Heavy load"
limit  = "60s"
[cluster]
brokers = 3
[topic.orders]
partitions = 3
replicas   = 3
"min.insync.replicas" = 2
[producer.p1]
topic   = "orders"
records = 20000
every   = "1ms"
"linger.ms" = 0
[producer.p2]
topic   = "orders"
records = 20000
every   = "1ms"
"linger.ms" = 0
[producer.p3]
topic   = "orders"
records = 20000
every   = "1ms"
"linger.ms" = 0
"#;

fn plan(text: &str) -> Arc<Plan> {
    let loaded = load("bench", text.as_bytes(), &LoadOptions::default());
    let scenario = loaded.expect("the bench's own scenario is right").scenario;
    Arc::new(scenario.variants[0].plan.clone())
}

struct Measured {
    wall: Duration,
    inputs: u64,
    simulated: Duration,
    writes: u64,
}

impl Measured {
    fn millions_a_second(&self) -> f64 {
        self.inputs as f64 / self.wall.as_secs_f64() / 1e6
    }

    fn times_real_time(&self) -> f64 {
        self.simulated.as_secs_f64() / self.wall.as_secs_f64()
    }
}

/// One run on a thread of its own, as every run is.
fn measure(plan: &Arc<Plan>, host: Host, is_checked: bool) -> Measured {
    let lab = Lab::new(Arc::clone(plan));
    let lab = if is_checked { lab } else { lab.unchecked() };
    let measured = std::thread::spawn(move || {
        let start = Instant::now();
        let lab = run(lab, host);
        let wall = start.elapsed();
        assert!(matches!(lab.end(), Some(End::Quiet | End::Limit(_))), "{:?}", lab.end());
        assert!(lab.checks().violations().is_empty(), "{:?}", lab.checks().violations());
        let simulated = Duration::from_micros(lab.world().now().as_micros());
        let (inputs, writes) = (lab.world().counters().inputs, lab.ledger().totals().acked);
        Measured { wall, inputs, simulated, writes }
    });
    measured.join().expect("a run does not panic")
}

/// The same number of events through a bare heap: the limit of any event loop.
fn bare(events: u64) -> f64 {
    let start = Instant::now();
    let mut heap: BinaryHeap<Reverse<(u64, u64)>> = (0..40).map(|n| Reverse((n, n))).collect();
    for n in 0..events {
        let Reverse((at, who)) = heap.pop().expect("as many are pushed as popped");
        heap.push(Reverse((at + 1_000 + (who * 37) % 211, black_box(n))));
    }
    black_box(&heap);
    events as f64 / start.elapsed().as_secs_f64() / 1e6
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn table(name: &str, plan: &Arc<Plan>) {
    let mut rivals = vec![(Host::Plain, true), (Host::Plain, false)];
    if default_host() == Host::Madsim {
        rivals.extend([(Host::Madsim, true), (Host::Madsim, false)]);
    }
    let mut figures = vec![(Vec::new(), Vec::new()); rivals.len()];
    let mut heap = Vec::new();
    let (mut inputs, mut writes) = (0, 0);
    for _ in 0..ROUNDS {
        for ((host, is_checked), (speed, factor)) in rivals.iter().zip(&mut figures) {
            let measured = measure(plan, *host, *is_checked);
            speed.push(measured.millions_a_second());
            factor.push(measured.times_real_time());
            (inputs, writes) = (measured.inputs, measured.writes);
        }
        heap.push(bare(inputs));
    }
    let heap = median(heap);
    let each = inputs as f64 / writes as f64;
    println!("{name}: {inputs} inputs, {writes} writes, {each:.1} inputs a write in all");
    println!("  {:<28}{:>8.2} M/s", "bare heap", heap);
    for ((host, is_checked), (speed, factor)) in rivals.iter().zip(figures) {
        let (speed, factor) = (median(speed), median(factor));
        let checks = if *is_checked { "invariants on" } else { "invariants off" };
        let what = format!("{} host, {checks}", host.name());
        println!("  {what:<28}{speed:>8.2} M/s   1/{:<6.1}{factor:>9.0} x real time", heap / speed);
    }
}

/// What a snapshot costs in the middle of a heavy run.
#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn snapshot(plan: &Arc<Plan>) {
    let lab = std::thread::spawn({
        let lab = Lab::new(Arc::clone(plan));
        move || run(lab, Host::Plain)
    });
    let lab = lab.join().expect("a run does not panic");
    let clone = |what: &dyn Fn()| {
        let figures = (0..101).map(|_| {
            let start = Instant::now();
            what();
            start.elapsed().as_secs_f64() * 1e6
        });
        median(figures.collect())
    };
    let world: &World<Node> = lab.world();
    println!("snapshot after {} inputs:", world.counters().inputs);
    println!("  {:<28}{:>8.1} us", "the world", clone(&|| drop(black_box(world.clone()))));
    println!("  {:<28}{:>8.1} us", "the whole lab", clone(&|| drop(black_box(lab.clone()))));
}

fn main() {
    let (light, heavy) = (plan(LIGHT), plan(HEAVY));
    table("light", &light);
    table("heavy", &heavy);
    snapshot(&heavy);
}
