//! Follows one record through a recording: which broker has it when, and which events matter to it.

use super::{Moment, Scene, is_broker};
use crate::lab::Lab;
use crate::ledger::Row;
use crate::recording::{Entry, Happening};
use crate::scenario::action::Action;
use crate::scenario::plan::Plan;
use crate::story::Told;
use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::config::Acks;
use kafkalab_core::epoch::Offset;
use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::event::{ClientEvent, ControllerEvent, Event, ReplicaEvent};
use kafkalab_core::id::{NodeId, RecordId, TopicPartition};
use kafkalab_core::protocol::{ApiKey, Direction};
use kafkalab_core::record::BatchBody;
use kafkalab_core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

/// A record that waits longer than this in its producer before it is sent has a moment for it.
const LONG_WAIT: Duration = Duration::from_millis(20);

/// What is known of one broker's replica.
#[derive(Clone, Debug, Default)]
struct Replica {
    log_end: Offset,
    high_watermark: Offset,
    /// The offsets at which it has the record.
    at: BTreeSet<Offset>,
    /// What it had when it died: on its disk, if that keeps it.
    on_disk: BTreeSet<Offset>,
}

/// The state while following, and the moments found.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the record")]
pub(super) struct Trail<'a> {
    plan: &'a Plan,
    id: RecordId,
    tp: Option<TopicPartition>,
    replicas: BTreeMap<NodeId, Replica>,
    leader: Option<NodeId>,
    isr: BrokerSet,
    is_unclean: bool,
    is_committed: bool,
    was_called: bool,
    is_replaced: bool,
    delivered: u32,
    processed: u32,
    pub(super) key: Option<String>,
    pub(super) moments: Vec<Moment>,
}

impl<'a> Trail<'a> {
    pub(super) fn follow(lab: &'a Lab, row: &Row, entries: &[Entry]) -> Self {
        let mut trail = Self {
            plan: lab.plan(),
            id: row.id,
            tp: row.tp,
            replicas: BTreeMap::new(),
            leader: None,
            isr: BrokerSet::EMPTY,
            is_unclean: false,
            is_committed: false,
            was_called: false,
            is_replaced: false,
            delivered: 0,
            processed: 0,
            key: None,
            moments: Vec::new(),
        };
        for n in 0..entries.len() {
            trail.take(entries, n);
        }
        trail.leave_out_what_does_not_matter();
        trail
    }

    /// The brokers that have the record now.
    pub(super) fn holders(&self) -> BrokerSet {
        let has_it = |replica: &Replica| !replica.at.is_empty() || !replica.on_disk.is_empty();
        self.replicas.iter().filter(|(_, replica)| has_it(replica)).map(|(node, _)| *node).collect()
    }

    /// Those of them that are down.
    pub(super) fn down(&self) -> BrokerSet {
        let is_down = |replica: &Replica| !replica.on_disk.is_empty();
        self.replicas
            .iter()
            .filter(|(_, replica)| is_down(replica))
            .map(|(node, _)| *node)
            .collect()
    }

    /// Its offset in the final log.
    pub(super) fn stands_at(&self, lab: &Lab, row: &Row) -> Option<Offset> {
        let tp = row.tp?;
        let leader = lab.committed().partition(tp).and_then(|partition| partition.leader);
        let replica = self.replicas.get(&leader.or(self.leader)?)?;
        replica.at.iter().chain(&replica.on_disk).next().copied()
    }

    fn push(&mut self, entry: &Entry, n: usize, what: Scene) {
        let high_watermark = self.leader.and_then(|leader| self.replicas.get(&leader));
        let high_watermark = high_watermark.map(|replica| replica.high_watermark);
        let (at, holders, down) = (entry.at, self.holders(), self.down());
        self.moments.push(Moment { at, entry: n, what, holders, down, high_watermark });
    }

