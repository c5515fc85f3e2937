//! The invariants that are always on: INV-1 to INV-27 of the reference, looked at after every input.
//!
//! A checker sees everything and changes nothing: it draws no chance, notes no event, and deleting
//! it leaves every run as it was. It keeps *ghost state* (`ghost`): what was committed, by whom,
//! who held it, what was acknowledged and read. Each rule is one small function which says what it
//! forbids and why Kafka keeps it:
//!
//! ```text
//!   shape       INV-1 to 4      one log, one record
//!   agreement   INV-5 to 9      logs among each other
//!   insync      INV-10 11 13 14 who counts as in sync
//!   durability  INV-12 15 16 18 what is committed stays, and only that is acknowledged
//!   reads       INV-17          what consumers saw stays
//!   writes      INV-19 26 27    what is told of a write, and kept of it
//!   registry    INV-20 to 22    what the controller commits of brokers and in-sync sets
//!   upkeep      INV-23 to 25    what a broker keeps beside its logs
//!   excuses     G-7 G-8         what allows a loss
//! ```
//!
//! ## What is not checked yet, and why
//! - INV-28 (the log start never goes back, nothing at or above the watermark is deleted): no log
//!   start moves before there is retention.
//! - INV-29 (reassignment): assignments do not change.
//! - INV-R1 to INV-R10 (the metadata quorum): with one voter they say nothing that INV-4 (quorum
//!   epochs grow) and INV-23 (one metadata log) do not.
//! - The half of INV-26 about `ListOffsets` (KIP-207): only a client that asks one partition twice
//!   could see it, and none does.
//! - The half of INV-22 about requests of a life that is not the registered one: nothing that is
//!   committed names the life that asked for it. INV-14 and INV-21 see what would come of it.
//!
//! ## Cost
//! Rules are woken by notes and look only at the partition a note names; prefixes of logs are
//! compared by their digests, so a watermark that moves costs a few lookups per replica. An input
//! without notes costs one addition. A full audit every [`AUDIT_EVERY`] inputs and at the end
//! catches what went without a note.
//!
//! ## Simplified
//! The log's start offset does not move yet, so retention and compaction excuse nothing, and there
//! are no eligible leader replicas: the reference's C.elr is empty.

mod agreement;
mod cluster;
mod durability;
mod excuses;
mod ghost;
mod insync;
mod reads;
mod registry;
mod shape;
#[cfg(test)]
mod tests;
mod upkeep;
mod verdicts;
mod wake;
mod writes;

pub use verdicts::{Class, NamedLoss, Violation};

use crate::look::{Committed, Look};
use crate::world::{Step, StepKind};
use cluster::{Case, Cluster, Moment};
use ghost::Ghost;
use kafkalab_core::config::Variations;
use kafkalab_core::epoch::{Offset, QuorumEpoch};
use kafkalab_core::event::Event;
use kafkalab_core::id::{NodeId, NodeKind, TopicPartition};
use kafkalab_core::log::LogFile;
use kafkalab_core::metadata::MetadataImage;
use shape::BrokerMarks;
use verdicts::Verdicts;

/// Inputs from one full audit to the next.
pub const AUDIT_EVERY: u64 = 4_096;

/// Every invariant that is checked, with its meaning.
pub const INVARIANTS: &[(&str, &str)] = &[
    ("INV-1", "offsets grow and epochs never shrink along a log; the leader is a replica"),
    ("INV-2", "log start <= last stable offset <= high watermark <= log end, flushed <= log end"),
    ("INV-3", "the leader epoch cache tells the epoch of every batch"),
    ("INV-4", "epochs and applied metadata never go back"),
    ("INV-5", "at most one broker leads in one leader epoch"),
    ("INV-6", "equal leader epoch and offset mean equal record and equal prefix"),
    ("INV-7", "two replicas agree below the lower of their high watermarks"),
    ("INV-8", "a leader's own in-sync replicas hold what it holds below its high watermark"),
    ("INV-9", "the controller's in-sync replicas hold what any leader holds below its watermark"),
    ("INV-10", "the committed leader is in the committed ISR"),
    ("INV-11", "no in-sync replica's log ends before the leader's high watermark"),
    ("INV-12", "a replica that truncates cuts nothing that is committed"),
    ("INV-13", "a leader counts at least everyone in the committed ISR"),
    ("INV-14", "every live in-sync replica has all that is committed"),
    ("INV-15", "the leader has all that is committed and all that was acknowledged"),
    ("INV-16", "what was acknowledged with acks=all is on some replica's disk"),
    ("INV-17", "what a consumer was given is what the leader has there"),
    ("INV-18", "acks=all is acknowledged only when committed by enough in-sync replicas"),
    ("INV-19", "what is refused as surely not written was not written"),
    ("INV-20", "in-sync replicas are replicas, and there is always one"),
    ("INV-21", "no fenced or stopping broker is in sync, but for the last one without a leader"),
    ("INV-22", "each life of a broker has its own epoch, and none takes another's place"),
    ("INV-23", "everybody who has applied the metadata to one offset has the same image"),
    ("INV-24", "a proposal that a leader counts is under way to the controller"),
    ("INV-25", "a leader copies from nobody, a follower from its leader alone"),
    ("INV-26", "a leader's high watermark never goes back in one epoch"),
    ("INV-27", "no log has a batch of an idempotent producer twice"),
];

