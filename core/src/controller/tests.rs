//! The control plane as a whole: a controller, fake brokers, one clock.

use crate::broker::lifecycle::LifecycleOutput;
use crate::config::TopicConfig;
use crate::engine::HaltReason;
use crate::epoch::{LeaderEpoch, Offset, PartitionEpoch};
use crate::error_code::ErrorCode;
use crate::event::{ControllerEvent, LifecycleState};
use crate::id::{NodeId, TopicId, TopicPartition};
use crate::metadata::{MetadataImage, MetadataRecord};
use crate::protocol::{
    AllocateProducerIdsRequest, AlterPartitionItem, CreateTopicsRequest, Response,
};
use crate::testing::{Bench, CONTROLLER};
use crate::time::{Duration, Instant};
use proptest::prelude::*;

const fn b(n: u16) -> NodeId {
    NodeId::broker(n)
}

const TP: TopicPartition = TopicPartition { topic: TopicId(0), partition: 0 };

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// When the first event that `is_it` knows happened, at or after `from`.
fn when(bench: &Bench, from: Instant, is_it: impl Fn(&ControllerEvent) -> bool) -> Instant {
    let events = bench.controller_events(from);
    events.iter().find(|(_, event)| is_it(event)).expect("it happened").0
}

fn is_fenced(n: u16) -> impl Fn(&ControllerEvent) -> bool {
    move |event| *event == ControllerEvent::BrokerFenced { broker: b(n) }
}

fn last_contact(bench: &Bench, n: u16) -> Instant {
    let epoch = bench.image().brokers[&b(n)].epoch;
    bench.controller().controller().heartbeats().last_contact(b(n), epoch).expect("it lives")
}

/// The image that the records below `end` of the controller's log add up to.
fn replayed(bench: &Bench, end: Offset) -> MetadataImage {
    let mut image = MetadataImage::default();
    for (_, record) in bench.controller().raft().log().records(Offset::ZERO, end) {
        image.replay(record);
    }
    image
}

#[test]
fn brokers_register_are_unfenced_and_see_the_same() {
    let mut bench = Bench::new(3);
    bench.run_for(millis(100));
    for n in 1..=3 {
        let broker = bench.broker(n);
        assert_eq!(broker.lifecycle.state(), LifecycleState::Running, "b{n}");
        let epoch = bench.image().brokers[&b(n)].epoch;
        let outputs = [
            LifecycleOutput::Registered(epoch),
            LifecycleOutput::CaughtUp,
            LifecycleOutput::Unfenced,
        ];
        assert_eq!(broker.outputs, outputs);
        assert_eq!(broker.image, *bench.image());
    }
    assert_eq!(bench.controller().controller().images().latest, *bench.image());
}

#[test]
fn an_answer_waits_until_its_records_are_committed() {
    let mut bench = Bench::new(1);
    bench.run_for(millis(2_100));
    let asked = bench.now;
    bench.create_topic(0, &[&[1]], TopicConfig::default());
    assert!(bench.now >= asked + millis(1 + 25 + 1), "link, linger, flush, link");
    assert!(bench.image().topics.contains_key(&TopicId(0)));
    // A refusal promises nothing and comes at once.
    let asked = bench.now;
    let again = CreateTopicsRequest {
        topic: TopicId(0),
        assignment: vec![vec![b(1)]],
        config: TopicConfig::default(),
    };
    let Response::CreateTopics(answer) = bench.ask(again) else { unreachable!() };
    assert_eq!((answer.error, bench.now), (ErrorCode::TopicAlreadyExists, asked + millis(2)));
}

#[test]
fn a_silent_broker_is_fenced_within_a_session_and_an_eighth() {
    let mut bench = Bench::with_topic(TopicConfig::default());
    assert_eq!((bench.partition().leader, bench.partition().isr.len()), (Some(b(1)), 3));
    bench.kill(b(1));
    let (killed, heard) = (bench.now, last_contact(&bench, 1));
    bench.run_for(millis(12_000));
    let fenced = when(&bench, killed, is_fenced(1));
    assert!(fenced > heard + millis(9_000), "{:?}", fenced.since(heard));
    // Sampling, then the linger and the flush of its records.
    assert!(fenced <= heard + millis(9_000 + 1_125 + 26), "{:?}", fenced.since(heard));
    let partition = bench.partition();
    assert_eq!((partition.leader, partition.leader_epoch), (Some(b(2)), LeaderEpoch(1)));
    assert_eq!((partition.isr.len(), partition.partition_epoch), (2, PartitionEpoch(1)));
    assert!(!partition.isr.contains(b(1)), "no fenced broker in an ISR (INV-21)");
    assert_eq!(bench.broker(2).image.partition(TP), Some(partition));
}

