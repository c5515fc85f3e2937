//! The batches of one replica as they stand on its disk: `LocalLog`, `UnifiedLog`.
//!
//! ```text
//!   start            flushed                       end
//!     │ chunk │ chunk │ chunk │ …  │ tail chunk      │
//!     └───────────────┴─────────────────────────────┘
//!       survives power   page cache: survives the process, not the power
//! ```
//! Batches lie in shared chunks of up to 256, so a copy of a log (a snapshot of the world, the image
//! a dead process leaves) costs one reference per chunk. Each batch carries a *chain*: a digest of
//! everything up to its end. Two logs hold the same prefix exactly when their chains there agree,
//! which turns the invariants of replication into one comparison.
//!
//! ## Simplified
//! Segments, indexes and retention come with their own issue: the log starts at offset 0 for ever,
//! and a chunk is not a segment. Damage is a lost tail; a flipped byte comes with `corrupt`.

use crate::chance::mix;
use crate::epoch::{LeaderEpoch, Offset};
use crate::record::Batch;
use std::sync::Arc;

const CHUNK: usize = 256;

#[derive(Clone, Debug)]
struct Entry {
    batch: Batch,
    chain: u64,
}

/// What a read of a log gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    /// The batches, whole.
    pub batches: Vec<Batch>,
    /// The bytes it takes in an answer: of the batches and of the part of one behind them.
    pub bytes: u32,
}

/// The batches of one replica. Invariants:
/// - base offsets and leader epochs never decrease along the log;
/// - `flushed` ≤ `end`, and `end` is the end of the last batch (or 0);
/// - no chunk is empty and every chunk but the last is full, unless the log was cut there.
#[derive(Clone, Debug, Default)]
pub struct LogFile {
    chunks: Vec<Arc<Vec<Entry>>>,
    end: Offset,
    flushed: Offset,
}

impl LogFile {
    /// The log start offset.
    pub const START: Offset = Offset::ZERO;

    /// The log end offset: the next one to be written.
    pub const fn end(&self) -> Offset {
        self.end
    }

    /// Everything below survives a loss of power.
    pub const fn flushed(&self) -> Offset {
        self.flushed
    }

    /// The epoch of the last batch.
    pub fn last_epoch(&self) -> Option<LeaderEpoch> {
        self.last().map(|entry| entry.batch.leader_epoch)
    }

    fn last(&self) -> Option<&Entry> {
        self.chunks.last().and_then(|chunk| chunk.last())
    }

