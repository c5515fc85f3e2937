//! One record's row, and the fate that follows from it.

use super::places::{Place, Places};
use kafkalab_core::config::Acks;
use kafkalab_core::epoch::Offset;
use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::id::{RecordId, TopicPartition};
use kafkalab_core::time::Instant;

/// What the producer was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing yet.
    Open,
    /// Success, whatever that is worth under these acks.
    Acked {
        /// When.
        at: Instant,
        /// The offset it was told; `None` with acks=0.
        offset: Option<Offset>,
    },
    /// Failure: it surely is in no log by this send.
    Failed {
        /// When.
        at: Instant,
        /// Why.
        error: ErrorCode,
    },
    /// Failure, and it may be in a log all the same (P-60).
    Unknown {
        /// When.
        at: Instant,
        /// Why.
        error: ErrorCode,
    },
}

/// A record that was lost for a while: a later leader has it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// When it was lost, the last time.
    pub lost: Instant,
    /// When it was there again.
    pub found: Instant,
}

/// How the copies of one record stand, over all partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Copies {
    /// In logs that lead.
    pub(super) leading: u16,
    /// Of these, below the high watermark.
    pub(super) committed: u16,
    /// In logs and on disks of partitions without a leader.
    pub(super) leaderless: u16,
}

/// Everything known of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which record.
    pub id: RecordId,
    /// The partition its latest attempt went to, once the producer chose one.
    pub tp: Option<TopicPartition>,
    /// Which replicas must have it before its producer is told success.
    pub acks: Acks,
    /// When the application called send.
    pub called: Instant,
    /// How often it was put on the wire.
    pub attempts: u32,
    /// What the producer was told.
    pub outcome: Outcome,
    /// Since when it is lost; `None` if it is not.
    pub lost: Option<Instant>,
    /// How often a consumer was handed it.
    pub delivered: u32,
    /// How often its effect was done.
    pub processed: u32,
    /// Effects that one reader did again.
    pub repeats: u32,
    pub(super) places: Places,
    pub(super) copies: Copies,
    /// How many readers should have been given it and were not.
    pub(super) unread: u16,
    /// An attempt is still on its way. Kept up to date while no copy of an acked record exists.
    pub(super) is_on_its_way: bool,
    /// An attempt may have been written although its client heard nothing of it.
    pub(super) is_in_doubt: bool,
    pub(super) found: Option<Box<Found>>,
}

/// A record's fate in one word, as the ledger's last column shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Its producer does not know yet.
    Open,
    /// Acked, and not below the high watermark at any place.
    AtRisk,
    /// Acked and safe.
    Ok,
    /// Acked, and every copy that counts is in a partition without a leader.
    NotDecided,
    /// Acked and gone.
    Lost,
    /// In the log twice, or its effect done twice by one reader.
    Duplicate,
    /// Its producer was told that it failed, and it surely was not written.
    Failed,
    /// Its producer was told that it failed, and it may have been written.
    Unknown,
}

impl Row {
    /// A record just handed to its producer.
    pub(super) fn new(id: RecordId, acks: Acks, called: Instant) -> Self {
        Self {
            id,
            tp: None,
            acks,
            called,
            attempts: 0,
            outcome: Outcome::Open,
            lost: None,
            delivered: 0,
            processed: 0,
            repeats: 0,
            places: Places::default(),
            copies: Copies::default(),
            unread: 0,
            is_on_its_way: false,
            is_in_doubt: false,
            found: None,
        }
    }

    /// Where leaders appended it, in order of time. Empty if none did.
    pub fn places(&self) -> &[Place] {
        self.places.as_slice()
    }

    /// Whether its producer was told success.
    pub const fn is_acked(&self) -> bool {
        matches!(self.outcome, Outcome::Acked { .. })
    }

    /// Whether its producer was told failure.
    pub const fn is_given_up(&self) -> bool {
        matches!(self.outcome, Outcome::Failed { .. } | Outcome::Unknown { .. })
    }

    /// When it was lost and found again, the last time; `None` if it never was.
    pub fn found(&self) -> Option<Found> {
        self.found.as_deref().copied()
    }

    /// How many copies stand in logs that lead.
    pub const fn copies_in_logs(&self) -> u16 {
        self.copies.leading
    }

    /// How many readers should have been given it and were not.
    pub const fn unread(&self) -> u16 {
        self.unread
    }

    /// *lost*: acked, no place counts, and no attempt is on its way.
    pub(super) const fn is_lost(&self) -> bool {
        self.is_acked() && !self.has_copy() && !self.is_on_its_way
    }

    /// *not decided*: acked, and every place that counts is in a partition without a leader.
    pub(super) const fn is_not_decided(&self) -> bool {
        self.is_acked() && self.copies.leading == 0 && self.copies.leaderless > 0
    }

    /// *at risk*: acked, and above the high watermark at every place.
    pub(super) const fn is_at_risk(&self) -> bool {
        let Copies { committed, leaderless, .. } = self.copies;
        self.is_acked() && !self.is_lost() && committed == 0 && leaderless == 0
    }

    /// Whether some place of it counts.
    pub(super) const fn has_copy(&self) -> bool {
        self.copies.leading > 0 || self.copies.leaderless > 0
    }

    /// Its fate as things stand.
    pub const fn fate(&self) -> Fate {
        if self.is_lost() {
            return Fate::Lost;
        }
        if self.repeats > 0 || self.copies.leading > 1 {
            return Fate::Duplicate;
        }
        match self.outcome {
            Outcome::Open => Fate::Open,
            Outcome::Failed { .. } => Fate::Failed,
            Outcome::Unknown { .. } => Fate::Unknown,
            Outcome::Acked { .. } if self.is_not_decided() => Fate::NotDecided,
            Outcome::Acked { .. } if self.is_at_risk() => Fate::AtRisk,
            Outcome::Acked { .. } => Fate::Ok,
        }
    }
}
