//! Topics and partitions: the partition half of `ReplicationControlManager` (KIP-497, KIP-841,
//! KIP-903).
//!
//! ## Simplified
//! Topics are created with a given assignment only, one a request, and are never changed or deleted.
//! A leader clears RECOVERING with any ISR change; the request has no field for it. The periodic
//! elections (preferred leaders, unclean for the leaderless) are left out.

use super::brokers::check_broker_epoch;
use super::partition_change::{Election, PartitionChangeBuilder};
use super::{Decision, View};
use crate::broker_set::BrokerSet;
use crate::config::TopicConfig;
use crate::epoch::{BrokerEpoch, LeaderEpoch, PartitionEpoch};
use crate::error_code::ErrorCode;
use crate::id::{NodeId, TopicPartition};
use crate::metadata::{BrokerRegistration, MetadataImage, MetadataRecord, PartitionRegistration};
use crate::protocol::{
    AlterPartitionAnswer, AlterPartitionItem, AlterPartitionRequest, AlterPartitionResponse,
    CreateTopicsRequest, CreateTopicsResponse,
};

/// Adapts every partition that a broker's coming or going touches (`generateLeaderAndIsrUpdates`).
///
/// `remove` leaves every ISR it is in and may lead nothing; `add` may lead although the image still
/// has it fenced, and is elected where there is no leader.
pub fn leader_and_isr_updates(
    image: &MetadataImage,
    remove: Option<NodeId>,
    add: Option<NodeId>,
    records: &mut Vec<MetadataRecord>,
) {
    assert!(remove.is_some() != add.is_some(), "a broker either comes or goes");
    let is_acceptable =
        |replica| Some(replica) != remove && (Some(replica) == add || image.is_active(replica));
    for (tp, partition) in image.partitions() {
        let target_isr = match remove {
            Some(broker) if !partition.isr.contains(broker) => continue,
            Some(broker) => partition.isr.without(broker),
            None if partition.leader.is_some() => continue,
            None => partition.isr,
        };
        let election = election(&image.topics[&tp.topic].config);
        let builder = PartitionChangeBuilder { partition, target_isr, is_acceptable, election };
        let record = |change| MetadataRecord::PartitionChange { tp, change };
        records.extend(builder.build().map(record));
    }
}

const fn election(config: &TopicConfig) -> Election {
    if config.unclean_leader_election_enable { Election::Unclean } else { Election::Online }
}

/// Creates a topic with the assignment the request gives: each ISR is what of it is active, the
/// leader the first of them. All records in one batch.
pub fn decide_create_topic(
    view: View<'_>,
    request: &CreateTopicsRequest,
) -> Result<Decision, ErrorCode> {
    let CreateTopicsRequest { topic, assignment, config } = request;
    if view.image.topics.contains_key(topic) {
        return Err(ErrorCode::TopicAlreadyExists);
    }
    if assignment.is_empty() {
        return Err(ErrorCode::InvalidPartitions);
    }
    let mut records = vec![MetadataRecord::Topic { topic: *topic, config: config.clone() }];
    for (partition, replicas) in assignment.iter().enumerate() {
        if replicas.len() != assignment[0].len() || !is_assignable(view.image, replicas) {
            return Err(ErrorCode::InvalidReplicaAssignment);
        }
        let mut active = replicas.iter().copied().filter(|broker| view.image.is_active(*broker));
        let Some(leader) = active.next() else {
            return Err(ErrorCode::InvalidReplicaAssignment);
        };
        let isr = active.fold(BrokerSet::of(leader), BrokerSet::with);
        let tp = TopicPartition { topic: *topic, partition: partition as u32 };
        records.push(MetadataRecord::Partition { tp, replicas: replicas.clone(), isr, leader });
    }
    Ok(Decision { records, answer: CreateTopicsResponse { error: ErrorCode::None }.into() })
}

/// Some registered brokers, each once.
fn is_assignable(image: &MetadataImage, replicas: &[NodeId]) -> bool {
    let distinct: BrokerSet = replicas.iter().copied().collect();
    !replicas.is_empty()
        && distinct.len() == replicas.len()
        && replicas.iter().all(|broker| image.brokers.contains_key(broker))
}

