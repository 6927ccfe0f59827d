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

/// A larger buffer is freed when it is dropped, so that a few large pictures don't hold memory for ever.
const MAX_IDLE_BYTES: usize = 32 << 20;

/// The idle buffers of a pool, and its counts.
#[derive(Debug)]
struct BufferStore<T> {
    buffers: Recycler<Arc<Content<T>>>,
    allocated: AtomicU64,
    reused: AtomicU64,
    lent_bytes: Arc<AtomicU64>,
}

/// The content of a buffer.
#[derive(Debug, Default)]
struct Content<T> {
    items: Vec<T>,
    /// Counts the bytes while they are lent.
    lent: Option<LentBytes>,
}

/// Bytes that are counted as lent until this is dropped.
#[derive(Debug)]
struct LentBytes {
    bytes: u64,
    all: Arc<AtomicU64>,
}

impl LentBytes {
    fn new(bytes: usize, all: &Arc<AtomicU64>) -> Self {
        let bytes = bytes as u64;
        all.fetch_add(bytes, Ordering::Relaxed);
        Self { bytes, all: Arc::clone(all) }
    }
}

impl Drop for LentBytes {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl<T: Copy + Default> BufferPool<T> {
    /// Creates a pool that keeps at most `keep` idle buffers and frees the others.
    #[must_use]
    pub fn new(keep: usize) -> Self {
        let store = BufferStore {
            buffers: Recycler::new(keep),
            allocated: AtomicU64::new(0),
            reused: AtomicU64::new(0),
            lent_bytes: Arc::default(),
        };
        Self { store: Arc::new(store) }
    }

    /// Returns a buffer of `len` bytes or numbers. Its content is left over from its last use.
    #[must_use]
    pub fn take(&self, len: usize) -> Buffer<T> {
        let mut shared = self.store.buffers.take().unwrap_or_default();
        let mut counter = &self.store.allocated;
        let lent = Some(LentBytes::new(len * size_of::<T>(), &self.store.lent_bytes));
        match Arc::get_mut(&mut shared) {
            Some(content) => {
                if content.items.capacity() >= len {
                    counter = &self.store.reused;
                }
                content.items.resize(len, T::default());
                content.lent = lent;
            }
            // Only buffers without another owner are given back.
            None => shared = Arc::new(Content { items: vec![T::default(); len], lent }),
        }
        counter.fetch_add(1, Ordering::Relaxed);
        Buffer { items: Some(shared), home: Arc::downgrade(&self.store) }
    }

    /// Returns the bytes of all buffers that are lent now.
    ///
    /// ```
    /// use passerby_types::FramePool;
    ///
    /// let pool = FramePool::default();
    /// let picture = pool.take(1000);
    /// assert_eq!(pool.lent_bytes(), 1000);
    /// drop(picture);
    /// assert_eq!(pool.lent_bytes(), 0);
    /// ```
    #[must_use]
    pub fn lent_bytes(&self) -> u64 {
        self.store.lent_bytes.load(Ordering::Relaxed)
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
///
/// A clone shares the content. If a buffer is written while a clone exists, it first copies the content to another buffer of
/// its pool, so that the clone keeps its content.
///
/// ```
/// use passerby_types::FramePool;
///
/// let pool = FramePool::new(2);
/// let mut bytes = pool.take(3);
/// bytes.fill(7);
/// let clone = bytes.clone();
/// assert_eq!(clone.as_ptr(), bytes.as_ptr());
///
/// bytes.fill(9);
/// assert_eq!((clone[0], bytes[0]), (7, 9));
/// ```
pub struct Buffer<T: Copy + Default = u8> {
    /// The content, or `None` if it is empty.
    items: Option<Arc<Content<T>>>,
    home: Weak<BufferStore<T>>,
}

impl<T: Copy + Default> Buffer<T> {
    /// Returns a copy of the content in another buffer of the same pool.
    pub(crate) fn copied(&self) -> Self {
        let mut copy = match self.home.upgrade() {
            Some(store) => BufferPool { store }.take(self.len()),
            None => self.to_vec().into(),
        };
        copy.copy_from_slice(self);
        copy
    }

    /// Copies the content if a clone shares it.
    fn unshare(&mut self) {
        if self.items.as_ref().is_some_and(|items| Arc::strong_count(items) > 1) {
            *self = self.copied();
        }
    }
}

impl<T: Copy + Default> Default for Buffer<T> {
    /// Creates an empty buffer of no pool. Does not allocate.
    fn default() -> Self {
        Self { items: None, home: Weak::new() }
    }
}

impl<T: Copy + Default> From<Vec<T>> for Buffer<T> {
    fn from(items: Vec<T>) -> Self {
        Self { items: Some(Arc::new(Content { items, lent: None })), home: Weak::new() }
    }
}

impl<T: Copy + Default> Deref for Buffer<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        self.items.as_ref().map_or(&[], |content| &content.items)
    }
}

impl<T: Copy + Default> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.unshare();
        self.items.as_mut().and_then(Arc::get_mut).map_or(&mut [], |content| &mut content.items)
    }
}

