//! What can be asked of a running cluster, compiled: a tree of comparisons over queries.
//!
//! The data and its one canonical spelling are here, the parser is `condition_parser.rs`. Values are
//! the evaluator's business: whose view a query takes, and that a comparison with something undefined
//! is false, and so is its negation.
//!
//! A query may be asked of a set ([`Asked`]). Counts of records are then added up. Of everything else
//! the rule is: what is said of a set is said of each of its members. It holds if it holds for every
//! member; its negation holds if it holds for none; and a `never` is broken by any one member.

use std::cmp::Ordering;
use std::fmt;

use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::id::{NodeId, TopicPartition};
use kafkalab_core::time::Duration;

use super::count::Count;
use super::names::{Names, Role, Show, Shown, comma_list};

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
    Holds(Asked),
    /// `monotonic(epoch(orders-0))`: no value was ever less than one before it.
    Monotonic(Asked),
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

    /// The same comparison with its sides exchanged.
    pub const fn mirrored(self) -> Self {
        match self {
            Self::Equal => Self::Equal,
            Self::NotEqual => Self::NotEqual,
            Self::Less => Self::Greater,
            Self::AtMost => Self::AtLeast,
            Self::Greater => Self::Less,
            Self::AtLeast => Self::AtMost,
        }
    }

    /// Whether it holds between two values that are ordered like this.
    pub const fn orders(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }

    /// Whether it holds between two sides that are written down.
    pub(super) fn compares(self, left: &Expr, right: &Expr) -> bool {
        let order = match (left, right) {
            (Expr::Int(left), Expr::Int(right)) => left.cmp(right),
            (Expr::Time(left), Expr::Time(right)) => left.cmp(right),
            _ if left == right => Ordering::Equal,
            _ => Ordering::Less,
        };
        self.orders(order)
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
    /// A length of time: `7s`.
    Time(Duration),
    /// A node.
    Node(NodeId),
    /// `none`: the leader of a partition that has none.
    NoNode,
    /// `[b1, b2]`: in this order.
    List(Vec<Self>),
    /// `{b1, b2}`: in any order.
    Set(Vec<Self>),
    /// What a query answers now.
    Query(Asked),
    /// The list of different values a query has answered, in the order of time.
    History(Asked),
    /// How often the answer changed.
    Changes(Asked),
    /// How many members the answer has.
    Size(Asked),
}

impl Expr {
    /// The query asked, if one is.
    pub const fn asked(&self) -> Option<&Asked> {
        match self {
            Self::Query(asked)
            | Self::History(asked)
            | Self::Changes(asked)
            | Self::Size(asked) => Some(asked),
            Self::Int(_)
            | Self::Time(_)
            | Self::Node(_)
            | Self::NoNode
            | Self::List(_)
            | Self::Set(_) => None,
        }
    }

    /// How many members a comparison has to look at one by one.
    pub fn members(&self) -> usize {
        match self.asked() {
            Some(asked) if !asked.is_sum() => asked.queries().len(),
            Some(_) | None => 1,
        }
    }

    /// The same expression about its `n`-th member only; all of it if it has one.
    #[must_use]
    pub fn member(&self, n: usize) -> Self {
        let one = |asked: &Asked| {
            if asked.is_sum() { asked.clone() } else { Asked::from(asked.at(n)) }
        };
        match self {
            Self::Query(asked) => Self::Query(one(asked)),
            Self::History(asked) => Self::History(one(asked)),
            Self::Changes(asked) => Self::Changes(one(asked)),
            Self::Size(asked) => Self::Size(one(asked)),
            written => written.clone(),
        }
    }
}

/// One query, asked of one thing or of several: at least one, sorted, each once, all of one word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked(Vec<Query>);

impl From<Query> for Asked {
    fn from(query: Query) -> Self {
        Self(vec![query])
    }
}

impl Asked {
    /// The same question to several.
    ///
    /// # Panics
    ///
    /// If `queries` is empty.
    pub fn of(mut queries: Vec<Query>) -> Self {
        queries.sort_unstable();
        queries.dedup();
        assert!(!queries.is_empty(), "a question is asked of something");
        Self(queries)
    }

    /// Every single question.
    pub fn queries(&self) -> &[Query] {
        &self.0
    }

