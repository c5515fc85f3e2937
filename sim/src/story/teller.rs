//! The story as it is told: which step is next, which injected action is due, what was done when.

use super::act::{Wake, act};
use super::promise::{Judged, PromiseState};
use super::watch::{Scene, Touched, Watch};
use crate::cluster::internal;
use crate::look::Committed;
use crate::scenario::plan::{InjectPlan, Plan, StepPlan, Trigger};
use crate::world::World;
use kafkalab_core::node::Node;
use kafkalab_core::time::{Duration, Instant};
use std::sync::Arc;

/// One thing the story did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// A step fired, by its place in the plan.
    Step(usize),
    /// An injected action happened, by its place in the plan.
    Inject(usize),
    /// A pause ended by itself.
    Wake,
}

/// An injected action: it happens once.
#[derive(Clone, Debug)]
struct Injected {
    wakes: Touched,
    is_due: bool,
    is_done: bool,
}

/// Where a story stands.
#[derive(Clone, Debug)]
pub struct Story {
    plan: Arc<Plan>,
    watch: Watch,
    promises: Vec<PromiseState>,
    /// When each step fired.
    fired: Vec<Instant>,
    /// The next step's condition holds.
    is_step_due: bool,
    step_wakes: Vec<Touched>,
    injected: Vec<Injected>,
    pauses: Vec<Wake>,
    /// What was told, in order.
    told: Vec<(Instant, Told)>,
}

impl Story {
    /// The story of `plan`, not begun.
    pub fn new(plan: Arc<Plan>) -> Self {
        let mut watch = Watch::default();
        let wakes = |trigger: &Trigger, watch: &mut Watch| match trigger {
            Trigger::When(condition) => {
                watch.follow(condition);
                Watch::wakes(condition)
            }
            Trigger::At(_) | Trigger::After { .. } => Touched::NOTHING,
        };
        let step_wakes = plan.steps.iter().map(|step| wakes(&step.trigger, &mut watch)).collect();
        let injected = plan
            .injects
            .iter()
            .map(|inject| Injected {
                wakes: wakes(&inject.trigger, &mut watch),
                is_due: false,
                is_done: false,
            })
            .collect();
        for promise in &plan.promises {
            watch.follow(&promise.condition);
        }
        Self {
            promises: plan.promises.iter().map(PromiseState::new).collect(),
            watch,
            fired: Vec::new(),
            is_step_due: false,
            step_wakes,
            injected,
            pauses: Vec::new(),
            told: Vec::new(),
            plan,
        }
    }

    /// The steps that fired, with their moments.
    pub fn fired(&self) -> &[Instant] {
        &self.fired
    }

    /// Everything told so far.
    pub fn told(&self) -> &[(Instant, Told)] {
        &self.told
    }

    /// The step that is waited for.
    pub fn next_step(&self) -> Option<&StepPlan> {
        self.plan.steps.get(self.fired.len())
    }

    /// Every step has fired, every timed injection happened, every timed pause has ended.
    pub fn is_over(&self) -> bool {
        self.next_step().is_none() && self.pauses.is_empty() && self.next_injection().is_none()
    }

    /// Something is due at this very boundary.
    pub fn is_due(&self) -> bool {
        self.is_step_due || self.injected.iter().any(|inject| inject.is_due && !inject.is_done)
    }

    /// The moment of the next thing that is due by time alone.
    pub fn next_time(&self) -> Instant {
        let step = self.next_step().and_then(|step| self.time_of(step));
        let pause = self.pauses.iter().map(|wake| wake.at).min();
        [step, pause, self.next_injection()].into_iter().flatten().min().unwrap_or(Instant::NEVER)
    }

    /// When the step that is waited for will have waited too long.
    pub fn gives_up_at(&self) -> Instant {
        let since = self.fired.last().copied().unwrap_or(internal(Duration::ZERO));
        let within = self.next_step().and_then(|step| step.within);
        within.map_or(Instant::NEVER, |within| since + within)
    }

    fn time_of(&self, step: &StepPlan) -> Option<Instant> {
        match &step.trigger {
            Trigger::At(after) => Some(internal(*after)),
            Trigger::After { step, delay } => {
                let before = step.or(self.fired.len().checked_sub(1));
                let since = before.map_or(internal(Duration::ZERO), |step| self.fired[step]);
                Some(since + *delay)
            }
            Trigger::When(_) => None,
        }
    }

    fn next_injection(&self) -> Option<Instant> {
        let open = self.plan.injects.iter().zip(&self.injected).filter(|(_, state)| !state.is_done);
        open.filter_map(|(inject, _)| time_of_injection(inject)).min()
    }

    /// Looks again at everything that an input touched.
    pub fn observe(&mut self, scene: Scene<'_>, touched: Touched) {
        if touched == Touched::NOTHING {
            return;
        }
        self.watch.update(scene, touched);
        for (promise, state) in self.plan.promises.iter().zip(&mut self.promises) {
            state.observe(promise, &self.watch, scene, touched);
        }
        if let Some(StepPlan { trigger: Trigger::When(condition), .. }) = self.next_step()
            && self.step_wakes[self.fired.len()].meets(touched)
        {
            self.is_step_due = self.watch.test(condition, scene).holds();
        }
        for (inject, state) in self.plan.injects.iter().zip(&mut self.injected) {
            if let Trigger::When(condition) = &inject.trigger
                && !state.is_done
                && state.wakes.meets(touched)
            {
                state.is_due = self.watch.test(condition, scene).holds();
            }
        }
    }

    /// Does one thing that is due at `world.now()`; what it was. The caller looks around and asks
    /// again, because one step may make the next one due at the same boundary.
    pub fn tell(&mut self, world: &mut World<Node>, committed: &Committed) -> Option<Told> {
        let now = world.now();
        let told = self.tell_next(now, world, committed)?;
        self.told.push((now, told));
        Some(told)
    }

    fn tell_next(
        &mut self,
        now: Instant,
        world: &mut World<Node>,
        committed: &Committed,
    ) -> Option<Told> {
        if let Some(over) = self.pauses.iter().position(|wake| wake.at <= now) {
            world.resume(self.pauses.remove(over).node);
            return Some(Told::Wake);
        }
        let plan = Arc::clone(&self.plan);
        let due = plan.injects.iter().zip(&self.injected).position(|(inject, state)| {
            !state.is_done && (state.is_due || time_of_injection(inject).is_some_and(|t| t <= now))
        });
        if let Some(place) = due {
            self.injected[place].is_done = true;
            for action in &plan.injects[place].actions {
                act(action, world, committed, &mut self.pauses);
            }
            return Some(Told::Inject(place));
        }
        let step = plan.steps.get(self.fired.len())?;
        if !self.is_step_due && self.time_of(step).is_none_or(|at| at > now) {
            return None;
        }
        self.is_step_due = false;
        self.fired.push(now);
        for action in &step.actions {
            act(action, world, committed, &mut self.pauses);
        }
        Some(Told::Step(self.fired.len() - 1))
    }

    /// Judges every promise, at the end of the run.
    pub fn judge(&self, scene: Scene<'_>) -> Vec<Judged> {
        let (promises, names) = (self.plan.promises.iter().zip(&self.promises), &self.plan.names);
        promises.map(|(promise, state)| state.judge(promise, &self.watch, scene, names)).collect()
    }
}

fn time_of_injection(inject: &InjectPlan) -> Option<Instant> {
    match inject.trigger {
        Trigger::At(after) => Some(internal(after)),
        Trigger::After { delay, .. } => Some(internal(delay)),
        Trigger::When(_) => None,
    }
}
