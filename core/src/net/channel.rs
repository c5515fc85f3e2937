//! One connection to one peer as the asking side sees it: `NetworkClient` for a single node.
//!
//! ```text
//!            open                connected
//!  Idle ───────────▶ Connecting ───────────▶ Ready
//!   ▲                    │ refused, timed out   │ hung up, a request timed out, closed
//!   └──── after backoff ─┴──────────────────────┘   (all requests in flight fail together, P-51)
//! ```
//! The channel does not queue: its owner asks `can_send` and keeps what waits. Answers come in the
//! order of the requests, because a broker serves one request of a connection at a time.

use super::backoff::Backoff;
use crate::chance::Draws;
use crate::engine::Effects;
use crate::id::{ConnId, CorrelationId, Incarnation, NodeId};
use crate::protocol::Request;
use crate::time::{Duration, Instant};
use std::collections::VecDeque;

/// Hands out connection ids that no other life of this process has used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnIds {
    client: NodeId,
    next: u32,
}

impl ConnIds {
    const PER_LIFE: u32 = 1 << 20;

    /// Ids for life `life` of `client`.
    pub fn new(client: NodeId, life: Incarnation) -> Self {
        Self { client, next: life.0.wrapping_mul(Self::PER_LIFE) }
    }

    /// A new id.
    pub fn fresh(&mut self) -> ConnId {
        let n = self.next;
        self.next += 1;
        ConnId { client: self.client, n }
    }
}

/// How a channel behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelConfig {
    /// Requests that may be in flight at once, at least 1.
    pub max_in_flight: u32,
    /// Time a request waits for its answer (request.timeout.ms).
    pub request_timeout: Duration,
    /// Time a connection may take to stand (socket.connection.setup.timeout.ms).
    pub connect_timeout: Duration,
    /// Pause before the next attempt to connect (reconnect.backoff.ms).
    pub reconnect: Backoff,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Idle { not_before: Instant },
    Connecting { conn: ConnId, deadline: Instant },
    Ready { conn: ConnId },
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct InFlight<T> {
    correlation: CorrelationId,
    deadline: Instant,
    tag: T,
}

/// A connection to `peer`, remembering for each request in flight a tag of type `T`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel<T> {
    peer: NodeId,
    config: ChannelConfig,
    state: State,
    in_flight: VecDeque<InFlight<T>>,
    next_correlation: u32,
    failures: u32,
    draws: Draws,
}

impl<T> Channel<T> {
    /// A channel to `peer` that has not tried to connect yet.
    pub fn new(peer: NodeId, config: ChannelConfig, draws: Draws) -> Self {
        assert!(config.max_in_flight >= 1, "a channel that may send nothing is no channel");
        Self {
            peer,
            config,
            state: State::Idle { not_before: Instant::ZERO },
            in_flight: VecDeque::new(),
            next_correlation: 0,
            failures: 0,
            draws,
        }
    }

    /// Whom it leads to.
    pub const fn peer(&self) -> NodeId {
        self.peer
    }

    /// Whether `conn` is this channel's present connection.
    pub fn owns(&self, conn: ConnId) -> bool {
        match self.state {
            State::Idle { .. } => false,
            State::Connecting { conn: mine, .. } | State::Ready { conn: mine } => mine == conn,
        }
    }

    /// Starts to connect if there is no connection and the backoff has passed.
    pub fn open(&mut self, now: Instant, ids: &mut ConnIds, fx: &mut Effects) {
        if let State::Idle { not_before } = self.state
            && not_before <= now
        {
            let conn = ids.fresh();
            self.state = State::Connecting { conn, deadline: now + self.config.connect_timeout };
            fx.connect(conn, self.peer);
        }
    }

