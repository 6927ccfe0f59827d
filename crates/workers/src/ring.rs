//! A bounded first-in, first-out list with counts. [`BoundedQueue`](crate::BoundedQueue) and each lane of a
//! [`FairQueue`](crate::FairQueue) put it behind their lock.

use std::collections::VecDeque;

use passerby_types::Timestamp;

use crate::counts::{Counts, QueueStats, SendOutcome, WhenFull};

/// The most items for which memory is allocated at the start. A larger queue grows when it first needs to.
const MAX_PREALLOCATED: usize = 1024;

/// Returns an empty list that holds `capacity` items without another allocation, unless `capacity` is very large.
pub(crate) fn preallocated<T>(capacity: usize) -> VecDeque<T> {
    VecDeque::with_capacity(capacity.min(MAX_PREALLOCATED))
}

/// An item in the queue.
struct Entry<T> {
    queued_at: Timestamp,
    order: u64,
    item: T,
}

/// Items in the order in which they were sent, at most `capacity` of them.
pub(crate) struct Ring<T> {
    entries: VecDeque<Entry<T>>,
    capacity: usize,
    when_full: WhenFull,
    closed: bool,
    counts: Counts,
}

impl<T> Ring<T> {
    /// Creates an open, empty ring. A capacity of 0 counts as 1.
    pub(crate) fn new(capacity: usize, when_full: WhenFull) -> Self {
        let capacity = capacity.max(1);
        let entries = preallocated(capacity);
        Self { entries, capacity, when_full, closed: false, counts: Counts::default() }
    }

    /// Adds an item. `order` decides which of several rings has the older head. Never returns `TimedOut`.
    ///
    /// # Errors
    /// The item, if the ring is full and the sender must wait for room.
    pub(crate) fn offer(&mut self, item: T, order: u64, now: Timestamp) -> Result<SendOutcome<T>, T> {
        if self.closed {
            return Ok(SendOutcome::Closed(item));
        }
        let full = self.entries.len() >= self.capacity;
        let displaced = match self.when_full {
            WhenFull::Block if full => return Err(item),
            WhenFull::DropNewest if full => {
                self.counts.sent += 1;
                self.counts.dropped += 1;
                return Ok(SendOutcome::Refused(item));
            }
            WhenFull::DropOldest if full => self.entries.pop_front(),
            _ => None,
        };
        self.counts.sent += 1;
        self.entries.push_back(Entry { queued_at: now, order, item });
        Ok(match displaced {
            Some(oldest) => {
                self.counts.dropped += 1;
                SendOutcome::Displaced(oldest.item)
            }
            None => SendOutcome::Queued,
        })
    }

    /// Removes and returns the oldest item, or `None` if the ring is empty.
    pub(crate) fn take(&mut self, now: Timestamp) -> Option<T> {
        let entry = self.entries.pop_front()?;
        self.counts.receive(entry.queued_at, now);
        Some(entry.item)
    }

    /// Removes and returns all items, oldest first.
    pub(crate) fn drain(&mut self) -> Vec<T> {
        self.counts.drained += self.entries.len() as u64;
        self.entries.drain(..).map(|entry| entry.item).collect()
    }

    /// Returns the `order` of the oldest item, or `None` if the ring is empty.
    pub(crate) fn head(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.order)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Refuses all further items.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Accepts items again, under another rule. Items in the ring stay, even if they exceed the new capacity.
    pub(crate) fn reopen(&mut self, capacity: usize, when_full: WhenFull) {
        self.capacity = capacity.max(1);
        self.when_full = when_full;
        self.closed = false;
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn stats(&self) -> QueueStats {
        self.counts.stats(self.entries.len(), self.capacity)
    }
}
