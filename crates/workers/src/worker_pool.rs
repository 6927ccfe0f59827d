//! Named worker threads that survive the panics of their work.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{Clock, Timestamp};

use crate::bounded_queue::BoundedQueue;
use crate::catch_panic::{back_off, catch_panic};
use crate::priority_queue::PriorityQueue;
use crate::sync::{Condvar, Deadline, Mutex};
use crate::threads::ThreadGroup;

/// The queue from which the workers of a [`WorkerPool`] receive their jobs. Implement it to change how jobs are grouped,
/// for example into batches.
///
/// ```
/// use passerby_workers::{FairQueue, JobSource};
///
/// /// Gives each worker up to four items at once.
/// struct Batches(FairQueue<u64>);
///
/// impl JobSource for Batches {
///     type Job = Vec<(u32, u64)>;
///
///     fn recv(&self) -> Option<Self::Job> {
///         let mut batch = Vec::new();
///         self.0.recv_batch(4, &mut batch).then_some(batch)
///     }
///
///     fn close(&self) {
///         self.0.close();
///     }
/// }
/// ```
pub trait JobSource: Send + Sync + 'static {
    /// The work of one call.
    type Job: Send;

    /// Waits for the next job and returns it. Returns `None` if the source is closed and empty.
    fn recv(&self) -> Option<Self::Job>;

    /// Refuses further jobs and wakes every thread in [`JobSource::recv`]. Jobs in the source must still be received. It
    /// may be called more than once.
    fn close(&self);
}

impl<T: Send + 'static> JobSource for BoundedQueue<T> {
    type Job = T;

    fn recv(&self) -> Option<T> {
        Self::recv(self)
    }

    fn close(&self) {
        Self::close(self);
    }
}

impl<T: Send + 'static> JobSource for PriorityQueue<T> {
    type Job = T;

    fn recv(&self) -> Option<T> {
        Self::recv(self)
    }

    fn close(&self) {
        Self::close(self);
    }
}

/// A worker whose call takes too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StuckWorker {
    /// The name of its thread.
    pub worker: String,
    /// How long the call has been running.
    pub elapsed: Duration,
}

/// The counts of a pool since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerPoolStats {
    /// Workers that may receive jobs.
    pub workers: usize,
    /// Calls that ended, including those that panicked.
    pub jobs: u64,
    /// The time that all workers spent in calls, added up. Calls that still run count up to now.
    pub busy: Duration,
    /// Panics in calls, in the making of a worker, and in the reception of a job.
    pub panics: u64,
}

/// Threads that receive jobs and call a worker of their own with each. They are named `{name}-{index}`.
///
/// If a worker panics, the pool counts the panic, drops the job, and makes a new worker for the thread, after the pause of
/// [`back_off`].
///
/// Dropping the pool closes the jobs and does not wait.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use std::time::Duration;
///
/// use passerby_types::SystemClock;
/// use passerby_workers::{BoundedQueue, WhenFull, WorkerPool};
///
/// let clock = Arc::new(SystemClock::new());
/// let jobs = Arc::new(BoundedQueue::new("add", 8, WhenFull::Block, clock.clone()));
/// let sum = Arc::new(AtomicU64::new(0));
/// let total = Arc::clone(&sum);
/// let pool = WorkerPool::start("add", 2, Arc::clone(&jobs), clock, move |_index| {
///     let sum = Arc::clone(&sum);
///     move |number| {
///         sum.fetch_add(number, Ordering::Relaxed);
///     }
/// })?;
/// for number in 1..=10 {
///     assert!(jobs.send(number).is_queued());
/// }
/// let still_running = pool.join(Duration::from_secs(60));
/// assert!(still_running.is_empty());
/// assert_eq!(total.load(Ordering::Relaxed), 55);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct WorkerPool {
    shared: Arc<Shared>,
    threads: ThreadGroup,
    /// Makes the body of the thread with this index.
    body: Box<dyn Fn(usize) -> Box<dyn FnOnce() + Send> + Send + Sync>,
    close: Box<dyn Fn() + Send + Sync>,
}

