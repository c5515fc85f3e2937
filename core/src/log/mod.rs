//! The partition log: batches, epochs, producers, watermark; reads, appends, cuts and recovery.

mod file;
mod leader_epoch_cache;
mod partition_log;
mod producer_state;

pub use file::{LogFile, Slice};
pub use leader_epoch_cache::{EpochEnd, LeaderEpochCache};
pub use partition_log::{AppendInfo, PartitionLog, ReplicaFiles};
pub use producer_state::{ProducerStates, SequenceCheck};
