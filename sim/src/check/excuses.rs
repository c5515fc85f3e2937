//! The excuse ledger (G-7) and the classification of a loss (G-8).
//!
//! A committed entry may be missing for three reasons. An *unclean election* gave the partition to
//! a replica that never had it: the topic's setting allowed that. *Every holder* lost its disk or
//! the part of it: no protocol helps. Or the *leader itself* lost it and was elected all the same,
//! being the only in-sync replica: without eligible leader replicas Kafka is made that way (KIP-966).
//! Everything else is a violation.
//!
//! ## Simplified
//! DeleteRecords, retention and compaction come with the log's start offset.

use super::cluster::{Case, Cluster};
use super::ghost::{Ghost, common_end};
use super::verdicts::Class;
use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::epoch::{LeaderEpoch, Offset};
use kafkalab_core::id::{Incarnation, NodeId};

/// A range of entries that a replica lost with its disk or its power.
#[derive(Clone, Debug)]
struct LostRange {
    node: NodeId,
    from: Offset,
    to: Offset,
    /// The epoch in which it was forgiven, if it was. It still excuses what leaders of older epochs
    /// commit: they may count a fetch that the replica sent before its fault.
    forgiven_in: Option<LeaderEpoch>,
}

/// A data-losing fault of a replica that has not joined the ISR since.
#[derive(Clone, Copy, Debug)]
struct Fault {
    node: NodeId,
    /// The first life after it.
    next_life: Incarnation,
}

/// An election from outside the ISR.
#[derive(Clone, Copy, Debug)]
struct UncleanElection {
    epoch: LeaderEpoch,
    /// What its leader had of the committed entries.
    kept: Offset,
}

/// Committed entries that were judged lost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loss {
    pub(super) from: Offset,
    pub(super) to: Offset,
    /// The epoch in whose log they are found.
    pub(super) source: LeaderEpoch,
    /// The epoch of the leader that lacked them.
    judged_in: LeaderEpoch,
    pub(super) excuse: Excuse,
}

/// What a loss comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Excuse {
    pub(super) class: Class,
    /// What allowed it.
    pub(super) rule: &'static str,
}

impl Excuse {
    pub(super) const UNCLEAN: Self = Self {
        class: Class::Expected,
        rule: "an unclean election gave the partition to a replica without them",
    };
    pub(super) const ALL_HOLDERS: Self = Self {
        class: Class::Expected,
        rule: "every replica that held them when they were committed lost them with its disk",
    };
    pub(super) const ONLY_ISR: Self = Self {
        class: Class::DesignLimit,
        rule: "the last in-sync replica lost them with its disk and stayed electable, since \
               eligible leader replicas (KIP-966) are off",
    };
    pub(super) const FORGOTTEN: Self = Self {
        class: Class::DesignLimit,
        rule: "a metadata record that repeated the partition epoch ended the proposal to count that \
               replica (Partition.makeLeader), and the watermark passed it before it was in sync",
    };
    pub(super) const NONE: Self = Self { class: Class::Violation, rule: "nothing allows it" };
}

/// What excuses losses of one partition.
#[derive(Clone, Debug, Default)]
pub(super) struct Excuses {
    /// What each replica lost and has not got back.
    ranges: Vec<LostRange>,
    faults: Vec<Fault>,
    faulted: BrokerSet,
    unclean: Vec<UncleanElection>,
    losses: Vec<Loss>,
}

impl Excuses {
    /// Replicas with a data-losing fault since they last joined the ISR.
    pub(super) const fn faulted(&self) -> BrokerSet {
        self.faulted
    }

    /// Replicas with a data-losing fault since they last joined the ISR, as a leader of `epoch` may know
    /// them: it does not hear of what happened in later epochs.
    pub(super) fn faulted_for(&self, epoch: Option<LeaderEpoch>) -> BrokerSet {
        let forgiven = self.ranges.iter().filter(|range| range.forgiven_in > epoch);
        forgiven.fold(self.faulted, |all, range| all.with(range.node))
    }

    /// Losses judged so far.
    pub(super) fn losses(&self) -> &[Loss] {
        &self.losses
    }

    /// The replica on `node` lost `from..to`; `next_life` is the first one after that.
    pub(super) fn on_lost(
        &mut self,
        node: NodeId,
        from: Offset,
        to: Offset,
        next_life: Incarnation,
    ) {
        assert!(from < to, "something was lost");
        self.ranges.push(LostRange { node, from, to, forgiven_in: None });
        self.faults.retain(|fault| fault.node != node);
        self.faults.push(Fault { node, next_life });
        self.faulted = self.faulted.with(node);
    }

    /// A leader took `node` into the ISR, when `life` was registered. If that is a life after its
    /// fault, the leader has seen it level again. A join that speaks of the life before does not
    /// count: it was proposed before the fault and committed after it.
    pub(super) fn on_joined(
        &mut self,
        node: NodeId,
        life: Option<Incarnation>,
        epoch: LeaderEpoch,
    ) {
        let covers = |fault: &Fault| fault.node == node && Some(fault.next_life) <= life;
        if self.faults.iter().any(covers) {
            self.forgive(node, epoch);
        }
    }

    /// `holders` have everything below `end`, also what they had lost.
    pub(super) fn on_holding(&mut self, holders: BrokerSet, end: Offset) {
        if self.ranges.is_empty() {
            return;
        }
        for range in self.ranges.iter_mut().filter(|range| holders.contains(range.node)) {
            range.from = range.from.max(end);
        }
        self.ranges.retain(|range| range.from < range.to);
    }

