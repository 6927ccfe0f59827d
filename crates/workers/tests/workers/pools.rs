//! The pools: every job has an outcome, a panic ends no thread, and a stuck call holds up no other.
#![cfg(not(loom))]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use passerby_testkit::SimulatedClock;
use passerby_types::{Clock, SystemClock};
use passerby_workers::{
    BoundedQueue, JobOutcome, PoolClient, PriorityPool, SendOutcome, StuckWorker, ThreadGroup, WhenFull,
    WorkerPool, WorkerPoolStats,
};
use proptest::prelude::*;

const MS: Duration = Duration::from_millis(1);
/// Longer than any test takes unless it hangs.
const LONG: Duration = Duration::from_secs(60);
const NONE: [String; 0] = [];

fn system() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

fn queue<T>(capacity: usize) -> Arc<BoundedQueue<T>> {
    Arc::new(BoundedQueue::new("test", capacity, WhenFull::Block, system()))
}

/// Lets other threads run until `holds` returns true.
fn until(holds: impl Fn() -> bool) {
    while !holds() {
        thread::yield_now();
    }
}

/// Signals that a call has begun, and lets it return when the test says so.
#[derive(Clone)]
struct Gate {
    begun: SyncSender<()>,
    go: Arc<Mutex<Receiver<()>>>,
}

impl Gate {
    fn new() -> (Self, Receiver<()>, SyncSender<()>) {
        let (begun, has_begun) = sync_channel(99);
        let (let_go, go) = sync_channel(99);
        (Self { begun, go: Arc::new(Mutex::new(go)) }, has_begun, let_go)
    }

    fn pass(&self) {
        // An error means that the test is over.
        let _ = self.begun.send(());
        let _ = self.go.lock().unwrap_or_else(PoisonError::into_inner).recv();
    }
}

#[test]
fn threads_are_joined_with_a_timeout() {
    let threads = ThreadGroup::new();
    let (gate, begun, go) = Gate::new();
    threads.spawn("stuck", move || gate.pass()).unwrap();
    threads.spawn("br\0ken", || panic!("scripted")).unwrap();
    let (send_name, names) = sync_channel(1);
    threads
        .spawn("named", move || send_name.send(thread::current().name().map(str::to_owned)).unwrap())
        .unwrap();
    assert_eq!(names.recv().unwrap().as_deref(), Some("named"));
    begun.recv().unwrap();
    until(|| threads.running().len() == 1);
    assert_eq!(threads.join(MS), ["stuck"]);
    assert_eq!(threads.join(Duration::ZERO), ["stuck"]);
    assert_eq!(threads.panics(), ["brken: panicked: scripted"]);
    go.send(()).unwrap();
    assert_eq!((threads.join(LONG), threads.running()), (vec![], vec![]));
    assert_eq!(ThreadGroup::default().join(LONG), NONE);
}

#[test]
fn the_end_waits_for_every_job() {
    let jobs = queue(8);
    let sum = Arc::new(AtomicUsize::new(0));
    let names = Arc::new(Mutex::new(BTreeMap::new()));
    let add = Arc::clone(&sum);
    let note = Arc::clone(&names);
    let pool = WorkerPool::start("test", 3, Arc::clone(&jobs), system(), move |index| {
        note.lock().unwrap().insert(index, thread::current().name().map(str::to_owned));
        let add = Arc::clone(&add);
        move |job| {
            add.fetch_add(job, Ordering::Relaxed);
        }
    })
    .unwrap();
    for job in 1..=1000 {
        assert_eq!(jobs.send(job), SendOutcome::Queued);
    }
    assert_eq!(pool.workers(), 3);
    assert_eq!(pool.join(LONG), NONE);
    assert_eq!(sum.load(Ordering::Relaxed), 500_500);
    assert!(jobs.is_closed());
    let names: Vec<_> = names.lock().unwrap().values().flatten().cloned().collect();
    assert_eq!(names, ["test-0", "test-1", "test-2"]);
}

