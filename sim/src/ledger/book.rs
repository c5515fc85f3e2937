//! The ledger itself: hears what happened, keeps every row and every count up to date.

use super::copies::{Change, Copies, Entry};
use super::counts::{Share, Totals};
use super::fate::{Found, Outcome, Row};
use super::places::Place;
use super::readers::{News, Reader, Unread};
use super::rows::Chunked;
use super::wire;
use crate::look::{Committed, Look};
use crate::scenario::plan::{ClientKind, Plan};
use crate::world::{Died, Letter, LifeChange, Step, StepKind};
use kafkalab_core::config::Acks;
use kafkalab_core::epoch::Offset;
use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::event::{ClientEvent, ControllerEvent, Event, ReplicaEvent};
use kafkalab_core::id::{NodeId, NodeKind, RecordId, TopicPartition};
use kafkalab_core::protocol::{ApiKey, Direction};
use kafkalab_core::record::{Batch, BatchBody};
use kafkalab_core::time::Instant;
use std::collections::BTreeSet;
use std::sync::Arc;

/// One producer with its records.
#[derive(Clone, Debug)]
struct Account {
    acks: Acks,
    rows: Chunked<Row>,
    totals: Totals,
}

/// One partition: its copies, and who reads it.
#[derive(Clone, Debug, Default)]
struct Shelf {
    copies: Copies,
    /// Places in the list of readers.
    readers: Vec<usize>,
}

/// A client's place in the list of its kind.
#[derive(Clone, Copy, Debug)]
enum Client {
    Producer(usize),
    Reader(usize),
}

/// Every record's row, every client's counts.
#[derive(Clone, Debug)]
pub struct Ledger {
    clients: Arc<[Client]>,
    accounts: Vec<Account>,
    readers: Vec<Reader>,
    totals: Totals,
    /// By topic and partition.
    shelves: Vec<Vec<Shelf>>,
    changes: u64,
    /// Acked records without a copy that are not lost, because an attempt is on its way.
    travelling: BTreeSet<RecordId>,
    /// Whether it must be looked which of them still are.
    is_wire_touched: bool,
    /// Rows whose mark of being lost may be wrong until the end of the input.
    unmarked: Vec<RecordId>,
    scratch: Vec<Entry>,
}

impl Ledger {
    /// An empty ledger for the clients and topics of `plan`.
    pub fn new(plan: &Plan) -> Self {
        let (mut clients, mut accounts, mut readers) = (Vec::new(), Vec::new(), Vec::new());
        let mut shelves: Vec<Vec<Shelf>> = plan
            .topics
            .iter()
            .map(|topic| vec![Shelf::default(); topic.partitions as usize])
            .collect();
        for client in &plan.clients {
            match &client.kind {
                ClientKind::Producer(producer) => {
                    clients.push(Client::Producer(accounts.len()));
                    let acks = producer.config.acks;
                    let (rows, totals) = (Chunked::default(), Totals::default());
                    accounts.push(Account { acks, rows, totals });
                }
                ClientKind::Consumer(consumer) => {
                    clients.push(Client::Reader(readers.len()));
                    for tp in &consumer.assign {
                        shelves[tp.topic.0 as usize][tp.partition as usize]
                            .readers
                            .push(readers.len());
                    }
                    readers.push(Reader::new(client.node));
                }
            }
        }
        Self {
            clients: clients.into(),
            accounts,
            readers,
            totals: Totals::default(),
            shelves,
            changes: 0,
            travelling: BTreeSet::new(),
            is_wire_touched: false,
            unmarked: Vec::new(),
            scratch: Vec::new(),
        }
    }

    // ---- questions -----------------------------------------------------------------------------

    /// The counts over all clients.
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The counts of one client; `None` if it is neither a producer nor a consumer.
    pub fn totals_of(&self, client: NodeId) -> Option<&Totals> {
        match self.client(client)? {
            Client::Producer(place) => Some(&self.accounts[place].totals),
            Client::Reader(place) => Some(&self.readers[place].totals),
        }
    }

    /// A number that grows whenever a count may have changed.
    pub const fn changes(&self) -> u64 {
        self.changes
    }

