//! A run as one value: a world, its story, its ledger and its checks, advanced together.
//!
//! A lab is what hosts drive and what is cloned for a snapshot or a fork. After each input of a
//! process everything that observes it is brought up to date, in a fixed order: the committed
//! metadata, the ledger, the invariants, the conditions of the story. The story acts only between
//! inputs.

use crate::check::Checks;
use crate::cluster::{self, WARM_UP, internal};
use crate::host::{LifeChange, Stage, Turn};
use crate::ledger::Ledger;
use crate::look::{Committed, Look};
use crate::quiet;
use crate::recording::{Happening, Recorder};
use crate::scenario::plan::{Ends, Plan};
use crate::story::{Scene, Story, Told, Touched};
use crate::world::{Finding, World};
use kafkalab_core::id::{NodeId, NodeKind};
use kafkalab_core::node::Node;
use kafkalab_core::time::{Duration, Instant};
use std::sync::Arc;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing was pending any more, for a second.
    Quiet,
    /// The limit came first; what was still pending, if the story was over.
    Limit(Option<String>),
    /// A step waited longer than it may.
    Stuck(String),
    /// The warm-up did not come to rest: the cluster cannot work as configured.
    ColdStart(String),
    /// A process panicked, or time stood still.
    Finding(Finding),
    /// Somebody stopped it from outside.
    Interrupted,
}

/// Nothing may be pending for so long before a run ends.
const QUIET_FOR: Duration = Duration::from_secs(1);
/// How often that is looked at.
const QUIET_EVERY: Duration = Duration::from_millis(100);

/// A run.
#[derive(Clone)]
pub struct Lab {
    plan: Arc<Plan>,
    world: World<Node>,
    committed: Committed,
    story: Story,
    ledger: Ledger,
    checks: Checks,
    recorder: Option<Recorder>,
    /// The lives that began and ended, until the host asks for them.
    lives: Vec<LifeChange>,
    checks_on: bool,
    /// The story did something in its last turn: no process has a turn before it has done all that is
    /// due at this boundary.
    is_telling: bool,
    /// When to look whether all is quiet, once the story is over.
    quiet_check: Instant,
    quiet_since: Option<Instant>,
    end: Option<End>,
}

impl Lab {
    /// The run of `plan`, at its internal start.
    pub fn new(plan: Arc<Plan>) -> Self {
        Self {
            world: cluster::build(&plan),
            committed: Committed::default(),
            story: Story::new(Arc::clone(&plan)),
            ledger: Ledger::new(&plan),
            checks: Checks::new(&plan.cluster.variations),
            recorder: None,
            lives: Vec::new(),
            checks_on: true,
            is_telling: false,
            quiet_check: internal(Duration::ZERO),
            quiet_since: None,
            end: None,
            plan,
        }
    }

    /// The same run, with everything that happens written down.
    #[must_use]
    pub fn recorded(mut self) -> Self {
        self.recorder = Some(Recorder::default());
        self
    }

    /// The same run without invariants: only to measure what they cost.
    #[must_use]
    pub const fn unchecked(mut self) -> Self {
        self.checks_on = false;
        self
    }

    /// What is run.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The cluster and its surroundings.
    pub const fn world(&self) -> &World<Node> {
        &self.world
    }

    /// The records.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The invariants.
    pub const fn checks(&self) -> &Checks {
        &self.checks
    }

    /// Where the story stands.
    pub const fn story(&self) -> &Story {
        &self.story
    }

    /// What the controller has committed.
    pub const fn committed(&self) -> &Committed {
        &self.committed
    }

    /// What was written down, if anything was.
    pub const fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    /// How the run ended; `None` while it goes on.
    pub const fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Whether the run ended with its story told, so that what is claimed of the end can be judged.
    pub const fn has_come_to_its_end(&self) -> bool {
        matches!(self.end, Some(End::Quiet | End::Limit(_)))
    }

