//! Who votes, and what a majority of them has: the commit rule's arithmetic, no protocol.
//!
//! Follows `VoterSet` and the end-offset part of `LeaderState`.

use crate::epoch::Offset;
use crate::id::{NodeId, NodeKind};
use std::sync::Arc;

/// The voters of the metadata quorum: at least one controller, each once, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoterSet(Arc<[NodeId]>);

impl VoterSet {
    /// The set of `voters`, given in any order.
    pub fn new(voters: impl IntoIterator<Item = NodeId>) -> Self {
        let mut voters: Vec<NodeId> = voters.into_iter().collect();
        voters.sort_unstable();
        assert!(!voters.is_empty(), "a quorum has a voter");
        assert!(voters.iter().all(|v| v.kind() == NodeKind::Controller), "controllers vote");
        assert!(voters.windows(2).all(|pair| pair[0] != pair[1]), "each has one vote");
        Self(voters.into())
    }

    /// The voters, by number.
    pub fn iter(&self) -> impl Iterator<Item = NodeId> {
        self.0.iter().copied()
    }

    /// Whether `node` votes.
    pub fn contains(&self, node: NodeId) -> bool {
        self.0.contains(&node)
    }

    /// The voter, if there is only one: it needs nobody's vote.
    pub fn only(&self) -> Option<NodeId> {
        match *self.0 {
            [voter] => Some(voter),
            _ => None,
        }
    }
}

/// The largest offset that a majority of logs reaches, given every voter's end offset.
///
/// Sorts `ends` downwards; the element in the middle is reached by itself and all before it, which
/// is just over half of them.
pub fn majority_end(ends: &mut [Offset]) -> Offset {
    assert!(!ends.is_empty(), "a majority of nobody has no offset");
    ends.sort_unstable_by(|a, b| b.cmp(a));
    ends[ends.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_single_voter_needs_no_votes() {
        let [one, two] = [NodeId::controller(1), NodeId::controller(2)];
        assert_eq!(VoterSet::new([one]).only(), Some(one));
        assert_eq!(VoterSet::new([two, one]).only(), None);
        assert_eq!(VoterSet::new([two, one]).iter().collect::<Vec<_>>(), [one, two]);
    }

    proptest::proptest! {
        /// The definition: a majority reaches it, and nothing larger is reached by a majority.
        #[test]
        fn is_the_largest_offset_a_majority_reaches(
            ends in proptest::collection::vec(0u64..20, 1..8),
        ) {
            let reached_by = |offset: u64| ends.iter().filter(|end| **end >= offset).count();
            let majority = ends.len() / 2 + 1;
            let expected = (0..20).filter(|offset| reached_by(*offset) >= majority).max();
            let mut offsets: Vec<Offset> = ends.iter().copied().map(Offset).collect();
            assert_eq!(Some(majority_end(&mut offsets).0), expected);
        }
    }
}
