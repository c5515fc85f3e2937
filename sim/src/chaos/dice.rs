//! Dice: keyed draws with the few forms that a generator needs.

use kafkalab_core::chance::Draws;
use kafkalab_core::time::{Duration, Instant};

/// The draws for one part of a plan.
pub(super) struct Dice {
    draws: Draws,
}

impl Dice {
    /// For the `n`-th thing called `purpose` in the plan of `seed`.
    pub(super) fn new(seed: u64, purpose: &str, n: usize) -> Self {
        Self { draws: Draws::new(seed, purpose, n as u64) }
    }

    /// A number in `0..n`.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.draws.below(Instant::ZERO, n)
    }

    /// A number in the closed range.
    pub(super) fn between(&mut self, min: u64, max: u64) -> u64 {
        min + self.below(max - min + 1)
    }

    /// True in so many of a hundred cases.
    pub(super) fn percent(&mut self, n: u64) -> bool {
        self.below(100) < n
    }

    /// One of `items`, each as likely as the others.
    pub(super) fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize].clone()
    }

    /// One of `items` by its weight.
    pub(super) fn weighed<T: Copy>(&mut self, items: &[(u64, T)]) -> T {
        let mut left = self.below(items.iter().map(|(weight, _)| weight).sum());
        for (weight, item) in items {
            if left < *weight {
                return *item;
            }
            left -= weight;
        }
        unreachable!("the weights were summed above")
    }

    /// Whole milliseconds in the closed range.
    pub(super) fn millis(&mut self, min: u64, max: u64) -> Duration {
        Duration::from_millis(self.between(min, max))
    }

    /// Whole milliseconds in the closed range, small ones as likely as large ones: each doubling
    /// has the same share.
    pub(super) fn spread_millis(&mut self, min: u64, max: u64) -> Duration {
        let doublings = (max / min.max(1)).max(1).ilog2() as u64;
        let low = min.max(1) << self.below(doublings + 1);
        let high = (low * 2).min(max);
        self.millis(low.min(high), high)
    }
}
