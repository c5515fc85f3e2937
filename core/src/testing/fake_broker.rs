//! A broker without partitions: its life, its copy of the metadata, its proposals of ISRs.

use crate::broker::alter_partition::AlterPartitionManager;
use crate::broker::lifecycle::{Lifecycle, LifecycleOutput, LifecycleSpec};
use crate::chance::Chance;
use crate::config::BrokerConfig;
use crate::engine::{Effects, HaltReason, Input};
use crate::id::{Incarnation, NodeId};
use crate::metadata::MetadataImage;
use crate::net::ConnIds;
use crate::protocol::{AlterPartitionAnswer, AlterPartitionItem, Body, Frame, Response};
use crate::raft::{MetadataLogDisk, Observer, ObserverSpec, VoterSet};
use crate::time::Instant;

#[derive(Clone, Debug)]
pub(crate) struct FakeBroker {
    pub(crate) lifecycle: Lifecycle,
    pub(crate) observer: Observer,
    pub(crate) alter_partition: AlterPartitionManager,
    /// What it has published to itself: everything committed, at once.
    pub(crate) image: MetadataImage,
    pub(crate) outputs: Vec<LifecycleOutput>,
    pub(crate) answers: Vec<AlterPartitionAnswer>,
    ids: ConnIds,
}

impl FakeBroker {
    pub(crate) fn boot(
        me: NodeId,
        voters: VoterSet,
        config: &BrokerConfig,
        (disk, incarnation): (MetadataLogDisk, Incarnation),
        now: Instant,
        fx: &mut Effects,
    ) -> Self {
        let chance = Chance::of_node(1, me);
        let controller = voters.only().expect("one voter");
        let spec = LifecycleSpec {
            me,
            incarnation,
            previous_broker_epoch: None,
            controller,
            config: config.clone(),
            chance: chance.clone(),
        };
        let observer = ObserverSpec { me, voters, config: config.clone(), chance: chance.clone() };
        Self {
            lifecycle: Lifecycle::boot(&spec, now, fx),
            observer: Observer::boot(disk, &observer),
            alter_partition: AlterPartitionManager::new(me, controller, &chance),
            image: MetadataImage::default(),
            outputs: Vec::new(),
            answers: Vec::new(),
            ids: ConnIds::new(me, incarnation),
        }
    }

    pub(crate) fn propose(&mut self, now: Instant, item: AlterPartitionItem, fx: &mut Effects) {
        assert!(self.alter_partition.submit(now, item, &mut self.ids, fx), "one at a time");
    }

    pub(crate) fn next_alarm(&self) -> Instant {
        let others = self.observer.next_alarm().min(self.alter_partition.next_alarm());
        self.lifecycle.next_alarm().min(others)
    }

    pub(crate) fn handle(&mut self, now: Instant, input: Input, fx: &mut Effects) {
        match input {
            Input::Alarm => self.on_alarm(now, fx),
            Input::Connected(conn) => {
                self.lifecycle.on_connected(conn, fx);
                self.observer.on_connected(now, conn, fx);
                self.alter_partition.on_connected(now, conn, fx);
            }
            Input::Hangup(conn) => {
                self.lifecycle.on_hangup(now, conn);
                self.observer.on_hangup(now, conn);
                self.alter_partition.on_hangup(now, conn);
            }
            Input::Deliver { frame, .. } => self.on_frame(now, frame, fx),
            Input::Terminate => {
                let output = self.lifecycle.begin_controlled_shutdown(now, &mut self.ids, fx);
                self.on_output(now, output, fx);
            }
            Input::Flushed(_) | Input::Ask(_) => unreachable!("a fake broker does neither"),
        }
    }

    fn on_alarm(&mut self, now: Instant, fx: &mut Effects) {
        if self.lifecycle.next_alarm() <= now {
            let output = self.lifecycle.on_alarm(now, &mut self.ids, fx);
            self.on_output(now, output, fx);
        } else if self.observer.next_alarm() <= now {
            self.observer.on_alarm(now, &mut self.ids, fx);
        } else {
            self.alter_partition.on_alarm(now, &mut self.ids, fx);
        }
    }

    fn on_frame(&mut self, now: Instant, frame: Frame, fx: &mut Effects) {
        let Body::Response(response) = frame.body else { unreachable!("nobody asks it anything") };
        let at = (frame.conn, frame.correlation);
        let output = match response {
            Response::BrokerRegistration(r) => self.lifecycle.on_registration(now, at, r, fx),
            Response::BrokerHeartbeat(r) => self.lifecycle.on_heartbeat(now, at, r, fx),
            Response::QuorumFetch(r) => {
                if self.observer.on_response(now, at, r, fx) {
                    self.publish();
                }
                None
            }
            Response::AlterPartition(r) => {
                let decided = self.alter_partition.on_response(now, at, r, fx);
                self.answers.extend(decided.into_iter().map(|(_, answer)| answer));
                None
            }
            Response::Produce(_)
            | Response::Fetch(_)
            | Response::ListOffsets(_)
            | Response::OffsetForLeaderEpoch(_)
            | Response::Metadata(_)
            | Response::InitProducerId(_)
            | Response::AllocateProducerIds(_)
            | Response::CreateTopics(_) => unreachable!("it did not ask for that"),
        };
        self.on_output(now, output, fx);
    }

    fn publish(&mut self) {
        for (offset, record) in self.observer.committed_from(self.image.end_offset) {
            assert_eq!(offset, self.image.end_offset, "no record is skipped (INV-23)");
            self.image.replay(record);
        }
        self.lifecycle.metadata_published(self.image.end_offset);
    }

    fn on_output(&mut self, now: Instant, output: Option<LifecycleOutput>, fx: &mut Effects) {
        self.outputs.extend(output);
        match output {
            Some(LifecycleOutput::Registered(epoch)) => {
                self.alter_partition.set_broker_epoch(epoch);
            }
            Some(LifecycleOutput::CaughtUp) => {
                self.lifecycle.ready_to_unfence(now, &mut self.ids, fx);
            }
            Some(LifecycleOutput::ShouldShutDown) => fx.halt(HaltReason::ShutDown),
            Some(LifecycleOutput::GiveUp) => fx.halt(HaltReason::RegistrationTimeout),
            Some(LifecycleOutput::Unfenced) | None => {}
        }
    }
}
