//! What can happen to a record, as plain data. Sentences are the business of whoever shows it.

use super::cause::Unaware;
use crate::world::Death;
use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::epoch::{LeaderEpoch, Offset};
use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::id::{NodeId, RecordId, TopicPartition};
use kafkalab_core::time::Instant;

/// Something that happened to a record, or around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub at: Instant,
    /// The number of the event, by its place in the recording.
    pub entry: usize,
    /// In which partition; `None` for what concerns none.
    pub tp: Option<TopicPartition>,
    /// What.
    pub what: Scene,
    /// The brokers that have the record afterwards, on their disks if they are down.
    pub holders: BrokerSet,
    /// Those of them that are down.
    pub down: BrokerSet,
    /// The high watermark of the partition's leader at that moment, as far as anyone saw it.
    pub high_watermark: Option<Offset>,
}

/// What can happen to a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scene {
    /// The application handed it to its producer, which did not send it at once.
    Called,
    /// Its batch was put on the wire.
    Sent {
        /// To whom; `None` if that cannot be told apart.
        to: Option<NodeId>,
        /// For the how many-th time in its life, from 1.
        nth: u32,
        /// By a producer that was started again since the time before.
        after_restart: bool,
    },
    /// A produce request with it will never arrive.
    RequestDied {
        /// To whom it was sent.
        to: NodeId,
        /// Why.
        why: Death,
    },
    /// A leader appended it.
    Appended {
        /// Which broker.
        on: NodeId,
        /// Where.
        offset: Offset,
        /// In which epoch.
        epoch: LeaderEpoch,
        /// The controller had replaced that leader by then, and it did not know.
        as_zombie: bool,
    },
    /// A follower copied it.
    Copied {
        /// Which broker.
        on: NodeId,
        /// Where.
        offset: Offset,
    },
    /// A leader saw that it has this batch already.
    Recognised {
        /// Which broker.
        on: NodeId,
    },
    /// The leader's high watermark passed it: it is committed.
    Committed {
        /// The leader.
        on: NodeId,
        /// The high watermark after.
        high_watermark: Offset,
        /// Who was in sync.
        isr: BrokerSet,
    },
    /// A broker answered its produce request.
    Answered {
        /// Which broker.
        on: NodeId,
        /// How.
        error: ErrorCode,
    },
    /// That answer will never arrive.
    AnswerDied {
        /// Who answered.
        on: NodeId,
        /// Why.
        why: Death,
    },
    /// An answer arrived when its producer did not wait for it any more.
    AnswerLate {
        /// Who answered.
        on: NodeId,
    },
    /// Its producer counts it as written.
    Acked,
    /// An attempt failed, another will follow.
    Retried {
        /// Why.
        error: ErrorCode,
        /// A broker said so; else the client gave up waiting, or its connection broke.
        was_told: bool,
    },
    /// Its producer gave it up.
    Failed {
        /// Why.
        error: ErrorCode,
        /// It may have been written all the same.
        is_indefinite: bool,
    },
    /// The story did something that may matter to it.
    Told {
        /// What, by its place in the plan.
        told: crate::story::Told,
        /// Which processes died of it.
        ended: Vec<NodeId>,
    },
    /// A process that matters to it ended without the story's doing.
    Ended {
        /// Which.
        node: NodeId,
    },
    /// A process that matters to it came back.
    Returned {
        /// Which.
        node: NodeId,
        /// It was not up before.
        is_first: bool,
    },
    /// The controller holds a broker that matters to it for dead.
    Fenced {
        /// Which.
        broker: NodeId,
    },
    /// The in-sync replicas changed while it was not committed, or the leader went.
    Isr {
        /// Before.
        from: BrokerSet,
        /// After.
        to: BrokerSet,
        /// The leader after; `None` if there is none.
        leader: Option<NodeId>,
    },
    /// The controller gave a leader's place to another, and the old one did not know.
    Unseated {
        /// The old leader.
        on: NodeId,
        /// The new one; `None` if nobody could be elected.
        by: Option<NodeId>,
        /// The new epoch.
        epoch: LeaderEpoch,
        /// Why the old one did not know.
        why: Unaware,
    },
    /// A broker began to lead.
    Leads {
        /// Which.
        on: NodeId,
        /// In which epoch.
        epoch: LeaderEpoch,
        /// Where its log ends.
        log_end: Offset,
        /// Whether it has the record.
        has_it: bool,
        /// It was elected from outside of the ISR.
        is_unclean: bool,
    },
    /// Another record took its offset.
    Replaced {
        /// Which broker wrote it.
        on: NodeId,
        /// The offset.
        offset: Offset,
        /// The other record; `None` if no client of the scenario sent it.
        by: Option<RecordId>,
    },
    /// A broker cut its log, and the record with it.
    Cut {
        /// Which broker.
        on: NodeId,
        /// The log end before.
        from: Offset,
        /// The log end after.
        to: Offset,
        /// The leader it follows; `None` if that was not seen.
        following: Option<NodeId>,
        /// In which epoch.
        epoch: LeaderEpoch,
    },
    /// A broker came back, and its disk had not kept the record.
    Forgotten {
        /// Which broker.
        on: NodeId,
        /// Where its log ends now.
        log_end: Offset,
        /// Its disk had been emptied.
        is_wiped: bool,
    },
    /// A reader was given a place to read from.
    Positioned {
        /// Which reader.
        reader: NodeId,
        /// Where it was before; `None` at first.
        from: Option<Offset>,
        /// The offset it reads next.
        to: Offset,
    },
    /// A poll of a reader threw, and its application ended.
    PollFailed {
        /// Which reader.
        reader: NodeId,
        /// Why.
        error: ErrorCode,
        /// There was no offset to begin with.
        had_no_offset: bool,
    },
    /// A consumer was handed it.
    Delivered {
        /// Which.
        to: NodeId,
        /// For the how many-th time, from 1.
        nth: u32,
    },
    /// Its effect was done.
    Processed {
        /// By whom.
        by: NodeId,
        /// For the how many-th time, from 1.
        nth: u32,
    },
}
