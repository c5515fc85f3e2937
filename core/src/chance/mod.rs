//! Chance: keyed draws instead of streams.
//!
//! A value is a mix of (seed, name, purpose, moment, ordinal at this moment): the name is what the
//! scenario calls the node, the link, the partition ([`Name`]), never its number. Nothing is consumed
//! from a shared stream, so adding or removing something in a run never shifts the draws of anything
//! else: forks, comparisons and shrinking rest on this. The mix is our own and fixed: a printed seed
//! keeps its meaning for ever.
//!
//! ```text
//!   Chance (a node of a run) ─ purpose ─▶ Draws        one thing, such as the pauses of one channel
//!                            └ purpose ─▶ DrawsAbout   many things, each by its name, such as the
//!                                                      steps of all lanes of a broker
//! ```
//! Texts are digested when a key is made, not when a value is drawn.

mod draws;
mod name;

pub use draws::{Draws, DrawsAbout};
pub use name::{Name, Roster};

use crate::id::{Incarnation, NodeId};
use crate::time::{Duration, Instant};
use std::sync::Arc;

/// Everything random about one node of one run, before a purpose is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chance {
    seed: u64,
    me: Name,
    roster: Arc<Roster>,
}

impl Chance {
    /// The chance of `me` in the run of `seed`; `roster` says what others are called.
    pub const fn new(seed: u64, me: Name, roster: Arc<Roster>) -> Self {
        Self { seed, me, roster }
    }

    /// The same for a node that is called by its id, among others that are.
    pub fn of_node(seed: u64, me: NodeId) -> Self {
        Self::new(seed, Name::of_node(me), Arc::default())
    }

    /// What the scenario calls others.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Draws for `purpose`.
    pub const fn draws(&self, purpose: &str) -> Draws {
        Draws::of(self.seed, purpose, self.me)
    }

    /// Draws for `purpose` that concern this node and `peer`.
    pub fn draws_with(&self, purpose: &str, peer: NodeId) -> Draws {
        Draws::of(self.seed, purpose, self.me.and(self.roster.node(peer)))
    }

    /// Draws for `purpose`, each about something with a name.
    pub const fn draws_about(&self, purpose: &str) -> DrawsAbout {
        DrawsAbout::of(self.seed, purpose, self.me)
    }

    /// When the periodic `task` first runs in a life that begins it at `now`. A first life stands
    /// for a process that has been running for long, so that its task is due at any moment of the
    /// `period` to come; a later life begins it with a whole period, as Kafka's schedulers do.
    pub fn first_run(
        &self,
        task: &str,
        life: Incarnation,
        now: Instant,
        period: Duration,
    ) -> Instant {
        if life != Incarnation(0) || period == Duration::ZERO {
            return now + period;
        }
        now + self.draws(task).between(now, Duration::from_micros(1), period)
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
    fn a_task_is_due_anywhere_in_its_period_at_first_and_a_period_later_after_a_restart() {
        let (now, period) = (Instant::from_micros(500), Duration::from_micros(10));
        let mut seen = [0; 10];
        for seed in 0..1_000 {
            let chance = Chance::of_node(seed, NodeId::broker(1));
            let first = chance.first_run("heartbeat", Incarnation(0), now, period);
            seen[first.since(now).as_micros() as usize - 1] += 1;
            let later = chance.first_run("heartbeat", Incarnation(1), now, period);
            assert_eq!(later, now + period);
        }
        assert!(seen.iter().all(|n| (60..140).contains(n)), "{seen:?}");
    }
}
