//! What Kafka takes and kafkalab cannot run: limits of ours, not of Kafka's. `docs/deviations.md`
//! lists them.

use super::catalog::Scope;

/// A limit of ours to a key's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Whose key it is.
    pub scope: Scope,
    /// The key.
    pub key: &'static str,
    /// The least value that can be run.
    pub least: i64,
    /// Why less cannot.
    pub why: &'static str,
}

const NO_TIME: &str = "time would stand still between two of its turns";
const NEGATIVE: &str = "a time that has passed before it began cannot be waited for";

const fn limit(key: &'static str, least: i64, why: &'static str) -> Limit {
    Limit { scope: Scope::Broker, key, least, why }
}

/// All of them.
pub const LIMITS: &[Limit] = &[
    limit("broker.heartbeat.interval.ms", 1, NO_TIME),
    limit("broker.session.timeout.ms", 1, NO_TIME),
    limit("initial.broker.registration.timeout.ms", 0, NEGATIVE),
    limit("replica.fetch.wait.max.ms", 0, NEGATIVE),
    limit("replica.high.watermark.checkpoint.interval.ms", 1, NO_TIME),
    limit("replica.lag.time.max.ms", 2, NO_TIME),
    limit("replica.socket.timeout.ms", 0, NEGATIVE),
];

/// The limit of ours that `value` of `key` is beyond; `None` if it can be run.
pub fn beyond(scope: Scope, key: &str, value: i64) -> Option<&'static Limit> {
    LIMITS.iter().find(|one| one.scope == scope && one.key == key && value < one.least)
}