    /// The log of `node` has all that counts, or is the truth, from `epoch` on.
    pub(super) fn forgive(&mut self, node: NodeId, epoch: LeaderEpoch) {
        if self.faulted.contains(node) {
            for range in self.ranges.iter_mut().filter(|range| range.node == node) {
                range.forgiven_in.get_or_insert(epoch);
            }
            self.faults.retain(|fault| fault.node != node);
            self.faulted = self.faulted.without(node);
        }
    }

    /// Whether `node` lost all of `from..to`, committed in epoch `source`, with its disk, at once or bit by
    /// bit.
    fn has_lost(
        &self,
        node: NodeId,
        (from, to): (Offset, Offset),
        source: Option<LeaderEpoch>,
    ) -> bool {
        let mut at = from;
        while at < to {
            let covering = |range: &&LostRange| {
                let counts = range.forgiven_in.is_none_or(|epoch| source < Some(epoch));
                range.node == node && range.from <= at && at < range.to && counts
            };
            let Some(range) = self.ranges.iter().find(covering) else { return false };
            at = range.to;
        }
        true
    }

    /// Whether an unclean election came after `epoch`: whatever its leader still commits is lost.
    fn is_superseded(&self, epoch: LeaderEpoch) -> bool {
        self.unclean.iter().any(|election| election.epoch > epoch)
    }
}

/// Notes an unclean election of `leader` in `epoch`.
pub(super) fn on_unclean_election<'a, V: Cluster<'a>>(
    ghost: &mut Ghost,
    case: &Case<'a, V>,
    leader: NodeId,
    epoch: LeaderEpoch,
) {
    let log = case.view.log(ghost.tp, leader);
    let kept = match (log, ghost.committed_log()) {
        (Some(log), Some(committed)) => common_end(log, committed).min(ghost.committed_end()),
        (None, _) | (_, None) => Offset::ZERO,
    };
    ghost.excuses.unclean.push(UncleanElection { epoch, kept });
}

/// An unclean election after the latest commitment is not played out yet: its leader has not begun.
pub(super) fn is_unclean_election_open(ghost: &Ghost) -> bool {
    ghost.source().is_some_and(|source| ghost.excuses.is_superseded(source))
}

/// What excuses the leader of `epoch`: an unclean election came after it, or a later leader lacked
/// committed entries and its log is the truth since. Such a zombie may still commit and acknowledge, and nobody will keep it.
pub(super) fn of_epoch(ghost: &Ghost, epoch: LeaderEpoch) -> Option<Excuse> {
    if ghost.excuses.is_superseded(epoch) {
        return Some(Excuse::UNCLEAN);
    }
    let loss = ghost.excuses.losses.iter().rfind(|loss| loss.judged_in > epoch);
    loss.map(|loss| loss.excuse)
}

/// What excuses a watermark up to `watermark` over entries that differ from `known` on: it was written down
/// before entries there were lost, and not again since (`replication-offset-checkpoint`).
pub(super) fn of_checkpoint(ghost: &Ghost, known: Offset, watermark: Offset) -> Option<Excuse> {
    let covers = |loss: &&Loss| loss.from <= known && watermark <= loss.to;
    ghost.excuses.losses.iter().rfind(covers).map(|loss| loss.excuse)
}

/// G-8: why the committed entries of `from..to` may be missing under `leader` of an epoch; without
/// one, why they may be missing everywhere.
pub(super) fn classify(
    ghost: &Ghost,
    from: Offset,
    to: Offset,
    leader: Option<(NodeId, LeaderEpoch)>,
) -> Excuse {
    let excuses = &ghost.excuses;
    let committed_in = ghost.source();
    let elections = excuses.unclean.iter().filter(|election| {
        Some(election.epoch) > committed_in
            && leader.is_none_or(|(_, epoch)| election.epoch <= epoch)
    });
    if let Some(kept) = elections.map(|election| election.kept).min()
        && kept < to
    {
        // What its leader did have may be gone for a reason of its own.
        return if kept <= from { Excuse::UNCLEAN } else { by_fault(ghost, from, kept, leader) };
    }
    by_fault(ghost, from, to, leader)
}

/// Why `from..to` may be missing, elections apart.
fn by_fault(
    ghost: &Ghost,
    from: Offset,
    to: Offset,
    leader: Option<(NodeId, LeaderEpoch)>,
) -> Excuse {
    let has_lost = |node, from, to| ghost.excuses.has_lost(node, (from, to), ghost.source());
    let lost_by_all = ghost
        .holders_of(from, to)
        .all(|(from, to, holders)| holders.iter().all(|holder| has_lost(holder, from, to)));
    if lost_by_all {
        Excuse::ALL_HOLDERS
    } else if leader.is_some_and(|(node, _)| has_lost(node, from, to)) {
        Excuse::ONLY_ISR
    } else if leader.is_some_and(|(node, _)| ghost.unwaited.contains(node)) {
        Excuse::FORGOTTEN
    } else {
        Excuse::NONE
    }
}

/// The entries of `from..` are judged lost under `leader` of `epoch`: its log is the truth now.
pub(super) fn settle(
    ghost: &mut Ghost,
    from: Offset,
    excuse: Excuse,
    (leader, epoch): (NodeId, LeaderEpoch),
) {
    let to = ghost.committed_end();
    if let Some(source) = ghost.source() {
        ghost.excuses.losses.push(Loss { from, to, source, judged_in: epoch, excuse });
    }
    ghost.rebase(epoch, from, leader);
    ghost.excuses.forgive(leader, epoch);
    ghost.unwaited = ghost.unwaited.without(leader);
}
