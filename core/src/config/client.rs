//! Client settings (`ProducerConfig`, `ConsumerConfig`, `CommonClientConfigs`).

use super::setting::{Value, settings};
use crate::time::Duration;

/// How many replicas must have a record before its producer is told success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Acks {
    /// `acks=0`: nobody is asked; success means the bytes left the client.
    None,
    /// `acks=1`: the leader has appended it.
    Leader,
    /// `acks=all` (or `-1`): every in-sync replica has it.
    All,
}

impl Value for Acks {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "0" => Ok(Self::None),
            "1" => Ok(Self::Leader),
            "all" | "-1" => Ok(Self::All),
            _ => Err("`0`, `1` or `all`".to_owned()),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::None => "0",
            Self::Leader => "1",
            Self::All => "all",
        }
        .to_owned()
    }
}

/// Where a consumer starts when there is no usable offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OffsetReset {
    /// At the log start.
    Earliest,
    /// At the high watermark.
    Latest,
    /// Nowhere: the consumer fails.
    None,
}

impl Value for OffsetReset {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "earliest" => Ok(Self::Earliest),
            "latest" => Ok(Self::Latest),
            "none" => Ok(Self::None),
            _ => Err("`earliest`, `latest` or `none`".to_owned()),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Earliest => "earliest",
            Self::Latest => "latest",
            Self::None => "none",
        }
        .to_owned()
    }
}

settings! {
    /// Settings of one producer.
    ProducerConfig {
        /// Whom success waits for.
        acks: Acks = Acks::All, "acks";
        /// Whether sequences let the broker drop repeated batches. Idempotence needs acks=all,
        /// retries and at most five requests in flight; where it is on only by default and one of
        /// these is missing, Kafka turns it off silently (P-01): see `is_idempotent`.
        enable_idempotence: bool = true, "enable.idempotence";
        /// Target size of a batch in bytes.
        batch_size: u32 = 16_384, "batch.size";
        /// How long a batch waits for more records (5 ms since 4.0, KIP-1030).
        linger: Duration = Duration::from_millis(5), "linger.ms";
        /// Bytes of records a producer may hold.
        buffer_memory: u64 = 33_554_432, "buffer.memory";
        /// How long `send` may block on metadata or buffer space.
        max_block: Duration = Duration::from_secs(60), "max.block.ms";
        /// The largest request in bytes.
        max_request_size: u32 = 1_048_576, "max.request.size";
        /// How often a batch is tried again.
        retries: u32 = i32::MAX as u32, "retries";
        /// A record is given up this long after its batch was created.
        delivery_timeout: Duration = Duration::from_secs(120), "delivery.timeout.ms";
        /// Time a request waits for its answer; also the acks=all wait at the broker.
        request_timeout: Duration = Duration::from_secs(30), "request.timeout.ms";
        /// Requests in flight on one connection.
        max_in_flight: u32 = 5, "max.in.flight.requests.per.connection";
        /// First pause before a retry.
        retry_backoff: Duration = Duration::from_millis(100), "retry.backoff.ms";
        /// Longest pause before a retry.
        retry_backoff_max: Duration = Duration::from_secs(1), "retry.backoff.max.ms";
        /// First pause before a reconnect.
        reconnect_backoff: Duration = Duration::from_millis(50), "reconnect.backoff.ms";
        /// Longest pause before a reconnect.
        reconnect_backoff_max: Duration = Duration::from_secs(1), "reconnect.backoff.max.ms";
        /// Age at which metadata is refreshed unasked.
        metadata_max_age: Duration = Duration::from_secs(300), "metadata.max.age.ms";
    }
}

impl ProducerConfig {
    /// Whether sequences are really sent, after Kafka's silent switch-off (P-01).
    pub fn is_idempotent(&self) -> bool {
        self.enable_idempotence
            && self.acks == Acks::All
            && self.retries > 0
            && self.max_in_flight <= 5
    }
}

settings! {
    /// Settings of one consumer.
    ConsumerConfig {
        /// Where to start without a usable offset. Kafka's default.
        auto_offset_reset: OffsetReset = OffsetReset::Latest, "auto.offset.reset";
        /// Records handed out by one poll at most.
        max_poll_records: u32 = 500, "max.poll.records";
        /// Bytes a fetch waits for.
        fetch_min_bytes: u32 = 1, "fetch.min.bytes";
        /// How long a fetch waits for them.
        fetch_max_wait: Duration = Duration::from_millis(500), "fetch.max.wait.ms";
        /// Bytes of one fetch answer.
        fetch_max_bytes: u32 = 52_428_800, "fetch.max.bytes";
        /// Bytes per partition of one fetch answer.
        max_partition_fetch_bytes: u32 = 1_048_576, "max.partition.fetch.bytes";
        /// Time a request waits for its answer.
        request_timeout: Duration = Duration::from_secs(30), "request.timeout.ms";
        /// First pause before a retry.
        retry_backoff: Duration = Duration::from_millis(100), "retry.backoff.ms";
        /// Longest pause before a retry.
        retry_backoff_max: Duration = Duration::from_secs(1), "retry.backoff.max.ms";
        /// First pause before a reconnect.
        reconnect_backoff: Duration = Duration::from_millis(50), "reconnect.backoff.ms";
        /// Longest pause before a reconnect.
        reconnect_backoff_max: Duration = Duration::from_secs(1), "reconnect.backoff.max.ms";
        /// Age at which metadata is refreshed unasked.
        metadata_max_age: Duration = Duration::from_secs(300), "metadata.max.age.ms";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{SettingError, Settings};

    #[test]
    fn idempotence_is_switched_off_silently_by_weaker_acks() {
        let mut config = ProducerConfig::default();
        assert!(config.is_idempotent());
        config.set("acks", "1").expect("a known key");
        assert!(!config.is_idempotent());
    }

    #[test]
    fn what_was_changed_can_be_set_again() {
        let mut config = ProducerConfig::default();
        assert_eq!(config.changed(), []);
        for (key, value) in [("acks", "1"), ("linger.ms", "0"), ("delivery.timeout.ms", "-1")] {
            config.set(key, value).expect("a known key");
        }
        let mut again = ProducerConfig::default();
        for (key, value) in config.changed() {
            again.set(key, &value).expect("it was written by a config");
        }
        assert_eq!(again, config);
        assert_eq!(config.changed().len(), 3);
    }

    #[test]
    fn an_unknown_key_and_a_bad_value_are_told_apart() {
        let mut config = ProducerConfig::default();
        assert_eq!(config.set("ack", "1"), Err(SettingError::UnknownKey));
        assert!(matches!(config.set("acks", "2"), Err(SettingError::BadValue(_))));
        assert!(matches!(config.set("retries", "-3"), Err(SettingError::BadValue(_))));
    }
}
