//! The checkers checked: by hand-made replicas, rule by rule, and by whole runs.

mod by_hand;
mod runs;
