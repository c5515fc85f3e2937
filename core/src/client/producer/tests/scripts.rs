//! Whatever happens to a producer, some things always hold.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Reply(u8, ErrorCode),
    HangUp(u16),
    MoveLeader(u32, u16),
    Wait(u64),
    Send(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let errors = prop::sample::select(vec![
        ErrorCode::None,
        ErrorCode::None,
        ErrorCode::None,
        ErrorCode::NotEnoughReplicas,
        ErrorCode::NotEnoughReplicasAfterAppend,
        ErrorCode::NotLeaderOrFollower,
        ErrorCode::RequestTimedOut,
        ErrorCode::OutOfOrderSequenceNumber,
        ErrorCode::DuplicateSequenceNumber,
        ErrorCode::InvalidProducerEpoch,
        ErrorCode::MessageTooLarge,
    ]);
    prop_oneof![
        6 => (any::<u8>(), errors).prop_map(|(which, error)| Step::Reply(which, error)),
        1 => (1..=3_u16).prop_map(Step::HangUp),
        1 => (0..3_u32, 0..=3_u16).prop_map(|(partition, leader)| Step::MoveLeader(partition, leader)),
        3 => prop::sample::select(vec![1, 20, 150, 1_500, 31_000]).prop_map(Step::Wait),
        2 => (1..20_u8).prop_map(Step::Send),
    ]
}

/// Takes one step of a script.
fn take(bench: &mut Bench<ProducerNode>, step: &Step) {
    match step {
        Step::Reply(which, error) => {
            let conns: Vec<NodeId> =
                bench.pending.iter().filter(|p| is_produce(p)).map(|p| p.to).collect();
            if !conns.is_empty() {
                reply_from(bench, conns[*which as usize % conns.len()], *error);
            }
        }
        Step::HangUp(node) => bench.hang_up(NodeId::broker(*node)),
        Step::MoveLeader(partition, leader) => {
            let (_, epoch) = bench.leaders[*partition as usize];
            bench.leaders[*partition as usize] = ((*leader > 0).then_some(*leader), epoch + 1);
        }
        Step::Wait(millis) => bench.run_for(ms(*millis)),
        Step::Send(n) => bench.input(Input::Ask(Command::Send(u32::from(*n)))),
    }
}

/// `node` answers its oldest request.
fn reply_from(bench: &mut Bench<ProducerNode>, node: NodeId, error: ErrorCode) {
    let of_node = |pending: &Pending| pending.to == node && is_produce(pending);
    let request = bench.pending.iter().find(|p| of_node(p)).map(|p| &p.request);
    let Some(Request::Produce(request)) = request else { return };
    let partitions = request.partitions.iter().map(|p| {
        let base_offset = (error == ErrorCode::None).then_some(Offset(1));
        ProduceAnswer { tp: p.tp, error, base_offset, current_leader: None }
    });
    let response = ProduceResponse { partitions: partitions.collect() };
    bench.answer(of_node, response);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens to it, a producer resolves each record exactly once; an idempotent one never
    /// gives a sequence to different records.
    #[test]
    fn any_script_resolves_every_record_once(
        steps in prop::collection::vec(step(), 1..80),
        keys in 0..4_u32,
        is_idempotent: bool,
        max_in_flight in prop::sample::select(vec![1_u32, 5]),
        linger in prop::sample::select(vec![0_u64, 5]),
        acks in prop::sample::select(vec![Acks::All, Acks::All, Acks::Leader, Acks::None]),
    ) {
        let mut spec = spec(20);
        spec.workload.keys = keys;
        spec.config.enable_idempotence = is_idempotent;
        spec.config.acks = acks;
        spec.config.max_in_flight = max_in_flight;
        spec.config.linger = ms(linger);
        spec.config.batch_size = 600;
        spec.config.buffer_memory = 20_000;
        let mut bench = Bench::<ProducerNode>::new(&spec, 3, &[1, 2, 3]);
        for step in &steps {
            take(&mut bench, step);
        }
        bench.run_for(Duration::from_secs(500));
        prop_assert!(bench.process.is_idle(), "{:?}", bench.process.pending());

        let mut resolved: Vec<u32> = bench.outcomes().into_iter().flat_map(|(n, _)| n).collect();
        resolved.sort_unstable();
        prop_assert_eq!(&resolved, &(0..bench.process.next_record()).collect::<Vec<_>>());
        check_sequences(&bench.notes);
    }
}

/// A sequence always names the same records.
fn check_sequences(notes: &[ClientEvent]) {
    let mut given = BTreeMap::new();
    for event in notes {
        let ClientEvent::BatchSent { tp, body, .. } = event else { continue };
        let Some(stamp) = body.producer else { continue };
        let sequence = (*tp, stamp.id, stamp.epoch, stamp.base_sequence);
        let known = given.insert(sequence, numbers(body));
        assert!(known.is_none_or(|known| known == numbers(body)), "{sequence:?} was given twice");
    }
}

