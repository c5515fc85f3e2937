//! The envelope: a request or a response on one connection.

use super::client::{
    InitProducerIdRequest, InitProducerIdResponse, ListOffsetsRequest, ListOffsetsResponse,
    MetadataRequest, MetadataResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    ProduceRequest, ProduceResponse,
};
use super::controller::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse, AlterPartitionRequest,
    AlterPartitionResponse, BrokerHeartbeatRequest, BrokerHeartbeatResponse,
    BrokerRegistrationRequest, BrokerRegistrationResponse, CreateTopicsRequest,
    CreateTopicsResponse, QuorumFetchRequest, QuorumFetchResponse,
};
use super::replica::{FetchRequest, FetchResponse};
use crate::id::{ConnId, CorrelationId};

/// Which API a message belongs to, whichever way it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ApiKey {
    /// Append records.
    Produce,
    /// Read records; also the quorum's.
    Fetch,
    /// Ask where a log starts or ends.
    ListOffsets,
    /// Ask where a leader epoch ends.
    OffsetForLeaderEpoch,
    /// Ask who leads.
    Metadata,
    /// Ask for a producer id.
    InitProducerId,
    /// Ask for a block of producer ids.
    AllocateProducerIds,
    /// Propose in-sync replicas.
    AlterPartition,
    /// Introduce a broker.
    BrokerRegistration,
    /// Say that a broker lives.
    BrokerHeartbeat,
    /// Create a topic.
    CreateTopics,
}

impl ApiKey {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Produce,
        Self::Fetch,
        Self::ListOffsets,
        Self::OffsetForLeaderEpoch,
        Self::Metadata,
        Self::InitProducerId,
        Self::AllocateProducerIds,
        Self::AlterPartition,
        Self::BrokerRegistration,
        Self::BrokerHeartbeat,
        Self::CreateTopics,
    ];

    /// Kafka's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Produce => "Produce",
            Self::Fetch => "Fetch",
            Self::ListOffsets => "ListOffsets",
            Self::OffsetForLeaderEpoch => "OffsetForLeaderEpoch",
            Self::Metadata => "Metadata",
            Self::InitProducerId => "InitProducerId",
            Self::AllocateProducerIds => "AllocateProducerIds",
            Self::AlterPartition => "AlterPartition",
            Self::BrokerRegistration => "BrokerRegistration",
            Self::BrokerHeartbeat => "BrokerHeartbeat",
            Self::CreateTopics => "CreateTopics",
        }
    }
}

macro_rules! messages {
    ($($(#[$doc:meta])* $variant:ident($request:ident, $response:ident) = $api:ident;)*) => {
        /// What is asked.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each variant is documented by the struct it holds")]
        pub enum Request { $($(#[$doc])* $variant($request)),* }

        /// What is answered.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each variant is documented by the struct it holds")]
        pub enum Response { $($(#[$doc])* $variant($response)),* }

        impl Request {
            /// The API it belongs to.
            pub const fn api(&self) -> ApiKey {
                match self { $(Self::$variant(_) => ApiKey::$api),* }
            }
        }

        impl Response {
            /// The API it belongs to.
            pub const fn api(&self) -> ApiKey {
                match self { $(Self::$variant(_) => ApiKey::$api),* }
            }
        }

        $(impl From<$request> for Request {
            fn from(request: $request) -> Self {
                Self::$variant(request)
            }
        }
        impl From<$response> for Response {
            fn from(response: $response) -> Self {
                Self::$variant(response)
            }
        })*
    };
}

messages! {
    Produce(ProduceRequest, ProduceResponse) = Produce;
    Fetch(FetchRequest, FetchResponse) = Fetch;
    ListOffsets(ListOffsetsRequest, ListOffsetsResponse) = ListOffsets;
    OffsetForLeaderEpoch(OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse) = OffsetForLeaderEpoch;
    Metadata(MetadataRequest, MetadataResponse) = Metadata;
    InitProducerId(InitProducerIdRequest, InitProducerIdResponse) = InitProducerId;
    AllocateProducerIds(AllocateProducerIdsRequest, AllocateProducerIdsResponse) = AllocateProducerIds;
    AlterPartition(AlterPartitionRequest, AlterPartitionResponse) = AlterPartition;
    BrokerRegistration(BrokerRegistrationRequest, BrokerRegistrationResponse) = BrokerRegistration;
    BrokerHeartbeat(BrokerHeartbeatRequest, BrokerHeartbeatResponse) = BrokerHeartbeat;
    CreateTopics(CreateTopicsRequest, CreateTopicsResponse) = CreateTopics;
    QuorumFetch(QuorumFetchRequest, QuorumFetchResponse) = Fetch;
}

/// A request or a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Asked by the side that opened the connection.
    Request(Request),
    /// Answered by the other side.
    Response(Response),
}

/// Which way a message goes on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the side that opened the connection.
    Request,
    /// Towards it.
    Response,
}

/// One message on one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The connection.
    pub conn: ConnId,
    /// Which request it is, or answers.
    pub correlation: CorrelationId,
    /// What it says.
    pub body: Body,
}

impl Body {
    /// The API it belongs to.
    pub const fn api(&self) -> ApiKey {
        match self {
            Self::Request(request) => request.api(),
            Self::Response(response) => response.api(),
        }
    }

    /// Which way it goes.
    pub const fn direction(&self) -> Direction {
        match self {
            Self::Request(_) => Direction::Request,
            Self::Response(_) => Direction::Response,
        }
    }
}
