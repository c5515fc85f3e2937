//! The counts of the ledger, and what one row adds to them.

use super::fate::{Outcome, Row};

/// The counts of one client, or of all.
///
/// For a producer, and for all together, they count records (repetitions where it says so). For a
/// consumer only `delivered`, `processed`, `unread`, `duplicates` and `reordered` are more than 0:
/// what it was given and did itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Records the application sent.
    pub sent: u64,
    /// Told success.
    pub acked: u64,
    /// Told failure, and surely not written.
    pub failed: u64,
    /// Told failure, and perhaps written.
    pub unknown: u64,
    /// Never resolved.
    pub pending: u64,
    /// Told failure: `failed` and `unknown` together.
    pub gave_up: u64,
    /// Appended by a leader at least once.
    pub appended: u64,
    /// Handed to a consumer at least once.
    pub delivered: u64,
    /// Effect done at least once.
    pub processed: u64,
    /// Acked, in no log that counts, and no attempt on its way.
    pub lost: u64,
    /// Acked, and every copy that counts is in a partition without a leader.
    pub not_decided: u64,
    /// In a log that leads, and never given to a reader whose subscription covers it.
    pub unread: u64,
    /// Effects that one reader did more than once, each repetition counted.
    pub duplicates: u64,
    /// Copies beyond the first in logs that lead.
    pub log_duplicates: u64,
    /// Neighbours of one producer in a log that leads (for a consumer: among what it was given) that
    /// stand against the order in which they were sent.
    pub reordered: u64,
    /// In the log, passed over by a consumer group, effect never done. No groups yet: always 0.
    pub skipped: u64,
    /// Acked, and above the high watermark at every place.
    pub at_risk: u64,
}

/// What one row adds to the counts of its producer and of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of the ledger")]
pub(super) struct Share {
    told: Told,
    is_appended: bool,
    is_delivered: bool,
    is_processed: bool,
    is_lost: bool,
    is_not_decided: bool,
    is_at_risk: bool,
    is_unread: bool,
    repeats: u32,
    extra_copies: u16,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Told {
    #[default]
    Nothing,
    Success,
    Failure,
    Doubt,
}

impl Share {
    pub(super) fn of(row: &Row) -> Self {
        Self {
            told: match row.outcome {
                Outcome::Open => Told::Nothing,
                Outcome::Acked { .. } => Told::Success,
                Outcome::Failed { .. } => Told::Failure,
                Outcome::Unknown { .. } => Told::Doubt,
            },
            is_appended: !row.places().is_empty(),
            is_delivered: row.delivered > 0,
            is_processed: row.processed > 0,
            is_lost: row.is_lost(),
            is_not_decided: row.is_not_decided(),
            is_at_risk: row.is_at_risk(),
            is_unread: row.unread > 0,
            repeats: row.repeats,
            extra_copies: row.copies.leading.saturating_sub(1),
        }
    }
}

impl Totals {
    /// A new record was sent.
    pub(super) const fn open(&mut self) {
        self.sent += 1;
        self.pending += 1;
    }

    /// A row that added `before` now adds `after`.
    pub(super) fn shift(&mut self, before: Share, after: Share) {
        for (share, is_more) in [(before, false), (after, true)] {
            let add = |count: &mut u64, n: u64| {
                *count = if is_more { *count + n } else { *count - n };
            };
            match share.told {
                Told::Nothing => add(&mut self.pending, 1),
                Told::Success => add(&mut self.acked, 1),
                Told::Failure => add(&mut self.failed, 1),
                Told::Doubt => add(&mut self.unknown, 1),
            }
            let is_given_up = matches!(share.told, Told::Failure | Told::Doubt);
            add(&mut self.gave_up, u64::from(is_given_up));
            add(&mut self.appended, u64::from(share.is_appended));
            add(&mut self.delivered, u64::from(share.is_delivered));
            add(&mut self.processed, u64::from(share.is_processed));
            add(&mut self.lost, u64::from(share.is_lost));
            add(&mut self.not_decided, u64::from(share.is_not_decided));
            add(&mut self.at_risk, u64::from(share.is_at_risk));
            add(&mut self.unread, u64::from(share.is_unread));
            add(&mut self.duplicates, u64::from(share.repeats));
            add(&mut self.log_duplicates, u64::from(share.extra_copies));
        }
    }
}
