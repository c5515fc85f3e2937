//! Follows one record through a recording: which broker has it when, and which events matter to it.

use super::chronicle::{Chronicle, End};
use super::copy::{Copy, CopyEnd};
use super::find::zombie_at;
use super::is_broker;
use super::scene::{Moment, Scene};
use crate::lab::Lab;
use crate::recording::{Entry, Happening};
use crate::story::Told;
use crate::world::Letter;
use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::config::Acks;
use kafkalab_core::epoch::{LeaderEpoch, Offset, ProducerEpoch};
use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::event::{ClientEvent, ControllerEvent, Event, ReplicaEvent};
use kafkalab_core::id::{ConnId, CorrelationId, NodeId, ProducerId, RecordId, TopicPartition};
use kafkalab_core::protocol::{ApiKey, Direction};
use kafkalab_core::record::BatchBody;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of one replica.
#[derive(Clone, Debug, Default)]
struct Replica {
    log_end: Offset,
    high_watermark: Offset,
    /// Whom it follows, in which epoch.
    following: Option<NodeId>,
}

/// A copy with the entries from and to which it was there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tracked {
    pub(super) copy: Copy,
    pub(super) from: usize,
    pub(super) until: Option<usize>,
    /// Its broker is down.
    is_down: bool,
}

/// A broker that began to lead a partition of the record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lead {
    pub(super) entry: usize,
    pub(super) tp: TopicPartition,
    pub(super) on: NodeId,
    pub(super) epoch: LeaderEpoch,
    pub(super) has_it: bool,
    pub(super) is_unclean: bool,
}

/// A produce request that carried the record.
#[derive(Clone, Copy, Debug)]
struct Request {
    to: NodeId,
    conn: ConnId,
    correlation: CorrelationId,
}

/// The state while following, and what was found.
pub(super) struct Trail<'a> {
    lab: &'a Lab,
    chronicle: &'a Chronicle,
    entries: &'a [Entry],
    id: RecordId,
    /// The partitions it was ever sent to.
    pub(super) tps: BTreeSet<TopicPartition>,
    replicas: BTreeMap<(TopicPartition, NodeId), Replica>,
    leaders: BTreeMap<TopicPartition, NodeId>,
    pub(super) tracked: Vec<Tracked>,
    pub(super) leads: Vec<Lead>,
    requests: Vec<Request>,
    /// The producer's id and epoch on each batch of it that a leader appended; `None` without
    /// idempotence.
    pub(super) stamps: Vec<Option<(ProducerId, ProducerEpoch)>>,
    /// The entry at which the application handed it over.
    pub(super) birth: Option<usize>,
    sent: u32,
    was_restarted: bool,
    committed: BTreeSet<TopicPartition>,
    replaced: BTreeSet<TopicPartition>,
    delivered: BTreeMap<NodeId, u32>,
    processed: BTreeMap<NodeId, u32>,
    /// Readers that a poll failed or a start gave an offset.
    positioned: BTreeSet<(NodeId, TopicPartition)>,
    pub(super) key: Option<String>,
    pub(super) moments: Vec<Moment>,
}

impl<'a> Trail<'a> {
    pub(super) fn follow(
        lab: &'a Lab,
        chronicle: &'a Chronicle,
        entries: &'a [Entry],
        id: RecordId,
    ) -> Self {
        let mut trail = Self {
            lab,
            chronicle,
            entries,
            id,
            tps: partitions_of(entries, id),
            replicas: BTreeMap::new(),
            leaders: BTreeMap::new(),
            tracked: Vec::new(),
            leads: Vec::new(),
            requests: Vec::new(),
            stamps: Vec::new(),
            birth: None,
            sent: 0,
            was_restarted: false,
            committed: BTreeSet::new(),
            replaced: BTreeSet::new(),
            delivered: BTreeMap::new(),
            processed: BTreeMap::new(),
            positioned: BTreeSet::new(),
            key: None,
            moments: Vec::new(),
        };
        for n in 0..entries.len() {
            trail.take(n);
        }
        trail
    }

