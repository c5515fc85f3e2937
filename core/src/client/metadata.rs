//! What a client believes about topics and leaders, and when it asks again.
//!
//! Owns the cached answer to Metadata and the timing of refreshes. Follows `Metadata`,
//! `ProducerMetadata` and `NetworkClient.DefaultMetadataUpdater`; rebootstrap is KIP-899 and
//! KIP-1102 (P-10), the growing pause between answers that bring nothing new KIP-580 (P-13), the
//! guard against stale answers KIP-320 (P-14), the leaders named by whoever was asked in their place
//! KIP-951.
//!
//! ```text
//!            refresh wanted or too old,          answer: cache, pause, forget the wish
//!            pause over, a node can be asked     failure: pause longer, keep the wish
//!   resting ────────────────────────────────▶ in flight ─────────────────────────▶ resting
//! ```
//!
//! ## Simplified
//! The topics are known from boot on, so partial updates, topic expiry (KIP-526) and auto-creation
//! have no use. A topic id never returns with another meaning, so a recreated topic cannot be mistaken for the old one.
//! Rebootstrap happens only when no known broker can be asked, not also after 300 s without answer.
//! Jitter is drawn once per pause instead of at each look at the clock.

use super::network::Network;
use crate::chance::Draws;
use crate::engine::Effects;
use crate::epoch::LeaderEpoch;
use crate::error_code::ErrorCode;
use crate::id::{NodeId, TopicId, TopicPartition};
use crate::net::Backoff;
use crate::protocol::{CurrentLeader, MetadataPartition, MetadataRequest, MetadataResponse};
use crate::time::{Duration, Instant};
use std::collections::BTreeMap;

/// Who leads a partition, as far as this client knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leadership {
    /// The leader, if there is one.
    pub(super) leader: Option<NodeId>,
    /// The epoch this is from.
    pub(super) epoch: LeaderEpoch,
}

/// The cache and its refresh.
///
/// * A cached epoch never decreases while the partition is cached, and `last_seen` never at all.
/// * `brokers` is never empty.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    topics: Vec<TopicId>,
    bootstrap: Vec<NodeId>,
    brokers: Vec<NodeId>,
    partitions: BTreeMap<TopicPartition, Leadership>,
    last_seen: BTreeMap<TopicPartition, LeaderEpoch>,
    max_age: Duration,
    backoff: Backoff,
    draws: Draws,
    is_wanted: bool,
    is_in_flight: bool,
    expires: Instant,
    /// No refresh before this.
    allowed: Instant,
    failures: u32,
    /// Answers in a row that brought nothing new.
    equivalent_answers: u32,
    /// Answers taken so far.
    version: u64,
}

impl Metadata {
    /// Knows the bootstrap brokers only, and wants to know more.
    pub(super) fn new(
        topics: Vec<TopicId>,
        bootstrap: Vec<NodeId>,
        max_age: Duration,
        backoff: Backoff,
        draws: Draws,
    ) -> Self {
        assert!(!bootstrap.is_empty(), "bootstrap.servers may not be empty");
        Self {
            topics,
            brokers: bootstrap.clone(),
            bootstrap,
            partitions: BTreeMap::new(),
            last_seen: BTreeMap::new(),
            max_age,
            backoff,
            draws,
            is_wanted: true,
            is_in_flight: false,
            expires: Instant::ZERO,
            allowed: Instant::ZERO,
            failures: 0,
            equivalent_answers: 0,
            version: 0,
        }
    }

    /// The brokers worth asking.
    pub(super) fn brokers(&self) -> &[NodeId] {
        &self.brokers
    }

    /// What is known of a partition.
    pub(super) fn leadership(&self, tp: TopicPartition) -> Option<Leadership> {
        self.partitions.get(&tp).copied()
    }

    /// The leader of a partition, if it is known and there is one.
    pub(super) fn leader(&self, tp: TopicPartition) -> Option<NodeId> {
        self.leadership(tp)?.leader
    }

    /// How many partitions `topic` has; `None` before that is known.
    pub(super) fn partition_count(&self, topic: TopicId) -> Option<u32> {
        let count = self.of_topic(topic).count() as u32;
        (count > 0).then_some(count)
    }

    /// The partitions of `topic` that have a leader, by number.
    pub(super) fn available(&self, topic: TopicId) -> impl Iterator<Item = u32> {
        self.of_topic(topic).filter(|(_, info)| info.leader.is_some()).map(|(tp, _)| tp.partition)
    }

    /// The partitions that `node` leads, in order.
    pub(super) fn led_by(&self, node: NodeId) -> impl Iterator<Item = TopicPartition> {
        self.partitions.iter().filter(move |(_, info)| info.leader == Some(node)).map(|(tp, _)| *tp)
    }

