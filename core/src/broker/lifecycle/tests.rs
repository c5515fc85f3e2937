//! A broker's life, one answer of its controller after the other.

use super::*;
use crate::chance::Chance;
use crate::engine::Effect;
use crate::protocol::{Body, Request};

const ME: NodeId = NodeId::broker(1);
/// Not the first: its heartbeats have no drawn phase.
const LIFE: Incarnation = Incarnation(1);

fn at(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

/// A lifecycle with the answers of its controller in the test's hand.
struct Driver {
    lifecycle: Lifecycle,
    ids: ConnIds,
    fx: Effects,
    conns: u32,
    correlation: u32,
}

impl Driver {
    fn new() -> Self {
        let spec = LifecycleSpec {
            me: ME,
            incarnation: LIFE,
            previous_broker_epoch: None,
            controller: NodeId::controller(1),
            config: BrokerConfig::default(),
            chance: Chance::of_node(1, ME),
        };
        let mut fx = Effects::default();
        let lifecycle = Lifecycle::boot(&spec, at(0), &mut fx);
        let ids = ConnIds::new(ME, Incarnation(0));
        let mut driver = Self { lifecycle, ids, fx, conns: 0, correlation: 0 };
        driver.alarm(at(0));
        driver.lifecycle.on_connected(driver.conn(), &mut driver.fx);
        driver
    }

    /// Registered at 10 ms, running at 40 ms with its first heartbeat interval ahead.
    fn running() -> Self {
        let mut driver = Self::new();
        driver.registered(at(10), ErrorCode::None);
        driver.heartbeat(at(20), true, true, false);
        driver.lifecycle.ready_to_unfence(at(25), &mut driver.ids, &mut driver.fx);
        driver.heartbeat(at(40), true, false, false);
        assert_eq!(driver.lifecycle.state(), LifecycleState::Running);
        driver.sent();
        driver
    }

    fn conn(&self) -> ConnId {
        ConnId { client: ME, n: self.conns }
    }

    fn alarm(&mut self, now: Instant) -> Option<LifecycleOutput> {
        self.lifecycle.on_alarm(now, &mut self.ids, &mut self.fx)
    }

    fn which(&mut self) -> (ConnId, CorrelationId) {
        self.correlation += 1;
        (self.conn(), CorrelationId(self.correlation - 1))
    }

    fn registered(&mut self, now: Instant, error: ErrorCode) -> Option<LifecycleOutput> {
        let which = self.which();
        let answer = BrokerRegistrationResponse { error, broker_epoch: BrokerEpoch(7) };
        self.lifecycle.on_registration(now, which, answer, &mut self.fx)
    }

    fn heartbeat(
        &mut self,
        now: Instant,
        is_caught_up: bool,
        is_fenced: bool,
        should_shut_down: bool,
    ) -> Option<LifecycleOutput> {
        let which = self.which();
        let error = ErrorCode::None;
        let answer = BrokerHeartbeatResponse { error, is_caught_up, is_fenced, should_shut_down };
        self.lifecycle.on_heartbeat(now, which, answer, &mut self.fx)
    }

    /// The last heartbeat sent, as (wants fence, wants shutdown); forgets it.
    fn sent(&mut self) -> Option<(bool, bool)> {
        let mut sent = None;
        for effect in self.fx.drain() {
            if let Effect::Send { body: Body::Request(Request::BrokerHeartbeat(r)), .. } = effect {
                sent = Some((r.wants_fence, r.wants_shutdown));
            }
        }
        sent
    }
}

#[test]
fn a_starting_broker_asks_often_and_is_unfenced_only_when_ready() {
    let mut driver = Driver::new();
    let epoch = BrokerEpoch(7);
    let output = driver.registered(at(10), ErrorCode::None);
    assert_eq!(output, Some(LifecycleOutput::Registered(epoch)));
    assert_eq!(driver.sent(), Some((true, false)), "the first heartbeat follows at once");
    assert_eq!(driver.heartbeat(at(12), false, true, false), None);
    assert_eq!(driver.lifecycle.next_alarm(), at(22));
    driver.alarm(at(22));
    assert_eq!(driver.heartbeat(at(24), true, true, false), Some(LifecycleOutput::CaughtUp));
    driver.sent();
    driver.lifecycle.ready_to_unfence(at(30), &mut driver.ids, &mut driver.fx);
    assert_eq!(driver.sent(), Some((false, false)));
    assert_eq!(driver.heartbeat(at(32), true, false, false), Some(LifecycleOutput::Unfenced));
    assert_eq!(driver.lifecycle.next_alarm(), at(2_032));
}

#[test]
fn becoming_ready_during_a_heartbeat_makes_the_next_one_immediate() {
    let mut driver = Driver::new();
    driver.registered(at(10), ErrorCode::None);
    driver.heartbeat(at(20), true, true, false);
    driver.alarm(at(30));
    driver.sent();
    driver.lifecycle.ready_to_unfence(at(31), &mut driver.ids, &mut driver.fx);
    assert_eq!(driver.sent(), None, "one communication at a time");
    driver.heartbeat(at(32), true, true, false);
    assert_eq!(driver.lifecycle.next_alarm(), at(32));
    driver.alarm(at(32));
    assert_eq!(driver.sent(), Some((false, false)));
    assert_eq!(driver.lifecycle.timers.get(Timer::RegistrationTimeout), None);
}

#[test]
fn a_refused_registration_is_repeated_after_an_interval_until_a_minute_is_over() {
    let mut driver = Driver::new();
    driver.registered(at(10), ErrorCode::DuplicateBrokerRegistration);
    assert_eq!(driver.lifecycle.next_alarm(), at(2_010));
    let mut now = at(2_010);
    loop {
        if let Some(output) = driver.alarm(now) {
            assert_eq!((output, now), (LifecycleOutput::GiveUp, at(60_000)));
            return;
        }
        driver.registered(now, ErrorCode::DuplicateBrokerRegistration);
        now = driver.lifecycle.next_alarm();
    }
}

#[test]
fn being_told_that_it_is_fenced_does_not_stop_a_running_broker() {
    let mut driver = Driver::running();
    driver.alarm(at(2_040));
    assert_eq!(driver.heartbeat(at(2_042), true, true, false), None);
    assert_eq!(driver.lifecycle.state(), LifecycleState::Running, "the zombie window (C-36)");
}

#[test]
fn an_unanswered_heartbeat_is_given_up_after_an_interval() {
    let mut driver = Driver::running();
    driver.alarm(at(2_040));
    assert_eq!(driver.sent(), Some((false, false)));
    assert_eq!(driver.lifecycle.next_alarm(), at(4_040));
    driver.alarm(at(4_040));
    assert_eq!(driver.lifecycle.next_alarm(), at(6_040), "and the next follows an interval later");
}

#[test]
fn a_broken_connection_repeats_what_was_under_way_on_the_next() {
    let mut driver = Driver::running();
    driver.alarm(at(2_040));
    driver.sent();
    driver.lifecycle.on_hangup(at(2_041), driver.conn());
    assert_eq!(driver.lifecycle.next_alarm(), at(2_091));
    driver.alarm(at(2_091));
    driver.conns = 1;
    driver.lifecycle.on_connected(driver.conn(), &mut driver.fx);
    assert_eq!(driver.sent(), Some((false, false)));
}

#[test]
fn a_stopping_broker_asks_at_once_then_soon_then_at_the_ordinary_pace() {
    let mut driver = Driver::running();
    driver.lifecycle.begin_controlled_shutdown(at(100), &mut driver.ids, &mut driver.fx);
    assert_eq!(driver.sent(), Some((false, true)));
    assert_eq!(driver.heartbeat(at(130), true, false, false), None);
    assert_eq!(driver.lifecycle.next_alarm(), at(180));
    driver.alarm(at(180));
    assert_eq!(driver.heartbeat(at(182), true, false, false), None);
    assert_eq!(driver.lifecycle.next_alarm(), at(2_182));
    driver.alarm(at(2_182));
    let output = driver.heartbeat(at(2_184), true, true, true);
    assert_eq!(output, Some(LifecycleOutput::ShouldShutDown));
    assert_eq!(driver.lifecycle.next_alarm(), Instant::NEVER);
}

#[test]
fn a_stopping_broker_that_is_never_let_go_stops_after_five_minutes() {
    let mut driver = Driver::running();
    driver.lifecycle.begin_controlled_shutdown(at(100), &mut driver.ids, &mut driver.fx);
    driver.lifecycle.on_hangup(at(100), driver.conn());
    let (mut now, mut alarms) = (at(100), 0);
    let output = loop {
        now = now.max(driver.lifecycle.next_alarm());
        if let Some(output) = driver.alarm(now) {
            break output;
        }
        alarms += 1;
        driver.conns +=
            u32::from(driver.lifecycle.owns(ConnId { client: ME, n: driver.conns + 1 }));
        driver.lifecycle.on_hangup(now, driver.conn());
    };
    assert_eq!((output, now), (LifecycleOutput::ShouldShutDown, at(300_100)));
    assert!(alarms > 100, "it kept trying");
}

#[test]
fn a_broker_that_does_not_run_yet_stops_at_once() {
    let mut driver = Driver::new();
    let output = driver.lifecycle.begin_controlled_shutdown(at(5), &mut driver.ids, &mut driver.fx);
    assert_eq!(output, Some(LifecycleOutput::ShouldShutDown));
}
