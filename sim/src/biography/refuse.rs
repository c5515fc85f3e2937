//! Why a record was given up, and why a reader did not get one.

use super::cause::{Absence, Cause, Refusal, Unread};
use super::find::{Search, absence, death};
use super::scene::Scene;
use crate::scenario::plan::{ClientKind, ConsumerPlan};
use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::id::{NodeId, TopicId, TopicPartition};

impl Search<'_> {
    pub(super) fn refusal(self) -> Cause {
        let failed = self.trail.moments.iter().rev().find_map(|moment| match moment.what {
            Scene::Failed { error, .. } => Some((moment.entry, error)),
            _ => None,
        });
        let Some((n, error)) = failed else { return Cause::Unseen };
        // The client's own time-out hides what a broker said last.
        let told = self.trail.moments.iter().rev().find_map(|moment| match moment.what {
            Scene::Retried { error, was_told } if moment.entry < n => Some((error, was_told)),
            _ => None,
        });
        let error = match told {
            Some((told, true)) if error == ErrorCode::RequestTimedOut => told,
            Some(_) | None => error,
        };
        Cause::Refused(self.refusal_at(n, error))
    }

    fn refusal_at(self, n: usize, error: ErrorCode) -> Refusal {
        // A record that was never sent had no partition that could take it, or no answer came to those
        // before it.
        let only = || self.own_topic().next().filter(|_| self.own_topic().count() == 1);
        let Some(tp) = self.trail.tps.last().copied().or_else(only) else {
            let without_leader = self.own_topic().find_map(|tp| self.no_leader(tp, n));
            return without_leader.map_or(Refusal::Error(error), Refusal::NoLeader);
        };
        if let Some(no_leader) = self.no_leader(tp, n) {
            return Refusal::NoLeader(no_leader);
        }
        let term = self.chronicle.term(tp, n).copied();
        let Some((term, leader)) = term.and_then(|term| Some((term, term.leader?))) else {
            return Refusal::Error(error);
        };
        if matches!(error, ErrorCode::NotEnoughReplicas | ErrorCode::NotEnoughReplicasAfterAppend) {
            let replicas = self.lab.committed().partition(tp).map(|p| p.replicas.to_vec());
            let outside = replicas.unwrap_or_default().into_iter();
            let outside = outside.filter(|node| !term.isr.contains(*node));
            let out = outside.map(|node| (node, absence(self.chronicle, node, leader, n)));
            let min = self.lab.committed().image().min_insync_replicas(tp);
            return Refusal::TooFewInSync { isr: term.isr, min, out: out.collect() };
        }
        if let Some(absence) = self.unreachable(leader, n) {
            return Refusal::Unreachable { leader, absence };
        }
        let mut missing = self.missing(&term, leader, n);
        missing.retain(|(_, absence)| *absence != Absence::Behind);
        if !missing.is_empty() {
            return Refusal::Awaited { missing };
        }
        Refusal::Error(error)
    }

    /// The partitions that its producer writes to.
    fn own_topic(self) -> impl Iterator<Item = TopicPartition> {
        let plan = self.lab.plan();
        let topic = self.producer().and_then(|own| plan.topics.get(own.topic.0 as usize));
        let (id, count) = topic.map_or((TopicId(0), 0), |topic| (topic.id, topic.partitions));
        (0..count).map(move |partition| TopicPartition { topic: id, partition })
    }

    /// What keeps the producer and the leader apart when it gives up, or did when it last sent.
    fn unreachable(self, leader: NodeId, n: usize) -> Option<Absence> {
        let sent = self.trail.moments.iter().rev().filter(|moment| moment.entry < n);
        let sent = sent.filter(|moment| matches!(moment.what, Scene::Sent { .. }));
        let moments = std::iter::once(n).chain(sent.map(|moment| moment.entry).take(1));
        let found = moments.map(|at| absence(self.chronicle, leader, self.id.producer, at));
        found.into_iter().find(|absence| match absence {
            Absence::Down(_) | Absence::Paused | Absence::CutOff { .. } | Absence::SlowDisk => true,
            Absence::Fenced | Absence::Behind => false,
        })
    }

    // ---- unread --------------------------------------------------------------------------------

    fn reader(&self, reader: NodeId) -> Option<&ConsumerPlan> {
        let mut clients = self.lab.plan().clients.iter();
        match &clients.find(|client| client.node == reader)?.kind {
            ClientKind::Consumer(plan) => Some(plan),
            ClientKind::Producer(_) => None,
        }
    }

    pub(super) fn unread(self, reader: NodeId) -> Unread {
        let place = self.trail.tracked.iter().rev().find(|tracked| tracked.until.is_none());
        let resets = self.trail.moments.iter().filter_map(|moment| match moment.what {
            Scene::Positioned { reader: its, from, to } if its == reader => {
                Some((moment.tp?, from, to))
            }
            _ => None,
        });
        let behind = resets.filter(|(tp, _, to)| {
            place.is_some_and(|place| place.copy.tp == *tp && place.copy.offset < *to)
        });
        let behind: Vec<_> = behind.collect();
        let skips = behind.iter().any(|(_, from, _)| {
            from.is_some_and(|from| place.is_some_and(|place| from <= place.copy.offset))
        });
        if skips {
            return Unread::Skipped { reader };
        }
        if behind.iter().any(|(_, from, _)| from.is_none())
            && let Some(plan) = self.reader(reader)
        {
            return Unread::StartedBehind { reader, policy: plan.config.auto_offset_reset };
        }
        if !self.chronicle.was_ever_up(reader) {
            return Unread::NeverStarted { reader };
        }
        if let Some(died) = death(self.lab, self.chronicle, reader) {
            return Unread::Died(died);
        }
        let is_hidden = place.is_some_and(|place| {
            let leader = self.lab.committed().leader(self.lab.scene().look, place.copy.tp);
            leader.is_none_or(|leader| leader.log().high_watermark() <= place.copy.offset)
        });
        if is_hidden { Unread::NotVisible { reader } } else { Unread::NotReached { reader } }
    }
}
