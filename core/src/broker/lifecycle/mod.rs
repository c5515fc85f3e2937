//! A broker's life as its controller sees it: `BrokerLifecycleManager` (KIP-631).
//!
//! ```text
//!  Starting ── caught up ─▶ Recovery ── unfenced ─▶ Running ── SIGTERM ─▶ PendingControlledShutdown
//!  register until accepted,    │   heartbeat             │                          │
//!  then heartbeat each 10 ms   │   each 2 s              │                          │ may shut down,
//!                              └──────── SIGTERM ────────┼───▶ ShuttingDown ◀───────┘ or 5 min
//! ```
//! - One communication at a time, on a connection of its own. If the connection breaks, the same
//!   communication is repeated on the next one, until broker.heartbeat.interval.ms have passed since
//!   it began; then, as after any refusal, the next one follows an interval later (KAFKA-19294).
//! - Being told that it is fenced does not stop a running broker (C-36): it serves, with its old
//!   metadata, until the metadata log says otherwise.
//! - The first heartbeat of a controlled shutdown goes out at once, the second 50 ms after its
//!   answer, later ones at the ordinary interval (C-31).
//!
//! ## Simplified
//! Log directories, listeners and features are not reported; the incarnation id is the ordinal of
//! the process's life, not a random number.

#[cfg(test)]
mod tests;

use crate::chance::Chance;
use crate::config::BrokerConfig;
use crate::engine::Effects;
use crate::epoch::{BrokerEpoch, Offset};
use crate::error_code::ErrorCode;
use crate::event::{LifecycleState, ReplicaEvent};
use crate::id::{ConnId, CorrelationId, Incarnation, NodeId};
use crate::net::{Backoff, Channel, ChannelConfig, ConnIds};
use crate::protocol::{
    BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationRequest,
    BrokerRegistrationResponse,
};
use crate::time::{Duration, Instant};
use crate::timers::Timers;

/// Who lives, told once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleSpec {
    /// The broker.
    pub me: NodeId,
    /// Which life of it.
    pub incarnation: Incarnation,
    /// The epoch in its clean-shutdown marker (L-78).
    pub previous_broker_epoch: Option<BrokerEpoch>,
    /// Where the active controller is.
    pub controller: NodeId,
    /// Its intervals and time-outs.
    pub config: BrokerConfig,
    /// What is random about it.
    pub chance: Chance,
}

/// What the owner must act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifecycleOutput {
    /// The controller accepted this incarnation, with this epoch.
    Registered(BrokerEpoch),
    /// The metadata includes the registration: publish it, then say [`Lifecycle::ready_to_unfence`].
    CaughtUp,
    /// Unfenced for the first time: open the ports to clients.
    Unfenced,
    /// Flush, write the clean-shutdown marker, halt.
    ShouldShutDown,
    /// No registration within initial.broker.registration.timeout.ms: halt.
    GiveUp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Communicate,
    RegistrationTimeout,
    ShutdownTimeout,
}

/// The life of one incarnation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    me: NodeId,
    incarnation: Incarnation,
    previous_broker_epoch: Option<BrokerEpoch>,
    config: BrokerConfig,
    state: LifecycleState,
    epoch: Option<BrokerEpoch>,
    metadata_offset: Offset,
    wants_fence: bool,
    /// The communication under way is given up then. `None`: the next one waits for its timer.
    under_way_until: Option<Instant>,
    /// Something changed during a communication that the controller should hear of at once.
    next_is_immediate: bool,
    got_shutdown_answer: bool,
    /// From its being unfenced to its next heartbeat.
    first_interval: Duration,
    channel: Channel<()>,
    timers: Timers<Timer>,
}

impl Lifecycle {
    /// Pause between heartbeats while the broker reads the metadata (C-31).
    const STARTING_INTERVAL: Duration = Duration::from_millis(10);
    /// Pause after the first "not yet" of a controlled shutdown (C-31).
    const FIRST_SHUTDOWN_INTERVAL: Duration = Duration::from_millis(50);
    /// A broker that is not let go stops by itself after this (C-61).
    const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(300);

    /// The broker process has started. The first registration goes out with the first alarm.
    pub fn boot(spec: &LifecycleSpec, now: Instant, fx: &mut Effects) -> Self {
        let channel = ChannelConfig {
            max_in_flight: 1,
            request_timeout: spec.config.heartbeat_interval,
            connect_timeout: Duration::from_secs(10),
            // Of the network client between a node and its controller.
            reconnect: Backoff::fixed(Duration::from_millis(50)),
        };
        let draws = spec.chance.draws("lifecycle reconnect");
        let interval = spec.config.heartbeat_interval;
        let first = spec.chance.first_run("heartbeat", spec.incarnation, now, interval);
        let first_interval = first.since(now);
        let mut timers = Timers::default();
        timers.set(Timer::Communicate, now);
        timers.set(Timer::RegistrationTimeout, now + spec.config.initial_registration_timeout);
        fx.note(ReplicaEvent::Lifecycle { to: LifecycleState::Starting });
        Self {
            me: spec.me,
            incarnation: spec.incarnation,
            previous_broker_epoch: spec.previous_broker_epoch,
            config: spec.config.clone(),
            state: LifecycleState::Starting,
            epoch: None,
            metadata_offset: Offset::ZERO,
            wants_fence: true,
            under_way_until: None,
            next_is_immediate: false,
            got_shutdown_answer: false,
            first_interval,
            channel: Channel::new(spec.controller, channel, draws),
            timers,
        }
    }

