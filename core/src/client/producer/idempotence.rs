//! Producer ids, sequences, and what to do when they do not fit: `TransactionManager` of a producer
//! without transactions (KIP-98, KIP-185, KIP-360).
//!
//! Owns the producer id and per partition the next sequence, the last one acknowledged and the
//! batches sent but not finished. A sequence is given at drain and frozen over retries (P-81), so
//! that a broker knows a repeated batch. A proven gap cannot be closed any more: the producer raises
//! its own epoch and numbers the partition from 0 again (P-84).
//!
//! ```text
//!   no id ──InitProducerId──▶ id, epoch e ──bump──▶ id, epoch e+1 … ──bump at 32767──▶ no id
//! ```
//!
//! ## Simplified
//! No transactions. UNKNOWN_PRODUCER_ID does not occur: no broker since 2.x sends it (B-06). Batches
//! that are rewritten while the id itself has to be fetched anew lose their stamp until they are
//! drained again, where Kafka would renumber them under the invalid id −1.

use super::batch::{BatchId, Incomplete};
use crate::epoch::ProducerEpoch;
use crate::id::{ProducerId, TopicPartition};
use crate::record::ProducerStamp;
use std::collections::{BTreeMap, BTreeSet};

type IdAndEpoch = (ProducerId, ProducerEpoch);

/// The sequence `n` records after `sequence`; after `i32::MAX` comes 0.
fn advance(sequence: i32, n: u32) -> i32 {
    assert!(sequence >= 0, "sequences are not negative");
    ((i64::from(sequence) + i64::from(n)) & i64::from(i32::MAX)) as i32
}

#[derive(Clone, Debug, Default)]
struct Sequences {
    /// The id and epoch its sequences belong to.
    producer: Option<IdAndEpoch>,
    next: i32,
    last_acked: Option<i32>,
    /// Sent and not finished, in flight or queued for a retry; in order of sequence.
    in_flight: Vec<BatchId>,
    /// A batch that had been retried expired before this sequence: whether it was appended is
    /// unknown, so nothing new is sent until what is in flight settles it (P-85).
    unresolved: Option<i32>,
}

impl Sequences {
    fn is_next(&self, sequence: i32) -> bool {
        sequence == self.last_acked.map_or(0, |last| advance(last, 1))
    }
}

/// What OUT_OF_ORDER_SEQUENCE_NUMBER proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gap {
    /// Nothing yet: an earlier batch is on its way or unresolved.
    NotProven,
    /// The batch was next in line, so what came before it never arrived.
    Proven,
}

/// The producer's own half of idempotence.
#[derive(Clone, Debug, Default)]
pub(super) struct Idempotence {
    producer: Option<IdAndEpoch>,
    partitions: BTreeMap<TopicPartition, Sequences>,
    /// Partitions whose trouble asked for the next epoch bump.
    to_rewrite: BTreeSet<TopicPartition>,
    is_bump_required: bool,
}

impl Idempotence {
    /// The id and epoch, once known.
    pub(super) const fn producer(&self) -> Option<IdAndEpoch> {
        self.producer
    }

    /// InitProducerId was answered.
    pub(super) fn on_producer_id(&mut self, id: ProducerId, epoch: ProducerEpoch) {
        assert!(self.producer.is_none(), "an id is asked for only when there is none");
        self.producer = Some((id, epoch));
    }

    /// Whether the head of a queue may not be sent now (P-82).
    pub(super) fn must_wait(
        &self,
        tp: TopicPartition,
        head: BatchId,
        batches: &Incomplete,
    ) -> bool {
        let Some(producer) = self.producer else { return true };
        let Some(partition) = self.partitions.get(&tp) else { return false };
        let is_retry = partition.in_flight.contains(&head);
        if is_retry && batches.queued(head).stamp().is_some() {
            // Only the oldest unfinished batch may be repeated: later ones wait for the hole.
            return partition.in_flight.first() != Some(&head);
        }
        let is_stale = partition.producer != Some(producer);
        (is_stale && !partition.in_flight.is_empty()) || partition.unresolved.is_some()
    }

    /// Gives a batch its sequence, unless it has one from an earlier attempt (P-81).
    pub(super) fn stamp(&mut self, id: BatchId, batches: &mut Incomplete) {
        let producer = self.producer.expect("must_wait says no without an id");
        let batch = batches.queued_mut(id);
        if batch.stamp().is_some() {
            return;
        }
        let partition = self.partitions.entry(batch.tp).or_default();
        if partition.producer != Some(producer) {
            assert!(partition.in_flight.is_empty(), "an epoch changes between batches");
            *partition = Sequences { producer: Some(producer), ..Sequences::default() };
        }
        let (id_, epoch) = producer;
        let base_sequence = partition.next;
        batch.seal(Some(ProducerStamp { id: id_, epoch, base_sequence }));
        partition.next = advance(base_sequence, batch.record_count());
        assert!(partition.in_flight.last().is_none_or(|last| *last < id), "in order of creation");
        partition.in_flight.push(id);
    }

