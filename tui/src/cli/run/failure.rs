//! The lines under the table: what was broken and why, the sum of it all, the way to see it again.

use std::io::{self, Write};

use kafkalab_sim::check::Class;
use kafkalab_sim::scenario::Diagnostic;
use kafkalab_sim::scenario::plan::{Promise, PromiseKind};
use kafkalab_sim::story::Judged;
use kafkalab_sim::verdict::{Broken, Status};

use super::column::{Column, Standing};
use super::trace;
use crate::cli::repeat::Asked;
use crate::cli::streams::Streams;
use crate::cli::time::seconds;

/// Points on stderr at every promise that was broken.
pub(super) fn diagnose(
    columns: &[Column],
    asked: Asked<'_>,
    streams: &mut Streams,
) -> io::Result<()> {
    let mut found = Vec::new();
    for column in columns {
        for (promise, judged) in column.broken() {
            let word = promise.kind.word();
            let variant = column.name.as_ref().map(|name| format!(" in variant {name}"));
            let title = format!("{word} {}{}", fault(judged), variant.unwrap_or_default());
            let note = format!("to see it: {}", command(column, Some(promise), asked));
            let label = observed(column, promise, judged);
            found.push(Diagnostic::error("K1001", title, &promise.place).label(label).note(note));
        }
    }
    streams.diagnose(&found)
}

/// One line per broken promise, broken invariant, stuck or impossible run. What a setting allows is
/// a note, and left out if only the verdict is wanted.
pub(super) fn print_reasons(
    columns: &[Column],
    is_quiet: bool,
    streams: &mut Streams,
) -> io::Result<()> {
    for column in columns {
        let suffix = column.suffix();
        for (promise, judged) in column.broken() {
            let (text, fault) = (claim(promise), fault(judged));
            let seen = observed(column, promise, judged);
            writeln!(streams.out, "FAIL  {text}  {fault}{suffix}: {seen}")?;
        }
        let is_shown =
            |one: &&Broken| !one.is_excused && (!is_quiet || one.class == Class::Violation);
        for one in column.verdict.broken.iter().filter(is_shown) {
            let (word, kind) = match one.class {
                Class::Violation => ("FAIL", "violation"),
                Class::Expected => ("note", "expected"),
                Class::DesignLimit => ("note", "a limit of the design"),
            };
            let Broken { property, at, text, .. } = one;
            let at = seconds(*at);
            writeln!(streams.out, "{word}  {property}  {kind} at {at}{suffix}: {text}")?;
        }
        let word = if column.was_interrupted() { "STOPPED" } else { column.verdict.status.word() };
        if let Some(reason) = &column.verdict.reason {
            let at = seconds(column.verdict.ended);
            let word = if word == "FAIL" { "note" } else { word };
            writeln!(streams.out, "{word}  {reason}{suffix}, at {at}")?;
        }
    }
    Ok(())
}

/// `PASS  9 of 9 promises   trace 9f3c21d07a44be10`.
pub(super) fn print_sum(columns: &[Column], streams: &mut Streams) -> io::Result<()> {
    let worst = columns.iter().map(|column| column.verdict.status).max().unwrap_or(Status::Pass);
    let is_stopped = columns.iter().any(Column::was_interrupted);
    let word = if is_stopped && worst < Status::Fail { "STOPPED" } else { worst.word() };
    let standings = columns
        .iter()
        .flat_map(|column| column.promises().map(|(_, judged)| column.standing(judged)));
    let (mut kept, mut all) = (0, 0);
    for standing in standings {
        all += 1;
        kept += usize::from(standing == Standing::Kept);
    }
    let promises = if all == 1 { "promise" } else { "promises" };
    let trace = trace(columns);
    writeln!(streams.out, "{word}  {kept} of {all} {promises}   trace {trace:016x}")
}

/// The very last line of a failure: the command that shows the first of the worst.
pub(super) fn print_command(
    columns: &[Column],
    asked: Asked<'_>,
    streams: &mut Streams,
) -> io::Result<()> {
    let worst = columns.iter().map(|column| column.verdict.status).max();
    let Some(column) = columns.iter().find(|column| Some(column.verdict.status) == worst) else {
        return Ok(());
    };
    let promise = column.broken().map(|(promise, _)| promise);
    // A promise that is about records shows most: the story of one of them.
    let promise = promise.max_by_key(|promise| usize::from(!column.records(promise).is_empty()));
    writeln!(streams.out, "{}", command(column, promise, asked))
}

fn command(column: &Column, promise: Option<&Promise>, asked: Asked<'_>) -> String {
    let variant = column.name.as_deref();
    let record = promise.and_then(|promise| column.records(promise).first().copied());
    match record {
        Some(id) => {
            let name = column.record_name(id);
            asked.explain(variant, name.strip_prefix('#').unwrap_or(&name))
        }
        None => asked.timeline(variant),
    }
}

/// The promise as its author thinks of it: `lost == 0`, `always lost == 0`.
pub(super) fn claim(promise: &Promise) -> String {
    match promise.kind {
        PromiseKind::Finally => promise.text.clone(),
        kind => format!("{} {}", kind.word(), promise.text),
    }
}

fn fault(judged: &Judged) -> String {
    match judged.kind {
        PromiseKind::Finally => "is false".to_owned(),
        PromiseKind::Always => format!("was false at {}", seconds(judged.at)),
        PromiseKind::Never => format!("held at {}", seconds(judged.at)),
        PromiseKind::Eventually => "never held".to_owned(),
    }
}

/// `lost is 2 (#3 #4)`.
fn observed(column: &Column, promise: &Promise, judged: &Judged) -> String {
    let records = column.records(promise);
    let which = match records.as_slice() {
        [] => String::new(),
        ids => format!(" ({})", column.record_names(ids)),
    };
    format!("{} is {}{which}", judged.what, judged.value)
}
