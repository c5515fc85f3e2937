//! `kafkalab check`: reads scenarios and reports everything that is wrong with them.

use std::io::{self, Write};

use kafkalab_core::config::catalog::Outside;
use kafkalab_sim::scenario::Lang;
use kafkalab_sim::scenario::defaults::DIFFERENCES;
use kafkalab_sim::scenario::{Diagnostic, Loaded, Place, Scenario, Severity, load_with};
use serde_json::json;

use super::args::{CheckArgs, Common};
use super::exit::Exit;
use super::lang::{self, LangFlag};
use super::streams::Streams;
use super::text::wrap;
use crate::{files, settings};

/// Checks every scenario that is named; one that is wrong does not hide the next.
pub fn run(args: &CheckArgs, common: &Common, streams: &mut Streams) -> io::Result<Exit> {
    let mut exit = Exit::Pass;
    for name in &args.scenarios {
        let good = match files::read(name) {
            Ok(source) => check(&source, common, streams)?,
            Err(problem) => {
                streams.complain(&problem.title, problem.help.as_deref())?;
                false
            }
        };
        if !good {
            exit = Exit::Usage;
        }
    }
    if common.verbose && !common.json {
        print_differences(streams)?;
    }
    Ok(exit)
}

fn check(source: &files::Source, common: &Common, streams: &mut Streams) -> io::Result<bool> {
    let open = |path: &str| source.open(path);
    let loaded = load_with(&source.name, &source.bytes, &common.load_options(), &open);
    let (scenario, mut found, without_effect) = match loaded {
        Ok(Loaded { scenario, warnings, without_effect }) => {
            (Some(scenario), warnings, without_effect)
        }
        Err(mistakes) => (None, mistakes, Vec::new()),
    };
    // Whoever asks for Korean wants all of it: texts without it are mistakes then.
    if common.lang == Some(LangFlag::Ko) {
        for one in found.iter_mut().filter(|one| one.code == "K0401") {
            one.severity = Severity::Error;
        }
    }
    let errors = found.iter().filter(|one| one.severity == Severity::Error).count();
    if common.json {
        print_json(&source.name, scenario.as_ref(), (&found, &without_effect), streams)?;
        return Ok(errors == 0);
    }
    streams.diagnose(&found)?;
    match &scenario {
        Some(scenario) if errors == 0 => {
            let summary = summary(scenario);
            if !common.quiet {
                writeln!(streams.out, "{}: ok, {summary}", source.name)?;
            }
            if common.verbose {
                print_without_effect(&without_effect, lang::chosen(common.lang), streams)?;
            }
        }
        _ => {
            let counted = counted(errors, "mistake");
            writeln!(streams.err, "{}: {counted}", source.name)?;
        }
    }
    Ok(errors == 0)
}

/// `4 steps, 3 promises, 3 variants`.
fn summary(scenario: &Scenario) -> String {
    let (steps, promises, variants) = counts(scenario);
    let mut summary = format!("{}, {}", counted(steps, "step"), counted(promises, "promise"));
    if variants > 0 {
        summary = format!("{summary}, {}", counted(variants, "variant"));
    }
    summary
}

/// Steps of the longest variant, different promises of all of them, variants if there are any.
fn counts(scenario: &Scenario) -> (usize, usize, usize) {
    let plans = scenario.variants.iter().map(|variant| &variant.plan);
    let steps = plans.clone().map(|plan| plan.steps.len()).max().unwrap_or(0);
    let mut promises: Vec<(&Place, &str)> = plans
        .flat_map(|plan| &plan.promises)
        .map(|promise| (&promise.place, promise.kind.word()))
        .collect();
    promises.sort_by_key(|(place, kind)| (place.span.start, *kind));
    promises.dedup();
    let named = scenario.variants.iter().filter(|variant| variant.name.is_some()).count();
    (steps, promises.len(), named)
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Names the settings that change nothing here, once, by what they are about.
fn print_without_effect(
    settings: &[(String, Outside)],
    lang: Lang,
    streams: &mut Streams,
) -> io::Result<()> {
    if settings.is_empty() {
        return Ok(());
    }
    let head = match lang {
        Lang::En => "Without effect here, because it is not simulated:",
        Lang::Ko => "시뮬레이션하지 않으므로 여기서는 아무것도 바꾸지 않는 설정:",
    };
    writeln!(streams.out, "\n{head}")?;
    for outside in Outside::ALL {
        let of_it = settings.iter().filter(|(_, one)| *one == outside);
        let names: Vec<&str> = of_it.map(|(name, _)| name.as_str()).collect();
        if names.is_empty() {
            continue;
        }
        writeln!(streams.out, "  {}", settings::outside(outside, lang))?;
        for line in wrap(&names.join(", "), streams.columns.saturating_sub(6)) {
            writeln!(streams.out, "      {line}")?;
        }
    }
    Ok(())
}

fn print_differences(streams: &mut Streams) -> io::Result<()> {
    writeln!(streams.out, "\nWhat differs from a Kafka cluster with default settings:")?;
    for difference in DIFFERENCES {
        writeln!(streams.out, "  {}", difference.what)?;
        writeln!(streams.out, "      Kafka  {}", difference.kafka)?;
        writeln!(streams.out, "      here   {}", difference.here)?;
        writeln!(streams.out, "      why    {}", difference.why)?;
    }
    Ok(())
}

fn print_json(
    name: &str,
    scenario: Option<&Scenario>,
    (found, without_effect): (&[Diagnostic], &[(String, Outside)]),
    streams: &mut Streams,
) -> io::Result<()> {
    for one in found {
        let before = &one.origin.text[..one.span.start];
        let line = 1 + before.matches('\n').count();
        let column = 1 + before.rsplit('\n').next().map_or(0, |start| start.chars().count());
        let severity = match one.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let line = json!({
            "v": 1, "k": "diagnostic", "file": one.origin.name, "line": line, "column": column,
            "code": one.code, "severity": severity, "title": one.title, "label": one.label,
            "help": one.help, "replacement": one.suggestion.as_ref().map(|(_, text)| text),
        });
        writeln!(streams.out, "{line}")?;
    }
    let ok = found.iter().all(|one| one.severity == Severity::Warning);
    let (steps, promises, variants) = scenario.map_or((0, 0, 0), counts);
    let line = json!({
        "v": 1, "k": "check", "file": name, "ok": ok, "steps": steps, "promises": promises,
        "variants": variants,
        "without_effect": without_effect.iter().map(|(key, _)| key).collect::<Vec<_>>(),
    });
    writeln!(streams.out, "{line}")
}
