//! Properties files as they are: those that Kafka ships, those that people write, and their mistakes.

use std::sync::Arc;

use kafkalab_core::config::Acks;
use kafkalab_core::time::Duration;
use kafkalab_sim::scenario::plan::{ClientKind, Plan, ProducerPlan};
use kafkalab_sim::scenario::{Companion, Diagnostic, LoadOptions, Loaded, load, load_with};
use kafkalab_tui::cli::diagnostic::render;
use kafkalab_tui::cli::exit::Exit;

use crate::transcript::kafkalab;

/// Loads a scenario beside which lie these files.
fn with(files: &[(&str, &str)], text: &str) -> Result<Loaded, Vec<Diagnostic>> {
    let open = |path: &str| {
        let found = files.iter().find(|(name, _)| *name == path);
        let (name, text) = found.ok_or("there is no such file")?;
        Ok(Companion { name: format!("conf/{name}"), bytes: text.as_bytes().to_vec() })
    };
    load_with("conf/x.toml", text.as_bytes(), &LoadOptions::default(), &open)
}

/// A small world with these lines in its tables.
fn world(cluster: &str, topic: &str, producer: &str, consumer: &str) -> String {
    format!(
        "format = 1\nid = \"x\"\ntitle = \"x\"\n\n[cluster]\nbrokers = 3\n{cluster}\n\n\
         [topic.orders]\n{topic}\n\n[producer.p1]\ntopic = \"orders\"\nrecords = 1\n{producer}\n\n\
         [consumer.c1]\nassign = [\"orders\"]\n{consumer}\n"
    )
}

fn plan(loaded: Result<Loaded, Vec<Diagnostic>>) -> Plan {
    let loaded = loaded.unwrap_or_else(|mistakes| panic!("{}", shown(&mistakes)));
    assert_eq!(loaded.warnings, [], "{}", shown(&loaded.warnings));
    loaded.scenario.variants[0].plan.clone()
}

fn producer(plan: &Plan) -> &ProducerPlan {
    let of = plan.clients.iter().find_map(|client| match &client.kind {
        ClientKind::Producer(producer) => Some(producer),
        ClientKind::Consumer(_) => None,
    });
    of.expect("there is one")
}

fn shown(found: &[Diagnostic]) -> String {
    let all: Vec<String> = found.iter().map(|one| render(one, 100, false)).collect();
    all.join("\n\n")
}

fn mistakes(files: &[(&str, &str)], text: &str) -> String {
    match with(files, text) {
        Ok(loaded) => format!("loaded\n{}", shown(&loaded.warnings)),
        Err(mistakes) => shown(&mistakes),
    }
}

#[test]
fn the_files_that_kafka_ships_are_read_as_they_are() {
    let file = "settings/stock/stock.toml";
    insta::assert_snapshot!("stock-check", kafkalab(&["check", file]).whole());
    let verbose = kafkalab(&["check", file, "-v"]);
    let about = verbose.out.split("\nWhat differs").next().expect("it comes first");
    insta::assert_snapshot!("stock-verbose", about);
    let korean = kafkalab(&["check", file, "-v", "--lang", "ko"]).out;
    assert!(korean.contains("시뮬레이션하지 않으므로"), "{korean}");
    assert_eq!(kafkalab(&["run", file, "-q"]).exit, Exit::Pass);
    assert_eq!(kafkalab(&["check", file, "--strict"]).exit, Exit::Usage);
    assert_eq!(kafkalab(&["run", file, "--strict"]).exit, Exit::Usage);
}

