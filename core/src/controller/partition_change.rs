//! What a change of the cluster does to one partition: `PartitionChangeBuilder` (C-40 to C-42).
//!
//! A pure function: the partition's record, the ISR that is aimed at, who may lead, and how far the
//! election may go. Ties are broken by the order of the assignment; no log is ever looked at: a
//! member of the ISR is trusted to hold everything committed (C-44).
//!
//! ## Simplified
//! No reassignment (KIP-455), no eligible leader replicas (KIP-966), no offline directories (KIP-858).
//! Without ELR the last member of an ISR stays recorded when it is gone, with no leader.

use crate::broker_set::BrokerSet;
use crate::id::NodeId;
use crate::metadata::{PartitionChange, PartitionRegistration};

/// How far an election may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Election {
    /// Keep the leader if it is valid, else the first valid replica.
    Online,
    /// As `Online`; if nobody is valid, the first acceptable replica, in the ISR or not.
    Unclean,
    /// The first replica if it is valid, else as `Online`.
    Preferred,
}

/// One change in the making.
#[derive(Clone, Copy, Debug)]
pub struct PartitionChangeBuilder<'a, F> {
    /// The partition as it is.
    pub partition: &'a PartitionRegistration,
    /// The ISR that is aimed at, a subset of the replicas; perhaps empty.
    pub target_isr: BrokerSet,
    /// Whether a replica may lead: registered, not fenced, not stopping.
    pub is_acceptable: F,
    /// How far the election may go.
    pub election: Election,
}

/// Who won, and whether from outside the ISR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Elected {
    leader: Option<NodeId>,
    is_unclean: bool,
}

