//! Ctrl-C: once, what is known is printed; twice, the program is gone.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGINT;
use signal_hook::flag;

use super::exit::Exit;

/// A flag that Ctrl-C sets.
pub fn watch() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    // In this order: the first signal finds the flag down and only sets it, the second finds it up.
    // Where a handler cannot be installed, Ctrl-C ends the program as it does any other.
    let _unwatched =
        flag::register_conditional_shutdown(SIGINT, Exit::Interrupted as i32, Arc::clone(&stop))
            .and_then(|_| flag::register(SIGINT, Arc::clone(&stop)));
    stop
}
