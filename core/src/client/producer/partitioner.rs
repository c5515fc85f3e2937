//! Which partition a record goes to: `BuiltInPartitioner` and `Utils.murmur2`.
//!
//! With a key, the hash of the key over *all* partitions, available or not (P-31): a key keeps its
//! partition while a leader is missing. Without, the uniform sticky choice of KIP-794 (P-35): stay
//! until a batch's worth of bytes went there, so that batches fill, then draw again.
//!
//! ## Simplified
//! No explicit partition, no custom partitioner, and not the adaptive half of KIP-794 (P-36), which
//! prefers partitions with short queues.

use crate::chance::Draws;
use crate::client::metadata::Metadata;
use crate::id::TopicId;
use crate::time::Instant;

/// Kafka's hash of a key.
pub(super) fn murmur2(bytes: &[u8]) -> i32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ bytes.len() as u32;
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes(word.try_into().expect("chunks of four"));
        k = k.wrapping_mul(M);
        k ^= k >> 24;
        k = k.wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    let tail = words.remainder();
    if !tail.is_empty() {
        for (place, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    (hash ^ (hash >> 15)) as i32
}

/// The partition of a key among `count` partitions.
pub(super) fn partition_for_key(key: &[u8], count: u32) -> u32 {
    assert!(count > 0, "a topic has at least one partition");
    (murmur2(key) & 0x7fff_ffff) as u32 % count
}

/// The sticky choice for records without a key.
#[derive(Clone, Debug)]
pub(super) struct StickyPartitioner {
    topic: TopicId,
    batch_size: u32,
    current: Option<u32>,
    /// Bytes appended since `current` was chosen.
    produced: u32,
    draws: Draws,
}

impl StickyPartitioner {
    /// Has not chosen yet.
    pub(super) const fn new(topic: TopicId, batch_size: u32, draws: Draws) -> Self {
        Self { topic, batch_size, current: None, produced: 0, draws }
    }

    /// The partition of the moment.
    pub(super) fn current(&mut self, now: Instant, metadata: &Metadata) -> u32 {
        let chosen = self.current.unwrap_or_else(|| self.choose(now, metadata));
        self.current = Some(chosen);
        chosen
    }

    /// Counts `bytes` as appended, and moves on if that was enough. Enough is a batch's worth once
    /// every batch of the partition is full (else a fraction of a batch would be left behind), or
    /// twice as much in any case. Says whether another choice was made.
    pub(super) fn count(
        &mut self,
        bytes: u32,
        are_all_full: bool,
        now: Instant,
        metadata: &Metadata,
    ) -> bool {
        assert!(self.current.is_some(), "bytes went to the current partition");
        self.produced = self.produced.saturating_add(bytes);
        let enough = self.produced >= self.batch_size && are_all_full;
        let moves_on = enough || self.produced >= self.batch_size.saturating_mul(2);
        if moves_on {
            self.current = Some(self.choose(now, metadata));
            self.produced = 0;
        }
        moves_on
    }

    /// Any partition with a leader; if there is none, any.
    fn choose(&mut self, now: Instant, metadata: &Metadata) -> u32 {
        let mut available: Vec<u32> = metadata.available(self.topic).collect();
        if available.is_empty() {
            let count = metadata.partition_count(self.topic).expect("metadata comes before a send");
            available = (0..count).collect();
        }
        let place = self.draws.one_of(now, available.iter().map(|n| u64::from(*n)));
        available[place.expect("a topic has at least one partition")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordinator;
    use crate::testing::vectors;
    use serde_json::Value;

    /// The bytes of a key, written as pairs of hexadecimal digits.
    fn bytes(hex: &str) -> Vec<u8> {
        let pairs = hex.as_bytes().chunks(2);
        let pairs = pairs.map(|pair| std::str::from_utf8(pair).expect("ASCII"));
        pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal")).collect()
    }

    fn check_key(line: &Value) {
        let key = bytes(line["hex"].as_str().expect("a key"));
        assert_eq!(line["murmur2"], murmur2(&key));
        assert_eq!(line["to_positive"], murmur2(&key) & 0x7fff_ffff);
        for (count, partition) in line["partition"].as_object().expect("counts") {
            let count = count.parse().expect("a number of partitions");
            assert_eq!(*partition, partition_for_key(&key, count), "of {count}");
        }
    }

    fn check_id(line: &Value) {
        let id = line["id"].as_str().expect("an id");
        assert_eq!(line["hash_code"], coordinator::hash_code(id));
        for (count, partition) in line["partition"].as_object().expect("counts") {
            let count = count.parse().expect("a number of partitions");
            assert_eq!(*partition, coordinator::partition_for_id(id, count), "of {count}");
        }
    }

    #[test]
    fn every_key_and_every_id_goes_where_kafka_puts_it() {
        vectors::check(include_str!("../../../../tests/oracle/partitioning.jsonl"), |line| {
            match line["kind"].as_str() {
                Some("key") => check_key(line),
                Some("group" | "transactional_id") => check_id(line),
                kind => panic!("{kind:?}"),
            }
            vectors::Outcome::Tested
        });
    }

    #[test]
    fn numbers_are_hashed_as_their_eight_bytes() {
        for (number, hash) in [(0_i64, -522_759_933), (1, 2_100_486_060), (42, 506_863_552)] {
            assert_eq!(murmur2(&number.to_be_bytes()), hash, "{number}");
        }
    }
}
