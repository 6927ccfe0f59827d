//! A bounded line of items and its counts: what every queue here is made of. It has no lock of its own.

use std::collections::VecDeque;
use std::time::Duration;

use passerby_types::Timestamp;

use crate::bounded_queue::{Pushed, QueueStats, WhenFull};

/// Room for so many items is made at the start; a larger queue gets the rest when it needs it first.
const PREALLOCATED: usize = 1024;

/// An empty store for up to `capacity` items that needs no memory later, unless it is very large.
pub(crate) fn preallocated<T>(capacity: usize) -> VecDeque<T> {
    VecDeque::with_capacity(capacity.min(PREALLOCATED))
}

/// What became of a queue's items: `pushed = popped + dropped + drained + depth`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) pushed: u64,
    pub(crate) dropped: u64,
    pub(crate) drained: u64,
    popped: u64,
    waited: Duration,
    longest: Duration,
}

impl Counts {
    /// An item that came in at `since` goes to its taker.
    pub(crate) fn pop(&mut self, since: Timestamp, now: Timestamp) {
        let waited = now.since(since);
        self.popped += 1;
        self.waited = self.waited.saturating_add(waited);
        self.longest = self.longest.max(waited);
    }

    /// The counts with how full the queue is.
    pub(crate) fn stats(&self, depth: usize, capacity: usize) -> QueueStats {
        let Self { pushed, dropped, drained, popped, waited, longest } = *self;
        QueueStats { depth, capacity, pushed, popped, dropped, drained, waited, longest }
    }
}

/// An item that waits.
struct Entry<T> {
    since: Timestamp,
    order: u64,
    item: T,
}

/// Items in the order in which they came, at most `capacity` of them.
pub(crate) struct Ring<T> {
    entries: VecDeque<Entry<T>>,
    capacity: usize,
    when_full: WhenFull,
    closed: bool,
    counts: Counts,
}

impl<T> Ring<T> {
    /// An open, empty ring. A capacity of 0 counts as 1.
    pub(crate) fn new(capacity: usize, when_full: WhenFull) -> Self {
        let capacity = capacity.max(1);
        let entries = preallocated(capacity);
        Self { entries, capacity, when_full, closed: false, counts: Counts::default() }
    }

    /// Takes an item in. `order` says which of several rings' heads came first. Never `TimedOut`.
    ///
    /// # Errors
    /// The item, where there is no room and the pusher has to wait for some.
    pub(crate) fn offer(&mut self, item: T, order: u64, now: Timestamp) -> Result<Pushed<T>, T> {
        if self.closed {
            return Ok(Pushed::Closed(item));
        }
        let full = self.entries.len() >= self.capacity;
        let displaced = match self.when_full {
            WhenFull::Block if full => return Err(item),
            WhenFull::DropNewest if full => {
                self.counts.pushed += 1;
                self.counts.dropped += 1;
                return Ok(Pushed::Refused(item));
            }
            WhenFull::DropOldest if full => self.entries.pop_front(),
            _ => None,
        };
        self.counts.pushed += 1;
        self.entries.push_back(Entry { since: now, order, item });
        Ok(match displaced {
            Some(oldest) => {
                self.counts.dropped += 1;
                Pushed::Displaced(oldest.item)
            }
            None => Pushed::Queued,
        })
    }

    /// The oldest item.
    pub(crate) fn take(&mut self, now: Timestamp) -> Option<T> {
        let entry = self.entries.pop_front()?;
        self.counts.pop(entry.since, now);
        Some(entry.item)
    }

    /// All that waits, oldest first.
    pub(crate) fn drain(&mut self) -> Vec<T> {
        self.counts.drained += self.entries.len() as u64;
        self.entries.drain(..).map(|entry| entry.item).collect()
    }

    /// The `order` that the oldest item came with.
    pub(crate) fn head(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.order)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes nothing in from now on.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Takes items in again, by another rule. What waits stays, even where it is more than the new capacity.
    pub(crate) fn reopen(&mut self, capacity: usize, when_full: WhenFull) {
        (self.capacity, self.when_full, self.closed) = (capacity.max(1), when_full, false);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn stats(&self) -> QueueStats {
        self.counts.stats(self.entries.len(), self.capacity)
    }
}
