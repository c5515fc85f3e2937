//! What clients and their applications do and see.

use crate::epoch::Offset;
use crate::error_code::ErrorCode;
use crate::id::{ProducerId, RecordId, TopicId, TopicPartition};
use crate::record::BatchBody;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A transition of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// The application called `send`.
    SendCalled {
        /// The record.
        id: RecordId,
        /// Its topic.
        topic: TopicId,
    },
    /// A batch was put on the wire, for the `attempt`-th time (from 1).
    BatchSent {
        /// The partition.
        tp: TopicPartition,
        /// The batch.
        body: Arc<BatchBody>,
        /// Which attempt.
        attempt: u32,
    },
    /// The client told its application success for every record of a batch.
    BatchAcked {
        /// The partition.
        tp: TopicPartition,
        /// The batch.
        body: Arc<BatchBody>,
        /// The offset of the first record; `None` if unknown (acks=0, P-56).
        base_offset: Option<Offset>,
    },
    /// An attempt failed and will be repeated.
    BatchRetried {
        /// The partition.
        tp: TopicPartition,
        /// The batch.
        body: Arc<BatchBody>,
        /// Why.
        error: ErrorCode,
    },
    /// The client gave a batch up.
    BatchFailed {
        /// The partition.
        tp: TopicPartition,
        /// The batch.
        body: Arc<BatchBody>,
        /// Why.
        error: ErrorCode,
        /// It may have been written all the same (P-60).
        is_indefinite: bool,
    },
    /// A record never reached a batch: no metadata or no buffer within max.block.ms, or too large.
    SendRefused {
        /// The record.
        id: RecordId,
        /// Why.
        error: ErrorCode,
    },
    /// A producer got its id.
    ProducerIdAssigned {
        /// The id.
        producer_id: ProducerId,
    },
    /// A consumer noticed that its partition's log was cut below its position (KIP-320): records it
    /// was handed are gone, and others may stand at their offsets.
    TruncationDetected {
        /// The partition.
        tp: TopicPartition,
        /// Its position, the offset after the last record it was handed.
        position: Offset,
        /// The first offset at which the log differs; `None` if the leader does not know.
        diverges_at: Option<Offset>,
    },
    /// A consumer's position was set: by its reset policy, at first or after OFFSET_OUT_OF_RANGE, or
    /// to where a truncated log differs.
    PositionReset {
        /// The partition.
        tp: TopicPartition,
        /// The offset it reads next.
        to: Offset,
        /// Where it was before; `None` at first.
        from: Option<Offset>,
    },
    /// A poll threw, which ends the consumer's application: its position is unusable (out of range,
    /// or its log was cut) and auto.offset.reset is `none`, or a batch is corrupt.
    PollFailed {
        /// The partition.
        tp: TopicPartition,
        /// Why; `OffsetOutOfRange` also where there was no offset to begin with.
        error: ErrorCode,
    },
    /// A poll handed a record to the application.
    Delivered {
        /// The partition.
        tp: TopicPartition,
        /// Its offset.
        offset: Offset,
        /// Which record.
        id: Option<RecordId>,
    },
    /// The application has the record in hand.
    Processing {
        /// The partition.
        tp: TopicPartition,
        /// Its offset.
        offset: Offset,
        /// Which record.
        id: Option<RecordId>,
    },
    /// The record's effect is done.
    Processed {
        /// The partition.
        tp: TopicPartition,
        /// Its offset.
        offset: Offset,
        /// Which record.
        id: Option<RecordId>,
    },
}

impl Hash for ClientEvent {
    /// By the discriminant and the numbers; a batch by its digest.
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::SendCalled { id, topic } => (id, topic).hash(state),
            Self::BatchSent { tp, body, attempt } => (tp, body.digest, attempt).hash(state),
            Self::BatchAcked { tp, body, base_offset } => {
                (tp, body.digest, base_offset).hash(state);
            }
            Self::BatchRetried { tp, body, error } => (tp, body.digest, error).hash(state),
            Self::BatchFailed { tp, body, error, is_indefinite } => {
                (tp, body.digest, error, is_indefinite).hash(state);
            }
            Self::SendRefused { id, error } => (id, error).hash(state),
            Self::ProducerIdAssigned { producer_id } => producer_id.hash(state),
            Self::TruncationDetected { tp, position, diverges_at } => {
                (tp, position, diverges_at).hash(state);
            }
            Self::PositionReset { tp, to, from } => (tp, to, from).hash(state),
            Self::PollFailed { tp, error } => (tp, error).hash(state),
            Self::Delivered { tp, offset, id }
            | Self::Processing { tp, offset, id }
            | Self::Processed { tp, offset, id } => (tp, offset, id).hash(state),
        }
    }
}