#[test]
fn brokers_that_die_together_are_fenced_one_at_a_time() {
    let mut bench = Bench::with_topic(TopicConfig::default());
    let died = bench.now;
    bench.kill(b(1));
    bench.kill(b(2));
    bench.run_for(millis(12_000));
    let leaders: Vec<_> = bench
        .controller_events(died)
        .into_iter()
        .filter_map(|(_, event)| match event {
            ControllerEvent::PartitionChanged { leader, .. } => Some(leader),
            ControllerEvent::Activated { .. }
            | ControllerEvent::BrokerRegistered { .. }
            | ControllerEvent::BrokerFenced { .. }
            | ControllerEvent::BrokerUnfenced { .. }
            | ControllerEvent::BrokerShuttingDown { .. }
            | ControllerEvent::TopicCreated { .. } => None,
        })
        .collect();
    // The first fencing does not know yet that b2 is dead too (T-2).
    assert_eq!(leaders, [Some(b(2)), Some(b(3))]);
    let gap = when(&bench, died, is_fenced(2)).since(when(&bench, died, is_fenced(1)));
    assert_eq!(gap, Duration::ZERO, "the second follows at once, in the same batch of the log");
}

#[test]
fn the_last_of_an_isr_is_remembered_and_leads_when_it_returns() {
    let mut bench = Bench::new(2);
    bench.run_for(millis(2_100));
    bench.create_topic(0, &[&[1]], TopicConfig::default());
    bench.kill(b(1));
    bench.run_for(millis(11_000));
    assert_eq!((bench.partition().leader, bench.partition().isr.contains(b(1))), (None, true));
    bench.start(b(1));
    bench.run_for(millis(3_000));
    assert_eq!(bench.partition().leader, Some(b(1)), "elected with its unfencing (C-35)");
    assert_eq!(bench.partition().leader_epoch, LeaderEpoch(2));
}

#[test]
fn unclean_election_takes_whoever_lives_only_if_the_topic_allows_it() {
    for allowed in [false, true] {
        let config =
            TopicConfig { unclean_leader_election_enable: allowed, ..TopicConfig::default() };
        let mut bench = Bench::with_topic(config);
        bench.kill(b(2));
        bench.kill(b(3));
        bench.run_for(millis(11_000));
        bench.start(b(2));
        bench.run_for(millis(3_000));
        assert_eq!(bench.partition().isr.iter().collect::<Vec<_>>(), [b(1)]);
        bench.kill(b(1));
        bench.run_for(millis(11_000));
        let partition = bench.partition();
        let expected = if allowed { (Some(b(2)), true) } else { (None, false) };
        assert_eq!((partition.leader, partition.is_recovering), expected);
        assert_eq!(partition.isr.iter().collect::<Vec<_>>(), [b(if allowed { 2 } else { 1 })]);
    }
}

#[test]
fn a_killed_broker_waits_for_its_old_session_before_it_may_register() {
    let mut bench = Bench::with_topic(TopicConfig::default());
    let old = bench.image().brokers[&b(1)];
    let heard = last_contact(&bench, 1);
    bench.kill(b(1));
    bench.start(b(1));
    bench.run_for(millis(13_000));
    let registered = when(
        &bench,
        heard,
        |event| matches!(event, ControllerEvent::BrokerRegistered { broker, .. } if *broker == b(1)),
    );
    assert!(registered > heard + millis(9_000), "DUPLICATE_BROKER_REGISTRATION until then (S-54)");
    let new = bench.image().brokers[&b(1)];
    assert!(new.epoch > old.epoch && new.incarnation > old.incarnation && !new.is_fenced);
    assert!(
        !bench.partition().isr.contains(b(1)),
        "back in the ISR only through its leader (R-40)"
    );
    assert_eq!(bench.partition().leader, Some(b(2)));
}

