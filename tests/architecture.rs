//! Holds the shape of the tree: who may import whom, what core may not touch, how files begin.
//!
//! ARCHITECTURE.md says why; this test says no. The order of layers is enforced between folders (and
//! top-level files), not between the files of one folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Core's layers, lowest first: a layer imports only lower ones.
const CORE: &[&[&str]] = &[
    &["time", "id"],
    &["epoch", "error_code", "chance", "timers", "broker_set", "coordinator"],
    &["config"],
    &["record"],
    &["metadata"],
    &["protocol"],
    &["event"],
    &["engine"],
    &["log", "net"],
    &["raft", "replica"],
    &["controller", "broker", "client"],
    &["node"],
];

/// Simulation's layers, lowest first.
const SIM: &[&[&str]] = &[
    &["scenario", "world"],
    &["host"],
    &["cluster", "look"],
    &["check", "ledger"],
    &["story", "quiet"],
    &["recording"],
    &["lab"],
    &["trouble"],
    &["verdict", "biography", "chaos", "run"],
    &["storyline", "remedy"],
];

/// What the three sides of the network may know of each other: nothing but the protocol.
const STRANGERS: &[(&str, &[&str])] = &[
    ("client", &["broker", "controller", "log", "raft", "replica", "metadata"]),
    ("controller", &["broker", "client", "log", "replica"]),
    ("broker", &["client", "controller"]),
];

/// What would let chance, time or the machine into a run.
const IMPURE: &[&str] = &[
    "std::time::",
    "std::thread",
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "HashMap",
    "HashSet",
    "async ",
    "println!",
    "rand::",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above").to_owned()
}

/// Every Rust file below `folder`, with its path inside it.
fn files(folder: &str) -> Vec<(String, String)> {
    let base = root().join(folder);
    let mut found = Vec::new();
    let mut open = vec![base.clone()];
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(&path).expect("a folder of the tree").flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(&base).expect("below it").display().to_string();
                found.push((name, fs::read_to_string(&path).expect("readable")));
            }
        }
    }
    found.sort();
    found
}

/// The files that ship: test modules may look everywhere.
fn production(folder: &str) -> Vec<(String, String)> {
    let is_test = |name: &str| name.ends_with("tests.rs") || name.contains("tests/");
    let mut all = files(folder);
    all.retain(|(name, _)| !is_test(name) && module_of(name) != "testing");
    for (_, text) in &mut all {
        // Unit tests stand at the end of their file.
        let end =
            text.find("#[cfg(test)]\nmod tests").or(text.find("#[cfg(test)]\npub(super) mod"));
        text.truncate(end.unwrap_or(text.len()));
    }
    all
}

fn rank(layers: &[&[&str]], module: &str) -> Option<usize> {
    layers.iter().position(|layer| layer.contains(&module))
}

/// The modules of its own crate that a file names: `crate::module`.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let names = |line: &str| -> Vec<String> {
        line.split("crate::")
            .skip(1)
            .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
            .collect()
    };
    code.flat_map(names).filter(|name: &String| !name.is_empty()).collect()
}

fn module_of(name: &str) -> String {
    name.split(['/', '.']).next().unwrap_or_default().to_owned()
}

fn check_layers(folder: &str, layers: &[&[&str]]) {
    let mut wrong = Vec::new();
    for (name, text) in production(folder) {
        let module = module_of(&name);
        if module == "lib" {
            continue;
        }
        let Some(own) = rank(layers, &module) else {
            wrong.push(format!("{folder}/{name}: `{module}` has no layer; give it one here"));
            continue;
        };
        for import in imports(&text).into_iter().filter(|import| *import != module) {
            match rank(layers, &import) {
                Some(other) if other < own => {}
                Some(_) => wrong.push(format!("{folder}/{name} imports `{import}` from above")),
                None => {
                    wrong.push(format!("{folder}/{name} imports `{import}`, which has no layer"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn core_imports_downwards_only() {
    check_layers("core/src", CORE);
}

#[test]
fn sim_imports_downwards_only() {
    check_layers("sim/src", SIM);
}

#[test]
fn the_sides_of_the_network_know_only_the_protocol() {
    let mut wrong = Vec::new();
    for (name, text) in production("core/src") {
        let module = module_of(&name);
        let Some((_, strangers)) = STRANGERS.iter().find(|(own, _)| *own == module) else {
            continue;
        };
        for import in imports(&text) {
            if strangers.contains(&import.as_str()) {
                wrong.push(format!("core/src/{name} knows `{import}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn core_is_pure() {
    let mut wrong = Vec::new();
    // The reader of recorded vectors prints which lines a test leaves out; it is built for tests only.
    let is_judged = |(name, _): &(String, String)| name != "testing/vectors.rs";
    for (name, text) in files("core/src").into_iter().filter(is_judged) {
        let lines =
            text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
        for (n, line) in lines {
            for word in IMPURE.iter().filter(|word| line.contains(**word)) {
                wrong.push(format!("core/src/{name}:{}: {word}", n + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let manifest = fs::read_to_string(root().join("core/Cargo.toml")).expect("readable");
    let dependencies = manifest.split("[dependencies]").nth(1).expect("a list");
    let dependencies = dependencies.split("\n[").next().expect("its end").trim();
    assert_eq!(dependencies, "bytes.workspace = true", "core depends on nothing else");
}

#[test]
fn only_the_outermost_crate_touches_files() {
    for (name, text) in files("sim/src") {
        assert!(!text.contains("std::fs"), "sim/src/{name} opens a file");
    }
    for (name, text) in files("tui/src") {
        assert!(name == "files.rs" || !text.contains("std::fs"), "tui/src/{name}: see files.rs");
    }
}

#[test]
fn no_process_takes_the_runtime_s_time_or_chance() {
    for (name, text) in files("sim/src") {
        let is_host = name.starts_with("host/");
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            assert!(is_host || !line.contains("madsim::"), "sim/src/{name}: {line}");
        }
    }
}

#[test]
fn every_file_says_what_it_owns_and_stays_readable() {
    let mut wrong = Vec::new();
    for folder in ["core/src", "sim/src", "tui/src", "tests", "benches"] {
        for (name, text) in files(folder) {
            if !text.starts_with("//!") {
                wrong.push(format!("{folder}/{name} does not say what it owns"));
            }
            let lines = text.lines().count();
            if lines > 800 {
                wrong.push(format!("{folder}/{name} has {lines} lines: is it still one thing?"));
            }
            if text.contains(concat!("#[", "ignore")) || text.contains(concat!("todo", "!(")) {
                wrong.push(format!("{folder}/{name} puts something off"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_map_names_every_module() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("there is a map");
    for (folder, layers) in [("core", CORE), ("sim", SIM)] {
        let modules: BTreeSet<String> =
            production(&format!("{folder}/src")).iter().map(|(name, _)| module_of(name)).collect();
        for module in modules.iter().filter(|module| *module != "lib") {
            assert!(rank(layers, module).is_some(), "{folder}/{module} has a layer");
            assert!(
                map.contains(&format!("`{module}")),
                "ARCHITECTURE.md tells of {folder}/{module}"
            );
        }
    }
}
