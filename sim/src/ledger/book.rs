//! The rows, kept up to date note by note, and the totals that conditions and verdicts ask for.

use super::fate::{Fate, Outcome, Place, Row};
use super::rows::Rows;
use crate::look::{Committed, Look};
use crate::scenario::plan::{ClientKind, Plan};
use kafkalab_core::config::Acks;
use kafkalab_core::epoch::Offset;
use kafkalab_core::event::{ClientEvent, Event, ReplicaEvent};
use kafkalab_core::id::{NodeId, RecordId, TopicPartition};
use kafkalab_core::log::LogFile;
use kafkalab_core::record::BatchBody;
use kafkalab_core::time::Instant;
use std::collections::BTreeMap;

/// The counts of one client, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Records the application sent.
    pub sent: u64,
    /// Told success.
    pub acked: u64,
    /// Told failure, and surely not written.
    pub failed: u64,
    /// Told failure, and perhaps written.
    pub unknown: u64,
    /// Appended by a leader at least once.
    pub appended: u64,
    /// Handed to a consumer at least once.
    pub delivered: u64,
    /// Effect done at least once.
    pub processed: u64,
    /// Acked and missing from the log of a leader elected later.
    pub lost: u64,
    /// Effects done more than once, each repetition counted.
    pub duplicates: u64,
    /// Appends beyond the first that stand in the log beside it.
    pub log_duplicates: u64,
    /// In the log, passed over by a consumer group, effect never done. No groups yet: always 0.
    pub skipped: u64,
    /// Acked and not below the high watermark.
    pub at_risk: u64,
}

impl Totals {
    /// The count that records with this outcome are in; none for those still open.
    const fn of(&mut self, outcome: Outcome) -> Option<&mut u64> {
        match outcome {
            Outcome::Open => None,
            Outcome::Acked { .. } => Some(&mut self.acked),
            Outcome::Failed { .. } => Some(&mut self.failed),
            Outcome::Unknown { .. } => Some(&mut self.unknown),
        }
    }
}

/// The records of one producer and the counts of one client.
#[derive(Clone, Debug)]
struct Account {
    node: NodeId,
    acks: Acks,
    rows: Rows,
    totals: Totals,
    in_hand: Option<RecordId>,
}

/// Every record's row.
#[derive(Clone, Debug)]
pub struct Ledger {
    accounts: Vec<Account>,
    totals: Totals,
    /// Acked records that are not known to be committed, by partition: those that can be lost.
    exposed: BTreeMap<TopicPartition, Vec<RecordId>>,
}

impl Ledger {
    /// An empty ledger for the clients of `plan`.
    pub fn new(plan: &Plan) -> Self {
        let account = |node, acks| Account {
            node,
            acks,
            rows: Rows::default(),
            totals: Totals::default(),
            in_hand: None,
        };
        let accounts = plan.clients.iter().map(|client| match &client.kind {
            ClientKind::Producer(producer) => account(client.node, producer.config.acks),
            ClientKind::Consumer(_) => account(client.node, Acks::All),
        });
        let (totals, exposed) = (Totals::default(), BTreeMap::new());
        Self { accounts: accounts.collect(), totals, exposed }
    }

    /// The counts over all clients.
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The counts of one client.
    pub fn totals_of(&self, client: NodeId) -> Option<&Totals> {
        self.account(client).map(|account| &account.totals)
    }

    /// The record a consumer's application has in hand.
    pub fn in_hand(&self, consumer: NodeId) -> Option<RecordId> {
        self.account(consumer)?.in_hand
    }