#[test]
fn a_new_incarnation_is_cleaned_up_before_it_is_registered() {
    let mut bench = Bench::with_topic(TopicConfig::default());
    // The session expires for the registration before the sampling fences it.
    let heard = last_contact(&bench, 1);
    bench.kill(b(1));
    let sampled = |bench: &Bench| bench.controller().controller().next_alarm();
    assert!(sampled(&bench) > bench.now);
    bench.run_for((heard + millis(9_001)).since(bench.now));
    bench.start(b(1));
    let end = bench.image().end_offset;
    bench.run_until(|bench| bench.image().brokers[&b(1)].registered_at >= end);
    let log = bench.controller().raft().log();
    let records: Vec<_> = log.records(end, bench.image().end_offset).map(|(_, r)| r).collect();
    let registered =
        records.iter().position(|r| matches!(r, MetadataRecord::RegisterBroker { .. }));
    let changed = records.iter().position(|r| matches!(r, MetadataRecord::PartitionChange { .. }));
    assert!(changed < registered && changed.is_some(), "{records:?}");
}

#[test]
fn a_stopping_broker_hands_over_at_once_and_goes_when_all_know() {
    let mut bench = Bench::with_topic(TopicConfig::default());
    let asked = bench.now;
    bench.terminate(b(1));
    bench.run_until(|bench| {
        bench.broker(3).image.partition(TP).and_then(|p| p.leader) != Some(b(1))
    });
    assert!(bench.now <= asked + millis(100), "{:?}", bench.now.since(asked));
    assert!(bench.image().brokers[&b(1)].in_controlled_shutdown);
    // Not before the others know: it has asked a second time by now, and is still there.
    bench.run_for((asked + millis(300)).since(bench.now));
    assert_eq!(bench.halted, []);
    // The others say what they know only with their next heartbeat, it asks again only with its own.
    bench.run_until(|bench| !bench.halted.is_empty());
    assert_eq!(bench.halted, [(b(1), HaltReason::ShutDown)]);
    let left = bench.now;
    assert!(left <= asked + millis(2_200), "about a heartbeat later: {:?}", left.since(asked));
    assert!(bench.image().brokers[&b(1)].is_fenced);
    // Its session was renewed by its last heartbeat and is valid still (KAFKA-19130).
    bench.start(b(1));
    bench.run_until(|bench| bench.broker(1).lifecycle.state() == LifecycleState::Running);
    let waited = bench.now.since(left);
    assert!(millis(8_900) <= waited && waited <= millis(11_100), "{waited:?}");
}

/// D-6: its session ended with its fencing, and a new controller gives it none.
#[test]
fn a_fenced_broker_registers_at_once_with_a_new_controller() {
    let mut bench = Bench::with_topic(TopicConfig::default());
    bench.kill(b(3));
    bench.run_until(|bench| bench.image().brokers[&b(3)].is_fenced);
    bench.kill(CONTROLLER);
    bench.start(CONTROLLER);
    bench.run_for(millis(500));
    assert!(bench.controller().controller().is_active());
    let started = bench.now;
    bench.start(b(3));
    bench.run_until(|bench| bench.broker(3).lifecycle.state() == LifecycleState::Running);
    assert!(bench.now <= started + millis(150), "{:?}", bench.now.since(started));
}

#[test]
fn a_stopping_broker_that_leads_nothing_goes_at_once() {
    let mut bench = Bench::with_topic(TopicConfig::default());
    let asked = bench.now;
    bench.terminate(b(3));
    bench.run_until(|bench| !bench.halted.is_empty());
    assert!(bench.now <= asked + millis(100), "{:?}", bench.now.since(asked));
    assert!(bench.image().brokers[&b(3)].is_fenced && !bench.partition().isr.contains(b(3)));
}

#[test]
fn a_restarted_controller_has_the_same_image_and_gives_fresh_sessions() {
    let mut bench = Bench::with_topic(TopicConfig::default());
    let before = bench.image().clone();
    let told = bench.controller_events(Instant::ZERO).len();
    bench.run_for(millis(5_000));
    bench.kill(b(1));
    bench.run_for(millis(1_000));
    bench.kill(CONTROLLER);
    bench.run_for(millis(1_000));
    bench.start(CONTROLLER);
    let restarted = bench.now;
    bench.run_for(millis(500));
    let image = bench.image();
    assert_eq!((&image.brokers, &image.topics), (&before.brokers, &before.topics));
    assert_eq!(bench.controller().raft().epoch().0, 2, "never the old epoch again (Q-25)");
    let events = bench.controller_events(Instant::ZERO);
    assert_eq!(events.len(), told + 1, "only its activation is news: {events:?}");
    bench.run_for(millis(11_000));
    let fenced = when(&bench, restarted, is_fenced(1));
    assert!(fenced > restarted + millis(9_000), "a fresh session, for it was not fenced");
    // The eighth check since the activation finds it over, not the ninth.
    assert!(fenced < restarted + millis(9_200), "{:?}", fenced.since(restarted));
    assert!(!bench.image().brokers[&b(2)].is_fenced, "the living found their way back");
    assert_eq!(bench.broker(2).image, bench.broker(3).image);
}

