//! The limits that brokers set to groups (`GroupCoordinatorConfig.validate`, `ShareGroupConfig`), and
//! groups' own values within them (`GroupConfig.validate`).

use super::{Refusal, Relation, View};

/// `group.consumer.`, `group.share.` and `group.streams.` have the same six keys.
pub(super) fn check(view: &View<'_>, kind: &str, found: &mut Vec<Refusal>) {
    for what in ["heartbeat.interval.ms", "session.timeout.ms"] {
        let name = |part: &str| format!("group.{kind}.{part}{what}");
        let (min, own, max) = (name("min."), name(""), name("max."));
        view.order(&min, Relation::AtMost, &max, found);
        view.order(&min, Relation::AtMost, &own, found);
        view.order(&own, Relation::AtMost, &max, found);
    }
    let heartbeat = format!("group.{kind}.heartbeat.interval.ms");
    let session = format!("group.{kind}.session.timeout.ms");
    view.order(&heartbeat, Relation::Below, &session, found);
}
