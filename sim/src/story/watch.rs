//! Conditions while a cluster runs: who answers a query, and what must have been touched before it
//! is worth asking again.

use super::value::{Truth, Value};
use crate::check::Checks;
use crate::ledger::Ledger;
use crate::look::{Committed, Look};
use crate::scenario::condition::{Condition, Expr, Query};
use crate::world::{Step, StepKind};
use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::epoch::Offset;
use kafkalab_core::event::{Event, ReplicaEvent};
use kafkalab_core::id::{NodeId, NodeKind, TopicPartition};

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

/// Kinds of things that an input can touch, as a bit set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Touched(u8);

impl Touched {
    /// Nothing.
    pub const NOTHING: Self = Self(0);
    /// The end of a log.
    pub const LOG: Self = Self(1);
    /// A high watermark.
    pub const WATERMARK: Self = Self(2);
    /// The controller's record.
    pub const METADATA: Self = Self(4);
    /// What a client did or saw.
    pub const CLIENT: Self = Self(8);
    /// Who is up.
    pub const LIFE: Self = Self(16);
    /// A violation was found.
    pub const VIOLATION: Self = Self(32);
    /// Everything.
    pub const ALL: Self = Self(63);

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether they have something in common.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// What an input touched.
    pub fn by(step: &Step, notes: &[Event]) -> Self {
        let start = match step.what {
            // A broker's only flush is its last: it ends its life.
            StepKind::Boot | StepKind::Terminate | StepKind::Flushed(_) => Self::LIFE,
            StepKind::Alarm
            | StepKind::Connected(_)
            | StepKind::Deliver(_)
            | StepKind::Hangup(_)
            | StepKind::Ask(_) => Self::NOTHING,
        };
        notes.iter().fold(start, |touched, note| touched.and(Self::by_note(note)))
    }

    const fn by_note(note: &Event) -> Self {
        match note {
            Event::Client(_) => Self::CLIENT,
            Event::Controller(_) => Self::METADATA,
            Event::Replica(event) => match event {
                ReplicaEvent::Appended { .. }
                | ReplicaEvent::Truncated { .. }
                | ReplicaEvent::Loaded { .. } => Self::LOG,
                ReplicaEvent::HighWatermark { .. } => Self::WATERMARK,
                ReplicaEvent::BecameLeader { .. } | ReplicaEvent::BecameFollower { .. } => {
                    Self::METADATA.and(Self::WATERMARK)
                }
                ReplicaEvent::Lifecycle { .. } => Self::LIFE,
                ReplicaEvent::Registered { .. }
                | ReplicaEvent::DuplicateRecognised { .. }
                | ReplicaEvent::IsrProposed { .. }
                | ReplicaEvent::IsrAdopted { .. }
                | ReplicaEvent::IsrForgotten { .. }
                | ReplicaEvent::IsrRefused { .. }
                | ReplicaEvent::FollowerCounted { .. }
                | ReplicaEvent::DivergenceFound { .. }
                | ReplicaEvent::ProduceAnswered { .. }
                | ReplicaEvent::MetadataPublished { .. } => Self::NOTHING,
            },
        }
    }

    /// What must be touched for the answer to `query` to change.
    const fn asked_by(query: Query) -> Self {
        match query {
            Query::Leo { .. } => Self::LOG.and(Self::METADATA).and(Self::LIFE),
            Query::Hw { .. } => Self::WATERMARK.and(Self::METADATA).and(Self::LIFE),
            Query::Isr(_)
            | Query::Leader(_)
            | Query::Epoch(_)
            | Query::Offline(_)
            | Query::Fenced(_) => Self::METADATA,
            Query::Sent(_)
            | Query::Acked(_)
            | Query::Failed(_)
            | Query::Processing(_)
            | Query::Processed(_)
            | Query::Delivered
            | Query::Duplicates
            | Query::Unknown
            | Query::AckedTotal
            | Query::SentTotal => Self::CLIENT,
            Query::Lost | Query::LogDuplicates | Query::AtRisk => {
                Self::CLIENT.and(Self::LOG).and(Self::WATERMARK).and(Self::METADATA)
            }
            Query::Up(_) => Self::LIFE,
        }
    }
}

/// A query whose successive answers somebody asks for.
#[derive(Clone, Debug)]
struct Track {
    query: Query,
    wakes: Touched,
    answers: Vec<Value>,
    has_fallen: bool,
}

/// Answers queries and remembers the answers that `history`, `changes` and `monotonic` need.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    tracks: Vec<Track>,
}

impl Watch {
    /// What must be touched for `condition` to change.
    pub fn wakes(condition: &Condition) -> Touched {
        let asked = condition
            .queries()
            .into_iter()
            .fold(Touched::NOTHING, |all, query| all.and(Touched::asked_by(query)));
        if condition.invariants().is_empty() { asked } else { asked.and(Touched::VIOLATION) }
    }

    /// Remembers the answers that `condition` will ask for, from now on.
    pub fn follow(&mut self, condition: &Condition) {
        match condition {
            Condition::And(all) | Condition::Or(all) => {
                for one in all {
                    self.follow(one);
                }
            }
            Condition::Not(inner) => self.follow(inner),
            Condition::Compare { left, right, .. } => {
                for side in [left, right] {
                    if let Expr::History(query) | Expr::Changes(query) = side {
                        self.track(*query);
                    }
                }
            }
            Condition::Monotonic(query) => self.track(*query),
            Condition::Holds(_) | Condition::Keeps(_) | Condition::Violated(_) => {}
        }
    }

