//! Named threads that take jobs and never die silently.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{Clock, Timestamp};

use crate::bounded_queue::BoundedQueue;
use crate::catch_panic::{back_off, quietly};
use crate::priority_queue::PriorityQueue;
use crate::sync::{Condvar, Deadline, Mutex};
use crate::threads::Threads;

/// Where the workers of a [`WorkerPool`] get their jobs.
pub trait Jobs: Send + Sync + 'static {
    /// What one call of a worker is for.
    type Job: Send;

    /// The next job. Waits for one; `None` once this is closed and empty.
    fn take(&self) -> Option<Self::Job>;

    /// Takes no more jobs in, and wakes every [`Jobs::take`]. What waits can still be taken. A second call is fine.
    fn close(&self);
}

impl<T: Send + 'static> Jobs for BoundedQueue<T> {
    type Job = T;

    fn take(&self) -> Option<T> {
        self.pop()
    }

    fn close(&self) {
        Self::close(self);
    }
}

impl<T: Send + 'static> Jobs for PriorityQueue<T> {
    type Job = T;

    fn take(&self) -> Option<T> {
        self.pop()
    }

    fn close(&self) {
        Self::close(self);
    }
}

/// A worker whose call does not come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StuckWorker {
    /// The thread's name.
    pub worker: String,
    /// How long the call has run by now.
    pub since: Duration,
}

/// What a pool has done since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerPoolStats {
    /// Workers that may take jobs.
    pub workers: usize,
    /// Calls that ended, those that panicked included.
    pub jobs: u64,
    /// How long the calls took, added up over all workers; those that run now count up to now.
    pub busy: Duration,
    /// Panics: in calls, in making a worker, in taking a job.
    pub panics: u64,
}

/// Threads `{name}-{index}` that take jobs and call a worker of their own with each.
///
/// A panic in a worker is caught and counted, its job is gone, and the thread gets a new worker: at once after the
/// first panic, after 10, 20, 40 ms and so on up to 1 s after further ones in a row.
///
/// Dropping the pool closes the jobs and waits for nobody.
pub struct WorkerPool {
    shared: Arc<Shared>,
    threads: Threads,
    /// Makes what the thread of this index runs.
    body: Box<dyn Fn(usize) -> Box<dyn FnOnce() + Send> + Send + Sync>,
    close: Box<dyn Fn() + Send + Sync>,
}

struct Shared {
    name: String,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// The pool was resized or stops.
    changed: Condvar,
}

struct State {
    /// Workers below this index may take jobs.
    active: usize,
    stopped: bool,
    slots: Vec<Slot>,
}

/// The account of one thread.
#[derive(Clone, Copy, Default)]
struct Slot {
    /// Since when it is in a call.
    since: Option<Timestamp>,
    jobs: u64,
    busy: Duration,
    panics: u64,
}

