//! One batch on its way, and the set of all of them.
//!
//! Owns the bookkeeping of a batch that the broker never sees. Follows `ProducerBatch` and
//! `IncompleteBatches`. A batch has one home, [`Incomplete`]; queues, requests in flight and the
//! sequence tracker name it by id, so that whoever finishes it first wins and the rest find nothing.
//!
//! ```text
//!            drain              success, or given up
//!   open ───────────▶ in flight ──────────────────────▶ (gone)
//!    │                 │     ▲                             ▲
//!    │ retriable error │     │ drain                       │
//!    │                 ▼     │                             │
//!    │               queued again                          │
//!    └─ and from each of these: delivery time-out ─────────┘
//! ```

use crate::epoch::LeaderEpoch;
use crate::error_code::ErrorCode;
use crate::id::{RecordId, TopicPartition};
use crate::record::size::{self, FillingBatch};
use crate::record::{BatchBody, BatchKind, ProducerStamp, Record};
use crate::time::{Clock, Duration, Instant, Timestamp};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Names a batch for its whole life. Ids grow with the moment of creation, and batches of one
/// partition are first sent in that order: among them the order of ids is the order of sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BatchId(u64);

/// A record as the application hands it over, with its partition not yet chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewRecord {
    pub(super) id: RecordId,
    pub(super) key: Option<Bytes>,
    pub(super) value: Bytes,
}

impl NewRecord {
    /// Bytes of its key and value with their lengths.
    fn content(&self) -> u32 {
        size::content(self.key.as_ref().map(Bytes::len), Some(self.value.len()), &[])
    }

    /// Bytes that a batch of this one record takes at most.
    pub(super) fn lone_batch_at_most(&self) -> u32 {
        size::lone_batch_at_most(self.content())
    }
}

#[derive(Clone, Debug)]
enum Content {
    /// Records may still be added.
    Open(Vec<Record>),
    /// A record did not fit, so nothing more is added.
    Closed(Vec<Record>),
    /// Drained at least once.
    Sealed(Arc<BatchBody>),
}

/// A batch that is not finished.
#[derive(Clone, Debug)]
pub(super) struct ProducerBatch {
    pub(super) tp: TopicPartition,
    /// When its first record was appended: the delivery clock runs from here (P-50).
    pub(super) created: Instant,
    /// The bytes taken from the buffer pool, and those used of them.
    filling: FillingBatch,
    /// How often it was queued again.
    pub(super) attempts: u32,
    /// It is not sent again to the same leader before this.
    pub(super) backoff_until: Instant,
    /// The newest epoch of its partition's leader that it was told of, and after how many attempts.
    leader_noted: Option<(LeaderEpoch, u32)>,
    /// A request that carries it waits for its answer.
    pub(super) is_in_flight: bool,
    /// An attempt may have been appended although it was not acknowledged (P-60).
    pub(super) is_in_doubt: bool,
    /// An epoch bump gave it another sequence than the one it was first sent with.
    pub(super) was_renumbered: bool,
    base_timestamp: Timestamp,
    content: Content,
}

impl ProducerBatch {
    fn new(tp: TopicPartition, record: &NewRecord, batch_size: u32, clock: Clock) -> Self {
        Self {
            tp,
            created: clock.now,
            filling: FillingBatch::new(batch_size, record.content()),
            attempts: 0,
            backoff_until: Instant::ZERO,
            leader_noted: None,
            is_in_flight: false,
            is_in_doubt: false,
            was_renumbered: false,
            base_timestamp: clock.wall,
            content: Content::Open(Vec::new()),
        }
    }

    /// Appends a record if there is room. If there is none, nothing more is ever appended, lest a
    /// smaller record overtake.
    pub(super) fn append(&mut self, record: NewRecord, wall: Timestamp) -> Result<(), NewRecord> {
        let Content::Open(records) = &mut self.content else { return Err(record) };
        let timestamp_delta = wall.0 - self.base_timestamp.0;
        if !self.filling.add(record.content(), timestamp_delta) {
            self.content = Content::Closed(std::mem::take(records));
            return Err(record);
        }
        records.push(Record {
            id: Some(record.id),
            offset_delta: records.len() as u32,
            timestamp_delta,
            key: record.key,
            value: Some(record.value),
        });
        Ok(())
    }

    /// Bytes taken from the buffer pool.
    pub(super) const fn capacity(&self) -> u32 {
        self.filling.limit()
    }

    /// Bytes used of them.
    pub(super) const fn size(&self) -> u32 {
        self.filling.size()
    }

    /// Whether nothing more is appended. A batch that is exactly full is; one that cannot take any
    /// record one could think of is not, until a record was turned away.
    pub(super) const fn is_full(&self) -> bool {
        !matches!(self.content, Content::Open(_)) || self.filling.is_full()
    }

    /// How many records it holds.
    pub(super) fn record_count(&self) -> u32 {
        match &self.content {
            Content::Open(records) | Content::Closed(records) => records.len() as u32,
            Content::Sealed(body) => body.records.len() as u32,
        }
    }

