//! Conditions while a cluster runs: who answers a query, and whether a condition holds.
//!
//! What is said of a set is said of each of its members: a condition holds if it holds for every
//! member, its negation if it holds for none. [`Watch::holds_for_some`] asks whether one member is
//! enough: that breaks a `never`. A comparison with something undefined is false, and so is its
//! negation. Nothing is copied to test a condition: of a history only as many answers are kept as it
//! is compared with.

use super::touched::Touched;
use super::value::Value;
use crate::check::Checks;
use crate::ledger::{Ledger, Totals};
use crate::look::{Committed, Look};
use crate::scenario::condition::{Asked, Condition, Expr, Op, Query};
use crate::scenario::count::Count;
use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::epoch::{LeaderEpoch, Offset};
use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::event::{ClientEvent, Event, ReplicaEvent};
use kafkalab_core::id::{NodeId, NodeKind, TopicPartition};
use kafkalab_core::time::Instant;

/// Everything a condition may look at.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The cluster.
    pub look: Look<'a>,
    /// What the controller has committed.
    pub committed: &'a Committed,
    /// The records.
    pub ledger: &'a Ledger,
    /// The invariants.
    pub checks: &'a Checks,
}

/// A query whose successive answers somebody asks for.
#[derive(Clone, Debug)]
struct Track {
    query: Query,
    wakes: Touched,
    /// The first answers, at most `keeps` of them.
    first: Vec<Value>,
    keeps: usize,
    last: Value,
    /// How many answers there were, each different from the one before.
    count: u64,
    has_fallen: bool,
}

/// How many answers a message shows of a history, if it is not compared with more.
const SHOWN: usize = 8;

/// Answers queries and remembers what `history`, `changes`, `monotonic`, `errors` and `since` need.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    tracks: Vec<Track>,
    errors: Vec<(NodeId, ErrorCode, u64)>,
    /// When each step fired.
    fired: Vec<Instant>,
}

