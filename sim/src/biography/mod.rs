//! The life of one record, and what went wrong in a run: what happened, to which copies, and why.
//!
//! A biography is drawn from a recorded run and is plain data; its sentences, in whatever language,
//! are the business of whoever shows it. It knows what an observer outside of the cluster knows, and
//! asks no process. Nothing is a cause that the recording does not prove: where it proves none, the
//! cause is [`Cause::Unseen`].

mod cause;
mod chronicle;
mod copy;
mod find;
mod refuse;
mod repeat;
mod scene;
mod trail;

pub use cause::{
    Absence, Again, Cause, Died, DiskLoss, NoLeader, ReadAgain, ReaderEnd, Refusal, Unaware,
    Unread, Zombie,
};
pub use chronicle::{Chronicle, End, LinkFault};
pub use copy::{Copy, CopyEnd};
pub use scene::{Moment, Scene};

use crate::lab::Lab;
use crate::ledger::Fate;
use crate::recording::Entry;
use crate::trouble::Trouble;
use find::Search;
use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::config::Acks;
use kafkalab_core::epoch::Offset;
use kafkalab_core::id::{NodeId, NodeKind, RecordId, TopicPartition};
use kafkalab_core::time::Duration;
use std::collections::BTreeSet;
use trail::Trail;

/// A record that waits longer than this in its producer before it is sent has a moment for it.
const LONG_WAIT: Duration = Duration::from_millis(20);
/// So many records of one trouble are looked at one by one.
const LOOKED_AT: usize = 64;

/// One record's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Biography {
    /// Which record.
    pub id: RecordId,
    /// Its key; `None` for a null key, or if it never reached a batch.
    pub key: Option<String>,
    /// The partitions it was sent to, in their order. Empty if it never got one.
    pub tps: Vec<TopicPartition>,
    /// Whom its producer waits for.
    pub acks: Acks,
    /// What became of it.
    pub fate: Fate,
    /// How often consumers were handed it.
    pub delivered: u32,
    /// How often its effect was done.
    pub processed: u32,
    /// What happened, in order.
    pub moments: Vec<Moment>,
    /// Every copy there ever was, in the order they were written.
    pub copies: Vec<Copy>,
    /// Where it stands at the end in the logs of leaders at work.
    pub stands: Vec<(TopicPartition, Offset)>,
    /// The brokers that have it at the end, on their disks if they are down.
    pub holders: BrokerSet,
    /// Those of them that are down.
    pub down: BrokerSet,
    /// What went wrong with it, and why; the worst first.
    pub troubles: Vec<(Trouble, Cause)>,
}

/// One thing that went wrong in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub trouble: Trouble,
    /// Why.
    pub cause: Cause,
    /// Which records: those looked at that have this cause, or all in this trouble if all that were
    /// looked at have it. Empty for a reader that died.
    pub records: Vec<RecordId>,
    /// How many records are in this trouble, with whatever cause.
    pub of: usize,
    /// How many of them were looked at.
    pub looked_at: usize,
    /// Whom success waits for: what an ack of these records meant.
    pub acks: Acks,
}

/// A recorded run that can be asked.
pub struct Analysis<'a> {
    lab: &'a Lab,
    entries: &'a [Entry],
    chronicle: Chronicle,
    troubles: Vec<(Trouble, BTreeSet<RecordId>)>,
}

impl<'a> Analysis<'a> {
    /// Reads a recorded run that has ended.
    pub fn of(lab: &'a Lab) -> Self {
        let entries = lab.recorder().expect("an analysis needs a recorded run").entries();
        let chronicle = Chronicle::of(lab.plan(), entries);
        let all = Trouble::all(lab).into_iter().filter(|trouble| trouble.is_in(lab));
        let troubles = all.map(|trouble| (trouble, trouble.records(lab))).collect();
        Self { lab, entries, chronicle, troubles }
    }

