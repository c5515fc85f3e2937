//! What happens to a batch whose attempt failed, with and without idempotence.

use super::*;

#[test]
fn with_one_in_flight_a_partition_is_silent_until_the_answer() {
    let mut bench = bench(3, |spec| spec.config.max_in_flight = 1);
    bench.run_for(ms(100));
    assert_eq!(bench.on_wire(), [[0]]);
    bench.reply(ErrorCode::NotEnoughReplicas);
    bench.run_for(ms(130));
    assert_eq!(bench.on_wire(), [[0]], "and a retry is not overtaken");
    bench.reply(ErrorCode::None);
    assert_eq!(bench.on_wire(), [[1, 2]]);
}

#[test]
fn with_one_in_flight_a_new_leader_does_not_let_the_next_overtake() {
    let mut bench = bench(2, |spec| {
        spec.config.max_in_flight = 1;
        spec.config.metadata_max_age = ms(200);
        spec.workload.every = ms(1_000);
    });
    bench.leaders[0] = (Some(2), 1);
    bench.run_for(ms(1_500));
    assert_eq!(bench.on_wire(), [[0]], "it is still on its way to the old leader");
    bench.reply(ErrorCode::None);
    assert_eq!(bench.on_wire(), [[1]]);
    assert_eq!(bench.pending.last().map(|p| p.to), Some(NodeId::broker(2)));
}

#[test]
fn without_idempotence_a_retry_is_overtaken() {
    let mut bench = bench(2, plain);
    bench.run_for(ms(20));
    assert_eq!(bench.on_wire(), [[0], [1]]);
    bench.reply(ErrorCode::NotEnoughReplicas);
    bench.reply(ErrorCode::None);
    assert_eq!(bench.outcomes(), [(vec![1], Acked)]);
    bench.run_for(ms(70));
    assert!(bench.on_wire().is_empty(), "it backs off for at least 80 ms");
    bench.run_for(ms(50));
    bench.reply(ErrorCode::None);
    assert_eq!(bench.outcomes(), [(vec![1], Acked), (vec![0], Acked)]);
}

#[test]
fn without_idempotence_the_last_to_fail_is_the_first_to_be_retried() {
    let mut bench = bench(3, plain);
    bench.run_for(ms(20));
    assert_eq!(bench.on_wire(), [[0], [1]]);
    bench.reply(ErrorCode::NotEnoughReplicas);
    bench.reply(ErrorCode::NotEnoughReplicas);
    bench.run_for(ms(200));
    assert_eq!(bench.on_wire(), [[1], [0], [2]], "each at the front when it failed");
}

#[test]
fn with_idempotence_order_and_sequences_survive_a_retry() {
    let mut bench = bench(3, |_| {});
    bench.run_for(ms(25));
    let sequences = |bench: &Bench<ProducerNode>| {
        bench.stamps().iter().map(|stamp| stamp.base_sequence).collect::<Vec<_>>()
    };
    assert_eq!(sequences(&bench), [0, 1, 2]);
    bench.reply(ErrorCode::NotEnoughReplicas);
    bench.reply(ErrorCode::OutOfOrderSequenceNumber);
    bench.reply(ErrorCode::OutOfOrderSequenceNumber);
    bench.run_for(ms(200));
    assert_eq!(bench.on_wire(), [[0]], "the others wait until the hole is closed");
    assert_eq!(sequences(&bench), [0]);
    bench.reply(ErrorCode::None);
    assert_eq!((bench.on_wire(), sequences(&bench)), (vec![vec![1]], vec![1]));
    bench.reply(ErrorCode::None);
    bench.reply(ErrorCode::None);
    assert_eq!(bench.outcomes().len(), 3);
    assert!(bench.process.is_idle() && bench.process.pending().is_none());
    assert_eq!(bench.stamps().len(), 0);
}

#[test]
fn a_proven_gap_raises_the_epoch_and_numbers_from_zero() {
    let mut bench = bench(4, |_| {});
    bench.run_for(ms(5));
    bench.reply(ErrorCode::None);
    bench.run_for(ms(20));
    assert_eq!(bench.stamps().iter().map(|s| s.base_sequence).collect::<Vec<_>>(), [1, 2]);
    // Batch 1 is next in line: the broker has forgotten what came before it.
    bench.reply(ErrorCode::OutOfOrderSequenceNumber);
    bench.reply(ErrorCode::OutOfOrderSequenceNumber);
    bench.run_for(ms(150));
    assert_eq!(bench.on_wire()[0], [1]);
    let stamp = bench.stamps()[0];
    assert_eq!((stamp.epoch, stamp.base_sequence), (ProducerEpoch(1), 0));
    bench.reply(ErrorCode::None);
    let next = bench.stamps()[0];
    assert_eq!((next.epoch, next.base_sequence), (ProducerEpoch(1), 1));
}

