//! Each rule of the network, disks and faults, on a world of two or three scripted toys in which
//! every message and every flush takes exactly one millisecond.

use super::{DiskConfig, Finding, Latency, NetConfig, NodeSetup, World};
use Do::{Close, Connect, Deaf, Flush, Halt, Metadata, Panic, ProducerId, Spin};
use kafkalab_core::chance::DrawsAbout;
use kafkalab_core::engine::{Command, Effects, FlushId, HaltReason, Input, Process, ReplyTo};
use kafkalab_core::id::{ConnId, CorrelationId, Incarnation, NodeId};
use kafkalab_core::protocol::{
    ApiKey, Body, Direction, InitProducerIdRequest, MetadataRequest, MetadataResponse,
};
use kafkalab_core::time::{Clock, Duration, Instant};

/// What a toy does at a moment of its script.
#[derive(Clone, Copy, Debug)]
enum Do {
    Connect(u32, NodeId),
    /// A request that the other side answers at once.
    Metadata(u32, u32),
    /// A request that nobody answers.
    ProducerId(u32, u32),
    Close(u32),
    Flush(u64),
    Halt,
    Panic,
    /// Accepts no connections from now on.
    Deaf,
    /// Wants to go on at once, for ever.
    Spin,
}

/// Follows its script in its first life, answers Metadata, and logs what comes.
#[derive(Clone)]
struct Toy {
    id: NodeId,
    script: Vec<(u64, Do)>,
    done: usize,
    spins: bool,
    is_deaf: bool,
    disk: ToyDisk,
}

/// The log survives everything: it is how a test looks at a toy.
#[derive(Clone, Default)]
struct ToyDisk {
    log: Vec<String>,
    written: u64,
    flushed: u64,
}

impl Process for Toy {
    type Spec = (NodeId, Vec<(u64, Do)>);
    type Disk = ToyDisk;

    fn blank_disk(_: &Self::Spec) -> ToyDisk {
        ToyDisk::default()
    }

    fn boot(
        spec: &Self::Spec,
        disk: ToyDisk,
        life: Incarnation,
        clock: Clock,
        _: &mut Effects,
    ) -> Self {
        let (id, mut script) = spec.clone();
        if life > Incarnation(0) {
            script.clear();
        }
        let mut toy = Self { id, script, done: 0, spins: false, is_deaf: false, disk };
        toy.log(clock, "boot");
        toy
    }

    fn handle(&mut self, clock: Clock, input: Input, fx: &mut Effects) {
        match input {
            Input::Alarm if self.spins => {}
            Input::Alarm => {
                let (_, what) = self.script[self.done];
                self.done += 1;
                self.act(clock, what, fx);
            }
            Input::Connected(conn) => self.log(clock, &format!("connected {}", conn.n)),
            Input::Hangup(conn) => self.log(clock, &format!("hangup {}", conn.n)),
            Input::Flushed(FlushId(id)) => {
                self.disk.flushed = id;
                self.log(clock, &format!("flushed {id}"));
            }
            Input::Terminate => fx.halt(HaltReason::ShutDown),
            Input::Ask(Command::Send(records)) => self.log(clock, &format!("ask {records}")),
            Input::Deliver { frame, .. } => {
                let way = match frame.body.direction() {
                    Direction::Request => "?",
                    Direction::Response => "!",
                };
                let text = format!("{:?}{way} {}", frame.body.api(), frame.correlation.0);
                self.log(clock, &text);
                if let (ApiKey::Metadata, Body::Request(_)) = (frame.body.api(), &frame.body) {
                    let (conn, correlation) = (frame.conn, frame.correlation);
                    let to = ReplyTo { conn, correlation, asked: fx.input() };
                    let (brokers, topics) = (Vec::new(), Vec::new());
                    fx.reply(to, MetadataResponse { brokers, controller: None, topics });
                }
            }
        }
    }

    fn is_listening(&self) -> bool {
        !self.is_deaf
    }

    fn next_alarm(&self) -> Instant {
        if self.spins {
            return Instant::ZERO;
        }
        self.script.get(self.done).map_or(Instant::NEVER, |(at, _)| ms(*at))
    }

    fn into_disk(self) -> ToyDisk {
        self.disk
    }