    /// The question to the `n`-th member, or to the only one.
    pub fn at(&self, n: usize) -> Query {
        self.0[if self.0.len() == 1 { 0 } else { n }]
    }

    /// Whether the answers are added up: counts of records and errors.
    pub fn is_sum(&self) -> bool {
        matches!(self.0[0], Query::Count { .. } | Query::Errors { .. })
    }

    /// What kind of answer it gives.
    pub fn answer(&self) -> Answer {
        self.0[0].answer()
    }
}

/// A question to the run, about one thing.
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
    /// `isr(orders-0)`: the in-sync replicas, a set of brokers.
    Isr {
        /// The partition.
        tp: TopicPartition,
        /// In whose view: a broker's; `None` means the controller's committed record.
        of: Option<NodeId>,
    },
    /// `leader(orders-0)`: a broker, or none.
    Leader {
        /// The partition.
        tp: TopicPartition,
        /// In whose view: a broker's or a client's; `None` means the controller's committed record.
        of: Option<NodeId>,
    },
    /// `epoch(orders-0)`: the leader epoch.
    Epoch {
        /// The partition.
        tp: TopicPartition,
        /// In whose view: a broker's or a client's; `None` means the controller's committed record.
        of: Option<NodeId>,
    },
    /// `offline(orders-0)`: whether there is no leader.
    Offline(TopicPartition),
    /// `lost`, `lost(p1)`: a count of records.
    Count {
        /// Which.
        count: Count,
        /// Whose; `None` means the whole run.
        of: Option<NodeId>,
    },
    /// `processing(c1)`: the ordinal of the record in hand; undefined while there is none.
    Processing(NodeId),
    /// `position(c1, orders-0)`: the offset it reads next; undefined while it has none.
    Position {
        /// The consumer.
        consumer: NodeId,
        /// One of its partitions.
        tp: TopicPartition,
    },
    /// `errors(p1, NOT_ENOUGH_REPLICAS)`: how often since t = 0.
    Errors {
        /// A client: how often it was told this code, for a batch, a send or a poll. A broker: how
        /// often it answered a produce with it, or was answered it by the controller when it asked
        /// for other in-sync replicas.
        node: NodeId,
        /// The code.
        code: ErrorCode,
    },
    /// `since(crash)`: the time since a step fired, by its place in the plan; undefined before.
    Since(usize),
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
    /// A length of time.
    Time,
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
            Self::Leader { .. } => Answer::Node,
            Self::Isr { .. } => Answer::Nodes,
            Self::Offline(_) | Self::Up(_) | Self::Fenced(_) => Answer::Truth,
            Self::Since(_) => Answer::Time,
            Self::Leo { .. }
            | Self::Hw { .. }
            | Self::Epoch { .. }
            | Self::Count { .. }
            | Self::Processing(_)
            | Self::Position { .. }
            | Self::Errors { .. } => Answer::Number,
        }
    }

    /// The word in a sentence.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Leo { .. } => "leo",
            Self::Hw { .. } => "hw",
            Self::Isr { .. } => "isr",
            Self::Leader { .. } => "leader",
            Self::Epoch { .. } => "epoch",
            Self::Offline(_) => "offline",
            Self::Count { count, .. } => count.word(),
            Self::Processing(_) => "processing",
            Self::Position { .. } => "position",
            Self::Errors { .. } => "errors",
            Self::Since(_) => "since",
            Self::Up(_) => "up",
            Self::Fenced(_) => "fenced",
        }
    }

    /// The partition it is about.
    pub const fn partition(self) -> Option<TopicPartition> {
        match self {
            Self::Leo { tp, .. }
            | Self::Hw { tp, .. }
            | Self::Isr { tp, .. }
            | Self::Leader { tp, .. }
            | Self::Epoch { tp, .. }
            | Self::Offline(tp)
            | Self::Position { tp, .. } => Some(tp),
            Self::Count { .. }
            | Self::Processing(_)
            | Self::Errors { .. }
            | Self::Since(_)
            | Self::Up(_)
            | Self::Fenced(_) => None,
        }
    }

    /// The node it is about, or in whose view it is answered.
    pub const fn node(self) -> Option<NodeId> {
        match self {
            Self::Leo { on: node, .. }
            | Self::Hw { on: node, .. }
            | Self::Isr { of: node, .. }
            | Self::Leader { of: node, .. }
            | Self::Epoch { of: node, .. }
            | Self::Count { of: node, .. } => node,
            Self::Processing(node)
            | Self::Position { consumer: node, .. }
            | Self::Errors { node, .. }
            | Self::Up(node)
            | Self::Fenced(node) => Some(node),
            Self::Offline(_) | Self::Since(_) => None,
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

    /// Whether it names an invariant.
    pub fn asks_for_invariants(&self) -> bool {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().any(Self::asks_for_invariants),
            Self::Not(inner) => inner.asks_for_invariants(),
            Self::Keeps(_) | Self::Violated(_) => true,
            Self::Compare { .. } | Self::Holds(_) | Self::Monotonic(_) => false,
        }
    }

    /// The invariants whose violation it demands: `violated(INV-12)`, not negated.
    pub fn demanded_violations(&self) -> Vec<&str> {
        let mut found = Vec::new();
        self.visit_demands(true, &mut found);
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
            Self::Holds(asked) | Self::Monotonic(asked) => {
                asked.queries().iter().for_each(|query| see(*query));
            }
            Self::Keeps(_) | Self::Violated(_) => {}
        }
    }

    fn visit_demands<'a>(&'a self, is_wanted: bool, found: &mut Vec<&'a str>) {
        match self {
            Self::And(all) | Self::Or(all) => {
                for one in all {
                    one.visit_demands(is_wanted, found);
                }
            }
            Self::Not(inner) => inner.visit_demands(!is_wanted, found),
            Self::Violated(name) if is_wanted => found.push(name),
            Self::Violated(_)
            | Self::Keeps(_)
            | Self::Compare { .. }
            | Self::Holds(_)
            | Self::Monotonic(_) => {}
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
        if let Some(asked) = self.asked() {
            asked.queries().iter().for_each(|query| see(*query));
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
            Self::Monotonic(query) => write_wrapped("monotonic", query, names, f),
            Self::Keeps(name) => f.write_str(name),
            Self::Violated(name) => write!(f, "violated({name})"),
        }
    }
}

