//! A broker: the assembled process (`BrokerServer`, `KafkaApis`, `ReplicaManager`).
//!
//! ```text
//!   clients, followers ──▶ connections ─▶ serve ─▶ replicas ─▶ purgatory
//!   leaders            ◀── fetchers ─────────────────┘   ▲
//!   controller         ◀── lifecycle, alter_partition    │ publish
//!                      ◀── observer ── metadata log ─────┘
//! ```
//! Every input runs one step of one lane; see `work`.
//!
//! ## Simplified
//! Request threads never run out and log recovery takes no time. The checkpoint files and the epoch
//! cache reach the disk when they are written; batches only when the operating system writes them
//! back, which here happens at a clean shutdown alone: a loss of power may take anything since.

pub mod alter_partition;
mod connections;
mod fetcher;
mod follow;
pub mod lifecycle;
mod producer_ids;
mod publish;
mod purgatory;
mod read;
mod replicas;
mod serve;
mod work;

pub use fetcher::{FetchState, Fetched, Fetcher};
pub use replicas::Replicas;

use crate::chance::{Chance, Draws, DrawsAbout};
use crate::config::{BrokerConfig, Variations};
use crate::engine::{Effects, FlushId, HaltReason, Input, Process, ReplyTo};
use crate::epoch::{BrokerEpoch, LeaderEpoch, Offset, ProducerEpoch};
use crate::error_code::ErrorCode;
use crate::event::LifecycleState;
use crate::id::{ConnId, CorrelationId, Incarnation, NodeId, TopicPartition};
use crate::log::ReplicaFiles;
use crate::net::{Backoff, Channel, ChannelConfig, ConnIds};
use crate::protocol::{
    AlterPartitionItem, Body, FetchAnswer, FetchRequest, FetchResponse, Frame,
    InitProducerIdResponse, Request, Response,
};
use crate::raft::{MetadataLogDisk, Observer, ObserverSpec, VoterSet};
use crate::replica::FollowerUpdate;
use crate::time::{Clock, Duration, Instant, Span};
use crate::timers::Timers;
use alter_partition::AlterPartitionManager;
use connections::Connections;
use lifecycle::{Lifecycle, LifecycleOutput, LifecycleSpec};
use producer_ids::ProducerIds;
use purgatory::Purgatory;
use std::collections::BTreeMap;
use std::sync::Arc;
use work::WorkQueue;

/// What an administrator installed.
#[derive(Clone, Debug)]
pub struct BrokerSpec {
    /// Which broker.
    pub me: NodeId,
    /// The controllers it may ask.
    pub voters: Arc<[NodeId]>,
    /// Settings.
    pub config: Arc<BrokerConfig>,
    /// Which protections are on.
    pub variations: Arc<Variations>,
    /// How long it takes to apply a piece of metadata: until then it acts on what it knew before.
    pub metadata_apply: Span,
    /// What is random about it.
    pub chance: Chance,
}

impl BrokerSpec {
    /// What applying metadata takes on a machine that is not overloaded.
    pub const METADATA_APPLY: Span =
        Span { min: Duration::from_millis(1), max: Duration::from_millis(20) };
}

/// What survives a broker: its log directory.
#[derive(Clone, Debug, Default)]
pub struct BrokerDisk {
    /// The metadata log.
    pub metadata: MetadataLogDisk,
    /// The logs.
    pub replicas: BTreeMap<TopicPartition, ReplicaFiles>,
    /// replication-offset-checkpoint: high watermarks, up to 5 s old (T-7).
    pub watermarks: BTreeMap<TopicPartition, Offset>,
    /// .kafka_cleanshutdown: the epoch of a life that ended in good order.
    pub clean_shutdown: Option<BrokerEpoch>,
}

/// A fetch whose follower is still to be counted.
#[derive(Clone, Debug)]
struct PendingFetch {
    to: ReplyTo,
    request: FetchRequest,
    answers: Vec<FetchAnswer>,
    updates: Vec<FollowerUpdate>,
}

/// A leader's answer, and what was asked for: partition, offset and leader epoch.
#[derive(Clone, Debug)]
struct FetchedData {
    asked: Vec<(TopicPartition, Offset, LeaderEpoch)>,
    response: FetchResponse,
}

