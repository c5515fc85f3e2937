//! What a process does to its world: one list, in the order it must happen.

use crate::event::Event;
use crate::id::{ConnId, CorrelationId, InputNo, NodeId};
use crate::protocol::{Body, Request, Response};
use crate::time::Duration;

/// Names one flush of one life of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlushId(pub u64);

/// Why a process ends itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HaltReason {
    /// Its controlled shutdown is complete.
    ShutDown,
    /// It could not register in time (initial.broker.registration.timeout.ms).
    RegistrationTimeout,
}

/// One thing a process does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Open a connection. [`Input::Connected`](super::Input::Connected) or `Hangup` will follow.
    Connect {
        /// The new connection, named by the caller.
        conn: ConnId,
        /// To whom.
        to: NodeId,
    },
    /// Close a connection; the other side gets a hangup after what was sent before.
    Close(ConnId),
    /// Send a message. On a connection that broke meanwhile it is silently lost, as on a socket.
    Send {
        /// The connection.
        conn: ConnId,
        /// Which request it is, or answers.
        correlation: CorrelationId,
        /// What it says.
        body: Body,
        /// For an answer: the input that brought the request.
        answers: Option<InputNo>,
    },
    /// Make everything written so far survive a loss of power.
    Flush(FlushId),
    /// Tell the observers. Deleting every note must not change what a process does.
    Note(Event),
    /// End this life.
    Halt(HaltReason),
}

/// Where an answer goes: kept while a request is parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyTo {
    /// The connection the request came on.
    pub conn: ConnId,
    /// Its correlation id.
    pub correlation: CorrelationId,
    /// The input that brought it.
    pub asked: InputNo,
}

/// Collects the effects of one input.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    list: Vec<Effect>,
    /// The number of the input being handled: what a parked request or work item remembers.
    input: InputNo,
    cause: Option<InputNo>,
    disk_delay: Duration,
}

impl Effects {
    /// Empties the list for the next input, numbered `input`. For hosts and tests.
    pub fn begin(&mut self, input: InputNo) {
        self.list.clear();
        self.input = input;
        self.cause = None;
        self.disk_delay = Duration::ZERO;
    }

    /// Says that the disk is slow. For hosts.
    pub const fn set_disk_delay(&mut self, delay: Duration) {
        self.disk_delay = delay;
    }

    /// What an append or a read of data takes longer at the moment; zero on a healthy disk.
    pub const fn disk_delay(&self) -> Duration {
        self.disk_delay
    }

    /// The number of the input being handled.
    pub const fn input(&self) -> InputNo {
        self.input
    }

    /// Says that this alarm runs work that `cause` left behind. For deliveries the host knows.
    pub fn caused_by(&mut self, cause: InputNo) {
        self.cause = Some(cause);
    }

    /// What [`Self::caused_by`] said.
    pub const fn cause(&self) -> Option<InputNo> {
        self.cause
    }

    /// Opens a connection named `conn` to `to`.
    pub fn connect(&mut self, conn: ConnId, to: NodeId) {
        self.list.push(Effect::Connect { conn, to });
    }

    /// Closes `conn`.
    pub fn close(&mut self, conn: ConnId) {
        self.list.push(Effect::Close(conn));
    }

    /// Sends a request on `conn`.
    pub fn request(
        &mut self,
        conn: ConnId,
        correlation: CorrelationId,
        request: impl Into<Request>,
    ) {
        let body = Body::Request(request.into());
        self.list.push(Effect::Send { conn, correlation, body, answers: None });
    }

    /// Answers the request behind `to`.
    pub fn reply(&mut self, to: ReplyTo, response: impl Into<Response>) {
        let body = Body::Response(response.into());
        let ReplyTo { conn, correlation, asked } = to;
        self.list.push(Effect::Send { conn, correlation, body, answers: Some(asked) });
    }

    /// Asks for a flush of everything written so far.
    pub fn flush(&mut self, id: FlushId) {
        self.list.push(Effect::Flush(id));
    }

    /// Tells the observers.
    pub fn note(&mut self, event: impl Into<Event>) {
        self.list.push(Effect::Note(event.into()));
    }

    /// Ends this life.
    pub fn halt(&mut self, reason: HaltReason) {
        self.list.push(Effect::Halt(reason));
    }

    /// What was done so far, in order.
    pub fn as_slice(&self) -> &[Effect] {
        &self.list
    }

    /// Takes everything out, in order; the list keeps its space for the next input.
    pub fn drain(&mut self) -> impl Iterator<Item = Effect> + '_ {
        self.list.drain(..)
    }
}
