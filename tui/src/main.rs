//! The `kafkalab` binary: read the command line, do one verb, say with one number how it went.

use std::process::ExitCode;

use clap::Parser;
use kafkalab_tui::cli::{self, args::Args};

fn main() -> ExitCode {
    cli::dispatch(&Args::parse()).into()
}
