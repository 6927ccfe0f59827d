//! A bounded first-in, first-out queue between threads.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::Clock;

use crate::counts::{QueueStats, RecvOutcome, SendOutcome, WhenFull};
use crate::ring::Ring;
use crate::sync::{Condvar, Deadline, Fill, Mutex, MutexGuard, wait_until_filled};

/// A bounded first-in, first-out queue. Any number of threads send and receive; share it by reference or in an `Arc`.
///
/// Items leave in the order in which they came. An item is lost only by the [`WhenFull`] rule, and then the sender gets
/// it back and the queue counts it. Dropping the queue drops its items.
///
/// ```
/// use std::sync::Arc;
/// use std::thread;
///
/// use passerby_types::SystemClock;
/// use passerby_workers::{BoundedQueue, WhenFull};
///
/// let queue = BoundedQueue::new("numbers", 2, WhenFull::Block, Arc::new(SystemClock::new()));
/// thread::scope(|scope| {
///     scope.spawn(|| {
///         for number in 1..=10 {
///             assert!(queue.send(number).is_queued(), "waits while two numbers are in the queue");
///         }
///         queue.close();
///     });
///     let sum: u32 = std::iter::from_fn(|| queue.recv()).sum();
///     assert_eq!(sum, 55);
/// });
/// assert_eq!(queue.stats().dropped, 0);
/// ```
pub struct BoundedQueue<T> {
    name: String,
    clock: Arc<dyn Clock>,
    ring: Mutex<Ring<T>>,
    /// Notified if an item came or the queue was closed.
    filled: Condvar,
    /// Notified if there is room or the queue was closed.
    room: Condvar,
}

impl<T> BoundedQueue<T> {
    /// Creates an empty queue for `capacity` items; 0 counts as 1. The queue uses `clock` only to measure how long items
    /// wait.
    pub fn new(name: &str, capacity: usize, when_full: WhenFull, clock: Arc<dyn Clock>) -> Self {
        Self {
            name: name.to_owned(),
            clock,
            ring: Mutex::new(Ring::new(capacity, when_full)),
            filled: Condvar::new(),
            room: Condvar::new(),
        }
    }

    /// Returns the name that the queue was created with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds an item at the end. Under [`WhenFull::Block`] this waits until there is room or the queue is closed.
    /// Otherwise it never waits. Never returns `TimedOut`.
    pub fn send(&self, item: T) -> SendOutcome<T> {
        self.send_until(item, Deadline::NEVER)
    }

    /// Adds an item at the end like [`BoundedQueue::send`], but waits at most `timeout` for room. If `timeout` is zero,
    /// it never waits.
    pub fn send_timeout(&self, item: T, timeout: Duration) -> SendOutcome<T> {
        self.send_until(item, Deadline::after(timeout))
    }

    fn send_until(&self, mut item: T, deadline: Deadline) -> SendOutcome<T> {
        let mut ring = self.ring.lock();
        let mut in_time = true;
        loop {
            match ring.offer(item, 0, self.clock.now()) {
                Ok(outcome) => {
                    drop(ring);
                    if outcome.is_queued() {
                        self.filled.notify_one();
                    }
                    return outcome;
                }
                Err(back) if !in_time => return SendOutcome::TimedOut(back),
                Err(back) => item = back,
            }
            in_time = deadline.wait(&self.room, &mut ring);
        }
    }

    /// Waits for an item and returns the oldest. Returns `None` if the queue is closed and empty.
    pub fn recv(&self) -> Option<T> {
        match self.recv_until(Deadline::NEVER) {
            RecvOutcome::Item(item) => Some(item),
            RecvOutcome::Empty | RecvOutcome::Closed => None,
        }
    }

    /// Waits at most `timeout` for an item and returns the oldest.
    pub fn recv_timeout(&self, timeout: Duration) -> RecvOutcome<T> {
        self.recv_until(Deadline::after(timeout))
    }

    fn recv_until(&self, deadline: Deadline) -> RecvOutcome<T> {
        let mut ring = self.ring.lock();
        let fill = |ring: &Ring<T>| Fill { empty: ring.is_empty(), closed: ring.is_closed() };
        match wait_until_filled(&mut ring, &self.filled, deadline, fill) {
            Some(nothing) => nothing,
            None => self.take(ring).map_or(RecvOutcome::Empty, RecvOutcome::Item),
        }
    }

    /// Returns the oldest item without waiting, or `None` if the queue is empty.
    pub fn try_recv(&self) -> Option<T> {
        self.take(self.ring.lock())
    }

    fn take(&self, mut ring: MutexGuard<'_, Ring<T>>) -> Option<T> {
        let item = ring.take(self.clock.now());
        drop(ring);
        if item.is_some() {
            self.room.notify_one();
        }
        item
    }

    /// Refuses all further items and wakes every thread that waits in the queue. Items in the queue can still be
    /// received.
    pub fn close(&self) {
        self.ring.lock().close();
        self.filled.notify_all();
        self.room.notify_all();
    }

    /// Returns true if [`BoundedQueue::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.ring.lock().is_closed()
    }

    /// Removes and returns all items, oldest first.
    pub fn drain(&self) -> Vec<T> {
        let items = self.ring.lock().drain();
        self.room.notify_all();
        items
    }

    /// Returns the counts of the queue.
    pub fn stats(&self) -> QueueStats {
        self.ring.lock().stats()
    }
}

impl<T> fmt::Debug for BoundedQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = self.stats();
        f.debug_struct("BoundedQueue")
            .field("name", &self.name)
            .field("stats", &stats)
            .finish_non_exhaustive()
    }
}
