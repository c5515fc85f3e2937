//! What happens on connections: opening, sending, arriving, getting stuck, breaking, ending.
//!
//! Bytes on a connection are ordered per direction, and that holds through every fault: a message
//! that is slow, stuck or retransmitted keeps what was sent behind it waiting, and one that dies
//! takes everything behind it along.

use super::World;
use super::agenda::{Key, Parcel, Slot, Source, What};
use super::lots::About;
use super::network::{End, GIVE_UP, Side, Transit};
use super::report::{Death, Died, Letter, Sent, conn_code, letter, message_code};
use kafkalab_core::engine::Process;
use kafkalab_core::id::{ConnId, InputNo, NodeId};
use kafkalab_core::protocol::{Body, Frame, Request, Response};
use kafkalab_core::time::Instant;
use std::collections::VecDeque;

const TAG_CONNECT: u64 = 0xc0 << 56;
const TAG_CLOSE: u64 = 0xc1 << 56;
const TAG_SEND: u64 = 0xc2 << 56;
const TAG_DIED: u64 = 0xc3 << 56;

impl<P: Process> World<P> {
    /// The process at `slot` opens a connection: one trip there, one trip back.
    pub(super) fn connect(&mut self, slot: Slot, id: ConnId, to: NodeId) {
        self.trace.words([TAG_CONNECT | conn_code(id), u64::from(to.raw())]);
        let Some(server) = self.directory.find(to).filter(|server| *server != slot) else {
            return self.poison(slot, format!("connects to {to}, which is no other node"));
        };
        if id.client != self.nodes[slot].id || !self.network.open(id, slot, server) {
            return self.poison(slot, format!("connects as {id:?}: not its own, or not fresh"));
        }
        self.counters.connections += 1;
        let cause = Some(self.inputs);
        match self.network.link(slot, server).transit(self.now, About::Connecting) {
            Transit::Arrives(delay) => {
                let attempt = Parcel::new(What::Attempt(id), cause);
                self.post(id, Side::Server, self.now + delay, attempt);
            }
            Transit::Lost => {
                self.notice(id, Side::Client, self.now + GIVE_UP, cause);
            }
        }
    }

    /// The process at `slot` closes its end: the peer hears of it after what was sent before.
    pub(super) fn close(&mut self, slot: Slot, id: ConnId) {
        self.trace.word(TAG_CLOSE | conn_code(id));
        let Some((side, conn)) = self.network.held_by(slot, id) else { return };
        if !conn.end(side).is_live() {
            return;
        }
        conn.set_end(side, End::Closed);
        self.hang_up(id, side.other(), Some(self.inputs));
        self.forget_if_over(id);
    }

    /// The process at `slot` sends a message.
    pub(super) fn send(&mut self, slot: Slot, frame: Frame, answers: Option<InputNo>) {
        let side = Side::receiving(frame.body.direction()).other();
        let Some((own, conn)) = self.network.held_by(slot, frame.conn) else { return };
        let (end, receiver, is_broken) = (conn.end(side), conn.slot(side.other()), conn.is_broken);
        if own != side || end == End::Connecting {
            let text = format!("sends {:?} on {:?}: {end:?}", frame.body.api(), frame.conn);
            return self.poison(slot, text);
        }
        if end != End::Open {
            return;
        }
        let letter = letter(&frame, self.nodes[slot].id, self.nodes[receiver].id);
        self.trace.words([TAG_SEND ^ message_code(&letter), answers.map_or(0, |no| no.0)]);
        self.counters.messages += 1;
        self.counters.bytes += weight(&frame.body);
        self.report.sent.push(Sent { letter, answers });
        if is_broken {
            return self.died(letter, Some(self.inputs), Death::Broken);
        }
        let id = frame.conn;
        let link = self.network.link(slot, receiver);
        let about = About::message(&frame);
        let mut parcel = Parcel::new(What::Message(frame), Some(self.inputs));
        let delay = match link.transit(self.now, about) {
            Transit::Arrives(delay) => delay,
            Transit::Lost => {
                parcel.is_lost = true;
                self.expect_give_up(id, side);
                self.network.link(slot, receiver).delay(self.now, about)
            }
        };
        self.post(id, side.other(), self.now + delay, parcel);
    }

