//! What the governor makes of machines and cameras.

use super::simulation::{Machine, Second};
use super::*;

/// Two workers, and this many cameras of 24 frames a second.
fn cameras(n: usize) -> Machine {
    let mut machine = Machine::new(Limits { workers: 2..=2, ..Limits::default() });
    machine.add(n, 24.0);
    machine
}

fn dropped(log: &[Second]) -> u64 {
    log.iter().map(|second| second.dropped).sum()
}

fn changes(log: &[Second]) -> usize {
    log.iter().filter(|second| second.decision.changed).count()
}

/// The worst of all cameras and seconds, in milliseconds.
fn p95(log: &[Second]) -> u128 {
    log.iter().map(|second| second.p95.as_millis()).max().unwrap_or(0)
}

fn all_at(cadence: u64, log: &[Second]) -> bool {
    log.iter().all(|second| second.cadences.iter().all(|&each| each == cadence))
}

#[test]
fn four_cameras_on_two_cores_keep_every_frame() {
    let mut machine = cameras(4);
    let log = machine.run(300);
    assert_eq!((dropped(log), all_at(1, log)), (0, true));
    assert!(p95(log) <= 60, "{}", p95(log));
    assert_eq!(changes(&log[1..]), 0);
}

#[test]
fn eight_cameras_settle_within_two_seconds_and_stay() {
    let mut machine = cameras(8);
    machine.run(2);
    let log = machine.run(298);
    assert_eq!((dropped(log), changes(log), all_at(2, log)), (0, 0, true));
    assert!(p95(log) <= 150, "{}", p95(log));
}

#[test]
fn a_burst_of_cameras_thins_and_is_taken_back() {
    let mut machine = cameras(2);
    assert_eq!(dropped(machine.run(20)), 0);
    machine.add(6, 24.0);
    assert!(dropped(machine.run(2)) < 60);
    let log = machine.run(40);
    assert_eq!((dropped(log), all_at(2, log)), (0, true));
    machine.cameras.truncate(2);
    let log = machine.run(60);
    assert_eq!((dropped(log), all_at(1, &log[4..])), (0, true));
}

#[test]
fn sixteen_cameras_are_more_than_the_limits_can_carry() {
    let mut machine = cameras(16);
    machine.run(2);
    let log = machine.run(120);
    assert!(dropped(log) > 0 && all_at(6, log));
    assert!(log.iter().all(|second| second.decision.reason == Reason::Overloaded));
}
