//! The words of conditions: what can be asked, about what, and which words nothing else may be called.

use kafkalab_core::id::{NodeId, TopicPartition};

use super::condition::Query;
use super::count::Count;

/// What a query is asked about.
#[derive(Clone, Copy)]
pub(super) enum Subject {
    /// Partitions, by the controller's record only.
    Partition(fn(TopicPartition) -> Query),
    /// Partitions; behind `@`, brokers that hold a replica.
    Replica(fn(TopicPartition, Option<NodeId>) -> Query),
    /// Partitions; behind `@`, brokers or clients whose view is meant.
    View(fn(TopicPartition, Option<NodeId>) -> Query),
    /// Clients; without them, the whole run.
    Count(Count),
    /// Consumers.
    Consumer(fn(NodeId) -> Query),
    /// Consumers, and partitions they read.
    Position,
    /// Brokers or clients, and an error code.
    Errors,
    /// A step.
    Step,
    /// Any nodes.
    Node(fn(NodeId) -> Query),
    /// Brokers.
    Broker(fn(NodeId) -> Query),
}

/// Every question but the counts.
const ASKED: [(&str, Subject); 12] = [
    ("leo", Subject::Replica(|tp, on| Query::Leo { tp, on })),
    ("hw", Subject::Replica(|tp, on| Query::Hw { tp, on })),
    ("isr", Subject::Replica(|tp, of| Query::Isr { tp, of })),
    ("leader", Subject::View(|tp, of| Query::Leader { tp, of })),
    ("epoch", Subject::View(|tp, of| Query::Epoch { tp, of })),
    ("offline", Subject::Partition(Query::Offline)),
    ("processing", Subject::Consumer(Query::Processing)),
    ("position", Subject::Position),
    ("errors", Subject::Errors),
    ("since", Subject::Step),
    ("up", Subject::Node(Query::Up)),
    ("fenced", Subject::Broker(Query::Fenced)),
];

/// What the question `word` is about; `None` if there is no such question.
pub(super) fn subject(word: &str) -> Option<Subject> {
    let asked = ASKED.iter().find(|(known, _)| *known == word).map(|(_, subject)| *subject);
    asked.or_else(|| Count::named(word).map(Subject::Count))
}

/// Words that look at a consumer group.
pub(super) const OF_GROUPS: [&str; 10] = [
    "lag",
    "committed",
    "committing",
    "generation",
    "rebalances",
    "evicted",
    "revoked",
    "lost-partitions",
    "state",
    "coordinator",
];

/// Words around a query.
pub(super) const WRAPPERS: [&str; 4] = ["history", "changes", "size", "monotonic"];

impl Subject {
    /// What to write in the parentheses, for a message.
    pub(super) fn example(self) -> &'static str {
        match self {
            Self::Partition(_) | Self::Replica(_) | Self::View(_) => {
                "a partition such as `orders-0`"
            }
            Self::Count(_) => "a client such as `p1`",
            Self::Consumer(_) => "a consumer such as `c1`",
            Self::Position => "a consumer and a partition such as `c1, orders-0`",
            Self::Errors => "a node and a code such as `p1, NOT_ENOUGH_REPLICAS`",
            Self::Step => "a step such as `crash`",
            Self::Broker(_) | Self::Node(_) => "a node such as `b1`",
        }
    }
}

/// The invariants that are checked, as `check::INVARIANTS` lists them (a test compares the two).
pub const CHECKED: &[&str] = &[
    "INV-1", "INV-2", "INV-3", "INV-4", "INV-5", "INV-6", "INV-7", "INV-8", "INV-9", "INV-10",
    "INV-11", "INV-12", "INV-13", "INV-14", "INV-15", "INV-16", "INV-17", "INV-18", "INV-19",
    "INV-20", "INV-21", "INV-22", "INV-23", "INV-24", "INV-25", "INV-26", "INV-27",
];

/// Whether the reference has an invariant of this name: INV-1 to INV-29, INV-R1 to INV-R10, LIV-1 to
/// LIV-11. Only those in [`CHECKED`] can be asked for.
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
    ASKED.iter().map(|(word, _)| *word).chain(Count::ALL.into_iter().map(Count::word))
}