/// b1 stops, b2 leads, b1 returns and is taken into the ISR again; when the controller was activated.
fn b1_is_back_and_b2_leads(is_on: bool) -> (Bench, Instant) {
    let mut bench = Bench::with_topic(TopicConfig::default());
    bench.config.auto_leader_rebalance_enable = is_on;
    bench.kill(CONTROLLER);
    bench.start(CONTROLLER);
    bench.run_until(|bench| bench.controller().controller().is_active());
    let activated = bench.now;
    bench.run_for(millis(5_000));
    bench.terminate(b(1));
    bench.run_until(|bench| !bench.halted.is_empty());
    bench.start(b(1));
    bench.run_until(|bench| bench.broker(1).lifecycle.state() == LifecycleState::Running);
    let members = [1, 2, 3].map(|n| (b(n), Some(bench.image().brokers[&b(n)].epoch)));
    let item = AlterPartitionItem {
        tp: TP,
        leader_epoch: bench.partition().leader_epoch,
        partition_epoch: bench.partition().partition_epoch,
        new_isr: members.to_vec(),
    };
    bench.with_broker(2, |broker, now, fx| broker.propose(now, item, fx));
    bench.run_for(millis(100));
    assert_eq!((bench.partition().leader, bench.partition().isr.len()), (Some(b(2)), 3));
    (bench, activated)
}

/// D7: every leader.imbalance.check.interval.seconds, counted from the activation.
#[test]
fn a_leadership_returns_five_minutes_after_the_controller_became_active() {
    let (mut bench, activated) = b1_is_back_and_b2_leads(true);
    bench.run_for(millis(300_000) - bench.now.since(activated));
    assert_eq!(bench.partition().leader, Some(b(2)));
    bench.run_for(millis(100));
    assert_eq!(bench.partition().leader, Some(b(1)));
}

#[test]
fn without_auto_leader_rebalance_it_stays() {
    let (mut bench, _) = b1_is_back_and_b2_leads(false);
    bench.run_for(millis(400_000));
    assert_eq!(bench.partition().leader, Some(b(2)));
}

#[test]
fn a_broker_without_a_controller_gives_up_after_a_minute() {
    let mut bench = Bench::new(1);
    bench.kill(CONTROLLER);
    bench.run_for(millis(60_001));
    assert_eq!(bench.halted, [(b(1), HaltReason::RegistrationTimeout)]);
}

#[test]
fn a_proposal_is_answered_committed_and_learned_by_all() {
    let mut bench = Bench::with_topic(TopicConfig::default());
    let members = [1, 2].map(|n| (b(n), Some(bench.image().brokers[&b(n)].epoch)));
    let item = AlterPartitionItem {
        tp: TP,
        leader_epoch: LeaderEpoch::ZERO,
        partition_epoch: PartitionEpoch::ZERO,
        new_isr: members.to_vec(),
    };
    bench.with_broker(1, |broker, now, fx| broker.propose(now, item, fx));
    bench.run_for(millis(40));
    let [answer] = bench.broker(1).answers[..] else { panic!("one answer") };
    assert_eq!((answer.error, answer.partition_epoch), (ErrorCode::None, PartitionEpoch(1)));
    assert_eq!(answer.isr, bench.partition().isr);
    assert_eq!(bench.broker(3).image.partition(TP), Some(bench.partition()));
}

#[test]
fn producer_ids_come_in_blocks_that_never_overlap() {
    let mut bench = Bench::new(2);
    bench.run_for(millis(100));
    for expected in [0, 1000, 2000] {
        let broker_epoch = bench.image().brokers[&b(1)].epoch;
        let Response::AllocateProducerIds(block) =
            bench.ask(AllocateProducerIdsRequest { broker: b(1), broker_epoch })
        else {
            unreachable!()
        };
        assert_eq!((block.error, block.first, block.count), (ErrorCode::None, expected, 1000));
    }
}

