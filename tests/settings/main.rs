//! Settings as people have them: the table of keys, what is refused, files as they are.

#![expect(clippy::print_stdout, reason = "--nocapture shows what was compared and what was not")]

mod files;
mod grid;
mod oracle;
#[path = "../transcript/mod.rs"]
mod transcript;
