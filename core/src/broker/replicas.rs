//! All replicas of one broker and the metadata they act on: the bookkeeping half of
//! `ReplicaManager` and `MetadataCache`.

use crate::config::{BrokerConfig, Variations};
use crate::engine::Effects;
use crate::epoch::Offset;
use crate::error_code::ErrorCode;
use crate::event::ReplicaEvent;
use crate::id::{NodeId, TopicPartition};
use crate::log::{PartitionLog, ReplicaFiles};
use crate::metadata::MetadataImage;
use crate::replica::{Partition, View};
use crate::time::{Instant, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Every replica this broker hosts, by partition.
#[derive(Clone, Debug)]
pub struct Replicas {
    me: NodeId,
    config: Arc<BrokerConfig>,
    variations: Arc<Variations>,
    image: Arc<MetadataImage>,
    hosted: Vec<Partition>,
}

impl Replicas {
    /// No replica yet, and an empty image.
    pub fn new(me: NodeId, config: Arc<BrokerConfig>, variations: Arc<Variations>) -> Self {
        Self { me, config, variations, image: Arc::default(), hosted: Vec::new() }
    }

    /// Loads what a former life left on disk.
    pub fn load(
        &mut self,
        files: BTreeMap<TopicPartition, ReplicaFiles>,
        watermarks: &BTreeMap<TopicPartition, Offset>,
        was_clean: bool,
        fx: &mut Effects,
    ) {
        assert!(self.hosted.is_empty(), "logs are loaded once, at the start");
        for (tp, files) in files {
            let checkpointed = watermarks.get(&tp).copied().unwrap_or_default();
            let log = PartitionLog::load(files, checkpointed);
            let (log_end_offset, high_watermark) = (log.end(), log.high_watermark());
            fx.note(ReplicaEvent::Loaded { tp, log_end_offset, high_watermark, was_clean });
            self.hosted.push(Partition::new(tp, self.me, log));
        }
    }

    /// The replica of `tp`, created empty if it is not there.
    pub fn get_or_create(&mut self, tp: TopicPartition) -> &mut Partition {
        let place = self.hosted.partition_point(|partition| partition.tp() < tp);
        if self.hosted.get(place).is_none_or(|partition| partition.tp() != tp) {
            self.hosted.insert(place, Partition::new(tp, self.me, PartitionLog::default()));
        }
        &mut self.hosted[place]
    }

    fn position(&self, tp: TopicPartition) -> Option<usize> {
        self.hosted.binary_search_by_key(&tp, Partition::tp).ok()
    }

    /// The replica of `tp`.
    pub fn get(&self, tp: TopicPartition) -> Option<&Partition> {
        self.position(tp).map(|place| &self.hosted[place])
    }

    /// The replica of `tp`, to be changed.
    pub fn get_mut(&mut self, tp: TopicPartition) -> Option<&mut Partition> {
        self.position(tp).map(|place| &mut self.hosted[place])
    }

    /// The replica of `tp` beside everything it may look at.
    pub fn get_with_view(
        &mut self,
        tp: TopicPartition,
        now: Instant,
    ) -> (Option<&mut Partition>, View<'_>) {
        let place = self.position(tp);
        let view =
            View { now, config: &self.config, variations: &self.variations, image: &self.image };
        (place.map(|place| &mut self.hosted[place]), view)
    }

    /// What a replica may look at.
    pub fn view(&self, now: Instant) -> View<'_> {
        View { now, config: &self.config, variations: &self.variations, image: &self.image }
    }

    /// The error for a partition that is not here.
    pub fn why_not_hosted(&self, tp: TopicPartition) -> ErrorCode {
        match self.image.partition(tp) {
            Some(_) => ErrorCode::NotLeaderOrFollower,
            None => ErrorCode::UnknownTopicOrPartition,
        }
    }

    /// All replicas, by partition.
    pub fn iter(&self) -> impl Iterator<Item = &Partition> {
        self.hosted.iter()
    }

    /// All replicas, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Partition> {
        self.hosted.iter_mut()
    }

    /// Forgets producers that wrote nothing to a log for long.
    pub fn expire_producers(&mut self, now: Timestamp) {
        self.hosted.iter_mut().for_each(|partition| partition.log_mut().expire_producers(now));
    }

    /// The metadata this broker acts on.
    pub fn image(&self) -> &MetadataImage {
        &self.image
    }

    /// Replaces the metadata; the former image.
    pub fn publish(&mut self, image: Arc<MetadataImage>) -> Arc<MetadataImage> {
        assert!(image.end_offset >= self.image.end_offset, "metadata never goes back (INV-4)");
        std::mem::replace(&mut self.image, image)
    }

    /// The metadata, to be built upon.
    pub fn image_arc(&self) -> Arc<MetadataImage> {
        Arc::clone(&self.image)
    }

    /// Broker settings.
    pub fn config(&self) -> &BrokerConfig {
        &self.config
    }

    /// Which protections are on.
    pub fn variations(&self) -> &Variations {
        &self.variations
    }

    /// Ends the life: the files remain.
    pub fn into_files(self) -> BTreeMap<TopicPartition, ReplicaFiles> {
        self.hosted.into_iter().map(|p| (p.tp(), p.into_log().into_files())).collect()
    }
}
