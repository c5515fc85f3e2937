//! What brokers say for topics that say nothing themselves (`ServerTopicConfigSynonyms`).

use super::Written;

/// Each key of topics that brokers can give a default, and their keys for it, the first that is written
/// winning, with the factor from its unit to the topic's.
pub const SYNONYMS: &[(&str, &[(&str, i64)])] = &[
    ("cleanup.policy", &[("log.cleanup.policy", 1)]),
    ("compression.gzip.level", &[("compression.gzip.level", 1)]),
    ("compression.lz4.level", &[("compression.lz4.level", 1)]),
    ("compression.type", &[("compression.type", 1)]),
    ("compression.zstd.level", &[("compression.zstd.level", 1)]),
    ("delete.retention.ms", &[("log.cleaner.delete.retention.ms", 1)]),
    ("file.delete.delay.ms", &[("log.segment.delete.delay.ms", 1)]),
    ("flush.messages", &[("log.flush.interval.messages", 1)]),
    ("flush.ms", &[("log.flush.interval.ms", 1), ("log.flush.scheduler.interval.ms", 1)]),
    ("index.interval.bytes", &[("log.index.interval.bytes", 1)]),
    ("local.retention.bytes", &[("log.local.retention.bytes", 1)]),
    ("local.retention.ms", &[("log.local.retention.ms", 1)]),
    ("max.compaction.lag.ms", &[("log.cleaner.max.compaction.lag.ms", 1)]),
    ("max.message.bytes", &[("message.max.bytes", 1)]),
    ("message.timestamp.after.max.ms", &[("log.message.timestamp.after.max.ms", 1)]),
    ("message.timestamp.before.max.ms", &[("log.message.timestamp.before.max.ms", 1)]),
    ("message.timestamp.type", &[("log.message.timestamp.type", 1)]),
    ("min.cleanable.dirty.ratio", &[("log.cleaner.min.cleanable.ratio", 1)]),
    ("min.compaction.lag.ms", &[("log.cleaner.min.compaction.lag.ms", 1)]),
    ("min.insync.replicas", &[("min.insync.replicas", 1)]),
    ("preallocate", &[("log.preallocate", 1)]),
    ("retention.bytes", &[("log.retention.bytes", 1)]),
    (
        "retention.ms",
        &[
            ("log.retention.ms", 1),
            ("log.retention.minutes", 60_000),
            ("log.retention.hours", 3_600_000),
        ],
    ),
    ("segment.bytes", &[("log.segment.bytes", 1)]),
    ("segment.index.bytes", &[("log.index.size.max.bytes", 1)]),
    ("segment.jitter.ms", &[("log.roll.jitter.ms", 1), ("log.roll.jitter.hours", 3_600_000)]),
    ("segment.ms", &[("log.roll.ms", 1), ("log.roll.hours", 3_600_000)]),
    ("unclean.leader.election.enable", &[("unclean.leader.election.enable", 1)]),
];

/// The brokers' keys that stand in for the topic's key `name`.
pub(super) fn brokers_keys(name: &str) -> impl Iterator<Item = &'static str> {
    let found = SYNONYMS.iter().filter(move |(key, _)| *key == name);
    found.flat_map(|(_, from)| from.iter().map(|(broker, _)| *broker))
}

/// The values that topics have because of what is written for the brokers.
pub fn topic_defaults(broker: &Written) -> Written {
    let mut defaults = Written::new();
    for (key, from) in SYNONYMS {
        let written = from.iter().find_map(|(name, factor)| Some((broker.get(*name)?, *factor)));
        let Some((value, factor)) = written else { continue };
        let value = match value.trim().parse::<i64>() {
            // Below 0, the retention of a broker is unlimited in every unit.
            Ok(time) if *key == "retention.ms" && time < 0 => "-1".to_owned(),
            Ok(time) if factor > 1 => time.saturating_mul(factor).to_string(),
            _ => value.clone(),
        };
        defaults.insert((*key).to_owned(), value);
    }
    defaults
}
