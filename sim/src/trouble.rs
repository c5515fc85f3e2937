//! What can go wrong with records and their readers, and whom it happened to in a run.
//!
//! A trouble is what `explain` explains and what a remedy is sought for. Which records are in it
//! follows from the ledger alone (semantics 5).

use crate::lab::Lab;
use crate::ledger::{Fate, Outcome, Row};
use crate::scenario::plan::ClientKind;
use kafkalab_core::id::{NodeId, RecordId};
use std::collections::BTreeSet;

/// One kind of trouble. In order of weight, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Acked, and gone.
    Lost,
    /// Acked, and every place that counts is in a partition without a leader.
    NotDecided,
    /// Acked, and above the high watermark at every place.
    AtRisk,
    /// This reader is dead, or its application is, and was not started again.
    DeadReader(NodeId),
    /// In the log at the end, and never handed to this reader.
    Unread(NodeId),
    /// Its effect done twice, or twice in a log that leads.
    Duplicate,
    /// It stands behind a record that was sent after it.
    Reordered,
    /// Its producer was told that it failed, and it may be written.
    Unknown,
    /// Its producer was told that it failed, and it is not written.
    Failed,
}

impl Trouble {
    /// Every trouble that can be in a run of this plan, the worst first.
    pub fn all(lab: &Lab) -> Vec<Self> {
        let readers = || {
            let clients = lab.plan().clients.iter();
            clients.filter(|c| matches!(c.kind, ClientKind::Consumer(_))).map(|c| c.node)
        };
        [Self::Lost, Self::NotDecided, Self::AtRisk]
            .into_iter()
            .chain(readers().map(Self::DeadReader))
            .chain(readers().map(Self::Unread))
            .chain([Self::Duplicate, Self::Reordered, Self::Unknown, Self::Failed])
            .collect()
    }

    /// Whether it is in a run that has ended.
    pub fn is_in(self, lab: &Lab) -> bool {
        match self {
            Self::DeadReader(reader) => lab.scene().look.is_dead(reader),
            Self::Lost
            | Self::NotDecided
            | Self::AtRisk
            | Self::Unread(_)
            | Self::Duplicate
            | Self::Reordered
            | Self::Unknown
            | Self::Failed => !self.records(lab).is_empty(),
        }
    }

    /// The records in it, at the end of a run: none for a dead reader, whose trouble is its own.
    pub fn records(self, lab: &Lab) -> BTreeSet<RecordId> {
        let ledger = lab.ledger();
        let those = |is_meant: &dyn Fn(&Row) -> bool| {
            ledger.rows().filter(|row| is_meant(row)).map(|row| row.id).collect()
        };
        match self {
            Self::Lost => those(&|row| row.fate() == Fate::Lost),
            Self::NotDecided => those(&|row| row.fate() == Fate::NotDecided),
            Self::AtRisk => those(&|row| row.fate() == Fate::AtRisk),
            Self::Duplicate => those(&|row| row.repeats > 0 || row.copies_in_logs() > 1),
            Self::Reordered => ledger.reordered(),
            Self::Unknown => those(&|row| matches!(row.outcome, Outcome::Unknown { .. })),
            Self::Failed => those(&|row| matches!(row.outcome, Outcome::Failed { .. })),
            Self::Unread(reader) => ledger.unread_by(reader),
            Self::DeadReader(_) => BTreeSet::new(),
        }
    }
}
