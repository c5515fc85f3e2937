//! The counts of a run and of each client: fates and readings, added up.

use crate::fates::{Fate, Scene, fates};
use crate::readers::{
    Led, delivered_to, distinct, effects_of, log_duplicates, readers, reordered_by, reordered_for,
    that_lead, unread_by,
};
use kafkalab_core::id::{NodeId, RecordId};
use kafkalab_sim::scenario::plan::Plan;
use std::cell::OnceCell;
use std::collections::BTreeMap;

/// How many records, of one client or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) sent: u64,
    pub(crate) acked: u64,
    pub(crate) failed: u64,
    pub(crate) unknown: u64,
    pub(crate) pending: u64,
    pub(crate) gave_up: u64,
    pub(crate) appended: u64,
    pub(crate) delivered: u64,
    pub(crate) processed: u64,
    pub(crate) lost: u64,
    pub(crate) not_decided: u64,
    pub(crate) unread: u64,
    pub(crate) duplicates: u64,
    pub(crate) log_duplicates: u64,
    pub(crate) reordered: u64,
    pub(crate) skipped: u64,
    pub(crate) at_risk: u64,
}

/// The counts of the whole run and of each client at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) all: Counts,
    pub(crate) of: BTreeMap<NodeId, Counts>,
}

/// A tally that is counted when somebody first asks for it.
pub(crate) struct LazyTally<'a> {
    scene: Scene<'a>,
    plan: &'a Plan,
    counted: OnceCell<Tally>,
}

impl<'a> LazyTally<'a> {
    /// Knows already what was counted, if anything was and nothing has changed since.
    pub(crate) fn new(scene: Scene<'a>, plan: &'a Plan, counted: Option<Tally>) -> Self {
        Self { scene, plan, counted: counted.map_or_else(OnceCell::new, OnceCell::from) }
    }

    pub(crate) fn get(&self) -> &Tally {
        self.counted.get_or_init(|| tally(self.scene, self.plan))
    }

    /// What was counted, if anything was.
    pub(crate) fn into_counted(self) -> Option<Tally> {
        self.counted.into_inner()
    }
}

/// Counts everything, from the beginning.
pub(crate) fn tally(scene: Scene<'_>, plan: &Plan) -> Tally {
    let mut tally = Tally::default();
    for client in &plan.clients {
        tally.of.insert(client.node, Counts::default());
    }
    let logs = scene.logs();
    for (id, fate) in fates(scene, &logs) {
        add(&mut tally.all, fate);
        add(tally.of.entry(id.producer).or_default(), fate);
    }
    let led = that_lead(&logs);
    count_logs(&mut tally, &led, plan);
    count_readers(&mut tally, &led, scene, plan);
    tally
}

fn add(counts: &mut Counts, fate: Fate) {
    counts.sent += 1;
    counts.acked += u64::from(fate.acked);
    counts.failed += u64::from(fate.failed);
    counts.unknown += u64::from(fate.unknown);
    counts.pending += u64::from(fate.pending);
    counts.gave_up += u64::from(fate.gave_up);
    counts.appended += u64::from(fate.appended);
    counts.lost += u64::from(fate.lost);
    counts.not_decided += u64::from(fate.not_decided);
    counts.at_risk += u64::from(fate.at_risk);
}

/// What stands in the logs that lead.
fn count_logs(tally: &mut Tally, logs: &Led, plan: &Plan) {
    for (producer, copies) in log_duplicates(logs) {
        tally.all.log_duplicates += copies;
        tally.of.entry(producer).or_default().log_duplicates += copies;
    }
    for client in &plan.clients {
        let pairs = reordered_by(logs, client.node);
        tally.all.reordered += pairs;
        tally.of.entry(client.node).or_default().reordered += pairs;
    }
}

/// One of the counts.
type Count = fn(&mut Counts) -> &mut u64;

/// What readers were given, did, and did not see.
fn count_readers(tally: &mut Tally, logs: &Led, scene: Scene<'_>, plan: &Plan) {
    let (mut delivered, mut processed, mut unread) = (Vec::new(), Vec::new(), Vec::new());
    for (reader, covered) in readers(plan) {
        let (given, effects) = (delivered_to(scene, reader), effects_of(scene, reader));
        let (missed, done) = (unread_by(logs, &covered, &given), distinct(effects.clone()));
        let of = tally.of.entry(reader).or_default();
        of.delivered = given.len() as u64;
        of.processed = done.len() as u64;
        of.unread = missed.len() as u64;
        // "duplicates = effects done more than once, per group (a reader without a group counts as
        // one)": each repetition is counted.
        of.duplicates = (effects.len() - done.len()) as u64;
        of.reordered = reordered_for(scene, reader);
        tally.all.duplicates += of.duplicates;
        for id in &effects {
            tally.of.entry(id.producer).or_default().duplicates += 1;
        }
        for id in &done {
            tally.of.entry(id.producer).or_default().duplicates -= 1;
        }
        delivered.extend(given);
        processed.extend(done);
        unread.extend(missed);
    }
    // What any reader made of a record is counted for its producer, too, and once for all.
    let each: [(Vec<RecordId>, Count); 3] = [
        (delivered, |counts| &mut counts.delivered),
        (processed, |counts| &mut counts.processed),
        (unread, |counts| &mut counts.unread),
    ];
    for (ids, count) in each {
        for id in distinct(ids) {
            *count(&mut tally.all) += 1;
            *count(tally.of.entry(id.producer).or_default()) += 1;
        }
    }
}
