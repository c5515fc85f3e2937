//! What brokers (and the admin client) ask of the controller, and the quorum of its voters.

use crate::broker_set::BrokerSet;
use crate::config::TopicConfig;
use crate::epoch::{BrokerEpoch, LeaderEpoch, Offset, PartitionEpoch, QuorumEpoch};
use crate::error_code::ErrorCode;
use crate::id::{Incarnation, NodeId, TopicId, TopicPartition};
use crate::metadata::MetadataBatch;
use crate::time::Duration;

/// BrokerRegistration: an incarnation introduces itself (KIP-631).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerRegistrationRequest {
    /// The broker.
    pub broker: NodeId,
    /// Which life of it.
    pub incarnation: Incarnation,
    /// The epoch found in its clean-shutdown marker, if it was shut down cleanly (KIP-966).
    pub previous_broker_epoch: Option<BrokerEpoch>,
}

/// The answer to BrokerRegistration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerRegistrationResponse {
    /// Success or the reason why not.
    pub error: ErrorCode,
    /// The broker epoch; meaningful on success.
    pub broker_epoch: BrokerEpoch,
}

/// BrokerHeartbeat: a broker is alive and wants something (C-30).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerHeartbeatRequest {
    /// The broker.
    pub broker: NodeId,
    /// Its epoch.
    pub broker_epoch: BrokerEpoch,
    /// The end of the metadata it has published to itself (exclusive).
    pub metadata_offset: Offset,
    /// It is not ready to serve yet.
    pub wants_fence: bool,
    /// It was told to stop.
    pub wants_shutdown: bool,
}

/// The answer to BrokerHeartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerHeartbeatResponse {
    /// Success or the reason why not.
    pub error: ErrorCode,
    /// It has read the metadata up to its own registration.
    pub is_caught_up: bool,
    /// It is fenced.
    pub is_fenced: bool,
    /// It may stop now.
    pub should_shut_down: bool,
}

/// AlterPartition: a leader proposes new in-sync replicas (KIP-497).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterPartitionRequest {
    /// The leader's broker.
    pub broker: NodeId,
    /// Its epoch.
    pub broker_epoch: BrokerEpoch,
    /// The proposals.
    pub partitions: Vec<AlterPartitionItem>,
}

/// One proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterPartitionItem {
    /// The partition.
    pub tp: TopicPartition,
    /// The epoch in which the sender leads it.
    pub leader_epoch: LeaderEpoch,
    /// The partition epoch the proposal builds on.
    pub partition_epoch: PartitionEpoch,
    /// The proposed members, each with the broker epoch that was counted; `None` if unknown.
    pub new_isr: Vec<(NodeId, Option<BrokerEpoch>)>,
}

/// The answer to AlterPartition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterPartitionResponse {
    /// An error of the whole request.
    pub error: ErrorCode,
    /// One answer per proposal, in order; empty if the whole request failed.
    pub partitions: Vec<AlterPartitionAnswer>,
}

/// What became of one proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlterPartitionAnswer {
    /// The partition.
    pub tp: TopicPartition,
    /// Success or the reason why not.
    pub error: ErrorCode,
    /// The leader after the change.
    pub leader: Option<NodeId>,
    /// Its epoch.
    pub leader_epoch: LeaderEpoch,
    /// The committed in-sync replicas.
    pub isr: BrokerSet,
    /// The partition epoch after the change.
    pub partition_epoch: PartitionEpoch,
}

/// CreateTopics, one topic a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTopicsRequest {
    /// The id the creator wants: topics are numbered in order of declaration.
    pub topic: TopicId,
    /// Replicas of each partition, the preferred leader first; the outer list is by partition.
    pub assignment: Vec<Vec<NodeId>>,
    /// Its settings.
    pub config: TopicConfig,
}

/// The answer to CreateTopics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreateTopicsResponse {
    /// Success or the reason why not.
    pub error: ErrorCode,
}

/// AllocateProducerIds: a broker wants a block of producer ids (KIP-730).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocateProducerIdsRequest {
    /// The broker.
    pub broker: NodeId,
    /// Its epoch.
    pub broker_epoch: BrokerEpoch,
}

/// The answer to AllocateProducerIds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocateProducerIdsResponse {
    /// Success or the reason why not.
    pub error: ErrorCode,
    /// The first id of the block.
    pub first: i64,
    /// How many there are (1000 in Kafka).
    pub count: u32,
}

/// Fetch on the metadata partition (KIP-595): a voter or observer pulls metadata records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuorumFetchRequest {
    /// Who fetches.
    pub replica: NodeId,
    /// The quorum epoch it believes in.
    pub quorum_epoch: QuorumEpoch,
    /// Its log end offset.
    pub fetch_offset: Offset,
    /// The epoch of its last record, `ZERO` if its log is empty.
    pub last_fetched_epoch: QuorumEpoch,
    /// The high watermark it knows: a newer one releases a parked fetch (KIP-1166).
    pub high_watermark: Offset,
    /// How long to wait for something new.
    pub max_wait: Duration,
}

/// The answer to the quorum's Fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumFetchResponse {
    /// `None`, `FencedLeaderEpoch`, `UnknownLeaderEpoch` or `NotLeaderOrFollower`.
    pub error: ErrorCode,
    /// The answerer's quorum epoch.
    pub quorum_epoch: QuorumEpoch,
    /// The leader it knows in that epoch.
    pub leader: Option<NodeId>,
    /// The leader's high watermark (exclusive).
    pub high_watermark: Offset,
    /// Where the fetcher's log left the leader's: (epoch, end offset). Then there are no batches.
    pub diverging: Option<(QuorumEpoch, Offset)>,
    /// Metadata batches from the fetch offset on.
    pub batches: Vec<MetadataBatch>,
}
