//! What the application sees of send, and how records become requests.

use super::*;
use crate::chance::Draws;
use crate::client::producer::partitioner::StickyPartitioner;

#[test]
fn a_write_costs_two_inputs_and_three_with_linger() {
    for (linger, expected) in [(Duration::ZERO, 2), (ms(5), 3)] {
        let mut bench = bench(20, |spec| spec.config.linger = linger);
        bench.run_for(ms(6));
        bench.reply(ErrorCode::None);
        let before = bench.inputs;
        bench.run_for(ms(10));
        bench.reply(ErrorCode::None);
        assert_eq!(bench.inputs - before, expected, "linger {linger}");
    }
}

#[test]
fn records_gather_while_they_linger_and_a_full_batch_does_not_wait() {
    let mut bench = bench(100, |spec| {
        spec.config.linger = ms(45);
        spec.config.batch_size = 61 + 109 * 7;
    });
    bench.run_for(ms(44));
    assert!(bench.on_wire().is_empty());
    bench.run_for(ms(2));
    assert_eq!(bench.on_wire(), [vec![0, 1, 2, 3, 4]]);
    bench.input(Input::Ask(Command::Send(9)));
    assert_eq!(bench.on_wire()[1], [5, 6, 7, 8, 9, 10, 11], "the full one at once");
    assert_eq!(bench.on_wire().len(), 2, "the other two linger");
}

/// Its batch reserves what it could need at most, which is more than it needs: there may be room.
#[test]
fn a_record_larger_than_a_batch_lingers_like_any_other() {
    let mut bench = bench(1, |spec| {
        spec.config.linger = ms(45);
        spec.config.batch_size = 50;
    });
    bench.run_for(ms(44));
    assert!(bench.on_wire().is_empty());
    bench.run_for(ms(2));
    assert_eq!(bench.on_wire(), [[0]]);
}

#[test]
fn a_default_batch_takes_148_records_of_100_bytes() {
    let mut bench = bench(0, |_| {});
    bench.run_for(ms(10));
    bench.input(Input::Ask(Command::Send(149)));
    assert_eq!(bench.on_wire()[0].len(), 148);
}

#[test]
fn one_request_takes_one_batch_of_each_partition() {
    let mut bench = bench_of(&[1, 1, 2], 0, |spec| {
        spec.workload.keys = 20;
        spec.config.linger = ms(5);
        spec.config.batch_size = 61 + 112 * 2;
    });
    bench.run_for(ms(10));
    bench.input(Input::Ask(Command::Send(40)));
    for request in bench.produces() {
        let mut partitions: Vec<u32> = request.partitions.iter().map(|p| p.tp.partition).collect();
        partitions.sort_unstable();
        partitions.dedup();
        assert_eq!(partitions.len(), request.partitions.len(), "one batch per partition");
    }
    let first = bench.pending.iter().find(|p| p.to == B1).map(|p| &p.request);
    let Some(Request::Produce(first)) = first else { panic!("b1 leads two partitions") };
    assert_eq!(first.partitions.len(), 2, "both partitions of b1 share a request");
}

#[test]
fn a_request_is_cut_at_its_maximal_size_and_the_rest_follows_at_once() {
    let mut bench = bench_of(&[1, 1, 1, 1], 0, |spec| {
        spec.workload.keys = 50;
        spec.config.max_request_size = 2 * (61 + 112 * 3);
        spec.config.batch_size = 61 + 112 * 3;
        spec.config.max_in_flight = 4;
    });
    bench.run_for(ms(10));
    bench.input(Input::Ask(Command::Send(40)));
    assert_eq!(bench.produces().len(), 4);
    for request in bench.produces() {
        let size: u32 = request.partitions.iter().map(|p| p.body.size).sum();
        assert!(size <= 2 * (61 + 112 * 3), "{size}");
    }
}

