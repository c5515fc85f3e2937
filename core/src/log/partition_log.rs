//! One replica's log with everything derived from it: `UnifiedLog`, `LogLoader`.
//!
//! Order that always holds (INV-2): log start ≤ last stable offset ≤ high watermark ≤ log end.
//!
//! ## Simplified
//! Without transactions the last stable offset equals the high watermark, and there is no aborted
//! index yet. Loading takes no time.

use super::file::LogFile;
use super::leader_epoch_cache::{EpochEnd, LeaderEpochCache};
use super::producer_state::{ProducerStates, SequenceCheck};
use crate::epoch::{LeaderEpoch, Offset};
use crate::error_code::ErrorCode;
use crate::record::{Batch, BatchBody};
use crate::time::{Duration, Timestamp};
use std::sync::Arc;

/// What one replica has on disk. It survives the process.
#[derive(Clone, Debug, Default)]
pub struct ReplicaFiles {
    /// The batches.
    pub log: LogFile,
    /// leader-epoch-checkpoint.
    pub epochs: LeaderEpochCache,
}

/// A log in use.
#[derive(Clone, Debug, Default)]
pub struct PartitionLog {
    files: ReplicaFiles,
    producers: ProducerStates,
    high_watermark: Offset,
}

/// Where a batch stands after an append by the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendInfo {
    /// Its first offset.
    pub base_offset: Offset,
    /// The offset after its last one.
    pub end_offset: Offset,
    /// It was there already and nothing was appended.
    pub is_duplicate: bool,
}

impl PartitionLog {
    /// Loads what a former life left: the epoch cache is cut to the log, the watermark taken from
    /// its checkpoint and clamped (L-72 to L-74), producers are read from the log.
    pub fn load(mut files: ReplicaFiles, checkpointed: Offset) -> Self {
        let end = files.log.end();
        // An epoch that starts at the very end is one in which its leader wrote nothing (L-13 keeps
        // it while in use, loading drops it with everything else that is not in the log).
        files.epochs.truncate(end);
        let mut producers = ProducerStates::default();
        files.log.batches_from(LogFile::START).for_each(|batch| producers.remember(batch));
        Self { producers, high_watermark: checkpointed.min(end), files }
    }

    /// The log end offset.
    pub const fn end(&self) -> Offset {
        self.files.log.end()
    }

    /// The high watermark: below it every in-sync replica has the record.
    pub const fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// The last stable offset: how far `read_committed` sees.
    pub const fn last_stable_offset(&self) -> Offset {
        self.high_watermark
    }

    /// The log start offset.
    pub const fn start(&self) -> Offset {
        LogFile::START
    }

    /// The batches.
    pub const fn file(&self) -> &LogFile {
        &self.files.log
    }

    /// The epochs.
    pub const fn epochs(&self) -> &LeaderEpochCache {
        &self.files.epochs
    }

    /// What remains when the process ends.
    pub fn into_files(self) -> ReplicaFiles {
        self.files
    }

    /// Everything below `to` is on disk now.
    pub fn mark_flushed(&mut self, to: Offset) {
        self.files.log.mark_flushed(to);
    }

    /// A leader begins `epoch` here, even if it never writes in it (KAFKA-7415, L-11b).
    pub fn begin_epoch(&mut self, epoch: LeaderEpoch) {
        self.files.epochs.assign(epoch, self.end());
    }

    /// Appends a client's batch as the leader of `epoch`: offsets and epoch are stamped (L-2).
    pub fn append_as_leader(
        &mut self,
        body: &Arc<BatchBody>,
        epoch: LeaderEpoch,
    ) -> Result<AppendInfo, ErrorCode> {
        let base_offset = match self.producers.check(body) {
            SequenceCheck::Append => self.end(),
            SequenceCheck::Duplicate(base_offset) => {
                let end_offset = base_offset.plus(body.span());
                return Ok(AppendInfo { base_offset, end_offset, is_duplicate: true });
            }
            SequenceCheck::Refuse(error) => return Err(error),
        };
        let batch = Batch { base_offset, leader_epoch: epoch, body: Arc::clone(body) };
        let end_offset = batch.end_offset();
        self.write(batch);
        Ok(AppendInfo { base_offset, end_offset, is_duplicate: false })
    }

