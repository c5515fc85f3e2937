//! Clients: a producer, a consumer and the admin client, each with its application inside.
//!
//! Owns what an application links into its own process. A client never sees a broker's types: all it
//! knows of a broker is what the broker answers. Reading order: `network` is the set of connections,
//! `metadata` what a client believes about leaders, then one folder per client.
//!
//! A client is one process although Kafka's has two threads (application and network). They stay
//! apart as two sets of alarms: a paused process freezes both, a slow application only its own.

mod admin;
mod consumer;
mod metadata;
mod network;
mod producer;
#[cfg(test)]
mod testing;

pub use admin::{AdminNode, AdminSpec};
pub use consumer::{ConsumerNode, ConsumerSpec, FetchState};
pub use producer::{ProducerDisk, ProducerNode, ProducerSpec, Resume, Workload};
