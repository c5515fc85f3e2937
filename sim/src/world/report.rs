//! What the world tells its caller about the latest step or fault: plain data, reused space.

use kafkalab_core::chance::mix;
use kafkalab_core::engine::{Command, FlushId};
use kafkalab_core::event::Event;
use kafkalab_core::id::{ConnId, CorrelationId, InputNo, NodeId};
use kafkalab_core::protocol::{ApiKey, Direction, Frame};
use kafkalab_core::time::Instant;

/// One input that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its number, from 1.
    pub no: InputNo,
    /// When.
    pub at: Instant,
    /// Who took it.
    pub node: NodeId,
    /// What it was.
    pub what: StepKind,
    /// The input that caused it; `None` if the story or nothing in particular did.
    pub cause: Option<InputNo>,
}

/// What kind of input it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// A life began.
    Boot,
    /// A timer or a work item ran.
    Alarm,
    /// A connection stands.
    Connected(ConnId),
    /// A message arrived.
    Deliver(Letter),
    /// A connection is gone.
    Hangup(ConnId),
    /// A flush is done.
    Flushed(FlushId),
    /// SIGTERM.
    Terminate,
    /// The story asked for something.
    Ask(Command),
}

/// The envelope of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Who sent it.
    pub from: NodeId,
    /// To whom.
    pub to: NodeId,
    /// On which connection.
    pub conn: ConnId,
    /// Which request it is, or answers.
    pub correlation: CorrelationId,
    /// Its API.
    pub api: ApiKey,
    /// Request or response.
    pub direction: Direction,
}

/// A message that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The message.
    pub letter: Letter,
    /// For an answer: the input that brought the request.
    pub answers: Option<InputNo>,
}

/// A message that will never arrive: the `x` of a diagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Died {
    /// The message.
    pub letter: Letter,
    /// The input that sent it.
    pub sent_by: Option<InputNo>,
    /// Why.
    pub why: Death,
}

/// Why a message died. A lone message does not get lost on TCP: it dies with its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// The receiving end was closed, dead or restarted.
    NobodyThere,
    /// Its sender died while it was held back by a cut, a hold or retransmission.
    StuckAtDeath,
    /// The connection broke while it was under way.
    Broken,
}

/// A change of life, which the host mirrors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifeChange {
    /// A life was started; its boot is an input to come.
    Started(NodeId),
    /// A life ended.
    Ended(NodeId),
}

/// What the latest step or fault did, apart from changing the process.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The notes of the process, in order.
    pub notes: Vec<Event>,
    /// The messages it sent, in order.
    pub sent: Vec<Sent>,
    /// The messages that died.
    pub died: Vec<Died>,
}

impl Report {
    pub(super) fn clear(&mut self) {
        self.notes.clear();
        self.sent.clear();
        self.died.clear();
    }
}

/// How much was done. The same on every machine, so tests pin it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Inputs handled, boots included.
    pub inputs: u64,
    /// Messages sent.
    pub messages: u64,
    /// Bytes in them: 100 for each message, and the batches inside.
    pub bytes: u64,
    /// Messages delivered.
    pub delivered: u64,
    /// Messages that died.
    pub died: u64,
    /// Flushes asked for.
    pub flushes: u64,
    /// Connections asked for.
    pub connections: u64,
    /// Faults and other doings of the story.
    pub faults: u64,
    /// Notes.
    pub notes: u64,
}

impl Counters {
    /// All numbered events: notes, messages sent, delivered or dead, doings of the story.
    pub const fn events(&self) -> u64 {
        self.notes + self.messages + self.delivered + self.died + self.faults
    }
}

/// Why a run cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A process panicked, or broke its contract with the world.
    Poisoned {
        /// Which process.
        node: NodeId,
        /// When.
        at: Instant,
        /// In which input.
        input: InputNo,
        /// What it said, and where.
        message: String,
    },
    /// Time stands still: too many inputs at one moment.
    Livelock {
        /// The node that would have gone on.
        node: NodeId,
        /// The moment.
        at: Instant,
    },
}

/// The envelope of `frame`.
pub(super) fn letter(frame: &Frame, from: NodeId, to: NodeId) -> Letter {
    Letter {
        from,
        to,
        conn: frame.conn,
        correlation: frame.correlation,
        api: frame.body.api(),
        direction: frame.body.direction(),
    }
}

/// What an input was, as one word for the trace.
pub(super) const fn code(what: &StepKind) -> u64 {
    match what {
        StepKind::Boot => 1 << 56,
        StepKind::Alarm => 2 << 56,
        StepKind::Connected(conn) => 3 << 56 | conn_code(*conn),
        StepKind::Deliver(letter) => 4 << 56 ^ message_code(letter),
        StepKind::Hangup(conn) => 5 << 56 | conn_code(*conn),
        StepKind::Flushed(id) => 6 << 56 ^ id.0,
        StepKind::Terminate => 7 << 56,
        StepKind::Ask(Command::Send(records)) => 8 << 56 | *records as u64,
    }
}

/// A connection as one word, at most 48 bits.
pub(super) const fn conn_code(conn: ConnId) -> u64 {
    (conn.client.raw() as u64) << 32 | conn.n as u64
}

/// A message as one word; together with the others of its run it stands for the whole message.
pub(super) const fn message_code(letter: &Letter) -> u64 {
    let kind = (letter.api as u64) << 1 | letter.direction as u64;
    mix(conn_code(letter.conn) ^ kind << 48, letter.correlation.0 as u64)
}
