//! What a condition answers, from the meaning of its words alone.
//!
//! Whose view: leader, isr, epoch and fencing are the controller's committed record; watermark and
//! log end of a partition are those of the replica of the leader that this record names. A replica is
//! looked at where it is, on its disk if its broker is down (a disk has a log end and no watermark). Behind `@` stands the view of a broker or
//! a client, which has one only while it runs.

use crate::counts::{Counts, LazyTally};
use crate::fates::Scene;
use kafkalab_core::epoch::LeaderEpoch;
use kafkalab_core::id::{NodeId, NodeKind, TopicPartition};
use kafkalab_core::time::Instant;
use kafkalab_sim::cluster::internal;
use kafkalab_sim::scenario::condition::{self, Condition, Expr, Op, Query};
use kafkalab_sim::scenario::count::Count;
use std::collections::{BTreeMap, BTreeSet};

/// What a question is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// There is nothing to say.
    Undefined,
    Number(i64),
    /// Microseconds.
    Time(u64),
    Node(Option<NodeId>),
    Nodes(BTreeSet<NodeId>),
    Truth(bool),
    List(Vec<Self>),
}

/// What each question of a condition has answered so far, each answer once until it changes. A
/// question whose answers are added up is one question, asked of several.
pub(crate) type Answers = BTreeMap<Vec<Query>, Vec<Value>>;

/// What there is now.
#[derive(Clone, Copy)]
pub(crate) struct Present<'a> {
    pub(crate) scene: Scene<'a>,
    pub(crate) tally: &'a LazyTally<'a>,
}

/// Everything a condition may look at.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) present: Present<'a>,
    /// Which invariants were broken so far.
    pub(crate) broken: &'a BTreeSet<String>,
    /// What was answered before, and is now.
    pub(crate) answers: &'a Answers,
    /// Whether what is said of a set is meant of each member, or of any one.
    pub(crate) of: Members,
}

/// "What is said of a set is said of each of its members. It holds if it holds for every member; its
/// negation holds if it holds for none; and a `never` is broken by any one member."
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Members {
    Each,
    AnyOne,
}

/// Whether something holds, and whether its opposite does. Neither, where something is undefined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Truth {
    pub(crate) holds: bool,
    pub(crate) fails: bool,
}

impl Truth {
    const fn known(holds: bool) -> Self {
        Self { holds, fails: !holds }
    }

    const UNDEFINED: Self = Self { holds: false, fails: false };
}

/// Writes down what the questions of `condition` answer now, where that differs from before. An
/// undefined answer is none.
pub(crate) fn follow(condition: &Condition, present: Present<'_>, answers: &mut Answers) {
    for asked in questions(condition) {
        let value = answer_of(&asked, present);
        let past = answers.entry(asked).or_default();
        if value != Value::Undefined && past.last() != Some(&value) {
            past.push(value);
        }
    }
}

/// Every question whose past a condition looks at.
fn questions(condition: &Condition) -> Vec<Vec<Query>> {
    match condition {
        Condition::And(all) | Condition::Or(all) => all.iter().flat_map(questions).collect(),
        Condition::Not(inner) => questions(inner),
        Condition::Compare { left, right, .. } => [left, right]
            .into_iter()
            .flat_map(|expr| match expr {
                Expr::History(asked) | Expr::Changes(asked) => members(asked),
                _ => Vec::new(),
            })
            .collect(),
        Condition::Monotonic(asked) => members(asked),
        Condition::Holds(_) | Condition::Keeps(_) | Condition::Violated(_) => Vec::new(),
    }
}

/// What is asked of a set, member by member; counts of records and errors are added up instead.
fn members(asked: &condition::Asked) -> Vec<Vec<Query>> {
    let queries = asked.queries();
    let adds_up = |query: &Query| matches!(query, Query::Count { .. } | Query::Errors { .. });
    if queries.iter().all(adds_up) {
        return vec![queries.to_vec()];
    }
    queries.iter().map(|query| vec![*query]).collect()
}

/// The `n`-th member of what is asked; where there is one only, that.
fn member(asked: &condition::Asked, n: usize) -> Vec<Query> {
    let all = members(asked);
    if all.len() == 1 { all[0].clone() } else { all[n].clone() }
}

