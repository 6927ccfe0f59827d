//! Model checks of the queues and pools: every way in which a few threads can interleave. Build and run them with
//! `RUSTFLAGS="--cfg loom" cargo test -p passerby-workers --test loom --release --target-dir target/loom`.
#![cfg(loom)]

use std::sync::Arc;
use std::time::Duration;

use loom::model::Builder;
use loom::thread;
use passerby_types::{Clock, SystemClock};
use passerby_workers::{
    BoundedQueue, FairQueue, JobOutcome, JobSource, PoolClient, PriorityPool, PriorityQueue, SendOutcome,
    WhenFull, WorkerPool,
};

/// The model checker has no time: any timeout but zero waits without a limit.
const NO_LIMIT: Duration = Duration::MAX;

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

/// Tries all orders with at most `preemptions` preemptions, for a model of which all orders would take too long.
fn check(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

fn queue(capacity: usize, when_full: WhenFull) -> Arc<BoundedQueue<u32>> {
    Arc::new(BoundedQueue::new("loom", capacity, when_full, clock()))
}

fn recv_all(queue: &BoundedQueue<u32>) -> Vec<u32> {
    std::iter::from_fn(|| queue.recv()).collect()
}

#[test]
fn two_waiting_senders_lose_nothing() {
    loom::model(|| {
        let queue = queue(1, WhenFull::Block);
        let senders = [1, 2].map(|item| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || assert_eq!(queue.send(item), SendOutcome::Queued))
        });
        let mut items = [queue.recv(), queue.recv()].map(Option::unwrap);
        items.sort_unstable();
        assert_eq!(items, [1, 2]);
        senders.into_iter().for_each(|pusher| pusher.join().unwrap());
        queue.close();
        assert_eq!(queue.recv(), None);
    });
}

#[test]
fn two_receivers_share_the_items() {
    check(3, || {
        let queue = queue(2, WhenFull::Block);
        let receivers = [(); 2].map(|()| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || recv_all(&queue))
        });
        assert_eq!((queue.send(1), queue.send(2)), (SendOutcome::Queued, SendOutcome::Queued));
        queue.close();
        let mut items: Vec<u32> =
            receivers.into_iter().flat_map(|receiver| receiver.join().unwrap()).collect();
        items.sort_unstable();
        assert_eq!(items, [1, 2]);
    });
}

#[test]
fn every_item_is_counted_at_a_close() {
    for when_full in [WhenFull::Block, WhenFull::DropOldest, WhenFull::DropNewest] {
        check(4, move || {
            let queue = queue(1, when_full);
            let pusher = Arc::clone(&queue);
            let pusher = thread::spawn(move || [1, 2].map(|item| pusher.send(item)));
            let closer = Arc::clone(&queue);
            let closer = thread::spawn(move || closer.close());
            let mut items = recv_all(&queue);
            closer.join().unwrap();
            let pushed = pusher.join().unwrap();
            let closed = pushed.iter().filter(|pushed| matches!(pushed, SendOutcome::Closed(_))).count();
            items.extend(pushed.into_iter().filter_map(SendOutcome::lost));
            items.sort_unstable();
            assert_eq!(items, [1, 2]);
            let stats = queue.stats();
            assert_eq!((stats.sent, stats.received + stats.dropped), (2 - closed as u64, stats.sent));
        });
    }
}

/// Lets a sender wait for room until another thread calls `act`.
fn woken<Q: Send + Sync + 'static>(
    make: fn() -> Q,
    push: fn(&Q) -> SendOutcome<u32>,
    act: fn(&Q),
    expected: &'static [SendOutcome<u32>],
) {
    loom::model(move || {
        let queue = Arc::new(make());
        assert_eq!(push(&queue), SendOutcome::Queued);
        let pusher = Arc::clone(&queue);
        let pusher = thread::spawn(move || push(&pusher));
        act(&queue);
        assert!(expected.contains(&pusher.join().expect("no panic")));
    });
}

