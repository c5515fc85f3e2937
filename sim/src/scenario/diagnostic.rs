//! What is said about a mistake, as plain data: the place, the reason, the remedy.
//!
//! This file knows neither colours nor terminals; the command line renders a [`Diagnostic`]. What is
//! said about which mistake stands in `mistake.rs`, one constructor per mistake.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use kafkalab_core::config::catalog::Outside;

/// A text that was read, and what to call it: a file, a built-in lesson, a flag of the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The name shown before line and column.
    pub name: String,
    /// The whole text; bytes that are not UTF-8 are replaced, so that it can be shown.
    pub text: String,
}

/// Some bytes of a text.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    /// The text.
    pub origin: Arc<Origin>,
    /// The bytes of it, always on character boundaries.
    pub span: Range<usize>,
}

impl Place {
    /// The first character of a text: where to point when something is missing altogether.
    pub fn start(origin: &Arc<Origin>) -> Self {
        let end = origin.text.chars().next().map_or(0, char::len_utf8);
        Self { origin: Arc::clone(origin), span: 0..end }
    }

    /// The bytes as written.
    pub fn text(&self) -> &str {
        self.origin.text.get(self.span.clone()).unwrap_or_default()
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}..{}", self.origin.name, self.span.start, self.span.end)
    }
}

/// Whether a mistake stops the scenario from being run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// There is no scenario.
    Error,
    /// There is one, and it may not be what its author meant.
    Warning,
}

/// One mistake: where it is, why it is one, what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable: `K0201`.
    pub code: &'static str,
    /// Error or warning.
    pub severity: Severity,
    /// One lower-case sentence without a full stop.
    pub title: String,
    /// The text that all spans below lie in.
    pub origin: Arc<Origin>,
    /// The bytes at fault.
    pub span: Range<usize>,
    /// What is said beside them; may be empty.
    pub label: String,
    /// Other places that explain the mistake.
    pub secondary: Vec<(Range<usize>, String)>,
    /// Facts: what there is to choose from, what the limits are.
    pub notes: Vec<String>,
    /// What to do. Stands above `suggestion` if there is one; `None` where title and label say all.
    pub help: Option<String>,
    /// Bytes to replace, and by what; `None` where no change is clearly the right one.
    pub suggestion: Option<(Range<usize>, String)>,
}

impl Diagnostic {
    /// An error at `place`.
    pub fn error(code: &'static str, title: impl Into<String>, place: &Place) -> Self {
        Self {
            code,
            severity: Severity::Error,
            title: title.into(),
            origin: Arc::clone(&place.origin),
            span: place.span.clone(),
            label: String::new(),
            secondary: Vec::new(),
            notes: Vec::new(),
            help: None,
            suggestion: None,
        }
    }

    /// A warning at `place`.
    pub fn warning(code: &'static str, title: impl Into<String>, place: &Place) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, title, place) }
    }

    /// Says something beside the bytes at fault.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Says something beside other bytes. A place in another text cannot be shown here and is left out.
    pub fn also(mut self, place: &Place, label: impl Into<String>) -> Self {
        if Arc::ptr_eq(&place.origin, &self.origin) && place.span != self.span {
            self.secondary.push((place.span.clone(), label.into()));
        }
        self
    }

    /// Adds a fact.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Says what to do.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Offers another word for the one at `place`; if that is a whole value, its quotes stay.
    pub fn instead(self, help: &str, place: &Place, word: &str) -> Self {
        let quote = place.text().chars().next().filter(|first| matches!(first, '"' | '\''));
        let quote = quote.map(String::from).unwrap_or_default();
        self.suggest(help, place, format!("{quote}{word}{quote}"))
    }

    /// Offers a change of the text, under a line that says what it does.
    pub fn suggest(mut self, help: &str, place: &Place, replacement: impl Into<String>) -> Self {
        self.help = Some(help.to_owned());
        self.suggestion = Some((place.span.clone(), replacement.into()));
        self
    }
}

/// The outcome of reading one thing; the mistake is boxed because it is large and rare.
pub(super) type Outcome<T> = Result<T, Box<Diagnostic>>;

/// Collects mistakes while reading goes on.
#[derive(Debug, Default)]
pub(super) struct Sink {
    found: Vec<Diagnostic>,
    errors: usize,
    without_effect: BTreeMap<String, Outside>,
}

impl Sink {
    /// More mistakes than anyone reads at once.
    const MOST: usize = 64;

    /// Keeps a mistake, once: variants that share a line share its mistakes.
    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        self.errors += usize::from(diagnostic.severity == Severity::Error);
        if self.found.len() < Self::MOST && !self.found.contains(&diagnostic) {
            self.found.push(diagnostic);
        }
    }

    /// The value, or `None` with its mistake kept.
    pub(super) fn keep<T>(&mut self, outcome: Outcome<T>) -> Option<T> {
        outcome.map_err(|mistake| self.push(*mistake)).ok()
    }

    /// Keeps a setting that changes nothing here.
    pub(super) fn without_effect(&mut self, key: &str, outside: Outside) {
        self.without_effect.insert(key.to_owned(), outside);
    }

    /// The settings that change nothing here.
    pub(super) fn take_without_effect(&mut self) -> Vec<(String, Outside)> {
        std::mem::take(&mut self.without_effect).into_iter().collect()
    }

    /// Makes errors of the warnings with this code.
    pub(super) fn refuse(&mut self, code: &str) {
        let is_meant =
            |one: &&mut Diagnostic| one.code == code && one.severity == Severity::Warning;
        for one in self.found.iter_mut().filter(is_meant) {
            one.severity = Severity::Error;
            self.errors += 1;
        }
    }

    /// Whether any error was found so far.
    pub(super) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Whether nothing more is kept.
    pub(super) fn is_full(&self) -> bool {
        self.found.len() >= Self::MOST
    }

    /// All that was found, in the order of the scenario; then what is wrong in the files that it names,
    /// then on the command line.
    pub(super) fn into_found(mut self, scenario: &Arc<Origin>) -> Vec<Diagnostic> {
        self.found.sort_by_cached_key(|one| {
            let Origin { name, text } = &*one.origin;
            let is_flag = name.starts_with("--");
            let other = (!Arc::ptr_eq(&one.origin, scenario)).then(|| (is_flag, name.clone()));
            (other, is_flag.then(|| text.clone()), one.span.start)
        });
        self.found
    }
}

/// The candidate clearly meant by `name`: near, nearer than every other, and not a mere guess
/// between names of one or two letters (`b1` for `b4` helps nobody).
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().take(65).count();
    if !(3..=64).contains(&length) {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    let mut tied = false;
    for candidate in candidates.into_iter().filter(|candidate| candidate.len() <= 128) {
        let distance = strsim::damerau_levenshtein(name, candidate);
        match best {
            Some((least, _)) if distance > least => {}
            Some((least, found)) if distance == least => tied |= found != candidate,
            _ => (best, tied) = (Some((distance, candidate)), false),
        }
    }
    best.filter(|(distance, _)| *distance <= (length / 3).max(1) && !tied).map(|(_, found)| found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_offered_only_when_it_is_clearly_meant() {
        assert_eq!(nearest("wen", ["when", "within", "do"]), Some("when"));
        assert_eq!(nearest("b4", ["b1", "b2", "b3"]), None);
        assert_eq!(nearest("orders-x", ["orders-0", "orders-1"]), None);
        assert_eq!(nearest("elephant", ["when"]), None);
    }
}
