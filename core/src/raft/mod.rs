//! The metadata quorum: KRaft (KIP-595) with one voter and any number of observers.
//!
//! Kafka's `KafkaRaftClient` is one class that plays every role. Here the roles are components that
//! share a log: [`Leader`] lives in a controller, [`Observer`] in a broker. The arithmetic of
//! majorities is written for any number of voters.
//!
//! ## Simplified
//! One voter. Elections between voters (Vote, BeginQuorumEpoch, EndQuorumEpoch, pre-vote, check
//! quorum), snapshots (KIP-630) and changes of the voter set (KIP-853) are left out whole.

mod leader;
mod log;
mod observer;
mod role;
mod voters;

pub use leader::{Leader, ReplicaState};
pub use log::{MetadataLog, MetadataLogDisk};
pub use observer::{Observer, ObserverSpec};
pub use role::{QuorumState, Role};
pub use voters::{VoterSet, majority_end};
