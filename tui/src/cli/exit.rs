//! What the number at the end of a command means.

use std::process::ExitCode;

/// How a command ended. The numbers are a contract with scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All promises hold; the answer was given.
    Pass = 0,
    /// A promise or an invariant is broken.
    Fail = 1,
    /// The command or the scenario makes no sense.
    Usage = 2,
    /// A step never fired, or the limit came first.
    Stuck = 3,
    /// A recording and this program do not give the same run.
    NotReproducible = 4,
    /// A bug in kafkalab.
    Bug = 101,
    /// Interrupted; what was known has been printed.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
