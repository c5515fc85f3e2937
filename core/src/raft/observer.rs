//! A broker's copy of the metadata log: the observer's half of `KafkaRaftClient` (`FollowerState`).
//!
//! ```text
//!                    ┌────────────── answered: append, next fetch ◀───────────┐
//!                    ▼                                                        │
//!  Idle ─ open ─▶ fetching ── parked at the leader up to 500 ms ──────────────┘
//!    ▲               │ hung up, timed out: reconnect backoff; error: retry backoff
//!    └───────────────┘
//! ```
//! - The observer's high watermark is the leader's, but never beyond its own log end, and it never
//!   goes back (Q-34). Only records below it are handed on (C-50).
//! - It truncates where the leader says its log diverges, never below its high watermark (Q-33).
//! - It does not flush before it fetches: nobody counts an observer (Q-32 is about voters).
//!
//! ## Simplified
//! With one voter there is nobody else to ask, so giving the leader up after
//! controller.quorum.fetch.timeout.ms and asking a random bootstrap voter are left out. The fetched
//! part of an observer's log counts as flushed only when the whole broker flushes; what a loss of
//! power takes is fetched again.

use super::log::{MetadataLog, MetadataLogDisk};
use super::voters::VoterSet;
use crate::chance::Chance;
use crate::config::BrokerConfig;
use crate::engine::Effects;
use crate::epoch::{Offset, QuorumEpoch};
use crate::error_code::ErrorCode;
use crate::id::{ConnId, CorrelationId, NodeId};
use crate::metadata::MetadataRecord;
use crate::net::{Backoff, Channel, ChannelConfig, ConnIds};
use crate::protocol::{QuorumFetchRequest, QuorumFetchResponse};
use crate::time::{Duration, Instant};

/// What an observer is told once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObserverSpec {
    /// The broker.
    pub me: NodeId,
    /// The voters of the quorum.
    pub voters: VoterSet,
    /// Its time-outs.
    pub config: BrokerConfig,
    /// What is random about it.
    pub chance: Chance,
}

/// Pulls the metadata log from the quorum's leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observer {
    me: NodeId,
    disk: MetadataLogDisk,
    high_watermark: Offset,
    channel: Channel<()>,
    retry_backoff: Duration,
    /// Not before then: the last answer was an error.
    fetch_at: Instant,
}

impl Observer {
    /// How long the leader may keep a fetch that has nothing to tell (MAX_FETCH_WAIT_MS).
    pub const FETCH_MAX_WAIT: Duration = Duration::from_millis(500);

    /// Starts from what the last life left. Nothing is committed until the leader says so.
    pub fn boot(disk: MetadataLogDisk, spec: &ObserverSpec) -> Self {
        let voter = spec.voters.only().expect("a quorum of several voters is not built");
        let config = ChannelConfig {
            max_in_flight: 1,
            request_timeout: spec.config.quorum_request_timeout,
            connect_timeout: Duration::from_secs(10),
            // The back-off of the raft manager's own network client.
            reconnect: Backoff {
                initial: Duration::from_millis(50),
                max: Duration::from_millis(500),
            },
        };
        let draws = spec.chance.draws("quorum reconnect");
        Self {
            me: spec.me,
            disk,
            high_watermark: Offset::ZERO,
            channel: Channel::new(voter, config, draws),
            retry_backoff: spec.config.quorum_retry_backoff,
            fetch_at: Instant::ZERO,
        }
    }

    /// The end of what may be applied.
    pub const fn committed_end(&self) -> Offset {
        self.high_watermark
    }

    /// The committed records from `offset` on, each with its offset.
    pub fn committed_from(
        &self,
        offset: Offset,
    ) -> impl Iterator<Item = (Offset, &MetadataRecord)> {
        self.disk.log.records(offset, self.high_watermark)
    }

    /// The whole log, committed or not.
    pub const fn log(&self) -> &MetadataLog {
        &self.disk.log
    }

    /// The quorum's leader, which is the active controller, if known.
    pub const fn leader(&self) -> Option<NodeId> {
        self.disk.quorum.leader()
    }

    /// The newest quorum epoch it knows.
    pub const fn epoch(&self) -> QuorumEpoch {
        self.disk.quorum.epoch()
    }

    /// Everything fetched so far is on disk now: the owner's flush is complete.
    pub fn mark_flushed(&mut self, end: Offset) {
        self.disk.log.mark_flushed(end);
    }

    /// Ends this life.
    pub fn into_disk(self) -> MetadataLogDisk {
        self.disk
    }

    /// Whether `conn` is its connection.
    pub fn owns(&self, conn: ConnId) -> bool {
        self.channel.owns(conn)
    }

