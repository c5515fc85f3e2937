//! What is said about mistakes in a file, sentences apart: one constructor per mistake.
//!
//! Codes are stable: K00xx a file that cannot be read, K01xx keys and values, K02xx names, K04xx
//! warnings, K05xx something that comes later. Those of sentences are in `mistake.rs`.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Origin, Place, nearest};
use super::file::Value;
use super::mistake::quoted;
use super::names::some_of;

type Boxed = Box<Diagnostic>;

const MINIMAL: &str = "a scenario begins with `format = 1`, `id = \"my-scenario\"` and a `title`";

// The file.

pub(super) fn file_too_large(origin: &Arc<Origin>, most: usize) -> Diagnostic {
    let title = format!("this file is too large for a scenario: more than {most} bytes");
    Diagnostic::error("K0001", title, &Place::start(origin))
        .help("check that it is a scenario at all; long texts belong elsewhere")
}

pub(super) fn not_utf8(place: &Place, byte: u8, offset: usize) -> Diagnostic {
    let title = format!("this is not UTF-8 text: byte 0x{byte:02x} at offset {offset}");
    Diagnostic::error("K0002", title, place)
        .label("cannot be read")
        .help("save the file as UTF-8, or check that it is a scenario at all")
}

pub(super) fn syntax(place: &Place, message: &str) -> Diagnostic {
    if message.contains("recurs") {
        return Diagnostic::error("K0005", "lists or tables nested too deep", place)
            .label("deeper than anything a scenario says")
            .help("write it flat");
    }
    let (what, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    let found = quoted(place.text());
    let title = match what {
        "" => "this is not TOML".to_owned(),
        // The parser says that something is missing without saying what stands there instead.
        _ if expected.is_empty() || what.contains('`') => format!("this is not TOML: {what}"),
        _ => format!("this is not TOML: {what} near {found}"),
    };
    let label = match expected {
        "" => String::new(),
        "nothing" => "not expected here".to_owned(),
        _ => format!("expected {expected}"),
    };
    Diagnostic::error("K0003", title, place)
        .label(label)
        .note("only the first mistake of this kind is shown: it often causes the others")
}

pub(super) fn bad_escape(place: &Place) -> Boxed {
    let title = "this is no character: `\\u` needs four hexadecimal digits";
    let mistake = Diagnostic::error("K0003", title, place).label("expected such as `\\u00e4`");
    Box::new(mistake.note("Java refuses the whole file"))
}

pub(super) fn empty_file(origin: &Arc<Origin>) -> Diagnostic {
    Diagnostic::error("K0004", "this file says nothing", &Place::start(origin)).help(MINIMAL)
}

pub(super) fn other_format(value: &Value) -> Boxed {
    let title = format!("format {} is not known", quoted(value.place.text()));
    let mistake = Diagnostic::error("K0006", title, &value.place).label("expected 1");
    Box::new(mistake.help("a newer kafkalab may read it"))
}

pub(super) fn too_many(place: &Place, what: &str, count: usize, most: usize) -> Boxed {
    let title = format!("{count} {what} are too many");
    Box::new(Diagnostic::error("K0005", title, place).label(format!("at most {most}")))
}

// Keys and values.

pub(super) fn unknown_key(place: &Place, key: &str, table: &str, known: &[&str]) -> Boxed {
    let title = format!("unknown key {} in {table}", quoted(key));
    let own = known.iter().filter(|key| !key.contains('.')).copied();
    let own: Vec<&str> = own.collect();
    let mistake = Diagnostic::error("K0100", title, place)
        .label("not a key of this table")
        .note(format!("the keys are {}", own.join(" ")));
    Box::new(match nearest(key, known.iter().copied()) {
        Some(near) if near.contains('.') => {
            mistake.suggest("a setting with a similar name exists", place, format!("\"{near}\""))
        }
        Some(near) => mistake.suggest("a key with a similar name exists", place, near),
        None => mistake,
    })
}

pub(super) fn unquoted_setting(place: &Place, key: &str, setting: &str) -> Boxed {
    let title = format!("without quotes, `{setting}` is a table `{key}` inside this one");
    let mistake = Diagnostic::error("K0105", title, place).label("TOML reads dots as tables");
    Box::new(mistake.help(format!("write Kafka's settings in quotes: `\"{setting}\" = ..`")))
}

pub(super) fn missing_key(place: &Place, key: &str, table: &str, example: &str) -> Boxed {
    let title = format!("{table} needs a key `{key}`");
    let mistake = Diagnostic::error("K0101", title, place).label(format!("`{key}` is missing"));
    Box::new(mistake.help(format!("add a line such as `{example}`")))
}

pub(super) fn wrong_kind(value: &Value, expected: &str) -> Boxed {
    let title = format!("expected {expected}, found {}", value.is_a());
    let mistake = Diagnostic::error("K0102", title, &value.place);
    Box::new(mistake.label(format!("this is {}", value.is_a())))
}

pub(super) fn no_table(value: &Value, key: &str) -> Boxed {
    let mistake = wrong_kind(value, "a table");
    Box::new(mistake.help(format!("write its header once, in single brackets: `[{key}]`")))
}

pub(super) fn bad_value(value: &Value, expected: &str) -> Boxed {
    let shown = value.as_text().map_or_else(|| quoted(value.place.text()), quoted);
    let title = format!("{shown} is not allowed here");
    let mistake = Diagnostic::error("K0102", title, &value.place);
    Box::new(mistake.label(format!("expected {expected}")))
}

pub(super) fn out_of_range(value: &Value, what: &str, range: &RangeInclusive<i128>) -> Boxed {
    let title = format!("{} is out of range for {what}", quoted(value.place.text()));
    let label = format!("expected a whole number from {} to {}", range.start(), range.end());
    Box::new(Diagnostic::error("K0104", title, &value.place).label(label))
}

pub(super) fn too_many_replicas(
    place: &Place,
    replicas: u16,
    brokers: u16,
    at: Option<&Place>,
) -> Boxed {
    let title = format!("{replicas} replicas need {replicas} brokers, and there are {brokers}");
    let mut mistake = Diagnostic::error("K0104", title, place)
        .label("each replica stands on a broker of its own");
    if let Some(at) = at {
        mistake = mistake.also(at, format!("{brokers} brokers"));
    }
    Box::new(mistake)
}

pub(super) fn too_many_at_once(place: &Place, name: &str, count: u64, most: u64) -> Boxed {
    let title = format!("`{name}` sends {count} records at one moment: at most {most}");
    let mistake = Diagnostic::error("K0104", title, place).label("no time between two records");
    Box::new(mistake.help("write a pause, such as `every = \"1ms\"`"))
}

pub(super) fn two_triggers(first: &Place, second: &Place, table: &str) -> Boxed {
    let title = format!("{table} has two triggers");
    let mistake = Diagnostic::error("K0106", title, second).label("and this is another");
    Box::new(mistake.also(first, "this is one").help("keep one of them"))
}

pub(super) fn no_trigger(place: &Place, table: &str, known: &[&str]) -> Boxed {
    let title = format!("{table} does not say when it happens");
    let all: Vec<String> = known.iter().map(|key| format!("`{key}`")).collect();
    let mistake = Diagnostic::error("K0106", title, place).label("when?");
    Box::new(mistake.help(format!("add one of {}", all.join(", "))))
}

pub(super) fn within_without_when(place: &Place) -> Boxed {
    let title = "`within` limits how long a `when` may wait, and there is none";
    Box::new(Diagnostic::error("K0106", title, place).label("this step waits for a time anyway"))
}

// Names.

pub(super) fn duplicate(place: &Place, name: &str, what: &str, first: &Place) -> Boxed {
    let title = format!("{} is already the name of a {what}", quoted(name));
    let mistake = Diagnostic::error("K0103", title, place).label("used again");
    Box::new(mistake.also(first, "used here first"))
}

pub(super) fn bad_name(place: &Place, name: &str, why: &str) -> Boxed {
    let title = format!("{} cannot be a name", quoted(name));
    Box::new(Diagnostic::error("K0208", title, place).label(why.to_owned()))
}

pub(super) fn unknown_step(place: &Place, word: &str, earlier: &[(&str, &Place)]) -> Boxed {
    let title = format!("no earlier step is called {}", quoted(word));
    let mut mistake =
        Diagnostic::error("K0204", title, place).label("steps fire in the order of the file");
    if let Some(near) = nearest(word, earlier.iter().map(|(id, _)| *id)) {
        for (_, at) in earlier.iter().filter(|(id, _)| *id == near) {
            mistake = mistake.also(at, "this one is near");
        }
        return Box::new(mistake.instead("a step with a similar id exists", place, near));
    }
    Box::new(if earlier.is_empty() {
        mistake.note("no step before this one has an id")
    } else {
        let ids = earlier.iter().map(|(id, _)| *id);
        mistake.note(format!("the steps before it are {}", some_of(ids)))
    })
}

pub(super) fn unknown_variant(place: &Place, word: &str, known: &[&str]) -> Boxed {
    let title = format!("there is no variant called {}", quoted(word));
    let mut mistake = Diagnostic::error("K0205", title, place);
    mistake = if known.is_empty() {
        mistake.note("this scenario has no variants")
    } else {
        mistake.note(format!("the variants are {}", some_of(known)))
    };
    Box::new(match nearest(word, known.iter().copied()) {
        Some(near) => mistake.instead("a variant with a similar name exists", place, near),
        None => mistake,
    })
}

pub(super) fn unset_parameter(
    place: &Place,
    name: &str,
    variant: Option<&str>,
    known: &[&str],
) -> Boxed {
    if let Some(variant) = variant.filter(|_| known.contains(&name)) {
        let title = format!("variant `{variant}` does not set the parameter `${name}`");
        let help = format!("set it in `{variant}`, or for all: `[param]` with `{name} = ..`");
        let mistake = Diagnostic::error("K0206", title, place).label("stands for nothing there");
        return Box::new(mistake.help(help));
    }
    let title = format!("nothing sets the parameter `${name}`");
    let mistake = Diagnostic::error("K0206", title, place).label("stands for nothing");
    if let Some(near) = nearest(name, known.iter().copied()) {
        let help = "a parameter with a similar name exists";
        return Box::new(mistake.suggest(help, place, format!("\"${near}\"")));
    }
    let help = format!("set it in every variant, or for all: `[param]` with `{name} = ..`");
    Box::new(mistake.help(help))
}

pub(super) fn unknown_parameter(place: &Place, name: &str, known: &[&str]) -> Boxed {
    let title = format!("this scenario has no parameter {}", quoted(name));
    let mut mistake = Diagnostic::error("K0206", title, place);
    mistake = if known.is_empty() {
        mistake.note("a parameter is declared in `[param]` or `[variants]`")
    } else {
        mistake.note(format!("the parameters are {}", some_of(known)))
    };
    Box::new(match nearest(name, known.iter().copied()) {
        Some(near) => mistake.suggest("a parameter with a similar name exists", place, near),
        None => mistake,
    })
}

pub(super) fn parameter_of_parameter(place: &Place) -> Boxed {
    let title = "a parameter cannot stand for another parameter";
    Box::new(Diagnostic::error("K0206", title, place).label("write the value itself"))
}

pub(super) fn nothing_to_look_at(place: &Place, word: &str) -> Boxed {
    let title = format!("there is nothing called {} to look at", quoted(word));
    let mistake = Diagnostic::error("K0201", title, place);
    Box::new(mistake.note(
        "look takes nodes `b1`, topics `orders`, partitions `orders-0`, replicas `orders-0@b1`",
    ))
}

// Warnings.

pub(super) fn no_korean(place: &Place) -> Diagnostic {
    Diagnostic::warning("K0401", "this text has no Korean", place)
        .label("English is shown instead")
        .help("add `ko`, or write one string for both languages")
}

pub(super) fn unused_parameter(place: &Place, name: &str) -> Diagnostic {
    Diagnostic::warning("K0402", format!("nothing uses the parameter {}", quoted(name)), place)
        .label("this changes nothing")
        .help(format!("write `\"${name}\"` where its value belongs"))
}

pub(super) fn promises_dropped(place: &Place) -> Diagnostic {
    let title = "the variants of the file are replaced, and with them the promises made `for` one";
    Diagnostic::warning("K0404", title, place).label("sets all that the variants differ in")
}

pub(super) fn never_started(place: &Place, name: &str) -> Diagnostic {
    let title = format!("nothing starts `{name}`");
    Diagnostic::warning("K0405", title, place)
        .label("it is down until the story starts it")
        .help(format!("add a step with `do = \"start {name}\"`"))
}

// Later.

pub(super) fn key_comes_later(place: &Place, key: &str, instead: &str) -> Boxed {
    let title = format!("`{key}` comes later");
    let mistake = Diagnostic::error("K0501", title, place).label("not yet");
    Box::new(if instead.is_empty() { mistake } else { mistake.help(instead.to_owned()) })
}

pub(super) fn controllers_come_later(value: &Value) -> Boxed {
    let title = "more than one controller comes later";
    let mistake = Diagnostic::error("K0503", title, &value.place).label("expected 1");
    Box::new(mistake.help("leave the line out: there is one controller, `k1`"))
}
