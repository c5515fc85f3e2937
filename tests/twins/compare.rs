//! The product beside its twins, turn by turn.

use crate::conditions::Present;
use crate::counts::{Counts, LazyTally, Tally, tally};
use crate::fates::{Fate, Scene, fates};
use crate::history::History;
use crate::invariants::{Breach, Broken, Invariants};
use crate::label::label;
use crate::promises::{Promises, Watched};
use kafkalab_core::id::{NodeId, TopicPartition};
use kafkalab_core::time::Duration;
use kafkalab_sim::check::Class;
use kafkalab_sim::cluster::internal;
use kafkalab_sim::host::{Stage, Turn};
use kafkalab_sim::lab::Lab;
use kafkalab_sim::ledger::{Label, Leg, Observed as KnownLabel, Totals};
use kafkalab_sim::look::Look;
use kafkalab_sim::scenario::plan::{Plan, PromiseKind};
use kafkalab_sim::story::Told;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Debug};
use std::sync::Arc;

/// When the two are compared, apart from the end.
#[derive(Clone, Debug)]
pub(crate) enum Moments {
    /// After these inputs.
    After(BTreeSet<u64>),
    /// After every input.
    Always,
}

/// Something that the two say differently.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    /// What it is about, the same for all seeds: `totals`, `always`.
    pub(crate) kind: String,
    text: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.text)
    }
}

/// A run of the product and of its twins.
pub(crate) struct Both {
    lab: Lab,
    plan: Arc<Plan>,
    history: History,
    promises: Promises,
    invariants: Invariants,
    differences: Vec<Difference>,
    is_judging: bool,
    /// The version of the history that was looked at last.
    looked_at: u64,
    /// What was counted since, if anything was.
    tally: Option<Tally>,
}

impl Both {
    pub(crate) fn new(plan: &Arc<Plan>) -> Self {
        Self {
            lab: Lab::new(Arc::clone(plan)).recorded(),
            plan: Arc::clone(plan),
            history: History::default(),
            promises: Promises::new(plan),
            invariants: Invariants::new(plan),
            differences: Vec::new(),
            is_judging: false,
            looked_at: u64::MAX,
            tally: None,
        }
    }

    /// Runs to the end, comparing at `moments`.
    pub(crate) fn run(mut self, moments: &Moments) -> Vec<Difference> {
        let zero = internal(Duration::ZERO);
        loop {
            let turn = self.lab.peek();
            let at = match turn {
                Turn::Done => break,
                Turn::Story { at } | Turn::Process { at, .. } => at,
            };
            if at >= zero && !self.is_judging {
                // What stands at t = 0 is judged before anything happens there.
                self.is_judging = true;
                self.look();
                self.ask();
            }
            let before = self.lab.world().inputs();
            self.lab.take();
            self.history.read_on(&self.lab);
            // What nobody noted changes no count and no log; after every input that is not believed.
            let is_news = self.history.version() != self.looked_at;
            if is_news || matches!(turn, Turn::Story { .. }) || matches!(moments, Moments::Always) {
                self.look();
            }
            self.ask();
            let now = self.lab.world().inputs();
            let is_moment = match moments {
                Moments::After(inputs) => now > before && inputs.contains(&now.0),
                Moments::Always => true,
            };
            if is_moment && self.lab.end().is_none() {
                self.compare();
            }
            if !self.differences.is_empty() {
                return self.differences;
            }
        }
        self.compare();
        self.compare_triggers();
        self.differences
    }

