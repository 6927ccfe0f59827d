//! A bounded queue between threads that counts what it drops.

use std::sync::Arc;
use std::time::Duration;

use passerby_types::Clock;

use crate::ring::Ring;
use crate::sync::{Condvar, Deadline, Mutex, MutexGuard};

/// What a full queue does with one more item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// The pusher waits for room: nothing is lost. For files.
    Block,
    /// The oldest item makes room: what waits is fresh. For live cameras.
    DropOldest,
    /// The new item is refused.
    DropNewest,
}

/// What became of an item that was pushed, and of the one that had to go for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "an item that was not queued comes back in it"]
pub enum Pushed<T> {
    /// It is in the queue.
    Queued,
    /// It is in the queue, and this one made room for it.
    Displaced(T),
    /// It is not: the queue is full.
    Refused(T),
    /// It is not: the queue is closed.
    Closed(T),
    /// It is not: there was no room in time.
    TimedOut(T),
}

impl<T> Pushed<T> {
    /// The item that came out instead of staying in: the pushed one or the one that made room. `None` where the
    /// queue has both.
    pub fn lost(self) -> Option<T> {
        match self {
            Self::Queued => None,
            Self::Displaced(item) | Self::Refused(item) | Self::Closed(item) | Self::TimedOut(item) => {
                Some(item)
            }
        }
    }
}

/// What a timed pop gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Popped<T> {
    /// The next item.
    Item(T),
    /// Nothing came in time.
    Empty,
    /// The queue is closed and empty: nothing will ever come.
    Closed,
}

/// What became of a queue's items since it was made. At every moment
/// `pushed = popped + dropped + drained + depth`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// Items that wait.
    pub depth: usize,
    /// Items that can wait.
    pub capacity: usize,
    /// Items the queue was given, those it refused included. One that came back `Closed` or `TimedOut` does not count.
    pub pushed: u64,
    /// Items taken out one by one.
    pub popped: u64,
    /// Items that there was no room for: displaced and refused. They went back to the pusher.
    pub dropped: u64,
    /// Items taken out all at once.
    pub drained: u64,
    /// How long the popped items waited, added up.
    pub waited: Duration,
    /// The longest time that one of them waited.
    pub longest: Duration,
}

/// First in, first out, with a bound. Shared by reference or in an `Arc`: any number of threads push and pop.
///
/// Items never leave in another order than they came, and none is lost but by [`WhenFull`], which says so to the
/// pusher and in the counts. Dropping the queue drops what waits.
pub struct BoundedQueue<T> {
    name: String,
    clock: Arc<dyn Clock>,
    ring: Mutex<Ring<T>>,
    /// Something waits, or the queue is closed.
    filled: Condvar,
    /// There is room, or the queue is closed.
    room: Condvar,
}

impl<T> BoundedQueue<T> {
    /// An empty queue for `capacity` items; 0 counts as 1. `clock` is only for measuring how long items wait.
    pub fn new(name: &str, capacity: usize, when_full: WhenFull, clock: Arc<dyn Clock>) -> Self {
        Self {
            name: name.to_owned(),
            clock,
            ring: Mutex::new(Ring::new(capacity, when_full)),
            filled: Condvar::new(),
            room: Condvar::new(),
        }
    }

    /// What it was called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Puts an item at the end. Under [`WhenFull::Block`] this waits until there is room or the queue is closed;
    /// otherwise it never waits. Never `TimedOut`.
    pub fn push(&self, item: T) -> Pushed<T> {
        self.push_until(item, Deadline::NEVER)
    }

    /// [`BoundedQueue::push`], but waits no longer than `timeout`. A timeout of zero never waits.
    pub fn push_timeout(&self, item: T, timeout: Duration) -> Pushed<T> {
        self.push_until(item, Deadline::after(timeout))
    }

    fn push_until(&self, mut item: T, deadline: Deadline) -> Pushed<T> {
        let mut ring = self.ring.lock();
        let mut in_time = true;
        loop {
            match ring.offer(item, 0, self.clock.now()) {
                Ok(pushed) => {
                    drop(ring);
                    if matches!(pushed, Pushed::Queued | Pushed::Displaced(_)) {
                        self.filled.notify_one();
                    }
                    return pushed;
                }
                Err(back) if !in_time => return Pushed::TimedOut(back),
                Err(back) => item = back,
            }
            in_time = deadline.wait(&self.room, &mut ring);
        }
    }

    /// The oldest item. Waits for one; `None` once the queue is closed and empty.
    pub fn pop(&self) -> Option<T> {
        match self.pop_until(Deadline::NEVER) {
            Popped::Item(item) => Some(item),
            Popped::Empty | Popped::Closed => None,
        }
    }

    /// [`BoundedQueue::pop`], but waits no longer than `timeout`.
    pub fn pop_timeout(&self, timeout: Duration) -> Popped<T> {
        self.pop_until(Deadline::after(timeout))
    }

    fn pop_until(&self, deadline: Deadline) -> Popped<T> {
        let mut ring = self.ring.lock();
        match until_filled(&mut ring, &self.filled, deadline, |ring| (ring.is_empty(), ring.is_closed())) {
            Some(nothing) => nothing,
            None => self.take(ring).map_or(Popped::Empty, Popped::Item),
        }
    }

    /// The oldest item, where one waits.
    pub fn try_pop(&self) -> Option<T> {
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

    /// Takes nothing in from now on and wakes everybody who waits. What is in the queue can still be popped.
    pub fn close(&self) {
        self.ring.lock().close();
        self.filled.notify_all();
        self.room.notify_all();
    }

    /// True once [`BoundedQueue::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.ring.lock().is_closed()
    }

    /// Takes out all that waits, oldest first.
    pub fn drain(&self) -> Vec<T> {
        let items = self.ring.lock().drain();
        self.room.notify_all();
        items
    }

    /// What became of the items so far.
    pub fn stats(&self) -> QueueStats {
        self.ring.lock().stats()
    }
}

/// Waits until a line of items holds one: `None`. Else what its taker is told. `look` says whether the line is empty, and
/// whether it is closed.
pub(crate) fn until_filled<L, T>(
    line: &mut MutexGuard<'_, L>,
    filled: &Condvar,
    deadline: Deadline,
    look: impl Fn(&L) -> (bool, bool),
) -> Option<Popped<T>> {
    let mut in_time = true;
    loop {
        match look(line) {
            (false, _) => return None,
            (true, true) => return Some(Popped::Closed),
            (true, false) if !in_time => return Some(Popped::Empty),
            (true, false) => in_time = deadline.wait(filled, line),
        }
    }
}