    /// The brokers that have the record now.
    pub(super) fn holders(&self) -> BrokerSet {
        let there = self.tracked.iter().filter(|tracked| tracked.until.is_none());
        there.map(|tracked| tracked.copy.on).collect()
    }

    /// Those of them that are down.
    pub(super) fn down(&self) -> BrokerSet {
        let down = self.tracked.iter().filter(|tracked| tracked.until.is_none() && tracked.is_down);
        down.map(|tracked| tracked.copy.on).collect()
    }

    fn push(&mut self, n: usize, tp: Option<TopicPartition>, what: Scene) {
        // Around a record with one partition, that is the one that is meant.
        let only = self.tps.first().filter(|_| self.tps.len() == 1).copied();
        let leader = tp.or(only).and_then(|tp| Some((tp, *self.leaders.get(&tp)?)));
        let high_watermark = leader.and_then(|key| self.replicas.get(&key));
        let high_watermark = high_watermark.map(|replica| replica.high_watermark);
        let (holders, down) = (self.holders(), self.down());
        let at = self.entries[n].at;
        self.moments.push(Moment { at, entry: n, tp, what, holders, down, high_watermark });
    }

    fn take(&mut self, n: usize) {
        let entry = &self.entries[n];
        match (&entry.what, entry.node) {
            (Happening::Noted(Event::Client(event)), Some(node)) => self.on_client(n, node, event),
            (Happening::Noted(Event::Replica(event)), Some(node)) => {
                self.on_replica(n, node, event);
            }
            (Happening::Noted(Event::Controller(event)), _) => self.on_controller(n, event),
            (Happening::Booted, Some(node)) => self.on_boot(n, node),
            (Happening::Ended, Some(node)) => self.on_end(n, node),
            (Happening::Told(told), _) => self.on_told(n, *told),
            (Happening::Delivered(letter), _) => self.on_letter(n, letter),
            (Happening::Died(died), _) => {
                if let Some(request) = self.request(&died.letter) {
                    let (on, why) = (request.to, died.why);
                    let what = match died.letter.direction {
                        Direction::Request => Scene::RequestDied { to: on, why },
                        Direction::Response => Scene::AnswerDied { on, why },
                    };
                    self.push(n, None, what);
                }
            }
            (
                Happening::Sent(_) | Happening::Noted(_) | Happening::Booted | Happening::Ended,
                _,
            ) => {}
        }
    }

    // ---- clients -------------------------------------------------------------------------------

    fn is_in(&self, body: &BatchBody) -> bool {
        is_in(body, self.id)
    }

    fn request(&self, letter: &Letter) -> Option<Request> {
        let is_it = |request: &&Request| {
            (request.conn, request.correlation) == (letter.conn, letter.correlation)
        };
        self.requests.iter().find(is_it).filter(|_| letter.api == ApiKey::Produce).copied()
    }

    /// An answer that the producer does nothing with came too late.
    fn on_letter(&mut self, n: usize, letter: &Letter) {
        let Some(request) = self.request(letter) else { return };
        if letter.direction == Direction::Response && !self.is_heard_at(n) {
            self.push(n, None, Scene::AnswerLate { on: request.to });
        }
    }

    /// Whether the producer learns something of the record during the input of entry `n`.
    fn is_heard_at(&self, n: usize) -> bool {
        let input = self.entries[n].input;
        let same = self.entries[n..].iter().take_while(|entry| entry.input == input);
        let mut notes = same.filter_map(|entry| match &entry.what {
            Happening::Noted(Event::Client(event)) => Some(event),
            _ => None,
        });
        notes.any(|event| match event {
            ClientEvent::BatchAcked { body, .. }
            | ClientEvent::BatchRetried { body, .. }
            | ClientEvent::BatchFailed { body, .. } => self.is_in(body),
            _ => false,
        })
    }

    /// Whether what the producer learns at entry `n` came with an answer to one of its requests.
    fn was_told_at(&self, n: usize) -> bool {
        let input = self.entries[n].input;
        let before = self.entries[..n].iter().rev().take_while(|entry| entry.input == input);
        let mut letters = before.filter_map(|entry| match &entry.what {
            Happening::Delivered(letter) => Some(letter),
            _ => None,
        });
        letters
            .any(|letter| letter.direction == Direction::Response && self.request(letter).is_some())
    }

