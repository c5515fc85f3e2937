//! Proposals of in-sync replicas on their way to the controller: `DefaultAlterPartitionManager`
//! (KIP-497).
//!
//! ```text
//!  submit ─▶ queued ──── no request in flight ───▶ in flight ─── answered ───▶ the owner
//!               ▲                                     │  ▲
//!               │ refused as a whole, after 50 ms     │  │ connection lost: the same request again
//!               └─────────────────────────────────────┘  └── (its effect may have happened already)
//! ```
//! - At most one proposal a partition, queued or in flight; at most one request in flight a broker,
//!   with all that is queued (R-46).
//! - Nobody gives a proposal up: the leader must count both sets until it knows which one holds.
//!
//! ## Simplified
//! A request repeated after a lost connection carries what is queued by then, not byte for byte what
//! the lost one carried.

use crate::chance::Chance;
use crate::engine::Effects;
use crate::epoch::BrokerEpoch;
use crate::error_code::ErrorCode;
use crate::id::{ConnId, CorrelationId, NodeId, TopicPartition};
use crate::net::{Backoff, Channel, ChannelConfig, ConnIds};
use crate::protocol::{
    AlterPartitionAnswer, AlterPartitionItem, AlterPartitionRequest, AlterPartitionResponse,
};
use crate::time::{Duration, Instant};
use std::collections::BTreeMap;

/// The proposals of one broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterPartitionManager {
    me: NodeId,
    epoch: Option<BrokerEpoch>,
    /// Queued or in flight; an item leaves when it is answered.
    unanswered: BTreeMap<TopicPartition, AlterPartitionItem>,
    channel: Channel<()>,
    send_at: Instant,
}

impl AlterPartitionManager {
    /// Pause after a request was refused as a whole.
    const RETRY: Duration = Duration::from_millis(50);
    /// A connection that has not answered for so long is given up (controller.socket.timeout.ms);
    /// the request goes out again on the next one.
    const SOCKET_TIMEOUT: Duration = Duration::from_secs(30);

    /// Nothing to propose yet.
    pub fn new(me: NodeId, controller: NodeId, chance: &Chance) -> Self {
        let config = ChannelConfig {
            max_in_flight: 1,
            request_timeout: Self::SOCKET_TIMEOUT,
            connect_timeout: Duration::from_secs(10),
            // Of the network client between a node and its controller.
            reconnect: Backoff::fixed(Duration::from_millis(50)),
        };
        let draws = chance.draws("alter partition reconnect");
        Self {
            me,
            epoch: None,
            unanswered: BTreeMap::new(),
            channel: Channel::new(controller, config, draws),
            send_at: Instant::ZERO,
        }
    }

    /// The broker was registered: later requests carry this epoch.
    pub fn set_broker_epoch(&mut self, epoch: BrokerEpoch) {
        assert!(self.epoch.is_none_or(|old| old <= epoch), "broker epochs never go back (INV-4)");
        self.epoch = Some(epoch);
    }

    /// The partition's proposal that is queued or in flight.
    pub fn pending(&self, tp: TopicPartition) -> Option<&AlterPartitionItem> {
        self.unanswered.get(&tp)
    }

    /// Queues a proposal and sends what can be sent. False if the partition already has one
    /// (OPERATION_NOT_ATTEMPTED: the leader stays with its last committed ISR).
    pub fn submit(
        &mut self,
        now: Instant,
        item: AlterPartitionItem,
        ids: &mut ConnIds,
        fx: &mut Effects,
    ) -> bool {
        assert!(self.epoch.is_some(), "only a registered broker leads anything");
        if self.unanswered.contains_key(&item.tp) {
            return false;
        }
        self.unanswered.insert(item.tp, item);
        if self.channel.can_send() && self.send_at <= now {
            self.send(now, fx);
        } else {
            self.channel.open(now, ids, fx);
        }
        true
    }

    /// Whether `conn` is its connection.
    pub fn owns(&self, conn: ConnId) -> bool {
        self.channel.owns(conn)
    }

