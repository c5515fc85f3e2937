//! What a broker's settings must be to each other (`KafkaConfig.validateValues`).

use super::{Refusal, Relation, View, defaults, group_limits, listeners, require, topic};
use crate::config::catalog::Scope;

/// A cleaner thread needs more than this many bytes to remember keys.
const LEAST_DEDUPE: i64 = 1 << 20;

/// The ids of `CompressionType`: none, gzip, snappy, lz4, zstd.
const CODECS: std::ops::RangeInclusive<i64> = 0..=4;

pub(super) fn check(view: &View<'_>, found: &mut Vec<Refusal>) {
    replication(view, found);
    listeners::check(view, found);
    for kind in ["consumer", "share", "streams"] {
        group_limits::check(view, kind, found);
    }
    groups(view, found);
    logs(view, found);
    cleaner(view, found);
    connections(view, found);
    topic_values(view, found);
}

/// A follower's fetch must come back before the follower gives up on it, and before it counts as late.
fn replication(view: &View<'_>, found: &mut Vec<Refusal>) {
    let wait = "replica.fetch.wait.max.ms";
    view.order(wait, Relation::AtMost, "replica.socket.timeout.ms", found);
    view.order(wait, Relation::AtMost, "replica.lag.time.max.ms", found);
}

fn groups(view: &View<'_>, found: &mut Vec<Refusal>) {
    for key in
        ["offsets.topic.compression.codec", "share.coordinator.state.topic.compression.codec"]
    {
        require(found, CODECS.contains(&view.whole(key)), &[key], || {
            let reason = format!("`{key}` is no compression that Kafka has");
            (reason, "write 0 for none, or 1 to 4 for gzip, snappy, lz4, zstd".to_owned())
        });
    }
    let protocols = "group.coordinator.rebalance.protocols";
    let has_classic = view.names(protocols).iter().any(|one| one == "classic");
    require(found, has_classic, &[protocols], || {
        (format!("`{protocols}` lacks `classic`"), "add it: it cannot be switched off".to_owned())
    });
    for (key, own, package) in [
        ("group.consumer.assignors", &["uniform", "range"][..], "assignor."),
        ("group.share.assignors", &["simple"][..], "assignor."),
    ] {
        for name in view.names(key) {
            let is_class =
                name.starts_with("org.apache.kafka.coordinator.group.") && name.contains(package);
            require(found, own.contains(&name.as_str()) || is_class, &[key], || {
                let reason = format!("there is no assignor called {name}");
                (reason, format!("the assignors are {}", own.join(", ")))
            });
        }
    }
    let lock = "record.lock.duration.ms";
    let name = |part: &str| format!("group.share.{part}{lock}");
    view.order(&name("min."), Relation::AtMost, &name(""), found);
    view.order(&name(""), Relation::AtMost, &name("max."), found);
    let standby = "group.streams.num.standby.replicas";
    view.order(standby, Relation::AtMost, "group.streams.max.standby.replicas", found);
}

fn logs(view: &View<'_>, found: &mut Vec<Refusal>) {
    let all = defaults::topic_defaults(view.written);
    let value = |key: &str| all.get(key).and_then(|text| text.parse::<i64>().ok());
    require(found, value("retention.ms") != Some(0), &["log.retention.ms"], || {
        let reason = "records would be kept for no time at all".to_owned();
        (reason, "write 1 or more; -1 in `log.retention.ms` keeps them for ever".to_owned())
    });
    let roll = value("segment.ms").is_none_or(|time| time >= 1);
    require(found, roll, &["log.roll.ms"], || {
        ("a segment would never be written to".to_owned(), "write 1 or more".to_owned())
    });
    let jitter = value("segment.jitter.ms").is_none_or(|time| time >= 0);
    require(found, jitter, &["log.roll.jitter.ms"], || {
        ("a delay cannot be negative".to_owned(), "write 0 or more".to_owned())
    });
    let dirs = ["log.dirs", "log.dir"];
    let is_nowhere = view.written.get("log.dirs").is_some_and(|dirs| dirs.trim().is_empty());
    require(found, !is_nowhere, &dirs, || {
        ("there is no directory for logs".to_owned(), "name one in `log.dirs`".to_owned())
    });
}

fn cleaner(view: &View<'_>, found: &mut Vec<Refusal>) {
    let threads = view.whole("log.cleaner.threads");
    let buffer = view.whole("log.cleaner.dedupe.buffer.size");
    require(found, threads > 0, &["log.cleaner.threads"], || {
        let reason = "the cleaner's memory cannot be shared among no threads".to_owned();
        (reason, "write 1 or more".to_owned())
    });
    let keys = ["log.cleaner.dedupe.buffer.size", "log.cleaner.threads"];
    let each = buffer.checked_div(threads).unwrap_or(i64::MAX);
    require(found, each > LEAST_DEDUPE, &keys, || {
        let reason = format!("each cleaner thread needs more than {LEAST_DEDUPE} bytes");
        (reason, "raise `log.cleaner.dedupe.buffer.size`".to_owned())
    });
}

fn connections(view: &View<'_>, found: &mut Vec<Refusal>) {
    let (idle, delay) = ("connections.max.idle.ms", "connection.failed.authentication.delay.ms");
    if view.whole(idle) >= 0 {
        view.order(delay, Relation::Below, idle, found);
    }
    let (limit, others) = ("max.connections.per.ip", "max.connections.per.ip.overrides");
    let is_shut = view.whole(limit) == 0 && view.word(others).is_empty();
    require(found, !is_shut, &[limit, others], || {
        let reason = "nobody could connect".to_owned();
        (reason, format!("raise `{limit}`, or write exceptions in `{others}`"))
    });
}

/// What brokers say for topics must be good for a topic.
fn topic_values(view: &View<'_>, found: &mut Vec<Refusal>) {
    if !found.is_empty() {
        return;
    }
    let all = defaults::topic_defaults(view.written);
    for (name, value) in &all {
        let key = Scope::Topic.key(name).expect("synonyms name keys of topics");
        let from = |broker: &&str| view.is_written(broker);
        let written = defaults::brokers_keys(name).find(from).unwrap_or(name);
        if let Err(expected) = key.parse(value) {
            require(found, false, &[written], || {
                let reason = format!("a topic's `{name}` cannot be {value}");
                (reason, format!("expected {expected}"))
            });
        }
    }
    topic::compaction(&View { scope: Scope::Topic, written: &all }, found);
}
