//! What the tests over seeds of chaos share.

pub(crate) mod seeds;

pub(crate) use seeds::seeds;

use std::sync::atomic::{AtomicU64, Ordering};

/// Judges every seed below `count`, each on a thread of its own, two at a time. `judge` names the
/// seed in what it asserts.
pub(crate) fn each_seed(count: u64, judge: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(0);
    let (judge, next) = (&judge, &next);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= count {
                        break;
                    }
                    std::thread::scope(|one| one.spawn(|| judge(seed)).join())
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                }
            });
        }
    });
}
