//! What fails in a run of chaos, and how it is repaired.

use super::Chaos;
use super::dice::Dice;
use super::trigger::{Cast, timed, triggered};
use crate::scenario::action::{Action, Flow, Half, Link, Nodes};
use crate::scenario::plan::{InjectPlan, Plan, Trigger};
use kafkalab_core::id::{NodeId, TopicPartition};
use kafkalab_core::protocol::ApiKey;
use kafkalab_core::time::Duration;

/// The faults of `plan` and then its repairs.
pub(super) fn draw(seed: u64, shape: &Chaos, plan: &Plan) -> Vec<InjectPlan> {
    let cast = Cast::of(plan);
    let mut dice = Dice::new(seed, "chaos: faults", 0);
    let count = dice.between(shape.faults.0, shape.faults.1) as usize;
    // One partition in the middle of it, so that faults meet.
    let victim = cast.partition(&mut dice);
    let mut injects = Vec::new();
    let mut add = |trigger, actions| injects.push(InjectPlan::new(trigger, actions, &plan.names));
    for n in 0..count {
        let dice = &mut Dice::new(seed, "chaos: fault", n);
        let tp = if dice.percent(75) { victim } else { cast.partition(dice) };
        let is_triggered = n.is_multiple_of(2) || dice.percent(40);
        let trigger =
            if is_triggered { triggered(dice, &cast, tp) } else { timed(dice, shape.trouble) };
        let actions = fault(dice, &cast, tp);
        let undoing = undo(dice, &actions);
        add(trigger, actions);
        if let Some(action) = undoing {
            let trigger = if dice.percent(50) {
                triggered(dice, &cast, tp)
            } else {
                timed(dice, shape.trouble)
            };
            add(trigger, vec![action]);
        }
    }
    for at in shape.repairs() {
        add(Trigger::At(at), repair(plan));
    }
    injects
}

/// Everything is as it should be again.
fn repair(plan: &Plan) -> Vec<Action> {
    let all = || Nodes::List(plan.nodes().collect());
    vec![
        Action::Heal(None),
        Action::Resume(all()),
        Action::SlowDisk { nodes: Nodes::AllBrokers, by: Duration::ZERO },
        Action::Start(all()),
    ]
}

/// One or two things go wrong at once.
fn fault(dice: &mut Dice, cast: &Cast, tp: TopicPartition) -> Vec<Action> {
    if dice.percent(6) {
        return at_once_again(dice, cast, tp);
    }
    let mut actions = vec![one_fault(dice, cast, tp)];
    if dice.percent(25) {
        actions.push(one_fault(dice, cast, tp));
    }
    actions
}

/// A broker is back in the same moment and has lost some of its log, or all of it.
fn at_once_again(dice: &mut Dice, cast: &Cast, tp: TopicPartition) -> Vec<Action> {
    let nodes = one(dice.pick(cast.replicas_of(tp)));
    let start = Action::Start(nodes.clone());
    if dice.percent(60) {
        vec![Action::Power(nodes), start]
    } else {
        vec![Action::Kill(nodes.clone()), Action::Wipe(nodes), start]
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Kill,
    Power,
    Restart,
    Stop,
    Pause,
    Cut,
    Slow,
    Drop,
    Hold,
    SlowDisk,
    Skew,
    Controller,
    Client,
    Send,
}

const KINDS: [(u64, Kind); 14] = [
    (15, Kind::Kill),
    (6, Kind::Power),
    (12, Kind::Restart),
    (6, Kind::Stop),
    (12, Kind::Pause),
    (14, Kind::Cut),
    (6, Kind::Slow),
    (4, Kind::Drop),
    (22, Kind::Hold),
    (3, Kind::SlowDisk),
    (1, Kind::Skew),
    (6, Kind::Controller),
    (3, Kind::Client),
    (2, Kind::Send),
];

fn one_fault(dice: &mut Dice, cast: &Cast, tp: TopicPartition) -> Action {
    match dice.weighed(&KINDS) {
        Kind::Kill => Action::Kill(broker(dice, cast, tp)),
        Kind::Power => Action::Power(broker(dice, cast, tp)),
        Kind::Restart => Action::Restart(broker(dice, cast, tp)),
        Kind::Stop => Action::Stop(broker(dice, cast, tp)),
        Kind::Pause => {
            let nodes = broker(dice, cast, tp);
            Action::Pause { nodes, length: Some(dice.spread_millis(50, 6_000)) }
        }
        Kind::Cut => Action::Cut(link(dice, cast, tp)),
        Kind::Slow => {
            let link = link(dice, cast, tp);
            Action::Slow { link, by: dice.spread_millis(2, 900) }
        }
        Kind::Drop => {
            let link = link(dice, cast, tp);
            Action::Drop { permille: dice.between(20, 700) as u32, link }
        }
        Kind::Hold => Action::Hold(flow(dice, cast, tp)),
        Kind::SlowDisk => {
            let nodes = broker(dice, cast, tp);
            Action::SlowDisk { nodes, by: dice.spread_millis(5, 1_000) }
        }
        Kind::Skew => {
            let micros = dice.between(1, 10_000) as i64 * 1_000;
            let sign = dice.pick(&[-1, 1]);
            Action::Skew { nodes: broker(dice, cast, tp), micros: sign * micros }
        }
        Kind::Controller => controller_fault(dice),
        Kind::Client => {
            let clients: Vec<NodeId> = clients(cast).collect();
            let nodes = one(dice.pick(&clients));
            let length = Some(dice.spread_millis(50, 3_000));
            dice.pick(&[Action::Restart(nodes.clone()), Action::Pause { nodes, length }])
        }
        Kind::Send => {
            let producer = dice.pick(&cast.producers).0;
            Action::Send { producer, records: dice.between(1, 30) as u32 }
        }
    }
}

fn controller_fault(dice: &mut Dice) -> Action {
    let k1 = || one(NodeId::controller(1));
    let length = Some(dice.spread_millis(50, 5_000));
    dice.pick(&[
        Action::Kill(k1()),
        Action::Restart(k1()),
        Action::Restart(k1()),
        Action::Pause { nodes: k1(), length },
    ])
}

fn one(node: NodeId) -> Nodes {
    Nodes::List(vec![node])
}

fn clients(cast: &Cast) -> impl Iterator<Item = NodeId> + '_ {
    let producers = cast.producers.iter().map(|(node, _)| *node);
    producers.chain(cast.consumers.iter().copied())
}