#[test]
fn the_configuration_of_an_operator_gives_topics_their_defaults() {
    let file = "settings/stock/strimzi.toml";
    insta::assert_snapshot!("strimzi-check", kafkalab(&["check", file]).whole());
    let run = kafkalab(&["run", file, "-q"]);
    assert_eq!(run.exit, Exit::Pass, "{}", run.whole());
    let properties = include_str!("stock/strimzi.properties");
    let open = |_: &str| {
        let bytes = properties.as_bytes().to_vec();
        Ok(Companion { name: "strimzi.properties".to_owned(), bytes })
    };
    let text = include_bytes!("stock/strimzi.toml");
    let loaded = load_with("strimzi.toml", text, &LoadOptions::default(), &open);
    let plan = loaded.expect("a good scenario").scenario.variants[0].plan.clone();
    let [orders, audit] = plan.topics.as_slice() else { panic!("two topics") };
    assert_eq!((orders.partitions, orders.replicas), (2, 3));
    assert_eq!(orders.config.min_insync_replicas, 2);
    assert_eq!(orders.config.max_message_bytes, 2_097_152);
    assert_eq!((audit.partitions, audit.replicas), (1, 1), "a topic's own lines win");
    assert_eq!(audit.config.min_insync_replicas, 1);
    assert_eq!(audit.config.max_message_bytes, 2_097_152);
}

#[test]
fn a_misspelt_key_is_found_with_its_line_and_the_nearest_name() {
    let server = include_str!("stock/server.properties").replace("num.partitions", "num.partition");
    let producer = include_str!("stock/producer.properties").replace("#linger.ms=", "lingr.ms = 5");
    let consumer = include_str!("stock/consumer.properties")
        .replace("#auto.offset.reset=", "auto.ofset.reset=none");
    let files = [
        ("server.properties", server.as_str()),
        ("producer.properties", &producer),
        ("consumer.properties", &consumer),
    ];
    let text = include_str!("stock/stock.toml");
    insta::assert_snapshot!("misspelt", mistakes(&files, text));
}

#[test]
fn what_is_wrong_in_a_file_is_shown_in_that_file() {
    let files = [
        ("server.properties", "replica.lag.time.max.ms = 100\nlistener.name.x.ssl.y = z\n"),
        ("topic.properties", "min.insync.replicas=0\nretention.hours=3\n"),
        ("producer.properties", "# idempotence\nacks=1\nenable.idempotence=true\n\nretries=0\n"),
        ("consumer.properties", "max.poll.records=many\nmy.own.key=1\nlinger.ms=1\n"),
    ];
    let line = |name: &str| format!("properties = \"{name}.properties\"");
    let text = world(&line("server"), &line("topic"), &line("producer"), &line("consumer"));
    insta::assert_snapshot!("wrong-in-files", mistakes(&files, &text));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let files = [("bad.properties", "acks=\\u00g1")];
    let text = world(
        "properties = \"none.properties\"",
        "",
        "properties = \"bad.properties\"",
        "properties = 3",
    );
    insta::assert_snapshot!("unreadable", mistakes(&files, &text));
    let alone = load("x.toml", text.as_bytes(), &LoadOptions::default()).expect_err("no folder");
    assert!(alone[0].title.contains("not read from a folder"), "{}", shown(&alone));
    let answer = kafkalab(&["check", "settings/no-such-folder/x.toml"]);
    assert_eq!(answer.exit, Exit::Usage);
}

#[test]
fn a_key_beside_the_file_wins() {
    let files = [("p.properties", "acks=0\nlinger.ms=7\nenable.idempotence=false\n")];
    let beside = "properties = \"p.properties\"\nacks = \"1\"\n\"batch.size\" = 100";
    let plan = plan(with(&files, &world("", "", beside, "")));
    let config = &producer(&plan).config;
    assert_eq!(config.acks, Acks::Leader);
    assert_eq!(config.linger, Duration::from_millis(7));
    assert_eq!((config.batch_size, config.enable_idempotence), (100, false));
}

#[test]
fn a_parameter_chooses_the_file_and_each_file_is_opened_once() {
    let opened = std::cell::RefCell::new(Vec::new());
    let open = |path: &str| {
        opened.borrow_mut().push(path.to_owned());
        let acks = path.trim_end_matches(".properties");
        Ok(Companion { name: path.to_owned(), bytes: format!("acks={acks}").into_bytes() })
    };
    let text = format!(
        "{}\n[variants]\none = {{ file = \"1.properties\" }}\nall = {{ file = \"all.properties\" }}\n\
         again = {{ file = \"all.properties\" }}\n",
        world("", "", "properties = \"$file\"", "")
    );
    let loaded = load_with("x.toml", text.as_bytes(), &LoadOptions::default(), &open);
    let loaded = loaded.unwrap_or_else(|mistakes| panic!("{}", shown(&mistakes)));
    let acks: Vec<Acks> =
        loaded.scenario.variants.iter().map(|one| producer(&one.plan).config.acks).collect();
    assert_eq!(acks, [Acks::Leader, Acks::All, Acks::All]);
    assert_eq!(*opened.borrow(), ["1.properties", "all.properties"]);
}