#[test]
fn a_batch_that_fails_for_certain_raises_the_epoch() {
    let mut bench = bench(2, |_| {});
    bench.run_for(ms(5));
    bench.reply(ErrorCode::MessageTooLarge);
    assert_eq!(bench.outcomes(), [(vec![0], Failed(ErrorCode::MessageTooLarge, false))]);
    bench.run_for(ms(10));
    let stamp = bench.stamps()[0];
    assert_eq!((stamp.epoch, stamp.base_sequence), (ProducerEpoch(1), 0));
    bench.reply(ErrorCode::InvalidProducerEpoch);
    assert_eq!(bench.outcomes()[1].1, Failed(ErrorCode::InvalidProducerEpoch, false));
}

/// KIP-360: whoever waits behind a batch that ran out of retries would wait for ever.
#[test]
fn a_batch_that_never_fitted_raises_the_epoch_too() {
    let mut bench = bench(2, |spec| spec.config.retries = 1);
    bench.run_for(ms(15));
    bench.reply(ErrorCode::OutOfOrderSequenceNumber);
    bench.reply(ErrorCode::OutOfOrderSequenceNumber);
    bench.run_for(ms(250));
    assert_eq!(bench.on_wire(), [[0]]);
    bench.reply(ErrorCode::OutOfOrderSequenceNumber);
    let failed = Failed(ErrorCode::OutOfOrderSequenceNumber, false);
    assert_eq!(bench.outcomes(), [(vec![0], failed)]);
    // Once for the gap that its first answer proved, and once because it failed.
    let stamp = bench.stamps()[0];
    assert_eq!((stamp.epoch, stamp.base_sequence), (ProducerEpoch(2), 0));
}

#[test]
fn a_retry_to_a_leader_that_was_named_goes_at_once() {
    let mut bench = bench(1, |_| {});
    bench.run_for(ms(1));
    bench.is_mute = true;
    bench.name_leader(NodeId::broker(2), 1);
    bench.run_for(ms(1));
    assert_eq!(bench.produces().len(), 1, "no back-off, no metadata");
    let to =
        |bench: &Bench<ProducerNode>| bench.pending.iter().find(|p| is_produce(p)).map(|p| p.to);
    assert_eq!(to(&bench), Some(NodeId::broker(2)));
    // The same again is no news: the back-off is served.
    bench.name_leader(NodeId::broker(1), 1);
    bench.run_for(ms(50));
    assert_eq!(bench.produces().len(), 0);
    bench.run_for(ms(400));
    assert_eq!(to(&bench), Some(NodeId::broker(2)));
}

#[test]
fn other_partitions_change_epoch_when_nothing_of_theirs_is_in_flight() {
    let mut bench = bench_of(&[1, 2], 0, |spec| spec.workload.keys = 8);
    bench.run_for(ms(5));
    bench.input(Input::Ask(Command::Send(8)));
    assert_eq!(bench.on_wire().len(), 2, "a batch for each partition");
    bench.reply(ErrorCode::MessageTooLarge);
    bench.input(Input::Ask(Command::Send(8)));
    let stamps = bench.stamps();
    assert_eq!(stamps.len(), 2, "the partition in flight waits for its old epoch: {stamps:?}");
    bench.reply(ErrorCode::None);
    let mut epochs: Vec<_> = bench.stamps().iter().map(|s| (s.epoch, s.base_sequence)).collect();
    epochs.sort_unstable();
    assert_eq!(epochs, [(ProducerEpoch(1), 0), (ProducerEpoch(1), 0)]);
}

#[test]
fn a_retried_batch_that_expires_leaves_its_sequence_unresolved() {
    let mut bench = bench(2, |spec| {
        spec.config.delivery_timeout = ms(1_000);
        spec.workload.every = ms(990);
    });
    bench.run_for(ms(1));
    bench.reply(ErrorCode::NotEnoughReplicas);
    bench.run_for(ms(130));
    assert_eq!(bench.on_wire(), [[0]]);
    bench.run_for(ms(890));
    // Record 1 was sent at 990 ms while 0 was in flight; 0 expired at 1000 ms.
    assert_eq!(bench.outcomes(), [(vec![0], Failed(ErrorCode::RequestTimedOut, true))]);
    bench.input(Input::Ask(Command::Send(1)));
    assert_eq!(bench.on_wire(), [[0], [1]], "nothing new before the doubt is settled");
    bench.reply(ErrorCode::NotEnoughReplicas);
    bench.reply(ErrorCode::OutOfOrderSequenceNumber);
    bench.run_for(ms(130));
    let stamp = bench.stamps()[0];
    assert_eq!((stamp.epoch, stamp.base_sequence), (ProducerEpoch(1), 0), "the gap is proven");
}

