//! Plans of chaos with random promises and triggers over the whole grammar of conditions.
//!
//! A condition is drawn as a sentence and read by the language's own parser; what that refuses (a
//! constant, a comparison that can never hold) is drawn again.

use kafkalab_core::chance::Draws;
use kafkalab_core::config::Settings;
use kafkalab_core::time::{Duration, Instant};
use kafkalab_sim::chaos::{self, Chaos};
use kafkalab_sim::scenario::condition::Condition;
use kafkalab_sim::scenario::count::Count;
use kafkalab_sim::scenario::names::Role;
use kafkalab_sim::scenario::plan::{
    ClientKind, InjectPlan, Plan, Promise, PromiseKind, StepPlan, Trigger,
};
use kafkalab_sim::scenario::{Origin, Place, parse_action, parse_condition};
use std::sync::Arc;

/// The kind of chaos of `seed`: half of the seeds have the default one, the others more of it, unclean
/// elections, or one protection less, so that every invariant has something to find.
pub(crate) fn shape(seed: u64) -> Chaos {
    match seed % 8 {
        0..=3 => Chaos::default(),
        4 => Chaos::long(),
        5 => Chaos::wild(),
        6 => Chaos::unclean(),
        _ => {
            let mut shape = Chaos::default();
            let off = OFF[(seed / 8) as usize % OFF.len()];
            shape.variations.set(off, "false").expect("it is a protection");
            shape
        }
    }
}

/// Protections that are switched off in turn.
const OFF: [&str; 8] = [
    "fetch.divergence_check",
    "isr.maximal",
    "leader.skip_state_on_divergence",
    "follower.watermark_clamp",
    "isr.expand_needs_leso",
    "isr.eligibility",
    "isr.proposal_fencing",
    "epoch.record_on_election",
];

/// The chaos of `seed` with promises, and some triggers more.
pub(crate) fn plan(seed: u64) -> Arc<Plan> {
    let mut plan = chaos::plan(seed, &shape(seed));
    add_steps(seed, &mut plan);
    let mut words = Words::new(seed, &plan);
    for _ in 0..10 {
        let condition = words.condition();
        let kind = words.pick(&[
            PromiseKind::Always,
            PromiseKind::Never,
            PromiseKind::Eventually,
            PromiseKind::Finally,
        ]);
        plan.promises.push(promise(kind, condition, &plan));
    }
    // A step that never fires keeps a run from coming to rest: half of the runs have none of these.
    for _ in 0..(seed % 2) * 2 {
        let condition = words.condition();
        add_step(Trigger::When(condition), None, &mut plan);
    }
    for _ in 0..3 {
        let condition = words.condition();
        let action = words.harmless_action();
        let action = parse_action(&action, &plan.names).expect("a valid action");
        plan.injects.push(InjectPlan::new(Trigger::When(condition), vec![action], &plan.names));
    }
    Arc::new(plan)
}

/// The names of the steps that are added: stops at which nothing is done.
const STEPS: [&str; 2] = ["early", "late"];

fn add_steps(seed: u64, plan: &mut Plan) {
    let mut draws = Draws::new(seed, "twins: steps", 0);
    for (place, name) in STEPS.into_iter().enumerate() {
        let at = Duration::from_millis(1_000 + draws.below(Instant::ZERO, 4_000));
        let trigger = match place {
            0 => Trigger::At(at),
            _ => Trigger::After { step: None, delay: at },
        };
        add_step(trigger, Some(name), plan);
        plan.names.steps.push((name.to_owned(), place));
    }
}

/// A stop at which nothing is done.
fn add_step(trigger: Trigger, name: Option<&str>, plan: &mut Plan) {
    plan.steps.push(StepPlan {
        id: name.map(str::to_owned),
        trigger,
        within: None,
        actions: Vec::new(),
        look: Vec::new(),
        title: None,
        say: None,
        quiz: None,
    });
}

fn promise(kind: PromiseKind, condition: Condition, plan: &Plan) -> Promise {
    let text = condition.show(&plan.names).to_string();
    let origin = Arc::new(Origin { name: "twins".to_owned(), text: text.clone() });
    Promise { kind, condition, text, place: Place::start(&origin) }
}