    fn track(&mut self, query: Query) {
        if self.tracks.iter().all(|track| track.query != query) {
            let wakes = Touched::asked_by(query);
            self.tracks.push(Track { query, wakes, answers: Vec::new(), has_fallen: false });
        }
    }

    /// Asks the remembered queries again whose answers may have changed.
    pub fn update(&mut self, scene: Scene<'_>, touched: Touched) {
        for track in self.tracks.iter_mut().filter(|track| track.wakes.meets(touched)) {
            let answer = answer(track.query, scene);
            if answer == Value::Undefined || track.answers.last() == Some(&answer) {
                continue;
            }
            if let (Some(Value::Int(before)), Value::Int(now)) = (track.answers.last(), &answer) {
                track.has_fallen |= now < before;
            }
            track.answers.push(answer);
        }
    }

    /// Whether `condition` holds now.
    pub fn test(&self, condition: &Condition, scene: Scene<'_>) -> Truth {
        match condition {
            Condition::And(all) => {
                all.iter().fold(Truth::True, |truth, one| truth & self.test(one, scene))
            }
            Condition::Or(all) => {
                all.iter().fold(Truth::False, |truth, one| truth | self.test(one, scene))
            }
            Condition::Not(inner) => !self.test(inner, scene),
            Condition::Compare { left, op, right } => {
                self.value(left, scene).compare(*op, &self.value(right, scene))
            }
            Condition::Holds(query) => match answer(*query, scene) {
                Value::Truth(holds) => holds.into(),
                _ => Truth::Undefined,
            },
            Condition::Monotonic(query) => (!self.find(*query).has_fallen).into(),
            Condition::Keeps(name) => (!scene.checks.is_violated(name)).into(),
            Condition::Violated(name) => scene.checks.is_violated(name).into(),
        }
    }

    /// The value of an expression now.
    pub fn value(&self, expr: &Expr, scene: Scene<'_>) -> Value {
        match expr {
            Expr::Int(n) => Value::Int(*n),
            Expr::Node(node) => Value::Node(Some(*node)),
            Expr::NoNode => Value::Node(None),
            Expr::List(all) => Value::List(all.iter().map(|one| self.value(one, scene)).collect()),
            Expr::Set(all) => Value::Set(
                all.iter()
                    .filter_map(|one| match one {
                        Expr::Node(node) if node.kind() == NodeKind::Broker => Some(*node),
                        _ => None,
                    })
                    .collect::<BrokerSet>(),
            ),
            Expr::Query(query) => answer(*query, scene),
            Expr::History(query) => Value::List(self.find(*query).answers.clone()),
            Expr::Changes(query) => {
                Value::Int(self.find(*query).answers.len().saturating_sub(1) as i64)
            }
            Expr::Size(query) => match answer(*query, scene) {
                Value::Set(set) => Value::Int(set.len() as i64),
                Value::List(list) => Value::Int(list.len() as i64),
                _ => Value::Undefined,
            },
        }
    }

    fn find(&self, query: Query) -> &Track {
        let track = self.tracks.iter().find(|track| track.query == query);
        track.expect("follow was called with every condition at the start")
    }
}

/// What `query` answers now (semantics 4).
fn answer(query: Query, scene: Scene<'_>) -> Value {
    let Scene { look, committed, ledger, .. } = scene;
    let registration = |tp: TopicPartition| committed.partition(tp);
    let leader_or = |tp: TopicPartition, on: Option<NodeId>| {
        on.or_else(|| registration(tp).and_then(|registration| registration.leader))
    };
    let offset =
        |offset: Option<Offset>| offset.map_or(Value::Undefined, |o| Value::Int(o.0 as i64));
    let count = |n: u64| Value::Int(n as i64);
    let of = |client: NodeId| ledger.totals_of(client).copied().unwrap_or_default();
    let all = ledger.totals();
    match query {
        Query::Leo { tp, on } => offset(leader_or(tp, on).and_then(|b| look.log_end(tp, b))),
        Query::Hw { tp, on } => offset(
            leader_or(tp, on)
                .and_then(|broker| look.replica(tp, broker))
                .map(|replica| replica.log().high_watermark()),
        ),
        Query::Isr(tp) => registration(tp).map_or(Value::Undefined, |r| Value::Set(r.isr)),
        Query::Leader(tp) => registration(tp).map_or(Value::Undefined, |r| Value::Node(r.leader)),
        Query::Epoch(tp) => {
            registration(tp).map_or(Value::Undefined, |r| Value::Int(i64::from(r.leader_epoch.0)))
        }
        Query::Offline(tp) => {
            registration(tp).map_or(Value::Undefined, |r| Value::Truth(r.leader.is_none()))
        }
        Query::Sent(client) => count(of(client).sent),
        Query::Acked(client) => count(of(client).acked),
        Query::Failed(client) => count(of(client).failed + of(client).unknown),
        Query::Processing(client) => {
            ledger.in_hand(client).map_or(Value::Undefined, |id| Value::Int(i64::from(id.n)))
        }
        Query::Processed(client) => count(of(client).processed + of(client).duplicates),
        Query::Delivered => count(all.delivered),
        Query::Lost => count(all.lost),
        Query::Duplicates => count(all.duplicates),
        Query::LogDuplicates => count(all.log_duplicates),
        Query::AtRisk => count(all.at_risk),
        Query::Unknown => count(all.unknown),
        Query::AckedTotal => count(all.acked),
        Query::SentTotal => count(all.sent),
        Query::Up(node) => Value::Truth(look.world().is_up(node)),
        Query::Fenced(node) => committed
            .image()
            .brokers
            .get(&node)
            .map_or(Value::Undefined, |registration| Value::Truth(registration.is_fenced)),
    }
}
