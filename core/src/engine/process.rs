//! What a process is: a value that turns one input into a change of itself and a list of effects.
//!
//! ```text
//!            boot(disk)                 handle(input) …                 into_disk
//!  (stopped) ──────────▶ running ─────────────────────────▶ running ─────────────▶ (stopped)
//! ```
//! Two kinds of state: what `into_disk` returns survives the process, all else dies with it. Writing
//! goes to the page cache at once; only a flush, which takes time and ends with [`Input::Flushed`],
//! makes it survive a loss of power.

use super::effects::{Effects, FlushId};
use crate::chance::DrawsAbout;
use crate::id::{ConnId, Incarnation, InputNo};
use crate::protocol::Frame;
use crate::time::{Clock, Instant};

/// One thing that happens to a process: the step of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The moment of `next_alarm` has come. One alarm runs one timer or one work item.
    Alarm,
    /// A connection this process opened stands.
    Connected(ConnId),
    /// A message arrived. `sent_by` is the input during which it was sent.
    Deliver {
        /// The message.
        frame: Frame,
        /// What caused it.
        sent_by: InputNo,
    },
    /// A connection broke, was refused or was closed by the peer. Nothing more comes on it.
    Hangup(ConnId),
    /// Everything written before the flush was asked for is on disk.
    Flushed(FlushId),
    /// SIGTERM: stop in good order, then [`Effects::halt`].
    Terminate,
    /// The story asks the application for something.
    Ask(Command),
}

/// What a story can ask of a client's application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Produce so many records now, on top of the workload.
    Send(u32),
}

/// A state machine that a host can run: a broker, a controller, a client, or a toy in a benchmark.
///
/// Handling is deterministic: equal state, clock and input give equal state and effects.
pub trait Process: Clone + Sized {
    /// What an administrator installed: identity, configuration, peers. Survives everything.
    type Spec: Clone;
    /// What survives the process.
    type Disk: Clone;

    /// A disk that nobody has written to.
    fn blank_disk(spec: &Self::Spec) -> Self::Disk;

    /// Starts a life from what the last one left. The first input of a life.
    fn boot(
        spec: &Self::Spec,
        disk: Self::Disk,
        life: Incarnation,
        clock: Clock,
        fx: &mut Effects,
    ) -> Self;

    /// Handles one input.
    fn handle(&mut self, clock: Clock, input: Input, fx: &mut Effects);

    /// Whether it accepts connections; if not, attempts to connect are refused.
    fn is_listening(&self) -> bool {
        true
    }

    /// When this process next wants an [`Input::Alarm`]; [`Instant::NEVER`] if it does not.
    fn next_alarm(&self) -> Instant;

    /// Ends this life; what was written (flushed or not) remains.
    fn into_disk(self) -> Self::Disk;

    /// Power fails: of what was not flushed, an arbitrary part is lost.
    fn lose_unflushed(
        disk: &mut Self::Disk,
        spec: &Self::Spec,
        now: Instant,
        draws: &mut DrawsAbout,
    );
}
