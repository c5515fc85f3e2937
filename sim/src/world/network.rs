//! Links and connections: the state of the network, without the logic of what happens on it.
//!
//! A *link* is one direction between two machines: how long bytes take, and which faults are on.
//! A *connection* is a TCP connection: two ends, and a lane of ordered bytes towards each.

use super::agenda::{Key, Slot};
use super::lots::{About, Lots};
use super::node::Directory;
use kafkalab_core::chance::Name;
use kafkalab_core::id::{ConnId, NodeId};
use kafkalab_core::protocol::{ApiKey, Direction};
use kafkalab_core::time::{Duration, Instant};
use std::collections::VecDeque;

/// How long a message takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// At least.
    pub min: Duration,
    /// At most, the tail aside.
    pub max: Duration,
    /// So many messages in a thousand take this long instead.
    pub tail: Option<(u16, Duration)>,
}

impl Default for Latency {
    /// One millisecond, give or take a fifth.
    fn default() -> Self {
        Self { min: Duration::from_micros(800), max: Duration::from_micros(1_200), tail: None }
    }
}

/// The network of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetConfig {
    /// Of every link.
    pub latency: Latency,
    /// After a heal, what was held back goes with its sender's next retransmission, as TCP has it; if
    /// not, it goes at once.
    pub retransmission: bool,
}

impl Default for NetConfig {
    fn default() -> Self {
        Self { latency: Latency::default(), retransmission: true }
    }
}

/// One direction between two machines.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) latency: Latency,
    /// What `slow` adds.
    pub(super) extra: Duration,
    /// How many of a thousand packets get lost (`drop`).
    pub(super) drop_permille: u16,
    pub(super) is_cut: bool,
    lots: Lots,
}

/// How a message fares on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transit {
    /// It takes so long.
    Arrives(Duration),
    /// Every try gets lost; the sender gives up after [`GIVE_UP`].
    Lost,
}

/// TCP's first retransmission timeout; it doubles with every lost try.
const RETRANSMISSION: Duration = Duration::from_millis(200);
/// The same while a connection is being made.
const CONNECTING: Duration = Duration::from_secs(1);
/// From one try to the next it is never longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
/// After so many lost tries the connection breaks.
const TRIES: u32 = 6;
/// How long a sender tries: 200 + 400 + … + 6400 ms.
pub(super) const GIVE_UP: Duration = Duration::from_millis(200 * ((1 << TRIES) - 1));

impl Link {
    fn new(seed: u64, latency: Latency, from: Name, to: Name) -> Self {
        Self {
            latency,
            extra: Duration::ZERO,
            drop_permille: 0,
            is_cut: false,
            lots: Lots::new(seed, from.and(to)),
        }
    }

    /// How long bytes take that leave at `now` and do not get lost; at least 1 µs.
    pub(super) fn delay(&mut self, now: Instant, about: About) -> Duration {
        let Latency { min, max, tail } = self.latency;
        let drawn = match tail {
            Some((permille, length)) if self.lots.is_slow(now, about, permille) => length,
            _ => self.lots.latency(now, about, min, max),
        };
        drawn.max(Duration::from_micros(1)) + self.extra
    }

    /// How a message fares that leaves at `now`.
    pub(super) fn transit(&mut self, now: Instant, about: About) -> Transit {
        let delay = self.delay(now, about);
        if self.drop_permille == 0 {
            return Transit::Arrives(delay);
        }
        let lost =
            (0..TRIES).take_while(|_| self.lots.is_lost(now, about, self.drop_permille)).count();
        match lost as u32 {
            TRIES => Transit::Lost,
            lost => Transit::Arrives(delay + RETRANSMISSION * ((1 << lost) - 1)),
        }
    }

    /// Whether a message in flight was delivered before its connection broke at `now`.
    pub(super) fn coin(&mut self, now: Instant, about: About) -> bool {
        self.lots.coin(now, about)
    }

    /// Ends all faults.
    pub(super) fn heal(&mut self) {
        self.extra = Duration::ZERO;
        self.drop_permille = 0;
        self.is_cut = false;
    }
}

/// One of the two sides of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Opened it, sends requests.
    Client,
    /// Sends responses.
    Server,
}

impl Side {
    pub(super) const BOTH: [Self; 2] = [Self::Client, Self::Server];

    pub(super) const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// Where messages of this direction go.
    pub(super) const fn receiving(direction: Direction) -> Self {
        match direction {
            Direction::Request => Self::Server,
            Direction::Response => Self::Client,
        }
    }
}