    /// Everything a condition may look at.
    pub const fn scene(&self) -> Scene<'_> {
        scene(&self.world, &self.committed, &self.ledger, &self.checks)
    }

    /// Ends the run from outside, if it has not ended.
    pub fn interrupt(&mut self) {
        if self.end.is_none() {
            self.finish(End::Interrupted);
        }
    }

    fn finish(&mut self, end: End) {
        assert!(self.end.is_none(), "a run ends once");
        if self.checks_on {
            self.checks.close(Look::at(&self.world), &self.committed);
        }
        // What the end brought to light breaks an `always` as anything else does.
        self.look_around(Touched::ALL);
        self.end = Some(end);
    }

    // ---- the turn of a process -----------------------------------------------------------------

    fn take_input(&mut self) {
        let Some(step) = self.world.step() else {
            self.take_deaths();
            self.look_around(Touched::COUNT);
            self.take_finding();
            return;
        };
        let notes = &self.world.report().notes;
        let look = Look::at(&self.world);
        if step.node.kind() == NodeKind::Controller && !notes.is_empty() {
            self.committed.follow(look);
        }
        let (died, counted) = (&self.world.report().died, self.ledger.changes());
        self.ledger.observe(&step, notes, died, look, &self.committed);
        let mut touched = Touched::by(&step, notes);
        if self.checks_on {
            let found = self.checks.violations().len();
            self.checks.observe(look, &self.committed, &step, notes);
            if self.checks.violations().len() > found {
                touched = touched.and(Touched::VIOLATION);
            }
        }
        self.story.count_errors(step.node, notes);
        if let Some(recorder) = &mut self.recorder {
            recorder.input(&step, self.world.report());
        }
        // What died during the input is written down with it.
        drop(self.world.take_deaths());
        self.take_lives();
        if self.ledger.changes() > counted {
            touched = touched.and(Touched::COUNT);
        }
        self.look_around(touched);
        self.take_finding();
    }

    fn look_around(&mut self, touched: Touched) {
        let scene = scene(&self.world, &self.committed, &self.ledger, &self.checks);
        self.story.observe(scene, touched);
    }

    /// Messages may die without an input: they were stuck, or nobody was there to take them.
    fn take_deaths(&mut self) {
        let died = self.world.take_deaths();
        if died.is_empty() {
            return;
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.deaths(self.world.now(), self.world.inputs(), &died);
        }
        self.ledger.on_deaths(self.world.now(), &died, Look::at(&self.world));
    }

    /// Hears of lives that began and ended; the end of one is written down.
    fn take_lives(&mut self) {
        let before = self.lives.len();
        self.lives.extend(self.world.life_changes());
        let (at, look) = (self.world.now(), Look::at(&self.world));
        self.ledger.on_lives(at, &self.lives[before..], look, &self.committed);
        let Some(recorder) = &mut self.recorder else { return };
        for change in &self.lives[before..] {
            if let LifeChange::Ended(node) = change {
                recorder.ended(self.world.now(), self.world.inputs(), *node);
            }
        }
    }

    fn take_finding(&mut self) {
        if let Some(finding) = self.world.finding().cloned() {
            self.finish(End::Finding(finding));
        }
    }

    // ---- the turn of the story -----------------------------------------------------------------

    /// When the story (or the end of the run) is next due by time alone.
    fn next_story_time(&self) -> Instant {
        let limit = internal(self.plan.limit);
        self.story.next_time().min(self.story.gives_up_at()).min(self.quiet_check).min(limit)
    }

    /// One turn of the story: time passes to `at`, or one thing is done, or, with nothing left to do,
    /// it is looked whether the run is over. Conditions and promises are tested after each of them, as
    /// after each input: a step may make the next one due at the same boundary.
    fn take_story(&mut self, at: Instant) {
        self.world.advance(at);
        if !self.story.has_begun() {
            // t = 0 begins before its inputs: what holds already is seen, what is due fires next.
            let scene = scene(&self.world, &self.committed, &self.ledger, &self.checks);
            self.story.begin(scene);
            return;
        }
        if self.story.take_moments(at) {
            self.look_around(Touched::TIME);
            return;
        }
        if self.quiet_check == internal(Duration::ZERO) && at >= self.quiet_check {
            // Before anything is done: a fault of the first moment is no cold start.
            self.check_quiet(at);
            if self.end.is_some() {
                return;
            }
        }
        if let Some(told) = self.story.tell(&mut self.world, &self.committed) {
            self.is_telling = true;
            self.take_told(at, told);
            return;
        }
        self.is_telling = false;
        if at >= self.quiet_check {
            self.check_quiet(at);
        }
        if self.end.is_some() {
            return;
        }
        if at >= self.story.gives_up_at() {
            let step = self.story.next_step().expect("only a waiting step gives up");
            let name =
                step.id.clone().unwrap_or_else(|| (self.story.fired().len() + 1).to_string());
            let within = step.within.expect("it gave up");
            self.finish(End::Stuck(format!("step {name} did not fire within {within}")));
        } else if at >= internal(self.plan.limit) {
            self.finish_at_limit();
        }
    }

    /// Brings everything up to date after one thing that the story did.
    fn take_told(&mut self, at: Instant, told: Told) {
        if let Some(recorder) = &mut self.recorder {
            recorder.story(at, self.world.inputs(), told);
        }
        self.take_deaths();
        self.take_lives();
        self.ledger.on_story(at, Look::at(&self.world), &self.committed);
        let mut touched = Touched::LIFE.and(Touched::TIME).and(Touched::CLIENT);
        if self.checks_on {
            let found = self.checks.violations().len();
            self.checks.on_fault(Look::at(&self.world), &self.committed);
            if self.checks.violations().len() > found {
                touched = touched.and(Touched::VIOLATION);
            }
        }
        self.look_around(touched.and(Touched::COUNT));
    }

    fn finish_at_limit(&mut self) {
        let end = if let Some(step) = self.story.next_step() {
            let name =
                step.id.clone().unwrap_or_else(|| (self.story.fired().len() + 1).to_string());
            End::Stuck(format!("step {name} had not fired at the limit of {}", self.plan.limit))
        } else if let Some(why) = self.story.pending() {
            End::Limit(Some(why))
        } else {
            End::Limit(quiet::pending(&self.plan, Look::at(&self.world), &self.committed))
        };
        self.finish(end);
    }

    fn check_quiet(&mut self, at: Instant) {
        let is_start = at <= Instant::ZERO + WARM_UP;
        self.quiet_check = at + QUIET_EVERY;
        let pending = || quiet::pending(&self.plan, Look::at(&self.world), &self.committed);
        if is_start {
            let cold = quiet::not_warm(&self.plan, Look::at(&self.world), &self.committed);
            if let Some(why) = cold {
                self.finish(End::ColdStart(why));
            }
            return;
        }
        if self.plan.ends == Ends::Limit || !self.story.is_over() || pending().is_some() {
            self.quiet_since = None;
            return;
        }
        let since = *self.quiet_since.get_or_insert(at);
        if at.since(since) >= QUIET_FOR {
            self.finish(End::Quiet);
        }
    }
}