#[test]
fn an_unresolved_sequence_is_settled_by_the_success_of_what_follows() {
    for (is_next_acked, expected) in [(true, (ProducerEpoch(0), 2)), (false, (ProducerEpoch(1), 0))]
    {
        let mut bench = bench(2, |spec| {
            spec.config.delivery_timeout = ms(500);
            spec.workload.every = ms(490);
        });
        bench.run_for(ms(1));
        bench.reply(ErrorCode::NotEnoughReplicas);
        bench.run_for(ms(500));
        assert_eq!(bench.on_wire(), [[0], [1]]);
        assert_eq!(bench.outcomes(), [(vec![0], Failed(ErrorCode::RequestTimedOut, true))]);
        if is_next_acked {
            // 1 follows 0 in the log, so 0 must be there.
            bench.reply(ErrorCode::None);
            bench.reply(ErrorCode::None);
        } else {
            bench.run_for(ms(500));
        }
        bench.input(Input::Ask(Command::Send(1)));
        let stamp = *bench.stamps().last().expect("record 2 goes");
        assert_eq!((stamp.epoch, stamp.base_sequence), expected);
    }
}

#[test]
fn after_the_last_epoch_comes_a_new_id() {
    let mut bench = bench(0, |_| {});
    let tracker = bench.process.sender.idempotence.as_mut().expect("it is idempotent");
    *tracker = Idempotence::default();
    tracker.on_producer_id(ProducerId(1001), ProducerEpoch(i16::MAX));
    bench.input(Input::Ask(Command::Send(2)));
    bench.reply(ErrorCode::MessageTooLarge);
    bench.input(Input::Ask(Command::Send(1)));
    let stamp = bench.stamps()[0];
    assert_eq!((stamp.id, stamp.epoch), (ProducerId(1002), ProducerEpoch(0)));
    assert_eq!(stamp.base_sequence, 0);
}

#[test]
fn a_partition_that_waits_for_its_sequences_holds_up_its_whole_node() {
    let mut bench = bench_of(&[1, 1], 0, |spec| spec.workload.keys = 8);
    bench.run_for(ms(5));
    for _ in 0..2 {
        bench.input(Input::Ask(Command::Send(8)));
    }
    let refuse_first = |n: u32| if n == 0 { ErrorCode::NotEnoughReplicas } else { ErrorCode::None };
    bench.reply_each(refuse_first);
    bench.reply_each(refuse_first);
    bench.run_for(ms(150));
    let on_wire = |bench: &Bench<ProducerNode>| -> Vec<u32> {
        let partitions = bench.produces().into_iter().flat_map(|request| &request.partitions);
        partitions.map(|p| p.tp.partition).collect()
    };
    assert_eq!(on_wire(&bench), [0], "the second batch of partition 0 waits for the first");
    for _ in 0..3 {
        bench.input(Input::Ask(Command::Send(8)));
    }
    let of_other = on_wire(&bench).into_iter().filter(|n| *n == 1).count();
    assert!(of_other <= 1, "each drain begins where the last one had to stop");
    bench.reply(ErrorCode::None);
    assert!(on_wire(&bench).contains(&1));
}

#[test]
fn what_was_sent_fails_indefinitely_and_what_was_not_fails_for_certain() {
    let mut bench = bench(7, |spec| spec.config.delivery_timeout = ms(1_000));
    bench.run_for(ms(1_100));
    let all: Vec<_> = bench.outcomes();
    let indefinite = |n: u32| (vec![n], Failed(ErrorCode::RequestTimedOut, true));
    assert_eq!(all[..5], [0, 1, 2, 3, 4].map(indefinite));
    assert_eq!(all[5], (vec![5, 6], Failed(ErrorCode::RequestTimedOut, false)));
    assert!(bench.process.is_idle());
    // A late answer finds nobody.
    bench.reply(ErrorCode::None);
    assert_eq!(bench.outcomes().len(), 6);
}

