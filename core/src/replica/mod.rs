//! One replica of one partition: its role, whom it counts, how far it is, where it must cut.

mod following;
mod isr;
mod leading;
mod partition;
mod proposing;
mod truncation;

#[cfg(test)]
mod tests;

pub use isr::{FollowerProgress, PendingIsr};
pub use leading::{Budget, Counted, ReadResult};
pub use partition::{AlterOutcome, FollowerUpdate, Leadership, Partition, Role, View};
pub use truncation::truncation_point;