    fn on_client(&mut self, n: usize, node: NodeId, event: &ClientEvent) {
        let (tp, what) = match event {
            ClientEvent::SendCalled { id, .. } if *id == self.id => {
                self.birth.get_or_insert(n);
                (None, Scene::Called)
            }
            ClientEvent::BatchSent { tp, body, .. } if self.is_in(body) => {
                (Some(*tp), self.on_sent(n, *tp, body))
            }
            ClientEvent::BatchAcked { tp, body, .. } if self.is_in(body) => {
                (Some(*tp), Scene::Acked)
            }
            ClientEvent::BatchRetried { tp, body, error } if self.is_in(body) => {
                (Some(*tp), Scene::Retried { error: *error, was_told: self.was_told_at(n) })
            }
            ClientEvent::BatchFailed { tp, body, error, is_indefinite } if self.is_in(body) => {
                let (error, is_indefinite) = (*error, *is_indefinite);
                (Some(*tp), Scene::Failed { error, is_indefinite })
            }
            ClientEvent::SendRefused { id, error } if *id == self.id => {
                (None, Scene::Failed { error: *error, is_indefinite: false })
            }
            ClientEvent::PositionReset { tp, to, from } if self.tps.contains(tp) => {
                self.positioned.insert((node, *tp));
                (Some(*tp), Scene::Positioned { reader: node, from: *from, to: *to })
            }
            ClientEvent::PollFailed { tp, error } if self.tps.contains(tp) => {
                let had_no_offset = !self.positioned.contains(&(node, *tp));
                let error = *error;
                (Some(*tp), Scene::PollFailed { reader: node, error, had_no_offset })
            }
            ClientEvent::Delivered { tp, id: Some(id), .. } if *id == self.id => {
                let nth = count(&mut self.delivered, node);
                (Some(*tp), Scene::Delivered { to: node, nth })
            }
            ClientEvent::Processed { tp, id: Some(id), .. } if *id == self.id => {
                let nth = count(&mut self.processed, node);
                (Some(*tp), Scene::Processed { by: node, nth })
            }
            _ => return,
        };
        self.push(n, tp, what);
    }

    fn on_sent(&mut self, n: usize, tp: TopicPartition, body: &BatchBody) -> Scene {
        let record = body.records.iter().find(|record| record.id == Some(self.id));
        let key = record.and_then(|record| record.key.as_ref());
        self.key = key.map(|key| String::from_utf8_lossy(key).into_owned());
        self.sent += 1;
        let after_restart = std::mem::take(&mut self.was_restarted) && self.sent > 1;
        let request = self.request_at(n, tp);
        self.requests.extend(request);
        Scene::Sent { to: request.map(|request| request.to), nth: self.sent, after_restart }
    }

    /// The produce request that a batch left in: the only one that left in the same input, or the
    /// one to the partition's leader.
    fn request_at(&self, n: usize, tp: TopicPartition) -> Option<Request> {
        let input = self.entries[n].input;
        let same = self.entries[n..].iter().take_while(|entry| entry.input == input);
        let all: Vec<Request> = same
            .filter_map(|entry| match &entry.what {
                Happening::Sent(sent)
                    if sent.letter.api == ApiKey::Produce
                        && sent.letter.direction == Direction::Request =>
                {
                    let Letter { to, conn, correlation, .. } = sent.letter;
                    Some(Request { to, conn, correlation })
                }
                _ => None,
            })
            .collect();
        match all.as_slice() {
            [only] => Some(*only),
            several => {
                let leader = self.chronicle.term(tp, n).and_then(|term| term.leader);
                several.iter().find(|request| Some(request.to) == leader).copied()
            }
        }
    }

    // ---- brokers -------------------------------------------------------------------------------

