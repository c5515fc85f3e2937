//! What happened so far: the recording, sorted by what it is about, and the committed metadata.
//!
//! Everything here is taken from two things only: the entries of the recorder, in their order, and
//! the records that the controller's quorum has committed, replayed one by one. Nothing is judged.

use kafkalab_core::epoch::{LeaderEpoch, Offset};
use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::event::{ClientEvent, Event, ReplicaEvent};
use kafkalab_core::id::{
    ConnId, CorrelationId, Incarnation, InputNo, NodeId, NodeKind, RecordId, TopicPartition,
};
use kafkalab_core::metadata::{MetadataImage, MetadataRecord, PartitionChange};
use kafkalab_core::protocol::{ApiKey, Direction};
use kafkalab_core::record::BatchBody;
use kafkalab_core::time::Instant;
use kafkalab_sim::lab::Lab;
use kafkalab_sim::look::Look;
use kafkalab_sim::recording::{Entry, Happening};
use kafkalab_sim::story::Told;
use kafkalab_sim::world::Letter;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Where one attempt to write a record was appended by a leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) tp: TopicPartition,
    pub(crate) offset: Offset,
    pub(crate) leader_epoch: LeaderEpoch,
}

/// What a client was told of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Success.
    Success,
    /// Failure; by this batch it was surely not written.
    SurelyNot,
    /// Failure; by this batch it may have been written.
    Perhaps,
}

/// One record, as its producer and the brokers saw it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    /// Every answer, in order.
    pub(crate) told: Vec<Answer>,
    /// Every append by a leader, in order.
    pub(crate) places: Vec<Place>,
    /// Every time it was put on the wire: places in [`History::attempts`].
    pub(crate) attempts: Vec<usize>,
    /// Batches of a life of the producer that ended before they were resolved.
    pub(crate) was_abandoned_on_the_wire: bool,
    /// Attempts since the last answer; a death of the producer leaves them unresolved.
    open_attempts: usize,
}

/// A batch that was put on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) tp: TopicPartition,
    pub(crate) body: Arc<BatchBody>,
    /// The requests of the same input that may hold it: places in [`History::requests`].
    pub(crate) requests: Vec<usize>,
    /// The broker noted what it did with it.
    pub(crate) handled: Handled,
}

/// How far a broker has come with a batch that reached it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handled {
    /// It has not begun, or nothing has reached it yet.
    NotYet,
    /// It was appended, or recognised as written before, by this broker, which has yet to answer.
    Written(NodeId),
    /// It was answered.
    Answered,
}

/// A produce request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) to: NodeId,
    conn: ConnId,
    correlation: CorrelationId,
    pub(crate) state: Travel,
}

/// Where a produce request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Travel {
    /// Under way, or held back.
    OnTheWay,
    /// At the broker.
    Arrived,
    /// It will never arrive, or what it arrived at has ended.
    Gone,
}

/// What a reader did with a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) reader: NodeId,
    pub(crate) tp: TopicPartition,
    pub(crate) offset: Offset,
    pub(crate) id: RecordId,
}

/// An error that somebody was told, or told somebody.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    pub(crate) node: NodeId,
    pub(crate) code: ErrorCode,
    pub(crate) at: Instant,
}

/// Everything that happened so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    read: usize,
    version: u64,
    pub(crate) records: BTreeMap<RecordId, Record>,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) requests: Vec<Request>,
    /// Every record that was handed to a reader, in order.
    pub(crate) delivered: Vec<Reading>,
    /// Every effect that was done, in order.
    pub(crate) processed: Vec<Reading>,
    /// The record each reader has begun and not finished.
    pub(crate) in_hand: BTreeMap<NodeId, RecordId>,
    /// Everybody whose life began or ended.
    pub(crate) lived: BTreeSet<NodeId>,
    /// Consumers whose application ended by itself, because a poll threw, and that still run.
    pub(crate) failed: BTreeSet<NodeId>,
    /// When each step or injected action happened: after which input, and when.
    pub(crate) told: Vec<(InputNo, Instant, Told)>,
    /// Every error code that somebody noted.
    pub(crate) errors: Vec<Refusal>,
    /// Every note, by whom and when.
    pub(crate) notes: Vec<Note>,
    /// The metadata as committed so far.
    pub(crate) image: MetadataImage,
    /// The life of the leader at the moment it was elected.
    pub(crate) elected: BTreeMap<TopicPartition, Incarnation>,
    /// The committed records with the image after each of them.
    pub(crate) commits: Vec<(MetadataRecord, MetadataImage)>,
    /// The moment of the entry that is being read.
    at: Instant,
    /// For the attempts of one input: where they and its requests begin.
    input: InputNo,
    first_attempt: usize,
    first_request: usize,
}

/// One note.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(crate) input: InputNo,
    pub(crate) node: NodeId,
    pub(crate) event: Event,
}

