//! No value that is taken ends in a panic, a livelock or a hang: each modelled key at 0, 1, -1, its
//! smallest and its largest value, and each configuration of `oracle/refusals.jsonl` that Kafka takes
//! and that sets one of them, run in a small cluster whose leader dies and comes back.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kafkalab_core::config::catalog::{Here, Key, Kind, Scope, Valid};
use kafkalab_sim::host::Host;
use kafkalab_sim::lab::End;
use kafkalab_sim::run::{How, run};
use kafkalab_sim::scenario::{LoadOptions, load};
use kafkalab_sim::verdict::{Status, Verdict};
use serde_json::{Value, json};

/// More than the slowest of them takes on a slow machine.
const LONGEST: Duration = Duration::from_mins(1);

/// The values at which a key is tried: 0, 1, -1, and the ends of its range.
fn values(key: &Key) -> BTreeSet<String> {
    let mut values: BTreeSet<String> = ["0", "1", "-1"].map(str::to_owned).into();
    match key.valid {
        Valid::AtLeast(least) => {
            values.insert(least.to_string());
        }
        Valid::Between(least, most) => {
            values.extend([least.to_string(), most.to_string()]);
        }
        Valid::OneOf(all) | Valid::OneOfOrDuration(all) => {
            values.extend(all.iter().map(|&one| one.to_owned()));
        }
        _ => {}
    }
    match key.kind {
        Kind::Short | Kind::Int => values.extend([i32::MIN.to_string(), i32::MAX.to_string()]),
        Kind::Long => values.extend([i64::MIN.to_string(), i64::MAX.to_string()]),
        Kind::Boolean => values.extend(["true", "false"].map(str::to_owned)),
        Kind::Double | Kind::Text | Kind::List | Kind::Class | Kind::Password => {}
    }
    values
}

type Lines<'a> = &'a [(&'a str, &'a str)];

/// A small cluster whose leader dies and comes back, with some lines in the table of `scope`.
fn scenario(scope: Scope, lines: Lines<'_>) -> String {
    let of = |wanted: Scope| {
        let mut text = String::new();
        for (key, value) in lines.iter().filter(|_| scope == wanted) {
            writeln!(text, "{} = {}", json!(key), json!(value)).expect("a text grows");
        }
        text
    };
    // A topic takes its number of replicas and partitions from the brokers' lines, where there are any.
    let has = |name: &str| lines.iter().any(|(key, _)| *key == name);
    let replicas = if has("default.replication.factor") { "" } else { "replicas = 3\n" };
    format!(
        "format = 1\nid = \"grid\"\ntitle = \"grid\"\nlimit = \"20s\"\n\
         [cluster]\nbrokers = 3\n{}[topic.orders]\n{replicas}{}\
         [producer.p1]\ntopic = \"orders\"\nrecords = 20\nevery = \"50ms\"\n{}\
         [consumer.c1]\nassign = [\"orders\"]\n{}\
         [[step]]\nat = \"400ms\"\ndo = \"kill b1\"\n\
         [[step]]\nat = \"3s\"\ndo = \"start b1\"\n",
        of(Scope::Broker),
        of(Scope::Topic),
        of(Scope::Producer),
        of(Scope::Consumer),
    )
}

/// How often a configuration was refused, run to quiet, and run to the limit or not even begun.
#[derive(Debug, Default)]
struct Count {
    refused: usize,
    quiet: usize,
    limit: usize,
}

/// Runs a configuration if it is taken; says what went wrong.
fn attempt(scope: Scope, lines: Lines<'_>, count: &mut Count) -> Option<String> {
    let text = scenario(scope, lines);
    let Ok(loaded) = load("grid", text.as_bytes(), &LoadOptions::default()) else {
        count.refused += 1;
        return None;
    };
    let plan = Arc::new(loaded.scenario.variants[0].plan.clone());
    let began = Instant::now();
    let how = How { host: Host::Plain, is_recorded: false };
    let ended = match run(&plan, how, &Arc::default()) {
        Err(crash) => Err(crash.to_string()),
        Ok(lab) => match lab.end() {
            Some(End::Quiet) => {
                count.quiet += 1;
                Ok(())
            }
            // A cluster that cannot work as configured says so.
            Some(End::Limit(_) | End::ColdStart(_)) => {
                count.limit += 1;
                Ok(())
            }
            other => Err(format!("{other:?}").chars().take(300).collect()),
        },
    };
    let took = began.elapsed();
    match ended {
        Err(wrong) => Some(format!("{scope:?} {lines:?}: {wrong}")),
        Ok(()) if took > LONGEST => Some(format!("{scope:?} {lines:?}: took {took:?}")),
        Ok(()) => None,
    }
}

