//! What a replica remembers of idempotent producers: `ProducerStateManager`,
//! `ProducerStateEntry`, `ProducerAppendInfo` (KIP-98; rules B-01 to B-06).
//!
//! ## Simplified
//! Snapshots are not written: the state is rebuilt by reading the log. Transactions come later.

use crate::epoch::{Offset, ProducerEpoch};
use crate::error_code::ErrorCode;
use crate::id::ProducerId;
use crate::record::{Batch, BatchBody, ProducerStamp};
use crate::time::{Duration, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// Batches remembered per producer; the reason why at most five requests may be in flight.
const REMEMBERED: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Remembered {
    first: i32,
    last: i32,
    base_offset: Offset,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    epoch: ProducerEpoch,
    batches: VecDeque<Remembered>,
    /// The latest timestamp of its newest batch.
    last_timestamp: Timestamp,
}

impl Entry {
    const fn new(epoch: ProducerEpoch) -> Self {
        Self { epoch, batches: VecDeque::new(), last_timestamp: Timestamp(0) }
    }
}

/// All producers known to one replica.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProducerStates {
    producers: BTreeMap<ProducerId, Entry>,
}

/// What the leader makes of a batch before it appends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SequenceCheck {
    /// It is the next one (or has no stamp).
    Append,
    /// It is there already, at this offset: answer success, append nothing (B-02).
    Duplicate(Offset),
    /// It must not be appended.
    Refuse(ErrorCode),
}

/// The last sequence of a batch, wrapping after `i32::MAX` to 0.
fn last_sequence(stamp: ProducerStamp, span: u64) -> i32 {
    let last = i64::from(stamp.base_sequence) + span as i64 - 1;
    if last > i64::from(i32::MAX) { (last - i64::from(i32::MAX) - 1) as i32 } else { last as i32 }
}

impl ProducerStates {
    /// Checks a client's batch against what its producer wrote before.
    pub fn check(&self, body: &BatchBody) -> SequenceCheck {
        let Some(stamp) = body.producer else { return SequenceCheck::Append };
        let Some(entry) = self.producers.get(&stamp.id) else {
            // Any sequence is accepted from a producer nobody knows (B-05): a known hole of Kafka.
            return SequenceCheck::Append;
        };
        let (first, last) = (stamp.base_sequence, last_sequence(stamp, body.span()));
        if stamp.epoch == entry.epoch
            && let Some(same) = entry.batches.iter().find(|b| b.first == first && b.last == last)
        {
            return SequenceCheck::Duplicate(same.base_offset);
        }
        if stamp.epoch < entry.epoch {
            return SequenceCheck::Refuse(ErrorCode::InvalidProducerEpoch);
        }
        let expected = match entry.batches.back() {
            Some(newest) if stamp.epoch == entry.epoch => newest.last.checked_add(1).unwrap_or(0),
            Some(_) | None => 0,
        };
        if first == expected {
            SequenceCheck::Append
        } else {
            SequenceCheck::Refuse(ErrorCode::OutOfOrderSequenceNumber)
        }
    }

    /// Remembers a batch that was appended, by the leader or from it (never checked there, B-01).
    pub fn remember(&mut self, batch: &Batch) {
        let Some(stamp) = batch.body.producer else { return };
        let entry = self.producers.entry(stamp.id).or_insert_with(|| Entry::new(stamp.epoch));
        if entry.epoch != stamp.epoch {
            entry.epoch = stamp.epoch;
            entry.batches.clear();
        }
        if entry.batches.len() == REMEMBERED {
            entry.batches.pop_front();
        }
        entry.batches.push_back(Remembered {
            first: stamp.base_sequence,
            last: last_sequence(stamp, batch.body.span()),
            base_offset: batch.base_offset,
        });
        entry.last_timestamp = batch.body.max_timestamp;
    }

