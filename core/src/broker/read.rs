//! What one fetch reads: `ReplicaManager.readFromLog`, and whom a client is told to ask instead
//! (`KafkaApis.getCurrentLeader`, KIP-951).

use super::replicas::Replicas;
use crate::error_code::ErrorCode;
use crate::id::TopicPartition;
use crate::protocol::{CurrentLeader, FetchAnswer, FetchRequest};
use crate::replica::{Budget, FollowerUpdate, ReadResult};
use crate::time::Instant;

impl Replicas {
    /// Reads for every partition of a fetch, in the order of the request, and says how a follower is to
    /// be counted. The limit binds the whole answer: as soon as one partition gave something, the
    /// others give only what still fits (KIP-74).
    pub fn read(
        &self,
        now: Instant,
        request: &FetchRequest,
    ) -> (Vec<FetchAnswer>, Vec<FollowerUpdate>) {
        let mut budget = Budget { bytes: request.max_bytes, at_least_one: true };
        let mut answers = Vec::with_capacity(request.partitions.len());
        let mut updates = Vec::new();
        let view = self.view(now);
        for fetch in &request.partitions {
            let ReadResult { mut answer, update, bytes } = match self.get(fetch.tp) {
                Some(partition) => partition.read(fetch, request.reader, budget, view),
                None => {
                    let error = self.why_not_hosted(fetch.tp);
                    let answer = FetchAnswer::refused(fetch.tp, error);
                    ReadResult { answer, update: None, bytes: 0 }
                }
            };
            budget.bytes = budget.bytes.saturating_sub(bytes);
            budget.at_least_one &= bytes == 0;
            answer.current_leader = self.current_leader(fetch.tp, answer.error);
            answers.push(answer);
            updates.extend(update);
        }
        (answers, updates)
    }