    fn scene(&self) -> Scene<'_> {
        Scene { history: &self.history, look: Look::at(self.lab.world()) }
    }

    /// Counts everything and asks every invariant.
    fn look(&mut self) {
        let scene = Scene { history: &self.history, look: Look::at(self.lab.world()) };
        self.looked_at = self.history.version();
        self.tally = None;
        self.invariants.follow(scene, self.lab.world().now(), self.lab.world().inputs());
    }

    /// Asks every condition, once t = 0 has come.
    fn ask(&mut self) {
        if !self.is_judging {
            return;
        }
        let scene = Scene { history: &self.history, look: Look::at(self.lab.world()) };
        let tally = LazyTally::new(scene, &self.plan, self.tally.take());
        let input = self.lab.world().inputs();
        let at = self.lab.world().now().max(internal(Duration::ZERO));
        let present = Present { scene, tally: &tally };
        let fired = self.history.told.iter().filter(|told| matches!(told.2, Told::Step(_))).count();
        self.promises.ask(present, &self.invariants.names(), (at, input), fired);
        self.tally = tally.into_counted();
    }

    fn differ(&mut self, kind: &str, what: &str, product: impl Debug, twin: impl Debug) {
        let (input, at) = (self.lab.world().inputs(), self.lab.world().now());
        let text = format!(
            "after input {} at {:.6} s: {what}\n  product {product:?}\n  twin    {twin:?}",
            input.0,
            kafkalab_sim::cluster::shown(at) as f64 / 1e6
        );
        self.differences.push(Difference { kind: kind.to_owned(), text });
    }

    fn compare(&mut self) {
        let plan = Arc::clone(&self.plan);
        let twin = tally(self.scene(), &plan);
        let product = of_product(self.lab.ledger().totals());
        if product != twin.all {
            let rows = self.explain_rows();
            self.differ("totals", &rows, product, twin.all);
        }
        for client in plan.clients.iter().map(|client| client.node) {
            let twin = twin.of[&client];
            let product = self.lab.ledger().totals_of(client).map(of_product).unwrap_or_default();
            if product != twin {
                self.differ("totals of a client", &plan.node_name(client), product, twin);
            }
        }
        self.compare_label();
        self.compare_invariants();
        if self.is_judging {
            self.compare_promises();
        }
    }

    fn compare_label(&mut self) {
        let look = Look::at(self.lab.world());
        let clients = self.plan.clients.iter().map(|client| client.node);
        let dead: Vec<NodeId> = clients.filter(|node| look.is_dead(*node)).collect();
        let product = KnownLabel::of(self.lab.ledger(), &dead);
        let product = (product.label.map(Label::word), product.decided_by.map(Leg::word));
        let twin = label(self.scene(), &self.plan);
        if product != twin {
            self.differ("label", "the observed label", product, twin);
        }
    }

    /// What is a violation is one for both, first seen after the same input. A loss that something
    /// allows may be told of by several invariants: both see the first of it at the same time, and
    /// what the product tells of is there.
    fn compare_invariants(&mut self) {
        let violations = self.lab.checks().violations().iter();
        let product: BTreeMap<Breach, Broken> = violations
            .map(|one| {
                let breach = (one.property.to_owned(), one.class, one.tp);
                (breach, Broken { at: one.at, input: one.input })
            })
            .collect();
        let twin = self.invariants.broken.clone();
        for breach in product.keys().filter(|breach| !twin.contains_key(breach)) {
            self.differ(&format!("{} of the product", breach.0), "broken", breach, &twin);
        }
        let partitions: BTreeSet<Option<TopicPartition>> =
            product.keys().chain(twin.keys()).map(|it| it.2).collect();
        for tp in partitions {
            for is_violation in [true, false] {
                let first = |all: &BTreeMap<Breach, Broken>| {
                    let of_it = all.iter().filter(|(breach, _)| {
                        breach.2 == tp && (breach.1 == Class::Violation) == is_violation
                    });
                    of_it.map(|(_, broken)| broken.input).min()
                };
                if first(&product) != first(&twin) {
                    let kind = if is_violation { "violations" } else { "allowed losses" };
                    let of = |all: &BTreeMap<Breach, Broken>| -> Vec<(Breach, Broken)> {
                        let of_it = all.iter().filter(|(breach, _)| breach.2 == tp);
                        of_it.map(|(breach, broken)| (breach.clone(), *broken)).collect()
                    };
                    self.differ(kind, "first", of(&product), of(&twin));
                }
            }
        }
    }

    /// Some records that the twin counts as lost, not decided or at risk.
    fn explain_rows(&self) -> String {
        let fates = fates(self.scene(), &self.scene().logs()).into_iter();
        let is_told = |fate: &Fate| fate.lost || fate.not_decided || fate.at_risk;
        let told = fates.filter(|(_, fate)| is_told(fate)).take(12).map(|(id, fate)| {
            let record = &self.history.records[&id];
            format!("\n    {id:?} {fate:?} {:?} {:?}", record.places, record.told)
        });
        told.collect()
    }

    fn compare_promises(&mut self) {
        let judged = self.lab.story().judge(self.lab.scene());
        assert_eq!(judged.len(), self.plan.promises.len(), "one judgement for each promise");
        for (n, judged) in judged.iter().enumerate() {
            let kept = self.promises.is_kept(n);
            let what = format!("{} {}", self.plan.promises[n].kind.word(), judged.text);
            if judged.is_kept != kept {
                self.differ(
                    judged.kind.word(),
                    &what,
                    judged,
                    (kept, self.promises.watched[n].clone()),
                );
                continue;
            }
            let watched = &self.promises.watched[n];
            let decided = match judged.kind {
                PromiseKind::Always if !kept => watched.first_failed,
                PromiseKind::Never if !kept => watched.first_held_for_one,
                PromiseKind::Eventually if kept => watched.first_held,
                _ => None,
            };
            if let Some((at, _)) = decided
                && at != judged.at
            {
                let decided = format!("{:?}", watched.clone());
                self.differ("moment", &what, judged.clone(), (at, decided));
            }
        }
    }

    /// Each injected action that waits for a condition happened exactly when that first held, and each
    /// step when its condition first held in its turn.
    fn compare_triggers(&mut self) {
        let plan = Arc::clone(&self.plan);
        for (n, watched) in self.promises.injects.clone().into_iter().enumerate() {
            self.compare_trigger(Told::Inject(n), &plan.injects[n].text, watched);
        }
        for (n, watched) in self.promises.steps.clone().into_iter().enumerate() {
            let name = plan.steps[n].id.clone().unwrap_or_else(|| format!("step {n}"));
            self.compare_trigger(Told::Step(n), &name, watched);
        }
    }

    fn compare_trigger(&mut self, what: Told, name: &str, watched: Option<Watched>) {
        let Some(watched) = watched else { return };
        let told = self.history.told.iter().find(|(_, _, told)| *told == what);
        let product = told.map(|(input, at, _)| (*at, *input));
        // What comes true by the very last turn has no turn left to happen in.
        let is_last = watched.first_held.is_some_and(|(at, _)| at == self.lab.world().now());
        if product != watched.first_held && !(product.is_none() && is_last) {
            self.differ("trigger", name, product, watched);
        }
    }
}

fn of_product(totals: &Totals) -> Counts {
    let Totals {
        sent,
        acked,
        failed,
        unknown,
        pending,
        gave_up,
        appended,
        delivered,
        processed,
        lost,
        not_decided,
        unread,
        duplicates,
        log_duplicates,
        reordered,
        skipped,
        at_risk,
    } = *totals;
    Counts {
        sent,
        acked,
        failed,
        unknown,
        pending,
        gave_up,
        appended,
        delivered,
        processed,
        lost,
        not_decided,
        unread,
        duplicates,
        log_duplicates,
        reordered,
        skipped,
        at_risk,
    }
}
