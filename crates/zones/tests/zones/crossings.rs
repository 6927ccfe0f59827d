//! Exact counts of synthetic people who walk to and fro with trembling boxes and hidden frames.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::time::Duration;

use passerby_track::Sort;
use passerby_types::{BBox, Face, FrameMeta, TrackId, TrackState, TrackUpdate, Tracker};
use passerby_zones::{LinePlan, LineSide, ZoneChange, ZoneEvent, ZonePlan, ZoneSubject, ZoneWatch};
use proptest::prelude::*;

const SIZE: [u32; 2] = [1280, 720];
const FACE: [f32; 2] = [40.0, 50.0];
/// The largest error of a box's centre in each direction, in pixels. The margin of these faces is 11 pixels.
const JITTER: f32 = 6.0;
const FRAME: Duration = Duration::from_millis(40);

/// A line down the middle, from the upper edge to two thirds of the height.
fn gate() -> ZoneWatch {
    let gate = LinePlan { name: "gate".into(), from: [0.5, 0.0], to: [0.5, 0.66] };
    ZoneWatch::new(&ZonePlan { lines: vec![gate], ..ZonePlan::default() }).unwrap()
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number of a range.
    fn within(&mut self, from: f32, to: f32) -> f32 {
        from + (to - from) * (self.next() >> 40) as f32 / (1 << 24) as f32
    }

    fn chance(&mut self, of: f32) -> bool {
        self.within(0.0, 1.0) < of
    }
}

/// The true place of a person in each frame, and the crossings from the left of the picture to its right, and back.
#[derive(Default)]
struct Walk {
    places: Vec<[f32; 2]>,
    /// The frames that are never hidden: those at which the person is surely on one side.
    turns: Vec<usize>,
    to_right: u64,
    to_left: u64,
}

impl Walk {
    /// Lets a person walk from turn to turn. At some turns the person stands on the line for a while and goes back, and some ways go
    /// around the lower end of the line.
    fn random(random: &mut Random, legs: usize) -> Self {
        let mut walk = Self::default();
        let mut is_right = random.chance(0.5);
        let turn = |random: &mut Random, is_right: bool| {
            let away = random.within(40.0, 500.0);
            [if is_right { 640.0 + away } else { 640.0 - away }, random.within(60.0, 400.0)]
        };
        walk.places.push(turn(random, is_right));
        walk.turns.push(0);
        for _ in 0..legs {
            match random.next() % 10 {
                // On the line and back.
                0 | 1 => {
                    walk.go([random.within(638.0, 642.0), random.within(60.0, 400.0)], 9.0);
                    for _ in 0..random.next() % 20 {
                        walk.places.push(*walk.places.last().unwrap());
                    }
                }
                // Around the end.
                2 => {
                    walk.go([if is_right { 760.0 } else { 520.0 }, 650.0], 9.0);
                    walk.turns.push(walk.places.len() - 1);
                    is_right = !is_right;
                    walk.go([if is_right { 760.0 } else { 520.0 }, 650.0], 9.0);
                    walk.turns.push(walk.places.len() - 1);
                }
                _ => {
                    if is_right {
                        walk.to_left += 1;
                    } else {
                        walk.to_right += 1;
                    }
                    is_right = !is_right;
                }
            }
            let speed = random.within(2.0, 14.0);
            walk.go(turn(random, is_right), speed);
            walk.turns.push(walk.places.len() - 1);
        }
        walk
    }

    /// Walks in a straight line, by `speed` pixels a frame.
    fn go(&mut self, to: [f32; 2], speed: f32) {
        let from = *self.places.last().unwrap();
        let steps = ((to[0] - from[0]).hypot(to[1] - from[1]) / speed).ceil().max(1.0);
        for step in 1..=steps as usize {
            let part = step as f32 / steps;
            self.places.push([from[0] + part * (to[0] - from[0]), from[1] + part * (to[1] - from[1])]);
        }
    }
}

fn trembling(place: [f32; 2], random: &mut Random) -> BBox {
    let [x, y] = place.map(|v| v + random.within(-JITTER, JITTER));
    BBox::from_xywh(x - FACE[0] / 2.0, y - FACE[1] / 2.0, FACE[0], FACE[1])
}

/// Returns the frames in which a person is hidden: single ones and long ones, but never a turn.
fn hidden(walk: &Walk, random: &mut Random, share: f32) -> Vec<bool> {
    let mut hidden = vec![false; walk.places.len()];
    let mut frame = 0;
    while frame < hidden.len() {
        let length = if random.chance(share) { 1 + random.next() as usize % 25 } else { 0 };
        let end = (frame + length).min(hidden.len());
        hidden[frame..end].fill(true);
        frame = end + 1;
    }
    for &turn in &walk.turns {
        hidden[turn] = false;
    }
    hidden
}

