//! The lanes: fair over cameras, in order within one.
#![cfg(not(loom))]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use passerby_testkit::SimulatedClock;
use passerby_types::SystemClock;
use passerby_workers::{FairQueue, Pushed, WhenFull};

fn lanes<T>() -> FairQueue<T> {
    FairQueue::new("test", Arc::new(SystemClock::new()))
}

fn taken<T>(lanes: &FairQueue<T>, max: usize) -> Vec<(u32, T)> {
    let mut out = Vec::new();
    assert!(lanes.take(max, &mut out));
    out
}

#[test]
fn the_oldest_goes_first_and_lanes_take_turns() {
    let lanes = lanes();
    for lane in 0..3 {
        lanes.open(lane, 4, WhenFull::DropOldest);
    }
    for (lane, item) in [(0, 1), (0, 2), (0, 3), (2, 4), (1, 5)] {
        assert_eq!(lanes.push(lane, item), Pushed::Queued);
    }
    assert_eq!(
        taken(&lanes, 2),
        [(0, 1), (2, 4)],
        "lane 0 has one in work, lane 2 has waited longer than lane 1"
    );
    assert_eq!(lanes.push(2, 6), Pushed::Queued);
    assert_eq!(taken(&lanes, 0), [(1, 5)], "at least one; the only lane with nothing in work");
    assert_eq!(taken(&lanes, 9), [(0, 2), (2, 6), (0, 3)]);
    assert_eq!([lanes.working(0), lanes.working(1), lanes.working(2), lanes.working(9)], [3, 1, 2, 0]);

    for (lane, item) in [(0, 7), (1, 8), (2, 9)] {
        assert_eq!(lanes.push(lane, item), Pushed::Queued);
    }
    for _ in 0..9 {
        lanes.done(0);
    }
    lanes.done(9);
    assert_eq!(taken(&lanes, 3), [(0, 7), (1, 8), (2, 9)], "fewest in work first");
}

#[test]
fn a_fast_camera_cannot_starve_a_slow_one() {
    let lanes = lanes();
    lanes.open(0, 8, WhenFull::DropOldest);
    lanes.open(1, 8, WhenFull::DropOldest);
    let mut waits = Vec::new();
    let mut out = Vec::new();
    // Lane 0 gets ten items for each one of lane 1, and two are taken in that time.
    for round in 0..50u32 {
        for _ in 0..10 {
            let _ = lanes.push(0, round).lost();
        }
        assert_eq!(lanes.push(1, round), Pushed::Queued);
        for _ in 0..2 {
            assert!(lanes.take(1, &mut out));
            for (lane, item) in out.drain(..) {
                lanes.done(lane);
                if lane == 1 {
                    waits.push(round - item);
                }
            }
        }
    }
    let slow = lanes.stats(1).unwrap();
    assert_eq!((slow.pushed, slow.dropped), (50, 0), "nothing of the slow lane is lost");
    assert!(waits.iter().all(|wait| *wait <= 8), "{waits:?}");
    assert!(lanes.stats(0).unwrap().dropped >= 400);
}

#[test]
fn a_lane_with_work_in_progress_gives_way() {
    let lanes = lanes();
    lanes.open(0, 4, WhenFull::Block);
    lanes.open(1, 4, WhenFull::Block);
    for item in 0..4 {
        assert_eq!(lanes.push(0, item), Pushed::Queued);
    }
    assert_eq!(taken(&lanes, 1), [(0, 0)]);
    assert_eq!(lanes.push(1, 9), Pushed::Queued);
    assert_eq!(taken(&lanes, 1), [(1, 9)], "newer, but nothing of its lane is in work");
    lanes.done(0);
    assert_eq!(taken(&lanes, 9), [(0, 1), (0, 2), (0, 3)], "in order");
}

