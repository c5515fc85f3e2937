//! What the engine costs per input, beside a bare event loop that does the same exchange.
//!
//! Two exchanges: two nodes that answer each other at once, and five that all talk to all. Rivals are
//! interleaved, so that a noisy machine is noisy for all of them; figures are medians. Run with
//! `cargo bench -p kafkalab-benches --bench engine`.

use kafkalab_core::chance::{Draws, DrawsAbout};
use kafkalab_core::engine::{Effects, Input, Process, ReplyTo};
use kafkalab_core::id::{ConnId, CorrelationId, Incarnation, NodeId};
use kafkalab_core::protocol::{Body, Frame, MetadataRequest, MetadataResponse};
use kafkalab_core::time::{Clock, Duration, Instant};
use kafkalab_sim::host::{Host, LifeChange, Stage, Turn, default_host, run};
use kafkalab_sim::world::{DiskConfig, NetConfig, NodeSetup, World};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Connects to every node after it, asks each one question, and asks again when it is answered.
#[derive(Clone)]
struct Talker {
    id: NodeId,
    answers: u32,
    is_connecting: bool,
    peers: Vec<NodeId>,
}

impl Process for Talker {
    type Spec = (NodeId, Vec<NodeId>);
    type Disk = ();

    fn blank_disk(_: &Self::Spec) {}

    fn boot(spec: &Self::Spec, (): (), _: Incarnation, _: Clock, _: &mut Effects) -> Self {
        let (id, peers) = spec.clone();
        Self { id, answers: 0, is_connecting: true, peers }
    }

    fn handle(&mut self, _: Clock, input: Input, fx: &mut Effects) {
        match input {
            Input::Alarm => {
                self.is_connecting = false;
                for (n, peer) in self.peers.iter().enumerate() {
                    fx.connect(ConnId { client: self.id, n: n as u32 }, *peer);
                }
            }
            Input::Connected(conn) => self.ask(conn, fx),
            Input::Deliver { frame: Frame { conn, correlation, body }, .. } => match body {
                Body::Request(_) => {
                    let to = ReplyTo { conn, correlation, asked: fx.input() };
                    let (brokers, topics) = (Vec::new(), Vec::new());
                    fx.reply(to, MetadataResponse { brokers, controller: None, topics });
                }
                Body::Response(_) => self.ask(conn, fx),
            },
            _ => unreachable!("nothing else happens here"),
        }
    }

    fn next_alarm(&self) -> Instant {
        if self.is_connecting { Instant::from_micros(1) } else { Instant::NEVER }
    }

    fn into_disk(self) {}

    fn lose_unflushed((): &mut (), _: &Self::Spec, _: Instant, _: &mut DrawsAbout) {}
}

impl Talker {
    fn ask(&mut self, conn: ConnId, fx: &mut Effects) {
        self.answers += 1;
        fx.request(conn, CorrelationId(self.answers), MetadataRequest { topics: Vec::new() });
    }
}

/// A run without a story: it ends after so many inputs.
struct Quota {
    world: World<Talker>,
    inputs: u64,
}

impl Quota {
    fn new(nodes: u16, inputs: u64) -> Self {
        let id = NodeId::broker;
        let peers = |of: u16| (of + 1..=nodes).map(id).collect();
        let setups = (1..=nodes).map(|n| NodeSetup::new(id(n), (id(n), peers(n)))).collect();
        let mut world = World::new(1, setups, NetConfig::default(), DiskConfig::default());
        (1..=nodes).for_each(|n| assert!(world.start(id(n), Instant::ZERO)));
        Self { world, inputs }
    }
}

impl Stage for Quota {
    fn nodes(&self) -> Vec<NodeId> {
        self.world.nodes().collect()
    }

    fn peek(&mut self) -> Turn {
        match self.world.peek() {
            Some((at, node)) if self.world.inputs().0 < self.inputs => Turn::Process { node, at },
            _ => Turn::Done,
        }
    }

    fn take(&mut self) {
        self.world.step();
    }

    fn life_changes(&mut self, into: &mut Vec<LifeChange>) {
        into.extend(self.world.life_changes());
    }
}

/// The least that such an exchange can cost: a heap of messages, drawn latencies, handlers inlined.
fn bare(nodes: u16, inputs: u64) -> u64 {
    let pair = |a: u16, b: u16| Draws::new(1, "latency", u64::from(a) << 16 | u64::from(b));
    let mut links: Vec<Draws> =
        (0..nodes * nodes).map(|link| pair(link / nodes, link % nodes)).collect();
    let (min, max) = (Duration::from_micros(800), Duration::from_micros(1_200));
    let mut heap = BinaryHeap::new();
    for from in 0..nodes {
        (from + 1..nodes).for_each(|to| heap.push(Reverse((Instant::ZERO, to, from, 0_u32))));
    }
    for _ in 0..inputs {
        let Reverse((now, to, from, correlation)) = heap.pop().expect("they talk for ever");
        let delay = links[usize::from(to * nodes + from)].between(now, min, max);
        heap.push(Reverse((now + delay, from, to, correlation + 1)));
    }
    heap.len() as u64
}

/// Millions of inputs per second.
fn speed(inputs: u64, work: impl FnOnce() -> u64) -> f64 {
    let start = std::time::Instant::now();
    std::hint::black_box(work());
    inputs as f64 / start.elapsed().as_secs_f64() / 1e6
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn hosted(nodes: u16, inputs: u64, host: Host) -> u64 {
    run(Quota::new(nodes, inputs), host).world.trace().0
}

#[expect(clippy::print_stdout, reason = "a benchmark's figures are its output")]
fn main() {
    const ROUNDS: usize = 9;
    const INPUTS: u64 = 1_000_000;
    let host = default_host();
    println!("inputs per second, median of {ROUNDS} interleaved rounds of {INPUTS} inputs");
    for (name, nodes) in [("two nodes", 2), ("five nodes, all to all", 5)] {
        let (mut bares, mut plains, mut ordinaries) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            bares.push(speed(INPUTS, || bare(nodes, INPUTS)));
            plains.push(speed(INPUTS, || hosted(nodes, INPUTS, Host::Plain)));
            ordinaries.push(speed(INPUTS, || hosted(nodes, INPUTS, host)));
        }
        let (bare, plain, ordinary) = (median(bares), median(plains), median(ordinaries));
        println!("{name}");
        println!("  bare heap     {bare:6.2} M/s");
        println!("  plain host    {plain:6.2} M/s   1/{:.1} of bare", bare / plain);
        let host = host.name();
        println!("  {host:<8} host {ordinary:6.2} M/s   1/{:.1} of bare", bare / ordinary);
    }
}
