//! Where a consumer stands in each partition: `SubscriptionState` with manual assignment (C-10).
//!
//! ```text
//!                 ListOffsets answered                 leader lost
//!   AwaitReset ─────────────────────────▶ Fetching ─────────────────▶ AwaitUpdate
//!     ▲  │                                 │    ▲                          │
//!     └──┼──── OFFSET_OUT_OF_RANGE ────────┘    └───── newer metadata ─────┘
//!        └──── auto.offset.reset = none ──▶ Failed ◀── OFFSET_OUT_OF_RANGE, a corrupt batch
//! ```
//! A position is lost with the process (C-46).
//!
//! ## Simplified
//! No group, hence no committed offset to start from and no INITIALIZING (C-40). No pause, no seek.
//! Truncation is not detected (C-43): a position beyond a truncated log shows only as
//! OFFSET_OUT_OF_RANGE, or not at all once the log has grown past it again.

use crate::epoch::Offset;
use crate::id::TopicPartition;
use crate::time::Instant;

/// Whether a partition can be fetched, and if not, what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchState {
    /// For the leader to say where the log starts or ends.
    AwaitReset,
    /// For nothing: its position is valid.
    Fetching,
    /// For newer metadata, because the leader it knew no longer serves it.
    AwaitUpdate,
    /// For nobody: `poll` threw, and the application ended.
    Failed,
}

/// One assigned partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assigned {
    pub(super) tp: TopicPartition,
    pub(super) state: FetchState,
    /// The next offset to hand out; also remembered while it waits to be reset.
    pub(super) position: Option<Offset>,
    /// No request for a reset before this.
    pub(super) reset_not_before: Instant,
    /// The metadata it knew when it began to wait for newer.
    metadata_version: u64,
}

/// The assigned partitions, in the order in which they are fetched.
#[derive(Clone, Debug)]
pub(super) struct Subscription {
    assigned: Vec<Assigned>,
}

impl Subscription {
    /// All partitions wait for their position.
    pub(super) fn new(partitions: &[TopicPartition]) -> Self {
        let assigned = partitions.iter().map(|tp| Assigned {
            tp: *tp,
            state: FetchState::AwaitReset,
            position: None,
            reset_not_before: Instant::ZERO,
            metadata_version: 0,
        });
        Self { assigned: assigned.collect() }
    }

    /// All partitions, in the order in which they are fetched.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Assigned> {
        self.assigned.iter()
    }

    /// One partition.
    pub(super) fn get(&self, tp: TopicPartition) -> Option<&Assigned> {
        self.assigned.iter().find(|assigned| assigned.tp == tp)
    }

    fn assigned(&mut self, tp: TopicPartition) -> &mut Assigned {
        let found = self.assigned.iter_mut().find(|assigned| assigned.tp == tp);
        found.expect("the assignment never changes")
    }

    /// The position of a partition that has a valid one.
    pub(super) fn valid_position(&self, tp: TopicPartition) -> Option<Offset> {
        let has_valid =
            |a: &&Assigned| matches!(a.state, FetchState::Fetching | FetchState::AwaitUpdate);
        self.get(tp).filter(has_valid)?.position
    }

    /// Whether every partition has a position, or never will have one.
    pub(super) fn is_resolved(&self) -> bool {
        self.assigned.iter().all(|a| a.state != FetchState::AwaitReset)
    }

    /// A reset was asked for; another one is not sent before `at`.
    pub(super) fn hold_reset(&mut self, tp: TopicPartition, at: Instant) {
        let assigned = self.assigned(tp);
        if assigned.state == FetchState::AwaitReset {
            assigned.reset_not_before = at;
        }
    }

    /// The leader said where to start; false if nobody waits for this any more.
    pub(super) fn reset(&mut self, tp: TopicPartition, to: Offset) -> bool {
        let assigned = self.assigned(tp);
        if assigned.state != FetchState::AwaitReset {
            return false;
        }
        assigned.state = FetchState::Fetching;
        assigned.reset_not_before = Instant::ZERO;
        assigned.position = Some(to);
        true
    }

    /// The position is out of range: it has to be found anew.
    pub(super) fn await_reset(&mut self, tp: TopicPartition) {
        let assigned = self.assigned(tp);
        assert!(assigned.position.is_some(), "only what was fetched can be out of range");
        assigned.state = FetchState::AwaitReset;
    }

    /// The leader it knew does not serve it: waits for metadata newer than `version`.
    pub(super) fn await_update(&mut self, tp: TopicPartition, version: u64) {
        let assigned = self.assigned(tp);
        assert!(assigned.state != FetchState::Failed, "a failed application fetches nothing");
        assigned.state = FetchState::AwaitUpdate;
        assigned.metadata_version = version;
    }

    /// Metadata is at `version` now.
    pub(super) fn on_metadata(&mut self, version: u64) {
        for assigned in &mut self.assigned {
            if assigned.state == FetchState::AwaitUpdate && assigned.metadata_version < version {
                assigned.state = FetchState::Fetching;
            }
        }
    }

    /// `poll` threw because of this partition.
    pub(super) fn fail(&mut self, tp: TopicPartition) {
        self.assigned(tp).state = FetchState::Failed;
    }

    /// Records up to `to` were handed out (C-21): before they are processed.
    pub(super) fn advance(&mut self, tp: TopicPartition, to: Offset) {
        let assigned = self.assigned(tp);
        assert!(assigned.position.is_some_and(|from| from <= to), "a position only moves up");
        assigned.position = Some(to);
    }

    /// Lets the other partitions go first next time, so that none starves (C-32).
    pub(super) fn move_to_end(&mut self, tp: TopicPartition) {
        if let Some(place) = self.assigned.iter().position(|assigned| assigned.tp == tp) {
            let assigned = self.assigned.remove(place);
            self.assigned.push(assigned);
        }
    }
}
