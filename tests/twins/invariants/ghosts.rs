//! The ghost state: what was committed and by whom held, what was answered, who led, what was lost.

use super::Found;
use crate::fates::Scene;
use crate::history::Note;
use kafkalab_core::config::Acks;
use kafkalab_core::epoch::{BrokerEpoch, LeaderEpoch, Offset, PartitionEpoch, QuorumEpoch};
use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::event::{Event, ReplicaEvent};
use kafkalab_core::id::{Incarnation, InputNo, NodeId, RecordId, TopicPartition};
use kafkalab_core::log::LogFile;
use kafkalab_core::metadata::{MetadataRecord, PartitionRegistration};
use kafkalab_core::replica::Partition;
use kafkalab_sim::check::Class;
use kafkalab_sim::cluster;
use kafkalab_sim::scenario::plan::Plan;
use std::collections::{BTreeMap, BTreeSet};

/// An entry of a log: what identifies it beside its offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) leader_epoch: LeaderEpoch,
    pub(super) id: Option<RecordId>,
    digest: u64,
    delta: u64,
}

/// The entry of `log` at `offset`.
pub(super) fn entry_at(log: &LogFile, offset: Offset) -> Option<Entry> {
    let batch = log.batch_at(offset)?;
    let delta = offset.distance_from(batch.base_offset);
    let record = batch.body.records.iter().find(|record| u64::from(record.offset_delta) == delta);
    let id = record.and_then(|record| record.id);
    Some(Entry { leader_epoch: batch.leader_epoch, id, digest: batch.body.digest, delta })
}

/// G-1: a committed entry.
#[derive(Clone, Debug)]
pub(super) struct Committed {
    pub(super) entry: Entry,
    pub(super) safe: Safe,
}

/// G-2: since when an entry counts as safe, and who held it at that moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Safe {
    pub(super) since: InputNo,
    pub(super) holders: BTreeSet<NodeId>,
    /// Its leader had been replaced: it may have counted a fetch from before a fault.
    by_zombie: bool,
}

/// G-7: a replica lost part of its log by no decision of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    pub(super) node: NodeId,
    pub(super) from: Offset,
    pub(super) to: Offset,
    pub(super) at: InputNo,
    /// It was the only member of the committed ISR, then or later.
    pub(super) was_alone: bool,
}

/// G-7: somebody outside the ISR was elected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unclean {
    pub(super) leader_epoch: LeaderEpoch,
    pub(super) end: Offset,
    pub(super) at: InputNo,
}

/// G-3: acks=all was answered with success.
#[derive(Clone, Debug)]
pub(super) struct Acked {
    pub(super) offset: Offset,
    pub(super) entry: Entry,
    pub(super) safe: Safe,
}

/// G-4: a record was handed to a reader.
#[derive(Clone, Debug)]
pub(super) struct Consumed {
    pub(super) offset: Offset,
    pub(super) id: RecordId,
    pub(super) safe: Safe,
}

#[derive(Clone, Debug, Default)]
pub(super) struct OfPartition {
    pub(super) committed: BTreeMap<Offset, Committed>,
    /// What was committed until a leader lacked it.
    pub(super) settled: Vec<(Offset, Committed)>,
    pub(super) faults: Vec<Fault>,
    pub(super) unclean: Vec<Unclean>,
    pub(super) acked: Vec<Acked>,
    pub(super) consumed: Vec<Consumed>,
    leader_of: BTreeMap<LeaderEpoch, NodeId>,
    joined: BTreeMap<NodeId, InputNo>,
    forgotten: BTreeMap<NodeId, PartitionEpoch>,
    /// Who was in such a proposal, until its leader counts it and it has all that the leader committed.
    unwaited: BTreeSet<NodeId>,
    /// Of each replica: its life, watermark and log end when last looked at.
    last: BTreeMap<NodeId, (Incarnation, Option<Offset>, Option<Offset>)>,
    /// Each replica's log as it was before the latest turn, and as it is.
    pub(super) before: BTreeMap<NodeId, LogFile>,
    now: BTreeMap<NodeId, LogFile>,
}

/// What each broker had reached when last looked at, for what never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Reached {
    life: Incarnation,
    metadata: Offset,
    quorum_epoch: QuorumEpoch,
}

/// The life of a replica, and the leader and partition epoch it had reached.
type Epochs = (Incarnation, Option<LeaderEpoch>, Option<PartitionEpoch>);

