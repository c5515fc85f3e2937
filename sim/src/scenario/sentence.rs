//! The words of a sentence and a cursor over them: what actions and conditions are parsed from.
//!
//! A sentence knows where it was written, so that a mistake in it is shown at its word, be it in the
//! file, in a variant's value or on the command line.

use std::ops::Range;
use std::sync::Arc;

use super::diagnostic::{Origin, Outcome, Place};
use super::mistake;

/// The longest sentence, in characters.
pub(super) const LONGEST: usize = 1_000;
/// How deep parentheses and lists may nest.
pub(super) const DEEPEST: usize = 32;

/// A text to be parsed, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Sentence {
    /// The text, escapes of the file resolved.
    pub(super) text: String,
    /// The whole value, quotes included.
    place: Place,
    /// Where the text begins inside its origin; `None` if escapes make positions meaningless.
    base: Option<usize>,
}

impl Sentence {
    /// A string value of a file.
    pub(super) fn in_file(text: &str, place: &Place) -> Self {
        let base = place.text().find(text).map(|at| place.span.start + at);
        Self { text: text.to_owned(), place: place.clone(), base }
    }

    /// A sentence by itself: a flag, a line typed at a prompt.
    pub(super) fn alone(name: &str, text: &str) -> Self {
        let origin = Arc::new(Origin { name: name.to_owned(), text: text.to_owned() });
        Self { text: text.to_owned(), place: Place { origin, span: 0..text.len() }, base: Some(0) }
    }

    /// A part of this sentence as a sentence of its own.
    pub(super) fn part(&self, range: Range<usize>) -> Self {
        let base = self.base.map(|base| base + range.start);
        Self { text: self.text[range.clone()].to_owned(), place: self.at(range), base }
    }

    /// Where some bytes of the text stand.
    pub(super) fn at(&self, range: Range<usize>) -> Place {
        let span = match self.base {
            Some(base) => base + range.start..base + range.end,
            None => self.place.span.clone(),
        };
        Place { origin: Arc::clone(&self.place.origin), span }
    }

    /// The outcome of reading this sentence. Where positions mean nothing, no change is offered.
    pub(super) fn outcome<T>(&self, outcome: Outcome<T>) -> Outcome<T> {
        outcome.map_err(|mut mistake| {
            mistake.suggestion = mistake.suggestion.filter(|_| self.base.is_some());
            mistake
        })
    }

    /// Where all of it stands.
    pub(super) fn all(&self) -> Place {
        self.at(0..self.text.len())
    }
}

/// One word or sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A name or keyword: `kill`, `orders-0`, `min.insync.replicas`.
    Word(&'a str),
    /// Something that begins with a digit or a sign and a digit: `5`, `300ms`, `-2s`, `20%`.
    Number(&'a str),
    /// Punctuation.
    Sign(&'static str),
}

/// Longer signs before their own beginnings.
const SIGNS: [&str; 23] = [
    "<->", "->", "<-", "==", "=>", "=<", "!=", "<=", ">=", "<", ">", "(", ")", "[", "]", "{", "}",
    ",", "@", "*", "=", "+", "-",
];

/// Reads a sentence token by token.
pub(super) struct Cursor<'a> {
    sentence: &'a Sentence,
    tokens: Vec<(Token<'a>, Range<usize>)>,
    next: usize,
    depth: usize,
}

impl<'a> Cursor<'a> {
    /// Splits a sentence into tokens.
    pub(super) fn new(sentence: &'a Sentence) -> Outcome<Self> {
        if sentence.text.chars().take(LONGEST + 1).count() > LONGEST {
            return Err(mistake::sentence_too_long(&sentence.all(), LONGEST));
        }
        let mut tokens = Vec::new();
        let mut at = 0;
        while let Some(first) = sentence.text[at..].chars().next() {
            if first.is_whitespace() {
                at += first.len_utf8();
                continue;
            }
            let Some((token, length)) = token_at(&sentence.text[at..]) else {
                let place = sentence.at(at..at + first.len_utf8());
                return Err(mistake::strange_character(&place, first, &sentence.text[at..]));
            };
            tokens.push((token, at..at + length));
            at += length;
        }
        Ok(Self { sentence, tokens, next: 0, depth: 0 })
    }

    /// The next token, not taken.
    pub(super) fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.next).map(|(token, _)| *token)
    }

    /// Takes the next token.
    pub(super) fn take(&mut self) -> Option<Token<'a>> {
        let token = self.peek()?;
        self.next += 1;
        Some(token)
    }

    /// Takes `sign` if it is next.
    pub(super) fn take_sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(next)) if next == sign);
        self.next += usize::from(found);
        found
    }

    /// Takes the keyword `word` if it is next.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(Token::Word(word));
        self.next += usize::from(found);
        found
    }

    /// Takes any word, or says what was expected.
    pub(super) fn word(&mut self, expected: &str) -> Outcome<(&'a str, Place)> {
        match self.peek() {
            Some(Token::Word(word)) => {
                let place = self.here();
                self.next += 1;
                Ok((word, place))
            }
            _ => Err(self.expected(expected)),
        }
    }

    /// Takes any number, or says what was expected.
    pub(super) fn number(&mut self, expected: &str) -> Outcome<(&'a str, Place)> {
        match self.peek() {
            Some(Token::Number(number)) => {
                let place = self.here();
                self.next += 1;
                Ok((number, place))
            }
            _ => Err(self.expected(expected)),
        }
    }

    /// Takes `sign`, or says that it was expected.
    pub(super) fn sign(&mut self, sign: &str) -> Outcome<()> {
        if self.take_sign(sign) { Ok(()) } else { Err(self.expected(&format!("`{sign}`"))) }
    }

    /// Nothing may follow.
    pub(super) fn end(&self) -> Outcome<()> {
        if self.peek().is_none() { Ok(()) } else { Err(self.expected("the end of the sentence")) }
    }

    /// Where the next token stands; at the end, the last one.
    pub(super) fn here(&self) -> Place {
        let last = self.tokens.len().checked_sub(1);
        match last.and_then(|last| self.tokens.get(self.next.min(last))) {
            Some((_, range)) => self.sentence.at(range.clone()),
            None => self.sentence.all(),
        }
    }

    /// How far the cursor is: give it to [`Cursor::since`] later.
    pub(super) fn mark(&self) -> usize {
        self.next
    }

    /// Where everything taken since `mark` stands.
    pub(super) fn since(&self, mark: usize) -> Place {
        let start = self.tokens.get(mark).map_or(0, |(_, range)| range.start);
        let last = self.next.checked_sub(1).and_then(|last| self.tokens.get(last));
        let end = last.map_or(self.sentence.text.len(), |(_, range)| range.end);
        self.sentence.at(start..end.max(start))
    }

    /// The mistake of finding something else than `expected` here.
    pub(super) fn expected(&self, expected: &str) -> Box<super::Diagnostic> {
        match self.tokens.get(self.next) {
            Some((_, range)) => {
                let found = &self.sentence.text[range.clone()];
                mistake::unexpected(&self.here(), expected, found)
            }
            None => mistake::sentence_ends(&self.here(), expected),
        }
    }

    /// Enters something nested one level deeper; [`Cursor::back`] leaves it.
    pub(super) fn deeper(&mut self) -> Outcome<()> {
        if self.depth >= DEEPEST {
            return Err(mistake::sentence_too_deep(&self.here(), DEEPEST));
        }
        self.depth += 1;
        Ok(())
    }

    /// Leaves a level.
    pub(super) fn back(&mut self) {
        self.depth -= 1;
    }
}

