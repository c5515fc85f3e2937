//! Quantities as people write them: `250ms`, `1.5s`, `1KiB`, `20%`. Whole numbers inside, never floats.

use kafkalab_core::time::Duration;

/// The longest time a scenario may mention, and the longest run.
pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Why a text is not a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadDuration {
    /// Not a number with a unit.
    Form,
    /// A number alone: which unit?
    NoUnit,
    /// Less than a microsecond is left over.
    TooFine,
    /// More than a day.
    TooLong,
}

impl BadDuration {
    /// What was expected instead, to stand after "expected".
    pub fn expected(self) -> &'static str {
        match self {
            Self::Form => "a time such as `250ms`, `1.5s`, `10us` or `2m`",
            Self::NoUnit => "a unit: us, ms, s, m or h",
            Self::TooFine => "a whole number of microseconds, the finest time there is",
            Self::TooLong => "at most 24 hours",
        }
    }
}

/// Reads `250ms`, `1.5s`, `10us`, `2m`, `1h`.
pub fn duration(text: &str) -> Result<Duration, BadDuration> {
    let (whole, fraction, unit) = split(text).ok_or(BadDuration::Form)?;
    let micros_of_unit = match unit {
        "us" => 1,
        "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        "" => return Err(BadDuration::NoUnit),
        _ => return Err(BadDuration::Form),
    };
    let micros = scaled(whole, fraction, micros_of_unit).map_err(|problem| match problem {
        Problem::Fraction => BadDuration::TooFine,
        Problem::Size => BadDuration::TooLong,
    })?;
    let length = Duration::from_micros(micros);
    if length > LONGEST { Err(BadDuration::TooLong) } else { Ok(length) }
}

/// Reads `+2s` or `-2s` as microseconds; the sign is not optional.
pub fn signed_micros(text: &str) -> Option<i64> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let micros = i64::try_from(duration(rest).ok()?.as_micros()).ok()?;
    Some(sign * micros)
}

/// Writes what [`signed_micros`] reads.
pub fn show_signed(micros: i64) -> String {
    let sign = if micros < 0 { '-' } else { '+' };
    format!("{sign}{}", Duration::from_micros(micros.unsigned_abs()))
}

/// Reads `20%` or `0.5%` as thousandths, from 1 to 1000.
pub fn permille(text: &str) -> Option<u32> {
    let (whole, fraction, "%") = split(text)? else { return None };
    let value = scaled(whole, fraction, 10).ok()?;
    u32::try_from(value).ok().filter(|value| (1..=1000).contains(value))
}

/// Writes what [`permille`] reads.
pub fn show_permille(permille: u32) -> String {
    match permille % 10 {
        0 => format!("{}%", permille / 10),
        tenths => format!("{}.{tenths}%", permille / 10),
    }
}

/// Reads `100`, `100B`, `1KiB`, `1MiB`.
pub fn size(text: &str) -> Option<u64> {
    let (whole, fraction, unit) = split(text)?;
    let bytes = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => return None,
    };
    scaled(whole, fraction, bytes).ok()
}

/// Digits, digits behind the point (maybe none), and the rest.
fn split(text: &str) -> Option<(&str, &str, &str)> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = text.split_at(digits(text));
    if whole.is_empty() {
        return None;
    }
    let Some(behind) = rest.strip_prefix('.') else { return Some((whole, "", rest)) };
    let (fraction, unit) = behind.split_at(digits(behind));
    if fraction.is_empty() { None } else { Some((whole, fraction, unit)) }
}

/// Why a number cannot be scaled.
enum Problem {
    Fraction,
    Size,
}

/// `whole.fraction * unit`, exactly.
fn scaled(whole: &str, fraction: &str, unit: u64) -> Result<u64, Problem> {
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 9 {
        return Err(Problem::Fraction);
    }
    let whole: u64 = whole.parse().map_err(|_| Problem::Size)?;
    let base = 10_u64.pow(fraction.len() as u32);
    let parts: u64 = if fraction.is_empty() { 0 } else { fraction.parse().unwrap_or(0) };
    // At most 9 digits times an hour: far below u64::MAX.
    let small = parts * unit;
    if !small.is_multiple_of(base) {
        return Err(Problem::Fraction);
    }
    whole.checked_mul(unit).and_then(|sum| sum.checked_add(small / base)).ok_or(Problem::Size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_exact() {
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1_500)));
        assert_eq!(duration("0.000001s"), Ok(Duration::from_micros(1)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("24h"), Ok(LONGEST));
    }

    #[test]
    fn each_way_to_write_a_bad_duration_has_its_own_reason() {
        assert_eq!(duration("soon"), Err(BadDuration::Form));
        assert_eq!(duration("5 s"), Err(BadDuration::Form));
        assert_eq!(duration("-1s"), Err(BadDuration::Form));
        assert_eq!(duration("250"), Err(BadDuration::NoUnit));
        assert_eq!(duration("0.5us"), Err(BadDuration::TooFine));
        assert_eq!(duration("25h"), Err(BadDuration::TooLong));
        assert_eq!(duration("99999999999999999999s"), Err(BadDuration::TooLong));
    }

    #[test]
    fn percentages_and_sizes_are_whole_numbers_inside() {
        assert_eq!(permille("0.5%"), Some(5));
        assert_eq!(permille("100%"), Some(1000));
        assert_eq!(permille("0.05%"), None);
        assert_eq!(permille("101%"), None);
        assert_eq!(size("1.5KiB"), Some(1536));
        assert_eq!(size("12KB"), None);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(micros in 0..=LONGEST.as_micros(), share in 1..=1000_u32) {
            let length = Duration::from_micros(micros);
            prop_assert_eq!(duration(&length.to_string()), Ok(length));
            prop_assert_eq!(permille(&show_permille(share)), Some(share));
            let signed = -(micros as i64);
            prop_assert_eq!(signed_micros(&show_signed(signed)), Some(signed));
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,40}") {
            let _ = (duration(&text), signed_micros(&text), permille(&text), size(&text));
        }
    }
}
