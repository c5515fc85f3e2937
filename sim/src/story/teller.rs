//! The story as it is told: which step is next, which injected action is due, what was done when.

use super::act::{Later, act};
use super::promise::{Judged, PromiseState};
use super::roll::Move;
use super::touched::Touched;
use super::watch::{Scene, Watch};
use crate::cluster::internal;
use crate::look::Committed;
use crate::scenario::condition::{Condition, Expr, Query};
use crate::scenario::plan::{InjectPlan, Plan, StepPlan, Trigger};
use crate::world::World;
use kafkalab_core::event::Event;
use kafkalab_core::id::NodeId;
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
    /// A roll told a broker to stop.
    RollStops(NodeId),
    /// A roll started a broker that had exited.
    RollStarts(NodeId),
}

/// An injected action: it happens once.
#[derive(Clone, Debug)]
struct Injected {
    wakes: Touched,
    is_due: bool,
    is_done: bool,
}

/// How the next step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NextStep {
    /// Its turn has just come, and its condition was not tested: it may hold already.
    New,
    /// Its condition does not hold.
    Waits,
    /// Its condition holds.
    Due,
}

/// A comparison with the time since a step: `since(crash) > 7s`.
#[derive(Clone, Copy, Debug)]
struct Delay {
    step: usize,
    after: Duration,
    /// The injected action whose trigger it is; `None` for steps and promises.
    inject: Option<usize>,
}

/// A moment at which a condition on time may change.
#[derive(Clone, Copy, Debug)]
struct Moment {
    at: Instant,
    inject: Option<usize>,
}

