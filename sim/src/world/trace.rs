//! The trace: one hash over all that happened, by which two runs are compared.
//!
//! Every input's place in the order and every effect's fingerprint are folded in. Both hosts, all
//! build profiles and all machines must agree on it, so nothing here depends on `usize`, on an
//! address, or on the standard library's choice of hasher.

use kafkalab_core::chance::mix;
use kafkalab_core::event::Event;
use std::fmt;
use std::hash::{Hash, Hasher};
use xxhash_rust::xxh3::Xxh3;

/// What two equal runs have in common.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceHash(pub u64);

impl fmt::Display for TraceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "xxh3:{:016x}", self.0)
    }
}

impl fmt::Debug for TraceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The running hash. Words are gathered and hashed in blocks.
#[derive(Clone)]
pub(super) struct Trace {
    hash: Xxh3,
    block: [u8; Self::BLOCK],
    filled: usize,
}

impl Trace {
    const BLOCK: usize = 1024;

    pub(super) fn new(seed: u64) -> Self {
        Self { hash: Xxh3::with_seed(seed), block: [0; Self::BLOCK], filled: 0 }
    }

    /// Folds a word in.
    pub(super) fn word(&mut self, word: u64) {
        self.block[self.filled..self.filled + 8].copy_from_slice(&word.to_le_bytes());
        self.filled += 8;
        if self.filled == Self::BLOCK {
            self.hash.update(&self.block);
            self.filled = 0;
        }
    }

    /// Folds some words in.
    pub(super) fn words<const N: usize>(&mut self, words: [u64; N]) {
        for word in words {
            self.word(word);
        }
    }

    /// The hash of everything so far.
    pub(super) fn digest(&self) -> TraceHash {
        let mut hash = self.hash.clone();
        hash.update(&self.block[..self.filled]);
        TraceHash(hash.digest())
    }
}

/// The fingerprint of an event: its own `Hash`, folded the same way everywhere.
pub(super) fn fingerprint(event: &Event) -> u64 {
    let mut folder = Folder(0);
    event.hash(&mut folder);
    folder.finish()
}

/// A hasher whose result is the same on every machine: multiply and rotate, mixed at the end.
struct Folder(u64);

impl Folder {
    fn fold(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

impl Hasher for Folder {
    fn finish(&self) -> u64 {
        mix(self.0, 0x7ace)
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.fold(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, n: u8) {
        self.fold(u64::from(n));
    }

    fn write_u16(&mut self, n: u16) {
        self.fold(u64::from(n));
    }

    fn write_u32(&mut self, n: u32) {
        self.fold(u64::from(n));
    }

    fn write_u64(&mut self, n: u64) {
        self.fold(n);
    }

    fn write_usize(&mut self, n: usize) {
        self.fold(n as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafkalab_core::event::ClientEvent;
    use kafkalab_core::id::ProducerId;

    #[test]
    fn blocks_do_not_show_in_the_hash() {
        let mut trace = Trace::new(1);
        (0..1_000).for_each(|word| trace.word(word));
        let mut bytes = Xxh3::with_seed(1);
        (0..1_000_u64).for_each(|word| bytes.update(&word.to_le_bytes()));
        assert_eq!(trace.digest(), TraceHash(bytes.digest()));
    }

    #[test]
    fn a_fingerprint_sees_the_numbers() {
        let of = |id| {
            fingerprint(&ClientEvent::ProducerIdAssigned { producer_id: ProducerId(id) }.into())
        };
        assert_ne!(of(1), of(2));
        assert_eq!(of(1), of(1));
    }
}
