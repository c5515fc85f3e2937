//! Names as chance knows them: digested once, combined without allocating.

use super::mix;
use crate::id::{NodeId, NodeKind, TopicId, TopicPartition};

/// The digest of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(u64);

impl Name {
    /// The name written `text` (FNV-1a).
    pub const fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let (mut hash, mut at) = (0xcbf2_9ce4_8422_2325, 0);
        while at < bytes.len() {
            hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
            at += 1;
        }
        Self(hash)
    }

    /// The name of a broker or a controller, `b1` or `k1`, and of a client that has no other.
    pub fn of_node(node: NodeId) -> Self {
        Self::of(&node.to_string())
    }

    /// The `n`-th of the things with this name: a partition of a topic.
    pub const fn numbered(self, n: u32) -> Self {
        Self(mix(self.0, n as u64))
    }

    /// Both names together, in this order: a link from one node to another.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(mix(self.0, other.0))
    }

    /// The digest as a number.
    pub const fn digest(self) -> u64 {
        self.0
    }
}

/// What the scenario calls the nodes and topics that are numbered inside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    brokers: Vec<Name>,
    controllers: Vec<Name>,
    clients: Vec<Name>,
    topics: Vec<Name>,
}

impl Roster {
    /// So many brokers and controllers; clients and topics by their names, in order of declaration.
    pub fn new<'a>(
        brokers: u16,
        controllers: u16,
        clients: impl IntoIterator<Item = &'a str>,
        topics: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self {
            brokers: (1..=brokers).map(|n| Name::of_node(NodeId::broker(n))).collect(),
            controllers: (1..=controllers).map(|n| Name::of_node(NodeId::controller(n))).collect(),
            clients: clients.into_iter().map(Name::of).collect(),
            topics: topics.into_iter().map(Name::of).collect(),
        }
    }

    /// The name of a node; of one that is not listed, that of its id.
    pub fn node(&self, node: NodeId) -> Name {
        let listed = match node.kind() {
            NodeKind::Broker => &self.brokers,
            NodeKind::Controller => &self.controllers,
            NodeKind::Client => &self.clients,
        };
        let place = usize::from(node.number()) - 1;
        listed.get(place).copied().unwrap_or_else(|| Name::of_node(node))
    }

    /// The name of a topic; of one that is not listed, its number.
    pub fn topic(&self, topic: TopicId) -> Name {
        let unlisted = || const { Name::of("topic") }.numbered(topic.0);
        self.topics.get(topic.0 as usize).copied().unwrap_or_else(unlisted)
    }

    /// The name of a partition.
    pub fn partition(&self, tp: TopicPartition) -> Name {
        self.topic(tp.topic).numbered(tp.partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_whatever_number_it_has() {
        let both = Roster::new(3, 1, ["p1", "c1"], ["audit", "orders"]);
        let fewer = Roster::new(2, 1, ["c1"], ["orders"]);
        let client = NodeId::client;
        assert_eq!(both.node(client(2)), fewer.node(client(1)));
        assert_ne!(both.node(client(1)), fewer.node(client(1)));
        assert_eq!(both.node(NodeId::broker(2)), fewer.node(NodeId::broker(2)));
        let tp = |topic, partition| TopicPartition { topic: TopicId(topic), partition };
        assert_eq!(both.partition(tp(1, 4)), fewer.partition(tp(0, 4)));
        assert_ne!(both.partition(tp(1, 4)), both.partition(tp(1, 5)));
        let (b1, b2) = (both.node(NodeId::broker(1)), both.node(NodeId::broker(2)));
        assert_ne!(b1.and(b2), b2.and(b1), "a link has a direction");
    }
}
