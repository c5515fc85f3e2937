//! The circumstances of a recorded run: who was down, paused or fenced, which links had a fault, and
//! whom the controller had made leader, each from when to when.
//!
//! It is drawn once from a recording; causes are questions to it. A moment is the number of an entry,
//! so that two things at the same time still have an order.

use crate::recording::{Entry, Happening};
use crate::scenario::action::{Action, Flow, Link, Nodes};
use crate::scenario::plan::Plan;
use crate::story::Told;
use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::epoch::LeaderEpoch;
use kafkalab_core::event::{ControllerEvent, Event};
use kafkalab_core::id::{NodeId, NodeKind, TopicPartition};
use kafkalab_core::time::{Duration, Instant};
use std::collections::{BTreeMap, BTreeSet};

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// By the story: the process was killed, the page cache survived.
    Killed,
    /// By the story: the machine lost its power, and what was not flushed with it.
    PowerLost,
    /// By the story: SIGTERM.
    Stopped,
    /// By itself: an application that failed, a broker that gave up.
    ByItself,
}

/// From one entry to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// When it began.
    pub at: Instant,
    /// The entry that began it.
    pub from: usize,
    /// The first entry after it; `None` if it lasts until the end of the run.
    pub until: Option<usize>,
}

impl Span {
    const fn open(at: Instant, from: usize) -> Self {
        Self { at, from, until: None }
    }

    /// Whether `entry` is in it.
    pub fn holds(&self, entry: usize) -> bool {
        self.from <= entry && self.until.is_none_or(|until| entry < until)
    }
}

/// A time for which a node was down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// From its end to its next life.
    pub span: Span,
    /// How the life before ended.
    pub end: End,
    /// The entry at which its disk was emptied; `None` if it was not.
    pub wiped: Option<usize>,
}

/// What can be wrong with a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkFault {
    /// Nothing passes.
    Cut,
    /// One kind of message is held back.
    Held,
    /// Messages take longer.
    Slow,
    /// Packets are lost and sent again.
    Dropping,
}

/// A fault of one direction of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fault {
    from: NodeId,
    to: NodeId,
    what: LinkFault,
    span: Span,
}

/// What the controller had committed of a partition, from an entry on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// When it was committed.
    pub at: Instant,
    /// The entry.
    pub entry: usize,
    /// The leader; `None` if nobody could be elected.
    pub leader: Option<NodeId>,
    /// Its epoch.
    pub epoch: LeaderEpoch,
    /// The in-sync replicas.
    pub isr: BrokerSet,
    /// The leader came from outside of the ISR.
    pub is_unclean: bool,
}

/// The circumstances of a run.
#[derive(Clone, Debug, Default)]
pub struct Chronicle {
    outages: BTreeMap<NodeId, Vec<Outage>>,
    pauses: BTreeMap<NodeId, Vec<Span>>,
    slow_disks: BTreeMap<NodeId, Vec<Span>>,
    fenced: BTreeMap<NodeId, Vec<Span>>,
    faults: Vec<Fault>,
    terms: BTreeMap<TopicPartition, Vec<Term>>,
    booted: BTreeSet<NodeId>,
}

impl Chronicle {
    /// The circumstances of the run of `plan` that left `entries`.
    pub fn of(plan: &Plan, entries: &[Entry]) -> Self {
        let mut writer = Writer::new(plan);
        for (n, entry) in entries.iter().enumerate() {
            writer.take(n, entry);
        }
        writer.chronicle
    }

    /// Whether `node` was ever started.
    pub fn was_ever_up(&self, node: NodeId) -> bool {
        self.booted.contains(&node)
    }

    /// The time down that `node` is in at `entry`.
    pub fn outage(&self, node: NodeId, entry: usize) -> Option<Outage> {
        self.outages.get(&node)?.iter().rev().find(|outage| outage.span.holds(entry)).copied()
    }

    /// The latest time down of `node` that began before `entry`.
    pub fn last_outage(&self, node: NodeId, entry: usize) -> Option<Outage> {
        self.outages.get(&node)?.iter().rev().find(|outage| outage.span.from < entry).copied()
    }

