//! The naive twins catch every mutation of the list: one wrong operator or one forgotten case in the
//! ledger, the checks or the conditions makes them differ from the product.
//!
//! `cargo test` makes sure that the list fits the code. To try the mutations, one build for each:
//!
//! ```text
//! KAFKALAB_MUTATIONS=0..99 cargo test -p kafkalab-tests --test mutations -- --nocapture
//! ```
//! The numbers are places in the list. The workspace is copied to `target/mutations`; nothing here
//! is changed. A mutation is caught if the twins of 16, 64 or 256 seeds fail with it; that they pass
//! without it is the test `twins`.

#[path = "mutations/list.rs"]
mod list;

use list::{MUTATIONS, Mutation};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// So many seeds, one number after the other, until the twins differ.
const SEEDS: [u64; 3] = [16, 64, 256];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is a folder of it").to_owned()
}

fn mutated(mutation: &Mutation) -> String {
    let text = fs::read_to_string(root().join(mutation.file)).expect("the file is there");
    let count = text.matches(mutation.right).count();
    assert_eq!(count, 1, "{}: stands {count} times in {}", mutation.what, mutation.file);
    text.replace(mutation.right, mutation.wrong)
}

#[test]
fn every_mutation_fits_the_code() {
    assert!(MUTATIONS.len() >= 20, "there are {}", MUTATIONS.len());
    for mutation in MUTATIONS {
        mutated(mutation);
    }
}

/// Copies what is new or different in the workspace, without what was built of it: cargo builds
/// again what was written again.
fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a place to write");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("it has a name");
        if name == "target" || name == ".git" {
            continue;
        }
        if path.is_dir() {
            copy_tree(&path, &to.join(name));
        } else {
            let (text, copy) = (fs::read(&path).expect("a file that can be read"), to.join(name));
            if fs::read(&copy).ok().as_ref() != Some(&text) {
                fs::write(copy, text).expect("a place to write");
            }
        }
    }
}

/// Runs the twins of the copy over so many seeds.
fn twins(copy: &Path, seeds: u64) -> Output {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(copy).args(["test", "-p", "kafkalab-tests", "--test", "twins", "twenty"]);
    cargo.env("CARGO_TARGET_DIR", copy.join("target"));
    cargo.env("KAFKALAB_SEEDS", seeds.to_string()).env("RUST_BACKTRACE", "0");
    cargo.output().expect("cargo runs")
}

/// How many seeds it took to catch it.
fn seeds_to_catch(copy: &Path) -> Option<u64> {
    SEEDS.into_iter().find(|seeds| {
        let output = twins(copy, *seeds);
        let (out, err) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(out.contains("running 1 test"), "it does not build:\n{err}");
        !output.status.success()
    })
}

/// The places in the list that are tried: a build for each is too much for every day.
fn wanted() -> Range<usize> {
    let range = std::env::var("KAFKALAB_MUTATIONS").unwrap_or_default();
    let ends = range.split_once("..").and_then(|(a, b)| Some(a.parse().ok()?..b.parse().ok()?));
    ends.unwrap_or(0..0)
}

#[test]
#[expect(clippy::print_stderr, reason = "the lines are what a reader of this test wants to see")]
fn the_twins_catch_every_mutation() {
    let wanted = wanted();
    let copy = root().join("target/mutations");
    let mut missed = Vec::new();
    for (n, mutation) in MUTATIONS.iter().enumerate() {
        if !wanted.contains(&n) {
            continue;
        }
        copy_tree(&root(), &copy);
        fs::write(copy.join(mutation.file), mutated(mutation)).expect("a place to write");
        match seeds_to_catch(&copy) {
            Some(seeds) => eprintln!("{n:>2} caught within {seeds:>3} seeds: {}", mutation.what),
            None => {
                eprintln!("{n:>2} MISSED: {}", mutation.what);
                missed.push(mutation.what);
            }
        }
    }
    assert!(missed.is_empty(), "the twins say the same as {missed:?}");
}
