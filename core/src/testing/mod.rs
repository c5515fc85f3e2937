//! A cluster small enough for a unit test: processes on one clock, links of one millisecond.
//!
//! This is not the simulator: nothing is drawn, lost or slow here. It exists so that core can test
//! its processes against each other without importing the crate that runs worlds.

mod bench;
mod fake_broker;
pub(crate) mod vectors;

pub(crate) use bench::{Bench, CONTROLLER};
pub(crate) use fake_broker::FakeBroker;
