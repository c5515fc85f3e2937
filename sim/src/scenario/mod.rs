//! Scenarios: a world, a story, promises. From the bytes of a TOML file to plans that can be run.
//!
//! Reading order: [`plan`] is what comes out; [`action`] and [`condition`] are its sentences, each with
//! a parser beside it; `file` and `read` turn bytes into values with places, `params` makes variants of
//! them, `world` and `story` plans; `settings` reads Kafka's own keys, also from a properties file
//! (`properties`, `library`); [`load`] ties them together. [`diagnostic`] is what is said about
//! mistakes, `mistake` and `file_mistake` say it. [`to_toml`] goes the other way, from a plan to a file.
//! [`builtin`] holds the lessons.
//!
//! Only whole numbers are used, nothing is read but what is handed in, and any input whatever ends in a
//! scenario or in diagnostics: never in a panic, and in bounded time and memory.

pub mod action;
mod action_parser;
pub mod builtin;
pub mod condition;
mod condition_parser;
pub mod count;
pub mod defaults;
pub mod diagnostic;
mod file;
mod file_mistake;
mod library;
mod mistake;
pub mod names;
mod params;
pub mod plan;
mod properties;
mod read;
mod resolve;
mod sentence;
mod setting_mistake;
mod settings;
mod shape;
mod story;
pub mod units;
mod vacuous;
pub mod vocabulary;
mod world;
mod write;

pub use action::Action;
pub use condition::Condition;
pub use diagnostic::{Diagnostic, Origin, Place, Severity, nearest};
pub use library::{Companion, Open};
pub use names::Names;
pub use plan::{Lang, Plan, Scenario, Text, Variant};
pub use read::LARGEST;
pub use resolve::{
    LoadOptions, Loaded, load, load_with, parse_action, parse_condition, parse_inject,
};
pub use write::to_toml;
