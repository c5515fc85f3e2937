//! `kafkalab lessons`: the table of built-in lessons, or one to read, or the file of one.

mod reading;

use std::io::{self, Write};

use kafkalab_sim::scenario::builtin::{self, Builtin};
use kafkalab_sim::scenario::{LoadOptions, Scenario, load};
use serde_json::json;
use unicode_width::UnicodeWidthStr;

use super::args::{Common, LessonsArgs};
use super::exit::Exit;
use super::lang;
use super::streams::Streams;

/// Prints the table, or one lesson.
pub fn run(args: &LessonsArgs, common: &Common, streams: &mut Streams) -> io::Result<Exit> {
    let Some(name) = &args.name else { return table(common, streams) };
    if let Some(lesson) = builtin::find(name) {
        if args.source {
            streams.out.write_all(lesson.text.as_bytes())?;
        } else {
            let (scenario, lang) = (Row::of(lesson).scenario, lang::chosen(common.lang));
            reading::print(&scenario, lesson.id, lang, args.answer, streams)?;
        }
        return Ok(Exit::Pass);
    }
    let near = builtin::nearest_id(name);
    let help = near.map_or("`kafkalab lessons` lists them".to_owned(), |near| {
        format!("a lesson with a similar name exists: {near}")
    });
    streams.complain(&format!("there is no lesson called {name}"), Some(&help))?;
    Ok(Exit::Usage)
}

/// One line of the table.
struct Row {
    lesson: &'static Builtin,
    scenario: Scenario,
}

impl Row {
    fn of(lesson: &'static Builtin) -> Self {
        let loaded = load(lesson.id, lesson.text.as_bytes(), &LoadOptions::default());
        let scenario = loaded.expect("every lesson is read by the tests").scenario;
        Self { lesson, scenario }
    }

    fn languages(&self) -> &'static str {
        if self.scenario.title.ko.is_some() { "ko en" } else { "en" }
    }

    fn variants(&self) -> usize {
        self.scenario.variants.iter().filter(|variant| variant.name.is_some()).count()
    }
}

fn table(common: &Common, streams: &mut Streams) -> io::Result<Exit> {
    let lang = lang::chosen(common.lang);
    let rows: Vec<Row> = builtin::lessons().iter().map(Row::of).collect();
    let widest = |cell: &dyn Fn(&Row) -> usize| rows.iter().map(cell).max().unwrap_or(0);
    let id_width = widest(&|row| row.lesson.id.width());
    let title_width = widest(&|row| row.scenario.title.get(lang).width());
    for row in &rows {
        let (number, id, title) = (row.lesson.number, row.lesson.id, row.scenario.title.get(lang));
        let variants = row.variants();
        if common.json {
            let title = &row.scenario.title;
            let line = json!({
                "v": 1, "k": "lesson", "number": number, "id": id,
                "title": { "en": title.en, "ko": title.ko }, "variants": variants,
            });
            writeln!(streams.out, "{line}")?;
            continue;
        }
        let id_gap = " ".repeat(id_width - id.width() + 2);
        let title_gap = " ".repeat(title_width - title.width() + 3);
        let line = format!(" {number}  {id}{id_gap}{title}{title_gap}{:<5}", row.languages());
        match variants {
            0 => writeln!(streams.out, "{}", line.trim_end())?,
            1 => writeln!(streams.out, "{line}   1 variant")?,
            many => writeln!(streams.out, "{line}   {many} variants")?,
        }
    }
    Ok(Exit::Pass)
}