/// A queued step.
#[derive(Clone, Debug)]
enum Work {
    /// The next request of a connection.
    Serve(ConnId),
    /// The next request of a connection, for which a slow disk has written or read.
    ServeFromDisk(ConnId),
    /// A fetch that was parked, for which a slow disk has read.
    AnswerFetch(purgatory::ParkedFetch),
    /// What a leader sent, which a slow disk has written.
    ApplyFetched(NodeId, FetchedData),
    /// The second step of a follower's fetch.
    CountFollower(PendingFetch),
    /// A look at what waits for a partition.
    Complete(TopicPartition),
    /// Metadata up to here.
    Publish(Offset),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// Write the high watermarks down.
    CheckpointWatermarks,
    /// Look for followers that lag (R-38).
    ShrinkIsr,
    /// Forget producers that have been silent for long.
    ExpireProducers,
}

impl Timer {
    /// The name of the task in Kafka's scheduler.
    const fn task(self) -> &'static str {
        match self {
            Self::CheckpointWatermarks => "highwatermark-checkpoint",
            Self::ShrinkIsr => "isr-expiration",
            Self::ExpireProducers => "PeriodicProducerExpirationCheck",
        }
    }

    const fn period(self, config: &BrokerConfig) -> Duration {
        match self {
            Self::CheckpointWatermarks => config.high_watermark_checkpoint_interval,
            Self::ShrinkIsr => config.replica_lag_time_max.div(2),
            // producer.id.expiration.check.interval.ms
            Self::ExpireProducers => Duration::from_secs(600),
        }
    }
}

/// A broker.
#[derive(Clone, Debug)]
pub struct Broker {
    me: NodeId,
    voters: Arc<[NodeId]>,
    chance: Chance,
    ids: ConnIds,
    connections: Connections,
    replicas: Replicas,
    purgatory: Purgatory,
    fetchers: Vec<Fetcher>,
    observer: Observer,
    lifecycle: Lifecycle,
    alter: AlterPartitionManager,
    producer_ids: ProducerIds,
    work: WorkQueue<Work>,
    timers: Timers<Timer>,
    metadata_apply: Span,
    apply_draws: Draws,
    /// The first publication of this life was made.
    has_published: bool,
    /// replication-offset-checkpoint as it stands on disk.
    watermarks: BTreeMap<TopicPartition, Offset>,
    /// The marker this life leaves, once everything is flushed.
    clean_shutdown: Option<BrokerEpoch>,
}

/// The one flush of a life: at its end.
const FINAL_FLUSH: FlushId = FlushId(0);

impl Broker {
    /// The replica of `tp`.
    pub fn replica(&self, tp: TopicPartition) -> Option<&crate::replica::Partition> {
        self.replicas.get(tp)
    }

    /// The requests that were received and not looked at yet: their connections are muted.
    pub fn waiting_requests(&self) -> impl Iterator<Item = &Request> {
        self.connections.waiting()
    }

    /// Whether the request `correlation` was received last on `conn` and not looked at yet.
    pub fn keeps_waiting(&self, conn: ConnId, correlation: CorrelationId) -> bool {
        self.connections.waits_last(conn, correlation)
    }

    /// All replicas and the metadata they act on.
    pub const fn replicas(&self) -> &Replicas {
        &self.replicas
    }

    /// Where its life stands.
    pub const fn state(&self) -> LifecycleState {
        self.lifecycle.state()
    }

    /// The epoch of this incarnation, once registered.
    pub const fn broker_epoch(&self) -> Option<BrokerEpoch> {
        self.lifecycle.broker_epoch()
    }

    /// Its copy of the metadata log.
    pub const fn observer(&self) -> &Observer {
        &self.observer
    }

    /// The fetchers, by leader.
    pub fn fetchers(&self) -> &[Fetcher] {
        &self.fetchers
    }

    /// The ISR change of `tp` that is queued or in flight to the controller.
    pub fn proposal(&self, tp: TopicPartition) -> Option<&AlterPartitionItem> {
        self.alter.pending(tp)
    }

    /// Whether an ISR change of its waits to be decided.
    pub fn has_isr_change_in_flight(&self) -> bool {
        self.replicas.iter().any(|p| p.leadership().is_some_and(|l| l.pending.is_some()))
    }

