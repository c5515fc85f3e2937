//! Shipped scenarios, damaged: lines deleted and exchanged, values exchanged, numbers made extreme. None
//! of them panics, hangs, or is judged differently by `check` and by `run`.
//!
//! The gate tries a fixed sample. `KAFKALAB_MUTANTS=10000 cargo test -p kafkalab-tests --test mutants`
//! tries ten thousand. A mutant that is accepted runs for a bounded number of inputs, so its cost does
//! not depend on how long it says it takes.

use kafkalab_core::chance::mix;
use kafkalab_sim::host::{Stage, Turn};
use kafkalab_sim::lab::{End, Lab};
use kafkalab_sim::scenario::plan::Plan;
use kafkalab_sim::scenario::{LoadOptions, builtin, load, to_toml};
use kafkalab_sim::verdict::Verdict;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many inputs an accepted mutant may take.
const MOST_INPUTS: u32 = 6_000;
/// No mutant takes so long on any machine, unless something grows without bound.
const PATIENCE: Duration = Duration::from_mins(2);

/// Draws that belong to one mutant.
struct Dice {
    seed: u64,
    drawn: u64,
}

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.drawn += 1;
        (mix(self.seed, self.drawn) % n.max(1) as u64) as usize
    }

    fn pick<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

const NUMBERS: [&str; 14] = [
    "0",
    "1",
    "-1",
    "2",
    "7",
    "100",
    "65535",
    "65536",
    "1000000",
    "9999999",
    "2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
];

/// Where the numbers of a line are.
fn numbers(line: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, c) in line.char_indices().chain([(line.len(), ' ')]) {
        match (c.is_ascii_digit(), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                found.push((from, at));
                start = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
    found
}

fn exchange_values(lines: &mut [String], one: usize, other: usize) {
    let value = |line: &str| line.split_once('=').map(|(_, value)| value.to_owned());
    let (Some(left), Some(right)) = (value(&lines[one]), value(&lines[other])) else { return };
    for (n, new) in [(one, right), (other, left)] {
        let key = lines[n].split_once('=').map_or("", |(key, _)| key).to_owned();
        lines[n] = format!("{key}={new}");
    }
}

/// One to three changes.
fn mutant(text: &str, seed: u64) -> String {
    let mut dice = Dice { seed, drawn: 0 };
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..=dice.below(3) {
        let (one, other) = (dice.below(lines.len()), dice.below(lines.len()));
        match dice.below(5) {
            0 => drop(lines.remove(one)),
            1 => lines.swap(one, other),
            2 => exchange_values(&mut lines, one, other),
            3 => {
                let line = lines[other].clone();
                lines.insert(one, line);
            }
            _ => {
                // Most lines hold no number: look for one that does.
                let with = (0..lines.len()).map(|n| (one + n) % lines.len());
                let Some(n) = with.into_iter().find(|n| !numbers(&lines[*n]).is_empty()) else {
                    continue;
                };
                let spans = numbers(&lines[n]);
                let (from, to) = spans[dice.below(spans.len())];
                lines[n].replace_range(from..to, dice.pick(&NUMBERS));
            }
        }
    }
    lines.join("\n")
}

/// Every scenario that is shipped, the regressions among them.
fn originals() -> Vec<(String, String)> {
    let lessons = builtin::lessons().iter();
    let mut all: Vec<(String, String)> =
        lessons.map(|lesson| (lesson.id.to_owned(), lesson.text.to_owned())).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/regressions");
    let entries = fs::read_dir(folder).expect("the folder is part of the repository");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    for path in paths {
        all.push((path.display().to_string(), fs::read_to_string(&path).expect("readable")));
    }
    all
}

/// Takes at most [`MOST_INPUTS`] turns.
fn run_a_while(plan: Plan) -> Lab {
    let mut lab = Lab::new(Arc::new(plan));
    for _ in 0..MOST_INPUTS {
        if lab.peek() == Turn::Done {
            break;
        }
        lab.take();
    }
    lab.interrupt();
    lab
}

fn try_mutant(name: &str, text: &str) -> bool {
    let Ok(loaded) = load(name, text.as_bytes(), &LoadOptions::default()) else {
        return false;
    };
    for variant in loaded.scenario.variants {
        let alone = LoadOptions { variant: variant.name.clone(), ..LoadOptions::default() };
        let one = load(name, text.as_bytes(), &alone);
        let one = one.unwrap_or_else(|why| panic!("`run --variant` refuses it: {why:#?}\n{text}"));
        assert_eq!(one.scenario.variants[0].plan, variant.plan, "{text}");
        let file = to_toml(&variant.plan, "again", "Again");
        let again = load("again", file.as_bytes(), &LoadOptions::default());
        let again = again.unwrap_or_else(|why| panic!("not read back: {why:#?}\n{file}\n{text}"));
        assert_eq!(again.scenario.variants[0].plan.steps, variant.plan.steps, "{text}");
        let lab = run_a_while(variant.plan);
        assert!(!matches!(lab.end(), Some(End::Finding(_))), "{name}: {:?}\n{text}", lab.end());
        drop(Verdict::on(&lab));
    }
    true
}

#[test]
fn a_damaged_scenario_is_refused_or_runs() {
    let wanted = std::env::var("KAFKALAB_MUTANTS").ok().and_then(|n| n.parse().ok());
    let (count, originals) = (wanted.unwrap_or(300_u64), originals());
    let mut accepted = 0;
    for n in 0..count {
        let (name, original) = &originals[(n % originals.len() as u64) as usize];
        let seed = mix(0x6d75_7461_6e74, n);
        let text = mutant(original, seed);
        let (name, shown) = (format!("mutant {n} of {name}"), text.clone());
        let began = Instant::now();
        let tried = std::thread::spawn(move || try_mutant(&name, &text)).join();
        accepted += u64::from(tried.unwrap_or_else(|_| panic!("mutant {n} panicked:\n{shown}")));
        assert!(began.elapsed() < PATIENCE, "mutant {n} took {:?}:\n{shown}", began.elapsed());
    }
    // The sample tries both outcomes, or it shows nothing.
    assert!(accepted > count / 10 && accepted < count, "{accepted} of {count} were accepted");
}