#[test]
fn not_enough_replicas_is_retried_until_it_succeeds_or_fails_for_certain() {
    let mut patient = bench(1, |_| {});
    patient.run_for(ms(1));
    patient.reply(ErrorCode::NotEnoughReplicas);
    patient.run_for(ms(130));
    patient.reply(ErrorCode::None);
    assert_eq!(patient.outcomes(), [(vec![0], Acked)]);

    let mut hasty = bench(1, |spec| spec.config.retries = 1);
    for error in [ErrorCode::NotEnoughReplicas, ErrorCode::NotEnoughReplicas] {
        hasty.run_for(ms(130));
        hasty.reply(error);
    }
    assert_eq!(hasty.outcomes(), [(vec![0], Failed(ErrorCode::NotEnoughReplicas, false))]);

    let mut doubtful = bench(1, |spec| spec.config.retries = 1);
    for error in [ErrorCode::NotEnoughReplicasAfterAppend, ErrorCode::NotEnoughReplicas] {
        doubtful.run_for(ms(130));
        doubtful.reply(error);
    }
    assert_eq!(doubtful.outcomes(), [(vec![0], Failed(ErrorCode::NotEnoughReplicas, true))]);
}

#[test]
fn a_lost_leadership_refreshes_metadata_and_the_retry_goes_to_the_new_leader() {
    let mut bench = bench(1, |_| {});
    bench.run_for(ms(1));
    let before = bench.metadata_requests;
    bench.leaders[0] = (Some(2), 1);
    bench.reply(ErrorCode::NotLeaderOrFollower);
    bench.run_for(ms(200));
    assert!(bench.metadata_requests > before);
    assert_eq!(bench.pending[0].to, NodeId::broker(2));
    bench.reply(ErrorCode::None);
    assert_eq!(bench.outcomes(), [(vec![0], Acked)]);
}

#[test]
fn a_hangup_refreshes_metadata_and_retries_what_was_in_flight() {
    let mut bench = bench(2, |_| {});
    bench.run_for(ms(20));
    let before = bench.metadata_requests;
    bench.down.insert(B1);
    bench.leaders[0] = (Some(3), 1);
    bench.hang_up(B1);
    bench.run_for(ms(300));
    assert!(bench.metadata_requests > before);
    assert_eq!(bench.on_wire(), [[0]], "in order, one at a time");
    assert_eq!(bench.pending[0].to, NodeId::broker(3));
    let is_network = |event: &&ClientEvent| {
        matches!(event, ClientEvent::BatchRetried { error: ErrorCode::NetworkException, .. })
    };
    assert_eq!(bench.notes.iter().filter(is_network).count(), 2);
}

/// C2: while the first of five requests waits for its followers, the others wait in the socket. The
/// answers come a moment after the first has run out of time, and the thread is asleep.
#[test]
fn an_answer_that_comes_before_the_thread_looks_still_counts() {
    let mut bench = bench(8, |_| {});
    bench.run_for(Duration::from_secs(30) + ms(5));
    bench.reply(ErrorCode::RequestTimedOut);
    for _ in 0..4 {
        bench.reply(ErrorCode::NotEnoughReplicas);
    }
    let errors = bench.notes.iter().filter_map(|event| {
        if let ClientEvent::BatchRetried { error, .. } = event { Some(*error) } else { None }
    });
    let refused = ErrorCode::NotEnoughReplicas;
    let expected = [ErrorCode::RequestTimedOut, refused, refused, refused, refused];
    assert_eq!(errors.collect::<Vec<_>>(), expected);
}

#[test]
fn the_thread_looks_for_requests_without_answer_whenever_it_wakes() {
    let mut bench = bench(8, |_| {});
    let retried = |bench: &Bench<ProducerNode>| {
        let is_retry = |e: &&ClientEvent| matches!(e, ClientEvent::BatchRetried { .. });
        bench.notes.iter().filter(is_retry).count()
    };
    // Record 5 began a batch at 50 ms and woke it; 6 and 7 joined that batch.
    let mut asleep = bench.clone();
    asleep.run_for(Duration::from_secs(30) + ms(49));
    assert_eq!(retried(&asleep), 0);
    asleep.run_for(ms(2));
    assert_eq!(retried(&asleep), 5);
    bench.run_for(Duration::from_secs(30) + ms(1));
    bench.input(Input::Ask(Command::Send(1)));
    assert_eq!(retried(&bench), 0, "a record that joins a batch wakes nobody");
    bench.input(Input::Ask(Command::Send(200)));
    assert_eq!(retried(&bench), 5, "another batch does");
}

#[test]
fn a_request_without_answer_breaks_the_connection_and_is_retried() {
    let mut bench = bench(1, |_| {});
    bench.run_for(Duration::from_secs(31));
    let is_timeout = |event: &ClientEvent| {
        matches!(event, ClientEvent::BatchRetried { error: ErrorCode::RequestTimedOut, .. })
    };
    assert!(bench.notes.iter().any(is_timeout));
    let last = bench.notes.last();
    assert!(matches!(last, Some(ClientEvent::BatchSent { attempt: 2, .. })), "{last:?}");
}