/// What one side knows of a connection.
///
/// ```text
/// client: Connecting ─▶ Open ─▶ Closed       server: Unbound ─▶ Open ─▶ Closed
///              any of them, when its process ends: Killed, or Vanished if power failed
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The attempt has not reached the server.
    Unbound,
    /// The client waits for the answer.
    Connecting,
    /// Messages come and go.
    Open,
    /// Closed by this side, or it was told of the end; its process lives on.
    Closed,
    /// Its process ended, and the other side is told.
    Killed,
    /// Its machine lost power: the other side is told nothing until it asks a new life.
    Vanished,
}

impl End {
    /// The process that held this end is gone.
    pub(super) const fn is_dead(self) -> bool {
        matches!(self, Self::Killed | Self::Vanished)
    }

    /// Something may still happen at this end.
    pub(super) const fn is_live(self) -> bool {
        matches!(self, Self::Connecting | Self::Open)
    }
}

/// The ordered bytes towards one side.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    /// When the latest of them arrive: nothing sent later arrives earlier.
    pub(super) latest: Instant,
    /// After a heal or release: nothing arrives before what had been stuck.
    pub(super) opens: Instant,
    /// What is stuck, in order.
    pub(super) stuck: VecDeque<Key>,
    /// When the sender gives up a message whose every try gets lost; `NEVER` if there is none.
    pub(super) gives_up: Instant,
    /// When the first byte left that a cut or a loss keeps from arriving; `NEVER` if there is none.
    pub(super) unanswered: Instant,
    /// When its sender sends again what had been lost; in the past if nothing has to be.
    pub(super) repeats: Instant,
    /// Something died in it, so nothing behind can arrive.
    pub(super) is_torn: bool,
}

impl Lane {
    const fn new() -> Self {
        Self {
            latest: Instant::ZERO,
            opens: Instant::ZERO,
            stuck: VecDeque::new(),
            gives_up: Instant::NEVER,
            unanswered: Instant::NEVER,
            repeats: Instant::ZERO,
            is_torn: false,
        }
    }

    /// When something that would arrive at `due` does, behind what was sent before.
    pub(super) fn queue(&mut self, due: Instant) -> Instant {
        self.latest = self.latest.max(due);
        self.latest
    }
}

/// A connection.
#[derive(Clone, Debug)]
pub(super) struct Conn {
    pub(super) id: ConnId,
    slots: [Slot; 2],
    ends: [End; 2],
    lanes: [Lane; 2],
    /// It broke: both sides will be told, and what they send until then is lost.
    pub(super) is_broken: bool,
}

impl Conn {
    fn new(id: ConnId, client: Slot, server: Slot) -> Self {
        Self {
            id,
            slots: [client, server],
            ends: [End::Connecting, End::Unbound],
            lanes: [Lane::new(), Lane::new()],
            is_broken: false,
        }
    }

    pub(super) const fn slot(&self, side: Side) -> Slot {
        self.slots[side as usize]
    }

    pub(super) const fn end(&self, side: Side) -> End {
        self.ends[side as usize]
    }

    pub(super) const fn set_end(&mut self, side: Side, end: End) {
        self.ends[side as usize] = end;
    }

    /// The lane towards `side`.
    pub(super) const fn lane(&mut self, side: Side) -> &mut Lane {
        &mut self.lanes[side as usize]
    }

    /// The side held by the process at `slot`, if it holds one.
    pub(super) fn side_of(&self, slot: Slot) -> Option<Side> {
        Side::BOTH.into_iter().find(|side| self.slot(*side) == slot)
    }

    /// Both sides believe in it.
    pub(super) fn is_established(&self) -> bool {
        self.ends == [End::Open; 2] && !self.is_broken
    }

    /// When `side`, whose bytes have stopped getting lost at `now`, sends again what was lost: at
    /// the next of its tries, each twice as long after the one before. Now if nothing was lost.
    pub(super) fn next_try(&self, side: Side, now: Instant) -> Instant {
        let sent = self.lanes[side.other() as usize].unanswered;
        if sent == Instant::NEVER {
            return now;
        }
        let is_being_made = self.end(Side::Client) == End::Connecting;
        let mut pause = if is_being_made { CONNECTING } else { RETRANSMISSION };
        let mut next = sent + pause;
        while next <= now {
            pause = (pause * 2).min(LONGEST_PAUSE);
            next += pause;
        }
        next
    }

    fn is_over(&self) -> bool {
        !self.ends.iter().any(|end| end.is_live())
    }
}

