//! `--timeline`: the story of one variant, event by event, as a text to read.

use std::io::{self, Write};

use kafkalab_core::time::Duration;
use kafkalab_sim::cluster::{internal, shown};
use kafkalab_sim::recording::{Entry, Happening};
use kafkalab_sim::scenario::Lang;
use kafkalab_sim::story::Told;
use unicode_width::UnicodeWidthStr;

use super::column::Column;
use crate::cli::streams::Streams;
use crate::cli::text::wrap;
use crate::narrate::{Narrator, is_routine, stamp};

/// A silence of at least this length is shown as one line that says what filled it.
const SILENCE: Duration = Duration::from_millis(500);

/// Prints everything that happened in a variant after t = 0; routine only if `is_verbose`.
pub(super) fn print(
    column: &Column,
    lang: Lang,
    is_verbose: bool,
    streams: &mut Streams,
) -> io::Result<()> {
    if let Some(name) = &column.name {
        writeln!(streams.out, "{name}")?;
    }
    let plan = column.plan();
    let narrator = Narrator { plan, lang };
    let entries = column.lab.recorder().map_or(&[][..], |recorder| recorder.entries());
    let names = plan.nodes().map(|node| plan.node_name(node).width()).max().unwrap_or(2);
    let page = Page { narrator, indent: 9 + 2 + names + 2, names };
    let (mut hidden, mut last) = (0_usize, internal(Duration::ZERO));
    for entry in entries.iter().filter(|entry| shown(entry.at) >= 0) {
        if is_routine(&entry.what) && !is_verbose {
            hidden += 1;
            continue;
        }
        page.fold(entry, &mut hidden, last, streams)?;
        last = entry.at;
        page.show(entry, streams)?;
    }
    let end = column.lab.world().now();
    if hidden > 0 {
        page.silence(end.since(last), hidden, streams)?;
    }
    writeln!(streams.out, "{}  .\n", stamp(end))
}

/// How lines are laid out.
struct Page<'a> {
    narrator: Narrator<'a>,
    /// Where sentences begin.
    indent: usize,
    /// The width of a node's name.
    names: usize,
}

impl Page<'_> {
    fn fold(
        &self,
        entry: &Entry,
        hidden: &mut usize,
        last: kafkalab_core::time::Instant,
        streams: &mut Streams,
    ) -> io::Result<()> {
        let length = entry.at.since(last);
        let count = std::mem::take(hidden);
        if count > 0 && length >= SILENCE {
            self.silence(length, count, streams)?;
        }
        Ok(())
    }

    fn silence(&self, length: Duration, count: usize, streams: &mut Streams) -> io::Result<()> {
        let tenths = length.as_millis() / 100;
        let length = format!("{}.{}", tenths / 10, tenths % 10);
        writeln!(streams.out, "           {}", self.narrator.folded(&length, count))
    }

    fn show(&self, entry: &Entry, streams: &mut Streams) -> io::Result<()> {
        if let Happening::Told(told) = &entry.what {
            return self.step(entry, *told, streams);
        }
        let node = entry.node.map(|node| self.narrator.plan.node_name(node)).unwrap_or_default();
        let gap = " ".repeat(self.names - node.width().min(self.names));
        let text = self.narrator.event(entry);
        self.paragraph(&format!("{}  {node}{gap}  ", stamp(entry.at)), &text, streams)
    }

    /// A step stands out: its name and title, what it does, what is said about it.
    fn step(&self, entry: &Entry, told: Told, streams: &mut Streams) -> io::Result<()> {
        let deeds = self.narrator.event(entry);
        let at = stamp(entry.at);
        let Told::Step(n) = told else {
            let deeds = if deeds.is_empty() { "resume".to_owned() } else { deeds };
            return self.paragraph(&format!("{at}  !  "), &deeds, streams);
        };
        let step = &self.narrator.plan.steps[n];
        let name = step.id.clone().unwrap_or_else(|| (n + 1).to_string());
        let title = step.title.as_ref().map(|title| title.get(self.narrator.lang));
        writeln!(streams.out)?;
        let head = title.map_or(name.clone(), |title| format!("{name}: {title}"));
        self.paragraph(&format!("{at}  "), &format!("=== {head}"), streams)?;
        if !deeds.is_empty() {
            self.paragraph("           ", &format!("> {deeds}"), streams)?;
        }
        if let Some(say) = &step.say {
            self.paragraph("           ", say.get(self.narrator.lang), streams)?;
        }
        Ok(())
    }

    /// `head`, then `text` broken into lines that all begin where the first one does.
    fn paragraph(&self, head: &str, text: &str, streams: &mut Streams) -> io::Result<()> {
        let room = streams.columns.saturating_sub(head.width().max(self.indent)).max(20);
        let indent = " ".repeat(head.width());
        for (n, line) in wrap(text, room).iter().enumerate() {
            writeln!(streams.out, "{}{line}", if n == 0 { head } else { &indent })?;
        }
        Ok(())
    }
}