    fn on_replica(&mut self, n: usize, node: NodeId, event: &ReplicaEvent) {
        match event {
            ReplicaEvent::Appended { tp, base_offset, leader_epoch, as_leader, body }
                if self.tps.contains(tp) =>
            {
                self.replica(*tp, node).log_end = base_offset.plus(body.span());
                let own = body.records.iter().find(|record| record.id == Some(self.id));
                let Some(own) = own else {
                    if *as_leader {
                        self.look_for_successor(n, *tp, node, *base_offset, body);
                    }
                    return;
                };
                let offset = base_offset.plus(u64::from(own.offset_delta));
                let (on, epoch, end) = (node, *leader_epoch, CopyEnd::Kept);
                let copy = Copy { tp: *tp, on, offset, epoch, end };
                self.tracked.push(Tracked { copy, from: n, until: None, is_down: false });
                let what = if *as_leader {
                    self.stamps.push(body.producer.map(|stamp| (stamp.id, stamp.epoch)));
                    let as_zombie = zombie_at(self.chronicle, *tp, on, epoch, n).is_some();
                    Scene::Appended { on, offset, epoch, as_zombie }
                } else {
                    Scene::Copied { on, offset }
                };
                self.push(n, Some(*tp), what);
            }
            ReplicaEvent::DuplicateRecognised { tp, body, .. } if self.is_in(body) => {
                self.push(n, Some(*tp), Scene::Recognised { on: node });
            }
            // With acks=0 nothing is sent back: an answer of success is none.
            ReplicaEvent::ProduceAnswered { tp, error, acks, body, .. }
                if (*acks != Acks::None || *error != ErrorCode::None) && self.is_in(body) =>
            {
                self.push(n, Some(*tp), Scene::Answered { on: node, error: *error });
            }
            ReplicaEvent::HighWatermark { tp, from, to, as_leader } if self.tps.contains(tp) => {
                self.on_high_watermark(n, *tp, node, (*from, *to), *as_leader);
            }
            ReplicaEvent::Truncated { tp, from, to, leader_epoch } if self.tps.contains(tp) => {
                let replica = self.replica(*tp, node);
                replica.log_end = *to;
                let (following, epoch) = (replica.following, *leader_epoch);
                let end = CopyEnd::Truncated { following, epoch };
                if self.end_copies(n, *tp, node, *to, end) {
                    let (on, from, to) = (node, *from, *to);
                    self.push(n, Some(*tp), Scene::Cut { on, from, to, following, epoch });
                }
            }
            ReplicaEvent::Loaded { tp, log_end_offset, high_watermark, .. }
                if self.tps.contains(tp) =>
            {
                self.on_loaded(n, *tp, node, (*log_end_offset, *high_watermark));
            }
            ReplicaEvent::BecameFollower { tp, leader, .. } if self.tps.contains(tp) => {
                self.replica(*tp, node).following = *leader;
                self.on_back(n, *tp, node);
            }
            ReplicaEvent::BecameLeader { tp, leader_epoch, high_watermark, .. }
                if self.tps.contains(tp) =>
            {
                self.on_leads(n, *tp, node, *leader_epoch, *high_watermark);
            }
            _ => {}
        }
    }

    fn replica(&mut self, tp: TopicPartition, node: NodeId) -> &mut Replica {
        self.replicas.entry((tp, node)).or_default()
    }

    fn on_leads(
        &mut self,
        n: usize,
        tp: TopicPartition,
        node: NodeId,
        epoch: LeaderEpoch,
        high_watermark: Offset,
    ) {
        self.on_back(n, tp, node);
        let replica = self.replica(tp, node);
        replica.high_watermark = high_watermark;
        let log_end = replica.log_end;
        let is_first = self.leaders.insert(tp, node).is_none();
        let mut own = self.tracked.iter().filter(|tracked| tracked.until.is_none());
        let has_it = own.any(|tracked| (tracked.copy.tp, tracked.copy.on) == (tp, node));
        let is_unclean = self.chronicle.term(tp, n).is_some_and(|term| {
            term.is_unclean && term.leader == Some(node) && term.epoch == epoch
        });
        self.leads.push(Lead { entry: n, tp, on: node, epoch, has_it, is_unclean });
        if !is_first {
            let scene = Scene::Leads { on: node, epoch, log_end, has_it, is_unclean };
            self.push(n, Some(tp), scene);
        }
    }

