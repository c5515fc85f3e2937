//! Kafka's settings, under Kafka's own keys, with Kafka's units and defaults (baseline 4.1).
//!
//! Only settings that change what kafkalab does are listed: an unknown key is a mistake in a
//! scenario, never silently ignored. Each struct answers `set(key, value)` and lists its `KEYS`.

mod broker;
mod client;
mod setting;
mod topic;
mod variation;

pub use broker::BrokerConfig;
pub use client::{Acks, ConsumerConfig, OffsetReset, ProducerConfig};
pub use setting::{SettingError, Settings};
pub use topic::TopicConfig;
pub use variation::Variations;
