//! Why a record stands or was read twice, and why it stands behind one that was sent after it.

use super::cause::{Again, Cause, ReadAgain};
use super::find::Search;
use super::scene::{Moment, Scene};
use crate::scenario::plan::{ClientKind, ProducerPlan};
use kafkalab_core::epoch::Offset;
use kafkalab_core::id::{NodeId, TopicPartition};

impl Search<'_> {
    pub(super) fn repetition(self) -> Cause {
        let appends = self.appends();
        if let [.., (n, _, _)] = appends.as_slice()
            && appends.len() > 1
        {
            let stamps = &self.trail.stamps;
            let has_new_identity = stamps
                .windows(2)
                .any(|two| matches!(two, [Some(one), Some(other)] if one != other));
            let why = self.sent_again_before(*n);
            return why.map_or(Cause::Unseen, |why| Cause::SentAgain { why, has_new_identity });
        }
        let again = self.trail.moments.iter().find_map(|moment| match moment.what {
            Scene::Processed { by, nth: 2.. } => Some((moment.entry, by)),
            _ => None,
        });
        match again {
            Some((n, reader)) => Cause::ReadAgain { reader, why: self.read_again(n, reader) },
            None => Cause::ReadBySeveral,
        }
    }

    pub(super) fn overtaking(self) -> Cause {
        let in_flight = self.producer().map_or(0, |plan| plan.config.max_in_flight);
        let Some((n, _, _)) = self.appends().last().copied() else { return Cause::Unseen };
        let why = self.sent_again_before(n);
        why.map_or(Cause::Unseen, |why| Cause::Overtaken { why, in_flight })
    }

    pub(super) fn producer(&self) -> Option<&ProducerPlan> {
        let mut clients = self.lab.plan().clients.iter();
        match &clients.find(|client| client.node == self.id.producer)?.kind {
            ClientKind::Producer(plan) => Some(plan),
            ClientKind::Consumer(_) => None,
        }
    }

    /// The places where leaders appended it, each once, in order.
    fn appends(self) -> Vec<(usize, TopicPartition, Offset)> {
        let mut found: Vec<(usize, TopicPartition, Offset)> = Vec::new();
        for moment in &self.trail.moments {
            if let (Scene::Appended { offset, .. }, Some(tp)) = (&moment.what, moment.tp) {
                found.push((moment.entry, tp, *offset));
            }
        }
        found
    }

    /// Why the attempt that was appended at entry `n` was made; `None` if it was the first.
    fn sent_again_before(self, n: usize) -> Option<Again> {
        let mut last = None;
        let mut sent = None;
        for moment in self.trail.moments.iter().take_while(|moment| moment.entry < n) {
            match moment.what {
                Scene::Retried { error, was_told: true } => last = Some(Again::Told(error)),
                Scene::Retried { error, was_told: false } => {
                    let fault = self.fault_around(sent, moment);
                    last = Some(Again::NoAnswer { fault, error });
                }
                Scene::Sent { after_restart: true, .. } => last = Some(Again::Restarted),
                Scene::Sent { to, .. } => sent = to.map(|to| (moment.entry, to)),
                _ => {}
            }
        }
        last
    }

    /// What was wrong with the link to a broker when the producer gave up waiting for its answer, or
    /// when it had sent.
    fn fault_around(
        self,
        sent: Option<(usize, NodeId)>,
        retried: &Moment,
    ) -> Option<super::chronicle::LinkFault> {
        let (n, to) = sent?;
        let at = |n| self.chronicle.fault(to, self.id.producer, n).map(|(what, _, _)| what);
        at(retried.entry).or_else(|| at(n))
    }

    fn read_again(self, n: usize, reader: NodeId) -> ReadAgain {
        let before = || self.trail.moments.iter().take_while(|moment| moment.entry < n);
        let first = before().find_map(|moment| match moment.what {
            Scene::Delivered { to, nth: 1 } if to == reader => Some(moment.entry),
            _ => None,
        });
        let Some(first) = first else { return ReadAgain::Unseen };
        let mut between = before().skip_while(|moment| moment.entry <= first);
        let found = between.find_map(|moment| match moment.what {
            Scene::Returned { node, .. } if node == reader => Some(ReadAgain::Restarted),
            Scene::Positioned { reader: its, from: Some(from), to }
                if its == reader && to < from =>
            {
                Some(ReadAgain::SetBack)
            }
            _ => None,
        });
        found.unwrap_or(ReadAgain::Unseen)
    }
}
