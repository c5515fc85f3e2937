//! Kafka's brokers, controllers and clients as pure state machines.
//!
//! A process is a value. It is handed one input and a clock, changes itself, and pushes effects in
//! the order they must happen; it opens no file, reads no clock and draws no shared random number.
//! Given the same state, clock and input it always gives the same state and effects.
//!
//! Reading order: [`time`], [`id`], [`epoch`], [`chance`] are the words; [`record`] and [`protocol`]
//! what is stored and said; [`engine`] the contract between a process and its world; [`event`] what
//! can be observed. Everything else imports only what stands above it (`tests/architecture.rs`).
#![warn(
    missing_docs,
    clippy::float_arithmetic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm
)]

pub mod broker;
pub mod broker_set;
pub mod chance;
pub mod client;
pub mod config;
pub mod controller;
pub mod coordinator;
pub mod engine;
pub mod epoch;
pub mod error_code;
pub mod event;
pub mod id;
pub mod log;
pub mod metadata;
pub mod net;
pub mod node;
pub mod protocol;
pub mod raft;
pub mod record;
pub mod replica;
#[cfg(test)]
mod testing;
pub mod time;
pub mod timers;
