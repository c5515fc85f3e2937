//! What became of every record: sent, acked, appended, lost, not decided, at risk, delivered, done.
//!
//! The ledger hears what clients and brokers note, which lives begin and end, and which messages
//! die; it reads logs through [`crate::look::Look`] and never asks a process to do anything. It keeps
//! one row per record, so that a verdict, a screen and an explanation speak of the same fates
//! (semantics 5). A count is right after every input, and the end of a run judges by no other rule:
//!
//! ```text
//!   row       one record: what its producer was told, where it was appended, how it stands
//!   counts    what a row adds to the totals; a row that changes moves them by the difference
//!   copies    the logs that count, mirrored: each copy in them is entered in its row once
//!   wire      which records still have an attempt on its way
//!   readers   who was given what, and in which order
//!   book      all of it together
//! ```
//!
//! ## Decisions
//! Where the definitions leave room, these hold:
//! - The leader of a partition is the broker that the committed record names, if it runs in the life
//!   that was registered when the record's leader epoch began; also before it has heard of it.
//! - A place is named by partition, offset and leader epoch: two appends at one offset in two epochs
//!   are two places.
//! - "In the log" (unread, log duplicates, reordered) means in a log that leads now. Without a
//!   leader, a record is in no log and can only be *not decided*.
//! - A record that is still on its way (acks=0) is at risk: it is above the high watermark at every
//!   place it has, which is none.
//! - Neighbours in a log are neighbours among the records of their producer: what other producers
//!   wrote in between does not part them.
//! - A record that was given up is *unknown* as soon as one attempt is in doubt: the client was told
//!   so, or it died while an attempt had no answer.
//! - What a producer's records come to counts for the producer and for all; what a reader was given
//!   counts for that reader. `unread` of all is the number of records that some reader has not read.

mod book;
mod copies;
mod counts;
mod fate;
mod label;
mod places;
mod readers;
mod rows;
mod wire;

pub use book::Ledger;
pub use counts::Totals;
pub use fate::{Fate, Found, Outcome, Row};
pub use label::{Label, Leg, Observed};
pub use places::Place;
pub use readers::{Unread, UnreadCause};