    /// When it next wants `on_alarm`.
    pub fn next_alarm(&self) -> Instant {
        if self.unanswered.is_empty() {
            // A connection attempt that nobody waits for any more may take its time.
            return self.channel.deadline();
        }
        self.channel.wake_at(self.send_at)
    }

    /// The moment of `next_alarm`: reconnects, sends again, or gives a connection up.
    pub fn on_alarm(&mut self, now: Instant, ids: &mut ConnIds, fx: &mut Effects) {
        assert!(self.next_alarm() <= now, "an alarm has a reason");
        if self.channel.on_deadline(now, fx).is_some() {
            return;
        }
        self.channel.open(now, ids, fx);
        if self.channel.can_send() {
            self.send(now, fx);
        }
    }

    /// A connection stands; sends if it is this one's.
    pub fn on_connected(&mut self, now: Instant, conn: ConnId, fx: &mut Effects) {
        if self.channel.on_connected(conn) && self.send_at <= now {
            self.send(now, fx);
        }
    }

    /// A connection is gone.
    pub fn on_hangup(&mut self, now: Instant, conn: ConnId) {
        self.channel.on_hangup(now, conn);
    }

    /// An answer came: each proposal in it with what became of it. Sends what was queued meanwhile.
    pub fn on_response(
        &mut self,
        now: Instant,
        (conn, correlation): (ConnId, CorrelationId),
        response: AlterPartitionResponse,
        fx: &mut Effects,
    ) -> Vec<(AlterPartitionItem, AlterPartitionAnswer)> {
        if self.channel.on_response(conn, correlation).is_none() {
            return Vec::new();
        }
        if response.error == ErrorCode::NotController {
            self.channel.close(now, fx);
            return Vec::new();
        }
        if response.error != ErrorCode::None {
            self.send_at = now + Self::RETRY;
            return Vec::new();
        }
        let mut decided = Vec::with_capacity(response.partitions.len());
        for answer in response.partitions {
            let proposal = self.unanswered.remove(&answer.tp);
            decided.push((proposal.expect("an answer answers a proposal"), answer));
        }
        self.send(now, fx);
        decided
    }

