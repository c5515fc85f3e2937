//! Draws: values for one purpose, by moment and by ordinal at the moment.

use super::{Name, mix};
use crate::time::{Duration, Instant};

/// The draws of one actor for one purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draws {
    key: u64,
    at: Instant,
    ordinal: u32,
}

impl Draws {
    /// Draws for `purpose` by the `actor`-th of something in the run of `seed`.
    pub const fn new(seed: u64, purpose: &str, actor: u64) -> Self {
        Self { key: key(seed, purpose, actor), at: Instant::ZERO, ordinal: 0 }
    }

    /// Draws for `purpose` by what is called `actor` in the run of `seed`.
    pub const fn of(seed: u64, purpose: &str, actor: Name) -> Self {
        Self::new(seed, purpose, actor.digest())
    }

    /// The next value at `now`, uniform over all of `u64`.
    pub fn draw(&mut self, now: Instant) -> u64 {
        self.ordinal = if self.at == now { self.ordinal + 1 } else { 0 };
        self.at = now;
        mix(mix(self.key, now.as_micros()), u64::from(self.ordinal))
    }

    /// A value in `0..n`.
    pub fn below(&mut self, now: Instant, n: u64) -> u64 {
        scale(self.draw(now), n)
    }

    /// A length in the closed range `min..=max`.
    pub fn between(&mut self, now: Instant, min: Duration, max: Duration) -> Duration {
        stretch(self.draw(now), min, max)
    }

    /// The place of one of `candidates`, each as likely as the others. Each is told by a number of
    /// its own, so that one candidate more or less changes the choice only if it is the choice.
    pub fn one_of(
        &mut self,
        now: Instant,
        candidates: impl IntoIterator<Item = u64>,
    ) -> Option<usize> {
        let drawn = self.draw(now);
        let ranked = candidates.into_iter().enumerate().max_by_key(|(_, own)| mix(drawn, *own));
        ranked.map(|(place, _)| place)
    }
}

/// The draws of one actor for one purpose about many things: the ordinal counts each thing for
/// itself, so that one of them never shifts the draws of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrawsAbout {
    key: u64,
    at: Instant,
    /// How often each thing was drawn about at `at`. A handful: a vector beats a tree.
    drawn: Vec<(Name, u32)>,
}

impl DrawsAbout {
    /// Draws for `purpose` by what is called `actor` in the run of `seed`.
    pub const fn of(seed: u64, purpose: &str, actor: Name) -> Self {
        let key = key(seed, purpose, actor.digest());
        Self { key, at: Instant::ZERO, drawn: Vec::new() }
    }

    /// The next value at `now` about `what`, uniform over all of `u64`.
    pub fn draw(&mut self, now: Instant, what: Name) -> u64 {
        if self.at != now {
            self.at = now;
            self.drawn.clear();
        }
        let ordinal = match self.drawn.iter_mut().find(|(known, _)| *known == what) {
            Some((_, ordinal)) => {
                *ordinal += 1;
                *ordinal
            }
            None => {
                self.drawn.push((what, 0));
                0
            }
        };
        mix(mix(mix(self.key, what.digest()), now.as_micros()), u64::from(ordinal))
    }

    /// A value in `0..n`.
    pub fn below(&mut self, now: Instant, what: Name, n: u64) -> u64 {
        scale(self.draw(now, what), n)
    }

    /// A length in the closed range `min..=max`.
    pub fn between(&mut self, now: Instant, what: Name, min: Duration, max: Duration) -> Duration {
        stretch(self.draw(now, what), min, max)
    }
}

const fn key(seed: u64, purpose: &str, actor: u64) -> u64 {
    mix(mix(seed, Name::of(purpose).digest()), actor)
}

/// `drawn` as a value in `0..n`.
fn scale(drawn: u64, n: u64) -> u64 {
    assert!(n > 0, "a draw needs at least one possible value");
    // The high half of a 128-bit product: no modulo bias worth the name for n far below 2^64.
    ((u128::from(drawn) * u128::from(n)) >> 64) as u64
}

/// `drawn` as a length in `min..=max`.
fn stretch(drawn: u64, min: Duration, max: Duration) -> Duration {
    assert!(min <= max, "a range of lengths runs upwards");
    let width = max.as_micros() - min.as_micros();
    match width.checked_add(1) {
        Some(n) => Duration::from_micros(min.as_micros() + scale(drawn, n)),
        None => Duration::from_micros(drawn),
    }
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

    /// What is drawn about one thing at one moment, first and second, with and without another.
    #[test]
    fn one_thing_never_shifts_the_draws_about_another() {
        let (one, other) = (Name::of("orders").numbered(0), Name::of("orders").numbered(1));
        let mut all = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let mut alone = DrawsAbout::of(seed, "service", Name::of("b1"));
            let mut both = alone.clone();
            for micros in 1..20 {
                let now = Instant::from_micros(micros);
                let expected = [alone.draw(now, one), alone.draw(now, one)];
                let mut drawn = Vec::new();
                for _ in 0..2 {
                    all.insert(both.draw(now, other));
                    drawn.push(both.draw(now, one));
                }
                assert_eq!(drawn, expected);
                all.extend(expected);
            }
        }
        assert_eq!(all.len(), 200 * 19 * 4, "no two draws are the same");
    }

    #[test]
    fn a_choice_stays_when_another_candidate_goes() {
        let mut chosen = [0; 4];
        for micros in 0..4_000 {
            let choose = |among: &[u64]| {
                let mut draws = Draws::new(1, "choice", 0);
                let place = draws.one_of(Instant::from_micros(micros), among.iter().copied());
                among[place.expect("there are candidates")]
            };
            let first = choose(&[0, 1, 2, 3]);
            chosen[first as usize] += 1;
            let rest: Vec<u64> = (0..4).filter(|own| *own != (first + 1) % 4).collect();
            assert_eq!(choose(&rest), first);
        }
        assert!(chosen.iter().all(|n| (900..1_100).contains(n)), "{chosen:?}");
        assert_eq!(Draws::new(1, "choice", 0).one_of(Instant::ZERO, []), None);
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
