//! The table of keys and the rules beside what Apache Kafka's own classes said: each key of
//! `oracle/configs.json` and each line of `oracle/refusals.jsonl`, as it stands.

use std::collections::BTreeMap;

use kafkalab_core::config::catalog::{Default, Importance, Key, Kind, Scope, Valid};
use kafkalab_core::config::rules::{Around, Refusal, SYNONYMS, Written, refusals, topic_defaults};
use kafkalab_core::config::{ConsumerConfig, ProducerConfig, Settings};
use serde_json::{Value, json};

const CONFIGS: &str = include_str!("../oracle/configs.json");
const REFUSALS: &str = include_str!("../oracle/refusals.jsonl");

fn scope(name: &str) -> Scope {
    match name {
        "producer" => Scope::Producer,
        "consumer" => Scope::Consumer,
        "admin" => Scope::Admin,
        "broker" => Scope::Broker,
        "topic" => Scope::Topic,
        "group" => Scope::Group,
        other => panic!("there is no scope {other}"),
    }
}

fn recorded() -> Vec<Value> {
    serde_json::from_str(CONFIGS).expect("a list of keys")
}

// ---- the table ---------------------------------------------------------------------------------

/// A key of ours in the words of the record.
fn in_their_words(key: &Key) -> Value {
    let kind = match key.kind {
        Kind::Short => "short",
        Kind::Int => "int",
        Kind::Long => "long",
        Kind::Double => "double",
        Kind::Boolean => "boolean",
        Kind::Text => "string",
        Kind::List => "list",
        Kind::Class => "class",
        Kind::Password => "password",
    };
    let default = match key.default {
        Default::Required | Default::Unset => Value::Null,
        Default::Number(number) => json!(number),
        Default::Fraction(fraction) => json!(fraction),
        Default::Truth(truth) => json!(truth),
        Default::Word(word) => json!(word),
        Default::Names(names) => json!(names),
    };
    let valid = match key.valid {
        Valid::Any => Value::Null,
        Valid::AtLeast(min) => json!({ "min": min }),
        Valid::Between(min, max) => json!({ "min": min, "max": max }),
        Valid::BetweenOr(min, max, also) => json!({ "min": min, "max": max, "also": [also] }),
        Valid::Fractions(min, max) => json!({ "min": min, "max": max }),
        Valid::OneOf(all) => json!({ "in": all }),
        Valid::OneOfOrDuration(all) => json!({ "in": all, "or_by_duration": true }),
        Valid::AnyCaseOf(all) => json!({ "in_any_case": all }),
        Valid::EachOf(all) => json!({ "list_in": all }),
        Valid::NonEmpty => json!({ "non_empty": true }),
        Valid::NonEmptyList => json!({ "non_empty_list": true }),
        Valid::Present => json!({ "non_null": true }),
        Valid::ThrottledReplicas => {
            json!({ "other": "[partitionId]:[brokerId],[partitionId]:[brokerId],..." })
        }
    };
    let importance = match key.importance {
        Importance::High => "high",
        Importance::Medium => "medium",
        Importance::Low => "low",
    };
    json!({
        "type": kind, "default": default, "valid": valid, "importance": importance,
        "required": key.default == Default::Required,
    })
}

/// Numbers as fractions, so that 0 and 0.0 are the same.
fn even(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(all) => all.iter().map(even).collect(),
        Value::Object(all) => {
            Value::Object(all.iter().map(|(key, value)| (key.clone(), even(value))).collect())
        }
        other => other.clone(),
    }
}