/// Lets people walk at the same time, and returns the counts of the line, from left to right of the picture and back, and the events.
fn count(walks: &[Walk], random: &mut Random, hidden_share: f32) -> ([u64; 2], Vec<ZoneEvent>) {
    let mut watch = gate();
    let hidden: Vec<Vec<bool>> = walks.iter().map(|walk| hidden(walk, random, hidden_share)).collect();
    let frames = walks.iter().map(|walk| walk.places.len()).max().unwrap_or(0);
    let mut events = Vec::new();
    for frame in 0..frames {
        let mut people = Vec::new();
        let mut ended = Vec::new();
        for (number, (walk, hidden)) in walks.iter().zip(&hidden).enumerate() {
            let track = TrackId(number as u64 + 1);
            match walk.places.get(frame) {
                Some(&place) if !hidden[frame] => {
                    people.push(ZoneSubject { track, bbox: trembling(place, random) });
                }
                None if frame == walk.places.len() => ended.push(track),
                _ => {}
            }
        }
        watch.update(FRAME * frame as u32, SIZE, &people, &ended, &mut events);
    }
    // Looking down along the line, the left of the picture is on the right.
    ([watch.lines()[0].right_to_left, watch.lines()[0].left_to_right], events)
}

#[test]
fn a_thousand_crossings_are_counted_exactly() {
    let mut random = Random(16);
    let mut crossings = 0;
    let mut round = 0;
    while crossings < 1000 {
        let walks: Vec<Walk> = (0..8).map(|_| Walk::random(&mut random, 12)).collect();
        let expected = [walks.iter().map(|w| w.to_right).sum::<u64>(), walks.iter().map(|w| w.to_left).sum()];
        let (counts, events) = count(&walks, &mut random, 0.08);
        assert_eq!(counts, expected, "round {round}");
        assert_eq!(events.len() as u64, expected[0] + expected[1]);
        crossings += expected[0] + expected[1];
        round += 1;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// The events of each person are the crossings of that person, and their sides alternate unless the person went around the end.
    #[test]
    fn each_person_is_counted_exactly(seed in any::<u64>(), people in 1..6_usize, legs in 0..20_usize, share in 0.0..0.3_f32) {
        let mut random = Random(seed);
        let walks: Vec<Walk> = (0..people).map(|_| Walk::random(&mut random, legs)).collect();
        let (_, events) = count(&walks, &mut random, share);
        for (number, walk) in walks.iter().enumerate() {
            let of = |side| {
                let change = ZoneChange::Crossed { line: "gate".into(), from: side };
                events.iter().filter(|e| e.track.0 == number as u64 + 1 && e.change == change).count() as u64
            };
            prop_assert_eq!([of(LineSide::Right), of(LineSide::Left)], [walk.to_right, walk.to_left]);
        }
    }
}

#[test]
fn the_tracks_of_a_tracker_are_counted_exactly() {
    // Ten people, each in a row of its own, walk through the picture and back, ten times. Single detections are missing.
    let mut random = Random(5);
    let mut watch = {
        let gate = LinePlan { name: "gate".into(), from: [0.5, 0.0], to: [0.5, 1.0] };
        ZoneWatch::new(&ZonePlan { lines: vec![gate], ..ZonePlan::default() }).unwrap()
    };
    let mut tracker = Sort::new();
    let mut update = TrackUpdate::default();
    let mut events = Vec::new();
    let frames = 2 * 10 * 100;
    for frame in 0..=frames {
        let mut faces = Vec::new();
        for row in 0..10 {
            // From 240 to 1040 in 100 frames, and back.
            let way = frame % 200;
            let x = 240.0 + 8.0 * if way < 100 { way } else { 200 - way } as f32;
            if frame % 100 == 0 || !random.chance(0.1) {
                faces.push(Face::new(trembling([x, 40.0 + 70.0 * row as f32], &mut random), 0.9));
            }
        }
        tracker.update(&FrameMeta::new(0, frame), Some(&faces), &mut update);
        let people: Vec<ZoneSubject> = update
            .tracks
            .iter()
            .filter(|track| track.state == TrackState::Confirmed)
            .map(|track| ZoneSubject { track: track.track, bbox: track.bbox })
            .collect();
        watch.update(FRAME * frame as u32, SIZE, &people, &update.ended, &mut events);
    }
    assert_eq!([watch.lines()[0].right_to_left, watch.lines()[0].left_to_right], [100, 100]);
}