    /// The pause that `node` is in at `entry`.
    pub fn pause(&self, node: NodeId, entry: usize) -> Option<Span> {
        self.pauses.get(&node)?.iter().rev().find(|span| span.holds(entry)).copied()
    }

    /// The time of a slow disk that `node` is in at `entry`.
    fn slow_disk(&self, node: NodeId, entry: usize) -> Option<Span> {
        self.slow_disks.get(&node)?.iter().rev().find(|span| span.holds(entry)).copied()
    }

    /// Whether the disk of `node` is slow at `entry`.
    pub fn has_slow_disk(&self, node: NodeId, entry: usize) -> bool {
        self.slow_disk(node, entry).is_some()
    }

    /// Whether the controller holds `broker` for dead at `entry`.
    pub fn is_fenced(&self, broker: NodeId, entry: usize) -> bool {
        self.fenced.get(&broker).is_some_and(|spans| spans.iter().any(|span| span.holds(entry)))
    }

    /// The worst fault of the link between two nodes at `entry`, in either direction, and who cannot
    /// reach whom.
    pub fn fault(
        &self,
        one: NodeId,
        other: NodeId,
        entry: usize,
    ) -> Option<(LinkFault, NodeId, NodeId)> {
        let is_between = |fault: &&Fault| {
            fault.span.holds(entry)
                && ((fault.from, fault.to) == (one, other)
                    || (fault.from, fault.to) == (other, one))
        };
        let found = self.faults.iter().filter(is_between).min_by_key(|fault| fault.what)?;
        Some((found.what, found.from, found.to))
    }

    /// What the controller has committed of `tp` at `entry`.
    pub fn term(&self, tp: TopicPartition, entry: usize) -> Option<&Term> {
        let terms = self.terms(tp);
        terms[..terms.partition_point(|term| term.entry <= entry)].last()
    }

    /// Everything the controller committed of `tp`, in order.
    pub fn terms(&self, tp: TopicPartition) -> &[Term] {
        self.terms.get(&tp).map_or(&[], Vec::as_slice)
    }

    /// The entries that began what lasts at `entry` and bears on `nodes`: their times down, paused and
    /// with a slow disk, the faults of the links between them.
    pub fn lasting(&self, nodes: &BTreeSet<NodeId>, entry: usize) -> BTreeSet<usize> {
        let mut begun = BTreeSet::new();
        for node in nodes {
            begun.extend(self.outage(*node, entry).map(|outage| outage.span.from));
            begun.extend(self.pause(*node, entry).map(|span| span.from));
            begun.extend(self.slow_disk(*node, entry).map(|span| span.from));
        }
        let bears = |fault: &&Fault| {
            fault.span.holds(entry) && nodes.contains(&fault.from) && nodes.contains(&fault.to)
        };
        begun.extend(self.faults.iter().filter(bears).map(|fault| fault.span.from));
        begun
    }
}

/// Draws a chronicle, entry by entry.
struct Writer<'a> {
    plan: &'a Plan,
    chronicle: Chronicle,
    /// What the story just did to whom, until the end of that life is written down.
    deeds: BTreeMap<NodeId, (End, usize)>,
    /// Disks emptied before the end of the life before was written down.
    wiped: BTreeMap<NodeId, usize>,
    /// When pauses with a length are over.
    wakes: BTreeMap<NodeId, Instant>,
}

impl<'a> Writer<'a> {
    fn new(plan: &'a Plan) -> Self {
        let chronicle = Chronicle::default();
        let (deeds, wiped, wakes) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { plan, chronicle, deeds, wiped, wakes }
    }