#[derive(Clone, Debug, Default)]
pub(super) struct Ghosts {
    of: BTreeMap<TopicPartition, OfPartition>,
    notes_read: usize,
    commits_read: usize,
    delivered_read: usize,
    reached: BTreeMap<NodeId, Reached>,
    epochs: BTreeMap<(TopicPartition, NodeId), Epochs>,
    registered: BTreeMap<NodeId, BrokerEpoch>,
    changes: BTreeMap<TopicPartition, PartitionRegistration>,
}

impl Ghosts {
    pub(super) fn of(&self, tp: TopicPartition) -> &OfPartition {
        &self.of[&tp]
    }

    pub(super) fn sizes(&self, tp: TopicPartition) -> [usize; 4] {
        let of = self.of(tp);
        [of.committed.len(), of.faults.len() + of.unclean.len(), of.acked.len(), of.consumed.len()]
    }

    /// "Computed when a committed entry is missing from the current clean leader": with that the loss
    /// is settled, and what is committed from there on is what that leader has.
    pub(super) fn settle(&mut self, tp: TopicPartition, log: &LogFile) {
        let of = self.of.entry(tp).or_default();
        let is_missing = |offset: Offset, it: &Committed| entry_at(log, offset) != Some(it.entry);
        let first = of.committed.iter().find(|(offset, it)| is_missing(**offset, it));
        if let Some((first, _)) = first {
            let first = *first;
            let gone = of.committed.split_off(&first);
            of.settled.extend(gone);
        }
    }

    pub(super) fn is_unfaulted(&self, tp: TopicPartition, node: NodeId) -> bool {
        let of = self.of(tp);
        let since = of.joined.get(&node).copied().unwrap_or_default();
        !of.faults.iter().any(|fault| fault.node == node && fault.at >= since)
    }

    /// Whether a proposal of `node` was ended by metadata that repeats what it knew.
    pub(super) fn has_forgotten(&self, tp: TopicPartition, node: NodeId) -> bool {
        self.of(tp).forgotten.contains_key(&node)
    }

    /// Whether no leader waits for `node`, though it may be in C.isr.
    pub(super) fn is_unwaited(&self, tp: TopicPartition, node: NodeId) -> bool {
        self.of(tp).unwaited.contains(&node)
    }

    /// "An unclean election happened with LEO <= o", after the entry was safe.
    pub(super) fn is_given_up(&self, tp: TopicPartition, offset: Offset, safe: &Safe) -> bool {
        let unclean = &self.of(tp).unclean;
        unclean.iter().any(|one| one.end <= offset && one.at >= safe.since)
    }

    /// G-8: what allows that the entry of `offset` is missing.
    pub(super) fn class(&self, tp: TopicPartition, offset: Offset, safe: &Safe) -> Class {
        if self.is_given_up(tp, offset, safe) {
            return Class::Expected;
        }
        let of = self.of(tp);
        let covers = |fault: &&Fault| {
            let is_later = fault.at >= safe.since || safe.by_zombie;
            is_later && fault.from <= offset && offset < fault.to
        };
        let faulted: BTreeSet<NodeId> =
            of.faults.iter().filter(covers).map(|fault| fault.node).collect();
        if !safe.holders.is_empty() && safe.holders.is_subset(&faulted) {
            return Class::Expected;
        }
        if of.faults.iter().filter(covers).any(|fault| fault.was_alone) {
            return Class::DesignLimit;
        }
        Class::Violation
    }

    /// Since when what stands at `offset` is safe.
    fn safe(&self, tp: TopicPartition, offset: Offset) -> Option<Safe> {
        self.of.get(&tp)?.committed.get(&offset).map(|committed| committed.safe.clone())
    }

