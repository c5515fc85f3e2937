//! A run as JSON Lines. Fields may be added, never changed: scripts read this.

use std::io::{self, Write};

use kafkalab_sim::check::Class;
use kafkalab_sim::cluster::shown;
use kafkalab_sim::ledger::{Label, Leg, Unread, UnreadCause};
use kafkalab_sim::recording::Happening;
use kafkalab_sim::scenario::plan::Text;
use kafkalab_sim::scenario::{Lang, Scenario};
use serde::Serialize;

use super::column::Column;
use crate::cli::streams::Streams;
use crate::narrate::{Narrator, is_routine, kind};

/// The version of the format.
const VERSION: u8 = 1;

#[derive(Serialize)]
struct RunLine<'a> {
    v: u8,
    k: &'static str,
    scenario: &'a str,
    variant: Option<&'a str>,
    seed: u64,
    engine: &'static str,
}

#[derive(Serialize)]
struct EventLine<'a> {
    v: u8,
    k: &'static str,
    variant: Option<&'a str>,
    /// Its number in the run.
    i: usize,
    /// Microseconds after t = 0.
    t: i64,
    /// Its kind: `msg.recv`, `replica.appended`.
    e: &'static str,
    /// To whom it happened; `null` for the story.
    node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api: Option<&'static str>,
    /// In English.
    text: String,
    /// Heartbeats and the like.
    routine: bool,
}

#[derive(Serialize)]
struct StepLine<'a> {
    v: u8,
    k: &'static str,
    variant: Option<&'a str>,
    /// From 1.
    n: usize,
    id: Option<&'a str>,
    title: Option<TextField<'a>>,
    /// Microseconds after t = 0; `null` if the step never fired.
    t: Option<i64>,
}

#[derive(Serialize)]
struct TextField<'a> {
    en: &'a str,
    ko: Option<&'a str>,
}

#[derive(Serialize)]
struct ExpectLine<'a> {
    v: u8,
    k: &'static str,
    variant: Option<&'a str>,
    ok: bool,
    /// `finally`, `always`, `never`, `eventually`.
    kind: &'static str,
    text: &'a str,
    value: &'a str,
    records: Vec<String>,
    at: i64,
}

#[derive(Serialize)]
struct VerdictLine<'a> {
    v: u8,
    k: &'static str,
    scenario: &'a str,
    variant: Option<&'a str>,
    seed: u64,
    status: &'static str,
    reason: Option<&'a str>,
    trace: String,
    virtual_us: i64,
    inputs: u64,
    events: u64,
    messages: u64,
    ledger: LedgerField,
    label: Option<&'static str>,
    decided_by: Option<&'static str>,
    dead: Vec<String>,
    unread: Vec<UnreadField>,
    promises: Vec<PromiseField<'a>>,
    violations: Vec<ViolationField<'a>>,
}

#[derive(Serialize)]
struct LedgerField {
    sent: u64,
    acked: u64,
    failed: u64,
    unknown: u64,
    pending: u64,
    gave_up: u64,
    appended: u64,
    delivered: u64,
    processed: u64,
    lost: u64,
    not_decided: u64,
    unread: u64,
    duplicates: u64,
    log_duplicates: u64,
    reordered: u64,
    skipped: u64,
    at_risk: u64,
}

#[derive(Serialize)]
struct UnreadField {
    reader: String,
    /// `never-started`, `died`, `started-after`, `skipped`, `behind`.
    cause: &'static str,
    records: u64,
    first: String,
}

#[derive(Serialize)]
struct PromiseField<'a> {
    text: &'a str,
    ok: bool,
    value: &'a str,
}

#[derive(Serialize)]
struct ViolationField<'a> {
    property: &'a str,
    class: &'static str,
    at_us: i64,
    text: &'a str,
    excused: bool,
}

/// Prints every line of every variant.
pub(super) fn print(
    scenario: &Scenario,
    columns: &[Column],
    has_events: bool,
    streams: &mut Streams,
) -> io::Result<()> {
    for column in columns {
        let (v, variant) = (VERSION, column.name.as_deref());
        let engine = env!("CARGO_PKG_VERSION");
        let (id, seed) = (scenario.id.as_str(), scenario.seed);
        line(&RunLine { v, k: "run", scenario: id, variant, seed, engine }, streams)?;
        if has_events {
            events(column, streams)?;
        }
        for (n, step) in column.plan().steps.iter().enumerate() {
            let t = column.lab.story().fired().get(n).map(|at| shown(*at));
            let title = step.title.as_ref().map(text_field);
            let id = step.id.as_deref();
            line(&StepLine { v, k: "step", variant, n: n + 1, id, title, t }, streams)?;
        }
        for (promise, judged) in column.promises() {
            let records = column.records(promise);
            let expect = ExpectLine {
                v,
                k: "expect",
                variant,
                ok: judged.is_kept,
                kind: promise.kind.word(),
                text: &judged.text,
                value: &judged.value,
                records: records.into_iter().map(|id| column.record_name(id)).collect(),
                at: shown(judged.at),
            };
            line(&expect, streams)?;
        }
        line(&verdict(scenario, column), streams)?;
    }
    Ok(())
}

