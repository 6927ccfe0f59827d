//! The queues: every rule, exact counts, waits and wake-ups, and no loss between threads.
#![cfg(not(loom))]

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use passerby_testkit::SimulatedClock;
use passerby_types::{Clock, SystemClock};
use passerby_workers::{
    BoundedQueue, FairQueue, PriorityQueue, QueueStats, RecvOutcome, SendOutcome, WhenFull,
};
use proptest::prelude::*;

const MS: Duration = Duration::from_millis(1);

fn system() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

fn queue<T>(capacity: usize, when_full: WhenFull) -> BoundedQueue<T> {
    BoundedQueue::new("test", capacity, when_full, system())
}

fn priorities<T>(capacity: usize) -> PriorityQueue<T> {
    PriorityQueue::new("test", capacity, system())
}

/// Lets other threads run until `holds` returns true.
fn until(holds: impl Fn() -> bool) {
    while !holds() {
        thread::yield_now();
    }
}

/// Returns the counts alone.
fn counts(stats: QueueStats) -> [u64; 5] {
    [stats.sent, stats.received, stats.dropped, stats.drained, stats.depth as u64]
}

fn balances(stats: &QueueStats) -> bool {
    stats.sent == stats.received + stats.dropped + stats.drained + stats.depth as u64
}

#[test]
fn drop_oldest_gives_up_the_oldest_item() {
    let fresh = queue(2, WhenFull::DropOldest);
    let sent: Vec<_> = (0..4).map(|i| fresh.send(i)).collect();
    assert_eq!(
        sent,
        [SendOutcome::Queued, SendOutcome::Queued, SendOutcome::Displaced(0), SendOutcome::Displaced(1)]
    );
    assert_eq!((fresh.recv(), fresh.try_recv(), fresh.try_recv()), (Some(2), Some(3), None));
    assert_eq!(counts(fresh.stats()), [4, 2, 2, 0, 0]);
}

#[test]
fn drop_newest_refuses_the_new_item() {
    let first = queue(2, WhenFull::DropNewest);
    let sent: Vec<_> = (0..4).map(|i| first.send(i)).collect();
    assert_eq!(
        sent,
        [SendOutcome::Queued, SendOutcome::Queued, SendOutcome::Refused(2), SendOutcome::Refused(3)]
    );
    assert_eq!(first.drain(), [0, 1]);
    assert_eq!(counts(first.stats()), [4, 0, 2, 2, 0]);
}

#[test]
fn block_waits_for_room() {
    let patient = queue(2, WhenFull::Block);
    assert_eq!((patient.send(0), patient.send(1)), (SendOutcome::Queued, SendOutcome::Queued));
    assert_eq!(patient.send_timeout(2, Duration::ZERO), SendOutcome::TimedOut(2));
    assert_eq!(patient.send_timeout(2, MS), SendOutcome::TimedOut(2));
    assert_eq!(patient.recv_timeout(MS), RecvOutcome::Item(0));
    assert_eq!(patient.send_timeout(3, MS), SendOutcome::Queued);
    assert_eq!(counts(patient.stats()), [3, 1, 0, 0, 2], "an item that came back does not count");
}

#[test]
fn a_closed_queue_only_empties() {
    for when_full in [WhenFull::Block, WhenFull::DropOldest, WhenFull::DropNewest] {
        let queue = queue(3, when_full);
        assert_eq!(queue.recv_timeout(Duration::ZERO), RecvOutcome::Empty);
        assert_eq!((queue.send(0), queue.send(1)), (SendOutcome::Queued, SendOutcome::Queued));
        assert!(!queue.is_closed());
        queue.close();
        assert!(queue.is_closed());
        assert_eq!(queue.send(2), SendOutcome::Closed(2));
        assert_eq!((queue.recv(), queue.recv_timeout(MS)), (Some(0), RecvOutcome::Item(1)));
        assert_eq!(
            (queue.recv(), queue.recv_timeout(MS), queue.try_recv()),
            (None, RecvOutcome::Closed, None)
        );
        assert_eq!(counts(queue.stats()), [2, 2, 0, 0, 0]);
    }
}

