//! The consumer with manual assignment: positions, fetches, and an application that polls.
//!
//! The life of a record here: `subscription` knows the position → `fetcher` asks the leader from
//! there on and buffers the answer → `consumer` polls it out of the buffer, which moves the
//! position, and lets its application process it.

mod application;
#[expect(clippy::module_inception, reason = "the file is named after Kafka's class, as all are")]
mod consumer;
mod fetcher;
mod positions;
mod subscription;
#[cfg(test)]
mod tests;

pub use consumer::{ConsumerNode, ConsumerSpec};
pub use subscription::FetchState;
