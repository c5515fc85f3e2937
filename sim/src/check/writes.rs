//! What a leader tells of a write, and what a log keeps of it: INV-19, INV-26, INV-27.

use super::cluster::{Case, Cluster};
use super::ghost::{Ghost, Seat};
use super::verdicts::{Finding, Verdicts};
use kafkalab_core::epoch::Offset;
use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::id::NodeId;
use kafkalab_core::record::Batch;
use kafkalab_core::replica::Partition;

/// Errors that a leader gives before it appends. The client tells its application that the record was
/// surely not written, unless an earlier attempt may have been.
const fn is_refusal(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::NotEnoughReplicas
            | ErrorCode::MessageTooLarge
            | ErrorCode::OutOfOrderSequenceNumber
            | ErrorCode::DuplicateSequenceNumber
            | ErrorCode::InvalidProducerEpoch
            | ErrorCode::InvalidRequiredAcks
            | ErrorCode::CorruptMessage
            | ErrorCode::InvalidRecord
    )
}

/// INV-19: what is refused as surely not written was not written by this request.
pub(super) fn on_refused<'a, V: Cluster<'a>>(
    ghost: &Ghost,
    case: &Case<'a, V>,
    (node, error): (NodeId, ErrorCode),
    written_at: Option<Offset>,
    out: &mut Verdicts,
) {
    if let Some(offset) = written_at.filter(|_| is_refusal(error)) {
        out.report(case.moment, Finding::violation("INV-19", node, ghost.tp), || {
            format!("{node} refused with {error} what it had written at offset {offset}")
        });
    }
}

/// INV-26: the high watermark of one leader never goes back in one epoch.
///
/// A consumer would be told that what it read does not exist. (From leader to leader it may: a new
/// leader knows only what its last fetch told it, R-7.)
pub(super) fn watermark_never_goes_back<'a, V: Cluster<'a>>(
    ghost: &mut Ghost,
    case: &Case<'a, V>,
    (node, replica): (NodeId, &Partition),
    out: &mut Verdicts,
) {
    let (tp, watermark) = (ghost.tp, replica.log().high_watermark());
    let Some(epoch) = replica.leader_epoch() else { return };
    let seat = ghost.seat_mut(node, case.view.incarnation(node));
    let before = seat.led.replace((epoch, watermark));
    if let Some((_, last)) = before.filter(|(led_in, last)| *led_in == epoch && watermark < *last) {
        out.report(case.moment, Finding::violation("INV-26", node, tp), || {
            format!("{node}'s high watermark went from {last} to {watermark} in epoch {epoch}")
        });
    }
}

/// INV-27 along a log: the sequences of one idempotent producer grow, so that no batch is there
/// twice (KIP-98). The batch before, if this one breaks it.
///
/// Sequences wrap after `i32::MAX`, which no run reaches.
pub(super) fn sequence_grows(seat: &mut Seat, batch: &Batch) -> Result<(), i32> {
    let Some(stamp) = batch.body.producer else { return Ok(()) };
    let last = stamp.base_sequence + batch.body.records.len() as i32 - 1;
    let before = seat.sequences.insert((stamp.id, stamp.epoch), last);
    match before {
        Some(before) if stamp.base_sequence <= before => Err(before),
        Some(_) | None => Ok(()),
    }
}