/// Every event of a recorded run, from the internal start on.
fn events(column: &Column, streams: &mut Streams) -> io::Result<()> {
    let plan = column.plan();
    let narrator = Narrator { plan, lang: Lang::En };
    let entries = column.lab.recorder().map_or(&[][..], |recorder| recorder.entries());
    for (i, entry) in entries.iter().enumerate() {
        let letter = match &entry.what {
            Happening::Sent(sent) => Some(sent.letter),
            Happening::Delivered(letter) => Some(*letter),
            Happening::Died(died) => Some(died.letter),
            _ => None,
        };
        let event = EventLine {
            v: VERSION,
            k: "ev",
            variant: column.name.as_deref(),
            i,
            t: shown(entry.at),
            e: kind(&entry.what),
            node: entry.node.map(|node| plan.node_name(node)),
            from: letter.map(|letter| plan.node_name(letter.from)),
            to: letter.map(|letter| plan.node_name(letter.to)),
            api: letter.map(|letter| letter.api.name()),
            text: narrator.event(entry),
            routine: is_routine(&entry.what),
        };
        line(&event, streams)?;
    }
    Ok(())
}

fn line(value: &impl Serialize, streams: &mut Streams) -> io::Result<()> {
    serde_json::to_writer(&mut streams.out, value)?;
    writeln!(streams.out)
}

fn text_field(text: &Text) -> TextField<'_> {
    TextField { en: &text.en, ko: text.ko.as_deref() }
}

fn verdict<'a>(scenario: &'a Scenario, column: &'a Column) -> VerdictLine<'a> {
    let verdict = &column.verdict;
    let (counters, totals) = (&verdict.counters, &verdict.totals);
    let promises = verdict.promises.iter();
    let violations = verdict.broken.iter();
    VerdictLine {
        v: VERSION,
        k: "verdict",
        scenario: &scenario.id,
        variant: column.name.as_deref(),
        seed: scenario.seed,
        status: verdict.status.word(),
        reason: verdict.reason.as_deref(),
        trace: verdict.trace.to_string(),
        virtual_us: shown(verdict.ended),
        inputs: counters.inputs,
        events: counters.events(),
        messages: counters.messages,
        ledger: LedgerField {
            sent: totals.sent,
            acked: totals.acked,
            failed: totals.failed,
            unknown: totals.unknown,
            pending: totals.pending,
            gave_up: totals.gave_up,
            appended: totals.appended,
            delivered: totals.delivered,
            processed: totals.processed,
            lost: totals.lost,
            not_decided: totals.not_decided,
            unread: totals.unread,
            duplicates: totals.duplicates,
            log_duplicates: totals.log_duplicates,
            reordered: totals.reordered,
            skipped: totals.skipped,
            at_risk: totals.at_risk,
        },
        label: verdict.observed.label.map(Label::word),
        decided_by: verdict.observed.decided_by.map(Leg::word),
        dead: verdict.dead.iter().map(|node| column.plan().node_name(*node)).collect(),
        unread: verdict.unread.iter().map(|unread| unread_field(column, unread)).collect(),
        promises: promises
            .map(|one| PromiseField { text: &one.text, ok: one.is_kept, value: &one.value })
            .collect(),
        violations: violations
            .map(|one| ViolationField {
                property: one.property,
                class: class(one.class),
                at_us: shown(one.at),
                text: &one.text,
                excused: one.is_excused,
            })
            .collect(),
    }
}

fn unread_field(column: &Column, unread: &Unread) -> UnreadField {
    UnreadField {
        reader: column.plan().node_name(unread.reader),
        cause: match unread.cause {
            UnreadCause::NeverStarted => "never-started",
            UnreadCause::Died => "died",
            UnreadCause::StartedAfter => "started-after",
            UnreadCause::Skipped => "skipped",
            UnreadCause::Behind => "behind",
        },
        records: unread.records,
        first: column.record_name(unread.first),
    }
}

const fn class(class: Class) -> &'static str {
    match class {
        Class::Violation => "violation",
        Class::Expected => "expected",
        Class::DesignLimit => "design-limit",
    }
}
