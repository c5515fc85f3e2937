//! What a broker answers: `KafkaApis`, `ReplicaManager` (Produce, Fetch, ListOffsets,
//! OffsetForLeaderEpoch, Metadata, InitProducerId).
//!
//! Each handler is one step. What Kafka's threads do later is queued as work: counting the follower
//! whose fetch was read, completing what was parked (reference M-1).

use super::Broker;
use super::purgatory::{ParkedEntry, ParkedFetch, ParkedProduce, is_answered_at_once};
use super::work::Lane;
use super::{PendingFetch, Work};
use crate::config::Acks;
use crate::engine::{Effects, ReplyTo};
use crate::epoch::{LeaderEpoch, Offset};
use crate::error_code::ErrorCode;
use crate::event::ReplicaEvent;
use crate::id::TopicPartition;
use crate::protocol::{
    FetchAnswer, FetchRequest, FetchResponse, ListOffsetsAnswer, ListOffsetsPartition,
    ListOffsetsRequest, ListOffsetsResponse, MetadataPartition, MetadataRequest, MetadataResponse,
    MetadataTopic, OffsetForLeaderEpochAnswer, OffsetForLeaderEpochPartition,
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetSpec, ProduceAnswer,
    ProducePartition, ProduceRequest, ProduceResponse, Reader, Request, Response,
};
use crate::replica::{Counted, FollowerUpdate, Partition};
use crate::time::{Duration, Instant};

impl Broker {
    /// Serves the request behind `to`: now, or when a slow disk has written or read for it.
    pub(super) fn serve(&mut self, now: Instant, to: ReplyTo, request: Request, fx: &mut Effects) {
        let delay = fx.disk_delay();
        if delay == Duration::ZERO || !self.uses_disk(now, &request) {
            return self.serve_now(now, to, request, fx);
        }
        self.connections.put_back(to, request);
        let work = Work::ServeFromDisk(to.conn);
        self.work.push_at(now, Lane::Network(to.conn), now + delay, fx.input(), work);
    }

    /// Whether the request appends, or reads data that is there.
    fn uses_disk(&self, now: Instant, request: &Request) -> bool {
        match request {
            Request::Produce(_) => true,
            Request::Fetch(request) => {
                self.read(now, request).0.iter().any(|answer| answer.bytes() > 0)
            }
            Request::ListOffsets(_)
            | Request::OffsetForLeaderEpoch(_)
            | Request::Metadata(_)
            | Request::InitProducerId(_)
            | Request::AllocateProducerIds(_)
            | Request::AlterPartition(_)
            | Request::BrokerRegistration(_)
            | Request::BrokerHeartbeat(_)
            | Request::CreateTopics(_)
            | Request::QuorumFetch(_) => false,
        }
    }

    /// Serves the request behind `to` now.
    pub(super) fn serve_now(
        &mut self,
        now: Instant,
        to: ReplyTo,
        request: Request,
        fx: &mut Effects,
    ) {
        match request {
            Request::Produce(request) => self.on_produce(now, to, &request, fx),
            Request::Fetch(request) => self.on_fetch(now, to, request, fx),
            Request::ListOffsets(request) => {
                let response = self.list_offsets(&request);
                self.answer(now, to, response, fx);
            }
            Request::OffsetForLeaderEpoch(request) => {
                let response = self.offsets_for_leader_epochs(&request);
                self.answer(now, to, response, fx);
            }
            Request::Metadata(request) => {
                let response = self.metadata(&request);
                self.answer(now, to, response, fx);
            }
            Request::InitProducerId(_) => {
                self.producer_ids.wait(to);
                self.serve_producer_ids(now, fx);
            }
            Request::AllocateProducerIds(_)
            | Request::AlterPartition(_)
            | Request::BrokerRegistration(_)
            | Request::BrokerHeartbeat(_)
            | Request::CreateTopics(_)
            | Request::QuorumFetch(_) => unreachable!("only a controller is asked this"),
        }
    }

