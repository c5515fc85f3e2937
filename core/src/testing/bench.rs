//! Processes on one clock: a queue of inputs, ordered by time, then by when they were caused.

use super::FakeBroker;
use crate::chance::Chance;
use crate::config::{BrokerConfig, TopicConfig, Variations};
use crate::controller::{ControllerNode, ControllerSpec};
use crate::engine::{Effect, Effects, HaltReason, Input, Process};
use crate::event::{ControllerEvent, Event};
use crate::id::{ConnId, CorrelationId, Incarnation, InputNo, NodeId, TopicId};
use crate::metadata::{MetadataImage, PartitionRegistration};
use crate::protocol::{Body, CreateTopicsRequest, Frame, Request, Response};
use crate::raft::{MetadataLogDisk, VoterSet};
use crate::time::{Clock, Duration, Instant, Timestamp};
use std::collections::BTreeMap;

const LINK: Duration = Duration::from_millis(1);
const FLUSH: Duration = Duration::from_micros(200);
pub(crate) const CONTROLLER: NodeId = NodeId::controller(1);
const ADMIN: NodeId = NodeId::client(1);

#[derive(Clone, Debug)]
enum Machine {
    Controller(Box<ControllerNode>),
    Broker(Box<FakeBroker>),
}

#[derive(Clone, Debug)]
struct Slot {
    /// `None` while it is down.
    machine: Option<Machine>,
    disk: MetadataLogDisk,
    life: u32,
}

/// One controller, some fake brokers, and an administrator.
pub(crate) struct Bench {
    pub(crate) now: Instant,
    pub(crate) config: BrokerConfig,
    pub(crate) variations: Variations,
    slots: BTreeMap<NodeId, Slot>,
    queue: BTreeMap<(Instant, u64), (NodeId, u32, Input)>,
    /// Open connections with the side that accepted them.
    conns: BTreeMap<ConnId, NodeId>,
    caused: u64,
    asked: u32,
    responses: Vec<Response>,
    pub(crate) inputs: BTreeMap<NodeId, u64>,
    pub(crate) events: Vec<(Instant, Event)>,
    pub(crate) halted: Vec<(NodeId, HaltReason)>,
    fx: Effects,
}

impl Bench {
    /// A controller and `brokers` brokers, all started at 0.
    pub(crate) fn new(brokers: u16) -> Self {
        let mut bench = Self {
            now: Instant::ZERO,
            config: BrokerConfig::default(),
            variations: Variations::default(),
            slots: BTreeMap::new(),
            queue: BTreeMap::new(),
            conns: BTreeMap::new(),
            caused: 0,
            asked: 0,
            responses: Vec::new(),
            inputs: BTreeMap::new(),
            events: Vec::new(),
            halted: Vec::new(),
            fx: Effects::default(),
        };
        bench.start(CONTROLLER);
        for n in 1..=brokers {
            bench.start(NodeId::broker(n));
        }
        bench
    }

    /// Three brokers, unfenced, and topic 0 with one partition on them, b1 leading.
    pub(crate) fn with_topic(config: TopicConfig) -> Self {
        let mut bench = Self::new(3);
        bench.run_for(Duration::from_secs(3));
        bench.create_topic(0, &[&[1, 2, 3]], config);
        bench.run_for(Duration::from_millis(100));
        bench
    }

    pub(crate) fn create_topic(&mut self, id: u32, assignment: &[&[u16]], config: TopicConfig) {
        let assignment =
            assignment.iter().map(|p| p.iter().map(|n| NodeId::broker(*n)).collect()).collect();
        let request = CreateTopicsRequest { topic: TopicId(id), assignment, config };
        let Response::CreateTopics(response) = self.ask(request) else { unreachable!() };
        assert_eq!(response.error, crate::error_code::ErrorCode::None);
    }

    pub(crate) fn start(&mut self, node: NodeId) {
        let fresh = Slot { machine: None, disk: MetadataLogDisk::default(), life: 0 };
        let slot = self.slots.entry(node).or_insert(fresh);
        assert!(slot.machine.is_none(), "{node} is up");
        let (disk, life) = (std::mem::take(&mut slot.disk), Incarnation(slot.life));
        let voters = VoterSet::new([CONTROLLER]);
        let mut fx = std::mem::take(&mut self.fx);
        fx.begin(InputNo(self.caused));
        let machine = if node == CONTROLLER {
            let spec = ControllerSpec {
                me: node,
                voters,
                config: self.config.clone(),
                variations: self.variations.clone(),
                chance: Chance::of_node(1, node),
            };
            let clock = Clock { now: self.now, wall: Timestamp(0) };
            let node = ControllerNode::boot(&spec, disk, life, clock, &mut fx);
            Machine::Controller(Box::new(node))
        } else {
            let broker =
                FakeBroker::boot(node, voters, &self.config, (disk, life), self.now, &mut fx);
            Machine::Broker(Box::new(broker))
        };
        slot.machine = Some(machine);
        self.carry_out(node, &mut fx);
        self.fx = fx;
    }

