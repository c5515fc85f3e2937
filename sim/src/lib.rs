//! A simulated world for Kafka's processes, and the language in which its stories are written.
#![warn(missing_docs)]

pub mod check;
pub mod host;
pub mod look;
pub mod scenario;
pub mod world;
