//! One replica of one partition on one broker: `Partition`, and the per-partition part of
//! `ReplicaManager` (KIP-101, 320, 497, 841, 903; rules R-1 to R-9, R-15 to R-18, R-25 to R-30,
//! R-37 to R-53, R-60 to R-62).
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
use crate::config::{Acks, BrokerConfig, Variations};
use crate::engine::Effects;
use crate::epoch::{LeaderEpoch, Offset, PartitionEpoch};
use crate::error_code::ErrorCode;
use crate::event::ReplicaEvent;
use crate::id::{NodeId, TopicPartition};
use crate::log::{AppendInfo, PartitionLog};
use crate::metadata::{MetadataImage, PartitionRegistration};
use crate::protocol::{
    AlterPartitionAnswer, AlterPartitionItem, Divergence, FetchAnswer, FetchPartition, Reader,
    ReplicaReader,
};
use crate::record::{Batch, BatchBody};
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
    tp: TopicPartition,
    me: NodeId,
    log: PartitionLog,
    leader_epoch: Option<LeaderEpoch>,
    partition_epoch: Option<PartitionEpoch>,
    replicas: Arc<[NodeId]>,
    role: Role,
}

impl Leadership {
    /// Everyone who must have a record before it counts as committed (R-50).
    pub fn maximal_isr(&self, variations: &Variations) -> BrokerSet {
        let pending = self.pending.filter(|_| variations.maximal_isr);
        PendingIsr::maximal(pending, self.isr)
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

    /// What it has as a leader.
    pub const fn leadership(&self) -> Option<&Leadership> {
        match &self.role {
            Role::Leader(leadership) => Some(leadership),
            Role::Idle | Role::Follower(_) => None,
        }
    }

    fn leadership_mut(&mut self) -> Option<&mut Leadership> {
        match &mut self.role {
            Role::Leader(leadership) => Some(leadership),
            Role::Idle | Role::Follower(_) => None,
        }
    }

    // ---- roles ---------------------------------------------------------------------------------

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

    // ---- leader: append and read ---------------------------------------------------------------

    /// Appends a client's batch (R-60 to R-62). The second value says whether the high watermark
    /// moved.
    pub fn append_as_leader(
        &mut self,
        body: &Arc<BatchBody>,
        acks: Acks,
        view: View<'_>,
        fx: &mut Effects,
    ) -> Result<(AppendInfo, bool), ErrorCode> {
        let tp = self.tp;
        let Role::Leader(leadership) = &self.role else {
            return Err(ErrorCode::NotLeaderOrFollower);
        };
        if acks == Acks::All && leadership.isr.len() < view.image.min_insync_replicas(tp) {
            return Err(ErrorCode::NotEnoughReplicas);
        }
        let topic = view.image.topics.get(&tp.topic);
        if topic.is_some_and(|topic| body.size > topic.config.max_message_bytes) {
            return Err(ErrorCode::MessageTooLarge);
        }
        let leader_epoch = self.leader_epoch.expect("a leader has an epoch");
        let info = self.log.append_as_leader(body, leader_epoch)?;
        let (base_offset, body) = (info.base_offset, Arc::clone(body));
        if info.is_duplicate {
            fx.note(ReplicaEvent::DuplicateRecognised { tp, base_offset, body });
            return Ok((info, false));
        }
        let as_leader = true;
        fx.note(ReplicaEvent::Appended { tp, base_offset, leader_epoch, as_leader, body });
        let moved = self.advance_high_watermark(view, fx);
        Ok((info, moved))
    }

    /// Checks the reader's leader epoch and this replica's role (R-15).
    pub fn check_leader_epoch(
        &self,
        current: Option<LeaderEpoch>,
        variations: &Variations,
    ) -> Result<&Leadership, ErrorCode> {
        if variations.fetch_epoch_fencing
            && let Some(current) = current
        {
            let mine = self.leader_epoch.ok_or(ErrorCode::UnknownLeaderEpoch)?;
            match current.cmp(&mine) {
                std::cmp::Ordering::Less => return Err(ErrorCode::FencedLeaderEpoch),
                std::cmp::Ordering::Greater => return Err(ErrorCode::UnknownLeaderEpoch),
                std::cmp::Ordering::Equal => {}
            }
        }
        self.leadership().ok_or(ErrorCode::NotLeaderOrFollower)
    }

    /// Reads for one partition of a fetch (R-15 to R-17, L-30), `budget` bytes at most. Also says
    /// how the follower is to be counted, if it is one and its log does not diverge.
    pub fn read(
        &self,
        fetch: &FetchPartition,
        reader: Reader,
        budget: u32,
        view: View<'_>,
    ) -> (FetchAnswer, Option<FollowerUpdate>) {
        let mut answer = FetchAnswer {
            tp: self.tp,
            error: ErrorCode::None,
            high_watermark: self.log.high_watermark(),
            log_start_offset: self.log.start(),
            diverging: None,
            batches: Vec::new(),
        };
        match self.try_read(fetch, reader, budget, view) {
            Ok(Found::Batches(batches)) => answer.batches = batches,
            Ok(Found::Divergence(diverging)) => {
                answer.diverging = Some(diverging);
                if view.variations.skip_state_on_divergence {
                    return (answer, None);
                }
            }
            Err(error) => {
                answer.error = error;
                return (answer, None);
            }
        }
        let update = match reader {
            Reader::Replica(_) => Some(FollowerUpdate {
                tp: self.tp,
                offset: fetch.fetch_offset,
                leader_end: self.log.end(),
            }),
            Reader::Consumer => None,
        };
        (answer, update)
    }

    fn try_read(
        &self,
        fetch: &FetchPartition,
        reader: Reader,
        budget: u32,
        view: View<'_>,
    ) -> Result<Found, ErrorCode> {
        self.check_leader_epoch(fetch.current_leader_epoch, view.variations)?;
        if let Reader::Replica(replica) = reader
            && !self.replicas.contains(&replica.broker)
        {
            // Perhaps this leader's metadata is the stale one.
            return Err(ErrorCode::UnknownLeaderEpoch);
        }
        if let Some(last) = fetch.last_fetched_epoch
            && view.variations.divergence_check
        {
            let end = self.log.end_offset_for(last).ok_or(ErrorCode::OffsetOutOfRange)?;
            if end.epoch < last || end.end_offset < fetch.fetch_offset {
                let (epoch, end_offset) = (Some(end.epoch), end.end_offset);
                return Ok(Found::Divergence(Divergence { epoch, end_offset }));
            }
        }
        if fetch.fetch_offset < self.log.start() || fetch.fetch_offset > self.log.end() {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        let bound = self.read_bound(reader);
        let max_bytes = fetch.max_bytes.min(budget);
        Ok(Found::Batches(self.log.file().read(fetch.fetch_offset, bound, max_bytes)))
    }

    /// How far a reader may see (L-30).
    pub const fn read_bound(&self, reader: Reader) -> Offset {
        match reader {
            Reader::Replica(_) => self.log.end(),
            Reader::Consumer => self.log.high_watermark(),
        }
    }

    // ---- leader: counting followers ------------------------------------------------------------

    /// Counts the follower that fetched (R-18). Says whether the high watermark moved.
    pub fn count_follower(
        &mut self,
        reader: ReplicaReader,
        update: FollowerUpdate,
        view: View<'_>,
        fx: &mut Effects,
    ) -> Result<bool, ErrorCode> {
        let tp = self.tp;
        let leadership = self.leadership_mut().ok_or(ErrorCode::NotLeaderOrFollower)?;
        let known = view.image.brokers.get(&reader.broker);
        if known.is_some_and(|registration| reader.epoch < registration.epoch) {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        let follower = leadership
            .followers
            .iter_mut()
            .find(|follower| follower.broker == reader.broker)
            .ok_or(ErrorCode::NotLeaderOrFollower)?;
        follower.broker_epoch = Some(reader.epoch);
        let has_moved = follower.fetched(update.offset, update.leader_end, view.now);
        if !has_moved {
            return Ok(false);
        }
        let (follower, log_end_offset) = (reader.broker, update.offset);
        fx.note(ReplicaEvent::FollowerCounted { tp, follower, log_end_offset });
        Ok(self.advance_high_watermark(view, fx))
    }

    /// Moves the high watermark to what everyone who counts has (R-25). Says whether it moved.
    pub fn advance_high_watermark(&mut self, view: View<'_>, fx: &mut Effects) -> bool {
        let (tp, log_end) = (self.tp, self.log.end());
        let Role::Leader(leadership) = &self.role else { return false };
        let min_isr = view.image.min_insync_replicas(tp);
        if view.variations.strict_min_isr && leadership.isr.len() < min_isr {
            return false;
        }
        let maximal = leadership.maximal_isr(view.variations);
        let lag_max = view.config.replica_lag_time_max;
        let checks_active = view.variations.isr_eligibility;
        let counted = leadership.followers.iter().filter(|follower| {
            maximal.contains(follower.broker)
                // About to rejoin: waiting for it now saves the wait after it joined (KAFKA-15021).
                || (follower.is_caught_up(log_end, lag_max, view.now)
                    && follower.is_eligible(view.image, checks_active))
        });
        let candidate = counted.map(|follower| follower.log_end).min().unwrap_or(Some(log_end));
        let Some(to) = candidate.map(|end| end.min(log_end)) else { return false };
        if to <= self.log.high_watermark() {
            return false;
        }
        let from = self.log.set_high_watermark(to);
        fx.note(ReplicaEvent::HighWatermark { tp, from, to, as_leader: true });
        true
    }

    // ---- leader: changing the ISR --------------------------------------------------------------

    /// Proposes to add `broker` if it has caught up and may join (R-43). The request to send.
    pub fn propose_expansion(
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

    /// Proposes to remove everyone who has not caught up for too long (R-38).
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

    /// The proposal just made was not even sent: back to the committed set (R-48).
    pub fn withdraw_proposal(&mut self) {
        let leadership = self.leadership_mut().expect("only a leader proposes");
        assert!(leadership.pending.is_some(), "there is a proposal to withdraw");
        leadership.pending = None;
    }

    /// The controller decided on a proposal (R-47, R-48).
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

    // ---- follower ------------------------------------------------------------------------------

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

    /// Cuts the log to `to` (R-30, R-34).
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

/// Errors after which a proposal stays pending: newer metadata is on its way, and until then
/// everyone the controller may have counted is counted here too (R-48).
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

enum Found {
    Batches(Vec<Batch>),
    Divergence(Divergence),
}
