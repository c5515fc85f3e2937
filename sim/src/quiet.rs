//! When a run is over: nothing is pending (semantics 5).
//!
//! Long polls are always in flight and do not count. A broker that is down stays down: what it would
//! have to do is not pending. A client that has yet to start by its own clock is.

use crate::cluster::{internal, partitions};
use crate::look::{Committed, Look};
use crate::scenario::plan::{ClientKind, Plan, Start};
use kafkalab_core::event::LifecycleState;
use kafkalab_core::id::TopicPartition;
use kafkalab_core::node::Node;

/// The first thing found to be pending; `None` if all is quiet.
pub(crate) fn pending(plan: &Plan, look: Look<'_>, committed: &Committed) -> Option<String> {
    pending_clients(plan, look)
        .or_else(|| pending_brokers(plan, look, committed))
        .or_else(|| partitions(plan).find_map(|tp| pending_partition(plan, look, committed, tp)))
        .or_else(|| pending_readers(plan, look, committed))
}

/// Why the warm-up is not complete; `None` if it is.
pub(crate) fn not_warm(plan: &Plan, look: Look<'_>, committed: &Committed) -> Option<String> {
    for client in plan.clients.iter().filter(|client| client.start == Start::WarmUp) {
        let name = &client.name;
        if look.producer(client.node).is_some_and(|producer| !producer.is_warm()) {
            return Some(format!("{name} has no metadata or no producer id yet"));
        }
        if look.consumer(client.node).is_some_and(|consumer| !consumer.is_position_resolved()) {
            return Some(format!("{name} does not know yet where to start reading"));
        }
    }
    pending_brokers(plan, look, committed)
        .or_else(|| partitions(plan).find_map(|tp| pending_partition(plan, look, committed, tp)))
}

fn pending_clients(plan: &Plan, look: Look<'_>) -> Option<String> {
    plan.clients.iter().find_map(|client| {
        if let Start::At(after) = client.start
            && look.world().now() < internal(after)
        {
            return Some(format!("{} has yet to start, at {after}", client.name));
        }
        let why = match look.world().process(client.node)? {
            Node::Producer(producer) => producer.pending()?,
            Node::Consumer(consumer) => consumer.pending()?,
            Node::Broker(_) | Node::Controller(_) | Node::Admin(_) => return None,
        };
        Some(format!("{}: {why}", client.name))
    })
}

fn pending_brokers(plan: &Plan, look: Look<'_>, committed: &Committed) -> Option<String> {
    look.brokers().find_map(|node| {
        let broker = look.broker(node)?;
        let name = plan.node_name(node);
        if broker.state() != LifecycleState::Running {
            return Some(format!("{name} is {:?}", broker.state()));
        }
        if committed.image().brokers.get(&node).is_none_or(|b| b.is_fenced) {
            return Some(format!("{name} is fenced"));
        }
        broker.has_isr_change_in_flight().then(|| format!("{name} waits for an ISR change"))
    })
}

fn pending_partition(
    plan: &Plan,
    look: Look<'_>,
    committed: &Committed,
    tp: TopicPartition,
) -> Option<String> {
    let name = plan.partition_name(tp);
    let Some(registration) = committed.partition(tp) else {
        return Some(format!("{name} does not exist yet"));
    };
    let live = registration.replicas.iter().copied().filter(|node| look.world().is_up(*node));
    let Some(leader) = committed.leader(look, tp) else {
        // Nobody can be elected as long as nobody in the ISR is up: nothing will happen.
        let hopeless = registration.isr.iter().all(|node| !look.world().is_up(node));
        return (!hopeless).then(|| format!("{name} has no working leader"));
    };
    let log = leader.log();
    for node in live {
        if !registration.isr.contains(node) {
            return Some(format!("{node} is not in the ISR of {name}"));
        }
        let level = look.replica(tp, node).is_some_and(|replica| {
            replica.log().end() == log.end() && replica.log().high_watermark() == log.end()
        });
        if !level {
            return Some(format!("{node} is not level with the leader of {name}"));
        }
    }
    (registration.isr.iter().any(|node| !look.world().is_up(node)))
        .then(|| format!("the ISR of {name} has a member that is down"))
}

fn pending_readers(plan: &Plan, look: Look<'_>, committed: &Committed) -> Option<String> {
    plan.clients.iter().find_map(|client| {
        let ClientKind::Consumer(reader) = &client.kind else { return None };
        let consumer = look.consumer(client.node)?;
        reader.assign.iter().find_map(|tp| {
            let end = committed.leader(look, *tp)?.log().high_watermark();
            let is_behind = !consumer.has_failed() && consumer.position(*tp) != Some(end);
            is_behind.then(|| {
                format!("{} has not read {} to its end", client.name, plan.partition_name(*tp))
            })
        })
    })
}
