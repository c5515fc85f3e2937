//! What an administrator, an accident or a story does to a world: always between two inputs, at
//! `now`.
//!
//! Each says whether it changed anything: a kill of what is down already is nothing, and leaves no
//! trace. Nothing here draws from a chance that belongs to somebody else.

use super::agenda::{Parcel, Slot, Source, What};
use super::network::{End, Hold, Side};
use super::node::Life;
use super::{LifeChange, World};
use kafkalab_core::engine::{Input, Process};
use kafkalab_core::id::{Incarnation, NodeId};
use kafkalab_core::protocol::{ApiKey, Direction};
use kafkalab_core::time::{Duration, Instant};

/// Which fault, for the trace.
#[derive(Clone, Copy)]
#[repr(u64)]
enum Tag {
    Start = 0xf0 << 56,
    Kill,
    Power,
    Inject,
    Pause,
    Resume,
    Wipe,
    Skew,
    SlowDisk,
    Cut,
    Slow,
    Drop,
    Hold,
    Release,
    Heal,
    Sever,
}

impl<P: Process> World<P> {
    /// Starts a process on a machine that is down; its boot is an input at `at`.
    pub fn start(&mut self, node: NodeId, at: Instant) -> bool {
        let slot = self.slot(node);
        let node = &mut self.nodes[slot];
        node.life = match std::mem::replace(&mut node.life, Life::Lost) {
            Life::Down(disk) => Life::Starting(disk),
            other => {
                node.life = other;
                return false;
            }
        };
        let boot = What::Boot(node.incarnation);
        self.life_changes.push(LifeChange::Started(node.id));
        let at = at.max(self.now);
        self.begin(Tag::Start, [slot as u64, at.as_micros()]);
        self.agenda.push(at, slot, Source::World, Parcel::new(boot, None));
        true
    }

    /// The process dies, its machine lives: what was sent still arrives, then its peers are told;
    /// what was written stays written.
    pub fn kill(&mut self, node: NodeId) -> bool {
        let slot = self.slot(node);
        let is_alive = self.is_alive(slot);
        if is_alive {
            self.begin(Tag::Kill, [slot as u64, 0]);
            self.end_life(slot, End::Killed);
        }
        is_alive
    }

    /// The machine loses power: nobody is told, and what was not flushed may be lost, even of a
    /// process that ended before.
    pub fn power(&mut self, node: NodeId) -> bool {
        let slot = self.slot(node);
        self.begin(Tag::Power, [slot as u64, 0]);
        let was_alive = self.is_alive(slot);
        if was_alive {
            self.end_life(slot, End::Vanished);
        }
        let node = &mut self.nodes[slot];
        if let Life::Down(disk) = &mut node.life {
            P::lose_unflushed(disk, &node.spec, self.now, &mut node.power_draws);
        }
        was_alive
    }

    /// Kills the process if there is one, and starts a new one.
    pub fn restart(&mut self, node: NodeId) {
        self.kill(node);
        self.start(node, self.now);
    }

    /// Asks the process to stop in good order (SIGTERM).
    pub fn terminate(&mut self, node: NodeId) {
        self.inject(self.now, node, Input::Terminate);
    }

    /// The only door from outside: a signal or a question of the story. Ignored by what is down
    /// when it comes.
    pub fn inject(&mut self, at: Instant, node: NodeId, input: Input) {
        assert!(
            matches!(input, Input::Terminate | Input::Ask(_)),
            "all else comes from alarms, disks and connections"
        );
        let slot = self.slot(node);
        let at = at.max(self.now);
        self.begin(Tag::Inject, [slot as u64, at.as_micros()]);
        self.agenda.push(at, slot, Source::World, Parcel::new(What::Injected(input), None));
    }

    /// A long garbage collection begins: sockets stay, nothing runs.
    pub fn pause(&mut self, node: NodeId) -> bool {
        let slot = self.slot(node);
        if self.nodes[slot].is_paused || !self.is_alive(slot) {
            return false;
        }
        self.begin(Tag::Pause, [slot as u64, 0]);
        self.nodes[slot].is_paused = true;
        self.nodes[slot].alarm = Instant::NEVER;
        true
    }

    /// It ends: everything that waited happens now, in the order in which it was due.
    pub fn resume(&mut self, node: NodeId) -> bool {
        let slot = self.slot(node);
        if !self.nodes[slot].is_paused {
            return false;
        }
        self.begin(Tag::Resume, [slot as u64, 0]);
        self.unpause(slot);
        self.set_alarm(slot);
        true
    }

    /// The disk of a machine that is down is replaced by a blank one.
    pub fn wipe(&mut self, node: NodeId) -> bool {
        let slot = self.slot(node);
        let node = &mut self.nodes[slot];
        let Life::Down(disk) = &mut node.life else { return false };
        *disk = P::blank_disk(&node.spec);
        self.begin(Tag::Wipe, [slot as u64, 0]);
        true
    }

    /// From now on the wall clock of `node` is off by `millis`. Its timers are not.
    pub fn skew(&mut self, node: NodeId, millis: i64) {
        let slot = self.slot(node);
        self.begin(Tag::Skew, [slot as u64, millis as u64]);
        self.nodes[slot].skew = millis;
    }

    /// From now on every flush, append and read of `node` takes so much longer; zero ends that.
    pub fn slow_disk(&mut self, node: NodeId, extra: Duration) {
        let slot = self.slot(node);
        self.begin(Tag::SlowDisk, [slot as u64, extra.as_micros()]);
        self.nodes[slot].disk_extra = extra;
    }

