//! Kafka's own keys: in a table of a scenario, and in the properties file that the table names.
//!
//! A key beside `properties = ".."` wins over the same key in the file. What Kafka refuses is refused,
//! what it would ignore is told, and so is what is not built yet.

use std::collections::BTreeMap;

use kafkalab_core::config::catalog::{Default as Unwritten, Here, Key, Outside, Scope};
use kafkalab_core::config::rules::{self, Around, Written};
use kafkalab_core::config::{SettingError, Settings, limits};

use super::diagnostic::Place;
use super::file::{Entry, Kind, Table, Value};
use super::read::Reader;
use super::setting_mistake as mistake;
use super::{file_mistake, units};

/// The key of a scenario's table that names a properties file.
pub(super) const FILE_KEY: &str = "properties";

/// One line that gives a key its value.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) value: String,
    pub(super) key_at: Place,
    pub(super) value_at: Place,
}

/// Everything that is written about one producer, consumer or topic, or about the brokers.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    scope: Scope,
    by_key: BTreeMap<String, Line>,
    /// Where the table begins: what to point at when nothing that is written is at fault alone.
    at: Place,
}

impl Lines {
    /// No line at all.
    pub(super) fn none(scope: Scope, at: &Place) -> Self {
        Self { scope, by_key: BTreeMap::new(), at: at.clone() }
    }

    /// The lines of `table` that are not `own` keys of scenarios, and those of its properties file.
    pub(super) fn read<'a>(
        scope: Scope,
        table: &'a Table,
        (called, own): (&str, &[&str]),
        reader: &mut Reader<'a>,
    ) -> Self {
        let mut lines = Self::none(scope, &table.place);
        if let Some((path, place)) = reader.text(table, FILE_KEY) {
            let found = reader.files.properties(path, place);
            for one in reader.sink.keep(found).iter().flat_map(|all| all.iter()) {
                let line = Line {
                    value: one.value.clone(),
                    key_at: one.key_at.clone(),
                    value_at: one.value_at.clone(),
                };
                lines.by_key.insert(one.key.clone(), line);
            }
        }
        let is_own = |entry: &&Entry| own.contains(&entry.key.as_str()) || entry.key == FILE_KEY;
        for entry in table.entries.iter().filter(|entry| !is_own(entry)) {
            let is_setting = scope.key(&entry.key).is_some() || entry.key.contains('.');
            if is_setting && !matches!(entry.value.kind, Kind::Table(_)) {
                if let Some(line) = line(entry, reader) {
                    lines.by_key.insert(entry.key.clone(), line);
                }
            } else {
                let is_told = |key: &&Key| key.name.contains('.') || key.here == Here::Modelled;
                let all = scope.keys().filter(is_told).map(|key| key.name);
                let known: Vec<&str> = own.iter().copied().chain([FILE_KEY]).chain(all).collect();
                reader.check_key(entry, called, &known);
            }
        }
        lines
    }

    /// The line of a key.
    pub(super) fn line(&self, key: &str) -> Option<&Line> {
        self.by_key.get(key)
    }

    /// The values by key.
    pub(super) fn written(&self) -> Written {
        self.by_key.iter().map(|(key, line)| (key.clone(), line.value.clone())).collect()
    }

    /// Says everything that is to be said about the lines.
    pub(super) fn judge(&self, around: Around<'_>, reader: &mut Reader<'_>) {
        let mut is_good = true;
        for (name, line) in &self.by_key {
            is_good &= match self.scope.key(name) {
                Some(key) => judge_key(key, line, reader),
                None if self.scope.hands_on(name) => {
                    reader.sink.without_effect(name, Outside::Classes);
                    true
                }
                None => self.judge_unknown(name, line, reader),
            };
        }
        if is_good && self.judge_together(around, reader) {
            self.judge_limits(reader);
        }
    }

    /// What Kafka takes, and we cannot run.
    fn judge_limits(&self, reader: &mut Reader<'_>) {
        for (name, line) in &self.by_key {
            let number = line.value.trim().parse().ok();
            if let Some(limit) = number.and_then(|n| limits::beyond(self.scope, name, n)) {
                reader.push(mistake::beyond_limit(&line.value_at, &line.value, limit));
            }
        }
    }

    /// Kafka takes keys that it does not know, except from a topic. One that is nearly a key of its own
    /// is a mistake of spelling.
    fn judge_unknown(&self, name: &str, line: &Line, reader: &mut Reader<'_>) -> bool {
        let near = if reader.sink.is_full() { Vec::new() } else { nearly(self.scope, name) };
        let elsewhere = Scope::ALL.into_iter().find(|scope| scope.key(name).is_some());
        let is_refused = self.scope == Scope::Topic || !near.is_empty();
        let found = mistake::unknown_setting(&line.key_at, name, self.scope, (&near, elsewhere));
        if is_refused {
            reader.sink.push(found.refused());
        } else {
            reader.sink.push(found);
        }
        !is_refused
    }

    /// What is good by itself may still clash; whether it does not.
    fn judge_together(&self, around: Around<'_>, reader: &mut Reader<'_>) -> bool {
        let mut written = self.written();
        if self.scope == Scope::Broker {
            written = rules::complete(&written);
        }
        let refusals = rules::together(self.scope, &written, around);
        for refusal in &refusals {
            let mut places = refusal.keys.iter().filter_map(|key| self.by_key.get(key));
            let at = places.next().map_or(&self.at, |line| &line.value_at);
            let others: Vec<&Place> = places.map(|line| &line.value_at).collect();
            reader.push(mistake::refused(at, &others, refusal));
        }
        refusals.is_empty()
    }

    /// The settings that the lines give; those that are modelled.
    pub(super) fn settings<S: Settings>(&self, reader: &mut Reader<'_>) -> S {
        let mut settings = S::default();
        self.fill(&mut settings, reader);
        settings.settle(&self.written());
        settings
    }

    /// Sets what the lines give. A value that Kafka takes and that cannot be set is a limit of ours.
    pub(super) fn fill<S: Settings>(&self, settings: &mut S, reader: &mut Reader<'_>) {
        for name in S::KEYS {
            let Some(line) = self.by_key.get(*name) else { continue };
            let key = self.scope.key(name).expect("what is modelled is in the table");
            let is_told = key.parse(&line.value).map_or(true, |value| {
                value.number().is_some_and(|n| limits::beyond(self.scope, name, n).is_some())
            });
            if let Err(SettingError::BadValue(expected)) = settings.set(name, &line.value)
                && !is_told
            {
                reader.push(mistake::not_run(&line.value_at, name, &line.value, &expected));
            }
        }
    }
}