    /// Appends a batch copied from the leader, verbatim (L-4).
    pub fn append_as_follower(&mut self, batch: Batch) {
        self.write(batch);
    }

    fn write(&mut self, batch: Batch) {
        self.files.epochs.assign(batch.leader_epoch, batch.base_offset);
        self.producers.remember(&batch);
        self.files.log.append(batch);
    }

    /// Forgets producers that have been silent for producer.id.expiration.ms, of which Kafka's default
    /// is the only value.
    pub fn expire_producers(&mut self, now: Timestamp) {
        self.producers.expire(now, Duration::from_secs(86_400));
    }

    /// Moves the high watermark as its owner decided; where it came from.
    pub fn set_high_watermark(&mut self, to: Offset) -> Offset {
        std::mem::replace(&mut self.high_watermark, to)
    }

    /// Cuts the log to `to`: epochs, producers and high watermark follow (L-13, R-30).
    pub fn truncate(&mut self, to: Offset) {
        self.files.epochs.truncate(to);
        if to < self.end() {
            self.files.log.truncate(to);
            let mut producers = ProducerStates::default();
            self.files.log.batches_from(LogFile::START).for_each(|b| producers.remember(b));
            self.producers = producers;
        }
        self.high_watermark = self.high_watermark.min(self.end());
    }

    /// Where `epoch` ends in this log (L-12).
    pub fn end_offset_for(&self, epoch: LeaderEpoch) -> Option<EpochEnd> {
        self.files.epochs.end_offset_for(epoch, self.end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::ProducerEpoch;
    use crate::id::ProducerId;
    use crate::log::file::tests::batch;
    use crate::record::ProducerStamp;

    #[test]
    fn a_cut_takes_epochs_and_watermark_along() {
        let mut log = PartitionLog::default();
        log.append_as_follower(batch(0, 4, 0, 0));
        log.append_as_follower(batch(4, 4, 3, 4));
        log.set_high_watermark(Offset(6));
        log.truncate(Offset(4));
        assert_eq!((log.end(), log.high_watermark()), (Offset(4), Offset(4)));
        assert_eq!(log.epochs().latest(), Some(LeaderEpoch(0)));
    }

    /// B-07: then nothing tells the copy of a batch from a new one.
    #[test]
    fn a_producer_that_was_silent_for_a_day_is_forgotten() {
        let mut log = PartitionLog::default();
        let stamp =
            ProducerStamp { id: ProducerId(1), epoch: ProducerEpoch::ZERO, base_sequence: 7 };
        let written = batch(0, 1, 0, 0).body;
        let body = BatchBody::new(written.kind, Timestamp(5), Some(stamp), written.records.clone());
        let body = Arc::new(body);
        let append = |log: &mut PartitionLog| log.append_as_leader(&body, LeaderEpoch::ZERO);
        let is_duplicate = |log: &mut PartitionLog| append(log).expect("accepted").is_duplicate;
        assert!(!is_duplicate(&mut log));
        log.expire_producers(Timestamp(4 + 86_400_000));
        assert!(is_duplicate(&mut log));
        log.expire_producers(Timestamp(5 + 86_400_000));
        assert!(!is_duplicate(&mut log));
    }

    #[test]
    fn loading_clamps_the_watermark_and_repairs_the_epochs() {
        let mut log = PartitionLog::default();
        log.append_as_follower(batch(0, 4, 0, 0));
        log.begin_epoch(LeaderEpoch(2));
        let loaded = PartitionLog::load(log.into_files(), Offset(9));
        assert_eq!(loaded.high_watermark(), Offset(4));
        assert_eq!(loaded.epochs().latest(), Some(LeaderEpoch(0)));
    }
}
