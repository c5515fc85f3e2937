//! A properties file as `java.util.Properties` reads it, each key and value with its place.

use std::ops::Range;
use std::sync::Arc;

use super::diagnostic::{Origin, Outcome, Place};
use super::file_mistake as mistake;

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Property {
    pub(super) key: String,
    pub(super) value: String,
    /// Where the key stands.
    pub(super) key_at: Place,
    /// Where the value stands; where there is none, where the key does.
    pub(super) value_at: Place,
}

/// The text of a file: UTF-8, or Latin-1 as Java has it.
pub(super) fn decode(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text).to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// Every key in the order of the file; one that is written twice is there twice, and the later counts.
pub(super) fn read(origin: &Arc<Origin>) -> Outcome<Vec<Property>> {
    let mut lines = Lines { text: &origin.text, at: 0 };
    let mut found = Vec::new();
    while let Some(line) = lines.next_logical() {
        found.push(property(&line, origin)?);
    }
    Ok(found)
}

/// The characters of one logical line, with their places; continuations are joined.
type Line = Vec<(usize, char)>;

struct Lines<'a> {
    text: &'a str,
    at: usize,
}

impl Lines<'_> {
    /// The next line that says something: no blank one, no comment.
    fn next_logical(&mut self) -> Option<Line> {
        loop {
            let mut line = self.next_natural()?;
            match line.first() {
                None | Some((_, '#' | '!')) => continue,
                Some(_) => {}
            }
            while is_continued(&line) {
                line.pop();
                let Some(next) = self.next_natural() else { break };
                line.extend(next);
            }
            return Some(line);
        }
    }

    /// The next line of the text without the blanks it begins with.
    fn next_natural(&mut self) -> Option<Line> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let start = self.at;
        let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let ending = if rest[end..].starts_with("\r\n") { 2 } else { 1 };
        self.at = start + end + ending;
        let line = rest[..end].char_indices().map(|(at, c)| (start + at, c));
        Some(line.skip_while(|(_, c)| is_blank(*c)).collect())
    }
}

/// Whether a line ends with an odd number of backslashes.
fn is_continued(line: &Line) -> bool {
    line.iter().rev().take_while(|(_, c)| *c == '\\').count() % 2 == 1
}

const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\x0c')
}

/// Key and value of a logical line: between them stand blanks, and `=` or `:` at most once.
fn property(line: &Line, origin: &Arc<Origin>) -> Outcome<Property> {
    let mut key_end = 0;
    while let Some((_, c)) = line.get(key_end) {
        match c {
            '\\' => key_end += 2,
            '=' | ':' => break,
            c if is_blank(*c) => break,
            _ => key_end += 1,
        }
    }
    let key_end = key_end.min(line.len());
    let mut from = key_end;
    let mut has_sign = false;
    while let Some((_, c)) = line.get(from) {
        match c {
            '=' | ':' if !has_sign => has_sign = true,
            c if is_blank(*c) => {}
            _ => break,
        }
        from += 1;
    }
    let (key, value) = (&line[..key_end], &line[from..]);
    let key_at = Place { origin: Arc::clone(origin), span: span(key).unwrap_or(0..0) };
    let value_at = span(value)
        .map_or_else(|| key_at.clone(), |span| Place { origin: Arc::clone(origin), span });
    Ok(Property {
        key: unescaped(key, origin)?,
        value: unescaped(value, origin)?,
        key_at,
        value_at,
    })
}

fn span(part: &[(usize, char)]) -> Option<Range<usize>> {
    let ((first, _), (last, c)) = (part.first()?, part.last()?);
    Some(*first..last + c.len_utf8())
}

