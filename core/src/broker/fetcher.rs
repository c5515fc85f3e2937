//! The pull loop of a follower, one per leader broker: `AbstractFetcherThread`,
//! `ReplicaFetcherThread` (rules R-13, R-33 to R-36).
//!
//! ```text
//!                 error that passes                data or nothing
//!   Delayed ◀──────────────────────── Fetching ──────────────────▶ Fetching
//!      └──── after the backoff ──────────▲ │ FENCED_LEADER_EPOCH      ▲
//!                                        │ ▼                          │
//!                                     Failed (until the next role or epoch change)
//!                     OFFSET_OUT_OF_RANGE ▼                           │
//!                                    OutOfRange ── ListOffsets ───────┘
//! ```
//! At most one request is in flight. The answer is applied and the next fetch sent in one step: its
//! offset is the acknowledgement of what was just written.
//!
//! ## Simplified
//! One fetcher per leader broker (num.replica.fetchers = 1). Throttling and sessions are absent.

use crate::config::BrokerConfig;
use crate::engine::Effects;
use crate::epoch::{LeaderEpoch, Offset};
use crate::id::{ConnId, NodeId, TopicPartition};
use crate::net::{Channel, ConnIds};
use crate::protocol::{
    FetchPartition, FetchRequest, ListOffsetsPartition, ListOffsetsRequest, OffsetSpec, Reader,
    ReplicaReader,
};
use crate::time::Instant;

/// How one partition stands in its fetcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchState {
    /// It is part of the next fetch.
    Fetching,
    /// It rests until then.
    Delayed(Instant),
    /// The leader's log does not reach to (or from) the fetch offset: ask where it ends.
    OutOfRange(OffsetSpec),
    /// It waits for the next role or epoch change (R-36).
    Failed,
}

/// One partition that is being copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The partition.
    pub tp: TopicPartition,
    /// The leader epoch in which this broker follows.
    pub leader_epoch: LeaderEpoch,
    /// The log end offset.
    pub offset: Offset,
    /// The epoch of the last batch.
    pub last_epoch: Option<LeaderEpoch>,
    /// Whether it may be asked for.
    pub state: FetchState,
}

/// What a request in flight asked, so that a stale answer is recognised (R-33).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A fetch of these partitions.
    Fetch(Vec<(TopicPartition, Offset, LeaderEpoch)>),
    /// Where one log starts or ends.
    Offsets(TopicPartition, OffsetSpec, LeaderEpoch),
}

/// The fetcher for one leader broker.
#[derive(Clone, Debug)]
pub struct Fetcher {
    channel: Channel<Asked>,
    partitions: Vec<Fetched>,
    next_partition: usize,
    resume_at: Instant,
}

impl Fetcher {
    /// A fetcher with nothing to fetch.
    pub const fn new(channel: Channel<Asked>) -> Self {
        Self { channel, partitions: Vec::new(), next_partition: 0, resume_at: Instant::ZERO }
    }

    /// From whom.
    pub const fn leader(&self) -> NodeId {
        self.channel.peer()
    }

    /// The connection.
    pub const fn channel(&mut self) -> &mut Channel<Asked> {
        &mut self.channel
    }

    /// Whether `conn` is its connection.
    pub fn owns(&self, conn: ConnId) -> bool {
        self.channel.owns(conn)
    }

    /// The partitions it copies.
    pub fn partitions(&self) -> &[Fetched] {
        &self.partitions
    }

    /// The state of one partition.
    pub fn get_mut(&mut self, tp: TopicPartition) -> Option<&mut Fetched> {
        self.partitions.iter_mut().find(|fetched| fetched.tp == tp)
    }

    /// Starts to copy a partition, or starts it afresh in a new epoch.
    pub fn add(&mut self, fetched: Fetched) {
        self.remove(fetched.tp);
        let place = self.partitions.partition_point(|other| other.tp < fetched.tp);
        self.partitions.insert(place, fetched);
    }

    /// Stops to copy a partition.
    pub fn remove(&mut self, tp: TopicPartition) {
        self.partitions.retain(|fetched| fetched.tp != tp);
    }

    /// The whole fetcher rests: its connection failed (R-35).
    pub fn rest(&mut self, now: Instant, config: &BrokerConfig) {
        self.resume_at = now + config.replica_fetch_backoff;
    }

