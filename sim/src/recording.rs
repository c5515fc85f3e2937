//! What happened, written down: for a time line, an explanation, an export.
//!
//! Events are numbered in order whether or not they are shown. Heartbeats, empty fetches and the
//! like are routine: numbered, hidden, folded (semantics 1.3).

use crate::story::Told;
use crate::world::{Died, Letter, Report, Sent, Step, StepKind};
use kafkalab_core::event::Event;
use kafkalab_core::id::{InputNo, NodeId};
use kafkalab_core::time::Instant;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Instant,
    /// During which input (for the story: after which).
    pub input: InputNo,
    /// What caused it.
    pub cause: Option<InputNo>,
    /// To whom; `None` for the story.
    pub node: Option<NodeId>,
    /// What.
    pub what: Happening,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A life began.
    Booted,
    /// A life ended: killed, or in good order.
    Ended,
    /// A process noted something.
    Noted(Event),
    /// A message was sent.
    Sent(Sent),
    /// A message arrived.
    Delivered(Letter),
    /// A message will never arrive.
    Died(Died),
    /// The story acted.
    Told(Told),
}

/// Everything that happened in a run, in order. The place in the list is the event's number.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    entries: Vec<Entry>,
}

impl Recorder {
    /// Everything, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Writes down one input with all it led to.
    pub fn input(&mut self, step: &Step, report: &Report) {
        let mut push = |what| {
            let (at, input, cause, node) = (step.at, step.no, step.cause, Some(step.node));
            self.entries.push(Entry { at, input, cause, node, what });
        };
        match step.what {
            StepKind::Boot => push(Happening::Booted),
            StepKind::Deliver(letter) => push(Happening::Delivered(letter)),
            StepKind::Alarm
            | StepKind::Connected(_)
            | StepKind::Hangup(_)
            | StepKind::Flushed(_)
            | StepKind::Terminate
            | StepKind::Ask(_) => {}
        }
        report.notes.iter().cloned().map(Happening::Noted).for_each(&mut push);
        report.sent.iter().copied().map(Happening::Sent).for_each(&mut push);
        report.died.iter().copied().map(Happening::Died).for_each(&mut push);
    }

    /// Writes down messages that died between two inputs, after input `input`.
    pub fn deaths(&mut self, at: Instant, input: InputNo, died: &[Died]) {
        self.entries.extend(died.iter().map(|died| {
            let (cause, node) = (died.sent_by, Some(died.letter.to));
            Entry { at, input, cause, node, what: Happening::Died(*died) }
        }));
    }

    /// Writes down that the life of `node` ended.
    pub fn ended(&mut self, at: Instant, input: InputNo, node: NodeId) {
        let (node, what) = (Some(node), Happening::Ended);
        self.entries.push(Entry { at, input, cause: None, node, what });
    }

    /// Writes down what the story did after input `input`.
    pub fn story(&mut self, at: Instant, input: InputNo, told: Told) {
        let (cause, node, what) = (None, None, Happening::Told(told));
        self.entries.push(Entry { at, input, cause, node, what });
    }
}
