//! A leader by itself, fed with the fetches of its followers.

use super::{Counted, FollowerUpdate, Partition, View};
use crate::broker_set::BrokerSet;
use crate::config::{Acks, BrokerConfig, Variations};
use crate::engine::Effects;
use crate::epoch::{BrokerEpoch, LeaderEpoch, Offset, PartitionEpoch};
use crate::id::{NodeId, TopicId, TopicPartition};
use crate::log::PartitionLog;
use crate::metadata::{MetadataImage, MetadataRecord, PartitionRegistration};
use crate::protocol::ReplicaReader;
use crate::record::{BatchBody, BatchKind, Record};
use crate::testing::register_unfenced;
use crate::time::{Duration, Instant, Timestamp};
use std::sync::Arc;

const TP: TopicPartition = TopicPartition { topic: TopicId(0), partition: 0 };

const fn b(n: u16) -> NodeId {
    NodeId::broker(n)
}

fn set(brokers: &[u16]) -> BrokerSet {
    brokers.iter().map(|n| b(*n)).collect()
}

/// b1, the leader of `[b1, b2, b3]`, with its clock.
struct Leader {
    now: Instant,
    config: BrokerConfig,
    variations: Variations,
    image: MetadataImage,
    partition: Partition,
    fx: Effects,
}

impl Leader {
    fn new(isr: &[u16]) -> Self {
        let mut image = MetadataImage::default();
        for n in 1..=3 {
            register_unfenced(&mut image, b(n), BrokerEpoch(u64::from(n)));
        }
        let mut leader = Self {
            now: Instant::ZERO + Duration::from_secs(1),
            config: BrokerConfig::default(),
            variations: Variations::default(),
            image,
            partition: Partition::new(TP, b(1), PartitionLog::default()),
            fx: Effects::default(),
        };
        let registration = PartitionRegistration {
            replicas: [b(1), b(2), b(3)].into(),
            isr: set(isr),
            leader: Some(b(1)),
            leader_epoch: LeaderEpoch::ZERO,
            partition_epoch: PartitionEpoch::ZERO,
            is_recovering: false,
        };
        leader.act(|partition, view, fx| partition.make_leader(&registration, view, fx));
        leader
    }

    fn act<T>(&mut self, act: impl FnOnce(&mut Partition, View<'_>, &mut Effects) -> T) -> T {
        let Self { now, config, variations, image, .. } = self;
        let view = View { now: *now, config, variations, image };
        act(&mut self.partition, view, &mut self.fx)
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    /// One record, acks=1.
    fn append(&mut self) {
        let record =
            Record { id: None, offset_delta: 0, timestamp_delta: 0, key: None, value: None };
        let body = Arc::new(BatchBody::new(BatchKind::Data, Timestamp(0), None, vec![record]));
        let appended = self
            .act(|partition, view, fx| partition.append_as_leader(&body, Acks::Leader, view, fx));
        appended.expect("it leads");
    }

    /// `follower` fetches from `offset`.
    fn fetch(&mut self, follower: u16, offset: u64) -> Counted {
        let reader = ReplicaReader { broker: b(follower), epoch: BrokerEpoch(u64::from(follower)) };
        let update = FollowerUpdate {
            tp: TP,
            offset: Offset(offset),
            leader_end: self.partition.log().end(),
        };
        self.act(|partition, view, fx| partition.count_follower(reader, update, view, fx))
            .expect("it leads, and this is a replica")
    }

    fn shrink(&mut self) -> Option<BrokerSet> {
        let item = self.act(Partition::propose_shrink);
        Some(item?.new_isr.iter().map(|(member, _)| *member).collect())
    }

    fn watermark(&self) -> u64 {
        self.partition.log().high_watermark().0
    }
}

/// b3 is outside the ISR and held the watermark back, because it was caught up a while ago. When that is
/// too long ago, its own next fetch must not let the watermark pass it: it is proposed first.
#[test]
fn a_newcomer_is_proposed_before_the_watermark_moves() {
    let mut leader = Leader::new(&[1, 2]);
    (0..5).for_each(|_| leader.append());
    leader.fetch(2, 5);
    // b3 catches up while the metadata still has it fenced: it cannot be proposed, nor waited for.
    let epoch = BrokerEpoch(3);
    let change = |fenced| MetadataRecord::BrokerRegistrationChange {
        broker: b(3),
        epoch,
        fenced: Some(fenced),
        in_controlled_shutdown: false,
    };
    leader.image.replay(&change(true));
    leader.fetch(3, 5);
    assert_eq!(leader.watermark(), 5);
    leader.image.replay(&change(false));
    (0..5).for_each(|_| leader.append());
    leader.fetch(2, 10);
    assert_eq!(leader.watermark(), 5, "b3 was caught up just now and is about to join");
    leader.pass(31);
    let counted = leader.fetch(3, 6);
    let proposed = counted.proposal.expect("it is beyond the watermark");
    assert_eq!(proposed.new_isr.len(), 3);
    assert_eq!(leader.watermark(), 6, "not 10: the controller may count b3 by now");
}

/// D-2: nothing is known of b3, so nobody waits for it, however early in a run it is.
#[test]
fn a_stranger_does_not_hold_the_watermark_back() {
    let mut leader = Leader::new(&[1]);
    leader.append();
    assert_eq!(leader.watermark(), 1);
    leader.fetch(3, 0);
    leader.append();
    assert_eq!(leader.watermark(), 2, "b3 fetched once, from 0, and has never caught up");
}

/// `isr.maximal` off takes both halves of the protection away: the newcomer of a pending expansion is
/// not counted yet, the leaver of a pending shrink no longer.
#[test]
fn without_the_maximal_isr_a_proposal_is_taken_for_granted() {
    for (is_on, after_expansion, after_shrink) in [(true, 1, 1), (false, 2, 2)] {
        let mut leader = Leader::new(&[1]);
        leader.variations.maximal_isr = is_on;
        leader.append();
        assert!(leader.fetch(2, 1).proposal.is_some());
        leader.pass(31);
        leader.append();
        assert_eq!(leader.watermark(), after_expansion, "isr.maximal = {is_on}");

        let mut leader = Leader::new(&[1, 2]);
        leader.variations.maximal_isr = is_on;
        leader.append();
        leader.fetch(2, 1);
        leader.append();
        leader.pass(31);
        assert_eq!(leader.shrink(), Some(set(&[1])));
        leader.act(Partition::advance_high_watermark);
        assert_eq!(leader.watermark(), after_shrink, "isr.maximal = {is_on}");
    }
}
