//! Every key that Apache Kafka 4.1 knows, and what becomes of it here.
//!
//! The figures are those of Kafka's own `ConfigDef`s; a test compares them, key by key, with
//! `tests/oracle/configs.json`, which was recorded from the classes of a release.

mod admin;
mod broker;
mod client;
mod consumer;
mod group;
mod producer;
mod topic;

/// Whose configuration a key belongs to. The same name may mean different things in two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// `ProducerConfig`.
    Producer,
    /// `ConsumerConfig`.
    Consumer,
    /// `AdminClientConfig`.
    Admin,
    /// `KafkaConfig`: brokers and controllers.
    Broker,
    /// `LogConfig`.
    Topic,
    /// `GroupConfig`.
    Group,
}

/// One key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Key {
    /// Its name in a properties file.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// The value where nothing is written.
    pub default: Default,
    /// Which values of that kind it takes.
    pub valid: Valid,
    /// How much it matters, in Kafka's own judgement.
    pub importance: Importance,
    /// What becomes of it here.
    pub here: Here,
}

/// The type of a value (`ConfigDef.Type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 16 bits.
    Short,
    /// 32 bits.
    Int,
    /// 64 bits.
    Long,
    /// A fraction.
    Double,
    /// `true` or `false`, in whatever case.
    Boolean,
    /// Any text (`string`).
    Text,
    /// Texts, a comma between them.
    List,
    /// The name of a Java class.
    Class,
    /// A text that is never shown.
    Password,
}

/// The value where nothing is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Default {
    /// There is none: the key must be written.
    Required,
    /// `null`: another key decides, or nothing is done.
    Unset,
    /// A whole number.
    Number(i64),
    /// A fraction.
    Fraction(f64),
    /// A truth.
    Truth(bool),
    /// A text.
    Word(&'static str),
    /// A list.
    Names(&'static [&'static str]),
}

/// Which values a key takes (`ConfigDef.Validator`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Valid {
    /// All of its kind.
    Any,
    /// This number or a larger one.
    AtLeast(i64),
    /// From the first to the second, both included.
    Between(i64, i64),
    /// From the first to the second, or the third.
    BetweenOr(i64, i64, i64),
    /// From the first to the second, both included.
    Fractions(f64, f64),
    /// One of these.
    OneOf(&'static [&'static str]),
    /// One of these, or `by_duration:` and an ISO-8601 duration.
    OneOfOrDuration(&'static [&'static str]),
    /// One of these, in whatever case.
    AnyCaseOf(&'static [&'static str]),
    /// A list of some of these.
    EachOf(&'static [&'static str]),
    /// Anything but an empty text.
    NonEmpty,
    /// At least one member.
    NonEmptyList,
    /// Anything that is there: it cannot be taken away.
    Present,
    /// `*`, or pairs of partition and broker: `0:1,1:2`.
    ThrottledReplicas,
}

/// How much a key matters (`ConfigDef.Importance`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Importance {
    /// It should be thought about.
    High,
    /// Few need it.
    Medium,
    /// Hardly anybody needs it.
    Low,
}

/// What becomes of a key here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Here {
    /// It does what it does in Kafka.
    Modelled,
    /// It changes nothing, for what it is about is not simulated.
    NoEffect(Outside),
    /// It will do what it does in Kafka once this is built; until then the default holds.
    NotYet(Later),
}

/// What is not simulated at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outside {
    /// Who may do what, and how bytes are kept secret.
    Security,
    /// Addresses, ports, and which process plays which role.
    Listeners,
    /// What is measured and reported.
    Metrics,
    /// How much anybody may send.
    Quotas,
    /// Where files lie.
    Paths,
    /// Threads, buffers and queues of the machine.
    Machine,
    /// Code that is plugged in: serializers, interceptors, policies.
    Classes,
}

impl Outside {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Security,
        Self::Listeners,
        Self::Metrics,
        Self::Quotas,
        Self::Paths,
        Self::Machine,
        Self::Classes,
    ];
}

