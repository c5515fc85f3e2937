//! A scripted cluster for tests: it accepts connections, answers what is not the point of a test by
//! itself (Metadata, InitProducerId) and keeps the rest for the test to answer.

use crate::engine::{Effect, Effects, Input, Process};
use crate::epoch::{LeaderEpoch, ProducerEpoch};
use crate::error_code::ErrorCode;
use crate::event::{ClientEvent, Event};
use crate::id::{
    ConnId, CorrelationId, Incarnation, InputNo, NodeId, ProducerId, TopicId, TopicPartition,
};
use crate::protocol::{
    Body, Frame, InitProducerIdResponse, MetadataPartition, MetadataResponse, MetadataTopic,
    Request, Response,
};
use crate::time::{Clock, Duration, Instant, Timestamp};
use std::collections::{BTreeSet, VecDeque};

pub(super) const TOPIC: TopicId = TopicId(0);

pub(super) const fn tp(partition: u32) -> TopicPartition {
    TopicPartition { topic: TOPIC, partition }
}

pub(super) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A request that waits for the test's answer.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) to: NodeId,
    conn: ConnId,
    correlation: CorrelationId,
    pub(super) request: Request,
}

/// One client on its own, and what it believes to be a cluster.
#[derive(Clone, Debug)]
pub(super) struct Bench<P: Process> {
    pub(super) process: P,
    pub(super) now: Instant,
    /// Leader and epoch of each partition.
    pub(super) leaders: Vec<(Option<u16>, u32)>,
    /// How many brokers there are.
    pub(super) brokers: u16,
    /// They refuse connections.
    pub(super) down: BTreeSet<NodeId>,
    /// They leave Metadata and InitProducerId to the test as well.
    pub(super) is_mute: bool,
    pub(super) pending: Vec<Pending>,
    pub(super) notes: Vec<ClientEvent>,
    pub(super) inputs: u64,
    pub(super) metadata_requests: u32,
    pub(super) is_halted: bool,
    connections: Vec<(ConnId, NodeId)>,
    todo: VecDeque<Input>,
    next_producer_id: i64,
    fx: Effects,
}

fn clock(now: Instant) -> Clock {
    Clock { now, wall: Timestamp(now.as_micros() as i64 / 1_000) }
}

impl<P: Process> Bench<P> {
    /// Boots a client in a cluster of `brokers`, whose partition `n` is led by `leaders[n]`.
    pub(super) fn new(spec: &P::Spec, brokers: u16, leaders: &[u16]) -> Self {
        Self::restart(spec, P::blank_disk(spec), 0, brokers, leaders)
    }

    /// Boots life `life` of a client.
    pub(super) fn restart(
        spec: &P::Spec,
        disk: P::Disk,
        life: u32,
        brokers: u16,
        leaders: &[u16],
    ) -> Self {
        let mut fx = Effects::default();
        let process = P::boot(spec, disk, Incarnation(life), clock(Instant::ZERO), &mut fx);
        let mut bench = Self {
            process,
            now: Instant::ZERO,
            leaders: leaders.iter().map(|n| (Some(*n), 0)).collect(),
            brokers,
            down: BTreeSet::new(),
            is_mute: false,
            pending: Vec::new(),
            notes: Vec::new(),
            inputs: 0,
            metadata_requests: 0,
            is_halted: false,
            connections: Vec::new(),
            todo: VecDeque::new(),
            next_producer_id: 1000,
            fx,
        };
        bench.absorb();
        bench
    }

    /// Hands over one input, then whatever the cluster does about its effects.
    pub(super) fn input(&mut self, input: Input) {
        self.todo.push_back(input);
        while let Some(input) = self.todo.pop_front() {
            self.inputs += 1;
            self.fx.begin(InputNo(self.inputs));
            self.process.handle(clock(self.now), input, &mut self.fx);
            self.absorb();
        }
    }

    /// Lets the cluster react to the boot.
    pub(super) fn settle(&mut self) {
        self.answer_by_itself();
        if let Some(input) = self.todo.pop_front() {
            self.input(input);
        }
    }

    fn absorb(&mut self) {
        for effect in self.fx.clone().as_slice() {
            match effect {
                Effect::Connect { conn, to } if self.down.contains(to) => {
                    self.todo.push_back(Input::Hangup(*conn));
                }
                Effect::Connect { conn, to } => {
                    self.connections.push((*conn, *to));
                    self.todo.push_back(Input::Connected(*conn));
                }
                Effect::Close(conn) => self.forget(*conn),
                Effect::Send { conn, correlation, body, .. } => {
                    self.take(*conn, *correlation, body);
                }
                Effect::Note(Event::Client(event)) => self.notes.push(event.clone()),
                Effect::Halt(_) => self.is_halted = true,
                Effect::Flush(_) | Effect::Note(_) => unreachable!("not a client's: {effect:?}"),
            }
        }
        self.fx.begin(InputNo(self.inputs));
        self.answer_by_itself();
    }

