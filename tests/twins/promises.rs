//! Promises and triggers over a whole run: a condition that is asked after every turn from t = 0.
//!
//! A turn is an input of a process or one thing that the story does. What has come to hold is due,
//! although what happens before it at the same boundary may end it.

use crate::conditions::{Answers, Asked, Members, Present, Truth, follow, truth};
use kafkalab_core::id::InputNo;
use kafkalab_core::time::Instant;
use kafkalab_sim::scenario::condition::Condition;
use kafkalab_sim::scenario::plan::{Plan, PromiseKind, Trigger};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A condition and when it was found to hold, or not to.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    condition: Condition,
    answers: Answers,
    /// The first moment at which it held, and after which input.
    pub(crate) first_held: Option<(Instant, InputNo)>,
    /// The first moment at which it did not hold.
    pub(crate) first_failed: Option<(Instant, InputNo)>,
    /// The first moment at which it held for at least one member of a set.
    pub(crate) first_held_for_one: Option<(Instant, InputNo)>,
    /// Whether it holds now.
    pub(crate) now: Truth,
}

impl Watched {
    fn new(condition: &Condition) -> Self {
        Self {
            condition: condition.clone(),
            answers: Answers::default(),
            first_held: None,
            first_failed: None,
            first_held_for_one: None,
            now: Truth { holds: false, fails: false },
        }
    }

    /// Writes down what the questions about the past answer now.
    fn follow(&mut self, present: Present<'_>) {
        follow(&self.condition, present, &mut self.answers);
    }

    /// Asks whether it holds at `moment`.
    fn ask(&mut self, present: Present<'_>, broken: &BTreeSet<String>, moment: (Instant, InputNo)) {
        let answers = &self.answers;
        let truth = |of| truth(&self.condition, Asked { present, broken, answers, of });
        let (now, of_one) = (truth(Members::Each), truth(Members::AnyOne));
        self.now = now;
        if now.holds {
            self.first_held.get_or_insert(moment);
        } else {
            self.first_failed.get_or_insert(moment);
        }
        if of_one.holds {
            self.first_held_for_one.get_or_insert(moment);
        }
    }
}

/// All conditions of a plan.
#[derive(Clone, Debug)]
pub(crate) struct Promises {
    plan: Arc<Plan>,
    /// In the order of the plan's promises.
    pub(crate) watched: Vec<Watched>,
    /// In the order of the plan's injected actions; `None` for one that a clock fires.
    pub(crate) injects: Vec<Option<Watched>>,
    /// In the order of the plan's steps; `None` for one that a clock fires.
    pub(crate) steps: Vec<Option<Watched>>,
}

impl Promises {
    pub(crate) fn new(plan: &Arc<Plan>) -> Self {
        let trigger = |trigger: &Trigger| match trigger {
            Trigger::When(condition) => Some(Watched::new(condition)),
            Trigger::At(_) | Trigger::After { .. } => None,
        };
        Self {
            plan: Arc::clone(plan),
            watched: plan.promises.iter().map(|one| Watched::new(&one.condition)).collect(),
            injects: plan.injects.iter().map(|one| trigger(&one.trigger)).collect(),
            steps: plan.steps.iter().map(|one| trigger(&one.trigger)).collect(),
        }
    }

    /// Asks everything at `moment`, which is after an input or after something the story did. "Promises
    /// are judged, conditions tested, histories counted from t = 0": nothing of this is asked before.
    /// So many steps have `fired`: a step's condition is tested from its turn on.
    pub(crate) fn ask(
        &mut self,
        present: Present<'_>,
        broken: &BTreeSet<String>,
        moment: (Instant, InputNo),
        fired: usize,
    ) {
        let injects = self.injects.iter_mut().flatten();
        for watched in self.watched.iter_mut().chain(injects) {
            watched.follow(present);
            watched.ask(present, broken, moment);
        }
        for (n, step) in self.steps.iter_mut().enumerate() {
            let Some(step) = step else { continue };
            step.follow(present);
            if n == fired {
                step.ask(present, broken, moment);
            }
        }
    }

    /// Whether promise `n` is kept, if the run ended now.
    pub(crate) fn is_kept(&self, n: usize) -> bool {
        let watched = &self.watched[n];
        match self.plan.promises[n].kind {
            // "It holds after every input."
            PromiseKind::Always => watched.first_failed.is_none(),
            // "It holds after no input."
            PromiseKind::Never => watched.first_held_for_one.is_none(),
            // "It holds after at least one input."
            PromiseKind::Eventually => watched.first_held.is_some(),
            // "It holds at the end."
            PromiseKind::Finally => watched.now.holds,
        }
    }
}