#[test]
fn a_panic_ends_no_thread() {
    let jobs = queue(99);
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let done = Arc::new(AtomicUsize::new(0));
    let finished = Arc::clone(&done);
    let pool = WorkerPool::start("test", 1, Arc::clone(&jobs), system(), move |_| {
        let nth = count.fetch_add(1, Ordering::Relaxed);
        let done = Arc::clone(&finished);
        assert!(nth != 2, "the third cannot be made");
        move |job: usize| {
            assert!(job % 4 != 1, "scripted");
            done.fetch_add(1, Ordering::Relaxed);
        }
    })
    .unwrap();
    for job in 0..12 {
        assert_eq!(jobs.send(job), SendOutcome::Queued);
    }
    until(|| pool.stats().jobs == 12);
    let stats = pool.stats();
    assert_eq!((stats.jobs, stats.panics, done.load(Ordering::Relaxed)), (12, 4, 9));
    assert_eq!(pool.join(LONG), NONE);
    assert_eq!(
        made.load(Ordering::Relaxed),
        5,
        "the first, one for each of three panics, and one for the worker that could not be made"
    );
}

#[test]
fn the_end_interrupts_the_back_off() {
    let jobs = queue::<u32>(9);
    let pool = WorkerPool::start("test", 1, Arc::clone(&jobs), system(), |_| -> fn(u32) {
        panic!("it can never be made")
    })
    .unwrap();
    assert_eq!(jobs.send(0), SendOutcome::Queued);
    until(|| pool.stats().panics >= 3);
    assert_eq!(pool.join(LONG), NONE, "the pool stops trying");
    assert_eq!(jobs.drain(), [0]);
}

#[test]
fn a_stuck_worker_does_not_hold_up_the_end() {
    let clock = SimulatedClock::new();
    let jobs = queue(9);
    let (gate, begun, go) = Gate::new();
    let done = Arc::new(AtomicUsize::new(0));
    let finished = Arc::clone(&done);
    let pool = WorkerPool::start("test", 2, Arc::clone(&jobs), Arc::new(clock.clone()), move |_| {
        let gate = gate.clone();
        let done = Arc::clone(&finished);
        move |job: u32| {
            if job == 0 {
                gate.pass();
            }
            done.fetch_add(1, Ordering::Relaxed);
        }
    })
    .unwrap();
    assert_eq!(jobs.send(0), SendOutcome::Queued);
    begun.recv().unwrap();
    assert_eq!(pool.stuck(Duration::ZERO), [], "no time has passed");
    clock.advance(7 * MS);
    for job in 1..5 {
        assert_eq!(jobs.send(job), SendOutcome::Queued);
    }
    until(|| done.load(Ordering::Relaxed) == 4 && pool.stats().jobs == 4);
    let [StuckWorker { worker, elapsed }] = &pool.stuck(6 * MS)[..] else { panic!("one is stuck") };
    assert_eq!((*elapsed, pool.stuck(7 * MS)), (7 * MS, vec![]));
    assert_eq!(pool.stats(), WorkerPoolStats { workers: 2, jobs: 4, busy: 7 * MS, panics: 0 });
    let worker = worker.clone();
    // The other worker needs a moment to end.
    until(|| pool.stop_and_wait(MS) == [worker.clone()]);
    go.send(()).unwrap();
    until(|| done.load(Ordering::Relaxed) == 5);
}

