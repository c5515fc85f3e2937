//! That logs agree: INV-5 to INV-9.
//!
//! All of them compare digests of prefixes. Why they hold: one leader per epoch writes (INV-5), a
//! follower copies from it only after cutting what the leader does not have (KIP-101, KIP-279), and
//! the high watermark counts only followers that fetched in the leader's own epoch (KIP-320).

use super::cluster::{Case, Cluster};
use super::excuses;
use super::ghost::{Ghost, agree, common_end, prefix};
use super::verdicts::{Class, Finding, Verdicts};
use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::epoch::{LeaderEpoch, Offset};
use kafkalab_core::id::NodeId;
use kafkalab_core::log::LogFile;
use kafkalab_core::record::{Batch, BatchBody};
use kafkalab_core::replica::Partition;
use std::sync::Arc;

/// INV-5: one broker leads in one epoch. Two may lead at once in different epochs: the older one is
/// a legal zombie that has not heard yet.
///
/// Two leaders of one epoch would write different records at one (epoch, offset), which no later
/// comparison could tell apart.
pub(super) fn one_leader_per_epoch<'a, V: Cluster<'a>>(
    ghost: &mut Ghost,
    case: &Case<'a, V>,
    (node, epoch): (NodeId, LeaderEpoch),
    out: &mut Verdicts,
) {
    let Some(replica) = case.view.replica(ghost.tp, node) else { return };
    let first = ghost.epoch_mut(epoch, node, replica.log().file()).leader;
    if first != node {
        out.report(case.moment, Finding::violation("INV-5", node, ghost.tp), || {
            format!("{node} leads in epoch {epoch}, in which {first} led before")
        });
    }
}

/// INV-6 where a leader writes: what it puts at (epoch, offset) was not there before.
pub(super) fn on_written<'a, V: Cluster<'a>>(
    ghost: &mut Ghost,
    case: &Case<'a, V>,
    (node, base, epoch): (NodeId, Offset, LeaderEpoch),
    body: &Arc<BatchBody>,
    out: &mut Verdicts,
) {
    let tp = ghost.tp;
    let Some(log) = case.view.log(tp, node) else { return };
    let known = ghost.epoch_mut(epoch, node, log);
    let end = known.log.end();
    if base == end {
        known.log.append(Batch { base_offset: base, leader_epoch: epoch, body: Arc::clone(body) });
    } else if base > end {
        // Its log grew without notes: the audit has a word on that, here it only catches up.
        known.log = log.clone();
    } else if known.log.batch_at(base).is_none_or(|b| b.body.digest != body.digest) {
        out.report(case.moment, Finding::violation("INV-6", node, tp), || {
            format!("{node} wrote a second batch at offset {base} of epoch {epoch}")
        });
    }
}

/// INV-6 where a follower copies: its log is a prefix of what the leader of its last batch's epoch
/// had. Looked at once per input, at the end of what was copied.
///
/// A follower copies only after it has cut what its leader does not have. So from its first copy in
/// an epoch that nothing has ended, it must agree with what is committed again (INV-7).
pub(super) fn on_copied<'a, V: Cluster<'a>>(
    ghost: &mut Ghost,
    case: &Case<'a, V>,
    (node, end, epoch): (NodeId, Offset, LeaderEpoch),
    out: &mut Verdicts,
) {
    let tp = ghost.tp;
    if ghost.unsettled.contains(node) {
        let follows_in = case.view.replica(tp, node).and_then(Partition::leader_epoch);
        if follows_in.is_some_and(|epoch| excuses::of_epoch(ghost, epoch).is_none()) {
            ghost.unsettled = ghost.unsettled.without(node);
        }
    }
    let Some(log) = case.view.log(tp, node) else { return };
    if log.end() == end {
        matches_its_epoch(ghost, case, (node, log, epoch), out);
    }
}

/// INV-6 of a whole log.
pub(super) fn matches_its_epoch<'a, V: Cluster<'a>>(
    ghost: &mut Ghost,
    case: &Case<'a, V>,
    (node, log, epoch): (NodeId, &LogFile, LeaderEpoch),
    out: &mut Verdicts,
) {
    let tp = ghost.tp;
    let known = ghost.epoch_mut(epoch, node, log);
    if !agree(&known.log, log, log.end()) {
        out.report(case.moment, Finding::violation("INV-6", node, tp), || {
            let (leader, shared) = (known.leader, common_end(&known.log, log));
            format!(
                "{node}'s log ends at {} in epoch {epoch}, but from offset {shared} on it is not \
                 what {leader} wrote in that epoch",
                log.end()
            )
        });
    }
}