    /// Brings everything up to date; gives back the notes that are new.
    pub(super) fn follow<'a>(
        &mut self,
        scene: Scene<'a>,
        plan: &Plan,
        input: InputNo,
        found: &mut Vec<(Found, Option<TopicPartition>)>,
    ) -> Vec<&'a Note> {
        for tp in cluster::partitions(plan) {
            self.of.entry(tp).or_default();
        }
        self.follow_commits(scene, input, found);
        for tp in cluster::partitions(plan) {
            self.follow_replicas(scene, tp, input, found);
        }
        self.follow_brokers(scene, found);
        for one in &scene.history.delivered[self.delivered_read..] {
            let safe = self.safe(one.tp, one.offset).unwrap_or_default();
            let consumed = Consumed { offset: one.offset, id: one.id, safe };
            self.of.entry(one.tp).or_default().consumed.push(consumed);
        }
        self.delivered_read = scene.history.delivered.len();
        let notes: Vec<&Note> = scene.history.notes[self.notes_read..].iter().collect();
        self.notes_read = scene.history.notes.len();
        for note in &notes {
            self.follow_note(scene, note);
        }
        notes
    }

    /// INV-4 of C: partition epochs grow by one with each change, leader epochs exactly when a leader
    /// is named, broker epochs with each registration.
    fn follow_commits(
        &mut self,
        scene: Scene<'_>,
        input: InputNo,
        found: &mut Vec<(Found, Option<TopicPartition>)>,
    ) {
        for (record, image) in &scene.history.commits[self.commits_read..] {
            match record {
                MetadataRecord::RegisterBroker { broker, epoch, .. } => {
                    let before = self.registered.insert(*broker, *epoch);
                    if before.is_some_and(|before| before >= *epoch) {
                        found.push((("INV-4", Class::Violation), None));
                    }
                }
                MetadataRecord::Partition { tp, .. }
                | MetadataRecord::PartitionChange { tp, .. } => {
                    let now = image.partition(*tp).expect("it was just written");
                    let before = self.changes.insert(*tp, now.clone());
                    self.follow_partition(scene, *tp, before.as_ref(), now, record, input, found);
                }
                _ => {}
            }
        }
        self.commits_read = scene.history.commits.len();
    }

    #[expect(clippy::too_many_arguments, reason = "one committed record with all around it")]
    fn follow_partition(
        &mut self,
        scene: Scene<'_>,
        tp: TopicPartition,
        before: Option<&PartitionRegistration>,
        now: &PartitionRegistration,
        record: &MetadataRecord,
        input: InputNo,
        found: &mut Vec<(Found, Option<TopicPartition>)>,
    ) {
        let of = self.of.entry(tp).or_default();
        for member in now.isr.iter() {
            if before.is_none_or(|before| !before.isr.contains(member)) {
                of.joined.insert(member, input);
            }
        }
        if now.isr.len() == 1 {
            for fault in of.faults.iter_mut().filter(|fault| now.isr.contains(fault.node)) {
                fault.was_alone = true;
            }
        }
        if let MetadataRecord::PartitionChange { change, .. } = record {
            let before = before.expect("it was created before it changed");
            let step = u32::from(change.leader.is_some());
            if now.partition_epoch.0 <= before.partition_epoch.0
                || now.leader_epoch.0 != before.leader_epoch.0 + step
            {
                found.push((("INV-4", Class::Violation), Some(tp)));
            }
            if change.is_unclean
                && let Some(leader) = now.leader
            {
                let end = scene.look.log_end(tp, leader).unwrap_or_default();
                of.unclean.push(Unclean { leader_epoch: now.leader_epoch, end, at: input });
            }
        }
    }

    /// Watermarks that a leader raised, logs that shrank while nobody ran on them, epochs that fell.
    fn follow_replicas(
        &mut self,
        scene: Scene<'_>,
        tp: TopicPartition,
        input: InputNo,
        found: &mut Vec<(Found, Option<TopicPartition>)>,
    ) {
        let Some(registration) = scene.history.image.partition(tp) else { return };
        for node in registration.replicas.iter().copied() {
            let world = scene.look.world();
            let (life, is_up) = (world.incarnation(node), world.is_up(node));
            let replica = scene.look.replica(tp, node);
            let watermark = replica.map(|replica| replica.log().high_watermark());
            let end = scene.look.log_end(tp, node);
            let of = self.of.entry(tp).or_default();
            if let Some(log) = scene.look.log(tp, node) {
                let before = of.now.insert(node, log.clone());
                of.before.extend(before.map(|before| (node, before)));
            }
            let last = of.last.insert(node, (life, watermark, end));
            if !is_up
                && let Some((_, _, Some(last_end))) = last
                && end.unwrap_or_default() < last_end
            {
                let (from, to) = (end.unwrap_or_default(), last_end);
                let was_alone = registration.isr.len() == 1 && registration.isr.contains(node);
                of.faults.push(Fault { node, from, to, at: input, was_alone });
            }
            let Some(replica) = replica else { continue };
            if let Some(leadership) = replica.leadership() {
                let epoch = replica.leader_epoch().expect("a leader leads in an epoch");
                if *of.leader_of.entry(epoch).or_insert(node) != node {
                    found.push((("INV-5", Class::Violation), Some(tp)));
                }
                if leadership.pending.is_some() {
                    of.forgotten.remove(&node);
                }
                if registration.leader == Some(node) {
                    let (log, watermark) = (replica.log().file(), replica.log().high_watermark());
                    let holds = |member: &NodeId| {
                        let other = scene.look.log(tp, *member);
                        let same = |at| other.and_then(|it| entry_at(it, at)) == entry_at(log, at);
                        (0..watermark.0).map(Offset).all(same)
                    };
                    let is_counted = |it: &NodeId| *it != node && leadership.isr.contains(*it);
                    of.unwaited.retain(|it| !is_counted(it) || !holds(it));
                }
                if let (Some((last_life, Some(from), _)), Some(to)) = (last, watermark)
                    && last_life == life
                    && from < to
                {
                    commit(scene, (tp, node), (from, to), input, of);
                }
            }
            let epochs = (life, replica.leader_epoch(), replica.partition_epoch());
            let before = self.epochs.insert((tp, node), epochs);
            if before.is_some_and(|(old, le, pe)| old == life && (le > epochs.1 || pe > epochs.2)) {
                found.push((("INV-4", Class::Violation), Some(tp)));
            }
        }
    }

    fn follow_brokers(
        &mut self,
        scene: Scene<'_>,
        found: &mut Vec<(Found, Option<TopicPartition>)>,
    ) {
        for node in scene.look.brokers() {
            let Some(broker) = scene.look.broker(node) else { continue };
            let now = Reached {
                life: scene.look.world().incarnation(node),
                metadata: broker.replicas().image().end_offset,
                quorum_epoch: broker.observer().epoch(),
            };
            let before = self.reached.insert(node, now);
            if before.is_some_and(|before| {
                before.life == now.life
                    && (before.metadata > now.metadata || before.quorum_epoch > now.quorum_epoch)
            }) {
                found.push((("INV-4", Class::Violation), None));
            }
        }
    }

    fn follow_note(&mut self, scene: Scene<'_>, note: &Note) {
        match &note.event {
            Event::Replica(ReplicaEvent::ProduceAnswered {
                tp,
                error: ErrorCode::None,
                acks: Acks::All,
                body,
                base_offset: Some(base),
            }) => {
                for record in &body.records {
                    let offset = base.plus(u64::from(record.offset_delta));
                    let log = scene.look.log(*tp, note.node);
                    let Some(entry) = log.and_then(|log| entry_at(log, offset)) else { continue };
                    let holders = BTreeSet::from([note.node]);
                    let now = Safe { since: note.input, holders, by_zombie: false };
                    let safe = self.safe(*tp, offset).unwrap_or(now);
                    let of = self.of.entry(*tp).or_default();
                    of.acked.push(Acked { offset, entry, safe });
                }
            }
            Event::Replica(ReplicaEvent::IsrForgotten { tp, partition_epoch, proposed }) => {
                let of = self.of.entry(*tp).or_default();
                of.forgotten.insert(note.node, *partition_epoch);
                let replica = scene.look.replica(*tp, note.node);
                let leadership = replica.and_then(Partition::leadership);
                let counts = |node: &NodeId| leadership.is_some_and(|it| it.isr.contains(*node));
                of.unwaited.extend(proposed.iter().filter(|node| !counts(node)));
            }
            _ => {}
        }
    }
}

/// G-1: "entries h..h'-1 of that replica are recorded if absent"; G-2: with everyone who has them.
fn commit(
    scene: Scene<'_>,
    (tp, leader): (TopicPartition, NodeId),
    (from, to): (Offset, Offset),
    since: InputNo,
    of: &mut OfPartition,
) {
    let log = scene.look.log(tp, leader).expect("a leader has a log");
    let registration = scene.history.image.partition(tp).expect("it is led");
    let epoch = scene.look.replica(tp, leader).and_then(Partition::leader_epoch);
    let by_zombie = epoch < Some(registration.leader_epoch);
    for offset in (from.0..to.0).map(Offset) {
        let Some(entry) = entry_at(log, offset) else { continue };
        let has = |node: &NodeId| {
            let log = scene.look.log(tp, *node);
            log.and_then(|log| entry_at(log, offset))
                .is_some_and(|other| other.leader_epoch == entry.leader_epoch)
        };
        let holders = registration.replicas.iter().copied().filter(has).collect();
        let safe = Safe { since, holders, by_zombie };
        of.committed.entry(offset).or_insert(Committed { entry, safe });
    }
}