/// The line that an entry of a table is; `None` if its mistake was kept.
fn line<'a>(entry: &'a Entry, reader: &mut Reader<'a>) -> Option<Line> {
    let params = reader.params;
    let value: &Value = reader.sink.keep(params.resolve(&entry.value))?;
    let written = match &value.kind {
        Kind::Text(text) => text.clone(),
        Kind::Whole(number) => number.to_string(),
        Kind::Truth(truth) => truth.to_string(),
        Kind::Other("a fraction") => value.place.text().to_owned(),
        Kind::Other(_) | Kind::Many(_) | Kind::Table(_) => {
            let expected = "a number, a text, `true` or `false`";
            reader.push(file_mistake::wrong_kind(value, expected));
            return None;
        }
    };
    Some(Line { value: written, key_at: entry.place.clone(), value_at: value.place.clone() })
}

/// Says what is to be said about one key; whether Kafka takes its value.
fn judge_key(key: &Key, line: &Line, reader: &mut Reader<'_>) -> bool {
    let value = match key.parse(&line.value) {
        Ok(value) => value,
        Err(expected) => {
            let is_millis = key.name.strip_suffix(".ms").is_some();
            let time = units::duration(&line.value).ok().filter(|_| is_millis);
            reader.push(match time {
                Some(time) => mistake::seconds_for_millis(line, key.name, time.as_millis()),
                None => mistake::refused_value(line, &expected),
            });
            return false;
        }
    };
    match key.here {
        Here::Modelled => {}
        Here::NoEffect(outside) => reader.sink.without_effect(key.name, outside),
        Here::NotYet(later) => {
            let is_unset = key.default == Unwritten::Unset && line.value.trim().is_empty();
            if !is_unset && value != key.default_value() {
                reader.sink.push(mistake::not_yet(line, key, later));
            }
        }
    }
    true
}

/// The keys that `name` is one or two letters away from: one where the name is short.
fn nearly(scope: Scope, name: &str) -> Vec<&'static str> {
    let most = if name.len() < 8 { 1 } else { 2 };
    let is_as_long = |key: &&Key| key.name.len().abs_diff(name.len()) <= most;
    let near = scope.keys().filter(is_as_long).filter_map(|key| {
        let distance = strsim::damerau_levenshtein(name, key.name);
        (distance <= most).then_some((distance, key.name))
    });
    let mut near: Vec<(usize, &str)> = near.collect();
    near.sort_unstable();
    let least = near.first().map_or(0, |(distance, _)| *distance);
    near.into_iter().filter(|(distance, _)| *distance == least).map(|(_, name)| name).collect()
}
