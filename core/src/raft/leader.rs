//! The leader of the metadata quorum: `LeaderState`, `BatchAccumulator` and the leader's half of
//! `KafkaRaftClient` (KIP-595, KIP-1166).
//!
//! ```text
//!            linger              flush              majority, own epoch
//!  accumulate ────▶ written (LEO) ────▶ counted ────────────────────────▶ committed (HW)
//! ```
//! - An append waits up to controller.quorum.append.linger.ms for company (Q-26).
//! - The leader counts its own end only once it is flushed (Q-32), so that what is committed
//!   survives a loss of power on a majority.
//! - The high watermark covers a record of this epoch before it means anything (Q-22): an older
//!   record on a majority can still be overwritten.
//! - A fetch with nothing to tell is parked until there are records beyond its offset, or a high
//!   watermark beyond the one it carries (KIP-1166), or its time is up.
//!
//! ## Simplified
//! - Kafka counts its own end, and wakes parked fetches, just before the flush of the same poll.
//!   Here both wait for the flush: nothing can be committed and then lost, and a parked fetch is
//!   answered once, with the records and the high watermark that commits them.
//! - Records of one append are one batch; Kafka packs several appends into one. Answers have no size
//!   limit, the accumulator has no memory limit.

use super::log::{MetadataLog, MetadataLogDisk};
use super::voters::{VoterSet, majority_end};
use crate::engine::{Effects, FlushId, ReplyTo};
use crate::epoch::{Offset, QuorumEpoch};
use crate::error_code::ErrorCode;
use crate::id::{ConnId, InputNo, NodeId};
use crate::metadata::MetadataRecord;
use crate::protocol::{QuorumFetchRequest, QuorumFetchResponse};
use crate::time::{Duration, Instant};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What the leader knows of one replica, voter or observer (`ReplicaState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaState {
    /// It has everything below; a voter has it on disk.
    pub end_offset: Offset,
    /// Its last fetch.
    pub fetched_at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ParkedFetch {
    to: ReplyTo,
    request: QuorumFetchRequest,
    deadline: Instant,
}

/// Appends that wait for company.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Accumulator {
    batches: Vec<Arc<[MetadataRecord]>>,
    records: u64,
    /// When they are written, and which input left the first of them behind.
    drain: Option<(Instant, InputNo)>,
}

/// The leader of one epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    me: NodeId,
    voters: VoterSet,
    disk: MetadataLogDisk,
    linger: Duration,
    epoch_start: Offset,
    high_watermark: Option<Offset>,
    replicas: BTreeMap<NodeId, ReplicaState>,
    accumulator: Accumulator,
    /// Flushes under way, oldest first, each with the log end it will cover.
    flushes: VecDeque<(FlushId, Offset)>,
    next_flush: u64,
    parked: Vec<ParkedFetch>,
}

impl Leader {
    /// The only voter elects itself, in the next epoch, also after a restart (Q-18, Q-25); its first
    /// record is a LeaderChange, because the high watermark needs one of its own epoch (Q-20).
    pub fn elect(
        mut disk: MetadataLogDisk,
        me: NodeId,
        voters: VoterSet,
        linger: Duration,
        fx: &mut Effects,
    ) -> Self {
        assert_eq!(voters.only(), Some(me), "elections between voters are not built");
        disk.quorum.become_candidate(me);
        disk.quorum.become_leader(me);
        let epoch_start = disk.log.log_end();
        let mut leader = Self {
            me,
            voters,
            disk,
            linger,
            epoch_start,
            high_watermark: None,
            replicas: BTreeMap::new(),
            accumulator: Accumulator::default(),
            flushes: VecDeque::new(),
            next_flush: 0,
            parked: Vec::new(),
        };
        leader.write(Arc::new([MetadataRecord::LeaderChange { leader: me }]));
        leader.flush(fx);
        leader
    }

    /// The epoch it leads.
    pub const fn epoch(&self) -> QuorumEpoch {
        self.disk.quorum.epoch()
    }

    /// The offset at which that epoch starts.
    pub const fn epoch_start(&self) -> Offset {
        self.epoch_start
    }

    /// The end of the committed records, once this epoch has committed one.
    pub const fn high_watermark(&self) -> Option<Offset> {
        self.high_watermark
    }

    /// The log, written but perhaps not committed.
    pub const fn log(&self) -> &MetadataLog {
        &self.disk.log
    }

    /// What survives.
    pub const fn disk(&self) -> &MetadataLogDisk {
        &self.disk
    }

    /// What survives, to move the mark of what the observers of the run were told.
    pub const fn disk_mut(&mut self) -> &mut MetadataLogDisk {
        &mut self.disk
    }

    /// Ends this leader; what was written remains.
    pub fn into_disk(self) -> MetadataLogDisk {
        self.disk
    }

    /// Every replica that has fetched in this epoch.
    pub const fn replicas(&self) -> &BTreeMap<NodeId, ReplicaState> {
        &self.replicas
    }

    /// The offset the next append will get: after everything written or accumulated.
    pub const fn next_write_offset(&self) -> Offset {
        self.disk.log.log_end().plus(self.accumulator.records)
    }

    /// Takes `records` in, as one batch; returns the offset after them.
    pub fn append(&mut self, now: Instant, records: Vec<MetadataRecord>, input: InputNo) -> Offset {
        assert!(!records.is_empty(), "an append has records");
        self.accumulator.records += records.len() as u64;
        self.accumulator.batches.push(records.into());
        if self.accumulator.drain.is_none() {
            self.accumulator.drain = Some((now + self.linger, input));
        }
        self.next_write_offset()
    }

    /// Whether an append has waited long enough for company.
    pub fn has_lingered(&self, now: Instant) -> bool {
        self.accumulator.drain.is_some_and(|(at, _)| at <= now)
    }

    /// When this leader next has something to do by itself.
    pub fn next_alarm(&self) -> Instant {
        let drain = self.accumulator.drain.map_or(Instant::NEVER, |(at, _)| at);
        self.parked.iter().map(|fetch| fetch.deadline).min().unwrap_or(Instant::NEVER).min(drain)
    }

    /// The moment of `next_alarm`: writes what has lingered, or answers fetches that waited enough.
    pub fn on_alarm(&mut self, now: Instant, fx: &mut Effects) {
        assert!(self.next_alarm() <= now, "an alarm has a reason");
        match self.accumulator.drain {
            Some((at, cause)) if at <= now => {
                fx.caused_by(cause);
                self.drain(fx);
            }
            Some(_) | None => self.answer_parked(fx, |_, fetch| fetch.deadline <= now),
        }
    }

    fn drain(&mut self, fx: &mut Effects) {
        let end = self.next_write_offset();
        let accumulator = std::mem::take(&mut self.accumulator);
        for records in accumulator.batches {
            self.write(records);
        }
        assert_eq!(self.disk.log.log_end(), end, "offsets promised are offsets given");
        self.flush(fx);
    }

    fn write(&mut self, records: Arc<[MetadataRecord]>) {
        let epoch = self.epoch();
        self.disk.log.append(epoch, records);
    }

    fn flush(&mut self, fx: &mut Effects) {
        let id = FlushId(self.next_flush);
        self.next_flush += 1;
        self.flushes.push_back((id, self.disk.log.log_end()));
        fx.flush(id);
    }

    /// A flush is complete: counts it and answers who waited for it. Says whether the high
    /// watermark moved.
    pub fn on_flushed(&mut self, id: FlushId, fx: &mut Effects) -> bool {
        let (oldest, end) = self.flushes.pop_front().expect("a flush was asked for");
        assert_eq!(oldest, id, "flushes complete in order");
        self.disk.log.mark_flushed(end);
        let moved = self.advance_high_watermark();
        self.answer_parked(fx, Self::has_news_for);
        moved
    }

    /// Moves the high watermark to what a majority has, if that includes a record of this epoch.
    fn advance_high_watermark(&mut self) -> bool {
        let flushed_end = self.disk.log.flushed_end();
        let mut ends: Vec<Offset> = self
            .voters
            .iter()
            .map(|voter| {
                if voter == self.me {
                    flushed_end
                } else {
                    self.replicas.get(&voter).map_or(Offset::ZERO, |r| r.end_offset)
                }
            })
            .collect();
        let to = majority_end(&mut ends);
        if to <= self.epoch_start || self.high_watermark.is_some_and(|now| to <= now) {
            return false;
        }
        assert!(to <= self.disk.log.log_end(), "what is committed is written");
        self.high_watermark = Some(to);
        true
    }

    /// A voter or observer fetches. Says whether the high watermark moved.
    pub fn on_fetch(
        &mut self,
        now: Instant,
        to: ReplyTo,
        request: QuorumFetchRequest,
        fx: &mut Effects,
    ) -> bool {
        if request.quorum_epoch != self.epoch() {
            let error = if request.quorum_epoch < self.epoch() {
                ErrorCode::FencedLeaderEpoch
            } else {
                ErrorCode::UnknownLeaderEpoch
            };
            fx.reply(to, QuorumFetchResponse { error, ..self.empty_answer() });
            return false;
        }
        if let Some(diverging) = self.divergence(&request) {
            let answer = QuorumFetchResponse { diverging: Some(diverging), ..self.empty_answer() };
            fx.reply(to, answer);
            return false;
        }
        let state = ReplicaState { end_offset: request.fetch_offset, fetched_at: now };
        self.replicas.insert(request.replica, state);
        let moved = self.voters.contains(request.replica) && self.advance_high_watermark();
        let fetch = ParkedFetch { to, request, deadline: now + request.max_wait };
        if self.has_news_for(&fetch) || request.max_wait == Duration::ZERO {
            self.answer(&fetch, fx);
        } else {
            self.parked.push(fetch);
        }
        if moved {
            self.answer_parked(fx, Self::has_news_for);
        }
        moved
    }

    /// The connection is gone, and with it who waited on it.
    pub fn on_hangup(&mut self, conn: ConnId) {
        self.parked.retain(|fetch| fetch.to.conn != conn);
    }

    /// Where the fetcher's log leaves this one, if it does (Q-30).
    fn divergence(&self, request: &QuorumFetchRequest) -> Option<(QuorumEpoch, Offset)> {
        let (epoch, end) = self.disk.log.end_offset_for_epoch(request.last_fetched_epoch);
        let is_prefix = epoch == request.last_fetched_epoch && request.fetch_offset <= end;
        let is_empty = request.fetch_offset == Offset::ZERO;
        (!is_prefix && !is_empty).then_some((epoch, end))
    }

    fn has_news_for(&self, fetch: &ParkedFetch) -> bool {
        self.disk.log.log_end() > fetch.request.fetch_offset
            || self.high_watermark.is_some_and(|hw| hw > fetch.request.high_watermark)
    }

    fn answer_parked(&mut self, fx: &mut Effects, is_due: impl Fn(&Self, &ParkedFetch) -> bool) {
        let mut parked = std::mem::take(&mut self.parked);
        parked.retain(|fetch| {
            let is_due = is_due(self, fetch);
            if is_due {
                self.answer(fetch, fx);
            }
            !is_due
        });
        self.parked = parked;
    }

    fn answer(&self, fetch: &ParkedFetch, fx: &mut Effects) {
        let batches = self.disk.log.batches_from(fetch.request.fetch_offset).cloned().collect();
        fx.reply(fetch.to, QuorumFetchResponse { batches, ..self.empty_answer() });
    }

    fn empty_answer(&self) -> QuorumFetchResponse {
        QuorumFetchResponse {
            error: ErrorCode::None,
            quorum_epoch: self.epoch(),
            leader: Some(self.me),
            high_watermark: self.high_watermark.unwrap_or(Offset::ZERO),
            diverging: None,
            batches: Vec::new(),
        }
    }
}
