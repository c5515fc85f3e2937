//! A scenario file as it was written: a tree of values, each with its place. It means nothing yet.

use super::diagnostic::Place;

/// A value.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) place: Place,
    pub(super) kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Text(String),
    /// Out of the range of `i128`, the nearest number in it.
    Whole(i128),
    Truth(bool),
    Many(Vec<Value>),
    Table(Table),
    /// What TOML knows and scenarios do not: a fraction, a date.
    Other(&'static str),
}

impl Value {
    /// What it is, in the words of someone who has never read about types.
    pub(super) fn is_a(&self) -> &'static str {
        match self.kind {
            Kind::Text(_) => "a text",
            Kind::Whole(_) => "a whole number",
            Kind::Truth(_) => "`true` or `false`",
            Kind::Many(_) => "a list",
            Kind::Table(_) => "a table",
            Kind::Other(name) => name,
        }
    }

    /// The text, if it is one.
    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The parameter this value stands for: `acks` for `"$acks"`.
    pub(super) fn as_parameter(&self) -> Option<&str> {
        let name = self.as_text()?.strip_prefix('$')?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        (!name.is_empty() && name.bytes().all(plain)).then_some(name)
    }

    /// A list's members, or the value by itself.
    pub(super) fn each(&self) -> &[Self] {
        match &self.kind {
            Kind::Many(values) => values,
            _ => std::slice::from_ref(self),
        }
    }
}

/// A table, in the order it was written.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// Its header, or the braces it stands in.
    pub(super) place: Place,
    pub(super) entries: Vec<Entry>,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) place: Place,
    pub(super) value: Value,
}

impl Entry {
    /// From the key to the end of the value.
    pub(super) fn line(&self) -> Place {
        let end = self.value.place.span.end.max(self.place.span.end);
        Place { span: self.place.span.start..end, ..self.place.clone() }
    }
}

impl Table {
    /// The entry called `key`.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}
