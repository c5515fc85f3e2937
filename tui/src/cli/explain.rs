//! `kafkalab explain`: the life of one record, or the meaning of a word.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use kafkalab_core::id::RecordId;
use kafkalab_sim::biography::Biography;
use kafkalab_sim::check::INVARIANTS;
use kafkalab_sim::cluster::shown;
use kafkalab_sim::host::default_host;
use kafkalab_sim::remedy::{self, Remedy};
use kafkalab_sim::run::{How, run as run_plan};
use kafkalab_sim::scenario::{Lang, Plan, Scenario, builtin};
use serde_json::json;
use unicode_width::UnicodeWidthStr;

use super::args::{Common, ExplainArgs};
use super::exit::Exit;
use super::lang;
use super::load;
use super::run::{producers, record_name};
use super::streams::Streams;
use super::text::wrap;
use crate::glossary;
use crate::narrate::{Narrator, Sentence, stamp};

/// Where the state of things stands beside a sentence.
const STATE_COLUMN: usize = 57;

/// Explains a record or a term.
pub fn run(
    args: &ExplainArgs,
    common: &Common,
    streams: &mut Streams,
    stop: &Arc<AtomicBool>,
) -> io::Result<Exit> {
    match &args.record {
        Some(record) => records(args, record, common, streams, stop),
        None => term(&args.what, common, streams),
    }
}

// ---- a term ------------------------------------------------------------------------------------

fn term(word: &str, common: &Common, streams: &mut Streams) -> io::Result<Exit> {
    let lang = lang::chosen(common.lang);
    if let Some(term) = glossary::find(word) {
        for line in glossary::show(term, lang, streams.columns) {
            writeln!(streams.out, "{line}")?;
        }
        return Ok(Exit::Pass);
    }
    let invariant = INVARIANTS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
    if let Some((name, text)) = invariant {
        writeln!(streams.out, "{name}")?;
        for line in wrap(text, streams.columns.saturating_sub(2)) {
            writeln!(streams.out, "  {line}")?;
        }
        return Ok(Exit::Pass);
    }
    if builtin::find(word).is_some()
        || Path::new(word).components().count() > 1
        || Path::new(word).extension().is_some_and(|end| end == "toml")
    {
        let help = format!("name one of its records: `kafkalab explain {word} --record 3`");
        streams.complain("a scenario is explained record by record", Some(&help))?;
        return Ok(Exit::Usage);
    }
    let help = glossary::nearest_term(word).map_or_else(
        || format!("the terms are {}", glossary::names().join(", ")),
        |near| format!("a term with a similar name exists: {near}"),
    );
    streams.complain(&format!("there is no term called {word}"), Some(&help))?;
    Ok(Exit::Usage)
}

// ---- a record ----------------------------------------------------------------------------------

/// One variant's answer.
struct Told {
    variant: Option<String>,
    plan: Arc<Plan>,
    life: Biography,
    remedy: Option<Remedy>,
}

fn records(
    args: &ExplainArgs,
    record: &str,
    common: &Common,
    streams: &mut Streams,
    stop: &Arc<AtomicBool>,
) -> io::Result<Exit> {
    let options = args.load_options(common);
    let Some(scenario) = load::scenario(&args.what, &options, common.quiet, streams)? else {
        return Ok(Exit::Usage);
    };
    let mut all = Vec::new();
    for variant in &scenario.variants {
        let plan = Arc::new(variant.plan.clone());
        let id = match identify(record, &plan) {
            Ok(id) => id,
            Err((title, help)) => {
                streams.complain(&title, Some(&help))?;
                return Ok(Exit::Usage);
            }
        };
        let how = How { host: default_host(), is_recorded: true };
        let lab = match run_plan(&plan, how, stop) {
            Ok(lab) => lab,
            Err(crash) => {
                streams.complain(&crash.to_string(), Some("this is a bug of kafkalab"))?;
                return Ok(Exit::Bug);
            }
        };
        if stop.load(std::sync::atomic::Ordering::Relaxed) {
            return Ok(Exit::Interrupted);
        }
        let Some(life) = Biography::of(&lab, id) else {
            continue;
        };
        let remedy = match life.loss {
            Some(_) => remedy::find(&plan, &[id], default_host(), stop),
            None => None,
        };
        all.push(Told { variant: variant.name.clone(), plan, life, remedy });
    }
    if all.is_empty() {
        let help = how_many(&scenario);
        streams.complain(&format!("no record {record} was sent"), Some(&help))?;
        return Ok(Exit::Usage);
    }
    print(&scenario, &all, common, streams)?;
    Ok(Exit::Pass)
}

/// The record that `3`, `#3` or `p2#3` means.
fn identify(record: &str, plan: &Plan) -> Result<RecordId, (String, String)> {
    let all: Vec<_> = producers(plan).collect();
    let names = || all.iter().map(|node| plan.node_name(*node)).collect::<Vec<_>>();
    let (name, number) = match record.split_once('#') {
        Some((name, number)) => (name, number),
        None => ("", record),
    };
    let Ok(n) = number.parse() else {
        let help = "a record is a number, such as 3, or p2#3 where several clients produce";
        return Err((format!("{record} is no record"), help.to_owned()));
    };
    let producer = match (name, all.as_slice()) {
        ("", [only]) => Some(*only),
        ("", several) => {
            let first = several.first().map_or("p1".to_owned(), |node| plan.node_name(*node));
            let title = format!("several clients produce: {}", names().join(", "));
            return Err((title, format!("say whose record is meant: --record {first}#{n}")));
        }
        (name, all) => all.iter().copied().find(|node| plan.node_name(*node) == name),
    };
    match producer {
        Some(producer) => Ok(RecordId { producer, n }),
        None => Err((
            format!("there is no producer called {name}"),
            format!("the producers are {}", names().join(", ")),
        )),
    }
}