    /// The stamp it was, or will again be, sent with.
    pub(super) fn stamp(&self) -> Option<ProducerStamp> {
        match &self.content {
            Content::Open(_) | Content::Closed(_) => None,
            Content::Sealed(body) => body.producer,
        }
    }

    /// Writes `stamp` on it: at the first drain, and when an epoch bump renumbers it.
    pub(super) fn seal(&mut self, stamp: Option<ProducerStamp>) {
        let records = match &mut self.content {
            Content::Open(records) | Content::Closed(records) => std::mem::take(records),
            Content::Sealed(body) if body.producer == stamp => return,
            Content::Sealed(body) => body.records.clone(),
        };
        let body = BatchBody::new(BatchKind::Data, self.base_timestamp, stamp, records);
        self.content = Content::Sealed(Arc::new(body));
    }

    /// What goes on the wire; for a batch that was never sent, what would.
    pub(super) fn body(&mut self) -> Arc<BatchBody> {
        if !matches!(self.content, Content::Sealed(_)) {
            self.seal(None);
        }
        let Content::Sealed(body) = &self.content else { unreachable!("sealed above") };
        Arc::clone(body)
    }

    /// Its partition is led in `epoch`.
    pub(super) fn note_leader(&mut self, epoch: LeaderEpoch) {
        if self.leader_noted.is_none_or(|(known, _)| known < epoch) {
            self.leader_noted = Some((epoch, self.attempts));
        }
    }

    /// When it may be sent again: at once if the leader changed since its last attempt
    /// (`hasLeaderChangedForTheOngoingRetry`).
    pub(super) fn backoff_end(&self) -> Instant {
        let has_changed = self.leader_noted.is_some_and(|(_, attempts)| attempts == self.attempts);
        if self.attempts > 0 && has_changed { Instant::ZERO } else { self.backoff_until }
    }

    /// Whether its time is over.
    pub(super) fn is_expired(&self, now: Instant, delivery_timeout: Duration) -> bool {
        self.created + delivery_timeout <= now
    }
}

/// Whether a batch answered with `error` may sit in a log all the same. With acks=all a leader
/// appends first and waits afterwards, so whatever ends the wait leaves the batch where it is:
/// not only a time-out or a broken connection but also the loss of leadership.
pub(super) const fn leaves_doubt(error: ErrorCode) -> bool {
    !matches!(
        error,
        ErrorCode::NotEnoughReplicas
            | ErrorCode::CorruptMessage
            | ErrorCode::MessageTooLarge
            | ErrorCode::InvalidRequiredAcks
            | ErrorCode::InvalidRecord
            | ErrorCode::InvalidRequest
            | ErrorCode::OutOfOrderSequenceNumber
            | ErrorCode::InvalidProducerEpoch
    )
}

/// All batches that are not finished, by age.
#[derive(Clone, Debug, Default)]
pub(super) struct Incomplete {
    batches: BTreeMap<BatchId, ProducerBatch>,
    next: u64,
    /// Bytes taken from the buffer pool.
    allocated: u64,
}

impl Incomplete {
    /// Opens a batch for `record` (which the caller appends next).
    pub(super) fn open(
        &mut self,
        tp: TopicPartition,
        record: &NewRecord,
        batch_size: u32,
        clock: Clock,
    ) -> BatchId {
        let id = BatchId(self.next);
        self.next += 1;
        let batch = ProducerBatch::new(tp, record, batch_size, clock);
        self.allocated += u64::from(batch.capacity());
        let previous = self.batches.insert(id, batch);
        assert!(previous.is_none(), "ids are fresh");
        id
    }

    /// A batch, if it is not finished.
    pub(super) fn get(&self, id: BatchId) -> Option<&ProducerBatch> {
        self.batches.get(&id)
    }

    /// A batch, if it is not finished.
    pub(super) fn get_mut(&mut self, id: BatchId) -> Option<&mut ProducerBatch> {
        self.batches.get_mut(&id)
    }

    /// A batch that must not be finished: one in a queue.
    pub(super) fn queued(&self, id: BatchId) -> &ProducerBatch {
        self.get(id).expect("a queue holds unfinished batches only")
    }

    /// A batch that must not be finished: one in a queue.
    pub(super) fn queued_mut(&mut self, id: BatchId) -> &mut ProducerBatch {
        self.get_mut(id).expect("a queue holds unfinished batches only")
    }

    /// Finishes a batch and gives its memory back; `None` if somebody did so before.
    pub(super) fn finish(&mut self, id: BatchId) -> Option<ProducerBatch> {
        let batch = self.batches.remove(&id)?;
        assert!(self.allocated >= u64::from(batch.capacity()), "what was taken is given back once");
        self.allocated -= u64::from(batch.capacity());
        Some(batch)
    }

    /// The oldest batch.
    pub(super) fn oldest(&self) -> Option<(BatchId, &ProducerBatch)> {
        self.batches.first_key_value().map(|(id, batch)| (*id, batch))
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Bytes taken from the buffer pool.
    pub(super) const fn allocated(&self) -> u64 {
        self.allocated
    }
}