/// Shares the content. Neither copies nor allocates.
impl<T: Copy + Default> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        Self { items: self.items.clone(), home: Weak::clone(&self.home) }
    }
}

/// Prints the length only: the content may be a face.
impl<T: Copy + Default> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", size_of_val::<[T]>(self))
    }
}

impl<T: Copy + Default> Drop for Buffer<T> {
    fn drop(&mut self) {
        let Some(mut shared) = self.items.take() else { return };
        // If two clones are dropped at the same moment, each may see the other, and the pool loses the buffer.
        if let (Some(store), Some(content)) = (self.home.upgrade(), Arc::get_mut(&mut shared))
            && content.items.capacity() * size_of::<T>() <= MAX_IDLE_BYTES
        {
            content.lent = None;
            store.buffers.give_back(shared);
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
            let a = pool.take(1000);
            let b = pool.take(500);
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
    fn lent_bytes_count_each_content_once() {
        let pool = EmbeddingPool::new(1);
        let first = pool.take(3);
        let clone = first.clone();
        let second = pool.take(5);
        assert_eq!(pool.lent_bytes(), 4 * 8);
        drop((first, second));
        assert_eq!(pool.lent_bytes(), 4 * 3, "the clone still has it");
        drop(clone);
        assert_eq!(pool.lent_bytes(), 0);
    }

    #[test]
    fn a_large_buffer_is_freed() {
        let pool = FramePool::new(4);
        drop(pool.take(MAX_IDLE_BYTES + 1));
        drop(pool.take(MAX_IDLE_BYTES));
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
    fn a_clone_keeps_its_content_if_the_buffer_is_written() {
        let pool = EmbeddingPool::new(2);
        for n in 0..100u8 {
            let mut first = pool.take(3);
            first.fill(f32::from(n));
            let clone = first.clone();
            first.fill(-1.0);
            assert_eq!(*clone, [f32::from(n); 3]);
        }
        assert_eq!((pool.stats().allocated, pool.stats().reused), (2, 198));
    }

    #[test]
    fn a_clone_shares_the_buffer() {
        let pool = FramePool::new(2);
        let first = pool.take(3);
        let clone = first.clone();
        assert_eq!(first.as_ptr(), clone.as_ptr());
        drop(first);
        assert_eq!(pool.store.buffers.idle(), 0, "the clone still has it");
        drop(clone);
        assert_eq!((pool.store.buffers.idle(), pool.stats().allocated), (1, 1));
    }

    #[test]
    fn a_clone_of_a_buffer_without_a_pool_keeps_its_content() {
        let mut first = Buffer::from(vec![1, 2, 3]);
        let clone = first.clone();
        first.fill(9);
        assert_eq!((&*first, &*clone), (&[9; 3][..], &[1, 2, 3][..]));
    }

    #[test]
    fn an_empty_buffer_can_be_read_and_written() {
        let mut empty = Buffer::<u8>::default();
        assert!(empty.is_empty() && empty.iter_mut().next().is_none());
    }
}
