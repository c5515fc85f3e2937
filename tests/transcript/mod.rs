//! Does a command as a user does and keeps what it answers.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use kafkalab_tui::cli::args::Args;
use kafkalab_tui::cli::exit::Exit;
use kafkalab_tui::cli::{dispatch_to, streams::Streams};
use unicode_width::UnicodeWidthStr;

/// A stream that can be read afterwards.
#[derive(Clone, Default)]
struct Page(Rc<RefCell<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Page {
    fn text(&self) -> String {
        let bytes = self.0.borrow();
        let text = std::str::from_utf8(&bytes).expect("output is UTF-8");
        anstream::adapter::strip_str(text).to_string()
    }
}

/// What a command answers.
pub(crate) struct Answer {
    /// How it ended.
    pub(crate) exit: Exit,
    /// What it answered.
    pub(crate) out: String,
    /// What it complained of.
    pub(crate) err: String,
}

impl Answer {
    /// Both streams and the exit code, as a transcript.
    pub(crate) fn whole(&self) -> String {
        let Self { exit, out, err } = self;
        format!("{out}--- stderr\n{err}--- exit {}", *exit as u8)
    }
}

/// Does `kafkalab <words>` on a terminal of 80 columns.
pub(crate) fn kafkalab(words: &[&str]) -> Answer {
    use kafkalab_tui::cli::args::Parser;
    let args = ["kafkalab", "--lang", "en"].iter().chain(words);
    let args = Args::try_parse_from(args).expect("a good command line");
    let (out, err) = (Page::default(), Page::default());
    let mut streams =
        Streams { out: Box::new(out.clone()), err: Box::new(err.clone()), width: 100, columns: 80 };
    let exit = dispatch_to(&args, &mut streams);
    // Lines that are copied or searched for are never broken.
    let is_whole = |line: &str| ["FAIL", "STUCK", "kafkalab "].iter().any(|w| line.starts_with(w));
    let too_wide = |line: &&str| line.width() > 80 && !is_whole(line);
    if !words.contains(&"--json") && !words.contains(&"--source") {
        assert_eq!(out.text().lines().find(too_wide), None, "wider than the terminal");
    }
    Answer { exit, out: out.text(), err: err.text() }
}