impl<F: Fn(NodeId) -> bool> PartitionChangeBuilder<'_, F> {
    /// The fields that change; `None` if nothing does.
    pub fn build(self) -> Option<PartitionChange> {
        let partition = self.partition;
        assert!(
            self.target_isr.iter().all(|member| partition.replicas.contains(&member)),
            "an ISR is within the replicas (INV-20)"
        );
        let Elected { leader, is_unclean } = self.elect();
        // A leader that is kept was not elected at all.
        let is_unclean = is_unclean && leader != partition.leader;
        let target_isr = match leader {
            Some(leader) if is_unclean => BrokerSet::of(leader),
            // The last member goes, but is remembered: only it may lead again.
            _ if self.target_isr.is_empty() => partition.isr,
            _ => self.target_isr,
        };
        assert!(leader.is_none_or(|l| target_isr.contains(l)), "a leader is in the ISR (INV-10)");
        let change = PartitionChange {
            isr: (target_isr != partition.isr).then_some(target_isr),
            leader: (leader != partition.leader).then_some(leader),
            is_unclean,
        };
        (change.isr.is_some() || change.leader.is_some()).then_some(change)
    }

    fn elect(&self) -> Elected {
        let clean = |leader: NodeId| Elected { leader: Some(leader), is_unclean: false };
        let replicas = &self.partition.replicas;
        if self.election == Election::Preferred && self.is_valid(replicas[0]) {
            return clean(replicas[0]);
        }
        if let Some(leader) = self.partition.leader.filter(|leader| self.is_valid(*leader)) {
            return clean(leader);
        }
        if let Some(first) = replicas.iter().find(|replica| self.is_valid(**replica)) {
            return clean(*first);
        }
        if self.election == Election::Unclean
            && let Some(first) = replicas.iter().find(|replica| (self.is_acceptable)(**replica))
        {
            return Elected { leader: Some(*first), is_unclean: true };
        }
        Elected { leader: None, is_unclean: false }
    }

    /// May lead without a loss of committed records (C-41).
    fn is_valid(&self, replica: NodeId) -> bool {
        self.target_isr.contains(replica) && (self.is_acceptable)(replica)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::{LeaderEpoch, PartitionEpoch};
    use proptest::prelude::*;

    fn set(bits: u8) -> BrokerSet {
        (1..=4).filter(|n| bits & (1 << (n - 1)) != 0).map(NodeId::broker).collect()
    }

    fn partition(isr: BrokerSet, leader: Option<NodeId>) -> PartitionRegistration {
        PartitionRegistration {
            replicas: [2, 3, 1].map(NodeId::broker).into(),
            isr,
            leader,
            leader_epoch: LeaderEpoch::ZERO,
            partition_epoch: PartitionEpoch::ZERO,
            is_recovering: false,
        }
    }

    /// `isr` and `leader` before; `target` and `alive` brokers; the change as (isr, leader, unclean).
    /// Leader 0 is no leader.
    fn check(
        election: Election,
        (isr, leader): (u8, u16),
        (target, alive): (u8, u8),
        expected: Option<(Option<u8>, Option<u16>, bool)>,
    ) {
        let partition = partition(set(isr), (leader > 0).then(|| NodeId::broker(leader)));
        let change = PartitionChangeBuilder {
            partition: &partition,
            target_isr: set(target),
            is_acceptable: |replica| set(alive).contains(replica),
            election,
        }
        .build();
        let expected = expected.map(|(isr, leader, is_unclean)| PartitionChange {
            isr: isr.map(set),
            leader: leader.map(|leader| (leader > 0).then(|| NodeId::broker(leader))),
            is_unclean,
        });
        assert_eq!(change, expected);
    }

    #[test]
    fn elections_follow_the_assignment_and_keep_a_valid_leader() {
        use Election::{Online, Preferred, Unclean};
        // Replicas are [b2, b3, b1]; sets are bits: b1 = 1, b2 = 2, b3 = 4.
        check(Online, (0b111, 2), (0b101, 0b101), Some((Some(0b101), Some(3), false)));
        check(Online, (0b111, 1), (0b101, 0b101), Some((Some(0b101), None, false)));
        check(Online, (0b111, 1), (0b111, 0b111), None);
        check(Preferred, (0b111, 1), (0b111, 0b111), Some((None, Some(2), false)));
        check(Preferred, (0b111, 1), (0b111, 0b101), None);
        // The last member goes: no leader, and it stays recorded; then it comes back.
        check(Online, (0b010, 2), (0b000, 0b101), Some((None, Some(0), false)));
        check(Online, (0b010, 0), (0b010, 0b111), Some((None, Some(2), false)));
        check(Online, (0b010, 0), (0b010, 0b101), None);
        // Unclean: the first acceptable one alone, only if nobody is valid.
        check(Unclean, (0b010, 2), (0b000, 0b101), Some((Some(0b100), Some(3), true)));
        check(Unclean, (0b110, 2), (0b100, 0b101), Some((Some(0b100), Some(3), false)));
    }

    proptest! {
        #[test]
        fn a_leader_is_in_the_isr_and_unclean_only_when_allowed(
            isr in 1u8..8, leader in 0usize..4, target in 0u8..8, alive in 0u8..16,
            election in prop_oneof![
                Just(Election::Online), Just(Election::Unclean), Just(Election::Preferred),
            ],
        ) {
            let leader = set(isr).iter().nth(leader);
            let before = partition(set(isr), leader);
            let target = set(target);
            let alive = set(alive);
            // Who is taken out of the ISR is never acceptable.
            prop_assume!(leader.is_none_or(|l| target.contains(l) || !alive.contains(l)));
            let change = PartitionChangeBuilder {
                partition: &before,
                target_isr: target,
                is_acceptable: |replica| alive.contains(replica),
                election,
            }
            .build()
            .unwrap_or_default();
            let isr = change.isr.unwrap_or(before.isr);
            let leader = change.leader.unwrap_or(before.leader);
            prop_assert!(!isr.is_empty());
            prop_assert!(leader.is_none_or(|l| isr.contains(l) && alive.contains(l)));
            prop_assert!(!change.is_unclean || election == Election::Unclean);
            let has_valid = target.iter().any(|replica| alive.contains(replica));
            prop_assert_eq!(has_valid, leader.is_some() && !change.is_unclean);
            // A clean winner comes from the old ISR whenever the target does: nobody slips in.
            if !change.is_unclean && target.is_subset_of(before.isr) {
                prop_assert!(isr.is_subset_of(before.isr));
            }
        }
    }
}