fn write_wrapped(
    word: &str,
    query: &Asked,
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
            Self::Time(length) => write!(f, "{length}"),
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
            Self::History(query) => write_wrapped("history", query, names, f),
            Self::Changes(query) => write_wrapped("changes", query, names, f),
            Self::Size(query) => write_wrapped("size", query, names, f),
        }
    }
}

impl Show for Asked {
    fn write(&self, names: &Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.0[0];
        f.write_str(first.word())?;
        let mut partitions: Vec<TopicPartition> =
            self.0.iter().filter_map(|query| query.partition()).collect();
        partitions.sort_unstable();
        partitions.dedup();
        let mut nodes: Vec<NodeId> = self.0.iter().filter_map(|query| query.node()).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let partitions = names.partitions_text(&partitions);
        match first {
            Query::Offline(_) => write!(f, "({partitions})"),
            Query::Leo { .. }
            | Query::Hw { .. }
            | Query::Isr { .. }
            | Query::Leader { .. }
            | Query::Epoch { .. } => match nodes.as_slice() {
                [] => write!(f, "({partitions})"),
                some => write!(f, "({partitions}@{})", names.nodes_text(some)),
            },
            Query::Count { of: None, .. } => Ok(()),
            Query::Count { of: Some(_), count } => {
                write!(f, "({})", names.clients_text(&nodes, count.roles()))
            }
            Query::Processing(_) => {
                write!(f, "({})", names.clients_text(&nodes, &[Role::Consumer]))
            }
            Query::Position { .. } => {
                write!(f, "({}, {partitions})", names.clients_text(&nodes, &[Role::Consumer]))
            }
            Query::Errors { code, .. } => write!(f, "({}, {code})", names.nodes_text(&nodes)),
            Query::Since(step) => write!(f, "({})", names.step_name(step)),
            Query::Up(_) | Query::Fenced(_) => write!(f, "({})", names.nodes_text(&nodes)),
        }
    }
}

impl Asked {
    /// The question as it stands in a sentence.
    pub fn show<'a>(&'a self, names: &'a Names) -> Shown<'a, Self> {
        Shown { what: self, names }
    }
}
