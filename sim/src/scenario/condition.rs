//! What can be asked of a running cluster, compiled: a tree of comparisons over queries.
//!
//! The data and its one canonical spelling are here, the parser is `condition_parser.rs`. Values are
//! the evaluator's business: whose view a query takes, and that a comparison with something undefined
//! is false, and so is its negation.

use std::fmt;

use kafkalab_core::id::{NodeId, TopicPartition};

use super::names::{Names, Show, Shown, comma_list};

/// Something that holds or does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// All of them; at least two, none of them an `And`.
    And(Vec<Self>),
    /// One of them; at least two, none of them an `Or`.
    Or(Vec<Self>),
    /// The opposite.
    Not(Box<Self>),
    /// `left op right`.
    Compare {
        /// The left side.
        left: Expr,
        /// How they are compared.
        op: Op,
        /// The right side.
        right: Expr,
    },
    /// A query that is answered by yes or no: `up(b1)`.
    Holds(Query),
    /// `monotonic(epoch(orders-0))`: no value was ever less than one before it.
    Monotonic(Query),
    /// `INV-5`: it was not broken so far.
    Keeps(String),
    /// `violated(INV-12)`: it was broken.
    Violated(String),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

impl Op {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Equal, Self::NotEqual, Self::Less, Self::AtMost, Self::Greater, Self::AtLeast];

    /// The sign in a sentence.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }

    /// Whether it asks which is larger: only numbers answer that.
    pub const fn is_order(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }
}

/// A value, written down or asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    /// A number.
    Int(i64),
    /// A node.
    Node(NodeId),
    /// `none`: the leader of a partition that has none.
    NoNode,
    /// `[b1, b2]`: in this order.
    List(Vec<Self>),
    /// `{b1, b2}`: in any order.
    Set(Vec<Self>),
    /// What a query answers now.
    Query(Query),
    /// The list of different values a query has answered, in the order of time.
    History(Query),
    /// How often the answer changed.
    Changes(Query),
    /// How many members the answer has.
    Size(Query),
}

/// A question to the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Query {
    /// `leo(orders-0)`, `leo(orders-0@b1)`: the log end offset.
    Leo {
        /// The partition.
        tp: TopicPartition,
        /// Whose replica; `None` means the leader's.
        on: Option<NodeId>,
    },
    /// `hw(orders-0)`, `hw(orders-0@b1)`: the high watermark.
    Hw {
        /// The partition.
        tp: TopicPartition,
        /// Whose replica; `None` means the leader's.
        on: Option<NodeId>,
    },
    /// `isr(orders-0)`: the in-sync replicas, a set of nodes.
    Isr(TopicPartition),
    /// `leader(orders-0)`: a node, or none.
    Leader(TopicPartition),
    /// `epoch(orders-0)`: the leader epoch.
    Epoch(TopicPartition),
    /// `offline(orders-0)`: whether there is no leader.
    Offline(TopicPartition),
    /// `sent(p1)`: records it sent.
    Sent(NodeId),
    /// `acked(p1)`: records it was told are safe.
    Acked(NodeId),
    /// `failed(p1)`: records it was told have failed.
    Failed(NodeId),
    /// `processing(c1)`: the ordinal of the record in hand.
    Processing(NodeId),
    /// `processed(c1)`: records finished.
    Processed(NodeId),
    /// `delivered`: records handed to consumers.
    Delivered,
    /// `lost`: acked records that are in no log any more.
    Lost,
    /// `duplicates`: effects done more than once.
    Duplicates,
    /// `log_duplicates`: records appended more than once.
    LogDuplicates,
    /// `at_risk`: acked records above the high watermark.
    AtRisk,
    /// `unknown`: records whose outcome nobody knows.
    Unknown,
    /// `acked`: of all producers.
    AckedTotal,
    /// `sent`: of all producers.
    SentTotal,
    /// `up(b1)`: whether its process runs.
    Up(NodeId),
    /// `fenced(b1)`: whether the controller has fenced it.
    Fenced(NodeId),
}

/// What kind of answer a query gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A number.
    Number,
    /// A node, or none.
    Node,
    /// A set of nodes.
    Nodes,
    /// Yes or no.
    Truth,
}

impl Query {
    /// What kind of answer it gives.
    pub const fn answer(self) -> Answer {
        match self {
            Self::Leader(_) => Answer::Node,
            Self::Isr(_) => Answer::Nodes,
            Self::Offline(_) | Self::Up(_) | Self::Fenced(_) => Answer::Truth,
            _ => Answer::Number,
        }
    }

    /// The word in a sentence.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Leo { .. } => "leo",
            Self::Hw { .. } => "hw",
            Self::Isr(_) => "isr",
            Self::Leader(_) => "leader",
            Self::Epoch(_) => "epoch",
            Self::Offline(_) => "offline",
            Self::Sent(_) | Self::SentTotal => "sent",
            Self::Acked(_) | Self::AckedTotal => "acked",
            Self::Failed(_) => "failed",
            Self::Processing(_) => "processing",
            Self::Processed(_) => "processed",
            Self::Delivered => "delivered",
            Self::Lost => "lost",
            Self::Duplicates => "duplicates",
            Self::LogDuplicates => "log_duplicates",
            Self::AtRisk => "at_risk",
            Self::Unknown => "unknown",
            Self::Up(_) => "up",
            Self::Fenced(_) => "fenced",
        }
    }
}

