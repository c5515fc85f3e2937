//! What is said about Kafka's settings: one constructor per mistake.
//!
//! K0100 a key that nobody knows, K0102 a value that Kafka refuses, K0107 values that it refuses
//! together, K0108 a limit of ours, K0406 a key that changes nothing, K0407 one that is yet to be built.

use kafkalab_core::config::catalog::{Default, Key, Later, Scope};
use kafkalab_core::config::limits::Limit;
use kafkalab_core::config::rules::Refusal;

use super::diagnostic::{Diagnostic, Place, Severity};
use super::mistake::quoted;
use super::settings::Line;

type Boxed = Box<Diagnostic>;

const LIMIT: &str = "Kafka takes it; this is a limit of kafkalab (docs/deviations.md)";

impl Diagnostic {
    /// The same as an error.
    pub(super) fn refused(self) -> Self {
        Self { severity: Severity::Error, code: "K0100", ..self }
    }
}

/// Whose settings they are.
const fn owner(scope: Scope) -> &'static str {
    match scope {
        Scope::Producer => "a producer",
        Scope::Consumer => "a consumer",
        Scope::Admin => "an admin client",
        Scope::Broker => "a broker",
        Scope::Topic => "a topic",
        Scope::Group => "a group",
    }
}

/// A warning, for Kafka starts all the same; [`Diagnostic::refused`] makes an error of it.
pub(super) fn unknown_setting(
    place: &Place,
    name: &str,
    scope: Scope,
    (near, elsewhere): (&[&str], Option<Scope>),
) -> Diagnostic {
    let title = format!("{} has no setting {}", owner(scope), quoted(name));
    let mut mistake = Diagnostic::warning("K0406", title, place);
    match near {
        [] => {}
        [one] => {
            return mistake.label("not a key of Kafka's").instead(
                "a setting with a similar name exists",
                place,
                one,
            );
        }
        several => {
            let help = format!("settings with similar names are {}", several.join(", "));
            return mistake.label("not a key of Kafka's").help(help);
        }
    }
    if let Some(elsewhere) = elsewhere {
        mistake = mistake.note(format!("it is a setting of {}", owner(elsewhere)));
    }
    match scope {
        Scope::Topic => mistake.label("Kafka refuses it").help("leave the line out"),
        _ => mistake.label("changes nothing, in Kafka as here"),
    }
}

pub(super) fn refused_value(line: &Line, expected: &str) -> Boxed {
    let title = match line.value.trim() {
        "" => "an empty value is not allowed here".to_owned(),
        value => format!("{} is not allowed here", quoted(value)),
    };
    let mistake = Diagnostic::error("K0102", title, &line.value_at);
    Box::new(mistake.label(format!("expected {expected}")).note("Kafka refuses it, too"))
}

pub(super) fn seconds_for_millis(line: &Line, key: &str, millis: u64) -> Boxed {
    let title = format!("{} is not allowed here: `{key}` counts milliseconds", quoted(&line.value));
    let mistake = Diagnostic::error("K0102", title, &line.value_at).label("expected a number");
    Box::new(mistake.suggest("write the number", &line.value_at, millis.to_string()))
}

pub(super) fn refused(at: &Place, others: &[&Place], refusal: &Refusal) -> Boxed {
    let title = format!("Kafka refuses this: {}", refusal.reason);
    let mistake = Diagnostic::error("K0107", title, at).help(refusal.remedy.clone());
    let beside = |mistake: Diagnostic, place: &&Place| mistake.also(place, "together with this");
    Box::new(others.iter().fold(mistake, beside))
}

pub(super) fn beyond_limit(at: &Place, value: &str, limit: &Limit) -> Boxed {
    let title = format!("kafkalab cannot run `{} = {}`: {}", limit.key, value.trim(), limit.why);
    let mistake = Diagnostic::error("K0108", title, at).note(LIMIT);
    Box::new(mistake.label(format!("expected {} or more", limit.least)))
}

pub(super) fn not_run(at: &Place, key: &str, value: &str, expected: &str) -> Boxed {
    let title = format!("kafkalab cannot run `{key} = {}` yet", value.trim());
    let mistake = Diagnostic::error("K0108", title, at).note(LIMIT);
    Box::new(mistake.label(format!("expected {expected}")))
}

/// The default of brokers for a topic that says nothing itself is none that a topic can have here.
pub(super) fn default_out_of_range(line: &Line, key: &str, least: i128, most: i128) -> Boxed {
    let title = format!("no topic can be made with `{key} = {}`", line.value.trim());
    let label = format!("expected a whole number from {least} to {most}");
    Box::new(Diagnostic::error("K0104", title, &line.value_at).label(label))
}

pub(super) fn not_yet(line: &Line, key: &Key, later: Later) -> Diagnostic {
    let title = format!("`{}` changes nothing yet: it comes with {}", key.name, later.name());
    let label = match key.default {
        Default::Required | Default::Unset => "as if it were not written".to_owned(),
        Default::Number(number) => format!("as if it were {number}, the default"),
        Default::Fraction(fraction) => format!("as if it were {fraction}, the default"),
        Default::Truth(truth) => format!("as if it were {truth}, the default"),
        Default::Word(word) => format!("as if it were {}, the default", quoted(word)),
        Default::Names(names) => format!("as if it were {}, the default", quoted(&names.join(","))),
    };
    Diagnostic::warning("K0407", title, &line.value_at).label(label)
}

pub(super) fn unreadable_file(place: &Place, path: &str, why: &str) -> Boxed {
    let title = format!("cannot read {}: {why}", quoted(path));
    let mistake = Diagnostic::error("K0007", title, place).label("a properties file");
    Box::new(mistake.help("paths begin at the scenario's own folder"))
}
