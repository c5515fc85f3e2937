//! What a broker still has to do: the steps its threads have queued (reference M-1).
//!
//! A real broker interleaves its threads: between the read of a fetch and the counting of the
//! follower that sent it, metadata may be published or a record appended. Each thread is a *lane*
//! here: a FIFO with a busy-until time. An idle lane runs the first step of a request at its
//! arrival; what that step leaves to be done is queued behind it and takes a small drawn time of at
//! least 1 µs, so that steps of other lanes come in between.

use crate::chance::Draws;
use crate::id::{ConnId, InputNo};
use crate::time::{Duration, Instant};
use std::collections::BinaryHeap;

/// A thread of the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    /// One connection: one request at a time, answers in order of the requests.
    Network(ConnId),
    /// The publication of metadata.
    Metadata,
    /// The completion of parked requests.
    Purgatory,
}

/// A queued step of kind `W`.
#[derive(Clone, Debug)]
struct Queued<W> {
    at: Instant,
    sequence: u64,
    cause: InputNo,
    work: W,
}

impl<W> PartialEq for Queued<W> {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}

impl<W> Eq for Queued<W> {}

impl<W> PartialOrd for Queued<W> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<W> Ord for Queued<W> {
    /// Reversed: the heap gives the largest first, and the earliest is wanted.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.at, other.sequence).cmp(&(self.at, self.sequence))
    }
}

/// All queued steps, in the order they will run.
#[derive(Clone, Debug)]
pub(super) struct WorkQueue<W> {
    queue: BinaryHeap<Queued<W>>,
    busy_until: Vec<(Lane, Instant)>,
    sequence: u64,
    draws: Draws,
}

const SERVICE_MIN: Duration = Duration::from_micros(1);
const SERVICE_MAX: Duration = Duration::from_micros(9);

impl<W> WorkQueue<W> {
    /// An empty queue whose service times come from `draws`.
    pub(super) fn new(draws: Draws) -> Self {
        Self { queue: BinaryHeap::new(), busy_until: Vec::new(), sequence: 0, draws }
    }

    /// Queues `work` on `lane`, behind what is queued there. `cause` is the input that left it.
    pub(super) fn push(&mut self, now: Instant, lane: Lane, cause: InputNo, work: W) {
        let service = self.draws.between(now, SERVICE_MIN, SERVICE_MAX);
        let known = self.busy_until.iter_mut().find(|(l, _)| *l == lane);
        let at = match known {
            Some((_, busy)) => {
                *busy = (*busy).max(now) + service;
                *busy
            }
            None => {
                // Lanes that went idle are forgotten here, so that closed connections leave nothing.
                self.busy_until.retain(|(_, busy)| *busy > now);
                self.busy_until.push((lane, now + service));
                now + service
            }
        };
        self.sequence += 1;
        self.queue.push(Queued { at, sequence: self.sequence, cause, work });
    }

    /// When the next step is due.
    pub(super) fn next(&self) -> Instant {
        self.queue.peek().map_or(Instant::NEVER, |queued| queued.at)
    }

    /// Takes the next step if it is due, with the input that left it.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(InputNo, W)> {
        if self.next() > now {
            return None;
        }
        self.queue.pop().map(|queued| (queued.cause, queued.work))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_fifo_and_other_lanes_come_in_between() {
        let mut queue = WorkQueue::new(Draws::new(1, "service", 0));
        let now = Instant::from_micros(100);
        for n in 0..20 {
            queue.push(now, Lane::Metadata, InputNo(n), ('m', n));
            queue.push(now, Lane::Purgatory, InputNo(n), ('p', n));
        }
        let mut order = Vec::new();
        while let Some((_, work)) = queue.pop_due(Instant::NEVER) {
            order.push(work);
        }
        for lane in ['m', 'p'] {
            let numbers: Vec<_> = order.iter().filter(|w| w.0 == lane).map(|w| w.1).collect();
            assert_eq!(numbers, (0..20).collect::<Vec<_>>());
        }
        assert!(order.windows(2).any(|pair| pair[0].0 == 'p' && pair[1].0 == 'm'));
        assert!(order.windows(2).any(|pair| pair[0].0 == pair[1].0), "not strictly in turn");
    }

    #[test]
    fn every_queued_step_takes_at_least_a_microsecond() {
        let mut queue = WorkQueue::new(Draws::new(1, "service", 0));
        queue.push(Instant::ZERO, Lane::Metadata, InputNo(0), ());
        assert!(queue.next() >= Instant::from_micros(1));
        assert_eq!(queue.pop_due(Instant::ZERO), None);
    }
}