    /// The record a consumer's application has in hand.
    pub fn in_hand(&self, consumer: NodeId) -> Option<RecordId> {
        match self.client(consumer)? {
            Client::Reader(place) => self.readers[place].in_hand,
            Client::Producer(_) => None,
        }
    }

    /// All rows, by producer and ordinal.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.accounts.iter().flat_map(|account| account.rows.iter())
    }

    /// One row.
    pub fn row(&self, id: RecordId) -> Option<&Row> {
        match self.client(id.producer)? {
            Client::Producer(place) => self.accounts[place].rows.get(id.n as usize),
            Client::Reader(_) => None,
        }
    }

    /// Whether only one producer has sent anything, so that `#3` needs no name.
    pub fn has_one_producer(&self) -> bool {
        self.accounts.iter().filter(|account| !account.rows.is_empty()).count() <= 1
    }

    /// The records that stand in a log that leads right behind one of the same producer that was
    /// sent after them.
    pub fn reordered(&self) -> BTreeSet<RecordId> {
        self.shelves.iter().flatten().flat_map(|shelf| shelf.copies.reordered_records()).collect()
    }

    /// The records in logs that lead which `reader` covers and was never given.
    pub fn unread_by(&self, reader: NodeId) -> BTreeSet<RecordId> {
        match self.client(reader) {
            Some(Client::Reader(place)) => self.readers[place].unread_records().collect(),
            Some(Client::Producer(_)) | None => BTreeSet::new(),
        }
    }

    /// What readers should have been given and were not, with the causes.
    pub fn unread(&self, look: Look<'_>) -> Vec<Unread> {
        let place_for = |reader: &Reader, id: RecordId| {
            let places = self.row(id)?.places();
            let covered = |tp: TopicPartition| {
                let shelf = self.shelf(tp);
                shelf.readers.iter().any(|place| self.readers[*place].node == reader.node)
            };
            let last = places.iter().rfind(|place| covered(place.tp))?;
            Some((last.tp, last.offset))
        };
        let unread = |reader: &Reader| reader.unread(look, |id| place_for(reader, id));
        self.readers.iter().flat_map(unread).collect()
    }

    /// An acked record that is in a log that leads and whose effect some reader has not done.
    pub(super) fn first_undone(&self) -> Option<RecordId> {
        let mut undone = self.readers.iter().flat_map(Reader::undone);
        undone.find(|id| self.row(*id).is_some_and(Row::is_acked))
    }

    /// Whether a client reads at all.
    pub(super) const fn has_readers(&self) -> bool {
        !self.readers.is_empty()
    }

    fn client(&self, node: NodeId) -> Option<Client> {
        if node.kind() != NodeKind::Client {
            return None;
        }
        self.clients.get(usize::from(node.number()) - 1).copied()
    }

    fn shelf(&self, tp: TopicPartition) -> &Shelf {
        &self.shelves[tp.topic.0 as usize][tp.partition as usize]
    }

    fn shelf_mut(&mut self, tp: TopicPartition) -> &mut Shelf {
        &mut self.shelves[tp.topic.0 as usize][tp.partition as usize]
    }

    fn partitions(&self) -> impl Iterator<Item = TopicPartition> + use<> {
        let counts: Vec<usize> = self.shelves.iter().map(Vec::len).collect();
        (0_u32..).zip(counts).flat_map(|(topic, count)| {
            let topic = kafkalab_core::id::TopicId(topic);
            (0..count as u32).map(move |partition| TopicPartition { topic, partition })
        })
    }

    // ---- what happened -------------------------------------------------------------------------

    /// Takes in one input of a process: what it noted, and which messages died.
    pub fn observe(
        &mut self,
        step: &Step,
        notes: &[Event],
        died: &[Died],
        look: Look<'_>,
        committed: &Committed,
    ) {
        for note in notes {
            match note {
                Event::Client(event) => self.on_client(step.at, step.node, event),
                Event::Replica(event) => {
                    self.on_replica(step.at, step.node, event, look, committed);
                }
                Event::Controller(ControllerEvent::PartitionChanged { tp, .. }) => {
                    self.follow(*tp, look, committed);
                }
                Event::Controller(
                    ControllerEvent::Activated { .. }
                    | ControllerEvent::BrokerRegistered { .. }
                    | ControllerEvent::BrokerFenced { .. }
                    | ControllerEvent::BrokerUnfenced { .. }
                    | ControllerEvent::BrokerShuttingDown { .. }
                    | ControllerEvent::TopicCreated { .. },
                ) => {}
            }
        }
        match step.what {
            StepKind::Boot => self.follow_broker(step.node, look, committed),
            StepKind::Hangup(conn) => self.touch_wire(conn.client),
            StepKind::Deliver(letter) if is_produce(&letter) => {
                if !wire::is_accounted_for(look, &letter, notes) {
                    self.touch_wire(letter.from);
                }
            }
            StepKind::Deliver(_)
            | StepKind::Alarm
            | StepKind::Connected(_)
            | StepKind::Flushed(_)
            | StepKind::Terminate
            | StepKind::Ask(_) => {}
        }
        self.hear_of_deaths(died);
        self.finish(step.at, look);
    }

    /// Takes in that messages died between two inputs.
    pub fn on_deaths(&mut self, at: Instant, died: &[Died], look: Look<'_>) {
        self.hear_of_deaths(died);
        self.finish(at, look);
    }

    fn hear_of_deaths(&mut self, died: &[Died]) {
        for one in died.iter().filter(|one| is_produce(&one.letter)) {
            self.touch_wire(one.letter.from);
        }
    }

    /// Takes in lives that began or ended.
    pub fn on_lives(
        &mut self,
        at: Instant,
        lives: &[LifeChange],
        look: Look<'_>,
        committed: &Committed,
    ) {
        for change in lives {
            let (LifeChange::Started(node) | LifeChange::Ended(node)) = *change;
            match self.client(node) {
                Some(Client::Producer(place)) if *change == LifeChange::Ended(node) => {
                    self.abandon(place);
                }
                Some(Client::Reader(place)) => self.readers[place].in_hand = None,
                Some(Client::Producer(_)) | None => {}
            }
            self.follow_broker(node, look, committed);
        }
        if !lives.is_empty() {
            self.is_wire_touched = true;
            self.finish(at, look);
        }
    }

    /// Takes in what the story did to machines and disks.
    pub fn on_story(&mut self, at: Instant, look: Look<'_>, committed: &Committed) {
        for tp in self.partitions() {
            self.follow(tp, look, committed);
        }
        self.is_wire_touched = true;
        self.finish(at, look);
    }

    /// The life of a producer ended: an attempt without an answer is in doubt for ever.
    fn abandon(&mut self, place: usize) {
        let account = &self.accounts[place];
        let rows = account.rows.iter();
        let open = rows.filter(|row| row.outcome == Outcome::Open && row.attempts > 0);
        for id in open.map(|row| row.id).collect::<Vec<_>>() {
            self.change(id, |row| row.is_in_doubt = true);
        }
    }

    /// The end of an input: finds out which records without a copy are on their way, and marks when
    /// a record was lost or found.
    fn finish(&mut self, at: Instant, look: Look<'_>) {
        if std::mem::take(&mut self.is_wire_touched) && !self.travelling.is_empty() {
            let still = wire::on_their_way(look, &self.travelling);
            let arrived: Vec<RecordId> = self.travelling.difference(&still).copied().collect();
            for id in arrived {
                self.change(id, |row| row.is_on_its_way = false);
            }
        }
        for id in std::mem::take(&mut self.unmarked) {
            let Some(row) = self.row_mut(id) else { continue };
            match (row.is_lost(), row.lost) {
                (true, None) => row.lost = Some(at),
                (false, Some(lost)) => {
                    row.lost = None;
                    row.found = Some(Box::new(Found { lost, found: at }));
                }
                (true, Some(_)) | (false, None) => {}
            }
        }
    }

    // ---- rows ----------------------------------------------------------------------------------

    fn row_mut(&mut self, id: RecordId) -> Option<&mut Row> {
        match self.client(id.producer)? {
            Client::Producer(place) => self.accounts[place].rows.get_mut(id.n as usize),
            Client::Reader(_) => None,
        }
    }

    /// Changes one row, and every count that depends on it.
    fn change(&mut self, id: RecordId, change: impl FnOnce(&mut Row)) {
        let Some(Client::Producer(place)) = self.client(id.producer) else { return };
        let account = &mut self.accounts[place];
        let Some(row) = account.rows.get_mut(id.n as usize) else { return };
        let (before, had_copy) = (Share::of(row), row.has_copy());
        change(row);
        // What was appended has arrived, and only what was sent since can be on its way.
        row.is_on_its_way &= row.attempts as usize > row.places().len();
        let after = Share::of(row);
        if row.is_lost() != row.lost.is_some() {
            self.unmarked.push(id);
        }
        if row.is_acked() && !row.has_copy() && row.is_on_its_way {
            // With acks=0 success is told as the attempt leaves: there it is.
            let has_just_left = row.acks == Acks::None && !had_copy;
            self.is_wire_touched |= self.travelling.insert(id) && !has_just_left;
        } else if !self.travelling.is_empty() {
            self.travelling.remove(&id);
        }
        if before != after {
            account.totals.shift(before, after);
            self.totals.shift(before, after);
            self.changes += 1;
        }
    }

    // ---- clients -------------------------------------------------------------------------------

    fn on_client(&mut self, at: Instant, node: NodeId, event: &ClientEvent) {
        match event {
            ClientEvent::SendCalled { id, .. } => self.open(at, *id),
            ClientEvent::BatchSent { tp, body, .. } => self.each(body, |row| {
                row.tp = Some(*tp);
                row.attempts += 1;
                row.is_on_its_way = true;
            }),
            ClientEvent::BatchAcked { body, base_offset, .. } => self.ack(at, body, *base_offset),
            ClientEvent::BatchFailed { body, error, is_indefinite, .. } => {
                self.each(body, |row| give_up(row, at, *error, *is_indefinite));
            }
            ClientEvent::SendRefused { id, error } => {
                self.change(*id, |row| give_up(row, at, *error, false));
            }
            ClientEvent::Delivered { tp, id: Some(id), .. } => self.deliver(node, *tp, *id),
            ClientEvent::Processing { id, .. } => {
                if let Some(reader) = self.reader_mut(node) {
                    reader.in_hand = *id;
                }
                self.changes += 1;
            }
            ClientEvent::Processed { id, .. } => self.process(node, *id),
            ClientEvent::PositionReset { tp, to, from: None } => {
                if let Some(reader) = self.reader_mut(node) {
                    reader.begin(*tp, *to);
                }
            }
            ClientEvent::Delivered { id: None, .. }
            | ClientEvent::PositionReset { from: Some(_), .. }
            | ClientEvent::TruncationDetected { .. }
            | ClientEvent::BatchRetried { .. }
            | ClientEvent::ProducerIdAssigned { .. }
            | ClientEvent::PollFailed { .. } => {}
        }
    }

    fn open(&mut self, at: Instant, id: RecordId) {
        let Some(Client::Producer(place)) = self.client(id.producer) else { return };
        let account = &mut self.accounts[place];
        // A restarted application sends again what it was not told of: the row goes on.
        if account.rows.get(id.n as usize).is_some() {
            return;
        }
        assert_eq!(account.rows.len(), id.n as usize, "a producer numbers its records in order");
        account.rows.push(Row::new(id, account.acks, at));
        account.totals.open();
        self.totals.open();
        self.changes += 1;
    }

    /// Success, once told, stands, whatever a later life of the producer is told of the same record.
    fn ack(&mut self, at: Instant, body: &BatchBody, base_offset: Option<Offset>) {
        for record in &body.records {
            let Some(id) = record.id else { continue };
            let offset = base_offset.map(|base| base.plus(u64::from(record.offset_delta)));
            self.change(id, |row| {
                if !row.is_acked() {
                    row.outcome = Outcome::Acked { at, offset };
                }
            });
        }
    }

    fn each(&mut self, body: &BatchBody, change: impl Fn(&mut Row)) {
        for id in body.records.iter().filter_map(|record| record.id) {
            self.change(id, &change);
        }
    }

    fn reader_mut(&mut self, node: NodeId) -> Option<&mut Reader> {
        match self.client(node)? {
            Client::Reader(place) => Some(&mut self.readers[place]),
            Client::Producer(_) => None,
        }
    }

    fn deliver(&mut self, node: NodeId, tp: TopicPartition, id: RecordId) {
        let Some(reader) = self.reader_mut(node) else { return };
        let news = reader.deliver(tp, id);
        self.changes += 1;
        self.change(id, |row| {
            row.delivered += 1;
            hear(row, news);
        });
    }

    fn process(&mut self, node: NodeId, id: Option<RecordId>) {
        let Some(reader) = self.reader_mut(node) else { return };
        reader.in_hand = None;
        let Some(id) = id else { return };
        let is_first = reader.process(id);
        self.changes += 1;
        self.change(id, |row| {
            row.processed += 1;
            row.repeats += u32::from(!is_first);
        });
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
            ReplicaEvent::Appended { tp, base_offset, leader_epoch, as_leader, body } => {
                let (tp, base_offset, leader_epoch) = (*tp, *base_offset, *leader_epoch);
                if *as_leader {
                    let place = Place { tp, broker: node, offset: base_offset, leader_epoch, at };
                    self.place(place, body);
                }
                let batch = Batch { base_offset, leader_epoch, body: Arc::clone(body) };
                let is_in_step = self.correct(tp, |copies, out| copies.append(node, batch, out));
                if !is_in_step {
                    self.follow(tp, look, committed);
                }
            }
            ReplicaEvent::HighWatermark { tp, to, .. } => {
                self.correct(*tp, |copies, out| copies.move_watermark(node, *to, out));
            }
            ReplicaEvent::BecameLeader { tp, .. }
            | ReplicaEvent::BecameFollower { tp, .. }
            | ReplicaEvent::Loaded { tp, .. }
            | ReplicaEvent::Truncated { tp, .. } => self.follow(*tp, look, committed),
            ReplicaEvent::DuplicateRecognised { body, .. } => self.touch_wire_of(body),
            ReplicaEvent::ProduceAnswered { error, body, .. } => {
                if *error != ErrorCode::None {
                    self.touch_wire_of(body);
                }
            }
            ReplicaEvent::Lifecycle { .. }
            | ReplicaEvent::Registered { .. }
            | ReplicaEvent::IsrProposed { .. }
            | ReplicaEvent::IsrAdopted { .. }
            | ReplicaEvent::IsrForgotten { .. }
            | ReplicaEvent::IsrRefused { .. }
            | ReplicaEvent::FollowerCounted { .. }
            | ReplicaEvent::DivergenceFound { .. }
            | ReplicaEvent::MetadataPublished { .. } => {}
        }
    }

    /// A leader appended `body`, its first record at `first`.
    fn place(&mut self, first: Place, body: &BatchBody) {
        let mut is_one_of_many = false;
        for record in &body.records {
            let Some(id) = record.id else { continue };
            let offset = first.offset.plus(u64::from(record.offset_delta));
            self.change(id, |row| {
                row.tp = Some(first.tp);
                row.places.push(Place { offset, ..first });
                // The same request may have brought others, which were refused and are answered
                // later; with acks=0 nothing is answered later.
                is_one_of_many |= row.is_on_its_way || row.acks != Acks::None;
            });
        }
        if is_one_of_many {
            self.touch_wire_of(body);
        }
    }

    /// Something happened to a request of `producer`: what travels may have arrived or died.
    fn touch_wire(&mut self, producer: NodeId) {
        let mut of_it = self.travelling.range(RecordId { producer, n: 0 }..);
        self.is_wire_touched |= of_it.next().is_some_and(|id| id.producer == producer);
    }

    fn touch_wire_of(&mut self, body: &BatchBody) {
        if let Some(id) = body.records.iter().find_map(|record| record.id) {
            self.touch_wire(id.producer);
        }
    }

    /// Compares the logs of every partition with a replica on `node` with what was entered.
    fn follow_broker(&mut self, node: NodeId, look: Look<'_>, committed: &Committed) {
        if node.kind() != NodeKind::Broker {
            return;
        }
        for tp in self.partitions() {
            if committed.partition(tp).is_some_and(|record| record.replicas.contains(&node)) {
                self.follow(tp, look, committed);
            }
        }
    }

    /// Compares the logs of `tp` with what was entered, and their order with what was counted.
    fn follow(&mut self, tp: TopicPartition, look: Look<'_>, committed: &Committed) {
        let before = self.reordered_in(tp);
        self.correct(tp, |copies, out| copies.follow(tp, look, committed, out));
        let after = self.reordered_in(tp);
        if before != after {
            for (counts, is_more) in [(before, false), (after, true)] {
                for (producer, n) in counts {
                    self.count_order(producer, n, is_more);
                }
            }
        }
    }

    /// Lets the copies of `tp` change, and corrects the rows by what changed.
    fn correct<T>(
        &mut self,
        tp: TopicPartition,
        change: impl FnOnce(&mut Copies, &mut Vec<Entry>) -> T,
    ) -> T {
        let mut entries = std::mem::take(&mut self.scratch);
        let outcome = change(&mut self.shelf_mut(tp).copies, &mut entries);
        for entry in entries.drain(..) {
            match entry {
                Entry::Copy { id, change, is_more } => self.enter(tp, id, change, is_more),
                Entry::Reordered(producer) => self.count_order(producer, 1, true),
            }
        }
        self.scratch = entries;
        outcome
    }

    fn enter(&mut self, tp: TopicPartition, id: RecordId, change: Change, is_more: bool) {
        let mut unread = 0_i32;
        if matches!(change, Change::Leading { .. }) {
            let Self { shelves, readers, .. } = self;
            for place in &shelves[tp.topic.0 as usize][tp.partition as usize].readers {
                unread += match readers[*place].copy(id, is_more) {
                    News::None => 0,
                    News::Unread => 1,
                    News::Read => -1,
                };
            }
        }
        let by = |count: &mut u16| {
            *count = if is_more { *count + 1 } else { *count - 1 };
        };
        self.change(id, |row| {
            match change {
                Change::Leading { is_committed } => {
                    by(&mut row.copies.leading);
                    if is_committed {
                        by(&mut row.copies.committed);
                    }
                }
                Change::Leaderless => by(&mut row.copies.leaderless),
                Change::Committed => by(&mut row.copies.committed),
            }
            row.unread = (i32::from(row.unread) + unread) as u16;
        });
    }

    /// How many records stand against their order in the log that leads `tp`, by producer.
    fn reordered_in(&self, tp: TopicPartition) -> Vec<(NodeId, u64)> {
        let copies = &self.shelf(tp).copies;
        let counts = copies.producers().map(|producer| (producer, copies.reordered(producer)));
        counts.filter(|(_, reordered)| *reordered > 0).collect()
    }

    fn count_order(&mut self, producer: NodeId, n: u64, is_more: bool) {
        let Some(Client::Producer(place)) = self.client(producer) else { return };
        self.changes += 1;
        for totals in [&mut self.totals, &mut self.accounts[place].totals] {
            let count = &mut totals.reordered;
            *count = if is_more { *count + n } else { *count - n };
        }
    }
}

fn is_produce(letter: &Letter) -> bool {
    letter.api == ApiKey::Produce && letter.direction == Direction::Request
}

/// The producer was told that its record failed.
fn give_up(row: &mut Row, at: Instant, error: ErrorCode, is_in_doubt: bool) {
    row.is_in_doubt |= is_in_doubt;
    row.outcome = match row.outcome {
        acked @ Outcome::Acked { .. } => acked,
        Outcome::Open | Outcome::Failed { .. } | Outcome::Unknown { .. } if row.is_in_doubt => {
            Outcome::Unknown { at, error }
        }
        Outcome::Open | Outcome::Failed { .. } | Outcome::Unknown { .. } => {
            Outcome::Failed { at, error }
        }
    };
}

fn hear(row: &mut Row, news: News) {
    match news {
        News::None => {}
        News::Unread => row.unread += 1,
        News::Read => row.unread -= 1,
    }
}