    /// Where in its life the broker is.
    pub const fn state(&self) -> LifecycleState {
        self.state
    }

    /// The broker epoch, once registered.
    pub const fn broker_epoch(&self) -> Option<BrokerEpoch> {
        self.epoch
    }

    /// The owner acts on metadata up to `end` now: what the next heartbeat reports.
    pub fn metadata_published(&mut self, end: Offset) {
        assert!(end >= self.metadata_offset, "published metadata never goes back (INV-4)");
        self.metadata_offset = end;
    }

    /// The owner has recovered its logs and published its first metadata: asks to be unfenced.
    pub fn ready_to_unfence(&mut self, now: Instant, ids: &mut ConnIds, fx: &mut Effects) {
        assert!(self.wants_fence, "a broker becomes ready once");
        self.wants_fence = false;
        self.communicate_at_once(now, ids, fx);
    }

    /// SIGTERM: hands leadership over if the broker runs, else stops at once.
    pub fn begin_controlled_shutdown(
        &mut self,
        now: Instant,
        ids: &mut ConnIds,
        fx: &mut Effects,
    ) -> Option<LifecycleOutput> {
        match self.state {
            LifecycleState::Running => {
                self.enter(LifecycleState::PendingControlledShutdown, fx);
                self.timers.set(Timer::ShutdownTimeout, now + Self::SHUTDOWN_TIMEOUT);
                self.communicate_at_once(now, ids, fx);
                None
            }
            LifecycleState::Starting | LifecycleState::Recovery => Some(self.shut_down(now, fx)),
            LifecycleState::PendingControlledShutdown | LifecycleState::ShuttingDown => None,
        }
    }

    /// Whether `conn` is its connection.
    pub fn owns(&self, conn: ConnId) -> bool {
        self.channel.owns(conn)
    }

    /// When it next wants `on_alarm`.
    pub fn next_alarm(&self) -> Instant {
        let under_way = self.under_way_until.map_or(Instant::NEVER, |until| {
            until.min(self.channel.retry_at().unwrap_or(Instant::NEVER))
        });
        self.timers.next().min(self.channel.deadline()).min(under_way)
    }

    /// The moment of `next_alarm`: gives up, reconnects, or begins the next communication.
    pub fn on_alarm(
        &mut self,
        now: Instant,
        ids: &mut ConnIds,
        fx: &mut Effects,
    ) -> Option<LifecycleOutput> {
        assert!(self.next_alarm() <= now, "an alarm has a reason");
        if self.under_way_until.is_some_and(|until| until <= now) {
            self.channel.on_deadline(now, fx);
            self.communicate_after(self.config.heartbeat_interval, now, true);
            return None;
        }
        if self.channel.on_deadline(now, fx).is_some() {
            return None;
        }
        match self.timers.pop_due(now) {
            Some(Timer::Communicate) => self.communicate(now, ids, fx),
            Some(Timer::RegistrationTimeout) if self.epoch.is_none() => {
                return Some(LifecycleOutput::GiveUp);
            }
            Some(Timer::ShutdownTimeout) => return Some(self.shut_down(now, fx)),
            Some(Timer::RegistrationTimeout) => {}
            None => self.channel.open(now, ids, fx),
        }
        None
    }

    /// A connection stands; sends what is under way if it is this one's.
    pub fn on_connected(&mut self, conn: ConnId, fx: &mut Effects) {
        if self.channel.on_connected(conn) {
            self.send(fx);
        }
    }

    /// A connection is gone. What is under way is repeated on the next one.
    pub fn on_hangup(&mut self, now: Instant, conn: ConnId) {
        self.channel.on_hangup(now, conn);
    }

    /// The registration was answered.
    pub fn on_registration(
        &mut self,
        now: Instant,
        (conn, correlation): (ConnId, CorrelationId),
        response: BrokerRegistrationResponse,
        fx: &mut Effects,
    ) -> Option<LifecycleOutput> {
        self.channel.on_response(conn, correlation)?;
        assert!(self.epoch.is_none(), "a registered broker does not register again");
        if response.error != ErrorCode::None {
            self.on_refused(response.error, now, fx);
            return None;
        }
        self.epoch = Some(response.broker_epoch);
        self.timers.cancel(Timer::RegistrationTimeout);
        fx.note(ReplicaEvent::Registered { epoch: response.broker_epoch });
        // The first heartbeat goes out in the same event.
        self.under_way_until = Some(now + self.config.heartbeat_interval);
        self.send(fx);
        Some(LifecycleOutput::Registered(response.broker_epoch))
    }

