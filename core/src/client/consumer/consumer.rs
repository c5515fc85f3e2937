//! The consumer process: finds its positions, fetches, and lets its application poll.
//! Follows `KafkaConsumer`, `Fetcher`/`AbstractFetch` and `OffsetFetcher`.
//!
//! From boot on it finds its positions (the warm-up); polls begin at `start`.
//!
//! ## Simplified
//! Manual assignment only, no commits. Reads from leaders only (no KIP-392) and without fetch
//! sessions (KIP-227). Truncation detection (KIP-320) is left out, see `subscription`.

use super::application::Application;
use super::fetcher::{Delivery, FetchBuffer, Refused};
use super::subscription::{FetchState, Subscription};
use crate::chance::{Chance, DrawsAbout};
use crate::client::metadata::Metadata;
use crate::client::network::{Disconnect, Network, NetworkConfig};
use crate::config::{ConsumerConfig, OffsetReset};
use crate::engine::{Command, Effects, HaltReason, Input, Process};
use crate::epoch::{LeaderEpoch, Offset};
use crate::error_code::ErrorCode;
use crate::event::ClientEvent;
use crate::id::{Incarnation, NodeId, TopicId, TopicPartition};
use crate::net::Backoff;
use crate::protocol::{
    Body, FetchPartition, FetchRequest, FetchResponse, Frame, ListOffsetsAnswer,
    ListOffsetsPartition, ListOffsetsRequest, OffsetSpec, Reader, Response,
};
use crate::time::{Clock, Duration, Instant};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a consumer is installed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerSpec {
    /// Which node it is.
    pub me: NodeId,
    /// The brokers it knows of (bootstrap.servers).
    pub bootstrap: Vec<NodeId>,
    /// What it reads.
    pub assign: Vec<TopicPartition>,
    /// How long its application takes for one record.
    pub process: Duration,
    /// Its settings.
    pub config: ConsumerConfig,
    /// When its application begins to poll. Positions are found from boot on.
    pub start: Instant,
    /// What is random about it.
    pub chance: Chance,
}

/// What a request in flight was about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    Metadata,
    ListOffsets(Vec<TopicPartition>),
    /// With the offset asked for, in the order of the request.
    Fetch(Vec<(TopicPartition, Offset)>),
}

/// A consumer and its application.
#[derive(Clone, Debug)]
pub struct ConsumerNode {
    config: Arc<ConsumerConfig>,
    process: Duration,
    start: Instant,
    network: Network<Asked>,
    metadata: Metadata,
    subscription: Subscription,
    buffer: FetchBuffer,
    application: Application,
    wake: Instant,
}

impl ConsumerNode {
    /// The next offset it will hand out, once it is known.
    pub fn position(&self, tp: TopicPartition) -> Option<Offset> {
        self.subscription.get(tp)?.position
    }

    /// Who leads a partition, as far as this client knows, and in which epoch.
    pub fn known_leader(&self, tp: TopicPartition) -> Option<(Option<NodeId>, LeaderEpoch)> {
        self.metadata.leadership(tp).map(|known| (known.leader, known.epoch))
    }

    /// How a partition of its assignment stands.
    pub fn fetch_state(&self, tp: TopicPartition) -> Option<FetchState> {
        Some(self.subscription.get(tp)?.state)
    }

    /// Whether every position is known (or never will be): the end of its warm-up.
    pub fn is_position_resolved(&self) -> bool {
        self.subscription.is_resolved()
    }

    /// Whether the application has records that it has not finished.
    pub const fn has_in_hand(&self) -> bool {
        matches!(self.application, Application::Begin(_) | Application::End(..))
    }

    /// Whether `poll` threw and the application ended.
    pub const fn has_failed(&self) -> bool {
        matches!(self.application, Application::Failed)
    }

