//! How metadata becomes roles: `MetadataLoader`, `BrokerMetadataPublisher`,
//! `ReplicaManager.applyDelta` (rules, C-50).
//!
//! Applying takes time: a broker acts on a record a drawn length after it learned that the record is
//! committed, and until then on what it knew before. A leader that was replaced still acknowledges in
//! that window. Nothing is published before the controller has said that this incarnation has read
//! its own registration (C-25), so that it never acts on a former life's roles.
//!
//! ## Simplified
//! The length does not depend on how much there is to apply, and pieces are applied side by side, in
//! order: a piece that arrives while another is being applied does not wait for a second turn.

use super::work::Lane;
use super::{Broker, Work};
use crate::engine::Effects;
use crate::epoch::Offset;
use crate::event::{LifecycleState, ReplicaEvent};
use crate::id::TopicPartition;
use crate::metadata::{MetadataImage, PartitionRegistration};
use crate::time::{Duration, Instant, Span};
use std::sync::Arc;

/// What applying takes at least, so that other steps come in between.
const SHORTEST: Duration = Duration::from_micros(1);

impl Broker {
    /// Queues the publication of what is committed by now. A broker that shuts down has closed its
    /// publishers before its logs.
    pub(super) fn publish_later(&mut self, now: Instant, fx: &Effects) {
        if self.state() == LifecycleState::ShuttingDown {
            return;
        }
        if self.state() == LifecycleState::Starting {
            // The controller decides by this offset whether this incarnation is caught up.
            self.lifecycle.metadata_published(self.observer.committed_end());
        } else {
            let Span { min, max } = self.metadata_apply;
            let due = now + self.apply_draws.between(now, min, max).max(SHORTEST);
            let end = self.observer.committed_end();
            self.work.push_at(now, Lane::Metadata, due, fx.input(), Work::Publish(end));
        }
    }

    /// Replaces the metadata by that up to `end`, then applies the difference: leaders first, then
    /// followers.
    pub(super) fn publish(&mut self, now: Instant, end: Offset, fx: &mut Effects) {
        if self.state() == LifecycleState::ShuttingDown {
            return;
        }
        let mut next = self.replicas.image_arc();
        let image = Arc::make_mut(&mut next);
        let news = self.observer.committed_from(image.end_offset);
        for (_, record) in news.take_while(|(offset, _)| *offset < end) {
            image.replay(record);
        }
        let before = self.replicas.publish(Arc::clone(&next));
        let end_offset = next.end_offset;
        fx.note(ReplicaEvent::MetadataPublished { end_offset });
        let changed = self.changed(&before, &next);
        for (tp, registration) in &changed {
            if registration.leader == Some(self.me) {
                self.apply_leader(now, *tp, registration, fx);
            }
        }
        for (tp, registration) in &changed {
            if registration.leader != Some(self.me) {
                self.apply_follower(now, *tp, registration, fx);
            }
        }
        self.retire_fetchers(now, fx);
        self.lifecycle.metadata_published(end_offset);
        if !std::mem::replace(&mut self.has_published, true) {
            self.lifecycle.ready_to_unfence(now, &mut self.ids, fx);
        }
    }

    /// The partitions with a replica here whose record is not the one applied last.
    fn changed(
        &self,
        before: &MetadataImage,
        after: &MetadataImage,
    ) -> Vec<(TopicPartition, PartitionRegistration)> {
        let mut changed = Vec::new();
        for (topic, image) in &after.topics {
            let old = before.topics.get(topic);
            if old.is_some_and(|old| Arc::ptr_eq(old, image)) {
                continue;
            }
            for (n, registration) in image.partitions.iter().enumerate() {
                let known = old.and_then(|old| old.partitions.get(n));
                let is_news =
                    known.is_none_or(|old| old.partition_epoch != registration.partition_epoch);
                if is_news && registration.replicas.contains(&self.me) {
                    let tp = TopicPartition { topic: *topic, partition: n as u32 };
                    changed.push((tp, registration.clone()));
                }
            }
        }
        changed
    }

    fn apply_leader(
        &mut self,
        now: Instant,
        tp: TopicPartition,
        registration: &PartitionRegistration,
        fx: &mut Effects,
    ) {
        self.stop_fetching(tp);
        self.replicas.get_or_create(tp);
        let (partition, view) = self.replicas.get_with_view(tp, now);
        let partition = partition.expect("just created");
        partition.make_leader(registration, view, fx);
        self.complete_later(now, tp, fx);
    }

    fn apply_follower(
        &mut self,
        now: Instant,
        tp: TopicPartition,
        registration: &PartitionRegistration,
        fx: &mut Effects,
    ) {
        let is_stopping = self.state() == LifecycleState::PendingControlledShutdown;
        let is_out = registration.leader.is_none() || !registration.isr.contains(self.me);
        let partition = self.replicas.get_or_create(tp);
        let is_new_epoch = partition.make_follower(registration, fx);
        if is_stopping && is_out {
            // Nobody waits for its copy any more, and it will not be asked to lead.
            self.stop_fetching(tp);
        } else if is_new_epoch {
            self.stop_fetching(tp);
            if let Some(leader) = registration.leader {
                self.start_fetching(now, tp, leader, registration.leader_epoch, fx);
            }
        }
        self.complete_later(now, tp, fx);
    }
}