    /// All rows, by producer and ordinal.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.accounts.iter().flat_map(|account| account.rows.iter())
    }

    /// One row.
    pub fn row(&self, id: RecordId) -> Option<&Row> {
        self.account(id.producer)?.rows.get(id.n as usize)
    }

    /// Whether only one producer exists, so that `#3` needs no name.
    pub fn has_one_producer(&self) -> bool {
        self.accounts.iter().filter(|account| !account.rows.is_empty()).count() <= 1
    }

    /// The fate of a row as things stand.
    pub fn fate(&self, row: &Row) -> Fate {
        match row.outcome {
            Outcome::Acked { .. } if row.lost.is_some() => Fate::Lost,
            _ if row.processed > 1 => Fate::Duplicate,
            Outcome::Open => Fate::Open,
            Outcome::Failed { .. } => Fate::Failed,
            Outcome::Unknown { .. } => Fate::Unknown,
            Outcome::Acked { .. } => {
                let exposed = row.tp.and_then(|tp| self.exposed.get(&tp));
                if exposed.is_some_and(|ids| ids.contains(&row.id)) {
                    Fate::AtRisk
                } else {
                    Fate::Ok
                }
            }
        }
    }

    fn index(client: NodeId) -> usize {
        usize::from(client.number()) - 1
    }

    fn account(&self, client: NodeId) -> Option<&Account> {
        let account = self.accounts.get(Self::index(client))?;
        (account.node == client).then_some(account)
    }

    fn account_mut(&mut self, client: NodeId) -> Option<&mut Account> {
        self.accounts.get_mut(Self::index(client)).filter(|account| account.node == client)
    }

    fn row_mut(&mut self, id: RecordId) -> Option<&mut Row> {
        self.account_mut(id.producer)?.rows.get_mut(id.n as usize)
    }

    /// Adds `change` to the counts of `client` and of all.
    fn count(&mut self, client: NodeId, change: impl Fn(&mut Totals)) {
        change(&mut self.totals);
        if let Some(account) = self.account_mut(client) {
            change(&mut account.totals);
        }
    }

    // ---- notes ---------------------------------------------------------------------------------

    /// Takes in what `node` noted at `at`.
    pub fn observe(
        &mut self,
        at: Instant,
        node: NodeId,
        notes: &[Event],
        look: Look<'_>,
        committed: &Committed,
    ) {
        for note in notes {
            match note {
                Event::Client(event) => self.on_client(at, node, event, look, committed),
                Event::Replica(event) => self.on_replica(at, node, event, look, committed),
                Event::Controller(_) => {}
            }
        }
    }

    fn on_client(
        &mut self,
        at: Instant,
        node: NodeId,
        event: &ClientEvent,
        look: Look<'_>,
        committed: &Committed,
    ) {
        match event {
            ClientEvent::SendCalled { id, .. } => self.open(at, *id),
            ClientEvent::BatchSent { tp, body, .. } => self.each(body, |row| {
                row.tp = Some(*tp);
                row.attempts += 1;
            }),
            ClientEvent::BatchAcked { tp, body, base_offset } => {
                self.ack(at, *tp, body, *base_offset);
                self.look_for_losses(at, *tp, look, committed);
            }
            ClientEvent::BatchFailed { body, error, is_indefinite: true, .. } => {
                self.give_up(body, Outcome::Unknown { at, error: *error });
            }
            ClientEvent::BatchFailed { body, error, is_indefinite: false, .. } => {
                self.give_up(body, Outcome::Failed { at, error: *error });
            }
            ClientEvent::SendRefused { id, error } => {
                self.resolve(*id, Outcome::Failed { at, error: *error });
            }
            ClientEvent::Delivered { id: Some(id), .. } => {
                let is_first = self.row_mut(*id).is_some_and(|row| {
                    row.delivered += 1;
                    row.delivered == 1
                });
                self.count(node, |totals| totals.delivered += u64::from(is_first));
            }
            ClientEvent::Processing { id, .. } => {
                if let Some(account) = self.account_mut(node) {
                    account.in_hand = *id;
                }
            }
            ClientEvent::Processed { id: Some(id), .. } => self.on_processed(node, *id),
            ClientEvent::Delivered { id: None, .. }
            | ClientEvent::Processed { id: None, .. }
            | ClientEvent::BatchRetried { .. }
            | ClientEvent::ProducerIdAssigned { .. }
            | ClientEvent::PositionReset { .. }
            | ClientEvent::PollFailed { .. } => {}
        }
    }

    fn open(&mut self, at: Instant, id: RecordId) {
        let Some(account) = self.account_mut(id.producer) else { return };
        // A restarted application sends again what it was not told of: the row goes on.
        if account.rows.get(id.n as usize).is_some() {
            self.resolve(id, Outcome::Open);
            return;
        }
        assert_eq!(account.rows.len(), id.n as usize, "a producer numbers its records in order");
        let acks = account.acks;
        account.rows.push(Row::new(id, acks, at));
        self.count(id.producer, |totals| totals.sent += 1);
    }

    fn ack(
        &mut self,
        at: Instant,
        tp: TopicPartition,
        body: &BatchBody,
        base_offset: Option<Offset>,
    ) {
        for record in &body.records {
            let Some(id) = record.id else { continue };
            let offset = base_offset.map(|base| base.plus(u64::from(record.offset_delta)));
            if self.resolve(id, Outcome::Acked { at, offset }) {
                self.exposed.entry(tp).or_default().push(id);
                self.count(id.producer, |totals| totals.at_risk += 1);
            }
        }
    }

    fn give_up(&mut self, body: &BatchBody, outcome: Outcome) {
        for id in body.records.iter().filter_map(|record| record.id) {
            self.resolve(id, outcome);
        }
    }

    /// The producer was told `outcome`. Says whether that is news: success, once told, stands,
    /// whatever a later life of the producer is told of the same record.
    fn resolve(&mut self, id: RecordId, outcome: Outcome) -> bool {
        let Some(row) = self.row_mut(id) else { return false };
        if row.is_acked() {
            return false;
        }
        let before = std::mem::replace(&mut row.outcome, outcome);
        self.count(id.producer, |totals| {
            if let Some(count) = totals.of(before) {
                *count -= 1;
            }
            if let Some(count) = totals.of(outcome) {
                *count += 1;
            }
        });
        true
    }

    fn on_processed(&mut self, consumer: NodeId, id: RecordId) {
        if let Some(account) = self.account_mut(consumer) {
            account.in_hand = None;
        }
        let Some(row) = self.row_mut(id) else { return };
        row.processed += 1;
        let is_first = row.processed == 1;
        self.count(consumer, |totals| {
            *(if is_first { &mut totals.processed } else { &mut totals.duplicates }) += 1;
        });
    }

    fn each(&mut self, body: &BatchBody, change: impl Fn(&mut Row)) {
        for id in body.records.iter().filter_map(|record| record.id) {
            if let Some(row) = self.row_mut(id) {
                change(row);
            }
        }
    }

    // ---- logs ----------------------------------------------------------------------------------

    fn on_replica(
        &mut self,
        at: Instant,
        node: NodeId,
        event: &ReplicaEvent,
        look: Look<'_>,
        committed: &Committed,
    ) {
        match event {
            ReplicaEvent::Appended { tp, base_offset, leader_epoch, as_leader: true, body } => {
                for record in &body.records {
                    let Some(id) = record.id else { continue };
                    let offset = base_offset.plus(u64::from(record.offset_delta));
                    let place = Place { broker: node, offset, leader_epoch: *leader_epoch, at };
                    self.on_place(*tp, id, place, look.log(*tp, node));
                }
            }
            ReplicaEvent::BecameLeader { tp, .. } => self.look_for_losses(at, *tp, look, committed),
            ReplicaEvent::HighWatermark { tp, as_leader: true, .. } => {
                self.look_for_losses(at, *tp, look, committed);
            }
            _ => {}
        }
    }

    fn on_place(&mut self, tp: TopicPartition, id: RecordId, place: Place, log: Option<&LogFile>) {
        let Some(row) = self.row_mut(id) else { return };
        row.tp = Some(tp);
        let again = row.places.iter().any(|old| {
            old.offset != place.offset && log.is_some_and(|log| holds(log, old.offset, id))
        });
        let is_first = row.places.is_empty();
        row.places.push(place);
        let was_lost = row.lost.take().is_some();
        self.count(id.producer, |totals| {
            totals.appended += u64::from(is_first);
            totals.log_duplicates += u64::from(again);
            totals.lost -= u64::from(was_lost);
        });
    }

    /// Looks through the records that can still be lost: what the leader has below its high
    /// watermark is safe, what a leader of a later epoch has not is lost.
    fn look_for_losses(
        &mut self,
        at: Instant,
        tp: TopicPartition,
        look: Look<'_>,
        committed: &Committed,
    ) {
        let Some(leader) = committed.leader(look, tp) else { return };
        let Some(exposed) = self.exposed.get_mut(&tp) else { return };
        let mut ids = std::mem::take(exposed);
        let log = leader.log();
        let epoch = leader.leader_epoch().expect("a leader has an epoch");
        ids.retain(|id| {
            let row = self.row_mut(*id).expect("an exposed record has a row");
            let held = row.places.iter().rev().find(|p| holds(log.file(), p.offset, *id)).copied();
            match held {
                Some(place) if place.offset < log.high_watermark() => {
                    self.count(id.producer, |totals| totals.at_risk -= 1);
                    false
                }
                // A record that no leader has appended yet (acks=0, still under way) is judged when
                // the run ends.
                None if row.places.last().is_some_and(|place| place.leader_epoch < epoch) => {
                    row.lost = Some(at);
                    self.count(id.producer, |totals| {
                        totals.at_risk -= 1;
                        totals.lost += 1;
                    });
                    false
                }
                Some(_) | None => true,
            }
        });
        *self.exposed.get_mut(&tp).expect("taken from there") = ids;
    }

    /// The end of the run: every acked record is looked for in the final log, whatever was thought
    /// of it before. A partition without a leader is judged by what its last leader left on disk.
    pub fn close(&mut self, at: Instant, look: Look<'_>, committed: &Committed) {
        self.exposed.clear();
        let (mut lost, mut at_risk) = (BTreeMap::new(), BTreeMap::new());
        for account in &mut self.accounts {
            for row in account.rows.iter_mut().filter(|row| row.is_acked()) {
                let Some(tp) = row.tp else { continue };
                let id = row.id;
                let leader = committed.leader(look, tp);
                let registration = committed.partition(tp);
                let log = match leader {
                    Some(leader) => Some(leader.log().file()),
                    None => registration
                        .and_then(|r| r.leader.or_else(|| r.isr.iter().next()))
                        .and_then(|broker| look.log(tp, broker)),
                };
                let place = log.and_then(|log| {
                    row.places.iter().rev().find(|place| holds(log, place.offset, id))
                });
                match (place, leader) {
                    (Some(place), Some(leader))
                        if place.offset >= leader.log().high_watermark() =>
                    {
                        *at_risk.entry(id.producer).or_insert(0) += 1;
                        self.exposed.entry(tp).or_default().push(id);
                        row.lost = None;
                    }
                    (Some(_), _) => row.lost = None,
                    (None, _) => {
                        row.lost.get_or_insert(at);
                        *lost.entry(id.producer).or_insert(0) += 1;
                    }
                }
            }
        }
        self.totals.lost = lost.values().sum();
        self.totals.at_risk = at_risk.values().sum();
        for account in &mut self.accounts {
            account.totals.lost = lost.get(&account.node).copied().unwrap_or(0);
            account.totals.at_risk = at_risk.get(&account.node).copied().unwrap_or(0);
        }
    }
}

/// Whether `log` holds record `id` at `offset`.
fn holds(log: &LogFile, offset: Offset, id: RecordId) -> bool {
    log.batch_at(offset).is_some_and(|batch| {
        // Without compaction a record stands at the place its delta says.
        let delta = offset.0 - batch.base_offset.0;
        batch.body.records.get(delta as usize).is_some_and(|record| {
            assert_eq!(u64::from(record.offset_delta), delta, "no gaps inside a batch");
            record.id == Some(id)
        })
    })
}
