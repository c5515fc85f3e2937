//! How a leader changes the in-sync replicas: propose, wait, learn what was decided (KIP-497, KIP-841,
//! KIP-903; rules ).

use super::isr::PendingIsr;
use super::partition::{AlterOutcome, Partition, Role, View};
use crate::broker_set::BrokerSet;
use crate::engine::Effects;
use crate::error_code::ErrorCode;
use crate::event::ReplicaEvent;
use crate::id::NodeId;
use crate::protocol::{AlterPartitionAnswer, AlterPartitionItem};

impl Partition {
    /// Proposes to add `broker` if it has caught up and may join. The request to send.
    pub(super) fn propose_expansion(
        &mut self,
        broker: NodeId,
        view: View<'_>,
        fx: &mut Effects,
    ) -> Option<AlterPartitionItem> {
        let high_watermark = self.log.high_watermark();
        let leadership = self.leadership()?;
        if leadership.pending.is_some() || leadership.isr.contains(broker) {
            return None;
        }
        let follower = leadership.followers.iter().find(|follower| follower.broker == broker)?;
        let end = follower.log_end?;
        let epoch_start = leadership.epoch_start;
        if end < high_watermark || (view.variations.expand_needs_epoch_start && end < epoch_start) {
            return None;
        }
        if !follower.is_eligible(view.image, view.variations.isr_eligibility) {
            return None;
        }
        Some(self.propose(leadership.isr.with(broker), fx))
    }

    /// Proposes to remove everyone who has not caught up for too long.
    pub fn propose_shrink(
        &mut self,
        view: View<'_>,
        fx: &mut Effects,
    ) -> Option<AlterPartitionItem> {
        let log_end = self.log.end();
        let leadership = self.leadership()?;
        if leadership.pending.is_some() {
            return None;
        }
        let lag_max = view.config.replica_lag_time_max;
        let lagging: BrokerSet = leadership
            .followers
            .iter()
            .filter(|f| leadership.isr.contains(f.broker))
            .filter(|f| !f.is_caught_up(log_end, lag_max, view.now))
            .map(|f| f.broker)
            .collect();
        if lagging.is_empty() {
            return None;
        }
        Some(self.propose(leadership.isr.minus(lagging), fx))
    }

    fn propose(&mut self, proposed: BrokerSet, fx: &mut Effects) -> AlterPartitionItem {
        let (tp, me) = (self.tp, self.me);
        let leader_epoch = self.leader_epoch.expect("a leader has an epoch");
        let partition_epoch = self.partition_epoch.expect("a leader has a partition epoch");
        let leadership = self.leadership_mut().expect("only a leader proposes");
        assert!(leadership.pending.is_none(), "one change in flight (INV-24)");
        assert!(proposed.contains(me), "a leader stays in its ISR (INV-10)");
        leadership.pending = Some(PendingIsr { proposed });
        fx.note(ReplicaEvent::IsrProposed { tp, from: leadership.isr, to: proposed });
        // The epochs come from the same snapshot as the eligibility check (KAFKA-15221).
        let epoch_of = |broker: NodeId| {
            let follower = leadership.followers.iter().find(|f| f.broker == broker);
            follower.and_then(|f| f.broker_epoch)
        };
        let new_isr = proposed.iter().map(|broker| (broker, epoch_of(broker))).collect();
        AlterPartitionItem { tp, leader_epoch, partition_epoch, new_isr }
    }

    /// The proposal just made was not even sent: back to the committed set.
    pub fn withdraw_proposal(&mut self) {
        let leadership = self.leadership_mut().expect("only a leader proposes");
        assert!(leadership.pending.is_some(), "there is a proposal to withdraw");
        leadership.pending = None;
    }

    /// The controller decided on a proposal.
    pub fn on_alter_answer(
        &mut self,
        sent: &AlterPartitionItem,
        answer: &AlterPartitionAnswer,
        view: View<'_>,
        fx: &mut Effects,
    ) -> AlterOutcome {
        let (tp, error) = (self.tp, answer.error);
        let is_current = self.leader_epoch == Some(sent.leader_epoch)
            && self.partition_epoch == Some(sent.partition_epoch);
        let Role::Leader(leadership) = &mut self.role else { return AlterOutcome::Settled };
        if !is_current || leadership.pending.is_none() {
            return AlterOutcome::Settled;
        }
        if error != ErrorCode::None {
            fx.note(ReplicaEvent::IsrRefused { tp, error });
            if error == ErrorCode::IneligibleReplica {
                leadership.pending = None;
            }
            let settled = error == ErrorCode::IneligibleReplica || awaits_metadata(error);
            return if settled { AlterOutcome::Settled } else { AlterOutcome::SendAgain };
        }
        if answer.leader_epoch != sent.leader_epoch || answer.partition_epoch < sent.partition_epoch
        {
            return AlterOutcome::Settled;
        }
        leadership.isr = answer.isr;
        leadership.pending = None;
        self.partition_epoch = Some(answer.partition_epoch);
        let (isr, partition_epoch) = (answer.isr, answer.partition_epoch);
        fx.note(ReplicaEvent::IsrAdopted { tp, isr, partition_epoch });
        if self.advance_high_watermark(view, fx) {
            AlterOutcome::WatermarkMoved
        } else {
            AlterOutcome::Settled
        }
    }
}

/// Errors after which a proposal stays pending: newer metadata is on its way, and until then
/// everyone the controller may have counted is counted here too.
fn awaits_metadata(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::UnknownTopicOrPartition
            | ErrorCode::UnknownTopicId
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::InvalidUpdateVersion
            | ErrorCode::InvalidRequest
            | ErrorCode::NewLeaderElected
    )
}
