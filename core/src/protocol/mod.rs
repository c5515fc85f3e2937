//! What processes say to each other: one struct per Kafka API, with Kafka's field names.
//!
//! These are not the wire structs of any version: they carry the fields that decide behaviour, so
//! that a gateway can translate them and a screen can show them. The quorum's Fetch is Kafka's own
//! Fetch on the metadata partition; it has a struct of its own here because nothing but the name is
//! shared.

mod client;
mod controller;
mod frame;
mod replica;

pub use client::{
    CurrentLeader, InitProducerIdRequest, InitProducerIdResponse, ListOffsetsAnswer,
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, MetadataPartition,
    MetadataRequest, MetadataResponse, MetadataTopic, OffsetForLeaderEpochAnswer,
    OffsetForLeaderEpochPartition, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    OffsetSpec, ProduceAnswer, ProducePartition, ProduceRequest, ProduceResponse,
};
pub use controller::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse, AlterPartitionAnswer,
    AlterPartitionItem, AlterPartitionRequest, AlterPartitionResponse, BrokerHeartbeatRequest,
    BrokerHeartbeatResponse, BrokerRegistrationRequest, BrokerRegistrationResponse,
    CreateTopicsRequest, CreateTopicsResponse, QuorumFetchRequest, QuorumFetchResponse,
};
pub use frame::{ApiKey, Body, Direction, Frame, Request, Response};
pub use replica::{
    Divergence, FetchAnswer, FetchPartition, FetchRequest, FetchResponse, Reader, ReplicaReader,
};