    fn channel<T>(&self, to: NodeId, purpose: &str, request_timeout: Duration) -> Channel<T> {
        let config = ChannelConfig {
            max_in_flight: 1,
            request_timeout,
            connect_timeout: Duration::from_secs(10),
            reconnect: Backoff::fixed(Duration::from_millis(50)),
        };
        Channel::new(to, config, self.chance.draws_with(purpose, to))
    }

    // ---- inputs --------------------------------------------------------------------------------

    fn on_request(&mut self, now: Instant, frame: Frame, fx: &mut Effects) {
        let Body::Request(request) = frame.body else { unreachable!("checked by the caller") };
        let to = ReplyTo { conn: frame.conn, correlation: frame.correlation, asked: fx.input() };
        if !self.is_listening() {
            // Its port has closed since this connection was made.
            fx.close(to.conn);
        } else if let Some(request) = self.connections.arrive(to, request) {
            self.serve(now, to, request, fx);
        }
    }

    fn on_response(&mut self, now: Instant, frame: Frame, fx: &mut Effects) {
        let Body::Response(response) = frame.body else { unreachable!("checked by the caller") };
        let from = (frame.conn, frame.correlation);
        match response {
            Response::QuorumFetch(response) => {
                if self.observer.on_response(now, from, response, fx) {
                    self.publish_later(now, fx);
                }
            }
            Response::BrokerRegistration(response) => {
                let output = self.lifecycle.on_registration(now, from, response, fx);
                self.on_lifecycle(now, output, fx);
            }
            Response::BrokerHeartbeat(response) => {
                let output = self.lifecycle.on_heartbeat(now, from, response, fx);
                self.on_lifecycle(now, output, fx);
            }
            Response::AlterPartition(response) => {
                let decided = self.alter.on_response(now, from, response, fx);
                self.on_alter_answers(now, decided, fx);
            }
            Response::AllocateProducerIds(response) => {
                if self.producer_ids.channel().on_response(from.0, from.1).is_some() {
                    self.producer_ids.on_response(now, response);
                    self.serve_producer_ids(now, fx);
                }
            }
            Response::Fetch(response) => self.on_fetched(now, from, response, fx),
            Response::ListOffsets(response) => self.on_offsets(now, from, &response, fx),
            Response::Produce(_)
            | Response::OffsetForLeaderEpoch(_)
            | Response::Metadata(_)
            | Response::InitProducerId(_)
            | Response::CreateTopics(_) => unreachable!("a broker asks no such thing"),
        }
    }

    fn on_connected(&mut self, now: Instant, conn: ConnId, fx: &mut Effects) {
        if self.observer.owns(conn) {
            self.observer.on_connected(now, conn, fx);
        } else if self.lifecycle.owns(conn) {
            self.lifecycle.on_connected(conn, fx);
        } else if self.alter.owns(conn) {
            self.alter.on_connected(now, conn, fx);
        } else if self.producer_ids.owns(conn) {
            self.producer_ids.channel().on_connected(conn);
            self.serve_producer_ids(now, fx);
        } else if let Some(fetcher) = self.fetchers.iter_mut().find(|f| f.owns(conn)) {
            fetcher.channel().on_connected(conn);
            let leader = fetcher.leader();
            self.fetch_on(now, leader, fx);
        }
    }

    fn on_hangup(&mut self, now: Instant, conn: ConnId) {
        if self.observer.owns(conn) {
            self.observer.on_hangup(now, conn);
        } else if self.lifecycle.owns(conn) {
            self.lifecycle.on_hangup(now, conn);
        } else if self.alter.owns(conn) {
            self.alter.on_hangup(now, conn);
        } else if self.producer_ids.owns(conn) {
            self.producer_ids.channel().on_hangup(now, conn);
        } else if let Some(fetcher) = self.fetchers.iter_mut().find(|f| f.owns(conn)) {
            fetcher.channel().on_hangup(now, conn);
            fetcher.rest(now, self.replicas.config());
        } else {
            self.forget_connection(conn);
        }
    }