    /// Every try to transmit what `side` just sent will get lost: it will notice, and give up.
    fn expect_give_up(&mut self, id: ConnId, side: Side) {
        let at = self.now + GIVE_UP;
        let conn = self.network.conn(id).expect("a sender checked its connection");
        let (slot, peer) = (conn.slot(side), conn.slot(side.other()));
        let lane = conn.lane(side.other());
        if lane.gives_up == Instant::NEVER {
            lane.gives_up = at;
            let parcel = Parcel::new(What::GiveUp(id), Some(self.inputs));
            self.agenda.push(at, slot, Source::Peer(peer), parcel);
        }
    }

    /// Puts `parcel` on its way to `side`, due at `due` or behind what was sent before.
    fn post(&mut self, id: ConnId, side: Side, due: Instant, mut parcel: Parcel) {
        parcel.sent = self.now;
        let conn = self.network.conn(id).expect("a parcel travels on a connection");
        let due = conn.lane(side).queue(due);
        let (to, from) = (conn.slot(side), conn.slot(side.other()));
        self.agenda.push(due, to, Source::Peer(from), parcel);
    }

    /// The machine of `side` notices by itself, at `due`, that the connection is no good.
    fn notice(&mut self, id: ConnId, side: Side, due: Instant, cause: Option<InputNo>) {
        let mut parcel = Parcel::new(What::Hangup(id), cause);
        parcel.has_arrived = true;
        self.post(id, side, due, parcel);
    }

    /// Tells `side`, if it still listens, that the other is gone, behind what was sent before.
    pub(super) fn hang_up(&mut self, id: ConnId, side: Side, cause: Option<InputNo>) {
        let Some(conn) = self.network.conn(id) else { return };
        let (to, from) = (conn.slot(side), conn.slot(side.other()));
        if conn.end(side).is_live() {
            let due = self.now + self.network.link(from, to).delay(self.now, About::HangingUp);
            self.post(id, side, due, Parcel::new(What::Hangup(id), cause));
        }
    }

    /// Whether what is due cannot pass: it then waits in its lane, or dies if its sender is dead.
    pub(super) fn is_stuck(&mut self, key: Key) -> bool {
        let parcel = self.agenda.parcel(key).expect("a parcel is due");
        let Some((id, side)) = self.route(key, parcel) else { return false };
        let (is_message, is_lost) = (matches!(parcel.what, What::Message(_)), parcel.is_lost);
        let sent = parcel.sent;
        let is_cut = self.network.link(key.peer(), key.slot()).is_cut;
        let is_barred = is_cut || self.is_held(key);
        let Some(conn) = self.network.conn(id) else { return false };
        let is_sender_dead = conn.end(side.other()).is_dead();
        let lane = conn.lane(side);
        if key.at() < lane.opens {
            let later = key.due(lane.opens);
            self.agenda.put(later);
            return true;
        }
        let never_arrives = is_lost && lane.gives_up != Instant::NEVER;
        let waits = is_barred || never_arrives || !lane.stuck.is_empty();
        if is_message && lane.is_torn {
            self.discard(key, Death::Broken);
        } else if is_message && waits && is_sender_dead {
            lane.is_torn = true;
            self.discard(key, Death::StuckAtDeath);
        } else if waits {
            if is_cut || never_arrives {
                lane.unanswered = lane.unanswered.min(sent);
            }
            lane.stuck.push_back(key);
        } else {
            return false;
        }
        true
    }

    /// Whether a hold is in the way of `key`.
    fn is_held(&self, key: Key) -> bool {
        let (from, to) = (key.peer(), key.slot());
        match &self.agenda.parcel(key).expect("a parcel is due").what {
            What::Message(Frame { body, .. }) => {
                self.network.is_held(body.api(), body.direction(), from, to)
            }
            _ => false,
        }
    }

    /// The connection on which `parcel` still travels, and to which side.
    fn route(&self, key: Key, parcel: &Parcel) -> Option<(ConnId, Side)> {
        if parcel.has_arrived {
            return None;
        }
        match &parcel.what {
            What::Message(frame) => Some((frame.conn, Side::receiving(frame.body.direction()))),
            What::Accepted(id) => Some((*id, Side::Client)),
            What::Hangup(id) if self.nodes[key.slot()].id == id.client => Some((*id, Side::Client)),
            What::Attempt(id) | What::Hangup(id) => Some((*id, Side::Server)),
            What::GiveUp(_) | What::Flushed(..) | What::Boot(_) | What::Injected(_) => None,
        }
    }

