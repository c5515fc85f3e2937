//! Shows a [`Diagnostic`] as compilers do: the line, the bytes at fault, what to write instead.

use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use kafkalab_sim::scenario::{Diagnostic, Severity};

/// The longest line that is shown as it is; of a longer one, the part around the mistake.
const LONGEST_LINE: usize = 2_000;

/// One diagnostic as text of `width` columns; `styled` puts escapes for colours in it.
pub fn render(diagnostic: &Diagnostic, width: usize, styled: bool) -> String {
    let window = Window::of(diagnostic);
    let mut report = vec![primary(diagnostic, &window)];
    report.extend(suggestion(diagnostic, &window));
    let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
    renderer.term_width(width).render(&report)
}

fn primary<'a>(diagnostic: &'a Diagnostic, window: &Window<'a>) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let label = Some(diagnostic.label.as_str()).filter(|label| !label.is_empty());
    let at_fault = AnnotationKind::Primary.span(window.shift(&diagnostic.span)).label(label);
    let others = diagnostic.secondary.iter().filter(|(span, _)| window.holds(span));
    let others = others.map(|(span, label)| {
        AnnotationKind::Context.span(window.shift(span)).label(label.as_str())
    });
    let snippet = window.snippet(diagnostic).annotation(at_fault).annotations(others);
    let title = level.primary_title(diagnostic.title.as_str()).id(diagnostic.code);
    let mut group = title.element(snippet);
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(note.as_str()));
    }
    match (&diagnostic.help, &diagnostic.suggestion) {
        (Some(help), None) => group.element(Level::HELP.message(help.as_str())),
        _ => group,
    }
}

/// The line as it would be, under the help that says so.
fn suggestion<'a>(diagnostic: &'a Diagnostic, window: &Window<'a>) -> Option<Group<'a>> {
    let (span, replacement) = diagnostic.suggestion.as_ref()?;
    let help = diagnostic.help.as_deref().unwrap_or("write this instead");
    let patch = Patch::new(window.shift(span), replacement.as_str());
    let snippet = Snippet::source(window.text).line_start(window.line).fold(true).patch(patch);
    Some(Level::HELP.secondary_title(help).element(snippet))
}

/// The part of a text that is shown. It is the whole text, unless the line at fault is so long that
/// laying it out would take minutes and help nobody.
struct Window<'a> {
    text: &'a str,
    start: usize,
    line: usize,
}

impl<'a> Window<'a> {
    fn of(diagnostic: &'a Diagnostic) -> Self {
        let text = diagnostic.origin.text.as_str();
        let whole = Self { text, start: 0, line: 1 };
        let at = diagnostic.span.start;
        let from = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let to = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
        if to - from <= LONGEST_LINE {
            return whole;
        }
        let start = text.floor_char_boundary(at.saturating_sub(LONGEST_LINE / 2).max(from));
        let end = text.ceil_char_boundary((at + LONGEST_LINE / 2).min(to));
        let line = 1 + text[..from].matches('\n').count();
        Self { text: &text[start..end], start, line }
    }

    fn holds(&self, span: &std::ops::Range<usize>) -> bool {
        span.start >= self.start && span.end <= self.start + self.text.len()
    }

    fn shift(&self, span: &std::ops::Range<usize>) -> std::ops::Range<usize> {
        let inside = |at: usize| at.saturating_sub(self.start).min(self.text.len());
        inside(span.start)..inside(span.end)
    }

    fn snippet<T: Clone>(&self, diagnostic: &'a Diagnostic) -> Snippet<'a, T> {
        let name = diagnostic.origin.name.as_str();
        Snippet::source(self.text).line_start(self.line).path(name).fold(true)
    }
}
