//! One replica of one partition on one broker and the role it plays: `Partition`, and the
//! per-partition part of `ReplicaManager` (KIP-101, KIP-497; rules R-1 to R-9). What the roles do is
//! in `leading`, `proposing` and `following`.
//!
//! ```text
//!            make_leader                 make_follower
//!   Idle ───────────────▶ Leader ◀──────────────────────▶ Follower
//!     └────────────────────────────────────────────────────▲
//! ```
//! Each public function is one atomic step of a broker (reference M-1): the read of a fetch and the
//! counting of the follower that fetched are two of them, and other steps may come in between.
//!
//! ## Simplified
//! Assignments do not change (reassignment comes later), so a role change never deletes a replica.

use super::isr::{FollowerProgress, PendingIsr};
use crate::broker_set::BrokerSet;
use crate::config::{BrokerConfig, Variations};
use crate::engine::Effects;
use crate::epoch::{LeaderEpoch, Offset, PartitionEpoch};
use crate::event::ReplicaEvent;
use crate::id::{NodeId, TopicPartition};
use crate::log::PartitionLog;
use crate::metadata::{MetadataImage, PartitionRegistration};
use crate::time::Instant;
use std::sync::Arc;

/// What a partition may look at while it takes a step: its broker's configuration and metadata.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Now.
    pub now: Instant,
    /// Broker settings.
    pub config: &'a BrokerConfig,
    /// Which protections are on.
    pub variations: &'a Variations,
    /// The metadata this broker has published to itself.
    pub image: &'a MetadataImage,
}

/// What this replica is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Loaded, and no metadata applied yet.
    Idle,
    /// It leads.
    Leader(Leadership),
    /// It follows a leader, or waits for one to be elected.
    Follower(Option<NodeId>),
}

/// What only a leader has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leadership {
    /// Where its epoch starts in its log.
    pub epoch_start: Offset,
    /// The in-sync replicas as far as it knows them to be committed.
    pub isr: BrokerSet,
    /// The proposal it made.
    pub pending: Option<PendingIsr>,
    /// What it knows of each follower, in assignment order.
    pub followers: Vec<FollowerProgress>,
}

/// A fetch as the leader is to count it, with the values at the time of the read (R-18).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerUpdate {
    /// The partition.
    pub tp: TopicPartition,
    /// The follower's log end offset.
    pub offset: Offset,
    /// The leader's log end offset when it read.
    pub leader_end: Offset,
}

/// What the answer to a proposal led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlterOutcome {
    /// Nothing more to do.
    Settled,
    /// The high watermark moved.
    WatermarkMoved,
    /// The same proposal must be sent again.
    SendAgain,
}

/// One replica.
#[derive(Clone, Debug)]
#[expect(clippy::struct_field_names, reason = "Kafka's term is partition epoch")]
pub struct Partition {
    pub(super) tp: TopicPartition,
    pub(super) me: NodeId,
    pub(super) log: PartitionLog,
    pub(super) leader_epoch: Option<LeaderEpoch>,
    pub(super) partition_epoch: Option<PartitionEpoch>,
    pub(super) replicas: Arc<[NodeId]>,
    pub(super) role: Role,
}

impl Leadership {
    /// Everyone who must have a record before it counts as committed (R-50).
    pub fn maximal_isr(&self, variations: &Variations) -> BrokerSet {
        let counted =
            if variations.maximal_isr { PendingIsr::maximal } else { PendingIsr::minimal };
        counted(self.pending, self.isr)
    }
}

impl Partition {
    /// A replica that was just loaded or created.
    pub fn new(tp: TopicPartition, me: NodeId, log: PartitionLog) -> Self {
        let (leader_epoch, partition_epoch) = (None, None);
        Self { tp, me, log, leader_epoch, partition_epoch, replicas: [].into(), role: Role::Idle }
    }

    /// Which partition.
    pub const fn tp(&self) -> TopicPartition {
        self.tp
    }

    /// Its log.
    pub const fn log(&self) -> &PartitionLog {
        &self.log
    }

    /// Its log, to mark what was flushed.
    pub const fn log_mut(&mut self) -> &mut PartitionLog {
        &mut self.log
    }

    /// What remains of it when the process ends.
    pub fn into_log(self) -> PartitionLog {
        self.log
    }

    /// The leader epoch it acts in.
    pub const fn leader_epoch(&self) -> Option<LeaderEpoch> {
        self.leader_epoch
    }

    /// The newest partition epoch it knows.
    pub const fn partition_epoch(&self) -> Option<PartitionEpoch> {
        self.partition_epoch
    }

    /// What it is.
    pub const fn role(&self) -> &Role {
        &self.role
    }