impl Stage for Lab {
    fn nodes(&self) -> Vec<NodeId> {
        self.world.nodes().collect()
    }

    fn peek(&mut self) -> Turn {
        if self.end.is_some() {
            return Turn::Done;
        }
        if self.is_telling || self.story.is_due() {
            return Turn::Story { at: self.world.now() };
        }
        let story = self.next_story_time();
        if !self.story.has_begun() {
            let zero = internal(Duration::ZERO);
            return match self.world.peek() {
                Some((at, node)) if at < zero => Turn::Process { node, at },
                Some(_) | None => Turn::Story { at: zero },
            };
        }
        match self.world.peek() {
            Some((at, node)) if at <= story => Turn::Process { node, at },
            Some(_) | None => Turn::Story { at: story },
        }
    }

    fn take(&mut self) {
        match self.peek() {
            Turn::Process { .. } => self.take_input(),
            Turn::Story { at } => self.take_story(at),
            Turn::Done => {}
        }
    }

    fn life_changes(&mut self, into: &mut Vec<LifeChange>) {
        self.take_lives();
        into.append(&mut self.lives);
    }
}

/// What conditions look at, borrowed apart from the story that tests them.
const fn scene<'a>(
    world: &'a World<Node>,
    committed: &'a Committed,
    ledger: &'a Ledger,
    checks: &'a Checks,
) -> Scene<'a> {
    Scene { look: Look::at(world), committed, ledger, checks }
}

/// A happening of the story, for the recorder.
impl From<Told> for Happening {
    fn from(told: Told) -> Self {
        Self::Told(told)
    }
}
