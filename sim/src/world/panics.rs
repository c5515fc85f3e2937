//! Panics inside a process are findings with a place in the run, not text on the terminal.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    /// How many guards are open on this thread.
    static GUARDS: Cell<u32> = const { Cell::new(0) };
    /// What the latest guarded panic said, and where.
    static LATEST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on a panic inside a guard is kept instead of printed; all others print as before.
pub fn quiet_panics() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if GUARDS.get() == 0 {
                return loud(panic);
            }
            let place = panic.location().map(|at| format!(" ({}:{})", at.file(), at.line()));
            let text = text_of(panic.payload());
            LATEST.set(Some(format!("{text}{}", place.unwrap_or_default())));
        }));
    });
}

/// Runs `work`; if it panics, returns what it said.
pub(crate) fn guarded<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    GUARDS.set(GUARDS.get() + 1);
    // Whoever guards throws the half-changed value away or marks it, so nobody sees it half-changed.
    let result = catch_unwind(AssertUnwindSafe(work));
    GUARDS.set(GUARDS.get() - 1);
    result.map_err(|payload| LATEST.take().unwrap_or_else(|| text_of(payload.as_ref())))
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
