//! Pools of buffers for pictures and embeddings.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use crate::recycler::Recycler;

/// Lends buffers and takes them back when they are dropped, so that a steady stream of frames allocates nothing.
///
/// A clone shares the same buffers. The pool may be dropped while buffers are lent: they are then freed.
#[derive(Clone, Debug)]
pub struct BufferPool<T> {
    store: Arc<BufferStore<T>>,
}

/// Buffers for the bytes of pictures.
pub type FramePool = BufferPool<u8>;

/// Buffers for the numbers of embeddings: see [`Embedding::new_in`](crate::Embedding::new_in).
pub type EmbeddingPool = BufferPool<f32>;

/// The counts of a [`BufferPool`] since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BufferPoolStats {
    /// Buffers that had to be allocated or grown.
    pub allocated: u64,
    /// Buffers that were lent a second time or more without an allocation.
    pub reused: u64,
}

/// The idle buffers of a pool, and its counts.
#[derive(Debug)]
struct BufferStore<T> {
    buffers: Recycler<Vec<T>>,
    allocated: AtomicU64,
    reused: AtomicU64,
}

impl<T: Copy + Default> BufferPool<T> {
    /// Creates a pool that keeps at most `keep` idle buffers and frees the others.
    #[must_use]
    pub fn new(keep: usize) -> Self {
        let store = BufferStore {
            buffers: Recycler::new(keep),
            allocated: AtomicU64::new(0),
            reused: AtomicU64::new(0),
        };
        Self { store: Arc::new(store) }
    }

    /// Returns a buffer of `len` bytes or numbers. Its content is left over from its last use.
    #[must_use]
    pub fn take(&self, len: usize) -> Buffer<T> {
        let idle = self.store.buffers.take();
        let counter = match &idle {
            Some(items) if items.capacity() >= len => &self.store.reused,
            _ => &self.store.allocated,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let mut items = idle.unwrap_or_default();
        items.resize(len, T::default());
        Buffer { items, home: Arc::downgrade(&self.store) }
    }

    /// Returns the counts since the pool was made.
    #[must_use]
    pub fn stats(&self) -> BufferPoolStats {
        BufferPoolStats {
            allocated: self.store.allocated.load(Ordering::Relaxed),
            reused: self.store.reused.load(Ordering::Relaxed),
        }
    }
}

impl<T: Copy + Default> Default for BufferPool<T> {
    /// Creates a pool that keeps eight idle buffers: one camera's queue, the frames being worked on, and two to spare.
    fn default() -> Self {
        Self::new(8)
    }
}

/// Bytes or numbers that go back to their [`BufferPool`] when dropped. Those that were made from a `Vec` are freed.
pub struct Buffer<T = u8> {
    items: Vec<T>,
    home: Weak<BufferStore<T>>,
}

impl<T> From<Vec<T>> for Buffer<T> {
    fn from(items: Vec<T>) -> Self {
        Self { items, home: Weak::new() }
    }
}

impl<T> Deref for Buffer<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<T> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.items
    }
}

/// Copies into another buffer of the same pool.
impl<T: Copy + Default> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        let Some(store) = self.home.upgrade() else { return self.items.clone().into() };
        let mut copy = BufferPool { store }.take(self.items.len());
        copy.copy_from_slice(&self.items);
        copy
    }
}

/// Prints the length only: the content may be a face.
impl<T> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", size_of_val(self.items.as_slice()))
    }
}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        if let Some(store) = self.home.upgrade() {
            store.buffers.give_back(std::mem::take(&mut self.items));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_is_lent_again() {
        let pool = FramePool::new(2);
        for _ in 0..100 {
            let (a, b) = (pool.take(1000), pool.take(500));
            assert_eq!((a.len(), b.len()), (1000, 500));
        }
        let stats = pool.stats();
        // Two to begin with, and one at most that had to grow from 500 to 1000.
        assert!(stats.allocated <= 3, "{stats:?}");
        assert_eq!(stats.allocated + stats.reused, 200);
    }

    #[test]
    fn a_pool_keeps_a_bounded_number_of_buffers() {
        let pool = FramePool::new(1);
        let out = [pool.take(10), pool.take(10), pool.take(10)];
        drop(out);
        assert_eq!(pool.store.buffers.idle(), 1);
    }

    #[test]
    fn a_buffer_may_outlive_its_pool() {
        let pool = FramePool::new(1);
        let late = pool.take(10);
        drop(pool);
        assert_eq!(late.clone().len(), 10);
    }

    #[test]
    fn a_copy_lies_in_the_same_pool() {
        let pool = EmbeddingPool::new(2);
        for n in 0..100u8 {
            let mut first = pool.take(3);
            first.fill(f32::from(n));
            let copy = first.clone();
            first.fill(-1.0);
            assert_eq!(*copy, [f32::from(n); 3]);
        }
        assert_eq!((pool.stats().allocated, pool.stats().reused), (2, 198));
    }
}