#[test]
fn a_waiting_sender_wakes_without_a_receiver() {
    let queue = || BoundedQueue::new("loom", 1, WhenFull::Block, clock());
    woken(queue, |queue| queue.send(1), BoundedQueue::close, &[SendOutcome::Closed(1)]);
    woken(queue, |queue| queue.send(1), |queue| drop(queue.drain()), &[SendOutcome::Queued]);

    let priorities = || PriorityQueue::new("loom", 1, clock());
    woken(priorities, |queue| queue.send_wait(0.0, 1), PriorityQueue::close, &[SendOutcome::Closed(1)]);
    woken(priorities, |queue| queue.send_wait(0.0, 1), |queue| drop(queue.drain()), &[SendOutcome::Queued]);

    let lanes = || {
        let lanes = FairQueue::new("loom", clock());
        lanes.open(0, 1, WhenFull::Block);
        lanes
    };
    let push = |lanes: &FairQueue<u32>| lanes.send(0, 1);
    woken(lanes, push, FairQueue::close, &[SendOutcome::Closed(1)]);
    woken(lanes, push, |lanes| lanes.close_lane(0), &[SendOutcome::Closed(1)]);
    woken(lanes, push, |lanes| drop(lanes.remove(0)), &[SendOutcome::Closed(1)]);
    woken(lanes, push, |lanes| lanes.open(0, 2, WhenFull::Block), &[SendOutcome::Queued]);
    // A sender that waited for the removed lane does not send into the new one. A sender that comes later does.
    let renew = |lanes: &FairQueue<u32>| {
        lanes.remove(0);
        lanes.open(0, 1, WhenFull::Block);
    };
    woken(lanes, push, renew, &[SendOutcome::Closed(1), SendOutcome::Queued]);
}

#[test]
fn a_full_lane_holds_up_only_its_own_sender() {
    check(3, || {
        let lanes = Arc::new(FairQueue::new("loom", clock()));
        lanes.open(0, 1, WhenFull::Block);
        lanes.open(1, 1, WhenFull::Block);
        let senders = [0, 1].map(|lane| {
            let lanes = Arc::clone(&lanes);
            thread::spawn(move || {
                assert_eq!(lanes.send(lane, 1), SendOutcome::Queued);
                assert_eq!(lanes.send(lane, 2), SendOutcome::Queued);
            })
        });
        let mut seen = [vec![], vec![]];
        let mut out = Vec::new();
        while seen.iter().map(Vec::len).sum::<usize>() < 4 {
            assert!(lanes.recv_batch(2, &mut out));
            for (lane, item) in out.drain(..) {
                lanes.done(lane);
                seen[lane as usize].push(item);
            }
        }
        assert_eq!(seen, [[1, 2], [1, 2]], "in order");
        senders.into_iter().for_each(|pusher| pusher.join().unwrap());
    });
}

#[test]
fn removal_wakes_the_sender_and_release_the_worker() {
    check(4, || {
        let lanes = Arc::new(FairQueue::new("loom", clock()));
        lanes.open(0, 1, WhenFull::Block);
        lanes.open(1, 1, WhenFull::Block);
        lanes.hold(1);
        assert_eq!((lanes.send(0, 1), lanes.send(1, 2)), (SendOutcome::Queued, SendOutcome::Queued));
        let pusher = Arc::clone(&lanes);
        let pusher = thread::spawn(move || pusher.send(0, 3));
        let taker = Arc::clone(&lanes);
        let taker = thread::spawn(move || {
            let mut out = Vec::new();
            let mut all = Vec::new();
            while taker.recv_batch(1, &mut out) {
                all.append(&mut out);
            }
            all
        });
        let removed = lanes.remove(0);
        lanes.release(1);
        lanes.close();
        let mut items: Vec<u32> = taker.join().unwrap().into_iter().map(|(_, item)| item).collect();
        items.extend(removed);
        match pusher.join().unwrap() {
            SendOutcome::Queued => {}
            SendOutcome::Closed(item) => items.push(item),
            other => panic!("{other:?}"),
        }
        items.sort_unstable();
        assert_eq!(items, [1, 2, 3]);
    });
}

