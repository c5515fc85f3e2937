//! Which variants there are, and what each `$parameter` stands for in each of them.
//!
//! Defaults come from `[param]`, then a variant's own values, then `--set` of the command line; a list
//! `--set acks=0,1` makes a variant of each of its members.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::LoadOptions;
use super::diagnostic::{Origin, Place, Sink};
use super::file::{Kind, Table, Value};
use super::file_mistake as mistake;
use super::library::Library;
use super::read::{Parameters, Reader};

/// The most variants of one scenario.
pub(super) const MOST_VARIANTS: usize = 32;
/// The most parameters of one variant.
const MOST_PARAMETERS: usize = 100;

/// One variant before it is read: its name, what it inherits from, its parameters.
#[derive(Clone, Debug, Default)]
pub(super) struct Column {
    /// Shown as the column's head; `None` if there is only one.
    pub(super) name: Option<String>,
    /// The variant of the file it comes from: what `for` refers to. `None` if there is none.
    pub(super) base: Option<String>,
    /// What its parameters stand for.
    pub(super) params: Parameters,
}

/// Works out every variant that is to be read.
pub(super) fn columns(
    root: &Table,
    options: &LoadOptions,
    files: &Library<'_>,
    sink: &mut Sink,
) -> Vec<Column> {
    let no_params = Parameters::default();
    let mut reader = Reader { sink, params: &no_params, files };
    let defaults = reader.table(root, "param");
    let written = reader.table(root, "variants");
    let mut columns = from_file(defaults, written, &mut reader);
    let sets = command_line(options, &columns, sink);
    choose(&mut columns, options, sink);
    replace(&mut columns, &sets, sink);
    for set in &sets {
        columns = multiply(columns, set);
        if columns.len() > MOST_VARIANTS {
            let place = &set.values[0].place;
            sink.push(*mistake::too_many(place, "variants", columns.len(), MOST_VARIANTS));
            columns.truncate(1);
        }
    }
    columns
}

/// The names of the variants in the file.
pub(super) fn names(root: &Table) -> Vec<&str> {
    match root.entry("variants").map(|entry| &entry.value.kind) {
        Some(Kind::Table(table)) => table.entries.iter().map(|one| one.key.as_str()).collect(),
        _ => Vec::new(),
    }
}

fn from_file(
    defaults: Option<&Table>,
    written: Option<&Table>,
    reader: &mut Reader<'_>,
) -> Vec<Column> {
    let mut plain = Column::default();
    if let Some(defaults) = defaults {
        insert(&mut plain, defaults, reader);
    }
    let mut columns = Vec::new();
    for entry in written.iter().flat_map(|table| &table.entries) {
        if columns.len() == MOST_VARIANTS {
            let count = written.map_or(0, |table| table.entries.len());
            reader.push(mistake::too_many(&entry.place, "variants", count, MOST_VARIANTS));
            break;
        }
        let mut column = plain.clone();
        column.name = Some(entry.key.clone());
        column.base.clone_from(&column.name);
        match &entry.value.kind {
            Kind::Table(values) => insert(&mut column, values, reader),
            _ => {
                reader
                    .push(mistake::wrong_kind(&entry.value, "a table such as `{ acks = \"1\" }`"));
            }
        }
        columns.push(column);
    }
    if columns.is_empty() {
        columns.push(plain);
    }
    let all = columns.iter().flat_map(|column| column.params.values.keys().cloned());
    let known: Vec<String> = all.collect::<BTreeSet<_>>().into_iter().collect();
    for column in &mut columns {
        column.params.variant.clone_from(&column.name);
        column.params.known.clone_from(&known);
    }
    columns
}

/// Gives a variant the values of a table.
fn insert(column: &mut Column, values: &Table, reader: &mut Reader<'_>) {
    if let Some(over) = values.entries.get(MOST_PARAMETERS) {
        let count = values.entries.len();
        reader.push(mistake::too_many(&over.place, "parameters", count, MOST_PARAMETERS));
    }
    for one in values.entries.iter().take(MOST_PARAMETERS) {
        column.params.values.insert(one.key.clone(), Arc::new(one.value.clone()));
    }
}

/// One `--set`: a parameter and the values it takes.
struct Setting {
    key: String,
    values: Vec<Arc<Value>>,
}

fn command_line(options: &LoadOptions, columns: &[Column], sink: &mut Sink) -> Vec<Setting> {
    let known: Vec<&str> =
        columns.iter().flat_map(|column| &column.params.known).map(String::as_str).collect();
    let known: Vec<&str> = known.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    let mut sets = Vec::new();
    for (key, written) in &options.sets {
        let text = format!("{key}={written}");
        let origin = Arc::new(Origin { name: "--set".to_owned(), text });
        if !known.contains(&key.as_str()) {
            let place = Place { origin, span: 0..key.len() };
            sink.push(*mistake::unknown_parameter(&place, key, &known));
            continue;
        }
        sets.push(Setting { key: key.clone(), values: split(&origin, key.len() + 1) });
    }
    sets
}

