//! The verdict for people: what went wrong with which records, why, and what would have helped.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use kafkalab_core::id::RecordId;
use kafkalab_sim::biography::{Analysis, Finding};
use kafkalab_sim::host::default_host;
use kafkalab_sim::remedy::{self, Effort, Search};
use kafkalab_sim::run::{How, run};
use kafkalab_sim::scenario::Lang;
use kafkalab_sim::trouble::Trouble;
use unicode_width::UnicodeWidthStr;

use super::column::Column;
use crate::cli::streams::Streams;
use crate::cli::text::wrap;
use crate::narrate::Narrator;

/// A run with more inputs is not repeated only to explain it here: `explain` does that.
const MOST_INPUTS: u64 = 200_000;

/// One short paragraph for each thing that went wrong in a variant.
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
    let is_worth_it = column.verdict.counters.inputs <= MOST_INPUTS && !column.was_interrupted();
    let is_in = |trouble: &Trouble| trouble.is_in(&column.lab);
    if !is_worth_it || !Trouble::all(&column.lab).iter().any(is_in) {
        return Vec::new();
    }
    // The same run again, this time written down.
    let (host, plan) = (default_host(), column.lab.plan());
    let Ok(lab) = run(plan, How { host, is_recorded: true }, stop) else { return Vec::new() };
    let findings = Analysis::of(&lab).findings();
    let narrator = Narrator { plan: column.plan(), lang };
    let mut searches: BTreeMap<Trouble, Search> = BTreeMap::new();
    let tell = |finding: &Finding| {
        let trouble = finding.trouble;
        let all: Vec<RecordId> = trouble.records(&lab).into_iter().collect();
        // One cause of all that were looked at is told of all.
        let is_only = finding.records.len() == finding.looked_at;
        let names = narrator.names_of(if is_only { &all } else { &finding.records });
        let search = searches
            .entry(trouble)
            .or_insert_with(|| remedy::find(plan, trouble, &all, Effort::BRIEF, host, stop));
        narrator.verdict(finding, &names, Some(search))
    };
    findings.iter().map(tell).collect()
}