    fn take(&mut self, conn: ConnId, correlation: CorrelationId, body: &Body) {
        let Body::Request(request) = body else { unreachable!("a client answers nobody") };
        let Some((_, to)) = self.connections.iter().find(|(known, _)| *known == conn) else {
            unreachable!("{conn:?} does not stand")
        };
        self.metadata_requests += u32::from(matches!(request, Request::Metadata(_)));
        self.pending.push(Pending { to: *to, conn, correlation, request: request.clone() });
    }

    fn forget(&mut self, conn: ConnId) {
        self.pending.retain(|pending| pending.conn != conn);
        self.connections.retain(|(known, _)| *known != conn);
    }

    /// Answers what tests do not care about, where no earlier request of the connection waits.
    fn answer_by_itself(&mut self) {
        while let Some((place, response)) = self.find_routine() {
            let Pending { conn, correlation, .. } = self.pending.remove(place);
            let frame = Frame { conn, correlation, body: Body::Response(response) };
            self.todo.push_back(Input::Deliver { frame, sent_by: InputNo(0) });
        }
    }

    fn find_routine(&mut self) -> Option<(usize, Response)> {
        let is_first = |place: usize| {
            let conn = self.pending[place].conn;
            self.pending[..place].iter().all(|earlier| earlier.conn != conn)
        };
        let routine = |request: &Request| {
            matches!(request, Request::Metadata(_) | Request::InitProducerId(_))
        };
        let mut places = 0..self.pending.len();
        let place =
            places.find(|p| !self.is_mute && is_first(*p) && routine(&self.pending[*p].request))?;
        let response = if let Request::Metadata(_) = self.pending[place].request {
            self.metadata().into()
        } else {
            self.next_producer_id += 1;
            let producer_id = ProducerId(self.next_producer_id);
            let producer_epoch = ProducerEpoch::ZERO;
            InitProducerIdResponse { error: ErrorCode::None, producer_id, producer_epoch }.into()
        };
        Some((place, response))
    }

    /// What the cluster says of itself.
    pub(super) fn metadata(&self) -> MetadataResponse {
        let up = (1..=self.brokers).map(NodeId::broker).filter(|n| !self.down.contains(n));
        let partition = |(n, (leader, epoch)): (usize, &(Option<u16>, u32))| MetadataPartition {
            tp: tp(n as u32),
            error: if leader.is_some() { ErrorCode::None } else { ErrorCode::LeaderNotAvailable },
            leader: leader.map(NodeId::broker),
            leader_epoch: LeaderEpoch(*epoch),
        };
        MetadataResponse {
            brokers: up.collect(),
            controller: None,
            topics: vec![MetadataTopic {
                topic: TOPIC,
                error: ErrorCode::None,
                partitions: self.leaders.iter().enumerate().map(partition).collect(),
            }],
        }
    }

    /// Answers the oldest request that `wants` accepts.
    pub(super) fn answer(
        &mut self,
        wants: impl Fn(&Pending) -> bool,
        response: impl Into<Response>,
    ) {
        let place = self.pending.iter().position(wants).expect("a request waits for this answer");
        let Pending { conn, correlation, .. } = self.pending.remove(place);
        let frame = Frame { conn, correlation, body: Body::Response(response.into()) };
        self.input(Input::Deliver { frame, sent_by: InputNo(0) });
    }

    /// Breaks the connection to `node`, if there is one.
    pub(super) fn hang_up(&mut self, node: NodeId) {
        self.settle();
        let found = self.connections.iter().find(|(_, to)| *to == node).copied();
        if let Some((conn, _)) = found {
            self.forget(conn);
            self.input(Input::Hangup(conn));
        }
    }

    /// Lets time pass until `at`, with all alarms on the way.
    pub(super) fn run_until(&mut self, at: Instant) {
        self.settle();
        let mut at_once = 0;
        while self.process.next_alarm() <= at && !self.is_halted {
            let due = self.process.next_alarm().max(self.now);
            at_once = if due == self.now { at_once + 1 } else { 0 };
            assert!(at_once < 10_000, "a livelock at {:?}", self.now);
            self.now = due;
            self.input(Input::Alarm);
        }
        self.now = at.max(self.now);
    }

    /// Lets `length` pass.
    pub(super) fn run_for(&mut self, length: Duration) {
        self.run_until(self.now + length);
    }
}
