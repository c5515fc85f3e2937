//! Where output goes: stdout for the answer, stderr for all else, colours where they are wanted.

use std::io::{self, Write};

use annotate_snippets::{Group, Level, Renderer};
use anstream::{AutoStream, ColorChoice};
use kafkalab_sim::scenario::Diagnostic;

use super::args::Color;
use super::diagnostic::render;

/// The two streams of a command. Tests hand in buffers.
pub struct Streams {
    /// The answer.
    pub out: Box<dyn Write>,
    /// Diagnostics, warnings, progress.
    pub err: Box<dyn Write>,
    /// The width of messages, in columns.
    pub width: usize,
    /// The width of answers, in columns.
    pub columns: usize,
}

impl Streams {
    /// Those of the process. Escapes are stripped where `color`, `NO_COLOR` or a pipe says so.
    pub fn real(color: Color) -> Self {
        let choice = match color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        let choice_of_out = match choice {
            ColorChoice::Auto => AutoStream::choice(&io::stdout()),
            chosen => chosen,
        };
        let out = io::BufWriter::new(AutoStream::new(io::stdout(), choice_of_out));
        let err = AutoStream::new(io::stderr(), choice);
        Self { out: Box::new(out), err: Box::new(err), width: width(), columns: columns() }
    }

    /// The same streams, which a reader may leave without ending the command.
    pub(super) fn outlive_readers(&mut self) {
        for stream in [&mut self.out, &mut self.err] {
            let to = std::mem::replace(stream, Box::new(io::sink()));
            *stream = Box::new(Patient { to, is_gone: false });
        }
    }

    /// Sends out what is still held back.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()?;
        self.err.flush()
    }

    /// Shows mistakes on stderr, an empty line between them.
    pub fn diagnose(&mut self, found: &[Diagnostic]) -> io::Result<()> {
        for one in found {
            writeln!(self.err, "{}\n", render(one, self.width, true))?;
        }
        Ok(())
    }

    /// Says on stderr what is wrong where no text can be pointed at.
    pub fn complain(&mut self, title: &str, help: Option<&str>) -> io::Result<()> {
        let mut group = Group::with_title(Level::ERROR.primary_title(title));
        if let Some(help) = help {
            group = group.element(Level::HELP.message(help));
        }
        writeln!(self.err, "{}", Renderer::styled().term_width(self.width).render(&[group]))
    }
}

/// A stream whose reader may go away (`| head`). What is written after that is dropped, so that the
/// command goes on to its end and its exit code still says how it went.
struct Patient {
    to: Box<dyn Write>,
    is_gone: bool,
}

impl Patient {
    /// What `done` came to; `instead` once nobody reads any more.
    fn outlive<T>(
        &mut self,
        instead: T,
        done: impl FnOnce(&mut dyn Write) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.is_gone {
            return Ok(instead);
        }
        match done(&mut self.to) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_gone = true;
                Ok(instead)
            }
            outcome => outcome,
        }
    }
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outlive(bytes.len(), |to| to.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.outlive((), |to| to.flush())
    }
}

/// Columns of messages: what `COLUMNS` says, else the usual 80 plus room for a long comment.
fn width() -> usize {
    wished().unwrap_or(120)
}

/// Columns of answers: what `COLUMNS` says, else the terminal's, else 80.
fn columns() -> usize {
    let of_terminal = || {
        let (width, _) = terminal_size::terminal_size_of(io::stdout())?;
        Some(usize::from(width.0).clamp(NARROWEST, WIDEST))
    };
    wished().or_else(of_terminal).unwrap_or(80)
}

const NARROWEST: usize = 40;
const WIDEST: usize = 400;

fn wished() -> Option<usize> {
    let columns = std::env::var("COLUMNS").ok()?.parse().ok()?;
    (NARROWEST..=WIDEST).contains(&columns).then_some(columns)
}
