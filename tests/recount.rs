//! A reader who has nothing but the text of `kafkalab run --timeline` counts the same records as
//! acked, delivered and lost as the ledger does.
//!
//! The reader takes each line as a person would: who says it, and what is said. It keeps on paper
//! which records each broker's copy of a partition holds, whom the controller named as leader, what
//! producers counted and what consumers read. At the end an acked record is lost if no partition's
//! leader has it, and no copy of a partition without one.

mod chaos;

use kafkalab_sim::chaos::Chaos;
use kafkalab_sim::scenario::{builtin, to_toml};
use kafkalab_tui::cli::args::{Args, Parser};
use kafkalab_tui::cli::{dispatch_to, streams::Streams};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A stream that can be read afterwards.
#[derive(Clone, Default)]
struct Page(Rc<RefCell<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What `kafkalab <words>` prints, in lines that are never broken.
fn kafkalab(words: &[&str]) -> String {
    let args = ["kafkalab", "--lang", "en"].iter().chain(words);
    let args = Args::try_parse_from(args).expect("a good command line");
    let out = Page::default();
    let mut streams = Streams {
        out: Box::new(out.clone()),
        err: Box::new(Page::default()),
        width: 100_000,
        columns: 100_000,
    };
    dispatch_to(&args, &mut streams);
    let bytes = out.0.borrow();
    let text = std::str::from_utf8(&bytes).expect("output is UTF-8");
    anstream::adapter::strip_str(text).to_string()
}

/// What is counted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counted {
    acked: u64,
    delivered: u64,
    lost: u64,
}

/// A copy of a partition: epoch and record at each offset.
type Log = Vec<(u64, String)>;

/// The sheet of paper.
#[derive(Default)]
struct Sheet {
    acked: BTreeSet<String>,
    delivered: BTreeSet<String>,
    /// By broker and partition.
    copies: BTreeMap<(String, String), Log>,
    /// What a broker that starts has not loaded yet.
    disks: BTreeMap<(String, String), Log>,
    /// Every place a leader gave to a record: partition, offset, epoch.
    places: BTreeMap<String, BTreeSet<(String, usize, u64)>>,
    leaders: BTreeMap<String, Option<String>>,
    /// Brokers that died and were not registered again. All run when the text begins.
    dead: BTreeSet<String>,
}

impl Sheet {
    /// Reads one line: `   9.1525  k1  fences b1`.
    fn read(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        let Some(moment) = words.next() else { return };
        if moment.parse::<f64>().is_err() {
            return;
        }
        let Some(who) = words.next() else { return };
        let said: Vec<&str> = words.collect();
        match said.as_slice() {
            ["counts", records @ .., "as", "acked"]
            | ["counts", records @ .., "as", "acked", "at", "offset", _] => {
                self.acked.extend(listed(records));
            }
            ["reads", record, _, "offset", _] => {
                self.delivered.insert((*record).to_owned());
            }
            ["appends", records @ .., "to", tp, "at", "offset", at, "epoch", epoch] => {
                let (start, epoch) = (number(at), number(epoch) as u64);
                for (n, record) in listed(records).into_iter().enumerate() {
                    let place = ((*tp).to_owned(), start + n, epoch);
                    self.places.entry(record).or_default().insert(place);
                }
                // Who leads when the text begins is known by what it appends.
                self.leaders.entry((*tp).to_owned()).or_insert(Some(who.to_owned()));
                self.write(who, tp, (start, epoch), records);
            }
            ["copies", records @ .., "to", tp, "at", "offset", at, "epoch", epoch] => {
                self.write(who, tp, (number(at), number(epoch) as u64), records);
            }
            ["cuts", tp, "from", "LEO", _, "to", end] => self.cut(who, tp, number(end)),
            ["starts"] => self.forget(who),
            ["loads", tp, "LEO", end, ..] => self.load(who, tp.trim_end_matches(':'), number(end)),
            ["dies"] => drop(self.dead.insert(who.to_owned())),
            ["is", "registered,", ..] => drop(self.dead.remove(who)),
            // The controller: `orders-0: leader b2, epoch 1, ISR b2 b3`.
            [tp, "leader", leader, ..] => self.elect(tp.trim_end_matches(':'), leader),
            _ => {}
        }
    }

    fn elect(&mut self, tp: &str, leader: &str) {
        let leader = leader.trim_end_matches(',');
        let leader = (leader != "none").then(|| leader.to_owned());
        self.leaders.insert(tp.to_owned(), leader);
    }

    fn write(&mut self, who: &str, tp: &str, (at, epoch): (usize, u64), records: &[&str]) {
        let copy = self.copies.entry((who.to_owned(), tp.to_owned())).or_default();
        assert_eq!(copy.len(), at, "{who} writes {records:?} to {tp} where its copy ends");
        copy.extend(listed(records).into_iter().map(|record| (epoch, record)));
    }

    /// Whatever a broker does not load when it starts is not on its disk.
    fn forget(&mut self, who: &str) {
        let of_it: Vec<(String, String)> =
            self.copies.keys().filter(|(holder, _)| holder == who).cloned().collect();
        for key in of_it {
            let copy = self.copies.remove(&key).unwrap_or_default();
            self.disks.insert(key, copy);
        }
    }

