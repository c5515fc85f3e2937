//! The command line: one verb a file, each of them load, do, print.
//!
//! stdout carries the answer and nothing else; progress, warnings and diagnostics go to stderr. A reader
//! that goes away early (`| head`) has had enough: that is not an error.

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
    let mut streams = Streams::real(args.common.color);
    let stop = interrupt::watch();
    let outcome = verb(args, &mut streams, &stop);
    match outcome.and_then(|exit| streams.flush().map(|()| exit)) {
        Ok(exit) => exit,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Pass,
        Err(error) => {
            // Nothing is left to be done if stderr is gone, too.
            let _told = streams.complain(&format!("cannot write: {error}"), None);
            Exit::Usage
        }
    }
}

/// As [`dispatch`], on streams of the caller's; nobody interrupts it.
pub fn dispatch_to(args: &Args, streams: &mut Streams) -> io::Result<Exit> {
    verb(args, streams, &Arc::default())
}

fn verb(args: &Args, streams: &mut Streams, stop: &Arc<AtomicBool>) -> io::Result<Exit> {
    match &args.verb {
        Verb::Check(own) => check::run(own, &args.common, streams),
        Verb::Lessons(own) => lessons::run(own, &args.common, streams),
        Verb::Run(own) => run::run(own, &args.common, streams, stop),
        Verb::Explain(own) => explain::run(own, &args.common, streams, stop),
    }
}
