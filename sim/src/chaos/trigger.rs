//! When a fault strikes: at a moment of the clock, or at one of the protocol.

use super::dice::Dice;
use crate::scenario::condition::{Condition, Expr, Op, Query};
use crate::scenario::count::Count;
use crate::scenario::plan::{ClientKind, Plan, Trigger};
use kafkalab_core::id::{NodeId, TopicPartition};
use kafkalab_core::time::Duration;

/// The cast of a run: who and what a fault may be about.
pub(super) struct Cast {
    /// All brokers.
    pub(super) brokers: Vec<NodeId>,
    /// All partitions.
    pub(super) partitions: Vec<TopicPartition>,
    /// Replicas of each, in the order of `partitions`, the first leader first.
    replicas: Vec<Vec<NodeId>>,
    /// How many records each may expect.
    expected: Vec<u64>,
    /// All producers, with their numbers of records.
    pub(super) producers: Vec<(NodeId, u64)>,
    /// All consumers.
    pub(super) consumers: Vec<NodeId>,
}

impl Cast {
    /// The cast of `plan`.
    pub(super) fn of(plan: &Plan) -> Self {
        let mut cast = Self {
            brokers: (1..=plan.cluster.brokers).map(NodeId::broker).collect(),
            partitions: crate::cluster::partitions(plan).collect(),
            replicas: Vec::new(),
            expected: Vec::new(),
            producers: Vec::new(),
            consumers: Vec::new(),
        };
        let mut records = vec![0; plan.topics.len()];
        for client in &plan.clients {
            match &client.kind {
                ClientKind::Producer(producer) => {
                    records[producer.topic.0 as usize] += u64::from(producer.records);
                    cast.producers.push((client.node, u64::from(producer.records)));
                }
                ClientKind::Consumer(_) => cast.consumers.push(client.node),
            }
        }
        for tp in &cast.partitions {
            let topic = &plan.topics[tp.topic.0 as usize];
            let all = u32::from(plan.cluster.brokers);
            let nth = |r| cast.brokers[((tp.partition + r) % all) as usize];
            cast.replicas.push((0..u32::from(topic.replicas)).map(nth).collect());
            cast.expected.push(records[tp.topic.0 as usize] / u64::from(topic.partitions));
        }
        cast
    }

    /// A partition, rather one that gets records and has followers.
    pub(super) fn partition(&self, dice: &mut Dice) -> TopicPartition {
        let busy: Vec<TopicPartition> = (0..self.partitions.len())
            .filter(|n| self.expected[*n] > 0 && self.replicas[*n].len() > 1)
            .map(|n| self.partitions[n])
            .collect();
        if busy.is_empty() || dice.percent(10) {
            dice.pick(&self.partitions)
        } else {
            dice.pick(&busy)
        }
    }

    /// Who has `tp`, its first leader first.
    pub(super) fn replicas_of(&self, tp: TopicPartition) -> &[NodeId] {
        let place = self.partitions.iter().position(|one| *one == tp);
        &self.replicas[place.expect("it is a partition of this plan")]
    }

    fn expected_of(&self, tp: TopicPartition) -> u64 {
        let place = self.partitions.iter().position(|one| *one == tp);
        self.expected[place.expect("it is a partition of this plan")]
    }
}

/// A moment of the clock, in the time of trouble.
pub(super) fn timed(dice: &mut Dice, trouble: Duration) -> Trigger {
    Trigger::At(dice.millis(0, trouble.as_millis() - 1))
}

/// A moment of the protocol, mostly of `tp`. It never comes during the warm-up.
pub(super) fn triggered(dice: &mut Dice, cast: &Cast, tp: TopicPartition) -> Trigger {
    let condition = match dice.below(10) {
        0..=3 => progress(dice, cast, tp),
        4..=7 => change(dice, cast, tp),
        _ => {
            let unrest = unrest(dice, cast, tp);
            after_start(dice, cast, unrest)
        }
    };
    Trigger::When(condition)
}

fn compare(left: Expr, op: Op, right: Expr) -> Condition {
    Condition::Compare { left, op, right }
}

fn at_least(query: Query, n: u64) -> Condition {
    compare(Expr::Query(query.into()), Op::AtLeast, Expr::Int(n as i64))
}

