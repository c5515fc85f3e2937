//! The counts of records that can be asked for: one word each, the same in tables, conditions and JSON.
//!
//! What each count means is fixed by the ledger (semantics 5). This table says how it is spelled and
//! of which clients it can be asked; without a client a count is about the whole run.

use super::names::Role;

/// One count of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Count {
    /// Records the application sent.
    Sent,
    /// Told success.
    Acked,
    /// Told failure, and surely not written.
    Failed,
    /// Told failure, and perhaps written.
    Unknown,
    /// Not resolved yet.
    Pending,
    /// Told failure: failed and unknown together.
    GaveUp,
    /// Appended by a leader at least once.
    Appended,
    /// Handed to a reader at least once.
    Delivered,
    /// Effect done at least once.
    Processed,
    /// Acked, and no place counts.
    Lost,
    /// Acked, and every place that counts is in a partition without a leader.
    NotDecided,
    /// In the log, and never delivered to a reader that should have had it.
    Unread,
    /// Effects done more than once, each repetition counted.
    Duplicates,
    /// Appended more than once to logs that lead.
    LogDuplicates,
    /// Neighbours in a log, or in what a reader was given, against the order they were sent in.
    Reordered,
    /// In the log, passed over by a consumer group, effect never done.
    Skipped,
    /// Acked, and above the high watermark at every place.
    AtRisk,
}

const PRODUCER: &[Role] = &[Role::Producer];
const CONSUMER: &[Role] = &[Role::Consumer];
const BOTH: &[Role] = &[Role::Producer, Role::Consumer];

impl Count {
    /// All of them, in the order of the verdict.
    pub const ALL: [Self; 17] = [
        Self::Sent,
        Self::Acked,
        Self::Failed,
        Self::Unknown,
        Self::Pending,
        Self::GaveUp,
        Self::Appended,
        Self::Delivered,
        Self::Processed,
        Self::Lost,
        Self::NotDecided,
        Self::Unread,
        Self::Duplicates,
        Self::LogDuplicates,
        Self::Reordered,
        Self::Skipped,
        Self::AtRisk,
    ];

    /// The word, and the clients it can be asked of.
    const fn row(self) -> (&'static str, &'static [Role]) {
        match self {
            Self::Sent => ("sent", PRODUCER),
            Self::Acked => ("acked", PRODUCER),
            Self::Failed => ("failed", PRODUCER),
            Self::Unknown => ("unknown", PRODUCER),
            Self::Pending => ("pending", PRODUCER),
            Self::GaveUp => ("gave_up", PRODUCER),
            Self::Appended => ("appended", PRODUCER),
            Self::Delivered => ("delivered", CONSUMER),
            Self::Processed => ("processed", CONSUMER),
            Self::Lost => ("lost", PRODUCER),
            Self::NotDecided => ("not_decided", PRODUCER),
            Self::Unread => ("unread", CONSUMER),
            Self::Duplicates => ("duplicates", CONSUMER),
            Self::LogDuplicates => ("log_duplicates", PRODUCER),
            Self::Reordered => ("reordered", BOTH),
            Self::Skipped => ("skipped", CONSUMER),
            Self::AtRisk => ("at_risk", PRODUCER),
        }
    }

    /// The word in a sentence, a table and JSON.
    pub const fn word(self) -> &'static str {
        self.row().0
    }

    /// The kinds of clients it can be asked of.
    pub const fn roles(self) -> &'static [Role] {
        self.row().1
    }

    /// The count called `word`.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|count| count.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_is_listed_once_and_leads_back_from_its_word() {
        for count in Count::ALL {
            assert_eq!(Count::named(count.word()), Some(count));
            assert!(!count.roles().is_empty());
        }
    }
}
