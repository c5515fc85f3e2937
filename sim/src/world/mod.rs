//! The world: every process, disk, clock and connection of a run, as one value.
//!
//! A world is stepped from outside, one input at a time, in the one global order of
//! `agenda.rs`: there is no thread, task or future in it, and a clone of it goes on exactly as it
//! would have. What it does between two inputs is told in a [`Report`].
//!
//! ```text
//!            peek ─▶ (moment, node)                the host waits for the moment
//!            step ─▶ Step, report()                one input taken, its effects applied
//!   kill, cut, … ─▶ report()                       a fault, between two inputs, at `now`
//! ```
//! The network, disks and faults follow the rules of ARCHITECTURE.md, "Semantics". A chance is drawn
//! by what it is about and the moment (see [`kafkalab_core::chance`]), so a fault added at T leaves
//! everything before T as it was.
//!
//! ## Simplified
//! Bytes have no size on the wire: a message takes as long as the latency says. One machine runs one
//! process. A cut is harsher than TCP: it also holds back what connections would retransmit.

mod agenda;
mod faults;
mod lots;
mod network;
mod node;
mod panics;
mod report;
#[cfg(test)]
mod tests;
mod trace;
mod wire;

pub use network::{Latency, NetConfig};
pub use node::{DiskConfig, NodeSetup};
pub(crate) use panics::guarded;
pub use panics::quiet_panics;
pub use report::{
    Counters, Death, Died, Finding, Letter, LifeChange, Report, Sent, Step, StepKind,
};
pub use trace::TraceHash;

use agenda::{Agenda, Key, Parcel, Slot, Source, What};
use kafkalab_core::chance::Name;
use kafkalab_core::engine::{Effect, Effects, Input, Process};
use kafkalab_core::id::{Incarnation, InputNo, NodeId};
use kafkalab_core::protocol::Frame;
use kafkalab_core::time::Instant;
use network::Network;
use node::{Directory, Life, Node};
use trace::Trace;

/// So many turns at one moment mean that time stands still.
const LIVELOCK: u32 = 100_000;

/// A whole cluster in its surroundings.
#[derive(Clone)]
pub struct World<P: Process> {
    now: Instant,
    inputs: InputNo,
    nodes: Vec<Node<P>>,
    directory: Directory,
    network: Network,
    disk: DiskConfig,
    agenda: Agenda,
    trace: Trace,
    counters: Counters,
    report: Report,
    life_changes: Vec<LifeChange>,
    finding: Option<Finding>,
    /// How many turns were taken at `now`.
    turns_now: u32,
    /// Space for the effects of one input.
    fx: Effects,
}

impl<P: Process> World<P> {
    /// A world in which nothing runs yet. `nodes` in order: brokers, controllers, clients.
    pub fn new(seed: u64, nodes: Vec<NodeSetup<P>>, net: NetConfig, disk: DiskConfig) -> Self {
        let ids: Vec<NodeId> = nodes.iter().map(|node| node.id).collect();
        let names: Vec<(NodeId, Name)> = nodes.iter().map(|node| (node.id, node.name)).collect();
        Self {
            now: Instant::ZERO,
            inputs: InputNo(0),
            directory: Directory::new(&ids),
            network: Network::new(seed, net, &names),
            nodes: nodes.into_iter().map(|setup| Node::new(seed, setup)).collect(),
            disk,
            agenda: Agenda::new(ids.len()),
            trace: Trace::new(seed),
            counters: Counters::default(),
            report: Report::default(),
            life_changes: Vec::new(),
            finding: None,
            turns_now: 0,
            fx: Effects::default(),
        }
    }

    /// Now: the moment of the latest input, or where [`Self::advance`] went since.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// How many inputs were taken; the number of the latest one.
    pub const fn inputs(&self) -> InputNo {
        self.inputs
    }

    /// The work done so far.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The hash of all that happened so far.
    pub fn trace(&self) -> TraceHash {
        self.trace.digest()
    }

    /// What the latest step or fault did.
    pub const fn report(&self) -> &Report {
        &self.report
    }

    /// The messages that died during the latest step and the faults after it, each told once.
    pub fn take_deaths(&mut self) -> Vec<Died> {
        std::mem::take(&mut self.report.died)
    }

    /// Why the run cannot go on, if so.
    pub const fn finding(&self) -> Option<&Finding> {
        self.finding.as_ref()
    }

