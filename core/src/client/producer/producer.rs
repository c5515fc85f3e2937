//! The producer process: its application's `send` calls, and one round of the sender after each
//! input. Follows `KafkaProducer`.
//!
//! From boot on it connects, fetches metadata and, if it is idempotent, its producer id; the
//! application starts later. A steady acks=all write costs three inputs: the call, the end of
//! linger and the answer (two with linger.ms=0).
//!
//! ## Simplified
//! No interceptors, headers or `flush`. `close` waits until everything is resolved.

use super::accumulator::Appended;
use super::batch::NewRecord;
use super::partitioner::{StickyPartitioner, partition_for_key};
use super::sender::Sender;
use super::workload::{Application, ProducerDisk, Workload};
use crate::chance::{Chance, DrawsAbout};
use crate::config::ProducerConfig;
use crate::engine::{Command, Effects, HaltReason, Input, Process};
use crate::epoch::LeaderEpoch;
use crate::error_code::ErrorCode;
use crate::event::ClientEvent;
use crate::id::{Incarnation, NodeId, TopicId, TopicPartition};
use crate::time::{Clock, Duration, Instant};

/// What a producer is installed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerSpec {
    /// Which node it is.
    pub me: NodeId,
    /// The brokers it knows of (bootstrap.servers).
    pub bootstrap: Vec<NodeId>,
    /// Where it sends to.
    pub topic: TopicId,
    /// What its application sends.
    pub workload: Workload,
    /// Its settings.
    pub config: ProducerConfig,
    /// When its application starts. The producer inside is set up from boot on.
    pub start: Instant,
    /// What is random about it.
    pub chance: Chance,
}

/// A producer and its application.
#[derive(Clone, Debug)]
pub struct ProducerNode {
    topic: TopicId,
    max_block: Duration,
    application: Application,
    sticky: StickyPartitioner,
    pub(super) sender: Sender,
    is_closing: bool,
    wake: Instant,
}

impl ProducerNode {
    /// The number of the next record the application will send.
    pub const fn next_record(&self) -> u32 {
        self.application.next()
    }

    /// How many records were sent, or are about to be, without a known outcome.
    pub fn unresolved(&self) -> usize {
        self.application.unresolved()
    }

    /// Whether the application has sent everything and knows every outcome.
    pub fn is_idle(&self) -> bool {
        self.application.left() == 0 && self.application.unresolved() == 0
    }

    /// Whether it is set up: it knows its topic and has its producer id.
    pub fn is_warm(&self) -> bool {
        self.sender.metadata.partition_count(self.topic).is_some() && self.sender.has_producer_id()
    }

