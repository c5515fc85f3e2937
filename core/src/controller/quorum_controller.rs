//! The controller on top of its quorum: `QuorumController`.
//!
//! ```text
//!              high watermark past the start of the epoch
//!   standby ─────────────────────────────────────────────▶ active
//!
//!   request ─▶ decide(latest) ─▶ replay(latest) ─▶ append ─▶ … committed ─▶ replay(committed), answer
//! ```
//! - Decisions see their predecessors at once, callers only what is committed (C-1). An operation
//!   without records is answered when everything before it is committed.
//! - A refusal is answered at once: it promises nothing.
//! - Observers are told of a record when it is committed, once in a run, whoever commits it.
//!
//! ## Simplified
//! One voter never loses its leadership, so reverting the newest image to the committed one (C-3) is
//! left out. An operation is one atomic batch, whatever its size.

use super::brokers::{self, decide_heartbeat, decide_registration};
use super::events;
use super::heartbeats::{BrokerControlState, Heartbeats};
use super::partitions::{decide_alter_partition, decide_create_topic, elect_preferred};
use super::producer_ids::decide_allocate;
use super::{Decision, View};
use crate::chance::Chance;
use crate::config::{BrokerConfig, Variations};
use crate::engine::{Effects, ReplyTo};
use crate::epoch::{BrokerEpoch, Offset};
use crate::error_code::ErrorCode;
use crate::event::ControllerEvent;
use crate::id::{ConnId, Incarnation};
use crate::metadata::{MetadataImage, MetadataRecord};
use crate::protocol::{
    AllocateProducerIdsResponse, AlterPartitionResponse, BrokerHeartbeatRequest,
    BrokerHeartbeatResponse, BrokerRegistrationRequest, BrokerRegistrationResponse,
    CreateTopicsResponse, Request, Response,
};
use crate::raft::Leader;
use crate::time::{Duration, Instant};
use crate::timers::Timers;
use std::collections::VecDeque;

/// The committed image and the newest one, which may be ahead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Speculative {
    /// What a majority has: the checkers' C.
    pub committed: MetadataImage,
    /// What decisions see.
    pub latest: MetadataImage,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct ParkedAnswer {
    /// Answered once everything below is committed.
    end: Offset,
    to: ReplyTo,
    answer: Response,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// Look for an expired session.
    FenceStaleBroker,
    /// Write a NoOp record.
    WriteNoOp,
    /// Give leaderships back to the first replicas.
    ElectPreferred,
}

impl Timer {
    /// The name of the task in Kafka's controller.
    const fn task(self) -> &'static str {
        match self {
            Self::FenceStaleBroker => "maybeFenceStaleBroker",
            Self::WriteNoOp => "writeNoOpRecord",
            Self::ElectPreferred => "electPreferred",
        }
    }
}

/// The controller of one quorum epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumController {
    images: Speculative,
    heartbeats: Heartbeats,
    variations: Variations,
    chance: Chance,
    life: Incarnation,
    no_op_interval: Duration,
    /// `None`: leaderships stay where they are.
    rebalance_interval: Option<Duration>,
    is_active: bool,
    parked: VecDeque<ParkedAnswer>,
    timers: Timers<Timer>,
}

impl QuorumController {
    /// Pause of a periodic task that has not done everything yet.
    const SOON: Duration = Duration::from_millis(10);

    /// A standby that knows nothing yet.
    pub fn new(
        config: &BrokerConfig,
        variations: &Variations,
        chance: &Chance,
        life: Incarnation,
    ) -> Self {
        Self {
            images: Speculative::default(),
            heartbeats: Heartbeats::new(config.session_timeout),
            variations: variations.clone(),
            chance: chance.clone(),
            life,
            no_op_interval: match config.metadata_max_idle_interval {
                // Kafka's way to say that none is to be written.
                Duration::ZERO => Duration::FOREVER,
                interval => interval,
            },
            rebalance_interval: config
                .auto_leader_rebalance_enable
                .then(|| Duration::from_secs(config.leader_imbalance_check_interval_seconds)),
            is_active: false,
            parked: VecDeque::new(),
            timers: Timers::default(),
        }
    }

    /// Whether it decides.
    pub const fn is_active(&self) -> bool {
        self.is_active
    }

    /// The committed image and the newest one.
    pub const fn images(&self) -> &Speculative {
        &self.images
    }

    /// Who was heard of when.
    pub const fn heartbeats(&self) -> &Heartbeats {
        &self.heartbeats
    }

    /// When it next wants `on_alarm`.
    pub fn next_alarm(&self) -> Instant {
        self.timers.next()
    }

