//! Reads the world of a scenario: cluster, net, topics, clients; and with them all its names.

use std::collections::BTreeSet;

use kafkalab_core::broker::BrokerSpec;
use kafkalab_core::config::catalog::Scope;
use kafkalab_core::config::rules::{Around, Written, topic_defaults};
use kafkalab_core::config::{BrokerConfig, Settings, TopicConfig, Variations};
use kafkalab_core::id::{NodeId, TopicId, TopicPartition};
use kafkalab_core::time::{Duration, Span};

use super::action::{Action, Nodes};
use super::diagnostic::{Outcome, Place};
use super::file::{Entry, Kind, Table, Value};
use super::file_mistake as mistake;
use super::mistake as misnamed;
use super::names::{Names, Role};
use super::plan::{
    ClientKind, ClientPlan, ClusterPlan, ConsumerPlan, Latency, NetPlan, ProducerPlan, Start, Tail,
    TopicPlan,
};
use super::read::Reader;
use super::setting_mistake;
use super::settings::Lines;
use super::units;
use super::vocabulary::is_reserved;

const MOST_TOPICS: usize = 100;
const MOST_PARTITIONS: u32 = 2_000;
const MOST_CLIENTS: usize = 200;
/// Records that a producer without a pause between them may send.
const MOST_AT_ONCE: u64 = 10_000;

/// Brokers that take longer would not be ready when the topics are created.
const LONGEST_APPLY: Duration = Duration::from_secs(1);

const BROKERS: std::ops::RangeInclusive<i128> = 1..=100;
const PARTITIONS: std::ops::RangeInclusive<i128> = 1..=1_000;
const REPLICAS: std::ops::RangeInclusive<i128> = 1..=100;
const RECORDS: std::ops::RangeInclusive<i128> = 0..=10_000_000;

/// Everything that exists before the story begins.
pub(super) struct World {
    pub(super) cluster: ClusterPlan,
    pub(super) net: NetPlan,
    pub(super) topics: Vec<TopicPlan>,
    pub(super) clients: Vec<ClientPlan>,
    pub(super) names: Names,
}

/// Reads it all. A table with mistakes still gives its name, or every mention would be one more.
pub(super) fn read<'a>(root: &'a Table, reader: &mut Reader<'a>) -> World {
    let mut names = Names::default();
    let (cluster, brokers) = read_cluster(root, &mut names, reader);
    let net = read_net(root, reader);
    let topics = read_topics(root, &brokers, &mut names, reader);
    let clients = read_clients(root, &mut names, reader);
    World { cluster, net, topics, clients, names }
}

/// A name must read as one word of a sentence.
pub(super) fn check_name(name: &str, place: &Place) -> Outcome<()> {
    let letters = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let why = if !name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_') {
        "a name begins with a letter"
    } else if !name.bytes().all(letters) {
        "a name is made of letters, digits, `-`, `_` and `.`"
    } else if name.len() > 64 {
        "a name has at most 64 letters"
    } else {
        return Ok(());
    };
    Err(mistake::bad_name(place, name, why))
}

/// A name that sentences use: words of the language and names of nodes and partitions are taken.
fn check_free(name: &str, place: &Place) -> Outcome<()> {
    check_name(name, place)?;
    let digits = |rest: &str| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit());
    let why = if is_reserved(name) {
        "this word means something in sentences: choose another"
    } else if name.strip_prefix(['b', 'k']).is_some_and(digits) {
        "brokers are called b1, b2, .. and controllers k1, k2, .."
    } else if name.rsplit_once('-').is_some_and(|(_, rest)| digits(rest)) {
        "it would read like a partition: leave the number at the end away"
    } else {
        return Ok(());
    };
    Err(mistake::bad_name(place, name, why))
}

