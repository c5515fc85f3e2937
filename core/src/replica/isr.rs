//! Who is in sync, and what a leader knows of its followers: `Replica`, `ReplicaState`,
//! `PartitionState` (KIP-497, KIP-841, KIP-903; rules R-2, R-6, R-18, R-37, R-44, R-50).

use crate::broker_set::BrokerSet;
use crate::epoch::{BrokerEpoch, Offset};
use crate::id::NodeId;
use crate::metadata::MetadataImage;
use crate::time::{Duration, Instant};

/// What the leader knows of one follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerProgress {
    /// The follower.
    pub broker: NodeId,
    /// Its log end offset; `None` until it fetched in this leadership, which blocks the watermark.
    pub log_end: Option<Offset>,
    /// The incarnation that fetched.
    pub broker_epoch: Option<BrokerEpoch>,
    /// When it last fetched; `None` is never.
    pub last_fetch: Option<Instant>,
    /// The leader's log end at that fetch.
    pub leader_end_at_last_fetch: Offset,
    /// When it last had everything the leader had; `None` is never (Kafka writes 0, which is 1970).
    pub last_caught_up: Option<Instant>,
}

impl FollowerProgress {
    /// Nothing is known of `broker`; an ISR member gets a full lag time to show itself (R-6).
    pub fn unknown(broker: NodeId, is_in_isr: bool, now: Instant) -> Self {
        Self {
            broker,
            log_end: None,
            broker_epoch: None,
            last_fetch: None,
            leader_end_at_last_fetch: Offset::ZERO,
            last_caught_up: is_in_isr.then_some(now),
        }
    }

    /// The same leader begins a higher epoch at `epoch_start` (R-6).
    pub fn begin_epoch(&mut self, is_in_isr: bool, epoch_start: Offset, now: Instant) {
        let seen = is_in_isr.then_some(now);
        self.last_fetch = seen;
        self.last_caught_up = seen;
        self.leader_end_at_last_fetch = epoch_start;
    }

    /// It fetched from `offset` while the leader's log ended at `leader_end` (R-18). Says whether
    /// its log end is another than before.
    pub fn fetched(&mut self, offset: Offset, leader_end: Offset, now: Instant) -> bool {
        if offset >= leader_end {
            self.last_caught_up = self.last_caught_up.max(Some(now));
        } else if offset >= self.leader_end_at_last_fetch {
            // It now has all that the leader had at its last fetch: it was caught up *then*.
            self.last_caught_up = self.last_caught_up.max(self.last_fetch);
        }
        self.leader_end_at_last_fetch = self.leader_end_at_last_fetch.max(leader_end);
        self.last_fetch = Some(now);
        self.log_end.replace(offset) != Some(offset)
    }

    /// Level with the leader, or level not longer ago than `lag_max` (R-37).
    pub fn is_caught_up(&self, leader_end: Offset, lag_max: Duration, now: Instant) -> bool {
        let is_recent = |at: Instant| now.since(at) <= lag_max;
        self.log_end == Some(leader_end) || self.last_caught_up.is_some_and(is_recent)
    }

    /// Whether the leader, by its own metadata, may count it in (R-44): a broker that serves, in the
    /// incarnation that fetched. Of one that never fetched the incarnation is not known.
    pub fn is_eligible(&self, image: &MetadataImage, checks_active: bool) -> bool {
        let Some(registration) = image.brokers.get(&self.broker) else { return false };
        let same_life = self.broker_epoch == Some(registration.epoch);
        (registration.is_active() || !checks_active) && same_life
    }
}

/// A change of the ISR that the leader proposed and the controller has not decided, as far as the
/// leader knows.
///
/// ```text
///  committed ──propose──▶ pending ──success──▶ committed (the answered set)
///                            ├──INELIGIBLE_REPLICA──▶ committed (the old set)
///                            └──fenced, stale, unknown…──▶ stays pending until newer metadata
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingIsr {
    /// The proposed set.
    pub proposed: BrokerSet,
}

impl PendingIsr {
    /// Everyone the controller may already have put in the ISR (R-50): a pending expansion counts
    /// the newcomer, a pending shrink still counts the leaver.
    pub fn maximal(pending: Option<Self>, committed: BrokerSet) -> BrokerSet {
        pending.map_or(committed, |pending| committed.union(pending.proposed))
    }

