//! Protections that can be switched off: how Kafka behaved before a fix (reference section 0.4).
//!
//! Modern Kafka is the default. Each switch is read in exactly one place of the protocol, so that a
//! lesson, or the canary test of our own checkers, can show what breaks without it.

use super::setting::settings;

settings! {
    /// Which protections are on. The default is Kafka 4.1 (with eligible leader replicas off): all
    /// are, but for the one that no release has.
    Variations {
        /// A replica refuses fetches of another leader epoch (KIP-320, since 2.1).
        fetch_epoch_fencing: bool = true, "fetch.replica_epoch_fencing";
        /// The leader counts everyone the controller may already have put in the ISR
        /// (KIP-497, since 2.7).
        maximal_isr: bool = true, "isr.maximal";
        /// The leader compares epochs before it serves a fetch and tells where logs diverge
        /// (KIP-595 in Fetch, since 2.7).
        divergence_check: bool = true, "fetch.divergence_check";
        /// A leader does not count a fetch that diverged (KAFKA-13141, since 3.1).
        skip_state_on_divergence: bool = true, "leader.skip_state_on_divergence";
        /// A follower's high watermark never passes its own log end. Never off in any release:
        /// it exists to show that the checkers see it.
        watermark_clamp: bool = true, "follower.watermark_clamp";
        /// A follower joins only after reaching the start of the leader's epoch
        /// (KAFKA-7128, since 2.1).
        expand_needs_epoch_start: bool = true, "isr.expand_needs_leso";
        /// The controller refuses proposals that build on an older leader or partition epoch
        /// (KIP-497, since 2.7).
        proposal_fencing: bool = true, "isr.proposal_fencing";
        /// Fenced and stopping brokers may not join the ISR (KIP-841, since 3.3).
        isr_eligibility: bool = true, "isr.eligibility";
        /// A member of a proposed ISR must still be the incarnation that was counted
        /// (KIP-903, since 3.5).
        isr_broker_epoch_check: bool = true, "isr.broker_epoch_check";
        /// A smaller ISR leaves the leader epoch alone (KAFKA-15021, since 3.6). Off, everybody who
        /// fetches or produces has to learn the new epoch first.
        shrink_keeps_epoch: bool = true, "isr.shrink_keeps_epoch";
        /// The high watermark stands still below min.insync.replicas (KAFKA-15583, since 3.7).
        strict_min_isr: bool = true, "hw.strict_min_isr";
        /// A new leader writes down where its epoch starts even before it appends
        /// (KAFKA-7415, since 2.1).
        record_epoch_on_election: bool = true, "epoch.record_on_election";
        /// A metadata record that says what the leader knows already from the answer to its last
        /// proposal does not end a newer proposal. In Kafka it does (`Partition.makeLeader` resets
        /// the state at an equal partition epoch): if the controller then commits the newer one,
        /// the leader does not wait for the new member until the next record reaches it, and what
        /// it acknowledges meanwhile can be lost in a clean election.
        keep_newer_proposal: bool = false, "leader.keep_newer_proposal";
    }
}
