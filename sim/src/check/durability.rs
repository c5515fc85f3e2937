//! That what is committed stays: INV-12, INV-15, INV-16, INV-18, and the commitment itself (G-1).
//!
//! An entry is committed when a leader's high watermark passes it; a zombie commits too, for its
//! watermark is protected by its maximal ISR. From then on every leader must hold it, nobody in sync
//! may cut it, and success may be told to the producer.

use super::agreement::Standing;
use super::cluster::{Case, Cluster};
use super::excuses::{self, Excuse};
use super::ghost::{Ghost, common_end};
use super::verdicts::{Class, Finding, Verdicts};
use kafkalab_core::epoch::{LeaderEpoch, Offset};
use kafkalab_core::id::NodeId;
use kafkalab_core::record::BatchBody;
use kafkalab_core::replica::{Partition, PendingIsr};

/// G-1: a leader's high watermark stands where it stands, so everything below it is committed.
///
/// Two leaders that commit different entries at one offset break INV-15: one of them did not hold
/// what the other had committed.
pub(super) fn commit<'a, V: Cluster<'a>>(
    ghost: &mut Ghost,
    case: &Case<'a, V>,
    (node, replica): (NodeId, &Partition),
    standing: &Standing,
    out: &mut Verdicts,
) {
    let (Some(epoch), Some(leadership)) = (replica.leader_epoch(), replica.leadership()) else {
        return;
    };
    let (log, watermark) = (replica.log().file(), standing.watermark);
    if watermark == Offset::ZERO {
        return;
    }
    let known = ghost.epoch_mut(epoch, node, log);
    if known.log.end() < watermark {
        known.log = log.clone();
    }
    if excuses::of_epoch(ghost, epoch).is_some() {
        // Nobody will keep what it commits. It and who follows it disagree until they cut it.
        ghost.unsettled = ghost.unsettled.with(node);
        return;
    }
    let shared = watermark.min(ghost.committed_end());
    if ghost.source() != Some(epoch) && !ghost.holds(Some(log), shared) {
        if ghost.source() > Some(epoch) {
            commits_against(ghost, case, (node, replica), out);
            return;
        }
        lose(ghost, case, (node, replica, epoch), out);
    }
    if watermark > ghost.committed_end() {
        ghost.commit(epoch, watermark, standing.holders);
        ghost.excuses.on_holding(standing.holders, watermark);
    }
    let maximal = PendingIsr::maximal(leadership.pending, leadership.isr);
    if watermark > ghost.wide_end && maximal.len() >= case.image.min_insync_replicas(ghost.tp) {
        ghost.wide_end = watermark;
    }
}

/// INV-15 broken by a zombie: it commits other entries than a later leader already has.
fn commits_against<'a, V: Cluster<'a>>(
    ghost: &Ghost,
    case: &Case<'a, V>,
    (node, replica): (NodeId, &Partition),
    out: &mut Verdicts,
) {
    let (tp, log) = (ghost.tp, replica.log());
    let shared = ghost.committed_log().map_or(Offset::ZERO, |c| common_end(c, log.file()));
    let range = (tp, shared, log.high_watermark());
    out.report_loss(case.moment, Finding::violation("INV-15", node, tp), range, || {
        format!(
            "{node}, leader of the old epoch {:?}, has committed up to {} what differs from offset \
             {shared} on from what was committed in epoch {:?}",
            replica.leader_epoch(),
            log.high_watermark(),
            ghost.source()
        )
    });
}

/// INV-15: the live leader of the committed epoch holds every committed entry, thus every record
/// acknowledged with acks=all.
///
/// This is what all the rest is for. A loss is classified (G-8) and judged once: afterwards the
/// leader's log is what counts.
pub(super) fn leader_is_complete<'a, V: Cluster<'a>>(
    ghost: &mut Ghost,
    case: &Case<'a, V>,
    out: &mut Verdicts,
) {
    let Some((node, replica)) = case.leader(ghost.tp) else { return };
    let Some(epoch) = replica.leader_epoch() else { return };
    if ghost.source() == Some(epoch) {
        return;
    }
    if ghost.holds(Some(replica.log().file()), ghost.committed_end()) {
        ghost.excuses.forgive(node, epoch);
    } else {
        lose(ghost, case, (node, replica, epoch), out);
    }
}

