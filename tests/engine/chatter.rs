//! Toy processes that do everything a process can do to its world, all the time.
//!
//! A server answers Metadata at once and InitProducerId after a flush; a client keeps a few requests
//! open to every server it knows, gives up on what is late, and reconnects. A broker is both.

use kafkalab_core::chance::{Draws, DrawsAbout, Name, mix};
use kafkalab_core::engine::{Command, Effects, FlushId, HaltReason, Input, Process, ReplyTo};
use kafkalab_core::epoch::ProducerEpoch;
use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::event::ClientEvent;
use kafkalab_core::id::{ConnId, CorrelationId, Incarnation, NodeId, NodeKind, ProducerId};
use kafkalab_core::protocol::{
    Body, InitProducerIdRequest, InitProducerIdResponse, MetadataRequest, MetadataResponse, Request,
};
use kafkalab_core::time::{Clock, Duration, Instant};
use kafkalab_core::timers::Timers;

#[derive(Clone)]
pub(crate) struct Spec {
    pub(crate) id: NodeId,
    pub(crate) seed: u64,
    /// The servers it talks to.
    pub(crate) servers: Vec<NodeId>,
    /// The mean time between two requests to one server.
    pub(crate) pace: Duration,
}

/// Written and flushed digests of everything a server was asked.
#[derive(Clone, Default)]
pub(crate) struct Disk {
    written: u64,
    flushed: u64,
}

#[derive(Clone)]
pub(crate) struct Chatter {
    spec: Spec,
    disk: Disk,
    timers: Timers<Timer>,
    links: Vec<Link>,
    next_conn: u32,
    next_correlation: u32,
    next_flush: u64,
    /// Requests that wait for a flush, and what is flushed then.
    parked: Vec<(FlushId, ReplyTo, u64)>,
    pace: Draws,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Connect(usize),
    Ask(usize),
    Timeout(usize),
    ShutDown,
}

/// What a client knows of one server.
#[derive(Clone)]
struct Link {
    server: NodeId,
    conn: Option<ConnId>,
    is_open: bool,
    waiting: u32,
}

impl Process for Chatter {
    type Spec = Spec;
    type Disk = Disk;

    fn blank_disk(_: &Spec) -> Disk {
        Disk::default()
    }

    fn boot(spec: &Spec, disk: Disk, life: Incarnation, clock: Clock, fx: &mut Effects) -> Self {
        let link =
            |server: &NodeId| Link { server: *server, conn: None, is_open: false, waiting: 0 };
        let mut chatter = Self {
            links: spec.servers.iter().map(link).collect(),
            disk,
            timers: Timers::default(),
            next_conn: life.0 << 16,
            next_correlation: 0,
            next_flush: 0,
            parked: Vec::new(),
            pace: Draws::new(spec.seed, "pace", u64::from(spec.id.raw())),
            spec: spec.clone(),
        };
        for link in 0..chatter.links.len() {
            chatter.timers.set(Timer::Connect(link), clock.now);
        }
        note(fx, chatter.disk.written ^ clock.wall.0 as u64);
        chatter
    }

    fn handle(&mut self, clock: Clock, input: Input, fx: &mut Effects) {
        match input {
            Input::Alarm => match self.timers.pop_due(clock.now).expect("an alarm has a reason") {
                Timer::Connect(link) => self.connect(link, clock.now, fx),
                Timer::Ask(link) => self.ask(link, clock.now, fx),
                Timer::Timeout(link) => self.give_up(link, clock.now, fx),
                Timer::ShutDown => fx.halt(HaltReason::ShutDown),
            },
            Input::Connected(conn) => {
                if let Some(link) = self.link_of(conn) {
                    self.links[link].is_open = true;
                    self.timers.set(Timer::Ask(link), clock.now);
                }
            }
            Input::Hangup(conn) => {
                note(fx, 0xbad);
                if let Some(link) = self.link_of(conn) {
                    self.reconnect(link, clock.now);
                }
            }
            Input::Deliver { frame, .. } => match frame.body {
                Body::Request(request) => {
                    let (conn, correlation) = (frame.conn, frame.correlation);
                    let to = ReplyTo { conn, correlation, asked: fx.input() };
                    self.serve(&request, to, fx);
                }
                Body::Response(_) => self.answered(frame.conn, frame.correlation, clock.now, fx),
            },
            Input::Flushed(id) => {
                let at = self.parked.iter().position(|(flush, ..)| *flush == id);
                let (_, to, written) = self.parked.remove(at.expect("it was asked for"));
                self.disk.flushed = written;
                fx.caused_by(to.asked);
                let error = ErrorCode::None;
                let (producer_id, producer_epoch) = (ProducerId(0), ProducerEpoch::ZERO);
                fx.reply(to, InitProducerIdResponse { error, producer_id, producer_epoch });
            }
            Input::Terminate => {
                self.timers.set(Timer::ShutDown, clock.now + Duration::from_millis(3));
            }
            Input::Ask(Command::Send(requests)) => {
                assert!(requests < 1_000, "that is too much for a toy");
                for _ in 0..requests {
                    for link in 0..self.links.len() {
                        self.ask(link, clock.now, fx);
                    }
                }
            }
        }
    }

