//! What a broker still has to do: the steps its threads have queued (reference M-1).
//!
//! A real broker interleaves its threads: between the read of a fetch and the counting of the
//! follower that sent it, metadata may be published or a record appended. Each thread is a *lane*
//! here: a FIFO with a busy-until time. An idle lane runs the first step of a request at its
//! arrival; what that step leaves to be done is queued behind it and takes a small drawn time of at
//! least 1 µs, so that steps of other lanes come in between.

use crate::chance::{DrawsAbout, Name};
use crate::id::{ConnId, InputNo, NodeId};
use crate::time::{Duration, Instant};
use std::collections::BinaryHeap;

/// A thread of the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    /// One connection: one request at a time, answers in order of the requests.
    Network(ConnId),
    /// The fetcher for a leader.
    Fetcher(NodeId),
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
    draws: DrawsAbout,
}

const SERVICE_MIN: Duration = Duration::from_micros(1);
const SERVICE_MAX: Duration = Duration::from_micros(9);

impl<W> WorkQueue<W> {
    /// An empty queue whose service times come from `draws`.
    pub(super) fn new(draws: DrawsAbout) -> Self {
        Self { queue: BinaryHeap::new(), busy_until: Vec::new(), sequence: 0, draws }
    }

    /// Queues `work` on `lane`, behind what is queued there. It is about `what`; `cause` is the input
    /// that left it.
    pub(super) fn push(&mut self, now: Instant, lane: Lane, what: Name, cause: InputNo, work: W) {
        let service = self.draws.between(now, what, SERVICE_MIN, SERVICE_MAX);
        let at = self.busy_until(now, lane) + service;
        self.enter(now, lane, at, cause, work);
    }

    /// Queues `work` on `lane` for `due`, or behind what is queued there if that ends later.
    pub(super) fn push_at(
        &mut self,
        now: Instant,
        lane: Lane,
        due: Instant,
        cause: InputNo,
        work: W,
    ) {
        let at = self.busy_until(now, lane).max(due);
        self.enter(now, lane, at, cause, work);
    }

    /// When `lane` is done with what is queued there; now if nothing is.
    fn busy_until(&self, now: Instant, lane: Lane) -> Instant {
        let known = self.busy_until.iter().find(|(known, _)| *known == lane);
        known.map_or(now, |(_, busy)| now.max(*busy))
    }

    fn enter(&mut self, now: Instant, lane: Lane, at: Instant, cause: InputNo, work: W) {
        match self.busy_until.iter_mut().find(|(known, _)| *known == lane) {
            Some((_, busy)) => *busy = at,
            None => {
                // Lanes that went idle are forgotten here, so that closed connections leave nothing.
                self.busy_until.retain(|(_, busy)| *busy > now);
                self.busy_until.push((lane, at));
            }
        }
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

    const CONN: ConnId = ConnId { client: NodeId::client(1), n: 0 };

    fn draws() -> DrawsAbout {
        DrawsAbout::of(1, "service", Name::of("b1"))
    }

    /// Two steps about one partition, with and without steps about another before each.
    #[test]
    fn a_partition_more_lengthens_the_lane_and_no_service_time() {
        let orders = Name::of("orders");
        let now = Instant::from_micros(100);
        let finish = |others: bool| {
            let mut queue = WorkQueue::new(draws());
            for n in 0..2 {
                if others {
                    let other = orders.numbered(1);
                    queue.push(now, Lane::Network(CONN), other, InputNo(0), None);
                }
                queue.push(now, Lane::Purgatory, orders.numbered(0), InputNo(0), Some(n));
            }
            let mut ends = Vec::new();
            while queue.next() != Instant::NEVER {
                let at = queue.next();
                ends.extend(queue.pop_due(at).and_then(|(_, n)| Some((n?, at))));
            }
            ends
        };
        assert_eq!(finish(false), finish(true));
    }

    #[test]
    fn what_is_due_later_stays_behind_what_came_before() {
        let mut queue = WorkQueue::new(draws());
        let at = Instant::from_micros;
        queue.push_at(at(0), Lane::Metadata, at(90), InputNo(0), 'a');
        queue.push_at(at(10), Lane::Metadata, at(40), InputNo(0), 'b');
        queue.push_at(at(20), Lane::Metadata, at(95), InputNo(0), 'c');
        for (due, work) in [(90, 'a'), (90, 'b'), (95, 'c')] {
            assert_eq!(queue.next(), at(due));
            assert_eq!(queue.pop_due(at(due)), Some((InputNo(0), work)));
        }
    }

    #[test]
    fn a_lane_is_fifo_and_other_lanes_come_in_between() {
        let mut queue = WorkQueue::new(draws());
        let now = Instant::from_micros(100);
        for n in 0..20 {
            queue.push(now, Lane::Network(CONN), Name::of("p1"), InputNo(n), ('n', n));
            queue.push(now, Lane::Purgatory, Name::of("orders"), InputNo(n), ('p', n));
        }
        let mut order = Vec::new();
        while let Some((_, work)) = queue.pop_due(Instant::NEVER) {
            order.push(work);
        }
        for lane in ['n', 'p'] {
            let numbers: Vec<_> = order.iter().filter(|w| w.0 == lane).map(|w| w.1).collect();
            assert_eq!(numbers, (0..20).collect::<Vec<_>>());
        }
        assert!(order.windows(2).any(|pair| pair[0].0 == 'p' && pair[1].0 == 'n'));
        assert!(order.windows(2).any(|pair| pair[0].0 == pair[1].0), "not strictly in turn");
    }

    #[test]
    fn every_queued_step_takes_at_least_a_microsecond() {
        let mut queue = WorkQueue::new(draws());
        queue.push(Instant::ZERO, Lane::Purgatory, Name::of("orders"), InputNo(0), ());
        assert!(queue.next() >= Instant::from_micros(1));
        assert_eq!(queue.pop_due(Instant::ZERO), None);
    }
}
