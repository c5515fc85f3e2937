//! What a consumer fetched and has not handed out yet: `FetchBuffer`, `CompletedFetch`,
//! `FetchCollector`.
//!
//! Owns the buffer and nothing else. Each answer is kept per partition with the offset it was asked
//! for; if the position is another by the time it is looked at, the answer is dropped (C-35).
//!
//! ## Simplified
//! `read_committed` is not built: control batches are skipped, transactional ones are not filtered.

use super::subscription::{Position, Subscription};
use crate::client::metadata::Leadership;
use crate::epoch::{LeaderEpoch, Offset};
use crate::error_code::ErrorCode;
use crate::id::{RecordId, TopicPartition};
use crate::protocol::FetchAnswer;
use crate::record::{Batch, BatchKind};
use std::collections::VecDeque;

/// A record as a poll hands it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delivery {
    pub(super) tp: TopicPartition,
    pub(super) offset: Offset,
    pub(super) id: Option<RecordId>,
}

/// One partition's part of an answer.
#[derive(Clone, Debug)]
struct CompletedFetch {
    tp: TopicPartition,
    /// The next offset in it; at first the one that was asked for.
    next: Offset,
    /// Who was asked.
    leader: Option<Leadership>,
    /// The leader epoch of the last batch that was begun.
    epoch: LeaderEpoch,
    error: ErrorCode,
    batches: VecDeque<Batch>,
}

impl CompletedFetch {
    /// Hands out up to `limit` records and moves past them.
    fn take(&mut self, limit: usize, into: &mut Vec<Delivery>) {
        let before = into.len();
        while let Some(batch) = self.batches.front() {
            self.epoch = batch.leader_epoch;
            if let BatchKind::Data | BatchKind::Transactional = batch.body.kind {
                for record in &batch.body.records {
                    let offset = batch.base_offset.plus(u64::from(record.offset_delta));
                    if offset < self.next {
                        continue;
                    }
                    if into.len() - before == limit {
                        return;
                    }
                    into.push(Delivery { tp: self.tp, offset, id: record.id });
                    self.next = offset.next();
                }
            }
            self.next = self.next.max(batch.end_offset());
            self.batches.pop_front();
        }
    }
}

/// What the front of the buffer is, as far as no record is involved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) tp: TopicPartition,
    /// The offset that was asked for.
    pub(super) offset: Offset,
    /// Who was asked.
    pub(super) leader: Option<Leadership>,
    pub(super) error: ErrorCode,
}

/// Answers not handed out yet, in order of arrival.
#[derive(Clone, Debug, Default)]
pub(super) struct FetchBuffer {
    fetches: VecDeque<CompletedFetch>,
}

impl FetchBuffer {
    /// Keeps what one partition gave when it was asked for `from`. Nothing is not kept: a broker would
    /// not even mention the partition (KIP-227).
    pub(super) fn add(&mut self, from: Position, answer: FetchAnswer) {
        assert!(
            answer.error == ErrorCode::None || answer.batches.is_empty(),
            "an error carries no records"
        );
        if answer.error == ErrorCode::None && answer.batches.is_empty() {
            return;
        }
        self.fetches.push_back(CompletedFetch {
            tp: answer.tp,
            next: from.offset,
            leader: from.leader,
            epoch: LeaderEpoch::ZERO,
            error: answer.error,
            batches: answer.batches.into(),
        });
    }

    /// The partitions that have something here.
    pub(super) fn partitions(&self) -> impl Iterator<Item = TopicPartition> {
        self.fetches.iter().map(|fetch| fetch.tp)
    }

    /// Whether nothing is here.
    pub(super) fn is_empty(&self) -> bool {
        self.fetches.is_empty()
    }

    /// Drops what is stale or consumed at the front, up to the first records or the first
    /// error, which is taken out.
    pub(super) fn next_error(&mut self, subscription: &Subscription) -> Option<Refused> {
        while let Some(front) = self.fetches.front() {
            let position = subscription.valid_position(front.tp);
            let is_current = position == Some(front.next);
            if is_current && front.error == ErrorCode::None && !front.batches.is_empty() {
                return None;
            }
            let Some(CompletedFetch { tp, next: offset, leader, error, .. }) =
                self.fetches.pop_front()
            else {
                unreachable!("it was looked at")
            };
            if error != ErrorCode::None && position.is_some() {
                return Some(Refused { tp, offset, leader, error });
            }
        }
        None
    }

    /// Hands out up to `limit` records, one partition after the other (C-21). Stops at an error:
    /// what stands before it is the application's first.
    pub(super) fn collect(
        &mut self,
        limit: usize,
        subscription: &mut Subscription,
    ) -> Vec<Delivery> {
        assert!(limit > 0, "max.poll.records is at least 1");
        let mut records = Vec::new();
        while records.len() < limit
            && let Some(front) = self.fetches.front_mut()
            && front.error == ErrorCode::None
        {
            let tp = front.tp;
            if subscription.valid_position(tp) == Some(front.next) {
                front.take(limit - records.len(), &mut records);
                subscription.advance(tp, front.next, front.epoch);
                if !front.batches.is_empty() {
                    break;
                }
                subscription.move_to_end(tp);
            }
            self.fetches.pop_front();
        }
        records
    }
}
