//! A run as a story that a person can read in a minute: what changed hands, grew, was refused or lost.
//!
//! The storyline is a pure function of a recorded run. It tells the steps, the lives of the brokers,
//! roles, in-sync replicas, watermarks, truncations, what became of each send, what consumers were
//! handed, and at the end the ledger; it leaves out requests, routine and replication as such. Times
//! are seconds after t = 0; names are those of the plan. Lines that only repeat the line before are
//! counted, not repeated.
//!
//! The golden texts of the lessons are storylines: a rule of Kafka that is broken shows up there as a
//! line too many, too few or too early.

use crate::cluster::shown;
use crate::lab::Lab;
use crate::ledger::{Fate, Outcome, Row};
use crate::recording::{Entry, Happening};
use crate::scenario::plan::Plan;
use crate::story::Told;
use crate::verdict::Verdict;
use kafkalab_core::event::{ClientEvent, ControllerEvent, Event, LifecycleState, ReplicaEvent};
use kafkalab_core::id::{NodeId, RecordId, TopicPartition};
use kafkalab_core::record::BatchBody;
use kafkalab_core::time::Instant;
use std::fmt;

/// One line: something that happened, perhaps several times in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When, for the first time.
    pub at: Instant,
    /// Who; `None` for the story itself.
    pub node: Option<NodeId>,
    /// Who, as the plan calls it; empty for the story itself.
    pub who: String,
    /// What, in a few words.
    pub text: String,
    /// How often in a row.
    pub times: u32,
    /// When, for the last time.
    pub until: Instant,
}

/// A run, told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storyline {
    /// What happened from t = 0 on, in order.
    pub lines: Vec<Line>,
    /// What became of each record, in order, and the totals.
    pub ledger: Vec<String>,
    /// How the run ended, in one line.
    pub end: String,
}

impl Storyline {
    /// The story of a recorded run that has ended.
    pub fn of(lab: &Lab) -> Self {
        let recorder = lab.recorder().expect("a storyline is told from a recording");
        let teller = Teller { plan: lab.plan(), many: !lab.ledger().has_one_producer() };
        let mut lines: Vec<Line> = Vec::new();
        for entry in recorder.entries().iter().filter(|entry| shown(entry.at) >= 0) {
            if let Some(text) = teller.happening(entry) {
                push(&mut lines, entry, teller.who(entry.node), text);
            }
        }
        let ledger = teller.ledger(lab);
        let verdict = Verdict::on(lab);
        let why = verdict.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        let end = format!("{} {}{why}", seconds(verdict.ended), verdict.status.word());
        Self { lines, ledger, end }
    }
}

/// Adds a line, or counts it if it only repeats the one before.
fn push(lines: &mut Vec<Line>, entry: &Entry, who: String, text: String) {
    if let Some(last) = lines.last_mut()
        && last.node == entry.node
        && last.text == text
    {
        last.times += 1;
        last.until = entry.at;
        return;
    }
    let (at, node) = (entry.at, entry.node);
    lines.push(Line { at, node, who, text, times: 1, until: at });
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {:<3} {}", seconds(self.at), self.who, self.text)?;
        if self.times > 1 {
            write!(f, " ({} times, until {})", self.times, seconds(self.until).trim_start())?;
        }
        Ok(())
    }
}

impl fmt::Display for Storyline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(f, "{}", line.to_string().trim_end())?;
        }
        writeln!(f)?;
        for line in &self.ledger {
            writeln!(f, "{line}")?;
        }
        write!(f, "\n{}", self.end)
    }
}

/// Seconds after t = 0 with four decimals, in a column.
fn seconds(at: Instant) -> String {
    let micros = shown(at);
    let (sign, micros) = if micros < 0 { ("-", -micros) } else { ("", micros) };
    format!("{:>9}", format!("{sign}{}.{:04}", micros / 1_000_000, micros % 1_000_000 / 100))
}

