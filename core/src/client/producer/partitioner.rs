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

    /// P-32: (key, hash, partition of 12). The keys up to `abc` are those of Kafka's `UtilsTest`.
    const VECTORS: [(&str, i32, u32); 17] = [
        ("", 275_646_681, 9),
        ("21", -973_932_308, 0),
        ("foobar", -790_332_482, 6),
        ("a-little-bit-long-string", -985_981_536, 8),
        ("a-little-bit-longer-string", -1_486_304_829, 11),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971, 5),
        ("abc", 479_470_107, 3),
        ("a", -1_563_381_124, 4),
        ("ab", 316_155_434, 2),
        ("abcd", -1_323_649_548, 8),
        ("key-0", 29_210_041, 1),
        ("key-1", 193_331_640, 0),
        ("key-2", 852_269_702, 2),
        ("key-3", -1_839_136_101, 11),
        ("user-1", 1_404_122_828, 8),
        ("user-42", 1_459_644_460, 4),
        ("order-1001", 297_523_878, 6),
    ];

    #[test]
    fn murmur2_is_kafkas() {
        for (key, hash, partition) in VECTORS {
            assert_eq!(murmur2(key.as_bytes()), hash, "{key}");
            assert_eq!(partition_for_key(key.as_bytes(), 12), partition, "{key}");
        }
        for (number, hash) in [(0_i64, -522_759_933), (1, 2_100_486_060), (42, 506_863_552)] {
            assert_eq!(murmur2(&number.to_be_bytes()), hash, "{number}");
        }
    }
}
