//! Reads the story of a scenario: steps, injected actions, promises.

use kafkalab_core::time::Duration;

use super::action::Action;
use super::action_parser;
use super::condition_parser;
use super::diagnostic::{Outcome, Place, nearest};
use super::file::{Entry, Table};
use super::file_mistake as mistake;
use super::mistake as misread;
use super::names::Names;
use super::plan::{InjectPlan, Promise, PromiseKind, Quiz, StepPlan, Trigger};
use super::read::Reader;
use super::sentence::{Cursor, Sentence, Token};
use super::units;
use super::vacuous;
use super::world::check_name;

const MOST_STEPS: usize = 500;
const MOST_PROMISES: usize = 200;

/// All that happens and is promised.
#[derive(Default)]
pub(super) struct Story {
    pub(super) steps: Vec<StepPlan>,
    pub(super) injects: Vec<InjectPlan>,
    pub(super) promises: Vec<Promise>,
}

/// The variant that is read, and all there are.
type Variants<'a> = (Option<&'a str>, &'a [&'a str]);

/// Reads it all for one variant.
pub(super) fn read<'a>(
    root: &'a Table,
    names: &mut Names,
    variants: Variants<'_>,
    reader: &mut Reader<'a>,
) -> Story {
    let mut story = Story::default();
    read_steps(root, names, variants, reader, &mut story);
    let injects = bounded(root, "inject", MOST_STEPS, reader);
    for table in injects {
        reader.check_keys(table, "[[inject]]", &["at", "when", "do", "for"]);
        if belongs(table, variants, reader) {
            story.injects.extend(read_inject(table, names, reader));
        }
    }
    for table in bounded(root, "expect", MOST_PROMISES, reader) {
        read_expect(table, names, variants, reader, &mut story);
        if let Some(over) = story.promises.get(MOST_PROMISES) {
            let (place, count) = (over.place.clone(), story.promises.len());
            reader.push(mistake::too_many(&place, "promises", count, MOST_PROMISES));
            break;
        }
    }
    story
}

/// The tables `[[key]]`, at most `most` of them.
fn bounded<'a>(root: &'a Table, key: &str, most: usize, reader: &mut Reader<'a>) -> Vec<&'a Table> {
    let mut tables = reader.tables(root, key);
    if let Some(over) = tables.get(most) {
        let what = format!("[[{key}]] tables");
        reader.push(mistake::too_many(&over.place, &what, tables.len(), most));
        tables.truncate(most);
    }
    tables
}

/// Whether a table belongs to the variant that is read: its `for` says so, or it has none.
fn belongs<'a>(table: &'a Table, (base, all): Variants<'_>, reader: &mut Reader<'a>) -> bool {
    if table.entry("for").is_none() {
        return true;
    }
    let mut found = false;
    for (word, place) in reader.texts(table, "for") {
        if !all.contains(&word) {
            reader.push(mistake::unknown_variant(place, word, all));
        }
        found |= base == Some(word);
    }
    found
}

// Steps.

const STEP_KEYS: [&str; 11] =
    ["id", "at", "after", "when", "within", "do", "look", "title", "say", "quiz", "for"];

fn read_steps<'a>(
    root: &'a Table,
    names: &mut Names,
    variants: Variants<'_>,
    reader: &mut Reader<'a>,
    story: &mut Story,
) {
    // Ids of the steps before, also of those that other variants have.
    let mut ids: Vec<(&'a str, &'a Place, Option<usize>)> = Vec::new();
    for table in bounded(root, "step", MOST_STEPS, reader) {
        reader.check_keys(table, "[[step]]", &STEP_KEYS);
        let here = belongs(table, variants, reader);
        let id = reader.text(table, "id");
        // What another variant has is read there: its steps, and who waits for them, are its own.
        let step = here.then(|| {
            let trigger = step_trigger(table, names, &ids, reader);
            read_step(table, id.map(|(id, _)| id), trigger, names, reader)
        });
        if let Some((id, place)) = id {
            let named = check_name(id, place);
            reader.sink.keep(named);
            if let Some((_, first, _)) = ids.iter().find(|(other, ..)| *other == id) {
                reader.push(mistake::duplicate(place, id, "step", first));
            }
            ids.push((id, place, here.then_some(story.steps.len())));
            if here {
                names.steps.push((id.to_owned(), story.steps.len()));
            }
        }
        story.steps.extend(step);
    }
}

