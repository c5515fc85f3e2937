//! What happens on brokers: roles, logs, watermarks, in-sync replicas, answers, life cycle.

use crate::broker_set::BrokerSet;
use crate::config::Acks;
use crate::epoch::{BrokerEpoch, LeaderEpoch, Offset, PartitionEpoch};
use crate::error_code::ErrorCode;
use crate::id::{NodeId, TopicPartition};
use crate::record::BatchBody;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The life of a broker (`BrokerState`).
///
/// ```text
/// Starting ─▶ Recovery ─▶ Running ─▶ PendingControlledShutdown ─▶ ShuttingDown
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LifecycleState {
    /// Registering and reading the metadata.
    Starting,
    /// Read up to its own registration; not unfenced yet.
    Recovery,
    /// Serving.
    Running,
    /// Handing its leaderships over.
    PendingControlledShutdown,
    /// Flushing, then gone.
    ShuttingDown,
}

/// A transition on a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplicaEvent {
    /// The broker's life went on.
    Lifecycle {
        /// The state it entered.
        to: LifecycleState,
    },
    /// The controller accepted this incarnation.
    Registered {
        /// Its epoch.
        epoch: BrokerEpoch,
    },
    /// A replica was loaded or created, with no role yet.
    Loaded {
        /// The partition.
        tp: TopicPartition,
        /// Its log end offset.
        log_end_offset: Offset,
        /// Its high watermark, from the checkpoint.
        high_watermark: Offset,
        /// The former life ended in good order and left its marker (L-71).
        was_clean: bool,
    },
    /// A replica leads, in an epoch that is new to it.
    BecameLeader {
        /// The partition.
        tp: TopicPartition,
        /// The epoch.
        leader_epoch: LeaderEpoch,
        /// Where the epoch starts.
        epoch_start: Offset,
        /// Its high watermark, perhaps behind the former leader's (R-7).
        high_watermark: Offset,
    },
    /// A replica follows, in an epoch that is new to it.
    BecameFollower {
        /// The partition.
        tp: TopicPartition,
        /// The epoch.
        leader_epoch: LeaderEpoch,
        /// Whom; `None` if there is no leader.
        leader: Option<NodeId>,
    },
    /// A batch was written to a log.
    Appended {
        /// The partition.
        tp: TopicPartition,
        /// Its first offset.
        base_offset: Offset,
        /// The epoch stamped on it.
        leader_epoch: LeaderEpoch,
        /// By the leader, or copied by a follower.
        as_leader: bool,
        /// What was written.
        body: Arc<BatchBody>,
    },
    /// The leader recognised a batch it already has (KIP-98).
    DuplicateRecognised {
        /// The partition.
        tp: TopicPartition,
        /// Where the original is.
        base_offset: Offset,
        /// The repeated batch.
        body: Arc<BatchBody>,
    },
    /// A log was cut.
    Truncated {
        /// The partition.
        tp: TopicPartition,
        /// The log end before.
        from: Offset,
        /// The log end after.
        to: Offset,
        /// The leader epoch in which it follows.
        leader_epoch: LeaderEpoch,
    },
    /// A high watermark moved; on a follower also down.
    HighWatermark {
        /// The partition.
        tp: TopicPartition,
        /// Before.
        from: Offset,
        /// After.
        to: Offset,
        /// On the leader, or as a follower learned it.
        as_leader: bool,
    },
    /// The leader proposed other in-sync replicas; until it is decided it counts both sets.
    IsrProposed {
        /// The partition.
        tp: TopicPartition,
        /// The committed ones.
        from: BrokerSet,
        /// The proposed ones.
        to: BrokerSet,
    },
    /// The leader learned the committed in-sync replicas.
    IsrAdopted {
        /// The partition.
        tp: TopicPartition,
        /// The set.
        isr: BrokerSet,
        /// The partition epoch it came with.
        partition_epoch: PartitionEpoch,
    },
    /// A metadata record that only repeats what the leader knows ended a newer proposal of its: if
    /// the controller commits that one, the leader does not count the new member until the next
    /// record (`Partition.makeLeader` at an equal partition epoch).
    IsrForgotten {
        /// The partition.
        tp: TopicPartition,
        /// The epoch that was repeated.
        partition_epoch: PartitionEpoch,
        /// What was proposed and is still under way.
        proposed: BrokerSet,
    },
    /// A proposal was refused.
    IsrRefused {
        /// The partition.
        tp: TopicPartition,
        /// Why.
        error: ErrorCode,
    },
    /// The leader counted a follower's fetch: everything below this offset is on that follower.
    FollowerCounted {
        /// The partition.
        tp: TopicPartition,
        /// The follower.
        follower: NodeId,
        /// Its log end offset.
        log_end_offset: Offset,
    },
    /// A leader answered a follower whose log is not a prefix of its own.
    DivergenceFound {
        /// The partition.
        tp: TopicPartition,
        /// The follower.
        follower: NodeId,
        /// The end of what they share, as far as the leader can tell.
        end_offset: Offset,
    },
    /// A produce request for one partition was answered (with acks=0: would have been).
    ProduceAnswered {
        /// The partition.
        tp: TopicPartition,
        /// Success or the reason why not.
        error: ErrorCode,
        /// Whom success waited for.
        acks: Acks,
        /// The batch.
        body: Arc<BatchBody>,
        /// Where it stands; `None` if it was not appended.
        base_offset: Option<Offset>,
    },
    /// A broker acts on metadata up to here.
    MetadataPublished {
        /// The end of what it has applied (exclusive).
        end_offset: Offset,
    },
}

