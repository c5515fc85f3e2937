//! What the rules ask of a cluster: the few reads they are written in.
//!
//! In a run [`Look`] answers; the tests of this module answer with replicas made by hand. Nothing
//! here can change anything.

use crate::look::Look;
use kafkalab_core::broker::{Broker, Fetcher};
use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::epoch::BrokerEpoch;
use kafkalab_core::event::LifecycleState;
use kafkalab_core::id::{Incarnation, InputNo, NodeId, TopicPartition};
use kafkalab_core::log::LogFile;
use kafkalab_core::metadata::{MetadataImage, PartitionRegistration};
use kafkalab_core::replica::Partition;
use kafkalab_core::time::Instant;

/// A cluster as it stands between two inputs.
pub(super) trait Cluster<'a>: Copy {
    /// The replica of `tp` on `node`, if that broker is live (its process runs).
    fn replica(self, tp: TopicPartition, node: NodeId) -> Option<&'a Partition>;
    /// The log of `tp` on `node`: of its process, or on its disk while it is down.
    fn log(self, tp: TopicPartition, node: NodeId) -> Option<&'a LogFile>;
    /// The epoch of the life that runs on `node`, once it knows that it is registered.
    fn broker_epoch(self, node: NodeId) -> Option<BrokerEpoch>;
    /// Which life of `node` this is; while it is down, the one to come.
    fn incarnation(self, node: NodeId) -> Incarnation;
    /// The metadata that the live broker `node` acts on.
    fn published(self, node: NodeId) -> Option<&'a MetadataImage>;
    /// From whom `node` copies `tp`: the leaders whose fetchers have it.
    fn fetches_from(self, tp: TopicPartition, node: NodeId) -> BrokerSet;
    /// The in-sync replicas in a proposal of `node` for `tp` that is queued or under way.
    fn proposal(self, tp: TopicPartition, node: NodeId) -> Option<BrokerSet>;
    /// Whether `node` is on its way out, handing over what it leads.
    fn is_stopping(self, node: NodeId) -> bool;
}

impl<'a> Cluster<'a> for Look<'a> {
    fn replica(self, tp: TopicPartition, node: NodeId) -> Option<&'a Partition> {
        Look::replica(self, tp, node)
    }

    fn log(self, tp: TopicPartition, node: NodeId) -> Option<&'a LogFile> {
        Look::log(self, tp, node)
    }

    fn broker_epoch(self, node: NodeId) -> Option<BrokerEpoch> {
        self.broker(node)?.broker_epoch()
    }

    fn incarnation(self, node: NodeId) -> Incarnation {
        self.world().incarnation(node)
    }

    fn published(self, node: NodeId) -> Option<&'a MetadataImage> {
        self.broker(node).map(|broker| broker.replicas().image())
    }

    fn fetches_from(self, tp: TopicPartition, node: NodeId) -> BrokerSet {
        let fetchers = self.broker(node).map_or(&[][..], Broker::fetchers).iter();
        let copies = |fetcher: &&Fetcher| fetcher.partitions().iter().any(|one| one.tp == tp);
        fetchers.filter(copies).map(Fetcher::leader).collect()
    }

    fn proposal(self, tp: TopicPartition, node: NodeId) -> Option<BrokerSet> {
        let item = self.broker(node)?.proposal(tp)?;
        Some(item.new_isr.iter().map(|(broker, _)| *broker).collect())
    }

    fn is_stopping(self, node: NodeId) -> bool {
        let state = self.broker(node).map(Broker::state);
        state >= Some(LifecycleState::PendingControlledShutdown)
    }
}

/// When something was seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moment {
    pub(super) at: Instant,
    pub(super) input: InputNo,
}

/// Everything a rule may look at beside the ghost of its partition.
#[derive(Clone, Copy)]
pub(super) struct Case<'a, V> {
    /// The running cluster.
    pub(super) view: V,
    /// What the controller has committed: the reference's C.
    pub(super) image: &'a MetadataImage,
    /// Now.
    pub(super) moment: Moment,
}

impl<'a, V: Cluster<'a>> Case<'a, V> {
    /// The committed record of `tp`.
    pub(super) fn record(&self, tp: TopicPartition) -> Option<&'a PartitionRegistration> {
        self.image.partition(tp)
    }

    /// The committed leader of `tp`, if it is live and already leads in the committed epoch.
    pub(super) fn leader(&self, tp: TopicPartition) -> Option<(NodeId, &'a Partition)> {
        let record = self.record(tp)?;
        let node = record.leader?;
        let replica = self.view.replica(tp, node)?;
        let leads =
            replica.leadership().is_some() && replica.leader_epoch() == Some(record.leader_epoch);
        leads.then_some((node, replica))
    }

    /// Whether the life that runs on `node` is the one the controller has registered. Only then does
    /// its place in the ISR speak about it: a restarted broker is taken out of the ISR when it
    /// registers again, and until then the ISR means its former life (KIP-841, KIP-903).
    pub(super) fn is_registered_life(&self, node: NodeId) -> bool {
        let epoch = self.view.broker_epoch(node);
        epoch.is_some() && epoch == self.image.brokers.get(&node).map(|broker| broker.epoch)
    }
}
