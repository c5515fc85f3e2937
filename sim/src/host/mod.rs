//! Hosts: who waits for the next moment and takes the turns.
//!
//! A [`Stage`] is everything a run consists of: a world, its story, its observers. A host asks it
//! whose turn is next and lets it be taken, nothing else; therefore all hosts give the same run.
//! The madsim host is the runtime of ordinary runs. The plain host is a loop: it serves players and
//! forks, it keeps a binary built without `--cfg madsim` correct, and it is the oracle that the
//! madsim host is compared with.

#[cfg(madsim)]
mod madsim;
mod plain;

pub use crate::world::{LifeChange, quiet_panics};

use kafkalab_core::id::NodeId;
use kafkalab_core::time::Instant;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whose turn is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// A process takes an input (or the world judges something that came to its machine).
    Process {
        /// Which.
        node: NodeId,
        /// When.
        at: Instant,
    },
    /// The story acts: all actions that are due at one boundary.
    Story {
        /// When.
        at: Instant,
    },
    /// The run is over.
    Done,
}

/// What a host drives.
pub trait Stage {
    /// All nodes of the run.
    fn nodes(&self) -> Vec<NodeId>;

    /// Whose turn is next. Asking twice changes nothing.
    fn peek(&mut self) -> Turn;

    /// Takes exactly that turn.
    fn take(&mut self);

    /// Moves the lives that began and ended since the last call to the end of `into`, in order.
    fn life_changes(&mut self, into: &mut Vec<LifeChange>);
}

/// The hosts there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// A loop.
    Plain,
    /// One madsim node and task per process.
    Madsim,
}

impl Host {
    /// Its name as `--version` prints it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Madsim => "madsim",
        }
    }
}

/// The host of ordinary runs in this build.
pub const fn default_host() -> Host {
    if cfg!(madsim) { Host::Madsim } else { Host::Plain }
}

/// Runs `stage` until it is done. Without `--cfg madsim` every host is the plain one.
pub fn run<S: Stage + Send + 'static>(stage: S, host: Host) -> S {
    run_until(stage, host, &Arc::new(AtomicBool::new(false)))
}

/// Runs `stage` until it is done or `stop` is set, which is looked at every few thousand turns.
pub fn run_until<S: Stage + Send + 'static>(stage: S, host: Host, stop: &Arc<AtomicBool>) -> S {
    quiet_panics();
    match host {
        #[cfg(madsim)]
        Host::Madsim => madsim::run(stage, stop),
        _ => plain::run(stage, stop),
    }
}

/// Looks at a stop flag now and then.
struct Watch {
    stop: Arc<AtomicBool>,
    turns: u32,
}

impl Watch {
    const EVERY: u32 = 4_096;

    fn new(stop: &Arc<AtomicBool>) -> Self {
        Self { stop: Arc::clone(stop), turns: 0 }
    }

    /// Counts a turn; says whether to stop before it.
    fn says_stop(&mut self) -> bool {
        self.turns = (self.turns + 1) % Self::EVERY;
        self.turns == 1 && self.stop.load(Ordering::Relaxed)
    }
}