    /// Forgets producers whose newest batch is at least `after` old at `now` (B-07): the next batch of
    /// such a producer is taken whatever its sequence, so that nothing tells a copy from news.
    pub fn expire(&mut self, now: Timestamp, after: Duration) {
        let after = (after.as_micros() / 1000) as i64;
        self.producers.retain(|_, entry| now.0 - entry.last_timestamp.0 < after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::LeaderEpoch;
    use crate::record::{BatchKind, Record};
    use crate::testing::vectors;
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn stamped(base_sequence: i32, span: u32, epoch: i16, offset: u64) -> Batch {
        let id = ProducerId(7);
        let stamp = ProducerStamp { id, epoch: ProducerEpoch(epoch), base_sequence };
        batch(stamp, span, Timestamp(0), offset)
    }

    fn batch(stamp: ProducerStamp, span: u32, at: Timestamp, offset: u64) -> Batch {
        let record = |offset_delta| Record {
            id: None,
            offset_delta,
            timestamp_delta: 0,
            key: None,
            value: None,
        };
        let records = (0..span).map(record).collect();
        let body = BatchBody::new(BatchKind::Data, at, Some(stamp), records);
        Batch { base_offset: Offset(offset), leader_epoch: LeaderEpoch(0), body: Arc::new(body) }
    }

    fn after(batches: &[Batch]) -> ProducerStates {
        let mut states = ProducerStates::default();
        for batch in batches {
            states.remember(batch);
        }
        states
    }

    #[track_caller]
    fn check(states: &ProducerStates, sequence: i32, span: u32, epoch: i16, is: SequenceCheck) {
        assert_eq!(states.check(&stamped(sequence, span, epoch, 0).body), is);
    }

    const OUT_OF_ORDER: SequenceCheck = SequenceCheck::Refuse(ErrorCode::OutOfOrderSequenceNumber);

    fn number<N: TryFrom<i64>>(value: &Value) -> N {
        value.as_i64().expect("a number").try_into().ok().expect("in range")
    }

    fn id_of(step: &Value) -> ProducerId {
        ProducerId(number(&step["producer_id"]))
    }

    /// What is remembered of the producer of a step, as the vectors write it.
    fn entry_of(states: &ProducerStates, step: &Value) -> Value {
        let Some(entry) = states.producers.get(&id_of(step)) else { return Value::Null };
        let batch = |b: &Remembered| {
            let span = (i64::from(b.last) - i64::from(b.first)).rem_euclid(1 << 31) as u64;
            json!([b.first, b.last, b.base_offset.0, b.base_offset.0 + span])
        };
        let batches: Vec<Value> = entry.batches.iter().map(batch).collect();
        json!({ "epoch": entry.epoch.0, "batches": batches })
    }

    /// One append as the leader, or a copy from it, with its outcome as the vectors write it.
    fn append(states: &mut ProducerStates, step: &Value, end: &mut u64, at: Timestamp) {
        let stamp = ProducerStamp {
            id: id_of(step),
            epoch: ProducerEpoch(number(&step["epoch"])),
            base_sequence: number(&step["base_seq"]),
        };
        let span = number(&step["count"]);
        let batch = batch(stamp, span, at, *end);
        assert_eq!(last_sequence(stamp, batch.body.span()), number::<i32>(&step["last_seq"]));
        let is_copy = step["origin"] == "replication";
        let check = if is_copy { SequenceCheck::Append } else { states.check(&batch.body) };
        let (result, base_offset) = match check {
            SequenceCheck::Append => {
                states.remember(&batch);
                *end += u64::from(span);
                ("appended", batch.base_offset.0)
            }
            SequenceCheck::Duplicate(offset) => ("duplicate", offset.0),
            SequenceCheck::Refuse(error) => {
                let name = match step["error"].as_str() {
                    Some("OutOfOrderSequenceException") => ErrorCode::OutOfOrderSequenceNumber,
                    Some("InvalidProducerEpochException") => ErrorCode::InvalidProducerEpoch,
                    other => panic!("{error:?} where Kafka says {other:?}"),
                };
                assert_eq!((error, step["result"].as_str()), (name, Some("error")));
                return;
            }
        };
        assert_eq!(step["result"], result);
        assert_eq!(step["base_offset"], base_offset);
        assert_eq!(step["last_offset"], base_offset + u64::from(span) - 1);
    }

    #[test]
    fn every_history_of_kafkas_producers_is_the_same_here() {
        vectors::check(include_str!("../../../tests/oracle/producer-append.jsonl"), |line| {
            let steps = line["steps"].as_array().expect("steps");
            if steps.iter().any(|step| step["op"] == "marker" || step["txn"] == true) {
                return vectors::Outcome::Skipped("they come with transactions");
            }
            let (mut states, mut end) = (ProducerStates::default(), 0);
            for (n, step) in steps.iter().enumerate() {
                let at = Timestamp(n as i64);
                if step["op"] == "expire" {
                    // Time passed for all of them: whoever wrote before is forgotten.
                    states.expire(Timestamp(n as i64 + 1000), Duration::from_secs(1));
                } else {
                    append(&mut states, step, &mut end, at);
                }
                assert_eq!(entry_of(&states, step), step["entry"], "{step}");
            }
            vectors::Outcome::Tested
        });
    }

    #[test]
    fn a_repeated_batch_is_recognised_while_it_is_remembered() {
        let written: Vec<_> = (0..6).map(|n| stamped(n * 2, 2, 0, n as u64 * 2)).collect();
        let states = after(&written);
        check(&states, 2, 2, 0, SequenceCheck::Duplicate(Offset(2)));
        check(&states, 0, 2, 0, OUT_OF_ORDER);
        check(&states, 2, 1, 0, OUT_OF_ORDER);
        check(&states, 12, 9, 0, SequenceCheck::Append);
        check(&states, 13, 1, 0, OUT_OF_ORDER);
    }

    #[test]
    fn epochs_fence_and_start_over() {
        let states = after(&[stamped(0, 3, 1, 0)]);
        check(&states, 3, 1, 0, SequenceCheck::Refuse(ErrorCode::InvalidProducerEpoch));
        check(&states, 0, 1, 2, SequenceCheck::Append);
        check(&states, 3, 1, 2, OUT_OF_ORDER);
    }

    #[test]
    fn an_unknown_producer_may_start_anywhere() {
        check(&ProducerStates::default(), 99, 1, 0, SequenceCheck::Append);
    }

    #[test]
    fn sequences_wrap_to_zero() {
        let states = after(&[stamped(i32::MAX, 1, 0, 0)]);
        check(&states, 0, 1, 0, SequenceCheck::Append);
        let states = after(&[stamped(i32::MAX, 2, 0, 0)]);
        check(&states, 1, 1, 0, SequenceCheck::Append);
    }
}
