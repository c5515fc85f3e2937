//! The metadata log of one node: `KafkaMetadataLog`, and what of a node survives its process.
//!
//! ```text
//!  chunks   [ b b b … ] [ b b b … ] [ b b ]        each shared, about 64 batches
//!           0                  ▲          ▲
//!                        flushed_end   log_end
//! ```
//! - Batches are contiguous, their epochs never decrease along the log.
//! - `flushed_end` ≤ `log_end`: what lies between is in the page cache, safe from `kill` but not
//!   from `power`.
//! - A clone shares all chunks; an append after a clone copies the last one.
//!
//! ## Simplified
//! No snapshots (KIP-630): the log starts at 0 and keeps everything.

use super::role::QuorumState;
use crate::chance::{DrawsAbout, Name};
use crate::epoch::{Offset, QuorumEpoch};
use crate::metadata::{MetadataBatch, MetadataRecord};
use crate::time::Instant;
use std::sync::Arc;

/// What survives a quorum node: its log and its quorum-state file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataLogDisk {
    /// The log.
    pub log: MetadataLog,
    /// The quorum-state file; writing it is atomic and synchronous.
    pub quorum: QuorumState,
    /// The simulator's, invisible to Kafka: up to here the commits have been told to the observers
    /// of the run, so that a restarted controller does not tell them twice.
    pub told_end: Offset,
}

impl MetadataLogDisk {
    /// Power fails: of the batches that were not flushed, only an arbitrary first part remains.
    pub fn lose_unflushed(&mut self, now: Instant, draws: &mut DrawsAbout) {
        self.log.lose_unflushed(now, draws);
        assert!(self.told_end <= self.log.log_end(), "only flushed records were committed (Q-32)");
    }
}

/// A log of metadata batches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataLog {
    chunks: Vec<Arc<Vec<MetadataBatch>>>,
    log_end: Offset,
    flushed_end: Offset,
    /// Where each epoch starts: the leader epoch cache of this log.
    epochs: Vec<(QuorumEpoch, Offset)>,
}

impl MetadataLog {
    const CHUNK: usize = 64;

    /// The offset after the last record.
    pub const fn log_end(&self) -> Offset {
        self.log_end
    }

    /// Everything below survives a loss of power.
    pub const fn flushed_end(&self) -> Offset {
        self.flushed_end
    }

    /// The epoch of the last record, zero if there is none.
    pub fn last_epoch(&self) -> QuorumEpoch {
        self.epochs.last().map_or(QuorumEpoch::ZERO, |(epoch, _)| *epoch)
    }

    /// Appends `records` as one batch of `epoch`.
    pub fn append(&mut self, epoch: QuorumEpoch, records: Arc<[MetadataRecord]>) {
        self.append_batch(MetadataBatch { base_offset: self.log_end, epoch, records });
    }

