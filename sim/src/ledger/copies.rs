//! The logs that count, mirrored: which copies of which records stand in them.
//!
//! A partition with a leader counts by the log of that broker; one without, by every log and disk
//! that has it. A mirror of each such log says what was entered in the rows so far. An append goes
//! straight through. Anything else (an election, a death, a truncation, a wiped disk) compares the
//! mirror with the log as it is now and corrects the difference: what both share costs nothing,
//! because equal prefixes have equal digests.

use crate::look::{Committed, Look};
use kafkalab_core::epoch::{LeaderEpoch, Offset};
use kafkalab_core::id::{Incarnation, NodeId, RecordId, TopicPartition};
use kafkalab_core::log::LogFile;
use kafkalab_core::record::Batch;
use std::collections::BTreeMap;

/// How the rows of some records are to be corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// A copy in a log that leads, below the high watermark or not.
    Leading { is_committed: bool },
    /// A copy in a log of a partition without a leader.
    Leaderless,
    /// A copy in a log that leads passed the high watermark.
    Committed,
}

/// A correction of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A change of one record: one more of it or one less.
    Copy { id: RecordId, change: Change, is_more: bool },
    /// One record more of this producer stands against the order of sending.
    Reordered(NodeId),
}

/// The log of one replica as it was entered.
#[derive(Clone, Debug)]
struct Mirror {
    node: NodeId,
    log: LogFile,
}

/// One partition.
#[derive(Clone, Debug, Default)]
pub(super) struct Copies {
    /// The epoch of the committed record, and the life in which its leader was elected.
    elected: Option<(LeaderEpoch, Option<Incarnation>)>,
    leader: Option<NodeId>,
    /// Of the leader alone, or of every replica while there is none.
    mirrors: Vec<Mirror>,
    /// The leader's high watermark; [`ALL`] while its replica is not loaded.
    watermark: Offset,
    order: Order,
}

/// No copy is above it: nobody can say where the watermark of an unloaded replica is.
const ALL: Offset = Offset(u64::MAX);

/// Neighbours in the log that leads.
#[derive(Clone, Debug, Default)]
struct Order {
    /// The latest record of each producer, and how many of its records stand against their order.
    by_producer: BTreeMap<NodeId, (u32, u64)>,
}

impl Order {
    /// Adds the next record of the log. Says whether it stands against the order of sending.
    fn append(&mut self, id: RecordId) -> bool {
        let (last, reordered) = self.by_producer.entry(id.producer).or_insert((id.n, 0));
        let is_against = id.n < *last;
        *reordered += u64::from(is_against);
        *last = id.n;
        is_against
    }

    /// Adds the records of `log` from offset `from` on, where a batch begins.
    fn append_all(&mut self, log: &LogFile, from: Offset) {
        for id in ids(log, from) {
            self.append(id);
        }
    }
}

impl Copies {
    /// The log that leads, as it was entered.
    fn leading_log(&self) -> Option<&LogFile> {
        let mirror = self.mirrors.first().filter(|_| self.leader.is_some());
        mirror.map(|mirror| &mirror.log)
    }

    /// How many records of `producer` stand in the log that leads against the order of sending.
    pub(super) fn reordered(&self, producer: NodeId) -> u64 {
        self.order.by_producer.get(&producer).map_or(0, |(_, reordered)| *reordered)
    }

    /// The producers with records in the log that leads.
    pub(super) fn producers(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.order.by_producer.keys().copied()
    }

    /// A batch was written to the log of `node`. `false` if the mirror does not end where the batch
    /// begins: then [`Self::follow`] must look at the whole log.
    pub(super) fn append(&mut self, node: NodeId, batch: Batch, out: &mut Vec<Entry>) -> bool {
        let has_leader = self.leader.is_some();
        let Some(mirror) = self.mirrors.iter_mut().find(|mirror| mirror.node == node) else {
            // A leader counts alone. Its own log, and any log without a leader, may be new.
            return self.leader.is_some_and(|leader| leader != node);
        };
        if mirror.log.end() != batch.base_offset {
            return false;
        }
        for id in batch.body.records.iter().filter_map(|record| record.id) {
            if has_leader && self.order.append(id) {
                out.push(Entry::Reordered(id.producer));
            }
        }
        enter(&batch, has_leader.then_some(self.watermark), true, out);
        mirror.log.append(batch);
        true
    }

    /// The high watermark of the replica on `node` moved to `to`.
    pub(super) fn move_watermark(&mut self, node: NodeId, to: Offset, out: &mut Vec<Entry>) {
        if self.leader != Some(node) {
            return;
        }
        let from = std::mem::replace(&mut self.watermark, to);
        if let Some(mirror) = self.mirrors.first() {
            pass(&mirror.log, from.min(to), from.max(to), to > from, out);
        }
    }