    fn lose_unflushed(disk: &mut ToyDisk, _: &Self::Spec, _: Instant, _: &mut DrawsAbout) {
        disk.written = disk.flushed;
    }
}

impl Toy {
    fn act(&mut self, clock: Clock, what: Do, fx: &mut Effects) {
        let conn = |n| ConnId { client: self.id, n };
        match what {
            Connect(n, to) => fx.connect(conn(n), to),
            Metadata(n, no) => {
                fx.request(conn(n), CorrelationId(no), MetadataRequest { topics: Vec::new() });
            }
            ProducerId(n, no) => fx.request(conn(n), CorrelationId(no), InitProducerIdRequest),
            Close(n) => fx.close(conn(n)),
            Flush(id) => {
                self.disk.written = id;
                fx.flush(FlushId(id));
            }
            Halt => fx.halt(HaltReason::ShutDown),
            Panic => panic!("as the script says at {}", clock.now.as_micros()),
            Deaf => self.is_deaf = true,
            Spin => self.spins = true,
        }
    }

    fn log(&mut self, clock: Clock, text: &str) {
        self.disk.log.push(format!("{} {text}", Duration::from_micros(clock.now.as_micros())));
    }
}

const B1: NodeId = NodeId::broker(1);
const B2: NodeId = NodeId::broker(2);
const C1: NodeId = NodeId::client(1);