/// The token at the start of `text`, and how many bytes it takes.
fn token_at(text: &str) -> Option<(Token<'_>, usize)> {
    let bytes = text.as_bytes();
    let first = *bytes.first()?;
    let second_is_digit = bytes.get(1).is_some_and(u8::is_ascii_digit);
    if first.is_ascii_digit() || (matches!(first, b'+' | b'-') && second_is_digit) {
        let more = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'%');
        let length = 1 + bytes[1..].iter().take_while(|b| more(b)).count();
        return Some((Token::Number(&text[..length]), length));
    }
    if first.is_ascii_alphabetic() || first == b'_' {
        let length = word_length(bytes);
        return Some((Token::Word(&text[..length]), length));
    }
    // `hw(orders-0) <-1` compares with a number, it is no arrow.
    let compares = text.starts_with("<-") && bytes.get(2).is_some_and(u8::is_ascii_digit);
    let found = SIGNS.iter().find(|sign| text.starts_with(**sign) && !(compares && **sign == "<-"));
    found.map(|sign| (Token::Sign(sign), sign.len()))
}

/// A word holds `-` and `.`, but an arrow ends it (`b1->b2`).
fn word_length(bytes: &[u8]) -> usize {
    let ends = |at: usize| match bytes[at] {
        b'-' => bytes.get(at + 1) == Some(&b'>'),
        byte => !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')),
    };
    let length = (0..bytes.len()).find(|at| ends(*at)).unwrap_or(bytes.len());
    // `orders-*`: every partition of a topic.
    let is_pattern = bytes[..length].last() == Some(&b'-') && bytes.get(length) == Some(&b'*');
    length + usize::from(is_pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let sentence = Sentence::alone("test", text);
        let cursor = Cursor::new(&sentence).expect("a good sentence");
        let shown: Vec<String> =
            cursor.tokens.iter().map(|(_, range)| text[range.clone()].to_owned()).collect();
        assert_eq!(shown.join(" "), expect);
    }

    #[test]
    fn arrows_end_names_and_names_hold_dashes() {
        check("cut b1->b2", "cut b1 -> b2");
        check("cut {b1,b2}<->my-client", "cut { b1 , b2 } <-> my-client");
        check("cut b1 <- b2", "cut b1 <- b2");
        check("offline(orders-*) or cut b1->*", "offline ( orders-* ) or cut b1 -> *");
    }

    #[test]
    fn numbers_keep_their_sign_and_unit() {
        check("skew b1 -2s", "skew b1 -2s");
        check("drop 0.5% b1 -> b2", "drop 0.5% b1 -> b2");
        check("hw(orders-0)<-1", "hw ( orders-0 ) < -1");
    }

    #[test]
    fn a_part_of_a_sentence_knows_where_it_is() {
        let text = "do = \"kill b9\"".to_owned();
        let origin = Arc::new(Origin { name: "x".to_owned(), text });
        let place = Place { origin, span: 5..14 };
        let sentence = Sentence::in_file("kill b9", &place);
        assert_eq!(sentence.at(5..7).text(), "b9");
        assert_eq!(sentence.part(5..7).all().text(), "b9");
    }
}
