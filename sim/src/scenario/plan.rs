//! A scenario as it will be run: plain data, every name resolved, every default filled in.
//!
//! Nothing here knows TOML or where a value was written, except what a later message must point at
//! ([`Promise::place`]). [`super::load`] makes these values; the simulator reads them.

use std::sync::Arc;

use kafkalab_core::config::{
    BrokerConfig, ConsumerConfig, ProducerConfig, TopicConfig, Variations,
};
use kafkalab_core::id::{NodeId, TopicId, TopicPartition};
use kafkalab_core::time::{Duration, Span};

use super::action::Action;
use super::condition::Condition;
use super::diagnostic::{Origin, Place};
use super::names::Names;

/// One scenario file, or lesson, with all its variants.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its name in commands and outputs.
    pub id: String,
    /// Its name for people.
    pub title: Text,
    /// The seed of every variant.
    pub seed: u64,
    /// Run side by side; at least one.
    pub variants: Vec<Variant>,
    /// The file as it was read.
    pub origin: Arc<Origin>,
}

/// One column of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// `None` if the file has no variants: then there is one, nameless.
    pub name: Option<String>,
    /// What is run.
    pub plan: Plan,
}

/// The language of texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Korean.
    Ko,
}

/// A text for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// English, always there.
    pub en: String,
    /// Korean; `None` if it was not written, English is then shown.
    pub ko: Option<String>,
}

impl Text {
    /// The text in `lang`, or in English.
    pub fn get(&self, lang: Lang) -> &str {
        match (lang, &self.ko) {
            (Lang::Ko, Some(ko)) => ko,
            _ => &self.en,
        }
    }
}

/// One run: a world, a story, promises.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Everything random in the run follows from it.
    pub seed: u64,
    /// Virtual time after t = 0 at which the run ends in any case.
    pub limit: Duration,
    /// How the run is meant to end.
    pub ends: Ends,
    /// Brokers and controllers.
    pub cluster: ClusterPlan,
    /// The links between all nodes.
    pub net: NetPlan,
    /// In order of declaration; the place in the list is the [`TopicId`].
    pub topics: Vec<TopicPlan>,
    /// In order of declaration; the place in the list plus one is the client's number.
    pub clients: Vec<ClientPlan>,
    /// The story, in order: a step fires only after the one before it.
    pub steps: Vec<StepPlan>,
    /// Actions beside the story, in no order: the file's first, then those of the command line.
    pub injects: Vec<InjectPlan>,
    /// What is judged.
    pub promises: Vec<Promise>,
    /// Word to id and back.
    pub names: Names,
}

impl Plan {
    /// The name of a node: `b1`, `k1`, `p1`.
    pub fn node_name(&self, node: NodeId) -> String {
        self.names.node_name(node)
    }

    /// The name of a topic.
    pub fn topic_name(&self, topic: TopicId) -> &str {
        self.names.topic_name(topic)
    }

    /// The name of a partition: `orders-0`.
    pub fn partition_name(&self, tp: TopicPartition) -> String {
        self.names.partition_name(tp)
    }

    /// Whether a promise demands that this invariant is violated, and so excuses it.
    pub fn excuses(&self, invariant: &str) -> bool {
        self.promises.iter().any(|promise| promise.demands_violation_of(invariant))
    }

    /// Every node of the run, in order: brokers, controllers, clients.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        let brokers = (1..=self.cluster.brokers).map(NodeId::broker);
        let controllers = (1..=self.cluster.controllers).map(NodeId::controller);
        brokers.chain(controllers).chain(self.clients.iter().map(|client| client.node))
    }
}

/// How a run is meant to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ends {
    /// When nothing is pending any more.
    #[default]
    Quiet,
    /// At the limit: this scenario never becomes quiet, by design.
    Limit,
}

/// Brokers and controllers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterPlan {
    /// `b1` to `b<brokers>`.
    pub brokers: u16,
    /// `k1` to `k<controllers>`; one, for now.
    pub controllers: u16,
    /// Settings all of them share.
    pub config: BrokerConfig,
    /// Protections switched off.
    pub variations: Variations,
    /// How long a broker takes to apply a piece of metadata, drawn anew for each.
    pub metadata_apply: Span,
    /// The generation of the protocol, a Kafka release.
    pub profile: String,
}

/// The links between all nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetPlan {
    /// How long a message is under way, drawn anew for each.
    pub latency: Latency,
    /// After a heal, what was held back goes with its sender's next retransmission; if not, at once.
    pub retransmission: bool,
}

impl Default for NetPlan {
    fn default() -> Self {
        Self { latency: Latency::default(), retransmission: true }
    }
}

/// A distribution of latencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// The shortest.
    pub min: Duration,
    /// The longest, the tail apart.
    pub max: Duration,
    /// A few messages take much longer; `None` means none do.
    pub tail: Option<Tail>,
}

/// The slow few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// How many in a thousand.
    pub permille: u32,
    /// How long they take.
    pub at: Duration,
}

impl Default for Latency {
    /// 1 ms ± 20 %.
    fn default() -> Self {
        Self { min: Duration::from_micros(800), max: Duration::from_micros(1_200), tail: None }
    }
}

/// One topic. Replica r of partition p is placed on broker 1 + (p + r) mod brokers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPlan {
    /// Its name.
    pub name: String,
    /// Its place in the list of topics.
    pub id: TopicId,
    /// Partitions, numbered from 0.
    pub partitions: u32,
    /// Replicas of each.
    pub replicas: u16,
    /// Its settings.
    pub config: TopicConfig,
}

