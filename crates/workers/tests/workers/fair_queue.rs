//! The fair queue: fair over its lanes, and in order within a lane.
#![cfg(not(loom))]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use passerby_testkit::SimulatedClock;
use passerby_types::SystemClock;
use passerby_workers::{FairQueue, SendOutcome, WhenFull};

fn lanes<T>() -> FairQueue<T> {
    FairQueue::new("test", Arc::new(SystemClock::new()))
}

fn taken<T>(lanes: &FairQueue<T>, max: usize) -> Vec<(u32, T)> {
    let mut out = Vec::new();
    assert!(lanes.recv_batch(max, &mut out));
    out
}

#[test]
fn lanes_with_the_fewest_items_in_work_come_first() {
    let lanes = lanes();
    for lane in 0..3 {
        lanes.open(lane, 4, WhenFull::DropOldest);
    }
    for (lane, item) in [(0, 1), (0, 2), (0, 3), (2, 4), (1, 5)] {
        assert_eq!(lanes.send(lane, item), SendOutcome::Queued);
    }
    assert_eq!(
        taken(&lanes, 2),
        [(0, 1), (2, 4)],
        "lane 0 has an item in work, and lane 2 has waited longer than lane 1"
    );
    assert_eq!(lanes.send(2, 6), SendOutcome::Queued);
    assert_eq!(taken(&lanes, 0), [(1, 5)], "at least one item, from the only lane without one in work");
    assert_eq!(taken(&lanes, 9), [(0, 2), (2, 6), (0, 3)]);
    assert_eq!([lanes.in_work(0), lanes.in_work(1), lanes.in_work(2), lanes.in_work(9)], [3, 1, 2, 0]);

    for (lane, item) in [(0, 7), (1, 8), (2, 9)] {
        assert_eq!(lanes.send(lane, item), SendOutcome::Queued);
    }
    for _ in 0..9 {
        lanes.done(0);
    }
    lanes.done(9);
    assert_eq!(taken(&lanes, 3), [(0, 7), (1, 8), (2, 9)], "fewest in work first");
}

#[test]
fn a_fast_lane_cannot_starve_a_slow_one() {
    let lanes = lanes();
    lanes.open(0, 8, WhenFull::DropOldest);
    lanes.open(1, 8, WhenFull::DropOldest);
    let mut waits = Vec::new();
    let mut out = Vec::new();
    // Lane 0 gets ten items for each item of lane 1, and two are received in that time.
    for round in 0..50u32 {
        for _ in 0..10 {
            let _ = lanes.send(0, round).lost();
        }
        assert_eq!(lanes.send(1, round), SendOutcome::Queued);
        for _ in 0..2 {
            assert!(lanes.recv_batch(1, &mut out));
            for (lane, item) in out.drain(..) {
                lanes.done(lane);
                if lane == 1 {
                    waits.push(round - item);
                }
            }
        }
    }
    let slow = lanes.stats(1).unwrap();
    assert_eq!((slow.sent, slow.dropped), (50, 0), "the slow lane loses no item");
    assert!(waits.iter().all(|wait| *wait <= 8), "{waits:?}");
    assert!(lanes.stats(0).unwrap().dropped >= 400);
}

#[test]
fn a_lane_with_an_item_in_work_comes_last() {
    let lanes = lanes();
    lanes.open(0, 4, WhenFull::Block);
    lanes.open(1, 4, WhenFull::Block);
    for item in 0..4 {
        assert_eq!(lanes.send(0, item), SendOutcome::Queued);
    }
    assert_eq!(taken(&lanes, 1), [(0, 0)]);
    assert_eq!(lanes.send(1, 9), SendOutcome::Queued);
    assert_eq!(taken(&lanes, 1), [(1, 9)], "newer, but its lane has no item in work");
    lanes.done(0);
    assert_eq!(taken(&lanes, 9), [(0, 1), (0, 2), (0, 3)], "in order");
}

#[test]
fn a_lane_that_does_not_exist_is_closed() {
    let lanes = lanes();
    assert_eq!((lanes.send(3, 0), lanes.stats(3), lanes.fill()), (SendOutcome::Closed(0), None, 0.0));
    assert!(lanes.remove(3).is_empty());
}

#[test]
fn a_closed_lane_only_empties() {
    let lanes = lanes();
    lanes.open(3, 2, WhenFull::DropNewest);
    lanes.open(4, 4, WhenFull::Block);
    assert_eq!((lanes.send(3, 1), lanes.send(3, 2)), (SendOutcome::Queued, SendOutcome::Queued));
    assert_eq!(lanes.send(3, 3), SendOutcome::Refused(3));
    assert_eq!(lanes.send(4, 4), SendOutcome::Queued);
    assert_eq!(lanes.fill(), (1.0 + 0.25) / 2.0);
    lanes.close_lane(3);
    assert_eq!(lanes.send(3, 5), SendOutcome::Closed(5));
    assert_eq!(taken(&lanes, 9), [(3, 1), (4, 4), (3, 2)], "items of a closed lane are received");
    assert_eq!(lanes.fill(), 0.0);
}