/// INV-7: below its high watermark a replica has what is committed, so any two replicas agree below
/// the lower of their watermarks.
///
/// Allowed to fail after a loss until the replica has cut its log in the new epoch: a replica counts
/// as unsettled from the loss until it is seen to agree with its whole watermark. A zombie, and who
/// follows it, act in an epoch that a loss has ended: their watermark moves on over entries that
/// nobody will keep, which is told with its cause.
pub(super) fn below_watermark<'a, V: Cluster<'a>>(
    ghost: &mut Ghost,
    case: &Case<'a, V>,
    (node, replica): (NodeId, &Partition),
    out: &mut Verdicts,
) {
    let log = replica.log();
    let watermark = log.high_watermark().min(log.end());
    let agrees = ghost.holds(Some(log.file()), watermark.min(ghost.committed_end()));
    let excuse = replica.leader_epoch().and_then(|epoch| excuses::of_epoch(ghost, epoch));
    if agrees && watermark <= ghost.committed_end() {
        ghost.unsettled = ghost.unsettled.without(node);
    } else if excuse.is_some() {
        ghost.unsettled = ghost.unsettled.with(node);
    }
    let is_excused = ghost.unsettled.contains(node) || excuses::is_unclean_election_open(ghost);
    if agrees || (is_excused && excuse.is_none()) {
        return;
    }
    let known = ghost.committed_log().map_or(Offset::ZERO, |c| common_end(c, log.file()));
    let stale = excuses::of_checkpoint(ghost, known, watermark);
    let stale = stale.filter(|_| replica.leadership().is_none());
    let class = excuse.or(stale).map_or(Class::Violation, |excuse| excuse.class);
    let finding = Finding { class, ..Finding::violation("INV-7", node, ghost.tp) };
    out.report(case.moment, finding, || {
        let why = excuse.zip(replica.leader_epoch()).map_or_else(String::new, |(excuse, epoch)| {
            format!("; it acts in epoch {epoch} and has not heard that {}", excuse.rule)
        });
        let from = stale.map_or("", |_| ", which it read from a checkpoint of before a loss");
        format!(
            "{node} differs from what is committed from offset {known} on, below its high \
             watermark {watermark}{from}{why}"
        )
    });
}

/// How the replicas stand to a leader's high watermark.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) watermark: Offset,
    /// Who holds what the leader holds below it; the leader too.
    pub(super) holders: BrokerSet,
    /// Whose log reaches it, whatever is in it.
    pub(super) reaching: BrokerSet,
    /// Whose process runs.
    pub(super) live: BrokerSet,
}

/// Looks at all replicas once, for INV-8, INV-9, INV-11 and G-2 together.
pub(super) fn standing<'a, V: Cluster<'a>>(
    ghost: &Ghost,
    case: &Case<'a, V>,
    (leader, replica): (NodeId, &Partition),
) -> Standing {
    let own = replica.log();
    let watermark = own.high_watermark().min(own.end());
    let known = prefix(own.file(), watermark);
    let me = BrokerSet::of(leader);
    let mut standing = Standing { watermark, holders: me, reaching: me, live: me };
    for seat in ghost.seats.iter().filter(|seat| seat.node != leader) {
        let live = case.view.replica(ghost.tp, seat.node);
        let log = match live {
            Some(replica) => Some(replica.log().file()),
            None => case.view.log(ghost.tp, seat.node),
        };
        if live.is_some() {
            standing.live = standing.live.with(seat.node);
        }
        let Some(log) = log else { continue };
        if log.end() >= watermark {
            standing.reaching = standing.reaching.with(seat.node);
            if prefix(log, watermark) == known {
                standing.holders = standing.holders.with(seat.node);
            }
        }
    }
    standing
}

/// INV-8 (weak ISR) and INV-9 (strong ISR): below a leader's high watermark the replicas in its own
/// committed ISR, and those in the controller's, hold the same entries. Zombies are leaders too.
///
/// The controller elects from its ISR without asking anybody, so all of it must be complete at every
/// moment. Exempt is a replica with a data-losing fault since it joined, and everybody while an
/// unclean election is played out.
pub(super) fn in_sync_replicas_hold<'a, V: Cluster<'a>>(
    ghost: &Ghost,
    case: &Case<'a, V>,
    (leader, replica): (NodeId, &Partition),
    standing: &Standing,
    out: &mut Verdicts,
) {
    let Some(leadership) = replica.leadership() else { return };
    let faulted = ghost.excuses.faulted_for(replica.leader_epoch());
    let exempt = standing.holders.union(faulted);
    let own = leadership.isr.minus(exempt);
    let committed = case.record(ghost.tp).map_or(BrokerSet::EMPTY, |record| record.isr);
    let theirs = committed.minus(exempt);
    if standing.watermark == Offset::ZERO || (own.is_empty() && theirs.is_empty()) {
        return;
    }
    if is_excused(ghost, replica) {
        return;
    }
    for (property, missing, whose) in
        [("INV-8", own, "its own"), ("INV-9", theirs, "the controller's")]
    {
        if !missing.is_empty() {
            let class = ghost.class_of_missing(missing);
            let finding = Finding { class, ..Finding::violation(property, leader, ghost.tp) };
            out.report(case.moment, finding, || {
                format!(
                    "{missing} of {whose} ISR lack entries that {leader} holds below its high \
                     watermark {}",
                    standing.watermark
                )
            });
        }
    }
}

/// A leader of an epoch before a loss, and everybody until an unclean election's leader has begun,
/// may disagree with the rest.
fn is_excused(ghost: &Ghost, leader: &Partition) -> bool {
    excuses::is_unclean_election_open(ghost)
        || leader.leader_epoch().is_some_and(|epoch| excuses::of_epoch(ghost, epoch).is_some())
}