/// Whether `condition` holds.
pub(crate) fn truth(condition: &Condition, asked: Asked<'_>) -> Truth {
    match condition {
        Condition::And(all) => {
            let all: Vec<Truth> = all.iter().map(|one| truth(one, asked)).collect();
            Truth { holds: all.iter().all(|one| one.holds), fails: all.iter().any(|one| one.fails) }
        }
        Condition::Or(all) => {
            let all: Vec<Truth> = all.iter().map(|one| truth(one, asked)).collect();
            Truth { holds: all.iter().any(|one| one.holds), fails: all.iter().all(|one| one.fails) }
        }
        Condition::Not(inner) => {
            let Truth { holds, fails } = truth(inner, asked);
            Truth { holds: fails, fails: holds }
        }
        Condition::Compare { left, op, right } => {
            let count = [left, right].map(|expr| match expr.asked() {
                Some(question) => members(question).len(),
                None => 1,
            });
            let all = (0..count[0].max(count[1]))
                .map(|n| compare(&value(left, n, asked), *op, &value(right, n, asked)));
            of_members(all.collect(), asked.of)
        }
        Condition::Holds(question) => {
            let all = members(question).into_iter();
            let all = all.map(|one| match answer_of(&one, asked.present) {
                Value::Truth(truth) => Truth::known(truth),
                Value::Undefined => Truth::UNDEFINED,
                other => panic!("{one:?} is no question of yes or no: {other:?}"),
            });
            of_members(all.collect(), asked.of)
        }
        Condition::Monotonic(question) => {
            let all = members(question).into_iter();
            let all = all.map(|one| {
                let past = asked.answers.get(&one).map_or(&[][..], Vec::as_slice);
                Truth::known(past.windows(2).all(|two| rank(&two[0]) <= rank(&two[1])))
            });
            of_members(all.collect(), asked.of)
        }
        Condition::Keeps(name) => Truth::known(!asked.broken.contains(name)),
        Condition::Violated(name) => Truth::known(asked.broken.contains(name)),
    }
}

fn of_members(all: Vec<Truth>, of: Members) -> Truth {
    match of {
        Members::Each => {
            Truth { holds: all.iter().all(|one| one.holds), fails: all.iter().all(|one| one.fails) }
        }
        Members::AnyOne => {
            Truth { holds: all.iter().any(|one| one.holds), fails: all.iter().any(|one| one.fails) }
        }
    }
}

fn rank(value: &Value) -> i128 {
    match value {
        Value::Number(number) => i128::from(*number),
        Value::Time(micros) => i128::from(*micros),
        other => panic!("{other:?} is no number"),
    }
}

/// "A comparison with something undefined is false, and so is its negation."
fn compare(left: &Value, op: Op, right: &Value) -> Truth {
    if *left == Value::Undefined || *right == Value::Undefined {
        return Truth::UNDEFINED;
    }
    Truth::known(match op {
        Op::Equal => left == right,
        Op::NotEqual => left != right,
        Op::Less => rank(left) < rank(right),
        Op::AtMost => rank(left) <= rank(right),
        Op::Greater => rank(left) > rank(right),
        Op::AtLeast => rank(left) >= rank(right),
    })
}

/// What `expr` stands for now, for the `n`-th member of a set.
fn value(expr: &Expr, n: usize, asked: Asked<'_>) -> Value {
    let past = |question| asked.answers.get(&member(question, n)).cloned().unwrap_or_default();
    match expr {
        Expr::Int(number) => Value::Number(*number),
        Expr::Time(length) => Value::Time(length.as_micros()),
        Expr::Node(node) => Value::Node(Some(*node)),
        Expr::NoNode => Value::Node(None),
        Expr::List(items) => Value::List(items.iter().map(|it| value(it, n, asked)).collect()),
        Expr::Set(items) => {
            let member = |item: &Expr| match item {
                Expr::Node(node) => *node,
                other => panic!("only nodes stand in sets here: {other:?}"),
            };
            Value::Nodes(items.iter().map(member).collect())
        }
        Expr::Query(question) => answer_of(&member(question, n), asked.present),
        Expr::History(question) => Value::List(past(question)),
        Expr::Changes(question) => Value::Number(past(question).len().saturating_sub(1) as i64),
        Expr::Size(question) => match answer_of(&member(question, n), asked.present) {
            Value::Nodes(nodes) => Value::Number(nodes.len() as i64),
            Value::Undefined => Value::Undefined,
            other => panic!("{other:?} has no members"),
        },
    }
}

/// What one question answers, or several whose answers are added up.
fn answer_of(queries: &[Query], present: Present<'_>) -> Value {
    match queries {
        [query] => answer(*query, present),
        several => {
            let all = several.iter().map(|query| match answer(*query, present) {
                Value::Number(number) => number,
                other => panic!("{query:?} cannot be added up: {other:?}"),
            });
            Value::Number(all.sum())
        }
    }
}

fn number(n: u64) -> Value {
    Value::Number(n as i64)
}

fn or_undefined<T>(value: Option<T>, make: impl FnOnce(T) -> Value) -> Value {
    value.map_or(Value::Undefined, make)
}

