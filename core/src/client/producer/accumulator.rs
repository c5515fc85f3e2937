//! Where records wait: one queue of batches per partition. Follows `RecordAccumulator`.
//!
//! Owns the queues, the buffer pool's account and three questions: may a record be appended (P-40,
//! P-43), which nodes have something worth sending (P-41), and what goes into one request (P-42).
//!
//! ## Simplified
//! Memory is an account, not a pool of buffers. No compression, hence no size estimate that can
//! prove wrong, and MESSAGE_TOO_LARGE does not split a batch (P-45).

use super::batch::{BatchId, Incomplete, NewRecord, ProducerBatch};
use super::idempotence::Idempotence;
use crate::client::metadata::Metadata;
use crate::config::ProducerConfig;
use crate::id::{NodeId, TopicPartition};
use crate::time::{Clock, Duration, Instant};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What an append did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Appended {
    /// The record is in a batch; so many bytes were used.
    Bytes(u32),
    /// A new batch is needed and there is no memory for it.
    BufferFull(NewRecord),
}

/// Which nodes have something worth sending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ready {
    /// Leaders of at least one partition whose first batch is ready.
    pub(super) nodes: BTreeSet<NodeId>,
    /// Some partition with records has no known leader.
    pub(super) is_leader_unknown: bool,
}

/// The queues.
///
/// * A queue holds unfinished batches only, none of them in flight.
/// * At most the last batch of a queue is open.
#[derive(Clone, Debug)]
pub(super) struct Accumulator {
    batch_size: u32,
    linger: Duration,
    buffer_memory: u64,
    max_request_size: u32,
    pub(super) incomplete: Incomplete,
    queues: BTreeMap<TopicPartition, VecDeque<BatchId>>,
    /// Partitions with a batch in flight that must stay alone (max.in.flight = 1).
    muted: BTreeSet<TopicPartition>,
    /// Per node the place among its partitions at which the last drain stopped.
    drain_index: BTreeMap<NodeId, usize>,
    /// Everything is ready: the application waits for memory, or the producer is closing.
    is_urgent: bool,
    /// A batch was begun or filled: the sender's thread is woken.
    wakes_sender: bool,
}

impl Accumulator {
    /// Nothing waits.
    pub(super) fn new(config: &ProducerConfig) -> Self {
        Self {
            batch_size: config.batch_size.max(1),
            linger: config.linger,
            buffer_memory: config.buffer_memory,
            max_request_size: config.max_request_size,
            incomplete: Incomplete::default(),
            queues: BTreeMap::new(),
            muted: BTreeSet::new(),
            drain_index: BTreeMap::new(),
            is_urgent: false,
            wakes_sender: false,
        }
    }

    /// Whether a record is larger than can ever be sent (P-21), or its batch than there is memory
    /// (`BufferPool.allocate`, which refuses at once what it can never give).
    pub(super) fn is_too_large(&self, record: &NewRecord) -> bool {
        let size = record.lone_batch_at_most();
        let capacity = self.batch_size.max(size);
        size > self.max_request_size || u64::from(capacity) > self.buffer_memory
    }

    /// Adds a record to the last batch of its partition, or to a new one behind it (P-40).
    pub(super) fn append(
        &mut self,
        tp: TopicPartition,
        record: NewRecord,
        clock: Clock,
    ) -> Appended {
        let queue = self.queues.entry(tp).or_default();
        let mut record = record;
        if let Some(last) = queue.back() {
            let batch = self.incomplete.queued_mut(*last);
            let before = batch.size();
            match batch.append(record, clock.wall) {
                Ok(()) => {
                    self.wakes_sender |= batch.is_full();
                    return Appended::Bytes(batch.size() - before);
                }
                Err(back) => record = back,
            }
        }
        let capacity = self.batch_size.max(record.lone_batch_at_most());
        if self.incomplete.allocated() + u64::from(capacity) > self.buffer_memory {
            return Appended::BufferFull(record);
        }
        let id = self.incomplete.open(tp, &record, self.batch_size, clock);
        let batch = self.incomplete.queued_mut(id);
        let first = batch.append(record, clock.wall);
        assert!(first.is_ok(), "a new batch has room for its first record");
        queue.push_back(id);
        self.wakes_sender = true;
        Appended::Bytes(batch.size())
    }

    /// Whether what was appended wakes the sender's thread (`KafkaProducer.doSend`); asked once.
    pub(super) const fn take_wake(&mut self) -> bool {
        std::mem::replace(&mut self.wakes_sender, false)
    }

    /// Whether no queued batch of `tp` can take another record: the sticky partitioner moves on only
    /// then (P-35).
    pub(super) fn are_all_full(&self, tp: TopicPartition) -> bool {
        let last = self.queues.get(&tp).and_then(VecDeque::back);
        last.is_none_or(|id| self.incomplete.queued(*id).is_full())
    }

    /// Makes everything ready, or lets it linger again.
    pub(super) const fn set_urgent(&mut self, is_urgent: bool) {
        self.is_urgent = is_urgent;
    }

    /// Tells the first batch of each queue in which epoch its partition is led, so that a retry to a
    /// new leader need not serve its back-off (KIP-951).
    pub(super) fn note_leaders(&mut self, metadata: &Metadata) {
        for (tp, queue) in &self.queues {
            if let Some(first) = queue.front()
                && let Some(known) = metadata.leadership(*tp).filter(|known| known.leader.is_some())
            {
                self.incomplete.queued_mut(*first).note_leader(known.epoch);
            }
        }
    }