#[test]
fn a_priority_queue_wakes_waiting_senders() {
    loom::model(|| {
        let queue = Arc::new(PriorityQueue::new("loom", 1, clock()));
        let senders = [1, 2].map(|item| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.send_wait(item as f32, item))
        });
        let first = queue.recv().unwrap();
        queue.close();
        let mut items: Vec<i32> = std::iter::from_fn(|| queue.recv()).collect();
        items.push(first);
        for sender in senders {
            items.extend(sender.join().unwrap().lost());
        }
        items.sort_unstable();
        assert_eq!(items, [1, 2]);
    });
}

#[test]
fn a_pool_with_a_resting_worker_ends_with_all_jobs_done() {
    check(3, || {
        let jobs = queue(2, WhenFull::Block);
        let done = Arc::new(loom::sync::Mutex::new(0));
        let sum = Arc::clone(&done);
        let pool = WorkerPool::start("loom", 2, Arc::clone(&jobs), clock(), move |_| {
            let sum = Arc::clone(&sum);
            move |job| *sum.lock().unwrap() += job
        })
        .unwrap();
        assert_eq!((jobs.send(1), jobs.send(2)), (SendOutcome::Queued, SendOutcome::Queued));
        pool.resize(1).unwrap();
        assert!(pool.join(NO_LIMIT).is_empty());
        assert_eq!(*done.lock().unwrap(), 3);
        JobSource::close(&*jobs);
    });
}

/// Returns the sums of the jobs that were done and evicted, and the number that panicked.
fn outcomes(client: &PoolClient<u32, u32>) -> [u32; 3] {
    let mut sums = [0; 3];
    while client.outstanding() > 0 {
        match client.recv_timeout(NO_LIMIT).expect("an outcome") {
            JobOutcome::Done(job) => sums[0] += job,
            JobOutcome::Evicted(job) => sums[1] += job,
            JobOutcome::Panicked(_) => sums[2] += 1,
        }
    }
    sums
}

fn pool(capacity: usize) -> PriorityPool<u32, u32> {
    PriorityPool::start("loom", 1, capacity, clock(), |_| {
        |job| {
            assert!(job != 9, "scripted");
            job
        }
    })
    .expect("threads")
}

#[test]
fn each_job_has_one_outcome_if_clients_evict_each_other() {
    check(3, || {
        let pool = pool(1);
        let clients = [(1, 1.0), (2, 2.0)].map(|(job, priority)| {
            let client = pool.client();
            thread::spawn(move || {
                client.send(priority, job);
                let [done, evicted, panicked] = outcomes(&client);
                assert_eq!((done + evicted, panicked, client.try_recv().is_none()), (job, 0, true));
            })
        });
        clients.into_iter().for_each(|client| client.join().unwrap());
        assert!(pool.join(NO_LIMIT).is_empty());
    });
}

#[test]
fn each_job_has_one_outcome_if_the_pool_is_dropped() {
    check(3, || {
        let pool = pool(2);
        let client = pool.client();
        let asker = thread::spawn(move || {
            client.send(1.0, 9);
            client.send(1.0, 2);
            let [done, evicted, panicked] = outcomes(&client);
            assert!([(2, 0, 1), (0, 2, 1), (0, 11, 0)].contains(&(done, evicted, panicked)));
        });
        // This may happen at any moment of the client.
        drop(pool);
        asker.join().unwrap();
    });
}

#[test]
fn a_dropped_client_leaves_no_job_behind() {
    loom::model(|| {
        let pool = PriorityPool::start("loom", 1, 1, clock(), |_| |job: Arc<()>| job).unwrap();
        let job = Arc::new(());
        let client = pool.client();
        client.send(1.0, Arc::clone(&job));
        drop(client);
        assert!(pool.join(NO_LIMIT).is_empty());
        assert_eq!(Arc::strong_count(&job), 1);
    });
}