#[test]
fn a_lane_comes_and_goes() {
    let lanes = lanes();
    assert_eq!((lanes.push(3, 0), lanes.stats(3), lanes.fill()), (Pushed::Closed(0), None, 0.0));
    assert!(lanes.remove(3).is_empty());
    lanes.open(3, 2, WhenFull::DropNewest);
    lanes.open(4, 4, WhenFull::Block);
    assert_eq!((lanes.push(3, 1), lanes.push(3, 2)), (Pushed::Queued, Pushed::Queued));
    assert_eq!(lanes.push(3, 3), Pushed::Refused(3));
    assert_eq!(lanes.push(4, 4), Pushed::Queued);
    assert_eq!(lanes.fill(), (1.0 + 0.25) / 2.0);
    lanes.close_lane(3);
    assert_eq!(lanes.push(3, 5), Pushed::Closed(5));
    assert_eq!(taken(&lanes, 9), [(3, 1), (4, 4), (3, 2)], "what waits in a closed lane is taken");
    assert_eq!(lanes.fill(), 0.0);

    lanes.open(3, 1, WhenFull::DropOldest);
    assert_eq!((lanes.push(3, 6), lanes.push(3, 7)), (Pushed::Queued, Pushed::Displaced(6)));
    let stats = lanes.stats(3).unwrap();
    assert_eq!((stats.pushed, stats.dropped, stats.capacity), (5, 2, 1), "opened again it counts on");
    assert_eq!(lanes.remove(3), [7]);
    assert_eq!((lanes.stats(3), lanes.push(3, 8)), (None, Pushed::Closed(8)));
    assert!(!lanes.is_closed());
    lanes.close();
    lanes.open(5, 1, WhenFull::Block);
    assert_eq!((lanes.push(5, 9), lanes.is_closed(), lanes.name()), (Pushed::Closed(9), true, "test"));
}

#[test]
fn a_held_lane_is_left_alone() {
    let lanes = lanes();
    lanes.open(0, 4, WhenFull::Block);
    lanes.open(1, 4, WhenFull::Block);
    for (lane, item) in [(0, 1), (1, 2)] {
        assert_eq!(lanes.push(lane, item), Pushed::Queued);
    }
    lanes.hold(0, true);
    lanes.hold(9, true);
    assert_eq!(taken(&lanes, 9), [(1, 2)]);
    thread::scope(|scope| {
        let taker = scope.spawn(|| taken(&lanes, 9));
        lanes.hold(0, false);
        assert_eq!(taker.join().unwrap(), [(0, 1)], "it is woken");
    });
    lanes.hold(0, true);
    assert_eq!(lanes.push(0, 3), Pushed::Queued);
    lanes.close();
    let mut out = vec![(0, 0)];
    assert!(!lanes.take(9, &mut out) && out.is_empty(), "the end does not wait for it");
    assert_eq!(lanes.remove(0), [3]);
}

#[test]
fn waits_are_counted_by_lane() {
    let clock = SimulatedClock::new();
    let lanes = FairQueue::new("test", Arc::new(clock.clone()));
    lanes.open(0, 4, WhenFull::Block);
    lanes.open(1, 4, WhenFull::Block);
    for lane in [0, 1, 1] {
        assert_eq!(lanes.push(lane, ()), Pushed::Queued);
        clock.advance(Duration::from_millis(10));
    }
    assert_eq!(taken(&lanes, 9).len(), 3);
    let waits = |lane| lanes.stats(lane).map(|stats| (stats.waited.as_millis(), stats.longest.as_millis()));
    assert_eq!((waits(0), waits(1)), (Some((30, 30)), Some((30, 20))));
}

#[test]
fn nothing_is_lost_or_out_of_order_between_eight_threads() {
    let lanes = lanes();
    for lane in 0..4 {
        lanes.open(lane, 3, WhenFull::Block);
    }
    let mut seen: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    thread::scope(|scope| {
        let pushers: Vec<_> = (0..4)
            .map(|lane| {
                let lanes = &lanes;
                scope.spawn(move || {
                    for item in 0..2000 {
                        assert_eq!(lanes.push(lane, item), Pushed::Queued);
                    }
                })
            })
            .collect();
        let takers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let (mut all, mut out) = (Vec::new(), Vec::new());
                    while lanes.take(3, &mut out) {
                        out.iter().for_each(|(lane, _)| lanes.done(*lane));
                        all.append(&mut out);
                    }
                    all
                })
            })
            .collect();
        pushers.into_iter().for_each(|thread| thread.join().unwrap());
        lanes.close();
        for taker in takers {
            let mut last = BTreeMap::new();
            for (lane, item) in taker.join().unwrap() {
                assert!(
                    last.insert(lane, item).is_none_or(|before| before < item),
                    "each taker sees them in order"
                );
                seen.entry(lane).or_default().push(item);
            }
        }
    });
    for (lane, mut items) in seen {
        items.sort_unstable();
        assert_eq!(items, (0..2000).collect::<Vec<_>>(), "lane {lane}");
        assert_eq!(lanes.working(lane), 0);
    }
}
