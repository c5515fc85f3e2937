//! Ghost state of one partition (G-1 to G-5): what the checker knows and no node can see.
//!
//! ```text
//!   epoch 0  ├──────────────┤                  what the leader of each epoch ever had in its log;
//!   epoch 3  ├──────────────────────┤          an epoch's log never shrinks
//!   epoch 4  ├──────────────────────────┤
//!                         ▲ committed end      = the prefix of one of them
//! ```
//! One log per leader epoch is enough for everything. "Equal (epoch, offset) means equal record and
//! equal prefix" (INV-6) says that a replica whose last batch has epoch *e* holds a prefix of the
//! log of *e*; so any log, also one that was cut meanwhile, is named by an epoch and an end. The
//! committed entries are a prefix of the log of the epoch in which the high watermark was last
//! raised. The logs share batch bodies with the replicas, and comparing two prefixes is comparing
//! two chains.

use super::excuses::Excuses;
use super::verdicts::Class;
use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::epoch::{LeaderEpoch, Offset, PartitionEpoch, ProducerEpoch};
use kafkalab_core::id::{Incarnation, NodeId, ProducerId, TopicPartition};
use kafkalab_core::log::LogFile;
use kafkalab_core::record::{Batch, BatchBody};
use std::collections::BTreeMap;

/// Epochs kept per partition. Older ones are forgotten: a replica that comes back after so many
/// elections is still compared with what is committed.
const EPOCHS_KEPT: usize = 64;

/// What was last seen of one replica.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) node: NodeId,
    /// In which life of its broker.
    pub(super) life: Incarnation,
    /// Where its log ended, and in which epoch: together they name its content.
    pub(super) end: Offset,
    pub(super) tail: Option<LeaderEpoch>,
    /// The epochs it acted in (INV-4).
    pub(super) leader_epoch: Option<LeaderEpoch>,
    pub(super) partition_epoch: Option<PartitionEpoch>,
    /// Its batches below this were looked at one by one (INV-1, INV-3, INV-27).
    pub(super) walked: Offset,
    /// The last sequence of each idempotent producer in what was walked (INV-27).
    pub(super) sequences: BTreeMap<(ProducerId, ProducerEpoch), i32>,
    /// The epoch in which it was last seen leading, and its high watermark then (INV-26).
    pub(super) led: Option<(LeaderEpoch, Offset)>,
    /// Its proposal was refused in a way that lets it stand until newer metadata comes (INV-24).
    pub(super) awaits_metadata: bool,
}

impl Seat {
    /// The log ends at `end` now: what was walked beyond is walked again, sequences from the start.
    pub(super) fn cut(&mut self, end: Offset) {
        self.end = end;
        if end < self.walked {
            self.walked = Offset::ZERO;
            self.sequences.clear();
        }
    }
}

/// What the leader of one epoch had in its log.
#[derive(Clone, Debug)]
pub(super) struct EpochLog {
    pub(super) epoch: LeaderEpoch,
    /// G-5: the first broker seen leading in it.
    pub(super) leader: NodeId,
    pub(super) log: LogFile,
}

/// Entries, from the end of the run before, that were committed in one epoch on the same replicas.
#[derive(Clone, Copy, Debug)]
struct Run {
    end: Offset,
    epoch: LeaderEpoch,
    holders: BrokerSet,
}

/// The controller's record as of its last note.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastRecord {
    pub(super) leader: Option<NodeId>,
    pub(super) leader_epoch: LeaderEpoch,
    pub(super) partition_epoch: PartitionEpoch,
    pub(super) isr: BrokerSet,
}

/// Everything the checker knows of one partition.
#[derive(Clone, Debug)]
pub(super) struct Ghost {
    pub(super) tp: TopicPartition,
    pub(super) seats: Vec<Seat>,
    /// By epoch.
    epochs: Vec<EpochLog>,
    /// The epoch in whose log the committed entries are found; `None` before the first.
    source: Option<LeaderEpoch>,
    /// TrueHW: the end of what was ever committed and is not judged lost.
    committed_end: Offset,
    /// G-2 in runs, by offset.
    holders: Vec<Run>,
    /// G-3 in runs: what was acknowledged with acks=all, by offset.
    acked: Vec<(Offset, Offset)>,
    /// From here on no replica and no disk has what was acknowledged, and INV-16 has said so.
    pub(super) gone_from: Offset,
    /// Up to here the maximal ISR had min.insync.replicas when the watermark passed (INV-18).
    pub(super) wide_end: Offset,
    /// G-4: the end of what consumers were given.
    pub(super) consumed_end: Offset,
    pub(super) last_record: Option<LastRecord>,
    /// Replicas that need not agree yet: since the last loss they were not seen to (INV-7).
    pub(super) unsettled: BrokerSet,
    /// A proposal that a repeated metadata record ended while it was under way.
    pub(super) forgotten: Option<Forgotten>,
    /// Who was in such a proposal, until its leader counts it again: the watermark does not wait for it,
    /// though the controller may have it in the ISR.
    pub(super) unwaited: BrokerSet,
    pub(super) excuses: Excuses,
}