#[test]
fn at_most_five_requests_are_in_flight_on_one_connection() {
    let mut bench = bench(8, |_| {});
    bench.run_for(ms(100));
    assert_eq!(bench.on_wire(), [[0], [1], [2], [3], [4]]);
    bench.reply(ErrorCode::None);
    assert_eq!(bench.on_wire().last(), Some(&vec![5, 6, 7]), "the rest went into one batch");
}

#[test]
fn acks_0_is_acknowledged_when_sent_and_lost_without_a_word() {
    let mut bench = bench(2, |spec| spec.config.acks = Acks::None);
    bench.run_for(ms(1));
    assert_eq!(bench.outcomes(), [(vec![0], Acked)]);
    bench.hang_up(B1);
    assert_eq!(bench.outcomes().len(), 1, "nobody learns of the loss");
    bench.run_for(ms(10));
    assert_eq!(bench.outcomes().len(), 1, "without a connection it waits");
    bench.run_for(ms(60));
    assert_eq!(bench.outcomes().len(), 2);
}

#[test]
fn send_blocks_without_metadata_and_is_refused_in_the_end() {
    let mut bench = Bench::<ProducerNode>::new(&spec(3), 3, &[1]);
    bench.is_mute = true;
    bench.run_until(START + ms(100));
    assert_eq!(bench.process.unresolved(), 1, "the thread is stuck in its first call");
    bench.run_until(START + Duration::from_secs(60));
    let refused = |n| (vec![n], Refused(ErrorCode::RequestTimedOut));
    assert_eq!(bench.outcomes(), [refused(0)]);
    bench.is_mute = false;
    bench.run_for(Duration::from_secs(31));
    assert_eq!(bench.on_wire(), [[1], [2]], "the others follow when it is known");
}

#[test]
fn send_blocks_without_memory_and_then_nothing_lingers() {
    let mut bench = bench_of(&[1, 2], 0, |spec| {
        spec.workload.keys = 8;
        spec.config.linger = ms(400);
        spec.config.batch_size = 1_000;
        spec.config.buffer_memory = 1_500;
    });
    bench.run_for(ms(1));
    bench.input(Input::Ask(Command::Send(8)));
    let before = bench.process.next_record();
    assert!(before < 8, "there is no memory for a batch of the second partition");
    assert_eq!(bench.on_wire().len(), 1, "so the one of the first must go");
    bench.reply(ErrorCode::None);
    assert!(bench.process.next_record() > before, "the application goes on");
}

#[test]
fn a_record_that_can_never_be_sent_is_refused() {
    let mut bench = bench(1, |spec| spec.workload.value_bytes = 2_000_000);
    bench.run_for(ms(1));
    assert_eq!(bench.outcomes(), [(vec![0], Refused(ErrorCode::MessageTooLarge))]);
    assert!(bench.process.is_idle());
}

#[test]
fn without_keys_it_sticks_to_a_partition_for_a_batch_or_two() {
    let mut bench = bench_of(&[1, 2, 3, 1, 2, 3], 400, |spec| {
        spec.workload.every = ms(1);
        spec.config.linger = ms(50);
        spec.config.batch_size = 61 + 109 * 10 + 50;
        spec.config.max_in_flight = 100;
        spec.config.enable_idempotence = false;
    });
    bench.run_for(ms(390));
    let sizes: Vec<usize> = bench.on_wire().iter().map(Vec::len).collect();
    let full = sizes.iter().filter(|size| **size == 10).count();
    assert!(full >= 25, "most batches fill: {sizes:?}");
    let partitions = bench.produces().into_iter().flat_map(|r| &r.partitions);
    let used: std::collections::BTreeSet<u32> = partitions.map(|p| p.tp.partition).collect();
    assert!(used.len() >= 4, "uniformly chosen: {used:?}");
}

