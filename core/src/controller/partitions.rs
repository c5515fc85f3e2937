//! Topics and partitions: the partition half of `ReplicationControlManager` (KIP-497, KIP-841,
//! KIP-903).
//!
//! ## Simplified
//! Topics are created with a given assignment only, one a request, and are never changed or deleted.
//! A leader clears RECOVERING whenever it asks for another ISR; the request has no field for it, since
//! no leader of Kafka's ever asks otherwise. The periodic unclean election of the leaderless is left out:
//! it can only act on a setting that was changed meanwhile.

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
    view: View<'_>,
    remove: Option<NodeId>,
    add: Option<NodeId>,
    records: &mut Vec<MetadataRecord>,
) {
    assert!(remove.is_some() != add.is_some(), "a broker either comes or goes");
    let image = view.image;
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
        let builder = PartitionChangeBuilder {
            partition,
            target_isr,
            is_acceptable,
            election,
            has_recovered: false,
            shrink_keeps_epoch: view.variations.shrink_keeps_epoch,
        };
        let record = |change| MetadataRecord::PartitionChange { tp, change };
        records.extend(builder.build().map(record));
    }
}

/// Gives every leadership back to the first replica that is in sync and alive: one misplaced partition
/// is enough, and all go in one batch (`maybeBalancePartitionLeaders`).
pub fn elect_preferred(image: &MetadataImage) -> Vec<MetadataRecord> {
    let misplaced = image.partitions().filter(|(_, p)| p.leader != Some(p.replicas[0]));
    let records = misplaced.filter_map(|(tp, partition)| {
        let change = PartitionChangeBuilder {
            partition,
            target_isr: partition.isr,
            is_acceptable: |replica| image.is_active(replica),
            election: Election::Preferred,
            has_recovered: false,
            // Nothing shrinks.
            shrink_keeps_epoch: true,
        }
        .build()?;
        Some(MetadataRecord::PartitionChange { tp, change })
    });
    records.collect()
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
        has_recovered: true,
        shrink_keeps_epoch: view.variations.shrink_keeps_epoch,
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
    let is_fencing = view.variations.proposal_fencing;
    if is_fencing && item.leader_epoch < partition.leader_epoch {
        return Err(ErrorCode::FencedLeaderEpoch);
    }
    if partition.leader != Some(sender) {
        return Err(ErrorCode::InvalidRequest);
    }
    if is_fencing && item.partition_epoch < partition.partition_epoch {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Variations;
    use crate::controller::Heartbeats;
    use crate::epoch::Offset;
    use crate::id::{Incarnation, TopicId};
    use crate::metadata::PartitionChange;
    use crate::protocol::Response;
    use crate::time::{Duration, Instant};

    const TP: TopicPartition = TopicPartition { topic: TopicId(0), partition: 0 };

    const fn b(n: u16) -> NodeId {
        NodeId::broker(n)
    }

    /// Brokers 1 to 4 with epochs 0, 2, 4, 6, unfenced; a partition on [b1, b2, b3], led by b1.
    fn image(isr: &[u16]) -> MetadataImage {
        let mut image = MetadataImage::default();
        for n in 1..=4 {
            let epoch = BrokerEpoch(image.end_offset.0);
            let incarnation = Incarnation(0);
            image.replay(&MetadataRecord::RegisterBroker { broker: b(n), incarnation, epoch });
            set_fenced(&mut image, n, false);
        }
        let config = TopicConfig::default();
        image.replay(&MetadataRecord::Topic { topic: TP.topic, config });
        let replicas = vec![b(1), b(2), b(3)];
        let isr = isr.iter().map(|n| b(*n)).collect();
        image.replay(&MetadataRecord::Partition { tp: TP, replicas, isr, leader: b(1) });
        image
    }

    fn set_fenced(image: &mut MetadataImage, n: u16, is_fenced: bool) {
        let epoch = image.brokers[&b(n)].epoch;
        image.replay(&MetadataRecord::BrokerRegistrationChange {
            broker: b(n),
            epoch,
            fenced: Some(is_fenced),
            in_controlled_shutdown: false,
        });
    }

    fn change(image: &mut MetadataImage, change: PartitionChange) {
        image.replay(&MetadataRecord::PartitionChange { tp: TP, change });
    }

    fn item(new_isr: &[(u16, Option<u64>)]) -> AlterPartitionItem {
        AlterPartitionItem {
            tp: TP,
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
            new_isr: new_isr.iter().map(|(n, epoch)| (b(*n), epoch.map(BrokerEpoch))).collect(),
        }
    }

    const ALL: [(u16, Option<u64>); 3] = [(1, Some(0)), (2, Some(2)), (3, Some(4))];

    /// What becomes of one proposal by `sender`, and how many records it writes.
    fn propose(
        image: &MetadataImage,
        variations: &Variations,
        (sender, epoch): (u16, u64),
        item: AlterPartitionItem,
    ) -> Result<(AlterPartitionAnswer, usize), ErrorCode> {
        let heartbeats = Heartbeats::new(Duration::from_secs(9));
        let view = View { image, heartbeats: &heartbeats, variations, now: Instant::ZERO };
        let request = AlterPartitionRequest {
            broker: b(sender),
            broker_epoch: BrokerEpoch(epoch),
            partitions: vec![item],
        };
        let decision = decide_alter_partition(view, &request)?;
        let Response::AlterPartition(answer) = decision.answer else { unreachable!() };
        Ok((answer.partitions[0], decision.records.len()))
    }

    fn check(image: &MetadataImage, item: AlterPartitionItem, expected: ErrorCode) {
        let (answer, records) =
            propose(image, &Variations::default(), (1, 0), item).expect("answered by partition");
        assert_eq!(answer.error, expected);
        assert_eq!(records, usize::from(expected == ErrorCode::None), "a refusal writes nothing");
    }

    #[test]
    fn a_proposal_on_the_present_epochs_is_written() {
        check(&image(&[1, 2]), item(&ALL), ErrorCode::None);
        let (answer, _) = propose(&image(&[1, 2]), &Variations::default(), (1, 0), item(&ALL))
            .expect("answered by partition");
        assert_eq!((answer.partition_epoch, answer.leader_epoch.0), (PartitionEpoch(1), 0));
        assert_eq!((answer.isr.len(), answer.leader), (3, Some(b(1))));
    }

    /// S-11: what the sender did not know yet when it proposed.
    #[test]
    fn a_stale_proposal_is_told_what_is_stale() {
        let mut newer_isr = image(&[1, 2]);
        change(
            &mut newer_isr,
            PartitionChange { isr: Some(BrokerSet::of(b(1))), ..Default::default() },
        );
        check(&newer_isr, item(&ALL), ErrorCode::InvalidUpdateVersion);
        let mut newer_leader = image(&[1, 2]);
        change(
            &mut newer_leader,
            PartitionChange { leader: Some(Some(b(2))), ..Default::default() },
        );
        check(&newer_leader, item(&ALL), ErrorCode::FencedLeaderEpoch);
        let other = AlterPartitionItem { leader_epoch: LeaderEpoch(1), ..item(&ALL) };
        check(&newer_leader, other, ErrorCode::InvalidRequest);
        let stale = propose(&image(&[1, 2]), &Variations::default(), (1, 9), item(&ALL));
        assert_eq!(stale, Err(ErrorCode::StaleBrokerEpoch));
    }

    #[test]
    fn a_controller_that_is_behind_its_sender_says_so() {
        let image = image(&[1, 2]);
        let ahead = AlterPartitionItem { leader_epoch: LeaderEpoch(1), ..item(&ALL) };
        check(&image, ahead, ErrorCode::NotController);
        // The epochs ahead are looked at before those behind.
        let mut moved = image;
        change(&mut moved, PartitionChange { leader: Some(Some(b(2))), ..Default::default() });
        let ahead = AlterPartitionItem { partition_epoch: PartitionEpoch(9), ..item(&ALL) };
        check(&moved, ahead, ErrorCode::NotController);
    }

    #[test]
    fn a_proposal_must_be_a_set_of_replicas_with_its_leader() {
        let image = image(&[1, 2]);
        check(&image, item(&[(1, None), (1, None)]), ErrorCode::InvalidRequest);
        check(&image, item(&[(1, None), (4, None)]), ErrorCode::InvalidRequest);
        check(&image, item(&[(2, None)]), ErrorCode::InvalidRequest);
        check(
            &image,
            AlterPartitionItem { tp: TopicPartition { partition: 7, ..TP }, ..item(&ALL) },
            ErrorCode::UnknownTopicOrPartition,
        );
        check(
            &image,
            AlterPartitionItem { tp: TopicPartition { topic: TopicId(7), ..TP }, ..item(&ALL) },
            ErrorCode::UnknownTopicId,
        );
    }

    /// S-12 and S-13: fenced, or another incarnation than the one whose fetches were counted.
    #[test]
    fn only_the_living_incarnation_that_was_counted_may_join() {
        let is_refused = |image: &MetadataImage, variations: &Variations, item| {
            let (answer, _) = propose(image, variations, (1, 0), item).expect("by partition");
            answer.error == ErrorCode::IneligibleReplica
        };
        let modern = Variations::default();
        let mut fenced = image(&[1, 2]);
        set_fenced(&mut fenced, 3, true);
        let unfixed = Variations { isr_eligibility: false, ..Variations::default() };
        assert!(is_refused(&fenced, &modern, item(&ALL)));
        assert!(!is_refused(&fenced, &unfixed, item(&ALL)));

        let rebooted = [(1, Some(0)), (2, Some(2)), (3, Some(3))];
        let unfixed = Variations { isr_broker_epoch_check: false, ..Variations::default() };
        assert!(is_refused(&image(&[1, 2]), &modern, item(&rebooted)));
        assert!(!is_refused(&image(&[1, 2]), &unfixed, item(&rebooted)));
        // An unknown epoch is not compared (older leaders do not send any).
        assert!(!is_refused(&image(&[1, 2]), &modern, item(&[(1, None), (3, None)])));
    }

    /// D7: one misplaced leadership is enough, but its first replica must be in sync and alive.
    #[test]
    fn a_leadership_goes_back_to_a_first_replica_that_may_lead() {
        let mut image = image(&[1, 2, 3]);
        assert_eq!(elect_preferred(&image), []);
        change(&mut image, PartitionChange { leader: Some(Some(b(2))), ..Default::default() });
        let back = PartitionChange { leader: Some(Some(b(1))), ..Default::default() };
        let back = MetadataRecord::PartitionChange { tp: TP, change: back };
        assert_eq!(elect_preferred(&image), [back]);
        let mut fenced = image.clone();
        set_fenced(&mut fenced, 1, true);
        assert_eq!(elect_preferred(&fenced), []);
        let isr = Some([b(2), b(3)].into_iter().collect());
        change(&mut image, PartitionChange { isr, ..Default::default() });
        assert_eq!(elect_preferred(&image), []);
    }

    #[test]
    fn topics_are_created_only_with_a_usable_assignment() {
        let mut image = image(&[1, 2, 3]);
        set_fenced(&mut image, 4, true);
        let heartbeats = Heartbeats::new(Duration::from_secs(9));
        let variations = &Variations::default();
        let create = |topic: u32, assignment: &[&[u16]]| {
            let view =
                View { image: &image, heartbeats: &heartbeats, variations, now: Instant::ZERO };
            let assignment = assignment.iter().map(|p| p.iter().map(|n| b(*n)).collect()).collect();
            let config = TopicConfig::default();
            decide_create_topic(
                view,
                &CreateTopicsRequest { topic: TopicId(topic), assignment, config },
            )
        };
        assert_eq!(create(0, &[&[1]]), Err(ErrorCode::TopicAlreadyExists));
        assert_eq!(create(1, &[]), Err(ErrorCode::InvalidPartitions));
        for bad in [&[&[][..]][..], &[&[1, 1]], &[&[1, 9]], &[&[4]], &[&[1, 2], &[3]]] {
            assert_eq!(create(1, bad), Err(ErrorCode::InvalidReplicaAssignment), "{bad:?}");
        }
        let records = create(1, &[&[4, 3, 1]]).expect("a usable assignment").records;
        let MetadataRecord::Partition { isr, leader, .. } = &records[1] else { unreachable!() };
        assert_eq!((isr.iter().collect::<Vec<_>>(), *leader), (vec![b(1), b(3)], b(3)));
        assert_eq!(image.end_offset, Offset(11), "deciding changes nothing");
    }
}
