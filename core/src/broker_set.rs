//! A set of brokers: in-sync replicas, eligible replicas, voters.
//!
//! Kafka keeps these as lists; the order of an ISR carries no meaning (elections follow the order
//! of the *assignment*), so a bit set is exact, cheap to copy and to compare.

use crate::id::{NodeId, NodeKind};
use std::fmt;

/// A set of brokers with numbers 1 to [`BrokerSet::MAX`].
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BrokerSet([u64; 2]);

impl BrokerSet {
    /// The largest broker number a set can hold.
    pub const MAX: u16 = 127;
    /// No broker.
    pub const EMPTY: Self = Self([0; 2]);

    /// Just `broker`.
    pub fn of(broker: NodeId) -> Self {
        Self::EMPTY.with(broker)
    }

    fn bit(broker: NodeId) -> (usize, u64) {
        assert!(broker.kind() == NodeKind::Broker && broker.number() <= Self::MAX);
        ((broker.number() >> 6) as usize, 1 << (broker.number() & 63))
    }

    /// This set and `broker`.
    pub fn with(mut self, broker: NodeId) -> Self {
        let (word, bit) = Self::bit(broker);
        self.0[word] |= bit;
        self
    }

    /// This set without `broker`.
    pub fn without(mut self, broker: NodeId) -> Self {
        let (word, bit) = Self::bit(broker);
        self.0[word] &= !bit;
        self
    }

    /// All members of either set.
    pub fn union(self, other: Self) -> Self {
        Self([self.0[0] | other.0[0], self.0[1] | other.0[1]])
    }

    /// The members of both sets.
    pub fn intersection(self, other: Self) -> Self {
        Self([self.0[0] & other.0[0], self.0[1] & other.0[1]])
    }

    /// The members that are not in `other`.
    pub fn minus(self, other: Self) -> Self {
        Self([self.0[0] & !other.0[0], self.0[1] & !other.0[1]])
    }

    /// Whether `broker` is a member.
    pub fn contains(self, broker: NodeId) -> bool {
        let (word, bit) = Self::bit(broker);
        self.0[word] & bit != 0
    }

    /// Whether every member is in `other` too.
    pub fn is_subset_of(self, other: Self) -> bool {
        self.minus(other).is_empty()
    }

    /// How many members there are.
    pub fn len(self) -> usize {
        (self.0[0].count_ones() + self.0[1].count_ones()) as usize
    }

    /// Whether there is no member.
    pub fn is_empty(self) -> bool {
        self.0 == [0; 2]
    }

    /// The members, by number.
    pub fn iter(self) -> impl Iterator<Item = NodeId> {
        let [mut low, mut high] = self.0;
        std::iter::from_fn(move || {
            if low != 0 {
                let bit = low.trailing_zeros();
                low &= low - 1;
                Some(NodeId::broker(bit as u16))
            } else if high != 0 {
                let bit = high.trailing_zeros();
                high &= high - 1;
                Some(NodeId::broker(64 + bit as u16))
            } else {
                None
            }
        })
    }
}

impl FromIterator<NodeId> for BrokerSet {
    fn from_iter<I: IntoIterator<Item = NodeId>>(brokers: I) -> Self {
        brokers.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl fmt::Display for BrokerSet {
    /// `b1 b2 b3`, or `none`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        for (i, broker) in self.iter().enumerate() {
            write!(f, "{}{broker}", if i == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for BrokerSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    proptest::proptest! {
        #[test]
        fn behaves_like_a_set(a in proptest::collection::vec(1u16..=127, 0..20),
                              b in proptest::collection::vec(1u16..=127, 0..20)) {
            let set = |v: &[u16]| v.iter().map(|n| NodeId::broker(*n)).collect::<BrokerSet>();
            let tree = |v: &[u16]| v.iter().map(|n| NodeId::broker(*n)).collect::<BTreeSet<_>>();
            let (x, y, p, q) = (set(&a), set(&b), tree(&a), tree(&b));
            assert_eq!(x.iter().collect::<Vec<_>>(), p.iter().copied().collect::<Vec<_>>());
            assert_eq!(x.len(), p.len());
            assert_eq!(x.union(y), p.union(&q).copied().collect());
            assert_eq!(x.minus(y), p.difference(&q).copied().collect());
            assert_eq!(x.is_subset_of(y), p.is_subset(&q));
        }
    }
}