/// The cluster, and what is written for its brokers: topics have their defaults from it.
fn read_cluster<'a>(
    root: &'a Table,
    names: &mut Names,
    reader: &mut Reader<'a>,
) -> (ClusterPlan, Lines) {
    let empty = ClusterPlan {
        brokers: 1,
        controllers: 1,
        config: BrokerConfig::default(),
        variations: Variations::default(),
        metadata_apply: BrokerSpec::METADATA_APPLY,
        profile: "4.1".to_owned(),
    };
    (names.brokers, names.controllers) = (empty.brokers, empty.controllers);
    let Some(table) = reader.table(root, "cluster") else {
        // With a broken table no node is unknown.
        if root.entry("cluster").is_some() {
            names.brokers = *BROKERS.end() as u16;
        }
        return (empty, Lines::none(Scope::Broker, &root.place));
    };
    let own = ["brokers", "controllers", "profile", "variations", "metadata-apply"];
    let lines = Lines::read(Scope::Broker, table, ("[cluster]", &own), reader);
    lines.judge(Around::default(), reader);
    names.brokers_at = table.entry("brokers").map(Entry::line);
    let brokers = reader.whole(table, "brokers", &BROKERS);
    // With a broken number of brokers no node is unknown.
    let broken = table.entry("brokers").is_some() && brokers.is_none();
    let brokers = brokers.map_or(if broken { *BROKERS.end() as u16 } else { 1 }, |n| n as u16);
    names.brokers = brokers;
    let controllers = reader.whole(table, "controllers", &(1..=9)).unwrap_or(1) as u16;
    if controllers > 1
        && let Some(value) = reader.value(table, "controllers")
    {
        names.controllers = controllers;
        reader.push(mistake::controllers_come_later(value));
    }
    if let Some(value) = reader.value(table, "profile")
        && value.as_text() != Some("4.1")
    {
        reader.push(mistake::bad_value(value, "`4.1`, the release that is built"));
    }
    let variations = reader.table(table, "variations").map(|table| {
        reader.check_keys(table, "variations", Variations::KEYS);
        reader.switches(table)
    });
    let mut metadata_apply = empty.metadata_apply;
    if let Some(value) = reader.value(table, "metadata-apply") {
        let form = "a time `\"70ms\"` or a range `\"1ms..20ms\"`, up to 1 s";
        let range = value.as_text().and_then(range).filter(|range| range.max <= LONGEST_APPLY);
        let range = range.ok_or_else(|| mistake::bad_value(value, form));
        metadata_apply = reader.sink.keep(range).unwrap_or(metadata_apply);
    }
    let config: BrokerConfig = lines.settings(reader);
    let plan = ClusterPlan {
        brokers,
        controllers,
        config,
        variations: variations.unwrap_or_default(),
        metadata_apply,
        profile: empty.profile,
    };
    (plan, lines)
}

fn read_net<'a>(root: &'a Table, reader: &mut Reader<'a>) -> NetPlan {
    let mut net = NetPlan::default();
    let Some(table) = reader.table(root, "net") else { return net };
    reader.check_keys(table, "[net]", &["latency", "retransmission"]);
    if let Some(value) = reader.value(table, "latency") {
        let form = "a time `\"1ms\"`, a range `\"1ms..3ms\"`, or `\"1ms..3ms tail 1% 200ms\"`";
        let latency = value.as_text().and_then(latency);
        let latency = latency.ok_or_else(|| mistake::bad_value(value, form));
        net.latency = reader.sink.keep(latency).unwrap_or_default();
    }
    if let Some(value) = reader.value(table, "retransmission") {
        match value.as_text() {
            Some("tcp") => net.retransmission = true,
            Some("off") => net.retransmission = false,
            _ => reader.push(mistake::bad_value(value, "`\"off\"`, or `\"tcp\"`, the default")),
        }
    }
    net
}

/// Reads `1ms`, `1ms..3ms`.
fn range(text: &str) -> Option<Span> {
    let (min, max) = text.split_once("..").unwrap_or((text, text));
    let (min, max) = (units::duration(min).ok()?, units::duration(max).ok()?);
    (min <= max).then_some(Span { min, max })
}

/// Reads `1ms`, `1ms..3ms`, `1ms..3ms tail 1% 200ms`.
fn latency(text: &str) -> Option<Latency> {
    let mut words = text.split_whitespace();
    let Span { min, max } = range(words.next()?)?;
    let tail = match words.next() {
        None => None,
        Some("tail") => {
            let permille = units::permille(words.next()?)?;
            Some(Tail { permille, at: units::duration(words.next()?).ok()? })
        }
        Some(_) => return None,
    };
    let orderly = tail.is_none_or(|tail| tail.at >= max) && words.next().is_none();
    orderly.then_some(Latency { min, max, tail })
}

/// The tables `[kind.NAME]`, at most `most` of them.
fn named<'a>(
    root: &'a Table,
    kind: &str,
    most: usize,
    reader: &mut Reader<'a>,
) -> Vec<(&'a Entry, &'a Table)> {
    let Some(all) = reader.table(root, kind) else { return Vec::new() };
    if let Some(over) = all.entries.get(most) {
        reader.push(mistake::too_many(&over.place, &format!("{kind}s"), all.entries.len(), most));
    }
    let mut found = Vec::new();
    for entry in all.entries.iter().take(most) {
        if let Kind::Table(table) = &entry.value.kind {
            found.push((entry, table));
        } else {
            let expected = format!("a table: `[{kind}.NAME]` gives the {kind} its name");
            reader.push(mistake::wrong_kind(&entry.value, &expected));
        }
    }
    found
}

