//! Fetch: how records travel from a leader to followers and consumers (KIP-74, 101, 320, 595).
//!
//! ## Simplified
//! Fetch sessions (KIP-227) only compress the request; each request here names all its partitions.

use super::client::CurrentLeader;
use crate::epoch::{BrokerEpoch, LeaderEpoch, Offset};
use crate::error_code::ErrorCode;
use crate::id::{NodeId, TopicPartition};
use crate::record::Batch;
use crate::time::Duration;

/// Fetch: give me records from these offsets on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRequest {
    /// Who reads, which decides how far.
    pub reader: Reader,
    /// How long to wait for `min_bytes`.
    pub max_wait: Duration,
    /// Bytes worth answering for.
    pub min_bytes: u32,
    /// Bytes of the whole answer, soft: the first batch is always whole.
    pub max_bytes: u32,
    /// The partitions, in the order they are to be served.
    pub partitions: Vec<FetchPartition>,
}

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A follower: reads up to the log end, and its offset is its acknowledgement.
    Replica(ReplicaReader),
    /// A consumer: reads up to the high watermark.
    Consumer,
}

/// A follower, by broker and incarnation (KIP-903).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaReader {
    /// The broker.
    pub broker: NodeId,
    /// Its broker epoch.
    pub epoch: BrokerEpoch,
}

/// One partition of a Fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchPartition {
    /// The partition.
    pub tp: TopicPartition,
    /// The reader's leader epoch; `None` skips the epoch checks.
    pub current_leader_epoch: Option<LeaderEpoch>,
    /// The first offset wanted; for a follower, its log end offset.
    pub fetch_offset: Offset,
    /// The epoch of the reader's last record; `None` if it has none (or is a consumer).
    pub last_fetched_epoch: Option<LeaderEpoch>,
    /// The reader's own log start offset.
    pub log_start_offset: Offset,
    /// Bytes wanted of this partition.
    pub max_bytes: u32,
}

/// The answer to Fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchResponse {
    /// One answer per partition of the request, in its order.
    pub partitions: Vec<FetchAnswer>,
}

/// What one partition gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchAnswer {
    /// The partition.
    pub tp: TopicPartition,
    /// Success or the reason why not.
    pub error: ErrorCode,
    /// The high watermark *before* this very fetch was counted (T-6).
    pub high_watermark: Offset,
    /// The log start offset.
    pub log_start_offset: Offset,
    /// Who leads, if the broker that was asked does not, or in another epoch, and knows (KIP-951).
    pub current_leader: Option<CurrentLeader>,
    /// Where the reader's log left the leader's; then there are no records.
    pub diverging: Option<Divergence>,
    /// The batches, whole, from the one that holds the fetch offset on.
    pub batches: Vec<Batch>,
}

impl FetchAnswer {
    /// No records, for this reason.
    pub const fn refused(tp: TopicPartition, error: ErrorCode) -> Self {
        Self {
            tp,
            error,
            high_watermark: Offset::ZERO,
            log_start_offset: Offset::ZERO,
            current_leader: None,
            diverging: None,
            batches: Vec::new(),
        }
    }

    /// The size of its batches.
    pub fn bytes(&self) -> u32 {
        self.batches.iter().map(|batch| batch.body.size).sum()
    }
}

/// The largest epoch the two logs can share, and where the leader's log ends it (KIP-101, KIP-279).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The epoch; `None` if the leader knows no such epoch.
    pub epoch: Option<LeaderEpoch>,
    /// Its end offset in the leader's log.
    pub end_offset: Offset,
}