#[test]
fn a_pool_can_be_resized() {
    let jobs = queue(99);
    let (begun, has_begun) = sync_channel(99);
    let pool = WorkerPool::start("test", 0, Arc::clone(&jobs), system(), move |index| {
        let begun = begun.clone();
        move |go: Receiver<()>| {
            begun.send(index).unwrap();
            go.recv().unwrap();
        }
    })
    .unwrap();
    // Each job returns when its sender says so.
    let push = || {
        let (let_go, go) = sync_channel(1);
        assert!(matches!(jobs.send(go), SendOutcome::Queued));
        let_go
    };
    let calls: Vec<_> = (0..6).map(|_| push()).collect();
    assert_eq!((pool.workers(), pool.stats().jobs, jobs.stats().depth), (0, 0, 6));
    pool.resize(3).unwrap();
    let first = BTreeSet::from([(); 3].map(|()| has_begun.recv().unwrap()));
    assert_eq!((first, pool.workers(), jobs.stats().depth), (BTreeSet::from([0, 1, 2]), 3, 3));

    // All three are in a call, and two of them rest after it.
    pool.resize(1).unwrap();
    for (i, let_go) in (1..).zip(&calls) {
        let_go.send(()).unwrap();
        until(|| pool.stats().jobs == i);
        if (3..6).contains(&i) {
            assert_eq!(has_begun.recv().unwrap(), 0, "the only active worker");
        }
    }
    assert_eq!((pool.workers(), jobs.stats().depth), (1, 0));

    // Both receive a job at the same time.
    pool.resize(0).unwrap();
    pool.resize(2).unwrap();
    let calls = [push(), push()];
    let both = BTreeSet::from([(); 2].map(|()| has_begun.recv().unwrap()));
    assert_eq!(both, BTreeSet::from([0, 1]));
    calls.iter().for_each(|let_go| let_go.send(()).unwrap());
    assert_eq!(pool.join(LONG), NONE);
}

/// Returns a pool whose workers return each job, panic if it is odd, and wait at the gate if it is 0.
fn echo(workers: usize, capacity: usize, gate: Gate) -> PriorityPool<u32, u32> {
    PriorityPool::start("test", workers, capacity, system(), move |_| {
        let gate = gate.clone();
        move |job| {
            if job == 0 {
                gate.pass();
            }
            assert!(job % 2 == 0, "scripted");
            job
        }
    })
    .expect("threads")
}

#[test]
fn each_client_receives_its_own_outcomes() {
    let (gate, begun, go) = Gate::new();
    let pool = echo(1, 2, gate);
    let one = pool.client();
    let other = pool.client();
    one.send(0.0, 0);
    begun.recv().unwrap();
    assert_eq!((one.outstanding(), one.try_recv().is_none()), (1, true));
    // The only worker is busy and two jobs can wait. The third evicts the lowest, and the fourth is the lowest itself.
    one.send(0.1, 2);
    one.send(0.5, 4);
    other.send(0.9, 6);
    other.send(0.1, 8);
    assert!(matches!(one.recv_timeout(LONG), Some(JobOutcome::Evicted(2))));
    assert!(matches!(other.recv_timeout(LONG), Some(JobOutcome::Evicted(8))));
    assert!(other.recv_timeout(Duration::ZERO).is_none());
    go.send(()).unwrap();
    assert!(matches!(other.recv_timeout(LONG), Some(JobOutcome::Done(6))));
    assert!(matches!(one.recv_timeout(LONG), Some(JobOutcome::Done(0))));
    assert!(matches!(one.recv_timeout(LONG), Some(JobOutcome::Done(4))));
    other.send_wait(0.0, 7);
    let Some(JobOutcome::Panicked(error)) = other.recv_timeout(LONG) else { panic!("it panics") };
    assert_eq!(error.to_string(), "panicked: scripted");
    assert_eq!((one.outstanding(), other.outstanding()), (0, 0));
    assert!(one.recv_timeout(LONG).is_none(), "nothing to wait for");
    assert_eq!((pool.queue_stats().dropped, pool.workers()), (2, 1));
    until(|| pool.stats().jobs == 4);
    assert_eq!(pool.stats().panics, 1);
    assert_eq!(pool.join(LONG), NONE);
}

#[test]
fn a_closed_pool_evicts_new_jobs() {
    let pool = echo(1, 2, Gate::new().0);
    let one = pool.client();
    let other = pool.client();
    assert_eq!(pool.join(LONG), NONE);
    one.send(1.0, 2);
    other.send_wait(1.0, 4);
    assert!(matches!(one.try_recv(), Some(JobOutcome::Evicted(2))));
    assert!(matches!(other.try_recv(), Some(JobOutcome::Evicted(4))));
}

