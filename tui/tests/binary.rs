//! The binary as a shell sees it: exit codes, a pipe that is closed early, Ctrl-C.

use std::io::{Read, Write};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn kafkalab(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kafkalab"));
    command.args(words).env("KAFKALAB_LANG", "en").env_remove("COLUMNS");
    command
}

fn code(words: &[&str]) -> Option<i32> {
    let output: Output = kafkalab(words).output().expect("the binary starts");
    output.status.code()
}

#[test]
fn every_outcome_has_its_number() {
    assert_eq!(code(&["run", "02"]), Some(0));
    assert_eq!(code(&["run", "02", "--twice"]), Some(0));
    assert_eq!(code(&["run", "02", "--expect", "lost == 0"]), Some(1));
    assert_eq!(code(&["run", "no-such-lesson"]), Some(2));
    assert_eq!(code(&["run"]), Some(2));
    assert_eq!(code(&["run", "../tests/cli/stuck.toml"]), Some(3));
    assert_eq!(code(&["explain", "hw"]), Some(0));
    assert_eq!(code(&["explain", "02", "--record", "99"]), Some(2));
}

#[test]
fn stdout_is_the_same_each_time_and_says_nothing_to_a_pipe_in_colour() {
    let run = || kafkalab(&["run", "02", "--expect", "lost == 0"]).output().expect("it starts");
    let (one, two) = (run(), run());
    assert_eq!(one.stdout, two.stdout);
    assert!(!one.stdout.contains(&0x1b) && !one.stderr.contains(&0x1b));
}

#[test]
fn the_version_names_the_host() {
    let output = kafkalab(&["--version"]).output().expect("it starts");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let host = if cfg!(madsim) { "madsim" } else { "plain" };
    assert_eq!(text.trim_end(), format!("kafkalab {} ({host} host)", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_reader_that_goes_away_has_had_enough() {
    let words = ["run", "02", "--timeline", "-v", "--json"];
    let mut child = kafkalab(&words).stdout(Stdio::piped()).spawn().expect("it starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

/// A run of many minutes: a producer that never rests.
const LONG: &str = r#"
format = 1
id     = "long"
title  = { en = "Long", ko = "긴 실행" }
limit  = "3000s"

[cluster]
brokers = 3

[topic.orders]
partitions = 1
replicas   = 3

[producer.p1]
topic   = "orders"
records = 1000000
every   = "2ms"

[[expect]]
finally = ["lost == 0"]
"#;

/// Starts a long run. More is written to its stdin than a pipe holds, so when that is done the program
/// is reading and has installed its handler.
fn long_run() -> Child {
    let mut command = kafkalab(&["run", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    let padding = format!("# {}\n", "x".repeat(98)).repeat(2_000);
    stdin.write_all(format!("{padding}{LONG}").as_bytes()).expect("it reads");
    child
}

#[cfg(unix)]
fn interrupt(child: &Child) {
    let pid = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &pid]).status().expect("kill exists");
    assert!(sent.success());
}

#[cfg(unix)]
#[test]
fn ctrl_c_prints_what_is_known() {
    let mut child = long_run();
    // So that there is something to know.
    std::thread::sleep(Duration::from_millis(500));
    interrupt(&child);
    let asked = Instant::now();
    let mut text = String::new();
    let mut stdout = child.stdout.take().expect("piped");
    stdout.read_to_string(&mut text).expect("UTF-8");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert!(text.contains("acked") && text.contains("STOPPED  interrupted"), "{text}");
    assert!(text.contains("lost == 0          ?"), "{text}");
}
