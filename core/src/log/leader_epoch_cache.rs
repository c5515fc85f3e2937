//! Where each leader epoch starts in a log: `LeaderEpochFileCache` (KIP-101, KIP-279).
//!
//! Additions reach the disk before the call returns; a cut may be forgotten by a crash, which
//! loading repairs (L-10, L-73).

use crate::epoch::{LeaderEpoch, Offset};

/// The epochs of one replica, oldest first, strictly increasing in epoch and in start offset, also
/// where those of the batches are not: a follower that compares nothing (`fetch.divergence_check`
/// off) may copy an older epoch after a newer one, and the cache keeps what came last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaderEpochCache {
    entries: Vec<(LeaderEpoch, Offset)>,
}

/// An epoch and the offset at which it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEnd {
    /// The largest known epoch not above the one asked for.
    pub epoch: LeaderEpoch,
    /// Its end offset (exclusive).
    pub end_offset: Offset,
}

impl LeaderEpochCache {
    /// The newest epoch.
    pub fn latest(&self) -> Option<LeaderEpoch> {
        self.entries.last().map(|(epoch, _)| *epoch)
    }

    /// The entries, oldest first.
    pub fn entries(&self) -> &[(LeaderEpoch, Offset)] {
        &self.entries
    }

    /// `epoch` starts at `start`: trailing entries that contradict it, of a later epoch or a later
    /// start, go first (L-11). An epoch that is already the newest keeps its start, unless this one
    /// is earlier (`LeaderEpochFileCache.assign`).
    pub fn assign(&mut self, epoch: LeaderEpoch, start: Offset) {
        let newest = self.entries.last();
        if newest.is_some_and(|(e, s)| *e == epoch && *s <= start) {
            return;
        }
        while self.entries.pop_if(|(e, s)| *e >= epoch || *s >= start).is_some() {}
        self.entries.push((epoch, start));
    }

    /// Where `epoch` ends in a log that ends at `log_end` (L-12); `None` if that is undefined.
    pub fn end_offset_for(&self, epoch: LeaderEpoch, log_end: Offset) -> Option<EpochEnd> {
        if self.latest()? == epoch {
            return Some(EpochEnd { epoch, end_offset: log_end });
        }
        let above = self.entries.partition_point(|(e, _)| *e <= epoch);
        let (_, end_offset) = *self.entries.get(above)?;
        // Below the first cached epoch nothing is known but where it ends.
        let known = above.checked_sub(1).map_or(epoch, |below| self.entries[below].0);
        Some(EpochEnd { epoch: known, end_offset })
    }

    /// Forgets epochs that start at `end` or later; also those of a leader that wrote nothing (L-13).
    pub fn truncate(&mut self, end: Offset) {
        self.entries.retain(|(_, start)| *start < end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(entries: &[(u32, u64)]) -> LeaderEpochCache {
        let mut cache = LeaderEpochCache::default();
        for (epoch, start) in entries {
            cache.assign(LeaderEpoch(*epoch), Offset(*start));
        }
        cache
    }

    #[track_caller]
    fn check(cache: &LeaderEpochCache, epoch: u32, expected: Option<(u32, u64)>) {
        let found = cache.end_offset_for(LeaderEpoch(epoch), Offset(100));
        assert_eq!(found.map(|end| (end.epoch.0, end.end_offset.0)), expected, "epoch {epoch}");
    }

    #[test]
    fn an_epoch_ends_where_the_next_known_one_starts() {
        let cache = cache(&[(2, 10), (5, 40), (6, 70)]);
        check(&cache, 6, Some((6, 100)));
        check(&cache, 5, Some((5, 70)));
        check(&cache, 4, Some((2, 40)));
        check(&cache, 1, Some((1, 10)));
        check(&cache, 7, None);
        check(&LeaderEpochCache::default(), 0, None);
    }

    #[test]
    fn a_new_entry_removes_what_contradicts_it() {
        let mut epochs = cache(&[(1, 0), (2, 10), (3, 20)]);
        epochs.assign(LeaderEpoch(4), Offset(10));
        assert_eq!(epochs, cache(&[(1, 0), (4, 10)]));
        epochs.assign(LeaderEpoch(4), Offset(99));
        assert_eq!(epochs, cache(&[(1, 0), (4, 10)]), "the newest keeps its start");
        epochs.assign(LeaderEpoch(4), Offset(7));
        assert_eq!(epochs, cache(&[(1, 0), (4, 7)]), "an earlier start is taken");
    }

    #[test]
    fn an_older_epoch_at_the_end_removes_the_newer_ones() {
        let mut epochs = cache(&[(0, 0), (1, 9), (2, 10)]);
        epochs.assign(LeaderEpoch(0), Offset(11));
        assert_eq!(epochs, cache(&[(0, 11)]));
        let mut epochs = cache(&[(0, 0), (2, 9), (3, 10)]);
        epochs.assign(LeaderEpoch(1), Offset(11));
        assert_eq!(epochs, cache(&[(0, 0), (1, 11)]));
    }

    #[test]
    fn a_cut_at_the_end_forgets_an_epoch_without_records() {
        let mut epochs = cache(&[(1, 0), (2, 10)]);
        epochs.truncate(Offset(10));
        assert_eq!(epochs, cache(&[(1, 0)]));
    }
}
