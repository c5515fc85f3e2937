//! What was found: violations with their class, each kept in full once, and every loss that one of
//! them named.

use super::cluster::Moment;
use kafkalab_core::epoch::Offset;
use kafkalab_core::id::{InputNo, NodeId, TopicPartition};
use kafkalab_core::time::Instant;
use std::fmt;

/// How a broken invariant is to be taken (G-8). Later is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// A setting or an accident allowed it: an unclean election, or every holder lost its data.
    Expected,
    /// Kafka as designed allows it, though nothing in the configuration says so: a single in-sync
    /// replica lost its data and was elected all the same.
    DesignLimit,
    /// Nothing allows it: a bug, or a protection that was switched off.
    Violation,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expected => "EXPECTED",
            Self::DesignLimit => "DESIGN-LIMIT",
            Self::Violation => "VIOLATION",
        })
    }
}

/// An invariant that did not hold: the first time for this property, class and partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The reference's name, `INV-12`.
    pub property: &'static str,
    /// How it is to be taken.
    pub class: Class,
    /// When it was seen.
    pub at: Instant,
    /// After which input; the latest one, if a fault made it visible.
    pub input: InputNo,
    /// Whose state it is about.
    pub node: Option<NodeId>,
    /// Which partition; `None` for what concerns a whole broker.
    pub tp: Option<TopicPartition>,
    /// One sentence: what was found, and for a loss what allowed it.
    pub text: String,
    /// How often it was seen again.
    pub repeats: u64,
}

/// Entries that INV-15, INV-16 or INV-18 named: a leader lacks them, no disk has them, or success was
/// told for them without their being committed. Findings that follow each other without a gap, by
/// the same rule and in the same class, are one.
///
/// At the end of a run these are the only places at which a record acknowledged with acks=all can
/// have been lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedLoss {
    /// `INV-15`, `INV-16` or `INV-18`.
    pub property: &'static str,
    /// How it is to be taken.
    pub class: Class,
    /// Which partition.
    pub tp: TopicPartition,
    /// The first offset.
    pub from: Offset,
    /// The offset after the last one.
    pub to: Offset,
    /// When the first of them was named.
    pub at: Instant,
    /// After which input.
    pub input: InputNo,
}

/// What a rule found, without its words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finding {
    pub(super) property: &'static str,
    pub(super) class: Class,
    pub(super) node: Option<NodeId>,
    pub(super) tp: Option<TopicPartition>,
}

impl Finding {
    /// Nothing allows it, on `node` for `tp`.
    pub(super) const fn violation(
        property: &'static str,
        node: NodeId,
        tp: TopicPartition,
    ) -> Self {
        Self { property, class: Class::Violation, node: Some(node), tp: Some(tp) }
    }

    /// About `node` as a whole.
    pub(super) const fn of_broker(property: &'static str, class: Class, node: NodeId) -> Self {
        Self { property, class, node: Some(node), tp: None }
    }
}

/// Everything found so far, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdicts {
    list: Vec<Violation>,
    losses: Vec<NamedLoss>,
}

impl Verdicts {
    pub(super) fn list(&self) -> &[Violation] {
        &self.list
    }

    pub(super) fn losses(&self) -> &[NamedLoss] {
        &self.losses
    }

    /// Adds `finding` about the entries of `from..to` of `tp`.
    pub(super) fn report_loss(
        &mut self,
        moment: Moment,
        finding: Finding,
        (tp, from, to): (TopicPartition, Offset, Offset),
        text: impl FnOnce() -> String,
    ) {
        let Finding { property, class, .. } = finding;
        match self.losses.last_mut() {
            Some(last)
                if (last.property, last.class, last.tp) == (property, class, tp)
                    && last.from <= from
                    && from <= last.to =>
            {
                last.to = last.to.max(to);
            }
            Some(_) | None => {
                let Moment { at, input } = moment;
                self.losses.push(NamedLoss { property, class, tp, from, to, at, input });
            }
        }
        self.report(moment, finding, text);
    }

    /// Adds `finding`; its words are only made if it is the first of its kind.
    pub(super) fn report(
        &mut self,
        moment: Moment,
        finding: Finding,
        text: impl FnOnce() -> String,
    ) {
        let Finding { property, class, node, tp } = finding;
        let same = |known: &&mut Violation| {
            known.property == property && known.class == class && known.tp == tp
        };
        if let Some(known) = self.list.iter_mut().find(same) {
            known.repeats += 1;
            return;
        }
        let Moment { at, input } = moment;
        let text = text();
        self.list.push(Violation { property, class, at, input, node, tp, text, repeats: 0 });
    }
}