#[test]
fn what_is_written_in_a_scenario_is_judged_the_same() {
    let idempotence = "acks = \"1\"\n\"enable.idempotence\" = true";
    let texts = [
        world("", "", idempotence, ""),
        world("", "", "\"linger.ms\" = -1\n\"delivery.timeout.ms\" = 100", ""),
        world("", "", "\"delivery.timeout.ms\" = 1000", ""),
        world("", "", "\"max.in.flight.requests.per.connection\" = 6", ""),
        world("\"broker.heartbeat.interval.ms\" = 0", "", "", ""),
        world("\"replica.lag.time.max.ms\" = 0", "", "", ""),
        world("\"replica.lag.time.max.ms\" = 0\n\"replica.fetch.wait.max.ms\" = 0", "", "", ""),
        world("", "", "", "\"auto.offset.reset\" = \"by_duration:PT1H\""),
        world("", "", "ack = \"1\"", "\"session.timeout.ms\" = 1000"),
        world("\"retention.ms\" = 5\nlisteners = \"x\"", "", "", ""),
        world("\"default.replication.factor\" = 0", "", "", ""),
        world("\"default.replication.factor\" = 4", "", "", ""),
    ];
    let all: Vec<String> = texts.iter().map(|text| mistakes(&[], text)).collect();
    insta::assert_snapshot!("wrong-in-scenarios", all.join("\n\n-----\n\n"));
}

#[test]
fn what_a_topic_says_is_judged_beside_what_the_brokers_say() {
    let broker = "\"log.cleaner.min.compaction.lag.ms\" = 10";
    let said = mistakes(&[], &world(broker, "\"max.compaction.lag.ms\" = 5", "", ""));
    assert!(said.contains("K0107") && said.contains("min.compaction.lag.ms"), "{said}");
    let said = mistakes(&[], &world("", "\"max.compaction.lag.ms\" = 5", "", ""));
    assert!(said.starts_with("loaded") && said.contains("K0407"), "{said}");
}

/// Reading never opens anything that the scenario does not name.
#[test]
fn a_scenario_without_files_opens_none() {
    let opened = Arc::new(std::sync::Mutex::new(0));
    let open = |_: &str| {
        *opened.lock().expect("one thread") += 1;
        Err("nothing is opened here".to_owned())
    };
    let text = world("", "", "", "");
    load_with("x.toml", text.as_bytes(), &LoadOptions::default(), &open).expect("a good scenario");
    assert_eq!(*opened.lock().expect("one thread"), 0);
}

#[test]
fn a_setting_is_explained_in_both_languages() {
    for (name, words) in [
        ("explain-linger", &["explain", "linger.ms"][..]),
        ("explain-acks", &["explain", "acks"]),
        ("explain-heartbeat", &["explain", "broker.heartbeat.interval.ms"]),
        ("explain-group-id", &["explain", "group.id"]),
        ("explain-misspelt", &["explain", "lingr.ms"]),
        ("explain-settings", &["explain", "settings"]),
    ] {
        let english = kafkalab(words).whole();
        let korean = kafkalab(&[words, &["--lang", "ko"]].concat()).out;
        insta::assert_snapshot!(name, format!("{english}\n\n{korean}"));
    }
}

/// Each limit of ours is told where the messages say it is.
#[test]
fn the_deviations_list_every_limit() {
    let text = include_str!("../../docs/deviations.md");
    let section = text.split("\n## ").find(|section| section.starts_with("Settings"));
    let section = section.expect("there is a section");
    for limit in kafkalab_core::config::limits::LIMITS {
        let row = format!("| `{}` | {} |", limit.key, limit.least);
        assert!(section.contains(&row), "{row}");
    }
}
