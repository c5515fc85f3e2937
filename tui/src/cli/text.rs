//! Text in columns of a terminal, where a Korean syllable takes two.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// At most `width` columns of `text`; where something is missing, it ends in `..`.
pub fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut used = 0;
    for sign in text.chars() {
        used += sign.width().unwrap_or(0);
        if used > width.saturating_sub(2) {
            break;
        }
        cut.push(sign);
    }
    cut.push_str("..");
    cut
}

/// `text` in lines of at most `width` columns, broken between words; a longer word stands alone.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always one");
        if line.is_empty() {
            line.push_str(word);
        } else if line.width() + 1 + word.width() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_off_leaves_a_mark() {
        assert_eq!(cut("leader(orders-0)", 16), "leader(orders-0)");
        assert_eq!(cut("leader(orders-0) != b1", 16), "leader(orders-..");
        assert_eq!(cut("리더가 죽는다", 8), "리더가..");
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("리더가 죽는다", 8), ["리더가", "죽는다"]);
        assert_eq!(wrap("", 8), [""]);
    }
}
