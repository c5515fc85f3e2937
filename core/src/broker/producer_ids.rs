//! Producer ids for clients: `RPCProducerIdManager` (KIP-98, KIP-730; rule P-80).
//!
//! The controller hands out blocks of 1000; a broker asks for one when it runs out. Requests for
//! ids wait here meanwhile.
//!
//! ## Simplified
//! Kafka fetches the next block when 90 % of the present one are used; here it does so when it is
//! empty, which a client notices as one round trip more.

use crate::engine::{Effects, ReplyTo};
use crate::epoch::BrokerEpoch;
use crate::error_code::ErrorCode;
use crate::id::{ConnId, NodeId, ProducerId};
use crate::net::{Channel, ConnIds};
use crate::protocol::{AllocateProducerIdsRequest, AllocateProducerIdsResponse};
use crate::time::{Duration, Instant};
use std::collections::VecDeque;
use std::ops::Range;

/// Pause after the controller refused a block.
const RETRY: Duration = Duration::from_millis(50);

/// The ids a broker may hand out and the requests that wait for one.
#[derive(Clone, Debug)]
pub(super) struct ProducerIds {
    channel: Channel<()>,
    block: Range<i64>,
    waiting: VecDeque<ReplyTo>,
    not_before: Instant,
}

impl ProducerIds {
    /// No ids yet; blocks come over `channel`.
    pub(super) const fn new(channel: Channel<()>) -> Self {
        Self { channel, block: 0..0, waiting: VecDeque::new(), not_before: Instant::ZERO }
    }

    /// The connection to the controller.
    pub(super) const fn channel(&mut self) -> &mut Channel<()> {
        &mut self.channel
    }

    /// Whether `conn` is its connection.
    pub(super) fn owns(&self, conn: ConnId) -> bool {
        self.channel.owns(conn)
    }

    /// A client wants an id.
    pub(super) fn wait(&mut self, to: ReplyTo) {
        self.waiting.push_back(to);
    }

    /// The client hung up.
    pub(super) fn forget(&mut self, conn: ConnId) {
        self.waiting.retain(|to| to.conn != conn);
    }

    /// The next request that can be answered, with its id.
    pub(super) fn next(&mut self) -> Option<(ReplyTo, ProducerId)> {
        if self.waiting.is_empty() {
            return None;
        }
        let id = self.block.next()?;
        self.waiting.pop_front().map(|to| (to, ProducerId(id)))
    }

    /// Asks the controller for a block if one is wanted.
    pub(super) fn go_on(
        &mut self,
        now: Instant,
        broker: NodeId,
        broker_epoch: Option<BrokerEpoch>,
        ids: &mut ConnIds,
        fx: &mut Effects,
    ) {
        let Some(broker_epoch) = broker_epoch else { return };
        if self.waiting.is_empty() || now < self.not_before {
            return;
        }
        self.channel.open(now, ids, fx);
        if self.channel.can_send() {
            let request = AllocateProducerIdsRequest { broker, broker_epoch };
            self.channel.send(now, request, (), fx);
        }
    }

    /// The controller answered.
    pub(super) fn on_response(&mut self, now: Instant, response: AllocateProducerIdsResponse) {
        if response.error == ErrorCode::None {
            self.block = response.first..response.first + i64::from(response.count);
        } else {
            self.not_before = now + RETRY;
        }
    }

    /// When it wants to be woken.
    pub(super) fn next_alarm(&self) -> Instant {
        if self.waiting.is_empty() {
            return self.channel.deadline();
        }
        let may_send = match self.channel.retry_at() {
            Some(retry_at) => retry_at.max(self.not_before),
            None if self.channel.can_send() => self.not_before,
            None => Instant::NEVER,
        };
        may_send.min(self.channel.deadline())
    }
}
