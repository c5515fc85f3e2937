//! The contract between a process and its world.

mod effects;
mod process;

pub use effects::{Effect, Effects, FlushId, HaltReason, ReplyTo};
pub use process::{Command, Input, Process};