    /// A connection that somebody else opened is gone: nobody waits for its answers any more.
    fn forget_connection(&mut self, conn: ConnId) {
        self.connections.forget(conn);
        self.purgatory.forget(conn);
        self.producer_ids.forget(conn);
    }

    fn serve_producer_ids(&mut self, now: Instant, fx: &mut Effects) {
        while let Some((to, producer_id)) = self.producer_ids.next() {
            let producer_epoch = ProducerEpoch::ZERO;
            let error = ErrorCode::None;
            self.answer(now, to, InitProducerIdResponse { error, producer_id, producer_epoch }, fx);
        }
        let epoch = self.broker_epoch();
        self.producer_ids.go_on(now, self.me, epoch, &mut self.ids, fx);
    }

    fn on_lifecycle(&mut self, now: Instant, output: Option<LifecycleOutput>, fx: &mut Effects) {
        match output {
            None | Some(LifecycleOutput::Unfenced) => {}
            Some(LifecycleOutput::Registered(epoch)) => self.alter.set_broker_epoch(epoch),
            Some(LifecycleOutput::CaughtUp) => self.publish_later(now, fx),
            Some(LifecycleOutput::ShouldShutDown) => self.begin_final_flush(now, fx),
            Some(LifecycleOutput::GiveUp) => fx.halt(HaltReason::RegistrationTimeout),
        }
    }

    /// SIGTERM: hand leaderships over first, if that is wanted (C-60).
    fn terminate(&mut self, now: Instant, fx: &mut Effects) {
        if self.replicas.config().controlled_shutdown_enable {
            let output = self.lifecycle.begin_controlled_shutdown(now, &mut self.ids, fx);
            self.on_lifecycle(now, output, fx);
        } else {
            self.begin_final_flush(now, fx);
        }
    }

    fn begin_final_flush(&mut self, now: Instant, fx: &mut Effects) {
        for fetcher in &mut self.fetchers {
            fetcher.channel().close(now, fx);
        }
        self.fetchers.clear();
        fx.flush(FINAL_FLUSH);
    }

    /// Everything is on disk: leave the marker and go (L-77).
    fn on_final_flush(&mut self, fx: &mut Effects) {
        for partition in self.replicas.iter_mut() {
            let end = partition.log().end();
            partition.log_mut().mark_flushed(end);
        }
        let end = self.observer.log().log_end();
        self.observer.mark_flushed(end);
        self.checkpoint_watermarks();
        self.clean_shutdown = self.broker_epoch();
        fx.halt(HaltReason::ShutDown);
    }

    fn checkpoint_watermarks(&mut self) {
        for partition in self.replicas.iter() {
            self.watermarks.insert(partition.tp(), partition.log().high_watermark());
        }
    }

    // ---- alarms --------------------------------------------------------------------------------

    fn on_alarm(&mut self, clock: Clock, fx: &mut Effects) {
        let now = clock.now;
        if let Some((cause, work)) = self.work.pop_due(now) {
            fx.caused_by(cause);
            self.run(now, work, fx);
        } else if let Some(fetch) = self.purgatory.expire_fetch(now) {
            self.finish_fetch(now, fetch, fx);
        } else if let Some(produce) = self.purgatory.expire_produce(now) {
            self.finish_produce(now, produce, fx);
        } else if let Some(timer) = self.timers.pop_due(now) {
            self.on_timer(clock, timer, fx);
        } else if self.observer.next_alarm() <= now {
            self.observer.on_alarm(now, &mut self.ids, fx);
        } else if self.lifecycle.next_alarm() <= now {
            let output = self.lifecycle.on_alarm(now, &mut self.ids, fx);
            self.on_lifecycle(now, output, fx);
        } else if self.alter.next_alarm() <= now {
            self.alter.on_alarm(now, &mut self.ids, fx);
        } else if self.producer_ids.next_alarm() <= now {
            self.producer_ids.channel().on_deadline(now, fx);
            self.serve_producer_ids(now, fx);
        } else if let Some(fetcher) = self.fetchers.iter_mut().find(|f| f.next_alarm() <= now) {
            let leader = fetcher.leader();
            if fetcher.channel().on_deadline(now, fx).is_some() {
                fetcher.rest(now, self.replicas.config());
            }
            self.fetch_on(now, leader, fx);
        }
    }

