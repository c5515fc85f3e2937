//! What is said about broken scenarios, word for word: each file of `tests/broken` holds a mistake that
//! people make, its snapshot what they read. A message tells the place, the reason and the remedy.

use std::fs;
use std::path::Path;

use kafkalab_sim::scenario::{Diagnostic, LoadOptions, load};
use kafkalab_tui::cli::diagnostic::render;

/// All messages about one text, as a terminal of 100 columns without colours shows them.
fn shown(name: &str, bytes: &[u8], options: &LoadOptions) -> String {
    let found = match load(name, bytes, options) {
        Ok(loaded) => loaded.warnings,
        Err(mistakes) => mistakes,
    };
    let messages: Vec<String> = found.iter().map(plain).collect();
    messages.join("\n\n")
}

fn plain(diagnostic: &Diagnostic) -> String {
    render(diagnostic, 100, false)
}

#[test]
fn every_broken_file_is_explained() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("broken");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .expect("the folder is part of the repository")
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert!(names.len() >= 18, "a broken file is missing");
    for name in names {
        let bytes = fs::read(folder.join(&name)).expect("readable");
        let text = shown(&name, &bytes, &LoadOptions::default());
        assert!(!text.is_empty(), "{name}: nothing was said");
        insta::assert_snapshot!(name.trim_end_matches(".toml"), text);
    }
}

fn lesson(options: &LoadOptions) -> String {
    let text = include_bytes!("../scenarios/02-acks-leader-crash.toml");
    shown("02-acks-leader-crash.toml", text, options)
}

#[test]
fn a_mistake_on_the_command_line_is_shown_in_its_flag() {
    let options = LoadOptions {
        sets: vec![("ack".to_owned(), "all".to_owned()), ("acks".to_owned(), "1,most".to_owned())],
        injects: vec!["when hw(orders-0) >= 5 kill b1".to_owned(), "at 2: kill b1".to_owned()],
        expects: vec!["lots == 0".to_owned()],
        ..LoadOptions::default()
    };
    insta::assert_snapshot!("command-line", lesson(&options));
}

#[test]
fn a_file_that_is_too_large_is_refused_unread() {
    let text = shown("large.toml", &vec![b'#'; 2 << 20], &LoadOptions::default());
    insta::assert_snapshot!("too-large", text);
}

#[test]
fn a_very_long_line_is_shown_in_part() {
    let padding = "ack를 ".repeat(100_000);
    let text = format!("format = 1\nid = \"x\"\ntitle = \"{padding}\" x = 1\n");
    let shown = shown("long.toml", text.as_bytes(), &LoadOptions::default());
    assert!(shown.len() < 2_000, "{shown}");
}