/// The values after `key=`, separated by commas outside of all brackets.
fn split(origin: &Arc<Origin>, start: usize) -> Vec<Arc<Value>> {
    let text = &origin.text;
    let mut values = Vec::new();
    let (mut depth, mut from) = (0_usize, start);
    for (at, sign) in text.char_indices().skip_while(|(at, _)| *at < start) {
        match sign {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                values.push(Place { origin: Arc::clone(origin), span: from..at });
                from = at + 1;
            }
            _ => {}
        }
    }
    values.push(Place { origin: Arc::clone(origin), span: from..text.len() });
    values.into_iter().map(|place| Arc::new(typed(place))).collect()
}

/// A value of the command line: a number or a truth where it reads like one, else a text.
fn typed(place: Place) -> Value {
    let text = place.text().trim();
    let kind = match (text.parse(), text) {
        (Ok(number), _) => Kind::Whole(number),
        (_, "true") => Kind::Truth(true),
        (_, "false") => Kind::Truth(false),
        _ => Kind::Text(text.to_owned()),
    };
    Value { place, kind }
}

/// Keeps only the variant that was asked for.
fn choose(columns: &mut Vec<Column>, options: &LoadOptions, sink: &mut Sink) {
    let Some(wanted) = &options.variant else { return };
    let known: Vec<String> = columns.iter().filter_map(|column| column.name.clone()).collect();
    if known.contains(wanted) {
        columns.retain(|column| column.name.as_ref() == Some(wanted));
        return;
    }
    let origin = Arc::new(Origin { name: "--variant".to_owned(), text: wanted.clone() });
    let place = Place { span: 0..wanted.len(), origin };
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    sink.push(*mistake::unknown_variant(&place, wanted, &known));
}

/// If the command line sets all that the variants differ in, they are one variant, nameless.
fn replace(columns: &mut Vec<Column>, sets: &[Setting], sink: &mut Sink) {
    let Some(set) = sets.first().filter(|_| columns.len() > 1) else { return };
    let is_set = |key: &String| sets.iter().any(|set| set.key == *key);
    if columns[0].params.known.iter().all(is_set) {
        sink.push(mistake::promises_dropped(&set.values[0].place));
        columns.truncate(1);
        columns[0].name = None;
        columns[0].base = None;
        columns[0].params.variant = None;
    }
}

/// Every column with every value of one setting; more than one value is named.
fn multiply(columns: Vec<Column>, set: &Setting) -> Vec<Column> {
    let mut product = Vec::new();
    for column in columns {
        for value in &set.values {
            let mut column = column.clone();
            if set.values.len() > 1 {
                let own = format!("{}={}", set.key, value.place.text().trim());
                let name = match &column.name {
                    Some(name) => format!("{name} {own}"),
                    None => own,
                };
                column.params.variant = Some(name.clone());
                column.name = Some(name);
            }
            column.params.values.insert(set.key.clone(), Arc::clone(value));
            product.push(column);
            if product.len() > MOST_VARIANTS {
                return product;
            }
        }
    }
    product
}

/// Warns of every parameter that no value stands for.
pub(super) fn warn_of_unused(root: &Table, sink: &mut Sink) {
    let mut used = BTreeSet::new();
    for entry in &root.entries {
        if !matches!(entry.key.as_str(), "param" | "variants") {
            collect(&entry.value, &mut used);
        }
    }
    let mut told = BTreeSet::new();
    let mut check = |table: &Table| {
        for entry in &table.entries {
            if !used.contains(entry.key.as_str()) && told.insert(entry.key.clone()) {
                sink.push(mistake::unused_parameter(&entry.place, &entry.key));
            }
        }
    };
    for key in ["param", "variants"] {
        let Some(Kind::Table(table)) = root.entry(key).map(|entry| &entry.value.kind) else {
            continue;
        };
        if key == "param" {
            check(table);
            continue;
        }
        for variant in &table.entries {
            if let Kind::Table(values) = &variant.value.kind {
                check(values);
            }
        }
    }
}

fn collect<'a>(value: &'a Value, used: &mut BTreeSet<&'a str>) {
    used.extend(value.as_parameter());
    match &value.kind {
        Kind::Many(values) => values.iter().for_each(|value| collect(value, used)),
        Kind::Table(table) => table.entries.iter().for_each(|one| collect(&one.value, used)),
        _ => {}
    }
}
