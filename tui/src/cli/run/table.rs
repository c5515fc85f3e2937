//! The table of a run: when the steps happened, what became of the records, which promises hold.

use std::io::{self, Write};

use kafkalab_sim::ledger::Totals;
use kafkalab_sim::scenario::{Lang, Scenario};
use unicode_width::UnicodeWidthStr;

use super::column::{Column, Standing};
use super::failure::claim;
use crate::cli::streams::Streams;
use crate::cli::text::cut;
use crate::cli::time::seconds;

/// Labels never take more than this.
const WIDEST_LABEL: usize = 38;
/// Nor is a column of a variant narrower.
const NARROWEST: usize = 10;

/// A row: what it is about, and a cell for each variant.
struct Row {
    label: String,
    cells: Vec<String>,
}

/// Prints the heading and the three parts. Variants that do not fit side by side follow below.
pub(super) fn print(
    scenario: &Scenario,
    columns: &[Column],
    lang: Lang,
    streams: &mut Streams,
) -> io::Result<()> {
    let (title, id, seed) = (scenario.title.get(lang), &scenario.id, scenario.seed);
    let variants = match columns.iter().filter(|column| column.name.is_some()).count() {
        0 => String::new(),
        1 => "   1 variant".to_owned(),
        many => format!("   {many} variants"),
    };
    writeln!(streams.out, "{title}   {id}   seed {seed}{variants}")?;
    let width = streams.columns;
    let parts = [steps(columns), ledger(columns), promises(columns)];
    let labels = parts.iter().flatten().map(|row| row.label.width()).max().unwrap_or(0);
    let widths: Vec<usize> = columns
        .iter()
        .map(|column| column.name.as_ref().map_or(0, |name| name.width() + 2).max(NARROWEST))
        .collect();
    let widest = widths.iter().copied().max().unwrap_or(NARROWEST);
    let room =
        width.saturating_sub(widths.iter().sum::<usize>()).max(width.saturating_sub(4 * widest));
    let label_width = labels.min(room).clamp("promise".len(), WIDEST_LABEL);
    let mut from = 0;
    while from < columns.len() {
        let mut to = from + 1;
        while to < columns.len() && label_width + widths[from..=to].iter().sum::<usize>() <= width {
            to += 1;
        }
        let layout = Layout { label_width, widths: &widths[from..to], range: from..to };
        for (head, rows) in ["step", "ledger", "promise"].into_iter().zip(&parts) {
            layout.print(head, rows, columns, streams)?;
        }
        from = to;
    }
    writeln!(streams.out)
}

/// Some of the columns, side by side.
struct Layout<'a> {
    label_width: usize,
    widths: &'a [usize],
    range: std::ops::Range<usize>,
}

impl Layout<'_> {
    fn print(
        &self,
        head: &str,
        rows: &[Row],
        columns: &[Column],
        streams: &mut Streams,
    ) -> io::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let names = columns[self.range.clone()].iter();
        let names = names.map(|column| column.name.clone().unwrap_or_default());
        writeln!(streams.out)?;
        self.line(head, names, streams)?;
        for row in rows {
            self.line(&row.label, row.cells[self.range.clone()].iter().cloned(), streams)?;
        }
        Ok(())
    }

    fn line(
        &self,
        label: &str,
        cells: impl Iterator<Item = String>,
        streams: &mut Streams,
    ) -> io::Result<()> {
        let label = cut(label, self.label_width);
        let mut line = format!("{label}{}", " ".repeat(self.label_width - label.width()));
        for (cell, width) in cells.zip(self.widths) {
            line.push_str(&" ".repeat(width.saturating_sub(cell.width())));
            line.push_str(&cell);
        }
        writeln!(streams.out, "{}", line.trim_end())
    }
}

fn steps(columns: &[Column]) -> Vec<Row> {
    let most = columns.iter().map(|column| column.plan().steps.len()).max().unwrap_or(0);
    let row = |n: usize| {
        let id = columns.iter().find_map(|column| column.plan().steps.get(n)?.id.clone());
        let cell = |column: &Column| {
            column.lab.story().fired().get(n).map_or("-".to_owned(), |at| seconds(*at))
        };
        let cells = columns.iter().map(cell).collect();
        Row { label: id.unwrap_or_else(|| (n + 1).to_string()), cells }
    };
    (0..most).map(row).collect()
}

fn ledger(columns: &[Column]) -> Vec<Row> {
    type Count = fn(&Totals) -> u64;
    // Name; whether a number other than 0 is bad; whether it is shown even if it is 0; the number.
    let all: [(&str, bool, bool, Count); 11] = [
        ("acked", false, true, |totals| totals.acked),
        ("failed", false, false, |totals| totals.failed),
        ("unknown", true, false, |totals| totals.unknown),
        ("pending", true, false, |totals| totals.pending),
        ("at risk", true, false, |totals| totals.at_risk),
        ("lost", true, true, |totals| totals.lost),
        ("not decided", true, false, |totals| totals.not_decided),
        ("unread", true, false, |totals| totals.unread),
        ("duplicates", true, true, |totals| totals.duplicates),
        ("log duplicates", true, false, |totals| totals.log_duplicates),
        ("reordered", true, false, |totals| totals.reordered),
    ];
    let mut rows = Vec::new();
    for (label, is_bad, is_always, count) in all {
        let counts: Vec<u64> = columns.iter().map(|column| count(&column.verdict.totals)).collect();
        if is_always || counts.iter().any(|count| *count > 0) {
            let mark = |count: &u64| if is_bad && *count > 0 { " !" } else { "" };
            let cells = counts.iter().map(|count| format!("{count}{}", mark(count))).collect();
            rows.push(Row { label: label.to_owned(), cells });
        }
    }
    rows
}

fn promises(columns: &[Column]) -> Vec<Row> {
    // One row for each promise of the file, in its order, whichever variants make it.
    let mut keys: Vec<(usize, &'static str, String)> = Vec::new();
    for column in columns {
        for (promise, _) in column.promises() {
            let key = (promise.place.span.start, promise.kind.word(), claim(promise));
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    keys.sort_by_key(|(start, _, _)| *start);
    let cell = |column: &Column, key: &(usize, &str, String)| {
        let found = column.promises().find(|(promise, _)| {
            promise.place.span.start == key.0
                && promise.kind.word() == key.1
                && claim(promise) == key.2
        });
        let word = match found.map(|(_, judged)| column.standing(judged)) {
            None => ".",
            Some(Standing::Kept) => "ok",
            Some(Standing::Broken) => "FAIL",
            Some(Standing::Open) => "?",
        };
        word.to_owned()
    };
    keys.iter()
        .map(|key| Row {
            label: key.2.clone(),
            cells: columns.iter().map(|column| cell(column, key)).collect(),
        })
        .collect()
}
