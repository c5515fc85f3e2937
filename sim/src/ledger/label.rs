//! The observed label: what a run showed of delivery, and which leg decided it (H-41).
//!
//! A label is evidence about one run only. It speaks of the records whose client was told success:
//! whether one was lost or its effect never done, and whether an effect was done twice.

use super::Ledger;
use super::fate::Row;
use kafkalab_core::config::Acks;
use kafkalab_core::id::NodeId;

/// What a run showed of delivery.
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
}

/// Which part of the way from one application to the other decided the label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leg {
    /// What the producer takes for success, and what it sends again.
    Producer,
    /// What the cluster keeps.
    Broker,
    /// What the consumer reads and does.
    Consumer,
}

impl Leg {
    /// The word in outputs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::Broker => "broker",
            Self::Consumer => "consumer",
        }
    }
}

/// The label, and the leg that decided it or that forbids to claim one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed {
    /// `None` where none may be claimed.
    pub label: Option<Label>,
    /// `None` if nothing went wrong on any leg.
    pub decided_by: Option<Leg>,
}

impl Observed {
    /// The label of a run whose ledger is `ledger`; `dead` are its clients that died and were not
    /// started again.
    pub fn of(ledger: &Ledger, dead: &[NodeId]) -> Self {
        let unclaimed = |decided_by| Self { label: None, decided_by };
        let is_producer = |node: &NodeId| ledger.totals_of(*node).is_some_and(|t| t.sent > 0);
        if !ledger.has_readers() {
            unclaimed(None)
        } else if dead.iter().any(is_producer) {
            unclaimed(Some(Leg::Producer))
        } else if !dead.is_empty() || ledger.totals().unread > 0 {
            unclaimed(Some(Leg::Consumer))
        } else if ledger.totals().not_decided > 0 {
            unclaimed(Some(Leg::Broker))
        } else {
            Self::of_finished(ledger)
        }
    }

    /// The label of a run in which everything in a log was read and nobody is dead.
    fn of_finished(ledger: &Ledger) -> Self {
        let acked = || ledger.rows().filter(|row| row.is_acked());
        let lost = acked().find(|row| row.is_lost());
        let undone = ledger.first_undone();
        let repeated = acked().find(|row| row.repeats > 0);
        let loses = match (lost, undone) {
            // Success under these acks was not worth more, or the cluster broke its word.
            (Some(row), _) if row.acks == Acks::All => Some(Leg::Broker),
            (Some(_), _) => Some(Leg::Producer),
            (None, Some(_)) => Some(Leg::Consumer),
            (None, None) => None,
        };
        let repeats = repeated.map(|row| match row.copies_in_logs() {
            0 | 1 => Leg::Consumer,
            _ => Leg::Producer,
        });
        let (label, decided_by) = match (loses, repeats) {
            (Some(leg), None) => (Some(Label::AtMostOnce), Some(leg)),
            (Some(leg), Some(_)) => (Some(Label::None), Some(leg)),
            (None, Some(leg)) => (Some(Label::AtLeastOnce), Some(leg)),
            // Its client believes that it failed, and may send it again or tell somebody so.
            (None, None) if ledger.rows().any(is_denied) => (None, Some(Leg::Producer)),
            (None, None) => (Some(Label::ExactlyOnce), None),
        };
        Self { label, decided_by }
    }
}

/// Whether the client was told failure and the record is in a log that leads.
fn is_denied(row: &Row) -> bool {
    row.is_given_up() && row.copies_in_logs() > 0
}
