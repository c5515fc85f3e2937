//! Korean particles after names: which form follows depends on the last sound of the name.

/// `name` with the particle that fits: `with("b1", "이", "가")` is `b1이`.
///
/// Digits are read as Sino-Korean numbers, Latin letters by their names where that decides.
pub(super) fn with(name: &str, after_consonant: &str, after_vowel: &str) -> String {
    let particle = if ends_in_consonant(name) { after_consonant } else { after_vowel };
    format!("{name}{particle}")
}

/// Subject: 이/가.
pub(super) fn subject(name: &str) -> String {
    with(name, "이", "가")
}

/// Topic: 은/는.
pub(super) fn topic(name: &str) -> String {
    with(name, "은", "는")
}

/// Object: 을/를.
pub(super) fn object(name: &str) -> String {
    with(name, "을", "를")
}

fn ends_in_consonant(name: &str) -> bool {
    const HANGUL: std::ops::RangeInclusive<u32> = 0xAC00..=0xD7A3;
    match name.trim_end_matches([')', ']', '}', '"']).chars().last() {
        Some(last) if HANGUL.contains(&(last as u32)) => !(last as u32 - 0xAC00).is_multiple_of(28),
        Some('0' | '1' | '3' | '6' | '7' | '8' | 'l' | 'm' | 'n') => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_particle_follows_the_sound() {
        assert_eq!(subject("b1"), "b1이");
        assert_eq!(subject("b2"), "b2가");
        assert_eq!(topic("#3"), "#3은");
        assert_eq!(object("레코드"), "레코드를");
        assert_eq!(object("오프셋"), "오프셋을");
        assert_eq!(subject("acks=all"), "acks=all이");
    }
}
