//! Finds the cause of a trouble in a record's trail and in the circumstances of the run.

use super::cause::{Absence, Cause, Died, DiskLoss, NoLeader, ReaderEnd, Unaware, Zombie};
use super::chronicle::{Chronicle, Term};
use super::copy::CopyEnd;
use super::scene::Scene;
use super::trail::{Lead, Trail};
use crate::lab::Lab;
use crate::scenario::plan::Plan;
use crate::trouble::Trouble;
use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::epoch::LeaderEpoch;
use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::id::{NodeId, NodeKind, RecordId, TopicPartition};

/// What a cause is sought in.
#[derive(Clone, Copy)]
pub(super) struct Search<'a> {
    pub(super) lab: &'a Lab,
    pub(super) chronicle: &'a Chronicle,
    pub(super) trail: &'a Trail<'a>,
    pub(super) id: RecordId,
    /// The number of entries: the moment of the end.
    pub(super) end: usize,
}

/// The term that ended the leadership of `on` in `epoch` before entry `n`; `None` if none did.
pub(super) fn zombie_at(
    chronicle: &Chronicle,
    tp: TopicPartition,
    on: NodeId,
    epoch: LeaderEpoch,
    n: usize,
) -> Option<&Term> {
    let terms = chronicle.terms(tp).iter().take_while(|term| term.entry < n);
    terms.into_iter().find(|term| term.epoch > epoch && term.leader != Some(on))
}

/// Why `broker` does not know at entry `n` what the controller has just decided.
pub(super) fn unaware(plan: &Plan, chronicle: &Chronicle, broker: NodeId, n: usize) -> Unaware {
    if chronicle.pause(broker, n).is_some() {
        return Unaware::Paused;
    }
    let controllers = plan.nodes().filter(|node| node.kind() == NodeKind::Controller);
    let mut faulty = controllers.filter(|node| chronicle.fault(broker, *node, n).is_some());
    faulty.next().map_or(Unaware::Late, |from| Unaware::CutOff { from })
}

/// What keeps `node` from working with `other` at entry `n`.
pub(super) fn absence(chronicle: &Chronicle, node: NodeId, other: NodeId, n: usize) -> Absence {
    if let Some(outage) = chronicle.outage(node, n) {
        return Absence::Down(outage.end);
    }
    if chronicle.pause(node, n).is_some() {
        return Absence::Paused;
    }
    if let Some((what, _, _)) = chronicle.fault(node, other, n) {
        return Absence::CutOff { from: other, what };
    }
    if chronicle.has_slow_disk(node, n) {
        return Absence::SlowDisk;
    }
    if chronicle.is_fenced(node, n) { Absence::Fenced } else { Absence::Behind }
}

/// How a reader that is dead at the end of the run died.
pub(super) fn death(lab: &Lab, chronicle: &Chronicle, reader: NodeId) -> Option<Died> {
    use crate::recording::Happening;
    use kafkalab_core::event::{ClientEvent, Event};
    let entries = lab.recorder()?.entries();
    let life = || {
        let own = entries.iter().rev().filter(|entry| entry.node == Some(reader));
        own.take_while(|entry| !matches!(entry.what, Happening::Booted))
    };
    let failed = life().find_map(|entry| match entry.what {
        Happening::Noted(Event::Client(ClientEvent::PollFailed { tp, error })) => Some((tp, error)),
        _ => None,
    });
    let how = match failed {
        Some((tp, error)) => {
            let was_positioned = life().any(|entry| {
                matches!(entry.what,
                    Happening::Noted(Event::Client(ClientEvent::PositionReset { tp: its, .. }))
                        if its == tp)
            });
            let no_offset = error == ErrorCode::OffsetOutOfRange && !was_positioned;
            if no_offset { ReaderEnd::NoOffset { tp } } else { ReaderEnd::Poll { tp, error } }
        }
        None => ReaderEnd::Story(chronicle.outage(reader, entries.len())?.end),
    };
    Some(Died { reader, how })
}

