//! All connections of one client, and which broker to ask when any will do.
//!
//! Owns one channel per broker (Kafka's clients use one connection per broker for everything except
//! a group's coordinator) and what they share. Follows `NetworkClient`, with its back-off for
//! reconnects (KIP-144, KIP-580) and its choice of the least loaded node (P-11). It knows nothing of
//! what the requests mean: its owner tags each with a `T` and gets the tag back.
//!
//! ## Simplified
//! No idle time-out of connections, no API version handshake, no authentication.

use crate::chance::{Chance, Draws};
use crate::engine::Effects;
use crate::error_code::ErrorCode;
use crate::id::{ConnId, CorrelationId, Incarnation, NodeId};
use crate::net::{Backoff, Channel, ChannelConfig, ConnIds};
use crate::protocol::Request;
use crate::time::{Duration, Instant};
use std::collections::BTreeMap;

/// The settings that all clients spell alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NetworkConfig {
    /// Requests in flight on one connection.
    pub(super) max_in_flight: u32,
    /// Time a request waits for its answer.
    pub(super) request_timeout: Duration,
    /// Pause before a reconnect.
    pub(super) reconnect: Backoff,
}

impl NetworkConfig {
    /// socket.connection.setup.timeout.ms, which nobody changes.
    const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

    const fn channel(self) -> ChannelConfig {
        ChannelConfig {
            max_in_flight: self.max_in_flight,
            request_timeout: self.request_timeout,
            connect_timeout: Self::CONNECT_TIMEOUT,
            reconnect: self.reconnect,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Peer<T> {
    channel: Channel<T>,
    last_attempt: Instant,
}

impl<T> Peer<T> {
    fn is_connecting(&self) -> bool {
        !self.channel.is_ready() && self.channel.retry_at().is_none()
    }

    fn can_connect(&self, now: Instant) -> bool {
        self.channel.retry_at().is_some_and(|at| at <= now)
    }
}

/// A connection that broke: what was in flight on it fails together (P-51).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Disconnect<T> {
    /// The tags of the requests in flight, oldest first.
    pub(super) tags: Vec<T>,
    /// `RequestTimedOut` if this client ran out of patience, else `NetworkException`.
    pub(super) error: ErrorCode,
}

/// The connections of one client.
#[derive(Clone, Debug)]
pub(super) struct Network<T> {
    chance: Chance,
    config: ChannelConfig,
    ids: ConnIds,
    peers: BTreeMap<NodeId, Peer<T>>,
    draws: Draws,
}

impl<T> Network<T> {
    /// No connection yet.
    pub(super) fn new(
        me: NodeId,
        life: Incarnation,
        config: NetworkConfig,
        chance: &Chance,
    ) -> Self {
        Self {
            chance: chance.clone(),
            config: config.channel(),
            ids: ConnIds::new(me, life),
            peers: BTreeMap::new(),
            draws: chance.draws("least loaded node"),
        }
    }

    fn peer(&mut self, node: NodeId) -> &mut Peer<T> {
        let (chance, config) = (&self.chance, self.config);
        self.peers.entry(node).or_insert_with(|| {
            let draws = chance.draws_with("reconnect backoff", node);
            Peer { channel: Channel::new(node, config, draws), last_attempt: Instant::ZERO }
        })
    }

    /// Whether a request to `node` can be sent now. If not, a connection is opened where there is
    /// none and its back-off allows it: asking again later is all a caller needs to do.
    pub(super) fn ready(&mut self, now: Instant, node: NodeId, fx: &mut Effects) -> bool {
        let ready = self.can_send(node);
        if !ready {
            self.open(now, node, fx);
        }
        ready
    }

    /// Opens a connection to `node` if there is none and its back-off allows it.
    pub(super) fn open(&mut self, now: Instant, node: NodeId, fx: &mut Effects) {
        self.peer(node);
        let peer = self.peers.get_mut(&node).expect("made by the line above");
        if peer.can_connect(now) {
            peer.last_attempt = now;
            peer.channel.open(now, &mut self.ids, fx);
            assert!(peer.is_connecting(), "the back-off had passed");
        }
    }

    /// Whether a request to `node` can be sent now.
    pub(super) fn can_send(&self, node: NodeId) -> bool {
        self.peers.get(&node).is_some_and(|peer| peer.channel.can_send())
    }

    /// Whether any connection to one of `nodes` stands.
    pub(super) fn is_any_ready(&self, nodes: &[NodeId]) -> bool {
        nodes.iter().any(|n| self.peers.get(n).is_some_and(|peer| peer.channel.is_ready()))
    }

    /// Whether any connection is being set up.
    pub(super) fn is_any_connecting(&self) -> bool {
        self.peers.values().any(Peer::is_connecting)
    }

    /// The requests in flight to `node`, oldest first.
    pub(super) fn in_flight(&self, node: NodeId) -> impl Iterator<Item = &T> {
        self.peers.get(&node).into_iter().flat_map(|peer| peer.channel.tags())
    }

    /// Sends a request that will be answered. Needs `can_send`.
    pub(super) fn send(
        &mut self,
        now: Instant,
        node: NodeId,
        request: impl Into<Request>,
        tag: T,
        fx: &mut Effects,
    ) {
        self.peer(node).channel.send(now, request, tag, fx);
    }

    /// Sends a request that will never be answered (Produce with acks=0). Needs `can_send`.
    pub(super) fn send_unanswered(
        &mut self,
        node: NodeId,
        request: impl Into<Request>,
        fx: &mut Effects,
    ) {
        self.peer(node).channel.send_unanswered(request, fx);
    }

    /// The node to ask when any will do (P-11): one with a free connection, else the one with the
    /// fewest requests in flight, else one being connected, else the one not tried for longest. The
    /// search starts anywhere, so that clients spread; `None` if all are backing off.
    pub(super) fn least_loaded(&mut self, now: Instant, nodes: &[NodeId]) -> Option<NodeId> {
        let start = self.draws.one_of(now, nodes.iter().map(|node| u64::from(node.raw())));
        let start = start.expect("a client knows its bootstrap brokers at least");
        let (mut ready, mut connecting, mut idle) = (None, None, None);
        for &node in nodes[start..].iter().chain(&nodes[..start]) {
            let peer = self.peer(node);
            if peer.channel.can_send() {
                let load = peer.channel.in_flight();
                if load == 0 {
                    return Some(node);
                }
                if ready.is_none_or(|(least, _)| load < least) {
                    ready = Some((load, node));
                }
            } else if peer.is_connecting() {
                connecting = Some(node);
            } else if peer.can_connect(now) && idle.is_none_or(|(at, _)| peer.last_attempt < at) {
                idle = Some((peer.last_attempt, node));
            }
        }
        ready.map(|(_, node)| node).or(connecting).or(idle.map(|(_, node)| node))
    }

    /// A connection stands; false if it is one that was given up meanwhile.
    pub(super) fn on_connected(&mut self, conn: ConnId) -> bool {
        self.peers.values_mut().any(|peer| peer.channel.on_connected(conn))
    }

    /// An answer came: the tag of its request. `None` if its connection was given up meanwhile.
    pub(super) fn on_response(&mut self, conn: ConnId, correlation: CorrelationId) -> Option<T> {
        let mut owners = self.peers.values_mut().filter(|peer| peer.channel.owns(conn));
        owners.next()?.channel.on_response(conn, correlation)
    }

    /// A connection broke or was refused; `None` if it was given up before.
    pub(super) fn on_hangup(&mut self, now: Instant, conn: ConnId) -> Option<Disconnect<T>> {
        let tags = self.peers.values_mut().find_map(|peer| peer.channel.on_hangup(now, conn))?;
        Some(Disconnect { tags, error: ErrorCode::NetworkException })
    }

    /// Closes one connection on which a request, or the setting up, took too long.
    pub(super) fn on_deadline(&mut self, now: Instant, fx: &mut Effects) -> Option<Disconnect<T>> {
        let tags = self.peers.values_mut().find_map(|peer| peer.channel.on_deadline(now, fx))?;
        Some(Disconnect { tags, error: ErrorCode::RequestTimedOut })
    }

    /// When `on_deadline` has something to do.
    pub(super) fn deadline(&self) -> Instant {
        self.peers.values().map(|peer| peer.channel.deadline()).min().unwrap_or(Instant::NEVER)
    }

    /// When the setting up of a connection takes too long.
    pub(super) fn connect_deadline(&self) -> Instant {
        self.earliest_deadline(Peer::is_connecting)
    }

    /// When a request in flight has waited too long.
    pub(super) fn request_deadline(&self) -> Instant {
        self.earliest_deadline(|peer| !peer.is_connecting())
    }

    fn earliest_deadline(&self, of: impl Fn(&Peer<T>) -> bool) -> Instant {
        let deadlines = self.peers.values().filter(|peer| of(peer)).map(|p| p.channel.deadline());
        deadlines.min().unwrap_or(Instant::NEVER)
    }

    /// When `ready(node)` may do more than it did: the end of the back-off. `NEVER` where an input
    /// (a connection, an answer, a hangup) has to come first.
    pub(super) fn retry_at(&self, node: NodeId) -> Instant {
        let peer = self.peers.get(&node);
        peer.map_or(Instant::ZERO, |peer| peer.channel.retry_at().unwrap_or(Instant::NEVER))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::InitProducerIdRequest;

    fn network() -> (Network<char>, Effects) {
        let config = NetworkConfig {
            max_in_flight: 2,
            request_timeout: Duration::from_secs(30),
            reconnect: Backoff::fixed(Duration::from_millis(50)),
        };
        let me = NodeId::client(1);
        (Network::new(me, Incarnation(0), config, &Chance::of_node(1, me)), Effects::default())
    }

    fn conn(n: u32) -> ConnId {
        ConnId { client: NodeId::client(1), n }
    }

    const B: [NodeId; 3] = [NodeId::broker(1), NodeId::broker(2), NodeId::broker(3)];

    #[test]
    fn the_least_loaded_node_is_free_then_light_then_connecting_then_longest_untried() {
        let (mut network, mut fx) = network();
        let at = Instant::from_micros;
        // Ready with one request in flight beats connecting, which beats idle.
        network.open(at(1), B[0], &mut fx);
        assert!((1..20).all(|t| network.least_loaded(at(t), &B) == Some(B[0])), "connecting");
        assert!(network.on_connected(conn(0)));
        network.send(at(1), B[0], InitProducerIdRequest, 'a', &mut fx);
        network.open(at(2), B[1], &mut fx);
        assert!((1..20).all(|t| network.least_loaded(at(t), &B) == Some(B[0])), "fewest");
        // A free connection beats a used one.
        assert!(network.on_connected(conn(1)));
        assert!((1..20).all(|t| network.least_loaded(at(t), &B) == Some(B[1])), "free");
        // Of those without a connection the one tried longest ago.
        assert!(network.on_hangup(at(3), conn(0)).is_some());
        assert!(network.on_hangup(at(4), conn(1)).is_some());
        assert_eq!(network.least_loaded(at(5), &B[..2]), None, "both back off");
        let later = at(60_000);
        assert_eq!(network.least_loaded(later, &B[..2]), Some(B[0]));
        assert_eq!(network.least_loaded(later, &B), Some(B[2]), "never tried");
    }

    #[test]
    fn the_search_starts_anywhere() {
        let (mut network, _) = network();
        let chosen = |network: &mut Network<char>, t| {
            network.least_loaded(Instant::from_micros(t), &B).expect("all are idle")
        };
        let first = chosen(&mut network, 0);
        assert!((1..50).any(|t| chosen(&mut network, t) != first));
    }

    #[test]
    fn a_request_that_times_out_takes_all_in_flight_with_it() {
        let (mut network, mut fx) = network();
        let now = Instant::ZERO;
        assert!(!network.ready(now, B[0], &mut fx), "it opens a connection first");
        assert!(network.on_connected(conn(0)));
        assert!(network.ready(now, B[0], &mut fx));
        network.send(now, B[0], InitProducerIdRequest, 'a', &mut fx);
        network.send(now + Duration::from_secs(1), B[0], InitProducerIdRequest, 'b', &mut fx);
        let due = network.deadline();
        assert_eq!(due, now + Duration::from_secs(30));
        let lost = network.on_deadline(due, &mut fx).expect("the first is due");
        assert_eq!(lost.tags, ['a', 'b']);
        assert_eq!(lost.error, ErrorCode::RequestTimedOut);
        assert_eq!(network.retry_at(B[0]), due + Duration::from_millis(50), "it backs off");
    }
}
