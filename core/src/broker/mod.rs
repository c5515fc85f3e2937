//! The parts of a broker that talk to the controller.

pub mod alter_partition;
pub mod lifecycle;