    fn of_topic(&self, topic: TopicId) -> impl Iterator<Item = (&TopicPartition, &Leadership)> {
        let (first, last) = (0, u32::MAX);
        self.partitions.range(
            TopicPartition { topic, partition: first }..=TopicPartition { topic, partition: last },
        )
    }

    /// How many answers were taken: who waits for news remembers this.
    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    /// Something showed that the cache is stale: refresh as soon as the pause allows.
    pub(super) const fn request_update(&mut self) {
        self.is_wanted = true;
    }

    /// A connection broke, perhaps because the cache is stale. A refresh that was due and could not
    /// be sent counts as failed.
    pub(super) fn on_disconnect(&mut self, now: Instant) {
        if !self.is_in_flight && self.due() <= now {
            self.on_failure(now);
        }
        self.is_wanted = true;
    }

    /// When the next refresh is due; `NEVER` while one is in flight.
    fn due(&self) -> Instant {
        if self.is_in_flight {
            Instant::NEVER
        } else if self.is_wanted {
            self.allowed
        } else {
            self.expires.max(self.allowed)
        }
    }

    /// When `send_if_due` may have something to do.
    pub(super) fn next_wake<T>(&self, now: Instant, network: &Network<T>) -> Instant {
        let due = self.due();
        if due > now {
            return due;
        }
        if network.is_any_connecting() {
            return Instant::NEVER;
        }
        self.brokers.iter().map(|node| network.retry_at(*node)).min().unwrap_or(Instant::NEVER)
    }

    /// Asks the least loaded broker if a refresh is due, or connects to it so that it can be asked.
    /// Waits while another connection is being set up, rather than to connect to all brokers.
    pub(super) fn send_if_due<T>(
        &mut self,
        now: Instant,
        tag: T,
        network: &mut Network<T>,
        fx: &mut Effects,
    ) {
        if self.due() > now {
            return;
        }
        let mut node = network.least_loaded(now, &self.brokers);
        if node.is_none() && !network.is_any_ready(&self.brokers) {
            self.rebootstrap();
            node = network.least_loaded(now, &self.brokers);
        }
        let Some(node) = node else { return };
        if network.can_send(node) {
            self.is_in_flight = true;
            let request = MetadataRequest { topics: self.topics.clone() };
            network.send(now, node, request, tag, fx);
        } else if !network.is_any_connecting() {
            network.open(now, node, fx);
        }
    }

    /// No known broker can be asked: starts over from the bootstrap list, without any leader.
    fn rebootstrap(&mut self) {
        self.brokers.clone_from(&self.bootstrap);
        self.partitions.clear();
        self.is_wanted = true;
    }

    /// The refresh failed, or was answered by a broker that knows nobody yet.
    pub(super) fn on_failure(&mut self, now: Instant) {
        self.is_in_flight = false;
        self.failures += 1;
        self.pause(now);
    }

    /// The refresh was answered.
    pub(super) fn on_response(&mut self, now: Instant, response: &MetadataResponse) {
        assert!(self.is_in_flight, "an answer answers a request");
        if response.brokers.is_empty() {
            self.on_failure(now);
            return;
        }
        self.is_in_flight = false;
        self.is_wanted = false;
        self.failures = 0;
        self.equivalent_answers += 1;
        self.version += 1;
        self.expires = now + self.max_age;
        self.brokers.clone_from(&response.brokers);
        let mut partitions = BTreeMap::new();
        for topic in &response.topics {
            self.is_wanted |= topic.error.invalidates_metadata();
            if topic.error == ErrorCode::None {
                for answer in &topic.partitions {
                    match self.accept(answer) {
                        Some(leadership) => _ = partitions.insert(answer.tp, leadership),
                        // Whoever needs the partition asks on (`waitOnMetadata`, unknown leaders).
                        None => self.is_wanted = true,
                    }
                }
            }
        }
        self.partitions = partitions;
        self.pause(now);
    }

    /// What to cache of one partition's answer: an answer of an older epoch than one already seen
    /// comes from a broker that lags behind, and what was cached stays (P-14). After a new start from
    /// the bootstrap list nothing is cached, and the answer is worth nothing.
    fn accept(&mut self, answer: &MetadataPartition) -> Option<Leadership> {
        self.is_wanted |= answer.error.invalidates_metadata();
        let epoch = answer.leader_epoch;
        let seen = self.last_seen.get(&answer.tp).copied();
        if seen.is_some_and(|seen| epoch < seen) {
            return self.leadership(answer.tp);
        }
        if seen != Some(epoch) {
            self.equivalent_answers = 0;
        }
        self.last_seen.insert(answer.tp, epoch);
        let leader = answer.leader.filter(|leader| self.brokers.contains(leader));
        Some(Leadership { leader, epoch })
    }

