//! Every way in which a few threads can meet in the queues and pools. Built and run by
//! `RUSTFLAGS="--cfg loom" cargo test -p passerby-pipeline --test loom --release` alone.
#![cfg(loom)]

use std::sync::Arc;
use std::time::Duration;

use loom::model::Builder;
use loom::thread;
use passerby_types::{Clock, SystemClock};
use passerby_workers::{
    BoundedQueue, FairQueue, JobOutcome, Jobs, PoolClient, PriorityPool, PriorityQueue, Pushed, WhenFull,
    WorkerPool,
};

/// The model checker knows no time: any timeout but zero is without end.
const NO_END: Duration = Duration::MAX;

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

/// Tries all orders in which threads are interrupted at most so often in the middle of their work, where all orders
/// are too many.
fn check(interruptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(interruptions);
    builder.check(model);
}

fn queue(capacity: usize, when_full: WhenFull) -> Arc<BoundedQueue<u32>> {
    Arc::new(BoundedQueue::new("loom", capacity, when_full, clock()))
}

fn pop_all(queue: &BoundedQueue<u32>) -> Vec<u32> {
    std::iter::from_fn(|| queue.pop()).collect()
}

#[test]
fn two_pushers_wait_for_room_and_lose_nothing() {
    loom::model(|| {
        let queue = queue(1, WhenFull::Block);
        let pushers = [1, 2].map(|item| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || assert_eq!(queue.push(item), Pushed::Queued))
        });
        let mut items = [queue.pop(), queue.pop()].map(Option::unwrap);
        items.sort_unstable();
        assert_eq!(items, [1, 2]);
        pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
        queue.close();
        assert_eq!(queue.pop(), None);
    });
}

#[test]
fn two_poppers_both_end_and_share_what_there_is() {
    check(3, || {
        let queue = queue(2, WhenFull::Block);
        let poppers = [(); 2].map(|()| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || pop_all(&queue))
        });
        assert_eq!((queue.push(1), queue.push(2)), (Pushed::Queued, Pushed::Queued));
        queue.close();
        let mut items: Vec<u32> = poppers.into_iter().flat_map(|popper| popper.join().unwrap()).collect();
        items.sort_unstable();
        assert_eq!(items, [1, 2]);
    });
}

#[test]
fn closing_wakes_a_pusher_and_every_item_is_accounted_for() {
    for when_full in [WhenFull::Block, WhenFull::DropOldest, WhenFull::DropNewest] {
        check(4, move || {
            let queue = queue(1, when_full);
            let pusher = Arc::clone(&queue);
            let pusher = thread::spawn(move || [1, 2].map(|item| pusher.push(item)));
            let closer = Arc::clone(&queue);
            let closer = thread::spawn(move || closer.close());
            let mut items = pop_all(&queue);
            closer.join().unwrap();
            let pushed = pusher.join().unwrap();
            let closed = pushed.iter().filter(|pushed| matches!(pushed, Pushed::Closed(_))).count();
            items.extend(pushed.into_iter().filter_map(Pushed::lost));
            items.sort_unstable();
            assert_eq!(items, [1, 2]);
            let stats = queue.stats();
            assert_eq!((stats.pushed, stats.popped + stats.dropped), (2 - closed as u64, stats.pushed));
        });
    }
}

/// A pusher that waits for room until somebody else does something about it.
fn woken<Q: Send + Sync + 'static>(
    make: fn() -> Q,
    push: fn(&Q) -> Pushed<u32>,
    act: fn(&Q),
    expected: &'static [Pushed<u32>],
) {
    loom::model(move || {
        let queue = Arc::new(make());
        assert_eq!(push(&queue), Pushed::Queued);
        let pusher = Arc::clone(&queue);
        let pusher = thread::spawn(move || push(&pusher));
        act(&queue);
        assert!(expected.contains(&pusher.join().expect("no panic")));
    });
}

#[test]
fn who_waits_for_room_is_woken_without_anybody_popping() {
    let queue = || BoundedQueue::new("loom", 1, WhenFull::Block, clock());
    woken(queue, |queue| queue.push(1), BoundedQueue::close, &[Pushed::Closed(1)]);
    woken(queue, |queue| queue.push(1), |queue| drop(queue.drain()), &[Pushed::Queued]);

    let priorities = || PriorityQueue::new("loom", 1, clock());
    woken(priorities, |queue| queue.push_wait(0.0, 1), PriorityQueue::close, &[Pushed::Closed(1)]);
    woken(priorities, |queue| queue.push_wait(0.0, 1), |queue| drop(queue.drain()), &[Pushed::Queued]);

    let lanes = || {
        let lanes = FairQueue::new("loom", clock());
        lanes.open(0, 1, WhenFull::Block);
        lanes
    };
    let push = |lanes: &FairQueue<u32>| lanes.push(0, 1);
    woken(lanes, push, FairQueue::close, &[Pushed::Closed(1)]);
    woken(lanes, push, |lanes| lanes.close_lane(0), &[Pushed::Closed(1)]);
    woken(lanes, push, |lanes| drop(lanes.remove(0)), &[Pushed::Closed(1)]);
    woken(lanes, push, |lanes| lanes.open(0, 2, WhenFull::Block), &[Pushed::Queued]);
    // Whoever waited for the lane that went does not push into the one that came; who came later does.
    let renew = |lanes: &FairQueue<u32>| {
        lanes.remove(0);
        lanes.open(0, 1, WhenFull::Block);
    };
    woken(lanes, push, renew, &[Pushed::Closed(1), Pushed::Queued]);
}

