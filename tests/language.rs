//! What sentences mean while a cluster runs: each word of the language that needs a run to be seen.

use kafkalab_sim::host::{self, Host};
use kafkalab_sim::lab::Lab;
use kafkalab_sim::scenario::plan::Plan;
use kafkalab_sim::scenario::{LoadOptions, load, to_toml};
use kafkalab_sim::story::Told;
use kafkalab_sim::verdict::{Status, Verdict};
use std::sync::Arc;

const WORLD: &str = r#"
format = 1
id = "words"
title = "Words"
limit = "120s"
[cluster]
brokers = 3
[topic.orders]
partitions = 3
replicas = 3
"min.insync.replicas" = 2
[producer.p1]
topic = "orders"
records = 200
every = "10ms"
keys = 50
[producer.p2]
topic = "orders"
records = 100
every = "20ms"
keys = 50
[consumer.c1]
assign = ["orders"]
"auto.offset.reset" = "earliest"
"#;

fn plan(story: &str, options: &LoadOptions) -> Plan {
    let text = format!("{WORLD}{story}");
    let loaded = load("words", text.as_bytes(), options);
    loaded.unwrap_or_else(|mistakes| panic!("{mistakes:#?}")).scenario.variants.remove(0).plan
}

/// Runs `plan` and the file that is written of it: the two are the same run.
fn run(plan: Plan) -> Lab {
    let written = to_toml(&plan, "words", "Words");
    let again = load("written", written.as_bytes(), &LoadOptions::default());
    let again = again.unwrap_or_else(|mistakes| panic!("{written}\n{mistakes:#?}"));
    let lab =
        |plan| std::thread::spawn(move || host::run(Lab::new(Arc::new(plan)), Host::Plain)).join();
    let lab_of_file = lab(again.scenario.variants[0].plan.clone()).expect("a run does not panic");
    let lab = lab(plan).expect("a run does not panic");
    assert_eq!(lab.world().trace(), lab_of_file.world().trace());
    assert_eq!(lab.story().told(), lab_of_file.story().told());
    lab
}

#[track_caller]
fn expect(story: &str, status: Status) -> Lab {
    let lab = run(plan(story, &LoadOptions::default()));
    let verdict = Verdict::on(&lab);
    let promises = verdict.promises.iter().map(|p| (&p.text, p.is_kept, &p.what, &p.value));
    let shown = format!("{:?} {:#?}", verdict.reason, promises.collect::<Vec<_>>());
    assert_eq!(verdict.status, status, "{story}\n{shown}");
    lab
}

/// When the steps fired, in microseconds of internal time.
fn fired(lab: &Lab) -> Vec<u64> {
    lab.story().fired().iter().map(|at| at.as_micros()).collect()
}

#[test]
fn a_clean_roll_restarts_every_broker_in_turn_and_loses_nothing() {
    let story = r#"
[[step]]
id = "roll"
at = "200ms"
do = "roll *"
[[expect]]
never = ["offline(orders-*)", "size(isr(orders-*)) < 2", "lost({p1, p2}) > 0"]
finally = ["size(isr(orders-*)) == 3", "acked == 300", "acked(*) == 300", "delivered(c1) == 300"]
"#;
    let lab = expect(story, Status::Pass);
    let told: Vec<Told> = lab.story().told().iter().map(|(_, told)| *told).collect();
    let b = kafkalab_core::id::NodeId::broker;
    let stops = |n| Told::RollStops(b(n));
    let starts = |n| Told::RollStarts(b(n));
    let turns = [stops(1), starts(1), stops(2), starts(2), stops(3), starts(3)];
    assert_eq!(told[1..], turns, "one after another");
}

#[test]
fn a_roll_with_a_pace_does_not_wait() {
    let lab = expect("[[step]]\nat = \"200ms\"\ndo = \"roll {b1, b2} every 3s\"\n", Status::Pass);
    let stops = lab.story().told().iter().filter(|(_, told)| matches!(told, Told::RollStops(_)));
    let at: Vec<u64> = stops.map(|(at, _)| at.as_micros()).collect();
    assert_eq!(at, [10_200_000, 13_200_000]);
}

