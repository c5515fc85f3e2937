//! The madsim host: one madsim node and one driver task per process.
//!
//! Nothing that matters lives in a task. A driver only takes its process's turns when they come,
//! and madsim's clock, scheduler and node life surround it: killing a process kills its node, and
//! with it whatever a task might have kept.
//!
//! There is one *baton*: exactly one wake-up is under way at any time. Whoever has finished a turn
//! looks who is next and wakes that task, at once or by a timer at that moment. The supervisor
//! takes the story's turns and mirrors deaths and births onto madsim's nodes. A task that is woken
//! for any other reason finds that it is not its turn and goes back to sleep, so madsim's random
//! scheduling cannot show in a run.
//!
//! madsim's own network, files, random numbers and `sleep` (which rounds up to a millisecond) are
//! not used.

use super::{LifeChange, Stage, Turn, Watch};
use crate::world::guarded;
use kafkalab_core::id::NodeId;
use kafkalab_core::time::Instant;
use madsim::runtime::{Handle, Runtime};
use madsim::time::TimeHandle;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Runs `stage` on a thread of its own: madsim and its interception of clocks and randomness are
/// bound to a thread, and a fresh one carries nothing over from an earlier run.
pub(super) fn run<S: Stage + Send + 'static>(stage: S, stop: &Arc<AtomicBool>) -> S {
    let watch = Watch::new(stop);
    let thread = std::thread::Builder::new()
        .name("sim-run".to_owned())
        .spawn(move || guarded(|| Runtime::new().block_on(supervise(stage, watch))))
        .expect("the system can start a thread");
    let finished = thread.join().expect("panics are caught inside");
    // A panic of a process is a finding inside the world; this one is a bug of the simulator.
    finished.unwrap_or_else(|message| panic!("the madsim host failed: {message}"))
}

/// What drivers and supervisor share. All run on one thread; the lock is never contended.
struct Theatre<S> {
    /// `None` when the run is over.
    stage: Option<S>,
    /// Whose turn it is: who holds the baton, or will be woken to take it.
    turn: Turn,
    drivers: BTreeMap<NodeId, Driver>,
    supervisor: Option<Waker>,
    /// Lives that began or ended in the latest turn.
    life_changes: Vec<LifeChange>,
    watch: Watch,
    time: TimeHandle,
    /// madsim's name for the start of the run.
    start: std::time::Instant,
}

/// What is known of the task that takes a node's turns.
enum Driver {
    /// Its node is dead. What still comes to that machine is judged by the world without it.
    Dead,
    /// It was spawned and will be polled, and then finds the baton if it is its turn.
    Spawned,
    /// It sleeps.
    Asleep(Waker),
}

type Shared<S> = Arc<Mutex<Theatre<S>>>;

fn lock<S>(shared: &Shared<S>) -> MutexGuard<'_, Theatre<S>> {
    shared.lock().expect("a panic in a turn ends the run")
}

impl<S: Stage> Theatre<S> {
    /// Takes the present turn and finds the next one.
    fn take(&mut self) {
        let stage = self.stage.as_mut().expect("turns are taken during the run");
        stage.take();
        stage.life_changes(&mut self.life_changes);
        self.look();
    }

    /// Finds out whose turn is next.
    fn look(&mut self) {
        let stage = self.stage.as_mut().expect("turns are taken during the run");
        self.turn = if self.watch.says_stop() { Turn::Done } else { stage.peek() };
    }

    /// When the present turn is, if it is for the driver of `node`.
    fn turn_of(&self, node: NodeId) -> Option<Instant> {
        match self.turn {
            // Deaths and births are mirrored before anybody goes on.
            Turn::Process { node: owner, at } if owner == node && self.life_changes.is_empty() => {
                Some(at)
            }
            _ => None,
        }
    }

    /// When the present turn is, if it is for the supervisor: the story's, or of a dead machine.
    fn turn_of_supervisor(&self) -> Option<Instant> {
        match self.turn {
            Turn::Process { node, at } if matches!(self.drivers[&node], Driver::Dead) => Some(at),
            Turn::Story { at } => Some(at),
            Turn::Process { .. } | Turn::Done => None,
        }
    }

    /// Hands the baton to whoever's turn it is.
    fn pass(&self) {
        let (driver, at) = match self.turn {
            Turn::Process { node, at } if self.life_changes.is_empty() => {
                (&self.drivers[&node], at)
            }
            Turn::Process { .. } | Turn::Done => (&Driver::Dead, Instant::ZERO),
            Turn::Story { at } => (&Driver::Dead, at),
        };
        match driver {
            Driver::Asleep(waker) => self.wake_at(at, waker),
            Driver::Spawned => {}
            Driver::Dead => {
                self.wake_at(at, self.supervisor.as_ref().expect("it was polled first"));
            }
        }
    }

