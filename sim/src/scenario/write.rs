//! From a plan back to a scenario file: how a failing seed becomes a scenario that fails the same way.
//!
//! [`super::load`] reads what is written here and gives a plan that runs the same. Only what differs
//! from a default is written, so the file says what is special about the run.

use super::names::Names;
use super::plan::{
    ClientKind, ClientPlan, ConsumerPlan, Ends, InjectPlan, Latency, NetPlan, Plan, ProducerPlan,
    Quiz, Start, StepPlan, Text, TopicPlan, Trigger,
};
use super::units;
use kafkalab_core::broker::BrokerSpec;
use kafkalab_core::config::Settings;
use kafkalab_core::id::TopicPartition;
use kafkalab_core::time::Span;
use std::fmt::Write as _;

/// `plan` as a scenario file called `id`, with one nameless variant.
pub fn to_toml(plan: &Plan, id: &str, title: &str) -> String {
    let mut file = Writer::default();
    file.line("format", "1");
    file.text("id", id);
    file.text("title", title);
    file.line("seed", &plan.seed.to_string());
    file.text("limit", &plan.limit.to_string());
    if plan.ends == Ends::Limit {
        file.text("ends", "limit");
    }
    file.cluster(plan);
    file.net(plan.net);
    plan.topics.iter().for_each(|topic| file.topic(topic));
    plan.clients.iter().for_each(|client| file.client(client, &plan.names));
    plan.steps.iter().for_each(|step| file.step(step, plan));
    plan.injects.iter().for_each(|inject| file.inject(inject, &plan.names));
    file.expect(plan);
    file.out
}

/// The file so far.
#[derive(Default)]
struct Writer {
    out: String,
}

impl Writer {
    fn raw(&mut self, line: std::fmt::Arguments<'_>) {
        self.out.write_fmt(line).expect("a string takes any text");
        self.out.push('\n');
    }

    fn header(&mut self, header: std::fmt::Arguments<'_>) {
        self.out.push('\n');
        self.raw(header);
    }

    fn line(&mut self, key: &str, value: &str) {
        self.raw(format_args!("{} = {value}", bare(key)));
    }

    fn text(&mut self, key: &str, value: &str) {
        self.line(key, &quoted(value));
    }

    fn texts(&mut self, key: &str, values: &[String]) {
        match values {
            [] => {}
            [one] => self.text(key, one),
            many => {
                self.raw(format_args!("{key} = ["));
                for value in many {
                    self.raw(format_args!("  {},", quoted(value)));
                }
                self.raw(format_args!("]"));
            }
        }
    }

    fn prose(&mut self, key: &str, text: Option<&Text>) {
        if let Some(text) = text {
            self.line(key, &prose(text));
        }
    }

    fn settings(&mut self, settings: &impl Settings) {
        for (key, value) in settings.changed() {
            let is_plain = value.parse::<i64>().is_ok() || value.parse::<bool>().is_ok();
            let value = if is_plain { value } else { quoted(&value) };
            self.line(key, &value);
        }
    }

    fn cluster(&mut self, plan: &Plan) {
        self.header(format_args!("[cluster]"));
        self.line("brokers", &plan.cluster.brokers.to_string());
        if plan.cluster.controllers != 1 {
            self.line("controllers", &plan.cluster.controllers.to_string());
        }
        self.text("profile", &plan.cluster.profile);
        let Span { min, max } = plan.cluster.metadata_apply;
        if plan.cluster.metadata_apply != BrokerSpec::METADATA_APPLY {
            self.text("metadata-apply", &format!("{min}..{max}"));
        }
        self.settings(&plan.cluster.config);
        if !plan.cluster.variations.changed().is_empty() {
            self.header(format_args!("[cluster.variations]"));
            self.settings(&plan.cluster.variations);
        }
    }

    fn net(&mut self, net: NetPlan) {
        if net == NetPlan::default() {
            return;
        }
        self.header(format_args!("[net]"));
        if !net.retransmission {
            self.text("retransmission", "off");
        }
        if net.latency != Latency::default() {
            self.latency(net.latency);
        }
    }

    fn latency(&mut self, latency: Latency) {
        let tail = latency.tail.map_or_else(String::new, |tail| {
            format!(" tail {} {}", units::show_permille(tail.permille), tail.at)
        });
        self.text("latency", &format!("{}..{}{tail}", latency.min, latency.max));
    }

    fn topic(&mut self, topic: &TopicPlan) {
        self.header(format_args!("[topic.{}]", bare(&topic.name)));
        self.line("partitions", &topic.partitions.to_string());
        self.line("replicas", &topic.replicas.to_string());
        self.settings(&topic.config);
    }

    fn client(&mut self, client: &ClientPlan, names: &Names) {
        let name = bare(&client.name);
        match &client.kind {
            ClientKind::Producer(producer) => {
                self.header(format_args!("[producer.{name}]"));
                self.producer(producer, names);
            }
            ClientKind::Consumer(consumer) => {
                self.header(format_args!("[consumer.{name}]"));
                self.consumer(consumer, names);
            }
        }
        match client.start {
            Start::WarmUp => {}
            Start::At(after) => self.text("start", &after.to_string()),
            Start::Story => self.text("start", "story"),
        }
    }

    fn producer(&mut self, producer: &ProducerPlan, names: &Names) {
        self.text("topic", names.topic_name(producer.topic));
        self.line("records", &producer.records.to_string());
        self.text("every", &producer.every.to_string());
        if let Some(keys) = producer.keys {
            self.line("keys", &keys.to_string());
        }
        self.line("value-bytes", &producer.value_bytes.to_string());
        self.settings(&producer.config);
    }

