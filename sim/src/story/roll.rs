//! Rolling restarts: each broker in turn is stopped in good order and started once it has exited.
//!
//! Without a pace the next one waits until the one before serves again and every ISR is full. With
//! `every 5s` the next one is stopped 5 s after the one before, whatever the state of the cluster.

use crate::look::{Committed, Look};
use crate::world::World;
use kafkalab_core::id::NodeId;
use kafkalab_core::node::Node;
use kafkalab_core::time::{Duration, Instant};
use std::collections::VecDeque;

/// Where one `roll` stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Roll {
    /// Still to be stopped, in order.
    rest: VecDeque<NodeId>,
    /// Told to stop, not exited yet.
    stopping: Vec<NodeId>,
    /// Started last; it must serve again before the next one is stopped.
    started: Option<NodeId>,
    every: Option<Duration>,
    /// With a pace: when the next one is stopped.
    next: Instant,
}

/// What a roll does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// Tells a broker to stop.
    Stop(NodeId),
    /// Starts one that has exited.
    Start(NodeId),
}

impl Roll {
    /// A roll of `nodes` that begins now.
    pub(super) fn new(nodes: Vec<NodeId>, every: Option<Duration>, now: Instant) -> Self {
        let (rest, stopping) = (nodes.into(), Vec::new());
        Self { rest, stopping, started: None, every, next: now }
    }

    /// What can be done at `now`; `None` if it has to wait.
    pub(super) fn next_move(
        &self,
        world: &World<Node>,
        committed: &Committed,
        now: Instant,
    ) -> Option<Move> {
        if let Some(exited) = self.stopping.iter().find(|node| !world.is_up(**node)) {
            return Some(Move::Start(*exited));
        }
        let next = *self.rest.front()?;
        let is_its_turn = match self.every {
            Some(_) => now >= self.next,
            None => self.stopping.is_empty() && self.has_settled(world, committed),
        };
        is_its_turn.then_some(Move::Stop(next))
    }

    /// Enters that `done` was done at `now`.
    pub(super) fn enter(&mut self, done: Move, now: Instant) {
        match done {
            Move::Stop(node) => {
                self.rest.pop_front();
                self.stopping.push(node);
                self.next = self.every.map_or(now, |every| now + every);
            }
            Move::Start(node) => {
                self.stopping.retain(|other| *other != node);
                self.started = Some(node);
            }
        }
    }

    /// When it goes on by time alone.
    pub(super) fn next_time(&self) -> Option<Instant> {
        self.every.filter(|_| !self.rest.is_empty()).map(|_| self.next)
    }

    /// Every broker has been stopped and started, and (without a pace) the last one serves again.
    pub(super) fn is_over(&self, world: &World<Node>, committed: &Committed) -> bool {
        let is_done = self.rest.is_empty() && self.stopping.is_empty();
        is_done && (self.every.is_some() || self.has_settled(world, committed))
    }

    /// What it waits for.
    pub(super) fn pending(&self) -> String {
        match (self.stopping.first(), self.started) {
            (Some(node), _) => format!("a roll waits until {node} has exited"),
            (None, Some(node)) => {
                format!("a roll waits until {node} serves again and every ISR is full")
            }
            (None, None) => "a roll has yet to begin".to_owned(),
        }
    }

    /// The broker started last is unfenced and every ISR is full.
    fn has_settled(&self, world: &World<Node>, committed: &Committed) -> bool {
        let Some(node) = self.started else { return true };
        let image = committed.image();
        let is_registered = image.brokers.get(&node).is_some_and(|known| !known.is_fenced)
            && Look::at(world).broker(node).is_some_and(|broker| {
                broker.broker_epoch() == image.brokers.get(&node).map(|known| known.epoch)
            });
        is_registered
            && image.partitions().all(|(_, known)| known.isr.len() == known.replicas.len())
    }
}