/// The text without its backslashes: `\t`, `\n`, `\r`, `\f`, `\u0041`, and any other character itself.
fn unescaped(part: &[(usize, char)], origin: &Arc<Origin>) -> Outcome<String> {
    // Beyond U+FFFF a character is written as two escapes.
    let mut units: Vec<u16> = Vec::with_capacity(part.len());
    let push = |c: char, units: &mut Vec<u16>| {
        units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
    };
    let mut at = 0;
    while let Some((_, c)) = part.get(at) {
        at += 1;
        if *c != '\\' {
            push(*c, &mut units);
            continue;
        }
        let Some((_, escaped)) = part.get(at) else { break };
        at += 1;
        match escaped {
            't' => push('\t', &mut units),
            'n' => push('\n', &mut units),
            'r' => push('\r', &mut units),
            'f' => push('\x0c', &mut units),
            'u' => {
                let digits = part.get(at..at + 4).unwrap_or_default();
                let hex: String = digits.iter().map(|(_, c)| *c).collect();
                let is_hex = hex.len() == 4 && hex.bytes().all(|b| b.is_ascii_hexdigit());
                let unit = u16::from_str_radix(&hex, 16).ok().filter(|_| is_hex);
                let end = part.get(at + 3).or(part.last()).map_or(0, |(at, c)| at + c.len_utf8());
                let span = part[at - 2].0..end;
                let place = Place { origin: Arc::clone(origin), span };
                units.push(unit.ok_or_else(|| mistake::bad_escape(&place))?);
                at += 4;
            }
            other => push(*other, &mut units),
        }
    }
    Ok(String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn origin(text: &str) -> Arc<Origin> {
        Arc::new(Origin { name: "x.properties".to_owned(), text: text.to_owned() })
    }

    fn check(text: &str, expect: &[(&str, &str)]) {
        let found = read(&origin(text)).expect("a good file");
        let found: Vec<_> = found.iter().map(|one| (&*one.key, &*one.value)).collect();
        assert_eq!(found, expect, "{text:?}");
    }

    #[test]
    fn a_file_is_read_as_java_reads_it() {
        check("acks=all", &[("acks", "all")]);
        check("# x=1\n! y=2\n\n   # z\n acks = all\n", &[("acks", "all")]);
        check(
            "a:1\nb 2\nc\t=\t3\nd = = 4\ne=\nf",
            &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "= 4"), ("e", ""), ("f", "")],
        );
        check("trailing = kept  ", &[("trailing", "kept  ")]);
        check("a = 1,\\\n    2,\\\r\n\t3\r\nb=4\rc=5", &[("a", "1,2,3"), ("b", "4"), ("c", "5")]);
        check("path = c:\\\\dir\\\\", &[("path", "c:\\dir\\")]);
        check("a\\ b\\=c = d\\te\\u0041\\q", &[("a b=c", "d\teAq")]);
        check("smile=\\ud83d\\ude00", &[("smile", "\u{1f600}")]);
        check("# a comment is not continued \\\na=1", &[("a", "1")]);
        check("a=1\\", &[("a", "1")]);
        check("a=1\na=2", &[("a", "1"), ("a", "2")]);
        check("=x", &[("", "x")]);
    }

    #[test]
    fn places_are_those_of_the_file() {
        let found = read(&origin("# one\n  linger.ms : \\\n   5\nacks")).expect("a good file");
        assert_eq!((found[0].key_at.text(), found[0].value_at.text()), ("linger.ms", "5"));
        assert_eq!((found[1].key_at.text(), found[1].value_at.text()), ("acks", "acks"));
    }

    #[test]
    fn an_escape_that_is_none_is_pointed_at() {
        let mistake = read(&origin("a=1\nb=\\u12 ")).expect_err("no escape");
        assert_eq!((mistake.code, &mistake.origin.text[mistake.span.clone()]), ("K0003", "\\u12 "));
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_properties_or_in_a_mistake(
            bytes in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let text = decode(&bytes);
            let origin = origin(&text);
            match read(&origin) {
                Ok(found) => for one in found {
                    for place in [&one.key_at, &one.value_at] {
                        prop_assert!(text.get(place.span.clone()).is_some());
                    }
                },
                Err(mistake) => prop_assert!(text.get(mistake.span.clone()).is_some()),
            }
        }

        #[test]
        fn any_signs_end_in_properties_or_in_a_mistake(text in "[a=: \\\\#!u0\n\r\t]{0,40}") {
            let origin = origin(&text);
            if let Ok(found) = read(&origin) {
                prop_assert!(found.len() <= text.len());
            }
        }
    }
}
