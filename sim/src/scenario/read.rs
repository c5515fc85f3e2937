//! From bytes to a tree of values, and from the tree to typed values: every mistake is kept, reading
//! goes on.
//!
//! This is the only file that knows the TOML library.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use kafkalab_core::config::Settings;
use kafkalab_core::time::Duration;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::diagnostic::{Diagnostic, Origin, Outcome, Place, Sink};
use super::file::{Entry, Kind, Table, Value};
use super::file_mistake as mistake;
use super::library::Library;
use super::plan::Text;
use super::sentence::Sentence;
use super::units;

/// The largest file.
pub const LARGEST: usize = 1 << 20;

/// The longest list of actions, promises or names.
const MOST_VALUES: usize = 64;

/// Reads the bytes of a file: a tree, or the one reason why there is none.
pub(super) fn tree(name: &str, bytes: &[u8]) -> Result<(Arc<Origin>, Table), Box<Diagnostic>> {
    let named = |text: String| Arc::new(Origin { name: name.to_owned(), text });
    if bytes.len() > LARGEST {
        return Err(Box::new(mistake::file_too_large(&named(String::new()), LARGEST)));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(problem) => {
            let at = problem.valid_up_to();
            let origin = named(String::from_utf8_lossy(bytes).into_owned());
            let place = Place { origin, span: at..at + char::REPLACEMENT_CHARACTER.len_utf8() };
            return Err(Box::new(mistake::not_utf8(&place, bytes[at], at)));
        }
    };
    let origin = named(text.to_owned());
    let document = DeTable::parse(text).map_err(|problem| {
        let span = on_characters(text, problem.span().unwrap_or(0..0));
        let place = Place { origin: Arc::clone(&origin), span };
        Box::new(mistake::syntax(&place, problem.message()))
    })?;
    let place = Place::start(&origin);
    let root = convert_table(document.get_ref(), place, &origin);
    if root.entries.is_empty() {
        return Err(Box::new(mistake::empty_file(&origin)));
    }
    Ok((origin, root))
}

/// The span, widened to whole characters and kept inside the text.
fn on_characters(text: &str, span: std::ops::Range<usize>) -> std::ops::Range<usize> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.clamp(start, text.len()));
    start..end
}

fn convert_table(table: &DeTable<'_>, place: Place, origin: &Arc<Origin>) -> Table {
    let at = |span| Place { origin: Arc::clone(origin), span };
    let entry = |(key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| Entry {
        key: key.get_ref().clone().into_owned(),
        place: at(key.span()),
        value: convert(value, origin),
    };
    Table { place, entries: table.iter().map(entry).collect() }
}

/// The parser bounds how deep values nest, so recursion here is bounded, too.
fn convert(value: &Spanned<DeValue<'_>>, origin: &Arc<Origin>) -> Value {
    let place = Place { origin: Arc::clone(origin), span: value.span() };
    let kind = match value.get_ref() {
        DeValue::String(text) => Kind::Text(text.clone().into_owned()),
        DeValue::Integer(number) => Kind::Whole(whole(number.as_str(), number.radix())),
        DeValue::Boolean(truth) => Kind::Truth(*truth),
        DeValue::Float(_) => Kind::Other("a fraction"),
        DeValue::Datetime(_) => Kind::Other("a date"),
        DeValue::Array(values) => {
            Kind::Many(values.iter().map(|value| convert(value, origin)).collect())
        }
        DeValue::Table(table) => Kind::Table(convert_table(table, place.clone(), origin)),
    };
    Value { place, kind }
}

fn whole(digits: &str, radix: u32) -> i128 {
    let far = if digits.starts_with('-') { i128::MIN } else { i128::MAX };
    i128::from_str_radix(digits, radix).unwrap_or(far)
}

/// The parameters of one variant.
#[derive(Clone, Debug, Default)]
pub(super) struct Parameters {
    /// The variant's name; `None` if it has none.
    pub(super) variant: Option<String>,
    /// What each stands for.
    pub(super) values: BTreeMap<String, Arc<Value>>,
    /// Every parameter that any variant sets.
    pub(super) known: Vec<String>,
}

impl Parameters {
    /// The value itself, or the one its parameter stands for.
    pub(super) fn resolve<'a>(&'a self, value: &'a Value) -> Outcome<&'a Value> {
        let Some(name) = value.as_parameter() else { return Ok(value) };
        match self.values.get(name) {
            Some(found) if found.as_parameter().is_some() => {
                Err(mistake::parameter_of_parameter(&found.place))
            }
            Some(found) => Ok(found),
            None => {
                let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
                let variant = self.variant.as_deref();
                Err(mistake::unset_parameter(&value.place, name, variant, &known))
            }
        }
    }
}

/// Reads typed values out of tables, keeping every mistake.
///
/// `None` means that the key is not there, or that its mistake has been kept: the caller fills in the
/// default either way and goes on, since no plan is made once a mistake was kept.
pub(super) struct Reader<'a> {
    pub(super) sink: &'a mut Sink,
    pub(super) params: &'a Parameters,
    pub(super) files: &'a Library<'a>,
}

