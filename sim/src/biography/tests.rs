//! Lives of the records of lesson 02, and what its findings are.

use super::*;
use crate::host::default_host;
use crate::run::{How, run};
use crate::scenario::{LoadOptions, builtin, load};
use std::sync::Arc;

/// Lesson 02 in one variant.
fn lesson(variant: &str) -> Lab {
    let lesson = builtin::find("02").expect("embedded");
    let options = LoadOptions { variant: Some(variant.to_owned()), ..LoadOptions::default() };
    let loaded = load("02", lesson.text.as_bytes(), &options).expect("a good lesson");
    let plan = Arc::new(loaded.scenario.variants[0].plan.clone());
    let how = How { host: default_host(), is_recorded: true };
    run(&plan, how, &Arc::default()).expect("no crash")
}

/// The life of its record `#n`.
fn life(lab: &Lab, n: u32) -> Biography {
    let producer = lab.plan().clients[0].node;
    Analysis::of(lab).biography(RecordId { producer, n }).expect("it was sent")
}

#[test]
fn a_record_that_only_the_dead_leader_had_is_lost() {
    let lab = lesson("acks-1");
    let life = life(&lab, 3);
    assert_eq!(life.fate, Fate::Lost);
    let (b1, b2) = (NodeId::broker(1), NodeId::broker(2));
    assert_eq!(life.troubles, [(Trouble::Lost, Cause::Alone { on: b1, has_died: true })]);
    assert_eq!((life.stands.len(), life.holders), (0, BrokerSet::EMPTY));
    let [copy] = life.copies[..] else { panic!("one copy: {:?}", life.copies) };
    let CopyEnd::Truncated { following, .. } = copy.end else { panic!("{copy:?}") };
    assert_eq!((copy.on, following), (b1, Some(b2)));
    let killed = life.moments.iter().find_map(|moment| match &moment.what {
        Scene::Told { ended, .. } if !ended.is_empty() => Some((ended.clone(), moment.holders)),
        _ => None,
    });
    assert_eq!(killed, Some((vec![b1], BrokerSet::of(b1))));
}

#[test]
fn records_with_one_cause_are_one_finding() {
    let lab = lesson("acks-1");
    let findings = Analysis::of(&lab).findings();
    let [finding] = findings.as_slice() else { panic!("{findings:#?}") };
    assert_eq!((finding.trouble, finding.of, finding.looked_at), (Trouble::Lost, 2, 2));
    assert_eq!(finding.records.iter().map(|id| id.n).collect::<Vec<_>>(), [3, 4]);
}

#[test]
fn a_record_that_everybody_has_is_safe_and_its_copies_are_counted() {
    let lab = lesson("acks-all");
    let life = life(&lab, 0);
    assert_eq!((life.fate, life.troubles.len()), (Fate::Ok, 0));
    let leader_has_it = life.stands.iter().any(|(_, offset)| *offset == Offset::ZERO);
    assert!(leader_has_it && life.holders.len() == 3, "{life:#?}");
    assert!(life.moments.is_sorted_by_key(|moment| (moment.at, moment.entry)));
    assert!(Analysis::of(&lab).findings().is_empty());
}

/// What the trail says of each copy is what the disks and processes hold at the end.
#[test]
fn the_trail_agrees_with_the_logs() {
    for variant in ["acks-0", "acks-1", "acks-all"] {
        let lab = lesson(variant);
        let analysis = Analysis::of(&lab);
        for row in lab.ledger().rows() {
            let life = analysis.biography(row.id).expect("it was sent");
            for broker in lab.scene().look.brokers() {
                let holds = life.tps.iter().any(|tp| {
                    let log = lab.scene().look.log(*tp, broker).expect("it has a replica");
                    let mut records =
                        log.batches_from(Offset::ZERO).flat_map(|batch| batch.body.records.iter());
                    records.any(|record| record.id == Some(row.id))
                });
                assert_eq!(life.holders.contains(broker), holds, "{variant} {:?}", row.id);
            }
        }
    }
}
