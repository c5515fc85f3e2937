//! The command line: one verb a file, each of them load, do, print.
//!
//! stdout carries the answer and nothing else; progress, warnings and diagnostics go to stderr. A reader
//! that goes away early (`| head`) has had enough: the command still ends with the exit code of its answer.

pub mod args;
pub mod check;
pub mod diagnostic;
pub mod exit;
pub mod explain;
pub mod interrupt;
pub mod lang;
pub mod lessons;
pub mod load;
pub mod repeat;
pub mod run;
pub mod streams;
pub mod text;
pub mod time;

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use args::{Args, Verb};
use exit::Exit;
use streams::Streams;

/// Does what the command line asks for.
pub fn dispatch(args: &Args) -> Exit {
    perform(args, &mut Streams::real(args.common.color), &interrupt::watch())
}

/// Does it, and writes to these streams; nobody interrupts it.
pub fn dispatch_to(args: &Args, streams: &mut Streams) -> Exit {
    perform(args, streams, &Arc::default())
}

fn perform(args: &Args, streams: &mut Streams, stop: &Arc<AtomicBool>) -> Exit {
    streams.outlive_readers();
    let outcome = verb(args, streams, stop);
    match outcome.and_then(|exit| streams.flush().map(|()| exit)) {
        Ok(exit) => exit,
        Err(error) => {
            // Nothing is left to be done if stderr is gone, too.
            let _told = streams.complain(&format!("cannot write: {error}"), None);
            Exit::Usage
        }
    }
}

fn verb(args: &Args, streams: &mut Streams, stop: &Arc<AtomicBool>) -> io::Result<Exit> {
    match &args.verb {
        Verb::Check(own) => check::run(own, &args.common, streams),
        Verb::Lessons(own) => lessons::run(own, &args.common, streams),
        Verb::Run(own) => run::run(own, &args.common, streams, stop),
        Verb::Explain(own) => explain::run(own, &args.common, streams, stop),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::io::Write;
    use std::rc::Rc;

    use clap::Parser;
    use unicode_width::UnicodeWidthStr;

    use super::*;

    /// A stream that the test reads, or one whose reader has gone.
    #[derive(Clone, Default)]
    struct Buffer {
        bytes: Rc<RefCell<Vec<u8>>>,
        gone: bool,
    }

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.gone {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.bytes.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Buffer {
        fn text(&self) -> String {
            String::from_utf8_lossy(&self.bytes.borrow()).into_owned()
        }
    }

    fn command(line: &str, out: &Buffer) -> (Exit, String) {
        let args = Args::try_parse_from(line.split_whitespace()).expect("a good command");
        let err = Buffer::default();
        let (out, err_too) = (Box::new(out.clone()), Box::new(err.clone()));
        let exit = dispatch_to(&args, &mut Streams { out, err: err_too, width: 100, columns: 80 });
        (exit, err.text())
    }

    #[test]
    fn the_answer_goes_to_stdout_and_nothing_else() {
        let out = Buffer::default();
        assert_eq!(command("kafkalab check 02", &out), (Exit::Pass, String::new()));
        let answer = "02-acks-leader-crash.toml: ok, 5 steps, 4 promises, 3 variants\n";
        assert_eq!(out.text(), answer);
    }

    #[test]
    fn a_scenario_that_is_wrong_ends_with_two_and_says_why_on_stderr() {
        let out = Buffer::default();
        let (exit, said) = command("kafkalab check 02 --set acks=5", &out);
        assert_eq!((exit, out.text().as_str()), (Exit::Usage, ""));
        assert!(said.contains("expected `all`, `-1`, `0` or `1`"), "{said}");
        assert!(said.ends_with("02-acks-leader-crash.toml: 1 mistake\n"), "{said}");
    }

    #[test]
    fn the_table_of_lessons_is_aligned_in_both_languages() {
        for (lang, title) in [("en", "The ack that lied"), ("ko", "거짓말이 된 ack")] {
            let out = Buffer::default();
            let (exit, said) = command(&format!("kafkalab lessons --lang {lang}"), &out);
            assert_eq!((exit, said.as_str()), (Exit::Pass, ""));
            assert!(out.text().contains(" 02  acks-leader-crash ") && out.text().contains(title));
            let text = out.text();
            let before = text.lines().filter_map(|line| line.split_once("ko en"));
            let widths: Vec<usize> = before.map(|(before, _)| before.width()).collect();
            assert!(widths.windows(2).all(|two| two[0] == two[1]), "{text}");
        }
    }

    #[test]
    fn a_reader_that_goes_away_changes_no_exit_code() {
        let out = Buffer { gone: true, ..Buffer::default() };
        assert_eq!(command("kafkalab lessons", &out), (Exit::Pass, String::new()));
        let broken = "kafkalab run 02 --variant acks-1 --expect sent==0 --quiet";
        assert_eq!(command(broken, &out), (Exit::Fail, String::new()));
    }
}
