//! Promises while a cluster runs: what each of them has seen so far, and how it is judged.

use super::touched::Touched;
use super::watch::{Scene, Watch};
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
        Self { wakes: Touched::wakes(&promise.condition), decided: None }
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
            PromiseKind::Always => !watch.holds(&promise.condition, scene),
            PromiseKind::Never => watch.holds_for_some(&promise.condition, scene),
            PromiseKind::Eventually => watch.holds(&promise.condition, scene),
            PromiseKind::Finally => false,
        };
        if is_decided {
            let seen = describe(promise, watch, scene);
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
        let at_end = || (now, describe(promise, watch, scene));
        let (is_kept, (at, (what, value))) = match (promise.kind, &self.decided) {
            (PromiseKind::Always | PromiseKind::Never, Some(decided)) => (false, decided.clone()),
            (PromiseKind::Eventually, Some(decided)) => (true, decided.clone()),
            (PromiseKind::Always | PromiseKind::Never, None) => (true, at_end()),
            (PromiseKind::Eventually, None) => (false, at_end()),
            (PromiseKind::Finally, _) => (watch.holds(&promise.condition, scene), at_end()),
        };
        let what = match what {
            Subject::Value(expr) => expr.show(names).to_string(),
            Subject::Truth(condition) => condition.show(names).to_string(),
        };
        Judged { text: promise.text.clone(), kind: promise.kind, is_kept, what, value, at }
    }
}

/// What a reader wants to see: the first thing compared that decides, and its value.
fn describe(promise: &Promise, watch: &Watch, scene: Scene<'_>) -> Seen {
    let wanted = !matches!(promise.kind, PromiseKind::Never);
    describe_part(&promise.condition, wanted, watch, scene)
}

/// The part of `condition` that does not come out as it was `wanted`, or else its first.
fn describe_part(condition: &Condition, wanted: bool, watch: &Watch, scene: Scene<'_>) -> Seen {
    // The first member for which it does not come out as wanted.
    let odd = |members: usize| {
        let mut all = 0..members;
        all.find(|n| watch.member(condition, *n, scene) != Some(wanted)).unwrap_or(0)
    };
    match condition {
        Condition::And(all) | Condition::Or(all) => {
            let one = all.iter().find(|one| !watch.test(one, scene, (wanted, true)));
            let one = one.or(all.first()).expect("at least two were joined");
            describe_part(one, wanted, watch, scene)
        }
        Condition::Not(inner) => describe_part(inner, !wanted, watch, scene),
        Condition::Compare { left, right, .. } => {
            let side = if left.asked().is_some() { left } else { right };
            let side = side.member(odd(left.members().max(right.members())));
            let value = watch.shown(&side, scene);
            (Subject::Value(side), value)
        }
        Condition::Holds(asked) => {
            let n = odd(asked.queries().len());
            let value = watch.member(condition, n, scene);
            let one = Condition::Holds(asked.at(n).into());
            let word = value.map_or("undefined".to_owned(), |holds| holds.to_string());
            (Subject::Truth(one), word)
        }
        Condition::Monotonic(asked) => {
            let n = odd(asked.queries().len());
            let value = watch.member(condition, n, scene) == Some(true);
            (Subject::Truth(Condition::Monotonic(asked.at(n).into())), value.to_string())
        }
        Condition::Keeps(name) | Condition::Violated(name) => {
            let word = if scene.checks.is_violated(name) { "violated" } else { "kept" };
            (Subject::Truth(Condition::Keeps(name.clone())), word.to_owned())
        }
    }
}
