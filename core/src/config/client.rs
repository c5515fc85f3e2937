//! Client settings (`ProducerConfig`, `ConsumerConfig`, `CommonClientConfigs`).

use super::rules::{Written, least_delivery_timeout};
use super::setting::{Settings, Value, settings};
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

    fn settle(&mut self, written: &Written) {
        self.reconnect_backoff_max =
            settled_reconnects(written, self.reconnect_backoff, self.reconnect_backoff_max);
        if !written.contains_key("delivery.timeout.ms") {
            let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
            let least = least_delivery_timeout(millis(self.linger), millis(self.request_timeout));
            self.delivery_timeout =
                self.delivery_timeout.max(Duration::from_millis(least.unsigned_abs()));
        }
    }

    fn changed(&self) -> Vec<(&'static str, String)> {
        with_both_reconnects(self)
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

    fn settle(&mut self, written: &Written) {
        self.reconnect_backoff_max =
            settled_reconnects(written, self.reconnect_backoff, self.reconnect_backoff_max);
    }

    fn changed(&self) -> Vec<(&'static str, String)> {
        with_both_reconnects(self)
    }
}

/// The longest pause before a reconnect: where only the first is written, it is the longest, too
/// (`CommonClientConfigs.postProcessReconnectBackoffConfigs`).
fn settled_reconnects(written: &Written, first: Duration, longest: Duration) -> Duration {
    let only_first = written.contains_key("reconnect.backoff.ms")
        && !written.contains_key("reconnect.backoff.max.ms");
    if only_first { first } else { longest }
}

/// What is changed, and the longest pause before a reconnect wherever the first is among it: written
/// alone, the first would decide it.
fn with_both_reconnects(config: &impl Settings) -> Vec<(&'static str, String)> {
    let mut changed = config.differing();
    let has = |changed: &[(&str, String)], name: &str| changed.iter().any(|(key, _)| *key == name);
    let max = "reconnect.backoff.max.ms";
    if has(&changed, "reconnect.backoff.ms") && !has(&changed, max) {
        changed.push((max, config.get(max).expect("both clients have it")));
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SettingError;

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
        for (key, value) in [("acks", "1"), ("linger.ms", "0"), ("delivery.timeout.ms", "300000")] {
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
    fn a_first_pause_written_alone_is_the_longest_and_stays_told_apart() {
        let written = |all: &[(&str, &str)]| -> ConsumerConfig {
            let all: Written =
                all.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            let mut config = ConsumerConfig::default();
            for (key, value) in &all {
                config.set(key, value).expect("a known key");
            }
            config.settle(&all);
            config
        };
        let alone = written(&[("reconnect.backoff.ms", "200")]);
        assert_eq!(alone.reconnect_backoff_max, Duration::from_millis(200));
        let both = [("reconnect.backoff.ms", "200"), ("reconnect.backoff.max.ms", "1000")];
        let both = written(&both);
        assert_eq!(both.reconnect_backoff_max, Duration::from_secs(1));
        let again: Vec<(&str, String)> = both.changed();
        let again: Vec<(&str, &str)> = again.iter().map(|(key, v)| (*key, v.as_str())).collect();
        assert_eq!(written(&again), both);
    }

    #[test]
    fn a_delivery_timeout_that_nobody_wrote_leaves_time_for_a_request() {
        let mut written = Written::from([("request.timeout.ms".to_owned(), "300000".to_owned())]);
        let mut config = ProducerConfig::default();
        config.set("request.timeout.ms", "300000").expect("a known key");
        config.settle(&written);
        assert_eq!(config.delivery_timeout, Duration::from_millis(300_005));
        written.insert("delivery.timeout.ms".to_owned(), "120000".to_owned());
        let mut config = ProducerConfig::default();
        config.settle(&written);
        assert_eq!(config.delivery_timeout, Duration::from_secs(120), "what is written stays");
    }

    #[test]
    fn an_unknown_key_and_a_bad_value_are_told_apart() {
        let mut config = ProducerConfig::default();
        assert_eq!(config.set("ack", "1"), Err(SettingError::UnknownKey));
        assert!(matches!(config.set("acks", "2"), Err(SettingError::BadValue(_))));
        assert!(matches!(config.set("retries", "-3"), Err(SettingError::BadValue(_))));
    }
}
