//! What an input touched: a condition is worth testing again only if that is something it looks at.

use crate::scenario::condition::{Condition, Query};
use crate::world::{Step, StepKind};
use kafkalab_core::event::{Event, ReplicaEvent};
use kafkalab_core::id::NodeKind;

/// Kinds of things that can be touched, as a bit set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Touched(u16);

impl Touched {
    /// Nothing.
    pub const NOTHING: Self = Self(0);
    /// The end of a log.
    pub const LOG: Self = Self(1);
    /// A high watermark.
    pub const WATERMARK: Self = Self(2);
    /// The controller's record.
    pub const METADATA: Self = Self(4);
    /// What a client knows, has in hand or was told.
    pub const CLIENT: Self = Self(8);
    /// Who is up.
    pub const LIFE: Self = Self(16);
    /// A violation was found.
    pub const VIOLATION: Self = Self(32);
    /// What a broker holds to be true of a partition.
    pub const VIEW: Self = Self(64);
    /// A count of records.
    pub const COUNT: Self = Self(128);
    /// An error code was answered or told.
    pub const ERROR: Self = Self(256);
    /// A step fired, or time went by that somebody waits for.
    pub const TIME: Self = Self(512);
    /// Everything.
    pub const ALL: Self = Self(1023);

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether they have something in common.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// What an input touched, counts and violations apart: the ledger and the checks know those.
    pub fn by(step: &Step, notes: &[Event]) -> Self {
        let start = match step.what {
            // A broker's only flush is its last: it ends its life.
            StepKind::Boot | StepKind::Terminate | StepKind::Flushed(_) => Self::LIFE,
            StepKind::Alarm
            | StepKind::Connected(_)
            | StepKind::Deliver(_)
            | StepKind::Hangup(_)
            | StepKind::Ask(_) => Self::NOTHING,
        };
        // What a client knows changes without a note: new metadata, a position.
        let of_client = match step.node.kind() {
            NodeKind::Client => Self::CLIENT,
            NodeKind::Broker | NodeKind::Controller => Self::NOTHING,
        };
        let start = start.and(of_client);
        notes.iter().fold(start, |touched, note| touched.and(Self::by_note(note)))
    }

    const fn by_note(note: &Event) -> Self {
        match note {
            Event::Client(_) => Self::ERROR,
            Event::Controller(_) => Self::METADATA,
            Event::Replica(event) => match event {
                ReplicaEvent::Appended { .. } | ReplicaEvent::Truncated { .. } => Self::LOG,
                ReplicaEvent::Loaded { .. } => Self::LOG.and(Self::WATERMARK).and(Self::VIEW),
                ReplicaEvent::HighWatermark { .. } => Self::WATERMARK,
                ReplicaEvent::BecameLeader { .. } | ReplicaEvent::BecameFollower { .. } => {
                    Self::METADATA.and(Self::WATERMARK).and(Self::VIEW)
                }
                ReplicaEvent::Lifecycle { .. } => Self::LIFE,
                ReplicaEvent::IsrAdopted { .. } | ReplicaEvent::MetadataPublished { .. } => {
                    Self::VIEW
                }
                ReplicaEvent::IsrRefused { .. } => Self::ERROR.and(Self::VIEW),
                ReplicaEvent::ProduceAnswered { .. } => Self::ERROR,
                ReplicaEvent::Registered { .. }
                | ReplicaEvent::DuplicateRecognised { .. }
                | ReplicaEvent::IsrProposed { .. }
                | ReplicaEvent::IsrForgotten { .. }
                | ReplicaEvent::FollowerCounted { .. }
                | ReplicaEvent::DivergenceFound { .. } => Self::NOTHING,
            },
        }
    }

    /// What must be touched for the answer to `query` to change.
    pub(super) const fn asked_by(query: Query) -> Self {
        match query {
            Query::Leo { .. } => Self::LOG.and(Self::METADATA).and(Self::LIFE),
            Query::Hw { .. } => Self::WATERMARK.and(Self::METADATA).and(Self::LIFE),
            Query::Isr { of: None, .. }
            | Query::Leader { of: None, .. }
            | Query::Epoch { of: None, .. }
            | Query::Offline(_)
            | Query::Fenced(_) => Self::METADATA,
            Query::Isr { of: Some(_), .. }
            | Query::Leader { of: Some(_), .. }
            | Query::Epoch { of: Some(_), .. } => Self::VIEW.and(Self::CLIENT).and(Self::LIFE),
            Query::Count { .. } => Self::COUNT,
            Query::Processing(_) | Query::Position { .. } => Self::CLIENT.and(Self::LIFE),
            Query::Errors { .. } => Self::ERROR,
            Query::Since(_) => Self::TIME,
            Query::Up(_) => Self::LIFE,
        }
    }

    /// What must be touched for `condition` to change.
    pub fn wakes(condition: &Condition) -> Self {
        let asked = condition
            .queries()
            .into_iter()
            .fold(Self::NOTHING, |all, query| all.and(Self::asked_by(query)));
        if condition.asks_for_invariants() { asked.and(Self::VIOLATION) } else { asked }
    }
}
