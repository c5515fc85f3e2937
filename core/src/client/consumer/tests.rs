//! The consumer against a scripted cluster: one test per rule.

use super::fetcher::{Delivery, FetchBuffer};
use super::subscription::{Position, Subscription};
use super::{ConsumerNode, ConsumerSpec, FetchState};
use crate::chance::Chance;
use crate::client::testing::{Bench, Pending, ms, tp};
use crate::config::{ConsumerConfig, OffsetReset};
use crate::engine::Process;
use crate::epoch::{LeaderEpoch, Offset};
use crate::error_code::ErrorCode;
use crate::event::ClientEvent;
use crate::id::{NodeId, RecordId};
use crate::protocol::{
    CurrentLeader, FetchAnswer, FetchRequest, FetchResponse, ListOffsetsAnswer, ListOffsetsRequest,
    ListOffsetsResponse, OffsetForLeaderEpochAnswer, OffsetForLeaderEpochPartition,
    OffsetForLeaderEpochResponse, OffsetSpec, Request,
};
use crate::record::{Batch, BatchBody, BatchKind, Record};
use crate::time::{Duration, Instant, Timestamp};
use std::sync::Arc;

const B1: NodeId = NodeId::broker(1);
const START: Instant = Instant::from_micros(1_000_000);

fn spec(partitions: u32) -> ConsumerSpec {
    ConsumerSpec {
        me: NodeId::client(1),
        bootstrap: vec![B1, NodeId::broker(2)],
        assign: (0..partitions).map(tp).collect(),
        process: Duration::ZERO,
        config: ConsumerConfig::default(),
        start: START,
        chance: Chance::of_node(7, NodeId::client(1)),
    }
}

/// A consumer whose metadata is known and which has asked for its positions.
fn unresolved(leaders: &[u16], change: impl FnOnce(&mut ConsumerSpec)) -> Bench<ConsumerNode> {
    let mut spec = spec(leaders.len() as u32);
    change(&mut spec);
    let mut bench = Bench::<ConsumerNode>::new(&spec, 2, leaders);
    bench.run_for(ms(10));
    bench
}

/// A consumer that stands at offset 10 everywhere and has just begun to poll.
fn polling(leaders: &[u16], change: impl FnOnce(&mut ConsumerSpec)) -> Bench<ConsumerNode> {
    let mut bench = unresolved(leaders, change);
    while bench.offsets().is_some() {
        bench.tell_offset(ErrorCode::None, 10);
    }
    assert!(bench.process.is_position_resolved());
    bench.run_until(START);
    bench
}

fn batch(base_offset: u64, count: u32) -> Batch {
    let record = |offset_delta| Record {
        id: Some(RecordId { producer: NodeId::client(9), n: base_offset as u32 + offset_delta }),
        offset_delta,
        timestamp_delta: 0,
        key: None,
        value: None,
    };
    let records = (0..count).map(record).collect();
    let body = Arc::new(BatchBody::new(BatchKind::Data, Timestamp(0), None, records));
    Batch { base_offset: Offset(base_offset), leader_epoch: LeaderEpoch(0), body }
}

fn is_fetch(pending: &Pending) -> bool {
    matches!(pending.request, Request::Fetch(_))
}

impl Bench<ConsumerNode> {
    fn offsets(&self) -> Option<ListOffsetsRequest> {
        self.pending.iter().find_map(|pending| {
            if let Request::ListOffsets(asked) = &pending.request {
                Some(asked.clone())
            } else {
                None
            }
        })
    }

    /// Answers the oldest ListOffsets.
    fn tell_offset(&mut self, error: ErrorCode, offset: u64) {
        let asked = self.offsets().expect("it asks for an offset");
        let answers = asked.partitions.iter().map(|question| ListOffsetsAnswer {
            tp: question.tp,
            error,
            offset: Offset(offset),
            leader_epoch: LeaderEpoch(0),
        });
        let response = ListOffsetsResponse { partitions: answers.collect() };
        self.answer(|p| matches!(p.request, Request::ListOffsets(_)), response);
    }

    fn fetches(&self) -> Vec<(NodeId, FetchRequest)> {
        let fetches = self.pending.iter().filter_map(|pending| {
            let Request::Fetch(asked) = &pending.request else { return None };
            Some((pending.to, asked.clone()))
        });
        fetches.collect()
    }

