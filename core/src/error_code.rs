//! Kafka's error codes: the part of the protocol that is returned and branched on.
//!
//! Names and numbers follow `org.apache.kafka.common.protocol.Errors`; the two questions a client
//! asks of a code (retriable? does it invalidate my metadata?) follow the exception hierarchy there.

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal, $retry:expr, $refresh:expr;)*) => {
        /// The outcome of a request or of one partition in it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ErrorCode { $($(#[$doc])* $variant = $number),* }

        impl ErrorCode {
            /// Every code that kafkalab can return.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Kafka's name for it, as scenarios and screens spell it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// Whether a client may simply try again after its backoff.
            pub const fn is_retriable(self) -> bool {
                match self { $(Self::$variant => $retry),* }
            }

            /// Whether a client must refresh its metadata before it tries again.
            pub const fn invalidates_metadata(self) -> bool {
                match self { $(Self::$variant => $refresh),* }
            }
        }
    };
}

codes! {
    /// Success.
    None = 0, "NONE", false, false;
    /// The offset is below the log start or beyond the log end.
    OffsetOutOfRange = 1, "OFFSET_OUT_OF_RANGE", false, false;
    /// The CRC of a batch does not match.
    CorruptMessage = 2, "CORRUPT_MESSAGE", true, false;
    /// This broker does not host the partition and its metadata does not know it.
    UnknownTopicOrPartition = 3, "UNKNOWN_TOPIC_OR_PARTITION", true, true;
    /// The partition has no leader at the moment.
    LeaderNotAvailable = 5, "LEADER_NOT_AVAILABLE", true, true;
    /// This broker is not the leader (or not a replica) of the partition.
    NotLeaderOrFollower = 6, "NOT_LEADER_OR_FOLLOWER", true, true;
    /// The wait ran out; the outcome is unknown.
    RequestTimedOut = 7, "REQUEST_TIMED_OUT", true, false;
    /// A record is larger than the topic allows.
    MessageTooLarge = 10, "MESSAGE_TOO_LARGE", false, false;
    /// Client side: the connection died with the request in flight; the outcome is unknown.
    NetworkException = 13, "NETWORK_EXCEPTION", true, true;
    /// acks=all and fewer in-sync replicas than min.insync.replicas: surely not appended.
    NotEnoughReplicas = 19, "NOT_ENOUGH_REPLICAS", true, false;
    /// Appended, then the ISR fell below min.insync.replicas before it was replicated.
    NotEnoughReplicasAfterAppend = 20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", true, false;
    /// acks is none of 0, 1, -1.
    InvalidRequiredAcks = 21, "INVALID_REQUIRED_ACKS", false, false;
    /// CreateTopics: the name is taken.
    TopicAlreadyExists = 36, "TOPIC_ALREADY_EXISTS", false, false;
    /// CreateTopics: no partition or too many.
    InvalidPartitions = 37, "INVALID_PARTITIONS", false, false;
    /// CreateTopics: more replicas than brokers.
    InvalidReplicationFactor = 38, "INVALID_REPLICATION_FACTOR", false, false;
    /// CreateTopics: a replica list is empty, names a broker twice or an unknown one, or no member
    /// of it is active.
    InvalidReplicaAssignment = 39, "INVALID_REPLICA_ASSIGNMENT", false, false;
    /// The asked node is not the active controller.
    NotController = 41, "NOT_CONTROLLER", true, false;
    /// The request contradicts itself or its sender's role.
    InvalidRequest = 42, "INVALID_REQUEST", false, false;
    /// An idempotent batch is not the next one of its producer.
    OutOfOrderSequenceNumber = 45, "OUT_OF_ORDER_SEQUENCE_NUMBER", false, false;
    /// Older brokers: the batch is a duplicate.
    DuplicateSequenceNumber = 46, "DUPLICATE_SEQUENCE_NUMBER", false, false;
    /// A newer epoch of the same producer has written.
    InvalidProducerEpoch = 47, "INVALID_PRODUCER_EPOCH", false, false;
    /// The disk failed.
    KafkaStorageError = 56, "KAFKA_STORAGE_ERROR", true, true;
    /// The leader epoch in the request is older than the receiver's.
    FencedLeaderEpoch = 74, "FENCED_LEADER_EPOCH", true, true;
    /// The leader epoch in the request is newer than the receiver's.
    UnknownLeaderEpoch = 75, "UNKNOWN_LEADER_EPOCH", true, false;
    /// The broker epoch in the request is not the registered one.
    StaleBrokerEpoch = 77, "STALE_BROKER_EPOCH", false, false;
    /// The leader cannot answer LATEST before its high watermark reaches its epoch (KIP-207).
    OffsetNotAvailable = 78, "OFFSET_NOT_AVAILABLE", true, false;
    /// The preferred replica is not electable.
    PreferredLeaderNotAvailable = 80, "PREFERRED_LEADER_NOT_AVAILABLE", true, true;
    /// No replica may be elected.
    EligibleLeadersNotAvailable = 83, "ELIGIBLE_LEADERS_NOT_AVAILABLE", true, true;
    /// The leader already is the one asked for.
    ElectionNotNeeded = 84, "ELECTION_NOT_NEEDED", true, true;
    /// A batch breaks the rules of the log (base offset, null key on a compacted topic …).
    InvalidRecord = 87, "INVALID_RECORD", false, false;
    /// AlterPartition: the partition epoch is older than the controller's.
    InvalidUpdateVersion = 95, "INVALID_UPDATE_VERSION", false, false;
    /// A topic id is unknown.
    UnknownTopicId = 100, "UNKNOWN_TOPIC_ID", true, true;
    /// Another incarnation of this broker still has a session.
    DuplicateBrokerRegistration = 101, "DUPLICATE_BROKER_REGISTRATION", false, false;
    /// The broker is not registered.
    BrokerIdNotRegistered = 102, "BROKER_ID_NOT_REGISTERED", false, false;
    /// AlterPartition: a proposed member is fenced, shutting down or of another incarnation.
    IneligibleReplica = 107, "INELIGIBLE_REPLICA", false, false;
    /// AlterPartition was written but moved the leader away from the sender.
    NewLeaderElected = 108, "NEW_LEADER_ELECTED", false, false;
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
