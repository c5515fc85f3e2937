//! What a group's settings must be within the limits of the brokers (`GroupConfig.validate`).

use super::{Around, Refusal, View, Written, require};
use crate::config::catalog::Scope;

pub(super) fn check(view: &View<'_>, around: Around<'_>, found: &mut Vec<Refusal>) {
    let nothing = Written::new();
    let broker = View { scope: Scope::Broker, written: around.broker.unwrap_or(&nothing) };
    for kind in ["consumer", "share", "streams"] {
        for what in ["heartbeat.interval.ms", "session.timeout.ms"] {
            within(view, &broker, (kind, what), found);
        }
        let heartbeat = format!("{kind}.heartbeat.interval.ms");
        let session = format!("{kind}.session.timeout.ms");
        view.order(&heartbeat, super::Relation::Below, &session, found);
    }
    within(view, &broker, ("share", "record.lock.duration.ms"), found);
    let standby = "streams.num.standby.replicas";
    let most = broker.whole("group.streams.max.standby.replicas");
    require(found, view.whole(standby) <= most, &[standby], || {
        let reason = format!("`{standby}` exceeds `group.streams.max.standby.replicas`");
        (reason, format!("write {most} or less"))
    });
}

/// A value that is written must lie between what the brokers allow.
fn within(
    view: &View<'_>,
    broker: &View<'_>,
    (kind, what): (&str, &str),
    found: &mut Vec<Refusal>,
) {
    let key = format!("{kind}.{what}");
    if !view.is_written(&key) {
        return;
    }
    let least = broker.whole(&format!("group.{kind}.min.{what}"));
    let most = broker.whole(&format!("group.{kind}.max.{what}"));
    let value = view.whole(&key);
    require(found, (least..=most).contains(&value), &[&key], || {
        let reason = format!("`{key}` is {value}, and the brokers allow {least} to {most}");
        (reason, format!("change it, or `group.{kind}.min.{what}` and `group.{kind}.max.{what}`"))
    });
}