    fn take(&mut self, n: usize, entry: &Entry) {
        match (&entry.what, entry.node) {
            (Happening::Told(told), _) => self.on_told(n, entry.at, *told),
            (Happening::Ended, Some(node)) => self.on_end(n, entry.at, node),
            (Happening::Booted, Some(node)) => {
                close_last(self.chronicle.outages.get_mut(&node), n, |outage| &mut outage.span);
                self.chronicle.booted.insert(node);
                self.deeds.remove(&node);
                self.wiped.remove(&node);
            }
            (Happening::Noted(Event::Controller(event)), _) => {
                self.on_controller(n, entry.at, event);
            }
            (
                Happening::Noted(Event::Replica(_) | Event::Client(_))
                | Happening::Sent(_)
                | Happening::Delivered(_)
                | Happening::Died(_)
                | Happening::Ended
                | Happening::Booted,
                _,
            ) => {}
        }
    }

    fn on_end(&mut self, n: usize, at: Instant, node: NodeId) {
        let (end, from) = self.deeds.remove(&node).unwrap_or((End::ByItself, n));
        let wiped = self.wiped.remove(&node);
        // A life that was stopped goes on until its good end.
        let from = if end == End::Stopped { n } else { from };
        let outage = Outage { span: Span::open(at, from), end, wiped };
        self.chronicle.outages.entry(node).or_default().push(outage);
        close_last(self.chronicle.pauses.get_mut(&node), n, |span| span);
    }

    fn on_controller(&mut self, n: usize, at: Instant, event: &ControllerEvent) {
        match event {
            ControllerEvent::PartitionChanged {
                tp, leader, leader_epoch, isr, is_unclean, ..
            } => {
                let (leader, epoch, isr) = (*leader, *leader_epoch, *isr);
                let term = Term { at, entry: n, leader, epoch, isr, is_unclean: *is_unclean };
                self.chronicle.terms.entry(*tp).or_default().push(term);
            }
            ControllerEvent::BrokerFenced { broker } => {
                self.chronicle.fenced.entry(*broker).or_default().push(Span::open(at, n));
            }
            ControllerEvent::BrokerUnfenced { broker } => {
                close_last(self.chronicle.fenced.get_mut(broker), n, |span| span);
            }
            ControllerEvent::Activated { .. }
            | ControllerEvent::BrokerRegistered { .. }
            | ControllerEvent::BrokerShuttingDown { .. }
            | ControllerEvent::TopicCreated { .. } => {}
        }
    }

    // ---- the story -----------------------------------------------------------------------------

    fn on_told(&mut self, n: usize, at: Instant, told: Told) {
        let plan = self.plan;
        let actions = match told {
            Told::Step(step) => &plan.steps[step].actions,
            Told::Inject(inject) => &plan.injects[inject].actions,
            Told::Wake => {
                let over: Vec<NodeId> =
                    self.wakes.iter().filter(|(_, when)| **when <= at).map(|(n, _)| *n).collect();
                for node in over {
                    self.resume(n, node);
                }
                return;
            }
            Told::RollStops(node) => {
                self.deeds.insert(node, (End::Stopped, n));
                return;
            }
            Told::RollStarts(_) => return,
        };
        for action in actions {
            self.on_action(n, at, action);
        }
    }

