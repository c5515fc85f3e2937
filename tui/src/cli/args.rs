//! The command line as it is written: flags, verbs, their help.

pub use clap::Parser;
use clap::{Args as Group, Subcommand, ValueEnum};
use kafkalab_sim::host::Host;
use kafkalab_sim::scenario::LoadOptions;

use super::lang::LangFlag;

/// A whole Kafka cluster in one process, on a simulated network, disk and clock.
#[derive(Clone, Debug, Parser)]
#[command(name = "kafkalab", version = version(), propagate_version = true, max_term_width = 100)]
pub struct Args {
    /// What every verb understands.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Flags that stand before or after the verb.
#[derive(Clone, Debug, Default, Group)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Common {
    /// Use this seed instead of the scenario's; `random` draws one
    #[arg(long, global = true, value_name = "N|random", value_parser = seed)]
    pub seed: Option<u64>,
    /// Set a parameter; a comma list makes variants
    #[arg(long = "set", global = true, value_name = "K=V", value_parser = setting)]
    pub sets: Vec<(String, String)>,
    /// Do something beside the story: "when hw(orders-0) >= 5: kill b1"
    #[arg(long = "inject", global = true, value_name = "SENTENCE")]
    pub injects: Vec<String>,
    /// Answer in JSON Lines
    #[arg(long, global = true)]
    pub json: bool,
    /// Print the verdict only
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Print more
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Refuse settings of Kafka that are yet to be built, instead of warning of them
    #[arg(long, global = true)]
    pub strict: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// The language of texts; else KAFKALAB_LANG, LC_ALL, LC_MESSAGES or LANG says it
    #[arg(long, global = true, value_enum)]
    pub lang: Option<LangFlag>,
}

impl Common {
    /// What these flags change about a scenario.
    pub fn load_options(&self) -> LoadOptions {
        LoadOptions {
            sets: self.sets.clone(),
            seed: self.seed,
            injects: self.injects.clone(),
            strict: self.strict,
            ..LoadOptions::default()
        }
    }
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Also into a pipe.
    Always,
    /// Not at all.
    Never,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Run a scenario and judge its promises
    Run(RunArgs),
    /// Read scenarios and report everything that is wrong
    Check(CheckArgs),
    /// List the built-in lessons, or read one
    Lessons(LessonsArgs),
    /// Say what went wrong in a run, tell the story of one record, or what a term means
    Explain(ExplainArgs),
}

/// `kafkalab run`.
#[derive(Clone, Debug, Group)]
pub struct RunArgs {
    /// A path, `-` for stdin, or a lesson by number or id
    pub scenario: String,
    /// Run this variant only
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
    /// Judge this at the end, instead of the scenario's promises
    #[arg(long = "expect", value_name = "CONDITION")]
    pub expects: Vec<String>,
    /// Print what happened, event by event
    #[arg(long)]
    pub timeline: bool,
    /// Run twice and compare: the same seed must give the same run
    #[arg(long)]
    pub twice: bool,
}

impl RunArgs {
    /// What the command line changes about the scenario.
    pub fn load_options(&self, common: &Common) -> LoadOptions {
        LoadOptions {
            variant: self.variant.clone(),
            expects: self.expects.clone(),
            ..common.load_options()
        }
    }
}

/// `kafkalab check`.
#[derive(Clone, Debug, Group)]
pub struct CheckArgs {
    /// Paths, `-` for stdin, or lessons by number or id
    #[arg(required = true, value_name = "SCENARIO")]
    pub scenarios: Vec<String>,
}

/// `kafkalab lessons`.
#[derive(Clone, Debug, Group)]
pub struct LessonsArgs {
    /// Read this one: its number or id
    pub name: Option<String>,
    /// With the answers to its questions
    #[arg(long, requires = "name", conflicts_with = "source")]
    pub answer: bool,
    /// As the scenario file that it is
    #[arg(long, requires = "name")]
    pub source: bool,
}

/// `kafkalab explain`.
#[derive(Clone, Debug, Group)]
pub struct ExplainArgs {
    /// A term, such as hw; or a scenario: a path, `-`, or a lesson by number or id
    #[arg(value_name = "TERM|SCENARIO")]
    pub what: String,
    /// The record to tell of: 3 is #3; p2#3 where several clients produce
    #[arg(long, value_name = "N")]
    pub record: Option<String>,
    /// In this variant
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
}

impl ExplainArgs {
    /// What the command line changes about the scenario.
    pub fn load_options(&self, common: &Common) -> LoadOptions {
        LoadOptions { variant: self.variant.clone(), ..common.load_options() }
    }
}

/// `0.1.0 (madsim host)`.
fn version() -> &'static str {
    match kafkalab_sim::host::default_host() {
        Host::Madsim => concat!(env!("CARGO_PKG_VERSION"), " (madsim host)"),
        Host::Plain => concat!(env!("CARGO_PKG_VERSION"), " (plain host)"),
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("expected KEY=VALUE, such as acks=all".to_owned()),
    }
}

/// A number, or one that nobody has chosen: the run prints it, so it can be given again.
fn seed(text: &str) -> Result<u64, String> {
    if text == "random" {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        return Ok(u64::from(now.map_or(0, |since| since.subsec_nanos())));
    }
    text.parse().map_err(|_| format!("expected a whole number from 0 to {}, or `random`", u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Args::command().debug_assert();
    }

    #[test]
    fn flags_stand_before_and_after_the_verb() {
        let args = ["kafkalab", "--set", "acks=0,1", "run", "02", "--seed", "7", "--twice"];
        let args = Args::try_parse_from(args).expect("a good command");
        let Verb::Run(run) = &args.verb else { panic!("another verb") };
        let options = run.load_options(&args.common);
        assert_eq!(options.seed, Some(7));
        assert_eq!(options.sets, [("acks".to_owned(), "0,1".to_owned())]);
        assert!(run.twice);
    }
}