    /// The oldest question about the end of an epoch: to whom, in which epoch of the leader, and of which.
    fn epoch_question(&self) -> Option<(NodeId, u32, u32)> {
        self.pending.iter().find_map(|pending| {
            let Request::OffsetForLeaderEpoch(asked) = &pending.request else { return None };
            let OffsetForLeaderEpochPartition { current_leader_epoch, leader_epoch, .. } =
                asked.partitions[0];
            Some((pending.to, current_leader_epoch.0, leader_epoch.0))
        })
    }

    fn tell_epoch_end(&mut self, error: ErrorCode, end: Option<(u32, u64)>) {
        let end = end.map(|(epoch, offset)| (LeaderEpoch(epoch), Offset(offset)));
        let answer = OffsetForLeaderEpochAnswer { tp: tp(0), error, end };
        let response = OffsetForLeaderEpochResponse { partitions: vec![answer] };
        self.answer(|p| matches!(p.request, Request::OffsetForLeaderEpoch(_)), response);
    }

    /// Reads offsets 10 to 14 from b1 in epoch 0, then learns that b2 leads in epoch 1.
    fn change_leader(&mut self) {
        self.give(ErrorCode::None, vec![batch(10, 5)]);
        self.run_for(ms(1));
        self.leaders[0] = (Some(2), 1);
        self.give(ErrorCode::NotLeaderOrFollower, vec![]);
        self.run_for(ms(300));
    }

    /// Answers the oldest Fetch: its first partition gives `batches`, the others nothing.
    fn give(&mut self, error: ErrorCode, batches: Vec<Batch>) {
        let (_, asked) = self.fetches().remove(0);
        let mut batches = Some(batches);
        let answers = asked.partitions.iter().map(|partition| FetchAnswer {
            tp: partition.tp,
            error,
            high_watermark: Offset(1_000),
            log_start_offset: Offset::ZERO,
            current_leader: None,
            diverging: None,
            batches: batches.take().unwrap_or_default(),
        });
        let response = FetchResponse { partitions: answers.collect() };
        self.answer(is_fetch, response);
    }

    fn delivered(&self) -> Vec<u64> {
        let offsets = self.notes.iter().filter_map(|event| {
            if let ClientEvent::Delivered { offset, .. } = event { Some(offset.0) } else { None }
        });
        offsets.collect()
    }

    /// The points of the application in order: `d`elivered, `b`egun, `e`nded.
    #[expect(clippy::wildcard_enum_match_arm, reason = "three events are points")]
    fn points(&self) -> String {
        let points = self.notes.iter().filter_map(|event| match event {
            ClientEvent::Delivered { .. } => Some('d'),
            ClientEvent::Processing { .. } => Some('b'),
            ClientEvent::Processed { .. } => Some('e'),
            _ => None,
        });
        points.collect()
    }
}

#[test]
fn a_position_comes_from_the_leader_by_policy() {
    for (policy, wanted) in
        [(OffsetReset::Latest, OffsetSpec::Latest), (OffsetReset::Earliest, OffsetSpec::Earliest)]
    {
        let mut bench = unresolved(&[2], |spec| spec.config.auto_offset_reset = policy);
        let asked = bench.offsets().expect("it asks before its start");
        assert_eq!(asked.partitions[0].spec, wanted);
        assert_eq!((bench.pending[0].to, asked.replica), (NodeId::broker(2), None));
        assert!(!bench.process.is_position_resolved() && bench.process.pending().is_some());
        bench.tell_offset(ErrorCode::None, 42);
        assert_eq!(bench.process.position(tp(0)), Some(Offset(42)));
        assert!(bench.process.is_position_resolved() && bench.process.pending().is_none());
        let reset = ClientEvent::PositionReset { tp: tp(0), to: Offset(42), from: None };
        assert_eq!(bench.notes, [reset]);
        assert!(bench.fetches().is_empty(), "nobody polls yet");
        bench.run_until(START);
        assert_eq!(bench.fetches()[0].1.partitions[0].fetch_offset, Offset(42));
    }
}

#[test]
fn a_position_is_asked_for_again_until_it_is_known() {
    for error in [
        ErrorCode::OffsetNotAvailable,
        ErrorCode::UnknownLeaderEpoch,
        ErrorCode::NotLeaderOrFollower,
        ErrorCode::UnknownTopicOrPartition,
    ] {
        let mut bench = unresolved(&[1], |_| {});
        let before = bench.metadata_requests;
        bench.leaders[0] = (Some(2), 3);
        bench.tell_offset(error, 0);
        assert!(bench.offsets().is_none(), "after a pause only");
        bench.run_for(ms(300));
        assert!(bench.metadata_requests > before);
        let asked = bench.offsets().expect("it asks again");
        assert_eq!(asked.partitions[0].current_leader_epoch, Some(LeaderEpoch(3)));
        bench.tell_offset(ErrorCode::None, 7);
        assert_eq!(bench.process.position(tp(0)), Some(Offset(7)));
    }
}

