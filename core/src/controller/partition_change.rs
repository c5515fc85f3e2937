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
    /// The leader says that it has recovered from an unclean election: every leader does so when it
    /// asks for another ISR (`Partition.makeLeader`).
    pub has_recovered: bool,
    /// A smaller ISR leaves the leader epoch alone (KAFKA-15021).
    pub shrink_keeps_epoch: bool,
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
        let begins_epoch = leader != partition.leader
            || (!self.shrink_keeps_epoch && !partition.isr.is_subset_of(target_isr));
        let change = PartitionChange {
            isr: (target_isr != partition.isr).then_some(target_isr),
            leader: begins_epoch.then_some(leader),
            is_unclean,
            has_recovered: self.has_recovered && partition.is_recovering && !is_unclean,
        };
        (change != PartitionChange::default()).then_some(change)
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
    use crate::testing::vectors;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn numbers(value: &Value) -> impl Iterator<Item = NodeId> {
        let number = |n: &Value| n.as_u64().expect("a broker's number") as u16;
        value.as_array().expect("brokers").iter().map(number).map(NodeId::broker)
    }

    fn number(value: &Value) -> u32 {
        value.as_u64().expect("not negative").try_into().expect("32 bits")
    }

    /// Broker -1 is none.
    fn broker(value: &Value) -> Option<NodeId> {
        value.as_u64().map(|n| NodeId::broker(n as u16))
    }

    fn registration(value: &Value) -> PartitionRegistration {
        PartitionRegistration {
            replicas: numbers(&value["replicas"]).collect(),
            isr: numbers(&value["isr"]).collect(),
            leader: broker(&value["leader"]),
            leader_epoch: LeaderEpoch(number(&value["leader_epoch"])),
            partition_epoch: PartitionEpoch(number(&value["partition_epoch"])),
            is_recovering: value["recovering"].as_bool().expect("whether"),
        }
    }

    /// Why a line cannot be about a partition as it is kept here.
    fn not_built(line: &Value) -> Option<&'static str> {
        let has = |value: &Value, key| {
            value.get(key).is_some_and(|v| v.as_array().is_none_or(|a| !a.is_empty()))
        };
        let before = &line["before"];
        let is_eligible = line["elr_enabled"] == true
            || ["elr", "last_known_elr"].iter().any(|key| has(before, key));
        let is_moving = ["adding", "removing"].iter().any(|key| has(before, key))
            || ["target_replicas", "target_adding", "target_removing"]
                .iter()
                .any(|key| line.get(key).is_some());
        if is_eligible {
            Some("eligible leader replicas come with the replicated log in full")
        } else if is_moving {
            Some("reassignments come with the replicated log in full")
        } else {
            None
        }
    }

    /// The order of an ISR is kept by Kafka and means nothing to it; here it is a set.
    fn only_reorders(line: &Value, before: &PartitionRegistration) -> bool {
        let record = line["record"].as_object().expect("it changes something");
        let set = |isr| numbers(isr).collect::<BrokerSet>();
        let is_same = record.get("isr").is_some_and(|isr| set(isr) == before.isr);
        is_same && record.len() == 1
    }

    /// The fields of a change, as a change record of Kafka has them.
    fn fields(change: PartitionChange, before: &PartitionRegistration) -> Value {
        let mut fields = serde_json::Map::new();
        if let Some(leader) = change.leader {
            fields.insert("leader".into(), leader.map_or(json!(-1), |l| json!(l.raw())));
        }
        if change.is_unclean && !before.is_recovering {
            fields.insert("recovering".into(), json!(true));
        }
        if change.has_recovered {
            fields.insert("recovering".into(), json!(false));
        }
        fields.into()
    }

    #[test]
    fn every_change_is_that_of_kafka() {
        vectors::check(include_str!("../../../tests/oracle/elections.jsonl"), |line| {
            if let Some(why) = not_built(line) {
                return vectors::Outcome::Skipped(why);
            }
            let before = registration(&line["before"]);
            let alive: BrokerSet = numbers(&line["alive"]).collect();
            let change = PartitionChangeBuilder {
                partition: &before,
                target_isr: line.get("target_isr").map_or(before.isr, |isr| numbers(isr).collect()),
                is_acceptable: |replica| alive.contains(replica),
                election: match line["election"].as_str() {
                    Some("ONLINE") => Election::Online,
                    Some("UNCLEAN") => Election::Unclean,
                    Some("PREFERRED") => Election::Preferred,
                    other => panic!("{other:?}"),
                },
                has_recovered: line["target_recovered"] == true,
                shrink_keeps_epoch: line["metadata_version"] != "3.5-IV2",
            }
            .build();
            let Some(change) = change else {
                assert!(line["result"] == "no change" || only_reorders(line, &before));
                return vectors::Outcome::Tested;
            };
            let mut after = before.clone();
            after.apply(change);
            let expected = registration(&line["after"]);
            assert_eq!(after, expected);
            let mut record = line["record"].clone();
            let isr = record.as_object_mut().and_then(|fields| fields.remove("isr"));
            let isr: BrokerSet = isr.map_or(before.isr, |isr| numbers(&isr).collect());
            assert_eq!(change.isr.unwrap_or(before.isr), isr);
            assert_eq!(fields(change, &before), record);
            vectors::Outcome::Tested
        });
    }

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
            has_recovered: false,
            shrink_keeps_epoch: true,
        }
        .build();
        let expected = expected.map(|(isr, leader, is_unclean)| PartitionChange {
            isr: isr.map(set),
            leader: leader.map(|leader| (leader > 0).then(|| NodeId::broker(leader))),
            is_unclean,
            has_recovered: false,
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
                has_recovered: false,
                shrink_keeps_epoch: true,
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
