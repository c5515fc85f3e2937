//! Every shipped scenario in all its variants: its promises hold, both hosts give the same run, and
//! it tells the story that was reviewed.
//!
//! - A storyline is a golden text for people: read its diff as you would read the lesson.
//! - `digests.txt` holds one line per run, for machines: the trace and the counted costs. A change
//!   there without a change of a storyline means that the same story took another way.
//!
//! Both are written anew by
//! `INSTA_UPDATE=always KAFKALAB_BLESS=1 cargo test -p kafkalab-tests --test scenarios`.
//! A commit that changes them says why.

use kafkalab_sim::check::Class;
use kafkalab_sim::host::{self, Host};
use kafkalab_sim::lab::Lab;
use kafkalab_sim::scenario::plan::{Plan, Scenario, Variant};
use kafkalab_sim::scenario::{LoadOptions, builtin, load};
use kafkalab_sim::storyline::Storyline;
use kafkalab_sim::verdict::{Status, Verdict};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn scenarios() -> Vec<Scenario> {
    let lessons = builtin::lessons().iter();
    lessons
        .map(|lesson| {
            load(lesson.id, lesson.text.as_bytes(), &LoadOptions::default())
                .unwrap_or_else(|mistakes| panic!("{}: {mistakes:#?}", lesson.id))
                .scenario
        })
        .collect()
}

/// Every variant of every shipped scenario, with a name for messages.
fn runs() -> Vec<(String, Variant)> {
    let all = scenarios().into_iter().flat_map(|scenario| {
        let id = scenario.id;
        scenario.variants.into_iter().map(move |variant| {
            let name = variant.name.as_deref().unwrap_or("only");
            (format!("{id} {name}"), variant)
        })
    });
    all.collect()
}

/// One run has one fresh thread.
fn run(lab: Lab, host: Host) -> Lab {
    std::thread::spawn(move || host::run(lab, host)).join().expect("a run does not panic")
}

fn lab(variant: &Variant) -> Lab {
    Lab::new(Arc::new(variant.plan.clone()))
}

#[test]
fn every_file_is_shipped() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let entries = fs::read_dir(folder).expect("the folder is part of the repository");
    let mut files: Vec<String> = entries
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .collect();
    files.sort();
    let lessons = builtin::lessons().iter();
    let shipped: Vec<String> =
        lessons.map(|lesson| format!("{}-{}.toml", lesson.number, lesson.id)).collect();
    assert_eq!(files, shipped);
}

#[test]
fn every_variant_keeps_its_promises_on_both_hosts() {
    for (name, variant) in runs() {
        let plain = run(lab(&variant), Host::Plain);
        let madsim = run(lab(&variant), Host::Madsim);
        let verdict = Verdict::on(&plain);
        for promise in &verdict.promises {
            let (kind, text) = (promise.kind.word(), &promise.text);
            assert!(promise.is_kept, "{name}: {kind} {text} is false: {}", promise.value);
        }
        let violations = verdict.broken.iter().filter(|b| b.class == Class::Violation);
        assert_eq!(violations.count(), 0, "{name}: {:#?}", verdict.broken);
        assert_eq!(verdict.status, Status::Pass, "{name}: {:?}", verdict.reason);
        assert_eq!(plain.world().trace(), madsim.world().trace(), "{name}");
        assert_eq!(plain.world().counters(), madsim.world().counters(), "{name}");
    }
}

/// Bugs that were found once, made small: each file says which.
#[test]
fn what_was_found_once_stays_fixed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/regressions");
    let entries = fs::read_dir(folder).expect("the folder is part of the repository");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        let (name, text) = (path.display().to_string(), fs::read(&path).expect("readable"));
        let loaded = load(&name, &text, &LoadOptions::default()).expect("a good scenario");
        for variant in &loaded.scenario.variants {
            let verdict = Verdict::on(&run(lab(variant), Host::Plain));
            assert_eq!(verdict.status, Status::Pass, "{name}: {verdict:#?}");
        }
    }
}