    /// A batch was acknowledged: `stamp` and `count` as they are by now.
    pub(super) fn on_acked(
        &mut self,
        tp: TopicPartition,
        id: BatchId,
        stamp: ProducerStamp,
        count: u32,
    ) {
        let partition = self.partitions.entry(tp).or_default();
        partition.in_flight.retain(|other| *other != id);
        if partition.producer == Some((stamp.id, stamp.epoch)) {
            let last = advance(stamp.base_sequence, count - 1);
            // A late answer must not move it back; a wrap is the one legal step down.
            if partition
                .last_acked
                .is_none_or(|acked| last > acked || partition.is_next(stamp.base_sequence))
            {
                partition.last_acked = Some(last);
            }
        }
    }

    /// A batch was given up (`handleFailedBatch`). `is_gap_certain` unless its attempts ran out without
    /// OUT_OF_ORDER_SEQUENCE_NUMBER, or its time was over: then the sequence may have been taken and
    /// must not be given to another batch.
    pub(super) fn on_failed(&mut self, tp: TopicPartition, id: BatchId, is_gap_certain: bool) {
        if let Some(partition) = self.partitions.get_mut(&tp) {
            partition.in_flight.retain(|other| *other != id);
        }
        if is_gap_certain {
            self.require_bump(tp);
        }
    }

    /// A batch that had been retried expired: what follows it has to wait (P-85).
    pub(super) fn mark_unresolved(&mut self, tp: TopicPartition, stamp: ProducerStamp, count: u32) {
        let after = advance(stamp.base_sequence, count);
        let partition = self.partitions.entry(tp).or_default();
        partition.unresolved = Some(partition.unresolved.map_or(after, |seq| seq.max(after)));
    }

    /// Reacts to OUT_OF_ORDER_SEQUENCE_NUMBER (P-83). The batch is retried in any case.
    pub(super) fn on_out_of_order(
        &mut self,
        tp: TopicPartition,
        sequence: i32,
        was_renumbered: bool,
    ) {
        let partition = self.partitions.entry(tp).or_default();
        let gap = match partition.unresolved {
            None if was_renumbered || !partition.is_next(sequence) => Gap::NotProven,
            None => Gap::Proven,
            Some(after) if after == sequence => Gap::Proven,
            Some(_) => Gap::NotProven,
        };
        if gap == Gap::Proven {
            self.require_bump(tp);
        }
    }

    fn require_bump(&mut self, tp: TopicPartition) {
        self.is_bump_required = true;
        self.to_rewrite.insert(tp);
    }

    /// Settles unresolved partitions with nothing left in flight: either everything after the
    /// expired batch was acknowledged, so it must have been appended, or there is a gap.
    pub(super) fn resolve_sequences(&mut self) {
        let mut gaps = Vec::new();
        for (tp, partition) in &mut self.partitions {
            if partition.unresolved.is_some() && partition.in_flight.is_empty() {
                partition.unresolved = None;
                if !partition.is_next(partition.next) {
                    gaps.push(*tp);
                }
            }
        }
        for tp in gaps {
            self.require_bump(tp);
        }
    }

    /// Raises the epoch if something asked for it, without asking any broker (P-84): partitions in
    /// trouble are numbered from 0 in the new epoch, the others when nothing of theirs is in flight.
    pub(super) fn bump_if_required(&mut self, batches: &mut Incomplete) {
        if !std::mem::take(&mut self.is_bump_required) {
            return;
        }
        let (id, epoch) = self.producer.expect("only what was sent can be in trouble");
        let exhausted = epoch.0 == i16::MAX;
        self.producer = (!exhausted).then(|| (id, epoch.next()));
        for tp in std::mem::take(&mut self.to_rewrite) {
            self.rewrite(tp, batches);
        }
    }

    fn rewrite(&mut self, tp: TopicPartition, batches: &mut Incomplete) {
        let partition = self.partitions.entry(tp).or_default();
        let in_flight = std::mem::take(&mut partition.in_flight);
        *partition = Sequences { producer: self.producer, ..Sequences::default() };
        for id in in_flight {
            let batch = batches.get_mut(id).expect("what is in flight is unfinished");
            batch.was_renumbered = true;
            batch.seal(self.producer.map(|(id, epoch)| {
                let base_sequence = partition.next;
                ProducerStamp { id, epoch, base_sequence }
            }));
            if self.producer.is_some() {
                partition.next = advance(partition.next, batch.record_count());
                partition.in_flight.push(id);
            }
        }
    }
}
