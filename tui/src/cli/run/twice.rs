//! `--twice`: the same plan again on a fresh thread, and once on the other host. All must be equal.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use kafkalab_sim::host::{Host, default_host};
use kafkalab_sim::lab::Lab;
use kafkalab_sim::recording::Entry;
use kafkalab_sim::run::{Crash, How, first_difference, run};
use kafkalab_sim::scenario::Lang;

use super::column::Column;
use crate::cli::streams::Streams;
use crate::cli::time::seconds;
use crate::narrate::{Narrator, kind};

/// What came of a comparison.
pub(super) enum Outcome {
    /// All runs were the same.
    Equal,
    /// One was not; both sides of the first difference, for people.
    Different(String),
}

/// Runs the variant of `column` again, in every way there is, and compares.
pub(super) fn check(column: &Column, stop: &Arc<AtomicBool>) -> Result<Outcome, Crash> {
    let ways: &[(Host, &str)] = match default_host() {
        Host::Madsim => &[(Host::Madsim, "again"), (Host::Plain, "on the plain host")],
        Host::Plain => &[(Host::Plain, "again")],
    };
    for (host, way) in ways {
        let how = How { host: *host, is_recorded: true };
        let other = run(column.lab.plan(), how, stop)?;
        if column.was_interrupted() || stop.load(std::sync::atomic::Ordering::Relaxed) {
            return Ok(Outcome::Equal);
        }
        let are_equal = other.world().trace() == column.lab.world().trace();
        let found = first_difference(entries(&column.lab), entries(&other));
        if !are_equal || found.is_some() {
            let narrator = Narrator { plan: column.plan(), lang: Lang::En };
            let sides = [("first", entries(&column.lab)), (*way, entries(&other))];
            return Ok(Outcome::Different(describe(narrator, found, sides)));
        }
    }
    Ok(Outcome::Equal)
}

/// What the comparison covered, as one line.
pub(super) fn print_equal(streams: &mut Streams) -> io::Result<()> {
    match default_host() {
        Host::Madsim => writeln!(streams.out, "same  run twice and once on the plain host"),
        Host::Plain => writeln!(
            streams.out,
            "same  run twice on the plain host; this binary was built without the madsim host"
        ),
    }
}

fn entries(lab: &Lab) -> &[Entry] {
    lab.recorder().expect("--twice records").entries()
}

/// Both sides of the first difference, one event a line.
fn describe(narrator: Narrator<'_>, at: Option<usize>, sides: [(&str, &[Entry]); 2]) -> String {
    let Some(n) = at else {
        return "the events are equal, the traces are not: an effect that is no event differs"
            .to_owned();
    };
    let mut lines = vec![format!("the runs differ from event {n} on")];
    for (name, entries) in sides {
        let event = match entries.get(n) {
            None => "the run is over".to_owned(),
            Some(entry) => {
                let node = entry.node.map(|node| narrator.plan.node_name(node));
                let node = node.unwrap_or_else(|| "story".to_owned());
                let (at, input, kind) = (seconds(entry.at), entry.input.0, kind(&entry.what));
                format!("{at}  {node}  {}  ({kind}, input {input})", narrator.event(entry))
            }
        };
        lines.push(format!("  {name:<18} {event}"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafkalab_core::id::{InputNo, NodeId};
    use kafkalab_core::time::Instant;
    use kafkalab_sim::recording::Happening;
    use kafkalab_sim::scenario::{LoadOptions, builtin, load};

    #[test]
    fn both_sides_of_a_difference_are_shown() {
        let lesson = builtin::find("02").expect("embedded");
        let loaded = load("02", lesson.text.as_bytes(), &LoadOptions::default());
        let plan = loaded.expect("a good lesson").scenario.variants.remove(0).plan;
        let narrator = Narrator { plan: &plan, lang: Lang::En };
        let entry = |micros, what| Entry {
            at: Instant::from_micros(10_000_000 + micros),
            input: InputNo(micros),
            cause: None,
            node: Some(NodeId::broker(1)),
            what,
        };
        let one = [entry(5_000, Happening::Booted), entry(7_100, Happening::Ended)];
        let two = [entry(5_000, Happening::Booted), entry(7_200, Happening::Booted)];
        let sides = |two| [("first", &one[..]), ("again", two)];
        let found = first_difference(&one, &two);
        assert_eq!(
            describe(narrator, found, sides(&two)),
            "the runs differ from event 1 on\n  \
             first              0.0071  b1  dies  (node.end, input 7100)\n  \
             again              0.0072  b1  starts  (node.start, input 7200)"
        );
        let shown = describe(narrator, Some(1), sides(&two[..1]));
        assert!(shown.ends_with("again              the run is over"), "{shown}");
    }
}