    /// Ends the copies that `node` has at `from` and above; whether there was one.
    fn end_copies(
        &mut self,
        n: usize,
        tp: TopicPartition,
        node: NodeId,
        from: Offset,
        end: CopyEnd,
    ) -> bool {
        let mut has_ended = false;
        for tracked in self.tracked.iter_mut().filter(|tracked| tracked.until.is_none()) {
            let Copy { tp: its, on, offset, .. } = tracked.copy;
            if (its, on) == (tp, node) && offset >= from {
                (tracked.copy.end, tracked.until) = (end, Some(n));
                has_ended = true;
            }
        }
        has_ended
    }

    fn on_high_watermark(
        &mut self,
        n: usize,
        tp: TopicPartition,
        node: NodeId,
        (from, to): (Offset, Offset),
        as_leader: bool,
    ) {
        self.replica(tp, node).high_watermark = to;
        let mut own = self.tracked.iter().filter(|tracked| tracked.until.is_none());
        let passed = own.any(|tracked| {
            let Copy { tp: its, on, offset, .. } = tracked.copy;
            (its, on) == (tp, node) && (from..to).contains(&offset)
        });
        if as_leader && passed && self.committed.insert(tp) {
            let isr = self.chronicle.term(tp, n).map_or(BrokerSet::EMPTY, |term| term.isr);
            self.push(n, Some(tp), Scene::Committed { on: node, high_watermark: to, isr });
        }
    }

    fn on_loaded(
        &mut self,
        n: usize,
        tp: TopicPartition,
        node: NodeId,
        (end, high_watermark): (Offset, Offset),
    ) {
        let replica = self.replica(tp, node);
        (replica.log_end, replica.high_watermark) = (end, high_watermark);
        self.end_copies(n, tp, node, end, CopyEnd::Missing);
        self.on_back(n, tp, node);
    }

    /// A replica works again after its broker came back: what its disk kept is its log. An empty
    /// disk has no log to load, so this is seen at its first role.
    fn on_back(&mut self, n: usize, tp: TopicPartition, node: NodeId) {
        let (mut had_it, mut is_wiped) = (false, false);
        for tracked in &mut self.tracked {
            let Tracked { copy, until, is_down, .. } = tracked;
            if (copy.tp, copy.on) == (tp, node) && *is_down {
                *is_down = false;
                let was_gone = until.is_some();
                had_it |= was_gone;
                is_wiped |= was_gone && copy.end == CopyEnd::Wiped;
            }
        }
        if had_it && self.tracked.iter().all(|t| (t.copy.on, t.until) != (node, None)) {
            let log_end = self.replica(tp, node).log_end;
            self.push(n, Some(tp), Scene::Forgotten { on: node, log_end, is_wiped });
        }
    }

    /// Another record at the offset of ours, in the log of a leader that has not got ours.
    fn look_for_successor(
        &mut self,
        n: usize,
        tp: TopicPartition,
        node: NodeId,
        base: Offset,
        body: &BatchBody,
    ) {
        let in_tp = || self.tracked.iter().filter(|tracked| tracked.copy.tp == tp);
        let has_it = in_tp().any(|t| t.copy.on == node && t.until.is_none());
        if has_it || self.replaced.contains(&tp) {
            return;
        }
        let end = base.plus(body.span());
        let mut offsets = in_tp().map(|tracked| tracked.copy.offset);
        let Some(offset) = offsets.find(|offset| (base..end).contains(offset)) else { return };
        self.replaced.insert(tp);
        let delta = offset.distance_from(base);
        let other = body.records.iter().find(|record| u64::from(record.offset_delta) == delta);
        let by = other.and_then(|record| record.id);
        self.push(n, Some(tp), Scene::Replaced { on: node, offset, by });
    }

    // ---- the controller, lives, the story ------------------------------------------------------

