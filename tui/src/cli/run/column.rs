//! One variant that has been run: a column of the table.

use kafkalab_core::id::{NodeId, RecordId};
use kafkalab_sim::lab::{End, Lab};
use kafkalab_sim::ledger::{Fate, Outcome, Row};
use kafkalab_sim::scenario::condition::Query;
use kafkalab_sim::scenario::count::Count;
use kafkalab_sim::scenario::plan::Promise;
use kafkalab_sim::scenario::{Lang, Plan};
use kafkalab_sim::story::Judged;
use kafkalab_sim::verdict::Verdict;

use crate::narrate::Narrator;

/// A variant and what it came to.
pub(super) struct Column {
    /// `None` if the scenario has no variants.
    pub(super) name: Option<String>,
    /// The run as it ended.
    pub(super) lab: Lab,
    /// What it came to.
    pub(super) verdict: Verdict,
}

/// How a promise stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Kept.
    Kept,
    /// Broken.
    Broken,
    /// The run did not come to the end that it speaks of.
    Open,
}

impl Column {
    pub(super) fn of(name: Option<String>, lab: Lab) -> Self {
        let verdict = Verdict::on(&lab);
        Self { name, lab, verdict }
    }

    pub(super) fn plan(&self) -> &Plan {
        self.lab.plan()
    }

    /// ` in acks-1`, or nothing.
    pub(super) fn suffix(&self) -> String {
        self.name.as_ref().map_or_else(String::new, |name| format!(" in {name}"))
    }

    pub(super) fn was_interrupted(&self) -> bool {
        self.lab.end() == Some(&End::Interrupted)
    }

    /// The promises of the plan with how they were judged.
    pub(super) fn promises(&self) -> impl Iterator<Item = (&Promise, &Judged)> {
        self.plan().promises.iter().zip(&self.verdict.promises)
    }

    pub(super) fn standing(&self, judged: &Judged) -> Standing {
        match judged.is_kept {
            false if judged.is_final_at_once() || self.lab.has_come_to_its_end() => {
                Standing::Broken
            }
            true if self.lab.has_come_to_its_end() => Standing::Kept,
            // It may still have been kept or broken later.
            _ => Standing::Open,
        }
    }

    /// The promises that were broken.
    pub(super) fn broken(&self) -> impl Iterator<Item = (&Promise, &Judged)> {
        self.promises().filter(|(_, judged)| self.standing(judged) == Standing::Broken)
    }

    /// The records a promise is about, if it counts records: those that were lost, repeated ….
    pub(super) fn records(&self, promise: &Promise) -> Vec<RecordId> {
        let queries = promise.condition.queries();
        let ledger = self.lab.ledger();
        let is_meant = |row: &Row, query: &Query| match query {
            Query::Count { count, of } if of.is_none_or(|client| client == row.id.producer) => {
                match count {
                    Count::Lost => row.is_acked() && row.lost.is_some(),
                    Count::Duplicates => row.repeats > 0,
                    Count::LogDuplicates => row.copies_in_logs() > 1,
                    Count::AtRisk => row.fate() == Fate::AtRisk,
                    Count::Unknown => matches!(row.outcome, Outcome::Unknown { .. }),
                    Count::Failed => matches!(row.outcome, Outcome::Failed { .. }),
                    _ => false,
                }
            }
            _ => false,
        };
        let rows = ledger.rows().filter(|row| queries.iter().any(|query| is_meant(row, query)));
        rows.map(|row| row.id).collect()
    }

    /// `#3`, or `p2#3` where several clients produce.
    pub(super) fn record_name(&self, id: RecordId) -> String {
        record_name(self.plan(), id)
    }

    /// `#3 #4`, at most eight of them.
    pub(super) fn record_names(&self, ids: &[RecordId]) -> String {
        Narrator { plan: self.plan(), lang: Lang::En }.names_of(ids)
    }
}

/// `#3`, or `p2#3` where several clients produce.
pub(crate) fn record_name(plan: &Plan, id: RecordId) -> String {
    if producers(plan).count() > 1 {
        format!("{}#{}", plan.node_name(id.producer), id.n)
    } else {
        format!("#{}", id.n)
    }
}

/// The clients that produce, in order.
pub(crate) fn producers(plan: &Plan) -> impl Iterator<Item = NodeId> {
    use kafkalab_sim::scenario::plan::ClientKind;
    let clients = plan.clients.iter();
    clients.filter(|c| matches!(c.kind, ClientKind::Producer(_))).map(|client| client.node)
}