#[test]
fn a_capacity_of_zero_counts_as_one() {
    let queue = queue(0, WhenFull::DropNewest);
    assert_eq!((queue.send(0), queue.send(1)), (SendOutcome::Queued, SendOutcome::Refused(1)));
    assert_eq!((queue.stats().capacity, queue.name()), (1, "test"));
}

#[test]
fn the_clock_measures_the_wait() {
    let clock = SimulatedClock::new();
    let queue = BoundedQueue::new("test", 8, WhenFull::Block, Arc::new(clock.clone()));
    for i in 0..3 {
        assert_eq!(queue.send(i), SendOutcome::Queued);
        clock.advance(10 * MS);
    }
    for _ in 0..2 {
        assert!(queue.recv().is_some());
    }
    let stats = queue.stats();
    assert_eq!(
        (stats.total_wait, stats.longest_wait),
        (50 * MS, 30 * MS),
        "30 and 20 ms; the third still waits"
    );
}

#[test]
fn a_sender_waits_at_exactly_the_capacity() {
    let queue = queue(3, WhenFull::Block);
    thread::scope(|scope| {
        scope.spawn(|| {
            for i in 0..100 {
                assert_eq!(queue.send(i), SendOutcome::Queued);
            }
        });
        for taken in 0..100 {
            until(|| queue.stats().sent == (taken + 3).min(100));
            assert_eq!(queue.recv(), Some(taken));
        }
    });
    assert_eq!(counts(queue.stats()), [100, 100, 0, 0, 0]);
}

#[test]
fn closing_wakes_every_waiting_thread() {
    let full = queue(1, WhenFull::Block);
    let empty = queue::<u32>(1, WhenFull::Block);
    let urgent = priorities(1);
    let lanes = FairQueue::new("test", system());
    let nothing = FairQueue::<u32>::new("test", system());
    lanes.open(0, 1, WhenFull::Block);
    lanes.open(1, 1, WhenFull::Block);
    nothing.open(0, 1, WhenFull::Block);
    assert_eq!((full.send(0), urgent.send(0.0, 0)), (SendOutcome::Queued, SendOutcome::Queued));
    assert_eq!((lanes.send(0, 0), lanes.send(1, 0)), (SendOutcome::Queued, SendOutcome::Queued));
    thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .flat_map(|_| {
                [
                    scope.spawn(|| assert_eq!(full.send(1), SendOutcome::Closed(1))),
                    scope.spawn(|| assert_eq!(full.send_timeout(1, Duration::MAX), SendOutcome::Closed(1))),
                    scope.spawn(|| assert_eq!(empty.recv(), None)),
                    scope.spawn(|| assert_eq!(empty.recv_timeout(Duration::MAX), RecvOutcome::Closed)),
                    scope.spawn(|| assert_eq!(urgent.send_wait(9.0, 1), SendOutcome::Closed(1))),
                    scope.spawn(|| assert_eq!(lanes.send(0, 1), SendOutcome::Closed(1))),
                    scope.spawn(|| assert_eq!(lanes.send(1, 1), SendOutcome::Closed(1))),
                    scope.spawn(|| assert!(!nothing.recv_batch(4, &mut Vec::new()))),
                ]
            })
            .collect();
        // Most threads wait by now. The model checker (loom.rs) shows that it works at every moment.
        thread::sleep(5 * MS);
        full.close();
        empty.close();
        urgent.close();
        lanes.close_lane(0);
        lanes.remove(1);
        nothing.close();
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn nothing_is_lost_between_eight_threads() {
    for when_full in [WhenFull::Block, WhenFull::DropOldest, WhenFull::DropNewest] {
        let queue = queue(16, when_full);
        let (received, lost) = thread::scope(|scope| {
            let senders: Vec<_> = (0..4u64)
                .map(|thread| {
                    let queue = &queue;
                    scope.spawn(move || {
                        (0..5000)
                            .filter_map(|i| queue.send(thread * 5000 + i).lost())
                            .fold((0, 0), |(n, sum), item| (n + 1, sum + item))
                    })
                })
                .collect();
            let receivers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let mut sum = 0;
                        while let Some(item) = queue.recv() {
                            sum += item;
                        }
                        sum
                    })
                })
                .collect();
            let lost: Vec<(u64, u64)> = senders.into_iter().map(|t| t.join().unwrap()).collect();
            queue.close();
            (receivers.into_iter().map(|t| t.join().unwrap()).sum::<u64>(), lost)
        });
        let stats = queue.stats();
        assert!(balances(&stats) && stats.sent == 20_000 && stats.depth == 0, "{stats:?}");
        assert_eq!(stats.dropped, lost.iter().map(|(n, _)| n).sum::<u64>());
        assert_eq!(received + lost.iter().map(|(_, sum)| sum).sum::<u64>(), (0..20_000).sum::<u64>());
    }
}

