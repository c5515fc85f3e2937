//! `kafkalab explain`: the life of one record, what went wrong in a run, or the meaning of a word.

mod summary;

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use kafkalab_core::id::RecordId;
use kafkalab_sim::biography::{Analysis, Biography, Copy};
use kafkalab_sim::check::INVARIANTS;
use kafkalab_sim::cluster::shown;
use kafkalab_sim::host::default_host;
use kafkalab_sim::lab::Lab;
use kafkalab_sim::remedy::{self, Effort, Remedy, Search};
use kafkalab_sim::run::{How, run as run_plan};
use kafkalab_sim::scenario::{Lang, Plan, Scenario, builtin};
use kafkalab_sim::trouble::Trouble;
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
use crate::narrate::{Counted, Narrator, Sentence, Subject, stamp};
use crate::settings;

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
        None if is_scenario(&args.what) => summary::run(args, common, streams, stop),
        None => term(&args.what, common, streams),
    }
}

/// Whether a word names a scenario rather than a term: a lesson, a path, or stdin.
fn is_scenario(word: &str) -> bool {
    let is_setting = word == "settings" || settings::is_setting(word);
    let is_term = glossary::find(word).is_some() || is_setting;
    let path = Path::new(word);
    let is_path = path.components().count() > 1 || path.extension().is_some_and(|e| e == "toml");
    !is_term && (word == "-" || is_path || builtin::find(word).is_some())
}

/// One variant that was run to be explained; `Err` is how the command ends.
fn run_recorded(
    plan: &Arc<Plan>,
    streams: &mut Streams,
    stop: &Arc<AtomicBool>,
) -> io::Result<Result<Lab, Exit>> {
    let how = How { host: default_host(), is_recorded: true };
    match run_plan(plan, how, stop) {
        Ok(_) if stop.load(std::sync::atomic::Ordering::Relaxed) => Ok(Err(Exit::Interrupted)),
        Ok(lab) => Ok(Ok(lab)),
        Err(crash) => {
            streams.complain(&crash.to_string(), Some("this is a bug of kafkalab"))?;
            Ok(Err(Exit::Bug))
        }
    }
}

// ---- a term ------------------------------------------------------------------------------------

fn term(word: &str, common: &Common, streams: &mut Streams) -> io::Result<Exit> {
    let lang = lang::chosen(common.lang);
    let lines = match glossary::find(word) {
        Some(term) => {
            let mut lines = glossary::show(term, lang, streams.columns);
            lines.extend(settings::facts(word, lang, streams.columns));
            lines
        }
        None if word == "settings" => settings::list(lang, streams.columns, common.verbose),
        None if settings::is_setting(word) => settings::show(word, lang, streams.columns),
        None => Vec::new(),
    };
    if !lines.is_empty() {
        for line in lines {
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
    let near = glossary::nearest_term(word).or_else(|| settings::nearest_setting(word));
    let help = near.map_or_else(
        || {
            let terms = glossary::names().join(", ");
            format!("the terms are {terms}; `explain settings` lists Kafka's settings")
        },
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
    /// What was tried against its worst trouble.
    search: Option<Search>,
}

impl Told {
    fn worst(&self) -> Option<Trouble> {
        self.life.troubles.first().map(|(trouble, _)| *trouble)
    }
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
        let lab = match run_recorded(&plan, streams, stop)? {
            Ok(lab) => lab,
            Err(exit) => return Ok(exit),
        };
        let Some(life) = Analysis::of(&lab).biography(id) else {
            continue;
        };
        let worst = life.troubles.first().map(|(trouble, _)| *trouble);
        let search = worst
            .map(|trouble| remedy::find(&plan, trouble, &[id], Effort::FULL, default_host(), stop));
        all.push(Told { variant: variant.name.clone(), plan, life, search });
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
    head.extend(life.tps.iter().map(|tp| plan.partition_name(*tp)));
    head.extend(told.variant.clone());
    head.push(narrator.word(life.fate).to_owned());
    writeln!(streams.out, "{}", head.join("  "))?;
    if !is_quiet {
        for moment in &life.moments {
            let sentence = narrator.moment(life, moment);
            line(&stamp(moment.at), &sentence, streams)?;
        }
    }
    for text in conclusion(scenario, told, narrator) {
        paragraph(&text, streams)?;
    }
    Ok(())
}

/// What it came to: the fate, the copies where some are gone, each trouble with its cause, and what
/// would have helped against the worst.
fn conclusion(scenario: &Scenario, told: &Told, narrator: Narrator<'_>) -> Vec<String> {
    let life = &told.life;
    let mut texts = vec![narrator.fate(life)];
    if !life.troubles.is_empty() && !life.copies.iter().all(Copy::is_there) {
        texts.push(narrator.copies(life));
    }
    let about = Subject::one(life.id.producer, life.acks);
    for (trouble, cause) in &life.troubles {
        match trouble {
            // The sentence about a lost record says why.
            Trouble::Lost => {}
            Trouble::NotDecided | Trouble::AtRisk | Trouble::Unknown | Trouble::Failed => {
                texts.push(narrator.why(cause, about, None));
            }
            Trouble::DeadReader(_)
            | Trouble::Unread(_)
            | Trouble::Duplicate
            | Trouble::Reordered => texts.push(narrator.trouble(*trouble, cause, about)),
        }
    }
    if let (Some(trouble), Some(search)) = (told.worst(), &told.search) {
        let variant = search.remedy.as_ref().and_then(|remedy| same_settings(scenario, remedy));
        texts.push(narrator.remedy(trouble, search, variant, Counted::One));
    }
    texts
}

/// A variant of the scenario that differs from the remedy in nothing but what it promises.
fn same_settings<'a>(scenario: &'a Scenario, remedy: &Remedy) -> Option<&'a str> {
    let is_same = |plan: &Plan| {
        let mut plan = plan.clone();
        plan.promises.clone_from(&remedy.plan.promises);
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
    let worst = told.worst().zip(told.search.as_ref());
    let remedy = |narrator: Narrator<'_>| {
        worst.map(|(trouble, search)| narrator.remedy(trouble, search, None, Counted::One))
    };
    let about = Subject::one(life.id.producer, life.acks);
    let troubles = life.troubles.iter().map(|(trouble, cause)| {
        json!({
            "en": en.trouble(*trouble, cause, about),
            "ko": ko.trouble(*trouble, cause, about),
        })
    });
    let line = json!({
        "v": 1, "k": "fate", "variant": told.variant, "record": record, "key": life.key,
        "partition": life.tps.first().map(|tp| plan.partition_name(*tp)),
        "partitions": life.tps.iter().map(|tp| plan.partition_name(*tp)).collect::<Vec<_>>(),
        "fate": en.word(life.fate), "delivered": life.delivered, "processed": life.processed,
        "text": { "en": en.fate(life), "ko": ko.fate(life) },
        "copies": { "en": en.copies(life), "ko": ko.copies(life) },
        "troubles": troubles.collect::<Vec<_>>(),
        "remedy": worst.map(|_| json!({ "en": remedy(en), "ko": remedy(ko) })),
    });
    writeln!(streams.out, "{line}")
}