/// A proposal that is still under way and that its leader no longer counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Forgotten {
    /// Whose it was.
    pub(super) leader: NodeId,
    /// What the leader knew when it forgot, and knows until the next record.
    pub(super) partition_epoch: PartitionEpoch,
    /// The proposed set.
    pub(super) proposed: BrokerSet,
}

/// The shortest prefix of whole batches that covers everything below `to`: its end and its digest.
/// `None` if the log ends before. Batches travel whole, so comparing these compares the entries.
pub(super) fn prefix(log: &LogFile, to: Offset) -> Option<(Offset, u64)> {
    if to > log.end() {
        return None;
    }
    if let Some(chain) = log.chain_at(to) {
        return Some((to, chain));
    }
    let end = log.batch_at(Offset(to.0 - 1)).map_or(to, Batch::end_offset);
    Some((end, log.chain_at(end)?))
}

/// Whether both logs hold the same entries below `to`.
pub(super) fn agree(one: &LogFile, other: &LogFile, to: Offset) -> bool {
    let known = prefix(one, to);
    known.is_some() && known == prefix(other, to)
}

/// The end of what two logs share. Only asked when something is wrong.
pub(super) fn common_end(one: &LogFile, other: &LogFile) -> Offset {
    let (mut low, mut high) = (0, one.end().min(other.end()).0);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if agree(one, other, Offset(middle)) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    Offset(low)
}

impl Ghost {
    pub(super) fn new(tp: TopicPartition) -> Self {
        Self {
            tp,
            seats: Vec::new(),
            epochs: Vec::new(),
            source: None,
            committed_end: Offset::ZERO,
            holders: Vec::new(),
            acked: Vec::new(),
            gone_from: Offset(u64::MAX),
            wide_end: Offset::ZERO,
            consumed_end: Offset::ZERO,
            last_record: None,
            unsettled: BrokerSet::EMPTY,
            forgotten: None,
            unwaited: BrokerSet::EMPTY,
            excuses: Excuses::default(),
        }
    }

    /// The seat of the replica on `node`, in its present `life`.
    pub(super) fn seat_mut(&mut self, node: NodeId, life: Incarnation) -> &mut Seat {
        let place = match self.seats.iter().position(|seat| seat.node == node) {
            Some(place) => place,
            None => {
                self.seats.push(Seat {
                    node,
                    life,
                    end: Offset::ZERO,
                    tail: None,
                    leader_epoch: None,
                    partition_epoch: None,
                    walked: Offset::ZERO,
                    sequences: BTreeMap::new(),
                    led: None,
                    awaits_metadata: false,
                });
                self.seats.len() - 1
            }
        };
        let seat = &mut self.seats[place];
        if seat.life != life {
            // A new life starts without epochs; its log is what the last one left.
            (seat.life, seat.leader_epoch, seat.partition_epoch) = (life, None, None);
            (seat.led, seat.awaits_metadata) = (None, false);
        }
        seat
    }

