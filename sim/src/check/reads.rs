//! That consumers read what stays: INV-17.

use super::cluster::{Case, Cluster};
use super::excuses::{self, Excuse};
use super::ghost::Ghost;
use super::verdicts::{Finding, Verdicts};
use kafkalab_core::epoch::Offset;
use kafkalab_core::id::{NodeId, RecordId};
use kafkalab_core::log::LogFile;
use kafkalab_core::record::Record;

/// The record at `offset`.
fn record_at(log: &LogFile, offset: Offset) -> Option<&Record> {
    let batch = log.batch_at(offset)?;
    let delta = offset.distance_from(batch.base_offset) as u32;
    let records = &batch.body.records;
    match records.get(delta as usize) {
        Some(record) if record.offset_delta == delta => Some(record),
        Some(_) | None => records.iter().find(|record| record.offset_delta == delta),
    }
}

fn is_at(log: &LogFile, offset: Offset, id: Option<RecordId>) -> bool {
    record_at(log, offset).is_some_and(|record| record.id == id)
}

/// INV-17: what a consumer is given is what the live leader of the committed epoch has there.
///
/// A leader shows consumers only what is below its high watermark, thus committed; that it stays is
/// INV-15, and when that fails the consumers are named there. Here remains what never was committed,
/// or was given from the log of a zombie after the loss.
pub(super) fn on_delivered<'a, V: Cluster<'a>>(
    ghost: &mut Ghost,
    case: &Case<'a, V>,
    (consumer, offset): (NodeId, Offset),
    id: Option<RecordId>,
    out: &mut Verdicts,
) {
    let is_committed = offset < ghost.committed_end()
        && ghost.committed_log().is_some_and(|log| is_at(log, offset, id));
    if is_committed {
        ghost.consumed_end = ghost.consumed_end.max(offset.next());
        return;
    }
    let Some((leader, replica)) = case.leader(ghost.tp) else { return };
    let stands = record_at(replica.log().file(), offset);
    if stands.is_some_and(|record| record.id == id) {
        ghost.consumed_end = ghost.consumed_end.max(offset.next());
        return;
    }
    let excuse = of_read(ghost, offset, id).unwrap_or(Excuse::NONE);
    let finding =
        Finding { class: excuse.class, ..Finding::violation("INV-17", consumer, ghost.tp) };
    out.report(case.moment, finding, || {
        let name = |id: Option<RecordId>| match id {
            Some(id) => format!("#{} of {}", id.n, id.producer),
            None => "a record without identity".to_owned(),
        };
        let there = stands.map_or_else(|| "nothing".to_owned(), |record| name(record.id));
        format!(
            "{consumer} was given {} at offset {offset}, where leader {leader} has {there}: {}",
            name(id),
            excuse.rule
        )
    });
}

/// What excuses a read of a record that is not there any more: it stood in the log of an epoch that
/// was superseded, or in one from which entries were judged lost.
fn of_read(ghost: &Ghost, offset: Offset, id: Option<RecordId>) -> Option<Excuse> {
    let mut epochs = ghost.epochs().filter(|known| is_at(&known.log, offset, id));
    epochs.find_map(|known| excuses::of_epoch(ghost, known.epoch))
}