impl Condition {
    /// Every query it asks, each once, sorted: what an evaluator has to watch.
    pub fn queries(&self) -> Vec<Query> {
        let mut found = Vec::new();
        self.visit(&mut |query| found.push(query));
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Every invariant it names, each once, sorted.
    pub fn invariants(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.visit_invariants(&mut found);
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The condition as a sentence; parsing it gives the same condition.
    pub fn show<'a>(&'a self, names: &'a Names) -> Shown<'a, Self> {
        Shown { what: self, names }
    }

    fn visit(&self, see: &mut impl FnMut(Query)) {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().for_each(|one| one.visit(see)),
            Self::Not(inner) => inner.visit(see),
            Self::Compare { left, right, .. } => {
                left.visit(see);
                right.visit(see);
            }
            Self::Holds(query) | Self::Monotonic(query) => see(*query),
            Self::Keeps(_) | Self::Violated(_) => {}
        }
    }

    fn visit_invariants(&self, found: &mut Vec<String>) {
        match self {
            Self::And(all) | Self::Or(all) => {
                for one in all {
                    one.visit_invariants(found);
                }
            }
            Self::Not(inner) => inner.visit_invariants(found),
            Self::Keeps(name) | Self::Violated(name) => found.push(name.clone()),
            Self::Compare { .. } | Self::Holds(_) | Self::Monotonic(_) => {}
        }
    }

    /// How tightly it binds: what is looser than its surroundings needs parentheses.
    const fn binding(&self) -> u8 {
        match self {
            Self::Or(_) => 0,
            Self::And(_) => 1,
            Self::Not(_) => 2,
            _ => 3,
        }
    }

    fn write_within(&self, around: u8, names: &Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.binding() >= around {
            return self.write(names, f);
        }
        f.write_str("(")?;
        self.write(names, f)?;
        f.write_str(")")
    }
}

impl Expr {
    /// The expression as it stands in a sentence.
    pub fn show<'a>(&'a self, names: &'a Names) -> Shown<'a, Self> {
        Shown { what: self, names }
    }

    fn visit(&self, see: &mut impl FnMut(Query)) {
        match self {
            Self::Query(query)
            | Self::History(query)
            | Self::Changes(query)
            | Self::Size(query) => see(*query),
            Self::Int(_) | Self::Node(_) | Self::NoNode | Self::List(_) | Self::Set(_) => {}
        }
    }
}

impl Show for Condition {
    fn write(&self, names: &Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut joined = |all: &[Self], word: &str, around: u8| {
            for (n, one) in all.iter().enumerate() {
                if n > 0 {
                    write!(f, " {word} ")?;
                }
                one.write_within(around, names, f)?;
            }
            Ok(())
        };
        match self {
            Self::And(all) => joined(all, "and", 2),
            Self::Or(all) => joined(all, "or", 1),
            Self::Not(inner) => {
                f.write_str("not ")?;
                inner.write_within(2, names, f)
            }
            Self::Compare { left, op, right } => {
                left.write(names, f)?;
                write!(f, " {} ", op.sign())?;
                right.write(names, f)
            }
            Self::Holds(query) => query.write(names, f),
            Self::Monotonic(query) => write_wrapped("monotonic", *query, names, f),
            Self::Keeps(name) => f.write_str(name),
            Self::Violated(name) => write!(f, "violated({name})"),
        }
    }
}

fn write_wrapped(
    word: &str,
    query: Query,
    names: &Names,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    write!(f, "{word}(")?;
    query.write(names, f)?;
    f.write_str(")")
}

impl Show for Expr {
    fn write(&self, names: &Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => write!(f, "{number}"),
            Self::Node(node) => f.write_str(&names.node_name(*node)),
            Self::NoNode => f.write_str("none"),
            Self::List(items) => {
                f.write_str("[")?;
                comma_list(items, f, |item, f| item.write(names, f))?;
                f.write_str("]")
            }
            Self::Set(items) => {
                f.write_str("{")?;
                comma_list(items, f, |item, f| item.write(names, f))?;
                f.write_str("}")
            }
            Self::Query(query) => query.write(names, f),
            Self::History(query) => write_wrapped("history", *query, names, f),
            Self::Changes(query) => write_wrapped("changes", *query, names, f),
            Self::Size(query) => write_wrapped("size", *query, names, f),
        }
    }
}

impl Show for Query {
    fn write(&self, names: &Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match self {
            Self::Leo { tp, on } | Self::Hw { tp, on } => {
                write!(f, "({}", names.partition_name(*tp))?;
                if let Some(node) = on {
                    write!(f, "@{}", names.node_name(*node))?;
                }
                f.write_str(")")
            }
            Self::Isr(tp) | Self::Leader(tp) | Self::Epoch(tp) | Self::Offline(tp) => {
                write!(f, "({})", names.partition_name(*tp))
            }
            Self::Sent(node)
            | Self::Acked(node)
            | Self::Failed(node)
            | Self::Processing(node)
            | Self::Processed(node)
            | Self::Up(node)
            | Self::Fenced(node) => write!(f, "({})", names.node_name(*node)),
            _ => Ok(()),
        }
    }
}

impl Query {
    /// The query as it stands in a sentence.
    pub fn show<'a>(&'a self, names: &'a Names) -> Shown<'a, Self> {
        Shown { what: self, names }
    }
}