    fn send(&mut self, now: Instant, fx: &mut Effects) {
        if self.unanswered.is_empty() {
            return;
        }
        let request = AlterPartitionRequest {
            broker: self.me,
            broker_epoch: self.epoch.expect("checked when the first proposal came"),
            partitions: self.unanswered.values().cloned().collect(),
        };
        self.channel.send(now, request, (), fx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker_set::BrokerSet;
    use crate::engine::Effect;
    use crate::epoch::{LeaderEpoch, PartitionEpoch};
    use crate::id::{Incarnation, TopicId};
    use crate::protocol::{Body, Request};

    const ME: NodeId = NodeId::broker(1);

    struct Driver {
        manager: AlterPartitionManager,
        ids: ConnIds,
        fx: Effects,
        conns: u32,
        /// Requests seen on the present connection.
        correlation: u32,
    }

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    const fn tp(partition: u32) -> TopicPartition {
        TopicPartition { topic: TopicId(0), partition }
    }

    impl Driver {
        fn new() -> Self {
            let chance = Chance::of_node(1, ME);
            let mut manager = AlterPartitionManager::new(ME, NodeId::controller(1), &chance);
            manager.set_broker_epoch(BrokerEpoch(5));
            let ids = ConnIds::new(ME, Incarnation(0));
            Self { manager, ids, fx: Effects::default(), conns: 0, correlation: 0 }
        }

        fn conn(&self) -> ConnId {
            ConnId { client: ME, n: self.conns }
        }

        fn submit(&mut self, now: Instant, partition: u32) -> bool {
            let item = AlterPartitionItem {
                tp: tp(partition),
                leader_epoch: LeaderEpoch(0),
                partition_epoch: PartitionEpoch(0),
                new_isr: vec![(ME, None)],
            };
            self.manager.submit(now, item, &mut self.ids, &mut self.fx)
        }

        /// What was sent: (broker epoch, partitions).
        fn sent(&mut self) -> Option<(u64, Vec<u32>)> {
            let mut sent = None;
            for effect in self.fx.drain() {
                if let Effect::Send { body: Body::Request(Request::AlterPartition(r)), .. } = effect
                {
                    assert!(sent.is_none(), "one request in flight");
                    sent = Some((
                        r.broker_epoch.0,
                        r.partitions.iter().map(|i| i.tp.partition).collect(),
                    ));
                }
            }
            sent
        }

        fn answer(&mut self, now: Instant, error: ErrorCode, partitions: &[u32]) -> usize {
            let answer = |partition: &u32| AlterPartitionAnswer {
                tp: tp(*partition),
                error: ErrorCode::None,
                leader: Some(ME),
                leader_epoch: LeaderEpoch(0),
                isr: BrokerSet::of(ME),
                partition_epoch: PartitionEpoch(1),
            };
            let response = AlterPartitionResponse {
                error,
                partitions: partitions.iter().map(answer).collect(),
            };
            let which = (self.conn(), CorrelationId(self.correlation));
            self.correlation += 1;
            self.manager.on_response(now, which, response, &mut self.fx).len()
        }
    }

    #[test]
    fn what_is_queued_meanwhile_goes_out_together_when_the_answer_is_there() {
        let mut driver = Driver::new();
        assert!(driver.submit(at(0), 0));
        driver.manager.on_connected(at(2), driver.conn(), &mut driver.fx);
        assert_eq!(driver.sent(), Some((5, vec![0])));
        assert!(driver.submit(at(3), 2) && driver.submit(at(3), 1));
        assert!(!driver.submit(at(3), 0), "one proposal a partition");
        assert_eq!(driver.sent(), None, "one request in flight");
        assert_eq!(driver.answer(at(4), ErrorCode::None, &[0]), 1);
        assert_eq!(driver.sent(), Some((5, vec![1, 2])));
        assert!(driver.submit(at(5), 0), "answered: it may propose again");
    }

    #[test]
    fn a_request_refused_as_a_whole_goes_out_again_with_the_newest_epoch() {
        let mut driver = Driver::new();
        driver.submit(at(0), 0);
        driver.manager.on_connected(at(2), driver.conn(), &mut driver.fx);
        driver.sent();
        driver.answer(at(4), ErrorCode::StaleBrokerEpoch, &[]);
        driver.manager.set_broker_epoch(BrokerEpoch(9));
        assert!(driver.submit(at(10), 1));
        assert_eq!((driver.sent(), driver.manager.next_alarm()), (None, at(54)));
        driver.manager.on_alarm(at(54), &mut driver.ids, &mut driver.fx);
        assert_eq!(driver.sent(), Some((9, vec![0, 1])));
    }

    #[test]
    fn a_lost_connection_never_loses_a_proposal() {
        let mut driver = Driver::new();
        driver.submit(at(0), 0);
        driver.manager.on_connected(at(2), driver.conn(), &mut driver.fx);
        driver.sent();
        driver.manager.on_hangup(at(10), driver.conn());
        assert_eq!(driver.manager.next_alarm(), at(60));
        driver.manager.on_alarm(at(60), &mut driver.ids, &mut driver.fx);
        driver.conns = 1;
        driver.manager.on_connected(at(62), driver.conn(), &mut driver.fx);
        assert_eq!(driver.sent(), Some((5, vec![0])));
        // Nobody answers, and nobody hangs up: the connection is given up, not the proposal.
        assert_eq!(driver.manager.next_alarm(), at(62) + Duration::from_secs(30));
        driver.manager.on_alarm(at(30_062), &mut driver.ids, &mut driver.fx);
        assert!(driver.manager.pending(tp(0)).is_some());
        assert_eq!(driver.manager.next_alarm(), at(30_112));
    }
}