    fn take(&mut self, entries: &[Entry], n: usize) {
        let entry = &entries[n];
        match (&entry.what, entry.node) {
            (Happening::Noted(Event::Client(event)), Some(node)) => {
                self.on_client(entries, n, node, event);
            }
            (Happening::Noted(Event::Replica(event)), Some(node)) => {
                self.on_replica(entry, n, node, event);
            }
            (Happening::Noted(Event::Controller(event)), _) => self.on_controller(entry, n, event),
            (Happening::Booted, Some(node)) => self.on_boot(entry, n, node),
            (Happening::Ended, Some(node)) => self.on_end(entry, n, node),
            (Happening::Told(told), _) if self.matters(*told) => {
                self.push(entry, n, Scene::Told { told: *told, ended: Vec::new() });
            }
            _ => {}
        }
    }

    // ---- clients -------------------------------------------------------------------------------

    fn is_in(&self, body: &BatchBody) -> bool {
        body.records.iter().any(|record| record.id == Some(self.id))
    }

    fn on_client(&mut self, entries: &[Entry], n: usize, node: NodeId, event: &ClientEvent) {
        let entry = &entries[n];
        let what = match event {
            ClientEvent::SendCalled { id, .. } if *id == self.id => {
                self.was_called = true;
                Scene::Called
            }
            ClientEvent::BatchSent { body, attempt, .. } if self.is_in(body) => {
                let record = body.records.iter().find(|record| record.id == Some(self.id));
                let key = record.and_then(|record| record.key.as_ref());
                self.key = key.map(|key| String::from_utf8_lossy(key).into_owned());
                Scene::Sent { to: receiver(entries, n), attempt: *attempt }
            }
            ClientEvent::BatchAcked { body, .. } if self.is_in(body) => Scene::Acked,
            ClientEvent::BatchRetried { body, error, .. } if self.is_in(body) => {
                Scene::Retried { error: *error }
            }
            ClientEvent::BatchFailed { body, error, is_indefinite, .. } if self.is_in(body) => {
                Scene::Failed { error: *error, is_indefinite: *is_indefinite }
            }
            ClientEvent::SendRefused { id, error } if *id == self.id => {
                Scene::Failed { error: *error, is_indefinite: false }
            }
            ClientEvent::Delivered { id: Some(id), .. } if *id == self.id => {
                self.delivered += 1;
                Scene::Delivered { to: node, nth: self.delivered }
            }
            ClientEvent::Processed { id: Some(id), .. } if *id == self.id => {
                self.processed += 1;
                Scene::Processed { by: node, nth: self.processed }
            }
            _ => return,
        };
        self.push(entry, n, what);
    }

    // ---- brokers -------------------------------------------------------------------------------

    fn on_replica(&mut self, entry: &Entry, n: usize, node: NodeId, event: &ReplicaEvent) {
        let Some(mine) = self.tp else { return };
        match event {
            ReplicaEvent::Appended { tp, base_offset, leader_epoch, as_leader, body }
                if *tp == mine =>
            {
                self.replica(node).log_end = base_offset.plus(body.span());
                let own = body.records.iter().find(|record| record.id == Some(self.id));
                let Some(own) = own else {
                    if *as_leader {
                        self.look_for_successor(entry, n, node, *base_offset, body);
                    }
                    return;
                };
                let offset = base_offset.plus(u64::from(own.offset_delta));
                self.replica(node).at.insert(offset);
                let what = if *as_leader {
                    Scene::Appended { on: node, offset, epoch: *leader_epoch }
                } else {
                    Scene::Copied { on: node, offset }
                };
                self.push(entry, n, what);
            }
            ReplicaEvent::DuplicateRecognised { tp, body, .. }
                if *tp == mine && self.is_in(body) =>
            {
                self.push(entry, n, Scene::Recognised { on: node });
            }
            // With acks=0 nothing is sent back: an answer of success is none.
            ReplicaEvent::ProduceAnswered { tp, error, acks, body, .. }
                if *tp == mine
                    && (*acks != Acks::None || *error != ErrorCode::None)
                    && self.is_in(body) =>
            {
                self.push(entry, n, Scene::Answered { on: node, error: *error });
            }
            ReplicaEvent::HighWatermark { tp, from, to, as_leader } if *tp == mine => {
                self.on_high_watermark(entry, n, node, (*from, *to), *as_leader);
            }
            ReplicaEvent::Truncated { tp, from, to, .. } if *tp == mine => {
                self.replica(node).log_end = *to;
                if self.cut(node, *to) {
                    self.push(entry, n, Scene::Cut { on: node, from: *from, to: *to });
                }
            }
            ReplicaEvent::Loaded { tp, log_end_offset, high_watermark, .. } if *tp == mine => {
                self.on_loaded(entry, n, node, (*log_end_offset, *high_watermark));
            }
            ReplicaEvent::BecameLeader { tp, leader_epoch, high_watermark, .. } if *tp == mine => {
                self.replica(node).high_watermark = *high_watermark;
                let before = self.leader.replace(node);
                if before.is_some() && self.was_called {
                    let replica = self.replica(node);
                    let (log_end, has_it) = (replica.log_end, !replica.at.is_empty());
                    let is_unclean = std::mem::take(&mut self.is_unclean);
                    let epoch = *leader_epoch;
                    let scene = Scene::Leads { on: node, epoch, log_end, has_it, is_unclean };
                    self.push(entry, n, scene);
                }
            }
            _ => {}
        }
    }