    fn is_due(&self, at: Instant) -> bool {
        self.time.elapsed() >= Duration::from_micros(at.as_micros())
    }

    /// Wakes `waker` at `at`. The sleep is thrown away, its timer stays; `reset` goes around the
    /// millisecond to which a sleep rounds up.
    fn wake_at(&self, at: Instant, waker: &Waker) {
        if self.is_due(at) {
            return waker.wake_by_ref();
        }
        let deadline = self.start + Duration::from_micros(at.as_micros());
        let mut sleep = self.time.sleep_until(deadline);
        let mut sleep = Pin::new(&mut sleep);
        sleep.as_mut().reset(deadline);
        let is_over = sleep.poll(&mut Context::from_waker(waker)).is_ready();
        assert!(!is_over, "the moment lies ahead");
    }
}

/// Takes the turns of one node, several in one poll if they follow each other.
async fn drive<S: Stage>(shared: Shared<S>, node: NodeId) {
    poll_fn::<(), _>(|cx| {
        let mut theatre = lock(&shared);
        let mut has_taken = false;
        while let Some(at) = theatre.turn_of(node) {
            if !theatre.is_due(at) {
                break;
            }
            theatre.take();
            has_taken = true;
        }
        let is_first = !matches!(theatre.drivers[&node], Driver::Asleep(_));
        if is_first {
            theatre.drivers.insert(node, Driver::Asleep(cx.waker().clone()));
        }
        // Only who held the baton passes it; at first the baton may be waiting here for its moment.
        if has_taken || (is_first && theatre.turn_of(node).is_some()) {
            theatre.pass();
        }
        Poll::Pending
    })
    .await;
}

/// Builds the nodes, takes the story's turns, mirrors deaths and births, and ends the run.
async fn supervise<S: Stage + Send + 'static>(mut stage: S, watch: Watch) -> S {
    let handle = Handle::current();
    let time = TimeHandle::current();
    // All nodes are built as living ones below, so these births need no mirroring.
    stage.life_changes(&mut Vec::new());
    let nodes = stage.nodes();
    let shared: Shared<S> = Arc::new(Mutex::new(Theatre {
        stage: Some(stage),
        turn: Turn::Done,
        drivers: nodes.iter().map(|node| (*node, Driver::Spawned)).collect(),
        supervisor: None,
        life_changes: Vec::new(),
        watch,
        start: time.now_instant().checked_sub(time.elapsed()).expect("a run has a start"),
        time,
    }));
    lock(&shared).look();
    let ids: BTreeMap<NodeId, madsim::task::NodeId> = nodes
        .into_iter()
        .map(|node| {
            let shared = Arc::clone(&shared);
            let built = handle
                .create_node()
                .name(node.to_string())
                .init(move || drive(Arc::clone(&shared), node))
                .build();
            (node, built.id())
        })
        .collect();

    poll_fn(|cx| supervisor_turn(&shared, &handle, &ids, cx.waker())).await;

    // A runtime that is dropped with sleeping tasks leaks them: kill all, and let them be dropped.
    lock(&shared).drivers.clear();
    for id in ids.values() {
        handle.kill(*id);
    }
    madsim::task::yield_now().await;
    let mut theatre = lock(&shared);
    theatre.supervisor = None;
    theatre.stage.take().expect("the stage is handed back once")
}

/// One wake-up of the supervisor: everything that is its to do now, then the baton goes on.
fn supervisor_turn<S: Stage>(
    shared: &Shared<S>,
    handle: &Handle,
    ids: &BTreeMap<NodeId, madsim::task::NodeId>,
    waker: &Waker,
) -> Poll<()> {
    lock(shared).supervisor = Some(waker.clone());
    loop {
        mirror(shared, handle, ids);
        let mut theatre = lock(shared);
        match theatre.turn_of_supervisor() {
            Some(at) if theatre.is_due(at) => theatre.take(),
            _ if theatre.turn == Turn::Done => return Poll::Ready(()),
            _ => {
                theatre.pass();
                return Poll::Pending;
            }
        }
    }
}

/// Does to madsim's nodes what has already happened to the processes of the world.
fn mirror<S: Stage>(
    shared: &Shared<S>,
    handle: &Handle,
    ids: &BTreeMap<NodeId, madsim::task::NodeId>,
) {
    let changes = std::mem::take(&mut lock(shared).life_changes);
    // The lock is free while madsim works: it runs code of ours that may want it.
    for change in changes {
        match change {
            LifeChange::Ended(node) => {
                lock(shared).drivers.insert(node, Driver::Dead);
                handle.kill(ids[&node]);
            }
            // madsim wants a kill before a restart; killing what is dead does nothing.
            LifeChange::Started(node) => {
                lock(shared).drivers.insert(node, Driver::Spawned);
                handle.kill(ids[&node]);
                handle.restart(ids[&node]);
            }
        }
    }
}
