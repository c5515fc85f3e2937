//! What the active controller commits.

use crate::broker_set::BrokerSet;
use crate::epoch::{BrokerEpoch, LeaderEpoch, PartitionEpoch, QuorumEpoch};
use crate::id::{NodeId, TopicId, TopicPartition};

/// A committed decision of the controller, or a change of who it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ControllerEvent {
    /// This node became the active controller.
    Activated {
        /// Its quorum epoch.
        epoch: QuorumEpoch,
    },
    /// A broker incarnation was registered, fenced.
    BrokerRegistered {
        /// The broker.
        broker: NodeId,
        /// Its epoch.
        epoch: BrokerEpoch,
    },
    /// A broker was fenced: its session expired, or it asked for it.
    BrokerFenced {
        /// The broker.
        broker: NodeId,
    },
    /// A broker was unfenced.
    BrokerUnfenced {
        /// The broker.
        broker: NodeId,
    },
    /// A broker began its controlled shutdown.
    BrokerShuttingDown {
        /// The broker.
        broker: NodeId,
    },
    /// A topic was created.
    TopicCreated {
        /// The topic.
        topic: TopicId,
        /// How many partitions it has.
        partitions: u32,
    },
    /// A partition's record was written: its creation (epochs 0) or a change.
    PartitionChanged {
        /// The partition.
        tp: TopicPartition,
        /// The leader after.
        leader: Option<NodeId>,
        /// Its epoch after.
        leader_epoch: LeaderEpoch,
        /// The in-sync replicas after.
        isr: BrokerSet,
        /// The partition epoch after.
        partition_epoch: PartitionEpoch,
        /// The leader was elected from outside the ISR.
        is_unclean: bool,
    },
}
