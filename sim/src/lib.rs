//! sim
pub mod host;
pub mod world;
