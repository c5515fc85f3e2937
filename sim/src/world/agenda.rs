//! The agenda: everything that will happen, in the one global order.
//!
//! The order is (moment, node, lateness, source, sequence). A node's own alarms come before what
//! its peers sent, peers in order of declaration, and the world's own business (boots, flushes, the
//! story's questions) last. A sequence counts one source of one node and nothing else, so that what
//! is added in one corner of a run never reorders another corner.
//!
//! *Lateness* is nonzero only for what had to wait at a paused node: on resume it is due at once,
//! in the order in which it was due before.
//!
//! Keys are 24 bytes and live in one binary heap; what they stand for lives in a slab beside it, so
//! that sifting moves little. The slab's numbering is never observable.

use kafkalab_core::engine::{FlushId, Input};
use kafkalab_core::id::{ConnId, Incarnation, InputNo};
use kafkalab_core::protocol::Frame;
use kafkalab_core::time::Instant;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A node's place in the order of declaration.
pub(super) type Slot = usize;

/// Where something comes from, in the order of turns at one moment and node.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// A node's own alarm.
    Alarm,
    /// Bytes (or the end of them) from another node.
    Peer(Slot),
    /// Disk, administrator and story.
    World,
}

/// One thing that will happen.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    /// The input that caused it; `None` if the story did.
    pub(super) cause: Option<InputNo>,
    /// It lies in the socket buffer of a paused process: links no longer matter to it.
    pub(super) has_arrived: bool,
    /// Every try to transmit it gets lost.
    pub(super) is_lost: bool,
    /// When it left its sender, if it travels.
    pub(super) sent: Instant,
    /// What it is.
    pub(super) what: What,
}

impl Parcel {
    /// A parcel of which nothing special is known.
    pub(super) const fn new(what: What, cause: Option<InputNo>) -> Self {
        Self { cause, has_arrived: false, is_lost: false, sent: Instant::ZERO, what }
    }
}

/// What can happen.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// A message reaches its receiver.
    Message(Frame),
    /// A connection attempt reaches the server's machine.
    Attempt(ConnId),
    /// A connection attempt was accepted, and the client's machine learns it.
    Accepted(ConnId),
    /// One end learns that the other is gone.
    Hangup(ConnId),
    /// The sender gives up repeating a message: the connection breaks.
    GiveUp(ConnId),
    /// A flush of one life is done.
    Flushed(FlushId, Incarnation),
    /// A life begins.
    Boot(Incarnation),
    /// Something that came through the door from outside.
    Injected(Input),
}

/// A place in the global order, and what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    at: Instant,
    /// Node, lateness, source: 16, 32 and 16 bits.
    rank: u64,
    sequence: u32,
    parcel: u32,
}

const _: () = assert!(size_of::<Key>() == 24);

impl Key {
    const ALARM: u32 = u32::MAX;
    const ON_TIME: u32 = u32::MAX;

    fn new(at: Instant, slot: Slot, source: Source, sequence: u32, parcel: u32) -> Self {
        let rank = (slot as u64) << 48 | u64::from(Self::ON_TIME) << 16 | rank_of(source);
        Self { at, rank, sequence, parcel }
    }

    /// When it is due.
    pub(super) const fn at(self) -> Instant {
        self.at
    }

    /// At which node.
    pub(super) const fn slot(self) -> Slot {
        (self.rank >> 48) as Slot
    }

    /// From which node it comes, if it came over the network.
    pub(super) const fn peer(self) -> Slot {
        (self.rank as u16 as Slot).wrapping_sub(1)
    }

    /// Whether it is an alarm; everything else has a parcel.
    pub(super) const fn is_alarm(self) -> bool {
        self.parcel == Self::ALARM
    }

    /// The same thing, due at `at`; its place among the others of its source is kept.
    pub(super) const fn due(self, at: Instant) -> Self {
        Self { at, ..self }
    }

    /// The same thing, overdue since its moment and now due at `now`. Lateness counts up to 71
    /// minutes; of two things later than that, the source decides.
    pub(super) fn overdue(self, now: Instant) -> Self {
        let late = u32::try_from(now.since(self.at).as_micros()).unwrap_or(u32::MAX);
        let lateness = u64::from(Self::ON_TIME - late) << 16;
        let rank = self.rank & !(u64::from(u32::MAX) << 16) | lateness;
        Self { at: self.at.max(now), rank, ..self }
    }

    /// The key as words, for the trace. The parcel's number is an accident and left out.
    pub(super) const fn words(self) -> [u64; 3] {
        [self.at.as_micros(), self.rank, self.sequence as u64]
    }
}

fn rank_of(source: Source) -> u64 {
    match source {
        Source::Alarm => 0,
        Source::Peer(slot) => 1 + slot as u64,
        Source::World => u64::from(u16::MAX),
    }
}