    /// `kill -9`: everything written survives, the peers get a hangup.
    pub(crate) fn kill(&mut self, node: NodeId) {
        let slot = self.slots.get_mut(&node).expect("a known node");
        slot.disk = match slot.machine.take().expect("it is up") {
            Machine::Controller(controller) => controller.into_disk(),
            Machine::Broker(broker) => broker.observer.into_disk(),
        };
        slot.life += 1;
        let gone: Vec<ConnId> = self
            .conns
            .iter()
            .filter(|(conn, server)| conn.client == node || **server == node)
            .map(|(conn, _)| *conn)
            .collect();
        for conn in gone {
            let server = self.conns.remove(&conn).expect("just seen");
            let peer = if server == node { conn.client } else { server };
            self.cause(self.now + LINK, peer, Input::Hangup(conn));
        }
    }

    pub(crate) fn terminate(&mut self, node: NodeId) {
        self.cause(self.now, node, Input::Terminate);
    }

    /// Power failed while it was down: what it had not flushed is gone, or part of it.
    pub(crate) fn lose_power(&mut self, node: NodeId, seed: u64) {
        let slot = self.slots.get_mut(&node).expect("a known node");
        assert!(slot.machine.is_none(), "{node} is up");
        let draws = &mut Chance::of_node(seed, node).draws_about("power");
        slot.disk.lose_unflushed(self.now, draws);
    }

    /// Asks the controller and waits for the answer.
    pub(crate) fn ask(&mut self, request: impl Into<Request>) -> Response {
        self.ask_together([request]).pop().expect("one answer")
    }

    /// Sends all of these on one connection at once, and waits for the answers.
    pub(crate) fn ask_together<const N: usize>(
        &mut self,
        requests: [impl Into<Request>; N],
    ) -> Vec<Response> {
        let conn = self.admin_conn();
        for (n, request) in requests.into_iter().enumerate() {
            let body = Body::Request(request.into());
            self.deliver(CONTROLLER, conn, CorrelationId(n as u32), body);
        }
        while self.responses.len() < N {
            self.step();
        }
        std::mem::take(&mut self.responses)
    }

    /// Asks the controller and does not wait.
    pub(crate) fn tell(&mut self, request: impl Into<Request>) {
        let conn = self.admin_conn();
        self.deliver(CONTROLLER, conn, CorrelationId(0), Body::Request(request.into()));
    }

    fn admin_conn(&mut self) -> ConnId {
        let conn = ConnId { client: ADMIN, n: self.asked };
        self.asked += 1;
        self.conns.insert(conn, CONTROLLER);
        conn
    }

    pub(crate) fn controller(&self) -> &ControllerNode {
        match &self.slots[&CONTROLLER].machine {
            Some(Machine::Controller(controller)) => controller,
            Some(Machine::Broker(_)) | None => panic!("the controller is down"),
        }
    }

    pub(crate) fn broker(&self, n: u16) -> &FakeBroker {
        match &self.slots[&NodeId::broker(n)].machine {
            Some(Machine::Broker(broker)) => broker,
            Some(Machine::Controller(_)) | None => panic!("b{n} is down"),
        }
    }

    /// Lets a test do something with a broker, as one input.
    pub(crate) fn with_broker<T>(
        &mut self,
        n: u16,
        act: impl FnOnce(&mut FakeBroker, Instant, &mut Effects) -> T,
    ) -> T {
        let mut fx = std::mem::take(&mut self.fx);
        fx.begin(InputNo(self.caused));
        let node = NodeId::broker(n);
        let result = match &mut self.slots.get_mut(&node).expect("a known node").machine {
            Some(Machine::Broker(broker)) => act(broker, self.now, &mut fx),
            Some(Machine::Controller(_)) | None => panic!("b{n} is down"),
        };
        self.carry_out(node, &mut fx);
        self.fx = fx;
        result
    }

    /// The committed image.
    pub(crate) fn image(&self) -> &MetadataImage {
        &self.controller().controller().images().committed
    }

    /// The committed record of partition 0 of topic 0.
    pub(crate) fn partition(&self) -> &PartitionRegistration {
        &self.image().topics[&TopicId(0)].partitions[0]
    }

