//! Names of things: nodes, topics, partitions, connections, calls, producers, records.
//!
//! Ids are small and copied freely. A topic's 128-bit id (KIP-516) exists at the edge only; inside,
//! [`TopicId`] is an interned number that the controller hands out and never reuses.

use std::fmt;

/// What kind of process a node is. The order is the order of declaration in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeKind {
    /// A broker, `b1`, `b2`, …
    Broker,
    /// A controller (a voter of the metadata quorum), `k1`, …
    Controller,
    /// A client: a producer, a consumer or the admin client; its name is the scenario's.
    Client,
}

/// One process of the run. Ordered as declared: brokers, controllers, clients, each from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u16);

impl NodeId {
    const CONTROLLERS: u16 = 1 << 14;
    const CLIENTS: u16 = 1 << 15;
    /// The largest number a node of any kind can have.
    pub const MAX: u16 = (1 << 14) - 1;

    /// Broker `n`, from 1.
    pub const fn broker(n: u16) -> Self {
        assert!(n >= 1 && n <= Self::MAX);
        Self(n)
    }

    /// Controller `n`, from 1.
    pub const fn controller(n: u16) -> Self {
        assert!(n >= 1 && n <= Self::MAX);
        Self(Self::CONTROLLERS | n)
    }

    /// Client `n`, from 1, in order of declaration.
    pub const fn client(n: u16) -> Self {
        assert!(n >= 1 && n <= Self::MAX);
        Self(Self::CLIENTS | n)
    }

    /// What kind of process this is.
    pub const fn kind(self) -> NodeKind {
        if self.0 & Self::CLIENTS != 0 {
            NodeKind::Client
        } else if self.0 & Self::CONTROLLERS != 0 {
            NodeKind::Controller
        } else {
            NodeKind::Broker
        }
    }

    /// The number within its kind, from 1.
    pub const fn number(self) -> u16 {
        self.0 & Self::MAX
    }

    /// The whole id as a number: for hashing and ordering only.
    pub const fn raw(self) -> u16 {
        self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = match self.kind() {
            NodeKind::Broker => 'b',
            NodeKind::Controller => 'k',
            NodeKind::Client => 'c',
        };
        write!(f, "{letter}{}", self.number())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A topic, interned: the n-th topic ever created in this cluster, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(pub u32);

/// One partition of one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic.
    pub topic: TopicId,
    /// The partition's number within the topic, from 0.
    pub partition: u32,
}

/// One TCP connection, named by the side that opened it: its node and a number of its own.
/// A number is never reused within one run, so a late message cannot land on a successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId {
    /// Who opened it.
    pub client: NodeId,
    /// The opener's own count: incarnation in the upper half, ordinal in the lower.
    pub n: u32,
}

/// Matches an answer to its request on one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CorrelationId(pub u32);

/// The id of an idempotent producer (KIP-98), handed out in blocks by the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProducerId(pub i64);

/// Which life of a process this is, from 0 and one more at each restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u32);

/// The identity of a produced record: the simulator's, invisible to Kafka. A retry keeps it, a
/// re-send by the application does not exist here: each record is sent by its producer once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    /// The producer that sends it.
    pub producer: NodeId,
    /// The producer's n-th record, from 0; shown as `#n`.
    pub n: u32,
}

/// The number of the input during which something happened: the step of time (semantics 1.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InputNo(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_ordered_as_declared() {
        let nodes =
            [NodeId::broker(1), NodeId::broker(9), NodeId::controller(1), NodeId::client(1)];
        assert!(nodes.is_sorted());
        assert_eq!(nodes.map(|n| n.to_string()), ["b1", "b9", "k1", "c1"]);
    }
}