    /// Appends a batch that another node wrote.
    pub fn append_batch(&mut self, batch: MetadataBatch) {
        assert!(!batch.records.is_empty(), "a batch holds a record");
        assert_eq!(batch.base_offset, self.log_end, "a log has no gaps");
        assert!(batch.epoch >= self.last_epoch(), "epochs never decrease along a log");
        if batch.epoch > self.last_epoch() {
            self.epochs.push((batch.epoch, batch.base_offset));
        }
        self.log_end = batch.end_offset();
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < Self::CHUNK => Arc::make_mut(chunk).push(batch),
            Some(_) | None => {
                let mut chunk = Vec::with_capacity(Self::CHUNK);
                chunk.push(batch);
                self.chunks.push(Arc::new(chunk));
            }
        }
    }

    /// Everything below `end` is on disk now.
    pub fn mark_flushed(&mut self, end: Offset) {
        assert!(end <= self.log_end, "what is flushed was written");
        self.flushed_end = self.flushed_end.max(end);
    }

    /// Cuts the log back to `to`, which must be the start of a batch (or the log end).
    pub fn truncate(&mut self, to: Offset) {
        assert!(to <= self.log_end, "a log is cut back, never forward");
        while let Some(chunk) = self.chunks.last_mut() {
            if chunk[0].base_offset >= to {
                self.chunks.pop();
                continue;
            }
            let kept = chunk.partition_point(|batch| batch.base_offset < to);
            if kept < chunk.len() {
                Arc::make_mut(chunk).truncate(kept);
            }
            break;
        }
        let end = self
            .chunks
            .last()
            .and_then(|c| c.last())
            .map_or(Offset::ZERO, MetadataBatch::end_offset);
        assert_eq!(end, to, "a log is cut between two batches");
        self.log_end = to;
        self.flushed_end = self.flushed_end.min(to);
        self.epochs.retain(|(_, start)| *start < to);
    }

    /// The largest epoch of this log that is not above `epoch`, and where it ends here (Q-30, L-12).
    pub fn end_offset_for_epoch(&self, epoch: QuorumEpoch) -> (QuorumEpoch, Offset) {
        let after = self.epochs.partition_point(|(e, _)| *e <= epoch);
        let end = self.epochs.get(after).map_or(self.log_end, |(_, start)| *start);
        match after.checked_sub(1) {
            Some(last) => (self.epochs[last].0, end),
            None => (QuorumEpoch::ZERO, Offset::ZERO),
        }
    }

    /// The batches from the one that holds `offset` on.
    pub fn batches_from(&self, offset: Offset) -> impl Iterator<Item = &MetadataBatch> {
        let chunk = self.chunks.partition_point(|c| c[c.len() - 1].end_offset() <= offset);
        self.chunks[chunk..]
            .iter()
            .flat_map(|chunk| chunk.iter())
            .skip_while(move |batch| batch.end_offset() <= offset)
    }

    /// The records in `from..to` with their offsets.
    pub fn records(
        &self,
        from: Offset,
        to: Offset,
    ) -> impl Iterator<Item = (Offset, &MetadataRecord)> {
        assert!(to <= self.log_end, "nothing can be read beyond the log end");
        self.batches_from(from)
            .flat_map(|batch| {
                batch.records.iter().enumerate().map(|(i, r)| (batch.base_offset.plus(i as u64), r))
            })
            .skip_while(move |(offset, _)| *offset < from)
            .take_while(move |(offset, _)| *offset < to)
    }

    fn lose_unflushed(&mut self, now: Instant, draws: &mut DrawsAbout) {
        let unflushed = self.batches_from(self.flushed_end).count() as u64;
        let kept = draws.below(now, const { Name::of("metadata log") }, unflushed + 1) as usize;
        let end = match kept.checked_sub(1) {
            Some(last) => {
                self.batches_from(self.flushed_end).nth(last).map(MetadataBatch::end_offset)
            }
            None => None,
        };
        self.truncate(end.unwrap_or(self.flushed_end));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(n: usize) -> Arc<[MetadataRecord]> {
        vec![MetadataRecord::NoOp; n].into()
    }

    /// A log of batches of (epoch, records).
    fn log(batches: &[(u32, usize)]) -> MetadataLog {
        let mut log = MetadataLog::default();
        for (epoch, records) in batches {
            log.append(QuorumEpoch(*epoch), batch(*records));
        }
        log
    }

    #[test]
    fn an_epoch_ends_where_the_next_one_starts() {
        let log = log(&[(1, 2), (1, 1), (3, 4)]);
        let end = |epoch| log.end_offset_for_epoch(QuorumEpoch(epoch));
        assert_eq!(end(0), (QuorumEpoch(0), Offset(0)), "an unknown older epoch shares nothing");
        assert_eq!(end(1), (QuorumEpoch(1), Offset(3)));
        assert_eq!(end(2), (QuorumEpoch(1), Offset(3)), "the largest epoch below");
        assert_eq!(end(3), (QuorumEpoch(3), Offset(7)));
        assert_eq!(end(9), (QuorumEpoch(3), Offset(7)));
    }

    #[test]
    fn a_loss_of_power_keeps_what_was_flushed_and_some_of_the_rest() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..50 {
            let mut log = log(&[(1, 2), (1, 1), (3, 4)]);
            log.mark_flushed(Offset(2));
            let mut draws = DrawsAbout::of(seed, "power", Name::of("b1"));
            log.lose_unflushed(Instant::ZERO, &mut draws);
            assert_eq!(log.flushed_end(), Offset(2));
            seen.insert(log.log_end().0);
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [2, 3, 7]);
    }

    proptest::proptest! {
        /// Against a plain vector of (offset, epoch), with clones that must not be disturbed.
        #[test]
        fn behaves_like_a_vector(steps in proptest::collection::vec((0u8..4, 0usize..200), 1..300)) {
            let mut log = MetadataLog::default();
            let mut model: Vec<(u64, u32)> = Vec::new();
            let mut starts = vec![0u64];
            let mut epoch = 1;
            let mut kept = log.clone();
            let mut kept_model = model.clone();
            for (step, n) in steps {
                match step {
                    0 | 1 => {
                        let count = n % 3 + 1;
                        log.append(QuorumEpoch(epoch), batch(count));
                        for _ in 0..count {
                            model.push((model.len() as u64, epoch));
                        }
                        starts.push(model.len() as u64);
                    }
                    2 => epoch += 1,
                    _ => {
                        let to = starts[n % starts.len()];
                        log.truncate(Offset(to));
                        model.truncate(to as usize);
                        starts.retain(|start| *start <= to);
                        (kept, kept_model) = (log.clone(), model.clone());
                    }
                }
                assert_eq!(log.log_end().0, model.len() as u64);
                let from = Offset(n as u64 % (model.len() as u64 + 1));
                let read: Vec<u64> = log.records(from, log.log_end()).map(|(o, _)| o.0).collect();
                assert_eq!(read, (from.0..model.len() as u64).collect::<Vec<_>>());
                let asked = QuorumEpoch(n as u32 % (epoch + 1));
                let end = model.iter().filter(|(_, e)| *e <= asked.0).count() as u64;
                assert_eq!(log.end_offset_for_epoch(asked).1, Offset(end));
            }
            assert_eq!(kept.log_end().0, kept_model.len() as u64);
            assert_eq!(kept.records(Offset(0), kept.log_end()).count(), kept_model.len());
        }
    }
}