    /// When it next wants `on_alarm`. At once after boot.
    pub fn next_alarm(&self) -> Instant {
        self.channel.wake_at(self.fetch_at)
    }

    /// The moment of `next_alarm`: connects, fetches, or gives a request up.
    pub fn on_alarm(&mut self, now: Instant, ids: &mut ConnIds, fx: &mut Effects) {
        assert!(self.next_alarm() <= now, "an alarm has a reason");
        if self.channel.on_deadline(now, fx).is_some() {
            return;
        }
        self.channel.open(now, ids, fx);
        if self.channel.can_send() {
            self.fetch(now, fx);
        }
    }

    /// A connection stands; fetches if it is this one's.
    pub fn on_connected(&mut self, now: Instant, conn: ConnId, fx: &mut Effects) {
        if self.channel.on_connected(conn) {
            self.fetch(now, fx);
        }
    }

    /// A connection is gone.
    pub fn on_hangup(&mut self, now: Instant, conn: ConnId) {
        self.channel.on_hangup(now, conn);
    }

    /// An answer came; fetches on. Says whether more is committed than before.
    pub fn on_response(
        &mut self,
        now: Instant,
        (conn, correlation): (ConnId, CorrelationId),
        response: QuorumFetchResponse,
        fx: &mut Effects,
    ) -> bool {
        if self.channel.on_response(conn, correlation).is_none() {
            return false;
        }
        let before = self.high_watermark;
        let is_new_epoch = self.adopt(response.quorum_epoch, response.leader);
        if response.error == ErrorCode::None {
            self.take(response);
        } else if !is_new_epoch {
            self.fetch_at = now + self.retry_backoff;
        }
        assert!(self.high_watermark >= before, "the high watermark never goes back (Q-34)");
        if self.fetch_at <= now {
            self.fetch(now, fx);
        }
        self.high_watermark > before
    }

    /// Learns the epoch of the answer and its leader; says whether that is news (Q-15).
    fn adopt(&mut self, epoch: QuorumEpoch, leader: Option<NodeId>) -> bool {
        let quorum = &mut self.disk.quorum;
        match leader {
            Some(leader) if epoch > quorum.epoch() || quorum.leader().is_none() => {
                quorum.become_follower(epoch, leader);
                true
            }
            None if epoch > quorum.epoch() => {
                quorum.become_unattached(epoch);
                true
            }
            Some(_) | None => false,
        }
    }

    /// Takes in what the leader of this epoch sent: where to cut, or what to append.
    fn take(&mut self, response: QuorumFetchResponse) {
        let log = &mut self.disk.log;
        if let Some((epoch, end)) = response.diverging {
            assert!(response.batches.is_empty(), "a diverging answer has no records");
            let (_, own_end) = log.end_offset_for_epoch(epoch);
            let to = end.min(own_end).min(log.log_end());
            assert!(to >= self.high_watermark, "committed records are never cut (Q-33)");
            log.truncate(to);
            return;
        }
        for batch in response.batches {
            log.append_batch(batch);
        }
        let committed = response.high_watermark.min(log.log_end());
        self.high_watermark = self.high_watermark.max(committed);
    }