#[test]
fn the_end_evicts_waiting_jobs() {
    let (gate, begun, go) = Gate::new();
    let pool = echo(1, 9, gate);
    let client = pool.client();
    client.send(0.0, 0);
    begun.recv().unwrap();
    client.send(0.0, 2);
    assert_eq!(pool.stuck(LONG), []);
    assert_eq!(pool.join(MS), ["test-0"]);
    assert!(matches!(client.recv_timeout(LONG), Some(JobOutcome::Evicted(2))));
    assert_eq!(client.outstanding(), 1, "the outcome of the stuck job comes when its call returns");
    go.send(()).unwrap();
    assert!(matches!(client.recv_timeout(LONG), Some(JobOutcome::Done(0))));
}

#[test]
fn a_dropped_pool_evicts_waiting_jobs() {
    let pool = echo(0, 9, Gate::new().0);
    let client = pool.client();
    client.send(0.0, 2);
    drop(pool);
    assert!(matches!(client.recv_timeout(LONG), Some(JobOutcome::Evicted(2))));
}

#[test]
fn jobs_of_a_dropped_client_are_skipped() {
    let (gate, begun, go) = Gate::new();
    let worked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&worked);
    let pool = PriorityPool::start("test", 1, 9, system(), move |_| {
        let gate = gate.clone();
        let count = Arc::clone(&count);
        move |()| {
            count.fetch_add(1, Ordering::Relaxed);
            gate.pass();
        }
    })
    .unwrap();
    let client: PoolClient<(), ()> = pool.client();
    client.send(0.0, ());
    begun.recv().unwrap();
    client.send(0.0, ());
    drop(client);
    go.send(()).unwrap();
    assert_eq!(pool.join(LONG), NONE);
    assert_eq!(worked.load(Ordering::Relaxed), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Several clients at once, a queue that is too small for them, workers that panic, and an end at any moment.
    #[test]
    fn every_job_has_exactly_one_outcome(
        workers in 0..4usize,
        capacity in 1..6usize,
        clients in prop::collection::vec(prop::collection::vec((1..9u32, 0..3u8), 0..60), 1..5),
        end_early in any::<bool>(),
    ) {
        let pool = echo(workers, capacity, Gate::new().0);
        let clients: Vec<_> = clients.into_iter().map(|jobs| (pool.client(), jobs)).collect();
        let mut pool = Some(pool);
        let fetched: Vec<Vec<u32>> = thread::scope(|scope| {
            let threads: Vec<_> = clients
                .iter()
                .map(|(client, jobs)| {
                    scope.spawn(move || {
                        for (job, priority) in jobs {
                            client.send(f32::from(*priority), *job);
                        }
                        let mut fetched = Vec::new();
                        while client.outstanding() > 0 {
                            fetched.push(match client.recv_timeout(LONG).expect("an outcome") {
                                JobOutcome::Done(job) => {
                                    assert!(job % 2 == 0);
                                    job
                                }
                                JobOutcome::Evicted(job) => job,
                                JobOutcome::Panicked(_) => 0,
                            });
                        }
                        fetched
                    })
                })
                .collect();
            if end_early || workers == 0 {
                drop(pool.take());
            }
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for ((client, jobs), fetched) in clients.iter().zip(fetched) {
            prop_assert_eq!(fetched.len(), jobs.len());
            let mut left: Vec<u32> = jobs.iter().map(|(job, _)| *job).collect();
            for job in fetched.iter().filter(|job| **job != 0) {
                let place = left.iter().position(|other| other == job);
                prop_assert!(place.is_some(), "the client sent it");
                left.remove(place.unwrap());
            }
            prop_assert!(left.iter().all(|job| job % 2 == 1), "the others panicked");
            prop_assert!(client.try_recv().is_none());
        }
        if let Some(pool) = pool {
            prop_assert_eq!(pool.join(LONG), NONE);
        }
    }
}
