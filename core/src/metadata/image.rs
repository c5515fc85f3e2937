//! What the metadata log adds up to: `MetadataImage`, `TopicsImage`, `ClusterImage`.
//!
//! Replaying is a pure function of the records: every node that has applied the same offset has the
//! same image (C-10). Topics are shared by reference and copied on write, so that the controller's
//! speculative image and every broker's published one cost what differs.

use super::record::{MetadataRecord, PartitionChange};
use crate::broker_set::BrokerSet;
use crate::config::TopicConfig;
use crate::epoch::{BrokerEpoch, LeaderEpoch, Offset, PartitionEpoch};
use crate::id::{Incarnation, NodeId, TopicId, TopicPartition};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The cluster as of one metadata offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataImage {
    /// The end of the records applied (exclusive).
    pub end_offset: Offset,
    /// Every broker ever registered.
    pub brokers: BTreeMap<NodeId, BrokerRegistration>,
    /// Every topic.
    pub topics: BTreeMap<TopicId, Arc<TopicImage>>,
    /// The next producer id to hand out.
    pub next_producer_id: i64,
}

/// One registered broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerRegistration {
    /// Which life of it.
    pub incarnation: Incarnation,
    /// The epoch of that life.
    pub epoch: BrokerEpoch,
    /// Where its RegisterBroker record is: a broker that has published it is caught up (C-25).
    pub registered_at: Offset,
    /// Hidden from clients, not electable.
    pub is_fenced: bool,
    /// On its way out.
    pub in_controlled_shutdown: bool,
}

impl BrokerRegistration {
    /// Registered, not fenced, not stopping (`ClusterControlManager.isActive`).
    pub const fn is_active(&self) -> bool {
        !self.is_fenced && !self.in_controlled_shutdown
    }
}

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicImage {
    /// Its settings.
    pub config: TopicConfig,
    /// Its partitions, by number.
    pub partitions: Vec<PartitionRegistration>,
}

/// The controller's record of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionRegistration {
    /// Replicas, the preferred leader first. Shared: it rarely changes and is copied with each image.
    pub replicas: Arc<[NodeId]>,
    /// The in-sync ones.
    pub isr: BrokerSet,
    /// The leader, if there is one.
    pub leader: Option<NodeId>,
    /// How often the leader was (re)elected.
    pub leader_epoch: LeaderEpoch,
    /// How often this record changed.
    pub partition_epoch: PartitionEpoch,
    /// An unclean election happened and no leader has asked for another ISR since.
    pub is_recovering: bool,
}

impl PartitionRegistration {
    /// What `change` makes of it (`PartitionRegistration.merge`).
    pub fn apply(&mut self, change: PartitionChange) {
        if let Some(isr) = change.isr {
            self.isr = isr;
        }
        if let Some(leader) = change.leader {
            self.leader = leader;
            self.leader_epoch = self.leader_epoch.next();
        }
        self.is_recovering = change.is_unclean || (self.is_recovering && !change.has_recovered);
        self.partition_epoch = self.partition_epoch.next();
        assert!(
            self.leader.is_none_or(|leader| self.isr.contains(leader)),
            "a leader is always in the ISR (INV-10)"
        );
    }
}

impl MetadataImage {
    /// The record of one partition.
    pub fn partition(&self, tp: TopicPartition) -> Option<&PartitionRegistration> {
        self.topics.get(&tp.topic)?.partitions.get(tp.partition as usize)
    }

    /// Every partition with its record, by topic and number.
    pub fn partitions(&self) -> impl Iterator<Item = (TopicPartition, &PartitionRegistration)> {
        self.topics.iter().flat_map(|(topic, image)| {
            image.partitions.iter().enumerate().map(|(partition, registration)| {
                (TopicPartition { topic: *topic, partition: partition as u32 }, registration)
            })
        })
    }

    /// The effective min.insync.replicas: never more than there are replicas.
    pub fn min_insync_replicas(&self, tp: TopicPartition) -> usize {
        self.topics.get(&tp.topic).map_or(1, |topic| {
            let replicas =
                topic.partitions.get(tp.partition as usize).map_or(1, |p| p.replicas.len());
            usize::from(topic.config.min_insync_replicas).min(replicas)
        })
    }

    /// Whether `broker` is registered, not fenced and not stopping.
    pub fn is_active(&self, broker: NodeId) -> bool {
        self.brokers.get(&broker).is_some_and(BrokerRegistration::is_active)
    }

    /// Applies the record at `self.end_offset`. Nothing else changes an image.
    pub fn replay(&mut self, record: &MetadataRecord) {
        let offset = self.end_offset;
        self.end_offset = offset.next();
        match record {
            MetadataRecord::RegisterBroker { broker, incarnation, epoch } => {
                let registration = BrokerRegistration {
                    incarnation: *incarnation,
                    epoch: *epoch,
                    registered_at: offset,
                    is_fenced: true,
                    in_controlled_shutdown: false,
                };
                let before = self.brokers.insert(*broker, registration);
                assert!(before.is_none_or(|b| b.epoch < *epoch), "epochs only grow (C-24)");
            }
            MetadataRecord::BrokerRegistrationChange {
                broker,
                epoch,
                fenced,
                in_controlled_shutdown,
            } => {
                let registration =
                    self.brokers.get_mut(broker).expect("only a registered broker changes");
                assert_eq!(registration.epoch, *epoch, "a change names the registered incarnation");
                registration.is_fenced = fenced.unwrap_or(registration.is_fenced);
                registration.in_controlled_shutdown |= in_controlled_shutdown;
            }
            MetadataRecord::Topic { topic, config } => {
                let image = TopicImage { config: config.clone(), partitions: Vec::new() };
                let before = self.topics.insert(*topic, Arc::new(image));
                assert!(before.is_none(), "a topic id is used once");
            }
            MetadataRecord::Partition { tp, replicas, isr, leader } => {
                let partitions = &mut self.topic_mut(tp.topic).partitions;
                assert_eq!(partitions.len(), tp.partition as usize, "partitions come in order");
                partitions.push(PartitionRegistration {
                    replicas: replicas.as_slice().into(),
                    isr: *isr,
                    leader: Some(*leader),
                    leader_epoch: LeaderEpoch::ZERO,
                    partition_epoch: PartitionEpoch::ZERO,
                    is_recovering: false,
                });
            }
            MetadataRecord::PartitionChange { tp, change } => self
                .topic_mut(tp.topic)
                .partitions
                .get_mut(tp.partition as usize)
                .expect("only an existing partition changes")
                .apply(*change),
            MetadataRecord::ProducerIds { next } => self.next_producer_id = *next,
            MetadataRecord::NoOp | MetadataRecord::LeaderChange { .. } => {}
        }
    }

    fn topic_mut(&mut self, topic: TopicId) -> &mut TopicImage {
        Arc::make_mut(self.topics.get_mut(&topic).expect("a topic's record comes first"))
    }
}