/// Finds words for what happened.
struct Teller<'a> {
    plan: &'a Plan,
    /// There are several producers: a record needs its producer's name.
    many: bool,
}

impl Teller<'_> {
    fn who(&self, node: Option<NodeId>) -> String {
        node.map(|node| self.plan.node_name(node)).unwrap_or_default()
    }

    fn tp(&self, tp: TopicPartition) -> String {
        self.plan.partition_name(tp)
    }

    fn record(&self, id: RecordId) -> String {
        if self.many {
            format!("{}#{}", self.plan.node_name(id.producer), id.n)
        } else {
            format!("#{}", id.n)
        }
    }

    /// The records of a batch: `#3`, `#3..#5`.
    fn batch(&self, body: &BatchBody) -> String {
        let ids: Vec<RecordId> = body.records.iter().filter_map(|record| record.id).collect();
        match (ids.first(), ids.last()) {
            (Some(first), Some(last)) if first != last => {
                format!("{}..{}", self.record(*first), self.record(*last))
            }
            (Some(one), _) => self.record(*one),
            (None, _) => "a batch".to_owned(),
        }
    }

    fn happening(&self, entry: &Entry) -> Option<String> {
        match &entry.what {
            Happening::Booted => Some("starts".to_owned()),
            Happening::Ended => Some("is gone".to_owned()),
            Happening::Told(told) => Some(self.told(*told)),
            Happening::Noted(Event::Replica(event)) => self.replica(event),
            Happening::Noted(Event::Controller(event)) => self.controller(event),
            Happening::Noted(Event::Client(event)) => self.client(event),
            Happening::Sent(_) | Happening::Delivered(_) | Happening::Died(_) => None,
        }
    }

    fn told(&self, told: Told) -> String {
        match told {
            Told::Step(n) => {
                let step = &self.plan.steps[n];
                let title = step.title.as_ref().map(|title| title.en.as_str()).unwrap_or_default();
                let deeds: Vec<String> = step
                    .actions
                    .iter()
                    .map(|action| action.show(&self.plan.names).to_string())
                    .collect();
                let name = step.id.clone().unwrap_or_else(|| (n + 1).to_string());
                let deeds = if deeds.is_empty() {
                    String::new()
                } else {
                    format!(" [{}]", deeds.join("; "))
                };
                format!("== {name}: {title}{deeds}")
            }
            Told::Inject(n) => format!("== {}", self.plan.injects[n].text),
            Told::Wake => "== a pause ends".to_owned(),
            Told::RollStops(node) => format!("== roll: stop {}", self.plan.node_name(node)),
            Told::RollStarts(node) => format!("== roll: start {}", self.plan.node_name(node)),
        }
    }

    fn replica(&self, event: &ReplicaEvent) -> Option<String> {
        let text = match event {
            ReplicaEvent::Lifecycle { to: LifecycleState::Running } => "serves".to_owned(),
            ReplicaEvent::Lifecycle { to: LifecycleState::PendingControlledShutdown } => {
                "hands its leaderships over".to_owned()
            }
            ReplicaEvent::BecameLeader { tp, leader_epoch, epoch_start, high_watermark } => {
                format!(
                    "leads {} in epoch {}: LEO {}, HW {}",
                    self.tp(*tp),
                    leader_epoch.0,
                    epoch_start.0,
                    high_watermark.0
                )
            }
            ReplicaEvent::BecameFollower { tp, leader_epoch, leader } => match leader {
                Some(leader) => {
                    let leader = self.plan.node_name(*leader);
                    format!("follows {leader} on {} in epoch {}", self.tp(*tp), leader_epoch.0)
                }
                None => format!("knows no leader of {} in epoch {}", self.tp(*tp), leader_epoch.0),
            },
            ReplicaEvent::Appended { tp, base_offset, body, as_leader, .. } => {
                let verb = if *as_leader { "appends" } else { "copies" };
                format!("{verb} {} at {}@{}", self.batch(body), self.tp(*tp), base_offset.0)
            }
            ReplicaEvent::DuplicateRecognised { tp, base_offset, body } => {
                let (batch, tp) = (self.batch(body), self.tp(*tp));
                format!("has {batch} already, at {tp}@{}", base_offset.0)
            }
            ReplicaEvent::Truncated { tp, from, to, .. } => {
                format!("cuts {}: LEO {} -> {}", self.tp(*tp), from.0, to.0)
            }
            ReplicaEvent::HighWatermark { tp, from, to, as_leader } => {
                let verb = match (to < from, as_leader) {
                    (true, _) => "takes back",
                    (false, true) => "moves",
                    (false, false) => "learns",
                };
                format!("{verb} HW of {}: {} -> {}", self.tp(*tp), from.0, to.0)
            }
            ReplicaEvent::IsrProposed { tp, from, to } => {
                format!("wants the ISR of {}: {{{from}}} -> {{{to}}}", self.tp(*tp))
            }
            ReplicaEvent::IsrRefused { tp, error } => {
                format!("may not change the ISR of {}: {error}", self.tp(*tp))
            }
            ReplicaEvent::DivergenceFound { tp, follower, end_offset } => {
                let follower = self.plan.node_name(*follower);
                format!("tells {follower}: {} differs from {} on", self.tp(*tp), end_offset.0)
            }
            ReplicaEvent::Lifecycle { .. }
            | ReplicaEvent::Registered { .. }
            | ReplicaEvent::Loaded { .. }
            | ReplicaEvent::IsrAdopted { .. }
            | ReplicaEvent::IsrForgotten { .. }
            | ReplicaEvent::FollowerCounted { .. }
            | ReplicaEvent::ProduceAnswered { .. }
            | ReplicaEvent::MetadataPublished { .. } => return None,
        };
        Some(text)
    }

    fn controller(&self, event: &ControllerEvent) -> Option<String> {
        let name = |broker: &NodeId| self.plan.node_name(*broker);
        let text = match event {
            ControllerEvent::Activated { epoch } => format!("controls in epoch {}", epoch.0),
            ControllerEvent::BrokerFenced { broker } => format!("fences {}", name(broker)),
            ControllerEvent::BrokerUnfenced { broker } => format!("unfences {}", name(broker)),
            ControllerEvent::BrokerShuttingDown { broker } => {
                format!("lets {} shut down", name(broker))
            }
            ControllerEvent::PartitionChanged {
                tp, leader, leader_epoch, isr, is_unclean, ..
            } => {
                let leader = leader.as_ref().map_or_else(|| "none".to_owned(), name);
                let how = if *is_unclean { ", unclean" } else { "" };
                let (tp, epoch) = (self.tp(*tp), leader_epoch.0);
                format!("decides {tp}: leader {leader}, epoch {epoch}, ISR {{{isr}}}{how}")
            }
            ControllerEvent::BrokerRegistered { .. } | ControllerEvent::TopicCreated { .. } => {
                return None;
            }
        };
        Some(text)
    }

    fn client(&self, event: &ClientEvent) -> Option<String> {
        let text = match event {
            ClientEvent::SendCalled { id, .. } => format!("sends {}", self.record(*id)),
            ClientEvent::BatchAcked { body, base_offset, .. } => match base_offset {
                Some(at) => format!("is told that {} is safe at {}", self.batch(body), at.0),
                None => format!("takes {} for safe", self.batch(body)),
            },
            ClientEvent::BatchRetried { body, error, .. } => {
                format!("tries {} again: {error}", self.batch(body))
            }
            ClientEvent::BatchFailed { body, error, is_indefinite, .. } => {
                let doubt = if *is_indefinite { ", perhaps written" } else { "" };
                format!("gives {} up: {error}{doubt}", self.batch(body))
            }
            ClientEvent::SendRefused { id, error } => {
                format!("cannot send {}: {error}", self.record(*id))
            }
            ClientEvent::TruncationDetected { tp, position, .. } => {
                format!("finds {} cut below {}", self.tp(*tp), position.0)
            }
            ClientEvent::PositionReset { tp, to, from: Some(from) } => {
                format!("moves on {} from {} to {}", self.tp(*tp), from.0, to.0)
            }
            ClientEvent::PollFailed { tp, error } => format!("fails on {}: {error}", self.tp(*tp)),
            ClientEvent::Delivered { tp, offset, id } => {
                let record = id.map_or_else(|| "a record".to_owned(), |id| self.record(id));
                format!("reads {record} at {}@{}", self.tp(*tp), offset.0)
            }
            ClientEvent::PositionReset { from: None, .. }
            | ClientEvent::BatchSent { .. }
            | ClientEvent::ProducerIdAssigned { .. }
            | ClientEvent::Processing { .. }
            | ClientEvent::Processed { .. } => return None,
        };
        Some(text)
    }

    fn ledger(&self, lab: &Lab) -> Vec<String> {
        let ledger = lab.ledger();
        let mut told: Vec<String> = ledger.rows().map(|row| self.row(row)).collect();
        let all = ledger.totals();
        let always = [("sent", all.sent), ("acked", all.acked), ("delivered", all.delivered)];
        let always = always.into_iter().chain([("lost", all.lost)]);
        let others = [
            ("failed", all.failed),
            ("unknown", all.unknown),
            ("pending", all.pending),
            ("not decided", all.not_decided),
            ("at risk", all.at_risk),
            ("unread", all.unread),
            ("duplicates", all.duplicates),
            ("log duplicates", all.log_duplicates),
            ("reordered", all.reordered),
        ];
        let others = others.into_iter().filter(|(_, count)| *count > 0);
        let counts: Vec<String> =
            always.chain(others).map(|(word, count)| format!("{word} {count}")).collect();
        told.push(counts.join("  "));
        told
    }

    fn row(&self, row: &Row) -> String {
        let outcome = match row.outcome {
            Outcome::Open => "open".to_owned(),
            Outcome::Acked { .. } => "acked".to_owned(),
            Outcome::Failed { error, .. } => format!("failed {error}"),
            Outcome::Unknown { error, .. } => format!("unknown {error}"),
        };
        let places: Vec<String> = row
            .places()
            .iter()
            .map(|place| {
                let broker = self.plan.node_name(place.broker);
                format!("{broker}@{} epoch {}", place.offset.0, place.leader_epoch.0)
            })
            .collect();
        let places = if places.is_empty() { "nowhere".to_owned() } else { places.join(", ") };
        let lost = match row.fate() {
            Fate::Lost => "  LOST",
            Fate::NotDecided => "  NOT DECIDED",
            _ => "",
        };
        let (record, attempts) = (self.record(row.id), row.attempts);
        let read = if row.delivered == 0 { "  never read" } else { "" };
        format!("{record}  {outcome}, attempts {attempts}, appended {places}{read}{lost}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafkalab_core::id::InputNo;

    #[test]
    fn a_line_that_only_repeats_the_one_before_is_counted() {
        let mut lines = Vec::new();
        let mut tell = |micros, text: &str| {
            let (at, input) = (Instant::from_micros(micros), InputNo(0));
            let node = Some(NodeId::client(1));
            let entry = Entry { at, input, cause: None, node, what: Happening::Booted };
            push(&mut lines, &entry, "p1".to_owned(), text.to_owned());
        };
        tell(10_000_000, "sends #0");
        tell(10_100_000, "tries #0 again");
        tell(10_200_000, "tries #0 again");
        tell(9_999_900, "tries #0");
        let shown: Vec<String> = lines.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "   0.0000  p1  sends #0",
                "   0.1000  p1  tries #0 again (2 times, until 0.2000)",
                "  -0.0001  p1  tries #0",
            ]
        );
    }
}
