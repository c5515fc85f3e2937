//! How long to wait before trying again: `ExponentialBackoff` (KIP-580), rule P-03.

use crate::time::Duration;

/// Doubling from `initial` up to `max`, with 20 % jitter; the cap comes after the jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first pause.
    pub initial: Duration,
    /// The longest one.
    pub max: Duration,
}

impl Backoff {
    /// The same pause every time, without jitter.
    pub const fn fixed(pause: Duration) -> Self {
        Self { initial: pause, max: pause }
    }

    /// The pause after `failures` failures in a row (at least 1); `draw` draws from a closed range.
    pub fn pause(
        self,
        failures: u32,
        draw: impl FnOnce(Duration, Duration) -> Duration,
    ) -> Duration {
        assert!(failures >= 1, "a pause follows a failure");
        if self.initial >= self.max {
            return self.max;
        }
        let doubled = self.initial * (1 << (failures - 1).min(20));
        let (low, high) = (doubled.div(10) * 8, doubled.div(10) * 12);
        draw(low, high).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Draws;
    use crate::time::Instant;

    #[test]
    fn doubles_within_its_jitter_and_is_capped_last() {
        let backoff =
            Backoff { initial: Duration::from_millis(100), max: Duration::from_millis(1000) };
        let mut draws = Draws::new(1, "backoff", 0);
        for (failures, nominal) in [(1, 100), (2, 200), (3, 400), (4, 800)] {
            for at in 0..50 {
                let pause = backoff
                    .pause(failures, |min, max| draws.between(Instant::from_micros(at), min, max));
                assert!(pause >= Duration::from_millis(nominal * 8 / 10));
                assert!(pause <= Duration::from_millis(nominal * 12 / 10));
            }
        }
        assert_eq!(backoff.pause(9, |min, _| min), backoff.max);
    }
}
