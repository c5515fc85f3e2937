//! Chance: keyed draws instead of streams.
//!
//! A value is a mix of (seed, label, moment, ordinal at this moment), where the label names purpose
//! and actor. Nothing is consumed from a shared stream, so adding or removing something in a run
//! never shifts the draws of anything else: forks, comparisons and shrinking rest on this. The mix
//! is our own and fixed: a printed seed keeps its meaning for ever.

use crate::time::{Duration, Instant};

/// The draws of one actor for one purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draws {
    key: u64,
    at: Instant,
    ordinal: u32,
}

impl Draws {
    /// Draws for `purpose` by `actor` in the run of `seed`.
    pub fn new(seed: u64, purpose: &str, actor: u64) -> Self {
        let label = purpose.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self { key: mix(mix(seed, label), actor), at: Instant::ZERO, ordinal: 0 }
    }

    /// The next value at `now`, uniform over all of `u64`.
    pub fn draw(&mut self, now: Instant) -> u64 {
        self.ordinal = if self.at == now { self.ordinal + 1 } else { 0 };
        self.at = now;
        mix(mix(self.key, now.as_micros()), u64::from(self.ordinal))
    }

    /// A value in `0..n`.
    pub fn below(&mut self, now: Instant, n: u64) -> u64 {
        assert!(n > 0, "a draw needs at least one possible value");
        // The high half of a 128-bit product: no modulo bias worth the name for n far below 2^64.
        ((u128::from(self.draw(now)) * u128::from(n)) >> 64) as u64
    }

    /// A length in the closed range `min..=max`.
    pub fn between(&mut self, now: Instant, min: Duration, max: Duration) -> Duration {
        assert!(min <= max, "a range of lengths runs upwards");
        let width = max.as_micros() - min.as_micros();
        match width.checked_add(1) {
            Some(n) => Duration::from_micros(min.as_micros() + self.below(now, n)),
            None => Duration::from_micros(self.draw(now)),
        }
    }
}

/// Mixes two words into one: SplitMix64's finaliser over their sum spread by the golden ratio.
pub const fn mix(a: u64, b: u64) -> u64 {
    let mut z = a.wrapping_add(b.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(0x9e37_79b9);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_depends_on_its_moment_and_not_on_earlier_draws() {
        let mut busy = Draws::new(7, "latency", 1);
        let mut quiet = busy.clone();
        for micros in 0..100 {
            busy.draw(Instant::from_micros(micros));
        }
        let now = Instant::from_micros(100);
        assert_eq!(busy.draw(now), quiet.draw(now));
    }

    #[test]
    fn draws_of_one_moment_differ() {
        let mut draws = Draws::new(7, "latency", 1);
        let now = Instant::from_micros(3);
        let (first, second) = (draws.draw(now), draws.draw(now));
        assert_ne!(first, second);
    }

    #[test]
    fn a_range_is_closed_and_covered() {
        let mut draws = Draws::new(1, "range", 0);
        let (min, max) = (Duration::from_micros(3), Duration::from_micros(6));
        let mut seen = [0; 4];
        for micros in 0..400 {
            let drawn = draws.between(Instant::from_micros(micros), min, max);
            seen[(drawn.as_micros() - 3) as usize] += 1;
        }
        assert!(seen.iter().all(|n| *n > 60), "{seen:?}");
    }

    /// Goldens and printed seeds depend on these values: they must never change.
    #[test]
    fn the_mix_is_frozen() {
        let mut draws = Draws::new(42, "frozen", 3);
        let drawn: Vec<u64> = (0..3).map(|at| draws.draw(Instant::from_micros(at))).collect();
        assert_eq!(drawn, FROZEN);
    }
    const FROZEN: [u64; 3] =
        [13_882_984_668_864_039_845, 3_696_941_048_321_233_924, 7_721_397_299_569_570_165];
}
