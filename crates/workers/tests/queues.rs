//! The queues: what every policy does, exact counts, who waits and who is woken, nothing lost between threads.
#![cfg(not(loom))]

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use passerby_testkit::SimulatedClock;
use passerby_types::{Clock, SystemClock};
use passerby_workers::{BoundedQueue, FairQueue, Popped, PriorityQueue, Pushed, QueueStats, WhenFull};
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

/// Lets other threads run until it is so.
fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        thread::yield_now();
    }
}

/// The counts alone.
fn counts(stats: QueueStats) -> [u64; 5] {
    [stats.pushed, stats.popped, stats.dropped, stats.drained, stats.depth as u64]
}

fn balances(stats: &QueueStats) -> bool {
    stats.pushed == stats.popped + stats.dropped + stats.drained + stats.depth as u64
}

#[test]
fn a_full_queue_does_as_it_was_told() {
    let fresh = queue(2, WhenFull::DropOldest);
    let pushed: Vec<_> = (0..4).map(|i| fresh.push(i)).collect();
    assert_eq!(pushed, [Pushed::Queued, Pushed::Queued, Pushed::Displaced(0), Pushed::Displaced(1)]);
    assert_eq!((fresh.pop(), fresh.try_pop(), fresh.try_pop()), (Some(2), Some(3), None));
    assert_eq!(counts(fresh.stats()), [4, 2, 2, 0, 0]);

    let first = queue(2, WhenFull::DropNewest);
    let pushed: Vec<_> = (0..4).map(|i| first.push(i)).collect();
    assert_eq!(pushed, [Pushed::Queued, Pushed::Queued, Pushed::Refused(2), Pushed::Refused(3)]);
    assert_eq!(first.drain(), [0, 1]);
    assert_eq!(counts(first.stats()), [4, 0, 2, 2, 0]);

    let patient = queue(2, WhenFull::Block);
    assert_eq!((patient.push(0), patient.push(1)), (Pushed::Queued, Pushed::Queued));
    assert_eq!(patient.push_timeout(2, Duration::ZERO), Pushed::TimedOut(2));
    assert_eq!(patient.push_timeout(2, MS), Pushed::TimedOut(2));
    assert_eq!(patient.pop_timeout(MS), Popped::Item(0));
    assert_eq!(patient.push_timeout(3, MS), Pushed::Queued);
    assert_eq!(counts(patient.stats()), [3, 1, 0, 0, 2], "what came back was never in it");
}

#[test]
fn a_closed_queue_takes_nothing_in_and_gives_what_it_has() {
    for when_full in [WhenFull::Block, WhenFull::DropOldest, WhenFull::DropNewest] {
        let queue = queue(3, when_full);
        assert_eq!(queue.pop_timeout(Duration::ZERO), Popped::Empty);
        assert_eq!((queue.push(0), queue.push(1)), (Pushed::Queued, Pushed::Queued));
        assert!(!queue.is_closed());
        queue.close();
        assert!(queue.is_closed());
        assert_eq!(queue.push(2), Pushed::Closed(2));
        assert_eq!((queue.pop(), queue.pop_timeout(MS)), (Some(0), Popped::Item(1)));
        assert_eq!((queue.pop(), queue.pop_timeout(MS), queue.try_pop()), (None, Popped::Closed, None));
        assert_eq!(counts(queue.stats()), [2, 2, 0, 0, 0]);
    }
}

#[test]
fn a_capacity_of_nothing_is_one() {
    let queue = queue(0, WhenFull::DropNewest);
    assert_eq!((queue.push(0), queue.push(1)), (Pushed::Queued, Pushed::Refused(1)));
    assert_eq!((queue.stats().capacity, queue.name()), (1, "test"));
}

#[test]
fn the_time_in_the_queue_is_that_of_the_clock() {
    let clock = SimulatedClock::new();
    let queue = BoundedQueue::new("test", 8, WhenFull::Block, Arc::new(clock.clone()));
    for i in 0..3 {
        assert_eq!(queue.push(i), Pushed::Queued);
        clock.advance(10 * MS);
    }
    for _ in 0..2 {
        assert!(queue.pop().is_some());
    }
    let stats = queue.stats();
    assert_eq!((stats.waited, stats.longest), (50 * MS, 30 * MS), "30 and 20 ms; the third still waits");
}

#[test]
fn a_pusher_is_held_back_by_exactly_the_capacity() {
    let queue = queue(3, WhenFull::Block);
    thread::scope(|scope| {
        scope.spawn(|| {
            for i in 0..100 {
                assert_eq!(queue.push(i), Pushed::Queued);
            }
        });
        for taken in 0..100 {
            until(|| queue.stats().pushed == (taken + 3).min(100));
            assert_eq!(queue.pop(), Some(taken));
        }
    });
    assert_eq!(counts(queue.stats()), [100, 100, 0, 0, 0]);
}