    fn on_action(&mut self, n: usize, at: Instant, action: &Action) {
        match action {
            Action::Kill(nodes) | Action::Restart(nodes) => self.doom(n, nodes, End::Killed),
            Action::Power(nodes) => self.doom(n, nodes, End::PowerLost),
            Action::Stop(nodes) => self.doom(n, nodes, End::Stopped),
            Action::Wipe(nodes) => {
                for node in self.resolve(n, nodes) {
                    let outages = self.chronicle.outages.get_mut(&node);
                    let last = outages.and_then(|all| all.last_mut());
                    match last.filter(|outage| outage.span.until.is_none()) {
                        Some(outage) => outage.wiped = Some(n),
                        // Killed by the same deed: its end is written down behind it.
                        None if self.deeds.contains_key(&node) => {
                            self.wiped.insert(node, n);
                        }
                        None => {}
                    }
                }
            }
            Action::Pause { nodes, length } => {
                for node in self.resolve(n, nodes) {
                    self.chronicle.pauses.entry(node).or_default().push(Span::open(at, n));
                    self.wakes.extend(length.map(|length| (node, at + length)));
                }
            }
            Action::Resume(nodes) => {
                for node in self.resolve(n, nodes) {
                    self.resume(n, node);
                }
            }
            Action::Cut(link) => self.link(n, at, link, LinkFault::Cut),
            Action::Slow { link, .. } => self.link(n, at, link, LinkFault::Slow),
            Action::Drop { link, .. } => self.link(n, at, link, LinkFault::Dropping),
            Action::Hold(Flow { link, .. }) => self.link(n, at, link, LinkFault::Held),
            Action::Release(flow) => {
                let link = flow.as_ref().map(|flow| &flow.link);
                self.clear(n, link, |what| what == LinkFault::Held);
            }
            Action::Heal(link) => self.clear(n, link.as_ref(), |_| true),
            Action::SlowDisk { nodes, by } => {
                for node in self.resolve(n, nodes) {
                    let spans = self.chronicle.slow_disks.entry(node).or_default();
                    close_last(Some(&mut *spans), n, |span| span);
                    spans.extend((*by > Duration::ZERO).then(|| Span::open(at, n)));
                }
            }
            // A roll stops its brokers one by one, and each time that is told.
            Action::Roll { .. } | Action::Start(_) | Action::Skew { .. } | Action::Send { .. } => {}
        }
    }

    fn doom(&mut self, n: usize, nodes: &Nodes, end: End) {
        for node in self.resolve(n, nodes) {
            self.deeds.insert(node, (end, n));
        }
    }

    fn resume(&mut self, n: usize, node: NodeId) {
        self.wakes.remove(&node);
        close_last(self.chronicle.pauses.get_mut(&node), n, |span| span);
    }

    fn link(&mut self, n: usize, at: Instant, link: &Link, what: LinkFault) {
        for (from, to) in self.pairs(n, link) {
            self.chronicle.faults.push(Fault { from, to, what, span: Span::open(at, n) });
        }
    }

    fn clear(&mut self, n: usize, link: Option<&Link>, is_meant: impl Fn(LinkFault) -> bool) {
        let pairs = link.map(|link| self.pairs(n, link));
        for fault in self.chronicle.faults.iter_mut().filter(|fault| fault.span.until.is_none()) {
            let is_there = pairs.as_ref().is_none_or(|all| all.contains(&(fault.from, fault.to)));
            if is_there && is_meant(fault.what) {
                fault.span.until = Some(n);
            }
        }
    }

    fn pairs(&self, n: usize, link: &Link) -> BTreeSet<(NodeId, NodeId)> {
        let (ones, others) = (self.resolve(n, &link.from), self.resolve(n, &link.to));
        let mut pairs = BTreeSet::new();
        for one in &ones {
            for other in others.iter().filter(|other| *other != one) {
                pairs.insert((*one, *other));
                if link.both {
                    pairs.insert((*other, *one));
                }
            }
        }
        pairs
    }

    /// The nodes a sentence names, as things stood when it was said.
    fn resolve(&self, n: usize, nodes: &Nodes) -> Vec<NodeId> {
        match nodes {
            Nodes::List(nodes) => nodes.clone(),
            Nodes::AllBrokers => (1..=self.plan.cluster.brokers).map(NodeId::broker).collect(),
            Nodes::Leader(tp) => {
                self.chronicle.term(*tp, n).and_then(|term| term.leader).into_iter().collect()
            }
            Nodes::Controller => self
                .plan
                .nodes()
                .filter(|node| node.kind() == NodeKind::Controller)
                .filter(|node| self.chronicle.outage(*node, n).is_none())
                .take(1)
                .collect(),
        }
    }
}

/// Ends the last span of a list at entry `n`, if it is still open.
fn close_last<T>(list: Option<&mut Vec<T>>, n: usize, span: impl Fn(&mut T) -> &mut Span) {
    if let Some(last) = list.and_then(|all| all.last_mut()) {
        span(last).until.get_or_insert(n);
    }
}
