//! A bounded queue that keeps the items with the highest priority.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{Clock, Timestamp};

use crate::counts::{Counts, QueueStats, RecvOutcome, SendOutcome};
use crate::ring::preallocated;
use crate::sync::{Condvar, Deadline, Fill, Mutex, MutexGuard, wait_until_filled};

/// A bounded queue that returns the highest priority first, and the oldest first among equals. If it is full, it gives
/// up the lowest priority, the newest of equals first. That may be the item that was just sent.
///
/// A priority of NaN counts as the lowest. Any number of threads send and receive. Dropping the queue drops its items.
///
/// ```
/// use std::sync::Arc;
///
/// use passerby_types::SystemClock;
/// use passerby_workers::{PriorityQueue, SendOutcome};
///
/// let queue = PriorityQueue::new("faces", 2, Arc::new(SystemClock::new()));
/// assert_eq!(queue.send(0.2, "blurred"), SendOutcome::Queued);
/// assert_eq!(queue.send(0.9, "sharp"), SendOutcome::Queued);
/// assert_eq!(queue.send(0.5, "small"), SendOutcome::Displaced("blurred"));
/// assert_eq!(queue.recv(), Some("sharp"));
/// ```
pub struct PriorityQueue<T> {
    name: String,
    clock: Arc<dyn Clock>,
    entries: Mutex<Entries<T>>,
    /// Notified if an item came or the queue was closed.
    filled: Condvar,
    /// Notified if there is room or the queue was closed.
    room: Condvar,
}

struct Entry<T> {
    priority: f32,
    queued_at: Timestamp,
    item: T,
}

/// The items, lowest priority in front and the newest of equals in front.
struct Entries<T> {
    list: VecDeque<Entry<T>>,
    capacity: usize,
    closed: bool,
    counts: Counts,
}

impl<T> Entries<T> {
    fn is_full(&self) -> bool {
        self.list.len() >= self.capacity
    }

    /// Adds an item. If the queue is full, gives up the lowest.
    fn offer(&mut self, priority: f32, item: T, now: Timestamp) -> SendOutcome<T> {
        if self.closed {
            return SendOutcome::Closed(item);
        }
        let priority = if priority.is_nan() { f32::NEG_INFINITY } else { priority };
        self.counts.sent += 1;
        let place = self.list.partition_point(|entry| entry.priority < priority);
        let entry = Entry { priority, queued_at: now, item };
        if !self.is_full() {
            self.list.insert(place, entry);
            return SendOutcome::Queued;
        }
        self.counts.dropped += 1;
        if place == 0 {
            return SendOutcome::Refused(entry.item);
        }
        let lowest = self.list.pop_front();
        self.list.insert(place - 1, entry);
        lowest.map_or(SendOutcome::Queued, |lowest| SendOutcome::Displaced(lowest.item))
    }
}

impl<T> PriorityQueue<T> {
    /// Creates an empty queue for `capacity` items; 0 counts as 1. The queue uses `clock` only to measure how long items
    /// wait.
    pub fn new(name: &str, capacity: usize, clock: Arc<dyn Clock>) -> Self {
        let capacity = capacity.max(1);
        let list = preallocated(capacity);
        Self {
            name: name.to_owned(),
            clock,
            entries: Mutex::new(Entries { list, capacity, closed: false, counts: Counts::default() }),
            filled: Condvar::new(),
            room: Condvar::new(),
        }
    }

    /// Returns the name that the queue was created with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds an item without waiting. If the queue is full, returns the item with the lowest priority: `Displaced`, or
    /// `Refused` if it is the one that was sent.
    pub fn send(&self, priority: f32, item: T) -> SendOutcome<T> {
        let outcome = self.entries.lock().offer(priority, item, self.clock.now());
        if outcome.is_queued() {
            self.filled.notify_one();
        }
        outcome
    }

    /// Waits until there is room and adds an item. Returns `Queued`, or `Closed` if the queue was closed first.
    ///
    /// If all senders use this, nothing is lost. A later [`PriorityQueue::send`] may still displace the item.
    pub fn send_wait(&self, priority: f32, item: T) -> SendOutcome<T> {
        let mut entries = self.entries.lock();
        while entries.is_full() && !entries.closed {
            Deadline::NEVER.wait(&self.room, &mut entries);
        }
        let outcome = entries.offer(priority, item, self.clock.now());
        drop(entries);
        self.filled.notify_one();
        outcome
    }

    /// Waits for an item and returns the one with the highest priority. Returns `None` if the queue is closed and empty.
    pub fn recv(&self) -> Option<T> {
        match self.recv_until(Deadline::NEVER) {
            RecvOutcome::Item(item) => Some(item),
            RecvOutcome::Empty | RecvOutcome::Closed => None,
        }
    }

    /// Waits at most `timeout` for an item and returns the one with the highest priority.
    pub fn recv_timeout(&self, timeout: Duration) -> RecvOutcome<T> {
        self.recv_until(Deadline::after(timeout))
    }

    fn recv_until(&self, deadline: Deadline) -> RecvOutcome<T> {
        let mut entries = self.entries.lock();
        let fill = |entries: &Entries<T>| Fill { empty: entries.list.is_empty(), closed: entries.closed };
        match wait_until_filled(&mut entries, &self.filled, deadline, fill) {
            Some(nothing) => nothing,
            None => self.take(entries).map_or(RecvOutcome::Empty, RecvOutcome::Item),
        }
    }

    /// Returns the item with the highest priority without waiting, or `None` if the queue is empty.
    pub fn try_recv(&self) -> Option<T> {
        self.take(self.entries.lock())
    }

    fn take(&self, mut entries: MutexGuard<'_, Entries<T>>) -> Option<T> {
        let entry = entries.list.pop_back()?;
        entries.counts.receive(entry.queued_at, self.clock.now());
        drop(entries);
        self.room.notify_one();
        Some(entry.item)
    }

    /// Refuses all further items and wakes every thread that waits in the queue. Items in the queue can still be
    /// received.
    pub fn close(&self) {
        self.entries.lock().closed = true;
        self.filled.notify_all();
        self.room.notify_all();
    }

    /// Returns true if [`PriorityQueue::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.entries.lock().closed
    }

    /// Removes and returns all items, highest priority first.
    pub fn drain(&self) -> Vec<T> {
        let mut entries = self.entries.lock();
        entries.counts.drained += entries.list.len() as u64;
        let items = entries.list.drain(..).rev().map(|entry| entry.item).collect();
        drop(entries);
        self.room.notify_all();
        items
    }

    /// Returns the counts of the queue.
    pub fn stats(&self) -> QueueStats {
        let entries = self.entries.lock();
        entries.counts.stats(entries.list.len(), entries.capacity)
    }
}

impl<T> fmt::Debug for PriorityQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = self.stats();
        f.debug_struct("PriorityQueue")
            .field("name", &self.name)
            .field("stats", &stats)
            .finish_non_exhaustive()
    }
}