/// All invariants with their ghost state. A plain value: it is cloned with the run it watches.
#[derive(Clone, Debug)]
pub struct Checks {
    variations: Variations,
    inputs: u64,
    /// By topic, then by partition: both are small consecutive numbers.
    ghosts: Vec<Vec<Ghost>>,
    /// By broker number.
    brokers: Vec<BrokerMarks>,
    quorum_epoch: Option<QuorumEpoch>,
    /// The images that brokers published lately.
    images: Vec<(NodeId, MetadataImage)>,
    verdicts: Verdicts,
}

impl Checks {
    /// Nothing seen yet. The form of INV-13 depends on which protections are on.
    pub fn new(variations: &Variations) -> Self {
        Self {
            variations: variations.clone(),
            inputs: 0,
            ghosts: Vec::new(),
            brokers: Vec::new(),
            quorum_epoch: None,
            images: Vec::new(),
            verdicts: Verdicts::default(),
        }
    }

    /// Looks at what an input touched. To be called after every input, once `committed` follows.
    pub fn observe(&mut self, look: Look<'_>, committed: &Committed, step: &Step, notes: &[Event]) {
        self.inputs += 1;
        if !notes.is_empty() {
            let moment = Moment { at: step.at, input: step.no };
            let case = Case { view: look, image: committed.image(), moment };
            if step.what == StepKind::Boot && step.node.kind() == NodeKind::Broker {
                shape::on_boot(shape::marks_mut(&mut self.brokers, step.node));
            }
            self.judge(&case, step.node, notes);
        }
        if self.inputs.is_multiple_of(AUDIT_EVERY) {
            self.audit(look, committed);
        }
    }

    /// Looks at everything, touched or not.
    pub fn audit(&mut self, look: Look<'_>, committed: &Committed) {
        self.audit_all(&now(look, committed));
    }

    fn audit_all<'a, V: Cluster<'a>>(&mut self, case: &Case<'a, V>) {
        for ghost in self.ghosts.iter_mut().flatten() {
            wake::audit(ghost, case, &self.variations, &mut self.verdicts);
        }
    }

    /// Looks at everything for the last time, when a run has ended.
    pub fn close(&mut self, look: Look<'_>, committed: &Committed) {
        self.audit(look, committed);
        let case = now(look, committed);
        for ghost in self.ghosts.iter().flatten() {
            durability::elected_is_complete(ghost, &case, &mut self.verdicts);
        }
    }

    /// Enters what the world just did, between two inputs, to machines: what is missing from their
    /// disks (power that failed, a disk replaced) excuses losses later. A kill takes nothing.
    pub fn on_fault(&mut self, look: Look<'_>, committed: &Committed) {
        self.compare_disks(&now(look, committed));
    }

    /// What was found so far, in order; each kind of finding once per class and partition.
    pub fn violations(&self) -> &[Violation] {
        self.verdicts.list()
    }

    /// Which entries INV-15, INV-16 and INV-18 named, in the order in which they did: every finding,
    /// also where [`violations`](Self::violations) counts it as a repeat of another.
    pub fn named_losses(&self) -> impl Iterator<Item = NamedLoss> {
        self.verdicts.losses().iter().copied()
    }

    /// Whether the invariant of this name was broken, in whatever class.
    pub fn is_violated(&self, property: &str) -> bool {
        self.violations().iter().any(|violation| violation.property == property)
    }

    /// Enters what is missing from every log since it was last seen.
    fn compare_disks<'a, V: Cluster<'a>>(&mut self, case: &Case<'a, V>) {
        for ghost in self.ghosts.iter_mut().flatten() {
            let mut has_lost = false;
            for seat in &mut ghost.seats {
                let log = case.view.log(ghost.tp, seat.node);
                let after = log.map_or(Offset::ZERO, LogFile::end);
                if after >= seat.end {
                    continue;
                }
                let next_life = case.view.incarnation(seat.node);
                ghost.excuses.on_lost(seat.node, after, seat.end, next_life);
                seat.cut(after);
                seat.tail = log.and_then(LogFile::last_epoch);
                has_lost = true;
            }
            if has_lost {
                durability::acked_is_somewhere(ghost, case, &mut self.verdicts);
            }
        }
    }
}

fn now<'a>(look: Look<'a>, committed: &'a Committed) -> Case<'a, Look<'a>> {
    let moment = Moment { at: look.world().now(), input: look.world().inputs() };
    Case { view: look, image: committed.image(), moment }
}

fn ghost_mut(ghosts: &mut Vec<Vec<Ghost>>, tp: TopicPartition) -> &mut Ghost {
    let (topic, partition) = (tp.topic.0 as usize, tp.partition as usize);
    if ghosts.len() <= topic {
        ghosts.resize_with(topic + 1, Vec::new);
    }
    let ghosts = &mut ghosts[topic];
    while ghosts.len() <= partition {
        let partition = ghosts.len() as u32;
        ghosts.push(Ghost::new(TopicPartition { partition, ..tp }));
    }
    &mut ghosts[partition]
}