    fn consumer(&mut self, consumer: &ConsumerPlan, names: &Names) {
        let name = |tp: &TopicPartition| quoted(&names.partition_name(*tp));
        let assigned: Vec<String> = consumer.assign.iter().map(name).collect();
        self.line("assign", &format!("[{}]", assigned.join(", ")));
        self.text("process", &consumer.process.to_string());
        self.settings(&consumer.config);
    }

    fn trigger(&mut self, trigger: &Trigger, plan_steps: &[StepPlan], names: &Names) {
        match trigger {
            Trigger::At(time) => self.text("at", &time.to_string()),
            Trigger::When(condition) => self.text("when", &condition.show(names).to_string()),
            Trigger::After { step: None, delay } => self.text("after", &delay.to_string()),
            Trigger::After { step: Some(step), delay } => {
                let id = plan_steps[*step].id.as_deref().expect("who is referred to has a name");
                self.text("after", &format!("{id} + {delay}"));
            }
        }
    }

    fn step(&mut self, step: &StepPlan, plan: &Plan) {
        self.header(format_args!("[[step]]"));
        if let Some(id) = &step.id {
            self.text("id", id);
        }
        self.trigger(&step.trigger, &plan.steps, &plan.names);
        if let Some(within) = step.within {
            self.text("within", &within.to_string());
        }
        let deeds = step.actions.iter().map(|one| one.show(&plan.names).to_string());
        self.texts("do", &deeds.collect::<Vec<_>>());
        self.texts("look", &step.look);
        self.prose("title", step.title.as_ref());
        self.prose("say", step.say.as_ref());
        if let Some(Quiz { ask, choices, answer }) = &step.quiz {
            self.header(format_args!("[step.quiz]"));
            self.prose("ask", Some(ask));
            let choices: Vec<String> = choices.iter().map(prose).collect();
            self.line("choices", &format!("[{}]", choices.join(", ")));
            self.line("answer", &(answer + 1).to_string());
        }
    }

    fn inject(&mut self, inject: &InjectPlan, names: &Names) {
        self.header(format_args!("[[inject]]"));
        self.trigger(&inject.trigger, &[], names);
        let deeds = inject.actions.iter().map(|one| one.show(names).to_string());
        self.texts("do", &deeds.collect::<Vec<_>>());
    }

    fn expect(&mut self, plan: &Plan) {
        for promise in &plan.promises {
            self.header(format_args!("[[expect]]"));
            self.text(promise.kind.word(), &promise.text);
        }
    }
}

/// A key as TOML wants it: in quotes if it holds a dot.
fn bare(key: &str) -> String {
    let is_bare = key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if is_bare { key.to_owned() } else { quoted(key) }
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {
                write!(out, "\\u{:04X}", c as u32).expect("a string takes any text");
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn prose(text: &Text) -> String {
    match &text.ko {
        None => quoted(&text.en),
        Some(ko) => format!("{{ en = {}, ko = {} }}", quoted(&text.en), quoted(ko)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::builtin;
    use super::super::resolve::{LoadOptions, load};
    use super::*;

    /// What runs is the same; only the places in the file differ.
    #[test]
    fn every_lesson_is_written_and_read_back() {
        for lesson in builtin::lessons() {
            let read = |text: &str| {
                let loaded = load(lesson.id, text.as_bytes(), &LoadOptions::default());
                loaded.unwrap_or_else(|mistakes| panic!("{text}\n{mistakes:#?}")).scenario
            };
            for variant in read(lesson.text).variants {
                let plan = variant.plan;
                let again = read(&to_toml(&plan, lesson.id, "again")).variants.remove(0).plan;
                assert_eq!((&again.topics, &again.clients), (&plan.topics, &plan.clients));
                assert_eq!((&again.steps, &again.injects), (&plan.steps, &plan.injects));
                assert_eq!((&again.cluster, &again.net), (&plan.cluster, &plan.net));
                assert_eq!((again.seed, again.limit), (plan.seed, plan.limit));
                let texts = |plan: &Plan| -> Vec<_> {
                    plan.promises.iter().map(|p| (p.kind, p.condition.clone())).collect()
                };
                assert_eq!(texts(&again), texts(&plan));
            }
        }
    }

    #[test]
    fn how_the_world_behaves_is_written_where_it_is_not_the_default() {
        let read = |text: &str| {
            let loaded = load("world", text.as_bytes(), &LoadOptions::default());
            let loaded = loaded.unwrap_or_else(|mistakes| panic!("{text}\n{mistakes:#?}"));
            loaded.scenario.variants[0].plan.clone()
        };
        let head = "format = 1\nid = \"world\"\ntitle = \"world\"\n[cluster]\nbrokers = 1\n";
        let plain = read(head);
        assert_eq!(plain.cluster.metadata_apply, BrokerSpec::METADATA_APPLY);
        let written = to_toml(&plain, "world", "world");
        assert!(!written.contains("metadata-apply") && !written.contains("retransmission"));
        for (apply, min, max) in [("70ms", 70_000, 70_000), ("2ms..90ms", 2_000, 90_000)] {
            let rest = "[net]\nretransmission = \"off\"\n";
            let plan = read(&format!("{head}metadata-apply = \"{apply}\"\n{rest}"));
            let Span { min: shortest, max: longest } = plan.cluster.metadata_apply;
            assert_eq!((shortest.as_micros(), longest.as_micros()), (min, max));
            assert!(!plan.net.retransmission);
            let again = read(&to_toml(&plan, "world", "world"));
            assert_eq!((again.cluster, again.net), (plan.cluster, plan.net));
        }
    }

    #[test]
    fn any_text_survives_its_quotes() {
        assert_eq!(quoted("say \"a\\b\"\n\u{7}"), "\"say \\\"a\\\\b\\\"\\n\\u0007\"");
    }
}
