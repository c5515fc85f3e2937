//! A controller as a process: `ControllerServer` with its `ControllerApis`.
//!
//! It owns the connections, the quorum's leader and the controller, and hands each input to the one
//! it concerns. Requests of one connection are served one at a time, in order: while one is parked
//! the connection is mute, as in Kafka's `SocketServer`.
//!
//! ## Simplified
//! The threads of a controller (network, Raft, event queue) handle one input together; its disk is
//! the metadata log alone.

use super::QuorumController;
use crate::chance::{Chance, DrawsAbout};
use crate::config::{BrokerConfig, Variations};
use crate::engine::{Effect, Effects, FlushId, HaltReason, Input, Process, ReplyTo};
use crate::id::{ConnId, Incarnation, NodeId};
use crate::protocol::{Body, Frame, Request};
use crate::raft::{Leader, MetadataLogDisk, VoterSet};
use crate::time::{Clock, Instant};
use std::collections::{BTreeMap, VecDeque};

/// What an administrator installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerSpec {
    /// This controller.
    pub me: NodeId,
    /// The voters of the quorum: this one.
    pub voters: VoterSet,
    /// Settings it shares with the brokers.
    pub config: BrokerConfig,
    /// Which protections are on.
    pub variations: Variations,
    /// What is random about it.
    pub chance: Chance,
}

/// A running controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerNode {
    raft: Leader,
    controller: QuorumController,
    /// Connections with a request that is not answered yet, and what arrived on them meanwhile.
    mute: BTreeMap<ConnId, VecDeque<(ReplyTo, Request)>>,
}

impl ControllerNode {
    /// The quorum's leader: its epoch, log and high watermark.
    pub const fn raft(&self) -> &Leader {
        &self.raft
    }

    /// The controller: its images and its soft state.
    pub const fn controller(&self) -> &QuorumController {
        &self.controller
    }

    fn on_alarm(&mut self, now: Instant, fx: &mut Effects) {
        // Ties go to the quorum: what lingered is written before more is decided.
        if self.raft.next_alarm() <= now {
            self.raft.on_alarm(now, fx);
        } else {
            self.controller.on_alarm(now, &mut self.raft, fx);
        }
        self.drain_without_linger(now, fx);
    }

    fn on_frame(&mut self, now: Instant, frame: Frame, fx: &mut Effects) {
        let Frame { conn, correlation, body } = frame;
        let Body::Request(request) = body else { unreachable!("a controller asks nobody") };
        let to = ReplyTo { conn, correlation, asked: fx.input() };
        match self.mute.get_mut(&conn) {
            Some(waiting) => waiting.push_back((to, request)),
            None => self.serve(now, to, &request, fx),
        }
    }

    fn serve(&mut self, now: Instant, to: ReplyTo, request: &Request, fx: &mut Effects) {
        let before = self.mute.insert(to.conn, VecDeque::new());
        assert!(before.is_none(), "a connection has one request at a time");
        if let Request::QuorumFetch(request) = request {
            let moved = self.raft.on_fetch(now, to, *request, fx);
            assert!(!moved, "an only voter waits for nobody's fetch");
        } else {
            self.controller.on_request(now, to, request, &mut self.raft, fx);
        }
        self.drain_without_linger(now, fx);
    }

    fn on_flushed(&mut self, now: Instant, id: FlushId, fx: &mut Effects) {
        if self.raft.on_flushed(id, fx) {
            self.controller.on_committed(now, &mut self.raft, fx);
        }
    }

    /// With controller.quorum.append.linger.ms = 0 an append is written in the input that made it.
    fn drain_without_linger(&mut self, now: Instant, fx: &mut Effects) {
        if self.raft.has_lingered(now) {
            self.raft.on_alarm(now, fx);
        }
    }

    /// Lets the connections speak again whose request this input answered, and serves what waited.
    fn unmute_answered(&mut self, now: Instant, fx: &mut Effects) {
        let mut seen = 0;
        while seen < fx.as_slice().len() {
            let effect = &fx.as_slice()[seen];
            seen += 1;
            let Effect::Send { conn, answers: Some(_), .. } = effect else { continue };
            let conn = *conn;
            let Some(mut waiting) = self.mute.remove(&conn) else { continue };
            if let Some((to, request)) = waiting.pop_front() {
                self.serve(now, to, &request, fx);
                let rest = self.mute.get_mut(&conn).expect("just inserted");
                assert!(rest.is_empty(), "nothing else has arrived in this input");
                *rest = waiting;
            }
        }
    }
}

impl Process for ControllerNode {
    type Spec = ControllerSpec;
    type Disk = MetadataLogDisk;

    fn blank_disk(_: &ControllerSpec) -> MetadataLogDisk {
        MetadataLogDisk::default()
    }

    fn boot(
        spec: &ControllerSpec,
        disk: MetadataLogDisk,
        life: Incarnation,
        _: Clock,
        fx: &mut Effects,
    ) -> Self {
        let linger = spec.config.quorum_append_linger;
        Self {
            raft: Leader::elect(disk, spec.me, spec.voters.clone(), linger, fx),
            controller: QuorumController::new(&spec.config, &spec.variations, &spec.chance, life),
            mute: BTreeMap::new(),
        }
    }

    fn handle(&mut self, clock: Clock, input: Input, fx: &mut Effects) {
        let now = clock.now;
        match input {
            Input::Alarm => self.on_alarm(now, fx),
            Input::Deliver { frame, .. } => self.on_frame(now, frame, fx),
            Input::Flushed(id) => self.on_flushed(now, id, fx),
            Input::Hangup(conn) => {
                self.mute.remove(&conn);
                self.raft.on_hangup(conn);
                self.controller.on_hangup(conn);
            }
            Input::Terminate => fx.halt(HaltReason::ShutDown),
            Input::Connected(_) => unreachable!("a controller opens no connection"),
            Input::Ask(_) => unreachable!("a controller is no client"),
        }
        self.unmute_answered(now, fx);
    }

    fn next_alarm(&self) -> Instant {
        self.raft.next_alarm().min(self.controller.next_alarm())
    }

    fn into_disk(self) -> MetadataLogDisk {
        self.raft.into_disk()
    }

    fn lose_unflushed(
        disk: &mut MetadataLogDisk,
        _: &ControllerSpec,
        now: Instant,
        draws: &mut DrawsAbout,
    ) {
        disk.lose_unflushed(now, draws);
    }
}
