//! What the commands print, word for word. Whoever changes a text reads it here as a user would.

mod transcript;

use kafkalab_sim::scenario::LoadOptions;
use kafkalab_tui::cli::exit::Exit;
use transcript::kafkalab;

#[test]
fn a_run_is_a_table_and_a_verdict() {
    insta::assert_snapshot!("run", kafkalab(&["run", "acks-leader-crash"]).whole());
}

/// The README shows what its first command prints, and its example is a good scenario.
#[test]
fn the_readme_tells_the_truth() {
    let readme = include_str!("../README.md");
    let answer = kafkalab(&["run", "acks-leader-crash"]);
    assert!(
        readme.contains(answer.out.trim_end()),
        "README.md shows another output:\n{}",
        answer.out
    );
    let example = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
    let text = example.expect("the README has an example").as_bytes();
    let loaded = kafkalab_sim::scenario::load("README.md", text, &LoadOptions::default());
    assert!(loaded.is_ok(), "{loaded:#?}");
}

#[test]
fn a_run_in_json_lines() {
    let answer = kafkalab(&["run", "02", "--json"]);
    for line in answer.out.lines() {
        let value: serde_json::Value = serde_json::from_str(line).expect("each line is JSON");
        assert_eq!(value["v"], 1);
    }
    insta::assert_snapshot!("run-json", answer.out);
}

#[test]
fn a_failure_ends_with_the_command_that_shows_it() {
    let words = ["run", "02", "--variant", "acks-1", "--expect", "lost == 0"];
    let answer = kafkalab(&words);
    insta::assert_snapshot!("fail", answer.whole());
    let quiet = kafkalab(&[&words[..], &["-q"]].concat());
    assert_eq!(
        quiet.whole(),
        "FAIL  lost == 0  is false in acks-1: lost is 2 (#3 #4)\n\
         kafkalab explain 02 --variant acks-1 --record 3\n\
         --- stderr\n--- exit 1"
    );
}

#[test]
fn the_command_repeats_everything_that_made_the_run() {
    let answer = kafkalab(&[
        "run",
        "02",
        "-q",
        "--set",
        "acks=0,1",
        "--seed",
        "7",
        "--expect",
        "leader(orders-0) == b1",
        "--inject",
        "at 15s: pause b3 for 1s",
    ]);
    insta::assert_snapshot!("fail-command", answer.whole());
}

#[test]
fn a_time_line_tells_the_story() {
    let words = ["run", "02", "--variant", "acks-1", "--timeline"];
    insta::assert_snapshot!("timeline", kafkalab(&words).out);
    let korean = kafkalab(&[&words[..], &["--lang", "ko"]].concat());
    insta::assert_snapshot!("timeline-ko", korean.out);
}

#[test]
fn routine_is_shown_when_asked_for() {
    let all = kafkalab(&["run", "02", "--variant", "acks-all", "--timeline", "-v"]).out;
    assert!(all.contains("sends BrokerHeartbeat request to k1"), "{all}");
    assert!(!all.contains("routine"), "{all}");
}

#[test]
fn a_run_that_waits_in_vain_is_stuck() {
    insta::assert_snapshot!("stuck", kafkalab(&["run", "cli/stuck.toml"]).whole());
}

#[test]
fn an_unknown_lesson_is_answered_with_the_nearest() {
    let answer = kafkalab(&["run", "acks-leader-crush"]);
    insta::assert_snapshot!("unknown-lesson", answer.whole());
}

#[test]
fn the_same_run_is_the_same_again() {
    let answer = kafkalab(&["run", "02", "--twice"]);
    assert_eq!(answer.exit, Exit::Pass);
    assert!(answer.out.lines().last().is_some_and(|line| line.starts_with("same  ")));
}

#[test]
fn a_record_has_a_life_in_both_languages() {
    let english = kafkalab(&["explain", "02", "--record", "3"]);
    insta::assert_snapshot!("explain", english.whole());
    let korean = kafkalab(&["explain", "02", "--record", "3", "--lang", "ko"]);
    insta::assert_snapshot!("explain-ko", korean.out);
}

#[test]
fn a_record_of_several_producers_is_named_with_its_own() {
    let file = "cli/two-producers.toml";
    insta::assert_snapshot!("two-producers", kafkalab(&["run", file]).whole());
    let which = kafkalab(&["explain", file, "--record", "3"]);
    insta::assert_snapshot!("which-producer", which.whole());
    let life = kafkalab(&["explain", file, "--record", "p2#7"]);
    insta::assert_snapshot!("explain-p2", life.whole());
}

#[test]
fn a_record_that_was_never_sent_is_refused() {
    let answer = kafkalab(&["explain", "02", "--variant", "acks-1", "--record", "9"]);
    insta::assert_snapshot!("no-such-record", answer.whole());
}

#[test]
fn a_term_is_explained_in_both_languages() {
    let english = kafkalab(&["explain", "at risk"]).out;
    let korean = kafkalab(&["explain", "at risk", "--lang", "ko"]).out;
    let misspelt = kafkalab(&["explain", "uncleen"]).whole();
    let invariant = kafkalab(&["explain", "inv-12"]);
    assert!(invariant.out.starts_with("INV-12\n  "), "{}", invariant.out);
    insta::assert_snapshot!("terms", format!("{english}\n{korean}\n{misspelt}"));
}

#[test]
fn a_lesson_is_read_step_by_step_and_keeps_its_answers() {
    insta::assert_snapshot!("lesson", kafkalab(&["lessons", "03"]).whole());
    let (without, with) = (kafkalab(&["lessons", "03"]), kafkalab(&["lessons", "03", "--answer"]));
    assert!(!without.out.contains("Answer: ") && with.out.contains("Answer: 2. When b3 has it"));
    let source = kafkalab(&["lessons", "03", "--source"]);
    assert_eq!(source.out, include_str!("../scenarios/03-high-watermark.toml"));
}

/// Whoever reads a lesson in Korean meets no English but names: of nodes, settings, sentences of the
/// scenario language and commands.
#[test]
fn a_lesson_in_korean_is_korean() {
    for lesson in kafkalab_sim::scenario::builtin::lessons() {
        let answer = kafkalab(&["lessons", lesson.id, "--answer", "--lang", "ko"]);
        insta::assert_snapshot!(format!("lesson-ko-{}", lesson.id), answer.whole());
        for word in ["Question", "Answer", " only in", "To ", "broker ", "topic ", " when "] {
            assert!(!answer.out.contains(word), "{}: {word}", lesson.id);
        }
    }
}