#[test]
fn a_lane_that_is_opened_again_counts_on() {
    let lanes = lanes();
    lanes.open(3, 2, WhenFull::DropNewest);
    assert_eq!((lanes.send(3, 1), lanes.send(3, 2)), (SendOutcome::Queued, SendOutcome::Queued));
    assert_eq!(lanes.send(3, 3), SendOutcome::Refused(3));
    lanes.close_lane(3);
    assert_eq!(taken(&lanes, 9), [(3, 1), (3, 2)]);
    lanes.open(3, 1, WhenFull::DropOldest);
    assert_eq!((lanes.send(3, 6), lanes.send(3, 7)), (SendOutcome::Queued, SendOutcome::Displaced(6)));
    let stats = lanes.stats(3).unwrap();
    assert_eq!((stats.sent, stats.dropped, stats.capacity), (5, 2, 1));
    assert_eq!(lanes.remove(3), [7]);
    assert_eq!((lanes.stats(3), lanes.send(3, 8)), (None, SendOutcome::Closed(8)));
}

#[test]
fn a_lane_that_is_opened_after_the_end_is_closed() {
    let lanes = lanes();
    assert!(!lanes.is_closed());
    lanes.close();
    lanes.open(5, 1, WhenFull::Block);
    assert_eq!((lanes.send(5, 9), lanes.is_closed(), lanes.name()), (SendOutcome::Closed(9), true, "test"));
}

#[test]
fn a_held_lane_gives_no_items() {
    let lanes = lanes();
    lanes.open(0, 4, WhenFull::Block);
    lanes.open(1, 4, WhenFull::Block);
    for (lane, item) in [(0, 1), (1, 2)] {
        assert_eq!(lanes.send(lane, item), SendOutcome::Queued);
    }
    lanes.hold(0);
    lanes.hold(9);
    assert_eq!(taken(&lanes, 9), [(1, 2)]);
    thread::scope(|scope| {
        let taker = scope.spawn(|| taken(&lanes, 9));
        lanes.release(0);
        assert_eq!(taker.join().unwrap(), [(0, 1)], "the release wakes the worker");
    });
    lanes.hold(0);
    assert_eq!(lanes.send(0, 3), SendOutcome::Queued);
    lanes.close();
    let mut out = vec![(0, 0)];
    assert!(!lanes.recv_batch(9, &mut out) && out.is_empty(), "a closed queue does not wait for held items");
    assert_eq!(lanes.remove(0), [3]);
}

#[test]
fn each_lane_counts_its_own_waits() {
    let clock = SimulatedClock::new();
    let lanes = FairQueue::new("test", Arc::new(clock.clone()));
    lanes.open(0, 4, WhenFull::Block);
    lanes.open(1, 4, WhenFull::Block);
    for lane in [0, 1, 1] {
        assert_eq!(lanes.send(lane, ()), SendOutcome::Queued);
        clock.advance(Duration::from_millis(10));
    }
    assert_eq!(taken(&lanes, 9).len(), 3);
    let waits =
        |lane| lanes.stats(lane).map(|stats| (stats.total_wait.as_millis(), stats.longest_wait.as_millis()));
    assert_eq!((waits(0), waits(1)), (Some((30, 30)), Some((30, 20))));
}

#[test]
fn no_item_is_lost_or_reordered_between_eight_threads() {
    let lanes = lanes();
    for lane in 0..4 {
        lanes.open(lane, 3, WhenFull::Block);
    }
    let mut seen: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    thread::scope(|scope| {
        let senders: Vec<_> = (0..4)
            .map(|lane| {
                let lanes = &lanes;
                scope.spawn(move || {
                    for item in 0..2000 {
                        assert_eq!(lanes.send(lane, item), SendOutcome::Queued);
                    }
                })
            })
            .collect();
        let workers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut all = Vec::new();
                    let mut out = Vec::new();
                    while lanes.recv_batch(3, &mut out) {
                        out.iter().for_each(|(lane, _)| lanes.done(*lane));
                        all.append(&mut out);
                    }
                    all
                })
            })
            .collect();
        senders.into_iter().for_each(|thread| thread.join().unwrap());
        lanes.close();
        for worker in workers {
            let mut last = BTreeMap::new();
            for (lane, item) in worker.join().unwrap() {
                assert!(
                    last.insert(lane, item).is_none_or(|before| before < item),
                    "each worker sees them in order"
                );
                seen.entry(lane).or_default().push(item);
            }
        }
    });
    for (lane, mut items) in seen {
        items.sort_unstable();
        assert_eq!(items, (0..2000).collect::<Vec<_>>(), "lane {lane}");
        assert_eq!(lanes.in_work(lane), 0);
    }
}
