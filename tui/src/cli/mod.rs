//! The command line: one verb a file, each of them load, do, print.
//!
//! stdout carries the answer and nothing else; progress, warnings and diagnostics go to stderr. A reader
//! that goes away early (`| head`) has had enough: that is not an error.

pub mod args;
pub mod check;
pub mod diagnostic;
pub mod exit;
pub mod lang;
pub mod lessons;
pub mod streams;

use std::io;

use args::{Args, Verb};
use exit::Exit;
use streams::Streams;

/// Does what the command line asks for.
pub fn dispatch(args: &Args) -> Exit {
    let mut streams = Streams::real(args.common.color);
    let outcome = verb(args, &mut streams).and_then(|exit| streams.flush().map(|()| exit));
    match outcome {
        Ok(exit) => exit,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Pass,
        Err(error) => {
            // Nothing is left to be done if stderr is gone, too.
            let _told = streams.complain(&format!("cannot write: {error}"), None);
            Exit::Usage
        }
    }
}

fn verb(args: &Args, streams: &mut Streams) -> io::Result<Exit> {
    match &args.verb {
        Verb::Check(own) => check::run(own, &args.common, streams),
        Verb::Lessons(own) => lessons::run(own, &args.common, streams),
        Verb::Run(_) | Verb::Explain(_) => {
            let help = "`check` reads a scenario, `lessons` lists those that are built in";
            streams.complain("running a scenario is not built yet", Some(help))?;
            Ok(Exit::Usage)
        }
    }
}
