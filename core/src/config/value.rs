//! A value as Kafka reads it from text (`ConfigDef.parseType`), and which values it takes
//! (`ConfigDef.Validator`).

use super::catalog::{Default, Key, Kind, Valid};

/// A value that was read.
#[derive(Clone, Debug, PartialEq)]
pub enum Parsed {
    /// `null`.
    Unset,
    /// A whole number.
    Number(i64),
    /// A fraction.
    Fraction(f64),
    /// A truth.
    Truth(bool),
    /// A text, a password, the name of a class.
    Word(String),
    /// A list.
    Names(Vec<String>),
}

impl Parsed {
    /// The number, if it is a whole one.
    pub fn number(&self) -> Option<i64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    /// The number, if it is a fraction.
    pub fn fraction(&self) -> Option<f64> {
        if let Self::Fraction(fraction) = self { Some(*fraction) } else { None }
    }

    /// The truth, if it is one.
    pub fn truth(&self) -> Option<bool> {
        if let Self::Truth(truth) = self { Some(*truth) } else { None }
    }

    /// The text, if it is one.
    pub fn word(&self) -> Option<&str> {
        if let Self::Word(word) = self { Some(word) } else { None }
    }

    /// The list, if it is one.
    pub fn names(&self) -> Option<&[String]> {
        if let Self::Names(names) = self { Some(names) } else { None }
    }
}

impl Key {
    /// What `text` says. The error tells which values the key takes.
    pub fn parse(&self, text: &str) -> Result<Parsed, String> {
        let text = text.trim();
        let read = match self.kind {
            Kind::Short => whole(text, i64::from(i16::MIN), i64::from(i16::MAX)),
            Kind::Int => whole(text, i64::from(i32::MIN), i64::from(i32::MAX)),
            Kind::Long => whole(text, i64::MIN, i64::MAX),
            Kind::Double => text.parse().ok().map(Parsed::Fraction),
            Kind::Boolean => truth(text),
            Kind::Text | Kind::Password => Some(Parsed::Word(text.to_owned())),
            Kind::Class => Some(Parsed::Word(text.to_owned())).filter(|_| !text.is_empty()),
            Kind::List => Some(Parsed::Names(names(text))),
        };
        read.filter(|value| self.takes(value)).ok_or_else(|| self.expected())
    }

    /// The value where nothing is written.
    pub fn default_value(&self) -> Parsed {
        match self.default {
            Default::Required | Default::Unset => Parsed::Unset,
            Default::Number(number) => Parsed::Number(number),
            Default::Fraction(fraction) => Parsed::Fraction(fraction),
            Default::Truth(truth) => Parsed::Truth(truth),
            Default::Word(word) => Parsed::Word(word.to_owned()),
            Default::Names(names) => {
                Parsed::Names(names.iter().map(|&one| one.to_owned()).collect())
            }
        }
    }

    /// Whether `text` says what holds anyway.
    pub fn is_default(&self, text: &str) -> bool {
        self.parse(text).is_ok_and(|value| value == self.default_value())
    }

    fn takes(&self, value: &Parsed) -> bool {
        let number = |test: &dyn Fn(i64) -> bool| value.number().is_none_or(test);
        let word = |test: &dyn Fn(&str) -> bool| value.word().is_none_or(test);
        let names = |test: &dyn Fn(&[String]) -> bool| value.names().is_none_or(test);
        match self.valid {
            Valid::Any | Valid::Present => true,
            Valid::AtLeast(least) => number(&|n| n >= least),
            Valid::Between(least, most) => number(&|n| (least..=most).contains(&n)),
            Valid::BetweenOr(least, most, also) => {
                number(&|n| (least..=most).contains(&n) || n == also)
            }
            Valid::Fractions(least, most) => {
                value.fraction().is_none_or(|n| (least..=most).contains(&n))
            }
            Valid::OneOf(all) => word(&|w| all.contains(&w)),
            Valid::OneOfOrDuration(all) => word(&|w| {
                all.contains(&w) || w.strip_prefix("by_duration:").is_some_and(is_iso_duration)
            }),
            Valid::AnyCaseOf(all) => word(&|w| all.iter().any(|one| one.eq_ignore_ascii_case(w))),
            Valid::EachOf(all) => names(&|n| n.iter().all(|name| all.contains(&name.as_str()))),
            Valid::NonEmpty => word(&|w| !w.is_empty()),
            Valid::NonEmptyList => names(&|n| !n.is_empty()),
            Valid::ThrottledReplicas => {
                names(&|n| n.is_empty() || *n == ["*"] || n.iter().all(|name| is_replica(name)))
            }
        }
    }

