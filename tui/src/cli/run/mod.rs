//! `kafkalab run`: runs every variant of a scenario and judges its promises.
//!
//! The order of what is printed: the table, then on stderr the promises that were broken, then one line
//! per reason, and at the very end of a failure the command that shows it again.

mod column;
mod failure;
mod json;
mod sentence;
mod table;
mod timeline;
mod twice;

pub(crate) use column::{producers, record_name};

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kafkalab_core::chance::mix;
use kafkalab_sim::host::default_host;
use kafkalab_sim::run::{Crash, How, run as run_plan};
use kafkalab_sim::scenario::Scenario;
use kafkalab_sim::verdict::Status;

use super::args::{Common, RunArgs};
use super::exit::Exit;
use super::lang;
use super::load;
use super::repeat::Asked;
use super::streams::Streams;
use column::Column;

/// Runs a scenario.
pub fn run(
    args: &RunArgs,
    common: &Common,
    streams: &mut Streams,
    stop: &Arc<AtomicBool>,
) -> io::Result<Exit> {
    let options = args.load_options(common);
    let Some(scenario) = load::scenario(&args.scenario, &options, common.quiet, streams)? else {
        return Ok(Exit::Usage);
    };
    let asked = Asked { scenario: &args.scenario, common, expects: &args.expects };
    let how = How { host: default_host(), is_recorded: args.timeline || args.twice };
    let work = Work { args, scenario: &scenario, asked, stop };
    let mut columns = Vec::new();
    for variant in &scenario.variants {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        match run_plan(&Arc::new(variant.plan.clone()), how, stop) {
            Ok(lab) => columns.push(Column::of(variant.name.clone(), lab)),
            Err(crash) => return report_crash(&crash, variant.name.as_deref(), asked, streams),
        }
    }
    if common.json {
        json::print(&scenario, &columns, args.timeline, streams)?;
    } else {
        work.report(&columns, streams)?;
    }
    if args.twice && !stop.load(Ordering::Relaxed) {
        return work.compare(&columns, streams);
    }
    Ok(exit(&columns, stop))
}

/// What was asked for.
struct Work<'a> {
    args: &'a RunArgs,
    scenario: &'a Scenario,
    asked: Asked<'a>,
    stop: &'a Arc<AtomicBool>,
}

impl Work<'_> {
    fn report(&self, columns: &[Column], streams: &mut Streams) -> io::Result<()> {
        let common = self.asked.common;
        let lang = lang::chosen(common.lang);
        if !common.quiet {
            table::print(self.scenario, columns, lang, streams)?;
            if self.args.timeline {
                for column in columns {
                    timeline::print(column, lang, common.verbose, streams)?;
                }
            }
            sentence::print(columns, lang, self.stop, streams)?;
            streams.out.flush()?;
            failure::diagnose(columns, self.asked, streams)?;
        }
        sum_up(columns, self.asked, streams)
    }

    /// Runs everything again. In JSON the answer is the exit code and stderr alone.
    fn compare(&self, columns: &[Column], streams: &mut Streams) -> io::Result<Exit> {
        for column in columns {
            match twice::check(column, self.stop) {
                Ok(twice::Outcome::Equal) => {}
                Ok(twice::Outcome::Different(what)) => {
                    let suffix = column.suffix();
                    streams.complain(&format!("not reproducible{suffix}: {what}"), None)?;
                    return Ok(Exit::NotReproducible);
                }
                Err(crash) => {
                    return report_crash(&crash, column.name.as_deref(), self.asked, streams);
                }
            }
        }
        if !self.asked.common.json && !self.asked.common.quiet {
            twice::print_equal(streams)?;
        }
        Ok(exit(columns, self.stop))
    }
}

/// The last lines: what was broken, the sum, the command.
fn sum_up(columns: &[Column], asked: Asked<'_>, streams: &mut Streams) -> io::Result<()> {
    let is_quiet = asked.common.quiet;
    failure::print_reasons(columns, is_quiet, streams)?;
    let is_good = columns.iter().all(|column| column.verdict.status == Status::Pass);
    if is_good || !is_quiet {
        failure::print_sum(columns, streams)?;
    }
    if !is_good {
        failure::print_command(columns, asked, streams)?;
    }
    Ok(())
}

/// The simulator itself failed: nothing can be said about the scenario.
fn report_crash(
    crash: &Crash,
    variant: Option<&str>,
    asked: Asked<'_>,
    streams: &mut Streams,
) -> io::Result<Exit> {
    streams.complain(&crash.to_string(), Some("this is a bug of kafkalab; please report it"))?;
    writeln!(streams.out, "{}", asked.timeline(variant))?;
    Ok(Exit::Bug)
}

/// One hash for all variants: in order, or the only one as it is.
fn trace(columns: &[Column]) -> u64 {
    let mut traces = columns.iter().map(|column| column.verdict.trace.0);
    let first = traces.next().unwrap_or(0);
    traces.fold(first, mix)
}

fn exit(columns: &[Column], stop: &AtomicBool) -> Exit {
    if stop.load(Ordering::Relaxed) {
        return Exit::Interrupted;
    }
    match columns.iter().map(|column| column.verdict.status).max() {
        Some(Status::Bug) => Exit::Bug,
        Some(Status::Fail) => Exit::Fail,
        Some(Status::Stuck) => Exit::Stuck,
        Some(Status::Pass) | None => Exit::Pass,
    }
}