/// A partition leader as far as idempotence goes (B-02..B-04), without two holes of the real one: the
/// first sequence it sees has to be 0 (B-05), and it remembers more than five batches. Five are too
/// few where a retry is refused before it is recognised: new batches go along with each retry.
#[derive(Clone, Debug, Default)]
struct ModelLog {
    records: Vec<u32>,
    epoch: ProducerEpoch,
    next: i32,
    recent: Vec<i32>,
}

impl ModelLog {
    fn append(&mut self, body: &BatchBody) -> ErrorCode {
        let stamp = body.producer.expect("an idempotent batch");
        if stamp.epoch > self.epoch && stamp.base_sequence == 0 {
            (self.epoch, self.next) = (stamp.epoch, 0);
            self.recent.clear();
        }
        if stamp.epoch < self.epoch {
            ErrorCode::InvalidProducerEpoch
        } else if stamp.epoch == self.epoch && self.recent.contains(&stamp.base_sequence) {
            ErrorCode::None
        } else if stamp.epoch > self.epoch || stamp.base_sequence != self.next {
            ErrorCode::OutOfOrderSequenceNumber
        } else {
            self.records.extend(numbers(body));
            self.next += body.records.len() as i32;
            self.recent.push(stamp.base_sequence);
            ErrorCode::None
        }
    }
}

/// What becomes of one request at its leader.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Served,
    Refused,
    ServedButTimedOut,
    ServedButHungUp,
    HungUp,
}

fn serve(bench: &mut Bench<ProducerNode>, logs: &mut [ModelLog], which: u8, fate: Fate) {
    let nodes: Vec<NodeId> = bench.pending.iter().filter(|p| is_produce(p)).map(|p| p.to).collect();
    if nodes.is_empty() {
        return;
    }
    let node = nodes[which as usize % nodes.len()];
    let of_node = |pending: &Pending| pending.to == node && is_produce(pending);
    let request = bench.pending.iter().find(|p| of_node(p)).map(|p| p.request.clone());
    let Some(Request::Produce(request)) = request else { unreachable!("found by its kind") };
    let mut answer = |partition: &ProducePartition| {
        let log = &mut logs[partition.tp.partition as usize];
        let error = match fate {
            Fate::Refused => ErrorCode::NotEnoughReplicas,
            Fate::HungUp => ErrorCode::None,
            Fate::Served | Fate::ServedButHungUp => log.append(&partition.body),
            Fate::ServedButTimedOut if log.append(&partition.body) == ErrorCode::None => {
                ErrorCode::RequestTimedOut
            }
            Fate::ServedButTimedOut => ErrorCode::OutOfOrderSequenceNumber,
        };
        ProduceAnswer { tp: partition.tp, error, base_offset: None, current_leader: None }
    };
    let partitions: Vec<ProduceAnswer> = request.partitions.iter().map(&mut answer).collect();
    match fate {
        Fate::ServedButHungUp | Fate::HungUp => bench.hang_up(node),
        Fate::Served | Fate::Refused | Fate::ServedButTimedOut => {
            bench.answer(of_node, ProduceResponse { partitions });
        }
    }
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        5 => Just(Fate::Served),
        2 => Just(Fate::Refused),
        1 => Just(Fate::ServedButTimedOut),
        1 => Just(Fate::ServedButHungUp),
        1 => Just(Fate::HungUp),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Against leaders that check sequences, an idempotent producer with time enough writes every
    /// record exactly once and in order, whatever is refused, lost or answered too late.
    #[test]
    fn idempotence_writes_each_record_once_and_in_order(
        steps in prop::collection::vec((any::<u8>(), fate(), 0..120_u64), 1..150),
        keys in 0..4_u32,
        sends in 1..60_u32,
    ) {
        let mut spec = spec(sends);
        spec.workload.keys = keys;
        spec.config.delivery_timeout = Duration::from_secs(100_000);
        spec.config.batch_size = 600;
        let mut bench = Bench::<ProducerNode>::new(&spec, 3, &[1, 2, 2]);
        let mut logs = vec![ModelLog::default(); 3];
        bench.run_until(START);
        for (which, fate, wait) in &steps {
            serve(&mut bench, &mut logs, *which, *fate);
            bench.run_for(ms(*wait));
        }
        for _ in 0..400 {
            serve(&mut bench, &mut logs, 0, Fate::Served);
            bench.run_for(ms(500));
        }
        prop_assert!(bench.process.is_idle(), "{:?}", bench.process.pending());
        prop_assert!(bench.outcomes().iter().all(|(_, outcome)| *outcome == Acked));
        let mut written: Vec<u32> = logs.iter().flat_map(|log| log.records.clone()).collect();
        written.sort_unstable();
        prop_assert_eq!(written, (0..sends).collect::<Vec<_>>());
        prop_assert!(logs.iter().all(|log| log.records.is_sorted()));
    }
}
