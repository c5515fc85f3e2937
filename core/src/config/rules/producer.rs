//! What a producer's settings must be to each other (`ProducerConfig.postProcessAndValidateIdempotence`,
//! `KafkaProducer.configureDeliveryTimeout`).

use super::{Around, Refusal, View, client, require};

pub(super) fn check(view: &View<'_>, around: Around<'_>, found: &mut Vec<Refusal>) {
    idempotence(view, found);
    transactions(view, found);
    delivery_timeout(view, found);
    client::check(view, found);
    for key in ["partitioner.class", "key.serializer", "value.serializer"] {
        client::check_class(view, key, around, found);
    }
}

/// Idempotence that is asked for needs retries, acks=all and few requests in flight. Where it is on by
/// default only, it goes off without a word for the first two; too many in flight are refused even
/// then (an error since 4.0).
fn idempotence(view: &View<'_>, found: &mut Vec<Refusal>) {
    if !view.truth("enable.idempotence") {
        return;
    }
    let is_asked_for = view.is_written("enable.idempotence");
    let without = "or write `enable.idempotence = false`".to_owned();
    let off = "write `enable.idempotence = false`";
    let in_flight = view.whole("max.in.flight.requests.per.connection");
    require(
        found,
        !is_asked_for || view.whole("retries") > 0,
        &["retries", "enable.idempotence"],
        || {
            let reason = "an idempotent producer must be allowed to retry, and `retries` is 0";
            (reason.to_owned(), format!("leave `retries` out, {without}"))
        },
    );
    let is_all = ["all", "-1"].contains(&view.word("acks").as_str());
    require(found, !is_asked_for || is_all, &["acks", "enable.idempotence"], || {
        let reason =
            format!("an idempotent producer needs `acks = all`, and it is {}", view.word("acks"));
        (reason, format!("write `acks = all`, {without}"))
    });
    require(
        found,
        in_flight <= 5,
        &["max.in.flight.requests.per.connection", "enable.idempotence"],
        || {
            let reason = format!(
                "an idempotent producer has at most 5 requests in flight, and \
                 `max.in.flight.requests.per.connection` is {in_flight}"
            );
            let remedy = if is_asked_for {
                format!("write 5 or less, {without}")
            } else {
                format!("write 5 or less; or {off}: it is on unless that is written")
            };
            (reason, remedy)
        },
    );
}

fn transactions(view: &View<'_>, found: &mut Vec<Refusal>) {
    if !view.is_written("transactional.id") {
        return;
    }
    let is_all = ["all", "-1"].contains(&view.word("acks").as_str());
    let is_idempotent = view.truth("enable.idempotence") && view.whole("retries") > 0 && is_all;
    require(found, is_idempotent, &["transactional.id", "enable.idempotence"], || {
        let reason = "a `transactional.id` needs an idempotent producer";
        let remedy = "leave `enable.idempotence`, `acks` and `retries` at their defaults";
        (reason.to_owned(), remedy.to_owned())
    });
    let is_prepared = view.truth("transaction.two.phase.commit.enable");
    let has_timeout = view.is_written("transaction.timeout.ms");
    require(found, !(is_prepared && has_timeout), &["transaction.timeout.ms"], || {
        let reason = "a transaction that takes part in a two-phase commit has no time-out";
        (reason.to_owned(), "leave `transaction.timeout.ms` out".to_owned())
    });
}

/// What is written must leave time for one request; what is not written is raised instead.
fn delivery_timeout(view: &View<'_>, found: &mut Vec<Refusal>) {
    let least = least_delivery_timeout(view.whole("linger.ms"), view.whole("request.timeout.ms"));
    let given = view.whole("delivery.timeout.ms");
    let holds = !view.is_written("delivery.timeout.ms") || given >= least;
    let keys = ["delivery.timeout.ms", "linger.ms", "request.timeout.ms"];
    require(found, holds, &keys, || {
        let reason = format!(
            "`delivery.timeout.ms` is {given} and must be at least `linger.ms` plus \
             `request.timeout.ms`, which is {least}"
        );
        (reason, format!("write {least} or more, or lower `request.timeout.ms`"))
    });
}

/// The shortest `delivery.timeout.ms` that Kafka takes, in milliseconds.
pub(in crate::config) fn least_delivery_timeout(linger: i64, request_timeout: i64) -> i64 {
    linger.saturating_add(request_timeout).min(i64::from(i32::MAX))
}
