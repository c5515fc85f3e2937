//! The application of a consumer: a loop around `poll` that processes one record after the other.
//!
//! ```text
//!             poll returns records           process time over       more in hand
//!   Polling ────────────────────────▶ Begin ──────────────────▶ End ─────────────▶ Begin
//!      ▲                                                         │ none
//!      └─────────────────────────────────────────────────────────┘
//! ```
//! Between its points the application waits for an alarm of 0 µs, so that a story can kill it at
//! each of them. Where processing takes no time, the points of one polled batch share one alarm.
//!
//! ## Simplified
//! It does not catch what `poll` throws, and it processes in the thread that polls.

use super::fetcher::Delivery;
use crate::time::Instant;
use std::collections::VecDeque;

/// Where the application stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Application {
    /// Inside `poll` (or about to call it for the first time).
    Polling,
    /// Takes up the first record in hand at once.
    Begin(VecDeque<Delivery>),
    /// Is done with the first record in hand at that time.
    End(VecDeque<Delivery>, Instant),
    /// `poll` threw.
    Failed,
}