    /// The moment of `next_alarm`.
    pub fn on_alarm(&mut self, now: Instant, raft: &mut Leader, fx: &mut Effects) {
        assert!(self.is_active, "only the active controller has periodic tasks");
        match self.timers.pop_due(now).expect("an alarm has a reason") {
            Timer::FenceStaleBroker => self.fence_stale_broker(now, raft, fx),
            Timer::WriteNoOp => {
                self.timers.set(Timer::WriteNoOp, now + self.period(Timer::WriteNoOp));
                self.append(now, vec![MetadataRecord::NoOp], raft, fx);
            }
            Timer::ElectPreferred => {
                self.timers.set(Timer::ElectPreferred, now + self.period(Timer::ElectPreferred));
                self.append(now, elect_preferred(&self.images.latest), raft, fx);
            }
        }
    }

    fn period(&self, timer: Timer) -> Duration {
        match timer {
            Timer::FenceStaleBroker => self.heartbeats.sampling_interval(),
            Timer::WriteNoOp => self.no_op_interval,
            Timer::ElectPreferred => self.rebalance_interval.unwrap_or(Duration::FOREVER),
        }
    }

    /// Fences one broker whose session has expired: each in an event of its own, so that the next
    /// sees its effect (C-34, T-2). After each it looks again soon.
    fn fence_stale_broker(&mut self, now: Instant, raft: &mut Leader, fx: &mut Effects) {
        let expired = self.heartbeats.oldest_expired(now);
        if let Some((broker, epoch)) = expired {
            self.heartbeats.remove_session(broker, epoch);
            let registration = self.images.latest.brokers.get(&broker);
            if registration.is_some_and(|r| r.epoch == epoch && !r.is_fenced) {
                let records = brokers::fence(self.view(now), broker);
                self.append(now, records, raft, fx);
                self.heartbeats.fence(broker);
            }
        }
        let pause = expired.map_or(self.period(Timer::FenceStaleBroker), |_| Self::SOON);
        self.timers.set(Timer::FenceStaleBroker, now + pause);
    }

    /// Decides a request, writes its records and answers, or parks the answer.
    pub fn on_request(
        &mut self,
        now: Instant,
        to: ReplyTo,
        request: &Request,
        raft: &mut Leader,
        fx: &mut Effects,
    ) {
        match self.decide(now, request, raft, fx) {
            Err(error) => fx.reply(to, refusal(request, error)),
            Ok(answer) => {
                let end = self.images.latest.end_offset;
                if end <= self.images.committed.end_offset {
                    fx.reply(to, answer);
                } else {
                    assert!(self.parked.back().is_none_or(|last| last.end <= end), "in order");
                    self.parked.push_back(ParkedAnswer { end, to, answer });
                }
            }
        }
    }

    /// Decides a request and takes in what it came to; gives the answer.
    fn decide(
        &mut self,
        now: Instant,
        request: &Request,
        raft: &mut Leader,
        fx: &mut Effects,
    ) -> Result<Response, ErrorCode> {
        if !self.is_active {
            return Err(ErrorCode::NotController);
        }
        let decision = match request {
            Request::BrokerHeartbeat(request) => return self.heartbeat(now, request, raft, fx),
            Request::BrokerRegistration(request) => {
                return self.register(now, request, raft, fx);
            }
            Request::AlterPartition(request) => decide_alter_partition(self.view(now), request)?,
            Request::CreateTopics(request) => decide_create_topic(self.view(now), request)?,
            Request::AllocateProducerIds(request) => decide_allocate(self.view(now), request)?,
            Request::Produce(_)
            | Request::Fetch(_)
            | Request::ListOffsets(_)
            | Request::OffsetForLeaderEpoch(_)
            | Request::Metadata(_)
            | Request::InitProducerId(_)
            | Request::QuorumFetch(_) => unreachable!("not asked of a controller: {request:?}"),
        };
        let Decision { records, answer } = decision;
        self.append(now, records, raft, fx);
        Ok(answer)
    }

