//! Observations and frames for subscribers while the pipeline runs.

use std::sync::Arc;

use parking_lot::Mutex;
use passerby_types::{Clock, Observation};
use passerby_workers::{CountedReceiver, CountedSender, QueueStats, SendOutcome, WhenFull, counted_channel};

use crate::output::frame_tap::TappedFrame;

/// The observations of a pipeline as they leave it, in order for each camera.
///
/// Receive them with [`recv`](CountedReceiver::recv), [`try_recv`](CountedReceiver::try_recv) or
/// [`recv_timeout`](CountedReceiver::recv_timeout), or iterate with `for observation in &subscription`. It ends when the
/// pipeline has ended and all observations are received. [`receiver`](CountedReceiver::receiver) returns the channel for a
/// `crossbeam_channel::select!` together with channels of your own. [`stats`](CountedReceiver::stats) returns the counts of sent,
/// received and dropped observations. Dropping the subscription ends it.
pub type Subscription = CountedReceiver<Arc<Observation>>;

/// The frames of a pipeline with their observations, as they leave it, in order for each camera.
///
/// It is received from like a [`Subscription`]. Each item holds its picture in memory until it is dropped. Frames that fail or
/// are dropped do not appear.
pub type FrameSubscription = CountedReceiver<TappedFrame>;

/// The sending halves of all subscriptions of one kind. Dropping it ends them.
pub(crate) struct Subscribers<T> {
    clock: Arc<dyn Clock>,
    /// Replaced as a whole, so that a sender that waits for its subscriber holds no lock.
    senders: Mutex<Senders<T>>,
}

type Senders<T> = Arc<[Arc<CountedSender<T>>]>;

impl<T: Clone> Subscribers<T> {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, senders: Mutex::new(Arc::new([])) }
    }

    pub(crate) fn subscribe(&self, name: &str, capacity: usize, when_full: WhenFull) -> CountedReceiver<T> {
        let (sender, receiver) = counted_channel(name, capacity, when_full, Arc::clone(&self.clock));
        let mut senders = self.senders.lock();
        *senders = senders.iter().cloned().chain([Arc::new(sender)]).collect();
        receiver
    }

    /// Returns true without a subscription.
    pub(crate) fn is_empty(&self) -> bool {
        self.senders.lock().is_empty()
    }

    /// Sends the item to all subscriptions, and forgets those that were dropped. Waits for those that block.
    pub(crate) fn send(&self, item: &T) {
        let senders = self.senders();
        let mut any_closed = false;
        for sender in senders.iter() {
            any_closed |= matches!(sender.send(item.clone()), SendOutcome::Closed(_));
        }
        if any_closed {
            let mut senders = self.senders.lock();
            *senders = senders.iter().filter(|sender| !sender.is_closed()).cloned().collect();
        }
    }

    /// Ends all subscriptions. Their counts stay.
    pub(crate) fn close(&self) {
        self.senders().iter().for_each(|sender| sender.close());
    }

    /// Returns the name and counts of each subscription.
    pub(crate) fn stats(&self) -> Vec<(String, QueueStats)> {
        self.senders().iter().map(|sender| (sender.name().to_owned(), sender.stats())).collect()
    }

    fn senders(&self) -> Senders<T> {
        Arc::clone(&self.senders.lock())
    }
}
