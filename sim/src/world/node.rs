//! One machine: the process on it or its disk, its clock, its pending flushes.

use super::agenda::{Key, Slot};
use super::panics::guarded;
use kafkalab_core::chance::{Draws, DrawsAbout, Name};
use kafkalab_core::engine::{Effects, Input, Process};
use kafkalab_core::id::{Incarnation, NodeId, NodeKind};
use kafkalab_core::time::{Clock, Duration, Instant, Timestamp};

/// What a run is made of: a name and what an administrator installs there.
#[derive(Clone)]
pub struct NodeSetup<P: Process> {
    /// Which node.
    pub id: NodeId,
    /// What the scenario calls it: its chance goes by this, not by its number.
    pub name: Name,
    /// Its installation.
    pub spec: P::Spec,
}

impl<P: Process> NodeSetup<P> {
    /// A node that is called by its id.
    pub fn new(id: NodeId, spec: P::Spec) -> Self {
        Self { id, name: Name::of_node(id), spec }
    }
}

/// The disks of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskConfig {
    /// A flush takes at least this.
    pub flush_min: Duration,
    /// And at most this.
    pub flush_max: Duration,
}

impl Default for DiskConfig {
    fn default() -> Self {
        Self { flush_min: Duration::from_micros(500), flush_max: Duration::from_micros(1_500) }
    }
}

/// What runs on a machine.
#[derive(Clone)]
pub(super) enum Life<P: Process> {
    /// Nothing; this is left on the disk.
    Down(P::Disk),
    /// Started, and its boot is an input to come.
    Starting(P::Disk),
    /// A process.
    Up(P),
    /// A process that panicked, in whatever state that left it: to be looked at, not to be run.
    Poisoned(P),
    /// Its boot panicked, so there is not even a half-made process.
    Lost,
}

/// One machine.
#[derive(Clone)]
pub(super) struct Node<P: Process> {
    pub(super) id: NodeId,
    pub(super) spec: P::Spec,
    pub(super) life: Life<P>,
    /// Which life this is, or the next one while down.
    pub(super) incarnation: Incarnation,
    pub(super) is_paused: bool,
    /// What came due while it was paused, in no particular order.
    pub(super) backlog: Vec<Key>,
    /// How far its wall clock is off, in milliseconds.
    pub(super) skew: i64,
    /// The moment of its one alarm on the agenda; `NEVER` if there is none.
    pub(super) alarm: Instant,
    /// What `slow_disk` adds to a flush, an append and a read of data.
    pub(super) disk_extra: Duration,
    flushed_at: Instant,
    flush_draws: Draws,
    pub(super) power_draws: DrawsAbout,
}

impl<P: Process> Node<P> {
    pub(super) fn new(seed: u64, setup: NodeSetup<P>) -> Self {
        Self {
            id: setup.id,
            life: Life::Down(P::blank_disk(&setup.spec)),
            spec: setup.spec,
            incarnation: Incarnation(0),
            is_paused: false,
            backlog: Vec::new(),
            skew: 0,
            alarm: Instant::NEVER,
            disk_extra: Duration::ZERO,
            flushed_at: Instant::ZERO,
            flush_draws: Draws::of(seed, "flush", setup.name),
            power_draws: DrawsAbout::of(seed, "power", setup.name),
        }
    }

    pub(super) const fn process(&self) -> Option<&P> {
        match &self.life {
            Life::Up(process) | Life::Poisoned(process) => Some(process),
            Life::Down(_) | Life::Starting(_) | Life::Lost => None,
        }
    }

    /// Whether an attempt to connect is accepted: by a process that listens.
    pub(super) fn is_listening(&self) -> bool {
        matches!(&self.life, Life::Up(process) if process.is_listening())
    }

    pub(super) const fn is_up(&self) -> bool {
        matches!(self.life, Life::Up(_))
    }

    /// Lets the process handle `input`, or boot if there is none. Says so if it panics.
    pub(super) fn run(
        &mut self,
        clock: Clock,
        input: Option<Input>,
        fx: &mut Effects,
    ) -> Result<(), String> {
        if let Some(input) = input {
            let Life::Up(process) = &mut self.life else { unreachable!("only the living handle") };
            return guarded(|| process.handle(clock, input, fx));
        }
        let Life::Starting(disk) = std::mem::replace(&mut self.life, Life::Lost) else {
            unreachable!("only a started life boots")
        };
        let process = guarded(|| P::boot(&self.spec, disk, self.incarnation, clock, fx))?;
        self.life = Life::Up(process);
        Ok(())
    }

    /// Keeps the process as it was left by a panic.
    pub(super) fn poison(&mut self) {
        self.life = match std::mem::replace(&mut self.life, Life::Lost) {
            Life::Up(process) => Life::Poisoned(process),
            other => other,
        };
    }

    /// What the process may know of time at `now`.
    pub(super) const fn clock(&self, now: Instant) -> Clock {
        Clock { now, wall: Timestamp((now.as_micros() / 1_000) as i64 + self.skew) }
    }

    /// When a flush that is asked for at `now` will be done. A disk does one at a time.
    pub(super) fn flush(&mut self, now: Instant, config: DiskConfig) -> Instant {
        let length = self.flush_draws.between(now, config.flush_min, config.flush_max);
        self.flushed_at = self.flushed_at.max(now) + length + self.disk_extra;
        self.flushed_at
    }

    /// The machine's disk is idle again: whoever had asked is gone.
    pub(super) fn forget_flushes(&mut self, now: Instant) {
        self.flushed_at = now;
        self.alarm = Instant::NEVER;
    }
}

/// Where each node stands in the order of declaration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Directory {
    /// Brokers, controllers, clients: the slot of number 1, and how many there are.
    kinds: [(Slot, u16); 3],
}

impl Directory {
    /// `ids` in order of declaration: brokers, controllers, clients, each numbered from 1.
    pub(super) fn new(ids: &[NodeId]) -> Self {
        assert!(ids.is_sorted(), "nodes are declared in order");
        let kinds = [NodeKind::Broker, NodeKind::Controller, NodeKind::Client].map(|kind| {
            let first = ids.partition_point(|id| id.kind() < kind);
            let count = ids[first..].iter().take_while(|id| id.kind() == kind).count();
            (first, count as u16)
        });
        let directory = Self { kinds };
        for (slot, id) in ids.iter().enumerate() {
            assert_eq!(directory.find(*id), Some(slot), "{id}: numbers run from 1 without gaps");
        }
        directory
    }

    pub(super) const fn find(self, id: NodeId) -> Option<Slot> {
        let (first, count) = self.kinds[id.kind() as usize];
        if id.number() >= 1 && id.number() <= count {
            Some(first + id.number() as usize - 1)
        } else {
            None
        }
    }
}
