//! Where observations go: to subscribers, and to the writer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use passerby_types::{Clock, Observation, ObservedFace, Recycler};

use crate::output::writer::WriteReport;
use passerby_workers::{BoundedQueue, QueueStats, RecvOutcome, SendOutcome, WhenFull};

type Queue = BoundedQueue<Arc<Observation>>;

/// Observations as they leave the pipeline, in order for each camera. Dropping it ends the subscription.
pub struct Subscription {
    queue: Arc<Queue>,
}

impl Subscription {
    /// Waits for the next observation; `None` once the pipeline has ended and everything was taken.
    #[must_use]
    pub fn recv(&self) -> Option<Arc<Observation>> {
        self.queue.recv()
    }

    /// Waits so long at most.
    #[must_use]
    pub fn recv_timeout(&self, timeout: Duration) -> RecvOutcome<Arc<Observation>> {
        self.queue.recv_timeout(timeout)
    }

    /// The next observation where one waits.
    #[must_use]
    pub fn try_recv(&self) -> Option<Arc<Observation>> {
        self.queue.try_recv()
    }

    /// What went through, what waits, and what was dropped for want of room.
    #[must_use]
    pub fn stats(&self) -> QueueStats {
        self.queue.stats()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// How many lists of observed faces wait to be filled again. A batch of the writer is as many observations at the most.
pub(crate) const LISTS: usize = 256;

/// How many observations at subscribers are looked after, to be written over when they are through with them.
const COPIES: usize = 256;

/// Where observations go.
pub(crate) struct Fanout {
    clock: Arc<dyn Clock>,
    /// For the faces of observations; those that left the pipeline give theirs back.
    pub(crate) lists: Arc<Recycler<Vec<ObservedFace>>>,
    /// What subscribers get.
    copies: Recycler<Arc<Observation>>,
    /// A list that is replaced, never changed: a push that waits for its subscriber holds no lock.
    subscribers: Mutex<Arc<[Arc<Queue>]>>,
    /// `None` where there is no sink.
    writer: Option<BoundedQueue<Observation>>,
    /// Until when the writer may wait for its sink once its queue is closed.
    writer_end: Mutex<Option<Instant>>,
    /// What was meant for the writer, and what its queue had no room for.
    meant: Mutex<WriteReport>,
}

impl Fanout {
    pub(crate) fn new(clock: Arc<dyn Clock>, writer: Option<usize>) -> Self {
        let queue = |room| BoundedQueue::new("store", room, WhenFull::Block, Arc::clone(&clock));
        let writer = writer.map(queue);
        let (subscribers, meant) = (Mutex::default(), Mutex::default());
        let (lists, copies) = (Arc::new(Recycler::new(LISTS)), Recycler::new(COPIES));
        Self { clock, lists, copies, subscribers, writer, writer_end: Mutex::default(), meant }
    }

    pub(crate) fn subscribe(&self, name: &str, capacity: usize, when_full: WhenFull) -> Subscription {
        let queue = Arc::new(BoundedQueue::new(name, capacity, when_full, Arc::clone(&self.clock)));
        let mut subscribers = self.subscribers.lock();
        *subscribers = subscribers.iter().chain([&queue]).cloned().collect();
        Subscription { queue }
    }

    /// Hands the observation to everybody. A lossless camera waits for a writer that is behind; a live one does not,
    /// and what the writer has no room for is counted as lost.
    pub(crate) fn publish(&self, observation: Observation, lossless: bool) {
        let camera = observation.meta.camera;
        let mut gone = false;
        let subscribers = self.subscribers();
        if !subscribers.is_empty() {
            let shared = self.copies.share_copy(&observation);
            for queue in subscribers.iter() {
                gone |= matches!(queue.send(Arc::clone(&shared)), SendOutcome::Closed(_));
            }
        }
        if gone {
            let mut subscribers = self.subscribers.lock();
            *subscribers = subscribers.iter().filter(|queue| !queue.is_closed()).cloned().collect();
        }
        let Some(writer) = &self.writer else { return self.lists.give_back_list(observation.faces) };
        self.meant.lock().of(camera).offered += 1;
        let pushed = if lossless {
            writer.send(observation)
        } else {
            writer.send_timeout(observation, Duration::ZERO)
        };
        if let Some(lost) = pushed.lost() {
            self.meant.lock().of(camera).lost += 1;
            self.lists.give_back_list(lost.faces);
        }
    }

    fn subscribers(&self) -> Arc<[Arc<Queue>]> {
        Arc::clone(&self.subscribers.lock())
    }

    /// The next observation for the writer.
    pub(crate) fn next(&self, timeout: Duration) -> RecvOutcome<Observation> {
        self.writer.as_ref().map_or(RecvOutcome::Closed, |queue| queue.recv_timeout(timeout))
    }

    /// Adds what the writer never got, or has not told of yet.
    pub(crate) fn complete(&self, written: &mut WriteReport) {
        for (camera, counts) in &self.meant.lock().cameras {
            written.of(*camera).offered = counts.offered;
            written.of(*camera).lost += counts.lost;
        }
    }

    /// True while the writer may still wait for a sink that is busy.
    pub(crate) fn writer_has_time(&self) -> bool {
        self.writer_end.lock().is_none_or(|end| Instant::now() < end)
    }

    /// Nothing more will come for the writer, which has until `end`, or as long as it takes.
    pub(crate) fn close_writer(&self, end: Option<Instant>) {
        *self.writer_end.lock() = end;
        self.writer.iter().for_each(BoundedQueue::close);
    }

    /// Counts what waits for a writer that will not come back.
    pub(crate) fn abandon_writer(&self) {
        let waiting = self.writer.iter().flat_map(BoundedQueue::drain).collect::<Vec<_>>();
        let mut meant = self.meant.lock();
        waiting.iter().for_each(|observation| meant.of(observation.meta.camera).lost += 1);
    }

    /// Nothing more will come for anybody.
    pub(crate) fn close(&self) {
        self.writer.iter().for_each(BoundedQueue::close);
        self.subscribers().iter().for_each(|queue| queue.close());
        self.copies.clear();
    }

    pub(crate) fn writer_stats(&self) -> Option<QueueStats> {
        self.writer.as_ref().map(BoundedQueue::stats)
    }

    pub(crate) fn subscriber_stats(&self) -> Vec<(String, QueueStats)> {
        self.subscribers().iter().map(|queue| (queue.name().to_string(), queue.stats())).collect()
    }
}
