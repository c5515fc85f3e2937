//! What a run came to: the answer of `run`, as plain data.

use crate::check::Class;
use crate::lab::{End, Lab};
use crate::ledger::{Found, Observed, Totals, Unread};
use crate::look::Look;
use crate::scenario::plan::Ends;
use crate::story::Judged;
use crate::world::{Counters, Finding, TraceHash};
use kafkalab_core::id::{NodeId, RecordId};
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
    /// What the run showed of delivery, and which leg decided it.
    pub observed: Observed,
    /// Clients that died, or whose application ended by itself, and were not started again.
    pub dead: Vec<NodeId>,
    /// What readers should have been given and were not, with the causes.
    pub unread: Vec<Unread>,
    /// Records that were lost for a while and are there again.
    pub found: Vec<(RecordId, Found)>,
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
        let broken: Vec<Broken> = lab
            .checks()
            .violations()
            .iter()
            .map(|violation| Broken {
                property: violation.property,
                class: violation.class,
                at: violation.at,
                text: violation.text.clone(),
                is_excused: lab.plan().excuses(violation.property),
            })
            .collect();
        let is_broken = promises.iter().any(|judged| !judged.is_kept);
        let is_violated = broken.iter().any(|one| one.class == Class::Violation && !one.is_excused);
        let was_wrong = promises.iter().any(|judged| !judged.is_kept && judged.is_final_at_once());
        let (status, reason) = Self::in_one_word(lab, end);
        let status = match status {
            Status::Bug => Status::Bug,
            _ if is_violated || was_wrong => Status::Fail,
            // What is claimed of the end cannot be judged before the story has come to its end.
            _ if is_broken && lab.has_come_to_its_end() => Status::Fail,
            status => status,
        };
        let (ledger, look) = (lab.ledger(), Look::at(lab.world()));
        let clients = lab.plan().clients.iter().map(|client| client.node);
        let dead: Vec<NodeId> = clients.filter(|node| look.is_dead(*node)).collect();
        let found = ledger.rows().filter_map(|row| Some((row.id, row.found()?))).collect();
        Self {
            status,
            reason,
            trace: lab.world().trace(),
            ended: lab.world().now(),
            counters: *lab.world().counters(),
            observed: Observed::of(ledger, &dead),
            dead,
            unread: ledger.unread(look),
            found,
            totals: *ledger.totals(),
            promises,
            broken,
        }
    }

    /// The status as far as the end of the run alone decides it, and its reason.
    fn in_one_word(lab: &Lab, end: &End) -> (Status, Option<String>) {
        let (status, reason) = match end {
            End::Finding(Finding::Poisoned { node, message, .. }) => {
                (Status::Bug, format!("{} panicked: {message}", lab.plan().node_name(*node)))
            }
            End::Finding(Finding::Livelock { node, .. }) => {
                let name = lab.plan().node_name(*node);
                (Status::Bug, format!("time stands still at {name}: 100000 inputs at one moment"))
            }
            End::Stuck(why) => (Status::Stuck, why.clone()),
            End::ColdStart(why) => {
                (Status::Stuck, format!("the cluster was not ready after its warm-up: {why}"))
            }
            End::Interrupted => (Status::Stuck, "interrupted".to_owned()),
            // The promises may hold, but something will never come to rest.
            End::Limit(Some(why)) if lab.plan().ends == Ends::Quiet => {
                (Status::Stuck, format!("still pending at the limit: {why}"))
            }
            End::Quiet | End::Limit(_) => return (Status::Pass, None),
        };
        (status, Some(reason))
    }
}
