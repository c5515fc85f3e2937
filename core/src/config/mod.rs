//! Kafka's settings, under Kafka's own keys, with Kafka's units and defaults (baseline 4.1).
//!
//! [`catalog`] lists every key that Kafka knows and says what becomes of it here; [`rules`] says what
//! Kafka refuses. The structs hold what is modelled: each answers `set(key, value)` and lists its
//! `KEYS`.

mod broker;
pub mod catalog;
mod client;
pub mod limits;
pub mod rules;
mod setting;
mod topic;
mod value;
mod variation;

pub use broker::BrokerConfig;
pub use client::{Acks, ConsumerConfig, OffsetReset, ProducerConfig};
pub use setting::{SettingError, Settings};
pub use topic::TopicConfig;
pub use value::Parsed;
pub use variation::Variations;

#[cfg(test)]
mod tests {
    use super::catalog::{Here, Scope};
    use super::rules::SYNONYMS;
    use super::*;

    /// The keys of a scope that the table calls modelled.
    fn modelled(scope: Scope) -> Vec<&'static str> {
        let modelled = scope.keys().filter(|key| key.here == Here::Modelled);
        let mut names: Vec<_> = modelled.map(|key| key.name).collect();
        names.sort_unstable();
        names
    }

    fn check<S: Settings>(scope: Scope, beside: &[&'static str]) {
        let mut ours = [S::KEYS, beside].concat();
        ours.sort_unstable();
        assert_eq!(modelled(scope), ours, "{scope:?}");
        let config = S::default();
        for name in S::KEYS {
            let key = scope.key(name).expect("modelled");
            let shown = config.get(name).expect("one of its keys");
            assert_eq!(key.parse(&shown), Ok(key.default_value()), "{scope:?}: {name}");
        }
    }

    #[test]
    fn what_is_modelled_is_in_the_table_with_the_same_default() {
        check::<ProducerConfig>(Scope::Producer, &[]);
        check::<ConsumerConfig>(Scope::Consumer, &[]);
        check::<TopicConfig>(Scope::Topic, &[]);
        // Brokers give topics their defaults, and say how many partitions and replicas they get.
        let of_topics = SYNONYMS.iter().filter(|(key, _)| TopicConfig::KEYS.contains(key));
        let mut beside: Vec<_> =
            of_topics.flat_map(|(_, from)| from.iter().map(|one| one.0)).collect();
        beside.extend(["num.partitions", "default.replication.factor"]);
        check::<BrokerConfig>(Scope::Broker, &beside);
        for scope in [Scope::Admin, Scope::Group] {
            assert_eq!(modelled(scope), [""; 0], "{scope:?}");
        }
    }

    /// Kafka takes what we limit: else it would not be a limit of ours.
    #[test]
    fn a_limit_of_ours_is_none_of_kafka_s() {
        for limit in limits::LIMITS {
            let key = limit.scope.key(limit.key).expect("a key of Kafka's");
            assert_eq!(key.here, Here::Modelled, "{}", key.name);
            let beyond = limit.least - 1;
            assert!(key.parse(&beyond.to_string()).is_ok(), "{} = {beyond}", key.name);
            assert_eq!(limits::beyond(limit.scope, limit.key, beyond), Some(limit));
            assert_eq!(limits::beyond(limit.scope, limit.key, limit.least), None);
        }
    }
}
