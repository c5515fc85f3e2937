//! A simulated world for Kafka's processes, and the language in which its stories are written.
//!
//! Reading order: [`world`] is the network, disks, clocks and faults as one value and [`host`] what
//! drives it; [`scenario`] is the language; [`cluster`] builds a world from a plan, [`look`] reads
//! it, [`story`] acts on it, [`ledger`] and the checks judge it; [`lab`] holds all of that together.
//! [`run`] gives each run a thread of its own, [`verdict`] says what it came to, [`chaos`] invents
//! scenarios.
#![warn(missing_docs)]

pub mod biography;
pub mod chaos;
pub mod check;
pub mod cluster;
pub mod host;
pub mod lab;
pub mod ledger;
pub mod look;
mod quiet;
pub mod recording;
pub mod remedy;
pub mod run;
pub mod scenario;
pub mod story;
pub mod storyline;
pub mod trouble;
pub mod verdict;
pub mod world;