/// Where a story stands.
#[derive(Clone, Debug)]
pub struct Story {
    plan: Arc<Plan>,
    watch: Watch,
    promises: Vec<PromiseState>,
    /// t = 0 has come: nothing is looked at or done before.
    has_begun: bool,
    next: NextStep,
    /// A roll can go on.
    is_roll_due: bool,
    /// When a condition on time may change, once the step it counts from has fired.
    delays: Vec<Delay>,
    /// The moments of those that have.
    moments: Vec<Moment>,
    step_wakes: Vec<Touched>,
    injected: Vec<Injected>,
    later: Later,
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
                Touched::wakes(condition)
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
        let mut delays = Vec::new();
        for promise in &plan.promises {
            watch.follow(&promise.condition);
            add_delays(&promise.condition, None, &mut delays);
        }
        for step in &plan.steps {
            if let Trigger::When(condition) = &step.trigger {
                add_delays(condition, None, &mut delays);
            }
        }
        for (n, inject) in plan.injects.iter().enumerate() {
            if let Trigger::When(condition) = &inject.trigger {
                add_delays(condition, Some(n), &mut delays);
            }
        }
        Self {
            promises: plan.promises.iter().map(PromiseState::new).collect(),
            watch,
            has_begun: false,
            next: NextStep::New,
            is_roll_due: false,
            delays,
            moments: Vec::new(),
            step_wakes,
            injected,
            later: Later::default(),
            told: Vec::new(),
            plan,
        }
    }

    /// The steps that fired, with their moments.
    pub fn fired(&self) -> &[Instant] {
        self.watch.fired()
    }

    /// Everything told so far.
    pub fn told(&self) -> &[(Instant, Told)] {
        &self.told
    }

    /// The step that is waited for.
    pub fn next_step(&self) -> Option<&StepPlan> {
        self.plan.steps.get(self.fired().len())
    }

    /// Every step has fired, every timed injection happened, every timed pause and every roll has
    /// ended.
    pub fn is_over(&self) -> bool {
        let waits = |moment: &Moment| moment.inject.is_some_and(|n| !self.injected[n].is_done);
        self.next_step().is_none()
            && self.later.pauses.is_empty()
            && self.later.rolls.is_empty()
            && self.next_injection().is_none()
            && !self.moments.iter().any(waits)
    }

    /// What keeps the story from being over, steps and timed injections apart.
    pub fn pending(&self) -> Option<String> {
        self.later.rolls.first().map(super::roll::Roll::pending)
    }

    /// Whether t = 0 has come.
    pub const fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// t = 0 has come: from here on conditions are tested, promises judged, steps fired.
    pub fn begin(&mut self, scene: Scene<'_>) {
        self.has_begun = true;
        self.observe(scene, Touched::ALL);
    }

    /// Something is due at this very boundary.
    pub fn is_due(&self) -> bool {
        self.next == NextStep::Due
            || self.is_roll_due
            || self.injected.iter().any(|inject| inject.is_due && !inject.is_done)
    }

    /// The moment of the next thing that is due by time alone.
    pub fn next_time(&self) -> Instant {
        let step = self.next_step().and_then(|step| self.time_of(step));
        let pause = self.later.pauses.iter().map(|wake| wake.at).min();
        let roll = self.later.rolls.iter().filter_map(super::roll::Roll::next_time).min();
        let moment = self.moments.iter().map(|moment| moment.at).min();
        [step, pause, roll, moment, self.next_injection()]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(Instant::NEVER)
    }

    /// When the step that is waited for will have waited too long.
    pub fn gives_up_at(&self) -> Instant {
        let since = self.fired().last().copied().unwrap_or(internal(Duration::ZERO));
        let within = self.next_step().and_then(|step| step.within);
        within.map_or(Instant::NEVER, |within| since + within)
    }

    fn time_of(&self, step: &StepPlan) -> Option<Instant> {
        match &step.trigger {
            Trigger::At(after) => Some(internal(*after)),
            Trigger::After { step, delay } => {
                let before = step.or(self.fired().len().checked_sub(1));
                let since = before.map_or(internal(Duration::ZERO), |step| self.fired()[step]);
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
        if !self.has_begun || (touched == Touched::NOTHING && self.next != NextStep::New) {
            return;
        }
        self.watch.update(scene, touched);
        for (promise, state) in self.plan.promises.iter().zip(&mut self.promises) {
            state.observe(promise, &self.watch, scene, touched);
        }
        // What has come to hold stays due until it happens, although what happens before it at the same
        // boundary may end it.
        if let Some(StepPlan { trigger: Trigger::When(condition), .. }) = self.next_step()
            && match self.next {
                NextStep::New => true,
                NextStep::Waits => self.step_wakes[self.fired().len()].meets(touched),
                NextStep::Due => false,
            }
        {
            let holds = self.watch.holds(condition, scene);
            self.next = if holds { NextStep::Due } else { NextStep::Waits };
        }
        if !self.later.rolls.is_empty() {
            let (world, now) = (scene.look.world(), scene.look.world().now());
            self.later.rolls.retain(|roll| !roll.is_over(world, scene.committed));
            let mut rolls = self.later.rolls.iter();
            self.is_roll_due =
                rolls.any(|roll| roll.next_move(world, scene.committed, now).is_some());
        }
        for (inject, state) in self.plan.injects.iter().zip(&mut self.injected) {
            if let Trigger::When(condition) = &inject.trigger
                && !state.is_due
                && !state.is_done
                && state.wakes.meets(touched)
            {
                state.is_due = self.watch.holds(condition, scene);
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
        if let Some(over) = self.later.pauses.iter().position(|wake| wake.at <= now) {
            world.resume(self.later.pauses.remove(over).node);
            return Some(Told::Wake);
        }
        if let Some(told) = self.roll_on(now, world, committed) {
            return Some(told);
        }
        let plan = Arc::clone(&self.plan);
        let due = plan.injects.iter().zip(&self.injected).position(|(inject, state)| {
            !state.is_done && (state.is_due || time_of_injection(inject).is_some_and(|t| t <= now))
        });
        if let Some(place) = due {
            self.injected[place].is_done = true;
            for action in &plan.injects[place].actions {
                act(action, world, committed, &mut self.later);
            }
            return Some(Told::Inject(place));
        }
        let step = plan.steps.get(self.fired().len())?;
        if self.next != NextStep::Due && self.time_of(step).is_none_or(|at| at > now) {
            return None;
        }
        self.next = NextStep::New;
        let fired = self.fired().len();
        self.watch.step_fired(now);
        for delay in self.delays.iter().filter(|delay| delay.step == fired) {
            let at = now + delay.after;
            self.moments.push(Moment { at, inject: delay.inject });
            // `>` and `<=` change just after it.
            let at = at + Duration::from_micros(1);
            self.moments.push(Moment { at, inject: delay.inject });
        }
        for action in &step.actions {
            act(action, world, committed, &mut self.later);
        }
        Some(Told::Step(fired))
    }

    /// Lets a roll do what it can.
    fn roll_on(
        &mut self,
        now: Instant,
        world: &mut World<Node>,
        committed: &Committed,
    ) -> Option<Told> {
        self.is_roll_due = false;
        let mut rolls = self.later.rolls.iter_mut();
        let (roll, next) = rolls
            .find_map(|roll| Some((roll.next_move(world, committed, now)?, roll)))
            .map(|(next, roll)| (roll, next))?;
        roll.enter(next, now);
        Some(match next {
            Move::Stop(node) => {
                world.terminate(node);
                Told::RollStops(node)
            }
            Move::Start(node) => {
                world.start(node, now);
                Told::RollStarts(node)
            }
        })
    }

    /// Forgets the moments up to `now`; says whether there were any, so that conditions on time are
    /// tested.
    pub fn take_moments(&mut self, now: Instant) -> bool {
        let before = self.moments.len();
        self.moments.retain(|moment| moment.at > now);
        self.moments.len() < before
    }

    /// Counts the error codes among what `node` noted, from t = 0 on.
    pub fn count_errors(&mut self, node: NodeId, notes: &[Event]) {
        if self.has_begun {
            self.watch.count_errors(node, notes);
        }
    }

    /// Judges every promise, at the end of the run.
    pub fn judge(&self, scene: Scene<'_>) -> Vec<Judged> {
        let (promises, names) = (self.plan.promises.iter().zip(&self.promises), &self.plan.names);
        promises.map(|(promise, state)| state.judge(promise, &self.watch, scene, names)).collect()
    }
}

/// The comparisons of `condition` with the time since a step.
fn add_delays(condition: &Condition, inject: Option<usize>, found: &mut Vec<Delay>) {
    match condition {
        Condition::And(all) | Condition::Or(all) => {
            for one in all {
                add_delays(one, inject, found);
            }
        }
        Condition::Not(inner) => add_delays(inner, inject, found),
        Condition::Compare { left: Expr::Query(asked), right: Expr::Time(after), .. }
        | Condition::Compare { left: Expr::Time(after), right: Expr::Query(asked), .. } => {
            if let Query::Since(step) = asked.at(0) {
                found.push(Delay { step, after: *after, inject });
            }
        }
        Condition::Compare { .. }
        | Condition::Holds(_)
        | Condition::Monotonic(_)
        | Condition::Keeps(_)
        | Condition::Violated(_) => {}
    }
}

fn time_of_injection(inject: &InjectPlan) -> Option<Instant> {
    match inject.trigger {
        Trigger::At(after) => Some(internal(after)),
        Trigger::After { delay, .. } => Some(internal(delay)),
        Trigger::When(_) => None,
    }
}
