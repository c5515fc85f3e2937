//! The plain host: a loop over the turns of a stage. Time is what the turns say it is.

use super::{Stage, Turn, Watch};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Runs `stage` on this thread.
pub(super) fn run<S: Stage>(mut stage: S, stop: &Arc<AtomicBool>) -> S {
    let mut watch = Watch::new(stop);
    // Nothing of the host's own lives and dies with a process.
    let mut unmirrored = Vec::new();
    while stage.peek() != Turn::Done && !watch.says_stop() {
        stage.take();
        stage.life_changes(&mut unmirrored);
        unmirrored.clear();
    }
    stage
}