/// Decides each proposal of a leader by itself; one refusal does not touch the others.
pub fn decide_alter_partition(
    view: View<'_>,
    request: &AlterPartitionRequest,
) -> Result<Decision, ErrorCode> {
    check_broker_epoch(view.image, request.broker, request.broker_epoch)?;
    let mut records = Vec::new();
    let partitions = request
        .partitions
        .iter()
        .map(|item| {
            alter(view, request.broker, item, &mut records)
                .unwrap_or_else(|error| refused(item, error))
        })
        .collect();
    let answer = AlterPartitionResponse { error: ErrorCode::None, partitions };
    Ok(Decision { records, answer: answer.into() })
}

fn alter(
    view: View<'_>,
    leader: NodeId,
    item: &AlterPartitionItem,
    records: &mut Vec<MetadataRecord>,
) -> Result<AlterPartitionAnswer, ErrorCode> {
    let tp = item.tp;
    let topic = view.image.topics.get(&tp.topic).ok_or(ErrorCode::UnknownTopicId)?;
    let partition =
        topic.partitions.get(tp.partition as usize).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    validate(view, leader, item, partition)?;
    let change = PartitionChangeBuilder {
        partition,
        target_isr: item.new_isr.iter().map(|(member, _)| *member).collect(),
        is_acceptable: |replica| view.image.is_active(replica),
        election: election(&topic.config),
    }
    .build();
    let mut after = partition.clone();
    if let Some(change) = change {
        after.apply(change);
        records.push(MetadataRecord::PartitionChange { tp, change });
    }
    if after.leader != Some(leader) {
        // Written all the same: the sender learns the new leader from the metadata.
        return Err(ErrorCode::NewLeaderElected);
    }
    Ok(AlterPartitionAnswer {
        tp,
        error: ErrorCode::None,
        leader: after.leader,
        leader_epoch: after.leader_epoch,
        isr: after.isr,
        partition_epoch: after.partition_epoch,
    })
}

/// The first reason against a proposal, in Kafka's order.
fn validate(
    view: View<'_>,
    sender: NodeId,
    item: &AlterPartitionItem,
    partition: &PartitionRegistration,
) -> Result<(), ErrorCode> {
    if item.leader_epoch > partition.leader_epoch
        || item.partition_epoch > partition.partition_epoch
    {
        // The sender knows more than this controller: it is not the active one (KAFKA-14154).
        return Err(ErrorCode::NotController);
    }
    if item.leader_epoch < partition.leader_epoch {
        return Err(ErrorCode::FencedLeaderEpoch);
    }
    if partition.leader != Some(sender) {
        return Err(ErrorCode::InvalidRequest);
    }
    if item.partition_epoch < partition.partition_epoch {
        return Err(ErrorCode::InvalidUpdateVersion);
    }
    let isr: BrokerSet = item.new_isr.iter().map(|(member, _)| *member).collect();
    let is_within = isr.iter().all(|member| partition.replicas.contains(&member));
    if isr.len() != item.new_isr.len() || !is_within || !isr.contains(sender) {
        return Err(ErrorCode::InvalidRequest);
    }
    if item.new_isr.iter().all(|(member, epoch)| is_eligible(view, *member, *epoch)) {
        Ok(())
    } else {
        Err(ErrorCode::IneligibleReplica)
    }
}

/// Whether a broker may be in an ISR: active, and the incarnation whose fetches were counted.
fn is_eligible(view: View<'_>, member: NodeId, counted: Option<BrokerEpoch>) -> bool {
    let registered = view.image.brokers.get(&member);
    let is_active = registered.is_some_and(BrokerRegistration::is_active);
    let is_counted = registered.is_some_and(|r| counted.is_none_or(|epoch| epoch == r.epoch));
    // variation: before KIP-841 fenced and stopping brokers could join.
    (is_active || !view.variations.isr_eligibility)
        // variation: before KIP-903 any incarnation could.
        && (is_counted || !view.variations.isr_broker_epoch_check)
}

fn refused(item: &AlterPartitionItem, error: ErrorCode) -> AlterPartitionAnswer {
    assert_ne!(error, ErrorCode::None, "a refusal has a reason");
    AlterPartitionAnswer {
        tp: item.tp,
        error,
        leader: None,
        leader_epoch: LeaderEpoch::ZERO,
        isr: BrokerSet::EMPTY,
        partition_epoch: PartitionEpoch::ZERO,
    }
}
