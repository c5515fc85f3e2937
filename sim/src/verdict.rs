//! What a run came to: the answer of `run`, as plain data.

use crate::check::Class;
use crate::lab::{End, Lab};
use crate::ledger::Totals;
use crate::story::Judged;
use crate::world::{Counters, Finding, TraceHash};
use kafkalab_core::time::Instant;

/// The answer in one word. In order of weight: the worst of several variants is the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Every promise was kept and no invariant broken.
    Pass,
    /// A step never fired, or the limit came before the end of the story.
    Stuck,
    /// A promise or an invariant was broken.
    Fail,
    /// A process of kafkalab panicked, or time stood still.
    Bug,
}

impl Status {
    /// The word in outputs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Stuck => "STUCK",
            Self::Fail => "FAIL",
            Self::Bug => "BUG",
        }
    }
}

/// What the run showed of delivery (H-41). Evidence about this run only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// Nothing lost, nothing twice.
    ExactlyOnce,
    /// Nothing lost, something twice.
    AtLeastOnce,
    /// Something lost, nothing twice.
    AtMostOnce,
    /// Something lost and something twice.
    None,
}

impl Label {
    /// The word in outputs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ExactlyOnce => "exactly-once",
            Self::AtLeastOnce => "at-least-once",
            Self::AtMostOnce => "at-most-once",
            Self::None => "none",
        }
    }

    fn of(totals: &Totals) -> Self {
        let loses = totals.lost + totals.skipped > 0;
        let repeats = totals.duplicates + totals.log_duplicates > 0;
        match (loses, repeats) {
            (false, false) => Self::ExactlyOnce,
            (false, true) => Self::AtLeastOnce,
            (true, false) => Self::AtMostOnce,
            (true, true) => Self::None,
        }
    }
}

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// `INV-12`.
    pub property: &'static str,
    /// Whether Kafka promises otherwise, and by which rule not (G-8).
    pub class: Class,
    /// When.
    pub at: Instant,
    /// What was seen.
    pub text: String,
    /// The scenario expects it and says so.
    pub is_excused: bool,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// In one word.
    pub status: Status,
    /// What is pending, waited in vain or broke, where the status needs a reason.
    pub reason: Option<String>,
    /// The hash of everything that happened.
    pub trace: TraceHash,
    /// When the run ended.
    pub ended: Instant,
    /// The work done.
    pub counters: Counters,
    /// The records.
    pub totals: Totals,
    /// What the run showed of delivery.
    pub label: Label,
    /// The promises, in the order of the file.
    pub promises: Vec<Judged>,
    /// The invariants that did not hold.
    pub broken: Vec<Broken>,
}

impl Verdict {
    /// The verdict on a run that has ended.
    pub fn on(lab: &Lab) -> Self {
        let end = lab.end().expect("a verdict comes after the end");
        let promises = lab.story().judge(lab.scene());
        let excused = &lab.plan().excused;
        let broken: Vec<Broken> = lab
            .checks()
            .violations()
            .iter()
            .map(|violation| Broken {
                property: violation.property,
                class: violation.class,
                at: violation.at,
                text: violation.text.clone(),
                is_excused: excused.iter().any(|name| name == violation.property),
            })
            .collect();
        let is_broken = promises.iter().any(|judged| !judged.is_kept)
            || broken.iter().any(|b| b.class == Class::Violation && !b.is_excused);
        let (status, reason) = match end {
            End::Finding(Finding::Poisoned { node, message, .. }) => {
                let name = lab.plan().node_name(*node);
                (Status::Bug, Some(format!("{name} panicked: {message}")))
            }
            End::Finding(Finding::Livelock { node, .. }) => {
                let name = lab.plan().node_name(*node);
                (
                    Status::Bug,
                    Some(format!("time stands still at {name}: 100000 inputs at one moment")),
                )
            }
            _ if is_broken => (Status::Fail, None),
            End::Stuck(why) => (Status::Stuck, Some(why.clone())),
            End::ColdStart(why) => {
                (Status::Stuck, Some(format!("the cluster was not ready after its warm-up: {why}")))
            }
            End::Interrupted => (Status::Stuck, Some("interrupted".to_owned())),
            // The promises hold, but something will never come to rest.
            End::Limit(Some(why)) if lab.plan().ends == crate::scenario::plan::Ends::Quiet => {
                (Status::Stuck, Some(format!("still pending at the limit: {why}")))
            }
            End::Quiet | End::Limit(_) => (Status::Pass, None),
        };
        let totals = *lab.ledger().totals();
        Self {
            status,
            reason,
            trace: lab.world().trace(),
            ended: lab.world().now(),
            counters: *lab.world().counters(),
            label: Label::of(&totals),
            totals,
            promises,
            broken,
        }
    }
}