/// One side of a comparison, as it is worth now.
enum Side<'a> {
    Value(Value),
    History(&'a Track),
    List(&'a [Expr]),
}

impl Watch {
    /// Remembers what `condition` will ask for, from now on.
    pub fn follow(&mut self, condition: &Condition) {
        for query in condition.queries() {
            if let Query::Errors { node, code } = query
                && self.errors.iter().all(|(known, of, _)| (*known, *of) != (node, code))
            {
                self.errors.push((node, code, 0));
            }
        }
        match condition {
            Condition::And(all) | Condition::Or(all) => {
                for one in all {
                    self.follow(one);
                }
            }
            Condition::Not(inner) => self.follow(inner),
            Condition::Compare { left, right, .. } => {
                for (side, other) in [(left, right), (right, left)] {
                    let keeps = if let Expr::List(items) = other { items.len() } else { 0 };
                    if let Expr::History(asked) | Expr::Changes(asked) = side {
                        self.track(asked, keeps.max(SHOWN) + 1);
                    }
                }
            }
            Condition::Monotonic(asked) => self.track(asked, 0),
            Condition::Holds(_) | Condition::Keeps(_) | Condition::Violated(_) => {}
        }
    }

    fn track(&mut self, asked: &Asked, keeps: usize) {
        for query in asked.queries().iter().copied() {
            if let Some(known) = self.tracks.iter_mut().find(|track| track.query == query) {
                known.keeps = known.keeps.max(keeps);
                continue;
            }
            let wakes = Touched::asked_by(query);
            let (first, last) = (Vec::new(), Value::Undefined);
            self.tracks.push(Track {
                query,
                wakes,
                first,
                keeps,
                last,
                count: 0,
                has_fallen: false,
            });
        }
    }

    /// A step has fired.
    pub fn step_fired(&mut self, at: Instant) {
        self.fired.push(at);
    }

    /// When each step fired.
    pub fn fired(&self) -> &[Instant] {
        &self.fired
    }

    /// Counts the error codes among what `node` noted.
    pub fn count_errors(&mut self, node: NodeId, notes: &[Event]) {
        if self.errors.is_empty() {
            return;
        }
        for code in notes.iter().filter_map(error_of) {
            for (of, wanted, count) in &mut self.errors {
                *count += u64::from((*of, *wanted) == (node, code));
            }
        }
    }

    /// Asks the remembered queries again whose answers may have changed.
    pub fn update(&mut self, scene: Scene<'_>, touched: Touched) {
        for n in 0..self.tracks.len() {
            if !self.tracks[n].wakes.meets(touched) {
                continue;
            }
            let answer = self.answer(self.tracks[n].query, scene);
            let track = &mut self.tracks[n];
            if answer == Value::Undefined || track.last == answer {
                continue;
            }
            if let (Value::Int(before), Value::Int(now)) = (track.last, answer) {
                track.has_fallen |= now < before;
            }
            track.count += 1;
            track.last = answer;
            if track.first.len() < track.keeps {
                track.first.push(answer);
            }
        }
    }

    /// Whether `condition` holds now, for every member of the sets it asks about.
    pub fn holds(&self, condition: &Condition, scene: Scene<'_>) -> bool {
        self.test(condition, scene, (true, true))
    }

    /// Whether `condition` holds now for at least one member of each set it asks about.
    pub fn holds_for_some(&self, condition: &Condition, scene: Scene<'_>) -> bool {
        self.test(condition, scene, (true, false))
    }

    /// Whether `condition` comes out as `want` (`false`: its negation holds), for `every` member or
    /// for some.
    pub(super) fn test(
        &self,
        condition: &Condition,
        scene: Scene<'_>,
        (want, every): (bool, bool),
    ) -> bool {
        let mode = (want, every);
        match condition {
            Condition::And(all) if want => all.iter().all(|one| self.test(one, scene, mode)),
            Condition::Or(all) if !want => all.iter().all(|one| self.test(one, scene, mode)),
            Condition::And(all) | Condition::Or(all) => {
                all.iter().any(|one| self.test(one, scene, mode))
            }
            Condition::Not(inner) => self.test(inner, scene, (!want, every)),
            Condition::Keeps(name) => scene.checks.is_violated(name) != want,
            Condition::Violated(name) => scene.checks.is_violated(name) == want,
            Condition::Compare { left, right, .. } => {
                let members = left.members().max(right.members());
                let mut each = (0..members).map(|n| self.member(condition, n, scene) == Some(want));
                if every { each.all(|holds| holds) } else { each.any(|holds| holds) }
            }
            Condition::Holds(asked) | Condition::Monotonic(asked) => {
                let members = asked.queries().len();
                let mut each = (0..members).map(|n| self.member(condition, n, scene) == Some(want));
                if every { each.all(|holds| holds) } else { each.any(|holds| holds) }
            }
        }
    }

    /// How a comparison or a question of yes or no comes out for the `n`-th member; `None` if it is
    /// undefined.
    pub(super) fn member(&self, condition: &Condition, n: usize, scene: Scene<'_>) -> Option<bool> {
        match condition {
            Condition::Compare { left, op, right } => {
                match (self.side(left, n, scene), self.side(right, n, scene)) {
                    (Side::Value(left), Side::Value(right)) => left.compare(*op, right),
                    (Side::History(track), Side::List(items))
                    | (Side::List(items), Side::History(track)) => {
                        Some(self.is_history(track, items, scene) == (*op == Op::Equal))
                    }
                    _ => unreachable!("a history is compared with a list, and nothing else is"),
                }
            }
            Condition::Holds(asked) => match self.answer(asked.at(n), scene) {
                Value::Truth(holds) => Some(holds),
                _ => None,
            },
            Condition::Monotonic(asked) => Some(!self.find(asked.at(n)).has_fallen),
            Condition::And(_)
            | Condition::Or(_)
            | Condition::Not(_)
            | Condition::Keeps(_)
            | Condition::Violated(_) => unreachable!("asked of comparisons and questions only"),
        }
    }

    fn is_history(&self, track: &Track, items: &[Expr], scene: Scene<'_>) -> bool {
        track.count == items.len() as u64
            && track.first.iter().zip(items).all(|(seen, item)| *seen == self.value(item, scene))
    }

    fn side<'a>(&'a self, expr: &'a Expr, n: usize, scene: Scene<'_>) -> Side<'a> {
        match expr {
            Expr::List(items) => Side::List(items),
            Expr::History(asked) => Side::History(self.find(asked.at(n))),
            Expr::Changes(asked) => {
                let count = self.find(asked.at(n)).count;
                Side::Value(Value::Int(count.saturating_sub(1) as i64))
            }
            Expr::Query(asked) if asked.is_sum() => {
                let each = asked.queries().iter().map(|query| match self.answer(*query, scene) {
                    Value::Int(n) => n,
                    _ => unreachable!("a count is always a number"),
                });
                Side::Value(Value::Int(each.sum()))
            }
            Expr::Query(asked) => Side::Value(self.answer(asked.at(n), scene)),
            Expr::Size(asked) => Side::Value(match self.answer(asked.at(n), scene) {
                Value::Set(set) => Value::Int(set.len() as i64),
                _ => Value::Undefined,
            }),
            written => Side::Value(self.value(written, scene)),
        }
    }

    /// The value of an expression now; of its first member, if it asks about several.
    pub fn value(&self, expr: &Expr, scene: Scene<'_>) -> Value {
        match expr {
            Expr::Int(n) => Value::Int(*n),
            Expr::Time(length) => Value::Time(*length),
            Expr::Node(node) => Value::Node(Some(*node)),
            Expr::NoNode => Value::Node(None),
            Expr::Set(all) => Value::Set(
                all.iter()
                    .filter_map(|one| match one {
                        Expr::Node(node) if node.kind() == NodeKind::Broker => Some(*node),
                        _ => None,
                    })
                    .collect::<BrokerSet>(),
            ),
            asked => match self.side(asked, 0, scene) {
                Side::Value(value) => value,
                Side::History(_) | Side::List(_) => Value::Undefined,
            },
        }
    }

    /// The value of an expression as a message shows it.
    pub(super) fn shown(&self, expr: &Expr, scene: Scene<'_>) -> String {
        let Expr::History(asked) = expr else { return self.value(expr, scene).to_string() };
        let track = self.find(asked.at(0));
        let mut shown: Vec<String> = track.first.iter().map(ToString::to_string).collect();
        if track.count > shown.len() as u64 {
            shown.push("…".to_owned());
        }
        format!("[{}]", shown.join(", "))
    }

    fn find(&self, query: Query) -> &Track {
        let track = self.tracks.iter().find(|track| track.query == query);
        track.expect("follow was called with every condition at the start")
    }

    /// What `query` answers now (semantics 4).
    fn answer(&self, query: Query, scene: Scene<'_>) -> Value {
        let Scene { look, committed, ledger, .. } = scene;
        let leader_or = |tp: TopicPartition, on: Option<NodeId>| {
            on.or_else(|| committed.partition(tp).and_then(|registration| registration.leader))
        };
        let offset =
            |offset: Option<Offset>| offset.map_or(Value::Undefined, |o| Value::Int(o.0 as i64));
        match query {
            Query::Leo { tp, on } => offset(leader_or(tp, on).and_then(|b| look.log_end(tp, b))),
            Query::Hw { tp, on } => offset(
                leader_or(tp, on)
                    .and_then(|broker| look.replica(tp, broker))
                    .map(|replica| replica.log().high_watermark()),
            ),
            Query::Isr { tp, of } => isr(tp, of, scene).map_or(Value::Undefined, Value::Set),
            Query::Leader { tp, of } => {
                leadership(tp, of, scene).map_or(Value::Undefined, |known| Value::Node(known.0))
            }
            Query::Epoch { tp, of } => leadership(tp, of, scene)
                .map_or(Value::Undefined, |known| Value::Int(i64::from(known.1.0))),
            Query::Offline(tp) => leadership(tp, None, scene)
                .map_or(Value::Undefined, |known| Value::Truth(known.0.is_none())),
            Query::Count { count, of } => {
                let totals = match of {
                    None => Some(ledger.totals()),
                    Some(client) => ledger.totals_of(client),
                };
                Value::Int(totals.map_or(0, |totals| counted(totals, count)) as i64)
            }
            Query::Processing(client) => {
                ledger.in_hand(client).map_or(Value::Undefined, |id| Value::Int(i64::from(id.n)))
            }
            Query::Position { consumer, tp } => {
                offset(look.consumer(consumer).and_then(|reader| reader.position(tp)))
            }
            Query::Errors { node, code } => {
                let found = self.errors.iter().find(|(of, known, _)| (*of, *known) == (node, code));
                Value::Int(found.map_or(0, |(_, _, count)| *count) as i64)
            }
            Query::Since(step) => self
                .fired
                .get(step)
                .map_or(Value::Undefined, |at| Value::Time(look.world().now().since(*at))),
            Query::Up(node) => Value::Truth(look.world().is_up(node)),
            Query::Fenced(node) => committed
                .image()
                .brokers
                .get(&node)
                .map_or(Value::Undefined, |registration| Value::Truth(registration.is_fenced)),
        }
    }
}

