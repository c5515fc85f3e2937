//! One record, and the batch it travels in: `DefaultRecordBatch`, `DefaultRecord` (KIP-98).
//!
//! A batch has a body that the producer made and nobody changes, shared by every copy, and two
//! fields that the leader stamps at append and that the CRC does not cover: base offset and leader
//! epoch. That split is why copying a batch from log to log costs one reference count.
//!
//! ## Simplified
//! Bytes are counted (see `size`) but not serialised; headers and compression are absent; a damaged
//! body is a flag instead of a CRC mismatch.

use super::size;
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
    /// A digest of all of the above but the size: what a reader could tell apart, and whose records
    /// they are.
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
    /// Bytes of its key and value with their lengths.
    fn content(&self) -> u32 {
        let length = |bytes: &Option<Bytes>| bytes.as_ref().map(Bytes::len);
        size::content(length(&self.key), length(&self.value), &[])
    }

    /// Its size in a batch, in bytes.
    fn size(&self) -> u32 {
        size::record(self.content(), self.offset_delta, self.timestamp_delta)
    }
}

impl BatchBody {
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
            size: size::HEADER + records.iter().map(Record::size).sum::<u32>(),
            digest: digest(kind, base_timestamp, producer, &records),
            records,
        }
    }

    /// How many offsets the batch spans.
    pub fn span(&self) -> u64 {
        self.records.last().map_or(0, |last| u64::from(last.offset_delta) + 1)
    }
}

fn digest(
    kind: BatchKind,
    base_timestamp: Timestamp,
    producer: Option<ProducerStamp>,
    records: &[Record],
) -> u64 {
    let mut digest = Digest(match kind {
        BatchKind::Data => 0,
        BatchKind::Transactional => 1,
        BatchKind::Control(ControlRecord::Commit) => 2,
        BatchKind::Control(ControlRecord::Abort) => 3,
    });
    digest.word(base_timestamp.0 as u64);
    digest.word(u64::from(producer.is_some()));
    if let Some(ProducerStamp { id, epoch, base_sequence }) = producer {
        digest.word(id.0 as u64);
        digest.word(u64::from(epoch.0 as u16) << 32 | u64::from(base_sequence as u32));
    }
    for Record { id, offset_delta, timestamp_delta, key, value } in records {
        let id = id.map_or(u64::MAX, |id| u64::from(id.producer.raw()) << 32 | u64::from(id.n));
        digest.word(id);
        digest.word(u64::from(*offset_delta));
        digest.word(*timestamp_delta as u64);
        digest.bytes(key.as_ref());
        digest.bytes(value.as_ref());
    }
    mix(digest.0, records.len() as u64)
}

/// The running digest. Each step is one to one, so that a single difference never disappears.
struct Digest(u64);

impl Digest {
    const fn word(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn bytes(&mut self, bytes: Option<&Bytes>) {
        let Some(bytes) = bytes else { return self.word(u64::MAX) };
        self.word(bytes.len() as u64);
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            self.word(u64::from_le_bytes(word.try_into().expect("chunks of eight")));
        }
        let rest = words.remainder();
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            self.word(u64::from_le_bytes(word));
        }
    }
}

impl Batch {
    /// The offset after the last record.
    pub fn end_offset(&self) -> Offset {
        self.base_offset.plus(self.body.span())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::NodeId;
    use std::collections::BTreeMap;

    type Parts = (BatchKind, Timestamp, Option<ProducerStamp>, Vec<Record>);
    type Change = fn(&mut Parts);

    const STAMP: ProducerStamp =
        ProducerStamp { id: ProducerId(4), epoch: ProducerEpoch::ZERO, base_sequence: 3 };

    const fn whose(client: u16, n: u32) -> RecordId {
        RecordId { producer: NodeId::client(client), n }
    }

    const fn text(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    fn parts() -> Parts {
        let record = |n| Record {
            id: Some(whose(1, n)),
            offset_delta: n,
            timestamp_delta: 7,
            key: Some(text("k0")),
            value: Some(text("a value of more than eight bytes")),
        };
        (BatchKind::Data, Timestamp(100), Some(STAMP), vec![record(0), record(1)])
    }

    /// Every field of a batch and of a record, changed alone. The destructuring in `digest` makes the
    /// compiler ask for a field that is added.
    const CHANGES: &[(&str, Change)] = &[
        ("nothing", |_| {}),
        ("transactional", |p| p.0 = BatchKind::Transactional),
        ("commit", |p| p.0 = BatchKind::Control(ControlRecord::Commit)),
        ("abort", |p| p.0 = BatchKind::Control(ControlRecord::Abort)),
        ("base timestamp", |p| p.1 = Timestamp(101)),
        ("no stamp", |p| p.2 = None),
        ("producer id", |p| p.2 = Some(ProducerStamp { id: ProducerId(5), ..STAMP })),
        ("producer epoch", |p| p.2 = Some(ProducerStamp { epoch: ProducerEpoch(1), ..STAMP })),
        ("sequence", |p| p.2 = Some(ProducerStamp { base_sequence: 4, ..STAMP })),
        ("one record less", |p| drop(p.3.pop())),
        ("order", |p| p.3.swap(0, 1)),
        ("whose", |p| p.3[0].id = Some(whose(2, 0))),
        ("which", |p| p.3[0].id = Some(whose(1, 9))),
        ("nobody's", |p| p.3[0].id = None),
        ("offset", |p| p.3[1].offset_delta = 2),
        ("timestamp", |p| p.3[1].timestamp_delta = 8),
        ("no key", |p| p.3[1].key = None),
        ("empty key", |p| p.3[1].key = Some(text(""))),
        ("key", |p| p.3[1].key = Some(text("k1"))),
        ("longer key", |p| p.3[1].key = Some(text("k0\0"))),
        ("no value", |p| p.3[1].value = None),
        ("end of value", |p| p.3[1].value = Some(text("a value of more than eight bytez"))),
        ("start of value", |p| p.3[1].value = Some(text("A value of more than eight bytes"))),
        ("key for value", |p| {
            let record = &mut p.3[1];
            std::mem::swap(&mut record.key, &mut record.value);
        }),
    ];

    #[test]
    fn whatever_a_reader_could_tell_apart_changes_the_digest() {
        let mut seen = BTreeMap::new();
        for (what, change) in CHANGES {
            let mut changed = parts();
            change(&mut changed);
            let (kind, at, stamp, records) = changed;
            let digest = BatchBody::new(kind, at, stamp, records).digest;
            let before = seen.insert(digest, what);
            assert_eq!(before, None, "{what} has the same digest");
        }
    }
}
