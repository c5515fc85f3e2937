//! Where the attempts to write one record were appended.

use kafkalab_core::epoch::{LeaderEpoch, Offset};
use kafkalab_core::id::{NodeId, TopicPartition};
use kafkalab_core::time::Instant;

/// Where one attempt to write a record was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// In which partition.
    pub tp: TopicPartition,
    /// By which leader.
    pub broker: NodeId,
    /// At which offset.
    pub offset: Offset,
    /// In which epoch.
    pub leader_epoch: LeaderEpoch,
    /// When.
    pub at: Instant,
}

/// The places of one record, in order of time. Nearly every record has one: it needs no list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Places {
    /// No leader appended it yet.
    #[default]
    None,
    /// Appended once.
    One(Place),
    /// Appended several times.
    Many(Vec<Place>),
}

impl Places {
    pub(super) fn as_slice(&self) -> &[Place] {
        match self {
            Self::None => &[],
            Self::One(place) => std::slice::from_ref(place),
            Self::Many(places) => places,
        }
    }

    pub(super) fn push(&mut self, place: Place) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(place),
            Self::One(first) => Self::Many(vec![first, place]),
            Self::Many(mut places) => {
                places.push(place);
                Self::Many(places)
            }
        };
    }
}
