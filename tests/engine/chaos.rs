//! A run of chatter under a story drawn from the seed: timed faults, and faults that are triggered
//! by what was just handled, which is what a turn order must survive.

use crate::chatter::{Chatter, cast};
use kafkalab_core::chance::Draws;
use kafkalab_core::engine::{Command, Input};
use kafkalab_core::id::NodeId;
use kafkalab_core::protocol::{ApiKey, Direction};
use kafkalab_core::time::{Duration, Instant};
use kafkalab_sim::host::{LifeChange, Stage, Turn};
use kafkalab_sim::world::{
    DiskConfig, Latency, NetConfig, NodeSetup, Step, StepKind, TraceHash, World,
};
use std::collections::VecDeque;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Kill(NodeId),
    Power(NodeId),
    Restart(NodeId),
    Terminate(NodeId),
    Start(NodeId),
    Wipe(NodeId),
    Pause(NodeId),
    Resume(NodeId),
    Skew(NodeId, i64),
    SlowDisk(NodeId, Duration),
    Cut(NodeId, NodeId),
    Slow(NodeId, NodeId, Duration),
    Drop(NodeId, NodeId, u16),
    Hold(ApiKey, Direction, NodeId, NodeId),
    Release(ApiKey, Direction, NodeId, NodeId),
    Sever(NodeId, NodeId),
    Heal,
    Ask(NodeId, u32),
    /// Asks for what a toy panics at.
    Poison(NodeId),
}

/// An action when a node (whoever it is) handles the so-manieth delivery of the run.
#[derive(Clone, Copy, Debug)]
struct Trigger {
    delivery: u64,
    /// Done to whoever handled it (`None`), or to somebody else.
    action: Option<Action>,
}

#[derive(Clone)]
pub(crate) struct Chaos {
    pub(crate) world: World<Chatter>,
    timed: VecDeque<(Instant, Action)>,
    triggers: VecDeque<Trigger>,
    due: Vec<Action>,
    deliveries: u64,
    end: Instant,
    /// Every step with the trace after it, if somebody wants to compare.
    pub(crate) steps: Option<Vec<(Step, TraceHash)>>,
}

const SECONDS: u64 = 16;

impl Chaos {
    pub(crate) fn new(seed: u64) -> Self {
        let mut world = calm(seed, 2);
        let now = Instant::ZERO;
        let nodes: Vec<NodeId> = world.nodes().collect();
        for node in &nodes {
            world.start(*node, now);
        }
        let mut draws = Draws::new(seed, "chaos", 0);
        let mut timed: Vec<(Instant, Action)> = (0..25)
            .map(|_| {
                let at = draws.between(now, Duration::ZERO, Duration::from_secs(SECONDS));
                // Whole milliseconds, so that faults fall on the moments of inputs now and then.
                let at = Instant::ZERO + Duration::from_millis(at.as_millis());
                (at, action(&mut draws, &nodes))
            })
            .collect();
        timed.extend(
            nodes.iter().map(|node| (Instant::from_micros(9_000_000), Action::Start(*node))),
        );
        timed.sort_by_key(|(at, _)| *at);
        let mut triggers: Vec<Trigger> = (0..12)
            .map(|_| Trigger {
                delivery: 1 + draws.below(now, 1_200),
                action: (draws.below(now, 2) == 0).then(|| action(&mut draws, &nodes)),
            })
            .collect();
        triggers.sort_by_key(|trigger| trigger.delivery);
        Self {
            world,
            timed: timed.into(),
            triggers: triggers.into(),
            due: Vec::new(),
            deliveries: 0,
            end: Instant::ZERO + Duration::from_secs(SECONDS),
            steps: None,
        }
    }

    /// Two couples that do not know each other, and no story.
    pub(crate) fn apart(seed: u64) -> Self {
        let pairs = [(1, 1), (3, 2)].map(|(b, c)| (NodeId::broker(b), NodeId::client(c)));
        let know = |id: NodeId| pairs.iter().filter(move |(_, c)| *c == id).map(|(b, _)| *b);
        let mut nodes = setup(seed, 2);
        for node in &mut nodes {
            node.spec.servers = know(node.id).collect();
        }
        let mut world = World::new(seed, nodes, NetConfig::default(), DiskConfig::default());
        let all: Vec<NodeId> = world.nodes().collect();
        for node in all {
            world.start(node, Instant::ZERO);
        }
        Self { world, timed: VecDeque::new(), triggers: VecDeque::new(), ..Self::new(seed) }
    }

    /// The same run with one action more, after all others of its moment.
    pub(crate) fn with(mut self, at: Instant, action: Action) -> Self {
        let place = self.timed.partition_point(|(when, _)| *when <= at);
        self.timed.insert(place, (at, action));
        self
    }

    pub(crate) fn recording(mut self) -> Self {
        self.steps = Some(Vec::new());
        self
    }