#[test]
fn every_modelled_key_at_its_ends_is_refused_or_runs() {
    let (mut wrong, mut count) = (Vec::new(), Count::default());
    for scope in [Scope::Broker, Scope::Topic, Scope::Producer, Scope::Consumer] {
        for key in scope.keys().filter(|key| key.here == Here::Modelled) {
            for value in values(key) {
                wrong.extend(attempt(scope, &[(key.name, &value)], &mut count));
            }
        }
    }
    println!("{count:?}");
    assert!(count.refused > 50 && count.quiet > 50, "{count:?}");
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

/// What changes nothing here is judged all the same, as the rules of core have it.
#[test]
fn every_other_key_at_its_ends_is_taken_or_refused() {
    let (mut taken, mut refused) = (0, 0);
    for scope in [Scope::Broker, Scope::Topic, Scope::Producer, Scope::Consumer] {
        for key in scope.keys().filter(|key| key.here != Here::Modelled) {
            for value in values(key) {
                let text = scenario(scope, &[(key.name, &value)]);
                let is_taken = load("grid", text.as_bytes(), &LoadOptions::default()).is_ok();
                *(if is_taken { &mut taken } else { &mut refused }) += 1;
                let is_good = key.parse(&value).is_ok();
                assert!(is_good || !is_taken, "{scope:?}: {} = {value}", key.name);
            }
        }
    }
    println!("{taken} taken, {refused} refused");
    assert!(taken > 500 && refused > 500, "{taken} taken, {refused} refused");
}

#[test]
fn every_recorded_configuration_that_kafka_takes_is_refused_or_runs() {
    let (mut wrong, mut count) = (Vec::new(), Count::default());
    for line in include_str!("../oracle/refusals.jsonl").lines() {
        let record: Value = serde_json::from_str(line).expect("a line of JSON");
        let scope = match record["scope"].as_str() {
            Some("broker") => Scope::Broker,
            Some("topic") => Scope::Topic,
            Some("producer") => Scope::Producer,
            Some("consumer") => Scope::Consumer,
            _ => continue,
        };
        let props = record["props"].as_object().expect("properties");
        let lines: Vec<(&str, &str)> = props
            .iter()
            .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
            .filter(|(key, value)| !key.starts_with('@') && *value != "<unset>")
            .collect();
        let is_modelled =
            |(key, _): &(&str, &str)| scope.key(key).is_some_and(|key| key.here == Here::Modelled);
        if record["ok"] == json!(true) && lines.iter().any(is_modelled) {
            wrong.extend(attempt(scope, &lines, &mut count));
        }
    }
    println!("{count:?}");
    assert!(count.quiet > 100, "{count:?}");
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

/// A batch that memory can never hold is refused when `send` is called, and does not wait for ever.
#[test]
fn a_batch_larger_than_the_memory_fails_at_once() {
    let lines = [("batch.size", "1048576"), ("buffer.memory", "1048575")];
    let text = scenario(Scope::Producer, &lines);
    let text = format!(
        "{text}[[expect]]\nfinally = [\"failed == 20\", \"errors(p1, MESSAGE_TOO_LARGE) == 20\"]\n"
    );
    let loaded = load("grid", text.as_bytes(), &LoadOptions::default()).expect("Kafka takes it");
    let plan = Arc::new(loaded.scenario.variants[0].plan.clone());
    let how = How { host: Host::Plain, is_recorded: false };
    let lab = run(&plan, how, &Arc::default()).expect("no crash");
    assert_eq!(lab.end(), Some(&End::Quiet));
    let verdict = Verdict::on(&lab);
    assert_eq!(verdict.status, Status::Pass, "{:#?}", verdict.promises);
}