impl Search<'_> {
    pub(super) fn cause(self, trouble: Trouble) -> Cause {
        match trouble {
            Trouble::Lost => self.loss(),
            Trouble::NotDecided => self.not_decided(),
            Trouble::AtRisk => self.risk(),
            Trouble::Duplicate => self.repetition(),
            Trouble::Reordered => self.overtaking(),
            Trouble::Unknown | Trouble::Failed => self.refusal(),
            Trouble::Unread(reader) => Cause::Unread(self.unread(reader)),
            Trouble::DeadReader(reader) => {
                death(self.lab, self.chronicle, reader).map_or(Cause::Unseen, Cause::Died)
            }
        }
    }

    // ---- lost ----------------------------------------------------------------------------------

    fn loss(self) -> Cause {
        let Some(row) = self.lab.ledger().row(self.id) else { return Cause::Unseen };
        if row.places().is_empty() {
            let refused = self.trail.moments.iter().rev().find_map(|moment| match moment.what {
                Scene::Answered { error, .. } if error != ErrorCode::None => Some(error),
                _ => None,
            });
            return Cause::NeverAppended { refused };
        }
        // The latest place first: it is what the producer was told of.
        let appended = self.trail.moments.iter().rev().filter_map(|moment| match moment.what {
            Scene::Appended { on, epoch, .. } => Some((moment.entry, moment.tp?, on, epoch)),
            _ => None,
        });
        let mut causes = appended.map(|(n, tp, on, epoch)| self.loss_of(n, tp, on, epoch));
        causes.find(|cause| *cause != Cause::Unseen).unwrap_or(Cause::Unseen)
    }

    fn loss_of(self, n: usize, tp: TopicPartition, on: NodeId, epoch: LeaderEpoch) -> Cause {
        if let Some(term) = zombie_at(self.chronicle, tp, on, epoch, n) {
            let why = unaware(self.lab.plan(), self.chronicle, on, term.entry);
            return Cause::Zombie(Zombie { on, by: term.leader, epoch: term.epoch, why });
        }
        let mut leads = self.trail.leads.iter().filter(|lead| lead.tp == tp && lead.entry > n);
        if let Some(lead) = leads.find(|lead| !lead.has_it) {
            return self.loss_by(n, lead);
        }
        let own = self.trail.tracked.iter().filter(|tracked| tracked.copy.tp == tp);
        let is_gone = own.clone().count() > 0 && own.clone().all(|t| t.until.is_some());
        if is_gone { Cause::Gone } else { Cause::Unseen }
    }

    /// Appended at entry `n`, and missing in the log of a leader elected later.
    fn loss_by(self, n: usize, lead: &Lead) -> Cause {
        let (leader, tp) = (lead.on, lead.tp);
        if lead.is_unclean {
            return Cause::Unclean { leader };
        }
        let emptied = self.trail.tracked.iter().find_map(|tracked| {
            let is_its = (tracked.copy.tp, tracked.copy.on) == (tp, leader);
            let how = match tracked.copy.end {
                CopyEnd::Wiped => DiskLoss::Wiped,
                CopyEnd::LostWithPower => DiskLoss::Power,
                CopyEnd::Kept | CopyEnd::OnDisk | CopyEnd::Truncated { .. } | CopyEnd::Missing => {
                    return None;
                }
            };
            let was_before = tracked.until.is_some_and(|until| until < lead.entry);
            (is_its && was_before).then_some(how)
        });
        if let Some(how) = emptied {
            return Cause::Emptied { leader, how };
        }
        let had_it = self.trail.ever_on(tp, lead.entry);
        match (had_it.len(), had_it.iter().next()) {
            (1, Some(on)) => {
                let has_died = (n..lead.entry).any(|at| self.chronicle.outage(on, at).is_some());
                Cause::Alone { on, has_died }
            }
            _ => Cause::NotOnLeader { leader },
        }
    }

    // ---- not decided, at risk ------------------------------------------------------------------

    fn not_decided(self) -> Cause {
        let mut places = self.trail.tps.iter().rev().filter_map(|tp| self.no_leader(*tp, self.end));
        places.next().map_or(Cause::Unseen, Cause::NoLeader)
    }

    /// Why `tp` has no leader that works at entry `n`; `None` if it has one.
    pub(super) fn no_leader(self, tp: TopicPartition, n: usize) -> Option<NoLeader> {
        let term = self.chronicle.term(tp, n)?;
        let controllers = || self.lab.plan().nodes().filter(|n| n.kind() == NodeKind::Controller);
        let is_down = |node: NodeId| self.chronicle.outage(node, n).is_some();
        let has_no_controller = controllers().all(is_down);
        let before = self.chronicle.terms(tp).iter().take_while(|other| other.entry <= n);
        let named = before.filter_map(|term| term.leader).last();
        let is_at_work = |leader: NodeId| {
            let again = self.trail.leads.iter().any(|lead| {
                (lead.tp, lead.on, lead.epoch) == (tp, leader, term.epoch)
                    && (lead.entry..n).all(|at| self.chronicle.outage(leader, at).is_none())
            });
            // Of a record that was never sent it was not followed who leads.
            let stayed = self
                .chronicle
                .last_outage(leader, n)
                .is_none_or(|outage| outage.span.from < term.entry);
            !is_down(leader) && (again || stayed)
        };
        if term.leader.is_some_and(is_at_work) {
            return None;
        }
        let absence = named.and_then(|leader| self.last_end(leader, n)).map(Absence::Down);
        let is_out = |node: &NodeId| is_down(*node) || self.chronicle.is_fenced(*node, n);
        let unelectable: BrokerSet = term.isr.iter().filter(is_out).collect();
        let (leader, isr) = (named, term.isr);
        Some(NoLeader { tp, leader, absence, has_no_controller, isr, unelectable })
    }

    /// How the latest life of `node` that ended before entry `n` ended.
    fn last_end(self, node: NodeId, n: usize) -> Option<super::chronicle::End> {
        self.chronicle.last_outage(node, n).map(|outage| outage.end)
    }

    fn risk(self) -> Cause {
        let Some(tp) = self.trail.tps.last().copied() else { return Cause::Unseen };
        let Some(term) = self.chronicle.term(tp, self.end) else { return Cause::Unseen };
        let Some(leader) = term.leader else { return Cause::Unseen };
        let min = self.lab.committed().image().min_insync_replicas(tp);
        let missing = self.missing(term, leader, self.end);
        if !missing.is_empty() {
            return Cause::NotReplicated { missing };
        }
        if term.isr.len() < min {
            return Cause::BelowMinIsr { isr: term.isr, min };
        }
        Cause::Unseen
    }

    /// The members of the ISR that have not got the record at entry `n`, and why.
    pub(super) fn missing(self, term: &Term, leader: NodeId, n: usize) -> Vec<(NodeId, Absence)> {
        let has_it = |node: NodeId| {
            self.trail.tracked.iter().any(|tracked| {
                let is_there = tracked.from < n && tracked.until.is_none_or(|until| until > n);
                tracked.copy.on == node && is_there
            })
        };
        let missing = term.isr.iter().filter(|node| *node != leader && !has_it(*node));
        missing.map(|node| (node, absence(self.chronicle, node, leader, n))).collect()
    }
}