    /// A heartbeat was answered.
    pub fn on_heartbeat(
        &mut self,
        now: Instant,
        (conn, correlation): (ConnId, CorrelationId),
        response: BrokerHeartbeatResponse,
        fx: &mut Effects,
    ) -> Option<LifecycleOutput> {
        self.channel.on_response(conn, correlation)?;
        if response.error != ErrorCode::None {
            self.on_refused(response.error, now, fx);
            return None;
        }
        let interval = self.config.heartbeat_interval;
        match self.state {
            LifecycleState::Starting => {
                // Also after the last one: if there is nothing to recover, it starts up quicker.
                self.communicate_after(Self::STARTING_INTERVAL, now, false);
                response.is_caught_up.then(|| {
                    self.enter(LifecycleState::Recovery, fx);
                    LifecycleOutput::CaughtUp
                })
            }
            LifecycleState::Recovery if response.is_fenced => {
                self.communicate_after(interval, now, false);
                None
            }
            LifecycleState::Recovery => {
                self.communicate_after(self.first_interval, now, false);
                self.enter(LifecycleState::Running, fx);
                Some(LifecycleOutput::Unfenced)
            }
            LifecycleState::Running => {
                self.communicate_after(interval, now, false);
                None
            }
            LifecycleState::PendingControlledShutdown if response.should_shut_down => {
                Some(self.shut_down(now, fx))
            }
            LifecycleState::PendingControlledShutdown => {
                let is_first = !std::mem::replace(&mut self.got_shutdown_answer, true);
                let pause = if is_first { Self::FIRST_SHUTDOWN_INTERVAL } else { interval };
                self.communicate_after(pause, now, false);
                None
            }
            LifecycleState::ShuttingDown => None,
        }
    }

    fn on_refused(&mut self, error: ErrorCode, now: Instant, fx: &mut Effects) {
        if error == ErrorCode::NotController {
            // The same communication is repeated, on a new connection, as when this one breaks.
            self.channel.close(now, fx);
        } else {
            self.communicate_after(self.config.heartbeat_interval, now, true);
        }
    }

    fn communicate_at_once(&mut self, now: Instant, ids: &mut ConnIds, fx: &mut Effects) {
        if self.under_way_until.is_some() {
            self.next_is_immediate = true;
        } else {
            self.timers.cancel(Timer::Communicate);
            self.communicate(now, ids, fx);
        }
    }

    /// The communication under way has ended. After a failure nothing is urgent any more.
    fn communicate_after(&mut self, pause: Duration, now: Instant, has_failed: bool) {
        let is_immediate = std::mem::take(&mut self.next_is_immediate) && !has_failed;
        self.under_way_until = None;
        self.timers.set(Timer::Communicate, if is_immediate { now } else { now + pause });
    }

    fn communicate(&mut self, now: Instant, ids: &mut ConnIds, fx: &mut Effects) {
        assert!(self.under_way_until.is_none(), "one communication at a time");
        self.under_way_until = Some(now + self.config.heartbeat_interval);
        if self.channel.can_send() {
            self.send(fx);
        } else {
            self.channel.open(now, ids, fx);
        }
    }

    /// Sends what is under way, if anything: the registration until it is accepted, then heartbeats.
    fn send(&mut self, fx: &mut Effects) {
        let Some(until) = self.under_way_until else { return };
        match self.epoch {
            None => {
                let request = BrokerRegistrationRequest {
                    broker: self.me,
                    incarnation: self.incarnation,
                    previous_broker_epoch: self.previous_broker_epoch,
                };
                self.channel.send_with_deadline(until, request, (), fx);
            }
            Some(broker_epoch) => {
                let request = BrokerHeartbeatRequest {
                    broker: self.me,
                    broker_epoch,
                    metadata_offset: self.metadata_offset,
                    wants_fence: self.wants_fence,
                    wants_shutdown: self.state == LifecycleState::PendingControlledShutdown,
                };
                self.channel.send_with_deadline(until, request, (), fx);
            }
        }
    }

    fn shut_down(&mut self, now: Instant, fx: &mut Effects) -> LifecycleOutput {
        self.enter(LifecycleState::ShuttingDown, fx);
        self.under_way_until = None;
        self.timers = Timers::default();
        self.channel.close(now, fx);
        LifecycleOutput::ShouldShutDown
    }

    fn enter(&mut self, to: LifecycleState, fx: &mut Effects) {
        assert!(to > self.state, "a life only goes on");
        self.state = to;
        fx.note(ReplicaEvent::Lifecycle { to });
    }
}