#[test]
fn the_queue_keeps_the_highest_priorities() {
    let queue = priorities(4);
    for (priority, name) in [(0.5, "a"), (0.9, "b"), (0.5, "c"), (0.1, "d")] {
        assert_eq!(queue.send(priority, name), SendOutcome::Queued);
    }
    assert_eq!(queue.send(0.1, "e"), SendOutcome::Refused("e"), "the newest of equals");
    assert_eq!(queue.send(f32::NAN, "f"), SendOutcome::Refused("f"), "NaN is the lowest");
    assert_eq!(queue.send(0.5, "g"), SendOutcome::Displaced("d"));
    assert_eq!(queue.send(0.6, "h"), SendOutcome::Displaced("g"), "the newest of equals");
    assert_eq!([queue.recv(), queue.recv(), queue.recv()], [Some("b"), Some("h"), Some("a")]);
    assert_eq!(counts(queue.stats()), [8, 3, 4, 0, 1]);
    assert_eq!(queue.send(f32::NAN, "i"), SendOutcome::Queued);
    assert_eq!(queue.send(f32::NEG_INFINITY, "j"), SendOutcome::Queued);
    assert_eq!(queue.drain(), ["c", "i", "j"], "highest first");
    assert_eq!(counts(queue.stats()), [10, 3, 4, 3, 0]);
    assert_eq!(queue.recv_timeout(MS), RecvOutcome::Empty);
    queue.close();
    assert_eq!((queue.send(1.0, "k"), queue.recv()), (SendOutcome::Closed("k"), None));
}

#[test]
fn senders_that_wait_lose_nothing() {
    let queue = priorities(2);
    let taken = thread::scope(|scope| {
        for thread in 0..4 {
            let queue = &queue;
            scope.spawn(move || {
                for i in 0..500 {
                    assert_eq!(queue.send_wait((i % 7) as f32, thread * 500 + i), SendOutcome::Queued);
                }
            });
        }
        let receivers: Vec<_> =
            (0..4).map(|_| scope.spawn(|| (0..500).filter_map(|_| queue.recv()).sum::<u32>())).collect();
        receivers.into_iter().map(|t| t.join().unwrap()).sum::<u32>()
    });
    assert_eq!(taken, (0..2000).sum::<u32>());
    assert_eq!(counts(queue.stats()), [2000, 2000, 0, 0, 0]);
}

#[derive(Clone, Debug)]
enum Call {
    Push(u8),
    Pop,
}

proptest! {
    /// Compares the queue with a list that is sorted again at each call.
    #[test]
    fn a_priority_queue_behaves_like_a_sorted_list(
        capacity in 1..6usize,
        calls in prop::collection::vec(prop_oneof![2 => (0..4u8).prop_map(Call::Push), 1 => Just(Call::Pop)], 0..80),
    ) {
        let queue = priorities(capacity);
        let mut model: Vec<(u8, usize)> = Vec::new();
        for (i, call) in calls.into_iter().enumerate() {
            match call {
                Call::Push(priority) => {
                    model.push((priority, i));
                    model.sort_by_key(|(priority, i)| (std::cmp::Reverse(*priority), *i));
                    let lost = (model.len() > capacity).then(|| model.pop()).flatten().map(|(_, i)| i);
                    let expected = match lost {
                        None => SendOutcome::Queued,
                        Some(lost) if lost == i => SendOutcome::Refused(i),
                        Some(lost) => SendOutcome::Displaced(lost),
                    };
                    prop_assert_eq!(queue.send(f32::from(priority), i), expected);
                }
                Call::Pop => {
                    let expected = (!model.is_empty()).then(|| model.remove(0).1);
                    prop_assert_eq!(queue.try_recv(), expected);
                }
            }
            let stats = queue.stats();
            prop_assert!(balances(&stats) && stats.depth == model.len());
        }
    }
}
