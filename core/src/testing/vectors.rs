//! Reads the vectors that were recorded from Kafka's own classes (`tests/oracle`, one JSON object a
//! line), so that a line added to a file is tested as it stands.

use serde_json::Value;
use std::collections::BTreeMap;

/// What became of a line.
pub(crate) enum Outcome {
    /// It held.
    Tested,
    /// It is about something that is not built, named here.
    Skipped(&'static str),
}

/// Lets `test` check every line, panics if one fails, and prints how many were skipped and why.
#[expect(clippy::print_stdout, reason = "what a test leaves out has to be seen")]
pub(crate) fn check(lines: &str, test: impl Fn(&Value) -> Outcome) {
    let (mut tested, mut skipped) = (0, BTreeMap::<&str, u32>::new());
    for (n, line) in lines.lines().enumerate() {
        let value: Value = serde_json::from_str(line).expect("a line is a JSON object");
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(&value)));
        match outcome {
            Ok(Outcome::Tested) => tested += 1,
            Ok(Outcome::Skipped(why)) => *skipped.entry(why).or_default() += 1,
            Err(panic) => {
                println!("line {}: {line:.2000}", n + 1);
                std::panic::resume_unwind(panic);
            }
        }
    }
    assert!(tested > 0, "a file without a line that is tested tests nothing");
    println!("{tested} lines tested");
    for (why, lines) in skipped {
        println!("{lines} lines skipped: {why}");
    }
}