/// One client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientPlan {
    /// Its name.
    pub name: String,
    /// Its id.
    pub node: NodeId,
    /// When it is started.
    pub start: Start,
    /// What it does.
    pub kind: ClientKind,
}

/// When a client is started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// It takes part in the warm-up: it is up and ready at t = 0.
    #[default]
    WarmUp,
    /// At a moment, counted from t = 0.
    At(Duration),
    /// By the story: it is down until an action starts it.
    Story,
}

/// What a client does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// It sends records.
    Producer(ProducerPlan),
    /// It reads them.
    Consumer(ConsumerPlan),
}

/// The work of a producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerPlan {
    /// Where it sends to.
    pub topic: TopicId,
    /// How many records it sends.
    pub records: u32,
    /// Time from one record to the next.
    pub every: Duration,
    /// How many different keys it uses in turn; `None` means null keys.
    pub keys: Option<u32>,
    /// Bytes of each value.
    pub value_bytes: u32,
    /// Its settings.
    pub config: ProducerConfig,
}

/// The work of a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerPlan {
    /// What it reads, sorted, each partition once.
    pub assign: Vec<TopicPartition>,
    /// Time it spends on one record.
    pub process: Duration,
    /// Its settings.
    pub config: ConsumerConfig,
}

/// One step of the story.
#[derive(Clone, Debug, PartialEq)]
pub struct StepPlan {
    /// Its name; `None` if nobody refers to it.
    pub id: Option<String>,
    /// When it fires.
    pub trigger: Trigger,
    /// How long it may wait for its condition before the run is STUCK; `None` means until the limit.
    pub within: Option<Duration>,
    /// What is done, in order; nothing for a step that is only a stop for the reader.
    pub actions: Vec<Action>,
    /// What the reader should look at: partitions, replicas, nodes, topics.
    pub look: Vec<String>,
    /// A heading; `None` if there is none.
    pub title: Option<Text>,
    /// What is told; `None` if nothing is.
    pub say: Option<Text>,
    /// What is asked; `None` if nothing is.
    pub quiz: Option<Quiz>,
}

/// When something fires.
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// At a moment, counted from t = 0.
    At(Duration),
    /// Some time after a step has fired.
    After {
        /// Which step, by its place in [`Plan::steps`]; `None` means the step before, or t = 0.
        step: Option<usize>,
        /// How long after.
        delay: Duration,
    },
    /// When a condition first holds.
    When(Condition),
}

/// A question to the reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quiz {
    /// The question.
    pub ask: Text,
    /// At least two answers.
    pub choices: Vec<Text>,
    /// The place of the right one in `choices`, from 0 (the file counts from 1).
    pub answer: usize,
}

/// An action beside the story. Its trigger is never [`Trigger::After`].
#[derive(Clone, Debug, PartialEq)]
pub struct InjectPlan {
    /// When it happens, once.
    pub trigger: Trigger,
    /// What is done, in order.
    pub actions: Vec<Action>,
    /// The sentence that says it: `when hw(orders-0) >= 5: kill b1`.
    pub text: String,
}

impl InjectPlan {
    /// `actions` when `trigger` says so, with the sentence for it.
    pub fn new(trigger: Trigger, actions: Vec<Action>, names: &Names) -> Self {
        let when = match &trigger {
            Trigger::At(time) | Trigger::After { delay: time, .. } => format!("at {time}"),
            Trigger::When(condition) => format!("when {}", condition.show(names)),
        };
        let deeds: Vec<String> = actions.iter().map(|one| one.show(names).to_string()).collect();
        Self { trigger, actions, text: format!("{when}: {}", deeds.join("; ")) }
    }
}

/// When a promise is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromiseKind {
    /// It holds after every input.
    Always,
    /// It holds after no input.
    Never,
    /// It holds after at least one input.
    Eventually,
    /// It holds at the end.
    Finally,
}

impl PromiseKind {
    /// The word in the file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Never => "never",
            Self::Eventually => "eventually",
            Self::Finally => "finally",
        }
    }
}

/// Something a scenario claims about its run.
#[derive(Clone, Debug, PartialEq)]
pub struct Promise {
    /// When it is judged.
    pub kind: PromiseKind,
    /// What must, or must not, hold.
    pub condition: Condition,
    /// As it was written.
    pub text: String,
    /// Where it was written: what the message of a broken promise points at.
    pub place: Place,
}

impl Promise {
    /// Whether it can only be kept if this invariant is violated: `violated(..)` in `eventually` or
    /// `finally`. Everything else that names an invariant judges it harder and excuses nothing.
    pub fn demands_violation_of(&self, invariant: &str) -> bool {
        match self.kind {
            PromiseKind::Eventually | PromiseKind::Finally => {
                self.condition.demanded_violations().contains(&invariant)
            }
            PromiseKind::Always | PromiseKind::Never => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_language_falls_back_to_english() {
        let both = Text { en: "leader".to_owned(), ko: Some("리더".to_owned()) };
        let one = Text { en: "leader".to_owned(), ko: None };
        assert_eq!((both.get(Lang::En), both.get(Lang::Ko)), ("leader", "리더"));
        assert_eq!(one.get(Lang::Ko), "leader");
    }
}
