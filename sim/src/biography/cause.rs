//! Why something went wrong with a record or a reader, as plain data.
//!
//! Each cause is a statement that the recording proves. It carries nothing that differs from record to
//! record, so that records with one cause are told of in one sentence.

use super::chronicle::{End, LinkFault};
use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::config::OffsetReset;
use kafkalab_core::epoch::LeaderEpoch;
use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::id::{NodeId, TopicPartition};

/// Why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    // ---- lost
    /// No leader ever appended it; the error that a broker kept to itself (acks=0), if one did.
    NeverAppended {
        /// The refusal.
        refused: Option<ErrorCode>,
    },
    /// It was written by a leader that had been replaced and did not know.
    Zombie(Zombie),
    /// A leader was elected from outside of the ISR, without it.
    Unclean {
        /// Which.
        leader: NodeId,
    },
    /// A broker led, or led again, after its disk had lost it.
    Emptied {
        /// That broker.
        leader: NodeId,
        /// How the disk lost it.
        how: DiskLoss,
    },
    /// One broker alone had it, and that one ceased to lead.
    Alone {
        /// Which.
        on: NodeId,
        /// It died first, rather than being replaced alive.
        has_died: bool,
    },
    /// Several had it; the leader that was elected did not.
    NotOnLeader {
        /// That leader.
        leader: NodeId,
    },
    /// Every copy is gone: what happened to them is told copy by copy.
    Gone,

    // ---- not decided, at risk
    /// The partition has no leader.
    NoLeader(NoLeader),
    /// Members of the ISR have not copied it.
    NotReplicated {
        /// Which, and what keeps them from it.
        missing: Vec<(NodeId, Absence)>,
    },
    /// The ISR is smaller than min.insync.replicas, so the high watermark stands.
    BelowMinIsr {
        /// Who is in sync.
        isr: BrokerSet,
        /// How many must be.
        min: usize,
    },

    // ---- twice, out of order
    /// The producer sent it again, and it was appended again.
    SentAgain {
        /// Why it was sent again.
        why: Again,
        /// The producer is idempotent, but the attempts came with different producer ids or epochs,
        /// so that no leader could see that they are the same.
        has_new_identity: bool,
    },
    /// A reader was handed it again.
    ReadAgain {
        /// Which.
        reader: NodeId,
        /// Why.
        why: ReadAgain,
    },
    /// Several readers did its effect, each once.
    ReadBySeveral,
    /// It was sent again behind records that were sent after it and had been appended.
    Overtaken {
        /// Why it was sent again.
        why: Again,
        /// How many requests may be in flight.
        in_flight: u32,
    },

    // ---- failed, unknown
    /// Nobody could take it, or nobody said so.
    Refused(Refusal),

    // ---- unread, dead readers
    /// A reader did not get it.
    Unread(Unread),
    /// A reader died.
    Died(Died),

    /// The recording does not show it.
    Unseen,
}

/// A leader that had been replaced and did not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zombie {
    /// Which broker.
    pub on: NodeId,
    /// Who replaced it; `None` if nobody could be elected.
    pub by: Option<NodeId>,
    /// In which epoch.
    pub epoch: LeaderEpoch,
    /// Why it did not know.
    pub why: Unaware,
}

/// Why a broker did not know that it had been replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unaware {
    /// It stood still.
    Paused,
    /// The link to the controller was faulty.
    CutOff {
        /// The controller.
        from: NodeId,
    },
    /// The news was under way.
    Late,
}

/// How a disk lost what was on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskLoss {
    /// It was emptied.
    Wiped,
    /// The power was lost before it was flushed.
    Power,
}

/// Why a partition has no leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoLeader {
    /// The partition.
    pub tp: TopicPartition,
    /// The leader that the controller's record names, or named last.
    pub leader: Option<NodeId>,
    /// What is wrong with it.
    pub absence: Option<Absence>,
    /// No controller runs that could elect another.
    pub has_no_controller: bool,
    /// The members of the ISR: only they may be elected.
    pub isr: BrokerSet,
    /// Those of them that are down or fenced.
    pub unelectable: BrokerSet,
}

/// What keeps a node from taking part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// It is down.
    Down(End),
    /// It stands still.
    Paused,
    /// The link to the node that needs it is faulty.
    CutOff {
        /// From whom.
        from: NodeId,
        /// How.
        what: LinkFault,
    },
    /// Its disk takes long over every append and read.
    SlowDisk,
    /// The controller holds it for dead.
    Fenced,
    /// It is there, and behind.
    Behind,
}

/// Why a producer sends again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// No answer came in time, or the connection broke.
    NoAnswer {
        /// What keeps the answer from coming; `None` if nothing that the story did.
        fault: Option<LinkFault>,
        /// The error that the client made of it.
        error: ErrorCode,
    },
    /// A broker answered with an error.
    Told(ErrorCode),
    /// The producer was started again and had not heard of success.
    Restarted,
}

/// Why a reader was handed a record again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadAgain {
    /// It was started again.
    Restarted,
    /// Its position was set back.
    SetBack,
    /// Neither.
    Unseen,
}

/// Why a record was not written, or its producer did not hear of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There was no leader.
    NoLeader(NoLeader),
    /// There was one, and it could not be reached or did not answer.
    Unreachable {
        /// The leader.
        leader: NodeId,
        /// Why.
        absence: Absence,
    },
    /// Too few were in sync.
    TooFewInSync {
        /// Who was.
        isr: BrokerSet,
        /// How many must be.
        min: usize,
        /// The others, and what kept them out.
        out: Vec<(NodeId, Absence)>,
    },
    /// Members of the ISR could not copy anything.
    Awaited {
        /// Which, and what kept them.
        missing: Vec<(NodeId, Absence)>,
    },
    /// The error says all there is.
    Error(ErrorCode),
}

/// Why a reader did not get a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It began to read behind it.
    StartedBehind {
        /// Which reader.
        reader: NodeId,
        /// What told it where to begin.
        policy: OffsetReset,
    },
    /// Its position was moved over it.
    Skipped {
        /// Which reader.
        reader: NodeId,
    },
    /// It died before.
    Died(Died),
    /// It was never started.
    NeverStarted {
        /// Which reader.
        reader: NodeId,
    },
    /// The record is not below the high watermark.
    NotVisible {
        /// Which reader.
        reader: NodeId,
    },
    /// It had not come that far when the run ended.
    NotReached {
        /// Which reader.
        reader: NodeId,
    },
}

/// The end of a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Died {
    /// Which reader.
    pub reader: NodeId,
    /// How.
    pub how: ReaderEnd,
}

/// How a reader can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReaderEnd {
    /// The story ended it.
    Story(End),
    /// A poll threw, because there was no offset to begin with and auto.offset.reset is none.
    NoOffset {
        /// Of which partition.
        tp: TopicPartition,
    },
    /// A poll threw.
    Poll {
        /// Of which partition.
        tp: TopicPartition,
        /// Why.
        error: ErrorCode,
    },
}