    /// Whom to ask instead, where `error` says that it was the wrong broker or epoch (KIP-951): the
    /// leader as this replica knows it, or as the metadata has it, if its client port can be reached.
    pub fn current_leader(&self, tp: TopicPartition, error: ErrorCode) -> Option<CurrentLeader> {
        if error != ErrorCode::NotLeaderOrFollower && error != ErrorCode::FencedLeaderEpoch {
            return None;
        }
        let (leader, epoch) = match self.get(tp) {
            Some(partition) => partition.leader()?,
            None => self.image().partition(tp).and_then(|p| Some((p.leader?, p.leader_epoch)))?,
        };
        let known = self.image().brokers.get(&leader);
        known.is_some_and(|broker| !broker.is_fenced).then_some(CurrentLeader { leader, epoch })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::purgatory::{ParkedFetch, is_answered_at_once};
    use crate::broker_set::BrokerSet;
    use crate::config::{Acks, TopicConfig};
    use crate::engine::Effects;
    use crate::engine::ReplyTo;
    use crate::epoch::{BrokerEpoch, LeaderEpoch, Offset};
    use crate::id::{ConnId, CorrelationId, InputNo};
    use crate::id::{NodeId, TopicId};
    use crate::metadata::{MetadataImage, MetadataRecord, PartitionChange};
    use crate::protocol::{FetchPartition, Reader, ReplicaReader};
    use crate::record::{BatchBody, BatchKind, Record};
    use crate::testing::register_unfenced;
    use crate::time::{Duration, Timestamp};
    use std::sync::Arc;

    /// Long after anybody could have been in sync who never fetched.
    const NOW: Instant = Instant::from_micros(100_000_000);
    const ME: NodeId = NodeId::broker(1);
    const OTHER: NodeId = NodeId::broker(2);

    const fn tp(partition: u32) -> TopicPartition {
        TopicPartition { topic: TopicId(0), partition }
    }

    fn image() -> MetadataImage {
        let mut image = MetadataImage::default();
        for broker in [ME, OTHER] {
            register_unfenced(&mut image, broker, BrokerEpoch(0));
        }
        image.replay(&MetadataRecord::Topic { topic: TopicId(0), config: TopicConfig::default() });
        for n in 0..3 {
            let replicas = [ME, OTHER].into();
            let (isr, leader) = (BrokerSet::of(ME), ME);
            image.replay(&MetadataRecord::Partition { tp: tp(n), replicas, isr, leader });
        }
        image
    }

    /// A broker that leads three partitions with three batches of one record each.
    fn leading() -> (Replicas, u32) {
        let mut fx = Effects::default();
        let mut replicas = Replicas::new(ME, Arc::default(), Arc::default());
        replicas.publish(Arc::new(image()));
        let mut size = 0;
        for n in 0..3 {
            let registration = replicas.image().partition(tp(n)).expect("created").clone();
            replicas.get_or_create(tp(n));
            let (partition, view) = replicas.get_with_view(tp(n), NOW);
            let partition = partition.expect("created");
            partition.make_leader(&registration, view, &mut fx);
            for _ in 0..3 {
                let record = Record {
                    id: None,
                    offset_delta: 0,
                    timestamp_delta: 0,
                    key: None,
                    value: Some(vec![0; 10_000].into()),
                };
                let body = BatchBody::new(BatchKind::Data, Timestamp(0), None, vec![record]);
                size = body.size;
                let appended =
                    partition.append_as_leader(&Arc::new(body), Acks::Leader, view, &mut fx);
                appended.expect("it leads");
            }
        }
        (replicas, size)
    }

    fn fetch(max_bytes: u32, of_partition: u32) -> FetchRequest {
        let partition = |n| FetchPartition {
            tp: tp(n),
            current_leader_epoch: Some(LeaderEpoch(0)),
            fetch_offset: Offset::ZERO,
            last_fetched_epoch: None,
            log_start_offset: Offset::ZERO,
            max_bytes: of_partition,
        };
        FetchRequest {
            reader: Reader::Consumer,
            max_wait: Duration::from_millis(500),
            min_bytes: 1,
            max_bytes,
            partitions: (0..3).map(partition).collect(),
        }
    }

    /// D8: how many batches each partition gives.
    #[test]
    fn the_limits_bind_the_whole_answer() {
        let (replicas, size) = leading();
        let batches = |max_bytes, of_partition| {
            let (answers, _) = replicas.read(NOW, &fetch(max_bytes, of_partition));
            answers.iter().map(|answer| answer.batches.len()).collect::<Vec<_>>()
        };
        assert_eq!(batches(5_000, 2_000), [1, 0, 0], "the first gives one, whatever the limits");
        assert_eq!(batches(25_000, 1_000_000), [2, 0, 0]);
        assert_eq!(batches(3 * size, 2 * size), [2, 1, 0]);
        assert_eq!(batches(3 * size, 2 * size + 1), [2, 0, 0], "a byte of the third is sent too");
        assert_eq!(batches(1_000_000, 2_000), [1, 0, 0], "the others have nothing that small");
        assert_eq!(batches(1_000_000, 1_000_000), [3, 3, 3]);
    }

    /// A reader that stands between the watermark and the end waits for nothing: an empty answer tells it
    /// the watermark (`DelayedFetch`, case F).
    #[test]
    fn a_fetch_above_the_watermark_does_not_wait() {
        let (mut replicas, _) = leading();
        let waits = |replicas: &Replicas, reader, fetch_offset, min_bytes| {
            let mut request = fetch(50_000, 50_000);
            request.partitions.truncate(1);
            request.partitions[0].fetch_offset = Offset(fetch_offset);
            (request.reader, request.min_bytes) = (reader, min_bytes);
            if is_answered_at_once(&request, &replicas.read(NOW, &request).0) {
                return false;
            }
            let client = NodeId::client(1);
            let (conn, correlation) = (ConnId { client, n: 0 }, CorrelationId(0));
            let to = ReplyTo { conn, correlation, asked: InputNo(0) };
            let parked = ParkedFetch { to, request, deadline: NOW };
            !parked.is_done(|tp| replicas.get(tp), replicas.variations())
        };
        assert!(waits(&replicas, Reader::Consumer, 3, 1), "at the watermark");
        assert!(!waits(&replicas, Reader::Consumer, 3, 0), "fetch.min.bytes = 0");
        // The watermark falls behind what a consumer has seen when another replica leads.
        replicas.get_mut(tp(0)).expect("hosted").log_mut().set_high_watermark(Offset(1));
        assert!(!waits(&replicas, Reader::Consumer, 3, 1));
        let follower = Reader::Replica(ReplicaReader { broker: OTHER, epoch: BrokerEpoch(0) });
        assert!(waits(&replicas, follower, 3, 1), "it reads up to the end");
    }

    #[test]
    fn whoever_asks_the_wrong_broker_is_told_the_right_one() {
        let (mut replicas, _) = leading();
        let mut image = replicas.image().clone();
        let change = PartitionChange {
            isr: Some([ME, OTHER].into_iter().collect()),
            leader: Some(Some(OTHER)),
            ..PartitionChange::default()
        };
        image.replay(&MetadataRecord::PartitionChange { tp: tp(0), change });
        let registration = image.partition(tp(0)).expect("created").clone();
        replicas.publish(Arc::new(image));
        let named = |replicas: &Replicas| {
            let answers = replicas.read(NOW, &fetch(5_000, 5_000)).0;
            answers[0].current_leader.map(|named| (named.leader, named.epoch))
        };
        assert_eq!(named(&replicas), None, "it serves on until it acts on the metadata");
        let partition = replicas.get_mut(tp(0)).expect("hosted");
        partition.make_follower(&registration, &mut Effects::default());
        assert_eq!(named(&replicas), Some((OTHER, LeaderEpoch(1))));
    }
}
