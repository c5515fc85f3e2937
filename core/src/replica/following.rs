//! What a follower does with what its leader sends: copy, learn the watermark, cut (the follower's
//! half of `Partition`; rules L-4, L-5, R-29, R-30, R-34).

use super::partition::{Partition, Role};
use crate::config::Variations;
use crate::engine::Effects;
use crate::epoch::{LeaderEpoch, Offset};
use crate::event::ReplicaEvent;
use crate::record::Batch;
use std::sync::Arc;

impl Partition {
    /// Appends what the leader of `fetched_in` sent and learns its high watermark (R-29, L-5).
    pub fn append_as_follower(
        &mut self,
        batches: Vec<Batch>,
        leader_watermark: Offset,
        fetched_in: LeaderEpoch,
        variations: &Variations,
        fx: &mut Effects,
    ) {
        assert!(matches!(self.role, Role::Follower(_)), "only a follower copies");
        let tp = self.tp;
        for batch in batches {
            // A batch of a newer epoch did not come from the leader that was asked (KAFKA-18723);
            // one below the end was read before this log grew.
            if batch.leader_epoch > fetched_in || batch.base_offset < self.log.end() {
                break;
            }
            let (base_offset, leader_epoch) = (batch.base_offset, batch.leader_epoch);
            let (as_leader, body) = (false, Arc::clone(&batch.body));
            self.log.append_as_follower(batch);
            fx.note(ReplicaEvent::Appended { tp, base_offset, leader_epoch, as_leader, body });
        }
        let end = self.log.end();
        let to =
            if variations.watermark_clamp { leader_watermark.min(end) } else { leader_watermark };
        let from = self.log.high_watermark();
        if to != from {
            self.log.set_high_watermark(to);
            fx.note(ReplicaEvent::HighWatermark { tp, from, to, as_leader: false });
        }
    }

    /// Cuts the log to `to`.
    pub fn truncate(&mut self, to: Offset, fx: &mut Effects) {
        assert!(matches!(self.role, Role::Follower(_)), "a leader never cuts its own log");
        let (tp, from) = (self.tp, self.log.end());
        let leader_epoch = self.leader_epoch.expect("a follower has an epoch");
        let watermark = self.log.high_watermark();
        self.log.truncate(to);
        let to = self.log.end();
        if to < from {
            fx.note(ReplicaEvent::Truncated { tp, from, to, leader_epoch });
        }
        if self.log.high_watermark() < watermark {
            let (from, to) = (watermark, self.log.high_watermark());
            fx.note(ReplicaEvent::HighWatermark { tp, from, to, as_leader: false });
        }
    }
}
