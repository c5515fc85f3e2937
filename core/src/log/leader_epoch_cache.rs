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

    /// The epoch of the record at `offset`; `None` below the first known one.
    pub fn epoch_for_offset(&self, offset: Offset) -> Option<LeaderEpoch> {
        let after = self.entries.partition_point(|(_, start)| *start <= offset);
        Some(self.entries[after.checked_sub(1)?].0)
    }

    /// The newest known epoch below `epoch`.
    pub fn previous(&self, epoch: LeaderEpoch) -> Option<LeaderEpoch> {
        let from = self.entries.partition_point(|(e, _)| *e < epoch);
        Some(self.entries[from.checked_sub(1)?].0)
    }

    /// The oldest known epoch above `epoch`.
    pub fn next(&self, epoch: LeaderEpoch) -> Option<LeaderEpoch> {
        let above = self.entries.partition_point(|(e, _)| *e <= epoch);
        self.entries.get(above).map(|(e, _)| *e)
    }

    /// Forgets epochs that start at `end` or later; also those of a leader that wrote nothing (L-13).
    pub fn truncate(&mut self, end: Offset) {
        self.entries.retain(|(_, start)| *start < end);
    }

    /// The log starts at `start` now: older epochs go, and the one in force there starts there.
    pub fn truncate_start(&mut self, start: Offset) {
        let older = self.entries.partition_point(|(_, begin)| *begin <= start);
        let Some(last) = older.checked_sub(1) else { return };
        self.entries[last].1 = start;
        self.entries.drain(..last);
    }

    /// Forgets everything: the log is emptied.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::vectors;
    use serde_json::{Value, json};

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

    /// A number of a vector line; -1 stands for something undefined.
    fn number<N: TryFrom<i64>>(value: &Value) -> Option<N> {
        value.as_i64().expect("a number").try_into().ok()
    }

    fn epoch(step: &Value) -> Option<LeaderEpoch> {
        number(&step["epoch"]).map(LeaderEpoch)
    }

    /// What a query of a vector line gives.
    fn ask(cache: &LeaderEpochCache, step: &Value) -> Value {
        let show = |epoch: Option<LeaderEpoch>| epoch.map_or(Value::Null, |epoch| json!(epoch.0));
        match step["op"].as_str() {
            Some("latest_epoch") => show(cache.latest()),
            Some("end_offset_for") => {
                let log_end =
                    number(&step["log_end_offset"]).map(Offset).expect("a log has an end");
                let end = epoch(step).and_then(|epoch| cache.end_offset_for(epoch, log_end));
                end.map_or(json!([-1, -1]), |end| json!([end.epoch.0, end.end_offset.0]))
            }
            // Nothing is asked about what cannot be said in the types of this crate.
            Some("epoch_for_offset") => show(
                number(&step["offset"]).and_then(|offset| cache.epoch_for_offset(Offset(offset))),
            ),
            Some("previous_epoch") => show(epoch(step).and_then(|epoch| cache.previous(epoch))),
            Some("next_epoch") => show(match epoch(step) {
                Some(epoch) => cache.next(epoch),
                None => cache.entries().first().map(|(epoch, _)| *epoch),
            }),
            op => panic!("{op:?}"),
        }
    }

    fn change(cache: &mut LeaderEpochCache, step: &Value) {
        let offset = |key: &str| number(&step[key]).map(Offset);
        match step["op"].as_str() {
            Some("assign") => match (epoch(step), offset("start_offset")) {
                (Some(epoch), Some(start)) => cache.assign(epoch, start),
                // Kafka throws; here a negative number cannot even be said.
                _ => assert_eq!(step["error"], "IllegalArgumentException"),
            },
            // A negative offset leaves the log as it is, in Kafka too.
            Some("truncate_from_end") => {
                if let Some(end) = offset("end_offset") {
                    cache.truncate(end);
                }
            }
            Some("truncate_from_start") => {
                if let Some(start) = offset("start_offset") {
                    cache.truncate_start(start);
                }
            }
            Some("clear") => cache.clear(),
            op => panic!("{op:?}"),
        }
    }

    #[test]
    fn every_history_of_kafkas_cache_is_the_same_here() {
        vectors::check(include_str!("../../../tests/oracle/epochs.jsonl"), |line| {
            let mut cache = LeaderEpochCache::default();
            for step in line["steps"].as_array().expect("steps") {
                if step.get("answer").is_some() {
                    assert_eq!(ask(&cache, step), step["answer"], "{step}");
                    continue;
                }
                change(&mut cache, step);
                let entries =
                    cache.entries().iter().map(|(epoch, start)| json!([epoch.0, start.0]));
                assert_eq!(json!(entries.collect::<Vec<_>>()), step["entries"], "{step}");
            }
            vectors::Outcome::Tested
        });
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
