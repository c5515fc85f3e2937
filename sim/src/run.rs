//! Runs a plan from beginning to end, out of everyone's way.
//!
//! Each run has an operating-system thread of its own, named `sim-…`, so that nothing of an earlier
//! run is left behind and a crash of the simulator ends that run alone. What comes back is the
//! finished [`Lab`]: its verdict, its ledger and, if asked for, its recording.

use crate::host::{self, Host};
use crate::lab::Lab;
use crate::recording::Entry;
use crate::scenario::plan::Plan;
use crate::world::guarded;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// How to run a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct How {
    /// Who drives it.
    pub host: Host,
    /// Whether everything that happens is written down. It costs memory with each event.
    pub is_recorded: bool,
}

/// The simulator itself failed, outside of any process it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crash(pub String);

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the simulator panicked: {}", self.0)
    }
}

/// Runs `plan` until it ends or `stop` is set. The lab that comes back has ended in any case.
pub fn run(plan: &Arc<Plan>, how: How, stop: &Arc<AtomicBool>) -> Result<Lab, Crash> {
    host::quiet_panics();
    let (plan, stop) = (Arc::clone(plan), Arc::clone(stop));
    let work = move || {
        guarded(|| {
            let lab = Lab::new(plan);
            let lab = if how.is_recorded { lab.recorded() } else { lab };
            let mut lab = host::run_until(lab, how.host, &stop);
            lab.interrupt();
            lab
        })
    };
    let thread = std::thread::Builder::new().name("sim-lab".to_owned()).spawn(work);
    let thread = thread.map_err(|error| Crash(format!("no thread to run on: {error}")))?;
    thread.join().unwrap_or_else(|_| Err("its thread was lost".to_owned())).map_err(Crash)
}

/// The place of the first entry that two recordings do not share; `None` if they are equal. Where
/// one recording is the beginning of the other, it is the place after its end.
pub fn first_difference(one: &[Entry], other: &[Entry]) -> Option<usize> {
    let common = one.iter().zip(other).take_while(|(left, right)| left == right).count();
    (common < one.len().max(other.len())).then_some(common)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Happening;
    use crate::scenario::{LoadOptions, builtin, load};
    use kafkalab_core::id::{InputNo, NodeId};
    use kafkalab_core::time::Instant;

    fn plan() -> Arc<Plan> {
        let lesson = builtin::find("02").expect("embedded");
        let loaded = load("02", lesson.text.as_bytes(), &LoadOptions::default());
        Arc::new(loaded.expect("a good lesson").scenario.variants.remove(1).plan)
    }

    fn recorded(host: Host) -> Lab {
        let how = How { host, is_recorded: true };
        run(&plan(), how, &Arc::default()).expect("no crash")
    }

    #[test]
    fn a_run_is_the_same_again_and_on_the_other_host() {
        let (one, two) = (recorded(Host::Plain), recorded(host::default_host()));
        assert_eq!(one.world().trace(), two.world().trace());
        let entries = |lab: &Lab| lab.recorder().expect("asked for").entries().to_vec();
        assert_eq!(first_difference(&entries(&one), &entries(&two)), None);
    }

    #[test]
    fn a_stopped_run_has_ended() {
        let how = How { host: host::default_host(), is_recorded: false };
        let lab = run(&plan(), how, &Arc::new(AtomicBool::new(true))).expect("no crash");
        assert_eq!(lab.end(), Some(&crate::lab::End::Interrupted));
    }

    #[test]
    fn the_first_difference_is_found() {
        let entry = |at, n| Entry {
            at: Instant::from_micros(at),
            input: InputNo(at),
            cause: None,
            node: Some(NodeId::broker(n)),
            what: Happening::Booted,
        };
        let one = [entry(1, 1), entry(2, 2), entry(3, 3)];
        let two = [entry(1, 1), entry(2, 3), entry(3, 3)];
        assert_eq!(first_difference(&one, &one), None);
        assert_eq!(first_difference(&one, &two), Some(1));
        assert_eq!(first_difference(&one, &one[..2]), Some(2));
    }
}
