//! What a consumer's settings must be to each other (`ConsumerConfig.postProcessParsedConfig`,
//! `ClassicKafkaConsumer`).

use super::{Around, Refusal, Relation, View, client, require};

const LONGEST_INSTANCE_ID: usize = 249;

pub(super) fn check(view: &View<'_>, around: Around<'_>, found: &mut Vec<Refusal>) {
    let is_classic = view.word("group.protocol").eq_ignore_ascii_case("classic");
    protocol(view, is_classic, found);
    group_id(view, found);
    if is_classic {
        view.order("heartbeat.interval.ms", Relation::Below, "session.timeout.ms", found);
        for key in ["heartbeat.interval.ms", "session.timeout.ms"] {
            require(found, view.whole(key) >= 0, &[key], || {
                (format!("`{key}` is below 0"), "write a number of milliseconds".to_owned())
            });
        }
    }
    client::check(view, found);
    for key in ["key.deserializer", "value.deserializer", "partition.assignment.strategy"] {
        client::check_class(view, key, around, found);
    }
}

/// Each group protocol has keys that the other does not know.
fn protocol(view: &View<'_>, is_classic: bool, found: &mut Vec<Refusal>) {
    let (protocol, other, strangers): (_, _, &[&str]) = if is_classic {
        ("classic", "consumer", &["group.remote.assignor"])
    } else {
        let of_classic =
            &["partition.assignment.strategy", "heartbeat.interval.ms", "session.timeout.ms"];
        ("consumer", "classic", of_classic)
    };
    for key in strangers {
        let is_set = view.written.get(*key).is_some_and(|value| !value.trim().is_empty());
        require(found, !is_set, &[key, "group.protocol"], || {
            let reason = format!("`{key}` cannot be set when `group.protocol` is {protocol}");
            (reason, format!("leave it out, or write `group.protocol = {other}`"))
        });
    }
}

fn group_id(view: &View<'_>, found: &mut Vec<Refusal>) {
    let group = view.written.get("group.id");
    let is_empty = group.is_some_and(|group| group.trim().is_empty());
    require(found, !is_empty, &["group.id", "enable.auto.commit"], || {
        let reason = "`group.id` is empty".to_owned();
        (reason, "write a name, or leave the line out".to_owned())
    });
    let commits = view.is_written("enable.auto.commit") && view.truth("enable.auto.commit");
    require(found, group.is_some() || !commits, &["enable.auto.commit", "group.id"], || {
        let reason = "a consumer without a `group.id` cannot commit";
        (reason.to_owned(), "write a `group.id`, or leave `enable.auto.commit` out".to_owned())
    });
    if view.is_written("group.instance.id") {
        let id = view.word("group.instance.id");
        let letter = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        let is_good = id.bytes().all(letter) && id.len() <= LONGEST_INSTANCE_ID;
        require(found, is_good && id != "." && id != "..", &["group.instance.id"], || {
            let reason = "`group.instance.id` is no name of an instance".to_owned();
            let remedy = format!(
                "at most {LONGEST_INSTANCE_ID} letters, digits, `.`, `_` and `-`, and not `.` or `..`"
            );
            (reason, remedy)
        });
    }
}
