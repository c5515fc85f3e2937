//! Deadlines as state: what a process waits for, by name.

use crate::time::Instant;

/// Deadlines keyed by a small enum. A handful of keys at most: a sorted vector beats a tree.
/// The earliest stands last, because a host asks for it after every input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timers<K> {
    entries: Vec<(Instant, K)>,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self { entries: Vec::new() }
    }
}

impl<K: Copy + Ord> Timers<K> {
    /// Sets or moves the deadline of `key`.
    pub fn set(&mut self, key: K, at: Instant) {
        self.cancel(key);
        let place = self.entries.partition_point(|entry| *entry > (at, key));
        self.entries.insert(place, (at, key));
    }

    /// Forgets the deadline of `key`, if there is one.
    pub fn cancel(&mut self, key: K) {
        self.entries.retain(|(_, k)| *k != key);
    }

    /// The deadline of `key`.
    pub fn get(&self, key: K) -> Option<Instant> {
        self.entries.iter().find(|(_, k)| *k == key).map(|(at, _)| *at)
    }

    /// The earliest deadline, [`Instant::NEVER`] if there is none.
    pub fn next(&self) -> Instant {
        self.entries.last().map_or(Instant::NEVER, |(at, _)| *at)
    }

    /// Takes the earliest deadline at or before `now`; ties go to the smaller key.
    pub fn pop_due(&mut self, now: Instant) -> Option<K> {
        match self.entries.last() {
            Some((at, key)) if *at <= now => {
                let key = *key;
                self.entries.pop();
                Some(key)
            }
            Some(_) | None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pops_in_order_of_time_then_key() {
        let mut timers = Timers::default();
        let at = Instant::from_micros;
        timers.set('b', at(5));
        timers.set('a', at(5));
        timers.set('z', at(1));
        timers.set('z', at(9));
        assert_eq!(timers.next(), at(5));
        assert_eq!(timers.pop_due(at(4)), None);
        assert_eq!(timers.pop_due(at(9)), Some('a'));
        assert_eq!(timers.pop_due(at(9)), Some('b'));
        assert_eq!(timers.pop_due(at(9)), Some('z'));
        assert_eq!(timers.next(), Instant::NEVER);
    }
}
