//! One record, and the batch it travels in: `DefaultRecordBatch`, `DefaultRecord` (KIP-98).
//!
//! A batch has a body that the producer made and nobody changes, shared by every copy, and two
//! fields that the leader stamps at append and that the CRC does not cover: base offset and leader
//! epoch. That split is why copying a batch from log to log costs one reference count.
//!
//! ## Simplified
//! Bytes are counted (header 61, at most 21 per record) but not serialised; compression is absent;
//! a damaged body is a flag instead of a CRC mismatch.

use crate::chance::mix;
use crate::epoch::{LeaderEpoch, Offset, ProducerEpoch};
use crate::id::{ProducerId, RecordId};
use crate::time::Timestamp;
use bytes::Bytes;
use std::sync::Arc;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Whose record it is; `None` for records that no scenario client produced.
    pub id: Option<RecordId>,
    /// Offset relative to the batch's base offset; gaps appear only by compaction.
    pub offset_delta: u32,
    /// Milliseconds after the batch's base timestamp.
    pub timestamp_delta: i64,
    /// The key, `None` for a null key.
    pub key: Option<Bytes>,
    /// The value, `None` for a tombstone.
    pub value: Option<Bytes>,
}

/// What an idempotent producer writes on each batch (KIP-98).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerStamp {
    /// Which producer.
    pub id: ProducerId,
    /// Its epoch.
    pub epoch: ProducerEpoch,
    /// The sequence of the first record; wraps after `i32::MAX` to 0.
    pub base_sequence: i32,
}

/// A record that steers the log itself and is never delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlRecord {
    /// The end of a committed transaction.
    Commit,
    /// The end of an aborted transaction.
    Abort,
}

/// Whether a batch carries data or steers the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchKind {
    /// Ordinary data.
    Data,
    /// Data of a transaction: visible to `read_committed` after its commit marker.
    Transactional,
    /// A marker.
    Control(ControlRecord),
}

/// The part of a batch that its producer made: immutable and shared.
#[derive(Debug, PartialEq, Eq)]
pub struct BatchBody {
    /// Data or control.
    pub kind: BatchKind,
    /// The first record's timestamp.
    pub base_timestamp: Timestamp,
    /// The largest timestamp of all records.
    pub max_timestamp: Timestamp,
    /// The idempotent producer's stamp, if it is one.
    pub producer: Option<ProducerStamp>,
    /// The records, in order of offset; at least one.
    pub records: Vec<Record>,
    /// The size on the wire and on disk, in bytes.
    pub size: u32,
    /// A digest of the record identities and of the stamp: equal bodies have equal digests.
    pub digest: u64,
}

/// A batch with its place in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The offset of the first record; 0 as sent by a client, stamped by the leader.
    pub base_offset: Offset,
    /// The epoch of the leader that appended it; stamped by the leader.
    pub leader_epoch: LeaderEpoch,
    /// The rest.
    pub body: Arc<BatchBody>,
}

impl Record {
    /// Upper bound of what framing adds to key and value, in bytes.
    pub const OVERHEAD: u32 = 21;

    /// Upper bound of this record's size in bytes, as the producer's accumulator counts it.
    pub fn size(&self) -> u32 {
        let length = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, |b| b.len() as u32);
        Self::OVERHEAD + length(&self.key) + length(&self.value)
    }
}

impl BatchBody {
    /// Bytes of a batch header.
    pub const HEADER: u32 = 61;

    /// A batch of `records` (not empty), the first of them written at `base_timestamp`.
    pub fn new(
        kind: BatchKind,
        base_timestamp: Timestamp,
        producer: Option<ProducerStamp>,
        records: Vec<Record>,
    ) -> Self {
        let latest = records.iter().map(|r| r.timestamp_delta).max();
        let latest = latest.expect("a batch holds at least one record");
        Self {
            kind,
            base_timestamp,
            max_timestamp: Timestamp(base_timestamp.0 + latest),
            producer,
            size: Self::HEADER + records.iter().map(Record::size).sum::<u32>(),
            digest: digest(&records, producer),
            records,
        }
    }

    /// How many offsets the batch spans.
    pub fn span(&self) -> u64 {
        self.records.last().map_or(0, |last| u64::from(last.offset_delta) + 1)
    }
}

fn digest(records: &[Record], producer: Option<ProducerStamp>) -> u64 {
    let stamp = producer.map_or(0, |p| mix(p.id.0 as u64, p.base_sequence as u64));
    records.iter().fold(stamp, |digest, record| {
        let who = record.id.map_or(0, |id| (u64::from(id.producer.raw()) << 32) | u64::from(id.n));
        mix(digest, who)
    })
}

impl Batch {
    /// The offset after the last record.
    pub fn end_offset(&self) -> Offset {
        self.base_offset.plus(self.body.span())
    }
}
