//! What the controller commits about brokers and in-sync sets: INV-20, INV-21, INV-22.

use super::cluster::{Case, Cluster};
use super::ghost::{Ghost, LastRecord};
use super::shape::BrokerMarks;
use super::verdicts::{Class, Finding, Verdicts};
use kafkalab_core::epoch::BrokerEpoch;
use kafkalab_core::id::{NodeId, TopicPartition};
use kafkalab_core::metadata::{BrokerRegistration, PartitionRegistration};

/// INV-20: in-sync replicas are replicas, and there is always one.
///
/// The last member stays when it is fenced: it alone may be elected without loss, and an empty set
/// would say that nobody may. (With eligible leader replicas, KIP-966, they may take its place.)
pub(super) fn isr_has_its_shape<'a, V: Cluster<'a>>(
    ghost: &Ghost,
    case: &Case<'a, V>,
    record: LastRecord,
    out: &mut Verdicts,
) {
    let Some(known) = case.record(ghost.tp) else { return };
    let strangers = record.isr.minus(known.replicas.iter().copied().collect());
    if record.isr.is_empty() || !strangers.is_empty() {
        let node = record.leader;
        let finding = Finding { node, ..Finding::violation("INV-20", NodeId::broker(1), ghost.tp) };
        out.report(case.moment, finding, || {
            let isr = record.isr;
            format!("the committed ISR is {isr}, and the replicas are {:?}", known.replicas)
        });
    }
}

/// INV-21: whoever is fenced or stopping is in no committed ISR, but for the last member of a
/// partition that has no leader for this reason (KIP-841).
///
/// A fenced broker in the ISR could be elected though nobody can reach it, and the watermark would
/// wait for it.
///
/// A broker that is marked as stopping, and unfenced, leads alone by a hole in Kafka itself: heartbeats
/// of several connections may arrive in another order than they were sent, one from before the stop
/// unfences the broker, and who is unfenced is elected whatever else is marked
/// (`ReplicationControlManager.handleBrokerUnfenced`, whose record leaves `inControlledShutdown` alone).
pub(super) fn members_are_active<'a, V: Cluster<'a>>(
    case: &Case<'a, V>,
    tp: TopicPartition,
    record: &PartitionRegistration,
    out: &mut Verdicts,
) {
    let brokers = &case.image.brokers;
    let is_active =
        |broker: &NodeId| brokers.get(broker).is_some_and(BrokerRegistration::is_active);
    let is_last = record.isr.len() == 1 && record.leader.is_none();
    let Some(node) = record.isr.iter().find(|broker| !is_active(broker)) else { return };
    if is_last {
        return;
    }
    let is_unfenced = brokers.get(&node).is_some_and(|broker| !broker.is_fenced);
    let leads_alone = record.leader == Some(node) && record.isr.len() == 1;
    let class = if is_unfenced && leads_alone { Class::DesignLimit } else { Class::Violation };
    let finding = Finding { class, ..Finding::violation("INV-21", node, tp) };
    out.report(case.moment, finding, || {
        let isr = record.isr;
        match class {
            Class::DesignLimit => format!(
                "{node} is stopping and was unfenced by an older heartbeat, which elects it: it is \
                 alone in the committed ISR {isr} (ReplicationControlManager.handleBrokerUnfenced)"
            ),
            Class::Violation | Class::Expected => {
                format!(
                    "{node} is fenced, stopping or not registered, and in the committed ISR {isr}"
                )
            }
        }
    });
}

/// INV-21 wherever `broker` is in the ISR: it was fenced, registered anew or told to stop.
pub(super) fn is_active_where_in_sync<'a, V: Cluster<'a>>(
    case: &Case<'a, V>,
    broker: NodeId,
    out: &mut Verdicts,
) {
    for (tp, record) in case.image.partitions() {
        if record.isr.contains(broker) {
            members_are_active(case, tp, record, out);
        }
    }
}

/// INV-22 where the controller registers a life of `node`: no epoch is given twice, and no life that
/// runs and is registered loses its registration to another.
///
/// The second half is a hole in Kafka itself. A registration is refused only while the registered
/// life has a valid session, which a fenced one has not, and incarnation ids have no order
/// (`ClusterControlManager.registerBroker`, KIP-631). So a request that a dead life left in the
/// network displaces the life after it if it arrives between that one's registration and its first
/// heartbeat. The living broker is refused with `STALE_BROKER_EPOCH` from then on and never registers
/// again (`BrokerLifecycleManager.BrokerHeartbeatResponseEvent` only repeats the heartbeat): it hangs
/// until somebody restarts it.
pub(super) fn on_registered<'a, V: Cluster<'a>>(
    marks: &BrokerMarks,
    case: &Case<'a, V>,
    (node, epoch): (NodeId, BrokerEpoch),
    out: &mut Verdicts,
) {
    let before = marks.epoch;
    if before == Some(epoch) {
        let finding = Finding::of_broker("INV-22", Class::Violation, node);
        out.report(case.moment, finding, || {
            format!("two lives of {node} were registered with epoch {epoch}")
        });
    } else if before.is_some() && case.view.broker_epoch(node) == before {
        displaced(case, node, out);
    }
}

/// INV-22 where a life of `node` hears that it is registered with `epoch`: it is the life that the
/// controller means, and no other was registered meanwhile.
pub(super) fn on_told<'a, V: Cluster<'a>>(
    marks: &BrokerMarks,
    case: &Case<'a, V>,
    (node, epoch): (NodeId, BrokerEpoch),
    out: &mut Verdicts,
) {
    if Some(epoch) < marks.epoch {
        displaced(case, node, out);
        return;
    }
    let life = case.view.incarnation(node);
    if marks.epoch == Some(epoch) && marks.registered_life.is_some_and(|known| known != life) {
        let finding = Finding::of_broker("INV-22", Class::Violation, node);
        out.report(case.moment, finding, || {
            format!("{node} runs in life {life:?} with epoch {epoch}, which is another life's")
        });
    }
}

fn displaced<'a, V: Cluster<'a>>(case: &Case<'a, V>, node: NodeId, out: &mut Verdicts) {
    out.report(case.moment, Finding::of_broker("INV-22", Class::DesignLimit, node), || {
        format!(
            "{node} runs and was registered, and then another life of it was: a request that a dead \
             life left behind displaces the living one before its first heartbeat \
             (ClusterControlManager.registerBroker knows no order of incarnation ids), and nothing \
             but a restart brings it back"
        )
    });
}