    fn run(&mut self, now: Instant, work: Work, fx: &mut Effects) {
        match work {
            Work::Serve(conn) => {
                if let Some((to, request)) = self.connections.next(conn) {
                    self.serve(now, to, request, fx);
                }
            }
            Work::ServeFromDisk(conn) => {
                if let Some((to, request)) = self.connections.next(conn) {
                    self.serve_now(now, to, request, fx);
                }
            }
            Work::AnswerFetch(parked) => self.answer_fetch(now, &parked, fx),
            Work::ApplyFetched(leader, data) => self.apply_fetched_data(now, leader, data, fx),
            Work::CountFollower(fetch) => self.count_follower(now, fetch, fx),
            Work::Complete(tp) => self.complete(now, tp, fx),
            Work::Publish(end) => self.publish(now, end, fx),
        }
    }

    fn on_timer(&mut self, clock: Clock, timer: Timer, fx: &mut Effects) {
        let now = clock.now;
        self.timers.set(timer, now + timer.period(self.replicas.config()));
        match timer {
            Timer::CheckpointWatermarks => self.checkpoint_watermarks(),
            Timer::ShrinkIsr => self.propose_shrinks(now, fx),
            Timer::ExpireProducers => self.replicas.expire_producers(clock.wall),
        }
    }
}

impl Process for Broker {
    type Spec = BrokerSpec;
    type Disk = BrokerDisk;

    fn blank_disk(_: &BrokerSpec) -> BrokerDisk {
        BrokerDisk::default()
    }

    fn boot(
        spec: &BrokerSpec,
        mut disk: BrokerDisk,
        life: Incarnation,
        clock: Clock,
        fx: &mut Effects,
    ) -> Self {
        let controller = spec.voters[0];
        // The marker is good for one start: a crash right after it is unclean (L-71).
        let previous_epoch = disk.clean_shutdown.take();
        let (config, variations) = (Arc::clone(&spec.config), Arc::clone(&spec.variations));
        let mut replicas = Replicas::new(spec.me, config, variations);
        replicas.load(disk.replicas, &disk.watermarks, previous_epoch.is_some(), fx);
        let mut timers = Timers::default();
        for timer in [Timer::CheckpointWatermarks, Timer::ShrinkIsr, Timer::ExpireProducers] {
            let (task, period) = (timer.task(), timer.period(&spec.config));
            timers.set(timer, spec.chance.first_run(task, life, clock.now, period));
        }
        let observer = ObserverSpec {
            me: spec.me,
            voters: VoterSet::new(spec.voters.iter().copied()),
            config: (*spec.config).clone(),
            chance: spec.chance.clone(),
        };
        let lifecycle = LifecycleSpec {
            me: spec.me,
            incarnation: life,
            previous_broker_epoch: previous_epoch,
            controller,
            config: (*spec.config).clone(),
            chance: spec.chance.clone(),
        };
        let channel = ChannelConfig {
            max_in_flight: 1,
            request_timeout: spec.config.quorum_request_timeout,
            connect_timeout: Duration::from_secs(10),
            reconnect: Backoff::fixed(Duration::from_millis(50)),
        };
        let draws = spec.chance.draws("producer id channel");
        Self {
            me: spec.me,
            voters: Arc::clone(&spec.voters),
            chance: spec.chance.clone(),
            ids: ConnIds::new(spec.me, life),
            connections: Connections::default(),
            replicas,
            purgatory: Purgatory::default(),
            fetchers: Vec::new(),
            observer: Observer::boot(disk.metadata, &observer),
            lifecycle: Lifecycle::boot(&lifecycle, clock.now, fx),
            alter: AlterPartitionManager::new(spec.me, controller, &spec.chance),
            producer_ids: ProducerIds::new(Channel::new(controller, channel, draws)),
            work: WorkQueue::new(spec.chance.draws_about("service")),
            timers,
            metadata_apply: spec.metadata_apply,
            apply_draws: spec.chance.draws("metadata apply"),
            has_published: false,
            watermarks: disk.watermarks,
            clean_shutdown: None,
        }
    }