/// What is yet to be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Later {
    /// An admin client in scenarios.
    AdminClient,
    /// `default.api.timeout.ms`: calls of a consumer that block.
    BlockingCalls,
    /// Compressed batches.
    Compression,
    /// Several controllers.
    ControllerQuorum,
    /// What a disk does by itself: failing, and tasks after a start.
    DiskTasks,
    /// Fetch sessions, several fetchers, limits of answers, other time-outs between brokers.
    FetchTuning,
    /// Flushing to disk, and the checkpoints that go with it.
    Flushing,
    /// Consumer groups and their offsets.
    Groups,
    /// Connections that are closed because they are idle or slow to come up, topics that are forgotten.
    IdleConnections,
    /// Snapshots and segments of the metadata log.
    MetadataSnapshots,
    /// Other partitioners, and the choice of a partition by load.
    Partitioners,
    /// Producer ids that are forgotten.
    ProducerIdExpiry,
    /// Racks, and reading from the nearest replica.
    Racks,
    /// Going back to the bootstrap servers.
    Rebootstrap,
    /// Segments, retention and compaction.
    Segments,
    /// Share groups.
    ShareGroups,
    /// Streams groups.
    StreamsGroups,
    /// Tiered storage.
    TieredStorage,
    /// Time stamps of records.
    Timestamps,
    /// Topics that are made and deleted while the cluster runs.
    TopicCreation,
    /// Transactions.
    Transactions,
    /// The controller's task that looks for unclean leaders.
    UncleanRetries,
}

impl Later {
    /// What it is called in a sentence: "it comes with consumer groups".
    pub const fn name(self) -> &'static str {
        match self {
            Self::AdminClient => "admin clients in scenarios",
            Self::BlockingCalls => "calls of a consumer that block",
            Self::Compression => "compression",
            Self::ControllerQuorum => "several controllers",
            Self::DiskTasks => "failing disks and what runs after a start",
            Self::FetchTuning => "fetch sessions and the limits of answers",
            Self::Flushing => "flushing by settings",
            Self::Groups => "consumer groups",
            Self::IdleConnections => "idle connections and forgotten topics",
            Self::MetadataSnapshots => "snapshots of the metadata log",
            Self::Partitioners => "other partitioners",
            Self::ProducerIdExpiry => "the expiry of producer ids",
            Self::Racks => "racks",
            Self::Rebootstrap => "the return to bootstrap servers",
            Self::Segments => "segments, retention and compaction",
            Self::ShareGroups => "share groups",
            Self::StreamsGroups => "streams groups",
            Self::TieredStorage => "tiered storage",
            Self::Timestamps => "time stamps of records",
            Self::TopicCreation => "topics that are made and deleted in a run",
            Self::Transactions => "transactions",
            Self::UncleanRetries => "the controller's search for unclean leaders",
        }
    }
}

/// The words of the tables.
mod prelude {
    pub(super) use super::Default::*;
    pub(super) use super::Here::*;
    pub(super) use super::Importance::*;
    pub(super) use super::Kind::*;
    pub(super) use super::Later::*;
    pub(super) use super::Outside::*;
    pub(super) use super::Valid::*;

    /// The largest value of [`super::Kind::Int`].
    pub(super) const INT_MAX: i64 = i32::MAX as i64;
}

/// Declares a table: name, kind, default, valid values, importance, and what becomes of it here.
macro_rules! keys {
    ($table:ident $(($name:literal, $kind:expr, $default:expr, $valid:expr, $importance:expr, $here:expr),)*) => {
        pub(super) const $table: &[super::Key] = {
            use super::prelude::*;
            &[$(super::Key {
                name: $name,
                kind: $kind,
                default: $default,
                valid: $valid,
                importance: $importance,
                here: $here,
            }),*]
        };
    };
}
use keys;

impl Scope {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Producer, Self::Consumer, Self::Admin, Self::Broker, Self::Topic, Self::Group];

    /// Every key it has, in no particular order.
    pub fn keys(self) -> impl Iterator<Item = &'static Key> + Clone {
        let (own, common): (&[Key], &[Key]) = match self {
            Self::Producer => (producer::PRODUCER, client::CLIENT),
            Self::Consumer => (consumer::CONSUMER, client::CLIENT),
            Self::Admin => (admin::ADMIN, client::CLIENT),
            Self::Broker => (broker::BROKER, &[]),
            Self::Topic => (topic::TOPIC, &[]),
            Self::Group => (group::GROUP, &[]),
        };
        own.iter().chain(common)
    }

    /// The key called `name`; `None` if Kafka does not know it.
    pub fn key(self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }

    /// Keys whose names only begin so: those of listeners, and of plug-ins that a broker hands on.
    pub fn hands_on(self, name: &str) -> bool {
        const PREFIXES: [&str; 3] = ["listener.name.", "rlmm.config.", "rsm.config."];
        self == Self::Broker && PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    }
}