    fn act(&mut self, action: Action) {
        let now = self.world.now();
        let world = &mut self.world;
        match action {
            Action::Kill(node) => _ = world.kill(node),
            Action::Power(node) => _ = world.power(node),
            Action::Restart(node) => world.restart(node),
            Action::Terminate(node) => world.terminate(node),
            Action::Start(node) => _ = world.start(node, now),
            Action::Wipe(node) => _ = world.wipe(node),
            Action::Pause(node) => _ = world.pause(node),
            Action::Resume(node) => _ = world.resume(node),
            Action::Skew(node, millis) => world.skew(node, millis),
            Action::SlowDisk(node, extra) => world.slow_disk(node, extra),
            Action::Cut(from, to) => _ = world.cut(from, to),
            Action::Slow(from, to, extra) => world.slow(from, to, extra),
            Action::Drop(from, to, permille) => world.drop(from, to, permille),
            Action::Hold(api, way, from, to) => _ = world.hold(api, way, from, to),
            Action::Release(api, way, from, to) => _ = world.release(api, way, from, to),
            Action::Sever(one, other) => world.sever(one, other),
            Action::Heal => world.heal(),
            Action::Poison(node) => {
                world.inject(now, node, Input::Ask(Command::Send(u32::MAX)));
            }
            Action::Ask(node, n) => world.inject(now, node, Input::Ask(Command::Send(n))),
        }
    }

    /// What the story says to a step; here it can do something to the very node that took it.
    fn observe(&mut self, step: Step) {
        if let StepKind::Deliver(_) = step.what {
            self.deliveries += 1;
            while let Some(trigger) = self.triggers.front().copied() {
                if trigger.delivery > self.deliveries {
                    break;
                }
                self.triggers.pop_front();
                self.due.push(trigger.action.unwrap_or(Action::Restart(step.node)));
            }
        }
        if let Some(steps) = &mut self.steps {
            steps.push((step, self.world.trace()));
        }
    }
}

impl Stage for Chaos {
    fn nodes(&self) -> Vec<NodeId> {
        self.world.nodes().collect()
    }

    fn peek(&mut self) -> Turn {
        if !self.due.is_empty() {
            return Turn::Story { at: self.world.now() };
        }
        let story = self.timed.front().map_or(Instant::NEVER, |(at, _)| *at);
        match self.world.peek() {
            _ if self.world.finding().is_some() => Turn::Done,
            Some((at, node)) if at <= story && at <= self.end => Turn::Process { node, at },
            _ if story <= self.end => Turn::Story { at: story },
            _ => Turn::Done,
        }
    }

    fn take(&mut self) {
        match self.peek() {
            Turn::Process { .. } => {
                if let Some(step) = self.world.step() {
                    self.observe(step);
                }
            }
            Turn::Story { at } => {
                self.world.advance(at);
                let mut due = std::mem::take(&mut self.due);
                while due.is_empty() || self.timed.front().is_some_and(|(when, _)| *when <= at) {
                    due.push(self.timed.pop_front().expect("the story has a turn").1);
                }
                for action in due {
                    self.act(action);
                }
            }
            Turn::Done => unreachable!("nobody takes a turn that is not there"),
        }
    }

    fn life_changes(&mut self, into: &mut Vec<LifeChange>) {
        into.extend(self.world.life_changes());
    }
}

/// The world of chatter with `clients` clients, before anything runs.
pub(crate) fn calm(seed: u64, clients: u16) -> World<Chatter> {
    let tail = seed.is_multiple_of(2).then_some((10, Duration::from_millis(40)));
    // Every third network is so even that most inputs meet others at the same moment.
    let (min, max) = if seed.is_multiple_of(3) { (1_000, 1_000) } else { (100, 2_000) };
    let (min, max) = (Duration::from_micros(min), Duration::from_micros(max));
    World::new(
        seed,
        setup(seed, clients),
        NetConfig { latency: Latency { min, max, tail }, ..NetConfig::default() },
        DiskConfig::default(),
    )
}

fn setup(seed: u64, clients: u16) -> Vec<NodeSetup<Chatter>> {
    cast(seed, clients).into_iter().map(|spec| NodeSetup::new(spec.id, spec)).collect()
}

/// Any action.
pub(crate) fn action(draws: &mut Draws, nodes: &[NodeId]) -> Action {
    let now = Instant::ZERO;
    let mut below = |n: usize| draws.below(now, n as u64) as usize;
    let node = nodes[below(nodes.len())];
    let peer = loop {
        let peer = nodes[below(nodes.len())];
        if peer != node {
            break peer;
        }
    };
    let api = [ApiKey::Metadata, ApiKey::InitProducerId][below(2)];
    let way = [Direction::Request, Direction::Response][below(2)];
    let millis = Duration::from_millis(1 + below(300) as u64);
    match below(20) {
        0 | 1 => Action::Kill(node),
        2 => Action::Power(node),
        3 => Action::Restart(node),
        4 => Action::Terminate(node),
        5 | 6 => Action::Start(node),
        7 => Action::Wipe(node),
        8 => Action::Pause(node),
        9 | 10 => Action::Resume(node),
        11 => Action::Skew(node, millis.as_millis() as i64 - 150),
        12 => Action::SlowDisk(node, millis),
        13 => Action::Cut(node, peer),
        14 => Action::Slow(node, peer, millis),
        15 => Action::Drop(node, peer, below(700) as u16),
        16 => Action::Hold(api, way, node, peer),
        17 => Action::Release(api, way, node, peer),
        18 => Action::Sever(node, peer),
        _ if millis.as_millis() > 150 => Action::Heal,
        _ => Action::Ask(node, 3),
    }
}