    /// When each event that `pick` knows happened, since `from`.
    pub(crate) fn controller_events(&self, from: Instant) -> Vec<(Instant, ControllerEvent)> {
        let told = self.events.iter().filter(|(at, _)| *at >= from);
        told.filter_map(|(at, event)| match event {
            Event::Controller(event) => Some((*at, event.clone())),
            Event::Replica(_) | Event::Client(_) => None,
        })
        .collect()
    }

    pub(crate) fn run_for(&mut self, length: Duration) {
        let until = self.now + length;
        while self.next_at() <= until {
            self.step();
        }
        self.now = until;
    }

    /// Runs until `is_done`, at most a minute.
    pub(crate) fn run_until(&mut self, is_done: impl Fn(&Self) -> bool) {
        let until = self.now + Duration::from_secs(60);
        while !is_done(self) {
            assert!(self.next_at() < until, "it never happens");
            self.step();
        }
    }

    fn next_alarm(&self) -> Option<(Instant, NodeId)> {
        let up = self.slots.iter().filter_map(|(n, slot)| Some((*n, slot.machine.as_ref()?)));
        up.map(|(node, machine)| match machine {
            Machine::Controller(controller) => (controller.next_alarm(), node),
            Machine::Broker(broker) => (broker.next_alarm(), node),
        })
        .min()
    }

    fn next_at(&self) -> Instant {
        let queued = self.queue.first_key_value().map_or(Instant::NEVER, |((at, _), _)| *at);
        self.next_alarm().map_or(Instant::NEVER, |(at, _)| at.max(self.now)).min(queued)
    }

    fn step(&mut self) {
        let at = self.next_at();
        assert_ne!(at, Instant::NEVER, "nothing will ever happen");
        self.now = at;
        let queued = self.queue.first_key_value().map(|((at, _), _)| *at);
        let (node, life, input) = if queued == Some(at) {
            self.queue.pop_first().expect("just seen").1
        } else {
            let (_, node) = self.next_alarm().expect("something is due");
            (node, self.slots[&node].life, Input::Alarm)
        };
        if node == ADMIN {
            if let Input::Deliver { frame: Frame { body: Body::Response(r), .. }, .. } = input {
                self.responses.push(r);
            }
            return;
        }
        let slot = self.slots.get_mut(&node).expect("a known node");
        if slot.life != life {
            return;
        }
        let mut fx = std::mem::take(&mut self.fx);
        self.caused += 1;
        fx.begin(InputNo(self.caused));
        *self.inputs.entry(node).or_default() += 1;
        let clock = Clock { now: self.now, wall: Timestamp(0) };
        match slot.machine.as_mut().expect("a living node") {
            Machine::Controller(controller) => controller.handle(clock, input, &mut fx),
            Machine::Broker(broker) => broker.handle(self.now, input, &mut fx),
        }
        self.carry_out(node, &mut fx);
        self.fx = fx;
    }

    fn carry_out(&mut self, node: NodeId, fx: &mut Effects) {
        for effect in fx.drain() {
            match effect {
                Effect::Connect { conn, to } => {
                    let is_up = self.slots.get(&to).is_some_and(|slot| slot.machine.is_some());
                    if is_up {
                        self.conns.insert(conn, to);
                        self.cause(self.now + LINK * 2, node, Input::Connected(conn));
                    } else {
                        self.cause(self.now + LINK * 2, node, Input::Hangup(conn));
                    }
                }
                Effect::Close(conn) => {
                    if let Some(server) = self.conns.remove(&conn) {
                        let peer = if server == node { conn.client } else { server };
                        self.cause(self.now + LINK, peer, Input::Hangup(conn));
                    }
                }
                Effect::Send { conn, correlation, body, .. } => {
                    if let Some(server) = self.conns.get(&conn) {
                        let to = if *server == node { conn.client } else { *server };
                        self.deliver(to, conn, correlation, body);
                    }
                }
                Effect::Flush(id) => self.cause(self.now + FLUSH, node, Input::Flushed(id)),
                Effect::Note(event) => self.events.push((self.now, event)),
                Effect::Halt(reason) => {
                    self.halted.push((node, reason));
                    self.kill(node);
                    return;
                }
            }
        }
    }

    fn deliver(&mut self, to: NodeId, conn: ConnId, correlation: CorrelationId, body: Body) {
        let frame = Frame { conn, correlation, body };
        let sent_by = InputNo(self.caused);
        self.cause(self.now + LINK, to, Input::Deliver { frame, sent_by });
    }

    fn cause(&mut self, at: Instant, node: NodeId, input: Input) {
        self.caused += 1;
        let life = self.slots.get(&node).map_or(0, |slot| slot.life);
        self.queue.insert((at, self.caused), (node, life, input));
    }
}