    /// Writes `batch`, which is placed at or after the end. Nothing is said of its epoch: a log takes
    /// what its owner copies, and that epochs never shrink along it is for invariants to see (INV-1).
    pub fn append(&mut self, batch: Batch) {
        assert!(batch.base_offset >= self.end, "a log grows at its end");
        let before = self.last();
        let place = mix(batch.base_offset.0, u64::from(batch.leader_epoch.0));
        let chain = mix(before.map_or(0, |entry| entry.chain), mix(place, batch.body.digest));
        self.end = batch.end_offset();
        let entry = Entry { batch, chain };
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => Arc::make_mut(chunk).push(entry),
            Some(_) | None => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(entry);
                self.chunks.push(Arc::new(chunk));
            }
        }
    }

    /// Cuts everything from `to` on; a batch that straddles it goes whole.
    pub fn truncate(&mut self, to: Offset) {
        while let Some(chunk) = self.chunks.last_mut() {
            let keep = chunk.partition_point(|entry| entry.batch.end_offset() <= to);
            if keep == chunk.len() {
                break;
            }
            if keep > 0 {
                Arc::make_mut(chunk).truncate(keep);
                break;
            }
            self.chunks.pop();
        }
        self.end = self.last().map_or(Self::START, |entry| entry.batch.end_offset());
        self.flushed = self.flushed.min(self.end);
        assert!(self.end <= to, "nothing at or above the cut remains");
    }

    /// Everything below `to` (at most the end) is on disk now.
    pub fn mark_flushed(&mut self, to: Offset) {
        self.flushed = self.flushed.max(to.min(self.end));
    }

    /// Where the batch that contains `offset` (or the first after it) stands: chunk and index.
    fn position(&self, offset: Offset) -> (usize, usize) {
        // Readers are nearly always at the tail: look there before searching.
        let holds = |chunk: &Arc<Vec<Entry>>| {
            chunk.first().is_some_and(|entry| entry.batch.base_offset <= offset)
        };
        let chunk = match self.chunks.last() {
            Some(last) if holds(last) => self.chunks.len() - 1,
            Some(_) | None => self.chunks.partition_point(|chunk| {
                chunk.last().is_some_and(|entry| entry.batch.end_offset() <= offset)
            }),
        };
        let index = self.chunks.get(chunk).map_or(0, |entries| {
            entries.partition_point(|entry| entry.batch.end_offset() <= offset)
        });
        (chunk, index)
    }

    /// The batches from the one that contains `from` on.
    pub fn batches_from(&self, from: Offset) -> impl Iterator<Item = &Batch> {
        let (chunk, index) = self.position(from);
        self.chunks[chunk.min(self.chunks.len())..]
            .iter()
            .enumerate()
            .flat_map(move |(i, entries)| &entries[if i == 0 { index } else { 0 }..])
            .map(|entry| &entry.batch)
    }

    /// Whole batches from `from` on that start below `bound`, up to `max_bytes`; with `at_least_one`
    /// the first one even if it is larger (KIP-74).
    pub fn read(&self, from: Offset, bound: Offset, max_bytes: u32, at_least_one: bool) -> Slice {
        let mut slice = Slice::default();
        if from >= bound {
            return slice;
        }
        for batch in self.batches_from(from) {
            if batch.base_offset >= bound {
                break;
            }
            let after = slice.bytes.saturating_add(batch.body.size);
            if after > max_bytes && !(at_least_one && slice.batches.is_empty()) {
                // Kafka cuts the file at that byte, and the rest of a batch is sent for nothing; if
                // that is all there is, it sends nothing.
                if !slice.batches.is_empty() {
                    slice.bytes = slice.bytes.max(max_bytes);
                }
                break;
            }
            slice.bytes = after;
            slice.batches.push(batch.clone());
        }
        slice
    }

    /// Bytes of the batches in `from..bound`, counted until they are `enough`.
    pub fn bytes_between(&self, from: Offset, bound: Offset, enough: u32) -> u32 {
        let mut bytes: u32 = 0;
        for batch in self.batches_from(from) {
            if batch.base_offset >= bound || (bytes > 0 && bytes >= enough) {
                break;
            }
            bytes = bytes.saturating_add(batch.body.size);
        }
        bytes
    }

    /// The digest of everything below `offset`; `None` if no batch ends there.
    pub fn chain_at(&self, offset: Offset) -> Option<u64> {
        if offset == Self::START {
            return Some(0);
        }
        if offset == self.end {
            return self.last().map(|entry| entry.chain);
        }
        let (chunk, index) = self.position(Offset(offset.0 - 1));
        let entry = self.chunks.get(chunk)?.get(index)?;
        (entry.batch.end_offset() == offset).then_some(entry.chain)
    }

    /// Where the longest prefix of whole batches ends that both logs hold.
    pub fn shared_end(&self, other: &Self) -> Offset {
        let is_shared =
            |entry: &Entry| other.chain_at(entry.batch.end_offset()) == Some(entry.chain);
        let whole = self.chunks.partition_point(|chunk| chunk.last().is_some_and(is_shared));
        let last_of = |entries: &[Entry]| entries.last().map(|entry| entry.batch.end_offset());
        let within = self.chunks.get(whole).and_then(|chunk| {
            let shared = chunk.partition_point(is_shared);
            last_of(&chunk[..shared])
        });
        let before = whole.checked_sub(1).and_then(|chunk| last_of(&self.chunks[chunk]));
        within.or(before).unwrap_or(Self::START)
    }

    /// The batch that holds `offset`.
    pub fn batch_at(&self, offset: Offset) -> Option<&Batch> {
        let (chunk, index) = self.position(offset);
        let batch = &self.chunks.get(chunk)?.get(index)?.batch;
        (batch.base_offset <= offset).then_some(batch)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::id::{NodeId, RecordId};
    use crate::record::{BatchBody, BatchKind, Record};
    use crate::time::Timestamp;
    use proptest::prelude::*;

    /// A batch of `span` records at `base`, the first with ordinal `n`.
    pub(crate) fn batch(base: u64, span: u32, epoch: u32, n: u32) -> Batch {
        let record = |offset_delta| Record {
            id: Some(RecordId { producer: NodeId::client(1), n: n + offset_delta }),
            offset_delta,
            timestamp_delta: 0,
            key: None,
            value: None,
        };
        let records = (0..span).map(record).collect();
        let body = BatchBody::new(BatchKind::Data, Timestamp(0), None, records);
        let (base_offset, leader_epoch) = (Offset(base), LeaderEpoch(epoch));
        Batch { base_offset, leader_epoch, body: Arc::new(body) }
    }

    /// What can be done to a log.
    #[derive(Clone, Debug)]
    enum Op {
        Append { span: u32, epoch_step: u32 },
        Truncate { keep_permille: u64 },
    }

    fn ops() -> impl Strategy<Value = Vec<Op>> {
        let append =
            (1u32..5, 0u32..2).prop_map(|(span, epoch_step)| Op::Append { span, epoch_step });
        let truncate = (0u64..=1000).prop_map(|keep_permille| Op::Truncate { keep_permille });
        prop::collection::vec(prop_oneof![20 => append, 1 => truncate], 0..300)
    }

    proptest! {
        /// A log behaves like a plain vector of batches.
        #[test]
        fn behaves_like_a_vector(ops in ops(), from in 0u64..400, bound in 0u64..400) {
            let (mut log, mut model) = (LogFile::default(), Vec::<Batch>::new());
            for (n, op) in ops.into_iter().enumerate() {
                match op {
                    Op::Append { span, epoch_step } => {
                        let epoch = model.last().map_or(0, |b| b.leader_epoch.0) + epoch_step;
                        let next = batch(log.end().0, span, epoch, 10 * n as u32);
                        model.push(next.clone());
                        log.append(next);
                    }
                    Op::Truncate { keep_permille } => {
                        let to = Offset(log.end().0 * keep_permille / 1000);
                        model.retain(|b| b.end_offset() <= to);
                        log.truncate(to);
                    }
                }
            }
            prop_assert_eq!(log.end(), model.last().map_or(Offset::ZERO, Batch::end_offset));
            let (from, bound) = (Offset(from), Offset(bound));
            let expected: Vec<_> = model.iter()
                .filter(|b| b.end_offset() > from && b.base_offset < bound && from < bound)
                .cloned().collect();
            prop_assert_eq!(log.read(from, bound, u32::MAX, true).batches, expected);
            let held = model.iter().find(|b| b.base_offset <= from && from < b.end_offset());
            prop_assert_eq!(log.batch_at(from), held);
        }

        /// Chains agree exactly where the prefixes agree.
        #[test]
        fn chains_agree_exactly_on_equal_prefixes(shared in 0u64..150, differ in any::<bool>()) {
            let mut one = LogFile::default();
            for n in 0..shared {
                one.append(batch(n, 1, 0, n as u32));
            }
            let mut other = one.clone();
            one.append(batch(shared, 1, 0, 7000));
            other.append(batch(shared, 1, u32::from(differ), 7000));
            prop_assert_eq!(one.chain_at(Offset(shared)), other.chain_at(Offset(shared)));
            let end = Offset(shared + 1);
            prop_assert_eq!(one.chain_at(end) == other.chain_at(end), !differ);
        }
    }

    proptest! {
        /// Two logs share what a comparison batch by batch finds.
        #[test]
        fn the_shared_prefix_is_found(
            shared in 0u64..700, one_more in 0u64..300, other_more in 0u64..300,
        ) {
            let mut one = LogFile::default();
            for n in 0..shared {
                one.append(batch(n, 1, 0, n as u32));
            }
            let mut other = one.clone();
            (shared..shared + one_more).for_each(|n| one.append(batch(n, 1, 1, n as u32)));
            (shared..shared + other_more).for_each(|n| other.append(batch(n, 1, 2, n as u32)));
            let pairs = one.batches_from(Offset(0)).zip(other.batches_from(Offset(0)));
            let equal = pairs.take_while(|(one, other)| one == other);
            let expected = equal.last().map_or(Offset::ZERO, |(batch, _)| batch.end_offset());
            prop_assert_eq!(one.shared_end(&other), expected);
            prop_assert_eq!(other.shared_end(&one), expected);
        }
    }

    #[test]
    fn the_first_batch_comes_whole_even_beyond_the_limit() {
        let mut log = LogFile::default();
        log.append(batch(0, 3, 0, 0));
        log.append(batch(3, 3, 0, 3));
        let size = log.batch_at(Offset(0)).expect("it was written").body.size;
        let read = |from, max_bytes, at_least_one| {
            let slice = log.read(Offset(from), Offset(6), max_bytes, at_least_one);
            (slice.batches.len(), slice.bytes)
        };
        assert_eq!(read(1, 1, true), (1, size));
        assert_eq!(read(1, 1, false), (0, 0));
        assert_eq!(read(1, size + 1, false), (1, size + 1), "a byte of the second is sent too");
        assert_eq!(read(3, u32::MAX, true), (1, size));
    }
}