#[test]
fn since_a_step_is_exact_and_undefined_before_it() {
    let story = r#"
[[step]]
id = "crash"
at = "3s"
do = "kill b3"
[[step]]
when = "since(crash) >= 7s"
[[step]]
when = "since(crash) > 7s"
[[step]]
after = "1s"
do = "start b3"
[[inject]]
when = "since(crash) > 40s"
do = "pause p1 for 1s"
[[expect]]
never = ["since(crash) < 0s or since(crash) > 60s"]
eventually = ["since(crash) > 9s and up(b3)"]
"#;
    // `since(crash) < 0s` can never hold, and says so.
    let text = format!("{WORLD}{story}");
    assert!(load("words", text.as_bytes(), &LoadOptions::default()).is_err());
    let lab = expect(&story.replace("since(crash) < 0s or ", ""), Status::Pass);
    assert_eq!(fired(&lab), [13_000_000, 20_000_000, 20_000_001, 21_000_001]);
    let injected = lab.story().told().iter().find(|(_, told)| *told == Told::Inject(0));
    assert_eq!(injected.map(|(at, _)| at.as_micros()), Some(53_000_001), "a run waits for it");
}

#[test]
fn error_codes_are_counted_at_the_client_and_at_the_broker() {
    let story = r#"
[[step]]
at = "100ms"
do = "kill {b2, b3}"
[[step]]
when = "errors(p1, NOT_ENOUGH_REPLICAS) >= 3"
within = "60s"
do = "start {b2, b3}"
[[expect]]
eventually = ["errors(*, NOT_ENOUGH_REPLICAS) >= 3", "errors({p1, p2}, NOT_ENOUGH_REPLICAS) >= 4"]
finally = ["errors(p1, OFFSET_OUT_OF_RANGE) == 0"]
"#;
    expect(story, Status::Pass);
}

#[test]
fn a_view_is_that_of_the_broker_or_client_asked() {
    let story = r#"
[[step]]
id = "cut"
at = "100ms"
do = "cut b1 <-> {k1, b2, b3}"
[[step]]
when = "leader(orders-0) == b2"
[[step]]
after = "100ms"
[[expect]]
eventually = [
  "leader(orders-0) == b2 and leader(orders-0@b1) == b1 and epoch(orders-0@b1) == 0",
  "leader(orders-0@b2) == b2 and leader(orders-0@p1) == b1",
  "isr(orders-0@b1) == {b1, b2, b3} and isr(orders-0) == {b2, b3}",
  "position(c1, orders-0) >= 1",
]
"#;
    let plan = plan(
        &format!("{story}[[step]]\nafter = \"20s\"\ndo = \"heal\"\n"),
        &LoadOptions::default(),
    );
    let verdict = Verdict::on(&run(plan));
    for promise in &verdict.promises {
        assert!(promise.is_kept, "{}: {} is {}", promise.text, promise.what, promise.value);
    }
}

#[test]
fn a_client_may_be_started_by_the_story_or_by_its_clock() {
    let story = r#"
[consumer.c2]
assign = ["orders"]
start = "story"
"auto.offset.reset" = "earliest"
[consumer.c3]
assign = ["orders"]
start = "30s"
"auto.offset.reset" = "earliest"
[[step]]
when = "acked == 300"
do = "start c2"
[[expect]]
always = ["up(c2) or delivered(c2) == 0"]
eventually = ["not up(c2) and acked == 300"]
finally = [
  "position(c2, orders-*) == hw(orders-*)",
  "position(c3, orders-*) == hw(orders-*)",
  "up({c1, c2, c3})",
]
"#;
    expect(story, Status::Pass);
}