fn read_step<'a>(
    table: &'a Table,
    id: Option<&str>,
    trigger: Trigger,
    names: &Names,
    reader: &mut Reader<'a>,
) -> StepPlan {
    let within = reader.duration(table, "within");
    if let Some(entry) = table.entry("within")
        && table.entry("when").is_none()
        && !misspelt(table, &["when"])
    {
        reader.push(mistake::within_without_when(&entry.place));
    }
    StepPlan {
        id: id.map(str::to_owned),
        trigger,
        within,
        actions: actions(table, names, reader),
        look: read_look(table, names, reader),
        title: reader.prose(table, "title"),
        say: reader.prose(table, "say"),
        quiz: reader.table(table, "quiz").and_then(|quiz| read_quiz(quiz, reader)),
    }
}

/// The only key of `keys` in `table`.
fn only<'a>(
    table: &'a Table,
    keys: &[&str],
    called: &str,
    reader: &mut Reader<'a>,
) -> Option<&'a Entry> {
    let mut found = table.entries.iter().filter(|entry| keys.contains(&entry.key.as_str()));
    let first = found.next();
    match (first, found.next()) {
        (None, _) if misspelt(table, keys) => {}
        (None, _) => reader.push(mistake::no_trigger(&table.place, called, keys)),
        (Some(one), Some(two)) => {
            reader.push(mistake::two_triggers(&one.place, &two.place, called));
        }
        (Some(_), None) => {}
    }
    first
}

/// Whether a key of `table` is clearly meant to be one of `keys`: that mistake is said already.
fn misspelt(table: &Table, keys: &[&str]) -> bool {
    let strange = table.entries.iter().filter(|entry| !STEP_KEYS.contains(&entry.key.as_str()));
    strange
        .map(|entry| nearest(&entry.key, STEP_KEYS))
        .any(|near| near.is_some_and(|near| keys.contains(&near)))
}

const NOW: Trigger = Trigger::At(Duration::ZERO);

fn step_trigger<'a>(
    table: &'a Table,
    names: &Names,
    ids: &[(&str, &Place, Option<usize>)],
    reader: &mut Reader<'a>,
) -> Trigger {
    let Some(entry) = only(table, &["at", "after", "when"], "[[step]]", reader) else { return NOW };
    if entry.key != "after" {
        return timed(entry, table, names, reader);
    }
    let Some((text, place)) = reader.text(table, "after") else { return NOW };
    let trigger = after(&Sentence::in_file(text, place), ids);
    reader.sink.keep(trigger).unwrap_or(NOW)
}

/// `at` or `when`.
fn timed<'a>(entry: &Entry, table: &'a Table, names: &Names, reader: &mut Reader<'a>) -> Trigger {
    if entry.key == "at" {
        return reader.duration(table, "at").map_or(NOW, Trigger::At);
    }
    let Some((text, place)) = reader.text(table, "when") else { return NOW };
    let condition = condition_parser::condition(&Sentence::in_file(text, place), names);
    reader.sink.keep(condition).map_or(NOW, Trigger::When)
}

/// Reads `500ms`, `crash`, `crash + 2s`.
fn after(sentence: &Sentence, ids: &[(&str, &Place, Option<usize>)]) -> Outcome<Trigger> {
    let mut cursor = Cursor::new(sentence)?;
    let mut step = None;
    if let Some(Token::Word(_)) = cursor.peek() {
        let (word, place) = cursor.word("a step")?;
        let earlier: Vec<(&str, &Place)> = ids.iter().map(|(id, at, _)| (*id, *at)).collect();
        let known = ids.iter().rev().find(|(id, ..)| *id == word);
        let known = known.ok_or_else(|| mistake::unknown_step(&place, word, &earlier))?;
        let missing = "a step that this variant has, too";
        step = Some(known.2.ok_or_else(|| misread::bad_word(&place, word, missing))?);
        if cursor.peek().is_none() {
            return Ok(Trigger::After { step, delay: Duration::ZERO });
        }
        cursor.take_sign("+");
    }
    let expected = "a time such as `500ms`, or a step and a time such as `crash + 2s`";
    let (text, place) = cursor.number(expected)?;
    let text = if step.is_some() { text.trim_start_matches('+') } else { text };
    let delay = units::duration(text);
    let delay = delay.map_err(|why| misread::bad_word(&place, text, why.expected()))?;
    cursor.end()?;
    Ok(Trigger::After { step, delay })
}

fn actions<'a>(table: &'a Table, names: &Names, reader: &mut Reader<'a>) -> Vec<Action> {
    let mut actions = Vec::new();
    for sentence in reader.sentences(table, "do") {
        let action = action_parser::action(&sentence, names);
        actions.extend(reader.sink.keep(action));
    }
    actions
}