/// The heap of keys, the slab of parcels, and a counter for each source of each node.
#[derive(Clone, Debug)]
pub(super) struct Agenda {
    heap: BinaryHeap<Reverse<Key>>,
    parcels: Vec<Option<Parcel>>,
    free: Vec<u32>,
    nodes: usize,
    sequences: Vec<u32>,
}

impl Agenda {
    pub(super) fn new(nodes: usize) -> Self {
        assert!(nodes < usize::from(u16::MAX) - 1, "a slot fits in 16 bits");
        Self {
            heap: BinaryHeap::new(),
            parcels: Vec::new(),
            free: Vec::new(),
            nodes,
            sequences: vec![0; nodes * (nodes + 1)],
        }
    }

    /// The earliest key.
    pub(super) fn first(&self) -> Option<Key> {
        self.heap.peek().map(|Reverse(key)| *key)
    }

    /// Takes the earliest key; its parcel stays in the slab.
    pub(super) fn pop(&mut self) -> Option<Key> {
        self.heap.pop().map(|Reverse(key)| key)
    }

    /// Puts a key (back) in its place.
    pub(super) fn put(&mut self, key: Key) {
        self.heap.push(Reverse(key));
    }

    /// Enters an alarm that was due at `wanted`; one that is overdue goes off at `now`.
    pub(super) fn alarm(&mut self, slot: Slot, wanted: Instant, now: Instant) {
        self.put(Key::new(wanted, slot, Source::Alarm, 0, Key::ALARM).overdue(now));
    }

    /// Enters a parcel.
    pub(super) fn push(&mut self, at: Instant, slot: Slot, source: Source, parcel: Parcel) {
        let column = match source {
            Source::Alarm => unreachable!("an alarm has no parcel"),
            Source::Peer(peer) => peer,
            Source::World => self.nodes,
        };
        let sequence = &mut self.sequences[slot * (self.nodes + 1) + column];
        *sequence += 1;
        let sequence = *sequence;
        let number = self.store(parcel);
        self.put(Key::new(at, slot, source, sequence, number));
    }

    fn store(&mut self, parcel: Parcel) -> u32 {
        if let Some(number) = self.free.pop() {
            self.parcels[number as usize] = Some(parcel);
            return number;
        }
        let number = u32::try_from(self.parcels.len()).expect("fewer than 2^32 things are pending");
        assert!(number != Key::ALARM);
        self.parcels.push(Some(parcel));
        number
    }

    /// What `key` stands for; `None` for an alarm.
    pub(super) fn parcel(&self, key: Key) -> Option<&Parcel> {
        if key.is_alarm() { None } else { self.parcels[key.parcel as usize].as_ref() }
    }

    /// What `key` stands for.
    pub(super) fn parcel_mut(&mut self, key: Key) -> &mut Parcel {
        self.parcels[key.parcel as usize].as_mut().expect("a key outlives no parcel")
    }

    /// Takes out what `key`, which is no longer in the heap, stands for.
    pub(super) fn take(&mut self, key: Key) -> Parcel {
        self.free.push(key.parcel);
        self.parcels[key.parcel as usize].take().expect("a parcel is taken once")
    }

    /// Takes all keys of parcels that `wanted` picks, in their order.
    pub(super) fn extract(&mut self, wanted: impl Fn(&Parcel) -> bool) -> Vec<Key> {
        let mut taken = Vec::new();
        let parcels = &self.parcels;
        self.heap.retain(|Reverse(key)| {
            let is_wanted =
                !key.is_alarm() && parcels[key.parcel as usize].as_ref().is_some_and(&wanted);
            if is_wanted {
                taken.push(*key);
            }
            !is_wanted
        });
        taken.sort_unstable();
        taken
    }

    /// All pending parcels, in no particular order.
    pub(super) fn parcels(&self) -> impl Iterator<Item = &Parcel> {
        self.parcels.iter().flatten()
    }

    /// All pending keys, in no particular order.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.heap.iter().map(|Reverse(key)| *key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Instant {
        Instant::from_micros(micros)
    }

    #[test]
    fn at_one_moment_alarms_come_first_then_peers_then_the_world() {
        let moment = at(5);
        let alarm = Key::new(moment, 1, Source::Alarm, 9, 0);
        let peers = [0, 1, 2].map(|peer| Key::new(moment, 1, Source::Peer(peer), 0, 0));
        let world = Key::new(moment, 1, Source::World, 0, 0);
        assert!(alarm < peers[0] && peers.is_sorted() && peers[2] < world);
        assert!(world < Key::new(moment, 2, Source::Alarm, 0, 0), "the node decides first");
    }

    #[test]
    fn what_waited_longest_comes_first() {
        let early = Key::new(at(5), 1, Source::World, 7, 0).overdue(at(20));
        let later = Key::new(at(6), 1, Source::Alarm, 0, 0).overdue(at(20));
        let fresh = Key::new(at(20), 1, Source::Alarm, 0, 0);
        assert!(early < later && later < fresh);
        assert!([early, later, fresh].iter().all(|key| key.at() == at(20) && key.slot() == 1));
    }
}