    fn on_controller(&mut self, n: usize, event: &ControllerEvent) {
        match event {
            ControllerEvent::BrokerFenced { broker } if self.concerns(*broker) => {
                self.push(n, None, Scene::Fenced { broker: *broker });
            }
            ControllerEvent::PartitionChanged { tp, .. } if self.tps.contains(tp) => {
                self.on_term(n, *tp);
            }
            _ => {}
        }
    }

    fn on_term(&mut self, n: usize, tp: TopicPartition) {
        let terms = self.chronicle.terms(tp);
        let place = terms.partition_point(|term| term.entry < n);
        let (Some(term), Some(before)) = (terms.get(place), terms[..place].last()) else { return };
        if let Some(old) = before.leader.filter(|old| Some(*old) != term.leader)
            && self.chronicle.outage(old, n).is_none()
        {
            let why = super::find::unaware(self.lab.plan(), self.chronicle, old, n);
            let (on, by, epoch) = (old, term.leader, term.epoch);
            self.push(n, Some(tp), Scene::Unseated { on, by, epoch, why });
        }
        // Who is in sync matters as long as somebody has the record and it is not committed.
        let is_gone = !self.tracked.is_empty() && self.holders().is_empty();
        let is_open = !self.committed.contains(&tp) && !is_gone;
        if term.leader.is_none() || (before.isr != term.isr && is_open) {
            let (from, to, leader) = (before.isr, term.isr, term.leader);
            self.push(n, Some(tp), Scene::Isr { from, to, leader });
        }
    }

    /// The nodes that bear on the record: its producer, the replicas of its partitions (or every
    /// broker, if it has none), the controller.
    pub(super) fn nodes(&self) -> BTreeSet<NodeId> {
        let plan = self.lab.plan();
        let is_meant = |node: &NodeId| {
            use kafkalab_core::id::NodeKind;
            match node.kind() {
                NodeKind::Controller => true,
                NodeKind::Broker => self.hosts(*node),
                NodeKind::Client => *node == self.id.producer,
            }
        };
        plan.nodes().filter(is_meant).collect()
    }

    fn hosts(&self, broker: NodeId) -> bool {
        self.tps.is_empty()
            || self.tps.iter().any(|tp| {
                let partition = self.lab.committed().partition(*tp);
                partition.is_some_and(|partition| partition.replicas.contains(&broker))
            })
    }

    /// Whether the life of `node` bears on the record.
    fn concerns(&self, node: NodeId) -> bool {
        node == self.id.producer || (is_broker(node) && self.hosts(node))
    }

    fn on_boot(&mut self, n: usize, node: NodeId) {
        self.was_restarted |= node == self.id.producer && self.sent > 0;
        // Readers are told of where their lives matter: see `leave_out_what_does_not_matter`.
        let is_first = self.chronicle.last_outage(node, n).is_none();
        self.push(n, None, Scene::Returned { node, is_first });
    }

    fn on_end(&mut self, n: usize, node: NodeId) {
        if is_broker(node) {
            self.on_broker_end(n, node);
        }
        // The story's doing, at the same moment and input, is one moment with what it led to.
        let entry = &self.entries[n];
        if let Some(Moment { at, what: Scene::Told { ended, .. }, holders, down, .. }) =
            self.moments.last_mut()
            && *at == entry.at
            && entry.cause.is_none()
        {
            ended.push(node);
            let there = self.tracked.iter().filter(|tracked| tracked.until.is_none());
            *holders = there.clone().map(|tracked| tracked.copy.on).collect();
            *down = there.filter(|tracked| tracked.is_down).map(|t| t.copy.on).collect();
            return;
        }
        self.push(n, None, Scene::Ended { node });
    }

    /// What a broker had is on its disk from now on, or gone with its power or its disk.
    fn on_broker_end(&mut self, n: usize, node: NodeId) {
        let outage = self.chronicle.outage(node, n);
        let end = outage.map(|outage| outage.end);
        for tp in self.tps.clone() {
            for tracked in &mut self.tracked {
                if tracked.copy.on == node && tracked.until.is_none() {
                    tracked.is_down = true;
                }
            }
            if end == Some(End::PowerLost)
                && let Some(kept) = self.kept_on_disk(n, tp, node)
            {
                self.end_copies(n, tp, node, kept, CopyEnd::LostWithPower);
            }
        }
        self.take_wipe(n, node);
    }

