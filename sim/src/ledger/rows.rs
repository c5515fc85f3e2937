//! Values by ordinal, in shared chunks: a snapshot of a long run copies what changed since.

use std::sync::Arc;

const CHUNK: usize = 128;

/// A vector that is cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Chunked<T> {
    chunks: Vec<Arc<Vec<T>>>,
    len: usize,
}

impl<T> Default for Chunked<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

impl<T: Clone> Chunked<T> {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn push(&mut self, value: T) {
        if self.len.is_multiple_of(CHUNK) {
            self.chunks.push(Arc::new(Vec::with_capacity(CHUNK)));
        }
        let tail = self.chunks.last_mut().expect("just made if there was none");
        Arc::make_mut(tail).push(value);
        self.len += 1;
    }

    pub(super) fn get(&self, n: usize) -> Option<&T> {
        self.chunks.get(n / CHUNK)?.get(n % CHUNK)
    }

    pub(super) fn get_mut(&mut self, n: usize) -> Option<&mut T> {
        Arc::make_mut(self.chunks.get_mut(n / CHUNK)?).get_mut(n % CHUNK)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }
}

impl<T: Clone + Default> Chunked<T> {
    /// The value of ordinal `n`, made if nobody asked for it before.
    pub(super) fn entry(&mut self, n: usize) -> &mut T {
        while self.len <= n {
            self.push(T::default());
        }
        self.get_mut(n).expect("made if it was missing")
    }
}
