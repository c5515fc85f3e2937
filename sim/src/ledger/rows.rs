//! The rows of one producer, in shared chunks: a snapshot of a long run copies what changed since.

use super::fate::Row;
use std::sync::Arc;

const CHUNK: usize = 128;

/// Rows by ordinal.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    chunks: Vec<Arc<Vec<Row>>>,
    len: usize,
}

impl Rows {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn push(&mut self, row: Row) {
        if self.len.is_multiple_of(CHUNK) {
            self.chunks.push(Arc::new(Vec::with_capacity(CHUNK)));
        }
        let tail = self.chunks.last_mut().expect("just made if there was none");
        Arc::make_mut(tail).push(row);
        self.len += 1;
    }

    pub(super) fn get(&self, n: usize) -> Option<&Row> {
        self.chunks.get(n / CHUNK)?.get(n % CHUNK)
    }

    pub(super) fn get_mut(&mut self, n: usize) -> Option<&mut Row> {
        Arc::make_mut(self.chunks.get_mut(n / CHUNK)?).get_mut(n % CHUNK)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Row> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Row> {
        self.chunks.iter_mut().flat_map(|chunk| Arc::make_mut(chunk).iter_mut())
    }
}
