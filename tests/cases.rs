//! Inputs on which kafkalab once said or did something wrong, with the right outcome: whole files, as
//! people wrote them, through the command line.
//!
//! What a person has to read of them (causes, sentences, remedies) is in `tests/causes`.

mod transcript;

use kafkalab_tui::cli::exit::Exit;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use transcript::{Answer, kafkalab};

/// The verdict of each variant, by its name, or by "" where there is only one.
struct Verdicts(BTreeMap<String, Value>);

impl Verdicts {
    fn of(answer: &Answer) -> Self {
        let lines = answer.out.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let verdicts = lines.filter(|line| line["k"] == "verdict");
        Self(verdicts.map(|one| (one["variant"].as_str().unwrap_or("").to_owned(), one)).collect())
    }

    fn count(&self, variant: &str, count: &str) -> u64 {
        self.0[variant]["ledger"][count].as_u64().expect("a count")
    }

    fn label(&self, variant: &str) -> Option<&str> {
        self.0[variant]["label"].as_str()
    }
}

/// A file, the exit code of `run`, and what else must be true.
type Case = (&'static str, Exit, fn(&Verdicts) -> bool);

const ANY: fn(&Verdicts) -> bool = |_| true;

const CASES: &[Case] = &[
    ("verdict/always-lost", Exit::Fail, |v| v.count("", "lost") == 1),
    ("verdict/cause-before-birth", Exit::Pass, ANY),
    ("verdict/duplicates-and-remedy", Exit::Pass, ANY),
    ("verdict/failed-because-of-kills", Exit::Pass, ANY),
    ("verdict/failed-yet-delivered", Exit::Pass, |v| {
        v.label("short").is_none() && v.label("long") == Some("exactly-once")
    }),
    ("verdict/false-lost", Exit::Pass, |v| v.count("", "lost") == 0),
    ("verdict/idempotent-duplicates", Exit::Pass, ANY),
    ("verdict/lost-elsewhere-chaos", Exit::Pass, |v| v.count("", "lost") == 0),
    ("verdict/no-disk-kept-them", Exit::Pass, ANY),
    ("verdict/not-decided-yet", Exit::Pass, |v| {
        v.count("", "lost") == 0 && v.count("", "not_decided") > 0 && v.label("").is_none()
    }),
    ("verdict/reader-dies", Exit::Pass, |v| v.label("").is_none() && v.count("", "unread") > 0),
    ("verdict/remedy-replicas", Exit::Pass, ANY),
    ("verdict/reordered", Exit::Pass, ANY),
    ("verdict/unread", Exit::Pass, |v| {
        v.label("latest").is_none() && v.label("earliest") == Some("exactly-once")
    }),
    ("verdict/wiped-leader", Exit::Pass, ANY),
    ("verdict/zombie-leader", Exit::Pass, ANY),
    ("checker/promised-invariant-missed", Exit::Fail, ANY),
    ("checker/inv7-false-alarm", Exit::Pass, ANY),
    ("checker/inv16-false-alarm", Exit::Pass, ANY),
    ("checker/inv11-two-records-one-input", Exit::Pass, ANY),
    ("checker/expect-keeps-excuse", Exit::Pass, ANY),
    ("language/after-in-one-variant", Exit::Pass, ANY),
    ("language/always-in-warm-up", Exit::Pass, ANY),
    ("language/rolling-restart-6-partitions", Exit::Pass, ANY),
    ("language/start-later", Exit::Pass, ANY),
    ("language/step-in-warm-up", Exit::Pass, ANY),
    ("language/vacuous", Exit::Usage, ANY),
    ("language/when-already-true", Exit::Pass, ANY),
    ("speed/quadratic-exposed", Exit::Pass, ANY),
    ("speed/quadratic-history", Exit::Pass, ANY),
];

#[test]
fn every_case_comes_out_right() {
    let wrong: Vec<String> = CASES
        .iter()
        .filter_map(|(file, exit, is_right)| {
            let answer = kafkalab(&["run", &format!("cases/{file}.toml"), "--json"]);
            let verdicts = Verdicts::of(&answer);
            let is_right = answer.exit == *exit && is_right(&verdicts);
            (!is_right).then(|| {
                let labels: Vec<_> = verdicts.0.keys().map(|v| (v, verdicts.label(v))).collect();
                format!("{file}: exit {} {labels:?} {}", answer.exit as u8, answer.err)
            })
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_is_a_case() {
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")).expect("there") {
        let folder = entry.expect("readable").path();
        for file in fs::read_dir(&folder).expect("a folder") {
            let file = file.expect("readable").path();
            let name =
                |path: &Path| path.file_stem().expect("a name").to_string_lossy().to_string();
            let name = format!("{}/{}", name(&folder), name(&file));
            assert!(CASES.iter().any(|(case, ..)| *case == name), "{name} is tried by nobody");
        }
    }
}

/// The excuse for a violation belongs to the promise that demands it: whoever replaces the promises
/// takes the excuse away, too.
#[test]
fn promises_on_the_command_line_drop_the_excuses_of_the_file() {
    let file = "cases/checker/expect-keeps-excuse.toml";
    let kept = kafkalab(&["run", file, "--expect", "violated(INV-7)", "--json"]);
    assert_eq!(kept.exit, Exit::Pass, "{}", kept.whole());
    let dropped = kafkalab(&["run", file, "--expect", "INV-7", "--json"]);
    assert_eq!(dropped.exit, Exit::Fail, "{}", dropped.whole());
}
