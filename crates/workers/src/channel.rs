//! A bounded `crossbeam-channel` with a rule for a full channel, and with counts.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded, select};
use parking_lot::Mutex;
use passerby_types::{Clock, Timestamp};

use crate::counts::{Counts, QueueStats, RecvOutcome, SendOutcome, WhenFull};
use crate::ring::preallocated;

/// Creates a channel for `capacity` items; 0 counts as 1. Unlike [`BoundedQueue`](crate::BoundedQueue) its receiving half
/// is a [`crossbeam_channel::Receiver`] that can wait in a `select!` beside other channels.
///
/// The channel uses `clock` only to measure how long items wait.
///
/// ```
/// use std::sync::Arc;
///
/// use crossbeam_channel::{bounded, select};
/// use passerby_types::SystemClock;
/// use passerby_workers::{WhenFull, counted_channel};
///
/// let (sender, receiver) = counted_channel("news", 2, WhenFull::DropOldest, Arc::new(SystemClock::new()));
/// for item in 1..=3 {
///     assert!(sender.send(item).is_queued());
/// }
/// let (_quit, quits) = bounded::<()>(1);
/// select! {
///     recv(receiver.receiver()) -> item => assert_eq!(item, Ok(2), "the oldest made room"),
///     recv(quits) -> _ => {}
/// }
/// assert_eq!(receiver.stats().dropped, 1);
/// ```
pub fn counted_channel<T>(
    name: &str,
    capacity: usize,
    when_full: WhenFull,
    clock: Arc<dyn Clock>,
) -> (CountedSender<T>, CountedReceiver<T>) {
    let capacity = capacity.max(1);
    let (sender, receiver) = bounded(capacity);
    let (open, closed) = bounded(1);
    // One more than the channel holds: an item counts right after it was sent.
    let waiting = preallocated(capacity + 1);
    let state = State { sender: Some(sender), open: Some(open), waiting, counts: Counts::default() };
    let link = Arc::new(Link {
        name: name.to_owned(),
        capacity,
        when_full,
        clock,
        receiver: receiver.clone(),
        closed,
        state: Mutex::new(state),
    });
    (CountedSender { link: Arc::clone(&link) }, CountedReceiver { receiver, link })
}

/// The sending half of a [`counted_channel`]. Dropping it closes the channel.
pub struct CountedSender<T> {
    link: Arc<Link<T>>,
}

/// The receiving half of a [`counted_channel`]. Dropping it closes the channel and drops its items.
///
/// It is an iterator that waits for each item and ends when the channel is closed and empty. `for item in &receiver`
/// keeps the receiver.
pub struct CountedReceiver<T> {
    receiver: Receiver<T>,
    link: Arc<Link<T>>,
}

/// The state that both halves share.
struct Link<T> {
    name: String,
    capacity: usize,
    when_full: WhenFull,
    clock: Arc<dyn Clock>,
    /// Takes out the oldest item, and knows how many items wait.
    receiver: Receiver<T>,
    /// Wakes a sender that waits for room: it is disconnected when the channel is closed.
    closed: Receiver<Infallible>,
    state: Mutex<State<T>>,
}

struct State<T> {
    /// `None` if the channel is closed.
    sender: Option<Sender<T>>,
    /// The other end of [`Link::closed`].
    open: Option<Sender<Infallible>>,
    /// When each item in the channel was sent, oldest first.
    waiting: VecDeque<Timestamp>,
    counts: Counts,
}

impl<T> State<T> {
    /// Counts the items that were received since the last call, `left` of which are still in the channel.
    fn settle(&mut self, left: usize, now: Timestamp) {
        while self.waiting.len() > left
            && let Some(queued_at) = self.waiting.pop_front()
        {
            self.counts.receive(queued_at, now);
        }
    }

    /// Counts an item that was sent, after those that were received: `left` items are in the channel.
    fn count_sent(&mut self, left: usize, now: Timestamp) {
        self.settle(left, now);
        self.counts.sent += 1;
        self.waiting.push_back(now);
    }
}

impl<T> Link<T> {
    /// Adds an item without waiting.
    ///
    /// # Errors
    /// The item and a sender that waits for room, if the channel is full and the rule is to block.
    fn offer(&self, mut item: T) -> Result<SendOutcome<T>, (T, Sender<T>)> {
        let now = self.clock.now();
        let mut state = self.state.lock();
        let mut displaced = None;
        loop {
            let Some(sender) = &state.sender else { return Ok(SendOutcome::Closed(item)) };
            match sender.try_send(item) {
                Ok(()) => {
                    state.count_sent(self.receiver.len(), now);
                    return Ok(displaced.map_or(SendOutcome::Queued, SendOutcome::Displaced));
                }
                Err(TrySendError::Disconnected(back)) => return Ok(SendOutcome::Closed(back)),
                Err(TrySendError::Full(back)) => item = back,
            }
            match self.when_full {
                WhenFull::Block => return Err((item, sender.clone())),
                WhenFull::DropNewest => {
                    state.counts.sent += 1;
                    state.counts.dropped += 1;
                    return Ok(SendOutcome::Refused(item));
                }
                WhenFull::DropOldest => {}
            }
            state.settle(self.receiver.len(), now);
            if let Ok(oldest) = self.receiver.try_recv() {
                state.waiting.pop_front();
                state.counts.dropped += 1;
                displaced = Some(oldest);
            }
        }
    }

