//! From the name of a scenario to something that can be run, with all that is to be said about it.

use std::io;

use kafkalab_sim::scenario::{LoadOptions, Loaded, Scenario, load_with};

use super::streams::Streams;
use crate::files;

/// Reads the scenario called `name`. `None` if there is nothing to run, and then stderr has the reason.
pub fn scenario(
    name: &str,
    options: &LoadOptions,
    is_quiet: bool,
    streams: &mut Streams,
) -> io::Result<Option<Scenario>> {
    let source = match files::read(name) {
        Ok(source) => source,
        Err(problem) => {
            streams.complain(&problem.title, problem.help.as_deref())?;
            return Ok(None);
        }
    };
    match load_with(&source.name, &source.bytes, options, &|path| source.open(path)) {
        Ok(Loaded { scenario, warnings, .. }) => {
            if !is_quiet {
                streams.diagnose(&warnings)?;
            }
            Ok(Some(scenario))
        }
        Err(mistakes) => {
            streams.diagnose(&mistakes)?;
            Ok(None)
        }
    }
}