/// What the reader should look at must exist.
fn read_look<'a>(table: &'a Table, names: &Names, reader: &mut Reader<'a>) -> Vec<String> {
    let mut look = Vec::new();
    for (word, place) in reader.texts(table, "look") {
        let partition = |word: &str| names.partition(word).is_some();
        let known = match word.split_once('@') {
            Some((tp, node)) => partition(tp) && names.node(node).is_some(),
            None => partition(word) || names.node(word).is_some() || names.topic(word).is_some(),
        };
        if known {
            look.push(word.to_owned());
        } else {
            reader.push(mistake::nothing_to_look_at(place, word));
        }
    }
    look
}

fn read_quiz<'a>(table: &'a Table, reader: &mut Reader<'a>) -> Option<Quiz> {
    reader.check_keys(table, "[step.quiz]", &["ask", "choices", "answer"]);
    let examples = [
        ("ask", "ask = \"..\""),
        ("choices", "choices = [\"..\", \"..\"]"),
        ("answer", "answer = 1"),
    ];
    for (key, example) in examples {
        if table.entry(key).is_none() {
            reader.push(mistake::missing_key(&table.place, key, "[step.quiz]", example));
        }
    }
    let listed = &table.entry("choices")?.value;
    let choices: Vec<_> = listed.each().iter().filter_map(|one| reader.as_prose(one)).collect();
    if choices.len() < 2 {
        reader.push(mistake::bad_value(listed, "a list of at least two answers"));
        return None;
    }
    let answer = reader.whole(table, "answer", &(1..=choices.len().max(1) as i128))?;
    Some(Quiz { ask: reader.prose(table, "ask")?, choices, answer: answer as usize - 1 })
}

// Injected actions.

fn read_inject<'a>(table: &'a Table, names: &Names, reader: &mut Reader<'a>) -> Option<InjectPlan> {
    let entry = only(table, &["at", "when"], "[[inject]]", reader)?;
    let trigger = timed(entry, table, names, reader);
    if table.entry("do").is_none() {
        let example = "do = \"kill b1\"";
        reader.push(mistake::missing_key(&table.place, "do", "[[inject]]", example));
    }
    Some(InjectPlan::new(trigger, actions(table, names, reader), names))
}

/// Reads `when hw(orders-0) >= 5: kill b1; cut b2 -> b3` or `at 2s: heal`.
pub(super) fn inject_sentence(sentence: &Sentence, names: &Names) -> Outcome<InjectPlan> {
    let Some(colon) = sentence.text.find(':') else {
        return Err(misread::no_colon(&sentence.all()));
    };
    let head = sentence.text[..colon].trim_start();
    let start = colon - head.len();
    let trigger = if head.starts_with("when ") {
        let condition = sentence.part(start + "when ".len()..colon);
        Trigger::When(condition_parser::condition(&condition, names)?)
    } else if let Some(time) = head.strip_prefix("at ") {
        let text = time.trim();
        let place = sentence.at(start + "at ".len()..colon);
        let bad = |why: units::BadDuration| misread::bad_word(&place, text, why.expected());
        Trigger::At(units::duration(text).map_err(bad)?)
    } else {
        return Err(misread::no_inject_trigger(&sentence.at(0..colon)));
    };
    let mut actions = Vec::new();
    let mut from = colon + 1;
    for deed in sentence.text[colon + 1..].split(';') {
        let part = sentence.part(from..from + deed.len());
        actions.push(action_parser::action(&part, names)?);
        from += deed.len() + 1;
    }
    Ok(InjectPlan::new(trigger, actions, names))
}

// Promises.

const KINDS: [PromiseKind; 4] =
    [PromiseKind::Always, PromiseKind::Never, PromiseKind::Eventually, PromiseKind::Finally];

fn read_expect<'a>(
    table: &'a Table,
    names: &Names,
    variants: Variants<'_>,
    reader: &mut Reader<'a>,
    story: &mut Story,
) {
    let known = ["for", "always", "never", "eventually", "finally"];
    reader.check_keys(table, "[[expect]]", &known);
    if !belongs(table, variants, reader) {
        return;
    }
    for kind in KINDS {
        for sentence in reader.sentences(table, kind.word()) {
            let promise = promise(kind, &sentence, names);
            story.promises.extend(reader.sink.keep(promise));
        }
    }
}

fn promise(kind: PromiseKind, sentence: &Sentence, names: &Names) -> Outcome<Promise> {
    let condition = condition_parser::condition(sentence, names)?;
    if let Some(reason) = vacuous::decided_at_start(kind, &condition) {
        return Err(misread::decided_at_start(&sentence.all(), kind.word(), reason));
    }
    let text = sentence.text.trim().to_owned();
    Ok(Promise { kind, condition, text, place: sentence.all() })
}

/// `--expect EXPR`: judged at the end.
pub(super) fn expect_flag(text: &str, names: &Names) -> Outcome<Promise> {
    promise(PromiseKind::Finally, &Sentence::alone("--expect", text), names)
}
