//! What the leader of a partition does with clients and followers: append, read, count (the leader's
//! half of `Partition`; rules ).

use super::partition::{FollowerUpdate, Leadership, Partition, Role, View};
use crate::config::{Acks, Variations};
use crate::engine::Effects;
use crate::epoch::{LeaderEpoch, Offset};
use crate::error_code::ErrorCode;
use crate::event::ReplicaEvent;
use crate::log::{AppendInfo, Slice};
use crate::protocol::{
    AlterPartitionItem, Divergence, FetchAnswer, FetchPartition, Reader, ReplicaReader,
};
use crate::record::BatchBody;
use std::sync::Arc;

/// What the counting of a follower led to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// The proposal to send, with the follower in the ISR.
    pub proposal: Option<AlterPartitionItem>,
    /// The high watermark moved.
    pub has_watermark_moved: bool,
}

/// What a read found.
enum Found {
    Slice(Slice),
    Divergence(Divergence),
}

/// How much may be read (KIP-74).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Bytes left of the whole answer.
    pub bytes: u32,
    /// The answer has no data yet: one batch is read, whatever its size.
    pub at_least_one: bool,
}

/// What a leader read for one partition of a fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadResult {
    /// The answer.
    pub answer: FetchAnswer,
    /// How the follower is to be counted, if it is one and its log does not diverge.
    pub update: Option<FollowerUpdate>,
    /// The bytes it takes in the answer.
    pub bytes: u32,
}

impl Partition {
    /// Appends a client's batch. The second value says whether the high watermark
    /// moved.
    pub fn append_as_leader(
        &mut self,
        body: &Arc<BatchBody>,
        acks: Acks,
        view: View<'_>,
        fx: &mut Effects,
    ) -> Result<(AppendInfo, bool), ErrorCode> {
        let tp = self.tp;
        let Role::Leader(leadership) = &self.role else {
            return Err(ErrorCode::NotLeaderOrFollower);
        };
        if acks == Acks::All && leadership.isr.len() < view.image.min_insync_replicas(tp) {
            return Err(ErrorCode::NotEnoughReplicas);
        }
        let topic = view.image.topics.get(&tp.topic);
        if topic.is_some_and(|topic| body.size > topic.config.max_message_bytes) {
            return Err(ErrorCode::MessageTooLarge);
        }
        let leader_epoch = self.leader_epoch.expect("a leader has an epoch");
        let info = self.log.append_as_leader(body, leader_epoch)?;
        let (base_offset, body) = (info.base_offset, Arc::clone(body));
        if info.is_duplicate {
            fx.note(ReplicaEvent::DuplicateRecognised { tp, base_offset, body });
            return Ok((info, false));
        }
        let as_leader = true;
        fx.note(ReplicaEvent::Appended { tp, base_offset, leader_epoch, as_leader, body });
        let moved = self.advance_high_watermark(view, fx);
        Ok((info, moved))
    }

    /// Checks the reader's leader epoch and this replica's role.
    pub fn check_leader_epoch(
        &self,
        current: Option<LeaderEpoch>,
        variations: &Variations,
    ) -> Result<&Leadership, ErrorCode> {
        if variations.fetch_epoch_fencing
            && let Some(current) = current
        {
            let mine = self.leader_epoch.ok_or(ErrorCode::UnknownLeaderEpoch)?;
            match current.cmp(&mine) {
                std::cmp::Ordering::Less => return Err(ErrorCode::FencedLeaderEpoch),
                std::cmp::Ordering::Greater => return Err(ErrorCode::UnknownLeaderEpoch),
                std::cmp::Ordering::Equal => {}
            }
        }
        self.leadership().ok_or(ErrorCode::NotLeaderOrFollower)
    }

    /// Reads for one partition of a fetch (R-15 to R-17, L-30).
    pub fn read(
        &self,
        fetch: &FetchPartition,
        reader: Reader,
        budget: Budget,
        view: View<'_>,
    ) -> ReadResult {
        let mut answer = FetchAnswer {
            tp: self.tp,
            error: ErrorCode::None,
            high_watermark: self.log.high_watermark(),
            log_start_offset: self.log.start(),
            current_leader: None,
            diverging: None,
            batches: Vec::new(),
        };
        let mut bytes = 0;
        match self.try_read(fetch, reader, budget, view) {
            Ok(Found::Slice(slice)) => (answer.batches, bytes) = (slice.batches, slice.bytes),
            Ok(Found::Divergence(diverging)) => {
                answer.diverging = Some(diverging);
                if view.variations.skip_state_on_divergence {
                    return ReadResult { answer, update: None, bytes };
                }
            }
            Err(error) => {
                answer.error = error;
                return ReadResult { answer, update: None, bytes };
            }
        }
        let update = match reader {
            Reader::Replica(_) => Some(FollowerUpdate {
                tp: self.tp,
                offset: fetch.fetch_offset,
                leader_end: self.log.end(),
            }),
            Reader::Consumer => None,
        };
        ReadResult { answer, update, bytes }
    }