#[test]
fn a_hangup_repeats_what_was_asked() {
    let mut bench = unresolved(&[1], |_| {});
    bench.hang_up(B1);
    bench.run_for(ms(300));
    bench.tell_offset(ErrorCode::None, 7);
    bench.run_until(START);
    bench.hang_up(B1);
    bench.run_for(ms(300));
    assert_eq!(bench.fetches()[0].1.partitions[0].fetch_offset, Offset(7));
}

#[test]
fn one_fetch_to_each_leader_for_all_its_partitions() {
    let bench = polling(&[1, 2, 1], |_| {});
    let fetches = bench.fetches();
    let sizes: Vec<usize> = fetches.iter().map(|(_, asked)| asked.partitions.len()).collect();
    assert_eq!(sizes, [2, 1]);
    assert_eq!(fetches[0].1.max_wait, ms(500));
    assert!(bench.process.pending().is_none(), "a long poll is quiet");
}

#[test]
fn an_empty_answer_costs_one_input_and_data_two() {
    let mut bench = polling(&[1], |_| {});
    let before = bench.inputs;
    bench.give(ErrorCode::None, vec![]);
    assert_eq!(bench.inputs - before, 1);
    assert_eq!(bench.fetches().len(), 1);
    bench.give(ErrorCode::None, vec![batch(10, 3)]);
    bench.run_for(ms(1));
    assert_eq!(bench.inputs - before, 3);
    assert_eq!(bench.points(), "dddbebebe");
    assert_eq!(bench.process.position(tp(0)), Some(Offset(13)));
    assert_eq!(bench.fetches()[0].1.partitions[0].fetch_offset, Offset(13));
}

#[test]
fn a_poll_hands_out_max_poll_records_and_fetches_when_the_buffer_is_empty() {
    let mut bench = polling(&[1], |spec| {
        spec.config.max_poll_records = 2;
        spec.process = ms(10);
    });
    bench.give(ErrorCode::None, vec![batch(8, 4), batch(12, 1)]);
    bench.run_for(ms(1));
    assert_eq!(bench.delivered(), [10, 11], "from the position on, not from the batch's start");
    assert_eq!(bench.process.position(tp(0)), Some(Offset(12)), "before they are processed");
    assert!(bench.fetches().is_empty(), "its leader has data in the buffer");
    assert!(bench.process.has_in_hand());
    bench.run_for(ms(20));
    assert_eq!(bench.delivered(), [10, 11, 12]);
    assert_eq!(bench.fetches().len(), 1, "sent before the poll returned");
}

#[test]
fn each_point_of_a_slow_application_is_an_input_of_its_own() {
    let mut bench = polling(&[1], |spec| spec.process = ms(10));
    let before = bench.inputs;
    bench.give(ErrorCode::None, vec![batch(10, 2)]);
    bench.run_for(ms(15));
    assert_eq!(bench.points(), "ddbeb");
    assert_eq!(bench.process.pending(), Some("the application is processing records"));
    bench.run_for(ms(5));
    assert_eq!(bench.points(), "ddbebe");
    // The answer, the poll, and begin and end of each record.
    assert_eq!(bench.inputs - before, 6);
    assert_eq!(bench.process.pending(), None);
}

#[test]
fn a_leader_with_buffered_data_is_not_fetched_from() {
    let mut bench = polling(&[1, 1], |spec| {
        spec.config.max_poll_records = 1;
        spec.process = ms(10);
    });
    bench.give(ErrorCode::None, vec![batch(10, 2)]);
    bench.run_for(ms(5));
    assert!(bench.fetches().is_empty(), "not even for its other partition");
    bench.run_for(ms(10));
    let (_, asked) = &bench.fetches()[0];
    let order: Vec<u32> = asked.partitions.iter().map(|p| p.tp.partition).collect();
    assert_eq!(order, [1, 0], "the other goes first now");
}

