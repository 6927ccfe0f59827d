//! Workers that many clients share: jobs by priority, and each client receives the outcomes of its own.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::Clock;

use crate::catch_panic::{Panicked, catch_panic};
use crate::counts::QueueStats;
use crate::priority_queue::PriorityQueue;
use crate::sync::{Condvar, Deadline, Mutex};
use crate::worker_pool::{StuckWorker, WorkerPool, WorkerPoolStats};

/// The outcome of one job.
pub enum JobOutcome<J, R> {
    /// The worker finished the job with this result.
    Done(R),
    /// No worker did the job: jobs with a higher priority took its place, or the pool closed.
    Evicted(J),
    /// The worker panicked. The job is gone, and the pool replaces the worker.
    Panicked(Panicked),
}

impl<J, R> fmt::Debug for JobOutcome<J, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(_) => f.write_str("Done"),
            Self::Evicted(_) => f.write_str("Evicted"),
            Self::Panicked(error) => f.debug_tuple("Panicked").field(error).finish(),
        }
    }
}

/// A [`WorkerPool`] over a [`PriorityQueue`] for many clients, each of which receives the outcomes of its own jobs.
///
/// Every job leads to exactly one [`JobOutcome`] for the client that sent it, even if another client's job evicts it, the
/// worker panics, or the pool closes or is dropped. If a call never returns, its job has no outcome.
///
/// Dropping the pool closes it and does not wait: it evicts the jobs that wait, and the workers finish theirs.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use passerby_types::SystemClock;
/// use passerby_workers::{JobOutcome, PriorityPool};
///
/// let clock = Arc::new(SystemClock::new());
/// let pool = PriorityPool::start("square", 2, 128, clock, |_index| |number: u32| number * number)?;
/// let client = pool.client();
/// client.send(1.0, 7);
/// let outcome = client.recv_timeout(Duration::from_secs(60));
/// assert!(matches!(outcome, Some(JobOutcome::Done(49))));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct PriorityPool<J, R> {
    queue: Arc<PriorityQueue<JobGuard<J, R>>>,
    workers: WorkerPool,
}

impl<J: Send + 'static, R: Send + 'static> PriorityPool<J, R> {
    /// Starts `workers` threads, named `{name}-{index}`. At most `capacity` jobs wait for them; 0 counts as 1. Each thread
    /// calls `make` with its index to make its worker, at the start and after a panic.
    ///
    /// # Errors
    /// The system's error if it has no more threads.
    pub fn start<W: FnMut(J) -> R + 'static>(
        name: &str,
        workers: usize,
        capacity: usize,
        clock: Arc<dyn Clock>,
        make: impl Fn(usize) -> W + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let queue = Arc::new(PriorityQueue::<JobGuard<J, R>>::new(name, capacity, Arc::clone(&clock)));
        let workers = WorkerPool::start(name, workers, Arc::clone(&queue), clock, move |index| {
            let mut work = make(index);
            move |guard: JobGuard<J, R>| guard.run(&mut work)
        })?;
        Ok(Self { queue, workers })
    }

    /// Creates a client without jobs.
    #[must_use]
    pub fn client(&self) -> PoolClient<J, R> {
        let inbox = ClientInbox { state: Mutex::new(InboxState::default()), arrived: Condvar::new() };
        PoolClient { queue: Arc::clone(&self.queue), inbox: Arc::new(inbox) }
    }

    /// Changes the number of workers like [`WorkerPool::resize`].
    ///
    /// # Errors
    /// The system's error if it has no more threads. All existing threads receive jobs then.
    pub fn resize(&self, workers: usize) -> io::Result<()> {
        self.workers.resize(workers)
    }

    /// Returns how many workers may receive jobs.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.workers.workers()
    }

    /// Returns the workers whose present call has been running for longer than `longer_than`, by index.
    #[must_use]
    pub fn stuck(&self, longer_than: Duration) -> Vec<StuckWorker> {
        self.workers.stuck(longer_than)
    }

    /// Returns the counts of the workers.
    #[must_use]
    pub fn stats(&self) -> WorkerPoolStats {
        self.workers.stats()
    }

    /// Returns the counts of the queue. `dropped` counts the jobs that others with a higher priority evicted.
    #[must_use]
    pub fn queue_stats(&self) -> QueueStats {
        self.queue.stats()
    }

    /// Refuses further jobs and waits until the workers have done the jobs that wait and ended, but at most `timeout`. Then
    /// it evicts the jobs that still wait. Returns the names of the threads that still run; the outcomes of their jobs come
    /// when their calls return.
    pub fn join(self, timeout: Duration) -> Vec<String> {
        self.workers.stop_and_wait(timeout)
    }

    /// Refuses further jobs, evicts those that wait, and does not wait.
    pub fn stop(&self) {
        self.queue.close();
        drop(self.queue.drain());
        self.workers.stop();
    }

    /// Stops the pool and waits for its threads like [`PriorityPool::join`], but evicts the jobs that wait at once. For an
    /// owner that cannot move the pool.
    pub fn stop_and_wait(&self, timeout: Duration) -> Vec<String> {
        self.stop();
        self.workers.stop_and_wait(timeout)
    }
}