    fn view(&self, now: Instant) -> View<'_> {
        let Self { images, heartbeats, variations, .. } = self;
        View { image: &images.latest, heartbeats, variations, now }
    }

    fn register(
        &mut self,
        now: Instant,
        request: &BrokerRegistrationRequest,
        raft: &mut Leader,
        fx: &mut Effects,
    ) -> Result<Response, ErrorCode> {
        let Decision { records, answer } = decide_registration(self.view(now), request)?;
        let before = self.images.latest.brokers.get(&request.broker).copied();
        self.append(now, records, raft, fx);
        if let Some(old) = before.filter(|old| old.incarnation != request.incarnation) {
            self.heartbeats.remove_session(request.broker, old.epoch);
        }
        self.heartbeats.register(request.broker);
        Ok(answer)
    }

    fn heartbeat(
        &mut self,
        now: Instant,
        request: &BrokerHeartbeatRequest,
        raft: &mut Leader,
        fx: &mut Effects,
    ) -> Result<Response, ErrorCode> {
        self.heartbeats.contact(request.broker, request.broker_epoch, now);
        let (Decision { records, answer }, next) = decide_heartbeat(self.view(now), request)?;
        let is_fenced =
            matches!(next, BrokerControlState::Fenced | BrokerControlState::ShutdownNow);
        self.heartbeats.touch(request.broker, request.metadata_offset, is_fenced);
        self.append(now, records, raft, fx);
        if next == BrokerControlState::ControlledShutdown {
            let end = self.images.latest.end_offset;
            self.heartbeats.begin_controlled_shutdown(request.broker, end);
        }
        Ok(answer)
    }

    /// Applies records to the newest image and hands them to the quorum, as one batch.
    fn append(
        &mut self,
        now: Instant,
        records: Vec<MetadataRecord>,
        raft: &mut Leader,
        fx: &mut Effects,
    ) {
        if records.is_empty() {
            return;
        }
        for record in &records {
            self.images.latest.replay(record);
        }
        let end = raft.append(now, records, fx.input());
        assert_eq!(end, self.images.latest.end_offset, "offsets promised are offsets given");
    }

    /// The high watermark moved: applies what is committed, tells the observers, answers who waited;
    /// becomes active once it has applied all that was there before its epoch (C-4).
    pub fn on_committed(&mut self, now: Instant, raft: &mut Leader, fx: &mut Effects) {
        let committed = raft.high_watermark().expect("it has moved");
        assert!(committed > raft.epoch_start(), "it covers a record of this epoch (Q-22)");
        let from = self.images.committed.end_offset;
        let told_end = raft.disk().told_end;
        for (offset, record) in raft.log().records(from, committed) {
            let told = (offset >= told_end).then_some((&mut *fx, raft.log()));
            events::apply(&mut self.images.committed, record, told);
        }
        raft.disk_mut().told_end = told_end.max(committed);
        if !self.is_active {
            self.activate(now, raft, fx);
        }
        while self.parked.front().is_some_and(|parked| parked.end <= committed) {
            let ParkedAnswer { to, answer, .. } = self.parked.pop_front().expect("just seen");
            fx.reply(to, answer);
        }
    }

    fn activate(&mut self, now: Instant, raft: &Leader, fx: &mut Effects) {
        assert!(!self.is_active && self.parked.is_empty(), "a standby has promised nothing");
        self.is_active = true;
        self.images.latest = self.images.committed.clone();
        assert_eq!(self.images.latest.end_offset, raft.next_write_offset(), "nobody else writes");
        self.heartbeats.activate(&self.images.latest, now);
        for timer in [Timer::FenceStaleBroker, Timer::WriteNoOp] {
            let (task, period) = (timer.task(), self.period(timer));
            self.timers.set(timer, self.chance.first_run(task, self.life, now, period));
        }
        // Counted from here in every life: a check too early would be a leadership that moves early.
        if let Some(interval) = self.rebalance_interval {
            self.timers.set(Timer::ElectPreferred, now + interval);
        }
        fx.note(ControllerEvent::Activated { epoch: raft.epoch() });
    }

    /// The caller's connection is gone, and with it who waited on it. What was written stays.
    pub fn on_hangup(&mut self, conn: ConnId) {
        self.parked.retain(|parked| parked.to.conn != conn);
    }
}

/// The answer that refuses a whole request.
fn refusal(request: &Request, error: ErrorCode) -> Response {
    assert_ne!(error, ErrorCode::None, "a refusal has a reason");
    match request {
        Request::BrokerRegistration(_) => {
            BrokerRegistrationResponse { error, broker_epoch: BrokerEpoch::ZERO }.into()
        }
        Request::BrokerHeartbeat(_) => BrokerHeartbeatResponse {
            error,
            is_caught_up: false,
            is_fenced: true,
            should_shut_down: false,
        }
        .into(),
        Request::AlterPartition(_) => {
            AlterPartitionResponse { error, partitions: Vec::new() }.into()
        }
        Request::CreateTopics(_) => CreateTopicsResponse { error }.into(),
        Request::AllocateProducerIds(_) => {
            AllocateProducerIdsResponse { error, first: 0, count: 0 }.into()
        }
        Request::Produce(_)
        | Request::Fetch(_)
        | Request::ListOffsets(_)
        | Request::OffsetForLeaderEpoch(_)
        | Request::Metadata(_)
        | Request::InitProducerId(_)
        | Request::QuorumFetch(_) => unreachable!("not asked of a controller: {request:?}"),
    }
}