    /// Looks at the partition `tp` as it is now, and enters what is different; but for the order of
    /// its records, which the caller compares.
    pub(super) fn follow(
        &mut self,
        tp: TopicPartition,
        look: Look<'_>,
        committed: &Committed,
        out: &mut Vec<Entry>,
    ) {
        let leader = self.elect(tp, look, committed);
        let replicas = committed.partition(tp).map_or(&[][..], |record| &record.replicas[..]);
        let counting = match &leader {
            Some(leader) => std::slice::from_ref(leader),
            None => replicas,
        };
        let now: Vec<Mirror> = counting
            .iter()
            .filter_map(|node| {
                look.log(tp, *node).map(|log| Mirror { node: *node, log: log.clone() })
            })
            .collect();
        let watermark = leader
            .and_then(|leader| look.replica(tp, leader))
            .map_or(ALL, |replica| replica.log().high_watermark());
        let before = std::mem::replace(&mut self.mirrors, now);
        match (self.leader, leader) {
            (Some(_), Some(_)) => self.pass_on(&before, watermark, out),
            (None, None) => self.compare_each(&before, out),
            (was, _) => {
                self.order = Order::default();
                let was = was.map(|_| self.watermark);
                for mirror in &before {
                    enter_all(&mirror.log, was, false, out);
                }
                let is = leader.map(|_| watermark);
                for mirror in &self.mirrors {
                    enter_all(&mirror.log, is, true, out);
                    if leader.is_some() {
                        self.order.append_all(&mirror.log, LogFile::START);
                    }
                }
            }
        }
        self.leader = leader;
        self.watermark = watermark;
    }

    /// One log led before and one leads now, perhaps the same.
    fn pass_on(&mut self, before: &[Mirror], watermark: Offset, out: &mut Vec<Entry>) {
        let empty = LogFile::default();
        let old = before.first().map_or(&empty, |mirror| &mirror.log);
        let new = self.mirrors.first().map_or(&empty, |mirror| &mirror.log);
        let shared = old.shared_end(new);
        enter_from(old, shared, Some(self.watermark), false, out);
        let (from, to) = (self.watermark.min(shared), watermark.min(shared));
        pass(new, from.min(to), from.max(to), to > from, out);
        enter_from(new, shared, Some(watermark), true, out);
        if shared == old.end() {
            self.order.append_all(new, shared);
        } else {
            self.order = Order::default();
            self.order.append_all(new, LogFile::START);
        }
    }

    /// No log led before and none leads now.
    fn compare_each(&self, before: &[Mirror], out: &mut Vec<Entry>) {
        let empty = LogFile::default();
        let log_on = |mirrors: &[Mirror], node| {
            let found = mirrors.iter().find(|mirror| mirror.node == node);
            found.map_or(empty.clone(), |mirror| mirror.log.clone())
        };
        let mut nodes: Vec<NodeId> = before.iter().map(|mirror| mirror.node).collect();
        nodes.extend(self.mirrors.iter().map(|mirror| mirror.node));
        nodes.sort_unstable();
        nodes.dedup();
        for node in nodes {
            let (old, new) = (log_on(before, node), log_on(&self.mirrors, node));
            let shared = old.shared_end(&new);
            enter_from(&old, shared, None, false, out);
            enter_from(&new, shared, None, true, out);
        }
    }

    /// Who leads: the broker that the committed record names, if it runs in the life in which it
    /// was elected.
    fn elect(
        &mut self,
        tp: TopicPartition,
        look: Look<'_>,
        committed: &Committed,
    ) -> Option<NodeId> {
        let record = committed.partition(tp)?;
        if self.elected.is_none_or(|(epoch, _)| epoch != record.leader_epoch) {
            let life = record.leader.and_then(|leader| committed.image().brokers.get(&leader));
            self.elected = Some((record.leader_epoch, life.map(|broker| broker.incarnation)));
        }
        let (_, life) = self.elected?;
        let world = look.world();
        record.leader.filter(|node| world.is_up(*node) && Some(world.incarnation(*node)) == life)
    }

    /// The records that stand right behind one of the same producer that was sent after them.
    pub(super) fn reordered_records(&self) -> Vec<RecordId> {
        let mut order = Order::default();
        let log = self.leading_log().into_iter();
        log.flat_map(|log| ids(log, LogFile::START)).filter(|id| order.append(*id)).collect()
    }
}

/// The records of a log from offset `from` on, in order.
fn ids(log: &LogFile, from: Offset) -> impl Iterator<Item = RecordId> + '_ {
    let records = log.batches_from(from).flat_map(|batch| &batch.body.records);
    records.filter_map(|record| record.id)
}

/// Enters every record of `batch`, or takes it out; `watermark` is that of a log that leads.
fn enter(batch: &Batch, watermark: Option<Offset>, is_more: bool, out: &mut Vec<Entry>) {
    for record in &batch.body.records {
        let Some(id) = record.id else { continue };
        let change = match watermark {
            None => Change::Leaderless,
            Some(watermark) => {
                let offset = batch.base_offset.plus(u64::from(record.offset_delta));
                Change::Leading { is_committed: offset < watermark }
            }
        };
        out.push(Entry::Copy { id, change, is_more });
    }
}

fn enter_from(
    log: &LogFile,
    from: Offset,
    watermark: Option<Offset>,
    is_more: bool,
    out: &mut Vec<Entry>,
) {
    for batch in log.batches_from(from) {
        enter(batch, watermark, is_more, out);
    }
}

fn enter_all(log: &LogFile, watermark: Option<Offset>, is_more: bool, out: &mut Vec<Entry>) {
    enter_from(log, LogFile::START, watermark, is_more, out);
}

/// The copies at `from..to` of a log that leads are below the high watermark now, or no longer.
fn pass(log: &LogFile, from: Offset, to: Offset, is_more: bool, out: &mut Vec<Entry>) {
    for batch in log.batches_from(from) {
        if batch.base_offset >= to {
            break;
        }
        for record in &batch.body.records {
            let offset = batch.base_offset.plus(u64::from(record.offset_delta));
            if let Some(id) = record.id.filter(|_| offset >= from && offset < to) {
                out.push(Entry::Copy { id, change: Change::Committed, is_more });
            }
        }
    }
}