/// `condition`, once the producers have begun.
fn after_start(dice: &mut Dice, cast: &Cast, condition: Condition) -> Condition {
    let most = cast.producers.iter().map(|(_, records)| *records).max().unwrap_or(1);
    let sent =
        at_least(Query::Count { count: Count::Sent, of: None }, dice.between(1, most.clamp(1, 40)));
    Condition::And(vec![sent, condition])
}

/// So much has been done.
fn progress(dice: &mut Dice, cast: &Cast, tp: TopicPartition) -> Condition {
    let most = cast.expected_of(tp).max(1);
    let n = dice.between(1, most);
    let (producer, records) = dice.pick(&cast.producers);
    let of_producer = dice.between(1, records);
    let on = dice.pick(cast.replicas_of(tp));
    match dice.below(8) {
        0 | 1 => at_least(Query::Hw { tp, on: None }, n),
        2 => at_least(Query::Leo { tp, on: None }, n),
        3 => at_least(Query::Leo { tp, on: Some(on) }, n),
        4 => at_least(Query::Hw { tp, on: Some(on) }, n),
        5 => at_least(Query::Count { count: Count::Acked, of: Some(producer) }, of_producer),
        6 => at_least(Query::Count { count: Count::Sent, of: Some(producer) }, of_producer),
        _ => match cast.consumers.as_slice() {
            [] => at_least(Query::Hw { tp, on: None }, n),
            readers => {
                at_least(Query::Count { count: Count::Processed, of: Some(dice.pick(readers)) }, n)
            }
        },
    }
}

/// The controller's record of `tp` is another than at the start. (Already in the warm-up a broker
/// may have joined late.)
fn change(dice: &mut Dice, cast: &Cast, tp: TopicPartition) -> Condition {
    let replicas = cast.replicas_of(tp);
    let all = Expr::Int(replicas.len() as i64);
    let isr = Expr::Size(Query::Isr { tp, of: None }.into());
    // An ISR never shrinks below one: a partition with one replica has no leader instead.
    let is_single = replicas.len() == 1;
    let shrunk = if is_single {
        Condition::Holds(Query::Offline(tp).into())
    } else {
        compare(isr.clone(), Op::Less, all.clone())
    };
    let epoch = |n| at_least(Query::Epoch { tp, of: None }, n);
    let n = dice.between(1, 3);
    match dice.below(7) {
        0 => after_start(dice, cast, shrunk),
        1 => epoch(n),
        2 => {
            let changes = Expr::Changes(Query::Isr { tp, of: None }.into());
            after_start(dice, cast, compare(changes, Op::AtLeast, Expr::Int(n as i64)))
        }
        3 if is_single => epoch(n),
        3 => Condition::And(vec![epoch(n), compare(isr, Op::Equal, all)]),
        4 => Condition::And(vec![epoch(n), shrunk]),
        5 => {
            let leader = Expr::Query(Query::Leader { tp, of: None }.into());
            let moved = compare(leader, Op::NotEqual, Expr::Node(replicas[0]));
            after_start(dice, cast, moved)
        }
        _ => {
            let more = dice.between(1, cast.expected_of(tp).clamp(1, 20));
            Condition::And(vec![epoch(1), at_least(Query::Hw { tp, on: None }, more)])
        }
    }
}

/// Something is not as it should be.
fn unrest(dice: &mut Dice, cast: &Cast, tp: TopicPartition) -> Condition {
    let broker = dice.pick(cast.replicas_of(tp));
    match dice.below(7) {
        0 => Condition::Holds(Query::Fenced(broker).into()),
        1 => Condition::Not(Box::new(Condition::Holds(Query::Up(broker).into()))),
        2 => Condition::Holds(Query::Offline(tp).into()),
        3 => at_least(Query::Count { count: Count::AtRisk, of: None }, dice.between(1, 5)),
        4 => {
            let of = Some(dice.pick(&cast.producers).0);
            at_least(Query::Count { count: Count::GaveUp, of }, 1)
        }
        _ => {
            let hw = Expr::Query(Query::Hw { tp, on: Some(broker) }.into());
            compare(Expr::Query(Query::Leo { tp, on: None }.into()), Op::Greater, hw)
        }
    }
}