/// What an idle cluster costs: a change here is a change of the traffic, for better or worse.
#[test]
fn an_idle_cluster_costs_few_inputs() {
    let mut bench = Bench::with_topic(TopicConfig::default());
    bench.inputs.clear();
    bench.run_for(millis(10_000));
    let inputs: Vec<(String, u64)> =
        bench.inputs.iter().map(|(node, n)| (node.to_string(), *n)).collect();
    let expected = [("b1", 30), ("b2", 30), ("b3", 30), ("k1", 144)];
    let expected = expected.map(|(node, n): (&str, u64)| (node.to_owned(), n));
    assert_eq!(inputs, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever dies and returns when: everybody who has applied the same offset has the same image
    /// (C-10), every log is a prefix of the committed one (INV-23), and the records keep their rules.
    #[test]
    fn every_image_is_what_the_committed_records_add_up_to(
        steps in proptest::collection::vec((0u16..6, 1u64..6_000), 1..12),
    ) {
        let mut bench = Bench::with_topic(TopicConfig::default());
        let mut is_up = [true; 4];
        let mut topics = 1;
        for (what, pause) in steps {
            match what {
                0..4 => {
                    let node = if what == 0 { CONTROLLER } else { b(what) };
                    if is_up[what as usize] {
                        bench.kill(node);
                    } else {
                        bench.start(node);
                    }
                    is_up[what as usize] ^= true;
                }
                4 if is_up[0] => {
                    let replicas = vec![vec![b(1), b(2)], vec![b(3), b(1)]];
                    let (topic, config) = (TopicId(topics), TopicConfig::default());
                    topics += 1;
                    bench.ask(CreateTopicsRequest { topic, assignment: replicas, config });
                }
                _ => bench.run_for(millis(pause)),
            }
            bench.run_for(millis(pause));
            if is_up[0] {
                check_images(&bench, is_up);
            }
        }
        for n in 0..4u16 {
            if !is_up[n as usize] {
                bench.start(if n == 0 { CONTROLLER } else { b(n) });
            }
        }
        bench.run_for(millis(30_000));
        check_images(&bench, [true; 4]);
        let image = bench.image();
        prop_assert!(image.brokers.values().all(|broker| !broker.is_fenced), "LIV-1");
        prop_assert!(image.partitions().all(|(_, p)| p.leader.is_some()), "LIV-3");
    }
}

fn check_images(bench: &Bench, is_up: [bool; 4]) {
    let committed = bench.image();
    assert_eq!(*committed, replayed(bench, committed.end_offset));
    for n in (1..=3).filter(|n| is_up[*n as usize]) {
        let image = &bench.broker(n).image;
        assert!(image.end_offset <= bench.controller().raft().log().log_end());
        assert_eq!(*image, replayed(bench, image.end_offset), "b{n}");
    }
    for (tp, partition) in committed.partitions() {
        assert!(!partition.isr.is_empty(), "{tp:?} (INV-20)");
        for member in partition.isr.iter() {
            let is_last = partition.isr.len() == 1 && partition.leader.is_none();
            assert!(committed.is_active(member) || is_last, "{tp:?} {member} (INV-21)");
        }
    }
}

#[test]
fn a_connection_is_served_one_request_at_a_time_and_in_order() {
    let mut bench = Bench::new(1);
    bench.run_for(millis(100));
    let create = |topic, broker| CreateTopicsRequest {
        topic: TopicId(topic),
        assignment: vec![vec![b(broker)]],
        config: TopicConfig::default(),
    };
    // The second would be refused at once, but must not overtake the first; the third then waits.
    let answers = bench.ask_together([create(0, 1), create(0, 1), create(1, 1)]);
    let errors: Vec<ErrorCode> = answers
        .into_iter()
        .map(|answer| {
            let Response::CreateTopics(answer) = answer else { unreachable!("{answer:?}") };
            answer.error
        })
        .collect();
    assert_eq!(errors, [ErrorCode::None, ErrorCode::TopicAlreadyExists, ErrorCode::None]);
}

#[test]
fn a_loss_of_power_takes_nothing_that_was_committed() {
    for cut_after in 0..40 {
        let mut bench = Bench::with_topic(TopicConfig::default());
        let broker_epoch = bench.image().brokers[&b(1)].epoch;
        bench.tell(AllocateProducerIdsRequest { broker: b(1), broker_epoch });
        bench.run_for(millis(cut_after));
        let committed = bench.image().clone();
        bench.kill(CONTROLLER);
        bench.lose_power(CONTROLLER, cut_after);
        bench.start(CONTROLLER);
        bench.run_for(millis(1_000));
        assert!(bench.image().end_offset > committed.end_offset);
        assert_eq!(replayed(&bench, committed.end_offset), committed);
        assert_eq!(bench.broker(1).image, *bench.image(), "nobody keeps what is gone");
    }
}
