//! The queue to a camera's own thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use passerby_types::Clock;
use passerby_workers::{BoundedQueue, RecvOutcome, WhenFull};

use crate::camera::skipped_seqs::SkippedSeqs;

/// The queue to a camera's own thread. Items come in any order, each with its place in the order of capture; those places
/// count on without a gap.
///
/// A sender never waits: the queue has room for every frame that may be inside the pipeline.
pub(crate) struct CameraInbox<T> {
    queue: BoundedQueue<Message<T>>,
    /// The places of which no item will come.
    skipped: SkippedSeqs,
    /// True while a wake is in the queue.
    wake_pending: AtomicBool,
}

enum Message<T> {
    Item(u64, T),
    /// The receiver must look at the skipped places.
    Wake,
}

/// The result of [`CameraInbox::receive`].
pub(crate) enum Received<T> {
    /// An item with its place.
    Item(u64, T),
    /// No item came in time, or places were skipped.
    Nothing,
    /// The inbox is closed and empty.
    Closed,
}

impl<T> CameraInbox<T> {
    /// Creates an inbox for the frames of a camera of which `max_in_flight` may be inside the pipeline.
    pub(crate) fn new(max_in_flight: usize, clock: Arc<dyn Clock>) -> Self {
        // Two more than frames: the end and a wake.
        let queue = BoundedQueue::new("inbox", max_in_flight + 2, WhenFull::Block, clock);
        Self { queue, skipped: SkippedSeqs::default(), wake_pending: AtomicBool::new(false) }
    }

    /// Sends an item. If the inbox is closed, this drops the item.
    pub(crate) fn send(&self, order: u64, item: T) {
        drop(self.queue.send(Message::Item(order, item)));
    }

    /// Marks a place of which no item will come, and wakes the receiver.
    pub(crate) fn skip(&self, order: u64) {
        self.skipped.add(order);
        if !self.wake_pending.swap(true, Ordering::AcqRel) {
            drop(self.queue.send(Message::Wake));
        }
    }

    /// Returns the first place from `order` on that was not skipped, and forgets the skipped ones before it.
    pub(crate) fn first_from(&self, order: u64) -> u64 {
        self.skipped.first_from(order)
    }

    /// Waits for the next item, at most for `timeout`.
    pub(crate) fn receive(&self, timeout: Duration) -> Received<T> {
        match self.queue.recv_timeout(timeout) {
            RecvOutcome::Item(Message::Item(order, item)) => Received::Item(order, item),
            RecvOutcome::Item(Message::Wake) => {
                self.wake_pending.store(false, Ordering::Release);
                Received::Nothing
            }
            RecvOutcome::Empty => Received::Nothing,
            RecvOutcome::Closed => Received::Closed,
        }
    }

    /// Closes the inbox and drops the items in it.
    pub(crate) fn close(&self) {
        self.queue.close();
        drop(self.queue.drain());
    }
}

#[cfg(test)]
mod tests {
    use passerby_types::SystemClock;

    use super::*;

    fn inbox() -> CameraInbox<&'static str> {
        CameraInbox::new(4, Arc::new(SystemClock::new()))
    }

    #[test]
    fn skipped_places_wake_the_receiver_once() {
        let inbox = inbox();
        inbox.skip(0);
        inbox.skip(1);
        inbox.send(2, "frame");
        assert!(matches!(inbox.receive(Duration::MAX), Received::Nothing));
        assert_eq!(inbox.first_from(0), 2);
        assert!(matches!(inbox.receive(Duration::MAX), Received::Item(2, "frame")));
        inbox.skip(3);
        assert!(matches!(inbox.receive(Duration::MAX), Received::Nothing));
    }

    #[test]
    fn a_closed_inbox_drops_its_items() {
        let inbox = inbox();
        inbox.send(0, "frame");
        inbox.close();
        inbox.send(1, "late");
        assert!(matches!(inbox.receive(Duration::ZERO), Received::Closed));
    }
}