struct Shared {
    name: String,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Notified if the pool was resized or stops.
    changed: Condvar,
}

struct State {
    /// Workers below this index may receive jobs.
    active: usize,
    stopped: bool,
    slots: Vec<Slot>,
}

/// The counts of one thread.
#[derive(Clone, Copy, Default)]
struct Slot {
    /// When the present call began, or `None` outside a call.
    call_began: Option<Timestamp>,
    jobs: u64,
    busy: Duration,
    panics: u64,
}

impl WorkerPool {
    /// Starts `workers` threads that receive from `jobs`. Each calls `make` with its index to make its worker, at the start
    /// and after a panic. `clock` measures times for [`WorkerPool::stuck`] and [`WorkerPool::stats`].
    ///
    /// If `workers` is 0, jobs wait until [`WorkerPool::resize`].
    ///
    /// # Errors
    /// The system's error if it has no more threads. The jobs are closed then.
    pub fn start<J: JobSource, W: FnMut(J::Job) + 'static>(
        name: &str,
        workers: usize,
        jobs: Arc<J>,
        clock: Arc<dyn Clock>,
        make: impl Fn(usize) -> W + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let state = State { active: 0, stopped: false, slots: Vec::new() };
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            clock,
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let make = Arc::new(make);
        let source = Arc::clone(&jobs);
        let counts = Arc::clone(&shared);
        let pool = Self {
            shared,
            threads: ThreadGroup::new(),
            body: Box::new(move |index| {
                let jobs = Arc::clone(&source);
                let shared = Arc::clone(&counts);
                let make = Arc::clone(&make);
                Box::new(move || run(index, &*jobs, &shared, &*make))
            }),
            close: Box::new(move || jobs.close()),
        };
        pool.resize(workers)?;
        Ok(pool)
    }

    /// Changes how many threads receive jobs. If there are too few, starts more. If there are too many, the last ones
    /// finish their job, receive at most the one job that they wait for, and then rest. Does nothing after the pool has
    /// stopped.
    ///
    /// # Errors
    /// The system's error if it has no more threads. All existing threads receive jobs then.
    pub fn resize(&self, workers: usize) -> io::Result<()> {
        let mut state = self.shared.state.lock();
        if state.stopped {
            return Ok(());
        }
        let mut result = Ok(());
        while state.slots.len() < workers && result.is_ok() {
            let index = state.slots.len();
            // The new thread needs the lock for its slot, so the slot is there before the thread looks.
            result = self.threads.spawn(&self.shared.worker(index), (self.body)(index));
            if result.is_ok() {
                state.slots.push(Slot::default());
            }
        }
        state.active = workers.min(state.slots.len());
        drop(state);
        self.shared.changed.notify_all();
        result
    }

    /// Returns how many workers may receive jobs.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.shared.state.lock().active
    }

    /// Returns the workers whose present call has been running for longer than `longer_than`, by index.
    #[must_use]
    pub fn stuck(&self, longer_than: Duration) -> Vec<StuckWorker> {
        let state = self.shared.state.lock();
        let now = self.shared.clock.now();
        let elapsed = |slot: &Slot| slot.call_began.map(|began| now.since(began));
        (0..)
            .zip(&state.slots)
            .filter_map(|(index, slot)| {
                Some((index, elapsed(slot).filter(|elapsed| *elapsed > longer_than)?))
            })
            .map(|(index, elapsed)| StuckWorker { worker: self.shared.worker(index), elapsed })
            .collect()
    }

    /// Returns the counts of the pool.
    #[must_use]
    pub fn stats(&self) -> WorkerPoolStats {
        let state = self.shared.state.lock();
        let now = self.shared.clock.now();
        let mut stats = WorkerPoolStats { workers: state.active, ..WorkerPoolStats::default() };
        for slot in &state.slots {
            let running = slot.call_began.map_or(Duration::ZERO, |began| now.since(began));
            stats.jobs += slot.jobs;
            stats.busy = stats.busy.saturating_add(slot.busy).saturating_add(running);
            stats.panics += slot.panics;
        }
        stats
    }

    /// Closes the jobs and waits until the workers have done the jobs that wait and ended, but at most `timeout`. Returns the
    /// names of the threads that still run, oldest first. They end when their calls return.
    pub fn join(self, timeout: Duration) -> Vec<String> {
        self.stop_and_wait(timeout)
    }

    /// Does the same as [`WorkerPool::join`], for an owner that cannot move the pool.
    pub fn stop_and_wait(&self, timeout: Duration) -> Vec<String> {
        self.stop();
        self.threads.join(timeout)
    }

    /// Closes the jobs and does not wait. Workers still do the jobs that wait.
    pub fn stop(&self) {
        self.shared.state.lock().stopped = true;
        self.shared.changed.notify_all();
        (self.close)();
    }
}