/// INV-15 at the end of a run, of a leader that does not lead yet: the controller elected it in the
/// life that runs, and it has not heard of it. Nothing is settled, since its log may still change.
pub(super) fn elected_is_complete<'a, V: Cluster<'a>>(
    ghost: &Ghost,
    case: &Case<'a, V>,
    out: &mut Verdicts,
) {
    let (tp, to) = (ghost.tp, ghost.committed_end());
    let Some(record) = case.record(tp) else { return };
    let Some(node) = record.leader.filter(|node| case.is_registered_life(*node)) else { return };
    let log = case.view.log(tp, node);
    if case.leader(tp).is_some() || ghost.holds(log, to) {
        return;
    }
    let shared = log.zip(ghost.committed_log()).map(|(log, known)| common_end(log, known));
    let (from, epoch) = (shared.unwrap_or_default().min(to), record.leader_epoch);
    let excuse = excuses::classify(ghost, from, to, Some((node, epoch)));
    let finding = Finding { class: excuse.class, ..Finding::violation("INV-15", node, tp) };
    out.report_loss(case.moment, finding, (tp, from, to), || {
        format!(
            "{node} is elected in epoch {epoch}, has not heard of it, and lacks the committed entries \
             from offset {from} to {to}: {}",
            excuse.rule
        )
    });
}

/// The leader of `epoch` lacks committed entries: says so, says why, and takes its log for the truth.
fn lose<'a, V: Cluster<'a>>(
    ghost: &mut Ghost,
    case: &Case<'a, V>,
    (node, replica, epoch): (NodeId, &Partition, LeaderEpoch),
    out: &mut Verdicts,
) {
    let Some(committed) = ghost.committed_log() else { return };
    let (log, to) = (replica.log().file(), ghost.committed_end());
    let from = common_end(committed, log).min(to);
    ghost.epoch_mut(epoch, node, log);
    let excuse = excuses::classify(ghost, from, to, Some((node, epoch)));
    let finding =
        |property| Finding { class: excuse.class, ..Finding::violation(property, node, ghost.tp) };
    let (lost, acked) = (to.distance_from(from), ghost.acked_in(from, to));
    out.report_loss(case.moment, finding("INV-15"), (ghost.tp, from, to), || {
        format!(
            "{node} leads in epoch {epoch} without {lost} committed entries from offset {from} to \
             {to}, {acked} of them acknowledged with acks=all: {}",
            excuse.rule
        )
    });
    if ghost.consumed_end > from {
        out.report(case.moment, finding("INV-17"), || {
            format!(
                "consumers were given entries up to {}, and {node}, leader in epoch {epoch}, lacks \
                 them from offset {from} on: {}",
                ghost.consumed_end, excuse.rule
            )
        });
    }
    excuses::settle(ghost, from, excuse, (node, epoch));
}

/// INV-12: a replica that cuts its log to follow a leader cuts nothing that is committed.
///
/// What it cut is known although it is gone: its log was a prefix of what the leader of its last
/// batch's epoch had. Entries of its own that never were committed may always be cut, also below the
/// committed end. A replica outside the ISR that follows in an older epoch than the one in which
/// entries were committed protects nothing: that they are committed does not rest on it (KIP-320).
pub(super) fn on_truncated<'a, V: Cluster<'a>>(
    ghost: &Ghost,
    case: &Case<'a, V>,
    (node, from, to): (NodeId, Offset, Offset),
    follows_in: LeaderEpoch,
    out: &mut Verdicts,
) {
    if to >= ghost.committed_end() && ghost.excuses.losses().is_empty() {
        return;
    }
    let tail = ghost.seat(node).and_then(|seat| seat.tail);
    let Some(before) = tail.and_then(|epoch| ghost.epoch(epoch)) else { return };
    let mut report = |cut_to: Offset, excuse: Excuse| {
        let class = excuse.class;
        let finding = Finding { class, ..Finding::violation("INV-12", node, ghost.tp) };
        out.report(case.moment, finding, || {
            format!(
                "{node}, following in epoch {follows_in}, cut its log from {from} to {to} and with \
                 it committed entries up to {cut_to}: {}",
                excuse.rule
            )
        });
    };
    if let Some(committed) = ghost.committed_log() {
        let is_counted = case.record(ghost.tp).is_some_and(|record| record.isr.contains(node));
        let until =
            if is_counted { ghost.committed_end() } else { ghost.committed_until(follows_in) };
        let end = common_end(&before.log, committed).min(from).min(until);
        if end > to {
            let leader = ghost.epoch(follows_in).map(|known| (known.leader, known.epoch));
            report(end, excuses::classify(ghost, to, end, leader));
        }
    }
    for loss in ghost.excuses.losses() {
        let Some(lost) = ghost.epoch(loss.source) else { continue };
        let end = common_end(&before.log, &lost.log).min(from).min(loss.to);
        if end > to.max(loss.from) {
            report(end, loss.excuse);
        }
    }
}