    fn replica(&mut self, node: NodeId) -> &mut Replica {
        self.replicas.entry(node).or_default()
    }

    /// Drops what a broker has at `end` and above; whether there was anything.
    fn cut(&mut self, node: NodeId, end: Offset) -> bool {
        let replica = self.replica(node);
        let before = replica.at.len();
        replica.at.retain(|offset| *offset < end);
        replica.at.len() < before
    }

    fn on_high_watermark(
        &mut self,
        entry: &Entry,
        n: usize,
        node: NodeId,
        (from, to): (Offset, Offset),
        as_leader: bool,
    ) {
        let replica = self.replica(node);
        replica.high_watermark = to;
        let passed = replica.at.iter().any(|offset| (from..to).contains(offset));
        if as_leader && passed && !self.is_committed {
            self.is_committed = true;
            let isr = self.isr;
            self.push(entry, n, Scene::Committed { on: node, high_watermark: to, isr });
        }
    }

    fn on_loaded(&mut self, entry: &Entry, n: usize, node: NodeId, (end, hw): (Offset, Offset)) {
        let replica = self.replica(node);
        (replica.log_end, replica.high_watermark) = (end, hw);
        let before = std::mem::take(&mut replica.on_disk);
        replica.at = before.iter().copied().filter(|offset| *offset < end).collect();
        if replica.at.len() < before.len() {
            self.push(entry, n, Scene::Forgotten { on: node });
        }
    }

    /// Another record at the offset of ours, in the log of a leader that has not got ours.
    fn look_for_successor(
        &mut self,
        entry: &Entry,
        n: usize,
        node: NodeId,
        base: Offset,
        body: &BatchBody,
    ) {
        if self.is_replaced || !self.replica(node).at.is_empty() {
            return;
        }
        let placed = self.moments.iter().rev().find_map(|moment| match moment.what {
            Scene::Appended { offset, .. } => Some(offset),
            _ => None,
        });
        let Some(offset) = placed else { return };
        let end = base.plus(body.span());
        if (base..end).contains(&offset) {
            self.is_replaced = true;
            let delta = offset.distance_from(base);
            let other = body.records.iter().find(|record| u64::from(record.offset_delta) == delta);
            let by = other.and_then(|record| record.id);
            self.push(entry, n, Scene::Replaced { on: node, offset, by });
        }
    }

    // ---- the controller, lives, the story ------------------------------------------------------

    fn on_controller(&mut self, entry: &Entry, n: usize, event: &ControllerEvent) {
        let ControllerEvent::PartitionChanged { tp, leader, isr, is_unclean, .. } = event else {
            return;
        };
        if Some(*tp) != self.tp {
            return;
        }
        let from = std::mem::replace(&mut self.isr, *isr);
        self.is_unclean = *is_unclean;
        // Who is in sync matters as long as somebody has the record and it is not committed.
        let is_open = !self.is_committed && !self.holders().is_empty();
        let is_news = leader.is_none() || (from != *isr && is_open);
        if self.was_called && is_news {
            self.push(entry, n, Scene::Isr { from, to: *isr, leader: *leader });
        }
    }

