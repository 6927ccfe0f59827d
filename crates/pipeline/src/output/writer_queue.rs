//! The queue between the cameras and the writer's thread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use passerby_types::{Clock, Observation};
use passerby_workers::{BoundedQueue, QueueStats, RecvOutcome, WhenFull};

use crate::output::writer::WriteReport;

/// Observations on their way to the writer, with counts of those that do not get there.
pub(crate) struct WriterQueue {
    queue: BoundedQueue<Observation>,
    /// How long the writer may wait for a busy sink after the queue was closed. `None`: without a limit.
    deadline: Mutex<Option<Instant>>,
    /// Observations that were offered, and those that were lost before the writer got them.
    counts: Mutex<WriteReport>,
}

impl WriterQueue {
    pub(crate) fn new(capacity: usize, clock: Arc<dyn Clock>) -> Self {
        Self {
            queue: BoundedQueue::new("store", capacity, WhenFull::Block, clock),
            deadline: Mutex::default(),
            counts: Mutex::default(),
        }
    }

    /// Sends an observation. If the queue is full, a lossless camera waits. A live one does not: its observation is counted
    /// as lost and returned.
    pub(crate) fn send(&self, observation: Observation, lossless: bool) -> Option<Observation> {
        let camera = observation.meta.camera;
        self.counts.lock().of(camera).offered += 1;
        let outcome = if lossless {
            self.queue.send(observation)
        } else {
            self.queue.send_timeout(observation, Duration::ZERO)
        };
        outcome.lost().inspect(|_| self.counts.lock().of(camera).lost += 1)
    }

    /// Waits at most `timeout` for the next observation.
    pub(crate) fn recv_timeout(&self, timeout: Duration) -> RecvOutcome<Observation> {
        self.queue.recv_timeout(timeout)
    }

    /// Adds the observations that the writer never got to the writer's own report.
    pub(crate) fn complete(&self, report: &mut WriteReport) {
        for (camera, counts) in &self.counts.lock().cameras {
            report.of(*camera).offered = counts.offered;
            report.of(*camera).lost += counts.lost;
        }
    }

    /// Returns how many observations of all cameras were lost here.
    pub(crate) fn lost(&self) -> u64 {
        self.counts.lock().cameras.values().map(|counts| counts.lost).sum()
    }

    /// Returns true while the writer may wait for a busy sink.
    pub(crate) fn has_time(&self) -> bool {
        self.deadline.lock().is_none_or(|end| Instant::now() < end)
    }

    /// Refuses further observations. The writer may wait for a busy sink until `deadline`, or without a limit.
    pub(crate) fn close_until(&self, deadline: Option<Instant>) {
        *self.deadline.lock() = deadline;
        self.queue.close();
    }

    /// Refuses further observations.
    pub(crate) fn close(&self) {
        self.queue.close();
    }

    /// Counts the observations in the queue as lost, because the writer's thread does not return.
    pub(crate) fn abandon(&self) {
        let waiting = self.queue.drain();
        let mut counts = self.counts.lock();
        waiting.iter().for_each(|observation| counts.of(observation.meta.camera).lost += 1);
    }

    pub(crate) fn stats(&self) -> QueueStats {
        self.queue.stats()
    }
}
