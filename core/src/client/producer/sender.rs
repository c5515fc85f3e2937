//! What happens to batches once they are ready: requests, answers, retries. Follows `Sender`.
//!
//! Owns the connections, the metadata, the accumulator and the sequences, and moves batches between
//! them. [`Sender::run`] is one round of Kafka's network thread and comes at the end of every input.
//!
//! ```text
//!   round:  settle sequences → bump epoch → ask for an id → refresh metadata
//!           → ready nodes → drain → expire → requests
//! ```
//!
//! ## Simplified
//! delivery.timeout.ms is taken as configured; that it must not be smaller than linger.ms
//! plus request.timeout.ms (P-02) is for whoever reads a configuration. The back-off of a retry is
//! drawn once. An answer without the id, of whatever kind, makes InitProducerId be repeated.

use super::accumulator::Accumulator;
use super::batch::{BatchId, ProducerBatch, leaves_doubt};
use super::idempotence::Idempotence;
use super::producer::ProducerSpec;
use crate::chance::{DrawsAbout, Name};
use crate::client::metadata::Metadata;
use crate::client::network::{Disconnect, Network, NetworkConfig};
use crate::config::{Acks, ProducerConfig};
use crate::engine::Effects;
use crate::epoch::Offset;
use crate::error_code::ErrorCode;
use crate::event::ClientEvent;
use crate::id::{ConnId, Incarnation, NodeId, TopicPartition};
use crate::net::Backoff;
use crate::protocol::{
    Body, Frame, InitProducerIdRequest, InitProducerIdResponse, ProducePartition, ProduceRequest,
    ProduceResponse, Response,
};
use crate::record::BatchBody;
use crate::time::Instant;
use std::sync::Arc;

/// A batch as one request carried it: its answer may come after the batch was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    id: BatchId,
    tp: TopicPartition,
    body: Arc<BatchBody>,
}

/// What a request in flight was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Metadata,
    InitProducerId,
    Produce(Vec<Sent>),
}

/// When to ask for a producer id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IdRequest {
    NotBefore(Instant),
    InFlight,
}

/// The network side of a producer.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    config: Arc<ProducerConfig>,
    network: Network<Asked>,
    pub(super) metadata: Metadata,
    pub(super) accumulator: Accumulator,
    pub(super) idempotence: Option<Idempotence>,
    id_request: IdRequest,
    retry_draws: DrawsAbout,
    /// When its thread last went to sleep in the network (`NetworkClient.poll`).
    asleep_since: Instant,
    /// Records whose outcome became known and was not yet told to the application.
    finished: Vec<u32>,
}

impl Sender {
    /// Not connected yet.
    pub(super) fn new(spec: &ProducerSpec, life: Incarnation) -> Self {
        let config = Arc::new(spec.config.clone());
        let retry = Backoff { initial: config.retry_backoff, max: config.retry_backoff_max };
        let reconnect =
            Backoff { initial: config.reconnect_backoff, max: config.reconnect_backoff_max };
        let network = NetworkConfig {
            max_in_flight: config.max_in_flight,
            request_timeout: config.request_timeout,
            reconnect,
        };
        let (topics, bootstrap) = (vec![spec.topic], spec.bootstrap.clone());
        Self {
            network: Network::new(spec.me, life, network, &spec.chance),
            metadata: Metadata::new(
                topics,
                bootstrap,
                config.metadata_max_age,
                retry,
                spec.chance.draws("metadata refresh"),
            ),
            accumulator: Accumulator::new(&config),
            idempotence: config.is_idempotent().then(Idempotence::default),
            id_request: IdRequest::NotBefore(Instant::ZERO),
            retry_draws: spec.chance.draws_about("produce retry"),
            asleep_since: Instant::ZERO,
            finished: Vec::new(),
            config,
        }
    }

    /// Whether it has the id it needs to send anything.
    pub(super) fn has_producer_id(&self) -> bool {
        self.idempotence.as_ref().is_none_or(|tracker| tracker.producer().is_some())
    }

