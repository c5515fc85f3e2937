//! What `explain` says of everything that can go wrong, word for word, in both languages.
//!
//! Each file of `causes/` is one kind of trouble. Its golden text is read as a learner reads it: what
//! went wrong in the run, the life of one record of it, and the lines that `run` puts under its table.
//! All of them are written anew by `INSTA_UPDATE=always cargo test -p kafkalab-tests --test explain`.

mod transcript;

use transcript::kafkalab;

/// The file, the variant if it has several, and the record whose life is told.
const CASES: &[(&str, Option<&str>, Option<&str>)] = &[
    ("at-risk", None, Some("4")),
    ("cause-before-birth", Some("acks-1"), Some("1500")),
    ("duplicates-and-remedy", Some("plain"), Some("52")),
    ("failed-because-of-kills", Some("and-leader"), Some("300")),
    ("failed-yet-delivered", Some("short"), Some("4")),
    ("false-lost", None, Some("6")),
    ("idempotent-duplicates", None, Some("12")),
    ("no-disk-kept-them", None, Some("p1#121")),
    ("not-decided-yet", None, Some("30")),
    ("reader-dies", None, Some("2")),
    ("reader-killed", None, Some("9")),
    ("remedy-replicas", Some("one-broker"), Some("150")),
    ("reordered", Some("five-plain"), Some("102")),
    ("slow-disk", None, Some("65")),
    ("too-few-in-sync", None, Some("40")),
    ("unread", Some("latest"), Some("3")),
    ("wiped-leader", Some("rf1"), Some("5")),
    ("zombie-leader", Some("acks-1"), Some("202")),
];

#[test]
fn everything_that_goes_wrong_is_explained() {
    for (name, variant, record) in CASES {
        let file = format!("causes/{name}.toml");
        let mut text = String::new();
        for lang in ["en", "ko"] {
            let mut ask = |words: &[&str]| {
                let mut words: Vec<&str> = words.to_vec();
                if let Some(variant) = variant {
                    words.extend(["--variant", variant]);
                }
                words.extend(["--lang", lang]);
                let answer = kafkalab(&words);
                text += "$ kafkalab ";
                text += &words.join(" ");
                text += "\n";
                text += &answer.out;
                text += "\n";
            };
            ask(&["explain", &file]);
            if let Some(record) = record {
                ask(&["explain", &file, "--record", record]);
            }
        }
        insta::with_settings!({ omit_expression => true, snapshot_path => "causes", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(*name, text);
        });
    }
}

/// The line under the table and the summary follow the same findings.
#[test]
fn the_line_under_the_table_says_the_same() {
    let file = "causes/unread.toml";
    let run = kafkalab(&["run", file, "--variant", "latest"]).out;
    let run = run.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(run.contains("c1 began to read behind them"), "{run}");
    assert!(run.contains("auto.offset.reset=earliest would have"), "{run}");
}

/// A run in which nothing goes wrong says so.
#[test]
fn a_good_run_is_said_to_be_good() {
    let answer = kafkalab(&["explain", "02", "--variant", "acks-all"]);
    assert!(answer.out.contains("No record is in trouble: 6 records sent"), "{}", answer.whole());
}