    /// Where the log ended that a broker found after its power was lost at entry `n`: as it loaded
    /// it, or, if it never did, as its disk holds it at the end. `None` if the disk was wiped later.
    fn kept_on_disk(&self, n: usize, tp: TopicPartition, node: NodeId) -> Option<Offset> {
        if self.chronicle.outage(node, n).is_some_and(|outage| outage.wiped.is_some()) {
            return None;
        }
        let loaded = self.entries[n..].iter().filter(|entry| entry.node == Some(node));
        let mut loaded = loaded.filter_map(|entry| match &entry.what {
            Happening::Noted(Event::Replica(ReplicaEvent::Loaded {
                tp: its,
                log_end_offset,
                ..
            })) if *its == tp => Some(*log_end_offset),
            _ => None,
        });
        loaded.next().or_else(|| self.lab.scene().look.log_end(tp, node))
    }

    /// Ends what was on a disk that was emptied at or before entry `n`.
    fn take_wipe(&mut self, n: usize, node: NodeId) {
        let wiped = self.chronicle.outage(node, n).and_then(|outage| outage.wiped);
        if wiped.is_some_and(|wiped| wiped <= n) {
            for tp in self.tps.clone() {
                self.end_copies(n, tp, node, Offset::ZERO, CopyEnd::Wiped);
                *self.replica(tp, node) = Replica::default();
            }
        }
    }

    fn on_told(&mut self, n: usize, told: Told) {
        let plan = self.lab.plan();
        let actions = match told {
            Told::Step(step) => &plan.steps[step].actions,
            Told::Inject(inject) => &plan.injects[inject].actions,
            Told::Wake | Told::RollStops(_) | Told::RollStarts(_) => {
                return self.push(n, None, Scene::Told { told, ended: Vec::new() });
            }
        };
        if actions.is_empty() {
            return;
        }
        // A disk may be emptied some time after its broker died.
        let holders: BTreeSet<NodeId> = self.tracked.iter().map(|t| t.copy.on).collect();
        for node in holders {
            if self.chronicle.outage(node, n).is_some_and(|outage| outage.span.from < n) {
                self.take_wipe(n, node);
            }
        }
        self.push(n, None, Scene::Told { told, ended: Vec::new() });
    }

    /// The copies as they are at the end: on the disk of a broker that is down only if it is there.
    pub(super) fn copies(&self) -> Vec<Copy> {
        let finish = |tracked: &Tracked| {
            let mut copy = tracked.copy;
            if tracked.until.is_none() && tracked.is_down {
                copy.end = CopyEnd::OnDisk;
            }
            copy
        };
        self.tracked.iter().map(finish).collect()
    }

    /// The brokers that had the record in `tp` before entry `n`, at any time.
    pub(super) fn ever_on(&self, tp: TopicPartition, n: usize) -> BrokerSet {
        let before = self.tracked.iter().filter(|t| t.copy.tp == tp && t.from < n);
        before.map(|tracked| tracked.copy.on).collect()
    }
}

fn count(counts: &mut BTreeMap<NodeId, u32>, node: NodeId) -> u32 {
    let count = counts.entry(node).or_default();
    *count += 1;
    *count
}

fn is_in(body: &BatchBody, id: RecordId) -> bool {
    body.records.iter().any(|record| record.id == Some(id))
}

/// The partitions that a record was ever sent to.
fn partitions_of(entries: &[Entry], id: RecordId) -> BTreeSet<TopicPartition> {
    let batches = entries.iter().filter(|entry| entry.node == Some(id.producer));
    let batches = batches.filter_map(|entry| match &entry.what {
        Happening::Noted(Event::Client(ClientEvent::BatchSent { tp, body, .. })) => {
            is_in(body, id).then_some(*tp)
        }
        _ => None,
    });
    batches.collect()
}
