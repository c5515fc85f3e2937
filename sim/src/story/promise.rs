//! Promises while a cluster runs: what each of them has seen so far, and how it is judged.

use super::value::Value;
use super::watch::{Scene, Touched, Watch};
use crate::scenario::condition::{Condition, Expr};
use crate::scenario::names::Names;
use crate::scenario::plan::{Promise, PromiseKind};
use kafkalab_core::time::Instant;

/// What one promise has seen so far.
#[derive(Clone, Debug)]
pub struct PromiseState {
    wakes: Touched,
    /// The first moment at which an `always` failed, a `never` or an `eventually` held.
    decided: Option<(Instant, Seen)>,
}

/// What was looked at.
#[derive(Clone, Debug)]
enum Subject {
    Value(Expr),
    Truth(Condition),
}

/// What was looked at, and its value.
type Seen = (Subject, String);

/// How a promise came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The promise as it was written: `lost == 0`.
    pub text: String,
    /// When it is judged.
    pub kind: PromiseKind,
    /// Whether it was kept.
    pub is_kept: bool,
    /// What was looked at: `lost`.
    pub what: String,
    /// Its value at the deciding moment: `2`.
    pub value: String,
    /// The deciding moment.
    pub at: Instant,
}

impl Judged {
    /// Whether one moment was enough to break it, however the run went on.
    pub const fn is_final_at_once(&self) -> bool {
        matches!(self.kind, PromiseKind::Always | PromiseKind::Never)
    }
}

impl PromiseState {
    /// A promise that has seen nothing.
    pub fn new(promise: &Promise) -> Self {
        Self { wakes: Watch::wakes(&promise.condition), decided: None }
    }

    /// Looks again if something it looks at was touched.
    pub fn observe(
        &mut self,
        promise: &Promise,
        watch: &Watch,
        scene: Scene<'_>,
        touched: Touched,
    ) {
        if self.decided.is_some() || !self.wakes.meets(touched) {
            return;
        }
        let is_decided = match promise.kind {
            PromiseKind::Always => !watch.test(&promise.condition, scene).holds(),
            PromiseKind::Never | PromiseKind::Eventually => {
                watch.test(&promise.condition, scene).holds()
            }
            PromiseKind::Finally => false,
        };
        if is_decided {
            let seen = describe(&promise.condition, watch, scene);
            self.decided = Some((scene.look.world().now(), seen));
        }
    }

    /// The verdict at the end of the run.
    pub fn judge(
        &self,
        promise: &Promise,
        watch: &Watch,
        scene: Scene<'_>,
        names: &Names,
    ) -> Judged {
        let now = scene.look.world().now();
        let at_end = || (now, describe(&promise.condition, watch, scene));
        let (is_kept, (at, (what, value))) = match (promise.kind, &self.decided) {
            (PromiseKind::Always | PromiseKind::Never, Some(decided)) => (false, decided.clone()),
            (PromiseKind::Eventually, Some(decided)) => (true, decided.clone()),
            (PromiseKind::Always | PromiseKind::Never, None) => (true, at_end()),
            (PromiseKind::Eventually, None) => (false, at_end()),
            (PromiseKind::Finally, _) => (watch.test(&promise.condition, scene).holds(), at_end()),
        };
        let what = match what {
            Subject::Value(expr) => expr.show(names).to_string(),
            Subject::Truth(condition) => condition.show(names).to_string(),
        };
        Judged { text: promise.text.clone(), kind: promise.kind, is_kept, what, value, at }
    }
}

/// What a reader wants to see: the first thing compared, and its value.
fn describe(condition: &Condition, watch: &Watch, scene: Scene<'_>) -> Seen {
    match condition {
        Condition::And(all) | Condition::Or(all) => {
            let one = all.iter().find(|one| !watch.test(one, scene).holds()).or(all.first());
            describe(one.expect("at least two were joined"), watch, scene)
        }
        Condition::Not(inner) => describe(inner, watch, scene),
        Condition::Compare { left, right, .. } => {
            let side = if matches!(left, Expr::Int(_) | Expr::Node(_)) { right } else { left };
            (Subject::Value(side.clone()), show(&watch.value(side, scene)))
        }
        Condition::Holds(_) | Condition::Monotonic(_) => {
            let holds = watch.test(condition, scene).holds();
            (Subject::Truth(condition.clone()), holds.to_string())
        }
        Condition::Keeps(name) | Condition::Violated(name) => {
            let word = if scene.checks.is_violated(name) { "violated" } else { "kept" };
            (Subject::Truth(Condition::Keeps(name.clone())), word.to_owned())
        }
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Undefined => "undefined".to_owned(),
        Value::Int(n) => n.to_string(),
        Value::Node(None) => "none".to_owned(),
        Value::Node(Some(node)) => node.to_string(),
        Value::Set(set) => format!("{{{}}}", set.to_string().replace(' ', ", ")),
        Value::List(all) => {
            let shown: Vec<String> = all.iter().map(show).collect();
            format!("[{}]", shown.join(", "))
        }
        Value::Truth(truth) => truth.to_string(),
    }
}