fn read_topics<'a>(
    root: &'a Table,
    brokers: &Lines,
    names: &mut Names,
    reader: &mut Reader<'a>,
) -> Vec<TopicPlan> {
    let for_brokers = brokers.written();
    let mut topics = Vec::new();
    let mut all = 0;
    for (n, (entry, table)) in named(root, "topic", MOST_TOPICS, reader).into_iter().enumerate() {
        let free = check_free(&entry.key, &entry.place);
        reader.sink.keep(free);
        let own = ["partitions", "replicas"];
        let called = format!("[topic.{}]", entry.key);
        let lines = Lines::read(Scope::Topic, table, (&called, &own), reader);
        let partitions = reader.whole(table, "partitions", &PARTITIONS);
        let broken = table.entry("partitions").is_some() && partitions.is_none();
        let partitions = match partitions {
            Some(partitions) => partitions as u32,
            None if broken => 1,
            None => count_of_brokers(brokers, "num.partitions", &PARTITIONS, reader) as u32,
        };
        all += partitions;
        if all > MOST_PARTITIONS {
            let most = MOST_PARTITIONS as usize;
            let place = &entry.place;
            reader.push(mistake::too_many(place, "partitions in all", all as usize, most));
            break;
        }
        // With a broken number of partitions no partition is unknown.
        let known = if broken { *PARTITIONS.end() as u32 } else { partitions };
        names.topics.push((entry.key.clone(), known));
        let replicas = read_replicas(table, brokers, names, reader);
        names.replicas.push(replicas);
        topics.push(TopicPlan {
            name: entry.key.clone(),
            id: TopicId(n as u32),
            partitions,
            replicas,
            config: topic_config(&lines, &for_brokers, reader),
        });
    }
    topics
}

/// A topic's settings: its own, else what the brokers say, else Kafka's defaults.
fn topic_config(lines: &Lines, for_brokers: &Written, reader: &mut Reader<'_>) -> TopicConfig {
    lines.judge(Around { broker: Some(for_brokers), ..Around::default() }, reader);
    let mut config = TopicConfig::default();
    let defaults = topic_defaults(for_brokers);
    for key in TopicConfig::KEYS {
        if let Some(value) = defaults.get(*key) {
            // If it cannot be set, the mistake was found among the brokers' lines.
            let _kept = config.set(key, value);
        }
    }
    lines.fill(&mut config, reader);
    config
}

/// How many partitions or replicas a topic has that does not say it: what the brokers say, or one.
fn count_of_brokers(
    brokers: &Lines,
    key: &str,
    range: &std::ops::RangeInclusive<i128>,
    reader: &mut Reader<'_>,
) -> i128 {
    let Some(line) = brokers.line(key) else { return 1 };
    match line.value.trim().parse() {
        Ok(count) if range.contains(&count) => count,
        // What is no number at all was found among the brokers' lines.
        Err(_) => 1,
        Ok(_) => {
            let (least, most) = (*range.start(), *range.end());
            reader.push(setting_mistake::default_out_of_range(line, key, least, most));
            1
        }
    }
}

fn read_replicas<'a>(
    table: &'a Table,
    brokers: &Lines,
    names: &Names,
    reader: &mut Reader<'a>,
) -> u16 {
    let own = reader.whole(table, "replicas", &REPLICAS);
    let is_own = table.entry("replicas").is_some();
    let key = "default.replication.factor";
    let replicas = match own {
        Some(replicas) => replicas as u16,
        None if is_own => 1,
        None => count_of_brokers(brokers, key, &REPLICAS, reader) as u16,
    };
    let own_place = reader.value(table, "replicas").map(|value| &value.place);
    let place = own_place.or(brokers.line(key).map(|line| &line.value_at));
    if let Some(place) = place
        && replicas > names.brokers
    {
        let at = names.brokers_at.as_ref();
        reader.push(mistake::too_many_replicas(place, replicas, names.brokers, at));
    }
    replicas
}

