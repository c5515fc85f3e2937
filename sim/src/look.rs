//! Cheap borrowed reads of a running cluster: whose view a question takes is decided here, once.
//!
//! Conditions, checkers, the ledger and the views all look through this module. Nothing is copied or
//! built; a question costs a few comparisons.
//!
//! - leader, isr and epochs are the controller's *committed* record, also while it is down;
//! - the high watermark and log end of a partition are those of that leader's replica;
//! - the log of a dead broker is what its disk holds.

use crate::world::World;
use kafkalab_core::broker::Broker;
use kafkalab_core::client::{ConsumerNode, ProducerNode};
use kafkalab_core::controller::ControllerNode;
use kafkalab_core::epoch::Offset;
use kafkalab_core::id::{Incarnation, NodeId, NodeKind, TopicPartition};
use kafkalab_core::log::LogFile;
use kafkalab_core::metadata::{MetadataImage, PartitionRegistration};
use kafkalab_core::node::{Node, NodeDisk};
use kafkalab_core::replica::Partition;

/// A cluster as it stands between two inputs.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    world: &'a World<Node>,
}

impl<'a> Look<'a> {
    /// Looks at `world`.
    pub const fn at(world: &'a World<Node>) -> Self {
        Self { world }
    }

    /// The world itself.
    pub const fn world(self) -> &'a World<Node> {
        self.world
    }

    /// All brokers.
    pub fn brokers(self) -> impl Iterator<Item = NodeId> + 'a {
        self.world.nodes().take_while(|node| node.kind() == NodeKind::Broker)
    }

    /// The running broker `node`.
    pub fn broker(self, node: NodeId) -> Option<&'a Broker> {
        match self.world.process(node)? {
            Node::Broker(broker) => Some(broker),
            Node::Controller(_) | Node::Producer(_) | Node::Consumer(_) | Node::Admin(_) => None,
        }
    }

    /// The running controller.
    pub fn controller(self) -> Option<&'a ControllerNode> {
        match self.world.process(NodeId::controller(1))? {
            Node::Controller(controller) => Some(controller),
            Node::Broker(_) | Node::Producer(_) | Node::Consumer(_) | Node::Admin(_) => None,
        }
    }

    /// The running producer `node`.
    pub fn producer(self, node: NodeId) -> Option<&'a ProducerNode> {
        match self.world.process(node)? {
            Node::Producer(producer) => Some(producer),
            Node::Broker(_) | Node::Controller(_) | Node::Consumer(_) | Node::Admin(_) => None,
        }
    }

    /// The running consumer `node`.
    pub fn consumer(self, node: NodeId) -> Option<&'a ConsumerNode> {
        match self.world.process(node)? {
            Node::Consumer(consumer) => Some(consumer),
            Node::Broker(_) | Node::Controller(_) | Node::Producer(_) | Node::Admin(_) => None,
        }
    }

    /// Whether `node` runs, or ran before.
    pub fn has_lived(self, node: NodeId) -> bool {
        self.world.is_up(node) || self.world.incarnation(node) > Incarnation(0)
    }

    /// Whether the client `node` ran and does so no more, or its application ended by itself.
    pub fn is_dead(self, node: NodeId) -> bool {
        match self.consumer(node) {
            Some(consumer) => consumer.has_failed(),
            None => self.has_lived(node) && !self.world.is_up(node),
        }
    }

    /// The replica of `tp` on the running broker `node`.
    pub fn replica(self, tp: TopicPartition, node: NodeId) -> Option<&'a Partition> {
        self.broker(node)?.replica(tp)
    }

    /// The log of `tp` on `node`: of its process, or on its disk while it is down.
    pub fn log(self, tp: TopicPartition, node: NodeId) -> Option<&'a LogFile> {
        if let Some(replica) = self.replica(tp, node) {
            return Some(replica.log().file());
        }
        match self.world.disk(node)? {
            NodeDisk::Broker(disk) => disk.replicas.get(&tp).map(|files| &files.log),
            NodeDisk::Controller(_)
            | NodeDisk::Producer(_)
            | NodeDisk::Consumer(())
            | NodeDisk::Admin(()) => None,
        }
    }

    /// Where the log of `tp` on `node` ends.
    pub fn log_end(self, tp: TopicPartition, node: NodeId) -> Option<Offset> {
        self.log(tp, node).map(LogFile::end)
    }
}

/// What the controller has committed, remembered by an observer so that it can be asked while the
/// controller is down.
#[derive(Clone, Debug, Default)]
pub struct Committed {
    image: MetadataImage,
}

impl Committed {
    /// Catches up with the controller, after an input of its.
    pub fn follow(&mut self, look: Look<'_>) {
        if let Some(controller) = look.controller() {
            let image = &controller.controller().images().committed;
            if image.end_offset > self.image.end_offset {
                self.image.clone_from(image);
            }
        }
    }

    /// The committed image.
    pub const fn image(&self) -> &MetadataImage {
        &self.image
    }

    /// The committed record of `tp`.
    pub fn partition(&self, tp: TopicPartition) -> Option<&PartitionRegistration> {
        self.image.partition(tp)
    }

    /// The replica of the committed leader of `tp`, if it runs and already leads in that epoch.
    pub fn leader<'a>(&self, look: Look<'a>, tp: TopicPartition) -> Option<&'a Partition> {
        let registration = self.partition(tp)?;
        let replica = look.replica(tp, registration.leader?)?;
        let leads = replica.leadership().is_some()
            && replica.leader_epoch() == Some(registration.leader_epoch);
        leads.then_some(replica)
    }
}
