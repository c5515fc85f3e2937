//! Where a follower cuts its log when the leader says that it diverges:
//! `AbstractFetcherThread.getOffsetTruncationState` (KIP-101, KIP-279; rule R-34).
//!
//! ## Simplified
//! Only the modern mode (`trunc.mode = diverging`); the three older generations are lessons of
//! their own and come with them.

use crate::epoch::Offset;
use crate::log::PartitionLog;
use crate::protocol::Divergence;

/// The offset to cut `log` to. It may still diverge there: then the next fetch says so again, with
/// an older epoch, until both logs agree.
pub fn truncation_point(log: &PartitionLog, leader: Divergence) -> Offset {
    let Some(epoch) = leader.epoch else { return log.high_watermark() };
    match log.end_offset_for(epoch) {
        None => leader.end_offset.min(log.end()),
        Some(own) if own.epoch != epoch => own.end_offset.min(log.end()),
        Some(own) => leader.end_offset.min(own.end_offset).min(log.end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::LeaderEpoch;
    use crate::record::{Batch, BatchBody, BatchKind, Record};
    use crate::time::Timestamp;
    use proptest::prelude::*;
    use std::sync::Arc;

    /// A log given as the epoch of each of its records.
    fn log(epochs: &[u32]) -> PartitionLog {
        let mut log = PartitionLog::default();
        for (offset, epoch) in epochs.iter().enumerate() {
            let record =
                Record { id: None, offset_delta: 0, timestamp_delta: 0, key: None, value: None };
            let body = BatchBody::new(BatchKind::Data, Timestamp(0), None, vec![record]);
            log.append_as_follower(Batch {
                base_offset: Offset(offset as u64),
                leader_epoch: LeaderEpoch(*epoch),
                body: Arc::new(body),
            });
        }
        log
    }

    /// Cuts `follower` as often as `leader` tells it to; the number of rounds.
    fn reconcile(leader: &PartitionLog, follower: &mut PartitionLog) -> usize {
        for round in 0.. {
            let Some(last) = follower.file().last_epoch() else { return round };
            let end = leader.end_offset_for(last).expect("the leader knows a later epoch");
            if end.epoch == last && end.end_offset >= follower.end() {
                return round;
            }
            let to = Divergence { epoch: Some(end.epoch), end_offset: end.end_offset };
            let point = truncation_point(follower, to);
            assert!(point < follower.end(), "each round cuts something");
            follower.truncate(point);
        }
        unreachable!("the loop returns")
    }

    /// KIP-279's example: the leader does not know the follower's last epoch at all.
    #[test]
    fn an_unknown_epoch_takes_a_second_round() {
        let leader = log(&[1, 1, 3, 3]);
        let mut follower = log(&[1, 1, 2, 2, 2]);
        assert_eq!(reconcile(&leader, &mut follower), 1);
        assert_eq!(follower.end(), Offset(2));
        let mut follower = log(&[1, 2, 2, 2, 2]);
        reconcile(&leader, &mut follower);
        assert_eq!(follower.end(), Offset(1));
    }

    proptest! {
        /// Whatever two logs grew from a shared past, the follower ends as a prefix of the leader
        /// and loses no record that both have. (Epochs in which the two wrote apart are never the
        /// same: an epoch has one leader.)
        #[test]
        fn ends_with_exactly_the_shared_prefix(
            shared in prop::collection::vec(0u32..3, 0..6),
            leader_tail in prop::collection::vec(0u32..3, 0..6),
            follower_tail in prop::collection::vec(0u32..3, 0..6),
        ) {
            let rising = |steps: &[u32], from: u32, parity: u32| -> Vec<u32> {
                steps.iter().scan(from, |epoch, step| {
                    *epoch += step;
                    Some(*epoch * 2 + parity)
                }).collect()
            };
            let past = rising(&shared, 0, 0);
            let fork = past.last().map_or(0, |epoch| epoch / 2) + 1;
            let ours = [past.clone(), rising(&leader_tail, fork, 1)].concat();
            let theirs = [past.clone(), rising(&follower_tail, fork, 0)].concat();
            let (mut leader, mut follower) = (log(&ours), log(&theirs));
            leader.begin_epoch(LeaderEpoch(1000));
            let longest = theirs.len();
            reconcile(&leader, &mut follower);
            prop_assert_eq!(follower.end().0 as usize, past.len().min(longest));
            leader.truncate(follower.end());
            prop_assert_eq!(leader.file().chain_at(leader.end()), follower.file().chain_at(follower.end()));
        }
    }
}
