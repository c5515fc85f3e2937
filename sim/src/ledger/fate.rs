//! One record's row, and the fate that follows from it.

use kafkalab_core::config::Acks;
use kafkalab_core::epoch::{LeaderEpoch, Offset};
use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::id::{NodeId, RecordId, TopicPartition};
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

/// Where a leader appended a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which leader.
    pub broker: NodeId,
    /// At which offset.
    pub offset: Offset,
    /// In which epoch.
    pub leader_epoch: LeaderEpoch,
    /// When.
    pub at: Instant,
}

/// Everything known of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which record.
    pub id: RecordId,
    /// Its partition, once the producer chose one.
    pub tp: Option<TopicPartition>,
    /// Whom its producer's success waits for.
    pub acks: Acks,
    /// When the application called send.
    pub called: Instant,
    /// How often it was put on the wire.
    pub attempts: u32,
    /// What the producer was told.
    pub outcome: Outcome,
    /// Where leaders appended it, in order of time. Empty if none did.
    pub places: Vec<Place>,
    /// When it went missing from the log of a leader elected later; `None` if it did not.
    pub lost: Option<Instant>,
    /// How often a consumer was handed it.
    pub delivered: u32,
    /// How often its effect was done.
    pub processed: u32,
}

/// A record's fate in one word, as the ledger's last column shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Its producer does not know yet.
    Open,
    /// Acked, and not below the high watermark yet.
    AtRisk,
    /// Acked and safe.
    Ok,
    /// Acked and gone.
    Lost,
    /// In the log twice, or its effect done twice.
    Duplicate,
    /// Its producer was told that it failed, and it did.
    Failed,
    /// Nobody told its producer what became of it.
    Unknown,
}

impl Row {
    /// A record just handed to its producer.
    pub(super) const fn new(id: RecordId, acks: Acks, called: Instant) -> Self {
        Self {
            id,
            tp: None,
            acks,
            called,
            attempts: 0,
            outcome: Outcome::Open,
            places: Vec::new(),
            lost: None,
            delivered: 0,
            processed: 0,
        }
    }

    /// Whether its producer was told success.
    pub const fn is_acked(&self) -> bool {
        matches!(self.outcome, Outcome::Acked { .. })
    }
}