    /// The life of record `id`; `None` if no such record was ever sent.
    pub fn biography(&self, id: RecordId) -> Option<Biography> {
        let (lab, row) = (self.lab, self.lab.ledger().row(id)?);
        let trail = Trail::follow(lab, &self.chronicle, self.entries, id);
        let troubles = self.troubles_of(id, &trail);
        let mut copies = trail.copies();
        let (holders, down) = (trail.holders(), trail.down());
        let stands = copies.iter().filter(|copy| copy.is_there()).filter(|copy| {
            let leader = lab.committed().partition(copy.tp).and_then(|tp| tp.leader);
            leader == Some(copy.on)
        });
        let stands = stands.map(|copy| (copy.tp, copy.offset)).collect();
        copies.sort_by_key(|copy| (copy.tp, copy.offset, copy.epoch));
        let mut life = Biography {
            id,
            key: trail.key.clone(),
            tps: trail.tps.iter().copied().collect(),
            acks: row.acks,
            fate: row.fate(),
            delivered: row.delivered,
            processed: row.processed,
            moments: Vec::new(),
            copies,
            stands,
            holders,
            down,
            troubles,
        };
        life.moments = self.what_matters(&life, &trail);
        Some(life)
    }

    /// Everything that went wrong, the worst first, records with one cause together.
    pub fn findings(&self) -> Vec<Finding> {
        let mut all = Vec::new();
        for (trouble, ids) in &self.troubles {
            let mut found: Vec<Finding> = Vec::new();
            let looked_at = ids.len().min(LOOKED_AT);
            for id in ids.iter().take(LOOKED_AT) {
                let trail = Trail::follow(self.lab, &self.chronicle, self.entries, *id);
                let cause = self.search(*id, &trail).cause(*trouble);
                let acks = self.lab.ledger().row(*id).map_or(Acks::All, |row| row.acks);
                let known = found.iter_mut().find(|one| (&one.cause, one.acks) == (&cause, acks));
                match known {
                    Some(one) => one.records.push(*id),
                    None => found.push(Finding {
                        trouble: *trouble,
                        cause,
                        records: vec![*id],
                        of: ids.len(),
                        looked_at,
                        acks,
                    }),
                }
            }
            if let Trouble::DeadReader(reader) = trouble {
                let died = find::death(self.lab, &self.chronicle, *reader);
                let cause = died.map_or(Cause::Unseen, Cause::Died);
                let (trouble, records, acks) = (*trouble, Vec::new(), Acks::All);
                found.push(Finding { trouble, cause, records, of: 0, looked_at: 0, acks });
            }
            all.append(&mut found);
        }
        all
    }