#[test]
fn closing_wakes_everybody() {
    let full = queue(1, WhenFull::Block);
    let empty = queue::<u32>(1, WhenFull::Block);
    let matters = priorities(1);
    let lanes = FairQueue::new("test", system());
    let nothing = FairQueue::<u32>::new("test", system());
    lanes.open(0, 1, WhenFull::Block);
    lanes.open(1, 1, WhenFull::Block);
    nothing.open(0, 1, WhenFull::Block);
    assert_eq!((full.push(0), matters.push(0.0, 0)), (Pushed::Queued, Pushed::Queued));
    assert_eq!((lanes.push(0, 0), lanes.push(1, 0)), (Pushed::Queued, Pushed::Queued));
    thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .flat_map(|_| {
                [
                    scope.spawn(|| assert_eq!(full.push(1), Pushed::Closed(1))),
                    scope.spawn(|| assert_eq!(full.push_timeout(1, Duration::MAX), Pushed::Closed(1))),
                    scope.spawn(|| assert_eq!(empty.pop(), None)),
                    scope.spawn(|| assert_eq!(empty.pop_timeout(Duration::MAX), Popped::Closed)),
                    scope.spawn(|| assert_eq!(matters.push_wait(9.0, 1), Pushed::Closed(1))),
                    scope.spawn(|| assert_eq!(lanes.push(0, 1), Pushed::Closed(1))),
                    scope.spawn(|| assert_eq!(lanes.push(1, 1), Pushed::Closed(1))),
                    scope.spawn(|| assert!(!nothing.take(4, &mut Vec::new()))),
                ]
            })
            .collect();
        // Most of them wait by now; that all may is the model checker's to show.
        thread::sleep(5 * MS);
        full.close();
        empty.close();
        matters.close();
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
        let (sums, lost) = thread::scope(|scope| {
            let pushers: Vec<_> = (0..4u64)
                .map(|thread| {
                    let queue = &queue;
                    scope.spawn(move || {
                        (0..5000)
                            .filter_map(|i| queue.push(thread * 5000 + i).lost())
                            .fold((0, 0), |(n, sum), item| (n + 1, sum + item))
                    })
                })
                .collect();
            let poppers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let mut sum = 0;
                        while let Some(item) = queue.pop() {
                            sum += item;
                        }
                        sum
                    })
                })
                .collect();
            let lost: Vec<(u64, u64)> = pushers.into_iter().map(|t| t.join().unwrap()).collect();
            queue.close();
            (poppers.into_iter().map(|t| t.join().unwrap()).sum::<u64>(), lost)
        });
        let stats = queue.stats();
        assert!(balances(&stats) && stats.pushed == 20_000 && stats.depth == 0, "{stats:?}");
        assert_eq!(stats.dropped, lost.iter().map(|(n, _)| n).sum::<u64>());
        assert_eq!(sums + lost.iter().map(|(_, sum)| sum).sum::<u64>(), (0..20_000).sum::<u64>());
    }
}

#[test]
fn the_highest_priority_leaves_first_and_the_lowest_goes() {
    let queue = priorities(4);
    for (priority, name) in [(0.5, "a"), (0.9, "b"), (0.5, "c"), (0.1, "d")] {
        assert_eq!(queue.push(priority, name), Pushed::Queued);
    }
    assert_eq!(queue.push(0.1, "e"), Pushed::Refused("e"), "the newest of equals");
    assert_eq!(queue.push(f32::NAN, "f"), Pushed::Refused("f"), "not a number is the lowest");
    assert_eq!(queue.push(0.5, "g"), Pushed::Displaced("d"));
    assert_eq!(queue.push(0.6, "h"), Pushed::Displaced("g"), "the newest of equals");
    assert_eq!([queue.pop(), queue.pop(), queue.pop()], [Some("b"), Some("h"), Some("a")]);
    assert_eq!(counts(queue.stats()), [8, 3, 4, 0, 1]);
    assert_eq!(queue.push(f32::NAN, "i"), Pushed::Queued);
    assert_eq!(queue.push(f32::NEG_INFINITY, "j"), Pushed::Queued);
    assert_eq!(queue.drain(), ["c", "i", "j"], "highest first");
    assert_eq!(counts(queue.stats()), [10, 3, 4, 3, 0]);
    assert_eq!(queue.pop_timeout(MS), Popped::Empty);
    queue.close();
    assert_eq!((queue.push(1.0, "k"), queue.pop()), (Pushed::Closed("k"), None));
}

#[test]
fn who_waits_for_room_loses_nothing() {
    let queue = priorities(2);
    let taken = thread::scope(|scope| {
        for thread in 0..4 {
            let queue = &queue;
            scope.spawn(move || {
                for i in 0..500 {
                    assert_eq!(queue.push_wait((i % 7) as f32, thread * 500 + i), Pushed::Queued);
                }
            });
        }
        let poppers: Vec<_> =
            (0..4).map(|_| scope.spawn(|| (0..500).filter_map(|_| queue.pop()).sum::<u32>())).collect();
        poppers.into_iter().map(|t| t.join().unwrap()).sum::<u32>()
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
    /// Against a list that is sorted anew at each call.
    #[test]
    fn priorities_are_as_if_sorted(
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
                        None => Pushed::Queued,
                        Some(lost) if lost == i => Pushed::Refused(i),
                        Some(lost) => Pushed::Displaced(lost),
                    };
                    prop_assert_eq!(queue.push(f32::from(priority), i), expected);
                }
                Call::Pop => {
                    let expected = (!model.is_empty()).then(|| model.remove(0).1);
                    prop_assert_eq!(queue.try_pop(), expected);
                }
            }
            let stats = queue.stats();
            prop_assert!(balances(&stats) && stats.depth == model.len());
        }
    }
}
