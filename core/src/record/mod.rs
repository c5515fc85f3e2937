//! Records and the batches that carry them (Kafka's message format v2).

mod batch;
pub mod size;

pub use batch::{Batch, BatchBody, BatchKind, ControlRecord, ProducerStamp, Record};