    /// Answers and lets the next request of the connection in.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        to: ReplyTo,
        response: impl Into<Response>,
        fx: &mut Effects,
    ) {
        fx.reply(to, response);
        self.done_with(now, to, fx);
    }

    fn done_with(&mut self, now: Instant, to: ReplyTo, fx: &Effects) {
        if self.connections.unmute(to.conn) {
            let who = self.chance.roster().node(to.conn.client);
            self.work.push(now, Lane::Network(to.conn), who, fx.input(), Work::Serve(to.conn));
        }
    }

    /// Queues a look at everything that waits for `tp`.
    pub(super) fn complete_later(&mut self, now: Instant, tp: TopicPartition, fx: &Effects) {
        if self.purgatory.is_watched(tp) {
            let what = self.chance.roster().partition(tp);
            self.work.push(now, Lane::Purgatory, what, fx.input(), Work::Complete(tp));
        }
    }

    // ---- Produce -------------------------------------------------------------------------------

    fn on_produce(
        &mut self,
        now: Instant,
        to: ReplyTo,
        request: &ProduceRequest,
        fx: &mut Effects,
    ) {
        let acks = request.acks;
        let mut entries = Vec::with_capacity(request.partitions.len());
        for item in &request.partitions {
            entries.push(self.append(now, item, acks, fx));
        }
        let deadline = now + request.timeout;
        let produce = ParkedProduce { to, entries, deadline };
        if produce.entries.iter().all(|entry| entry.awaits.is_none()) {
            self.finish_produce(now, produce, fx);
        } else {
            // The high watermark may have moved already (a partition whose ISR is its leader).
            let tps: Vec<_> = produce.entries.iter().map(|entry| entry.answer.tp).collect();
            self.purgatory.park_produce(produce);
            for tp in tps {
                self.settle_produces(now, tp, fx);
            }
        }
    }

    fn append(
        &mut self,
        now: Instant,
        item: &ProducePartition,
        acks: Acks,
        fx: &mut Effects,
    ) -> ParkedEntry {
        let tp = item.tp;
        let answer =
            |error, base_offset| ProduceAnswer { tp, error, base_offset, current_leader: None };
        let refused = |error| (answer(error, None), None);
        let (partition, view) = self.replicas.get_with_view(tp, now);
        let (answer, awaits) = match partition {
            None => refused(self.replicas.why_not_hosted(tp)),
            Some(partition) => match partition.append_as_leader(&item.body, acks, view, fx) {
                Err(error) => refused(error),
                Ok((info, _)) => {
                    let answer = answer(ErrorCode::None, Some(info.base_offset));
                    (answer, (acks == Acks::All).then_some(info.end_offset))
                }
            },
        };
        if answer.error == ErrorCode::None {
            self.complete_later(now, tp, fx);
        }
        ParkedEntry { answer, awaits, body: item.body.clone(), acks }
    }

    /// Finishes what no longer waits for `tp`: its watermark is there, or it leads no more.
    fn settle_produces(&mut self, now: Instant, tp: TopicPartition, fx: &mut Effects) {
        loop {
            let (replicas, image) = (&self.replicas, self.replicas.image());
            let done = self.purgatory.take_produce(|entry| {
                if entry.answer.tp != tp {
                    return;
                }
                let awaits = entry.awaits.expect("only waiting entries are offered");
                let leadership = replicas.get(tp).and_then(|p| Some((p, p.leadership()?)));
                entry.answer.error = match leadership {
                    None => ErrorCode::NotLeaderOrFollower,
                    Some((partition, _)) if partition.log().high_watermark() < awaits => return,
                    Some((_, leadership)) => {
                        let in_sync = leadership.maximal_isr(replicas.variations()).len();
                        if in_sync >= image.min_insync_replicas(tp) {
                            ErrorCode::None
                        } else {
                            ErrorCode::NotEnoughReplicasAfterAppend
                        }
                    }
                };
                entry.awaits = None;
            });
            match done {
                Some(produce) => self.finish_produce(now, produce, fx),
                None => return,
            }
        }
    }

    /// Answers a produce whose entries are all final.
    pub(super) fn finish_produce(
        &mut self,
        now: Instant,
        produce: ParkedProduce,
        fx: &mut Effects,
    ) {
        let mut acks = Acks::All;
        for entry in &produce.entries {
            acks = entry.acks;
            fx.note(ReplicaEvent::ProduceAnswered {
                tp: entry.answer.tp,
                error: entry.answer.error,
                acks,
                body: entry.body.clone(),
                base_offset: entry.answer.base_offset,
            });
        }
        let answers = produce.entries.iter().map(|entry| ProduceAnswer {
            current_leader: self.replicas.current_leader(entry.answer.tp, entry.answer.error),
            ..entry.answer
        });
        let partitions: Vec<_> = answers.collect();
        if acks != Acks::None {
            self.answer(now, produce.to, ProduceResponse { partitions }, fx);
        } else if partitions.iter().any(|answer| answer.error != ErrorCode::None) {
            // Nobody waits for an answer: closing the connection is how the producer learns that
            // its metadata is stale (KAFKA-955).
            self.forget_connection(produce.to.conn);
            fx.close(produce.to.conn);
        } else {
            self.done_with(now, produce.to, fx);
        }
    }

    // ---- Fetch ---------------------------------------------------------------------------------

    fn on_fetch(&mut self, now: Instant, to: ReplyTo, mut request: FetchRequest, fx: &mut Effects) {
        // More than the answer may hold is not worth waiting for.
        request.min_bytes = request.min_bytes.min(request.max_bytes);
        let (answers, updates) = self.read(now, &request);
        match request.reader {
            Reader::Replica(_) => {
                let work = Work::CountFollower(PendingFetch { to, request, answers, updates });
                let who = self.chance.roster().node(to.conn.client);
                self.work.push(now, Lane::Network(to.conn), who, fx.input(), work);
            }
            Reader::Consumer => self.answer_or_park(now, to, request, answers, fx),
        }
    }

    fn read(
        &self,
        now: Instant,
        request: &FetchRequest,
    ) -> (Vec<FetchAnswer>, Vec<FollowerUpdate>) {
        self.replicas.read(now, request)
    }

    /// The second step of a follower's fetch: counts it, may propose it for the ISR, then answers
    /// with what was read *before* (T-6).
    pub(super) fn count_follower(&mut self, now: Instant, fetch: PendingFetch, fx: &mut Effects) {
        // A follower that hung up meanwhile is counted all the same: what it asked for was true.
        let PendingFetch { to, request, mut answers, updates } = fetch;
        let Reader::Replica(reader) = request.reader else {
            unreachable!("only followers are counted")
        };
        for update in updates {
            let (partition, view) = self.replicas.get_with_view(update.tp, now);
            let counted = partition
                .ok_or(ErrorCode::NotLeaderOrFollower)
                .and_then(|partition| partition.count_follower(reader, update, view, fx));
            match counted {
                Ok(Counted { proposal, has_watermark_moved }) => {
                    if let Some(item) = proposal {
                        self.submit(now, item, fx);
                    }
                    if has_watermark_moved {
                        self.complete_later(now, update.tp, fx);
                    }
                }
                Err(error) => {
                    let answer = answers.iter_mut().find(|answer| answer.tp == update.tp);
                    *answer.expect("an update belongs to an answer") =
                        FetchAnswer::refused(update.tp, error);
                }
            }
        }
        self.answer_or_park(now, to, request, answers, fx);
    }

    fn answer_or_park(
        &mut self,
        now: Instant,
        to: ReplyTo,
        request: FetchRequest,
        answers: Vec<FetchAnswer>,
        fx: &mut Effects,
    ) {
        if is_answered_at_once(&request, &answers) {
            self.answer(now, to, FetchResponse { partitions: answers }, fx);
            return;
        }
        let deadline = now + request.max_wait;
        let parked = ParkedFetch { to, request, deadline };
        // Something may have come in since the read: look once more before waiting for a wake-up.
        if parked.is_done(|tp| self.replicas.get(tp), self.replicas.variations()) {
            self.finish_fetch(now, parked, fx);
        } else {
            self.purgatory.park_fetch(parked);
        }
    }

    /// Answers a fetch that waited: reads again, counts nobody. A slow disk takes its time.
    pub(super) fn finish_fetch(&mut self, now: Instant, parked: ParkedFetch, fx: &mut Effects) {
        let (partitions, _) = self.read(now, &parked.request);
        let delay = fx.disk_delay();
        if delay == Duration::ZERO || partitions.iter().all(|answer| answer.bytes() == 0) {
            return self.answer(now, parked.to, FetchResponse { partitions }, fx);
        }
        let lane = Lane::Network(parked.to.conn);
        self.work.push_at(now, lane, now + delay, fx.input(), Work::AnswerFetch(parked));
    }

    /// Answers a fetch for which a slow disk has read.
    pub(super) fn answer_fetch(&mut self, now: Instant, parked: &ParkedFetch, fx: &mut Effects) {
        let (partitions, _) = self.read(now, &parked.request);
        self.answer(now, parked.to, FetchResponse { partitions }, fx);
    }

    /// Completes everything that need not wait for `tp` any longer.
    pub(super) fn complete(&mut self, now: Instant, tp: TopicPartition, fx: &mut Effects) {
        loop {
            let replicas = &self.replicas;
            let done = self.purgatory.take_fetch(|fetch| {
                fetch.request.partitions.iter().any(|p| p.tp == tp)
                    && fetch.is_done(|tp| replicas.get(tp), replicas.variations())
            });
            match done {
                Some(fetch) => self.finish_fetch(now, fetch, fx),
                None => break,
            }
        }
        self.settle_produces(now, tp, fx);
    }

    // ---- ListOffsets, Metadata -----------------------------------------------------------------

    fn list_offsets(&self, request: &ListOffsetsRequest) -> ListOffsetsResponse {
        let is_replica = request.replica.is_some();
        let partitions = request
            .partitions
            .iter()
            .map(|question| {
                let found = self.list_offset(question, is_replica);
                let epoch = self.replicas.get(question.tp).and_then(Partition::leader_epoch);
                ListOffsetsAnswer {
                    tp: question.tp,
                    error: found.err().unwrap_or(ErrorCode::None),
                    offset: found.unwrap_or_default(),
                    leader_epoch: epoch.unwrap_or_default(),
                }
            })
            .collect();
        ListOffsetsResponse { partitions }
    }

    fn list_offset(
        &self,
        question: &ListOffsetsPartition,
        is_replica: bool,
    ) -> Result<Offset, ErrorCode> {
        let tp = question.tp;
        let partition = self.replicas.get(tp).ok_or_else(|| self.replicas.why_not_hosted(tp))?;
        let leadership = partition
            .check_leader_epoch(question.current_leader_epoch, self.replicas.variations())?;
        let log = partition.log();
        match question.spec {
            OffsetSpec::Earliest => Ok(log.start()),
            OffsetSpec::Latest if is_replica => Ok(log.end()),
            // A new leader's watermark may be behind what its predecessor showed (KIP-207).
            OffsetSpec::Latest if log.high_watermark() < leadership.epoch_start => {
                Err(ErrorCode::OffsetNotAvailable)
            }
            OffsetSpec::Latest => Ok(log.high_watermark()),
        }
    }

    fn offsets_for_leader_epochs(
        &self,
        request: &OffsetForLeaderEpochRequest,
    ) -> OffsetForLeaderEpochResponse {
        let answer = |question: &OffsetForLeaderEpochPartition| {
            let found = self.end_of_epoch(question);
            OffsetForLeaderEpochAnswer {
                tp: question.tp,
                error: found.err().unwrap_or(ErrorCode::None),
                end: found.ok().flatten(),
            }
        };
        OffsetForLeaderEpochResponse { partitions: request.partitions.iter().map(answer).collect() }
    }

    fn end_of_epoch(
        &self,
        question: &OffsetForLeaderEpochPartition,
    ) -> Result<Option<(LeaderEpoch, Offset)>, ErrorCode> {
        let tp = question.tp;
        let partition = self.replicas.get(tp).ok_or_else(|| self.replicas.why_not_hosted(tp))?;
        partition
            .check_leader_epoch(Some(question.current_leader_epoch), self.replicas.variations())?;
        let end = partition.log().end_offset_for(question.leader_epoch);
        Ok(end.map(|end| (end.epoch, end.end_offset)))
    }

    fn metadata(&self, request: &MetadataRequest) -> MetadataResponse {
        let image = self.replicas.image();
        let is_reachable = |broker| image.brokers.get(&broker).is_some_and(|b| !b.is_fenced);
        let topic_of = |topic| {
            let Some(known) = image.topics.get(&topic) else {
                let error = ErrorCode::UnknownTopicOrPartition;
                return MetadataTopic { topic, error, partitions: Vec::new() };
            };
            let partitions = known.partitions.iter().enumerate().map(|(n, registration)| {
                let leader = registration.leader.filter(|leader| is_reachable(*leader));
                MetadataPartition {
                    tp: TopicPartition { topic, partition: n as u32 },
                    error: leader.map_or(ErrorCode::LeaderNotAvailable, |_| ErrorCode::None),
                    leader,
                    leader_epoch: registration.leader_epoch,
                }
            });
            MetadataTopic { topic, error: ErrorCode::None, partitions: partitions.collect() }
        };
        MetadataResponse {
            brokers: image.brokers.keys().copied().filter(|b| is_reachable(*b)).collect(),
            controller: self.voters.first().copied(),
            topics: request.topics.iter().copied().map(topic_of).collect(),
        }
    }
}