impl Hash for ReplicaEvent {
    /// By the discriminant and the numbers; a batch by its digest.
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Lifecycle { to } => to.hash(state),
            Self::Registered { epoch } => epoch.hash(state),
            Self::Loaded { tp, log_end_offset, high_watermark, was_clean } => {
                (tp, log_end_offset, high_watermark, was_clean).hash(state);
            }
            Self::BecameLeader { tp, leader_epoch, epoch_start, high_watermark } => {
                (tp, leader_epoch, epoch_start, high_watermark).hash(state);
            }
            Self::BecameFollower { tp, leader_epoch, leader } => {
                (tp, leader_epoch, leader).hash(state);
            }
            Self::Appended { tp, base_offset, leader_epoch, as_leader, body } => {
                (tp, base_offset, leader_epoch, as_leader, body.digest).hash(state);
            }
            Self::DuplicateRecognised { tp, base_offset, body } => {
                (tp, base_offset, body.digest).hash(state);
            }
            Self::Truncated { tp, from, to, leader_epoch } => {
                (tp, from, to, leader_epoch).hash(state);
            }
            Self::HighWatermark { tp, from, to, as_leader } => {
                (tp, from, to, as_leader).hash(state);
            }
            Self::IsrProposed { tp, from, to } => (tp, from, to).hash(state),
            Self::IsrAdopted { tp, isr, partition_epoch } => {
                (tp, isr, partition_epoch).hash(state);
            }
            Self::IsrForgotten { tp, partition_epoch, proposed } => {
                (tp, partition_epoch, proposed).hash(state);
            }
            Self::IsrRefused { tp, error } => (tp, error).hash(state),
            Self::FollowerCounted { tp, follower, log_end_offset } => {
                (tp, follower, log_end_offset).hash(state);
            }
            Self::DivergenceFound { tp, follower, end_offset } => {
                (tp, follower, end_offset).hash(state);
            }
            Self::ProduceAnswered { tp, error, acks, body, base_offset } => {
                (tp, error, acks, body.digest, base_offset).hash(state);
            }
            Self::MetadataPublished { end_offset } => end_offset.hash(state),
        }
    }
}
