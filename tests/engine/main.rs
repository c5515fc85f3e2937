//! The world and its two hosts: equal runs under chaos, from a clone, and with a fault added.

mod chaos;
mod chatter;

use chaos::{Action, Chaos, action, calm};
use kafkalab_core::chance::Draws;
use kafkalab_core::id::{InputNo, NodeId};
use kafkalab_core::time::{Duration, Instant};
use kafkalab_sim::host::{Host, Stage, Turn, run};
use kafkalab_sim::world::{Finding, Step, TraceHash};

/// The oracle of the whole engine: a thousand runs full of triggered faults, the same on a plain
/// loop and under madsim's random scheduling.
#[test]
fn both_hosts_give_the_same_run() {
    let mut inputs = 0;
    for seed in 0..1_000 {
        let plain = run(Chaos::new(seed), Host::Plain).world;
        let madsim = run(Chaos::new(seed), Host::Madsim).world;
        assert_eq!(plain.finding(), None, "seed {seed}");
        assert_eq!(plain.trace(), madsim.trace(), "seed {seed}");
        assert_eq!(plain.counters(), madsim.counters(), "seed {seed}");
        inputs += plain.counters().inputs;
    }
    assert!(inputs > 1_000_000, "{inputs} inputs are too quiet a chaos");
}

/// The same in every process, build profile and release: a change here changes every saved seed.
#[test]
fn a_seed_means_the_same_for_ever() {
    let lines: Vec<String> = (0..6)
        .map(|seed| {
            let world = run(Chaos::new(seed), Host::Plain).world;
            let counters = world.counters();
            let (inputs, died) = (counters.inputs, counters.died);
            format!("seed {seed}: {} inputs={inputs} died={died}", world.trace())
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_clone_goes_on_as_its_original_would_have() {
    for seed in 0..100 {
        let whole = run(Chaos::new(seed), Host::Plain).world;
        let mut half = Chaos::new(seed);
        while half.world.inputs() < InputNo(whole.inputs().0 / 2) {
            half.take();
        }
        let host = if seed % 2 == 0 { Host::Plain } else { Host::Madsim };
        assert_eq!(run(half.clone(), host).world.trace(), whole.trace(), "seed {seed}");
        assert_eq!(run(half, Host::Plain).world.trace(), whole.trace(), "seed {seed}");
    }
}

#[test]
fn looking_ahead_twice_changes_nothing() {
    for seed in 0..50 {
        let mut stage = Chaos::new(seed);
        while stage.peek() != Turn::Done {
            assert_eq!(stage.peek(), stage.peek());
            stage.take();
        }
        let plain = run(Chaos::new(seed), Host::Plain).world;
        assert_eq!(stage.world.trace(), plain.trace(), "seed {seed}");
    }
}

/// Forks, comparisons and shrinking rest on this.
#[test]
fn a_fault_more_leaves_everything_before_it_as_it_was() {
    let mut differing = 0;
    for seed in 0..200 {
        let mut draws = Draws::new(seed, "one more", 0);
        let at = Instant::from_micros(draws.below(Instant::ZERO, 12_000_000));
        let nodes: Vec<NodeId> = calm(seed, 2).nodes().collect();
        let added = action(&mut draws, &nodes);
        let before = run(Chaos::new(seed).recording(), Host::Plain);
        let after = run(Chaos::new(seed).recording().with(at, added), Host::Plain);
        let early = |stage: &Chaos| -> Vec<(Step, TraceHash)> {
            let steps = stage.steps.as_ref().expect("both were recorded");
            steps.iter().take_while(|(step, _)| step.at < at).copied().collect()
        };
        assert!(early(&before) == early(&after), "seed {seed}: {added:?} at {at:?}");
        differing += u32::from(before.world.trace() != after.world.trace());
    }
    assert!(differing > 120, "most additions make a difference: {differing}");
}

/// Draws and order belong to links and nodes: who is not concerned by a fault does not notice it.
#[test]
fn a_fault_changes_nothing_but_its_consequences() {
    let strangers = [NodeId::broker(3), NodeId::client(2)];
    let of_strangers = |kill: Option<Action>| {
        let mut stage = Chaos::apart(5);
        if let Some(action) = kill {
            stage = stage.with(Instant::ZERO + Duration::from_secs(2), action);
        }
        let stage = run(stage.recording(), Host::Plain);
        let steps = stage.steps.expect("it was recorded").into_iter();
        let theirs = steps.map(|(step, _)| step).filter(|step| strangers.contains(&step.node));
        // Input numbers count the whole run; causes are input numbers.
        theirs.map(|step| Step { no: InputNo(0), cause: None, ..step }).collect::<Vec<Step>>()
    };
    let undisturbed = of_strangers(None);
    assert!(undisturbed.len() > 1_000);
    for action in [
        Action::Kill(NodeId::broker(1)),
        Action::Pause(NodeId::client(1)),
        Action::Drop(NodeId::client(1), NodeId::broker(1), 500),
        Action::Sever(NodeId::client(1), NodeId::broker(1)),
    ] {
        assert_eq!(of_strangers(Some(action)), undisturbed, "{action:?}");
    }
}

#[test]
fn a_stop_flag_ends_a_run_early_on_both_hosts() {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    for host in [Host::Plain, Host::Madsim] {
        let stop = Arc::new(AtomicBool::new(true));
        let stopped = kafkalab_sim::host::run_until(Chaos::new(1), host, &stop).world;
        assert!(stopped.inputs() < InputNo(100), "{host:?}");
    }
}

/// A panic of a process is a finding with its place, on both hosts the same.
#[test]
fn a_panic_has_the_same_place_on_both_hosts() {
    let poisoned = [Host::Plain, Host::Madsim].map(|host| {
        let action = Action::Poison(NodeId::broker(2));
        let stage = Chaos::apart(3).with(Instant::from_micros(700_000), action);
        run(stage, host).world
    });
    let [plain, madsim] = &poisoned;
    assert!(matches!(plain.finding(), Some(Finding::Poisoned { .. })), "{:?}", plain.finding());
    assert_eq!(plain.finding(), madsim.finding());
    assert_eq!(plain.trace(), madsim.trace());
}
