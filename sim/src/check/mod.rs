//! Temporary: replaced by the checks branch.
#![allow(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason
)]
use crate::look::{Committed, Look};
use crate::world::Step;
use kafkalab_core::event::Event;
#[derive(Clone, Debug, PartialEq, Eq, Copy)]
pub enum Class {
    Violation,
    Expected,
    DesignLimit,
}
#[derive(Clone, Debug)]
pub struct Violation {
    pub property: &'static str,
    pub class: Class,
    pub at: kafkalab_core::time::Instant,
    pub text: String,
}
#[derive(Clone, Debug, Default)]
pub struct Checks {
    violations: Vec<Violation>,
}
impl Checks {
    pub fn new() -> Self {
        Self::default()
    }
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }
    pub fn observe(&mut self, _: Look<'_>, _: &Committed, _: &Step, _: &[Event]) {}
    pub fn audit(&mut self, _: Look<'_>, _: &Committed) {}
    pub fn on_fault(&mut self, _: Look<'_>, _: &Committed) {}
    pub fn is_violated(&self, n: &str) -> bool {
        self.violations.iter().any(|v| v.property == n)
    }
}