impl<'a> Reader<'a> {
    /// Keeps a mistake.
    pub(super) fn push(&mut self, mistake: Box<Diagnostic>) {
        self.sink.push(*mistake);
    }

    /// Reports every key of `table` that is not one of `known`.
    pub(super) fn check_keys(&mut self, table: &Table, called: &str, known: &[&str]) {
        for entry in table.entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            self.check_key(entry, called, known);
        }
    }

    /// Reports a key that is not one of `known`.
    pub(super) fn check_key(&mut self, entry: &Entry, called: &str, known: &[&str]) {
        let setting = known
            .iter()
            .find(|key| key.strip_prefix(&entry.key).is_some_and(|rest| rest.starts_with('.')));
        let nested = matches!(entry.value.kind, Kind::Table(_));
        self.sink.push(*match setting {
            Some(setting) if nested => {
                let dotted = innermost(entry);
                let setting = if known.contains(&dotted.as_str()) { &dotted } else { *setting };
                mistake::unquoted_setting(&entry.place, &entry.key, setting)
            }
            _ => mistake::unknown_key(&entry.place, &entry.key, called, known),
        });
    }

    /// The value of `key`, its parameter resolved.
    pub(super) fn value(&mut self, table: &'a Table, key: &str) -> Option<&'a Value> {
        let params = self.params;
        self.sink.keep(params.resolve(&table.entry(key)?.value))
    }

    /// The members of the list `key`, or its only value, parameters resolved; at most `most`, since a
    /// list that a parameter stands for can be read many times over.
    pub(super) fn values(&mut self, table: &'a Table, key: &str, most: usize) -> Vec<&'a Value> {
        let Some(value) = self.value(table, key) else { return Vec::new() };
        let params = self.params;
        let all = value.each();
        if let Some(over) = all.get(most) {
            self.push(mistake::too_many(&over.place, "values", all.len(), most));
        }
        all.iter().take(most).filter_map(|one| self.sink.keep(params.resolve(one))).collect()
    }

    /// A table inside `table`.
    pub(super) fn table(&mut self, table: &'a Table, key: &str) -> Option<&'a Table> {
        let value = &table.entry(key)?.value;
        let Kind::Table(inner) = &value.kind else {
            self.push(mistake::no_table(value, key));
            return None;
        };
        Some(inner)
    }

    /// The tables of `[[key]]`.
    pub(super) fn tables(&mut self, table: &'a Table, key: &str) -> Vec<&'a Table> {
        let Some(entry) = table.entry(key) else { return Vec::new() };
        let mut tables = Vec::new();
        for value in entry.value.each() {
            match &value.kind {
                Kind::Table(inner) => tables.push(inner),
                _ => self.push(mistake::wrong_kind(value, &format!("a table `[[{key}]]`"))),
            }
        }
        tables
    }

    /// A text.
    pub(super) fn text(&mut self, table: &'a Table, key: &str) -> Option<(&'a str, &'a Place)> {
        let value = self.value(table, key)?;
        self.as_text(value)
    }

    /// The text that `value` is.
    pub(super) fn as_text(&mut self, value: &'a Value) -> Option<(&'a str, &'a Place)> {
        let text = value.as_text().ok_or_else(|| mistake::wrong_kind(value, "a text in quotes"));
        self.sink.keep(text).map(|text| (text, &value.place))
    }

    /// A text or a list of texts, each with its place.
    pub(super) fn texts(&mut self, table: &'a Table, key: &str) -> Vec<(&'a str, &'a Place)> {
        self.values(table, key, MOST_VALUES)
            .into_iter()
            .filter_map(|value| self.as_text(value))
            .collect()
    }

    /// A sentence or a list of them.
    pub(super) fn sentences(&mut self, table: &'a Table, key: &str) -> Vec<Sentence> {
        let texts = self.texts(table, key);
        texts.into_iter().map(|(text, place)| Sentence::in_file(text, place)).collect()
    }

    /// A whole number in `range`.
    pub(super) fn whole(
        &mut self,
        table: &'a Table,
        key: &str,
        range: &RangeInclusive<i128>,
    ) -> Option<i128> {
        let value = self.value(table, key)?;
        let number = match value.kind {
            Kind::Whole(number) if range.contains(&number) => Ok(number),
            Kind::Whole(_) => Err(mistake::out_of_range(value, &format!("`{key}`"), range)),
            _ => Err(mistake::wrong_kind(value, "a whole number")),
        };
        self.sink.keep(number)
    }

    /// A length of time.
    pub(super) fn duration(&mut self, table: &'a Table, key: &str) -> Option<Duration> {
        let value = self.value(table, key)?;
        let length = match &value.kind {
            Kind::Text(text) => {
                units::duration(text).map_err(|why| mistake::bad_value(value, why.expected()))
            }
            Kind::Whole(_) => {
                Err(mistake::bad_value(value, "a time with its unit, such as `\"250ms\"`"))
            }
            _ => Err(mistake::wrong_kind(value, "a time such as `\"250ms\"`")),
        };
        self.sink.keep(length)
    }

    /// A text for people, in one language or two. Parameters are not looked for: texts may say `$5`.
    pub(super) fn prose(&mut self, table: &'a Table, key: &str) -> Option<Text> {
        self.as_prose(&table.entry(key)?.value)
    }

    /// The text for people that `value` is.
    pub(super) fn as_prose(&mut self, value: &'a Value) -> Option<Text> {
        let inner = match &value.kind {
            Kind::Text(text) => return Some(Text { en: text.clone(), ko: None }),
            Kind::Table(inner) => inner,
            _ => {
                self.push(mistake::wrong_kind(value, "a text, or `{ en = \"..\", ko = \"..\" }`"));
                return None;
            }
        };
        self.check_keys(inner, "a text", &["en", "ko"]);
        let mut one = |lang: &str| {
            let entry = inner.entry(lang)?;
            self.as_text(&entry.value).map(|(text, _)| text.to_owned())
        };
        let (en, ko) = (one("en"), one("ko"));
        match inner.entry("en") {
            None => self.push(mistake::missing_key(&value.place, "en", "a text", "en = \"..\"")),
            Some(english) if inner.entry("ko").is_none() => {
                self.sink.push(mistake::no_korean(&english.place));
            }
            Some(_) => {}
        }
        en.map(|en| Text { en, ko })
    }

    /// Takes every key of `table` that is one of ours, each `true` or `false`.
    pub(super) fn switches<S: Settings>(&mut self, table: &'a Table) -> S {
        let mut switches = S::default();
        for key in S::KEYS {
            let Some(value) = self.value(table, key) else { continue };
            match &value.kind {
                Kind::Truth(truth) => switches
                    .set(key, &truth.to_string())
                    .expect("each of them is `true` or `false`"),
                _ => self.push(mistake::wrong_kind(value, "`true` or `false`")),
            }
        }
        switches
    }
}

/// `min.insync.replicas` for the nested tables that TOML makes of it without quotes.
fn innermost(entry: &Entry) -> String {
    let mut dotted = entry.key.clone();
    let mut value = &entry.value;
    while let Kind::Table(inner) = &value.kind {
        let Some(next) = inner.entries.first() else { break };
        dotted = format!("{dotted}.{}", next.key);
        value = &next.value;
    }
    dotted
}
