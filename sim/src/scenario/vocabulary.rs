//! The words of conditions: what can be asked, about what, and which words nothing else may be called.

use kafkalab_core::id::{NodeId, TopicPartition};

use super::condition::Query;
use super::names::Role;

/// What a query is asked about.
#[derive(Clone, Copy)]
pub(super) enum Subject {
    Partition(fn(TopicPartition) -> Query),
    Replica(fn(TopicPartition, Option<NodeId>) -> Query),
    Client(Role, fn(NodeId) -> Query),
    Broker(fn(NodeId) -> Query),
    Node(fn(NodeId) -> Query),
}

/// Queries about one thing.
pub(super) const ABOUT: [(&str, Subject); 13] = [
    ("leo", Subject::Replica(|tp, on| Query::Leo { tp, on })),
    ("hw", Subject::Replica(|tp, on| Query::Hw { tp, on })),
    ("isr", Subject::Partition(Query::Isr)),
    ("leader", Subject::Partition(Query::Leader)),
    ("epoch", Subject::Partition(Query::Epoch)),
    ("offline", Subject::Partition(Query::Offline)),
    ("sent", Subject::Client(Role::Producer, Query::Sent)),
    ("acked", Subject::Client(Role::Producer, Query::Acked)),
    ("failed", Subject::Client(Role::Producer, Query::Failed)),
    ("processing", Subject::Client(Role::Consumer, Query::Processing)),
    ("processed", Subject::Client(Role::Consumer, Query::Processed)),
    ("up", Subject::Node(Query::Up)),
    ("fenced", Subject::Broker(Query::Fenced)),
];

/// Queries about the whole run.
pub(super) const TOTALS: [(&str, Query); 8] = [
    ("delivered", Query::Delivered),
    ("lost", Query::Lost),
    ("duplicates", Query::Duplicates),
    ("log_duplicates", Query::LogDuplicates),
    ("at_risk", Query::AtRisk),
    ("unknown", Query::Unknown),
    ("acked", Query::AckedTotal),
    ("sent", Query::SentTotal),
];

/// Words that look at a consumer group.
pub(super) const OF_GROUPS: [&str; 11] = [
    "lag",
    "committed",
    "committing",
    "generation",
    "rebalances",
    "evicted",
    "revoked",
    "lost-partitions",
    "state",
    "skipped",
    "coordinator",
];

/// Words around a query.
pub(super) const WRAPPERS: [&str; 4] = ["history", "changes", "size", "monotonic"];

impl Subject {
    /// What to write in the parentheses, for a message.
    pub(super) fn example(self) -> &'static str {
        match self {
            Self::Partition(_) | Self::Replica(_) => "a partition such as `orders-0`",
            Self::Client(Role::Producer, _) => "a producer",
            Self::Client(Role::Consumer, _) => "a consumer",
            Self::Broker(_) => "a broker such as `b1`",
            Self::Node(_) => "a node such as `b1`",
        }
    }
}

/// Whether `name` is an invariant: INV-1 to INV-29, INV-R1 to INV-R10, LIV-1 to LIV-11.
pub(super) fn is_invariant(name: &str) -> bool {
    let families = [("INV-R", 10), ("INV-", 29), ("LIV-", 11)];
    families.iter().any(|(family, count)| {
        let number = name.strip_prefix(family).and_then(|digits| digits.parse::<u32>().ok());
        number.is_some_and(|n| (1..=*count).contains(&n) && name == format!("{family}{n}"))
    })
}

/// Whether a word belongs to the language, so that nothing may be called by it.
pub(super) fn is_reserved(word: &str) -> bool {
    const OTHERS: [&str; 8] =
        ["and", "or", "not", "none", "controller", "violated", "true", "false"];
    OTHERS.contains(&word)
        || OF_GROUPS.contains(&word)
        || WRAPPERS.contains(&word)
        || query_words().any(|known| known == word)
}

/// Every word that asks something.
pub(super) fn query_words() -> impl Iterator<Item = &'static str> {
    ABOUT.iter().map(|(word, _)| *word).chain(TOTALS.iter().map(|(word, _)| *word))
}