fn how_many(scenario: &Scenario) -> String {
    use kafkalab_sim::scenario::plan::ClientKind;
    let plan = &scenario.variants[0].plan;
    let counts = plan.clients.iter().filter_map(|client| match &client.kind {
        ClientKind::Producer(producer) => {
            let last = producer.records.saturating_sub(1);
            Some(format!("{} sends #0 to #{last}", client.name))
        }
        ClientKind::Consumer(_) => None,
    });
    counts.collect::<Vec<_>>().join(", ")
}

fn print(
    scenario: &Scenario,
    all: &[Told],
    common: &Common,
    streams: &mut Streams,
) -> io::Result<()> {
    let lang = lang::chosen(common.lang);
    for (n, told) in all.iter().enumerate() {
        if common.json {
            print_json(told, streams)?;
            continue;
        }
        if n > 0 {
            writeln!(streams.out)?;
        }
        one(scenario, told, lang, common.quiet, streams)?;
    }
    Ok(())
}

fn one(
    scenario: &Scenario,
    told: &Told,
    lang: Lang,
    is_quiet: bool,
    streams: &mut Streams,
) -> io::Result<()> {
    let (life, plan) = (&told.life, told.plan.as_ref());
    let narrator = Narrator { plan, lang };
    let mut head = vec![record_name(plan, life.id)];
    head.extend(life.key.as_ref().map(|key| format!("key {key}")));
    head.extend(life.tp.map(|tp| plan.partition_name(tp)));
    head.extend(told.variant.clone());
    head.push(narrator.word(life.fate).to_owned());
    writeln!(streams.out, "{}", head.join("  "))?;
    if !is_quiet {
        for moment in &life.moments {
            let sentence = narrator.moment(life, moment);
            line(&stamp(moment.at), &sentence, streams)?;
        }
    }
    paragraph(&narrator.fate(life), streams)?;
    if life.loss.is_some() {
        let variant = told.remedy.as_ref().and_then(|remedy| same_settings(scenario, remedy));
        paragraph(&narrator.remedy(told.remedy.as_ref(), variant), streams)?;
    }
    Ok(())
}

/// A variant of the scenario that differs from the remedy in nothing but what it promises.
fn same_settings<'a>(scenario: &'a Scenario, remedy: &Remedy) -> Option<&'a str> {
    let is_same = |plan: &Plan| {
        let mut plan = plan.clone();
        plan.promises.clone_from(&remedy.plan.promises);
        plan.excused.clone_from(&remedy.plan.excused);
        plan == *remedy.plan
    };
    scenario.variants.iter().find(|variant| is_same(&variant.plan))?.name.as_deref()
}

/// The moment, what happened, and to the right how things stand; broken where it is too long.
fn line(stamp: &str, sentence: &Sentence, streams: &mut Streams) -> io::Result<()> {
    let Sentence { text, state } = sentence;
    let head = format!("{stamp}  ");
    let fits = head.width() + text.width() + 2 <= STATE_COLUMN
        && STATE_COLUMN + state.width() <= streams.columns;
    let room = streams.columns.saturating_sub(head.width()).max(20);
    let lines = if fits && !state.is_empty() {
        let gap = " ".repeat(STATE_COLUMN - head.width() - text.width());
        vec![format!("{text}{gap}{state}")]
    } else if state.is_empty() {
        wrap(text, room)
    } else if text.width() + state.width() + 2 <= room {
        vec![format!("{text}  {state}")]
    } else {
        let mut lines = wrap(text, room);
        lines.push(format!("  {state}"));
        lines
    };
    for (n, line) in lines.iter().enumerate() {
        let before = if n == 0 { head.clone() } else { " ".repeat(head.width()) };
        writeln!(streams.out, "{before}{line}")?;
    }
    Ok(())
}

fn paragraph(text: &str, streams: &mut Streams) -> io::Result<()> {
    for line in wrap(text, streams.columns) {
        writeln!(streams.out, "{line}")?;
    }
    Ok(())
}

fn print_json(told: &Told, streams: &mut Streams) -> io::Result<()> {
    let (life, plan) = (&told.life, told.plan.as_ref());
    let (en, ko) = (Narrator { plan, lang: Lang::En }, Narrator { plan, lang: Lang::Ko });
    let record = record_name(plan, life.id);
    for moment in &life.moments {
        let (english, korean) = (en.moment(life, moment), ko.moment(life, moment));
        let line = json!({
            "v": 1, "k": "moment", "variant": told.variant, "record": record,
            "t": shown(moment.at), "i": moment.entry,
            "text": { "en": english.text, "ko": korean.text },
            "state": { "en": english.state, "ko": korean.state },
            "holders": moment.holders.iter().map(|node| node.to_string()).collect::<Vec<_>>(),
        });
        writeln!(streams.out, "{line}")?;
    }
    let line = json!({
        "v": 1, "k": "fate", "variant": told.variant, "record": record, "key": life.key,
        "partition": life.tp.map(|tp| plan.partition_name(tp)),
        "fate": en.word(life.fate), "delivered": life.delivered, "processed": life.processed,
        "text": { "en": en.fate(life), "ko": ko.fate(life) },
        "remedy": life.loss.map(|_| json!({
            "en": en.remedy(told.remedy.as_ref(), None), "ko": ko.remedy(told.remedy.as_ref(), None),
        })),
    });
    writeln!(streams.out, "{line}")
}
