//! The metadata log's records and the image they add up to.

mod image;
mod record;

pub use image::{BrokerRegistration, MetadataImage, PartitionRegistration, TopicImage};
pub use record::{MetadataBatch, MetadataRecord, PartitionChange};
