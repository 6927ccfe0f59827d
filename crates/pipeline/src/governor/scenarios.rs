//! The governor on a simulated machine with two cores, 8.5 ms for a detection, and 4.3 ms for a decoded frame.

use super::simulation::{Machine, Second};
use super::*;

/// Returns a machine with two workers and `n` cameras of 24 frames a second.
fn cameras(n: usize) -> Machine {
    within(GovernorLimits { workers: 2..=2, ..GovernorLimits::default() }, n)
}

fn within(limits: GovernorLimits, n: usize) -> Machine {
    let mut machine = Machine::new(limits);
    machine.add(n, 24.0);
    machine
}

fn dropped(log: &[Second]) -> u64 {
    log.iter().map(|second| second.dropped).sum()
}

fn changes(log: &[Second]) -> usize {
    log.iter().filter(|second| second.decision.changed).count()
}

/// Returns the worst 95th percentile of all cameras and seconds, in milliseconds.
fn p95(log: &[Second]) -> u128 {
    log.iter().map(|second| second.p95.as_millis()).max().unwrap_or(0)
}

fn all_at(cadence: u64, log: &[Second]) -> bool {
    log.iter().all(|second| second.cadences.iter().all(|&each| each == cadence))
}

/// Returns the number of seconds after which all cameras keep every frame until the end of the log.
fn back_after(log: &[Second]) -> usize {
    log.iter().rposition(|second| second.decision.cadence > 1).map_or(0, |at| at + 1)
}

#[test]
fn four_cameras_keep_every_frame() {
    let mut machine = cameras(4);
    let log = machine.run(300);
    assert_eq!((dropped(log), all_at(1, log), changes(&log[1..])), (0, true, 0));
    assert!(p95(log) <= 60, "{}", p95(log));
}

#[test]
fn eight_cameras_settle_within_two_seconds() {
    let mut machine = cameras(8);
    assert!(dropped(machine.run(2)) < 60);
    let log = machine.run(298);
    assert_eq!((dropped(log), changes(log), all_at(2, log)), (0, 0, true));
    assert!(p95(log) <= 150, "{}", p95(log));
}

#[test]
fn a_burst_of_cameras_thins_for_a_while() {
    let mut machine = cameras(2);
    assert_eq!(dropped(machine.run(20)), 0);
    machine.add(6, 24.0);
    assert!(dropped(machine.run(2)) < 60);
    let log = machine.run(40);
    assert_eq!((dropped(log), all_at(2, log)), (0, true));
    machine.cameras.truncate(2);
    let log = machine.run(60);
    assert_eq!(dropped(log), 0);
    assert!(back_after(log) <= 5, "{}", back_after(log));
}

#[test]
fn a_slow_camera_among_fast_ones_keeps_every_frame() {
    for rate in [1.0, 5.0] {
        let mut machine = cameras(8);
        machine.add(1, rate);
        machine.run(3);
        let log = machine.run(297);
        assert_eq!((dropped(log), changes(log)), (0, 0));
        assert!(log.iter().all(|second| second.cadences[0] > 1 && second.cadences[8] == 1), "{rate}");
    }
}

#[test]
fn a_lost_core_thins_for_a_while() {
    let mut machine = cameras(4);
    machine.run(20);
    machine.taken = 1.0;
    assert!(dropped(machine.run(2)) < 40);
    let log = machine.run(28);
    assert_eq!((dropped(log), changes(log)), (0, 0));
    machine.taken = 0.0;
    let log = machine.run(60);
    assert_eq!(dropped(log), 0);
    assert!(back_after(log) <= 15, "{}", back_after(log));
}

#[test]
fn competing_threads_thin_for_a_while() {
    for rivals in [1, 2, 4] {
        let mut machine = cameras(4);
        machine.run(20);
        machine.rivals = rivals;
        machine.run(2);
        let log = machine.run(58);
        assert_eq!((dropped(log), changes(log)), (0, 0), "{rivals}");
        machine.rivals = 0;
        let log = machine.run(60);
        assert_eq!(dropped(log), 0, "{rivals}");
        assert!(back_after(log) <= 30, "{rivals}: {}", back_after(log));
    }
}

#[test]
fn slower_detection_thins_for_a_while() {
    let mut machine = cameras(5);
    machine.run(20);
    machine.detect *= 2.0;
    machine.run(2);
    let log = machine.run(58);
    assert_eq!((dropped(log), changes(log), all_at(2, log)), (0, 0, true));
    machine.detect /= 2.0;
    let log = machine.run(60);
    assert_eq!(dropped(log), 0);
    assert!(back_after(log) <= 20, "{}", back_after(log));
}

#[test]
fn changing_costs_cause_no_oscillation() {
    for (n, period) in [(6, 3), (6, 20), (7, 10), (8, 3), (8, 20)] {
        let mut machine = cameras(n);
        for i in 0..300 / period {
            machine.detect = if i % 2 == 0 { 0.0085 } else { 0.013 };
            machine.run(period);
        }
        assert!(changes(&machine.log) <= 3, "{n} cameras, {period} s: {}", changes(&machine.log));
        assert_eq!(dropped(&machine.log[30..]), 0, "{n} cameras, {period} s");
    }
}

