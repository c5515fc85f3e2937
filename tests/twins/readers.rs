//! What logs hold and what readers made of it: copies, order, unread records, repeated effects.

use crate::fates::{Logs, Scene};
use kafkalab_core::id::{NodeId, RecordId, TopicPartition};
use kafkalab_sim::scenario::plan::{ClientKind, Plan};
use std::collections::BTreeMap;

/// The readers of a plan, with the partitions their subscriptions cover.
pub(crate) fn readers(plan: &Plan) -> Vec<(NodeId, Vec<TopicPartition>)> {
    let clients = plan.clients.iter();
    let reader = clients.filter_map(|client| match &client.kind {
        ClientKind::Consumer(consumer) => Some((client.node, consumer.assign.clone())),
        ClientKind::Producer(_) => None,
    });
    reader.collect()
}

/// The records of every log that leads, in order of offset. A partition without a leader has none.
pub(crate) type Led = BTreeMap<TopicPartition, Vec<RecordId>>;

/// The logs that lead.
pub(crate) fn that_lead(logs: &Logs) -> Led {
    let led = logs.iter().filter(|(_, leading)| leading.is_led);
    let records = led.map(|(tp, leading)| {
        let written = leading.logs.iter().flatten().flatten();
        (*tp, written.map(|(_, id)| *id).collect())
    });
    records.collect()
}

/// "log_duplicates = appended more than once to logs that lead": the copies of each producer's records
/// beyond the first of each.
pub(crate) fn log_duplicates(logs: &Led) -> BTreeMap<NodeId, u64> {
    let mut all: Vec<RecordId> = logs.values().flatten().copied().collect();
    all.sort_unstable();
    let mut copies = BTreeMap::new();
    for two in all.windows(2).filter(|two| two[0] == two[1]) {
        *copies.entry(two[0].producer).or_insert(0) += 1;
    }
    copies
}

/// "reordered = pairs of records of one producer that are neighbours in a partition's log, every
/// copy counted, and stand there against the order they were sent in": neighbours among the records
/// of that producer.
pub(crate) fn reordered_by(logs: &Led, producer: NodeId) -> u64 {
    let of_producer = |log: &Vec<RecordId>| {
        against_order(log.iter().copied().filter(|id| id.producer == producer))
    };
    logs.values().map(of_producer).sum()
}

/// "the same of what a reader was given".
pub(crate) fn reordered_for(scene: Scene<'_>, reader: NodeId) -> u64 {
    let mut given: BTreeMap<(TopicPartition, NodeId), Vec<RecordId>> = BTreeMap::new();
    for one in scene.history.delivered.iter().filter(|one| one.reader == reader) {
        given.entry((one.tp, one.id.producer)).or_default().push(one.id);
    }
    given.into_values().map(|ids| against_order(ids.into_iter())).sum()
}

fn against_order(ids: impl Iterator<Item = RecordId>) -> u64 {
    let ids: Vec<RecordId> = ids.collect();
    ids.windows(2).filter(|pair| pair[1].n < pair[0].n).count() as u64
}

/// "unread(c) = in the log, and never delivered to a reader whose subscription covers it". `given` is
/// sorted; the answer is, too.
pub(crate) fn unread_by(
    logs: &Led,
    covered: &[TopicPartition],
    given: &[RecordId],
) -> Vec<RecordId> {
    let in_logs = covered.iter().filter_map(|tp| logs.get(tp)).flatten().copied();
    distinct(in_logs.filter(|id| given.binary_search(id).is_err()).collect())
}

/// Every record that `reader` was handed, each once, sorted.
pub(crate) fn delivered_to(scene: Scene<'_>, reader: NodeId) -> Vec<RecordId> {
    let given = scene.history.delivered.iter().filter(|one| one.reader == reader);
    distinct(given.map(|one| one.id).collect())
}

/// Every effect that `reader` did, as often as it did it.
pub(crate) fn effects_of(scene: Scene<'_>, reader: NodeId) -> Vec<RecordId> {
    let done = scene.history.processed.iter().filter(|one| one.reader == reader);
    done.map(|one| one.id).collect()
}

/// Sorted, each once.
pub(crate) fn distinct(mut ids: Vec<RecordId>) -> Vec<RecordId> {
    ids.sort_unstable();
    ids.dedup();
    ids
}