    /// When the first batch of a queue is ready (P-41): a retry after its back-off, unless it goes to
    /// a new leader, others when full or after linger.
    fn ready_at(&self, queue: &VecDeque<BatchId>, first: &ProducerBatch) -> Instant {
        if first.attempts > 0 {
            first.backoff_end()
        } else if queue.len() > 1 || first.is_full() || self.is_urgent {
            Instant::ZERO
        } else {
            first.created + self.linger
        }
    }

    /// The first batch of each queue that may move, with its partition and when it is ready.
    fn heads(&self) -> impl Iterator<Item = (TopicPartition, Instant)> {
        let unmuted = self.queues.iter().filter(|(tp, _)| !self.muted.contains(tp));
        unmuted.filter_map(|(tp, queue)| {
            let first = self.incomplete.queued(*queue.front()?);
            Some((*tp, self.ready_at(queue, first)))
        })
    }

    /// Which nodes have something worth sending.
    pub(super) fn ready(&self, now: Instant, metadata: &Metadata) -> Ready {
        let mut ready = Ready::default();
        for (tp, at) in self.heads() {
            match metadata.leader(tp) {
                None => ready.is_leader_unknown = true,
                Some(leader) if at <= now => drop(ready.nodes.insert(leader)),
                Some(_) => {}
            }
        }
        ready
    }

    /// When something becomes ready that is not; where it is and cannot be sent, `retry_at` of its
    /// leader says when to look again.
    pub(super) fn next_wake(
        &self,
        now: Instant,
        metadata: &Metadata,
        retry_at: impl Fn(NodeId) -> Instant,
    ) -> Instant {
        let wakes = self.heads().filter_map(|(tp, at)| {
            let leader = metadata.leader(tp)?;
            Some(if at > now { at } else { retry_at(leader) })
        });
        wakes.min().unwrap_or(Instant::NEVER)
    }

    /// Takes what goes into one request to `node`: at most one batch per partition it leads, until
    /// the request is full (P-42). It takes a partition's first batch even if that lingers still:
    /// the request goes anyway. Starts where the last drain stopped, so that no partition starves.
    ///
    /// A partition that waits for its sequences ends the drain of the whole node, as in Kafka.
    pub(super) fn drain(
        &mut self,
        now: Instant,
        node: NodeId,
        metadata: &Metadata,
        mut idempotence: Option<&mut Idempotence>,
    ) -> Vec<BatchId> {
        let partitions: Vec<TopicPartition> = metadata.led_by(node).collect();
        let start = self.drain_index.get(&node).copied().unwrap_or(0);
        let (mut drained, mut size) = (Vec::new(), 0_u32);
        for step in 0..partitions.len() {
            let index = (start + step) % partitions.len();
            self.drain_index.insert(node, index);
            let Some(id) = self.first_of(now, partitions[index]) else { continue };
            let next = self.incomplete.queued(id).size();
            if !drained.is_empty() && size + next > self.max_request_size {
                break;
            }
            let tracker = idempotence.as_deref();
            if tracker.is_some_and(|t| t.must_wait(partitions[index], id, &self.incomplete)) {
                break;
            }
            match idempotence.as_deref_mut() {
                Some(tracker) => tracker.stamp(id, &mut self.incomplete),
                None => self.incomplete.queued_mut(id).seal(None),
            }
            let queue = self.queues.get_mut(&partitions[index]).expect("it has a first batch");
            queue.pop_front();
            self.incomplete.queued_mut(id).is_in_flight = true;
            size += next;
            drained.push(id);
        }
        drained
    }

    /// The first batch of `tp`, if it may move.
    fn first_of(&self, now: Instant, tp: TopicPartition) -> Option<BatchId> {
        let id = *self.queues.get(&tp).filter(|_| !self.muted.contains(&tp))?.front()?;
        let batch = self.incomplete.queued(id);
        assert!(!batch.is_in_flight, "a batch is queued or in flight");
        (batch.backoff_end() <= now).then_some(id)
    }

    /// Queues a batch again for a retry. Without idempotence it goes to the front: of two that
    /// failed, the one handled last is sent first, and one that did not fail has overtaken both
    /// (P-53). With idempotence it goes where its sequence belongs.
    pub(super) fn reenqueue(&mut self, id: BatchId, is_idempotent: bool, backoff_until: Instant) {
        let batch = self.incomplete.queued_mut(id);
        assert!(batch.is_in_flight, "only what was sent is retried");
        batch.is_in_flight = false;
        batch.attempts += 1;
        batch.backoff_until = backoff_until;
        let queue = self.queues.entry(batch.tp).or_default();
        let place = if is_idempotent { queue.partition_point(|other| *other < id) } else { 0 };
        queue.insert(place, id);
    }

    /// Takes the oldest batch out if its delivery time is over, wherever it is.
    pub(super) fn expire(
        &mut self,
        now: Instant,
        delivery_timeout: Duration,
    ) -> Option<(BatchId, ProducerBatch)> {
        let (id, _) =
            self.incomplete.oldest().filter(|(_, b)| b.is_expired(now, delivery_timeout))?;
        let batch = self.incomplete.finish(id).expect("it was there a line ago");
        if !batch.is_in_flight {
            let queue = self.queues.get_mut(&batch.tp).expect("it waits in its queue");
            queue.retain(|other| *other != id);
        }
        Some((id, batch))
    }

    /// Keeps further batches of `tp` back while one is in flight.
    pub(super) fn mute(&mut self, tp: TopicPartition) {
        self.muted.insert(tp);
    }

    /// Ends `mute`.
    pub(super) fn unmute(&mut self, tp: TopicPartition) {
        self.muted.remove(&tp);
    }
}
