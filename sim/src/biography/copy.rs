//! What happened to each copy of a record: one for every replica that ever had it at an offset.

use kafkalab_core::epoch::{LeaderEpoch, Offset};
use kafkalab_core::id::{NodeId, TopicPartition};

/// One copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Where: the partition,
    pub tp: TopicPartition,
    /// the broker,
    pub on: NodeId,
    /// the offset,
    pub offset: Offset,
    /// and the epoch stamped on it.
    pub epoch: LeaderEpoch,
    /// What became of it.
    pub end: CopyEnd,
}

/// What can become of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CopyEnd {
    /// A running broker has it.
    Kept,
    /// It is on the disk of a broker that is down.
    OnDisk,
    /// Its broker cut its log to match a leader.
    Truncated {
        /// The leader it followed; `None` if that was not seen.
        following: Option<NodeId>,
        /// In which epoch.
        epoch: LeaderEpoch,
    },
    /// The disk was emptied.
    Wiped,
    /// It had not been flushed when the machine lost its power.
    LostWithPower,
    /// Its broker came back without it, for no reason that the run shows.
    Missing,
}

impl Copy {
    /// Whether it is still there, on a disk at least.
    pub const fn is_there(&self) -> bool {
        matches!(self.end, CopyEnd::Kept | CopyEnd::OnDisk)
    }
}
