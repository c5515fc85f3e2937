//! What a topic's settings must be to each other (`LogConfig.validate`).

use super::{Around, Refusal, View, defaults, require};
use crate::config::catalog::Scope;

/// A topic takes only keys that Kafka knows.
pub(super) fn unknown(name: &str) -> Refusal {
    Refusal {
        keys: vec![name.to_owned()],
        reason: format!("a topic has no setting `{name}`"),
        remedy: "leave the line out".to_owned(),
    }
}

pub(super) fn check(view: &View<'_>, around: Around<'_>, found: &mut Vec<Refusal>) {
    let nothing = super::Written::new();
    let broker = around.broker.unwrap_or(&nothing);
    let mut all = defaults::topic_defaults(broker);
    all.extend(view.written.clone());
    let whole = View { scope: Scope::Topic, written: &all };
    compaction(&whole, found);
    let broker = View { scope: Scope::Broker, written: broker };
    remote_storage(&whole, &broker, around, found);
}

/// Records are compacted no earlier than the least lag and no later than the largest.
pub(super) fn compaction(view: &View<'_>, found: &mut Vec<Refusal>) {
    let (least, most) = ("min.compaction.lag.ms", "max.compaction.lag.ms");
    view.order(least, super::Relation::AtMost, most, found);
}

fn remote_storage(
    view: &View<'_>,
    broker: &View<'_>,
    around: Around<'_>,
    found: &mut Vec<Refusal>,
) {
    let is_on = view.truth("remote.storage.enable");
    let was_on = around
        .existing
        .and_then(|existing| existing.get("remote.storage.enable"))
        .is_some_and(|value| value.trim().eq_ignore_ascii_case("true"));
    let deletes = view.truth("remote.log.delete.on.disable");
    let keys = ["remote.storage.enable", "remote.log.delete.on.disable", "remote.log.copy.disable"];
    require(found, !was_on || is_on || deletes, &keys, || {
        let reason = "what lies in remote storage would be forgotten".to_owned();
        (reason, "write `remote.log.delete.on.disable = true` as well".to_owned())
    });
    if !is_on {
        return;
    }
    let has_system = broker.truth("remote.log.storage.system.enable");
    require(found, has_system, &["remote.storage.enable"], || {
        let reason = "remote storage is off in the brokers".to_owned();
        (reason, "write `remote.log.storage.system.enable = true` for the brokers".to_owned())
    });
    let policy = view.names("cleanup.policy");
    let deletes_only = !policy.is_empty() && policy.iter().all(|one| one == "delete");
    require(found, deletes_only, &["cleanup.policy", "remote.storage.enable"], || {
        let reason = "only a topic whose policy is `delete` can have remote storage".to_owned();
        (reason, "write `cleanup.policy = delete`".to_owned())
    });
    for (local, whole) in
        [("local.retention.ms", "retention.ms"), ("local.retention.bytes", "retention.bytes")]
    {
        local_retention(view, local, whole, found);
    }
}

/// What is kept locally is part of what is kept at all; -2 means all of it, -1 means no limit.
fn local_retention(view: &View<'_>, local: &str, whole: &str, found: &mut Vec<Refusal>) {
    let (kept, all) = (view.whole(local), view.whole(whole));
    let fits = kept == -2 || all == -1 || (kept != -1 && kept <= all);
    require(found, fits, &[local, whole], || {
        let reason = format!("`{local}` is {kept} and must not exceed `{whole}`, which is {all}");
        (reason, format!("write {all} or less, or -2 for the same"))
    });
    let is_frozen = view.truth("remote.log.copy.disable");
    let is_same = kept == -2 || kept == all;
    let keys = ["remote.log.copy.disable", local, whole];
    require(found, !is_frozen || is_same, &keys, || {
        let reason = format!("nothing is copied any more, so `{local}` must equal `{whole}`");
        (reason, format!("write `{local} = {all}`, or -2 for the same"))
    });
}