fn answer(query: Query, present: Present<'_>) -> Value {
    let Present { scene, tally } = present;
    let look = scene.look;
    let record = |tp| scene.history.image.partition(tp);
    match query {
        Query::Leo { tp, on } => {
            let node = on.or_else(|| record(tp)?.leader);
            or_undefined(node.and_then(|node| look.log_end(tp, node)), |end| number(end.0))
        }
        Query::Hw { tp, on } => {
            let node = on.or_else(|| record(tp)?.leader);
            let replica = node.and_then(|node| look.replica(tp, node));
            or_undefined(replica, |replica| number(replica.log().high_watermark().0))
        }
        Query::Isr { tp, of: None } => {
            or_undefined(record(tp), |it| Value::Nodes(it.isr.iter().collect()))
        }
        Query::Isr { tp, of: Some(broker) } => in_sync_as_seen_by(scene, tp, broker),
        Query::Leader { tp, of: None } => or_undefined(record(tp), |it| Value::Node(it.leader)),
        Query::Leader { tp, of: Some(node) } => {
            or_undefined(leader_as_seen_by(scene, tp, node), |(leader, _)| Value::Node(leader))
        }
        Query::Epoch { tp, of: None } => {
            or_undefined(record(tp), |it| number(u64::from(it.leader_epoch.0)))
        }
        Query::Epoch { tp, of: Some(node) } => {
            let seen = leader_as_seen_by(scene, tp, node);
            or_undefined(seen, |(_, epoch)| number(u64::from(epoch.0)))
        }
        Query::Offline(tp) => or_undefined(record(tp), |it| Value::Truth(it.leader.is_none())),
        Query::Up(node) => Value::Truth(look.world().is_up(node)),
        Query::Fenced(node) => {
            let registration = scene.history.image.brokers.get(&node);
            or_undefined(registration, |it| Value::Truth(it.is_fenced))
        }
        Query::Processing(reader) => {
            let in_hand = scene.history.in_hand.get(&reader);
            or_undefined(in_hand, |id| number(u64::from(id.n)))
        }
        Query::Position { consumer, tp } => {
            let position = look.consumer(consumer).and_then(|it| it.position(tp));
            or_undefined(position, |offset| number(offset.0))
        }
        Query::Errors { node, code } => {
            let zero = internal(kafkalab_core::time::Duration::ZERO);
            let all = scene.history.errors.iter();
            let told = all.filter(|it| it.node == node && it.code == code && it.at >= zero);
            number(told.count() as u64)
        }
        Query::Since(step) => {
            let fired = scene.history.step_fired(step);
            or_undefined(fired, |at: Instant| Value::Time(look.world().now().since(at).as_micros()))
        }
        Query::Count { count, of } => {
            let counts = of.map_or(tally.get().all, |client| tally.get().of[&client]);
            number(counted(counts, count))
        }
    }
}

/// "`isr(tp@b)` is what a leader counts and another broker has applied."
fn in_sync_as_seen_by(scene: Scene<'_>, tp: TopicPartition, broker: NodeId) -> Value {
    let leadership = scene.look.replica(tp, broker).and_then(|replica| replica.leadership());
    if let Some(leadership) = leadership {
        return Value::Nodes(leadership.isr.iter().collect());
    }
    let image = scene.look.broker(broker).map(|broker| broker.replicas().image());
    let applied = image.and_then(|image| image.partition(tp));
    or_undefined(applied, |it| Value::Nodes(it.isr.iter().collect()))
}

/// "`leader(tp@n)` and `epoch(tp@n)` are what a broker has applied or a client was told."
fn leader_as_seen_by(
    scene: Scene<'_>,
    tp: TopicPartition,
    node: NodeId,
) -> Option<(Option<NodeId>, LeaderEpoch)> {
    if node.kind() == NodeKind::Broker {
        let applied = scene.look.broker(node)?.replicas().image().partition(tp)?;
        return Some((applied.leader, applied.leader_epoch));
    }
    let producer = scene.look.producer(node).map(|it| it.known_leader(tp));
    let consumer = || scene.look.consumer(node).map(|it| it.known_leader(tp));
    producer.or_else(consumer).flatten()
}

const fn counted(counts: Counts, count: Count) -> u64 {
    match count {
        Count::Sent => counts.sent,
        Count::Acked => counts.acked,
        Count::Failed => counts.failed,
        Count::Unknown => counts.unknown,
        Count::Pending => counts.pending,
        Count::GaveUp => counts.gave_up,
        Count::Appended => counts.appended,
        Count::Delivered => counts.delivered,
        Count::Processed => counts.processed,
        Count::Lost => counts.lost,
        Count::NotDecided => counts.not_decided,
        Count::Unread => counts.unread,
        Count::Duplicates => counts.duplicates,
        Count::LogDuplicates => counts.log_duplicates,
        Count::Reordered => counts.reordered,
        Count::Skipped => counts.skipped,
        Count::AtRisk => counts.at_risk,
    }
}
