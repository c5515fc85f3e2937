//! What the observers of the run are told when a record is committed: one event a transition, none
//! for a record that changes nothing.

use crate::engine::Effects;
use crate::event::ControllerEvent;
use crate::metadata::{MetadataImage, MetadataRecord};
use crate::raft::MetadataLog;

/// Applies the record at the end of `image`, which was just committed, and notes what it changed.
/// Without `told` the observers of the run know it already, from an earlier life.
pub(super) fn apply(
    image: &mut MetadataImage,
    record: &MetadataRecord,
    told: Option<(&mut Effects, &MetadataLog)>,
) {
    let offset = image.end_offset;
    let Some((fx, log)) = told else { return image.replay(record) };
    let broker = match record {
        MetadataRecord::BrokerRegistrationChange { broker, .. } => image.brokers.get(broker),
        MetadataRecord::RegisterBroker { .. }
        | MetadataRecord::Topic { .. }
        | MetadataRecord::Partition { .. }
        | MetadataRecord::PartitionChange { .. }
        | MetadataRecord::ProducerIds { .. }
        | MetadataRecord::NoOp
        | MetadataRecord::LeaderChange { .. } => None,
    };
    let before = broker.copied();
    image.replay(record);
    match record {
        MetadataRecord::RegisterBroker { broker, epoch, .. } => {
            fx.note(ControllerEvent::BrokerRegistered { broker: *broker, epoch: *epoch });
        }
        MetadataRecord::BrokerRegistrationChange { broker, .. } => {
            let (broker, after) = (*broker, image.brokers[broker]);
            let before = before.expect("only a registered broker changes");
            match (before.is_fenced, after.is_fenced) {
                (false, true) => fx.note(ControllerEvent::BrokerFenced { broker }),
                (true, false) => fx.note(ControllerEvent::BrokerUnfenced { broker }),
                (true, true) | (false, false) => {}
            }
            if after.in_controlled_shutdown && !before.in_controlled_shutdown {
                fx.note(ControllerEvent::BrokerShuttingDown { broker });
            }
        }
        MetadataRecord::Topic { topic, .. } => {
            // Its partitions follow in the same batch.
            let following = log.records(offset.next(), log.log_end());
            let is_partition = |record: &_| matches!(record, MetadataRecord::Partition { .. });
            let partitions = following.take_while(|(_, record)| is_partition(*record)).count();
            fx.note(ControllerEvent::TopicCreated { topic: *topic, partitions: partitions as u32 });
        }
        MetadataRecord::Partition { tp, .. } | MetadataRecord::PartitionChange { tp, .. } => {
            let after = image.partition(*tp).expect("just applied");
            let is_unclean = matches!(
                record,
                MetadataRecord::PartitionChange { change, .. } if change.is_unclean
            );
            fx.note(ControllerEvent::PartitionChanged {
                tp: *tp,
                leader: after.leader,
                leader_epoch: after.leader_epoch,
                isr: after.isr,
                partition_epoch: after.partition_epoch,
                is_unclean,
            });
        }
        MetadataRecord::ProducerIds { .. }
        | MetadataRecord::NoOp
        | MetadataRecord::LeaderChange { .. } => {}
    }
}