/// The count of the ledger that a word means: the same in conditions, tables and JSON.
pub const fn counted(totals: &Totals, count: Count) -> u64 {
    match count {
        Count::Sent => totals.sent,
        Count::Acked => totals.acked,
        Count::Failed => totals.failed,
        Count::Unknown => totals.unknown,
        Count::Pending => totals.pending,
        Count::GaveUp => totals.gave_up,
        Count::Appended => totals.appended,
        Count::Delivered => totals.delivered,
        Count::Processed => totals.processed,
        Count::Lost => totals.lost,
        Count::NotDecided => totals.not_decided,
        Count::Unread => totals.unread,
        Count::Duplicates => totals.duplicates,
        Count::LogDuplicates => totals.log_duplicates,
        Count::Reordered => totals.reordered,
        Count::Skipped => totals.skipped,
        Count::AtRisk => totals.at_risk,
    }
}

/// The error a note tells of: what a client was told, what a broker answered or was answered.
fn error_of(note: &Event) -> Option<ErrorCode> {
    let error = match note {
        Event::Client(
            ClientEvent::BatchRetried { error, .. }
            | ClientEvent::BatchFailed { error, .. }
            | ClientEvent::SendRefused { error, .. }
            | ClientEvent::PollFailed { error, .. },
        )
        | Event::Replica(
            ReplicaEvent::ProduceAnswered { error, .. } | ReplicaEvent::IsrRefused { error, .. },
        ) => *error,
        Event::Client(_) | Event::Replica(_) | Event::Controller(_) => return None,
    };
    (error != ErrorCode::None).then_some(error)
}

