//! The rules of zones, regions and plans, one by one.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::time::Duration;

use passerby_types::{BBox, TrackId};
use passerby_zones::{
    AreaPlan, LinePlan, ZoneChange, ZoneError, ZoneEvent, ZonePlan, ZoneSubject, ZoneWatch,
};

const SIZE: [u32; 2] = [100, 100];

fn square(x1: f32, y1: f32, x2: f32, y2: f32) -> Vec<[f32; 2]> {
    vec![[x1, y1], [x2, y1], [x2, y2], [x1, y2]]
}

/// The right half of the picture. Faces have a size of 8 pixels, and so a margin of 2.
fn right_half() -> ZonePlan {
    ZonePlan {
        zones: vec![AreaPlan { name: "right".into(), polygon: square(0.5, 0.0, 1.0, 1.0) }],
        ..ZonePlan::default()
    }
}

/// Returns a face whose centre is at (x, 50).
fn face(track: u64, x: f32) -> ZoneSubject {
    ZoneSubject { track: TrackId(track), bbox: BBox::from_xywh(x - 4.0, 46.0, 8.0, 8.0) }
}

/// Puts track 1 at these places, a second apart, and ends it. Returns the events, with their seconds.
fn walk(plan: &ZonePlan, places: &[f32]) -> Vec<(u64, ZoneChange)> {
    let mut watch = ZoneWatch::new(plan).unwrap();
    let mut events = Vec::new();
    for (second, &x) in (0..).zip(places) {
        watch.update(Duration::from_secs(second), SIZE, &[face(1, x)], &[], &mut events);
    }
    watch.update(Duration::from_secs(99), SIZE, &[], &[TrackId(1)], &mut events);
    events.iter().map(|event: &ZoneEvent| (event.at.as_secs(), event.change)).collect()
}

fn entered(at: u64) -> (u64, ZoneChange) {
    (at, ZoneChange::Entered { zone: 0 })
}

fn left(at: u64, seconds: u64) -> (u64, ZoneChange) {
    (at, ZoneChange::Left { zone: 0, dwell: Duration::from_secs(seconds) })
}

#[test]
fn a_person_enters_and_leaves_beyond_the_margin() {
    assert_eq!(walk(&right_half(), &[20.0, 51.9, 52.1, 60.0, 48.1, 47.9]), [entered(2), left(5, 3)]);
}

#[test]
fn a_box_that_trembles_on_the_edge_enters_once() {
    let places: Vec<f32> =
        [20.0, 60.0].into_iter().chain((0..50).map(|i| if i % 2 == 0 { 48.5 } else { 51.5 })).collect();
    assert_eq!(walk(&right_half(), &places), [entered(1), left(51, 50)]);
}

#[test]
fn a_track_that_begins_in_a_zone_has_entered_it() {
    assert_eq!(walk(&right_half(), &[50.5, 50.5]), [entered(0), left(1, 1)]);
}

#[test]
fn a_track_that_ends_leaves_at_its_last_box() {
    assert_eq!(walk(&right_half(), &[60.0, 60.0, 60.0]), [entered(0), left(2, 2)]);
}

#[test]
fn a_number_that_is_used_again_is_another_track() {
    let mut plan = right_half();
    plan.lines = vec![LinePlan { name: "middle".into(), from: [0.5, 0.0], to: [0.5, 1.0] }];
    let mut watch = ZoneWatch::new(&plan).unwrap();
    let mut events = Vec::new();
    watch.update(Duration::ZERO, SIZE, &[face(1, 20.0)], &[TrackId(1)], &mut events);
    watch.update(Duration::from_secs(1), SIZE, &[face(2, 80.0)], &[], &mut events);
    assert_eq!(events.len(), 1);
    assert_eq!((watch.lines()[0].left_to_right, watch.lines()[0].right_to_left), (0, 0));
}

#[test]
fn occupancy_has_its_peak() {
    let mut watch = ZoneWatch::new(&right_half()).unwrap();
    let mut events = Vec::new();
    watch.update(Duration::ZERO, SIZE, &[face(1, 60.0), face(2, 70.0), face(3, 20.0)], &[], &mut events);
    watch.update(Duration::from_secs(2), SIZE, &[face(1, 20.0)], &[], &mut events);
    let figures = &watch.zones()[0];
    assert_eq!((figures.inside, figures.peak, figures.entered, figures.left), (1, 2, 2, 1));
    assert_eq!((figures.name.as_str(), figures.dwell), ("right", Duration::from_secs(2)));
}

