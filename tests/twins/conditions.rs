//! What a condition answers, from the meaning of its words alone.
//!
//! Whose view: leader, isr, epoch and fencing are the controller's committed record; watermark and
//! log end of a partition are those of the replica of that leader, which there is only while the
//! partition *has* a leader; a replica that is named is looked at where it is, on its disk if its
//! broker is down (a disk has a log end and no watermark).

use crate::counts::{Counts, LazyTally};
use crate::fates::Scene;
use kafkalab_core::id::NodeId;
use kafkalab_sim::scenario::condition::{Condition, Expr, Op, Query};
use std::collections::{BTreeMap, BTreeSet};

/// What a question is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// There is nothing to say.
    Undefined,
    Number(i64),
    Node(Option<NodeId>),
    Nodes(BTreeSet<NodeId>),
    Truth(bool),
    List(Vec<Self>),
}

/// What each question of a condition has answered so far, each answer once until it changes.
pub(crate) type Answers = BTreeMap<Query, Vec<Value>>;

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
}

/// Writes down what the questions of `condition` answer now, where that differs from before. An
/// undefined answer is none.
pub(crate) fn follow(condition: &Condition, present: Present<'_>, answers: &mut Answers) {
    for query in condition.queries() {
        let value = answer(query, present);
        let past = answers.entry(query).or_default();
        if value != Value::Undefined && past.last() != Some(&value) {
            past.push(value);
        }
    }
}

/// Whether `condition` holds. `None`: something in it is undefined, so that neither it nor its
/// opposite holds.
pub(crate) fn holds(condition: &Condition, asked: Asked<'_>) -> Option<bool> {
    match condition {
        Condition::And(all) => {
            let all: Vec<Option<bool>> = all.iter().map(|one| holds(one, asked)).collect();
            if all.contains(&Some(false)) {
                Some(false)
            } else if all.contains(&None) {
                None
            } else {
                Some(true)
            }
        }
        Condition::Or(all) => {
            let all: Vec<Option<bool>> = all.iter().map(|one| holds(one, asked)).collect();
            if all.contains(&Some(true)) {
                Some(true)
            } else if all.contains(&None) {
                None
            } else {
                Some(false)
            }
        }
        Condition::Not(inner) => holds(inner, asked).map(|holds| !holds),
        Condition::Compare { left, op, right } => {
            compare(&value(left, asked), *op, &value(right, asked))
        }
        Condition::Holds(query) => match answer(*query, asked.present) {
            Value::Truth(truth) => Some(truth),
            Value::Undefined => None,
            other => panic!("{query:?} is no question of yes or no: {other:?}"),
        },
        Condition::Monotonic(query) => {
            let past = asked.answers.get(query).map_or(&[][..], Vec::as_slice);
            Some(past.windows(2).all(|pair| number(&pair[0]) <= number(&pair[1])))
        }
        Condition::Keeps(name) => Some(!asked.broken.contains(name)),
        Condition::Violated(name) => Some(asked.broken.contains(name)),
    }
}

fn number(value: &Value) -> i64 {
    match value {
        Value::Number(number) => *number,
        other => panic!("{other:?} is no number"),
    }
}

/// "A comparison with something undefined is false, and so is its negation."
fn compare(left: &Value, op: Op, right: &Value) -> Option<bool> {
    if *left == Value::Undefined || *right == Value::Undefined {
        return None;
    }
    Some(match op {
        Op::Equal => left == right,
        Op::NotEqual => left != right,
        Op::Less => number(left) < number(right),
        Op::AtMost => number(left) <= number(right),
        Op::Greater => number(left) > number(right),
        Op::AtLeast => number(left) >= number(right),
    })
}

/// What `expr` stands for now.
pub(crate) fn value(expr: &Expr, asked: Asked<'_>) -> Value {
    match expr {
        Expr::Int(number) => Value::Number(*number),
        Expr::Node(node) => Value::Node(Some(*node)),
        Expr::NoNode => Value::Node(None),
        Expr::List(items) => Value::List(items.iter().map(|item| value(item, asked)).collect()),
        Expr::Set(items) => {
            let member = |item: &Expr| match item {
                Expr::Node(node) => *node,
                other => panic!("only nodes stand in sets here: {other:?}"),
            };
            Value::Nodes(items.iter().map(member).collect())
        }
        Expr::Query(query) => answer(*query, asked.present),
        Expr::History(query) => Value::List(asked.answers.get(query).cloned().unwrap_or_default()),
        Expr::Changes(query) => {
            let different = asked.answers.get(query).map_or(0, Vec::len);
            Value::Number(different.saturating_sub(1) as i64)
        }
        Expr::Size(query) => match answer(*query, asked.present) {
            Value::Nodes(nodes) => Value::Number(nodes.len() as i64),
            Value::Undefined => Value::Undefined,
            other => panic!("{other:?} has no members"),
        },
    }
}

fn count(n: u64) -> Value {
    Value::Number(n as i64)
}

fn or_undefined<T>(value: Option<T>, make: impl FnOnce(T) -> Value) -> Value {
    value.map_or(Value::Undefined, make)
}

/// What `query` answers now.
pub(crate) fn answer(query: Query, present: Present<'_>) -> Value {
    let Present { scene, tally } = present;
    let look = scene.look;
    let record = |tp| scene.history.image.partition(tp);
    let all = || tally.get().all;
    let of = |client: NodeId| -> Counts { tally.get().of[&client] };
    match query {
        Query::Leo { tp, on } => {
            let node = on.or_else(|| scene.leader(tp));
            or_undefined(node.and_then(|node| look.log_end(tp, node)), |end| count(end.0))
        }
        Query::Hw { tp, on } => {
            let node = on.or_else(|| scene.leader(tp));
            let replica = node.and_then(|node| look.replica(tp, node));
            or_undefined(replica, |replica| count(replica.log().high_watermark().0))
        }
        Query::Isr(tp) => or_undefined(record(tp), |it| Value::Nodes(it.isr.iter().collect())),
        Query::Leader(tp) => or_undefined(record(tp), |it| Value::Node(it.leader)),
        Query::Epoch(tp) => or_undefined(record(tp), |it| count(u64::from(it.leader_epoch.0))),
        Query::Offline(tp) => or_undefined(record(tp), |it| Value::Truth(it.leader.is_none())),
        Query::Up(node) => Value::Truth(look.world().is_up(node)),
        Query::Fenced(node) => {
            let registration = scene.history.image.brokers.get(&node);
            or_undefined(registration, |it| Value::Truth(it.is_fenced))
        }
        Query::Processing(reader) => {
            let in_hand = scene.history.in_hand.get(&reader);
            or_undefined(in_hand, |id| count(u64::from(id.n)))
        }
        Query::Sent(client) => count(of(client).sent),
        Query::Acked(client) => count(of(client).acked),
        Query::Failed(client) => count(of(client).failed),
        Query::Processed(client) => count(of(client).processed),
        Query::Delivered => count(all().delivered),
        Query::Lost => count(all().lost),
        Query::Duplicates => count(all().duplicates),
        Query::LogDuplicates => count(all().log_duplicates),
        Query::AtRisk => count(all().at_risk),
        Query::Unknown => count(all().unknown),
        Query::AckedTotal => count(all().acked),
        Query::SentTotal => count(all().sent),
    }
}
