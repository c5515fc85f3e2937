//! Actions carried out: from a sentence to the faults of the world.

use super::roll::Roll;
use crate::look::{Committed, Look};
use crate::scenario::action::{Action, Flow, Half, Link, Nodes};
use crate::world::World;
use kafkalab_core::engine::{Command, Input};
use kafkalab_core::id::NodeId;
use kafkalab_core::node::Node;
use kafkalab_core::protocol::Direction;
use kafkalab_core::time::Instant;

/// A pause that ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wake {
    /// When.
    pub(super) at: Instant,
    /// Who goes on.
    pub(super) node: NodeId,
}

/// What an action leaves to be done later.
#[derive(Clone, Debug, Default)]
pub(super) struct Later {
    /// Pauses that end by themselves.
    pub(super) pauses: Vec<Wake>,
    /// Rolling restarts under way.
    pub(super) rolls: Vec<Roll>,
}

impl Later {
    /// The last pause of `node` is over, or another one begins: its own end means nothing any more.
    fn forget_pause(&mut self, node: NodeId) {
        self.pauses.retain(|wake| wake.node != node);
    }
}

/// Does what `action` says. A pause with a length and a roll leave something to be done later.
pub(super) fn act(
    action: &Action,
    world: &mut World<Node>,
    committed: &Committed,
    later: &mut Later,
) {
    let now = world.now();
    let on = |nodes: &Nodes, world: &World<Node>| resolve(nodes, world, committed);
    match action {
        Action::Kill(nodes) => each(on(nodes, world), |node| {
            world.kill(node);
        }),
        Action::Power(nodes) => each(on(nodes, world), |node| {
            world.power(node);
        }),
        Action::Stop(nodes) => each(on(nodes, world), |node| world.terminate(node)),
        Action::Start(nodes) => each(on(nodes, world), |node| {
            world.start(node, now);
        }),
        Action::Restart(nodes) => each(on(nodes, world), |node| world.restart(node)),
        Action::Roll { nodes, every } => {
            let nodes = on(nodes, world);
            later.rolls.push(Roll::new(nodes, *every, now));
        }
        Action::Pause { nodes, length } => each(on(nodes, world), |node| {
            if world.pause(node) {
                later.forget_pause(node);
                later.pauses.extend(length.map(|length| Wake { at: now + length, node }));
            }
        }),
        Action::Resume(nodes) => each(on(nodes, world), |node| {
            world.resume(node);
            later.forget_pause(node);
        }),
        Action::Wipe(nodes) => each(on(nodes, world), |node| {
            world.wipe(node);
        }),
        Action::Cut(link) => pairs(link, world, committed, |world, from, to| {
            world.cut(from, to);
        }),
        Action::Slow { link, by } => {
            pairs(link, world, committed, |world, from, to| world.slow(from, to, *by));
        }
        Action::Drop { permille, link } => pairs(link, world, committed, |world, from, to| {
            world.drop(from, to, *permille as u16);
        }),
        Action::Hold(flow) => flows(flow, world, committed, |world, direction, from, to| {
            world.hold(flow.api, direction, from, to);
        }),
        Action::Release(Some(flow)) => {
            flows(flow, world, committed, |world, direction, from, to| {
                world.release(flow.api, direction, from, to);
            });
        }
        Action::Release(None) => world.release_all(),
        Action::Heal(None) => world.heal(),
        Action::Heal(Some(link)) => {
            pairs(link, world, committed, World::heal_link);
        }
        Action::Skew { nodes, micros } => {
            each(on(nodes, world), |node| world.skew(node, micros / 1_000));
        }
        Action::SlowDisk { nodes, by } => {
            each(on(nodes, world), |node| world.slow_disk(node, *by));
        }
        Action::Send { producer, records } => {
            world.inject(now, *producer, Input::Ask(Command::Send(*records)));
        }
    }
}

fn each(nodes: Vec<NodeId>, mut deed: impl FnMut(NodeId)) {
    for node in nodes {
        deed(node);
    }
}

fn pairs(
    link: &Link,
    world: &mut World<Node>,
    committed: &Committed,
    mut deed: impl FnMut(&mut World<Node>, NodeId, NodeId),
) {
    let (ones, others) =
        (resolve(&link.from, world, committed), resolve(&link.to, world, committed));
    for one in &ones {
        for other in others.iter().filter(|other| *other != one) {
            deed(world, *one, *other);
            if link.both {
                deed(world, *other, *one);
            }
        }
    }
}

fn flows(
    flow: &Flow,
    world: &mut World<Node>,
    committed: &Committed,
    mut deed: impl FnMut(&mut World<Node>, Direction, NodeId, NodeId),
) {
    let direction = match flow.half {
        Half::Request => Direction::Request,
        Half::Response => Direction::Response,
    };
    pairs(&flow.link, world, committed, |world, from, to| deed(world, direction, from, to));
}

/// The nodes a sentence names, as things stand.
fn resolve(nodes: &Nodes, world: &World<Node>, committed: &Committed) -> Vec<NodeId> {
    match nodes {
        Nodes::List(nodes) => nodes.clone(),
        Nodes::AllBrokers => Look::at(world).brokers().collect(),
        Nodes::Leader(tp) => committed
            .partition(*tp)
            .and_then(|registration| registration.leader)
            .into_iter()
            .collect(),
        Nodes::Controller => {
            let active = Look::at(world).controller().filter(|k| k.controller().is_active());
            active.map(|_| NodeId::controller(1)).into_iter().collect()
        }
    }
}