fn read_clients<'a>(
    root: &'a Table,
    names: &mut Names,
    reader: &mut Reader<'a>,
) -> Vec<ClientPlan> {
    let mut declared = Vec::new();
    for role in [Role::Producer, Role::Consumer] {
        for (entry, table) in named(root, role.word(), MOST_CLIENTS, reader) {
            declared.push((role, entry, table));
        }
    }
    declared.sort_by_key(|(_, entry, _)| entry.place.span.start);
    if let Some((_, over, _)) = declared.get(MOST_CLIENTS) {
        let count = declared.len();
        reader.push(mistake::too_many(&over.place, "clients", count, MOST_CLIENTS));
        declared.truncate(MOST_CLIENTS);
    }
    let mut clients: Vec<ClientPlan> = Vec::new();
    for (n, (role, entry, table)) in declared.iter().enumerate() {
        let free = check_free(&entry.key, &entry.place);
        reader.sink.keep(free);
        let earlier = declared[..n].iter().find(|(_, other, _)| other.key == entry.key);
        if let Some((other, first, _)) = earlier {
            let what = other.word();
            reader.push(mistake::duplicate(&entry.place, &entry.key, what, &first.place));
        } else if names.topic(&entry.key).is_some() {
            let why = "a topic has this name: sentences could not tell them apart";
            reader.push(mistake::bad_name(&entry.place, &entry.key, why));
        }
        names.clients.push((entry.key.clone(), *role));
        names.assigned.push(Vec::new());
        let kind = match role {
            Role::Producer => ClientKind::Producer(read_producer(entry, table, names, reader)),
            Role::Consumer => ClientKind::Consumer(read_consumer(entry, table, names, reader)),
        };
        if let ClientKind::Consumer(consumer) = &kind {
            names.assigned[n].clone_from(&consumer.assign);
        }
        clients.push(ClientPlan {
            name: entry.key.clone(),
            node: NodeId::client(n as u16 + 1),
            start: read_start(table, reader),
            kind,
        });
    }
    clients
}

/// `start = "2s"`, or `start = "story"`.
fn read_start<'a>(table: &'a Table, reader: &mut Reader<'a>) -> Start {
    match reader.value(table, "start") {
        None => Start::WarmUp,
        Some(value) if value.as_text() == Some("story") => Start::Story,
        Some(_) => reader.duration(table, "start").map_or(Start::WarmUp, Start::At),
    }
}

/// Warns of clients that wait for the story to start them, and no action of it does.
pub(super) fn warn_of_unstarted<'a>(
    root: &'a Table,
    clients: &[ClientPlan],
    actions: &[&Action],
    reader: &mut Reader<'a>,
) {
    for client in clients.iter().filter(|client| client.start == Start::Story) {
        let starts = |action: &Action| match action {
            Action::Start(Nodes::List(list)) | Action::Restart(Nodes::List(list)) => {
                list.contains(&client.node)
            }
            _ => false,
        };
        if actions.iter().any(|action| starts(action)) {
            continue;
        }
        if let Some(entry) = line_of(root, client, "start", reader) {
            reader.sink.push(mistake::never_started(&entry.value.place, &client.name));
        }
    }
}

/// Refuses producers that would send more at one moment than a moment can hold: time stands still
/// while they do, and a run calls 100,000 inputs at one moment a livelock.
pub(super) fn check_bursts<'a>(
    root: &'a Table,
    clients: &[ClientPlan],
    actions: &[&Action],
    reader: &mut Reader<'a>,
) {
    for client in clients {
        let ClientKind::Producer(plan) = &client.kind else { continue };
        let more = actions.iter().map(|action| match action {
            Action::Send { producer, records } if *producer == client.node => u64::from(*records),
            _ => 0,
        });
        let count = u64::from(plan.records) + more.sum::<u64>();
        if plan.every == Duration::ZERO
            && count > MOST_AT_ONCE
            && let Some(entry) = line_of(root, client, "every", reader)
        {
            let place = &entry.value.place;
            reader.push(mistake::too_many_at_once(place, &client.name, count, MOST_AT_ONCE));
        }
    }
}

/// A line of the table that declares a client.
fn line_of<'a>(
    root: &'a Table,
    client: &ClientPlan,
    key: &str,
    reader: &mut Reader<'a>,
) -> Option<&'a Entry> {
    let role = match client.kind {
        ClientKind::Producer(_) => Role::Producer,
        ClientKind::Consumer(_) => Role::Consumer,
    };
    let all = reader.table(root, role.word())?;
    reader.table(all, &client.name)?.entry(key)
}

