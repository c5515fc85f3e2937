//! What a broker keeps beside its logs: INV-23, INV-24, INV-25.

use super::cluster::{Case, Cluster};
use super::ghost::Ghost;
use super::verdicts::{Class, Finding, Verdicts};
use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::id::NodeId;
use kafkalab_core::metadata::MetadataImage;
use kafkalab_core::replica::{Partition, Role};

/// Images kept to compare others with. Brokers publish the same offsets within moments.
const IMAGES_KEPT: usize = 8;

/// INV-23: whoever has applied the metadata log up to an offset has the same image as anybody else
/// who has; so what each has applied is a prefix of one log.
///
/// A broker that saw another history would elect, fetch and fence by it.
pub(super) fn images_are_equal<'a, V: Cluster<'a>>(
    seen: &mut Vec<(NodeId, MetadataImage)>,
    case: &Case<'a, V>,
    node: NodeId,
    out: &mut Verdicts,
) {
    let Some(image) = case.view.published(node) else { return };
    let same_end = |(_, other): &&(NodeId, MetadataImage)| other.end_offset == image.end_offset;
    match seen.iter().find(same_end) {
        Some((first, other)) if other != image => {
            let finding = Finding::of_broker("INV-23", Class::Violation, node);
            out.report(case.moment, finding, || {
                let end = image.end_offset;
                format!("{node} and {first} have different metadata up to offset {end}")
            });
        }
        Some(_) => {}
        None => {
            if seen.len() == IMAGES_KEPT {
                seen.remove(0);
            }
            seen.push((node, image.clone()));
        }
    }
}

/// Whether a proposal that was refused with `error` stays pending until newer metadata comes.
const fn stays_pending(error: ErrorCode) -> bool {
    !matches!(error, ErrorCode::IneligibleReplica)
}

/// A proposal of the leader on `node` was refused.
pub(super) fn on_refused<'a, V: Cluster<'a>>(
    ghost: &mut Ghost,
    case: &Case<'a, V>,
    (node, error): (NodeId, ErrorCode),
) {
    ghost.seat_mut(node, case.view.incarnation(node)).awaits_metadata = stays_pending(error);
}

/// INV-24: while a leader counts a proposal, it is that proposal that is queued or under way; or it
/// was refused in a way that lets it stand until newer metadata comes.
///
/// A pending proposal that nobody sends would hold the watermark back for ever. The reverse does not
/// hold in Kafka: newer metadata ends the pending state while the request is still under way.
pub(super) fn proposal_is_under_way<'a, V: Cluster<'a>>(
    ghost: &Ghost,
    case: &Case<'a, V>,
    (node, replica): (NodeId, &Partition),
    out: &mut Verdicts,
) {
    let pending = replica.leadership().and_then(|leadership| leadership.pending);
    let Some(pending) = pending else { return };
    let sent = case.view.proposal(ghost.tp, node);
    let may_wait = ghost.seat(node).is_some_and(|seat| seat.awaits_metadata);
    let holds = sent.map_or(may_wait, |sent| sent == pending.proposed);
    if !holds {
        out.report(case.moment, Finding::violation("INV-24", node, ghost.tp), || {
            let proposed = pending.proposed;
            format!("{node} counts its proposal {proposed}, and under way is {sent:?}")
        });
    }
}

/// INV-25: a leader copies from nobody, and a follower from its leader alone. (A partition that
/// failed or rests stays with its fetcher.) A broker on its way out may have stopped to copy.
pub(super) fn copies_from_its_leader<'a, V: Cluster<'a>>(
    ghost: &Ghost,
    case: &Case<'a, V>,
    (node, replica): (NodeId, &Partition),
    out: &mut Verdicts,
) {
    let expected = match replica.role() {
        Role::Follower(Some(leader)) => BrokerSet::of(*leader),
        Role::Follower(None) | Role::Leader(_) | Role::Idle => BrokerSet::EMPTY,
    };
    let found = case.view.fetches_from(ghost.tp, node);
    let has_stopped = found.is_empty() && case.view.is_stopping(node);
    if found != expected && !has_stopped {
        out.report(case.moment, Finding::violation("INV-25", node, ghost.tp), || {
            format!("{node} should copy from {expected}, and copies from {found}")
        });
    }
}