    /// Whether the life of `node` bears on the record.
    fn concerns(&self, node: NodeId) -> bool {
        let Some(tp) = self.tp else { return node == self.id.producer };
        let (brokers, replicas) =
            (u32::from(self.plan.cluster.brokers), self.plan.topics.get(tp.topic.0 as usize));
        let count = replicas.map_or(0, |topic| u32::from(topic.replicas));
        let hosts = |node: NodeId| {
            (0..count).any(|r| 1 + (tp.partition + r) % brokers == u32::from(node.number()))
        };
        node == self.id.producer || (is_broker(node) && hosts(node))
    }

    fn on_boot(&mut self, entry: &Entry, n: usize, node: NodeId) {
        if self.concerns(node) && self.was_called {
            self.push(entry, n, Scene::Returned { node });
        }
    }

    fn on_end(&mut self, entry: &Entry, n: usize, node: NodeId) {
        if is_broker(node) {
            let replica = self.replica(node);
            replica.on_disk = std::mem::take(&mut replica.at);
        }
        if !self.concerns(node) || !self.was_called {
            return;
        }
        // The story's doing, at the same moment and input, is one moment with what it led to.
        let input = entry.input;
        if let Some(Moment { at, what: Scene::Told { ended, .. }, .. }) = self.moments.last_mut()
            && *at == entry.at
            && entry.cause.is_none()
            && input.0 > 0
        {
            ended.push(node);
            return;
        }
        self.push(entry, n, Scene::Ended { node });
    }

    /// Whether what the story did can matter to a record: it did something.
    fn matters(&self, told: Told) -> bool {
        let actions = match told {
            Told::Step(n) => &self.plan.steps[n].actions,
            Told::Inject(n) => &self.plan.injects[n].actions,
            Told::Wake => return self.was_called,
        };
        if self.was_called {
            return !actions.is_empty();
        }
        // Before the record existed, only what lasts: a cut, a hold, a slow link or disk, a pause.
        actions.iter().any(|action| {
            matches!(
                action,
                Action::Cut(_)
                    | Action::Slow { .. }
                    | Action::Drop { .. }
                    | Action::Hold(_)
                    | Action::Heal(_)
                    | Action::Release(_)
                    | Action::Pause { .. }
                    | Action::Resume(_)
                    | Action::SlowDisk { .. }
            )
        })
    }

    /// Thins the moments out: a record that is sent at once needs no word about being handed over,
    /// and of what the story did long before only the latest still holds.
    fn leave_out_what_does_not_matter(&mut self) {
        let called = self.moments.iter().position(|moment| moment.what == Scene::Called);
        let Some(called) = called else { return };
        let sent = self.moments.iter().find(|moment| matches!(moment.what, Scene::Sent { .. }));
        let is_prompt = sent.is_some_and(|sent| sent.at.since(self.moments[called].at) < LONG_WAIT);
        if is_prompt {
            self.moments.remove(called);
        }
        // Only the last thing before: whatever was healed does not bear on it.
        let heals = |moment: &Moment| match &moment.what {
            Scene::Told { told: Told::Step(n), .. } => {
                self.plan.steps[*n].actions.iter().any(|a| matches!(a, Action::Heal(None)))
            }
            _ => false,
        };
        let healed = self.moments[..called].iter().rposition(heals);
        if let Some(healed) = healed {
            self.moments.drain(..=healed);
        }
    }
}

/// To whom a batch went: the one broker that a Produce request left for during the same input.
fn receiver(entries: &[Entry], n: usize) -> Option<NodeId> {
    let input = entries[n].input;
    let same = entries[n..].iter().take_while(|entry| entry.input == input);
    let receivers: BTreeSet<NodeId> = same
        .filter_map(|entry| match &entry.what {
            Happening::Sent(sent)
                if sent.letter.api == ApiKey::Produce
                    && sent.letter.direction == Direction::Request =>
            {
                Some(sent.letter.to)
            }
            _ => None,
        })
        .collect();
    if receivers.len() == 1 { receivers.first().copied() } else { None }
}