    /// Nothing passes from `from` to `to` until it heals.
    pub fn cut(&mut self, from: NodeId, to: NodeId) -> bool {
        let (from, to) = (self.slot(from), self.slot(to));
        if self.network.link(from, to).is_cut {
            return false;
        }
        self.begin(Tag::Cut, [from as u64, to as u64]);
        self.network.link(from, to).is_cut = true;
        true
    }

    /// Messages sent from now on take so much longer from `from` to `to`.
    pub fn slow(&mut self, from: NodeId, to: NodeId, extra: Duration) {
        let (from, to) = (self.slot(from), self.slot(to));
        self.begin(Tag::Slow, [(from << 16 | to) as u64, extra.as_micros()]);
        self.network.link(from, to).extra = extra;
    }

    /// So many of a thousand packets get lost from `from` to `to`: TCP repeats them, later and
    /// later, and gives up after six tries.
    pub fn drop(&mut self, from: NodeId, to: NodeId, permille: u16) {
        assert!(permille <= 1_000, "at most all packets get lost");
        let (from, to) = (self.slot(from), self.slot(to));
        self.begin(Tag::Drop, [(from << 16 | to) as u64, u64::from(permille)]);
        self.network.link(from, to).drop_permille = permille;
    }

    /// Messages of this kind stop before `to` until they are released.
    pub fn hold(&mut self, api: ApiKey, direction: Direction, from: NodeId, to: NodeId) -> bool {
        let (from, to) = (self.slot(from), self.slot(to));
        let is_new = self.network.hold(Hold { api, direction, from, to });
        if is_new {
            let kind = (api as u64) << 1 | direction as u64;
            self.begin(Tag::Hold, [kind, (from << 16 | to) as u64]);
        }
        is_new
    }

    /// Ends a hold.
    pub fn release(&mut self, api: ApiKey, direction: Direction, from: NodeId, to: NodeId) -> bool {
        let released = Hold { api, direction, from: self.slot(from), to: self.slot(to) };
        let was_held = self.network.release(|hold| *hold == released);
        if was_held {
            let kind = (api as u64) << 1 | direction as u64;
            self.begin(Tag::Release, [kind, (released.from << 16 | released.to) as u64]);
            self.flow_all();
        }
        was_held
    }

    /// Ends every hold.
    pub fn release_all(&mut self) {
        if self.network.release(|_| true) {
            self.begin(Tag::Release, [u64::MAX, u64::MAX]);
            self.flow_all();
        }
    }

    /// Ends all faults of all links, holds included.
    pub fn heal(&mut self) {
        self.begin(Tag::Heal, [u64::MAX, u64::MAX]);
        for from in 0..self.nodes.len() {
            for to in 0..self.nodes.len() {
                self.heal_slots(from, to);
            }
        }
        self.flow_all();
    }

    /// Ends all faults of the link from `from` to `to`, holds included.
    pub fn heal_link(&mut self, from: NodeId, to: NodeId) {
        let (from, to) = (self.slot(from), self.slot(to));
        self.begin(Tag::Heal, [from as u64, to as u64]);
        self.heal_slots(from, to);
        self.flow_all();
    }

    /// Breaks every connection between two living machines.
    pub fn sever(&mut self, one: NodeId, other: NodeId) {
        let (one, other) = (self.slot(one), self.slot(other));
        self.begin(Tag::Sever, [one as u64, other as u64]);
        let theirs = self.network.find(|conn| {
            conn.side_of(one).is_some() && conn.side_of(other).is_some() && conn.is_established()
        });
        for id in theirs {
            self.break_connection(id);
        }
    }

    /// A life ends, however it does; `end` says whether the machine survives it.
    pub(super) fn end_life(&mut self, slot: Slot, end: End) {
        let node = &mut self.nodes[slot];
        node.life = match std::mem::replace(&mut node.life, Life::Lost) {
            Life::Up(process) => Life::Down(process.into_disk()),
            Life::Starting(disk) => Life::Down(disk),
            Life::Down(_) | Life::Poisoned(_) | Life::Lost => unreachable!("only a life ends"),
        };
        node.incarnation = Incarnation(node.incarnation.0 + 1);
        node.forget_flushes(self.now);
        self.life_changes.push(LifeChange::Ended(node.id));
        self.unpause(slot);
        self.disconnect(slot, end);
    }

    fn unpause(&mut self, slot: Slot) {
        let node = &mut self.nodes[slot];
        node.is_paused = false;
        for key in node.backlog.drain(..) {
            self.agenda.put(key.overdue(self.now));
        }
    }

    fn heal_slots(&mut self, from: Slot, to: Slot) {
        self.network.link(from, to).heal();
        self.network.release(|hold| hold.from == from && hold.to == to);
        for id in self.network.find(|conn| conn.side_of(from).is_some()) {
            let Some((side, conn)) = self.network.held_by(to, id) else { continue };
            // A message of which every try was lost so far gets through now.
            conn.lane(side).gives_up = Instant::NEVER;
        }
    }

    fn flow_all(&mut self) {
        for id in self.network.find(|_| true) {
            for side in Side::BOTH {
                self.flow(id, side);
            }
        }
    }

    fn is_alive(&self, slot: Slot) -> bool {
        matches!(self.nodes[slot].life, Life::Up(_) | Life::Starting(_))
    }

    /// A fault begins. Its deaths join those of the faults before it, until somebody takes them.
    fn begin(&mut self, tag: Tag, words: [u64; 2]) {
        self.report.notes.clear();
        self.report.sent.clear();
        self.counters.faults += 1;
        self.trace.words([tag as u64, self.now.as_micros()]);
        self.trace.words(words);
    }
}