    /// A broker that was asked in the leader's place named the leader; says whether that is news
    /// (`updatePartitionLeadership`). A refresh that is wanted stays so.
    pub(super) fn learn_leader(&mut self, tp: TopicPartition, named: CurrentLeader) -> bool {
        let CurrentLeader { leader, epoch } = named;
        let Some(known) = self.partitions.get_mut(&tp).filter(|known| known.epoch < epoch) else {
            return false;
        };
        *known = Leadership { leader: Some(leader), epoch };
        self.last_seen.insert(tp, epoch);
        if !self.brokers.contains(&leader) {
            self.brokers.push(leader);
        }
        true
    }

    /// Spaces refreshes: longer after each failure, and after each answer that brought nothing new.
    fn pause(&mut self, now: Instant) {
        let after = |failures: u32, draws: &mut Draws| {
            self.backoff.pause(failures, |min, max| draws.between(now, min, max))
        };
        let failures = after(self.failures.max(1), &mut self.draws);
        let equivalents = match self.equivalent_answers {
            0 => Duration::ZERO,
            n => after(n, &mut self.draws),
        };
        self.allowed = now + failures.max(equivalents);
        let is_wished = self.backoff.initial.min(self.backoff.max) == Duration::ZERO;
        assert!(self.allowed > now || is_wished, "a pause takes time");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;
    use crate::client::network::NetworkConfig;
    use crate::engine::Effect;
    use crate::id::{ConnId, CorrelationId, Incarnation};
    use crate::protocol::MetadataTopic;

    const TOPIC: TopicId = TopicId(0);
    const TP: TopicPartition = TopicPartition { topic: TOPIC, partition: 0 };

    fn metadata(bootstrap: &[u16]) -> Metadata {
        let brokers = bootstrap.iter().map(|n| NodeId::broker(*n)).collect();
        let draws = Draws::new(1, "metadata", 1);
        let backoff =
            Backoff { initial: Duration::from_millis(100), max: Duration::from_millis(1000) };
        Metadata::new(vec![TOPIC], brokers, Duration::from_secs(300), backoff, draws)
    }

    fn network() -> Network<()> {
        let config = NetworkConfig {
            max_in_flight: 5,
            request_timeout: Duration::from_secs(30),
            reconnect: Backoff::fixed(Duration::from_millis(50)),
        };
        let me = NodeId::client(1);
        Network::new(me, Incarnation(0), config, &Chance::of_node(1, me))
    }

    fn answer(brokers: &[u16], leader: Option<u16>, epoch: u32) -> MetadataResponse {
        let error = if leader.is_some() { ErrorCode::None } else { ErrorCode::LeaderNotAvailable };
        MetadataResponse {
            brokers: brokers.iter().map(|n| NodeId::broker(*n)).collect(),
            controller: None,
            topics: vec![MetadataTopic {
                topic: TOPIC,
                error: ErrorCode::None,
                partitions: vec![MetadataPartition {
                    tp: TP,
                    error,
                    leader: leader.map(NodeId::broker),
                    leader_epoch: LeaderEpoch(epoch),
                }],
            }],
        }
    }

    fn learn(metadata: &mut Metadata, now: Instant, response: &MetadataResponse) {
        metadata.is_in_flight = true;
        metadata.on_response(now, response);
    }

    #[test]
    fn an_answer_of_an_older_epoch_is_not_believed() {
        let mut metadata = metadata(&[1]);
        learn(&mut metadata, Instant::ZERO, &answer(&[1, 2], Some(2), 5));
        learn(&mut metadata, Instant::ZERO, &answer(&[1, 2], Some(1), 4));
        assert_eq!(metadata.leader(TP), Some(NodeId::broker(2)));
        learn(&mut metadata, Instant::ZERO, &answer(&[1, 2], Some(1), 5));
        assert_eq!(metadata.leader(TP), Some(NodeId::broker(1)), "an equal epoch is news");
    }

    /// Chaos seed 417: the broker that lags was asked after a new start from the bootstrap list.
    #[test]
    fn an_answer_of_an_older_epoch_with_nothing_cached_asks_for_another() {
        let mut metadata = metadata(&[1, 2]);
        learn(&mut metadata, Instant::ZERO, &answer(&[1, 2], Some(2), 5));
        metadata.rebootstrap();
        learn(&mut metadata, Instant::ZERO, &answer(&[1, 2], Some(1), 4));
        assert_eq!(metadata.leadership(TP), None);
        assert!(
            metadata.due() < Instant::ZERO + Duration::from_secs(2),
            "not only when it expires"
        );
    }

    #[test]
    fn no_leader_asks_for_another_refresh_and_a_good_answer_does_not() {
        let mut metadata = metadata(&[1]);
        learn(&mut metadata, Instant::ZERO, &answer(&[1], Some(1), 1));
        assert_eq!(metadata.due(), Instant::ZERO + Duration::from_secs(300), "only by age");
        learn(&mut metadata, Instant::ZERO, &answer(&[1], None, 2));
        assert!(metadata.due() <= Instant::ZERO + Duration::from_millis(120));
        assert_eq!(metadata.available(TOPIC).count(), 0);
        assert_eq!(metadata.partition_count(TOPIC), Some(1));
    }

    #[test]
    fn answers_that_bring_nothing_new_are_spaced_further_and_further() {
        let mut metadata = metadata(&[1]);
        let mut pauses = Vec::new();
        for _ in 0..6 {
            learn(&mut metadata, Instant::ZERO, &answer(&[1], None, 1));
            pauses.push(metadata.due().as_micros());
        }
        // The first answer is news, the fifth repetition waits about 1.6 s, capped at 1 s.
        assert!(pauses[0] <= 120_000 && pauses[5] == 1_000_000, "{pauses:?}");
        learn(&mut metadata, Instant::ZERO, &answer(&[1], Some(1), 2));
        metadata.request_update();
        assert!(metadata.due().as_micros() <= 120_000, "news resets the pause");
    }

    #[test]
    fn a_leader_that_is_named_in_passing_counts_if_it_is_newer() {
        let mut metadata = metadata(&[1]);
        let named = |leader, epoch| CurrentLeader {
            leader: NodeId::broker(leader),
            epoch: LeaderEpoch(epoch),
        };
        assert!(!metadata.learn_leader(TP, named(2, 5)), "nothing is known of the partition");
        learn(&mut metadata, Instant::ZERO, &answer(&[1], Some(1), 4));
        assert!(!metadata.learn_leader(TP, named(2, 4)), "no news");
        assert!(metadata.learn_leader(TP, named(2, 5)));
        assert_eq!(metadata.leader(TP), Some(NodeId::broker(2)));
        assert!(metadata.brokers().contains(&NodeId::broker(2)));
        learn(&mut metadata, Instant::ZERO, &answer(&[1, 2], Some(1), 4));
        assert_eq!(metadata.leader(TP), Some(NodeId::broker(2)), "an answer that lags behind");
    }

    #[test]
    fn failures_are_spaced_further_and_further_too() {
        let mut metadata = metadata(&[1]);
        for _ in 0..6 {
            metadata.on_failure(Instant::ZERO);
        }
        assert_eq!(metadata.due().as_micros(), 1_000_000);
        learn(&mut metadata, Instant::ZERO, &answer(&[], None, 0));
        assert_eq!(
            metadata.due().as_micros(),
            1_000_000,
            "an answer of a broker that knows nobody"
        );
    }

    #[test]
    fn without_a_usable_broker_it_starts_over_from_the_bootstrap_list() {
        let (mut metadata, mut network) = (metadata(&[1, 2]), network());
        let mut fx = Effects::default();
        learn(&mut metadata, Instant::ZERO, &answer(&[1], Some(1), 1));
        network.open(Instant::ZERO, NodeId::broker(1), &mut fx);
        let conn = ConnId { client: NodeId::client(1), n: 0 };
        let now = Instant::ZERO + Duration::from_secs(1);
        assert!(network.on_hangup(now, conn).is_some());
        metadata.request_update();
        metadata.send_if_due(now, (), &mut network, &mut fx);
        assert_eq!(metadata.brokers(), [NodeId::broker(1), NodeId::broker(2)]);
        assert_eq!(metadata.leader(TP), None, "it knows no leader any more");
        let opened = fx.as_slice().last();
        assert!(matches!(opened, Some(Effect::Connect { to, .. }) if *to == NodeId::broker(2)));
    }

    #[test]
    fn one_connection_attempt_at_a_time_then_one_request() {
        let (mut metadata, mut network) = (metadata(&[1, 2, 3]), network());
        let mut fx = Effects::default();
        for _ in 0..3 {
            metadata.send_if_due(Instant::ZERO, (), &mut network, &mut fx);
        }
        assert_eq!(fx.as_slice().len(), 1, "{:?}", fx.as_slice());
        let conn = ConnId { client: NodeId::client(1), n: 0 };
        assert!(network.on_connected(conn));
        metadata.send_if_due(Instant::ZERO, (), &mut network, &mut fx);
        metadata.send_if_due(Instant::ZERO, (), &mut network, &mut fx);
        assert_eq!(fx.as_slice().len(), 2);
        assert_eq!(network.on_response(conn, CorrelationId(0)), Some(()));
    }
}
