//! Moments as people read them: seconds after t = 0, with four decimals.

use kafkalab_core::time::Instant;
use kafkalab_sim::cluster::shown;

/// `0.0424`; cut off, not rounded, so that what is later never looks earlier.
pub fn seconds(at: Instant) -> String {
    let micros = shown(at);
    let (sign, size) = (if micros < 0 { "-" } else { "" }, micros.unsigned_abs());
    format!("{sign}{}.{:04}", size / 1_000_000, size % 1_000_000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_starts_after_the_warm_up() {
        assert_eq!(seconds(Instant::from_micros(10_042_399)), "0.0423");
        assert_eq!(seconds(Instant::from_micros(9_500_000)), "-0.5000");
        assert_eq!(seconds(Instant::from_micros(21_000_000)), "11.0000");
    }
}
