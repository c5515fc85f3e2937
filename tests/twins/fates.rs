//! The fate of every record, from the definitions alone, all over again whenever somebody asks.
//!
//! Words in quotes are the definitions these functions follow.

use crate::history::{Answer, History, Place, Record};
use kafkalab_core::broker::Broker;
use kafkalab_core::epoch::{LeaderEpoch, Offset};
use kafkalab_core::id::{NodeId, RecordId, TopicPartition};
use kafkalab_core::log::LogFile;
use kafkalab_core::protocol::{Body, Request};
use kafkalab_sim::look::Look;
use std::collections::{BTreeMap, BTreeSet};

/// A history and the world it has led to.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) history: &'a History,
    pub(crate) look: Look<'a>,
}

/// A log written out: what stands at each offset, from 0.
pub(crate) type Page = Vec<Option<(LeaderEpoch, RecordId)>>;

/// The logs of one partition in which a place counts.
#[derive(Clone, Debug)]
pub(crate) struct Leading {
    /// That of the leader; those of all replicas if there is none.
    pub(crate) logs: Vec<Page>,
    /// Whether there is a leader.
    pub(crate) is_led: bool,
    /// The leader's high watermark.
    watermark: Option<Offset>,
}

/// The logs of all partitions.
pub(crate) type Logs = BTreeMap<TopicPartition, Leading>;

/// Writes a log out.
fn page(log: &LogFile) -> Page {
    let mut page = vec![None; log.end().0 as usize];
    for batch in log.batches_from(Offset::ZERO) {
        for record in &batch.body.records {
            let place = batch.base_offset.0 + u64::from(record.offset_delta);
            page[place as usize] = record.id.map(|id| (batch.leader_epoch, id));
        }
    }
    page
}

impl Scene<'_> {
    /// "A partition *has a leader* while the broker that the committed record names runs in the
    /// incarnation that was elected; a dead leader, or one restarted and not registered again, is
    /// none."
    pub(crate) fn leader(self, tp: TopicPartition) -> Option<NodeId> {
        let leader = self.history.image.partition(tp)?.leader?;
        let world = self.look.world();
        let elected = self.history.elected.get(&tp)?;
        (world.is_up(leader) && world.incarnation(leader) == *elected).then_some(leader)
    }

    /// "A place *counts* while the leader's log has it there …; without a leader, while any
    /// replica's log or disk has it." Nothing is dropped by retention or compaction yet.
    pub(crate) fn logs(self) -> Logs {
        let partitions = self.history.image.partitions();
        let leading = partitions.map(|(tp, registration)| {
            let leader = self.leader(tp);
            let holders = leader.map_or_else(|| registration.replicas.to_vec(), |it| vec![it]);
            let logs = holders.iter().filter_map(|node| self.look.log(tp, *node)).map(page);
            let replica = leader.and_then(|node| self.look.replica(tp, node));
            let watermark = replica.map(|replica| replica.log().high_watermark());
            (tp, Leading { logs: logs.collect(), is_led: leader.is_some(), watermark })
        });
        leading.collect()
    }
}

impl Scene<'_> {
    /// The records with an attempt that is "still on its way": a produce request with them was sent
    /// and has neither arrived nor died, or waits at its broker until it is looked at.
    fn travelling(self) -> BTreeSet<RecordId> {
        let sent = self.look.world().undelivered().filter_map(|frame| match &frame.body {
            Body::Request(request) => Some(request),
            Body::Response(_) => None,
        });
        let brokers = self.look.brokers().filter_map(|node| self.look.broker(node));
        let requests = sent.chain(brokers.flat_map(Broker::waiting_requests));
        let batches = requests.filter_map(|request| match request {
            Request::Produce(produce) => Some(&produce.partitions),
            _ => None,
        });
        let records = batches.flatten().flat_map(|batch| &batch.body.records);
        records.filter_map(|record| record.id).collect()
    }
}

impl Leading {
    /// Whether the record stands there exactly as it was appended.
    fn counts(&self, id: RecordId, place: Place) -> bool {
        let written = Some(&Some((place.leader_epoch, id)));
        self.logs.iter().any(|page| page.get(place.offset.0 as usize) == written)
    }
}

/// What became of a record so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of the definitions")]
pub(crate) struct Fate {
    pub(crate) acked: bool,
    pub(crate) gave_up: bool,
    pub(crate) failed: bool,
    pub(crate) unknown: bool,
    pub(crate) pending: bool,
    pub(crate) appended: bool,
    pub(crate) lost: bool,
    pub(crate) not_decided: bool,
    pub(crate) at_risk: bool,
}

/// The fates of all records that were sent.
pub(crate) fn fates(scene: Scene<'_>, logs: &Logs) -> Vec<(RecordId, Fate)> {
    let travelling = scene.travelling();
    let fate_of = |(id, record): (&RecordId, &Record)| {
        (*id, fate(logs, *id, record, travelling.contains(id)))
    };
    scene.history.records.iter().map(fate_of).collect()
}

fn fate(logs: &Logs, id: RecordId, record: &Record, is_under_way: bool) -> Fate {
    // "acked = the client was told success"; "gave_up = the client was told failure"; "a record
    // that was never resolved is pending". Success once is success.
    let acked = record.told.contains(&Answer::Success);
    let gave_up = !acked && !record.told.is_empty();
    let pending = record.told.is_empty();
    // "of these failed = surely not written, unknown = perhaps written".
    let perhaps = record.told.contains(&Answer::Perhaps) || record.was_abandoned_on_the_wire;
    let counts = |place: &Place| logs[&place.tp].counts(id, *place);
    let counting: Vec<Place> = record.places.iter().copied().filter(counts).collect();
    // "lost = acked, no place counts, and no attempt is still on its way".
    let lost = acked && counting.is_empty() && !is_under_way;
    // "not decided = acked, every place that counts is in a partition without a leader".
    let not_decided =
        acked && !counting.is_empty() && counting.iter().all(|place| !logs[&place.tp].is_led);
    // "at risk = acked, and above the high watermark at every place": at every place that counts. A
    // watermark that is undefined has nothing above it.
    let is_above = |place: &Place| {
        logs[&place.tp].watermark.is_some_and(|watermark| place.offset >= watermark)
    };
    let at_risk = acked && !lost && counting.iter().all(is_above);
    Fate {
        acked,
        gave_up,
        failed: gave_up && !perhaps,
        unknown: gave_up && perhaps,
        pending,
        appended: !record.places.is_empty(),
        lost,
        not_decided,
        at_risk,
    }
}
