//! The producer: an application that sends, and the machinery that batches, sends and retries.
//!
//! The life of a record: `workload` calls send → `partitioner` picks its partition → `accumulator`
//! adds it to a `batch` → `sender` drains the batch into a request, stamped by `idempotence` →
//! `sender` reacts to the answer → `workload` learns the outcome.

mod accumulator;
mod batch;
mod idempotence;
mod partitioner;
#[expect(clippy::module_inception, reason = "the file is named after Kafka's class, as all are")]
mod producer;
mod sender;
#[cfg(test)]
mod tests;
mod workload;

pub use producer::{ProducerNode, ProducerSpec};
pub use workload::{ProducerDisk, Resume, Workload};
