//! Sentences about a run, in English and in Korean. What happened comes as data; here it gets words.
//!
//! A sentence stands alone and can be read aloud. Names of nodes, settings and error codes are Kafka's
//! in both languages.

mod en;
mod event;
mod ko;
mod particle;

use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::config::Acks;
use kafkalab_core::id::{NodeId, RecordId, TopicPartition};
use kafkalab_sim::biography::{Biography, Cause, Finding, Moment};
use kafkalab_sim::ledger::Fate;
use kafkalab_sim::remedy::{Remedy, Search};
use kafkalab_sim::scenario::{Lang, Plan};
use kafkalab_sim::story::Told;
use kafkalab_sim::trouble::Trouble;

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

    /// Why something went wrong, in half a sentence.
    pub fn cause(self, cause: &Cause, about: Subject) -> String {
        match self.lang {
            Lang::En => en::cause::cause(self, cause, about),
            Lang::Ko => ko::cause::cause(self, cause, about),
        }
    }

    /// What became of each copy of a record.
    pub fn copies(self, life: &Biography) -> String {
        let is_spread = life.tps.len() > 1;
        match self.lang {
            Lang::En => en::cause::copies(self, &life.copies, is_spread),
            Lang::Ko => ko::cause::copies(self, &life.copies, is_spread),
        }
    }

    /// A trouble and its cause as a sentence, with no names of records: `Unread by c1: ….`
    pub fn trouble(self, trouble: Trouble, cause: &Cause, about: Subject) -> String {
        let why = self.cause(cause, about);
        let what = match self.lang {
            Lang::En => en::cause::trouble(self, trouble),
            Lang::Ko => ko::cause::trouble(self, trouble),
        };
        let mut letters = what.chars();
        // The name of a reader stays as it is.
        let starts_with_name = matches!(trouble, Trouble::DeadReader(_));
        let what = match letters.next() {
            Some(first) if !starts_with_name && self.lang == Lang::En => {
                format!("{}{}", first.to_uppercase(), letters.as_str())
            }
            _ => what.clone(),
        };
        format!("{what}: {why}.")
    }

    /// What would have helped, as a sentence; `variant` is one that has these settings.
    pub fn remedy(
        self,
        trouble: Trouble,
        search: &Search,
        variant: Option<&str>,
        of: Counted,
    ) -> String {
        match self.lang {
            Lang::En => en::cause::remedy(self, trouble, search, variant, of),
            Lang::Ko => ko::cause::remedy(self, trouble, search, variant, of),
        }
    }

    /// `#3 #4 lost: b1 acked them alone and died; acks=all would have kept them`.
    pub fn verdict(self, finding: &Finding, records: &str, search: Option<&Search>) -> String {
        let (trouble, about) = (finding.trouble, Subject::of(finding));
        let why = self.cause(&finding.cause, about);
        match self.lang {
            Lang::En => {
                let help = search.and_then(|s| en::cause::help(self, trouble, s, about.of));
                en::cause::verdict(self, trouble, records, &why, help)
            }
            Lang::Ko => {
                let help = search.and_then(|s| ko::cause::help(self, trouble, s));
                ko::cause::verdict(self, trouble, records, &why, help)
            }
        }
    }

    /// The troubles of a run, each with the records in it.
    pub fn summary(self, sent: u64, counts: &[(Trouble, Vec<RecordId>)]) -> String {
        match self.lang {
            Lang::En => en::cause::summary(self, sent, counts),
            Lang::Ko => ko::cause::summary(self, sent, counts),
        }
    }

    /// No record and no reader is in trouble; `pending` records have no outcome yet.
    pub fn nothing(self, sent: u64, pending: u64, has_readers: bool) -> String {
        match self.lang {
            Lang::En => en::cause::nothing(sent, pending, has_readers),
            Lang::Ko => ko::cause::nothing(sent, pending, has_readers),
        }
    }

    /// `#3 #4 and 2 more`: the first eight by name.
    pub fn names_of(self, ids: &[RecordId]) -> String {
        const MOST: usize = 8;
        let names: Vec<String> = ids.iter().take(MOST).map(|id| self.record(*id)).collect();
        let more = match (ids.len().saturating_sub(MOST), self.lang) {
            (0, _) => String::new(),
            (more, Lang::En) => en::cause::and_more(more),
            (more, Lang::Ko) => ko::cause::and_more(more),
        };
        format!("{}{more}", names.join(" "))
    }

    /// The cause as a sentence of its own; `share` where it is that of some of the records only.
    pub fn why(self, cause: &Cause, about: Subject, share: Option<(usize, usize)>) -> String {
        let why = self.cause(cause, about);
        match self.lang {
            Lang::En => en::cause::why(&why, share),
            Lang::Ko => ko::cause::why(&why, share),
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
            Told::RollStops(node) => return (None, format!("stop {}", self.node(node))),
            Told::RollStarts(node) => return (None, format!("start {}", self.node(node))),
        };
        let shown = actions.iter().map(|action| action.show(&self.plan.names).to_string());
        (name, shown.collect::<Vec<_>>().join("; "))
    }
}

/// The settings as they stand in a scenario: `acks=all and min.insync.replicas=2`.
fn settings(remedy: &Remedy, and: &str) -> String {
    remedy.settings.iter().map(ToString::to_string).collect::<Vec<_>>().join(and)
}

/// How many records a sentence is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// One.
    One,
    /// Several.
    Many,
}

/// What the sentence about a cause speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// One record or several.
    pub of: Counted,
    /// Whose; `None` if several producers sent them, or if it is about no record.
    pub producer: Option<NodeId>,
    /// What an ack of them meant.
    pub acks: Acks,
}

impl Subject {
    /// One record.
    pub const fn one(producer: NodeId, acks: Acks) -> Self {
        Self { of: Counted::One, producer: Some(producer), acks }
    }

    /// The records of a finding.
    pub fn of(finding: &Finding) -> Self {
        let of = if finding.records.len() == 1 && finding.of == 1 {
            Counted::One
        } else {
            Counted::Many
        };
        let first = finding.records.first().map(|id| id.producer);
        let producer = first.filter(|first| finding.records.iter().all(|id| id.producer == *first));
        Self { of, producer, acks: finding.acks }
    }
}

fn has_one(set: BrokerSet) -> Option<NodeId> {
    if set.len() == 1 { set.iter().next() } else { None }
}

/// The moment in front of a line, right-aligned.
pub fn stamp(at: kafkalab_core::time::Instant) -> String {
    format!("{:>9}", seconds(at))
}