    /// Lets what is stuck towards `side` go on, unless something else is in its way: at once if it
    /// had been held before its receiver, with the next retransmission if it had been lost.
    pub(super) fn flow(&mut self, id: ConnId, side: Side) {
        let Some(conn) = self.network.conn(id) else { return };
        let lane = conn.lane(side);
        let Some(first) = lane.stuck.front().copied() else { return };
        let (from, to) = (first.peer(), first.slot());
        let gives_up = lane.gives_up != Instant::NEVER;
        if gives_up || self.network.link(from, to).is_cut || self.is_held(first) {
            return;
        }
        let about = About::what(&self.agenda.parcel(first).expect("what is stuck exists").what);
        let delay = self.network.link(from, to).delay(self.now, about);
        let (now, retransmits) = (self.now, self.network.retransmission);
        let conn = self.network.conn(id).expect("it was there");
        let leaves = if retransmits { conn.next_try(side.other(), now) } else { now };
        let opens = leaves + delay;
        let lane = conn.lane(side);
        lane.repeats = leaves;
        lane.unanswered = Instant::NEVER;
        lane.opens = opens;
        lane.queue(opens);
        for key in lane.stuck.drain(..) {
            self.agenda.put(key.due(opens));
        }
    }

    /// Something has come to `slot` over the network. Whether its process is to hear of it.
    pub(super) fn receive(&mut self, key: Key, parcel: &Parcel) -> bool {
        let slot = key.slot();
        match &parcel.what {
            What::Message(frame) => {
                let side = Side::receiving(frame.body.direction());
                let is_open =
                    self.network.conn(frame.conn).is_some_and(|conn| conn.end(side) == End::Open);
                if !is_open {
                    let (from, to) = (self.nodes[key.peer()].id, self.nodes[slot].id);
                    let letter = letter(frame, from, to);
                    self.died(letter, parcel.cause, Death::NobodyThere);
                    self.reset(slot, frame.conn, side);
                }
                is_open
            }
            What::Attempt(id) => {
                self.answer_attempt(slot, *id, parcel.cause);
                false
            }
            What::GiveUp(id) => {
                self.give_up(slot, *id);
                false
            }
            What::Accepted(id) => self.network.conn(*id).is_some_and(|conn| {
                let is_awaited = conn.end(Side::Client) == End::Connecting;
                if is_awaited {
                    conn.set_end(Side::Client, End::Open);
                }
                is_awaited
            }),
            What::Hangup(id) => {
                let Some((side, conn)) = self.network.held_by(slot, *id) else { return false };
                let is_news = conn.end(side).is_live();
                if is_news {
                    conn.set_end(side, End::Closed);
                    self.forget_if_over(*id);
                }
                is_news
            }
            What::Flushed(..) | What::Boot(_) | What::Injected(_) => unreachable!("not by network"),
        }
    }

    /// An attempt reached the machine at `slot`: accepted if a process listens there, else refused.
    fn answer_attempt(&mut self, slot: Slot, id: ConnId, cause: Option<InputNo>) {
        let accepts = self.nodes[slot].is_listening();
        let Some(conn) = self.network.conn(id) else { return };
        let client = conn.slot(Side::Client);
        match self.network.link(slot, client).transit(self.now, About::Connecting) {
            Transit::Arrives(delay) => {
                let what = if accepts { What::Accepted(id) } else { What::Hangup(id) };
                let end = if accepts { End::Open } else { End::Closed };
                self.network.conn(id).expect("it was there").set_end(Side::Server, end);
                self.post(id, Side::Client, self.now + delay, Parcel::new(what, cause));
            }
            Transit::Lost => {
                self.notice(id, Side::Client, self.now + GIVE_UP, cause);
            }
        }
    }

    /// A message reached a machine that lost power and came back: it knows no such connection, and
    /// says so. (While it is down, nobody says anything.)
    fn reset(&mut self, slot: Slot, id: ConnId, side: Side) {
        let is_up = self.nodes[slot].is_up();
        let Some(conn) = self.network.conn(id) else { return };
        if is_up && conn.end(side) == End::Vanished {
            conn.set_end(side, End::Killed);
            self.hang_up(id, side.other(), None);
        }
    }

    /// The machine at `slot` has tried to transmit a message for long enough.
    fn give_up(&mut self, slot: Slot, id: ConnId) {
        let now = self.now;
        let Some((side, conn)) = self.network.held_by(slot, id) else { return };
        if conn.lane(side.other()).gives_up == now {
            self.break_connection(id);
        }
    }