#[test]
fn a_lane_holds_up_its_own_pusher_alone() {
    check(3, || {
        let lanes = Arc::new(FairQueue::new("loom", clock()));
        lanes.open(0, 1, WhenFull::Block);
        lanes.open(1, 1, WhenFull::Block);
        let pushers = [0, 1].map(|lane| {
            let lanes = Arc::clone(&lanes);
            thread::spawn(move || {
                assert_eq!(lanes.push(lane, 1), Pushed::Queued);
                assert_eq!(lanes.push(lane, 2), Pushed::Queued);
            })
        });
        let (mut seen, mut out) = ([vec![], vec![]], Vec::new());
        while seen.iter().map(Vec::len).sum::<usize>() < 4 {
            assert!(lanes.take(2, &mut out));
            for (lane, item) in out.drain(..) {
                lanes.done(lane);
                seen[lane as usize].push(item);
            }
        }
        assert_eq!(seen, [[1, 2], [1, 2]], "in order");
        pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
    });
}

#[test]
fn a_lane_that_goes_wakes_its_pusher_and_a_hold_that_ends_its_taker() {
    check(4, || {
        let lanes = Arc::new(FairQueue::new("loom", clock()));
        lanes.open(0, 1, WhenFull::Block);
        lanes.open(1, 1, WhenFull::Block);
        lanes.hold(1, true);
        assert_eq!((lanes.push(0, 1), lanes.push(1, 2)), (Pushed::Queued, Pushed::Queued));
        let pusher = Arc::clone(&lanes);
        let pusher = thread::spawn(move || pusher.push(0, 3));
        let taker = Arc::clone(&lanes);
        let taker = thread::spawn(move || {
            let mut out = Vec::new();
            let mut all = Vec::new();
            while taker.take(1, &mut out) {
                all.append(&mut out);
            }
            all
        });
        let removed = lanes.remove(0);
        lanes.hold(1, false);
        lanes.close();
        let mut items: Vec<u32> = taker.join().unwrap().into_iter().map(|(_, item)| item).collect();
        items.extend(removed);
        match pusher.join().unwrap() {
            Pushed::Queued => {}
            Pushed::Closed(item) => items.push(item),
            other => panic!("{other:?}"),
        }
        items.sort_unstable();
        assert_eq!(items, [1, 2, 3]);
    });
}

#[test]
fn a_priority_queue_wakes_who_waits_for_room() {
    loom::model(|| {
        let queue = Arc::new(PriorityQueue::new("loom", 1, clock()));
        let pushers = [1, 2].map(|item| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.push_wait(item as f32, item))
        });
        let first = queue.pop().unwrap();
        queue.close();
        let mut items: Vec<i32> = std::iter::from_fn(|| queue.pop()).collect();
        items.push(first);
        for pusher in pushers {
            items.extend(pusher.join().unwrap().lost());
        }
        items.sort_unstable();
        assert_eq!(items, [1, 2]);
    });
}

#[test]
fn a_pool_ends_with_workers_at_rest_and_all_work_done() {
    check(3, || {
        let jobs = queue(2, WhenFull::Block);
        let done = Arc::new(loom::sync::Mutex::new(0));
        let sum = Arc::clone(&done);
        let pool = WorkerPool::start("loom", 2, Arc::clone(&jobs), clock(), move |_| {
            let sum = Arc::clone(&sum);
            move |job| *sum.lock().unwrap() += job
        })
        .unwrap();
        assert_eq!((jobs.push(1), jobs.push(2)), (Pushed::Queued, Pushed::Queued));
        pool.resize(1).unwrap();
        assert!(pool.join(NO_END).is_empty());
        assert_eq!(*done.lock().unwrap(), 3);
        Jobs::close(&*jobs);
    });
}

/// What a client's jobs came to: done, evicted, panicked.
fn outcomes(client: &PoolClient<u32, u32>) -> [u32; 3] {
    let mut sums = [0; 3];
    while client.outstanding() > 0 {
        match client.get_result(NO_END).expect("an outcome") {
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
            assert!(job != 9, "as told");
            job
        }
    })
    .expect("threads")
}

#[test]
fn two_clients_evict_each_other_and_each_job_has_one_outcome() {
    check(3, || {
        let pool = pool(1);
        let clients = [(1, 1.0), (2, 2.0)].map(|(job, priority)| {
            let client = pool.client();
            thread::spawn(move || {
                client.offer(priority, job);
                let [done, evicted, panicked] = outcomes(&client);
                assert_eq!((done + evicted, panicked, client.try_get_result().is_none()), (job, 0, true));
            })
        });
        clients.into_iter().for_each(|client| client.join().unwrap());
        assert!(pool.join(NO_END).is_empty());
    });
}

#[test]
fn a_job_that_panics_or_comes_at_the_end_has_one_outcome() {
    check(3, || {
        let pool = pool(2);
        let client = pool.client();
        let asker = thread::spawn(move || {
            client.offer(1.0, 9);
            client.offer(1.0, 2);
            let [done, evicted, panicked] = outcomes(&client);
            assert!([(2, 0, 1), (0, 2, 1), (0, 11, 0)].contains(&(done, evicted, panicked)));
        });
        // Dropped at any moment.
        drop(pool);
        asker.join().unwrap();
    });
}

#[test]
fn a_client_that_goes_leaves_nothing_behind() {
    loom::model(|| {
        let pool = PriorityPool::start("loom", 1, 1, clock(), |_| |job: Arc<()>| job).unwrap();
        let job = Arc::new(());
        let client = pool.client();
        client.offer(1.0, Arc::clone(&job));
        drop(client);
        assert!(pool.join(NO_END).is_empty());
        assert_eq!(Arc::strong_count(&job), 1);
    });
}
