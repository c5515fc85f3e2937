//! Where a consumer stands in each partition: `SubscriptionState` with manual assignment (C-10).
//!
//! ```text
//!                 ListOffsets answered                 leader lost
//!   AwaitReset ─────────────────────────▶ Fetching ─────────────────▶ AwaitUpdate
//!     ▲  │                                │ ▲    ▲                      │    │
//!     ├──┼──── OFFSET_OUT_OF_RANGE ───────┘ │    └─ metadata, same leader    │
//!     │  │                      another leader or epoch                 │
//!     │  │            epoch's end is enough │ ▼                           │
//!     ├──┼──── epoch unknown ────── AwaitValidation ◀───────────────────┘
//!     │  └──── auto.offset.reset = none ──▶ Failed ◀── OFFSET_OUT_OF_RANGE, truncation, corruption
//! ```
//! A position carries the leader epoch of the record before it. Whenever the partition has another
//! leader, or the same one in another epoch, that leader is asked where this epoch ends in its log
//! (KIP-320): if below the position, the log was cut and the position moves to that end. A position
//! that was set by the reset policy has no epoch and is not validated until something was read.
//! A position is lost with the process (C-46).
//!
//! ## Simplified
//! No group, hence no committed offset to start from and no INITIALIZING (C-40). No pause, no seek.
//! AwaitUpdate is not Kafka's: there a consumer that knows no better leader fetches from the old one
//! again at once, until its metadata is refreshed.

use crate::client::metadata::Leadership;
use crate::epoch::{LeaderEpoch, Offset};
use crate::id::{NodeId, TopicPartition};
use crate::time::Instant;

/// Whether a partition can be fetched, and if not, what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchState {
    /// For the leader to say where the log starts or ends.
    AwaitReset,
    /// For the leader to say where the epoch of the position ends.
    AwaitValidation,
    /// For nothing: its position is valid.
    Fetching,
    /// For newer metadata, because the leader it knew no longer serves it.
    AwaitUpdate,
    /// For nobody: `poll` threw, and the application ended.
    Failed,
}

/// The next offset to hand out, and from whom (`FetchPosition`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) offset: Offset,
    /// The leader epoch of the record before it, if that was read here.
    pub(super) epoch: Option<LeaderEpoch>,
    /// The leader with whose log it agrees, or is being compared.
    pub(super) leader: Option<Leadership>,
}

impl Position {
    /// The broker to ask and the epoch to ask it in.
    pub(super) fn source(&self) -> Option<(NodeId, LeaderEpoch)> {
        let known = self.leader?;
        Some((known.leader?, known.epoch))
    }
}

/// What the end of the position's epoch in the leader's log means (`maybeCompleteValidation`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Validated {
    /// Nobody waits for it: the position is another by now.
    Stale,
    /// The log holds everything up to the position.
    Valid,
    /// The log was cut below the position, perhaps at the given epoch and offset.
    Truncated(Option<(LeaderEpoch, Offset)>),
}

/// One assigned partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assigned {
    pub(super) tp: TopicPartition,
    pub(super) state: FetchState,
    /// Also remembered while it waits to be reset.
    pub(super) position: Option<Position>,
    /// No request for a reset or a validation before this.
    pub(super) ask_not_before: Instant,
    /// The metadata it knew when it began to wait for newer.
    metadata_version: u64,
}

impl Assigned {
    /// The partition is led by `known` now: the position has to be compared with its log, if it has
    /// an epoch (`maybeValidatePosition`).
    fn follow(&mut self, known: Leadership) {
        let can_follow = match self.state {
            FetchState::AwaitReset | FetchState::Failed => false,
            FetchState::AwaitValidation | FetchState::Fetching | FetchState::AwaitUpdate => {
                known.leader.is_some()
            }
        };
        let Some(position) = self.position.as_mut().filter(|_| can_follow) else { return };
        if position.leader == Some(known) {
            return;
        }
        position.leader = Some(known);
        self.ask_not_before = Instant::ZERO;
        self.state = match position.epoch {
            Some(_) => FetchState::AwaitValidation,
            None => FetchState::Fetching,
        };
    }
}

/// The assigned partitions, in the order in which they are fetched.
#[derive(Clone, Debug)]
pub(super) struct Subscription {
    assigned: Vec<Assigned>,
    /// The metadata with which the leaders were compared last.
    metadata_version: u64,
}

impl Subscription {
    /// All partitions wait for their position.
    pub(super) fn new(partitions: &[TopicPartition]) -> Self {
        let assigned = partitions.iter().map(|tp| Assigned {
            tp: *tp,
            state: FetchState::AwaitReset,
            position: None,
            ask_not_before: Instant::ZERO,
            metadata_version: 0,
        });
        Self { assigned: assigned.collect(), metadata_version: 0 }
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
        Some(self.get(tp).filter(has_valid)?.position?.offset)
    }