    /// What it is still busy with; `None` if nothing is pending.
    pub fn pending(&self) -> Option<&'static str> {
        if self.application.unresolved() > 0 {
            Some("records without an outcome")
        } else if self.application.left() > 0 {
            Some("records to be sent")
        } else if !self.is_warm() {
            Some("no metadata or no producer id yet")
        } else {
            None
        }
    }

    /// Who leads a partition, as far as this client knows, and in which epoch.
    pub fn known_leader(&self, tp: TopicPartition) -> Option<(Option<NodeId>, LeaderEpoch)> {
        self.sender.metadata.leadership(tp).map(|known| (known.leader, known.epoch))
    }

    /// The application calls `send` for its next record.
    fn send_next(&mut self, clock: Clock, fx: &mut Effects) {
        let record = self.application.make();
        fx.note(ClientEvent::SendCalled { id: record.id, topic: self.topic });
        self.send(record, clock.now + self.max_block, clock, fx);
    }

    /// `send`, which blocks until `until` at most while there is no metadata or no memory (P-20).
    fn send(&mut self, record: NewRecord, until: Instant, clock: Clock, fx: &mut Effects) {
        let Some(partitions) = self.sender.metadata.partition_count(self.topic) else {
            self.sender.metadata.request_update();
            self.application.block(record, until);
            return;
        };
        if self.sender.accumulator.is_too_large(&record) {
            self.refuse(&record, ErrorCode::MessageTooLarge, fx);
            return;
        }
        let appended = match &record.key {
            Some(key) => {
                let partition = partition_for_key(key, partitions);
                let tp = TopicPartition { topic: self.topic, partition };
                self.sender.accumulator.append(tp, record, clock)
            }
            None => self.append_sticky(record, clock),
        };
        self.sender.accumulator.set_urgent(self.is_closing);
        if let Appended::BufferFull(record) = appended {
            // Nothing lingers while the application waits for memory (P-41).
            self.sender.accumulator.set_urgent(true);
            self.application.block(record, until);
        }
    }

    /// Appends a record without a key to the sticky partition, which may move on before and after.
    fn append_sticky(&mut self, record: NewRecord, clock: Clock) -> Appended {
        let (metadata, accumulator) = (&self.sender.metadata, &mut self.sender.accumulator);
        let topic = self.topic;
        loop {
            let partition = self.sticky.current(clock.now, metadata);
            let tp = TopicPartition { topic, partition };
            // A batch that has been sent meanwhile may have completed the share of this partition.
            if accumulator.are_all_full(tp) && self.sticky.count(0, true, clock.now, metadata) {
                continue;
            }
            let appended = accumulator.append(tp, record, clock);
            if let Appended::Bytes(bytes) = appended {
                let are_all_full = accumulator.are_all_full(tp);
                self.sticky.count(bytes, are_all_full, clock.now, metadata);
            }
            return appended;
        }
    }

    fn refuse(&mut self, record: &NewRecord, error: ErrorCode, fx: &mut Effects) {
        self.application.resolve(record.id.n);
        fx.note(ClientEvent::SendRefused { id: record.id, error });
    }

    /// Lets a call that blocks try again, or give up; then the calls that had to wait behind it.
    fn resume_application(&mut self, clock: Clock, fx: &mut Effects) {
        if self.is_closing {
            return;
        }
        if let Some((record, until)) = self.application.unblock() {
            if until <= clock.now {
                self.sender.accumulator.set_urgent(false);
                self.refuse(&record, ErrorCode::RequestTimedOut, fx);
            } else {
                self.send(record, until, clock, fx);
            }
        }
        while self.application.owes() {
            self.send_next(clock, fx);
        }
    }

    /// The end of every input: rounds of the sender and the application until neither moves.
    fn settle(&mut self, clock: Clock, fx: &mut Effects) {
        self.resume_application(clock, fx);
        if self.sender.accumulator.take_wake() {
            self.sender.on_wake(clock.now, fx);
        }
        self.sender.run(clock.now, fx);
        while self.tell_outcomes() {
            self.resume_application(clock, fx);
            self.sender.run(clock.now, fx);
        }
        if self.is_closing && self.sender.accumulator.incomplete.is_empty() {
            fx.halt(HaltReason::ShutDown);
            self.wake = Instant::NEVER;
            return;
        }
        let application = if self.is_closing {
            Instant::NEVER
        } else {
            self.application.next_send().min(self.application.gives_up_at())
        };
        self.wake = application.min(self.sender.next_wake(clock.now));
    }

    /// Callbacks: the application learns outcomes. Says whether there were any.
    fn tell_outcomes(&mut self) -> bool {
        let finished = self.sender.take_finished();
        for n in &finished {
            self.application.resolve(*n);
        }
        !finished.is_empty()
    }

    /// One timer: a network deadline, else a call of the application, else a round of the sender.
    fn on_alarm(&mut self, clock: Clock, fx: &mut Effects) {
        if self.sender.on_deadline(clock.now, fx) {
            return;
        }
        if !self.is_closing && self.application.next_send() <= clock.now {
            self.send_next(clock, fx);
        } else {
            self.sender.on_wake(clock.now, fx);
        }
    }
}

impl Process for ProducerNode {
    type Spec = ProducerSpec;
    type Disk = ProducerDisk;

    fn blank_disk(_: &ProducerSpec) -> ProducerDisk {
        ProducerDisk::default()
    }

    fn boot(
        spec: &ProducerSpec,
        disk: ProducerDisk,
        life: Incarnation,
        clock: Clock,
        fx: &mut Effects,
    ) -> Self {
        let draws = spec.chance.draws("sticky partition");
        let batch_size = spec.config.batch_size.max(1);
        let mut producer = Self {
            topic: spec.topic,
            max_block: spec.config.max_block,
            application: Application::new(spec.me, &spec.workload, disk, spec.start, clock.now),
            sticky: StickyPartitioner::new(spec.topic, batch_size, draws),
            sender: Sender::new(spec, life),
            is_closing: false,
            wake: Instant::NEVER,
        };
        producer.settle(clock, fx);
        producer
    }

    fn handle(&mut self, clock: Clock, input: Input, fx: &mut Effects) {
        match input {
            Input::Alarm => self.on_alarm(clock, fx),
            Input::Connected(conn) => {
                self.sender.on_connected(conn);
                self.sender.on_wake(clock.now, fx);
            }
            Input::Deliver { frame, .. } => {
                self.sender.on_answer(clock.now, frame, fx);
                self.sender.on_wake(clock.now, fx);
            }
            Input::Hangup(conn) => {
                self.sender.on_hangup(clock.now, conn, fx);
                self.sender.on_wake(clock.now, fx);
            }
            Input::Flushed(_) => unreachable!("a producer asks for no flush"),
            Input::Terminate => {
                self.is_closing = true;
                self.sender.accumulator.set_urgent(true);
            }
            Input::Ask(Command::Send(n)) => self.application.ask(n),
        }
        self.settle(clock, fx);
    }

    fn next_alarm(&self) -> Instant {
        self.wake
    }

    fn into_disk(self) -> ProducerDisk {
        self.application.into_disk()
    }

    fn lose_unflushed(_: &mut ProducerDisk, _: &ProducerSpec, _: Instant, _: &mut DrawsAbout) {
        // The application's notes are kept as a database keeps them: flushed before they count.
    }
}
