//! Two judges of one loss: the ledger, which looks at every record, and the invariants, which look at
//! what is committed.
//!
//! At the end of a run a record whose client was told success by acks=all is lost exactly if INV-15,
//! INV-16 or INV-18 named the offset at which it was acknowledged, and no place of it counts again.

#[path = "chaos/mod.rs"]
mod chaos_seeds;

use chaos_seeds::{each_seed, seeds};
use kafkalab_core::config::Acks;
use kafkalab_sim::chaos::{self, Chaos};
use kafkalab_sim::host::{Host, run};
use kafkalab_sim::lab::Lab;
use kafkalab_sim::ledger::{Fate, Outcome, Row};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Whether one of the three named the place at which the client was told that the record is.
fn is_named(lab: &Lab, row: &Row) -> bool {
    let Outcome::Acked { offset: Some(offset), .. } = row.outcome else { return false };
    let mut places = row.places().iter().filter(|place| place.offset == offset);
    places.any(|place| {
        lab.checks()
            .named_losses()
            .any(|loss| loss.tp == place.tp && loss.from <= offset && offset < loss.to)
    })
}

#[test]
fn a_record_acked_by_all_is_lost_exactly_if_an_invariant_named_it() {
    let lost = AtomicU64::new(0);
    for shape in [Chaos::default(), Chaos::long(), Chaos::wild(), Chaos::unclean()] {
        each_seed(seeds(60), |seed| {
            let plan = Arc::new(chaos::plan(seed, &shape));
            let lab = run(Lab::new(plan), Host::Plain);
            for row in lab.ledger().rows().filter(|row| row.is_acked() && row.acks == Acks::All) {
                let is_lost = row.fate() == Fate::Lost;
                lost.fetch_add(u64::from(is_lost), Ordering::Relaxed);
                let is_named = is_named(&lab, row);
                assert!(!is_lost || is_named, "seed {seed}: lost and never named: {row:?}");
                // Named and not lost: some place counts again, or nothing is decided.
                let is_kept = row.copies_in_logs() > 0 || row.fate() == Fate::NotDecided;
                assert!(is_lost || !is_named || is_kept, "seed {seed}: named, not lost: {row:?}");
            }
        });
    }
    assert!(lost.into_inner() > 0, "a test that never sees a loss proves nothing");
}