/// The in-sync replicas of `tp` as the controller committed them, or as a broker holds them: a leader
/// those it counts, another the metadata it has applied.
fn isr(tp: TopicPartition, of: Option<NodeId>, scene: Scene<'_>) -> Option<BrokerSet> {
    let Some(viewer) = of else { return scene.committed.partition(tp).map(|known| known.isr) };
    let broker = scene.look.broker(viewer)?;
    let leads = broker.replica(tp).and_then(|replica| replica.leadership());
    match leads {
        Some(leadership) => Some(leadership.isr),
        None => broker.replicas().image().partition(tp).map(|known| known.isr),
    }
}

/// The leader of `tp` and its epoch: as the controller committed them, as a broker has applied them,
/// as a client was told.
fn leadership(
    tp: TopicPartition,
    of: Option<NodeId>,
    scene: Scene<'_>,
) -> Option<(Option<NodeId>, LeaderEpoch)> {
    let Some(viewer) = of else {
        return scene.committed.partition(tp).map(|known| (known.leader, known.leader_epoch));
    };
    if let Some(broker) = scene.look.broker(viewer) {
        let known = broker.replicas().image().partition(tp)?;
        return Some((known.leader, known.leader_epoch));
    }
    let producer = scene.look.producer(viewer).and_then(|client| client.known_leader(tp));
    producer.or_else(|| scene.look.consumer(viewer)?.known_leader(tp))
}
