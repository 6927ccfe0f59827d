//! A queue between a thread that must not wait and a thread that writes.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Whole rows for a file, which are written together or not at all.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// The position of the file among those of its output.
    pub(crate) file: usize,
    pub(crate) bytes: Vec<u8>,
    /// The number of frames that the rows are of.
    pub(crate) frames: u64,
    /// True if it is the last one for its file.
    pub(crate) last: bool,
}

/// A queue of chunks that holds a limited number of bytes.
pub(crate) struct ChunkQueue {
    capacity: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    chunks: VecDeque<Chunk>,
    bytes: usize,
    /// True while the receiver is at work on a chunk.
    busy: bool,
    closed: bool,
}

impl ChunkQueue {
    /// Creates a queue for `capacity` bytes. A larger chunk fits if no other waits.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Adds the chunk, or returns it if it does not fit within `timeout`.
    pub(crate) fn send(&self, chunk: Chunk, timeout: Duration) -> Result<(), Chunk> {
        let has_room = |state: &State| {
            state.chunks.is_empty() || state.bytes.saturating_add(chunk.bytes.len()) <= self.capacity
        };
        let mut state = self.wait(timeout, has_room);
        if !has_room(&state) {
            return Err(chunk);
        }
        state.bytes += chunk.bytes.len();
        state.chunks.push_back(chunk);
        self.changed.notify_all();
        Ok(())
    }

    /// Returns the next chunk, or `None` after the last one of a closed queue. Waits while the queue is empty. The call
    /// says that the chunk before is done.
    pub(crate) fn recv(&self) -> Option<Chunk> {
        let mut state = self.lock();
        state.busy = false;
        self.changed.notify_all();
        while state.chunks.is_empty() && !state.closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let chunk = state.chunks.pop_front()?;
        state.bytes -= chunk.bytes.len();
        state.busy = true;
        self.changed.notify_all();
        Some(chunk)
    }

    /// Waits until every chunk is done, at most for `timeout`.
    pub(crate) fn wait_until_done(&self, timeout: Duration) {
        drop(self.wait(timeout, |state| state.chunks.is_empty() && !state.busy));
    }

    /// Ends the queue after the chunks in it.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn wait(&self, timeout: Duration, condition: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let start = Instant::now();
        let mut state = self.lock();
        while !condition(&state) {
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                break;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(len: usize) -> Chunk {
        Chunk { bytes: vec![b'x'; len], frames: 1, ..Chunk::default() }
    }

    #[test]
    fn a_full_queue_gives_the_chunk_back() {
        let queue = ChunkQueue::new(10);
        assert_eq!(queue.send(chunk(6), Duration::ZERO), Ok(()));
        assert_eq!(queue.send(chunk(5), Duration::ZERO), Err(chunk(5)));
        assert_eq!(queue.send(chunk(4), Duration::ZERO), Ok(()));
        assert_eq!(queue.recv(), Some(chunk(6)));
        assert_eq!(queue.send(chunk(5), Duration::ZERO), Ok(()));
    }

    #[test]
    fn a_chunk_beyond_the_capacity_goes_alone() {
        let queue = ChunkQueue::new(10);
        assert_eq!(queue.send(chunk(11), Duration::ZERO), Ok(()));
        assert_eq!(queue.send(chunk(1), Duration::ZERO), Err(chunk(1)));
    }

    #[test]
    fn a_closed_queue_ends_after_its_chunks() {
        let queue = ChunkQueue::new(10);
        queue.send(chunk(1), Duration::ZERO).unwrap();
        queue.close();
        assert_eq!((queue.recv(), queue.recv()), (Some(chunk(1)), None));
    }
}
