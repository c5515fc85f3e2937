//! Kafka's keys as `explain` tells them: meaning, default, range, and what becomes of them here.

mod meaning;
mod words;

use kafkalab_core::config::catalog::{Default, Here, Key, Kind, Outside, Scope, Valid};
use kafkalab_core::config::limits::LIMITS;
use kafkalab_sim::scenario::{Lang, nearest};
use unicode_width::UnicodeWidthStr;

use crate::cli::text::wrap;

pub use words::outside;

/// Whether Kafka knows a key of this name.
pub fn is_setting(name: &str) -> bool {
    Scope::ALL.into_iter().any(|scope| scope.key(name).is_some())
}

/// The key clearly meant by `name`.
pub fn nearest_setting(name: &str) -> Option<&'static str> {
    let mut names: Vec<&str> =
        Scope::ALL.iter().flat_map(|scope| scope.keys()).map(|key| key.name).collect();
    names.sort_unstable();
    names.dedup();
    nearest(name, names)
}

/// The key called `name` as lines of at most `width` columns: what it means, then what it is for each
/// that has it.
pub fn show(name: &str, lang: Lang, width: usize) -> Vec<String> {
    let mut lines = vec![name.to_owned()];
    if let Some(meaning) = meaning::of(name, lang) {
        lines.extend(indented(meaning, 2, width));
    }
    lines.extend(facts(name, lang, width));
    lines
}

/// What a key is for each that has it.
pub fn facts(name: &str, lang: Lang, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for scope in Scope::ALL {
        let Some(key) = scope.key(name) else { continue };
        lines.push(format!("  {}", words::scope(scope, lang)));
        let rows = [
            (words::default(lang), default(key, lang)),
            (words::range(lang), range(key, lang)),
            (words::importance(lang), words::how_important(key.importance, lang).to_owned()),
            (words::here(lang), here(scope, key, lang)),
        ];
        let widest = rows.iter().map(|(head, _)| head.width()).max().unwrap_or(0);
        for (head, text) in rows {
            let pad = " ".repeat(widest - head.width() + 2);
            let room = width.saturating_sub(widest + 6);
            let wrapped = wrap(&text, room);
            if wrapped.iter().any(|line| line.width() > room) {
                // A class has a long name: it stands alone below.
                lines.push(format!("    {head}"));
                lines.extend(indented(&text, 6, width));
                continue;
            }
            for (n, line) in wrapped.into_iter().enumerate() {
                let before = if n == 0 { format!("{head}{pad}") } else { " ".repeat(widest + 2) };
                lines.push(format!("    {before}{line}"));
            }
        }
    }
    lines
}

/// Every key of each that has keys. What changes nothing is counted by what it is about; `is_all` names
/// it, too.
pub fn list(lang: Lang, width: usize, is_all: bool) -> Vec<String> {
    let mut lines = words::list_head(lang, width);
    for scope in Scope::ALL {
        lines.push(String::new());
        lines.push(words::scope(scope, lang).to_owned());
        let of = |test: &dyn Fn(&Here) -> bool| {
            let mut names: Vec<&str> =
                scope.keys().filter(|key| test(&key.here)).map(|key| key.name).collect();
            names.sort_unstable();
            names
        };
        let modelled = of(&|here| matches!(here, Here::Modelled));
        let later = of(&|here| matches!(here, Here::NotYet(_)));
        for (head, names) in [(words::modelled(lang), modelled), (words::not_yet(lang), later)] {
            if names.is_empty() {
                continue;
            }
            lines.push(format!("  {head} ({})", names.len()));
            lines.extend(indented(&names.join(" "), 4, width));
        }
        lines.extend(without_effect(scope, lang, width, is_all));
    }
    lines
}

/// What changes nothing, by what it is about.
fn without_effect(scope: Scope, lang: Lang, width: usize, is_all: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut count = 0;
    for about in Outside::ALL {
        let of_it = scope.keys().filter(|key| key.here == Here::NoEffect(about));
        let mut names: Vec<&str> = of_it.map(|key| key.name).collect();
        if names.is_empty() {
            continue;
        }
        names.sort_unstable();
        count += names.len();
        lines.push(format!("    {} ({})", outside(about, lang), names.len()));
        if is_all {
            lines.extend(indented(&names.join(" "), 6, width));
        }
    }
    if count > 0 {
        lines.insert(0, format!("  {} ({count})", words::no_effect(lang)));
    }
    lines
}