impl<J, R> fmt::Debug for PriorityPool<J, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PriorityPool").field("queue", &self.queue).field("workers", &self.workers).finish()
    }
}

impl<J, R> Drop for PriorityPool<J, R> {
    fn drop(&mut self) {
        self.queue.close();
        // A guard that is dropped sends its client the outcome `Evicted`.
        drop(self.queue.drain());
    }
}

/// One client of a [`PriorityPool`]: sends jobs and receives their outcomes, in the order in which the jobs end.
///
/// Dropping it discards its outcomes, and workers skip its jobs that wait. It may outlive the pool: then its jobs come back
/// as [`JobOutcome::Evicted`].
pub struct PoolClient<J, R> {
    queue: Arc<PriorityQueue<JobGuard<J, R>>>,
    inbox: Arc<ClientInbox<J, R>>,
}

impl<J, R> PoolClient<J, R> {
    /// Sends a job without waiting. If the pool has no room, it evicts the job with the lowest priority, the newest of
    /// equals. That may be this job.
    pub fn send(&self, priority: f32, job: J) {
        // A guard that is not in the queue is dropped, and sends its client the outcome `Evicted`.
        drop(self.queue.send(priority, JobGuard::new(job, &self.inbox)).lost());
    }

    /// Waits until there is room or the pool closes, and sends a job. If all clients use this, no job is evicted while the
    /// pool is open.
    pub fn send_wait(&self, priority: f32, job: J) {
        drop(self.queue.send_wait(priority, JobGuard::new(job, &self.inbox)).lost());
    }

    /// Returns the next outcome without waiting, or `None` if it has not come yet.
    #[doc(alias = "try_get_result")]
    #[must_use]
    pub fn try_recv(&self) -> Option<JobOutcome<J, R>> {
        self.inbox.state.lock().take()
    }

    /// Waits at most `timeout` for an outcome and returns it. Returns `None` at once if no job is outstanding.
    #[must_use]
    pub fn recv_timeout(&self, timeout: Duration) -> Option<JobOutcome<J, R>> {
        let deadline = Deadline::after(timeout);
        let mut state = self.inbox.state.lock();
        while state.outcomes.is_empty()
            && state.outstanding > 0
            && deadline.wait(&self.inbox.arrived, &mut state)
        {}
        state.take()
    }

    /// Returns how many jobs were sent whose outcome was not received yet.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.inbox.state.lock().outstanding
    }
}

impl<J, R> fmt::Debug for PoolClient<J, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outstanding = self.outstanding();
        f.debug_struct("PoolClient").field("outstanding", &outstanding).finish_non_exhaustive()
    }
}

impl<J, R> Drop for PoolClient<J, R> {
    fn drop(&mut self) {
        let mut state = self.inbox.state.lock();
        state.client_dropped = true;
        let outcomes = std::mem::take(&mut state.outcomes);
        drop(state);
        drop(outcomes);
    }
}

/// The outcomes that a client has not received yet.
struct ClientInbox<J, R> {
    state: Mutex<InboxState<J, R>>,
    /// Notified if an outcome came.
    arrived: Condvar,
}

struct InboxState<J, R> {
    outcomes: VecDeque<JobOutcome<J, R>>,
    outstanding: usize,
    client_dropped: bool,
}

impl<J, R> Default for InboxState<J, R> {
    fn default() -> Self {
        Self { outcomes: VecDeque::new(), outstanding: 0, client_dropped: false }
    }
}

impl<J, R> InboxState<J, R> {
    fn take(&mut self) -> Option<JobOutcome<J, R>> {
        let outcome = self.outcomes.pop_front()?;
        self.outstanding -= 1;
        Some(outcome)
    }
}

/// A job together with its client's inbox. It sends the client exactly one outcome: dropping it sends `Evicted`.
struct JobGuard<J, R> {
    job: Option<J>,
    inbox: Arc<ClientInbox<J, R>>,
}

impl<J, R> JobGuard<J, R> {
    fn new(job: J, inbox: &Arc<ClientInbox<J, R>>) -> Self {
        inbox.state.lock().outstanding += 1;
        Self { job: Some(job), inbox: Arc::clone(inbox) }
    }

    /// Does the job and sends its outcome. Passes a panic on to the pool, which replaces the worker.
    fn run(mut self, work: &mut impl FnMut(J) -> R) {
        if self.inbox.state.lock().client_dropped {
            return;
        }
        let Some(job) = self.job.take() else { return };
        match catch_panic(|| work(job)) {
            Ok(result) => self.deliver(JobOutcome::Done(result)),
            Err(error) => {
                self.deliver(JobOutcome::Panicked(error));
                resume_unwind(Box::new("sent to the client"));
            }
        }
    }

    fn deliver(&self, outcome: JobOutcome<J, R>) {
        let mut state = self.inbox.state.lock();
        if state.client_dropped {
            drop(state);
            drop(outcome);
            return;
        }
        state.outcomes.push_back(outcome);
        drop(state);
        self.inbox.arrived.notify_all();
    }
}

impl<J, R> Drop for JobGuard<J, R> {
    fn drop(&mut self) {
        if let Some(job) = self.job.take() {
            self.deliver(JobOutcome::Evicted(job));
        }
    }
}
