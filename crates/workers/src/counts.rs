//! The rules, outcomes and counts that all queues share.

use std::time::Duration;

use passerby_types::Timestamp;

/// The rule by which a full queue takes one more item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// The sender waits until there is room, so nothing is lost. Use it for files.
    Block,
    /// The queue gives up its oldest item, so what waits is fresh. Use it for live cameras.
    DropOldest,
    /// The queue refuses the new item.
    DropNewest,
}

/// The result of a `send`: whether the queue has the item, and which item it gave up for it.
///
/// ```
/// use std::sync::Arc;
///
/// use passerby_types::SystemClock;
/// use passerby_workers::{BoundedQueue, SendOutcome, WhenFull};
///
/// let queue = BoundedQueue::new("frames", 1, WhenFull::DropOldest, Arc::new(SystemClock::new()));
/// assert_eq!(queue.send(1), SendOutcome::Queued);
/// assert_eq!(queue.send(2).lost(), Some(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "it holds the item that the queue did not keep"]
pub enum SendOutcome<T> {
    /// The queue has the item.
    Queued,
    /// The queue has the item, and gave up this one for it.
    Displaced(T),
    /// The queue is full and refused the item.
    Refused(T),
    /// The queue is closed.
    Closed(T),
    /// The queue had no room before the timeout.
    TimedOut(T),
}

impl<T> SendOutcome<T> {
    /// Returns the item that is not in the queue: the one that was sent, or the one that was given up for it. Returns
    /// `None` if the queue kept both.
    pub fn lost(self) -> Option<T> {
        match self {
            Self::Queued => None,
            Self::Displaced(item) | Self::Refused(item) | Self::Closed(item) | Self::TimedOut(item) => {
                Some(item)
            }
        }
    }

    /// Returns true if the queue has the item that was sent.
    pub fn is_queued(&self) -> bool {
        matches!(self, Self::Queued | Self::Displaced(_))
    }
}

/// The result of a `recv_timeout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvOutcome<T> {
    /// The next item.
    Item(T),
    /// No item came before the timeout. More may come.
    Empty,
    /// The queue is closed and empty. No item will come.
    Closed,
}

/// The counts of a queue since it was made. At every moment `sent = received + dropped + drained + depth`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// Items in the queue now.
    pub depth: usize,
    /// The most items that the queue holds.
    pub capacity: usize,
    /// Items that were sent, including those that the queue refused. An item that came back as `Closed` or `TimedOut`
    /// does not count.
    pub sent: u64,
    /// Items that were received one by one.
    pub received: u64,
    /// Items that were displaced or refused because the queue was full. The sender got them back.
    pub dropped: u64,
    /// Items that were taken out all at once.
    pub drained: u64,
    /// The time that all received items spent in the queue, added up.
    pub total_wait: Duration,
    /// The longest time that one received item spent in the queue.
    pub longest_wait: Duration,
}

/// The running counts behind [`QueueStats`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) sent: u64,
    pub(crate) dropped: u64,
    pub(crate) drained: u64,
    received: u64,
    total_wait: Duration,
    longest_wait: Duration,
}

impl Counts {
    /// Counts an item that was queued at `queued_at` and is received `now`.
    pub(crate) fn receive(&mut self, queued_at: Timestamp, now: Timestamp) {
        let wait = now.since(queued_at);
        self.received += 1;
        self.total_wait = self.total_wait.saturating_add(wait);
        self.longest_wait = self.longest_wait.max(wait);
    }

    /// Returns the counts of a queue that holds `depth` items.
    pub(crate) fn stats(&self, depth: usize, capacity: usize) -> QueueStats {
        let Self { sent, dropped, drained, received, total_wait, longest_wait } = *self;
        QueueStats { depth, capacity, sent, received, dropped, drained, total_wait, longest_wait }
    }
}