impl fmt::Debug for WorkerPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = self.stats();
        f.debug_struct("WorkerPool")
            .field("name", &self.shared.name)
            .field("stats", &stats)
            .finish_non_exhaustive()
    }
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn worker(&self, index: usize) -> String {
        format!("{}-{index}", self.name)
    }

    /// Waits for the back-off after `panics` panics in a row, and then until the worker may receive a job. Returns false if
    /// the pool stops.
    fn admit(&self, index: usize, panics: u32) -> bool {
        let mut state = self.state.lock();
        let pause = back_off(panics);
        if !pause.is_zero() {
            let deadline = Deadline::after(pause);
            while !state.stopped && deadline.wait(&self.changed, &mut state) {}
        }
        while !state.stopped && index >= state.active {
            Deadline::NEVER.wait(&self.changed, &mut state);
        }
        !state.stopped
    }

    fn begin(&self, index: usize) {
        let now = self.clock.now();
        if let Some(slot) = self.state.lock().slots.get_mut(index) {
            slot.call_began = Some(now);
        }
    }

    fn end(&self, index: usize, panicked: bool) {
        let now = self.clock.now();
        if let Some(slot) = self.state.lock().slots.get_mut(index) {
            let ran = slot.call_began.take().map_or(Duration::ZERO, |began| now.since(began));
            slot.jobs += 1;
            slot.busy = slot.busy.saturating_add(ran);
            slot.panics += u64::from(panicked);
        }
    }

    fn count_panic(&self, index: usize) {
        if let Some(slot) = self.state.lock().slots.get_mut(index) {
            slot.panics += 1;
        }
    }
}

/// The body of a thread: does jobs until the source is closed and empty.
fn run<J: JobSource, W: FnMut(J::Job)>(index: usize, jobs: &J, shared: &Shared, make: &dyn Fn(usize) -> W) {
    let mut worker = None;
    let mut panics = 0u32;
    loop {
        let goes_on = shared.admit(index, panics);
        let next = catch_panic(|| {
            let work = worker.take().unwrap_or_else(|| make(index));
            jobs.recv().map(|job| (work, job))
        });
        let (mut work, job) = match next {
            Ok(Some(next)) => next,
            Ok(None) => return,
            Err(_) => {
                shared.count_panic(index);
                panics = panics.saturating_add(1);
                if goes_on {
                    continue;
                }
                // The pool stops, so this thread does not try again to make a worker.
                return;
            }
        };
        shared.begin(index);
        let result = catch_panic(|| work(job));
        shared.end(index, result.is_err());
        if result.is_ok() {
            panics = 0;
            worker = Some(work);
        } else {
            panics = panics.saturating_add(1);
            // If the broken worker panics again while it is dropped, it is gone all the same.
            let _ = catch_panic(|| drop(work));
        }
    }
}