    fn try_read(
        &self,
        fetch: &FetchPartition,
        reader: Reader,
        budget: Budget,
        view: View<'_>,
    ) -> Result<Found, ErrorCode> {
        self.check_leader_epoch(fetch.current_leader_epoch, view.variations)?;
        if let Reader::Replica(replica) = reader
            && !self.replicas.contains(&replica.broker)
        {
            // Perhaps this leader's metadata is the stale one.
            return Err(ErrorCode::UnknownLeaderEpoch);
        }
        if let Some(last) = fetch.last_fetched_epoch
            && view.variations.divergence_check
        {
            let end = self.log.end_offset_for(last).ok_or(ErrorCode::OffsetOutOfRange)?;
            if end.epoch < last || end.end_offset < fetch.fetch_offset {
                let (epoch, end_offset) = (Some(end.epoch), end.end_offset);
                return Ok(Found::Divergence(Divergence { epoch, end_offset }));
            }
        }
        if fetch.fetch_offset < self.log.start() || fetch.fetch_offset > self.log.end() {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        let bound = self.read_bound(reader);
        let max_bytes = fetch.max_bytes.min(budget.bytes);
        let file = self.log.file();
        Ok(Found::Slice(file.read(fetch.fetch_offset, bound, max_bytes, budget.at_least_one)))
    }

    /// How far a reader may see (L-30).
    pub const fn read_bound(&self, reader: Reader) -> Offset {
        match reader {
            Reader::Replica(_) => self.log.end(),
            Reader::Consumer => self.log.high_watermark(),
        }
    }

    /// Counts the follower that fetched, proposes it for the ISR if it may join, and only then
    /// moves the high watermark: a newcomer that was just proposed is waited for
    /// (`updateFollowerFetchState`).
    pub fn count_follower(
        &mut self,
        reader: ReplicaReader,
        update: FollowerUpdate,
        view: View<'_>,
        fx: &mut Effects,
    ) -> Result<Counted, ErrorCode> {
        let tp = self.tp;
        let leadership = self.leadership_mut().ok_or(ErrorCode::NotLeaderOrFollower)?;
        let known = view.image.brokers.get(&reader.broker);
        if known.is_some_and(|registration| reader.epoch < registration.epoch) {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        let follower = leadership
            .followers
            .iter_mut()
            .find(|follower| follower.broker == reader.broker)
            .ok_or(ErrorCode::NotLeaderOrFollower)?;
        follower.broker_epoch = Some(reader.epoch);
        let has_moved = follower.fetched(update.offset, update.leader_end, view.now);
        if has_moved {
            let (follower, log_end_offset) = (reader.broker, update.offset);
            fx.note(ReplicaEvent::FollowerCounted { tp, follower, log_end_offset });
        }
        let proposal = self.propose_expansion(reader.broker, view, fx);
        let has_watermark_moved = has_moved && self.advance_high_watermark(view, fx);
        Ok(Counted { proposal, has_watermark_moved })
    }

    /// Moves the high watermark to what everyone who counts has. Says whether it moved.
    pub fn advance_high_watermark(&mut self, view: View<'_>, fx: &mut Effects) -> bool {
        let (tp, log_end) = (self.tp, self.log.end());
        let Role::Leader(leadership) = &self.role else { return false };
        let min_isr = view.image.min_insync_replicas(tp);
        if view.variations.strict_min_isr && leadership.isr.len() < min_isr {
            return false;
        }
        let maximal = leadership.maximal_isr(view.variations);
        let lag_max = view.config.replica_lag_time_max;
        let checks_active = view.variations.isr_eligibility;
        let counted = leadership.followers.iter().filter(|follower| {
            maximal.contains(follower.broker)
                // About to rejoin: waiting for it now saves the wait after it joined (KAFKA-15021).
                || (follower.is_caught_up(log_end, lag_max, view.now)
                    && follower.is_eligible(view.image, checks_active))
        });
        let candidate = counted.map(|follower| follower.log_end).min().unwrap_or(Some(log_end));
        let Some(to) = candidate.map(|end| end.min(log_end)) else { return false };
        if to <= self.log.high_watermark() {
            return false;
        }
        let from = self.log.set_high_watermark(to);
        fx.note(ReplicaEvent::HighWatermark { tp, from, to, as_leader: true });
        true
    }
}
