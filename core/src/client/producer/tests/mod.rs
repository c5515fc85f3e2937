//! The producer against a scripted cluster: one test per rule.

mod batching;
mod retries;
mod scripts;

use super::idempotence::Idempotence;
use super::{ProducerNode, ProducerSpec, Resume, Workload};
use crate::chance::Chance;
use crate::client::testing::{Bench, Pending, TOPIC, ms};
use crate::config::{Acks, ProducerConfig};
use crate::engine::{Command, Input, Process};
use crate::epoch::{LeaderEpoch, Offset, ProducerEpoch};
use crate::error_code::ErrorCode;
use crate::event::ClientEvent;
use crate::id::{NodeId, ProducerId};
use crate::protocol::{
    CurrentLeader, ProduceAnswer, ProducePartition, ProduceRequest, ProduceResponse, Request,
};
use crate::record::{BatchBody, ProducerStamp};
use crate::time::{Duration, Instant};
use std::collections::BTreeMap;

const B1: NodeId = NodeId::broker(1);
const START: Instant = Instant::from_micros(1_000_000);

fn spec(records: u32) -> ProducerSpec {
    ProducerSpec {
        me: NodeId::client(1),
        bootstrap: vec![B1, NodeId::broker(2), NodeId::broker(3)],
        topic: TOPIC,
        workload: Workload {
            records,
            every: ms(10),
            keys: 0,
            value_bytes: 100,
            resume: Resume::FirstUnresolved,
        },
        config: ProducerConfig { linger: Duration::ZERO, ..ProducerConfig::default() },
        start: START,
        chance: Chance::of_node(7, NodeId::client(1)),
    }
}

/// A producer of `records` records without linger, to one partition, all set up, time at `START`.
fn bench(records: u32, change: impl FnOnce(&mut ProducerSpec)) -> Bench<ProducerNode> {
    bench_of(&[1], records, change)
}

fn bench_of(
    leaders: &[u16],
    records: u32,
    change: impl FnOnce(&mut ProducerSpec),
) -> Bench<ProducerNode> {
    let mut spec = spec(records);
    change(&mut spec);
    let mut bench = Bench::<ProducerNode>::new(&spec, 3, leaders);
    bench.run_until(START - Duration::from_micros(1));
    assert!(bench.process.is_warm(), "metadata and producer id come before the start");
    bench
}

fn plain(spec: &mut ProducerSpec) {
    spec.config.enable_idempotence = false;
}

fn is_produce(pending: &Pending) -> bool {
    matches!(pending.request, Request::Produce(_))
}

impl Bench<ProducerNode> {
    fn produces(&self) -> Vec<&ProduceRequest> {
        let requests = self.pending.iter().filter_map(|pending| {
            if let Request::Produce(request) = &pending.request { Some(request) } else { None }
        });
        requests.collect()
    }

    /// The record numbers of each batch on the wire, in order.
    fn on_wire(&self) -> Vec<Vec<u32>> {
        self.produces().iter().flat_map(|r| &r.partitions).map(|p| numbers(&p.body)).collect()
    }

    fn stamps(&self) -> Vec<ProducerStamp> {
        let partitions = self.produces().into_iter().flat_map(|r| &r.partitions);
        partitions.map(|p| p.body.producer.expect("an idempotent batch")).collect()
    }

    /// Answers every partition of the oldest Produce request with `error`.
    fn reply(&mut self, error: ErrorCode) {
        self.reply_each(|_| error);
    }

    /// Answers the oldest Produce request, by number of partition.
    fn reply_each(&mut self, error: impl Fn(u32) -> ErrorCode) {
        let partitions = self.produces()[0].partitions.iter().map(|p| {
            let error = error(p.tp.partition);
            let base_offset = (error == ErrorCode::None).then_some(Offset(5));
            ProduceAnswer { tp: p.tp, error, base_offset, current_leader: None }
        });
        let response = ProduceResponse { partitions: partitions.collect() };
        self.answer(is_produce, response);
    }

    /// Answers the oldest Produce request: another broker leads, in this epoch.
    fn name_leader(&mut self, leader: NodeId, epoch: u32) {
        let partitions = self.produces()[0].partitions.iter().map(|p| ProduceAnswer {
            tp: p.tp,
            error: ErrorCode::NotLeaderOrFollower,
            base_offset: None,
            current_leader: Some(CurrentLeader { leader, epoch: LeaderEpoch(epoch) }),
        });
        let response = ProduceResponse { partitions: partitions.collect() };
        self.answer(is_produce, response);
    }

    fn outcomes(&self) -> Vec<(Vec<u32>, Outcome)> {
        self.notes.iter().filter_map(outcome).collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Acked,
    Failed(ErrorCode, bool),
    Refused(ErrorCode),
}
use Outcome::{Acked, Failed, Refused};

fn numbers(body: &BatchBody) -> Vec<u32> {
    body.records.iter().filter_map(|record| Some(record.id?.n)).collect()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "three events are outcomes, the rest is not")]
fn outcome(event: &ClientEvent) -> Option<(Vec<u32>, Outcome)> {
    match event {
        ClientEvent::BatchAcked { body, .. } => Some((numbers(body), Acked)),
        ClientEvent::BatchFailed { body, error, is_indefinite, .. } => {
            Some((numbers(body), Failed(*error, *is_indefinite)))
        }
        ClientEvent::SendRefused { id, error } => Some((vec![id.n], Refused(*error))),
        _ => None,
    }
}