    /// The lives that began and ended since the last call.
    pub fn life_changes(&mut self) -> impl Iterator<Item = LifeChange> + '_ {
        self.life_changes.drain(..)
    }

    /// All nodes, in order of declaration.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.nodes.iter().map(|node| node.id)
    }

    /// The running process of `node`.
    pub fn process(&self, node: NodeId) -> Option<&P> {
        self.node(node).process()
    }

    /// The disk of `node` while it is down.
    pub fn disk(&self, node: NodeId) -> Option<&P::Disk> {
        match &self.node(node).life {
            Life::Down(disk) | Life::Starting(disk) => Some(disk),
            Life::Up(_) | Life::Poisoned(_) | Life::Lost => None,
        }
    }

    /// What is installed on `node`.
    pub fn spec(&self, node: NodeId) -> &P::Spec {
        &self.node(node).spec
    }

    /// Which life of `node` this is; while down, the one that would come next.
    pub fn incarnation(&self, node: NodeId) -> Incarnation {
        self.node(node).incarnation
    }

    /// Whether a process runs on `node`.
    pub fn is_up(&self, node: NodeId) -> bool {
        self.node(node).is_up()
    }

    /// Whether `node` is paused.
    pub fn is_paused(&self, node: NodeId) -> bool {
        self.node(node).is_paused
    }

    /// Messages under way, earliest first, with the moment they are due.
    pub fn in_flight(&self) -> Vec<(Instant, Letter)> {
        let mut keys: Vec<Key> = self.agenda.keys().collect();
        keys.sort_unstable();
        keys.into_iter().filter_map(|key| Some((key.at(), self.letter_of(key)?))).collect()
    }

    /// Every message that was sent and did not arrive or die yet, in no particular order: under way,
    /// kept from arriving, or in the socket of a paused process.
    pub fn undelivered(&self) -> impl Iterator<Item = &Frame> {
        self.agenda.parcels().filter_map(|parcel| match &parcel.what {
            What::Message(frame) => Some(frame),
            What::Attempt(_)
            | What::Accepted(_)
            | What::Hangup(_)
            | What::GiveUp(_)
            | What::Flushed(..)
            | What::Boot(_)
            | What::Injected(_) => None,
        })
    }

    /// Messages that a cut, a hold or retransmission keeps from arriving.
    pub fn stuck(&self) -> Vec<Letter> {
        self.network.stuck().filter_map(|key| self.letter_of(key)).collect()
    }

    /// When the next turn is, and whose. Changes nothing that could be observed.
    pub fn peek(&mut self) -> Option<(Instant, NodeId)> {
        let key = self.settle()?;
        Some((key.at(), self.nodes[key.slot()].id))
    }

    /// Takes exactly the turn that [`Self::peek`] tells of. `None` if there is none, or if no process
    /// had a part in it: a connection attempt was judged, a message got stuck or died.
    pub fn step(&mut self) -> Option<Step> {
        let key = self.settle()?;
        self.agenda.pop();
        self.report.clear();
        self.tick(key)?;
        if key.is_alarm() {
            self.nodes[key.slot()].alarm = Instant::NEVER;
            return Some(self.take(key, None, StepKind::Alarm, Some(Input::Alarm)));
        }
        let letter = self.letter_of(key);
        let Parcel { cause, what, .. } = self.admit(key)?;
        let (kind, input) = match what {
            What::Boot(_) => (StepKind::Boot, None),
            What::Accepted(conn) => (StepKind::Connected(conn), Some(Input::Connected(conn))),
            What::Hangup(conn) => (StepKind::Hangup(conn), Some(Input::Hangup(conn))),
            What::Flushed(id, _) => (StepKind::Flushed(id), Some(Input::Flushed(id))),
            What::Message(frame) => {
                let kind = StepKind::Deliver(letter.expect("a message has an envelope"));
                let sent_by = cause.expect("an input sends a message");
                (kind, Some(Input::Deliver { frame, sent_by }))
            }
            What::Injected(Input::Terminate) => (StepKind::Terminate, Some(Input::Terminate)),
            What::Injected(Input::Ask(it)) => (StepKind::Ask(it), Some(Input::Ask(it))),
            What::Attempt(_) | What::GiveUp(_) | What::Injected(_) => {
                unreachable!("not for a process")
            }
        };
        Some(self.take(key, cause, kind, input))
    }

    /// Lets time pass without an input: to the moment of a fault. Nothing may be due before it.
    pub fn advance(&mut self, to: Instant) {
        assert!(to >= self.now, "time runs forwards");
        assert!(self.peek().is_none_or(|(at, _)| at >= to), "inputs at or before it come first");
        if to > self.now {
            self.now = to;
            self.turns_now = 0;
        }
    }

    /// The next key that means something: alarms that were moved or cancelled are put right.
    fn settle(&mut self) -> Option<Key> {
        while self.finding.is_none() {
            let key = self.agenda.first()?;
            if !key.is_alarm() {
                return Some(key);
            }
            let node = &mut self.nodes[key.slot()];
            if node.alarm == key.at() {
                let Life::Up(process) = &node.life else { unreachable!("only the living wake up") };
                if process.next_alarm() <= key.at() {
                    return Some(key);
                }
                node.alarm = Instant::NEVER;
                self.set_alarm(key.slot());
            }
            self.agenda.pop();
        }
        None
    }

    /// Enters the alarm that the process at `slot` wants, unless an earlier one is entered already.
    fn set_alarm(&mut self, slot: Slot) {
        let node = &mut self.nodes[slot];
        let Life::Up(process) = &node.life else { return };
        let wanted = process.next_alarm();
        let due = wanted.max(self.now);
        if due < node.alarm {
            node.alarm = due;
            self.agenda.alarm(slot, wanted, self.now);
        }
    }

    /// Moves time to `key`; `None` if time stands still.
    fn tick(&mut self, key: Key) -> Option<()> {
        assert!(key.at() >= self.now, "time runs forwards");
        if key.at() > self.now {
            self.now = key.at();
            self.turns_now = 0;
        }
        self.turns_now += 1;
        if self.turns_now <= LIVELOCK {
            return Some(());
        }
        let node = self.nodes[key.slot()].id;
        self.finding = Some(Finding::Livelock { node, at: self.now });
        None
    }

    /// Takes the parcel of `key` if its node is there to take it; otherwise deals with it.
    fn admit(&mut self, key: Key) -> Option<Parcel> {
        if self.is_stuck(key) {
            return None;
        }
        let slot = key.slot();
        let is_for_process =
            !matches!(self.agenda.parcel_mut(key).what, What::Attempt(_) | What::GiveUp(_));
        if is_for_process && self.nodes[slot].is_paused {
            self.agenda.parcel_mut(key).has_arrived = true;
            self.nodes[slot].backlog.push(key);
            return None;
        }
        let parcel = self.agenda.take(key);
        let node = &self.nodes[slot];
        let is_welcome = match &parcel.what {
            What::Boot(life) => matches!(node.life, Life::Starting(_)) && *life == node.incarnation,
            What::Flushed(_, life) => node.is_up() && *life == node.incarnation,
            What::Injected(_) => node.is_up(),
            _ => self.receive(key, &parcel),
        };
        is_welcome.then_some(parcel)
    }

    /// Lets the process at `key` handle `input` (`None`: boot) and does what it wants done.
    fn take(
        &mut self,
        key: Key,
        cause: Option<InputNo>,
        what: StepKind,
        input: Option<Input>,
    ) -> Step {
        let slot = key.slot();
        self.inputs.0 += 1;
        self.counters.inputs += 1;
        self.counters.delivered += u64::from(matches!(what, StepKind::Deliver(_)));
        self.trace.words(key.words());
        self.trace.word(report::code(&what));
        let mut fx = std::mem::take(&mut self.fx);
        fx.begin(self.inputs);
        fx.set_disk_delay(self.nodes[slot].disk_extra);
        let clock = self.nodes[slot].clock(self.now);
        match self.nodes[slot].run(clock, input, &mut fx) {
            Ok(()) => self.apply(slot, &mut fx),
            Err(message) => self.poison(slot, message),
        }
        let step = Step {
            no: self.inputs,
            at: self.now,
            node: self.nodes[slot].id,
            what,
            cause: cause.or(fx.cause()),
        };
        self.fx = fx;
        self.set_alarm(slot);
        step
    }

    /// Does what the process at `slot` wants done, in order.
    fn apply(&mut self, slot: Slot, fx: &mut Effects) {
        let mut halts = false;
        for effect in fx.drain() {
            match effect {
                Effect::Note(event) => {
                    self.trace.word(trace::fingerprint(&event));
                    self.counters.notes += 1;
                    self.report.notes.push(event);
                }
                Effect::Send { conn, correlation, body, answers } => {
                    self.send(slot, Frame { conn, correlation, body }, answers);
                }
                Effect::Connect { conn, to } => self.connect(slot, conn, to),
                Effect::Close(conn) => self.close(slot, conn),
                Effect::Flush(id) => {
                    let node = &mut self.nodes[slot];
                    let done = node.flush(self.now, self.disk);
                    let what = What::Flushed(id, node.incarnation);
                    self.trace.words([report::code(&StepKind::Flushed(id)), done.as_micros()]);
                    self.counters.flushes += 1;
                    let parcel = Parcel::new(what, Some(self.inputs));
                    self.agenda.push(done, slot, Source::World, parcel);
                }
                Effect::Halt(reason) => {
                    self.trace.words([TAG_HALT, reason as u64]);
                    halts = true;
                }
            }
        }
        if halts && self.nodes[slot].is_up() {
            self.end_life(slot, network::End::Killed);
        }
    }

    /// The process at `slot` panicked or broke its contract: the run ends here.
    fn poison(&mut self, slot: Slot, message: String) {
        self.nodes[slot].poison();
        self.trace.word(TAG_POISON);
        let (node, at, input) = (self.nodes[slot].id, self.now, self.inputs);
        self.finding.get_or_insert(Finding::Poisoned { node, at, input, message });
    }

    fn slot(&self, node: NodeId) -> Slot {
        self.directory.find(node).unwrap_or_else(|| panic!("{node} is a node of this run"))
    }

    fn node(&self, node: NodeId) -> &Node<P> {
        &self.nodes[self.slot(node)]
    }
}

const TAG_HALT: u64 = 0x4a17;
const TAG_POISON: u64 = 0xdead;
