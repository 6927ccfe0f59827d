//! A bounded queue that keeps what matters most.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{Clock, Timestamp};

use crate::bounded_queue::{Popped, Pushed, QueueStats, until_filled};
use crate::ring::{Counts, preallocated};
use crate::sync::{Condvar, Deadline, Mutex, MutexGuard};

/// Highest priority first, oldest first among equals, with a bound. When it is full the lowest priority goes, the
/// newest of equals first, which may be the item just pushed.
///
/// A priority that is not a number counts as the lowest there is. Any number of threads push and pop. Dropping the
/// queue drops what waits.
pub struct PriorityQueue<T> {
    name: String,
    clock: Arc<dyn Clock>,
    line: Mutex<Line<T>>,
    /// Something waits, or the queue is closed.
    filled: Condvar,
    /// There is room, or the queue is closed.
    room: Condvar,
}

struct Entry<T> {
    priority: f32,
    since: Timestamp,
    item: T,
}

/// Lowest priority in front; among equals the newest in front.
struct Line<T> {
    entries: VecDeque<Entry<T>>,
    capacity: usize,
    closed: bool,
    counts: Counts,
}

impl<T> Line<T> {
    fn is_full(&self) -> bool {
        self.entries.len() >= self.capacity
    }

    /// Takes an item in and, where it is full, one out.
    fn offer(&mut self, priority: f32, item: T, now: Timestamp) -> Pushed<T> {
        if self.closed {
            return Pushed::Closed(item);
        }
        let priority = if priority.is_nan() { f32::NEG_INFINITY } else { priority };
        self.counts.pushed += 1;
        let place = self.entries.partition_point(|entry| entry.priority < priority);
        let entry = Entry { priority, since: now, item };
        if !self.is_full() {
            self.entries.insert(place, entry);
            return Pushed::Queued;
        }
        self.counts.dropped += 1;
        if place == 0 {
            return Pushed::Refused(entry.item);
        }
        let lowest = self.entries.pop_front();
        self.entries.insert(place - 1, entry);
        lowest.map_or(Pushed::Queued, |lowest| Pushed::Displaced(lowest.item))
    }
}

impl<T> PriorityQueue<T> {
    /// An empty queue for `capacity` items; 0 counts as 1. `clock` is only for measuring how long items wait.
    pub fn new(name: &str, capacity: usize, clock: Arc<dyn Clock>) -> Self {
        let capacity = capacity.max(1);
        let entries = preallocated(capacity);
        Self {
            name: name.to_owned(),
            clock,
            line: Mutex::new(Line { entries, capacity, closed: false, counts: Counts::default() }),
            filled: Condvar::new(),
            room: Condvar::new(),
        }
    }

    /// What it was called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Puts an item in. Never waits: where the queue is full, the lowest priority comes back, `Displaced` or, where
    /// that is this item, `Refused`.
    pub fn push(&self, priority: f32, item: T) -> Pushed<T> {
        let pushed = self.line.lock().offer(priority, item, self.clock.now());
        if matches!(pushed, Pushed::Queued | Pushed::Displaced(_)) {
            self.filled.notify_one();
        }
        pushed
    }

    /// Puts an item in once there is room for it: `Queued`, or `Closed` where the queue was closed first. Where all
    /// use this, nothing is lost; a later [`PriorityQueue::push`] may still displace it.
    pub fn push_wait(&self, priority: f32, item: T) -> Pushed<T> {
        let mut line = self.line.lock();
        while line.is_full() && !line.closed {
            Deadline::NEVER.wait(&self.room, &mut line);
        }
        let pushed = line.offer(priority, item, self.clock.now());
        drop(line);
        self.filled.notify_one();
        pushed
    }

    /// The highest priority. Waits for an item; `None` once the queue is closed and empty.
    pub fn pop(&self) -> Option<T> {
        match self.pop_until(Deadline::NEVER) {
            Popped::Item(item) => Some(item),
            Popped::Empty | Popped::Closed => None,
        }
    }

    /// [`PriorityQueue::pop`], but waits no longer than `timeout`.
    pub fn pop_timeout(&self, timeout: Duration) -> Popped<T> {
        self.pop_until(Deadline::after(timeout))
    }

    fn pop_until(&self, deadline: Deadline) -> Popped<T> {
        let mut line = self.line.lock();
        match until_filled(&mut line, &self.filled, deadline, |line| (line.entries.is_empty(), line.closed)) {
            Some(nothing) => nothing,
            None => self.take(line).map_or(Popped::Empty, Popped::Item),
        }
    }

    /// The highest priority, where anything waits.
    pub fn try_pop(&self) -> Option<T> {
        self.take(self.line.lock())
    }

    fn take(&self, mut line: MutexGuard<'_, Line<T>>) -> Option<T> {
        let entry = line.entries.pop_back()?;
        line.counts.pop(entry.since, self.clock.now());
        drop(line);
        self.room.notify_one();
        Some(entry.item)
    }

    /// Takes nothing in from now on and wakes everybody who waits. What is in the queue can still be popped.
    pub fn close(&self) {
        self.line.lock().closed = true;
        self.filled.notify_all();
        self.room.notify_all();
    }

    /// True once [`PriorityQueue::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.line.lock().closed
    }

    /// Takes out all that waits, highest priority first.
    pub fn drain(&self) -> Vec<T> {
        let mut line = self.line.lock();
        line.counts.drained += line.entries.len() as u64;
        let items = line.entries.drain(..).rev().map(|entry| entry.item).collect();
        drop(line);
        self.room.notify_all();
        items
    }

    /// What became of the items so far. `dropped` are those that went because the queue was full.
    pub fn stats(&self) -> QueueStats {
        let line = self.line.lock();
        line.counts.stats(line.entries.len(), line.capacity)
    }
}