impl History {
    /// Reads on to where `lab` stands now. To be called after every turn: the committed records of a
    /// controller that dies cannot be asked for later.
    pub(crate) fn read_on(&mut self, lab: &Lab) {
        self.read_metadata(Look::at(lab.world()));
        let entries = lab.recorder().expect("the twins read a recording").entries();
        for entry in &entries[self.read..] {
            self.read_entry(entry);
        }
        self.read = entries.len();
    }

    /// Changes whenever something was added that is not routine: all but the messages of others than
    /// producers.
    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    /// When the step at this place of the plan fired.
    pub(crate) fn step_fired(&self, step: usize) -> Option<Instant> {
        let mut all = self.told.iter();
        all.find(|(_, _, told)| *told == Told::Step(step)).map(|(_, at, _)| *at)
    }

    /// The committed records are those below the high watermark of the quorum.
    fn read_metadata(&mut self, look: Look<'_>) {
        let Some(controller) = look.controller() else { return };
        let Some(end) = controller.raft().high_watermark() else { return };
        if end <= self.image.end_offset {
            return;
        }
        let records: Vec<MetadataRecord> = controller
            .raft()
            .log()
            .records(self.image.end_offset, end)
            .map(|(_, record)| record.clone())
            .collect();
        for record in records {
            self.image.replay(&record);
            self.remember_election(&record);
            self.version += 1;
            self.commits.push((record, self.image.clone()));
        }
    }

    /// A partition's creation and every change that names a leader elect one.
    fn remember_election(&mut self, record: &MetadataRecord) {
        let (tp, leader) = match record {
            MetadataRecord::Partition { tp, leader, .. } => (*tp, Some(*leader)),
            MetadataRecord::PartitionChange {
                tp,
                change: PartitionChange { leader: Some(leader), .. },
            } => (*tp, *leader),
            _ => return,
        };
        let life = leader.and_then(|leader| Some(self.image.brokers.get(&leader)?.incarnation));
        match life {
            Some(life) => self.elected.insert(tp, life),
            None => self.elected.remove(&tp),
        };
    }

    fn read_entry(&mut self, entry: &Entry) {
        self.at = entry.at;
        if entry.input != self.input {
            self.input = entry.input;
            (self.first_attempt, self.first_request) = (self.attempts.len(), self.requests.len());
        }
        self.version += match &entry.what {
            Happening::Sent(sent) => u64::from(is_produce(&sent.letter)),
            Happening::Delivered(letter) => u64::from(is_produce(letter)),
            Happening::Died(died) => u64::from(is_produce(&died.letter)),
            Happening::Noted(_) | Happening::Ended | Happening::Told(_) | Happening::Booted => 1,
        };
        match &entry.what {
            Happening::Noted(event) => {
                let node = entry.node.expect("a note is somebody's");
                self.read_note(node, event);
                let (input, event) = (entry.input, event.clone());
                self.notes.push(Note { input, node, event });
            }
            Happening::Sent(sent) => self.read_sent(&sent.letter),
            Happening::Delivered(letter) => self.move_request(letter, Travel::Arrived),
            Happening::Died(died) => self.move_request(&died.letter, Travel::Gone),
            Happening::Ended => self.read_end(entry.node.expect("a life is somebody's")),
            Happening::Told(told) => self.told.push((entry.input, entry.at, *told)),
            Happening::Booted => {
                self.lived.insert(entry.node.expect("a life is somebody's"));
            }
        }
    }

    /// With a broker end the requests that wait in it; a client leaves its attempts unresolved.
    fn read_end(&mut self, node: NodeId) {
        self.in_hand.remove(&node);
        self.failed.remove(&node);
        self.lived.insert(node);
        for request in &mut self.requests {
            if request.to == node && request.state == Travel::Arrived {
                request.state = Travel::Gone;
            }
        }
        if node.kind() == NodeKind::Client {
            for (id, record) in &mut self.records {
                if id.producer == node && record.open_attempts > 0 {
                    record.open_attempts = 0;
                    record.was_abandoned_on_the_wire = true;
                }
            }
        }
    }

    fn read_sent(&mut self, letter: &Letter) {
        if !is_produce(letter) {
            return;
        }
        for attempt in &mut self.attempts[self.first_attempt..] {
            attempt.requests.push(self.requests.len());
        }
        self.requests.push(Request {
            to: letter.to,
            conn: letter.conn,
            correlation: letter.correlation,
            state: Travel::OnTheWay,
        });
    }

    fn move_request(&mut self, letter: &Letter, state: Travel) {
        if !is_produce(letter) {
            return;
        }
        for request in &mut self.requests {
            if request.conn == letter.conn && request.correlation == letter.correlation {
                request.state = state;
            }
        }
    }

    fn read_note(&mut self, node: NodeId, event: &Event) {
        match event {
            Event::Client(event) => self.read_client(node, event),
            Event::Replica(event) => self.read_replica(node, event),
            Event::Controller(_) => {}
        }
    }