#[test]
fn a_lost_leader_is_looked_up_before_the_next_fetch() {
    let mut bench = polling(&[1], |_| {});
    bench.is_mute = true;
    bench.give(ErrorCode::NotLeaderOrFollower, vec![]);
    assert_eq!(bench.process.fetch_state(tp(0)), Some(FetchState::AwaitUpdate));
    assert!(bench.process.pending().is_some() && bench.fetches().is_empty());
    bench.leaders[0] = (Some(2), 1);
    bench.is_mute = false;
    bench.run_for(ms(300));
    let fetches = bench.fetches();
    assert_eq!(fetches[0].0, NodeId::broker(2));
    assert_eq!(fetches[0].1.partitions[0].current_leader_epoch, Some(LeaderEpoch(1)));
    bench.give(ErrorCode::UnknownLeaderEpoch, vec![]);
    assert_eq!(bench.fetches().len(), 1, "a broker that lags is asked again at once");
}

#[test]
fn a_position_is_compared_with_the_log_of_a_new_leader() {
    let mut bench = polling(&[1], |_| {});
    bench.change_leader();
    assert_eq!(bench.process.fetch_state(tp(0)), Some(FetchState::AwaitValidation));
    assert!(bench.fetches().is_empty() && bench.process.pending().is_some());
    assert_eq!(bench.epoch_question(), Some((NodeId::broker(2), 1, 0)));
    // The leader lags behind its own metadata: it is asked again after a pause.
    bench.tell_epoch_end(ErrorCode::UnknownLeaderEpoch, None);
    assert_eq!(bench.epoch_question(), None);
    bench.run_for(ms(150));
    bench.tell_epoch_end(ErrorCode::None, Some((0, 15)));
    let (leader, fetch) = bench.fetches().remove(0);
    assert_eq!((leader, fetch.partitions[0].fetch_offset), (NodeId::broker(2), Offset(15)));
    assert_eq!(fetch.partitions[0].current_leader_epoch, Some(LeaderEpoch(1)));
}

#[test]
fn a_truncated_log_takes_the_position_back_to_where_it_differs() {
    for policy in [OffsetReset::Earliest, OffsetReset::Latest] {
        let mut bench = polling(&[1], |spec| spec.config.auto_offset_reset = policy);
        bench.change_leader();
        bench.tell_epoch_end(ErrorCode::None, Some((0, 12)));
        assert_eq!(bench.fetches()[0].1.partitions[0].fetch_offset, Offset(12));
        let (position, diverges_at) = (Offset(15), Some(Offset(12)));
        let truncated = ClientEvent::TruncationDetected { tp: tp(0), position, diverges_at };
        let (to, from) = (Offset(12), Some(position));
        let moved = ClientEvent::PositionReset { tp: tp(0), to, from };
        assert_eq!(bench.notes[bench.notes.len() - 2..], [truncated, moved]);
        // What was moved has the epoch of the leader's answer, and is validated again.
        bench.leaders[0] = (Some(1), 2);
        bench.give(ErrorCode::NotLeaderOrFollower, vec![]);
        bench.run_for(ms(300));
        assert_eq!(bench.epoch_question(), Some((B1, 2, 0)));
    }
}

#[test]
fn a_leader_that_does_not_know_the_epoch_leads_to_a_reset() {
    let mut bench = polling(&[1], |_| {});
    bench.change_leader();
    bench.tell_epoch_end(ErrorCode::None, None);
    bench.tell_offset(ErrorCode::None, 3);
    assert_eq!(bench.process.position(tp(0)), Some(Offset(3)));
}

#[test]
fn without_a_reset_policy_a_truncated_log_ends_the_application() {
    let mut bench = polling(&[1], |_| {});
    bench.process.config = ConsumerConfig {
        auto_offset_reset: OffsetReset::None,
        ..bench.process.config.as_ref().clone()
    }
    .into();
    bench.change_leader();
    bench.tell_epoch_end(ErrorCode::None, Some((0, 12)));
    assert!(bench.process.has_failed());
    assert_eq!(bench.process.position(tp(0)), Some(Offset(15)), "it stays where it is");
}

#[test]
fn a_position_from_the_reset_policy_is_not_compared() {
    let mut bench = polling(&[1], |_| {});
    bench.leaders[0] = (Some(2), 1);
    bench.give(ErrorCode::NotLeaderOrFollower, vec![]);
    bench.run_for(ms(300));
    assert_eq!(bench.epoch_question(), None);
    assert_eq!(bench.fetches()[0].0, NodeId::broker(2));
}

