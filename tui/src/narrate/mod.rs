//! Sentences about a run, in English and in Korean. What happened comes as data; here it gets words.
//!
//! A sentence stands alone and can be read aloud. Names of nodes, settings and error codes are Kafka's
//! in both languages.

mod en;
mod event;
mod ko;
mod particle;

use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::id::{NodeId, RecordId, TopicPartition};
use kafkalab_sim::biography::{Biography, Loss, Moment};
use kafkalab_sim::ledger::Fate;
use kafkalab_sim::remedy::{Effect, Remedy, Setting};
use kafkalab_sim::scenario::{Lang, Plan};
use kafkalab_sim::story::Told;

pub use event::{is_routine, kind};

use crate::cli::time::seconds;
use kafkalab_sim::recording::Entry;

/// Something that happened, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// What happened.
    pub text: String,
    /// How things stand afterwards, in few words; may be empty.
    pub state: String,
}

impl Sentence {
    fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), state: String::new() }
    }

    fn with(text: impl Into<String>, state: impl Into<String>) -> Self {
        Self { text: text.into(), state: state.into() }
    }
}

/// The names of a plan, and the language to say them in.
#[derive(Clone, Copy, Debug)]
pub struct Narrator<'a> {
    /// Whose names.
    pub plan: &'a Plan,
    /// Which language.
    pub lang: Lang,
}

impl Narrator<'_> {
    /// A moment of a record's life.
    pub fn moment(self, life: &Biography, moment: &Moment) -> Sentence {
        match self.lang {
            Lang::En => en::moment(self, life, moment),
            Lang::Ko => ko::moment(self, life, moment),
        }
    }

    /// The record's fate as one word of a headline.
    pub const fn word(self, fate: Fate) -> &'static str {
        match self.lang {
            Lang::En => en::word(fate),
            Lang::Ko => ko::word(fate),
        }
    }

    /// The record's fate as a sentence.
    pub fn fate(self, life: &Biography) -> String {
        match self.lang {
            Lang::En => en::fate(self, life),
            Lang::Ko => ko::fate(self, life),
        }
    }

    /// Why records were lost, in half a sentence.
    pub fn loss(self, life: &Biography, loss: Loss) -> String {
        match self.lang {
            Lang::En => en::loss(life, loss),
            Lang::Ko => ko::loss(life, loss),
        }
    }

    /// What would have kept a lost record, as a sentence; `variant` is one that has these settings.
    pub fn remedy(self, remedy: Option<&Remedy>, variant: Option<&str>) -> String {
        match self.lang {
            Lang::En => en::remedy(remedy, variant),
            Lang::Ko => ko::remedy(remedy, variant),
        }
    }

    /// `#3 #4 lost: b1 acked them alone and died; acks=all would have kept them`.
    pub fn verdict(self, records: &str, why: &str, remedy: Option<&Remedy>) -> String {
        match self.lang {
            Lang::En => en::verdict(records, why, remedy),
            Lang::Ko => ko::verdict(records, why, remedy),
        }
    }

    /// An event of the time line.
    pub fn event(self, entry: &Entry) -> String {
        match self.lang {
            Lang::En => event::en(self, entry),
            Lang::Ko => event::ko(self, entry),
        }
    }

    /// Events that are not shown one by one.
    pub fn folded(self, length: &str, count: usize) -> String {
        match self.lang {
            Lang::En if count == 1 => format!("~ {length} s, 1 routine event"),
            Lang::En => format!("~ {length} s, {count} routine events"),
            Lang::Ko => format!("~ {length}초 동안 반복되는 이벤트 {count}개"),
        }
    }

    fn node(self, node: NodeId) -> String {
        self.plan.node_name(node)
    }

    fn tp(self, tp: TopicPartition) -> String {
        self.plan.partition_name(tp)
    }

    fn record(self, id: RecordId) -> String {
        crate::cli::run::record_name(self.plan, id)
    }

    /// `b1 b3`.
    fn nodes(self, nodes: &[NodeId]) -> String {
        let names: Vec<String> = nodes.iter().map(|node| self.node(*node)).collect();
        names.join(" ")
    }

    /// What the story did, as sentences of the scenario language.
    fn deeds(self, told: Told) -> (Option<String>, String) {
        let (name, actions) = match told {
            Told::Step(n) => {
                let step = &self.plan.steps[n];
                (Some(step.id.clone().unwrap_or_else(|| (n + 1).to_string())), &step.actions)
            }
            Told::Inject(n) => (None, &self.plan.injects[n].actions),
            Told::Wake => return (None, String::new()),
        };
        let shown = actions.iter().map(|action| action.show(&self.plan.names).to_string());
        (name, shown.collect::<Vec<_>>().join("; "))
    }
}

/// The settings as they stand in a scenario: `acks=all and min.insync.replicas=2`.
fn settings(remedy: &Remedy, and: &str) -> String {
    let one = |setting: &Setting| match setting {
        Setting::AcksAll => "acks=all".to_owned(),
        Setting::MinInsyncReplicas(n) => format!("min.insync.replicas={n}"),
        Setting::NoUnclean => "unclean.leader.election.enable=false".to_owned(),
        Setting::Replicas(n) => format!("replicas={n}"),
    };
    remedy.settings.iter().map(one).collect::<Vec<_>>().join(and)
}

const fn keeps(remedy: &Remedy) -> bool {
    matches!(remedy.effect, Effect::Kept)
}

fn has_one(set: BrokerSet) -> Option<NodeId> {
    if set.len() == 1 { set.iter().next() } else { None }
}

/// The moment in front of a line, right-aligned.
pub fn stamp(at: kafkalab_core::time::Instant) -> String {
    format!("{:>9}", seconds(at))
}