    /// It waits for its disk until then.
    pub fn wait_for_disk(&mut self, until: Instant) {
        self.resume_at = self.resume_at.max(until);
    }

    /// Sends what can be sent, connecting first if need be.
    pub fn go_on(
        &mut self,
        now: Instant,
        reader: ReplicaReader,
        config: &BrokerConfig,
        ids: &mut ConnIds,
        fx: &mut Effects,
    ) {
        if now < self.resume_at || !self.has_work(now) {
            return;
        }
        self.channel.open(now, ids, fx);
        if !self.channel.can_send() {
            return;
        }
        if let Some((tp, spec, epoch)) = self.out_of_range() {
            let (replica, current_leader_epoch) = (Some(reader.broker), Some(epoch));
            let partitions = vec![ListOffsetsPartition { tp, current_leader_epoch, spec }];
            let request = ListOffsetsRequest { replica, partitions };
            self.channel.send(now, request, Asked::Offsets(tp, spec, epoch), fx);
            return;
        }
        let (asked, partitions) = self.next_fetch(now, config);
        let request = FetchRequest {
            reader: Reader::Replica(reader),
            max_wait: config.replica_fetch_wait_max,
            min_bytes: 1,
            max_bytes: config.replica_fetch_response_max_bytes,
            partitions,
        };
        self.channel.send(now, request, Asked::Fetch(asked), fx);
    }

    fn out_of_range(&self) -> Option<(TopicPartition, OffsetSpec, LeaderEpoch)> {
        self.partitions.iter().find_map(|fetched| match fetched.state {
            FetchState::OutOfRange(spec) => Some((fetched.tp, spec, fetched.leader_epoch)),
            FetchState::Fetching | FetchState::Delayed(_) | FetchState::Failed => None,
        })
    }

    fn next_fetch(
        &mut self,
        now: Instant,
        config: &BrokerConfig,
    ) -> (Vec<(TopicPartition, Offset, LeaderEpoch)>, Vec<FetchPartition>) {
        let count = self.partitions.len();
        let (mut asked, mut wanted) = (Vec::with_capacity(count), Vec::with_capacity(count));
        // A rotating start, so that a full response does not always starve the same partition.
        self.next_partition = (self.next_partition + 1) % count;
        for i in 0..count {
            let fetched = &mut self.partitions[(self.next_partition + i) % count];
            match fetched.state {
                FetchState::Delayed(until) if until <= now => fetched.state = FetchState::Fetching,
                FetchState::Fetching => {}
                FetchState::Delayed(_) | FetchState::OutOfRange(_) | FetchState::Failed => continue,
            }
            asked.push((fetched.tp, fetched.offset, fetched.leader_epoch));
            wanted.push(FetchPartition {
                tp: fetched.tp,
                current_leader_epoch: Some(fetched.leader_epoch),
                fetch_offset: fetched.offset,
                last_fetched_epoch: fetched.last_epoch,
                log_start_offset: Offset::ZERO,
                max_bytes: config.replica_fetch_max_bytes,
            });
        }
        (asked, wanted)
    }

    fn has_work(&self, now: Instant) -> bool {
        self.partitions.iter().any(|fetched| match fetched.state {
            FetchState::Fetching | FetchState::OutOfRange(_) => true,
            FetchState::Delayed(until) => until <= now,
            FetchState::Failed => false,
        })
    }

    /// When it wants to be woken without an answer: a time-out, a reconnect or the end of a rest.
    pub fn next_alarm(&self) -> Instant {
        let wake = self.partitions.iter().filter_map(|fetched| match fetched.state {
            FetchState::Fetching | FetchState::OutOfRange(_) => Some(Instant::ZERO),
            FetchState::Delayed(until) => Some(until),
            FetchState::Failed => None,
        });
        let Some(earliest) = wake.min() else { return self.channel.deadline() };
        let may_send = match self.channel.retry_at() {
            Some(retry_at) => earliest.max(retry_at).max(self.resume_at),
            // An answer will wake it; only a delayed partition beside an idle connection will not.
            None if self.channel.can_send() => earliest.max(self.resume_at),
            None => Instant::NEVER,
        };
        may_send.min(self.channel.deadline())
    }
}
