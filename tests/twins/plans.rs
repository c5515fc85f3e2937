//! Plans of chaos with random promises and triggers over the whole grammar of conditions.
//!
//! A condition is drawn as a sentence and read by the language's own parser; what that refuses (a
//! constant, a comparison that can never hold) is drawn again.

use kafkalab_core::chance::Draws;
use kafkalab_core::time::Instant;
use kafkalab_core::config::Settings;
use kafkalab_sim::chaos::{self, Chaos};
use kafkalab_sim::scenario::condition::Condition;
use kafkalab_sim::scenario::plan::{ClientKind, InjectPlan, Plan, Promise, PromiseKind, Trigger};
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
    for _ in 0..3 {
        let condition = words.condition();
        let action = words.harmless_action();
        let action = parse_action(&action, &plan.names).expect("a valid action");
        plan.injects.push(InjectPlan::new(Trigger::When(condition), vec![action], &plan.names));
    }
    Arc::new(plan)
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
        match self.below(12) {
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
        let partition = self.pick(&self.partitions.clone());
        let broker = self.pick(&self.brokers.clone());
        let producer = self.pick(&self.producers.clone());
        let words = ["lost", "delivered", "duplicates", "log_duplicates", "at_risk", "unknown"];
        match self.below(12) {
            0 => format!("leo({partition})"),
            1 => format!("hw({partition})"),
            2 => format!("leo({partition}@{broker})"),
            3 => format!("hw({partition}@{broker})"),
            4 => format!("epoch({partition})"),
            5 => format!("sent({producer})"),
            6 => format!("acked({producer})"),
            7 => format!("failed({producer})"),
            8 => self.pick(&["acked", "sent"]).to_owned(),
            9 if !self.consumers.is_empty() => {
                let consumer = self.pick(&self.consumers.clone());
                let word = self.pick(&["processing", "processed"]);
                format!("{word}({consumer})")
            }
            _ => self.pick(&words).to_owned(),
        }
    }

    fn truth(&mut self) -> String {
        let (partition, broker) =
            (self.pick(&self.partitions.clone()), self.pick(&self.brokers.clone()));
        let mut nodes = self.brokers.clone();
        nodes.extend(["k1".to_owned()]);
        nodes.extend(self.producers.iter().chain(&self.consumers).cloned());
        match self.below(3) {
            0 => format!("offline({partition})"),
            1 => format!("up({})", self.pick(&nodes)),
            _ => format!("fenced({broker})"),
        }
    }

    fn leaders(&mut self) -> String {
        let partition = self.pick(&self.partitions.clone());
        let mut values = self.brokers.clone();
        values.push("none".to_owned());
        let (value, op) = (self.pick(&values), self.pick(&["==", "!="]));
        format!("leader({partition}) {op} {value}")
    }

    fn some_brokers(&mut self) -> Vec<String> {
        let all = self.brokers.clone();
        let some: Vec<String> = all.into_iter().filter(|_| self.below(2) == 0).collect();
        if some.is_empty() { vec![self.pick(&self.brokers.clone())] } else { some }
    }

    fn in_sync(&mut self) -> String {
        let partition = self.pick(&self.partitions.clone());
        let op = self.pick(&["==", "!="]);
        let set = self.some_brokers().join(", ");
        format!("isr({partition}) {op} {{{set}}}")
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
        let n = self.below(18) + 1;
        self.pick(&[format!("INV-{n}"), format!("violated(INV-{n})")])
    }
}