    /// What a leader counts that takes its proposal for granted (`isr.maximal` off): the leaver of a
    /// pending shrink no longer, the newcomer of a pending expansion not yet.
    pub fn minimal(pending: Option<Self>, committed: BrokerSet) -> BrokerSet {
        pending.map_or(committed, |pending| committed.intersection(pending.proposed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::register_unfenced;

    const LAG: Duration = Duration::from_secs(30);

    fn at(secs: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(secs)
    }

    #[test]
    fn always_one_record_behind_is_in_sync_if_each_fetch_reaches_the_last_end() {
        let mut follower = FollowerProgress::unknown(NodeId::broker(2), true, at(0));
        for second in 1..100 {
            follower.fetched(Offset(second - 1), Offset(second), at(second));
        }
        assert!(follower.is_caught_up(Offset(100), LAG, at(100)), "R-37 corollary (b)");
    }

    #[test]
    fn a_follower_that_never_reaches_the_end_of_its_last_fetch_falls_out() {
        let mut follower = FollowerProgress::unknown(NodeId::broker(2), true, at(0));
        for second in 1..60 {
            follower.fetched(Offset(second / 2), Offset(second), at(second));
        }
        assert!(!follower.is_caught_up(Offset(60), LAG, at(60)));
    }

    #[test]
    fn an_idle_partition_keeps_a_silent_follower_for_ever() {
        let mut follower = FollowerProgress::unknown(NodeId::broker(2), true, at(0));
        follower.fetched(Offset(7), Offset(7), at(1));
        assert!(follower.is_caught_up(Offset(7), LAG, at(9999)), "R-37 corollary (a)");
        assert!(!follower.is_caught_up(Offset(8), LAG, at(32)));
        assert!(follower.is_caught_up(Offset(8), LAG, at(31)));
    }

    #[test]
    fn who_never_caught_up_is_not_in_sync_however_early_it_is() {
        let stranger = FollowerProgress::unknown(NodeId::broker(3), false, at(1));
        assert!(!stranger.is_caught_up(Offset(7), LAG, at(2)));
        let mut member = FollowerProgress::unknown(NodeId::broker(3), true, at(1));
        assert!(
            member.is_caught_up(Offset(7), LAG, at(2)),
            "a member has a lag time to show itself"
        );
        member.begin_epoch(false, Offset(7), at(2));
        assert!(!member.is_caught_up(Offset(7), LAG, at(3)), "it left the ISR before this epoch");
        member.fetched(Offset(5), Offset(9), at(3));
        assert!(!member.is_caught_up(Offset(9), LAG, at(3)), "it fetched, and was behind");
    }

    #[test]
    fn the_incarnation_that_fetched_must_be_the_registered_one() {
        let broker = NodeId::broker(2);
        let mut image = MetadataImage::default();
        register_unfenced(&mut image, broker, BrokerEpoch(0));
        let unknown = FollowerProgress::unknown(broker, false, at(0));
        let of = |epoch| FollowerProgress { broker_epoch: Some(BrokerEpoch(epoch)), ..unknown };
        assert!(of(0).is_eligible(&image, true));
        assert!(!of(1).is_eligible(&image, true), "its later life is not registered here yet");
        assert!(!unknown.is_eligible(&image, true), "it never fetched");
    }

    #[test]
    fn the_maximal_isr_covers_both_outcomes() {
        let brokers = |n: &[u16]| n.iter().map(|n| NodeId::broker(*n)).collect::<BrokerSet>();
        let committed = brokers(&[1, 2]);
        let expand = Some(PendingIsr { proposed: brokers(&[1, 2, 3]) });
        let shrink = Some(PendingIsr { proposed: brokers(&[1]) });
        assert_eq!(PendingIsr::maximal(expand, committed), brokers(&[1, 2, 3]));
        assert_eq!(PendingIsr::maximal(shrink, committed), committed);
        assert_eq!(PendingIsr::maximal(None, committed), committed);
        assert_eq!(PendingIsr::minimal(expand, committed), committed);
        assert_eq!(PendingIsr::minimal(shrink, committed), brokers(&[1]));
        assert_eq!(PendingIsr::minimal(None, committed), committed);
    }
}
