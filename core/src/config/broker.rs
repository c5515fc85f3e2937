//! Broker and controller settings (`KafkaConfig`, `ReplicationConfigs`, `QuorumConfig`).

use super::setting::settings;
use crate::time::Duration;

settings! {
    /// Settings every broker and controller of the cluster shares.
    BrokerConfig {
        /// A follower that has not caught up for this long leaves the ISR; checked every half of it.
        replica_lag_time_max: Duration = Duration::from_secs(30), "replica.lag.time.max.ms";
        /// How long a follower's fetch waits at the leader for new data.
        replica_fetch_wait_max: Duration = Duration::from_millis(500), "replica.fetch.wait.max.ms";
        /// Bytes a follower's fetch asks for per partition.
        replica_fetch_max_bytes: u32 = 1_048_576, "replica.fetch.max.bytes";
        /// Bytes a follower's fetch asks for in all.
        replica_fetch_response_max_bytes: u32 = 10_485_760, "replica.fetch.response.max.bytes";
        /// Pause of a fetcher after an error.
        replica_fetch_backoff: Duration = Duration::from_secs(1), "replica.fetch.backoff.ms";
        /// Time a replica waits for the answer of another broker.
        replica_socket_timeout: Duration = Duration::from_secs(30), "replica.socket.timeout.ms";
        /// Whether the controller gives leaderships back to the first replicas.
        auto_leader_rebalance_enable: bool = true, "auto.leader.rebalance.enable";
        /// How often it looks for leaderships that are not with the first replica, in seconds.
        leader_imbalance_check_interval_seconds: u64 = 300,
            "leader.imbalance.check.interval.seconds";
        /// How often high watermarks are written to disk.
        high_watermark_checkpoint_interval: Duration = Duration::from_secs(5),
            "replica.high.watermark.checkpoint.interval.ms";
        /// How often a broker tells the controller it is alive.
        heartbeat_interval: Duration = Duration::from_secs(2), "broker.heartbeat.interval.ms";
        /// Silence after which the controller fences a broker.
        session_timeout: Duration = Duration::from_secs(9), "broker.session.timeout.ms";
        /// A broker that could not register for this long gives up.
        initial_registration_timeout: Duration = Duration::from_secs(60),
            "initial.broker.registration.timeout.ms";
        /// Whether SIGTERM hands leadership over before the process ends.
        controlled_shutdown_enable: bool = true, "controlled.shutdown.enable";
        /// Lower bound of the randomised election timeout of the metadata quorum.
        quorum_election_timeout: Duration = Duration::from_secs(1),
            "controller.quorum.election.timeout.ms";
        /// An observer or follower gives up on the quorum leader after this.
        quorum_fetch_timeout: Duration = Duration::from_secs(2),
            "controller.quorum.fetch.timeout.ms";
        /// How long controller writes are collected into one metadata batch.
        quorum_append_linger: Duration = Duration::from_millis(25),
            "controller.quorum.append.linger.ms";
        /// Time a node waits for the answer of a controller.
        quorum_request_timeout: Duration = Duration::from_secs(2),
            "controller.quorum.request.timeout.ms";
        /// Pause before a failed request to the quorum is tried again.
        quorum_retry_backoff: Duration = Duration::from_millis(20),
            "controller.quorum.retry.backoff.ms";
        /// Silence in the metadata log after which the controller writes a NoOp record.
        metadata_max_idle_interval: Duration = Duration::from_millis(500),
            "metadata.max.idle.interval.ms";
    }
}