fn ms(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

/// Starts two brokers and a client at 0; only the client has a script, unless `b1` is given one.
fn world_of(b1: &[(u64, Do)], c1: &[(u64, Do)]) -> World<Toy> {
    let exactly = Duration::from_millis(1);
    let latency = Latency { min: exactly, max: exactly, tail: None };
    let disk = DiskConfig { flush_min: exactly, flush_max: exactly };
    let setup = |id, script: &[(u64, Do)]| NodeSetup::new(id, (id, script.to_vec()));
    let nodes = vec![setup(B1, b1), setup(B2, &[]), setup(C1, c1)];
    let mut world = World::new(1, nodes, NetConfig { latency, ..NetConfig::default() }, disk);
    for node in [B1, B2, C1] {
        world.start(node, Instant::ZERO);
    }
    world
}

fn world(script: &[(u64, Do)]) -> World<Toy> {
    world_of(&[], script)
}

/// Takes all turns up to and including `millis`.
fn until(world: &mut World<Toy>, millis: u64) {
    while world.peek().is_some_and(|(at, _)| at <= ms(millis)) {
        world.step();
    }
    world.advance(ms(millis));
}

/// What `node` has logged, the boot at 0 aside.
fn log(world: &World<Toy>, node: NodeId) -> Vec<&str> {
    let disk = world.process(node).map(|toy| &toy.disk).or_else(|| world.disk(node));
    let lines = &disk.expect("it has a disk").log;
    lines.iter().map(String::as_str).filter(|line| *line != "0ms boot").collect()
}

#[test]
fn a_connection_costs_one_round_trip_and_a_request_another() {
    let mut world = world(&[(0, Connect(1, B1)), (5, Metadata(1, 7))]);
    until(&mut world, 20);
    assert_eq!(log(&world, C1), ["2ms connected 1", "7ms Metadata! 7"]);
    assert_eq!(log(&world, B1), ["6ms Metadata? 7"]);
    assert_eq!(world.counters().messages, 2);
    assert_eq!(world.counters().bytes, 200);
}

#[test]
fn a_connection_to_a_dead_process_is_refused_after_a_round_trip() {
    let mut world = world(&[(3, Connect(1, B1))]);
    until(&mut world, 1);
    assert!(world.kill(B1) && !world.kill(B1));
    until(&mut world, 20);
    assert_eq!(log(&world, C1), ["5ms hangup 1"]);
}

#[test]
fn a_process_that_does_not_listen_refuses_and_keeps_what_stands() {
    let mut world = world_of(
        &[(4, Deaf)],
        &[(0, Connect(1, B1)), (5, Connect(2, B1)), (8, Metadata(1, 1)), (9, Connect(3, B2))],
    );
    until(&mut world, 20);
    assert_eq!(
        log(&world, C1),
        ["2ms connected 1", "7ms hangup 2", "10ms Metadata! 1", "11ms connected 3"]
    );
}

#[test]
fn slow_keeps_the_order_of_what_is_already_under_way() {
    let mut world = world(&[
        (0, Connect(1, B1)),
        (5, ProducerId(1, 1)),
        (6, ProducerId(1, 2)),
        (7, ProducerId(1, 3)),
    ]);
    until(&mut world, 5);
    world.slow(C1, B1, Duration::from_millis(10));
    until(&mut world, 6);
    world.slow(C1, B1, Duration::ZERO);
    until(&mut world, 30);
    assert_eq!(
        log(&world, B1),
        ["6ms InitProducerId? 1", "17ms InitProducerId? 2", "17ms InitProducerId? 3"]
    );
}

#[test]
fn after_a_kill_the_bytes_arrive_in_order_and_then_the_hangup() {
    let mut world = world(&[(0, Connect(1, B1)), (5, ProducerId(1, 1)), (5, ProducerId(1, 2))]);
    until(&mut world, 5);
    world.kill(C1);
    until(&mut world, 20);
    assert_eq!(log(&world, B1), ["6ms InitProducerId? 1", "6ms InitProducerId? 2", "6ms hangup 1"]);
    assert!(world.in_flight().is_empty());
}

#[test]
fn a_halt_and_a_close_say_goodbye_after_the_data() {
    for end in [Halt, Close(1)] {
        let mut world = world(&[(0, Connect(1, B1)), (5, ProducerId(1, 1)), (5, end)]);
        until(&mut world, 20);
        assert_eq!(log(&world, B1), ["6ms InitProducerId? 1", "6ms hangup 1"]);
        assert_eq!(world.is_up(C1), matches!(end, Close(_)));
    }
}

#[test]
fn loss_of_power_is_silent_until_somebody_asks_the_next_life() {
    let mut world =
        world(&[(0, Connect(1, B1)), (9, Metadata(1, 1)), (20, Metadata(1, 2)), (25, Close(1))]);
    until(&mut world, 5);
    assert!(world.power(B1));
    until(&mut world, 15);
    assert_eq!(log(&world, C1), ["2ms connected 1"], "nothing told the client");
    assert_eq!(world.report().died.len(), 1, "the request found nobody");
    world.start(B1, ms(15));
    until(&mut world, 30);
    assert_eq!(log(&world, C1), ["2ms connected 1", "22ms hangup 1"]);
}

#[test]
fn power_loses_what_was_not_flushed_and_a_kill_does_not() {
    for (fails, survives) in [(false, 2), (true, 1)] {
        let mut world = world(&[(1, Flush(1)), (5, Flush(2))]);
        until(&mut world, 5);
        if fails {
            world.power(C1)
        } else {
            world.kill(C1)
        };
        until(&mut world, 20);
        assert_eq!(world.disk(C1).expect("it is down").written, survives);
        assert_eq!(log(&world, C1), ["2ms flushed 1"], "the second flush died with its life");
    }
}

#[test]
fn a_disk_flushes_one_at_a_time_and_slower_if_told() {
    let mut world = world(&[(1, Flush(1)), (1, Flush(2)), (10, Flush(3))]);
    until(&mut world, 9);
    world.slow_disk(C1, Duration::from_millis(50));
    until(&mut world, 99);
    assert_eq!(log(&world, C1), ["2ms flushed 1", "3ms flushed 2", "61ms flushed 3"]);
}

#[test]
fn what_a_cut_holds_back_goes_with_the_next_retransmission_and_in_order() {
    let mut world = world(&[
        (0, Connect(1, B1)),
        (5, ProducerId(1, 1)),
        (7, ProducerId(1, 2)),
        (20, ProducerId(1, 3)),
        (50, ProducerId(1, 4)),
    ]);
    until(&mut world, 5);
    assert!(world.cut(C1, B1) && !world.cut(C1, B1));
    until(&mut world, 20);
    assert_eq!(log(&world, B1), [] as [&str; 0]);
    world.heal();
    until(&mut world, 300);
    let all = [1, 2, 3, 4].map(|n| format!("206ms InitProducerId? {n}"));
    assert_eq!(log(&world, B1), all);
}

#[test]
fn a_cut_is_one_way() {
    let mut world = world(&[(0, Connect(1, B1)), (5, Metadata(1, 1))]);
    until(&mut world, 4);
    world.cut(B1, C1);
    until(&mut world, 20);
    assert_eq!(log(&world, B1), ["6ms Metadata? 1"]);
    assert_eq!(log(&world, C1), ["2ms connected 1"]);
    world.heal_link(B1, C1);
    until(&mut world, 300);
    assert_eq!(log(&world, C1), ["2ms connected 1", "207ms Metadata! 1"]);
}

#[test]
fn a_connection_attempt_waits_behind_a_cut() {
    let mut world = world(&[(5, Connect(1, B1))]);
    until(&mut world, 1);
    world.cut(C1, B1);
    until(&mut world, 30);
    world.heal();
    until(&mut world, 2_000);
    assert_eq!(log(&world, C1), ["1007ms connected 1"]);
}

/// When what was sent at 5 ms arrives if its link heals at these moments.
fn arrivals(first: Do, heals: &[u64], retransmission: bool) -> Vec<String> {
    let arrival = |heal: &u64| {
        let mut world = world(&[(0, Connect(1, B1)), (5, first)]);
        world.network.retransmission = retransmission;
        until(&mut world, 4);
        world.cut(C1, B1);
        until(&mut world, *heal);
        world.heal();
        until(&mut world, heal + 200_000);
        let of_b1 = log(&world, B1).first().map(|line| (*line).to_owned());
        of_b1.unwrap_or_else(|| log(&world, C1)[1].to_owned())
    };
    heals.iter().map(arrival).collect()
}

/// A sender tries 0.2, 0.6, 1.4, 3.0, … s after its first unanswered byte, at last every 120 s. A try
/// at the very moment of the heal came too early.
#[test]
fn after_a_heal_the_next_try_of_the_sender_gets_through() {
    let heals = [20, 204, 205, 604, 605, 1_500, 20_005, 204_600, 330_000];
    let tries = [206, 206, 606, 606, 1_406, 3_006, 25_406, 204_606, 444_606];
    let expected = tries.map(|at| format!("{at}ms InitProducerId? 1"));
    assert_eq!(arrivals(ProducerId(1, 1), &heals, true), expected);
    let at_once = heals.map(|heal| format!("{}ms InitProducerId? 1", heal + 1));
    assert_eq!(arrivals(ProducerId(1, 1), &heals, false), at_once);
}

/// An attempt to connect is repeated 1, 3, 7, … s after it began.
#[test]
fn after_a_heal_the_next_attempt_to_connect_gets_through() {
    let heals = [20, 1_004, 1_005, 3_004, 3_005];
    let attempts = [1_007, 1_007, 3_007, 3_007, 7_007];
    let expected = attempts.map(|at| format!("{at}ms connected 2"));
    assert_eq!(arrivals(Connect(2, B1), &heals, true), expected);
}

/// A process leaves its bytes to its machine, which goes on trying; a machine without power does not.
#[test]
fn what_waits_for_its_retransmission_survives_a_kill_and_not_a_loss_of_power() {
    let arrived = |end: fn(&mut World<Toy>, NodeId) -> bool| {
        let mut world = world(&[(0, Connect(1, B1)), (5, ProducerId(1, 1))]);
        until(&mut world, 5);
        world.cut(C1, B1);
        until(&mut world, 100);
        world.heal();
        until(&mut world, 150);
        assert!(end(&mut world, C1));
        until(&mut world, 1_000);
        log(&world, B1).first().map(|line| (*line).to_owned())
    };
    let at = |millis: u64| Some(format!("{millis}ms InitProducerId? 1"));
    assert_eq!(arrived(World::kill), at(206));
    assert_eq!(arrived(World::power), None);
}

/// A second cut finds the sender where the first one left it.
#[test]
fn a_new_cut_before_the_next_try_goes_on_with_the_old_schedule() {
    let mut world = world(&[(0, Connect(1, B1)), (5, ProducerId(1, 1))]);
    until(&mut world, 5);
    world.cut(C1, B1);
    until(&mut world, 100);
    world.heal();
    until(&mut world, 150);
    world.cut(C1, B1);
    until(&mut world, 700);
    world.heal();
    until(&mut world, 2_000);
    assert_eq!(log(&world, B1), ["1406ms InitProducerId? 1"]);
}

#[test]
fn what_is_stuck_dies_with_its_sender_and_the_goodbye_comes_after_the_heal() {
    let mut world = world(&[(0, Connect(1, B1)), (5, ProducerId(1, 1)), (9, ProducerId(1, 2))]);
    until(&mut world, 5);
    world.cut(C1, B1);
    until(&mut world, 9);
    world.kill(C1);
    assert_eq!(world.report().died.len(), 1, "the first was stuck, the second is under way");
    until(&mut world, 10);
    assert_eq!(world.counters().died, 2, "the second cannot arrive without the first");
    until(&mut world, 20);
    world.heal();
    until(&mut world, 300);
    assert_eq!(log(&world, B1), ["210ms hangup 1"]);
}

#[test]
fn a_hold_stops_one_kind_and_all_behind_it() {
    let mut world = world(&[
        (0, Connect(1, B1)),
        (0, Connect(2, B1)),
        (5, Metadata(1, 1)),
        (6, ProducerId(1, 2)),
        (6, ProducerId(2, 3)),
    ]);
    world.hold(ApiKey::Metadata, Direction::Request, C1, B1);
    until(&mut world, 20);
    assert_eq!(log(&world, B1), ["7ms InitProducerId? 3"], "another connection is not concerned");
    assert_eq!(world.stuck().len(), 2);
    assert!(world.release(ApiKey::Metadata, Direction::Request, C1, B1));
    until(&mut world, 30);
    assert_eq!(log(&world, B1)[1..], ["21ms Metadata? 1", "21ms InitProducerId? 2"]);
}

#[test]
fn a_lost_packet_is_repeated_later_and_later() {
    let delays: Vec<u64> = (1..=300)
        .filter_map(|seed| {
            let mut world = world(&[(0, Connect(1, B1)), (5 + seed, ProducerId(1, 1))]);
            until(&mut world, 4);
            world.drop(C1, B1, 300);
            until(&mut world, 30_000);
            let first = *log(&world, B1).first()?;
            let (at, what) = first.split_once("ms ")?;
            assert_eq!(what, "InitProducerId? 1");
            at.parse::<u64>().ok().map(|at| at - 6 - seed)
        })
        .collect();
    let of = |delay| delays.iter().filter(|one| **one == delay).count();
    assert!((180..240).contains(&of(0)), "70 % arrive at once: {}", of(0));
    assert!((45..90).contains(&of(200)) && of(600) > 5, "{delays:?}");
    // The last is the message that was lost six times, and yet counted as delivered at the break.
    let possible = [0, 200, 600, 1_400, 3_000, 6_200, 12_599];
    assert!(delays.iter().all(|delay| possible.contains(delay)), "{delays:?}");
}

#[test]
fn after_six_lost_tries_the_connection_breaks_for_both() {
    let mut world = world(&[(0, Connect(1, B1)), (5, ProducerId(1, 1)), (6, ProducerId(1, 2))]);
    until(&mut world, 4);
    world.drop(C1, B1, 1_000);
    until(&mut world, 5);
    world.drop(C1, B1, 0);
    until(&mut world, 20_000);
    assert_eq!(log(&world, C1), ["2ms connected 1", "12606ms hangup 1"]);
    let of_b1 = log(&world, B1);
    assert_eq!(of_b1.last(), Some(&"12606ms hangup 1"));
    assert_eq!(of_b1.len() as u64 - 1 + world.counters().died, 2, "each was applied or died");
}

#[test]
fn a_heal_rescues_what_was_being_repeated() {
    let mut world = world(&[(0, Connect(1, B1)), (5, ProducerId(1, 1))]);
    until(&mut world, 4);
    world.drop(C1, B1, 1_000);
    until(&mut world, 100);
    world.heal();
    until(&mut world, 20_000);
    assert_eq!(log(&world, B1), ["206ms InitProducerId? 1"]);
}

#[test]
fn at_a_break_a_coin_decides_how_much_had_arrived() {
    let mut arrived = [0; 4];
    for after in 0..200 {
        let at = 5 + after;
        let mut world = world(&[
            (0, Connect(1, B1)),
            (at, ProducerId(1, 1)),
            (at, ProducerId(1, 2)),
            (at, ProducerId(1, 3)),
        ]);
        until(&mut world, at);
        world.sever(B1, C1);
        until(&mut world, at + 50);
        let of_b1 = log(&world, B1);
        let (goodbye, before) = of_b1.split_last().expect("at least the goodbye");
        assert!(goodbye.ends_with("hangup 1"));
        let expected: Vec<String> =
            (1..=before.len()).map(|no| format!("{}ms InitProducerId? {no}", at + 1)).collect();
        assert_eq!(before, expected, "never one without those before it");
        assert_eq!(world.counters().died as usize, 3 - before.len());
        assert!(log(&world, C1).last().expect("the goodbye").ends_with("hangup 1"));
        arrived[before.len()] += 1;
    }
    assert!(
        arrived[0] > 70 && arrived[1] > 30 && arrived[2] > 10 && arrived[3] > 10,
        "{arrived:?}"
    );
}

#[test]
fn a_pause_makes_everything_late_but_keeps_its_order() {
    let b1 = [(7, Connect(1, B2)), (10, Close(1)), (30, Flush(1))];
    let mut world =
        world_of(&b1, &[(0, Connect(1, B1)), (5, ProducerId(1, 1)), (8, ProducerId(1, 2))]);
    until(&mut world, 4);
    assert!(world.pause(B1) && !world.pause(B1));
    until(&mut world, 20);
    assert_eq!(log(&world, B1), [] as [&str; 0]);
    let mut order = Vec::new();
    assert!(world.resume(B1));
    while world.peek().is_some_and(|(at, _)| at <= ms(20)) {
        order.push(world.step().map(|step| format!("{:?}", step.what)[..5].to_owned()));
    }
    let order: Vec<String> = order.into_iter().flatten().collect();
    assert_eq!(order, ["Deliv", "Alarm", "Deliv", "Alarm"], "due at 6, 7, 9 and 10");
    until(&mut world, 40);
    assert_eq!(log(&world, B1)[2..], ["31ms flushed 1"]);
}

#[test]
fn a_question_and_a_signal_come_through_the_door() {
    let mut world = world(&[]);
    world.inject(ms(5), C1, Input::Ask(Command::Send(3)));
    until(&mut world, 8);
    world.terminate(C1);
    until(&mut world, 9);
    assert_eq!(log(&world, C1), ["5ms ask 3"]);
    assert!(!world.is_up(C1));
}

#[test]
fn a_new_disk_is_blank_and_only_for_what_is_down() {
    let mut world = world(&[(1, Flush(1))]);
    until(&mut world, 5);
    assert!(!world.wipe(C1));
    world.kill(C1);
    assert!(world.wipe(C1));
    assert_eq!(world.disk(C1).expect("it is down").written, 0);
    world.start(C1, ms(9));
    until(&mut world, 9);
    assert_eq!(log(&world, C1), ["9ms boot"]);
    assert_eq!(world.incarnation(C1), Incarnation(1));
}

#[test]
fn a_panic_ends_the_run_with_its_place() {
    super::quiet_panics();
    let mut world = world(&[(5, Panic)]);
    until(&mut world, 10);
    let Some(Finding::Poisoned { node, at, input, message }) = world.finding() else {
        panic!("a finding is expected: {:?}", world.finding())
    };
    assert_eq!((*node, *at, *input), (C1, ms(5), world.inputs()));
    assert!(message.starts_with("as the script says at 5000 ("), "{message}");
    assert!(world.peek().is_none() && world.step().is_none());
}

#[test]
fn time_that_stands_still_is_a_finding() {
    let mut world = world(&[(5, Spin)]);
    until(&mut world, 5);
    assert_eq!(world.finding(), Some(&Finding::Livelock { node: C1, at: ms(5) }));
}

#[test]
fn a_skewed_clock_moves_dates_and_not_deadlines() {
    let mut world = world(&[]);
    world.skew(C1, -250);
    let slot = world.slot(C1);
    let clock = world.nodes[slot].clock(ms(1_000));
    assert_eq!((clock.now, clock.wall.0), (ms(1_000), 750));
}