    /// Which values the key takes, as the end of a sentence that begins with "expected".
    pub fn expected(&self) -> String {
        let ticked = |all: &[&str]| {
            let all: Vec<String> = all.iter().map(|one| format!("`{one}`")).collect();
            match all.split_last() {
                Some((last, rest)) if !rest.is_empty() => {
                    format!("{} or {last}", rest.join(", "))
                }
                _ => all.concat(),
            }
        };
        match self.valid {
            Valid::AtLeast(least) => self.range(least, self.largest()),
            Valid::Between(least, most) => self.range(least, most),
            Valid::BetweenOr(least, most, also) => {
                format!("{}, or {also}", self.range(least, most))
            }
            Valid::Fractions(least, most) => format!("a number from {least:?} to {most:?}"),
            Valid::OneOf(all) | Valid::AnyCaseOf(all) => ticked(all),
            Valid::OneOfOrDuration(all) => {
                format!("{}, or `by_duration:` and a time such as `PT1H`", ticked(all))
            }
            Valid::EachOf(all) => format!("a list of {}", ticked(all)),
            Valid::NonEmpty => "a text that is not empty".to_owned(),
            Valid::NonEmptyList => "a list that is not empty".to_owned(),
            Valid::ThrottledReplicas => "`*`, or partitions and brokers: `0:1,1:2`".to_owned(),
            Valid::Any | Valid::Present => match self.kind {
                Kind::Short => self.range(i64::from(i16::MIN), self.largest()),
                Kind::Int => self.range(i64::from(i32::MIN), self.largest()),
                Kind::Long => self.range(i64::MIN, self.largest()),
                Kind::Double => "a number".to_owned(),
                Kind::Boolean => "`true` or `false`".to_owned(),
                Kind::Text | Kind::Password => "a text".to_owned(),
                Kind::Class => "the name of a class".to_owned(),
                Kind::List => "a list".to_owned(),
            },
        }
    }

    fn range(&self, least: i64, most: i64) -> String {
        let what = match self.name.rsplit_once('.') {
            Some((_, "ms")) => "a number of milliseconds",
            _ => "a whole number",
        };
        format!("{what} from {least} to {most}")
    }

    /// The largest whole number of its kind.
    pub fn largest(&self) -> i64 {
        match self.kind {
            Kind::Short => i64::from(i16::MAX),
            Kind::Int => i64::from(i32::MAX),
            Kind::Long
            | Kind::Double
            | Kind::Boolean
            | Kind::Text
            | Kind::List
            | Kind::Class
            | Kind::Password => i64::MAX,
        }
    }
}

fn whole(text: &str, least: i64, most: i64) -> Option<Parsed> {
    text.parse().ok().filter(|number| (least..=most).contains(number)).map(Parsed::Number)
}

fn truth(text: &str) -> Option<Parsed> {
    if text.eq_ignore_ascii_case("true") {
        Some(Parsed::Truth(true))
    } else if text.eq_ignore_ascii_case("false") {
        Some(Parsed::Truth(false))
    } else {
        None
    }
}

fn names(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    text.split(',').map(|name| name.trim().to_owned()).collect()
}

/// `0:1`.
fn is_replica(text: &str) -> bool {
    let digits = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    text.split_once(':').is_some_and(|(partition, broker)| digits(partition) && digits(broker))
}

/// Whether `java.time.Duration.parse` takes it and it is not negative: `P1D`, `PT1H30M`, `PT0.5S`.
fn is_iso_duration(text: &str) -> bool {
    let text = text.to_ascii_uppercase();
    let Some(rest) = text.strip_prefix("+P").or_else(|| text.strip_prefix('P')) else {
        return false;
    };
    let (days, clock) = match rest.split_once('T') {
        Some((days, clock)) => (days, Some(clock)),
        None => (rest, None),
    };
    let has_days = !days.is_empty();
    if has_days && parts(days, "D") != Some(1) {
        return false;
    }
    match clock {
        None => has_days,
        Some(clock) => parts(clock, "HMS").is_some_and(|count| count > 0),
    }
}

/// How many numbers with a unit `text` is made of; `None` if it is not, or the units are out of order.
fn parts(text: &str, units: &str) -> Option<usize> {
    let (mut rest, mut units, mut count) = (text, units, 0);
    while !rest.is_empty() {
        let at = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let unit = rest[at..].chars().next()?;
        let found = units.find(unit)?;
        units = &units[found + 1..];
        let number = rest[..at].strip_prefix('+').unwrap_or(&rest[..at]);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
        let has_fraction = number.contains('.');
        if !digits(whole) || (has_fraction && (unit != 'S' || !digits(fraction))) {
            return None;
        }
        count += 1;
        rest = &rest[at + 1..];
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_java_does() {
        for good in ["PT1H", "P1D", "PT0S", "P1DT2H", "PT1H30M", "pt0.5s", "PT90M"] {
            assert!(is_iso_duration(good), "{good}");
        }
        for bad in ["", "1h", "xx", "-PT1H", "PT-1H", "P", "PT", "P1DT", "PT1M1H", "P1H", "PT1.5H"]
        {
            assert!(!is_iso_duration(bad), "{bad}");
        }
    }
}