#[test]
fn it_moves_on_after_a_full_batch_or_after_twice_its_size() {
    let bench = bench_of(&[1, 2, 3], 0, |_| {});
    let (now, metadata) = (bench.now, &bench.process.sender.metadata);
    let mut sticky = StickyPartitioner::new(TOPIC, 1_000, Draws::new(7, "sticky partition", 1));
    assert!(sticky.current(now, metadata) < 3);
    assert!(!sticky.count(1_500, false, now, metadata), "a fraction would be left behind");
    assert!(sticky.count(0, true, now, metadata), "it has been sent meanwhile");
    assert!(!sticky.count(999, true, now, metadata));
    assert!(!sticky.count(1_000, false, now, metadata));
    assert!(sticky.count(1, false, now, metadata), "twice the size is enough in any case");
}

#[test]
fn without_keys_it_prefers_partitions_with_a_leader() {
    let mut bench = Bench::<ProducerNode>::new(&spec(200), 3, &[1, 2, 3]);
    bench.leaders[0] = (None, 1);
    bench.leaders[1] = (None, 1);
    bench.process.sender.metadata.request_update();
    bench.run_until(START + ms(400));
    let partitions = bench.produces().into_iter().flat_map(|r| &r.partitions);
    assert!(partitions.map(|p| p.tp.partition).all(|partition| partition == 2));
}

#[test]
fn keys_keep_their_partition() {
    let mut bench = bench_of(&[1, 2, 3], 0, |spec| spec.workload.keys = 5);
    bench.run_for(ms(5));
    bench.input(Input::Ask(Command::Send(30)));
    let mut of_key: BTreeMap<u32, u32> = BTreeMap::new();
    for partition in bench.produces().into_iter().flat_map(|r| &r.partitions) {
        for n in numbers(&partition.body) {
            let before = of_key.insert(n % 5, partition.tp.partition);
            assert!(before.is_none_or(|before| before == partition.tp.partition));
        }
    }
    assert_eq!(of_key.len(), 5);
}

#[test]
fn a_restarted_producer_resumes_at_its_first_unresolved_record() {
    let mut first = bench(10, plain);
    first.run_for(ms(35));
    first.reply(ErrorCode::None);
    first.reply(ErrorCode::NotEnoughReplicas);
    first.reply(ErrorCode::None);
    let disk = first.process.clone().into_disk();
    assert_eq!(disk.first_unresolved, 1, "0 and 2 are acknowledged");
    let mut again = Bench::<ProducerNode>::restart(&spec(10), disk, 1, 3, &[1]);
    again.run_until(START + ms(5));
    assert_eq!(again.on_wire(), [[1]]);
    let mut from_start = spec(10);
    from_start.workload.resume = Resume::Start;
    let mut again = Bench::<ProducerNode>::restart(&from_start, disk, 1, 3, &[1]);
    again.run_until(START + ms(5));
    assert_eq!(again.on_wire(), [[0]]);
}

#[test]
fn a_closing_producer_sends_what_it_has_and_halts() {
    let mut bench = bench(5, |spec| spec.config.linger = ms(500));
    bench.run_for(ms(15));
    assert!(bench.on_wire().is_empty());
    bench.input(Input::Terminate);
    assert_eq!(bench.on_wire(), [[0, 1]]);
    assert!(!bench.is_halted);
    bench.reply(ErrorCode::None);
    assert!(bench.is_halted);
}

#[test]
fn a_finished_producer_keeps_nothing_and_asks_for_nothing() {
    let mut bench = bench(50, |_| {});
    while !bench.process.is_idle() {
        bench.run_for(ms(10));
        while !bench.on_wire().is_empty() {
            bench.reply(ErrorCode::None);
        }
    }
    assert_eq!(bench.process.next_record(), 50);
    assert!(bench.process.sender.accumulator.incomplete.is_empty());
    assert_eq!(bench.process.sender.accumulator.incomplete.allocated(), 0);
    assert!(
        bench.process.next_alarm() > bench.now + Duration::from_secs(200),
        "only metadata's age"
    );
}
