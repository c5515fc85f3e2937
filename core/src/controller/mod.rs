//! The controller: the one state machine that owns the cluster's metadata (KIP-500, KIP-631).
//!
//! A request is *decided* against the newest image, which changes nothing: a [`Decision`] is the
//! records to write and the answer to give once they are committed. Only replaying records changes
//! an image. What the controller knows beside the image, who was heard of when, is soft state, kept
//! in [`Heartbeats`] and lost with the process.
//!
//! Reading order: [`partition_change`] elects, [`partitions`] and [`brokers`] decide,
//! [`QuorumController`] routes, writes and answers, [`ControllerNode`] is the process.

pub mod brokers;
mod events;
pub mod heartbeats;
pub mod node;
pub mod partition_change;
pub mod partitions;
pub mod producer_ids;
pub mod quorum_controller;

#[cfg(test)]
mod tests;

pub use heartbeats::Heartbeats;
pub use node::{ControllerNode, ControllerSpec};
pub use quorum_controller::QuorumController;

use crate::config::Variations;
use crate::metadata::{MetadataImage, MetadataRecord};
use crate::protocol::Response;
use crate::time::Instant;

/// What a decision may look at, and nothing else.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The newest image, with what is not committed yet. Its end is the next write offset.
    pub image: &'a MetadataImage,
    /// Who was heard of when.
    pub heartbeats: &'a Heartbeats,
    /// Which protections are on.
    pub variations: &'a Variations,
    /// Now.
    pub now: Instant,
}

/// What an operation comes to: records to append as one batch, and the answer once they are
/// committed (`ControllerResult`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The records, perhaps none.
    pub records: Vec<MetadataRecord>,
    /// The answer.
    pub answer: Response,
}
