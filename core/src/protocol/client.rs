//! Produce, Metadata, ListOffsets, InitProducerId: what clients ask of brokers.

use crate::config::Acks;
use crate::epoch::{LeaderEpoch, Offset, ProducerEpoch};
use crate::error_code::ErrorCode;
use crate::id::{NodeId, ProducerId, TopicId, TopicPartition};
use crate::record::BatchBody;
use crate::time::Duration;
use std::sync::Arc;

/// Produce: append these batches, at most one per partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProduceRequest {
    /// Whom success waits for. With `Acks::None` there is no answer at all.
    pub acks: Acks,
    /// How long the leader may wait for its followers.
    pub timeout: Duration,
    /// The batches.
    pub partitions: Vec<ProducePartition>,
}

/// One batch for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducePartition {
    /// Where to.
    pub tp: TopicPartition,
    /// What.
    pub body: Arc<BatchBody>,
}

/// The answer to Produce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProduceResponse {
    /// One answer per partition of the request, in its order.
    pub partitions: Vec<ProduceAnswer>,
}

/// What became of one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProduceAnswer {
    /// The partition.
    pub tp: TopicPartition,
    /// Success or the reason why not.
    pub error: ErrorCode,
    /// Where it was appended (also for a recognised duplicate); `None` on failure.
    pub base_offset: Option<Offset>,
    /// Who leads, if the broker that was asked does not and knows who does (KIP-951).
    pub current_leader: Option<CurrentLeader>,
}

/// The leader as a broker that was asked in its place knows it (KIP-951).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurrentLeader {
    /// The leader.
    pub leader: NodeId,
    /// Its leader epoch.
    pub epoch: LeaderEpoch,
}

/// Metadata: who leads what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataRequest {
    /// The topics of interest.
    pub topics: Vec<TopicId>,
}

/// The answer to Metadata, from this broker's own image (C-52).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataResponse {
    /// The brokers that are not fenced.
    pub brokers: Vec<NodeId>,
    /// The active controller as far as this broker knows.
    pub controller: Option<NodeId>,
    /// One entry per topic asked for.
    pub topics: Vec<MetadataTopic>,
}

/// What is known of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataTopic {
    /// The topic.
    pub topic: TopicId,
    /// `None`, or `UnknownTopicOrPartition`.
    pub error: ErrorCode,
    /// Its partitions, by number.
    pub partitions: Vec<MetadataPartition>,
}

/// What is known of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetadataPartition {
    /// The partition.
    pub tp: TopicPartition,
    /// `None`, or `LeaderNotAvailable`.
    pub error: ErrorCode,
    /// The leader, if there is one that is not fenced.
    pub leader: Option<NodeId>,
    /// The epoch of that answer.
    pub leader_epoch: LeaderEpoch,
}

/// ListOffsets: where a log starts or ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListOffsetsRequest {
    /// `Some` if a replica asks (it sees up to the log end), `None` for a consumer.
    pub replica: Option<NodeId>,
    /// The questions.
    pub partitions: Vec<ListOffsetsPartition>,
}

/// One question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListOffsetsPartition {
    /// The partition.
    pub tp: TopicPartition,
    /// The asker's leader epoch; `None` skips the epoch checks.
    pub current_leader_epoch: Option<LeaderEpoch>,
    /// Which end.
    pub spec: OffsetSpec,
}

/// Which offset is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The log start offset.
    Earliest,
    /// The high watermark for a consumer, the log end offset for a replica.
    Latest,
}

/// The answer to ListOffsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListOffsetsResponse {
    /// One answer per question, in order.
    pub partitions: Vec<ListOffsetsAnswer>,
}

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListOffsetsAnswer {
    /// The partition.
    pub tp: TopicPartition,
    /// Success or the reason why not.
    pub error: ErrorCode,
    /// The offset asked for; meaningful on success.
    pub offset: Offset,
    /// The leader's epoch.
    pub leader_epoch: LeaderEpoch,
}

/// OffsetForLeaderEpoch: where a leader epoch ends in the leader's log (KIP-320).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetForLeaderEpochRequest {
    /// The questions.
    pub partitions: Vec<OffsetForLeaderEpochPartition>,
}

/// One question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetForLeaderEpochPartition {
    /// The partition.
    pub tp: TopicPartition,
    /// The leader epoch the asker knows.
    pub current_leader_epoch: LeaderEpoch,
    /// The epoch whose end is asked for.
    pub leader_epoch: LeaderEpoch,
}

/// The answer to OffsetForLeaderEpoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetForLeaderEpochResponse {
    /// One answer per question, in order.
    pub partitions: Vec<OffsetForLeaderEpochAnswer>,
}

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetForLeaderEpochAnswer {
    /// The partition.
    pub tp: TopicPartition,
    /// Success or the reason why not.
    pub error: ErrorCode,
    /// The largest epoch of the leader's log not above the one asked for, and its end; `None` if
    /// the log knows none.
    pub end: Option<(LeaderEpoch, Offset)>,
}

/// InitProducerId without a transactional id: a fresh producer id, epoch 0 (P-80).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitProducerIdRequest;

/// The answer to InitProducerId.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitProducerIdResponse {
    /// Success or the reason why not.
    pub error: ErrorCode,
    /// The id; meaningful on success.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub producer_epoch: ProducerEpoch,
}
