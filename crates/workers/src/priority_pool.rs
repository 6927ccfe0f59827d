//! Workers shared by many clients: jobs by priority, answers to who asked.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{Clock, StageError};

use crate::bounded_queue::QueueStats;
use crate::catch_panic::quietly;
use crate::priority_queue::PriorityQueue;
use crate::sync::{Condvar, Deadline, Mutex};
use crate::worker_pool::{StuckWorker, WorkerPool, WorkerPoolStats};

/// What became of a job.
pub enum JobOutcome<J, R> {
    /// The worker's answer.
    Done(R),
    /// It was not worked on: jobs of a higher priority took its place, or the pool closed.
    Evicted(J),
    /// The worker panicked over it, and is replaced. The job is gone.
    Panicked(StageError),
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

/// A [`WorkerPool`] over a [`PriorityQueue`], for many clients, each of which asks for its own outcomes.
///
/// Every job that a client offers leads to exactly one [`JobOutcome`] for that client: also where the job of another
/// client evicts it, where the worker panics, and where the pool closes or is dropped. A job whose worker never comes
/// back has none until it does.
///
/// Dropping the pool closes it and waits for nobody: what waits is evicted, what is being worked on is finished.
pub struct PriorityPool<J, R> {
    queue: Arc<PriorityQueue<JobGuard<J, R>>>,
    workers: WorkerPool,
}

impl<J: Send + 'static, R: Send + 'static> PriorityPool<J, R> {
    /// Starts `workers` threads `{name}-{index}`, for which at most `capacity` jobs wait; 0 counts as 1. Each calls
    /// `make` with its index for a worker of its own, at the start and after a panic.
    ///
    /// # Errors
    /// What the system says where it has no more threads to give.
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
            move |ticket: JobGuard<J, R>| ticket.serve(&mut work)
        })?;
        Ok(Self { queue, workers })
    }

    /// A new client without jobs.
    #[must_use]
    pub fn client(&self) -> PoolClient<J, R> {
        let inbox = Inbox { state: Mutex::new(InboxState::default()), arrived: Condvar::new() };
        PoolClient { queue: Arc::clone(&self.queue), inbox: Arc::new(inbox) }
    }

    /// As [`WorkerPool::resize`].
    ///
    /// # Errors
    /// What the system says where it has no more threads to give.
    pub fn resize(&self, workers: usize) -> io::Result<()> {
        self.workers.resize(workers)
    }

    /// How many workers may take jobs.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.workers.workers()
    }

    /// The workers that are in a call for longer than this, by index.
    #[must_use]
    pub fn stuck(&self, longer_than: Duration) -> Vec<StuckWorker> {
        self.workers.stuck(longer_than)
    }

    /// What the workers have done so far.
    #[must_use]
    pub fn stats(&self) -> WorkerPoolStats {
        self.workers.stats()
    }

    /// What became of the jobs so far; `dropped` are those that higher priorities evicted.
    #[must_use]
    pub fn queue(&self) -> QueueStats {
        self.queue.stats()
    }

    /// Takes no more jobs, and waits until the workers have done what waits and ended, or the time is up. Then what
    /// still waits is evicted. Returns the names of the threads that still run; they are left to themselves, and the
    /// outcomes of their jobs come when their calls come back.
    pub fn join(self, timeout: Duration) -> Vec<String> {
        self.workers.stop_and_wait(timeout)
    }

    /// Takes no more jobs and evicts what waits; waits for nobody.
    pub fn stop(&self) {
        self.queue.close();
        drop(self.queue.drain());
        self.workers.stop();
    }

    /// As [`PriorityPool::join`] for a pool that others hold too, with what waits evicted at once.
    pub fn stop_and_wait(&self, timeout: Duration) -> Vec<String> {
        self.stop();
        self.workers.stop_and_wait(timeout)
    }
}

impl<J, R> Drop for PriorityPool<J, R> {
    fn drop(&mut self) {
        self.queue.close();
        // Each ticket tells its client as it is dropped.
        drop(self.queue.drain());
    }
}