fn read_producer<'a>(
    entry: &Entry,
    table: &'a Table,
    names: &Names,
    reader: &mut Reader<'a>,
) -> ProducerPlan {
    let called = format!("[producer.{}]", entry.key);
    let own = ["topic", "records", "every", "keys", "value-bytes", "start"];
    let lines = Lines::read(Scope::Producer, table, (&called, &own), reader);
    lines.judge(Around::default(), reader);
    for (key, example) in [("topic", "topic = \"orders\""), ("records", "records = 10")] {
        if table.entry(key).is_none() {
            reader.push(mistake::missing_key(&entry.place, key, &called, example));
        }
    }
    let topic = reader.text(table, "topic").map(|(word, place)| {
        names.topic(word).ok_or_else(|| misnamed::unknown_topic(place, word, names))
    });
    let topic = topic.and_then(|topic| reader.sink.keep(topic));
    ProducerPlan {
        topic: topic.unwrap_or(TopicId(0)),
        records: reader.whole(table, "records", &RECORDS).unwrap_or(0) as u32,
        every: reader.duration(table, "every").unwrap_or(Duration::from_millis(10)),
        keys: reader.whole(table, "keys", &(1..=1_000_000)).map(|keys| keys as u32),
        value_bytes: read_value_bytes(table, reader),
        config: lines.settings(reader),
    }
}

fn read_value_bytes<'a>(table: &'a Table, reader: &mut Reader<'a>) -> u32 {
    const MOST: u64 = 1 << 20;
    let Some(value) = reader.value(table, "value-bytes") else { return 100 };
    let bytes = match &value.kind {
        Kind::Whole(number) => u64::try_from(*number).ok(),
        Kind::Text(text) => units::size(text),
        _ => None,
    };
    let bytes = bytes.filter(|bytes| *bytes <= MOST);
    let expected = "a size up to 1 MiB, such as `100` or `\"1KiB\"`";
    let bytes = bytes.ok_or_else(|| mistake::bad_value(value, expected));
    reader.sink.keep(bytes).unwrap_or(100) as u32
}

/// Keys of consumer groups, and what to do without them.
const GROUP_KEYS: [(&str, &str); 5] = [
    ("group", "consumer groups come later; use `assign = [\"orders\"]`"),
    ("topics", "consumer groups come later; use `assign = [\"orders\"]`"),
    ("commit", "consumer groups come later; a consumer with `assign` commits nothing"),
    ("count", "write one table for each consumer"),
    ("work", "the time spent on one record is `process = \"20ms\"`"),
];

fn read_consumer<'a>(
    entry: &Entry,
    table: &'a Table,
    names: &Names,
    reader: &mut Reader<'a>,
) -> ConsumerPlan {
    let called = format!("[consumer.{}]", entry.key);
    let own = ["assign", "process", "start"];
    let mut grouped = false;
    for (key, instead) in GROUP_KEYS {
        if let Some(entry) = table.entry(key) {
            grouped = true;
            reader.push(mistake::key_comes_later(&entry.place, key, instead));
        }
    }
    let later = GROUP_KEYS.map(|(key, _)| key);
    let own = if grouped { [own.as_slice(), &later].concat() } else { own.to_vec() };
    let lines = Lines::read(Scope::Consumer, table, (&called, &own), reader);
    lines.judge(Around::default(), reader);
    if table.entry("assign").is_none() && !grouped {
        let example = "assign = [\"orders\"]";
        reader.push(mistake::missing_key(&entry.place, "assign", &called, example));
    }
    let mut assign = Vec::new();
    let mut seen = BTreeSet::new();
    for value in reader.values(table, "assign", MOST_PARTITIONS as usize) {
        // A topic named twice is read once; anything but a text is a mistake each time.
        if value.as_text().is_none_or(|word| seen.insert(word)) {
            let found = assigned(value, names);
            assign.extend(reader.sink.keep(found).unwrap_or_default());
        }
    }
    assign.sort_unstable();
    assign.dedup();
    ConsumerPlan {
        assign,
        process: reader.duration(table, "process").unwrap_or_default(),
        config: lines.settings(reader),
    }
}

/// All partitions of a topic, or one partition.
fn assigned(value: &Value, names: &Names) -> Outcome<Vec<TopicPartition>> {
    let Some(word) = value.as_text() else {
        return Err(mistake::wrong_kind(value, "a topic or a partition in quotes"));
    };
    if let Some(topic) = names.topic(word) {
        let all = 0..names.partitions(topic);
        return Ok(all.map(|partition| TopicPartition { topic, partition }).collect());
    }
    match names.partition(word) {
        Some(tp) => Ok(vec![tp]),
        None if word.contains('-') => {
            Err(misnamed::unknown_partition(&value.place, word, "assign", names))
        }
        None => Err(misnamed::unknown_topic(&value.place, word, names)),
    }
}