    /// What it is still busy with; `None` if nothing is pending. A fetch that waits is not.
    pub fn pending(&self) -> Option<&'static str> {
        let is_waiting = |state| matches!(state, FetchState::AwaitReset | FetchState::AwaitUpdate);
        if self.has_failed() {
            None
        } else if self.has_in_hand() {
            Some("the application is processing records")
        } else if !self.buffer.is_empty() {
            Some("fetched records to be handed out")
        } else if self.subscription.iter().any(|assigned| is_waiting(assigned.state)) {
            Some("a position or a leader is unknown")
        } else {
            None
        }
    }

    /// The end of every input: whatever can be asked now.
    fn settle(&mut self, now: Instant, fx: &mut Effects) {
        if self.application == Application::Polling {
            self.subscription.on_metadata(self.metadata.version());
            self.handle_errors(now, fx);
        }
        if self.application == Application::Polling {
            self.reset_positions(now, fx);
            self.send_fetches(now, fx);
        }
        self.metadata.send_if_due(now, Asked::Metadata, &mut self.network, fx);
        self.wake = self.next_wake(now);
    }

    fn has_started(&self, now: Instant) -> bool {
        self.start <= now
    }

    /// Deals with answers that bring no records, as `poll` does on its way to the first that does.
    fn handle_errors(&mut self, now: Instant, fx: &mut Effects) {
        if !self.has_started(now) {
            return;
        }
        while self.application == Application::Polling
            && let Some(refused) = self.buffer.next_error(&self.subscription)
        {
            self.on_fetch_error(refused, fx);
        }
    }

    /// What a refused fetch means (C-36).
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other code leaves poll")]
    fn on_fetch_error(&mut self, refused: Refused, fx: &mut Effects) {
        let Refused { tp, offset, error } = refused;
        self.subscription.move_to_end(tp);
        match error {
            ErrorCode::NotLeaderOrFollower
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::KafkaStorageError
            | ErrorCode::OffsetNotAvailable
            | ErrorCode::UnknownTopicOrPartition
            | ErrorCode::UnknownTopicId => {
                self.metadata.request_update();
                self.subscription.await_update(tp, self.metadata.version());
            }
            // The broker has not heard of the epoch yet: it soon will.
            ErrorCode::UnknownLeaderEpoch => {}
            ErrorCode::OffsetOutOfRange => {
                if self.subscription.valid_position(tp) != Some(offset) {
                    return; // The position has moved since.
                }
                if self.config.auto_offset_reset == OffsetReset::None {
                    self.fail(tp, error, fx);
                } else {
                    self.subscription.await_reset(tp);
                }
            }
            _ => self.fail(tp, error, fx),
        }
    }

    /// `poll` throws; the application does not catch it.
    fn fail(&mut self, tp: TopicPartition, error: ErrorCode, fx: &mut Effects) {
        assert!(self.application == Application::Polling, "only poll throws");
        self.subscription.fail(tp);
        self.application = Application::Failed;
        fx.note(ClientEvent::PollFailed { tp, error });
    }

    /// Asks the leaders where partitions without a position start (C-41).
    fn reset_positions(&mut self, now: Instant, fx: &mut Effects) {
        let waiting = self.subscription.iter().filter(|a| a.state == FetchState::AwaitReset);
        let due: Vec<TopicPartition> =
            waiting.filter(|a| a.reset_not_before <= now).map(|a| a.tp).collect();
        let spec = match self.config.auto_offset_reset {
            OffsetReset::Earliest => OffsetSpec::Earliest,
            OffsetReset::Latest => OffsetSpec::Latest,
            OffsetReset::None => {
                // Nothing committed and nothing to fall back on (NoOffsetForPartitionException).
                if let Some(tp) = due.first().filter(|_| self.has_started(now)) {
                    self.fail(*tp, ErrorCode::OffsetOutOfRange, fx);
                }
                return;
            }
        };
        let mut requests: BTreeMap<NodeId, Vec<ListOffsetsPartition>> = BTreeMap::new();
        for tp in due {
            let Some((leader, epoch)) = self.leader(tp) else { continue };
            if self.network.ready(now, leader, fx) {
                let current_leader_epoch = Some(epoch);
                let question = ListOffsetsPartition { tp, current_leader_epoch, spec };
                requests.entry(leader).or_default().push(question);
                self.subscription.hold_reset(tp, now + self.config.request_timeout);
            }
        }
        for (node, partitions) in requests {
            let asked = Asked::ListOffsets(partitions.iter().map(|question| question.tp).collect());
            let request = ListOffsetsRequest { replica: None, partitions };
            self.network.send(now, node, request, asked, fx);
        }
    }

    /// The leader to ask; without one, newer metadata is wanted.
    fn leader(&mut self, tp: TopicPartition) -> Option<(NodeId, LeaderEpoch)> {
        let known = self.metadata.leadership(tp);
        let leader = known.and_then(|known| Some((known.leader?, known.epoch)));
        if leader.is_none() {
            self.metadata.request_update();
        }
        leader
    }

    /// One fetch to each leader that has none in flight and nothing in the buffer (C-30,
    /// KAFKA-17182), for all its partitions at once.
    fn send_fetches(&mut self, now: Instant, fx: &mut Effects) {
        if !self.has_started(now) || self.application == Application::Failed {
            return;
        }
        let buffered: BTreeSet<NodeId> =
            self.buffer.partitions().filter_map(|tp| self.metadata.leader(tp)).collect();
        let fetching = self.subscription.iter().filter(|a| a.state == FetchState::Fetching);
        let fetchable: Vec<(TopicPartition, Offset)> =
            fetching.map(|a| (a.tp, a.position.expect("what is fetching has one"))).collect();
        let mut requests: BTreeMap<NodeId, Vec<FetchPartition>> = BTreeMap::new();
        for (tp, fetch_offset) in fetchable {
            let Some((leader, epoch)) = self.leader(tp) else { continue };
            let is_fetch = |asked: &Asked| matches!(asked, Asked::Fetch(_));
            if buffered.contains(&leader) || self.network.in_flight(leader).any(is_fetch) {
                continue;
            }
            if self.network.ready(now, leader, fx) {
                requests.entry(leader).or_default().push(FetchPartition {
                    tp,
                    current_leader_epoch: Some(epoch),
                    fetch_offset,
                    last_fetched_epoch: None,
                    log_start_offset: Offset::ZERO,
                    max_bytes: self.config.max_partition_fetch_bytes,
                });
            }
        }
        for (node, partitions) in requests {
            let asked = partitions.iter().map(|p| (p.tp, p.fetch_offset)).collect();
            let request = FetchRequest {
                reader: Reader::Consumer,
                max_wait: self.config.fetch_max_wait,
                min_bytes: self.config.fetch_min_bytes,
                max_bytes: self.config.fetch_max_bytes,
                partitions,
            };
            self.network.send(now, node, request, Asked::Fetch(asked), fx);
        }
    }

    fn on_answer(&mut self, now: Instant, frame: Frame, fx: &mut Effects) {
        let Body::Response(response) = frame.body else { unreachable!("nobody asks a client") };
        let Some(asked) = self.network.on_response(frame.conn, frame.correlation) else { return };
        match (asked, response) {
            (Asked::Metadata, Response::Metadata(response)) => {
                self.metadata.on_response(now, &response);
            }
            (Asked::ListOffsets(_), Response::ListOffsets(response)) => {
                for answer in &response.partitions {
                    self.on_offset(now, answer, fx);
                }
            }
            (Asked::Fetch(asked), Response::Fetch(response)) => self.on_fetched(&asked, response),
            (asked, response) => unreachable!("{asked:?} was answered with {response:?}"),
        }
    }

    /// Where a partition starts, or why that cannot be said yet (C-44): every error is asked again.
    fn on_offset(&mut self, now: Instant, answer: &ListOffsetsAnswer, fx: &mut Effects) {
        if answer.error == ErrorCode::None {
            let from = self.position(answer.tp);
            if self.subscription.reset(answer.tp, answer.offset) {
                fx.note(ClientEvent::PositionReset { tp: answer.tp, to: answer.offset, from });
            }
        } else {
            self.subscription.hold_reset(answer.tp, now + self.config.retry_backoff);
            self.metadata.request_update();
        }
    }

    fn on_fetched(&mut self, asked: &[(TopicPartition, Offset)], response: FetchResponse) {
        assert!(asked.len() == response.partitions.len(), "one answer per partition");
        for ((tp, offset), answer) in asked.iter().zip(response.partitions) {
            assert!(*tp == answer.tp, "answers come in the order of the request");
            self.buffer.add(*offset, answer);
        }
    }

    fn on_disconnect(&mut self, now: Instant, lost: Disconnect<Asked>) {
        self.metadata.on_disconnect(now);
        for asked in lost.tags {
            match asked {
                Asked::Metadata => self.metadata.on_failure(now),
                Asked::ListOffsets(partitions) => {
                    let again = now + self.config.retry_backoff;
                    for tp in partitions {
                        self.subscription.hold_reset(tp, again);
                    }
                }
                Asked::Fetch(_) => {} // The next poll fetches again.
            }
        }
    }

    /// One timer: a network deadline, else the next point of the application.
    fn on_alarm(&mut self, now: Instant, fx: &mut Effects) {
        if let Some(disconnect) = self.network.on_deadline(now, fx) {
            self.on_disconnect(now, disconnect);
            return;
        }
        match std::mem::replace(&mut self.application, Application::Polling) {
            Application::Polling => self.poll(now, fx),
            Application::Begin(in_hand) => {
                let Delivery { tp, offset, id } = *in_hand.front().expect("something is in hand");
                fx.note(ClientEvent::Processing { tp, offset, id });
                self.application = Application::End(in_hand, now + self.process);
            }
            Application::End(mut in_hand, at) if at <= now => {
                let Delivery { tp, offset, id } = in_hand.pop_front().expect("it was begun");
                fx.note(ClientEvent::Processed { tp, offset, id });
                if !in_hand.is_empty() {
                    self.application = Application::Begin(in_hand);
                }
            }
            idle @ (Application::End(..) | Application::Failed) => self.application = idle,
        }
    }

    /// `poll` returns what is buffered, after sending the next fetches (C-20, C-21).
    fn poll(&mut self, now: Instant, fx: &mut Effects) {
        if !self.has_started(now) {
            return;
        }
        let limit = self.config.max_poll_records.max(1) as usize;
        let records = self.buffer.collect(limit, &mut self.subscription);
        if records.is_empty() {
            return;
        }
        self.send_fetches(now, fx);
        for Delivery { tp, offset, id } in &records {
            fx.note(ClientEvent::Delivered { tp: *tp, offset: *offset, id: *id });
        }
        if self.process > Duration::ZERO {
            self.application = Application::Begin(records.into());
            return;
        }
        for Delivery { tp, offset, id } in records {
            fx.note(ClientEvent::Processing { tp, offset, id });
            fx.note(ClientEvent::Processed { tp, offset, id });
        }
    }

    fn next_wake(&self, now: Instant) -> Instant {
        let application = match &self.application {
            Application::Polling if !self.has_started(now) => self.start,
            Application::Polling if !self.buffer.is_empty() => now,
            Application::Polling | Application::Failed => Instant::NEVER,
            Application::Begin(_) => now,
            Application::End(_, at) => *at,
        };
        let asking = if self.application == Application::Polling {
            self.wake_for_requests(now)
        } else {
            Instant::NEVER
        };
        let metadata = self.metadata.next_wake(now, &self.network);
        application.min(asking).min(metadata).min(self.network.deadline())
    }

    /// When a request that could not be sent may be tried again.
    fn wake_for_requests(&self, now: Instant) -> Instant {
        let wakes = self.subscription.iter().filter_map(|assigned| {
            let is_due = match assigned.state {
                FetchState::AwaitReset if assigned.reset_not_before > now => {
                    return Some(assigned.reset_not_before);
                }
                FetchState::AwaitReset => self.config.auto_offset_reset != OffsetReset::None,
                FetchState::Fetching => self.has_started(now),
                FetchState::AwaitUpdate | FetchState::Failed => false,
            };
            let leader = self.metadata.leader(assigned.tp).filter(|_| is_due)?;
            Some(self.network.retry_at(leader))
        });
        wakes.min().unwrap_or(Instant::NEVER)
    }
}