    /// A connection between living peers breaks: both machines will notice, and of what is in flight
    /// a coin decides, message by message in order, how much was delivered before.
    pub(super) fn break_connection(&mut self, id: ConnId) {
        let Some(conn) = self.network.conn(id) else { return };
        conn.is_broken = true;
        for side in Side::BOTH {
            let Some(conn) = self.network.conn(id) else { return };
            let (to, from) = (conn.slot(side), conn.slot(side.other()));
            let lane = conn.lane(side);
            lane.gives_up = Instant::NEVER;
            lane.unanswered = Instant::NEVER;
            let mut flying: Vec<Key> = std::mem::take(&mut lane.stuck).into();
            lane.latest = self.now;
            let is_cut = self.network.link(from, to).is_cut;
            flying.extend(self.agenda.extract(|parcel| match &parcel.what {
                What::Message(frame) => {
                    frame.conn == id && Side::receiving(frame.body.direction()) == side
                }
                _ => false,
            }));
            let mut is_torn = is_cut;
            for key in flying {
                let about = About::what(&self.agenda.parcel(key).expect("it flies").what);
                is_torn = is_torn || !self.network.link(from, to).coin(self.now, about);
                if is_torn {
                    self.discard(key, Death::Broken);
                } else {
                    let due = key.at().max(self.now);
                    self.network.conn(id).expect("it was there").lane(side).queue(due);
                    self.agenda.put(key.due(due));
                }
            }
            let due = self.now + self.network.link(from, to).delay(self.now, About::HangingUp);
            self.notice(id, side, due, None);
        }
    }

    /// The life at `slot` ends; `end` says whether the machine still tells its peers.
    pub(super) fn disconnect(&mut self, slot: Slot, end: End) {
        assert!(end.is_dead(), "a life ends dead");
        let now = self.now;
        for id in self.network.find(|conn| conn.side_of(slot).is_some()) {
            let Some((side, conn)) = self.network.held_by(slot, id) else { continue };
            let was = conn.end(side);
            if was == End::Unbound {
                continue;
            }
            conn.set_end(side, end);
            let lane = conn.lane(side.other());
            let (goodbyes, dying): (VecDeque<Key>, VecDeque<Key>) =
                lane.stuck.drain(..).partition(|key| {
                    let parcel = self.agenda.parcel(*key).expect("what is stuck exists");
                    matches!(parcel.what, What::Hangup(_))
                });
            if goodbyes.is_empty() {
                lane.unanswered = Instant::NEVER;
            }
            lane.stuck = goodbyes;
            let is_unsent = end == End::Vanished && lane.repeats > now;
            lane.is_torn |= !dying.is_empty() || is_unsent;
            for key in dying {
                self.discard(key, Death::StuckAtDeath);
            }
            if end == End::Killed && was.is_live() {
                self.hang_up(id, side.other(), None);
            }
            self.forget_if_over(id);
        }
    }

    fn forget_if_over(&mut self, id: ConnId) {
        for key in self.network.forget_if_over(id) {
            self.discard(key, Death::NobodyThere);
        }
    }

    /// Throws away what `key`, no longer in the agenda, stands for.
    fn discard(&mut self, key: Key, why: Death) {
        let letter = self.letter_of(key);
        let parcel = self.agenda.take(key);
        if let Some(letter) = letter {
            self.died(letter, parcel.cause, why);
        }
    }

    fn died(&mut self, letter: Letter, sent_by: Option<InputNo>, why: Death) {
        self.trace.word(TAG_DIED ^ message_code(&letter));
        self.counters.died += 1;
        self.report.died.push(Died { letter, sent_by, why });
    }

    /// The envelope of the message that `key` stands for, if it is one.
    pub(super) fn letter_of(&self, key: Key) -> Option<Letter> {
        match &self.agenda.parcel(key)?.what {
            What::Message(frame) => {
                Some(letter(frame, self.nodes[key.peer()].id, self.nodes[key.slot()].id))
            }
            _ => None,
        }
    }
}

/// A message's size: 100 bytes, and the batches inside.
fn weight(body: &Body) -> u64 {
    let batches = match body {
        Body::Request(Request::Produce(request)) => {
            request.partitions.iter().map(|one| u64::from(one.body.size)).sum()
        }
        Body::Response(Response::Fetch(response)) => response
            .partitions
            .iter()
            .flat_map(|answer| &answer.batches)
            .map(|batch| u64::from(batch.body.size))
            .sum(),
        _ => 0,
    };
    100 + batches
}