impl WorkerPool {
    /// Starts `workers` threads that take from `jobs`. Each calls `make` with its index for a worker of its own, at
    /// the start and after a panic. `clock` is for [`WorkerPool::stuck`] and [`WorkerPool::stats`].
    ///
    /// With 0 workers nothing is worked on until [`WorkerPool::resize`].
    ///
    /// # Errors
    /// What the system says where it has no more threads to give: the jobs are closed then.
    pub fn start<J: Jobs, W: FnMut(J::Job) + 'static>(
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
        let account = Arc::clone(&shared);
        let pool = Self {
            shared,
            threads: Threads::new(),
            body: Box::new(move |index| {
                let (jobs, shared, make) = (Arc::clone(&source), Arc::clone(&account), Arc::clone(&make));
                Box::new(move || run(index, &*jobs, &shared, &*make))
            }),
            close: Box::new(move || jobs.close()),
        };
        pool.resize(workers)?;
        Ok(pool)
    }

    /// Lets `workers` threads take jobs: more are started where there are too few, and those beyond it finish what
    /// they have, take at most the one job they wait for, and rest. Nothing happens once the pool stops.
    ///
    /// # Errors
    /// What the system says where it has no more threads to give: all there are take jobs then.
    pub fn resize(&self, workers: usize) -> io::Result<()> {
        let mut state = self.shared.state.lock();
        if state.stopped {
            return Ok(());
        }
        let mut result = Ok(());
        while state.slots.len() < workers && result.is_ok() {
            let index = state.slots.len();
            // The new thread asks for its slot only after this lock is given up.
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

    /// How many workers may take jobs.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.shared.state.lock().active
    }

    /// The workers that are in a call for longer than this, by index.
    #[must_use]
    pub fn stuck(&self, longer_than: Duration) -> Vec<StuckWorker> {
        let state = self.shared.state.lock();
        let now = self.shared.clock.now();
        let running = |slot: &Slot| slot.since.map(|since| now.since(since));
        (0..)
            .zip(&state.slots)
            .filter_map(|(index, slot)| Some((index, running(slot).filter(|since| *since > longer_than)?)))
            .map(|(index, since)| StuckWorker { worker: self.shared.worker(index), since })
            .collect()
    }

    /// What the pool has done so far.
    #[must_use]
    pub fn stats(&self) -> WorkerPoolStats {
        let state = self.shared.state.lock();
        let now = self.shared.clock.now();
        let mut stats = WorkerPoolStats { workers: state.active, ..WorkerPoolStats::default() };
        for slot in &state.slots {
            let running = slot.since.map_or(Duration::ZERO, |since| now.since(since));
            stats.jobs += slot.jobs;
            stats.busy = stats.busy.saturating_add(slot.busy).saturating_add(running);
            stats.panics += slot.panics;
        }
        stats
    }

    /// Closes the jobs and waits until the workers, the resting ones too, have done what waits and ended, or the time
    /// is up. Returns the names of the threads that still run, by age; they are left to themselves and end when their
    /// calls come back.
    pub fn join(self, timeout: Duration) -> Vec<String> {
        self.stop_and_wait(timeout)
    }

    /// [`WorkerPool::join`] for who owns the pool in a place it cannot be moved out of.
    pub fn stop_and_wait(&self, timeout: Duration) -> Vec<String> {
        self.stop();
        self.threads.join(timeout)
    }

    /// Takes no more jobs; waits for nobody.
    pub fn stop(&self) {
        self.shared.state.lock().stopped = true;
        self.shared.changed.notify_all();
        (self.close)();
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

    /// Waits until the worker may take a job, and no shorter than the back-off after its last panic. True where the
    /// pool goes on, false where it stops.
    fn admit(&self, index: usize, panics: u32) -> bool {
        let mut state = self.state.lock();
        let rest = back_off(panics);
        if !rest.is_zero() {
            let deadline = Deadline::after(rest);
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
            slot.since = Some(now);
        }
    }

    fn end(&self, index: usize, panicked: bool) {
        let now = self.clock.now();
        if let Some(slot) = self.state.lock().slots.get_mut(index) {
            let ran = slot.since.take().map_or(Duration::ZERO, |since| now.since(since));
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

/// What a thread does: takes jobs until there will be no more.
fn run<J: Jobs, W: FnMut(J::Job)>(index: usize, jobs: &J, shared: &Shared, make: &dyn Fn(usize) -> W) {
    let mut worker = None;
    let mut panics = 0u32;
    loop {
        let goes_on = shared.admit(index, panics);
        let next = quietly("pool", || {
            let work = worker.take().unwrap_or_else(|| make(index));
            jobs.take().map(|job| (work, job))
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
                // Nobody is left to wait for a worker that cannot be made.
                return;
            }
        };
        shared.begin(index);
        let result = quietly("pool", || work(job));
        shared.end(index, result.is_err());
        if result.is_ok() {
            panics = 0;
            worker = Some(work);
        } else {
            panics = panics.saturating_add(1);
            // A panic while a broken worker is dropped changes nothing: it is gone either way.
            let _ = quietly("pool", || drop(work));
        }
    }
}