/// INV-16: every record acknowledged with acks=all is in the log of some replica, live or on a disk
/// that can be restarted from.
///
/// Fails only if all who held it lost their disks. What is gone stays acknowledged: the next leader
/// lacks it, and INV-15 says so of the same records.
pub(super) fn acked_is_somewhere<'a, V: Cluster<'a>>(
    ghost: &mut Ghost,
    case: &Case<'a, V>,
    out: &mut Verdicts,
) {
    let (tp, end) = (ghost.tp, ghost.acked_end().min(ghost.gone_from));
    if end == Offset::ZERO {
        return;
    }
    let log_of = |node| case.view.log(tp, node);
    if ghost.seats.iter().any(|seat| ghost.holds(log_of(seat.node), end)) {
        return;
    }
    let Some(committed) = ghost.committed_log() else { return };
    let logs = ghost.seats.iter().filter_map(|seat| log_of(seat.node));
    let kept = logs.map(|log| common_end(log, committed)).max().unwrap_or_default();
    let lost = ghost.acked_in(kept, end);
    if kept < end && lost > 0 {
        let excuse = excuses::classify(ghost, kept, end, None);
        let finding = Finding { property: "INV-16", class: excuse.class, node: None, tp: Some(tp) };
        out.report_loss(case.moment, finding, (tp, kept, end), || {
            format!(
                "{lost} records acknowledged with acks=all, from offset {kept} to {end}, are in no \
                 replica's log and on no disk: {}",
                excuse.rule
            )
        });
    }
    ghost.gone_from = kept;
}

/// INV-18: success with acks=all is told only for what is committed: it is below the high watermark
/// of the leader that tells it, and that watermark passed it with min.insync.replicas counted.
pub(super) fn on_acknowledged<'a, V: Cluster<'a>>(
    ghost: &mut Ghost,
    case: &Case<'a, V>,
    (node, base): (NodeId, Offset),
    body: &BatchBody,
    out: &mut Verdicts,
) {
    let (tp, end) = (ghost.tp, base.plus(body.span()));
    let replica = case.view.replica(tp, node);
    // A request about several partitions is answered when the last of them is done: by then this
    // one may have lost its leadership or its ISR, but what was committed stays committed.
    let leadership = replica.and_then(Partition::leadership);
    if let (Some(replica), Some(leadership)) = (replica, leadership) {
        let watermark = replica.log().high_watermark();
        let min_isr = case.image.min_insync_replicas(tp);
        let maximal = PendingIsr::maximal(leadership.pending, leadership.isr);
        if watermark < end || (maximal.len() < min_isr && ghost.wide_end < end) {
            let finding = Finding::violation("INV-18", node, tp);
            out.report_loss(case.moment, finding, (tp, base, end), || {
                format!(
                    "{node} acknowledged offsets {base} to {end} with its high watermark at \
                     {watermark} and {maximal} as its maximal ISR, of at least {min_isr}"
                )
            });
        }
    }
    let stands = ghost.committed_log().and_then(|log| log.batch_at(base));
    let is_committed = ghost.committed_end() >= end
        && stands.is_some_and(|batch| batch.body.digest == body.digest);
    if is_committed {
        ghost.acknowledge(base, end);
        return;
    }
    // It may have lost its leadership since: what counts is the epoch in which it wrote.
    let written_in = ghost.epoch_of(base, body).or(replica.and_then(Partition::leader_epoch));
    let excuse =
        written_in.and_then(|epoch| excuses::of_epoch(ghost, epoch)).unwrap_or(Excuse::NONE);
    let finding = Finding { class: excuse.class, ..Finding::violation("INV-18", node, tp) };
    out.report_loss(case.moment, finding, (tp, base, end), || {
        let why = if excuse.class == Class::Violation { "" } else { excuse.rule };
        format!(
            "{node} acknowledged offsets {base} to {end}, which are not committed (to {}): {why}",
            ghost.committed_end()
        )
    });
}