    fn next_alarm(&self) -> Instant {
        self.timers.next()
    }

    fn into_disk(self) -> Disk {
        self.disk
    }

    fn lose_unflushed(disk: &mut Disk, _: &Spec, now: Instant, draws: &mut DrawsAbout) {
        disk.written = mix(disk.flushed, draws.draw(now, Name::of("disk")));
    }
}

impl Chatter {
    fn link_of(&self, conn: ConnId) -> Option<usize> {
        self.links.iter().position(|link| link.conn == Some(conn))
    }

    fn connect(&mut self, link: usize, now: Instant, fx: &mut Effects) {
        let conn = ConnId { client: self.spec.id, n: self.next_conn };
        self.next_conn += 1;
        let it = &mut self.links[link];
        (it.conn, it.is_open, it.waiting) = (Some(conn), false, 0);
        fx.connect(conn, it.server);
        self.timers.set(Timer::Timeout(link), now + Duration::from_millis(500));
    }

    fn ask(&mut self, link: usize, now: Instant, fx: &mut Effects) {
        let it = &mut self.links[link];
        let (Some(conn), true) = (it.conn, it.is_open) else { return };
        if it.waiting < 5 {
            it.waiting += 1;
            let correlation = CorrelationId(self.next_correlation);
            self.next_correlation += 1;
            if correlation.0.is_multiple_of(3) {
                fx.request(conn, correlation, InitProducerIdRequest);
            } else {
                fx.request(conn, correlation, MetadataRequest { topics: Vec::new() });
            }
            self.timers.set(Timer::Timeout(link), now + Duration::from_millis(800));
        }
        let rest = self.pace.between(now, Duration::ZERO, self.spec.pace * 2);
        self.timers.set(Timer::Ask(link), now + rest);
    }

    fn answered(&mut self, conn: ConnId, no: CorrelationId, now: Instant, fx: &mut Effects) {
        note(fx, u64::from(no.0));
        let Some(link) = self.link_of(conn) else { return };
        self.links[link].waiting -= 1;
        if self.links[link].waiting == 0 {
            self.timers.cancel(Timer::Timeout(link));
        } else {
            self.timers.set(Timer::Timeout(link), now + Duration::from_millis(800));
        }
    }

    fn give_up(&mut self, link: usize, now: Instant, fx: &mut Effects) {
        fx.close(self.links[link].conn.expect("only what was opened is late"));
        self.reconnect(link, now);
    }

    fn reconnect(&mut self, link: usize, now: Instant) {
        self.links[link].conn = None;
        self.links[link].is_open = false;
        self.timers.cancel(Timer::Ask(link));
        self.timers.cancel(Timer::Timeout(link));
        self.timers.set(Timer::Connect(link), now + Duration::from_millis(50));
    }

    fn serve(&mut self, request: &Request, to: ReplyTo, fx: &mut Effects) {
        self.disk.written = mix(self.disk.written, u64::from(to.correlation.0));
        if matches!(request, Request::InitProducerId(_)) {
            let id = FlushId(self.next_flush);
            self.next_flush += 1;
            self.parked.push((id, to, self.disk.written));
            fx.flush(id);
        } else {
            note(fx, self.disk.written);
            let (brokers, topics) = (Vec::new(), Vec::new());
            fx.reply(to, MetadataResponse { brokers, controller: None, topics });
        }
    }
}

/// Any number a toy wants the trace to contain.
fn note(fx: &mut Effects, number: u64) {
    fx.note(ClientEvent::ProducerIdAssigned { producer_id: ProducerId(number as i64) });
}

/// Everybody who talks in a run: three brokers that know each other, and clients of all of them.
pub(crate) fn cast(seed: u64, clients: u16) -> Vec<Spec> {
    let brokers: Vec<NodeId> = (1..=3).map(NodeId::broker).collect();
    let nodes = brokers.iter().copied().chain((1..=clients).map(NodeId::client));
    nodes
        .map(|id| {
            let is_peer = |server: &NodeId| id.kind() == NodeKind::Client || *server > id;
            let servers = brokers.iter().copied().filter(is_peer).collect();
            Spec { id, seed, servers, pace: Duration::from_millis(30) }
        })
        .collect()
}
