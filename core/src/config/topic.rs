//! Topic settings (`TopicConfig`).

use super::setting::settings;

settings! {
    /// Settings of one topic.
    TopicConfig {
        /// acks=all needs this many in-sync replicas, and the high watermark moves only with them.
        min_insync_replicas: u16 = 1, "min.insync.replicas";
        /// Whether a replica outside the ISR may be elected when nobody else is left.
        unclean_leader_election_enable: bool = false, "unclean.leader.election.enable";
        /// The largest batch a producer may send, in bytes.
        max_message_bytes: u32 = 1_048_588, "max.message.bytes";
    }
}