#[test]
fn the_table_is_kafka_s_key_by_key() {
    let mut theirs: BTreeMap<(Scope, String), Value> = BTreeMap::new();
    for one in recorded() {
        let text = |field: &str| one[field].as_str().expect("a text").to_owned();
        let words = json!({
            "type": one["type"], "default": one["default"], "valid": one["valid"],
            "importance": one["importance"], "required": one["required"] == json!(true),
        });
        theirs.insert((scope(&text("scope")), text("name")), words);
    }
    let mut wrong = Vec::new();
    let mut count = 0;
    for scope in Scope::ALL {
        let mut names: Vec<&str> = scope.keys().map(|key| key.name).collect();
        names.sort_unstable();
        count += names.len();
        for twice in names.windows(2).filter(|two| two[0] == two[1]) {
            wrong.push(format!("{scope:?}: {} stands twice in our table", twice[0]));
        }
        for key in scope.keys() {
            let ours = in_their_words(key);
            match theirs.remove(&(scope, key.name.to_owned())) {
                None => wrong.push(format!("{scope:?}: Kafka does not know {}", key.name)),
                Some(kafka) if even(&kafka) != even(&ours) => {
                    wrong.push(format!("{scope:?}: {} is {kafka}, ours {ours}", key.name));
                }
                Some(_) => {}
            }
        }
    }
    wrong.extend(theirs.keys().map(|(scope, name)| format!("{scope:?}: {name} is missing")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{count} keys compared");
}

#[test]
fn the_brokers_stand_in_for_topics_as_in_kafka() {
    let mut wrong = Vec::new();
    for one in recorded().iter().filter(|one| one["scope"] == "topic") {
        let name = one["name"].as_str().expect("a name");
        let theirs: Vec<(String, i64)> = match (&one["server_synonyms"], &one["server_default"]) {
            (Value::Array(all), _) => {
                let factor = |synonym: &Value| synonym["times"].as_i64().unwrap_or(1);
                let name = |synonym: &Value| synonym["name"].as_str().expect("a name").to_owned();
                all.iter().map(|synonym| (name(synonym), factor(synonym))).collect()
            }
            (_, Value::String(only)) => vec![(only.clone(), 1)],
            _ => Vec::new(),
        };
        let ours = SYNONYMS.iter().find(|(key, _)| *key == name).map_or(&[][..], |(_, all)| all);
        let ours: Vec<(String, i64)> =
            ours.iter().map(|(name, factor)| ((*name).to_owned(), *factor)).collect();
        if theirs != ours {
            wrong.push(format!("{name}: {theirs:?}, ours {ours:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

// ---- what is refused ---------------------------------------------------------------------------

/// What the record was made with, beside what each line sets.
fn base(scope: Scope) -> &'static [(&'static str, &'static str)] {
    const STRING: &str = "org.apache.kafka.common.serialization.StringSerializer";
    const STRING_BACK: &str = "org.apache.kafka.common.serialization.StringDeserializer";
    match scope {
        Scope::Producer => &[
            ("bootstrap.servers", "localhost:1"),
            ("key.serializer", STRING),
            ("value.serializer", STRING),
        ],
        Scope::Consumer => &[
            ("bootstrap.servers", "localhost:1"),
            ("group.id", "g"),
            ("key.deserializer", STRING_BACK),
            ("value.deserializer", STRING_BACK),
        ],
        Scope::Broker => &[
            ("process.roles", "broker,controller"),
            ("node.id", "1"),
            ("controller.quorum.voters", "1@localhost:9093"),
            ("listeners", "PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093"),
            ("controller.listener.names", "CONTROLLER"),
            ("log.dirs", "logs"),
        ],
        Scope::Admin | Scope::Topic | Scope::Group => &[],
    }
}

/// One line: what is written, and what it is judged beside.
struct Line {
    scope: Scope,
    written: Written,
    broker: Written,
    existing: Option<Written>,
    record: Value,
}

fn line(text: &str) -> Line {
    let record: Value = serde_json::from_str(text).expect("a line of JSON");
    let scope = scope(record["scope"].as_str().expect("a scope"));
    let base = base(scope).iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let mut written: Written = base.collect();
    let (mut broker, mut existing) = (Written::new(), None::<Written>);
    for (key, value) in record["props"].as_object().expect("properties") {
        let value = value.as_str().expect("a text").to_owned();
        if let Some(key) = key.strip_prefix("@broker:") {
            broker.insert(key.to_owned(), value);
        } else if let Some(key) = key.strip_prefix("@existing:") {
            existing.get_or_insert_default().insert(key.to_owned(), value);
        } else if key == "@tiered-system" {
            broker.insert("remote.log.storage.system.enable".to_owned(), value);
        } else if value == "<unset>" {
            written.remove(key);
        } else {
            written.insert(key.clone(), value);
        }
    }
    Line { scope, written, broker, existing, record }
}

impl Line {
    fn refusals(&self) -> Vec<Refusal> {
        let around = Around {
            broker: Some(&self.broker),
            existing: self.existing.as_ref(),
            only_own_classes: true,
        };
        refusals(self.scope, &self.written, around)
    }
}

#[test]
fn what_kafka_refuses_is_refused_and_what_it_takes_is_taken() {
    let mut wrong = Vec::new();
    let (mut taken, mut refused) = (0, 0);
    for text in REFUSALS.lines() {
        let line = line(text);
        let ours = line.refusals();
        let is_good = line.record["ok"] == json!(true);
        *(if is_good { &mut taken } else { &mut refused }) += 1;
        let keys: Vec<&str> = line.record["keys"]
            .as_array()
            .map_or_else(Vec::new, |keys| keys.iter().filter_map(Value::as_str).collect());
        let names_them = |refusal: &Refusal| {
            keys.is_empty() || refusal.keys.iter().any(|key| keys.contains(&key.as_str()))
        };
        let is_right = match (is_good, ours.first()) {
            (true, None) => true,
            (false, Some(first)) => names_them(first),
            (true, Some(_)) | (false, None) => false,
        };
        if !is_right {
            let of: Vec<_> = ours.iter().map(|one| (&one.keys, &one.reason)).collect();
            wrong.push(format!("{text}\n    ours: {of:?}"));
        }
        for one in &ours {
            assert!(!one.reason.is_empty() && !one.remedy.is_empty(), "{text}: {one:?}");
        }
    }
    println!("{taken} lines taken, {refused} refused");
    assert!(wrong.is_empty(), "{} lines differ\n{}", wrong.len(), wrong.join("\n"));
}

// ---- what Kafka makes of it --------------------------------------------------------------------

/// A client's settings as a scenario would have them.
fn settled<S: Settings>(line: &Line) -> S {
    let mut config = S::default();
    for key in S::KEYS {
        if let Some(value) = line.written.get(*key) {
            config.set(key, value).expect("the rules have taken it");
        }
    }
    config.settle(&line.written);
    config
}

/// The value in force; `None` if it is not modelled.
fn in_force(line: &Line, key: &str) -> Option<String> {
    match line.scope {
        Scope::Producer if key == "enable.idempotence" => {
            Some(settled::<ProducerConfig>(line).is_idempotent().to_string())
        }
        Scope::Producer => settled::<ProducerConfig>(line).get(key),
        Scope::Consumer => settled::<ConsumerConfig>(line).get(key),
        Scope::Broker => topic_defaults(&line.written).get(key).cloned(),
        Scope::Admin | Scope::Topic | Scope::Group => None,
    }
}

#[test]
fn what_is_written_has_the_effect_it_has_in_kafka() {
    let mut wrong = Vec::new();
    let mut compared = BTreeMap::<String, usize>::new();
    let mut skipped = BTreeMap::<String, usize>::new();
    for text in REFUSALS.lines() {
        let line = line(text);
        let Some(effective) = line.record["effective"].as_object() else { continue };
        for (key, theirs) in effective {
            let Some(ours) = in_force(&line, key) else {
                *skipped.entry(key.clone()).or_default() += 1;
                continue;
            };
            *compared.entry(key.clone()).or_default() += 1;
            let theirs = match theirs {
                Value::String(text) if key == "acks" => text.replace("-1", "all"),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            if ours != theirs {
                wrong.push(format!("{key} is {theirs}, ours {ours}: {text}"));
            }
        }
    }
    println!("compared {compared:?}");
    println!("not modelled, hence skipped: {skipped:?}");
    assert!(compared.len() >= 10, "{compared:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
