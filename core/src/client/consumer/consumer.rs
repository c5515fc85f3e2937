//! The consumer process: finds its positions, fetches, and lets its application poll.
//! Follows `KafkaConsumer` and `Fetcher`/`AbstractFetch`; how it finds positions is in `positions`.
//!
//! From boot on it finds its positions (the warm-up); polls begin at `start`.
//!
//! ## Simplified
//! Manual assignment only, no commits. Reads from leaders only (no KIP-392) and without fetch
//! sessions (KIP-227).

use super::application::Application;
use super::fetcher::{Delivery, FetchBuffer, Refused};
use super::subscription::{FetchState, Position, Subscription};
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
use crate::protocol::{Body, FetchPartition, FetchRequest, FetchResponse, Frame, Reader, Response};
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
pub(super) enum Asked {
    Metadata,
    ListOffsets(Vec<TopicPartition>),
    /// With the position that is validated.
    OffsetForLeaderEpoch(Vec<(TopicPartition, Position)>),
    /// With the positions asked for, in the order of the request.
    Fetch(Vec<(TopicPartition, Position)>),
}

/// A consumer and its application.
#[derive(Clone, Debug)]
pub struct ConsumerNode {
    pub(super) config: Arc<ConsumerConfig>,
    process: Duration,
    start: Instant,
    pub(super) network: Network<Asked>,
    pub(super) metadata: Metadata,
    pub(super) subscription: Subscription,
    buffer: FetchBuffer,
    application: Application,
    /// The next `poll` throws because the log of this partition was cut.
    pub(super) truncated: Option<TopicPartition>,
    wake: Instant,
}

impl ConsumerNode {
    /// The next offset it will hand out, once it is known.
    pub fn position(&self, tp: TopicPartition) -> Option<Offset> {
        Some(self.subscription.get(tp)?.position?.offset)
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
        let is_waiting = |state| match state {
            FetchState::AwaitReset | FetchState::AwaitValidation | FetchState::AwaitUpdate => true,
            FetchState::Fetching | FetchState::Failed => false,
        };
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
            let (version, metadata) = (self.metadata.version(), &self.metadata);
            self.subscription.on_metadata(version, |tp| metadata.leadership(tp));
            self.handle_errors(now, fx);
        }
        if self.application == Application::Polling {
            self.validate_positions(now, fx);
            self.reset_positions(now, fx);
            self.send_fetches(now, fx);
        }
        self.metadata.send_if_due(now, Asked::Metadata, &mut self.network, fx);
        self.wake = self.next_wake(now);
    }

    pub(super) fn has_started(&self, now: Instant) -> bool {
        self.start <= now
    }

    /// Deals with answers that bring no records, as `poll` does on its way to the first that does.
    fn handle_errors(&mut self, now: Instant, fx: &mut Effects) {
        if !self.has_started(now) {
            return;
        }
        if let Some(tp) = self.truncated.take() {
            self.fail(tp, ErrorCode::OffsetOutOfRange, fx);
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
        let Refused { tp, offset, leader, error } = refused;
        self.subscription.move_to_end(tp);
        match error {
            ErrorCode::NotLeaderOrFollower
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::KafkaStorageError
            | ErrorCode::OffsetNotAvailable
            | ErrorCode::UnknownTopicOrPartition
            | ErrorCode::UnknownTopicId => {
                self.metadata.request_update();
                self.subscription.await_update(tp, leader, self.metadata.version());
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
    pub(super) fn fail(&mut self, tp: TopicPartition, error: ErrorCode, fx: &mut Effects) {
        assert!(self.application == Application::Polling, "only poll throws");
        self.subscription.fail(tp);
        self.application = Application::Failed;
        fx.note(ClientEvent::PollFailed { tp, error });
    }

    /// One fetch to each leader that has none in flight and nothing in the buffer (C-30,
    /// KAFKA-17182), for all its partitions at once.
    fn send_fetches(&mut self, now: Instant, fx: &mut Effects) {
        if !self.has_started(now) || self.application == Application::Failed {
            return;
        }
        let source = |tp| Some(self.subscription.get(tp)?.position?.source()?.0);
        let buffered: BTreeSet<NodeId> = self.buffer.partitions().filter_map(source).collect();
        let fetching = self.subscription.iter().filter(|a| a.state == FetchState::Fetching);
        let fetchable: Vec<(TopicPartition, Position)> =
            fetching.map(|a| (a.tp, a.position.expect("what is fetching has one"))).collect();
        let mut requests: BTreeMap<NodeId, Vec<_>> = BTreeMap::new();
        for (tp, position) in fetchable {
            let Some((leader, epoch)) = position.source() else {
                self.metadata.request_update();
                continue;
            };
            let is_fetch = |asked: &Asked| matches!(asked, Asked::Fetch(_));
            if buffered.contains(&leader) || self.network.in_flight(leader).any(is_fetch) {
                continue;
            }
            if self.network.ready(now, leader, fx) {
                let partition = FetchPartition {
                    tp,
                    current_leader_epoch: Some(epoch),
                    fetch_offset: position.offset,
                    last_fetched_epoch: None,
                    log_start_offset: Offset::ZERO,
                    max_bytes: self.config.max_partition_fetch_bytes,
                };
                requests.entry(leader).or_default().push((position, partition));
            }
        }
        for (node, wanted) in requests {
            let asked = wanted.iter().map(|(position, p)| (p.tp, *position)).collect();
            let partitions = wanted.into_iter().map(|(_, partition)| partition).collect();
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
            (Asked::OffsetForLeaderEpoch(asked), Response::OffsetForLeaderEpoch(response)) => {
                self.on_epoch_ends(now, &asked, &response, fx);
            }
            (Asked::Fetch(asked), Response::Fetch(response)) => self.on_fetched(&asked, response),
            (asked, response) => unreachable!("{asked:?} was answered with {response:?}"),
        }
    }

    fn on_fetched(&mut self, asked: &[(TopicPartition, Position)], response: FetchResponse) {
        assert!(asked.len() == response.partitions.len(), "one answer per partition");
        for ((tp, position), answer) in asked.iter().zip(response.partitions) {
            assert!(*tp == answer.tp, "answers come in the order of the request");
            if let Some(named) = answer.current_leader
                && self.metadata.learn_leader(*tp, named)
                && let Some(leadership) = self.metadata.leadership(*tp)
            {
                self.subscription.follow(*tp, leadership);
            }
            self.buffer.add(*position, answer);
        }
    }

    fn on_disconnect(&mut self, now: Instant, lost: Disconnect<Asked>) {
        self.metadata.on_disconnect(now);
        for asked in lost.tags {
            match asked {
                Asked::Metadata => self.metadata.on_failure(now),
                Asked::ListOffsets(partitions) => self.ask_later(now, partitions.into_iter()),
                Asked::OffsetForLeaderEpoch(asked) => {
                    self.ask_later(now, asked.into_iter().map(|(tp, _)| tp));
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
            let source = || Some(assigned.position?.source()?.0);
            let node = match assigned.state {
                FetchState::AwaitReset | FetchState::AwaitValidation
                    if assigned.ask_not_before > now =>
                {
                    return Some(assigned.ask_not_before);
                }
                FetchState::AwaitReset if self.config.auto_offset_reset == OffsetReset::None => {
                    None
                }
                FetchState::AwaitReset => self.metadata.leader(assigned.tp),
                FetchState::Fetching | FetchState::AwaitValidation => {
                    source().filter(|_| self.has_started(now))
                }
                FetchState::AwaitUpdate | FetchState::Failed => None,
            };
            Some(self.network.retry_at(node?))
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
            truncated: None,
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