    fn load(&mut self, who: &str, tp: &str, end: usize) {
        let key = (who.to_owned(), tp.to_owned());
        let copy = self.disks.remove(&key).unwrap_or_default();
        self.copies.insert(key, copy);
        self.cut(who, tp, end);
    }

    fn cut(&mut self, who: &str, tp: &str, end: usize) {
        let copy = self.copies.entry((who.to_owned(), tp.to_owned())).or_default();
        assert!(copy.len() >= end, "{who} cannot gain records of {tp} by {end}");
        copy.truncate(end);
    }

    /// Whether the record stands somewhere where it counts.
    fn counts(&self, record: &str) -> bool {
        let places = self.places.get(record).into_iter().flatten();
        places.into_iter().any(|(tp, offset, epoch)| {
            let leader = self.leaders.get(tp).cloned().flatten();
            let leader = leader.filter(|leader| !self.dead.contains(leader));
            let copies = self.copies.iter().filter(|((holder, of), _)| {
                of == tp && leader.as_ref().is_none_or(|leader| leader == holder)
            });
            let here = Some((*epoch, record.to_owned()));
            copies.into_iter().any(|(_, copy)| copy.get(*offset).cloned() == here)
        })
    }

    fn counted(&self) -> Counted {
        let lost = self.acked.iter().filter(|record| !self.counts(record)).count();
        Counted {
            acked: self.acked.len() as u64,
            delivered: self.delivered.len() as u64,
            lost: lost as u64,
        }
    }
}

fn number(word: &str) -> usize {
    let digits = word.trim_matches(|letter: char| !letter.is_ascii_digit());
    digits.parse().unwrap_or_else(|_| panic!("`{word}` is a number"))
}

/// `#3..#5 #8` as its records: `#3`, `#4`, `#5`, `#8`.
fn listed(words: &[&str]) -> Vec<String> {
    let mut records = Vec::new();
    for word in words {
        let (first, last) = word.split_once("..").unwrap_or((word, word));
        let (owner, from) = first.rsplit_once('#').expect("a record has a number");
        let (_, to) = last.rsplit_once('#').expect("a record has a number");
        records.extend((number(from)..=number(to)).map(|n| format!("{owner}#{n}")));
    }
    records
}

/// The three counts as the ledger of the machine-readable output has them.
fn of_ledger(json: &str, variant: Option<&str>) -> Counted {
    for line in json.lines() {
        let value: serde_json::Value = serde_json::from_str(line).expect("each line is a value");
        let is_it = variant.is_none_or(|name| value["variant"] == name);
        if value["k"] == "verdict" && is_it {
            let of = |word: &str| value["ledger"][word].as_u64().expect("a count");
            return Counted { acked: of("acked"), delivered: of("delivered"), lost: of("lost") };
        }
    }
    panic!("there is a verdict");
}

fn recount(text: &str) -> Counted {
    let mut sheet = Sheet::default();
    text.lines().for_each(|line| sheet.read(line));
    sheet.counted()
}

#[test]
fn the_lessons_can_be_recounted() {
    let mut counted = 0;
    for lesson in builtin::lessons() {
        let loaded = kafkalab_sim::scenario::load(
            lesson.id,
            lesson.text.as_bytes(),
            &kafkalab_sim::scenario::LoadOptions::default(),
        );
        let scenario = loaded.expect("a good lesson").scenario;
        let json = kafkalab(&["run", lesson.id, "--json"]);
        for variant in &scenario.variants {
            let mut words = vec!["run", lesson.id, "--timeline"];
            if let Some(name) = &variant.name {
                words.extend(["--variant", name]);
            }
            let recounted = recount(&kafkalab(&words));
            let ledger = of_ledger(&json, variant.name.as_deref());
            assert_eq!(recounted, ledger, "{} {:?}", lesson.id, variant.name);
            counted += recounted.acked;
        }
    }
    assert!(counted > 0, "there was something to count");
}

#[test]
fn chaos_can_be_recounted() {
    let folder = std::env::temp_dir().join(format!("kafkalab-recount-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for scenario files");
    let lost = AtomicU64::new(0);
    chaos::each_seed(chaos::seeds(20), |seed| {
        let plan = kafkalab_sim::chaos::plan(seed, &Chaos::default());
        let file = folder.join(format!("{seed}.toml"));
        std::fs::write(&file, to_toml(&plan, "chaos", "A run of chaos")).expect("it is written");
        let file = file.to_str().expect("a path of text");
        let recounted = recount(&kafkalab(&["run", file, "--timeline"]));
        let ledger = of_ledger(&kafkalab(&["run", file, "--json"]), None);
        assert_eq!(recounted, ledger, "seed {seed}");
        lost.fetch_add(recounted.lost, Ordering::Relaxed);
    });
    assert!(lost.into_inner() > 0, "something was lost that could be counted");
    std::fs::remove_dir_all(&folder).expect("its own folder");
}