/// A kind of message that stops before its receiver until it is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    pub(super) api: ApiKey,
    pub(super) direction: Direction,
    pub(super) from: Slot,
    pub(super) to: Slot,
}

/// All links and connections.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) retransmission: bool,
    directory: Directory,
    nodes: usize,
    links: Vec<Link>,
    clients: Vec<Client>,
    holds: Vec<Hold>,
}

/// The connections that one process opened.
#[derive(Clone, Debug, Default)]
struct Client {
    /// By number. A handful: a sorted vector beats a tree.
    conns: Vec<Conn>,
    /// Numbers below this are used up.
    next: u32,
}

impl Network {
    pub(super) fn new(seed: u64, config: NetConfig, nodes: &[(NodeId, Name)]) -> Self {
        let links = nodes
            .iter()
            .flat_map(|from| nodes.iter().map(move |to| (*from, *to)))
            .map(|((_, from), (_, to))| Link::new(seed, config.latency, from, to))
            .collect();
        Self {
            retransmission: config.retransmission,
            directory: Directory::new(&nodes.iter().map(|(id, _)| *id).collect::<Vec<_>>()),
            nodes: nodes.len(),
            links,
            clients: vec![Client::default(); nodes.len()],
            holds: Vec::new(),
        }
    }

    pub(super) fn link(&mut self, from: Slot, to: Slot) -> &mut Link {
        &mut self.links[from * self.nodes + to]
    }

    /// Enters a new connection; says whether its number was fresh.
    pub(super) fn open(&mut self, id: ConnId, client: Slot, server: Slot) -> bool {
        let of_client = &mut self.clients[client];
        let is_fresh = id.n >= of_client.next;
        if is_fresh {
            of_client.next = id.n.saturating_add(1);
            of_client.conns.push(Conn::new(id, client, server));
        }
        is_fresh
    }

    fn place(&self, id: ConnId) -> Option<(Slot, usize)> {
        let client = self.directory.find(id.client)?;
        let place = self.clients[client].conns.binary_search_by_key(&id.n, |conn| conn.id.n);
        Some((client, place.ok()?))
    }

    /// The connection named `id`, if it still means something to somebody.
    pub(super) fn conn(&mut self, id: ConnId) -> Option<&mut Conn> {
        let (client, place) = self.place(id)?;
        Some(&mut self.clients[client].conns[place])
    }

    /// The same, and which side of it the process at `slot` holds.
    pub(super) fn held_by(&mut self, slot: Slot, id: ConnId) -> Option<(Side, &mut Conn)> {
        let conn = self.conn(id)?;
        Some((conn.side_of(slot)?, conn))
    }

    /// Forgets a connection if neither side has a live end; returns what was stuck in it.
    pub(super) fn forget_if_over(&mut self, id: ConnId) -> Vec<Key> {
        match self.place(id) {
            Some((client, place)) if self.clients[client].conns[place].is_over() => {
                let conn = self.clients[client].conns.remove(place);
                conn.lanes.into_iter().flat_map(|lane| lane.stuck).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The names of all connections for which `wanted` holds, in order.
    pub(super) fn find(&self, wanted: impl Fn(&Conn) -> bool) -> Vec<ConnId> {
        let conns = self.clients.iter().flat_map(|client| &client.conns);
        conns.filter(|conn| wanted(conn)).map(|conn| conn.id).collect()
    }

    /// All that is stuck somewhere, by connection and in order.
    pub(super) fn stuck(&self) -> impl Iterator<Item = Key> + '_ {
        let conns = self.clients.iter().flat_map(|client| &client.conns);
        conns.flat_map(|conn| &conn.lanes).flat_map(|lane| lane.stuck.iter().copied())
    }

    /// Whether messages of this kind are held on the way from `from` to `to`.
    pub(super) fn is_held(&self, api: ApiKey, direction: Direction, from: Slot, to: Slot) -> bool {
        !self.holds.is_empty() && self.holds.contains(&Hold { api, direction, from, to })
    }

    /// Starts holding; says whether that is new.
    pub(super) fn hold(&mut self, hold: Hold) -> bool {
        let is_new = !self.holds.contains(&hold);
        if is_new {
            self.holds.push(hold);
        }
        is_new
    }

    /// Ends the holds that `wanted` picks; says whether there were any.
    pub(super) fn release(&mut self, wanted: impl Fn(&Hold) -> bool) -> bool {
        let before = self.holds.len();
        self.holds.retain(|hold| !wanted(hold));
        self.holds.len() < before
    }
}
