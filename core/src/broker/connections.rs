//! The serving side of connections: `SocketServer`, `Selector.mute`.
//!
//! A broker serves one request of a connection at a time: the channel is muted until its answer is
//! sent, and later requests wait in the socket. A parked fetch or produce therefore holds up
//! everything behind it on the same connection, and answers come in the order of the requests.

use crate::engine::ReplyTo;
use crate::id::{ConnId, CorrelationId};
use crate::protocol::Request;
use std::collections::VecDeque;

#[derive(Clone, Debug)]
struct Connection {
    id: ConnId,
    is_muted: bool,
    waiting: VecDeque<(ReplyTo, Request)>,
}

/// All connections that others opened to this broker.
#[derive(Clone, Debug, Default)]
pub(super) struct Connections {
    open: Vec<Connection>,
}

impl Connections {
    fn get(&mut self, id: ConnId) -> Option<&mut Connection> {
        self.open.iter_mut().find(|connection| connection.id == id)
    }

    /// A request arrived. Gives it back if it can be served now, else keeps it.
    pub(super) fn arrive(&mut self, to: ReplyTo, request: Request) -> Option<Request> {
        let connection = match self.open.iter().position(|c| c.id == to.conn) {
            Some(known) => &mut self.open[known],
            None => {
                let waiting = VecDeque::new();
                self.open.push(Connection { id: to.conn, is_muted: false, waiting });
                self.open.last_mut().expect("just pushed")
            }
        };
        // Between an answer and the next turn of this connection it is not muted, but whoever waits
        // in the socket still comes first.
        if connection.is_muted || !connection.waiting.is_empty() {
            connection.waiting.push_back((to, request));
            return None;
        }
        connection.is_muted = true;
        Some(request)
    }

    /// The request being served on `id` is done. Says whether another one waits.
    pub(super) fn unmute(&mut self, id: ConnId) -> bool {
        let Some(connection) = self.get(id) else { return false };
        assert!(connection.is_muted, "a request ends once");
        connection.is_muted = false;
        !connection.waiting.is_empty()
    }

    /// The request being served waits for the disk: it is the first to be served next.
    pub(super) fn put_back(&mut self, to: ReplyTo, request: Request) {
        if let Some(connection) = self.get(to.conn) {
            assert!(connection.is_muted, "it was being served");
            connection.is_muted = false;
            connection.waiting.push_front((to, request));
        }
    }

    /// Takes the next waiting request of `id`, unless one is being served.
    pub(super) fn next(&mut self, id: ConnId) -> Option<(ReplyTo, Request)> {
        let connection = self.get(id).filter(|connection| !connection.is_muted)?;
        let next = connection.waiting.pop_front()?;
        connection.is_muted = true;
        Some(next)
    }

    /// The requests that were received and not looked at yet, in no particular order.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Request> {
        self.open.iter().flat_map(|connection| &connection.waiting).map(|(_, request)| request)
    }

    /// Whether the request `correlation` is the last that waits on `id`.
    pub(super) fn waits_last(&self, id: ConnId, correlation: CorrelationId) -> bool {
        let connection = self.open.iter().find(|connection| connection.id == id);
        let last = connection.and_then(|connection| connection.waiting.back());
        last.is_some_and(|(to, _)| to.correlation == correlation)
    }

    /// The connection is gone, and with it what waited on it.
    pub(super) fn forget(&mut self, id: ConnId) {
        self.open.retain(|connection| connection.id != id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{InputNo, NodeId};
    use crate::protocol::InitProducerIdRequest;

    #[test]
    fn a_second_request_waits_for_the_answer_to_the_first() {
        let conn = ConnId { client: NodeId::client(1), n: 0 };
        let to = |n| ReplyTo { conn, correlation: CorrelationId(n), asked: InputNo(0) };
        let request = || Request::from(InitProducerIdRequest);
        let mut connections = Connections::default();
        assert!(connections.arrive(to(0), request()).is_some());
        assert!(!connections.waits_last(conn, CorrelationId(0)));
        assert!(connections.arrive(to(1), request()).is_none());
        assert!(connections.waits_last(conn, CorrelationId(1)));
        assert!(connections.next(conn).is_none(), "the first is still being served");
        assert!(connections.unmute(conn));
        assert!(connections.arrive(to(2), request()).is_none(), "nobody overtakes");
        assert_eq!(connections.next(conn).map(|(to, _)| to.correlation), Some(CorrelationId(1)));
        assert!(connections.unmute(conn));
        assert_eq!(connections.next(conn).map(|(to, _)| to.correlation), Some(CorrelationId(2)));
        assert!(!connections.unmute(conn));
        connections.forget(conn);
        assert!(!connections.unmute(conn), "an answer to a dead connection changes nothing");
    }
}
