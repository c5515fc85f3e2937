//! The admin client: creates a run's topics. Follows `KafkaAdminClient.createTopics`.
//!
//! ```text
//!            answered: created, or exists already
//!   topic n ────────────────────────────────────▶ topic n + 1 … ──▶ done
//!     ▲ │ refused, hung up or timed out
//!     └─┘ 100 ms later
//! ```
//!
//! ## Simplified
//! It talks to the controller directly (as KIP-919 allows) instead of through a broker that
//! forwards. It repeats a request for as long as it takes, also on INVALID_REPLICATION_FACTOR, which
//! only means here that the brokers have not registered yet; Kafka's would give up.

use crate::chance::{Chance, DrawsAbout};
use crate::engine::{Command, Effects, HaltReason, Input, Process};
use crate::error_code::ErrorCode;
use crate::id::{Incarnation, NodeId};
use crate::net::{Backoff, Channel, ChannelConfig, ConnIds};
use crate::protocol::{Body, CreateTopicsRequest, Frame, Response};
use crate::time::{Clock, Duration, Instant};

/// What the admin client is installed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminSpec {
    /// Which node it is.
    pub me: NodeId,
    /// Whom to ask.
    pub controller: NodeId,
    /// What to create, in this order.
    pub topics: Vec<CreateTopicsRequest>,
    /// What is random about it.
    pub chance: Chance,
}

/// The admin client.
#[derive(Clone, Debug)]
pub struct AdminNode {
    topics: Vec<CreateTopicsRequest>,
    /// How many of them exist.
    created: usize,
    channel: Channel<()>,
    ids: ConnIds,
    /// No request before this.
    not_before: Instant,
}

impl AdminNode {
    const PAUSE: Duration = Duration::from_millis(100);
    const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

    /// Whether every topic exists.
    pub const fn is_done(&self) -> bool {
        self.created == self.topics.len()
    }

    /// What it is still busy with; `None` if nothing is pending.
    pub const fn pending(&self) -> Option<&'static str> {
        if self.is_done() { None } else { Some("topics to be created") }
    }

    /// Asks for the next topic if nothing stands in the way.
    fn settle(&mut self, now: Instant, fx: &mut Effects) {
        if self.is_done() || self.channel.in_flight() > 0 || self.not_before > now {
            return;
        }
        self.channel.open(now, &mut self.ids, fx);
        if self.channel.can_send() {
            self.channel.send(now, self.topics[self.created].clone(), (), fx);
        }
    }

    fn on_answer(&mut self, now: Instant, frame: Frame) {
        let Body::Response(response) = frame.body else { unreachable!("nobody asks a client") };
        if self.channel.on_response(frame.conn, frame.correlation).is_none() {
            return;
        }
        let Response::CreateTopics(answer) = response else {
            unreachable!("CreateTopics was answered with {response:?}")
        };
        assert!(!self.is_done(), "an answer answers a request");
        if matches!(answer.error, ErrorCode::None | ErrorCode::TopicAlreadyExists) {
            self.created += 1;
        } else {
            self.not_before = now + Self::PAUSE;
        }
    }
}

impl Process for AdminNode {
    type Spec = AdminSpec;
    type Disk = ();

    fn blank_disk(_: &AdminSpec) {}

    fn boot(
        spec: &AdminSpec,
        _disk: (),
        life: Incarnation,
        clock: Clock,
        fx: &mut Effects,
    ) -> Self {
        let config = ChannelConfig {
            max_in_flight: 1,
            request_timeout: Self::REQUEST_TIMEOUT,
            connect_timeout: Self::REQUEST_TIMEOUT,
            reconnect: Backoff::fixed(Self::PAUSE),
        };
        let draws = spec.chance.draws("reconnect backoff");
        let mut admin = Self {
            topics: spec.topics.clone(),
            created: 0,
            channel: Channel::new(spec.controller, config, draws),
            ids: ConnIds::new(spec.me, life),
            not_before: Instant::ZERO,
        };
        admin.settle(clock.now, fx);
        admin
    }

    fn handle(&mut self, clock: Clock, input: Input, fx: &mut Effects) {
        let now = clock.now;
        match input {
            Input::Alarm => drop(self.channel.on_deadline(now, fx)),
            Input::Connected(conn) => drop(self.channel.on_connected(conn)),
            Input::Deliver { frame, .. } => self.on_answer(now, frame),
            Input::Hangup(conn) => drop(self.channel.on_hangup(now, conn)),
            Input::Flushed(_) => unreachable!("an admin client asks for no flush"),
            Input::Terminate => {
                fx.halt(HaltReason::ShutDown);
                return;
            }
            Input::Ask(Command::Send(_)) => unreachable!("a story asks producers to send"),
        }
        self.settle(now, fx);
    }

    fn next_alarm(&self) -> Instant {
        let retry = match self.channel.retry_at() {
            _ if self.is_done() => Instant::NEVER,
            Some(at) => at.max(self.not_before),
            None if self.channel.can_send() => self.not_before,
            None => Instant::NEVER,
        };
        retry.min(self.channel.deadline())
    }

    fn into_disk(self) {}

    fn lose_unflushed((): &mut (), _: &AdminSpec, _: Instant, _: &mut DrawsAbout) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::testing::{Bench, ms, tp};
    use crate::config::TopicConfig;
    use crate::id::TopicId;
    use crate::protocol::{CreateTopicsResponse, Request};

    fn bench() -> Bench<AdminNode> {
        let topic = |n| CreateTopicsRequest {
            topic: TopicId(n),
            assignment: vec![vec![NodeId::broker(1)]],
            config: TopicConfig::default(),
        };
        let spec = AdminSpec {
            me: NodeId::client(1),
            controller: NodeId::controller(1),
            topics: vec![topic(0), topic(1)],
            chance: Chance::of_node(7, NodeId::client(1)),
        };
        let mut bench = Bench::<AdminNode>::new(&spec, 0, &[]);
        bench.run_for(ms(1));
        bench
    }

    fn reply(bench: &mut Bench<AdminNode>, error: ErrorCode) {
        bench.answer(|_| true, CreateTopicsResponse { error });
    }

    fn asked(bench: &Bench<AdminNode>) -> Vec<TopicId> {
        let topics = bench.pending.iter().filter_map(|pending| {
            if let Request::CreateTopics(asked) = &pending.request {
                Some(asked.topic)
            } else {
                None
            }
        });
        topics.collect()
    }

    #[test]
    fn topics_are_created_one_after_the_other_and_once() {
        let mut bench = bench();
        assert_eq!(asked(&bench), [tp(0).topic]);
        reply(&mut bench, ErrorCode::None);
        assert_eq!(asked(&bench), [TopicId(1)]);
        assert!(bench.process.pending().is_some());
        reply(&mut bench, ErrorCode::TopicAlreadyExists);
        assert!(bench.process.is_done() && bench.process.pending().is_none());
        assert_eq!(bench.process.next_alarm(), Instant::NEVER);
    }

    #[test]
    fn a_refusal_is_repeated_after_a_pause_and_a_hangup_too() {
        let mut bench = bench();
        for error in [ErrorCode::InvalidReplicationFactor, ErrorCode::NotController] {
            reply(&mut bench, error);
            bench.run_for(ms(99));
            assert!(asked(&bench).is_empty());
            bench.run_for(ms(1));
            assert_eq!(asked(&bench), [TopicId(0)]);
        }
        bench.hang_up(NodeId::controller(1));
        bench.run_for(ms(101));
        assert_eq!(asked(&bench), [TopicId(0)]);
    }
}