    /// Whether the connection stands.
    pub const fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready { .. })
    }

    /// Whether a request may be sent now.
    pub fn can_send(&self) -> bool {
        self.is_ready() && self.in_flight.len() < self.config.max_in_flight as usize
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// The tags of the requests in flight, oldest first.
    pub fn tags(&self) -> impl Iterator<Item = &T> {
        self.in_flight.iter().map(|request| &request.tag)
    }

    /// When a connection may next be tried, if none stands or is under way.
    pub const fn retry_at(&self) -> Option<Instant> {
        match self.state {
            State::Idle { not_before } => Some(not_before),
            State::Connecting { .. } | State::Ready { .. } => None,
        }
    }

    /// Sends `request`, to be recognised by `tag`. Needs `can_send`.
    pub fn send(&mut self, now: Instant, request: impl Into<Request>, tag: T, fx: &mut Effects) {
        let deadline = now + self.config.request_timeout;
        self.send_with_deadline(deadline, request, tag, fx);
    }

    /// Sends `request` with its own deadline instead of the channel's time-out.
    pub fn send_with_deadline(
        &mut self,
        deadline: Instant,
        request: impl Into<Request>,
        tag: T,
        fx: &mut Effects,
    ) {
        let correlation = self.sending(request, fx);
        self.in_flight.push_back(InFlight { correlation, deadline, tag });
    }

    /// Sends `request` that will never be answered (Produce with acks=0). Needs `can_send`.
    pub fn send_unanswered(&mut self, request: impl Into<Request>, fx: &mut Effects) {
        self.sending(request, fx);
    }

    fn sending(&mut self, request: impl Into<Request>, fx: &mut Effects) -> CorrelationId {
        assert!(self.can_send(), "the owner asks can_send first");
        let State::Ready { conn } = self.state else { unreachable!("can_send says ready") };
        let correlation = CorrelationId(self.next_correlation);
        self.next_correlation = self.next_correlation.wrapping_add(1);
        fx.request(conn, correlation, request);
        correlation
    }

    /// The connection `conn` stands; false if it is not this channel's.
    pub fn on_connected(&mut self, conn: ConnId) -> bool {
        match self.state {
            State::Connecting { conn: mine, .. } if mine == conn => {
                self.state = State::Ready { conn };
                self.failures = 0;
                true
            }
            State::Idle { .. } | State::Connecting { .. } | State::Ready { .. } => false,
        }
    }

    /// An answer came: the tag of its request. `None` if it is nobody's (a closed connection's).
    pub fn on_response(&mut self, conn: ConnId, correlation: CorrelationId) -> Option<T> {
        if !self.owns(conn) || self.in_flight.front()?.correlation != correlation {
            return None;
        }
        self.in_flight.pop_front().map(|request| request.tag)
    }

    /// The connection `conn` is gone: the tags of all requests in flight, oldest first.
    /// `None` if it was not this channel's.
    pub fn on_hangup(&mut self, now: Instant, conn: ConnId) -> Option<Vec<T>> {
        self.owns(conn).then(|| self.fail(now))
    }

    /// The next moment something here runs out: a request or an attempt to connect.
    pub fn deadline(&self) -> Instant {
        match self.state {
            State::Idle { .. } => Instant::NEVER,
            State::Connecting { deadline, .. } => deadline,
            // Deadlines may differ per request, but a handful of entries is scanned faster than sorted.
            State::Ready { .. } => {
                self.in_flight.iter().map(|r| r.deadline).min().unwrap_or(Instant::NEVER)
            }
        }
    }

    /// When an owner with something to send, though not before `send_at`, wants to be woken: to
    /// reconnect, to send, or to give up what is under way.
    pub fn wake_at(&self, send_at: Instant) -> Instant {
        match self.retry_at() {
            Some(at) => at,
            None if self.can_send() => send_at,
            None => self.deadline(),
        }
    }

    /// Closes the connection if something ran out at `now`; the tags of all that was in flight.
    pub fn on_deadline(&mut self, now: Instant, fx: &mut Effects) -> Option<Vec<T>> {
        (self.deadline() <= now).then(|| self.close(now, fx))
    }

    /// Closes the connection; the tags of all that was in flight.
    pub fn close(&mut self, now: Instant, fx: &mut Effects) -> Vec<T> {
        match self.state {
            State::Idle { .. } => Vec::new(),
            State::Connecting { conn, .. } | State::Ready { conn } => {
                fx.close(conn);
                self.fail(now)
            }
        }
    }

    fn fail(&mut self, now: Instant) -> Vec<T> {
        self.failures += 1;
        let pause = self
            .config
            .reconnect
            .pause(self.failures, |min, max| self.draws.between(now, min, max));
        self.state = State::Idle { not_before: now + pause };
        self.in_flight.drain(..).map(|request| request.tag).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{InitProducerIdRequest, Request};

    fn channel() -> (Channel<char>, ConnIds, Effects) {
        let config = ChannelConfig {
            max_in_flight: 2,
            request_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            reconnect: Backoff::fixed(Duration::from_millis(50)),
        };
        let me = NodeId::client(1);
        let draws = Draws::new(1, "reconnect", 0);
        let ids = ConnIds::new(me, Incarnation(0));
        (Channel::new(NodeId::broker(1), config, draws), ids, Effects::default())
    }

    fn request() -> Request {
        InitProducerIdRequest.into()
    }

    #[test]
    fn a_hangup_fails_all_in_flight_and_waits_before_it_reconnects() {
        let (mut channel, mut ids, mut fx) = channel();
        let at = Instant::from_micros;
        channel.open(at(0), &mut ids, &mut fx);
        let conn = ConnId { client: NodeId::client(1), n: 0 };
        assert!(channel.on_connected(conn));
        channel.send(at(1), request(), 'a', &mut fx);
        channel.send(at(2), request(), 'b', &mut fx);
        assert!(!channel.can_send());
        assert_eq!(channel.on_response(conn, CorrelationId(0)), Some('a'));
        assert_eq!(channel.on_hangup(at(3), conn), Some(vec!['b']));
        assert_eq!(channel.retry_at(), Some(at(50_003)));
        channel.open(at(50_002), &mut ids, &mut fx);
        assert!(!channel.owns(ConnId { n: 1, ..conn }));
        channel.open(at(50_003), &mut ids, &mut fx);
        assert!(channel.owns(ConnId { n: 1, ..conn }));
        assert_eq!(channel.on_response(conn, CorrelationId(1)), None, "the old connection's");
    }

    #[test]
    fn a_request_that_is_not_answered_in_time_closes_the_connection() {
        let (mut channel, mut ids, mut fx) = channel();
        channel.open(Instant::ZERO, &mut ids, &mut fx);
        channel.on_connected(ConnId { client: NodeId::client(1), n: 0 });
        channel.send(Instant::ZERO, request(), 'a', &mut fx);
        let due = Instant::ZERO + Duration::from_secs(30);
        assert_eq!(channel.deadline(), due);
        assert_eq!(channel.on_deadline(due - Duration::from_micros(1), &mut fx), None);
        assert_eq!(channel.on_deadline(due, &mut fx), Some(vec!['a']));
        assert_eq!(channel.deadline(), Instant::NEVER);
    }
}