/// The leader of `tp`, one of its replicas, or any broker.
fn broker(dice: &mut Dice, cast: &Cast, tp: TopicPartition) -> Nodes {
    match dice.below(10) {
        0..=4 => Nodes::Leader(tp),
        5..=8 => one(dice.pick(cast.replicas_of(tp))),
        _ => one(dice.pick(&cast.brokers)),
    }
}

/// All or some of the replicas of `tp`, or any other broker.
fn others(dice: &mut Dice, cast: &Cast, tp: TopicPartition) -> Nodes {
    match dice.below(4) {
        0 => Nodes::AllBrokers,
        1 => Nodes::List(cast.replicas_of(tp).to_vec()),
        _ => one(dice.pick(cast.replicas_of(tp))),
    }
}

/// A way between two nodes, one way or both.
fn link(dice: &mut Dice, cast: &Cast, tp: TopicPartition) -> Link {
    let near = broker(dice, cast, tp);
    let far = match dice.below(10) {
        0..=5 => others(dice, cast, tp),
        6..=8 => one(NodeId::controller(1)),
        _ => one(dice.pick(&clients(cast).collect::<Vec<_>>())),
    };
    // A node has no link to itself.
    let far = if far == near { one(NodeId::controller(1)) } else { far };
    let both = dice.percent(50);
    if dice.percent(50) {
        Link { from: near, to: far, both }
    } else {
        Link { from: far, to: near, both }
    }
}

/// One kind of message between two nodes that exchange it.
fn flow(dice: &mut Dice, cast: &Cast, tp: TopicPartition) -> Flow {
    let half = dice.pick(&[Half::Request, Half::Response]);
    let k1 = || one(NodeId::controller(1));
    let api = dice.weighed(&[
        (30, Some(ApiKey::Fetch)),
        // The metadata log.
        (30, None),
        (22, Some(ApiKey::AlterPartition)),
        (12, Some(ApiKey::Produce)),
        (5, Some(ApiKey::BrokerHeartbeat)),
        (3, Some(ApiKey::BrokerRegistration)),
        (5, Some(ApiKey::Metadata)),
        (2, Some(ApiKey::InitProducerId)),
        (1, Some(ApiKey::ListOffsets)),
    ]);
    let (asks, answers) = match api {
        Some(ApiKey::Fetch) => (others(dice, cast, tp), broker(dice, cast, tp)),
        None
        | Some(ApiKey::AlterPartition | ApiKey::BrokerHeartbeat | ApiKey::BrokerRegistration) => {
            (broker(dice, cast, tp), k1())
        }
        Some(_) => (one(dice.pick(&clients(cast).collect::<Vec<_>>())), broker(dice, cast, tp)),
    };
    let answers = if answers == asks { Nodes::AllBrokers } else { answers };
    let asks = if answers == asks { one(cast.brokers[0]) } else { asks };
    let (from, to) = if half == Half::Request { (asks, answers) } else { (answers, asks) };
    let link = Link { from, to, both: false };
    Flow { api: api.unwrap_or(ApiKey::Fetch), half, link }
}

/// What ends a fault before the repairs, for most of them.
fn undo(dice: &mut Dice, actions: &[Action]) -> Option<Action> {
    let is_undone = dice.percent(70);
    actions.first().filter(|_| is_undone).and_then(|action| match action {
        Action::Kill(Nodes::List(who)) if *who == [NodeId::controller(1)] => {
            Some(Action::Start(one(NodeId::controller(1))))
        }
        Action::Kill(_) | Action::Power(_) | Action::Stop(_) => {
            Some(Action::Start(Nodes::AllBrokers))
        }
        Action::Cut(link) | Action::Slow { link, .. } | Action::Drop { link, .. } => {
            Some(Action::Heal(Some(link.clone())))
        }
        Action::Hold(flow) => Some(Action::Release(Some(flow.clone()))),
        _ => None,
    })
}