#[test]
fn a_leader_named_by_a_broker_that_was_asked_in_its_place_is_asked_at_once() {
    let mut bench = polling(&[1], |_| {});
    bench.is_mute = true;
    let named = CurrentLeader { leader: NodeId::broker(2), epoch: LeaderEpoch(1) };
    let refused = FetchAnswer::refused(tp(0), ErrorCode::NotLeaderOrFollower);
    let answer = FetchAnswer { current_leader: Some(named), ..refused };
    bench.answer(is_fetch, FetchResponse { partitions: vec![answer] });
    assert_eq!(bench.fetches()[0].0, NodeId::broker(2));
}

#[test]
fn out_of_range_is_reset_by_policy_or_ends_the_application() {
    let mut bench = polling(&[1], |_| {});
    bench.give(ErrorCode::OffsetOutOfRange, vec![]);
    assert_eq!(bench.process.fetch_state(tp(0)), Some(FetchState::AwaitReset));
    assert_eq!(bench.process.position(tp(0)), Some(Offset(10)));
    bench.tell_offset(ErrorCode::None, 4);
    let reset = ClientEvent::PositionReset { tp: tp(0), to: Offset(4), from: Some(Offset(10)) };
    assert_eq!(bench.notes.last(), Some(&reset));
    assert_eq!(bench.fetches()[0].1.partitions[0].fetch_offset, Offset(4));

    let mut strict = unresolved(&[1], |spec| spec.config.auto_offset_reset = OffsetReset::None);
    assert!(strict.offsets().is_none() && !strict.process.has_failed());
    strict.run_until(START);
    assert!(strict.process.has_failed(), "nothing to start from");
    let failed = ClientEvent::PollFailed { tp: tp(0), error: ErrorCode::OffsetOutOfRange };
    assert_eq!(strict.notes, [failed]);
    assert!(strict.process.pending().is_none());
}

#[test]
fn what_leaves_poll_ends_the_application() {
    let mut bench = polling(&[1, 2], |_| {});
    bench.give(ErrorCode::CorruptMessage, vec![]);
    assert!(bench.process.has_failed());
    assert_eq!(bench.process.fetch_state(tp(0)), Some(FetchState::Failed));
    bench.give(ErrorCode::None, vec![batch(10, 1)]);
    bench.run_for(ms(100));
    assert!(bench.delivered().is_empty() && bench.fetches().is_empty());
}

#[test]
fn a_slow_application_notices_errors_at_its_next_poll() {
    let mut bench = polling(&[1, 2], |spec| spec.process = ms(50));
    bench.give(ErrorCode::None, vec![batch(10, 1)]);
    bench.run_for(ms(1));
    assert!(bench.process.has_in_hand());
    bench.give(ErrorCode::OffsetOutOfRange, vec![]);
    assert!(bench.offsets().is_none());
    bench.run_for(ms(60));
    assert!(bench.offsets().is_some());
}

#[test]
fn an_answer_for_another_position_is_dropped() {
    let mut buffer = FetchBuffer::default();
    let mut subscription = Subscription::new(&[tp(0)]);
    let answer = |error, batches| FetchAnswer {
        tp: tp(0),
        error,
        high_watermark: Offset(99),
        log_start_offset: Offset::ZERO,
        current_leader: None,
        diverging: None,
        batches,
    };
    let at = |offset| Position { offset: Offset(offset), epoch: None, leader: None };
    // The position was reset to 20 while a fetch from 10 was on its way.
    assert!(subscription.reset(tp(0), Offset(20), None));
    buffer.add(at(10), answer(ErrorCode::None, vec![batch(10, 5)]));
    buffer.add(at(20), answer(ErrorCode::None, vec![batch(18, 4)]));
    buffer.add(at(20), answer(ErrorCode::None, vec![batch(20, 2)]));
    assert_eq!(buffer.next_error(&subscription), None);
    let offsets = |records: Vec<Delivery>| records.iter().map(|r| r.offset.0).collect::<Vec<_>>();
    assert_eq!(offsets(buffer.collect(100, &mut subscription)), [20, 21]);
    // Without a valid position everything is stale, errors too.
    subscription.await_reset(tp(0));
    buffer.add(at(22), answer(ErrorCode::OffsetOutOfRange, vec![]));
    buffer.add(at(22), answer(ErrorCode::None, vec![batch(22, 1)]));
    assert_eq!(buffer.next_error(&subscription), None);
    assert!(buffer.is_empty());
}

#[test]
fn a_restarted_consumer_has_no_position() {
    let mut bench = polling(&[1], |_| {});
    bench.process.clone().into_disk();
    bench = Bench::restart(&spec(1), (), 1, 2, &[1]);
    bench.run_for(ms(10));
    assert_eq!(bench.process.position(tp(0)), None);
    assert!(bench.offsets().is_some());
}