    pub(super) fn seat(&self, node: NodeId) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.node == node)
    }

    /// The log of the replica on `node` is `log` now.
    pub(super) fn remember_tail(&mut self, node: NodeId, life: Incarnation, log: &LogFile) {
        let seat = self.seat_mut(node, life);
        seat.cut(log.end());
        seat.tail = log.last_epoch();
    }

    /// What it comes to that `members` of the ISR lack committed entries: a limit of Kafka's design if no
    /// leader could wait for any of them.
    pub(super) fn class_of_missing(&self, members: BrokerSet) -> Class {
        let is_limit = members.is_subset_of(self.unwaited);
        if is_limit { Class::DesignLimit } else { Class::Violation }
    }

    // ---- epochs --------------------------------------------------------------------------------

    /// What is known of `epoch`.
    pub(super) fn epoch(&self, epoch: LeaderEpoch) -> Option<&EpochLog> {
        match self.epochs.last() {
            Some(last) if last.epoch == epoch => Some(last),
            Some(_) | None => {
                let place = self.epochs.binary_search_by_key(&epoch, |known| known.epoch).ok()?;
                Some(&self.epochs[place])
            }
        }
    }

    /// What is known of `epoch`, to be written; begun with `log` and `leader` if nothing is.
    pub(super) fn epoch_mut(
        &mut self,
        epoch: LeaderEpoch,
        leader: NodeId,
        log: &LogFile,
    ) -> &mut EpochLog {
        let place = self.epochs.partition_point(|known| known.epoch < epoch);
        if self.epochs.get(place).is_none_or(|known| known.epoch != epoch) {
            self.epochs.insert(place, EpochLog { epoch, leader, log: log.clone() });
            if self.epochs.len() > EPOCHS_KEPT {
                return self.forget_an_epoch(epoch);
            }
        }
        &mut self.epochs[place]
    }

    fn forget_an_epoch(&mut self, keep: LeaderEpoch) -> &mut EpochLog {
        let source = self.source;
        let oldest = self.epochs.iter().position(|e| Some(e.epoch) != source && e.epoch != keep);
        self.epochs.remove(oldest.expect("more than two epochs are kept"));
        let place = self.epochs.partition_point(|known| known.epoch < keep);
        &mut self.epochs[place]
    }

    /// The epochs that are known, newest first.
    pub(super) fn epochs(&self) -> impl Iterator<Item = &EpochLog> {
        self.epochs.iter().rev()
    }

    /// The latest epoch in which `body` was written at `base`.
    pub(super) fn epoch_of(&self, base: Offset, body: &BatchBody) -> Option<LeaderEpoch> {
        let batches = self.epochs().filter_map(|known| known.log.batch_at(base));
        let mut same =
            batches.filter(|batch| batch.base_offset == base && batch.body.digest == body.digest);
        same.next().map(|batch| batch.leader_epoch)
    }

    // ---- G-1: committed ------------------------------------------------------------------------

    /// TrueHW.
    pub(super) const fn committed_end(&self) -> Offset {
        self.committed_end
    }

    /// The epoch in which the latest committed entries were committed.
    pub(super) const fn source(&self) -> Option<LeaderEpoch> {
        self.source
    }

    /// A log of which the first `committed_end` entries are committed.
    pub(super) fn committed_log(&self) -> Option<&LogFile> {
        self.epoch(self.source?).map(|known| &known.log)
    }

    /// Whether `log` holds the committed entries below `to`.
    pub(super) fn holds(&self, log: Option<&LogFile>, to: Offset) -> bool {
        if to == Offset::ZERO {
            return true;
        }
        let (Some(log), Some(committed)) = (log, self.committed_log()) else { return false };
        agree(log, committed, to)
    }

    /// Everything below `end` in the log of `epoch` is committed; `holders` have it.
    pub(super) fn commit(&mut self, epoch: LeaderEpoch, end: Offset, holders: BrokerSet) {
        assert!(end > self.committed_end, "a commitment extends what is committed");
        self.source = Some(epoch);
        self.committed_end = end;
        match self.holders.last_mut() {
            Some(last) if (last.epoch, last.holders) == (epoch, holders) => last.end = end,
            Some(_) | None => self.holders.push(Run { end, epoch, holders }),
        }
    }

    /// The end of what was committed in `epoch` or before.
    pub(super) fn committed_until(&self, epoch: LeaderEpoch) -> Offset {
        let later = self.holders.partition_point(|run| run.epoch <= epoch);
        self.holders[..later].last().map_or(Offset::ZERO, |run| run.end)
    }

    /// What was committed from `end` on is gone, and was judged: the log of `epoch` is the truth.
    pub(super) fn rebase(&mut self, epoch: LeaderEpoch, end: Offset, leader: NodeId) {
        self.source = Some(epoch);
        self.committed_end = end;
        let keep = self.holders.partition_point(|run| run.end < end);
        self.holders.truncate(keep + 1);
        if let Some(last) = self.holders.last_mut() {
            last.end = end.min(last.end);
        }
        self.forget_acked(end);
        self.gone_from = Offset(u64::MAX);
        self.consumed_end = self.consumed_end.min(end);
        self.wide_end = self.wide_end.min(end);
        self.unsettled =
            self.seats.iter().map(|seat| seat.node).collect::<BrokerSet>().without(leader);
    }

    /// G-2: who held the committed entries of `from..to`, run by run.
    pub(super) fn holders_of(
        &self,
        from: Offset,
        to: Offset,
    ) -> impl Iterator<Item = (Offset, Offset, BrokerSet)> + '_ {
        let first = self.holders.partition_point(|run| run.end <= from);
        let starts = self.holders[..first].last().map_or(Offset::ZERO, |run| run.end);
        self.holders[first..]
            .iter()
            .scan(starts, |start, run| {
                Some((std::mem::replace(start, run.end), run.end, run.holders))
            })
            .take_while(move |(start, _, _)| *start < to)
            .map(move |(start, end, holders)| (start.max(from), end.min(to), holders))
    }

    // ---- G-3: acknowledged ---------------------------------------------------------------------

    /// Success with acks=all was answered for `from..to`.
    pub(super) fn acknowledge(&mut self, from: Offset, to: Offset) {
        let place = self.acked.partition_point(|(_, end)| *end < from);
        match self.acked.get_mut(place) {
            Some((start, end)) if *start <= to => {
                *start = from.min(*start);
                *end = to.max(*end);
            }
            Some(_) | None => self.acked.insert(place, (from, to)),
        }
    }

    /// The end of everything acknowledged.
    pub(super) fn acked_end(&self) -> Offset {
        self.acked.last().map_or(Offset::ZERO, |(_, end)| *end)
    }

    /// How many acknowledged entries lie in `from..to`.
    pub(super) fn acked_in(&self, from: Offset, to: Offset) -> u64 {
        self.acked.iter().map(|(a, b)| (*b).min(to).distance_from((*a).max(from))).sum()
    }

    /// Acknowledgements at or above `end` were judged.
    fn forget_acked(&mut self, end: Offset) {
        self.acked.retain(|(start, _)| *start < end);
        if let Some((_, last_end)) = self.acked.last_mut() {
            *last_end = end.min(*last_end);
        }
    }
}