    fn read_client(&mut self, node: NodeId, event: &ClientEvent) {
        match event {
            ClientEvent::SendCalled { id, .. } => {
                self.records.entry(*id).or_default();
            }
            ClientEvent::BatchSent { tp, body, .. } => {
                let (tp, body) = (*tp, Arc::clone(body));
                for id in ids(&body) {
                    let record = self.records.entry(id).or_default();
                    record.attempts.push(self.attempts.len());
                    record.open_attempts += 1;
                }
                let (requests, handled) = (Vec::new(), Handled::NotYet);
                self.attempts.push(Attempt { tp, body, requests, handled });
            }
            ClientEvent::BatchAcked { body, .. } => self.tell(body, Answer::Success),
            ClientEvent::BatchFailed { body, error, is_indefinite, .. } => {
                self.refuse(node, *error);
                let answer = if *is_indefinite { Answer::Perhaps } else { Answer::SurelyNot };
                self.tell(body, answer);
            }
            ClientEvent::SendRefused { id, error } => {
                self.refuse(node, *error);
                self.tell_one(*id, Answer::SurelyNot);
            }
            ClientEvent::BatchRetried { error, .. } => self.refuse(node, *error),
            ClientEvent::PollFailed { error, .. } => {
                self.refuse(node, *error);
                self.failed.insert(node);
            }
            ClientEvent::Delivered { tp, offset, id } => {
                self.delivered.extend(reading(node, *tp, *offset, *id));
            }
            ClientEvent::Processing { id, .. } => {
                self.in_hand.extend(id.map(|id| (node, id)));
            }
            ClientEvent::Processed { tp, offset, id } => {
                self.in_hand.remove(&node);
                self.processed.extend(reading(node, *tp, *offset, *id));
            }
            ClientEvent::ProducerIdAssigned { .. }
            | ClientEvent::TruncationDetected { .. }
            | ClientEvent::PositionReset { .. } => {}
        }
    }

    fn refuse(&mut self, node: NodeId, code: ErrorCode) {
        self.errors.push(Refusal { node, code, at: self.at });
    }

    fn tell(&mut self, body: &BatchBody, answer: Answer) {
        for id in ids(body) {
            self.tell_one(id, answer);
        }
    }

    fn tell_one(&mut self, id: RecordId, answer: Answer) {
        let record = self.records.entry(id).or_default();
        record.told.push(answer);
        record.open_attempts = 0;
    }

    fn read_replica(&mut self, node: NodeId, event: &ReplicaEvent) {
        match event {
            ReplicaEvent::Appended { tp, base_offset, leader_epoch, as_leader: true, body } => {
                for record in &body.records {
                    let Some(id) = record.id else { continue };
                    let offset = base_offset.plus(u64::from(record.offset_delta));
                    let place = Place { tp: *tp, offset, leader_epoch: *leader_epoch };
                    self.records.entry(id).or_default().places.push(place);
                }
                self.write(node, *tp, body);
            }
            ReplicaEvent::DuplicateRecognised { tp, body, .. } => self.write(node, *tp, body),
            ReplicaEvent::ProduceAnswered { tp, body, error, .. } => {
                if *error != ErrorCode::None {
                    self.refuse(node, *error);
                }
                self.answer(node, *tp, body);
            }
            ReplicaEvent::IsrRefused { error, .. } => self.refuse(node, *error),
            _ => {}
        }
    }

    /// Broker `node` wrote the oldest attempt of `body` that has reached it and waits.
    fn write(&mut self, node: NodeId, tp: TopicPartition, body: &BatchBody) {
        if let Some(attempt) = self.waiting_at(node, tp, body) {
            attempt.handled = Handled::Written(node);
        }
    }

    /// Broker `node` answered the attempt of `body` that it had written, or refused the oldest one
    /// that waits there.
    fn answer(&mut self, node: NodeId, tp: TopicPartition, body: &BatchBody) {
        let written = self.attempts.iter_mut().find(|attempt| {
            attempt.tp == tp && *attempt.body == *body && attempt.handled == Handled::Written(node)
        });
        if let Some(attempt) = written {
            attempt.handled = Handled::Answered;
        } else if let Some(attempt) = self.waiting_at(node, tp, body) {
            attempt.handled = Handled::Answered;
        }
    }

    /// The oldest attempt of `body` that has reached broker `node` and was not looked at.
    fn waiting_at(
        &mut self,
        node: NodeId,
        tp: TopicPartition,
        body: &BatchBody,
    ) -> Option<&mut Attempt> {
        let requests = &self.requests;
        let has_arrived =
            |n: &usize| requests[*n].to == node && requests[*n].state == Travel::Arrived;
        self.attempts.iter_mut().find(|attempt| {
            attempt.tp == tp
                && *attempt.body == *body
                && attempt.handled == Handled::NotYet
                && attempt.requests.iter().any(has_arrived)
        })
    }
}

fn is_produce(letter: &Letter) -> bool {
    letter.api == ApiKey::Produce && letter.direction == Direction::Request
}

fn ids(body: &BatchBody) -> impl Iterator<Item = RecordId> + '_ {
    body.records.iter().filter_map(|record| record.id)
}

fn reading(
    reader: NodeId,
    tp: TopicPartition,
    offset: Offset,
    id: Option<RecordId>,
) -> Option<Reading> {
    Some(Reading { reader, tp, offset, id: id? })
}