/// One client of a [`PriorityPool`]: offers jobs and gets their outcomes, in the order in which the jobs end.
///
/// Dropping it discards the outcomes, and those of its jobs that still wait are not worked on. It may outlive the
/// pool: what it offers then comes back evicted.
pub struct PoolClient<J, R> {
    queue: Arc<PriorityQueue<JobGuard<J, R>>>,
    inbox: Arc<Inbox<J, R>>,
}

impl<J, R> PoolClient<J, R> {
    /// Offers a job. Never waits: where the pool has no room the job with the lowest priority is evicted, the newest
    /// of equals, which may be this one.
    pub fn offer(&self, priority: f32, job: J) {
        // A ticket that did not stay in the queue tells its client as it is dropped.
        drop(self.queue.push(priority, JobGuard::new(job, &self.inbox)).lost());
    }

    /// Offers a job and waits until there is room for it or the pool closes. Where all clients use this, no job is
    /// evicted while the pool is open.
    pub fn offer_wait(&self, priority: f32, job: J) {
        drop(self.queue.push_wait(priority, JobGuard::new(job, &self.inbox)).lost());
    }

    /// An outcome, where one is there.
    pub fn try_get_result(&self) -> Option<JobOutcome<J, R>> {
        self.inbox.state.lock().fetch()
    }

    /// An outcome. Waits for one no longer than `timeout`, and not at all where none is outstanding.
    pub fn get_result(&self, timeout: Duration) -> Option<JobOutcome<J, R>> {
        let deadline = Deadline::after(timeout);
        let mut state = self.inbox.state.lock();
        while state.outcomes.is_empty()
            && state.outstanding > 0
            && deadline.wait(&self.inbox.arrived, &mut state)
        {}
        state.fetch()
    }

    /// How many jobs were offered of which the outcome was not fetched yet.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.inbox.state.lock().outstanding
    }
}

impl<J, R> Drop for PoolClient<J, R> {
    fn drop(&mut self) {
        let mut state = self.inbox.state.lock();
        state.gone = true;
        let outcomes = std::mem::take(&mut state.outcomes);
        drop(state);
        drop(outcomes);
    }
}

/// The outcomes that a client has not fetched yet.
struct Inbox<J, R> {
    state: Mutex<InboxState<J, R>>,
    /// An outcome came.
    arrived: Condvar,
}

struct InboxState<J, R> {
    outcomes: VecDeque<JobOutcome<J, R>>,
    outstanding: usize,
    /// The client was dropped.
    gone: bool,
}

impl<J, R> Default for InboxState<J, R> {
    fn default() -> Self {
        Self { outcomes: VecDeque::new(), outstanding: 0, gone: false }
    }
}

impl<J, R> InboxState<J, R> {
    fn fetch(&mut self) -> Option<JobOutcome<J, R>> {
        let outcome = self.outcomes.pop_front()?;
        self.outstanding -= 1;
        Some(outcome)
    }
}

/// A job on its way. Its client is told one outcome, wherever the way ends: dropping it says `Evicted`.
struct JobGuard<J, R> {
    job: Option<J>,
    inbox: Arc<Inbox<J, R>>,
}

impl<J, R> JobGuard<J, R> {
    fn new(job: J, inbox: &Arc<Inbox<J, R>>) -> Self {
        inbox.state.lock().outstanding += 1;
        Self { job: Some(job), inbox: Arc::clone(inbox) }
    }

    /// Works on the job and tells its outcome. A panic goes on to the pool, which replaces the worker.
    fn serve(mut self, work: &mut impl FnMut(J) -> R) {
        if self.inbox.state.lock().gone {
            return;
        }
        let Some(job) = self.job.take() else { return };
        match quietly("pool", || work(job)) {
            Ok(result) => self.tell(JobOutcome::Done(result)),
            Err(error) => {
                self.tell(JobOutcome::Panicked(error));
                resume_unwind(Box::new("told to the client"));
            }
        }
    }

    fn tell(&self, outcome: JobOutcome<J, R>) {
        let mut state = self.inbox.state.lock();
        if state.gone {
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
            self.tell(JobOutcome::Evicted(job));
        }
    }
}