#[test]
fn what_is_said_of_a_set_is_said_of_each_member() {
    let kill = "[[step]]\nat = \"5s\"\ndo = [\"kill {b1, b2}\"]\n[[step]]\nafter = \"30s\"\ndo = \"start {b1, b2}\"\n";
    let with = |promise: &str| format!("{kill}[[expect]]\n{promise}\n");
    // Of three partitions some lose a member of their ISR and none all of them.
    expect(&with("never = [\"size(isr(orders-*)) < 2\"]"), Status::Fail);
    expect(&with("always = [\"size(isr(orders-*)) == 3\"]"), Status::Fail);
    expect(&with("always = [\"not leader(orders-*) == b3\"]"), Status::Fail);
    expect(&with("eventually = [\"leader(orders-*) == b3\"]"), Status::Pass);
    expect(&with("finally = [\"hw(orders-*) == leo(orders-*)\"]"), Status::Pass);
}

#[test]
fn a_promise_says_which_member_broke_it_and_that_a_value_is_undefined() {
    let story = "[[step]]\nat = \"5s\"\ndo = \"kill {b1, b2, b3}\"\n[[expect]]\nfinally = [\"hw(orders-*) >= 0\"]\nnever = [\"not up({b1, b2})\"]\n";
    let verdict = Verdict::on(&run(plan(story, &LoadOptions::default())));
    let said = |n: usize| format!("{} is {}", verdict.promises[n].what, verdict.promises[n].value);
    let all = [said(0), said(1)];
    assert!(all.contains(&"hw(orders-0) is undefined".to_owned()), "{all:?}");
    assert!(all.contains(&"up(b1) is false".to_owned()), "{all:?}");
}

/// A zombie moves its own watermark after an allowed unclean election, so that INV-7 does not hold.
const ZOMBIE: &str = r#"
format = 1
id = "zombie"
title = "A zombie after an unclean election"
limit = "25s"
ends = "limit"
[cluster]
brokers = 2
[topic.t]
replicas = 2
"unclean.leader.election.enable" = true
[producer.p1]
topic = "t"
records = 0
acks = "1"
[producer.p2]
"request.timeout.ms" = 500
topic = "t"
records = 0
acks = "1"
[[step]]
at = "1s"
do = ["kill b2", "cut p2 <-> b1"]
[[step]]
when = "size(isr(t-0)) == 1"
[[step]]
after = "500ms"
do = ["cut b1 <-> k1", "start b2"]
[[step]]
when = "leader(t-0@b2) == b2"
do = ["send p1 3", "send p2 2"]
"#;

#[test]
fn asking_for_an_invariant_judges_it_harder_and_only_demanding_a_violation_excuses_it() {
    let verdict = |promise: &str, expects: &[&str]| {
        let text = format!("{ZOMBIE}[[expect]]\n{promise}\n");
        let options = LoadOptions {
            expects: expects.iter().map(|text| (*text).to_owned()).collect(),
            ..LoadOptions::default()
        };
        let loaded = load("zombie", text.as_bytes(), &options).expect("a good scenario");
        Verdict::on(&run(loaded.scenario.variants[0].plan.clone()))
    };
    for promise in
        ["always = [\"INV-7\"]", "finally = [\"INV-7\"]", "never = [\"violated(INV-7)\"]"]
    {
        let verdict = verdict(promise, &[]);
        assert_eq!(verdict.status, Status::Fail, "{promise}");
        assert!(!verdict.promises[0].is_kept, "{promise}");
        assert!(verdict.broken.iter().all(|broken| !broken.is_excused), "{promise}");
    }
    for promise in ["finally = [\"violated(INV-7)\"]", "eventually = [\"violated(INV-7)\"]"] {
        let verdict = verdict(promise, &[]);
        assert_eq!(verdict.status, Status::Pass, "{promise}");
        let inv7 = verdict.broken.iter().find(|broken| broken.property == "INV-7");
        assert!(inv7.is_some_and(|broken| broken.is_excused), "{promise}");
    }
    let dropped = verdict("finally = [\"violated(INV-7)\"]", &["up(b1)"]);
    assert!(dropped.broken.iter().all(|broken| !broken.is_excused), "its excuse goes with it");
}

#[test]
fn only_what_is_checked_can_be_asked_for() {
    use kafkalab_sim::{check::INVARIANTS, scenario::vocabulary::CHECKED};
    let checked: Vec<&str> = INVARIANTS.iter().map(|(name, _)| *name).collect();
    assert_eq!(checked, CHECKED);
}
