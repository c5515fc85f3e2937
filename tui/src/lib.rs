//! The crate that touches the real world: files, the terminal, the clock of the machine.
//!
//! [`cli`] is the command line, one verb a file; [`files`] alone opens files; [`narrate`] has the words
//! for what happens in a run, [`glossary`] their meaning, [`settings`] that of Kafka's keys. What a scenario means and
//! how it runs is the business of `kafkalab_sim`.
#![warn(missing_docs)]

pub mod cli;
pub mod files;
pub mod glossary;
pub mod narrate;
pub mod settings;