    fn handle(&mut self, clock: Clock, input: Input, fx: &mut Effects) {
        let now = clock.now;
        match input {
            Input::Alarm => self.on_alarm(clock, fx),
            Input::Deliver { frame, sent_by: _ } => match frame.body {
                Body::Request(_) => self.on_request(now, frame, fx),
                Body::Response(_) => self.on_response(now, frame, fx),
            },
            Input::Connected(conn) => self.on_connected(now, conn, fx),
            Input::Hangup(conn) => self.on_hangup(now, conn),
            Input::Flushed(FINAL_FLUSH) => self.on_final_flush(fx),
            Input::Flushed(other) => unreachable!("a broker never asked for {other:?}"),
            Input::Terminate => {
                self.terminate(now, fx);
            }
            Input::Ask(_) => unreachable!("a broker has no application"),
        }
    }

    /// Its port opens when it is unfenced for the first time (C-25) and closes before it flushes
    /// (L-77).
    fn is_listening(&self) -> bool {
        match self.state() {
            LifecycleState::Running | LifecycleState::PendingControlledShutdown => true,
            LifecycleState::Starting | LifecycleState::Recovery | LifecycleState::ShuttingDown => {
                false
            }
        }
    }

    fn next_alarm(&self) -> Instant {
        let fetchers = self.fetchers.iter().map(Fetcher::next_alarm).min();
        self.work
            .next()
            .min(self.purgatory.next_deadline())
            .min(self.timers.next())
            .min(self.observer.next_alarm())
            .min(self.lifecycle.next_alarm())
            .min(self.alter.next_alarm())
            .min(self.producer_ids.next_alarm())
            .min(fetchers.unwrap_or(Instant::NEVER))
    }

    fn into_disk(self) -> BrokerDisk {
        BrokerDisk {
            metadata: self.observer.into_disk(),
            replicas: self.replicas.into_files(),
            watermarks: self.watermarks,
            clean_shutdown: self.clean_shutdown,
        }
    }

    fn lose_unflushed(
        disk: &mut BrokerDisk,
        spec: &BrokerSpec,
        now: Instant,
        draws: &mut DrawsAbout,
    ) {
        disk.metadata.lose_unflushed(now, draws);
        for (tp, files) in &mut disk.replicas {
            let (flushed, end) = (files.log.flushed(), files.log.end());
            let kept = draws.below(
                now,
                spec.chance.roster().partition(*tp),
                end.distance_from(flushed) + 1,
            );
            files.log.truncate(flushed.plus(kept));
        }
    }
}

/// Names an answer: its connection and which request it answers.
type AnswerId = (ConnId, CorrelationId);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Effect;
    use crate::id::InputNo;
    use crate::protocol::{InitProducerIdRequest, Request};

    /// Found by chaos: a broker told to stop before it was registered kept its ports open until its
    /// last flush, and a client that asked it for a producer id made time stand still.
    #[test]
    fn a_broker_that_stops_before_it_was_registered_serves_nobody() {
        let spec = BrokerSpec {
            me: NodeId::broker(1),
            voters: vec![NodeId::controller(1)].into(),
            config: Arc::default(),
            variations: Arc::default(),
            metadata_apply: BrokerSpec::METADATA_APPLY,
            chance: Chance::of_node(1, NodeId::broker(1)),
        };
        let (mut fx, clock) = (Effects::default(), Clock::default());
        let disk = Broker::blank_disk(&spec);
        let mut broker = Broker::boot(&spec, disk, Incarnation(0), clock, &mut fx);
        assert!(!broker.is_listening(), "its port opens when it is unfenced");
        broker.handle(clock, Input::Terminate, &mut fx);
        assert_eq!(broker.state(), LifecycleState::ShuttingDown);
        assert!(!broker.is_listening());
        fx.begin(InputNo(2));
        let conn = ConnId { client: NodeId::client(1), n: 0 };
        let body = Body::Request(Request::from(InitProducerIdRequest));
        let frame = Frame { conn, correlation: CorrelationId(0), body };
        broker.handle(clock, Input::Deliver { frame, sent_by: InputNo(1) }, &mut fx);
        assert_eq!(fx.as_slice(), [Effect::Close(conn)]);
        broker.handle(clock, Input::Alarm, &mut fx);
        assert!(broker.next_alarm() > clock.now, "nothing is due for ever");
    }
}
