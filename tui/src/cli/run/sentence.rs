//! The verdict for people: which acked records were lost, why, and what would have kept them.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use kafkalab_core::id::RecordId;
use kafkalab_sim::biography::{Biography, Loss};
use kafkalab_sim::host::default_host;
use kafkalab_sim::ledger::Row;
use kafkalab_sim::remedy;
use kafkalab_sim::run::{How, run};
use kafkalab_sim::scenario::Lang;
use unicode_width::UnicodeWidthStr;

use super::column::Column;
use crate::cli::streams::Streams;
use crate::cli::text::wrap;
use crate::narrate::Narrator;

/// A run with more inputs is not repeated only to explain it here: `explain` does that.
const MOST_INPUTS: u64 = 200_000;
/// So many lost records are looked at one by one.
const MOST_RECORDS: usize = 8;

/// One short paragraph for each variant that lost something.
pub(super) fn print(
    columns: &[Column],
    lang: Lang,
    stop: &Arc<AtomicBool>,
    streams: &mut Streams,
) -> io::Result<()> {
    let mut texts = Vec::new();
    for column in columns {
        let name = column.name.clone().unwrap_or_default();
        texts.extend(about(column, lang, stop).into_iter().map(|text| (name.clone(), text)));
    }
    let widest = texts.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
    let indent = if widest == 0 { 0 } else { widest + 3 };
    for (name, text) in &texts {
        let head = format!("{name}{}", " ".repeat(indent - name.width()));
        let room = streams.columns.saturating_sub(indent).max(20);
        for (n, line) in wrap(text, room).iter().enumerate() {
            let head = if n == 0 { head.clone() } else { " ".repeat(indent) };
            writeln!(streams.out, "{head}{line}")?;
        }
    }
    if texts.is_empty() { Ok(()) } else { writeln!(streams.out) }
}

fn about(column: &Column, lang: Lang, stop: &Arc<AtomicBool>) -> Vec<String> {
    let is_lost = |row: &&Row| row.is_acked() && row.lost.is_some();
    let lost: Vec<RecordId> =
        column.lab.ledger().rows().filter(is_lost).map(|row| row.id).collect();
    let is_worth_it = column.verdict.counters.inputs <= MOST_INPUTS && !column.was_interrupted();
    if lost.is_empty() || !is_worth_it {
        return Vec::new();
    }
    // The same run again, this time written down.
    let how = How { host: default_host(), is_recorded: true };
    let Ok(lab) = run(column.lab.plan(), how, stop) else { return Vec::new() };
    let mut causes: Vec<(Loss, Biography, Vec<RecordId>)> = Vec::new();
    for id in lost.iter().take(MOST_RECORDS) {
        let Some(life) = Biography::of(&lab, *id) else { continue };
        let Some(loss) = life.loss else { continue };
        match causes.iter_mut().find(|(known, _, _)| *known == loss) {
            Some((_, _, ids)) => ids.push(*id),
            None => causes.push((loss, life, vec![*id])),
        }
    }
    if causes.len() == 1 {
        causes[0].2.clone_from(&lost);
    }
    let remedy = remedy::find(column.lab.plan(), &lost, default_host(), stop);
    let narrator = Narrator { plan: column.plan(), lang };
    let tell = |(loss, life, ids): &(Loss, Biography, Vec<RecordId>)| {
        let why = narrator.loss(life, *loss);
        narrator.verdict(&column.record_names(ids), &why, remedy.as_ref())
    };
    causes.iter().map(tell).collect()
}