    /// The records whose outcome became known.
    pub(super) fn take_finished(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.finished)
    }

    /// One round: does everything that can be done now.
    pub(super) fn run(&mut self, now: Instant, fx: &mut Effects) {
        if let Some(tracker) = &mut self.idempotence {
            tracker.resolve_sequences();
            tracker.bump_if_required(&mut self.accumulator.incomplete);
        }
        self.metadata.send_if_due(now, Asked::Metadata, &mut self.network, fx);
        self.ask_for_producer_id(now, fx);
        // A request filled to the brim leaves something for the next one.
        while self.send_producer_data(now, fx) {
            self.asleep_since = now;
        }
    }

    /// The thread woke: by the network, by its own timer, or because a batch was begun or filled. Only
    /// now it looks for requests that have waited too long, after the answers that came in.
    pub(super) fn on_wake(&mut self, now: Instant, fx: &mut Effects) {
        while let Some(disconnect) = self.network.on_deadline(now, fx) {
            self.on_disconnect(now, disconnect, fx);
        }
        self.asleep_since = now;
    }

    fn ask_for_producer_id(&mut self, now: Instant, fx: &mut Effects) {
        let IdRequest::NotBefore(at) = self.id_request else { return };
        if self.has_producer_id() || at > now {
            return;
        }
        let Some(node) = self.network.least_loaded(now, self.metadata.brokers()) else { return };
        if self.network.can_send(node) {
            self.id_request = IdRequest::InFlight;
            self.network.send(now, node, InitProducerIdRequest, Asked::InitProducerId, fx);
        } else if !self.network.is_any_connecting() {
            self.network.open(now, node, fx);
        }
    }

    /// Sends one request to each node that is ready; says whether it sent any.
    fn send_producer_data(&mut self, now: Instant, fx: &mut Effects) -> bool {
        self.accumulator.note_leaders(&self.metadata);
        let ready = self.accumulator.ready(now, &self.metadata);
        if ready.is_leader_unknown {
            self.metadata.request_update();
        }
        let mut requests = Vec::new();
        for node in ready.nodes {
            if self.network.ready(now, node, fx) {
                let ids =
                    self.accumulator.drain(now, node, &self.metadata, self.idempotence.as_mut());
                let sent: Vec<Sent> = ids.into_iter().map(|id| self.on_drained(id, fx)).collect();
                if !sent.is_empty() {
                    requests.push((node, sent));
                }
            }
        }
        // After the drain, as in Kafka: a batch can leave and expire in the same round.
        self.expire_batches(now, fx);
        let sent_any = !requests.is_empty();
        for (node, sent) in requests {
            self.send_produce(now, node, sent, fx);
        }
        sent_any
    }

    fn on_drained(&mut self, id: BatchId, fx: &mut Effects) -> Sent {
        let batch = self.accumulator.incomplete.queued_mut(id);
        let (tp, body, attempt) = (batch.tp, batch.body(), batch.attempts + 1);
        assert!(body.producer.is_some() == self.idempotence.is_some(), "stamped if idempotent");
        fx.note(ClientEvent::BatchSent { tp, body: Arc::clone(&body), attempt });
        if self.config.max_in_flight == 1 {
            self.accumulator.mute(tp);
        }
        Sent { id, tp, body }
    }

    fn send_produce(&mut self, now: Instant, node: NodeId, sent: Vec<Sent>, fx: &mut Effects) {
        let partition = |s: &Sent| ProducePartition { tp: s.tp, body: Arc::clone(&s.body) };
        let request = ProduceRequest {
            acks: self.config.acks,
            timeout: self.config.request_timeout,
            partitions: sent.iter().map(partition).collect(),
        };
        if self.config.acks == Acks::None {
            // Written to the socket is all that acks=0 asks for (P-54): from here on a lost
            // connection loses the records without a word.
            self.network.send_unanswered(node, request, fx);
            for one in sent {
                self.complete(now, &one, ErrorCode::None, None, fx);
            }
        } else {
            self.network.send(now, node, request, Asked::Produce(sent), fx);
        }
    }

    /// Gives up every batch whose delivery time is over (P-50), sent or not.
    fn expire_batches(&mut self, now: Instant, fx: &mut Effects) {
        while let Some((id, batch)) = self.accumulator.expire(now, self.config.delivery_timeout) {
            if let Some(tracker) = &mut self.idempotence {
                tracker.on_failed(batch.tp, id, false);
                if let Some(stamp) = batch.stamp().filter(|_| batch.attempts > 0) {
                    tracker.mark_unresolved(batch.tp, stamp, batch.record_count());
                }
            }
            self.fail(batch, ErrorCode::RequestTimedOut, fx);
        }
    }

    /// Takes an answer; false if it is nobody's any more.
    pub(super) fn on_answer(&mut self, now: Instant, frame: Frame, fx: &mut Effects) -> bool {
        let Body::Response(response) = frame.body else { unreachable!("nobody asks a client") };
        let Some(asked) = self.network.on_response(frame.conn, frame.correlation) else {
            return false;
        };
        match (asked, response) {
            (Asked::Metadata, Response::Metadata(response)) => {
                self.metadata.on_response(now, &response);
            }
            (Asked::InitProducerId, Response::InitProducerId(response)) => {
                self.on_producer_id(now, response, fx);
            }
            (Asked::Produce(sent), Response::Produce(response)) => {
                self.on_produced(now, &sent, &response, fx);
            }
            (asked, response) => unreachable!("{asked:?} was answered with {response:?}"),
        }
        true
    }

    fn on_producer_id(&mut self, now: Instant, answer: InitProducerIdResponse, fx: &mut Effects) {
        self.id_request = IdRequest::NotBefore(now + self.config.retry_backoff);
        if answer.error == ErrorCode::None {
            let tracker = self.idempotence.as_mut().expect("only an idempotent one asks");
            tracker.on_producer_id(answer.producer_id, answer.producer_epoch);
            fx.note(ClientEvent::ProducerIdAssigned { producer_id: answer.producer_id });
        }
    }

    fn on_produced(
        &mut self,
        now: Instant,
        sent: &[Sent],
        response: &ProduceResponse,
        fx: &mut Effects,
    ) {
        assert!(sent.len() == response.partitions.len(), "one answer per batch");
        for (sent, answer) in sent.iter().zip(&response.partitions) {
            assert!(sent.tp == answer.tp, "answers come in the order of the request");
            if let Some(named) = answer.current_leader {
                self.metadata.learn_leader(sent.tp, named);
            }
            self.complete(now, sent, answer.error, answer.base_offset, fx);
        }
    }

    /// A connection stands.
    pub(super) fn on_connected(&mut self, conn: ConnId) {
        self.network.on_connected(conn);
    }

    /// A connection broke.
    pub(super) fn on_hangup(&mut self, now: Instant, conn: ConnId, fx: &mut Effects) {
        if let Some(disconnect) = self.network.on_hangup(now, conn) {
            self.on_disconnect(now, disconnect, fx);
        }
    }

    /// Gives up one connection that took too long, if the thread has nothing else to wake for; says
    /// whether there was one.
    pub(super) fn on_deadline(&mut self, now: Instant, fx: &mut Effects) -> bool {
        if self.deadline() > now {
            return false;
        }
        let disconnect = self.network.on_deadline(now, fx);
        let was_due = disconnect.is_some();
        if let Some(disconnect) = disconnect {
            self.on_disconnect(now, disconnect, fx);
        }
        was_due
    }

    /// All that was in flight on a broken connection fails (P-51).
    fn on_disconnect(&mut self, now: Instant, lost: Disconnect<Asked>, fx: &mut Effects) {
        self.metadata.on_disconnect(now);
        for asked in lost.tags {
            match asked {
                Asked::Metadata => self.metadata.on_failure(now),
                Asked::InitProducerId => {
                    self.id_request = IdRequest::NotBefore(now + self.config.retry_backoff);
                }
                Asked::Produce(sent) => {
                    for one in sent {
                        self.complete(now, &one, lost.error, None, fx);
                    }
                }
            }
        }
    }

    /// The outcome of one attempt of one batch: done, again, or given up.
    fn complete(
        &mut self,
        now: Instant,
        sent: &Sent,
        error: ErrorCode,
        base_offset: Option<Offset>,
        fx: &mut Effects,
    ) {
        if error == ErrorCode::None {
            self.succeed(sent, base_offset, fx);
        } else if error == ErrorCode::DuplicateSequenceNumber {
            // The leader remembers that it has the batch, but no longer where (P-83).
            self.succeed(sent, None, fx);
        } else {
            self.on_error(now, sent, error, fx);
        }
        if error.invalidates_metadata() {
            self.metadata.request_update();
        }
        if self.config.max_in_flight == 1 {
            self.accumulator.unmute(sent.tp);
        }
    }

    fn succeed(&mut self, sent: &Sent, base_offset: Option<Offset>, fx: &mut Effects) {
        let batch = self.accumulator.incomplete.finish(sent.id);
        if let Some(tracker) = &mut self.idempotence {
            // An epoch bump may have renumbered it since; an expired batch keeps what it had.
            let stamp = batch.as_ref().map_or(sent.body.producer, ProducerBatch::stamp);
            if let Some(stamp) = stamp {
                tracker.on_acked(sent.tp, sent.id, stamp, sent.body.records.len() as u32);
            }
        }
        if batch.is_some() {
            self.report(&sent.body);
            let body = Arc::clone(&sent.body);
            fx.note(ClientEvent::BatchAcked { tp: sent.tp, body, base_offset });
        }
    }

    /// Sends a batch again if there is time, a retry left and hope (P-52), else gives it up.
    fn on_error(&mut self, now: Instant, sent: &Sent, error: ErrorCode, fx: &mut Effects) {
        let Some(batch) = self.accumulator.incomplete.get_mut(sent.id) else {
            return; // It expired before.
        };
        batch.is_in_doubt |= leaves_doubt(error);
        let in_time = !batch.is_expired(now, self.config.delivery_timeout);
        let retries_left = batch.attempts < self.config.retries;
        let failures = batch.attempts + 1;
        let (stamp, was_renumbered) = (batch.stamp(), batch.was_renumbered);
        let is_retriable = match (error, &mut self.idempotence) {
            (ErrorCode::OutOfOrderSequenceNumber, Some(tracker)) if in_time && retries_left => {
                let stamp = stamp.expect("what was sent has a sequence");
                tracker.on_out_of_order(sent.tp, stamp.base_sequence, was_renumbered);
                true
            }
            _ => error.is_retriable(),
        };
        if in_time && retries_left && is_retriable {
            let retry =
                Backoff { initial: self.config.retry_backoff, max: self.config.retry_backoff_max };
            let partition = const { Name::of("partition") }.numbered(sent.tp.partition);
            let pause = retry
                .pause(failures, |min, max| self.retry_draws.between(now, partition, min, max));
            let until = now + pause;
            self.accumulator.reenqueue(sent.id, self.idempotence.is_some(), until);
            let body = Arc::clone(&sent.body);
            fx.note(ClientEvent::BatchRetried { tp: sent.tp, body, error });
        } else {
            let batch = self.accumulator.incomplete.finish(sent.id).expect("found above");
            if let Some(tracker) = &mut self.idempotence {
                // A sequence that never fitted means a gap in the log, however often it was tried.
                let is_gap_certain = retries_left || error == ErrorCode::OutOfOrderSequenceNumber;
                tracker.on_failed(sent.tp, sent.id, is_gap_certain);
            }
            self.fail(batch, error, fx);
        }
    }

    /// Tells the application that a batch failed; whether that is certain depends on every attempt.
    fn fail(&mut self, mut batch: ProducerBatch, error: ErrorCode, fx: &mut Effects) {
        let is_indefinite = batch.is_in_doubt || (batch.is_in_flight && leaves_doubt(error));
        let body = batch.body();
        self.report(&body);
        fx.note(ClientEvent::BatchFailed { tp: batch.tp, body, error, is_indefinite });
    }

    fn report(&mut self, body: &BatchBody) {
        let ids = body.records.iter().filter_map(|record| record.id);
        self.finished.extend(ids.map(|id| id.n));
    }

    /// When the thread looks for what took too long although nothing wakes it: where a connection is
    /// being set up, at its time-out; else a request time-out after it fell asleep, which may be
    /// later than a request's own time: an answer that comes in between still counts.
    pub(super) fn deadline(&self) -> Instant {
        let requests = match self.network.request_deadline() {
            Instant::NEVER => Instant::NEVER,
            due => due.max(self.asleep_since + self.config.request_timeout),
        };
        self.network.connect_deadline().min(requests)
    }

    /// When a round may have something to do that it had not before.
    pub(super) fn next_wake(&self, now: Instant) -> Instant {
        let retry_at = |node| self.network.retry_at(node);
        let data = self.accumulator.next_wake(now, &self.metadata, retry_at);
        let metadata = self.metadata.next_wake(now, &self.network);
        let timeout = self.config.delivery_timeout;
        let expiry = self
            .accumulator
            .incomplete
            .oldest()
            .map_or(Instant::NEVER, |(_, b)| b.created + timeout);
        data.min(metadata).min(expiry).min(self.wake_for_producer_id(now)).min(self.deadline())
    }

    fn wake_for_producer_id(&self, now: Instant) -> Instant {
        match self.id_request {
            IdRequest::InFlight => Instant::NEVER,
            IdRequest::NotBefore(_) if self.has_producer_id() => Instant::NEVER,
            IdRequest::NotBefore(at) if at > now => at,
            IdRequest::NotBefore(_) if self.network.is_any_connecting() => Instant::NEVER,
            IdRequest::NotBefore(_) => {
                let brokers = self.metadata.brokers().iter();
                brokers.map(|node| self.network.retry_at(*node)).min().unwrap_or(Instant::NEVER)
            }
        }
    }
}