/// A reader may choose another seed: the lesson is about Kafka, not about one lucky run.
#[test]
fn the_promises_do_not_depend_on_the_seed() {
    for (name, variant) in runs() {
        for seed in 100..140 {
            let mut plan = variant.plan.clone();
            plan.seed = seed;
            let verdict = Verdict::on(&run(Lab::new(Arc::new(plan)), Host::Plain));
            let broken: Vec<_> = verdict.promises.iter().filter(|p| !p.is_kept).collect();
            let status = verdict.status;
            assert!(status == Status::Pass, "{name}, seed {seed}: {:?} {broken:?}", verdict.reason);
        }
    }
}

/// A lesson is read aloud: every step has a heading and a text, in both languages.
#[test]
fn every_step_speaks_both_languages() {
    for (name, variant) in runs() {
        for (n, step) in variant.plan.steps.iter().enumerate() {
            let place = format!("{name}, step {}", n + 1);
            let title = step.title.as_ref().unwrap_or_else(|| panic!("{place} has no title"));
            let say = step.say.as_ref().unwrap_or_else(|| panic!("{place} says nothing"));
            assert!(title.ko.is_some() && say.ko.is_some(), "{place} has no Korean");
            assert!(!step.look.is_empty(), "{place} does not say where to look");
        }
        let quizzes = variant.plan.steps.iter().filter(|step| step.quiz.is_some()).count();
        assert!(quizzes > 0, "{name} asks nothing");
    }
}

#[test]
fn every_variant_tells_the_reviewed_story() {
    for (name, variant) in runs() {
        let told = Storyline::of(&run(lab(&variant).recorded(), Host::Plain)).to_string();
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "storylines" }, {
            insta::assert_snapshot!(name.replace(' ', "."), told);
        });
    }
}

/// The promises and goldens can see: where a protection of Kafka is taken away, the lesson about it
/// comes out differently.
#[test]
fn a_missing_protection_changes_the_lesson() {
    let told = |plan: &Plan| {
        let lab = run(Lab::new(Arc::new(plan.clone())).recorded(), Host::Plain);
        (Storyline::of(&lab).to_string(), Verdict::on(&lab).status)
    };
    let mut cases = 0;
    for (name, variant) in runs() {
        let mut broken = variant.plan.clone();
        let variations = &mut broken.cluster.variations;
        match name.as_str() {
            // #1 is committed by two where three were asked for: a promise sees it.
            "min-insync-replicas min-3" => variations.strict_min_isr = false,
            // The old leader keeps records that are not in the log of the new one: INV-6 sees it.
            "acks-leader-crash acks-1" => variations.divergence_check = false,
            _ => continue,
        }
        cases += 1;
        let ((story, _), (other, status)) = (told(&variant.plan), told(&broken));
        assert_ne!(story, other, "{name}");
        assert_eq!(status, Status::Fail, "{name}");
    }
    assert_eq!(cases, 2, "a lesson was renamed");
}

fn digest(name: &str, variant: &Variant) -> String {
    let lab = run(lab(variant), Host::Plain);
    let (trace, cost) = (lab.world().trace(), lab.world().counters());
    format!(
        "{name:<36} {trace} inputs={} messages={} bytes={} flushes={}\n",
        cost.inputs, cost.messages, cost.bytes, cost.flushes
    )
}

#[test]
fn every_variant_costs_what_it_did() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("digests.txt");
    let now: String = runs().iter().map(|(name, variant)| digest(name, variant)).collect();
    if std::env::var_os("KAFKALAB_BLESS").is_some() {
        fs::write(path, now).expect("the file can be written");
        return;
    }
    let then = fs::read_to_string(path).expect("the file is part of the repository");
    assert_eq!(then, now, "if this is meant: KAFKALAB_BLESS=1, and say why in the commit");
}
