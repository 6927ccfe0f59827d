//! Buffers for pictures, used again and again.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Lends buffers and takes them back when they are dropped, so that a steady stream of frames allocates nothing.
///
/// A clone shares the same buffers. Dropping the pool while buffers are out is fine: they are then freed.
#[derive(Clone, Debug)]
pub struct FramePool {
    shelf: Arc<Shelf>,
}

/// What a [`FramePool`] has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStats {
    /// Buffers that had to be allocated or grown.
    pub allocated: u64,
    /// Buffers that were lent a second time or more without an allocation.
    pub reused: u64,
}

struct Shelf {
    idle: Mutex<Vec<Vec<u8>>>,
    keep: usize,
    allocated: AtomicU64,
    reused: AtomicU64,
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").field("keep", &self.keep).finish_non_exhaustive()
    }
}

impl FramePool {
    /// A pool that keeps at most `keep` idle buffers; what comes back beyond that is freed.
    #[must_use]
    pub fn new(keep: usize) -> Self {
        let shelf = Shelf {
            idle: Mutex::new(Vec::with_capacity(keep)),
            keep,
            allocated: AtomicU64::new(0),
            reused: AtomicU64::new(0),
        };
        Self { shelf: Arc::new(shelf) }
    }

    /// A buffer of `len` bytes. What stands in it is left over from its last use.
    #[must_use]
    pub fn take(&self, len: usize) -> Buffer {
        let idle = self.shelf.lock().pop();
        let counter = match &idle {
            Some(bytes) if bytes.capacity() >= len => &self.shelf.reused,
            _ => &self.shelf.allocated,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let mut bytes = idle.unwrap_or_default();
        bytes.resize(len, 0);
        Buffer { bytes, home: Arc::downgrade(&self.shelf) }
    }

    /// What the pool has done so far.
    #[must_use]
    pub fn stats(&self) -> PoolStats {
        PoolStats {
            allocated: self.shelf.allocated.load(Ordering::Relaxed),
            reused: self.shelf.reused.load(Ordering::Relaxed),
        }
    }
}

impl Default for FramePool {
    /// A pool that keeps eight idle buffers: one camera's queue, the frames being worked on, and two to spare.
    fn default() -> Self {
        Self::new(8)
    }
}

impl Shelf {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        // A panic while the lock is held leaves a valid list of buffers behind.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that go back to their [`FramePool`] when dropped, or are simply freed where they came from a `Vec`.
pub struct Buffer {
    bytes: Vec<u8>,
    home: Weak<Shelf>,
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, home: Weak::new() }
    }
}

impl Deref for Buffer {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

/// The length only: the bytes may be a face.
impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.bytes.len())
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(shelf) = self.home.upgrade() {
            let mut idle = shelf.lock();
            if idle.len() < shelf.keep {
                idle.push(std::mem::take(&mut self.bytes));
            }
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
    fn a_pool_keeps_no_more_than_told_and_may_go_first() {
        let pool = FramePool::new(1);
        let out = [pool.take(10), pool.take(10), pool.take(10)];
        drop(out);
        assert_eq!(pool.shelf.lock().len(), 1);
        let late = pool.take(10);
        drop(pool);
        assert_eq!(late.len(), 10);
    }
}
