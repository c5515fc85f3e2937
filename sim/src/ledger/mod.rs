//! What became of every record: sent, acked, appended, committed, delivered, processed, lost.
//!
//! The ledger hears what clients and brokers note and never asks a process to do anything. It keeps
//! one row per record, so that a verdict, a screen and an explanation speak of the same fates
//! (semantics 5).

mod book;
mod fate;
mod rows;

pub use book::{Ledger, Totals};
pub use fate::{Fate, Outcome, Place, Row};