    /// Who leads, as far as it knows, and in which epoch.
    pub fn leader(&self) -> Option<(NodeId, LeaderEpoch)> {
        let leader = match &self.role {
            Role::Leader(_) => Some(self.me),
            Role::Follower(leader) => *leader,
            Role::Idle => None,
        };
        Some((leader?, self.leader_epoch?))
    }

    /// What it has as a leader.
    pub const fn leadership(&self) -> Option<&Leadership> {
        match &self.role {
            Role::Leader(leadership) => Some(leadership),
            Role::Idle | Role::Follower(_) => None,
        }
    }

    pub(super) fn leadership_mut(&mut self) -> Option<&mut Leadership> {
        match &mut self.role {
            Role::Leader(leadership) => Some(leadership),
            Role::Idle | Role::Follower(_) => None,
        }
    }

    /// Becomes or stays leader as the controller recorded it (R-5, R-6). Says whether the high
    /// watermark moved.
    pub fn make_leader(
        &mut self,
        registration: &PartitionRegistration,
        view: View<'_>,
        fx: &mut Effects,
    ) -> bool {
        assert_eq!(registration.leader, Some(self.me), "only the elected replica leads");
        if self.is_stale(registration) {
            return false;
        }
        let is_new_epoch = self.leader_epoch.is_none_or(|e| registration.leader_epoch > e);
        let is_known = self.partition_epoch == Some(registration.partition_epoch);
        self.adopt(registration);
        let isr = registration.isr;
        match &mut self.role {
            Role::Leader(leadership) if !is_new_epoch => {
                leadership.isr = isr;
                if !(is_known && view.variations.keep_newer_proposal)
                    && let Some(PendingIsr { proposed }) = leadership.pending.take()
                    && is_known
                {
                    let (tp, partition_epoch) = (self.tp, registration.partition_epoch);
                    fx.note(ReplicaEvent::IsrForgotten { tp, partition_epoch, proposed });
                }
            }
            Role::Leader(_) | Role::Idle | Role::Follower(_) => {
                self.begin_leadership(isr, view, fx);
            }
        }
        let (tp, partition_epoch) = (self.tp, registration.partition_epoch);
        fx.note(ReplicaEvent::IsrAdopted { tp, isr, partition_epoch });
        self.advance_high_watermark(view, fx)
    }

    fn begin_leadership(&mut self, isr: BrokerSet, view: View<'_>, fx: &mut Effects) {
        let leader_epoch = self.leader_epoch.expect("adopted before");
        let epoch_start = self.log.end();
        if view.variations.record_epoch_on_election {
            self.log.begin_epoch(leader_epoch);
        }
        let followers = match &self.role {
            Role::Leader(before) => {
                let mut followers = before.followers.clone();
                for follower in &mut followers {
                    follower.begin_epoch(isr.contains(follower.broker), epoch_start, view.now);
                }
                followers
            }
            Role::Idle | Role::Follower(_) => self
                .replicas
                .iter()
                .filter(|broker| **broker != self.me)
                .map(|b| FollowerProgress::unknown(*b, isr.contains(*b), view.now))
                .collect(),
        };
        self.role = Role::Leader(Leadership { epoch_start, isr, pending: None, followers });
        let (tp, high_watermark) = (self.tp, self.log.high_watermark());
        fx.note(ReplicaEvent::BecameLeader { tp, leader_epoch, epoch_start, high_watermark });
    }

    /// Becomes or stays follower as the controller recorded it (R-8). Says whether the epoch is
    /// new, so that its fetcher must start afresh.
    pub fn make_follower(
        &mut self,
        registration: &PartitionRegistration,
        fx: &mut Effects,
    ) -> bool {
        assert_ne!(registration.leader, Some(self.me), "the elected replica does not follow");
        if self.is_stale(registration) {
            return false;
        }
        let is_new_epoch = self.leader_epoch.is_none_or(|e| registration.leader_epoch > e);
        self.adopt(registration);
        self.role = Role::Follower(registration.leader);
        if is_new_epoch {
            let (tp, leader) = (self.tp, registration.leader);
            let leader_epoch = registration.leader_epoch;
            fx.note(ReplicaEvent::BecameFollower { tp, leader_epoch, leader });
        }
        is_new_epoch
    }

    fn is_stale(&self, registration: &PartitionRegistration) -> bool {
        self.partition_epoch.is_some_and(|epoch| registration.partition_epoch < epoch)
    }

    fn adopt(&mut self, registration: &PartitionRegistration) {
        assert!(
            self.leader_epoch.is_none_or(|epoch| epoch <= registration.leader_epoch),
            "leader epochs never go back within one life (INV-4)"
        );
        self.leader_epoch = Some(registration.leader_epoch);
        self.partition_epoch = Some(registration.partition_epoch);
        self.replicas = Arc::clone(&registration.replicas);
    }
}
