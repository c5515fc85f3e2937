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
use crate::chance::Draws;
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
    /// The seed of the run.
    pub seed: u64,
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
        let draws = Draws::new(spec.seed, "quorum reconnect", u64::from(spec.me.raw()));
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
        match self.channel.retry_at() {
            Some(at) => at,
            None if self.channel.can_send() => self.fetch_at,
            None => self.channel.deadline(),
        }
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
