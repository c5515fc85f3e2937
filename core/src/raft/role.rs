//! What a node of the quorum is, and the legal moves between: `QuorumState`, `ElectionState`.
//!
//! ```text
//!                      ┌────────────── a higher epoch ──────────────┐
//!                      ▼                                            │
//!  boot ─────────▶ Unattached ──── I vote for myself ──▶ Candidate ─┴─ majority ──▶ Leader
//!    │                 │  ▲                                ▲                          │
//!    │   a leader      │  │ a higher epoch,                │ the next epoch           │ restart
//!    │   is known      ▼  │ no leader known                │                          ▼
//!    └────────────▶ Follower                               └────────────────────── Resigned
//! ```
//! An observer is only ever Unattached or Follower (INV-R7). A leader that restarts is Resigned in
//! its old epoch, because its log may have lost what it had not flushed; it never leads that epoch
//! again (Q-25). The only voter of a quorum goes through Candidate at once (Q-18).
//!
//! ## Simplified
//! Prospective (pre-vote) and the vote for another node are left out with the elections.

use crate::epoch::QuorumEpoch;
use crate::id::NodeId;

/// The role of one node in one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Knows the epoch but no leader of it.
    Unattached,
    /// Voted for itself.
    Candidate,
    /// Leads.
    Leader,
    /// Fetches from this leader.
    Follower(NodeId),
}

/// The quorum-state file: what a node must not forget before it acts on it (Q-1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuorumState {
    epoch: QuorumEpoch,
    leader: Option<NodeId>,
    voted: Option<NodeId>,
}

impl QuorumState {
    /// The newest epoch this node knows.
    pub const fn epoch(&self) -> QuorumEpoch {
        self.epoch
    }

    /// The leader of that epoch, if known.
    pub const fn leader(&self) -> Option<NodeId> {
        self.leader
    }

    /// The role of `me`, whose state this is.
    pub fn role(&self, me: NodeId) -> Role {
        match self.leader {
            Some(leader) if leader == me => Role::Leader,
            Some(leader) => Role::Follower(leader),
            None if self.voted == Some(me) => Role::Candidate,
            None => Role::Unattached,
        }
    }

    /// Unattached, Resigned or Candidate → Candidate, in the next epoch.
    pub fn become_candidate(&mut self, me: NodeId) {
        *self = Self { epoch: self.epoch.next(), leader: None, voted: Some(me) };
        assert_eq!(self.role(me), Role::Candidate);
    }

    /// Candidate → Leader, in the same epoch.
    pub fn become_leader(&mut self, me: NodeId) {
        assert_eq!(self.role(me), Role::Candidate, "only a candidate is elected");
        self.leader = Some(me);
    }

    /// Unattached or Follower → Follower of `leader` in `epoch`.
    pub fn become_follower(&mut self, epoch: QuorumEpoch, leader: NodeId) {
        assert!(epoch >= self.epoch, "epochs never go back (INV-4)");
        let is_same_epoch = epoch == self.epoch;
        assert!(
            !is_same_epoch || self.leader.is_none_or(|known| known == leader),
            "an epoch has one leader (INV-R1)"
        );
        *self = Self { epoch, leader: Some(leader), voted: self.voted.filter(|_| is_same_epoch) };
    }

    /// Any → Unattached, in a higher epoch.
    pub fn become_unattached(&mut self, epoch: QuorumEpoch) {
        assert!(epoch > self.epoch, "only a higher epoch makes a node forget its leader");
        *self = Self { epoch, leader: None, voted: None };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_that_restarts_leads_only_a_new_epoch() {
        let me = NodeId::controller(1);
        let mut state = QuorumState::default();
        assert_eq!(state.role(me), Role::Unattached);
        for epoch in [1, 2] {
            state.become_candidate(me);
            assert_eq!(state.role(me), Role::Candidate);
            state.become_leader(me);
            assert_eq!((state.role(me), state.epoch()), (Role::Leader, QuorumEpoch(epoch)));
        }
    }

    #[test]
    fn a_higher_epoch_forgets_the_leader() {
        let (me, leader) = (NodeId::broker(1), NodeId::controller(1));
        let mut state = QuorumState::default();
        state.become_follower(QuorumEpoch(3), leader);
        assert_eq!(state.role(me), Role::Follower(leader));
        state.become_unattached(QuorumEpoch(4));
        assert_eq!((state.role(me), state.leader()), (Role::Unattached, None));
    }
}
