//! What Kafka refuses when it reads a configuration, with the reason and a remedy.
//!
//! A key that is written is judged by itself (`ConfigDef`); if each of them is good, what they say
//! together is. A test reads `tests/oracle/refusals.jsonl`, where each line is a configuration that
//! Kafka's own classes took or refused.

mod broker;
mod client;
mod consumer;
mod defaults;
mod group;
mod group_limits;
mod listeners;
mod producer;
mod topic;

use std::collections::BTreeMap;

use super::catalog::Scope;
use super::value::Parsed;

pub use defaults::{SYNONYMS, topic_defaults};
pub use listeners::complete;
pub(super) use producer::least_delivery_timeout;

/// What is written: values by key, as in a properties file.
pub type Written = BTreeMap<String, String>;

/// Why Kafka would not start with this configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The keys it is about: the one to change first, then those that it clashes with.
    pub keys: Vec<String>,
    /// What is wrong with them: the second half of a sentence, "Kafka refuses this: ..".
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

/// What a configuration is judged beside.
#[derive(Clone, Copy, Debug, Default)]
pub struct Around<'a> {
    /// What is written for the brokers, where a topic or a group is judged.
    pub broker: Option<&'a Written>,
    /// What the topic has already; `None` if it is being made.
    pub existing: Option<&'a Written>,
    /// Whether no class is on the path but Kafka's own. If not, whoever names another has it.
    pub only_own_classes: bool,
}

/// Every reason why Kafka refuses what is written; none if it takes it.
pub fn refusals(scope: Scope, written: &Written, around: Around<'_>) -> Vec<Refusal> {
    let alone = alone(scope, written);
    if alone.is_empty() { together(scope, written, around) } else { alone }
}

/// Why Kafka refuses keys by themselves.
fn alone(scope: Scope, written: &Written) -> Vec<Refusal> {
    let refused = written.iter().filter_map(|(name, value)| {
        let Some(key) = scope.key(name) else {
            return (scope == Scope::Topic).then(|| topic::unknown(name));
        };
        let expected = key.parse(value).err()?;
        let shown = if value.trim().is_empty() { "an empty value" } else { value.trim() };
        Some(Refusal {
            keys: vec![name.clone()],
            reason: format!("`{name}` cannot be {shown}"),
            remedy: format!("expected {expected}"),
        })
    });
    refused.collect()
}

/// Why Kafka refuses keys that are good by themselves.
pub fn together(scope: Scope, written: &Written, around: Around<'_>) -> Vec<Refusal> {
    let mut found = Vec::new();
    let view = View { scope, written };
    match scope {
        Scope::Producer => producer::check(&view, around, &mut found),
        Scope::Consumer => consumer::check(&view, around, &mut found),
        Scope::Admin => client::check(&view, &mut found),
        Scope::Broker => broker::check(&view, &mut found),
        Scope::Topic => topic::check(&view, around, &mut found),
        Scope::Group => group::check(&view, around, &mut found),
    }
    found
}

/// What is written, and Kafka's defaults where nothing is. Only keys of the scope may be asked for.
struct View<'a> {
    scope: Scope,
    written: &'a Written,
}

impl View<'_> {
    fn is_written(&self, name: &str) -> bool {
        self.written.contains_key(name)
    }

    fn value(&self, name: &str) -> Parsed {
        let key = self.scope.key(name).expect("rules speak of keys that exist");
        match self.written.get(name) {
            Some(text) => key.parse(text).unwrap_or_else(|_| key.default_value()),
            None => key.default_value(),
        }
    }

    /// A whole number; `None` if the key is not set.
    fn number(&self, name: &str) -> Option<i64> {
        self.value(name).number()
    }

    /// A whole number that has a default.
    fn whole(&self, name: &str) -> i64 {
        self.number(name).expect("this key has a default")
    }

    fn truth(&self, name: &str) -> bool {
        self.value(name).truth().expect("this key has a default")
    }

    /// A text; empty if the key is not set.
    fn word(&self, name: &str) -> String {
        self.value(name).word().unwrap_or_default().to_owned()
    }

    /// A list; empty if the key is not set.
    fn names(&self, name: &str) -> Vec<String> {
        self.value(name).names().unwrap_or_default().to_vec()
    }

    /// Refuses the configuration if `small` is larger than `large`, or as large where it must not be.
    fn order(&self, small: &str, relation: Relation, large: &str, found: &mut Vec<Refusal>) {
        let (low, high) = (self.whole(small), self.whole(large));
        let (holds, word, most) = match relation {
            Relation::AtMost => (low <= high, "at most", high),
            Relation::Below => (low < high, "below", high.saturating_sub(1)),
        };
        // The key that was written is the one to change.
        let (first, second) = if self.is_written(small) || !self.is_written(large) {
            (small, large)
        } else {
            (large, small)
        };
        require(found, holds, &[first, second], || {
            let reason =
                format!("`{small}` is {low} and must be {word} `{large}`, which is {high}");
            (reason, format!("set `{small}` to {most} or less, or raise `{large}`"))
        });
    }
}

/// Refuses the configuration unless `holds`; `say` gives the reason and the remedy.
fn require(
    found: &mut Vec<Refusal>,
    holds: bool,
    keys: &[&str],
    say: impl FnOnce() -> (String, String),
) {
    if !holds {
        let (reason, remedy) = say();
        let keys = keys.iter().map(|&key| key.to_owned()).collect();
        found.push(Refusal { keys, reason, remedy });
    }
}

/// How two numbers must stand to each other.
#[derive(Clone, Copy)]
enum Relation {
    AtMost,
    Below,
}