/// Draws sentences about the nodes and partitions of one plan.
struct Words {
    draws: Draws,
    plan: Plan,
    partitions: Vec<String>,
    brokers: Vec<String>,
    producers: Vec<String>,
    consumers: Vec<String>,
}

impl Words {
    fn new(seed: u64, plan: &Plan) -> Self {
        let name = |is_producer: bool| {
            let clients = plan.clients.iter();
            let chosen = clients.filter(move |client| {
                matches!(client.kind, ClientKind::Producer(_)) == is_producer
            });
            chosen.map(|client| client.name.clone()).collect()
        };
        let all = kafkalab_sim::cluster::partitions(plan);
        Self {
            draws: Draws::new(seed, "twins: conditions", 0),
            plan: plan.clone(),
            partitions: all.map(|tp| plan.partition_name(tp)).collect(),
            brokers: (1..=plan.cluster.brokers).map(|n| format!("b{n}")).collect(),
            producers: name(true),
            consumers: name(false),
        }
    }

    fn below(&mut self, n: u64) -> u64 {
        self.draws.below(Instant::ZERO, n)
    }

    fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize].clone()
    }

    /// A condition that the language accepts.
    fn condition(&mut self) -> Condition {
        loop {
            let text = self.any(2);
            if let Ok(condition) = parse_condition(&text, &self.plan.names) {
                return condition;
            }
        }
    }

    /// Something that happens and breaks nothing, to see when it does.
    fn harmless_action(&mut self) -> String {
        let producer = self.pick(&self.producers.clone());
        format!("send {producer} 1")
    }

    fn any(&mut self, depth: u64) -> String {
        if depth == 0 || self.below(10) < 5 {
            return self.claim();
        }
        let (left, right) = (self.any(depth - 1), self.any(depth - 1));
        match self.below(5) {
            0 | 1 => format!("({left}) and ({right})"),
            2 | 3 => format!("({left}) or ({right})"),
            _ => format!("not ({left})"),
        }
    }

    fn claim(&mut self) -> String {
        match self.below(13) {
            12 => self.since(),
            0..=5 => {
                let (left, right) = (self.number(), self.value_or_number());
                let op = self.pick(&["==", "!=", "<", "<=", ">", ">="]);
                format!("{left} {op} {right}")
            }
            6 => self.truth(),
            7 => format!("monotonic({})", self.number_query()),
            8 => self.leaders(),
            9 => self.in_sync(),
            10 => self.past(),
            _ => self.invariant(),
        }
    }

    fn value_or_number(&mut self) -> String {
        match self.below(10) {
            0..=6 => self.below(30).to_string(),
            7 => self.below(300).to_string(),
            _ => self.number(),
        }
    }

    fn number(&mut self) -> String {
        let partition = self.pick(&self.partitions.clone());
        match self.below(10) {
            0 => format!("size(isr({partition}))"),
            1 => {
                let query = self.any_query();
                format!("changes({query})")
            }
            _ => self.number_query(),
        }
    }

    fn any_query(&mut self) -> String {
        let partition = self.pick(&self.partitions.clone());
        match self.below(4) {
            0 => format!("isr({partition})"),
            1 => format!("leader({partition})"),
            2 => self.truth(),
            _ => self.number_query(),
        }
    }

    fn number_query(&mut self) -> String {
        match self.below(12) {
            0 => format!("leo({})", self.partitions()),
            1 => format!("hw({})", self.partitions()),
            2 => format!("{}({}@{})", self.pick(&["leo", "hw"]), self.partition(), self.broker()),
            3 => format!("epoch({})", self.partitions()),
            4 => format!("epoch({}@{})", self.partition(), self.viewer()),
            5 if !self.consumers.is_empty() => format!("processing({})", self.consumer()),
            6 if !self.consumers.is_empty() => {
                format!("position({}, {})", self.consumer(), self.partition())
            }
            7 => {
                let codes = [
                    "NOT_ENOUGH_REPLICAS",
                    "REQUEST_TIMED_OUT",
                    "NOT_LEADER_OR_FOLLOWER",
                    "NETWORK_EXCEPTION",
                    "OFFSET_OUT_OF_RANGE",
                    "INELIGIBLE_REPLICA",
                    "OUT_OF_ORDER_SEQUENCE_NUMBER",
                ];
                let code = self.pick(&codes);
                let node = if self.below(3) == 0 { self.broker() } else { self.client() };
                format!("errors({node}, {code})")
            }
            8 | 9 => self.pick(&Count::ALL).word().to_owned(),
            _ => {
                let count = self.pick(&Count::ALL);
                let clients = if count.roles().contains(&Role::Producer) {
                    self.producers.clone()
                } else {
                    self.consumers.clone()
                };
                let of = if clients.is_empty() { return count.word().to_owned() } else { clients };
                let whom = if self.below(4) == 0 { "*".to_owned() } else { self.pick(&of) };
                format!("{}({whom})", count.word())
            }
        }
    }

    fn partition(&mut self) -> String {
        self.pick(&self.partitions.clone())
    }

    /// One partition, or a set of them.
    fn partitions(&mut self) -> String {
        match self.below(6) {
            0 => "*".to_owned(),
            1 => {
                let partition = self.partition();
                let (topic, _) = partition.rsplit_once('-').expect("a topic and a number");
                format!("{topic}-*")
            }
            _ => self.partition(),
        }
    }

    fn broker(&mut self) -> String {
        self.pick(&self.brokers.clone())
    }

    fn consumer(&mut self) -> String {
        self.pick(&self.consumers.clone())
    }

    fn client(&mut self) -> String {
        let mut all = self.producers.clone();
        all.extend(self.consumers.clone());
        self.pick(&all)
    }

    /// A broker or a client, in whose view something is.
    fn viewer(&mut self) -> String {
        if self.below(2) == 0 { self.broker() } else { self.client() }
    }

    fn since(&mut self) -> String {
        let op = self.pick(&["<", "<=", ">", ">="]);
        format!("since({}) {op} {}ms", self.pick(&STEPS), self.below(9_000))
    }

    fn truth(&mut self) -> String {
        let mut nodes = self.brokers.clone();
        nodes.extend(["k1".to_owned(), "*".to_owned()]);
        nodes.extend(self.producers.iter().chain(&self.consumers).cloned());
        match self.below(3) {
            0 => format!("offline({})", self.partitions()),
            1 => format!("up({})", self.pick(&nodes)),
            _ if self.below(3) == 0 => "fenced(*)".to_owned(),
            _ => format!("fenced({})", self.broker()),
        }
    }

    fn leaders(&mut self) -> String {
        let mut values = self.brokers.clone();
        values.push("none".to_owned());
        let (value, op) = (self.pick(&values), self.pick(&["==", "!="]));
        if self.below(3) == 0 {
            return format!("leader({}@{}) {op} {value}", self.partition(), self.viewer());
        }
        format!("leader({}) {op} {value}", self.partitions())
    }

    fn some_brokers(&mut self) -> Vec<String> {
        let all = self.brokers.clone();
        let some: Vec<String> = all.into_iter().filter(|_| self.below(2) == 0).collect();
        if some.is_empty() { vec![self.pick(&self.brokers.clone())] } else { some }
    }

    fn in_sync(&mut self) -> String {
        let op = self.pick(&["==", "!="]);
        let set = self.some_brokers().join(", ");
        if self.below(3) == 0 {
            return format!("isr({}@{}) {op} {{{set}}}", self.partition(), self.broker());
        }
        format!("isr({}) {op} {{{set}}}", self.partitions())
    }

    fn past(&mut self) -> String {
        let partition = self.pick(&self.partitions.clone());
        let op = self.pick(&["==", "!="]);
        if self.below(2) == 0 {
            let list = self.some_brokers().join(", ");
            return format!("history(leader({partition})) {op} [{list}]");
        }
        let last = self.below(4);
        let list: Vec<String> = (0..=last).map(|n| n.to_string()).collect();
        format!("history(epoch({partition})) {op} [{}]", list.join(", "))
    }

    fn invariant(&mut self) -> String {
        let n = self.below(27) + 1;
        self.pick(&[format!("INV-{n}"), format!("violated(INV-{n})")])
    }
}