impl Process for ConsumerNode {
    type Spec = ConsumerSpec;
    type Disk = ();

    fn blank_disk(_: &ConsumerSpec) {}

    fn boot(
        spec: &ConsumerSpec,
        _disk: (),
        life: Incarnation,
        clock: Clock,
        fx: &mut Effects,
    ) -> Self {
        let config = Arc::new(spec.config.clone());
        let network = NetworkConfig {
            max_in_flight: 100,
            request_timeout: config.request_timeout,
            reconnect: Backoff {
                initial: config.reconnect_backoff,
                max: config.reconnect_backoff_max,
            },
        };
        let retry = Backoff { initial: config.retry_backoff, max: config.retry_backoff_max };
        let topics: BTreeSet<TopicId> = spec.assign.iter().map(|tp| tp.topic).collect();
        let draws = spec.chance.draws("metadata refresh");
        let mut consumer = Self {
            process: spec.process,
            start: spec.start,
            network: Network::new(spec.me, life, network, &spec.chance),
            metadata: Metadata::new(
                topics.into_iter().collect(),
                spec.bootstrap.clone(),
                config.metadata_max_age,
                retry,
                draws,
            ),
            subscription: Subscription::new(&spec.assign),
            buffer: FetchBuffer::default(),
            application: Application::Polling,
            wake: Instant::NEVER,
            config,
        };
        consumer.settle(clock.now, fx);
        consumer
    }

    fn handle(&mut self, clock: Clock, input: Input, fx: &mut Effects) {
        let now = clock.now;
        match input {
            Input::Alarm => self.on_alarm(now, fx),
            Input::Connected(conn) => drop(self.network.on_connected(conn)),
            Input::Deliver { frame, .. } => self.on_answer(now, frame, fx),
            Input::Hangup(conn) => {
                if let Some(disconnect) = self.network.on_hangup(now, conn) {
                    self.on_disconnect(now, disconnect);
                }
            }
            Input::Flushed(_) => unreachable!("a consumer asks for no flush"),
            Input::Terminate => {
                fx.halt(HaltReason::ShutDown);
                self.wake = Instant::NEVER;
                return;
            }
            Input::Ask(Command::Send(_)) => unreachable!("a story asks producers to send"),
        }
        self.settle(now, fx);
    }

    fn next_alarm(&self) -> Instant {
        self.wake
    }

    fn into_disk(self) {}

    fn lose_unflushed((): &mut (), _: &ConsumerSpec, _: Instant, _: &mut DrawsAbout) {}
}