    /// Whether every partition has a position, or never will have one.
    pub(super) fn is_resolved(&self) -> bool {
        self.assigned.iter().all(|a| a.state != FetchState::AwaitReset)
    }

    /// A reset or validation was asked for, or failed; it is not asked for again before `at`.
    pub(super) fn hold(&mut self, tp: TopicPartition, at: Instant) {
        let assigned = self.assigned(tp);
        if let FetchState::AwaitReset | FetchState::AwaitValidation = assigned.state {
            assigned.ask_not_before = at;
        }
    }

    /// The leader said where to start; false if nobody waits for this any more.
    pub(super) fn reset(
        &mut self,
        tp: TopicPartition,
        to: Offset,
        leader: Option<Leadership>,
    ) -> bool {
        let assigned = self.assigned(tp);
        if assigned.state != FetchState::AwaitReset {
            return false;
        }
        assigned.state = FetchState::Fetching;
        assigned.ask_not_before = Instant::ZERO;
        assigned.position = Some(Position { offset: to, epoch: None, leader });
        true
    }

    /// The position is of no use: it has to be found anew.
    pub(super) fn await_reset(&mut self, tp: TopicPartition) {
        let assigned = self.assigned(tp);
        assert!(assigned.position.is_some(), "only a position can turn out to be useless");
        assigned.state = FetchState::AwaitReset;
        assigned.ask_not_before = Instant::ZERO;
    }

    /// The leader said where the epoch of the position `asked` ends in its log (`None`: it knows none).
    pub(super) fn validate(
        &mut self,
        tp: TopicPartition,
        asked: Position,
        end: Option<(LeaderEpoch, Offset)>,
    ) -> Validated {
        let assigned = self.assigned(tp);
        if assigned.state != FetchState::AwaitValidation || assigned.position != Some(asked) {
            return Validated::Stale;
        }
        match end {
            Some((_, offset)) if asked.offset <= offset => {
                assigned.state = FetchState::Fetching;
                Validated::Valid
            }
            end => Validated::Truncated(end),
        }
    }

    /// Moves a position that is being validated to where the log differs.
    pub(super) fn move_back(&mut self, tp: TopicPartition, epoch: LeaderEpoch, to: Offset) {
        let assigned = self.assigned(tp);
        let position = assigned.position.as_mut().expect("it is being validated");
        (position.epoch, position.offset) = (Some(epoch), to);
        assigned.state = FetchState::Fetching;
    }

    /// The leader that was asked does not serve it: waits for metadata newer than `version`, unless
    /// another one is known by now.
    pub(super) fn await_update(
        &mut self,
        tp: TopicPartition,
        asked: Option<Leadership>,
        version: u64,
    ) {
        let assigned = self.assigned(tp);
        assert!(assigned.state != FetchState::Failed, "a failed application fetches nothing");
        if assigned.position.is_none_or(|position| position.leader != asked) {
            return;
        }
        assigned.state = FetchState::AwaitUpdate;
        assigned.metadata_version = version;
    }

    /// Metadata is at `version` now and names these leaders.
    pub(super) fn on_metadata(
        &mut self,
        version: u64,
        leadership: impl Fn(TopicPartition) -> Option<Leadership>,
    ) {
        if version == self.metadata_version {
            return;
        }
        self.metadata_version = version;
        for assigned in &mut self.assigned {
            if assigned.state == FetchState::AwaitUpdate && assigned.metadata_version < version {
                assigned.state = FetchState::Fetching;
            }
            if let Some(known) = leadership(assigned.tp) {
                assigned.follow(known);
            }
        }
    }

    /// An answer named a new leader of `tp` (KIP-951).
    pub(super) fn follow(&mut self, tp: TopicPartition, leader: Leadership) {
        self.assigned(tp).follow(leader);
    }

    /// `poll` threw because of this partition.
    pub(super) fn fail(&mut self, tp: TopicPartition) {
        self.assigned(tp).state = FetchState::Failed;
    }

    /// Records up to `to` were handed out (C-21), the last one of `epoch`: before they are processed.
    pub(super) fn advance(&mut self, tp: TopicPartition, to: Offset, epoch: LeaderEpoch) {
        let position = self.assigned(tp).position.as_mut().expect("it was fetched from");
        assert!(position.offset <= to, "reading only moves up");
        (position.offset, position.epoch) = (to, Some(epoch));
    }

    /// Lets the other partitions go first next time, so that none starves (C-32).
    pub(super) fn move_to_end(&mut self, tp: TopicPartition) {
        if let Some(place) = self.assigned.iter().position(|assigned| assigned.tp == tp) {
            let assigned = self.assigned.remove(place);
            self.assigned.push(assigned);
        }
    }
}