    fn fetch(&mut self, now: Instant, fx: &mut Effects) {
        let request = QuorumFetchRequest {
            replica: self.me,
            quorum_epoch: self.disk.quorum.epoch(),
            fetch_offset: self.disk.log.log_end(),
            last_fetched_epoch: self.disk.log.last_epoch(),
            high_watermark: self.high_watermark,
            max_wait: Self::FETCH_MAX_WAIT,
        };
        self.channel.send(now, request, (), fx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Effect;
    use crate::id::Incarnation;
    use crate::metadata::MetadataBatch;
    use crate::protocol::{Body, Request};

    const LEADER: NodeId = NodeId::controller(1);
    const ME: NodeId = NodeId::broker(1);
    const CONN: ConnId = ConnId { client: ME, n: 0 };

    /// An observer with a log of (epoch, records), connected, its first fetch sent.
    fn observer(batches: &[(u32, usize)], fx: &mut Effects) -> Observer {
        let mut disk = MetadataLogDisk::default();
        for (epoch, records) in batches {
            let records = vec![MetadataRecord::NoOp; *records];
            disk.log.append(QuorumEpoch(*epoch), records.into());
            disk.quorum = crate::raft::QuorumState::default();
            disk.quorum.become_follower(QuorumEpoch(*epoch), LEADER);
        }
        let voters = VoterSet::new([LEADER]);
        let (config, chance) = (BrokerConfig::default(), Chance::of_node(1, ME));
        let spec = ObserverSpec { me: ME, voters, config, chance };
        let mut observer = Observer::boot(disk, &spec);
        assert_eq!(observer.next_alarm(), Instant::ZERO, "it fetches as soon as it lives");
        observer.on_alarm(Instant::ZERO, &mut ConnIds::new(ME, Incarnation(0)), fx);
        observer.on_connected(Instant::ZERO, CONN, fx);
        observer
    }

    /// The last fetch sent, as (epoch, offset, last epoch, high watermark).
    fn fetched(fx: &Effects) -> Option<(u32, u64, u32, u64)> {
        fx.as_slice().iter().rev().find_map(|effect| {
            let Effect::Send { body: Body::Request(Request::QuorumFetch(f)), .. } = effect else {
                return None;
            };
            let QuorumFetchRequest { quorum_epoch, fetch_offset, last_fetched_epoch, .. } = f;
            Some((quorum_epoch.0, fetch_offset.0, last_fetched_epoch.0, f.high_watermark.0))
        })
    }

    fn answer(epoch: u32, high_watermark: u64) -> QuorumFetchResponse {
        QuorumFetchResponse {
            error: ErrorCode::None,
            quorum_epoch: QuorumEpoch(epoch),
            leader: Some(LEADER),
            high_watermark: Offset(high_watermark),
            diverging: None,
            batches: Vec::new(),
        }
    }

    fn batch(base: u64, epoch: u32) -> MetadataBatch {
        let records = vec![MetadataRecord::NoOp].into();
        MetadataBatch { base_offset: Offset(base), epoch: QuorumEpoch(epoch), records }
    }

    #[test]
    fn it_learns_the_epoch_then_records_then_what_is_committed() {
        let fx = &mut Effects::default();
        let mut observer = observer(&[], fx);
        let now = Instant::from_micros(1);
        assert_eq!(fetched(fx), Some((0, 0, 0, 0)));
        let fenced = QuorumFetchResponse { error: ErrorCode::FencedLeaderEpoch, ..answer(3, 2) };
        assert!(!observer.on_response(now, (CONN, CorrelationId(0)), fenced, fx));
        assert_eq!((observer.leader(), fetched(fx)), (Some(LEADER), Some((3, 0, 0, 0))));
        let records =
            QuorumFetchResponse { batches: vec![batch(0, 2), batch(1, 3)], ..answer(3, 9) };
        assert!(observer.on_response(now, (CONN, CorrelationId(1)), records, fx));
        assert_eq!(observer.committed_end(), Offset(2), "never beyond its own log (Q-34)");
        assert_eq!(fetched(fx), Some((3, 2, 3, 2)));
        assert!(!observer.on_response(now, (CONN, CorrelationId(2)), answer(3, 1), fx));
        assert_eq!(observer.committed_end(), Offset(2), "and never back");
        let offsets: Vec<u64> = observer.committed_from(Offset(1)).map(|(o, _)| o.0).collect();
        assert_eq!(offsets, [1]);
    }

    #[test]
    fn it_cuts_its_log_where_the_leader_says_they_part() {
        let fx = &mut Effects::default();
        let mut observer = observer(&[(1, 2), (1, 1), (2, 4)], fx);
        let diverging = Some((QuorumEpoch(1), Offset(2)));
        let diverging = QuorumFetchResponse { diverging, ..answer(3, 5) };
        assert!(!observer.on_response(Instant::ZERO, (CONN, CorrelationId(0)), diverging, fx));
        assert_eq!((observer.log().log_end(), observer.committed_end()), (Offset(2), Offset(0)));
        assert_eq!(fetched(fx), Some((3, 2, 1, 0)));
    }

    #[test]
    fn after_an_error_it_waits_and_after_a_hangup_it_reconnects() {
        let fx = &mut Effects::default();
        let mut observer = observer(&[(3, 1)], fx);
        let now = Instant::from_micros(1_000);
        let error = ErrorCode::UnknownLeaderEpoch;
        let refused = QuorumFetchResponse { error, ..answer(3, 0) };
        observer.on_response(now, (CONN, CorrelationId(0)), refused, fx);
        assert_eq!(observer.next_alarm(), now + Duration::from_millis(20));
        let ids = &mut ConnIds::new(ME, Incarnation(1));
        fx.begin(crate::id::InputNo(1));
        observer.on_alarm(observer.next_alarm(), ids, fx);
        assert_eq!(fetched(fx), Some((3, 1, 3, 0)));
        observer.on_hangup(now, CONN);
        assert!(observer.next_alarm() >= now + Duration::from_millis(40), "50 ms with its jitter");
    }
}