#[test]
fn a_line_counts_only_between_its_ends() {
    let half = LinePlan { name: "upper half".into(), from: [0.5, 0.0], to: [0.5, 0.45] };
    let plan = ZonePlan { lines: vec![half.clone()], ..ZonePlan::default() };
    assert_eq!(walk(&plan, &[20.0, 80.0]), []);
    let whole = LinePlan { to: [0.5, 1.0], ..half };
    assert_eq!(walk(&ZonePlan { lines: vec![whole], ..ZonePlan::default() }, &[20.0, 80.0]).len(), 1);
}

#[test]
fn a_plan_fits_every_resolution() {
    let mut watch = ZoneWatch::new(&right_half()).unwrap();
    let mut events = Vec::new();
    watch.update(Duration::ZERO, SIZE, &[face(1, 60.0)], &[], &mut events);
    // At twice the width the same pixel is in the left half.
    watch.update(Duration::from_secs(1), [200, 100], &[face(1, 60.0)], &[], &mut events);
    assert_eq!(events.iter().map(|e| e.change).collect::<Vec<_>>(), [entered(0).1, left(1, 1).1]);
}

#[test]
fn regions_decide_which_boxes_count() {
    let plan = ZonePlan {
        ignore: vec![square(0.0, 0.0, 0.3, 1.0)],
        interest: Some(square(0.0, 0.0, 0.8, 1.0)),
        ..right_half()
    };
    let watch = ZoneWatch::new(&plan).unwrap();
    let watched = [20.0, 50.0, 90.0].map(|x| watch.watches(&face(1, x).bbox, SIZE));
    assert_eq!(watched, [false, true, false]);
    assert!(!watch.watches(&BBox::new(50.0, 50.0, 50.0, 50.0), SIZE));
    assert_eq!(walk(&plan, &[90.0, 60.0, 10.0]), [entered(1), left(1, 0)]);
}

#[test]
fn a_clock_that_goes_back_gives_no_negative_times() {
    let mut watch = ZoneWatch::new(&right_half()).unwrap();
    let mut events = Vec::new();
    watch.update(Duration::from_secs(9), SIZE, &[face(1, 60.0)], &[], &mut events);
    watch.update(Duration::from_secs(5), SIZE, &[face(1, 20.0)], &[], &mut events);
    assert_eq!(events[1].change, left(5, 0).1);
}

#[test]
fn wrong_plans_are_refused_with_the_place() {
    type Change = fn(&mut ZonePlan);
    let refused = |change: Change| {
        let mut plan = right_half();
        plan.lines = vec![LinePlan { name: "gate".into(), from: [0.0, 0.0], to: [1.0, 1.0] }];
        change(&mut plan);
        ZoneWatch::new(&plan).unwrap_err().to_string()
    };
    let cases: [(Change, &str); 9] = [
        (|p| p.zones[0].polygon.truncate(2), "the zone \"right\" has 2 corners; a polygon needs at least 3"),
        (
            |p| p.zones[0].polygon[1][0] = 1.5,
            "the zone \"right\" has the coordinate 1.5; places are parts of the picture, from 0 to 1",
        ),
        (
            |p| p.zones[0].polygon[1] = [f32::NAN, 0.0],
            "the zone \"right\" has the coordinate NaN; places are parts of the picture, from 0 to 1",
        ),
        (|p| p.zones[0].polygon.swap(1, 2), "the zone \"right\" has edges that cross each other"),
        (|p| p.ignore = vec![vec![[0.1, 0.1]; 4]], "a region to ignore has no area"),
        (
            |p| p.interest = Some(Vec::new()),
            "the region of interest has 0 corners; a polygon needs at least 3",
        ),
        (|p| p.lines[0].to = [0.0, 0.0], "the line \"gate\" has no length"),
        (|p| p.zones.push(p.zones[0].clone()), "the zone \"right\" has a name that is empty or taken"),
        (|p| p.margin = f32::INFINITY, "the margin is inf; it must be from 0 to 2"),
    ];
    for (change, expected) in cases {
        assert_eq!(refused(change), expected);
    }
    assert!(matches!(ZoneWatch::new(&ZonePlan { margin: -1.0, ..right_half() }), Err(ZoneError::Margin(_))));
}

#[cfg(feature = "serde")]
#[test]
fn a_plan_is_read_from_a_file() {
    let text = r#"{"zones": [{"name": "right", "polygon": [[0.5, 0], [1, 0], [1, 1], [0.5, 1]]}]}"#;
    assert_eq!(serde_json::from_str::<ZonePlan>(text).unwrap(), right_half());
    let wrong = serde_json::from_str::<ZonePlan>(r#"{"zone": []}"#).unwrap_err();
    assert!(wrong.to_string().contains("unknown field `zone`"), "{wrong}");
}