fn indented(text: &str, by: usize, width: usize) -> Vec<String> {
    let lines = wrap(text, width.saturating_sub(by));
    lines.into_iter().map(|line| format!("{}{line}", " ".repeat(by))).collect()
}

fn default(key: &Key, lang: Lang) -> String {
    match key.default {
        Default::Required => words::required(lang).to_owned(),
        Default::Unset => words::unset(lang).to_owned(),
        Default::Number(number) => number.to_string(),
        Default::Fraction(fraction) if fraction >= f64::MAX => words::no_limit(lang).to_owned(),
        Default::Fraction(fraction) => fraction.to_string(),
        Default::Truth(truth) => truth.to_string(),
        Default::Word("") | Default::Names([]) => words::empty(lang).to_owned(),
        // A list in one word breaks between its members, too.
        Default::Word(word) => word.replace(',', ", "),
        Default::Names(names) => names.join(", "),
    }
}

fn range(key: &Key, lang: Lang) -> String {
    let from = |least: i64| words::from(least, lang);
    match key.valid {
        Valid::AtLeast(least) => from(least),
        Valid::Between(least, most) if most == key.largest() => from(least),
        Valid::Between(least, most) => format!("{least} .. {most}"),
        Valid::BetweenOr(least, most, also) => format!("{also}, {least} .. {most}"),
        Valid::Fractions(least, most) => format!("{least:?} .. {most:?}"),
        Valid::OneOf(all) | Valid::AnyCaseOf(all) => all.join(" | "),
        Valid::OneOfOrDuration(all) => format!("{} | by_duration:PT1H", all.join(" | ")),
        Valid::EachOf(all) => format!("{}: {}", words::list_of(lang), all.join(", ")),
        Valid::NonEmpty | Valid::NonEmptyList => words::not_empty(lang).to_owned(),
        Valid::ThrottledReplicas => "* | 0:1,1:2".to_owned(),
        Valid::Any | Valid::Present => match key.kind {
            Kind::Boolean => "true | false".to_owned(),
            Kind::Short | Kind::Int | Kind::Long => words::whole(lang).to_owned(),
            Kind::Double => words::fraction(lang).to_owned(),
            Kind::Text | Kind::Password => words::text(lang).to_owned(),
            Kind::List => words::list_of(lang).to_owned(),
            Kind::Class => words::class(lang).to_owned(),
        },
    }
}

fn here(scope: Scope, key: &Key, lang: Lang) -> String {
    match key.here {
        Here::Modelled => {
            let limit = LIMITS.iter().find(|one| one.scope == scope && one.key == key.name);
            match limit {
                Some(limit) => {
                    format!("{}; {}", words::modelled(lang), words::limited(limit.least, lang))
                }
                None => words::modelled(lang).to_owned(),
            }
        }
        Here::NoEffect(about) => {
            format!("{}: {}", words::no_effect(lang), outside(about, lang))
        }
        Here::NotYet(later) => words::comes_with(later, lang),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_modelled_key_has_a_meaning_in_both_languages() {
        for scope in Scope::ALL {
            for key in scope.keys().filter(|key| key.here == Here::Modelled) {
                for lang in [Lang::En, Lang::Ko] {
                    assert!(meaning::of(key.name, lang).is_some(), "{scope:?}: {}", key.name);
                }
            }
        }
        for (name, ..) in meaning::ALL {
            let is_modelled =
                |scope: &Scope| scope.key(name).is_some_and(|key| key.here == Here::Modelled);
            assert!(Scope::ALL.iter().any(is_modelled), "{name} is not modelled");
        }
    }

    #[test]
    fn a_key_fits_into_eighty_columns() {
        for lang in [Lang::En, Lang::Ko] {
            for key in Scope::ALL.iter().flat_map(|scope| scope.keys()) {
                for line in show(key.name, lang, 80) {
                    assert!(line.width() <= 80 || !line.trim().contains(' '), "{line}");
                }
            }
        }
    }
}