#[test]
fn a_camera_that_catches_up_does_not_thin_the_others() {
    let mut machine = cameras(4);
    machine.run(10);
    for _ in 0..10 {
        machine.cameras[0].held_up = true;
        let log = machine.run(2);
        assert_eq!((dropped(log), changes(log)), (0, 0));
        machine.cameras[0].held_up = false;
        let log = machine.run(8);
        assert_eq!((log[0].decision.reason, changes(log)), (GovernorReason::Hiccup, 0));
        assert_eq!(dropped(&log[1..]), 0);
    }
    assert!(all_at(1, &machine.log));
}

#[test]
fn workers_are_added_before_detection_is_thinned() {
    let mut machine = within(GovernorLimits { workers: 1..=4, ..GovernorLimits::default() }, 2);
    machine.cores = 8.0;
    let log = machine.run(60);
    assert_eq!((log[59].decision.workers, changes(log)), (1, 2), "the second goes after five seconds");
    machine.add(8, 24.0);
    machine.run(2);
    let log = machine.run(60);
    assert_eq!((dropped(log), log[59].decision.workers, all_at(1, log)), (0, 3, true));
    machine.add(12, 24.0);
    machine.run(2);
    let log = machine.run(60);
    assert_eq!((dropped(log), log[59].decision.workers, all_at(2, log)), (0, 4, true));
}

#[test]
fn workers_are_added_without_an_idle_core_as_a_last_resort() {
    let mut machine = within(GovernorLimits { workers: 1..=4, ..GovernorLimits::default() }, 22);
    (machine.cores, machine.detect) = (4.0, 0.017);
    machine.run(10);
    let log = machine.run(50);
    assert_eq!((dropped(log), log[49].decision.workers), (0, 4));
}

#[test]
fn it_settles_if_the_idle_share_is_unknown() {
    let mut machine = cameras(8);
    machine.idle_known = false;
    machine.run(2);
    let log = machine.run(298);
    assert_eq!((dropped(log), changes(log), all_at(2, log)), (0, 0, true));
}

#[test]
fn it_carries_fourteen_cameras_instead_of_six() {
    let lasting = |limits: &GovernorLimits, n, staggered| {
        let mut machine = within(limits.clone(), n);
        machine.staggered = staggered;
        machine.run(10);
        dropped(machine.run(50))
    };
    let governed = GovernorLimits { workers: 2..=2, detail: 1.0..=1.0, ..GovernorLimits::default() };
    let fixed = GovernorLimits { cadence: 1..=1, ..governed.clone() };
    for staggered in [false, true] {
        assert_eq!(lasting(&fixed, 6, staggered), 0);
        assert!(lasting(&fixed, 7, staggered) > 0);
        for n in [7, 9, 12, 14] {
            assert_eq!(lasting(&governed, n, staggered), 0, "{n}");
        }
        // Decoding alone takes 77 % of the machine, and detection at the greatest cadence the rest.
        assert!(lasting(&governed, 15, staggered) > 0);
    }
}

#[test]
fn less_detail_carries_a_fifteenth_camera() {
    let mut machine = cameras(15);
    machine.run(10);
    let log = machine.run(110);
    assert_eq!((dropped(log), all_at(6, log)), (0, true));
    assert!(log.iter().all(|second| second.decision.detail < 1.0));
}

#[test]
fn the_detail_falls_after_the_cadence_and_returns_before_it() {
    let mut machine = cameras(15);
    machine.run(30);
    machine.cameras.truncate(4);
    machine.run(120);
    let steps: Vec<(u64, f32)> =
        machine.log.iter().map(|second| (second.decision.cadence, second.decision.detail)).collect();
    assert!(steps.iter().all(|&(cadence, detail)| detail == 1.0 || cadence == 6), "{steps:?}");
    assert_eq!(steps.last(), Some(&(1, 1.0)));
}

#[test]
fn a_detail_with_equal_limits_stays() {
    let mut machine = within(GovernorLimits { detail: 1.0..=1.0, ..GovernorLimits::default() }, 16);
    assert!(machine.run(60).iter().all(|second| second.decision.detail == 1.0));
}

#[test]
fn sixteen_cameras_with_a_slow_detector_overload_the_machine() {
    let mut machine = cameras(16);
    machine.detect = 0.024;
    machine.run(5);
    let log = machine.run(120);
    assert!(dropped(log) > 0 && all_at(6, log));
    assert!(log.iter().all(|second| second.decision.detail == *GovernorLimits::default().detail.start()));
    assert!(log.iter().all(|second| second.decision.reason == GovernorReason::Overloaded));
}

#[test]
fn fixed_limits_are_never_changed() {
    for n in [0, 1, 4, 16] {
        let mut machine =
            within(GovernorLimits { workers: 2..=2, cadence: 3..=3, ..GovernorLimits::default() }, n);
        let log = machine.run(30);
        assert!(all_at(3, log), "{n}");
        assert!(log.iter().all(|second| second.decision.workers == 2 && second.decision.cadence == 3));
        assert_eq!(changes(&log[1..]), 0);
        assert_eq!(log[29].decision.reason == GovernorReason::Overloaded, n == 16);
    }
}