    fn search<'b>(&'b self, id: RecordId, trail: &'b Trail<'b>) -> Search<'b> {
        let (lab, chronicle, end) = (self.lab, &self.chronicle, self.entries.len());
        Search { lab, chronicle, trail, id, end }
    }

    fn troubles_of(&self, id: RecordId, trail: &Trail<'_>) -> Vec<(Trouble, Cause)> {
        let own = self.troubles.iter().filter(|(_, ids)| ids.contains(&id));
        own.map(|(trouble, _)| (*trouble, self.search(id, trail).cause(*trouble))).collect()
    }

    // ---- which moments are told ----------------------------------------------------------------

    /// The moments that bear on the record. Before its birth: what lasted then, and what doomed it.
    /// After its end, if it is safe: nothing. A record that is sent at once needs no word about being
    /// handed over.
    fn what_matters(&self, life: &Biography, trail: &Trail<'_>) -> Vec<Moment> {
        let birth = trail.birth.unwrap_or(0);
        let early = self.early(trail, birth);
        let is_settled = life.fate == Fate::Ok && life.troubles.is_empty();
        let last = trail.moments.iter().rposition(|moment| is_own(&moment.what));
        let sent = trail.moments.iter().find(|m| matches!(m.what, Scene::Sent { .. }));
        let called = trail.moments.iter().find(|m| m.what == Scene::Called);
        let is_prompt =
            sent.zip(called).is_some_and(|(sent, called)| sent.at.since(called.at) < LONG_WAIT);
        let nodes = trail.nodes();
        let is_told = |(n, moment): &(usize, &Moment)| {
            let is_time = moment.entry >= birth || early.contains(&moment.entry);
            let is_over = is_settled && last.is_some_and(|last| *n > last);
            let is_plain = is_prompt && moment.what == Scene::Called;
            is_time && !is_over && !is_plain && bears(life, &nodes, moment, &early)
        };
        let told = trail.moments.iter().enumerate().filter(is_told);
        told.map(|(_, moment)| moment.clone()).collect()
    }

    /// The entries before the record's birth that bear on it.
    fn early(&self, trail: &Trail<'_>, birth: usize) -> BTreeSet<usize> {
        let mut early = self.chronicle.lasting(&trail.nodes(), birth);
        for tp in &trail.tps {
            let term = self.chronicle.term(*tp, birth);
            let replicas = self.lab.committed().partition(*tp).map_or(0, |p| p.replicas.len());
            // Who was missing then, and who led.
            early.extend(term.filter(|t| t.isr.len() < replicas).map(|term| term.entry));
        }
        for moment in &trail.moments {
            let Scene::Appended { on, epoch, as_zombie: true, .. } = moment.what else { continue };
            let Some(tp) = moment.tp else { continue };
            let term = find::zombie_at(&self.chronicle, tp, on, epoch, moment.entry);
            let Some(term) = term else { continue };
            early.insert(term.entry);
            // What made it a zombie began before that, and may be over by now.
            early.extend(self.chronicle.lasting(&trail.nodes(), term.entry));
            let leads = trail.leads.iter().filter(|lead| lead.tp == tp && lead.epoch == term.epoch);
            early.extend(leads.map(|lead| lead.entry));
        }
        early
    }
}

/// Whether a moment around the record bears on it.
fn bears(
    life: &Biography,
    nodes: &BTreeSet<NodeId>,
    moment: &Moment,
    early: &BTreeSet<usize>,
) -> bool {
    let is_reader = |node: NodeId| {
        life.troubles.iter().any(|(trouble, cause)| {
            let is_its = matches!(cause, Cause::ReadAgain { reader, .. } if *reader == node);
            is_its || *trouble == Trouble::Unread(node)
        })
    };
    match &moment.what {
        Scene::Ended { node } | Scene::Returned { node, .. } => {
            nodes.contains(node) || is_reader(*node)
        }
        Scene::Positioned { reader, .. } | Scene::PollFailed { reader, .. } => is_reader(*reader),
        // Told only of a leader that went on writing.
        Scene::Unseated { .. } => early.contains(&moment.entry),
        _ => true,
    }
}

/// Whether a scene is about the record itself rather than what is around it.
const fn is_own(scene: &Scene) -> bool {
    match scene {
        Scene::Called
        | Scene::Sent { .. }
        | Scene::RequestDied { .. }
        | Scene::Appended { .. }
        | Scene::Copied { .. }
        | Scene::Recognised { .. }
        | Scene::Committed { .. }
        | Scene::Answered { .. }
        | Scene::AnswerDied { .. }
        | Scene::AnswerLate { .. }
        | Scene::Acked
        | Scene::Retried { .. }
        | Scene::Failed { .. }
        | Scene::Replaced { .. }
        | Scene::Cut { .. }
        | Scene::Forgotten { .. }
        | Scene::Delivered { .. }
        | Scene::Processed { .. } => true,
        Scene::Told { .. }
        | Scene::Ended { .. }
        | Scene::Returned { .. }
        | Scene::Fenced { .. }
        | Scene::Isr { .. }
        | Scene::Unseated { .. }
        | Scene::Leads { .. }
        | Scene::Positioned { .. }
        | Scene::PollFailed { .. } => false,
    }
}

fn is_broker(node: NodeId) -> bool {
    node.kind() == NodeKind::Broker
}

#[cfg(test)]
mod tests;
