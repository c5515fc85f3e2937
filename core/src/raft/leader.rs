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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Effect;
    use crate::id::{CorrelationId, NodeKind};
    use crate::protocol::{Body, Response};

    const ME: NodeId = NodeId::controller(1);
    const LINGER: Duration = Duration::from_millis(25);

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    fn elect(disk: MetadataLogDisk, fx: &mut Effects) -> Leader {
        Leader::elect(disk, ME, VoterSet::new([ME]), LINGER, fx)
    }

    fn no_op() -> Vec<MetadataRecord> {
        vec![MetadataRecord::NoOp]
    }

    /// A fetch by b1 that has everything below `offset` of epoch 1 and knows this high watermark.
    fn fetch(offset: u64, high_watermark: u64) -> QuorumFetchRequest {
        QuorumFetchRequest {
            replica: NodeId::broker(1),
            quorum_epoch: QuorumEpoch(1),
            fetch_offset: Offset(offset),
            last_fetched_epoch: QuorumEpoch(u32::from(offset > 0)),
            high_watermark: Offset(high_watermark),
            max_wait: Duration::from_millis(500),
        }
    }

    fn to() -> ReplyTo {
        let conn = ConnId { client: NodeId::broker(1), n: 0 };
        assert_eq!(conn.client.kind(), NodeKind::Broker);
        ReplyTo { conn, correlation: CorrelationId(0), asked: InputNo(0) }
    }

    /// The answers so far, as (records, high watermark), and forgets them.
    fn answers(fx: &mut Effects) -> Vec<(usize, u64)> {
        let mut answers = Vec::new();
        for effect in fx.drain() {
            if let Effect::Send { body: Body::Response(Response::QuorumFetch(answer)), .. } = effect
            {
                let records = answer.batches.iter().map(|batch| batch.records.len()).sum();
                answers.push((records, answer.high_watermark.0));
            }
        }
        answers
    }

    #[test]
    fn appends_linger_are_flushed_and_then_committed() {
        let fx = &mut Effects::default();
        let mut leader = elect(MetadataLogDisk::default(), fx);
        assert_eq!(leader.high_watermark(), None, "nothing is committed before it is flushed");
        assert!(leader.on_flushed(FlushId(0), fx));
        assert_eq!(leader.high_watermark(), Some(Offset(1)), "the LeaderChange record");
        assert_eq!(leader.append(at(0), no_op(), InputNo(7)), Offset(2));
        assert_eq!(leader.append(at(20), no_op(), InputNo(8)), Offset(3));
        assert_eq!((leader.next_alarm(), leader.log().log_end()), (at(25), Offset(1)));
        leader.on_alarm(at(25), fx);
        assert_eq!(fx.cause(), Some(InputNo(7)), "the first append set the timer");
        assert_eq!((leader.log().log_end(), leader.high_watermark()), (Offset(3), Some(Offset(1))));
        assert!(leader.on_flushed(FlushId(1), fx));
        assert_eq!(leader.high_watermark(), Some(Offset(3)));
    }

    #[test]
    fn a_restart_commits_old_records_only_with_one_of_its_own_epoch() {
        let fx = &mut Effects::default();
        let mut disk = MetadataLogDisk::default();
        disk.log.append(QuorumEpoch(1), no_op().into());
        disk.log.mark_flushed(Offset(1));
        disk.quorum.become_candidate(ME);
        let mut leader = elect(disk, fx);
        assert_eq!((leader.epoch(), leader.epoch_start()), (QuorumEpoch(2), Offset(1)));
        assert!(!leader.advance_high_watermark(), "offset 1 is on disk, but of epoch 1 (Q-22)");
        assert!(leader.on_flushed(FlushId(0), fx));
        assert_eq!(leader.high_watermark(), Some(Offset(2)));
    }

    #[test]
    fn a_parked_fetch_is_answered_by_news_or_by_time() {
        let fx = &mut Effects::default();
        let mut leader = elect(MetadataLogDisk::default(), fx);
        leader.on_flushed(FlushId(0), fx);
        leader.on_fetch(at(1), to(), fetch(1, 1), fx);
        assert_eq!(answers(fx), [], "nothing beyond its offset, nothing beyond its high watermark");
        leader.append(at(2), no_op(), InputNo(0));
        leader.on_alarm(at(27), fx);
        leader.on_flushed(FlushId(1), fx);
        assert_eq!(answers(fx), [(1, 2)], "the record and what commits it, at once");
        // Only the high watermark is news (KIP-1166).
        leader.on_fetch(at(30), to(), fetch(2, 1), fx);
        assert_eq!(answers(fx), [(0, 2)]);
        leader.on_fetch(at(31), to(), fetch(2, 2), fx);
        assert_eq!((answers(fx), leader.next_alarm()), (vec![], at(531)));
        leader.on_alarm(at(531), fx);
        assert_eq!((answers(fx), leader.next_alarm()), (vec![(0, 2)], Instant::NEVER));
        // Who is gone is not answered.
        leader.on_fetch(at(532), to(), fetch(2, 2), fx);
        leader.on_hangup(to().conn);
        assert_eq!(leader.next_alarm(), Instant::NEVER);
    }

    #[test]
    fn a_log_that_diverges_is_told_where_and_not_counted() {
        let fx = &mut Effects::default();
        let mut leader = elect(MetadataLogDisk::default(), fx);
        leader.on_flushed(FlushId(0), fx);
        fx.begin(InputNo(1));
        leader.on_fetch(at(1), to(), fetch(5, 0), fx);
        let [Effect::Send { body: Body::Response(Response::QuorumFetch(answer)), .. }] =
            fx.as_slice()
        else {
            panic!("one answer")
        };
        assert_eq!(answer.diverging, Some((QuorumEpoch(1), Offset(1))));
        assert!(leader.replicas().is_empty());
    }

    #[test]
    fn a_fetch_of_another_epoch_learns_the_present_one() {
        let fx = &mut Effects::default();
        let mut leader = elect(MetadataLogDisk::default(), fx);
        for (epoch, error) in
            [(0, ErrorCode::FencedLeaderEpoch), (2, ErrorCode::UnknownLeaderEpoch)]
        {
            fx.begin(InputNo(1));
            let request = QuorumFetchRequest { quorum_epoch: QuorumEpoch(epoch), ..fetch(0, 0) };
            leader.on_fetch(at(1), to(), request, fx);
            let [Effect::Send { body: Body::Response(Response::QuorumFetch(answer)), .. }] =
                fx.as_slice()
            else {
                panic!("one answer")
            };
            assert_eq!((answer.error, answer.quorum_epoch), (error, QuorumEpoch(1)));
            assert_eq!(answer.leader, Some(ME));
        }
    }
}
