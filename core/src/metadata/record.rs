//! The records of the metadata log (reference section 3.2; `org.apache.kafka.common.metadata`).
//!
//! ## Simplified
//! Only records whose features exist here. LeaderChange is a control record of the Raft layer and
//! invisible to the controller; it is here because both share one log.

use crate::broker_set::BrokerSet;
use crate::config::TopicConfig;
use crate::epoch::{BrokerEpoch, Offset, QuorumEpoch};
use crate::id::{Incarnation, NodeId, TopicId, TopicPartition};
use std::sync::Arc;

/// One change of the cluster's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataRecord {
    /// A broker incarnation was registered, fenced.
    RegisterBroker {
        /// The broker.
        broker: NodeId,
        /// Which life of it.
        incarnation: Incarnation,
        /// Its epoch from now on.
        epoch: BrokerEpoch,
    },
    /// A broker was fenced or unfenced, or began its controlled shutdown.
    BrokerRegistrationChange {
        /// The broker.
        broker: NodeId,
        /// Its epoch, which must be the registered one.
        epoch: BrokerEpoch,
        /// The new fencing, if it changed.
        fenced: Option<bool>,
        /// Whether a controlled shutdown began.
        in_controlled_shutdown: bool,
    },
    /// A topic was created; its partitions follow.
    Topic {
        /// The topic.
        topic: TopicId,
        /// Its settings.
        config: TopicConfig,
    },
    /// A partition was created.
    Partition {
        /// The partition.
        tp: TopicPartition,
        /// Replicas, the preferred leader first.
        replicas: Vec<NodeId>,
        /// The in-sync ones.
        isr: BrokerSet,
        /// The first leader.
        leader: NodeId,
    },
    /// A partition changed.
    PartitionChange {
        /// The partition.
        tp: TopicPartition,
        /// What of it.
        change: PartitionChange,
    },
    /// The next producer id that has not been handed out (KIP-730).
    ProducerIds {
        /// The id.
        next: i64,
    },
    /// Nothing, so that the log moves (metadata.max.idle.interval.ms).
    NoOp,
    /// Raft: a new leader's first record of its epoch.
    LeaderChange {
        /// The leader.
        leader: NodeId,
    },
}

/// The changed fields of a partition. Every change adds one to the partition epoch; the leader
/// epoch grows by one exactly when `leader` is present, even with the same leader (C-11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartitionChange {
    /// The new in-sync replicas.
    pub isr: Option<BrokerSet>,
    /// The new leader: `Some(None)` is "no leader".
    pub leader: Option<Option<NodeId>>,
    /// The leader was elected uncleanly (recovery state RECOVERING).
    pub is_unclean: bool,
    /// The leader has recovered from an unclean election (recovery state RECOVERED).
    pub has_recovered: bool,
}

/// Records appended together: atomic (C-2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataBatch {
    /// The offset of the first record.
    pub base_offset: Offset,
    /// The epoch of the quorum leader that appended them.
    pub epoch: QuorumEpoch,
    /// The records; never empty.
    pub records: Arc<[MetadataRecord]>,
}

impl MetadataBatch {
    /// The offset after the last record.
    pub fn end_offset(&self) -> Offset {
        self.base_offset.plus(self.records.len() as u64)
    }
}
