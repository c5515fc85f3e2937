//! What the tests over seeds of chaos share.

use std::sync::atomic::{AtomicU64, Ordering};

/// `KAFKALAB_SEEDS`, or `otherwise`: CI takes a thousand in release, `cargo test` fewer.
pub(crate) fn seeds(otherwise: u64) -> u64 {
    number("KAFKALAB_SEEDS", otherwise)
}

/// What the environment says, or `otherwise`.
pub(crate) fn number(variable: &str, otherwise: u64) -> u64 {
    let asked = std::env::var(variable).ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(otherwise)
}

/// Judges `count` seeds from `KAFKALAB_FIRST` (or 0) on, each on a thread of its own, two at a time (or as many as
/// `KAFKALAB_THREADS` says). `judge` names the seed in what it asserts.
pub(crate) fn each_seed(count: u64, judge: impl Fn(u64) + Sync) {
    let first = number("KAFKALAB_FIRST", 0);
    let (next, end) = (AtomicU64::new(first), first + count);
    let (judge, next) = (&judge, &next);
    std::thread::scope(|scope| {
        for _ in 0..number("KAFKALAB_THREADS", 2) {
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    std::thread::scope(|one| one.spawn(|| judge(seed)).join())
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                }
            });
        }
    });
}
