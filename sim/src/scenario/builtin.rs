//! The lessons that come with the program, embedded in it.

use super::diagnostic::nearest;

/// A lesson: one scenario file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Builtin {
    /// Its number, two digits: `02`.
    pub number: &'static str,
    /// Its id, the same as in the file.
    pub id: &'static str,
    /// The file.
    pub text: &'static str,
}

macro_rules! lessons {
    ($($number:literal $id:literal;)*) => {
        &[$(Builtin {
            number: $number,
            id: $id,
            text: include_str!(concat!("../../../scenarios/", $number, "-", $id, ".toml")),
        }),*]
    };
}

/// Every lesson, in order. A new one is a file in `scenarios/` and a line here.
const LESSONS: &[Builtin] = lessons! {
    "02" "acks-leader-crash";
    "03" "high-watermark";
    "04" "min-insync-replicas";
};

/// Every lesson, in order.
pub fn lessons() -> &'static [Builtin] {
    LESSONS
}

/// The lesson called `name`: its number, with or without the zero, or its id.
pub fn find(name: &str) -> Option<&'static Builtin> {
    let number = |lesson: &Builtin| {
        !name.is_empty() && lesson.number.trim_start_matches('0') == name.trim_start_matches('0')
    };
    LESSONS.iter().find(|lesson| lesson.id == name || number(lesson))
}

/// The id that was clearly meant by `name`, if any.
pub fn nearest_id(name: &str) -> Option<&'static str> {
    nearest(name, LESSONS.iter().map(|lesson| lesson.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{LoadOptions, load};

    #[test]
    fn a_lesson_is_found_by_number_and_by_id() {
        let lesson = find("02").expect("embedded");
        assert_eq!(find("2"), Some(lesson));
        assert_eq!(find("acks-leader-crash"), Some(lesson));
        assert_eq!(find(""), None);
        assert_eq!(nearest_id("acks-leader-crush"), Some("acks-leader-crash"));
    }

    #[test]
    fn every_lesson_reads_without_a_warning_under_its_own_id() {
        for lesson in lessons() {
            let loaded = load(lesson.id, lesson.text.as_bytes(), &LoadOptions::default());
            let loaded = loaded.unwrap_or_else(|mistakes| panic!("{}: {mistakes:#?}", lesson.id));
            assert_eq!(loaded.warnings, [], "{}", lesson.id);
            assert_eq!(loaded.scenario.id, lesson.id);
        }
    }
}