    fn send(&self, item: T) -> SendOutcome<T> {
        let (item, sender) = match self.offer(item) {
            Ok(outcome) => return outcome,
            Err(full) => full,
        };
        select! {
            send(sender, item) -> sent => match sent {
                Ok(()) => {
                    let now = self.clock.now();
                    self.state.lock().count_sent(self.receiver.len(), now);
                    SendOutcome::Queued
                }
                Err(closed) => SendOutcome::Closed(closed.into_inner()),
            },
            recv(self.closed) -> _ => SendOutcome::Closed(item),
        }
    }

    fn close(&self) {
        let mut state = self.state.lock();
        state.sender = None;
        state.open = None;
    }

    fn is_closed(&self) -> bool {
        self.state.lock().sender.is_none()
    }

    fn settle(&self) {
        let now = self.clock.now();
        self.state.lock().settle(self.receiver.len(), now);
    }

    fn stats(&self) -> QueueStats {
        let now = self.clock.now();
        let mut state = self.state.lock();
        state.settle(self.receiver.len(), now);
        state.counts.stats(state.waiting.len(), self.capacity)
    }
}

impl<T> CountedSender<T> {
    /// Returns the name that the channel was created with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.link.name
    }

    /// Adds an item. Under [`WhenFull::Block`] this waits until there is room or the channel is closed. Otherwise it
    /// never waits. Never returns `TimedOut`.
    pub fn send(&self, item: T) -> SendOutcome<T> {
        self.link.send(item)
    }

    /// Refuses all further items and wakes every thread that waits in the channel. Items in the channel can still be
    /// received.
    pub fn close(&self) {
        self.link.close();
    }

    /// Returns true if the channel was closed or its receiver was dropped.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.link.is_closed()
    }

    /// Returns the counts of the channel.
    #[must_use]
    pub fn stats(&self) -> QueueStats {
        self.link.stats()
    }
}

impl<T> Drop for CountedSender<T> {
    fn drop(&mut self) {
        self.link.close();
    }
}

impl<T> CountedReceiver<T> {
    /// Returns the name that the channel was created with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.link.name
    }

    /// Waits for the next item. Returns `None` if the channel is closed and empty.
    #[must_use]
    pub fn recv(&self) -> Option<T> {
        let item = self.receiver.recv().ok()?;
        self.link.settle();
        Some(item)
    }

    /// Waits at most `timeout` for the next item.
    #[must_use]
    pub fn recv_timeout(&self, timeout: Duration) -> RecvOutcome<T> {
        match self.receiver.recv_timeout(timeout) {
            Ok(item) => {
                self.link.settle();
                RecvOutcome::Item(item)
            }
            Err(RecvTimeoutError::Timeout) => RecvOutcome::Empty,
            Err(RecvTimeoutError::Disconnected) => RecvOutcome::Closed,
        }
    }

    /// Returns the next item without waiting, or `None` if the channel is empty.
    #[must_use]
    pub fn try_recv(&self) -> Option<T> {
        let item = self.receiver.try_recv().ok()?;
        self.link.settle();
        Some(item)
    }

    /// Returns the channel's `crossbeam-channel` half, for example for a [`crossbeam_channel::select!`].
    ///
    /// Items that are received from it count like all others; the time that they waited is measured at the next
    /// operation on the channel. A clone of it is disconnected when this receiver is dropped.
    #[must_use]
    pub fn receiver(&self) -> &Receiver<T> {
        &self.receiver
    }

    /// Returns the counts of the channel.
    #[must_use]
    pub fn stats(&self) -> QueueStats {
        self.link.stats()
    }
}

impl<T> Drop for CountedReceiver<T> {
    fn drop(&mut self) {
        self.link.close();
        self.link.settle();
        while self.receiver.try_recv().is_ok() {}
        let mut state = self.link.state.lock();
        state.counts.drained += state.waiting.len() as u64;
        state.waiting.clear();
    }
}

impl<T> Iterator for CountedReceiver<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.recv()
    }
}

impl<'a, T> IntoIterator for &'a CountedReceiver<T> {
    type Item = T;
    type IntoIter = CountedIter<'a, T>;

    fn into_iter(self) -> CountedIter<'a, T> {
        CountedIter { receiver: self }
    }
}

/// An iterator over the items of a [`CountedReceiver`] that waits for each of them.
pub struct CountedIter<'a, T> {
    receiver: &'a CountedReceiver<T>,
}

impl<T> Iterator for CountedIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.recv()
    }
}

impl<T> fmt::Debug for CountedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountedSender").field("name", &self.link.name).field("stats", &self.stats()).finish()
    }
}

impl<T> fmt::Debug for CountedReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountedReceiver")
            .field("name", &self.link.name)
            .field("stats", &self.stats())
            .finish()
    }
}

impl<T> fmt::Debug for CountedIter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CountedIter").field(self.receiver).finish()
    }
}
