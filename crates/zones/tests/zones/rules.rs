//! The rules of zones, regions and plans, one by one.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::time::Duration;

use passerby_types::{
    BBox, CameraId, Face, FrameMeta, LineSide, ObservedFace, TrackId, TrackState, ZoneCounter,
};
use passerby_zones::{
    AreaPlan, LinePlan, ZoneBoard, ZoneChange, ZoneError, ZoneEvent, ZonePlan, ZoneSubject, ZoneWatch,
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
    events.iter().map(|event: &ZoneEvent| (event.at.as_secs(), event.change.clone())).collect()
}

fn entered(at: u64) -> (u64, ZoneChange) {
    (at, ZoneChange::Entered { zone: "right".into() })
}

fn left(at: u64, seconds: u64) -> (u64, ZoneChange) {
    (at, ZoneChange::Left { zone: "right".into(), dwell: Duration::from_secs(seconds) })
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
    assert_eq!(events.iter().map(|e| e.change.clone()).collect::<Vec<_>>(), [entered(0).1, left(1, 1).1]);
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

/// Returns a plan with the zone `right` and a line down the middle of the picture.
fn middle() -> ZonePlan {
    let line = LinePlan { name: "middle".into(), from: [0.5, 0.0], to: [0.5, 1.0] };
    ZonePlan { lines: vec![line], ..right_half() }
}

/// Gives track 1 to a counter at these places, a second apart, in these states. `None` is a predicted box.
fn observe(counter: &mut dyn ZoneCounter, steps: &[(f32, TrackState, bool)]) -> Vec<ZoneEvent> {
    let mut events = Vec::new();
    for (second, &(x, state, is_found)) in (0..).zip(steps) {
        let bbox = face(1, x).bbox;
        let mut seen = ObservedFace::new(1, bbox);
        seen.face = is_found.then(|| Face::new(bbox, 0.9));
        seen.state = state;
        let meta = FrameMeta::new(0, second).with_pts(Duration::from_secs(second));
        counter.update(&meta, (100, 100), &[seen], &[], &mut events);
    }
    events
}

#[test]
fn a_track_that_is_not_confirmed_counts_nothing() {
    let mut watch = ZoneWatch::new(&middle()).unwrap();
    let tentative = |x| (x, TrackState::Tentative, true);
    assert_eq!(observe(&mut watch, &[tentative(20.0), tentative(80.0)]), []);
    assert_eq!((watch.zones()[0].entered, watch.lines()[0].right_to_left), (0, 0));
}

#[test]
fn a_confirmed_track_counts_from_its_first_box_on() {
    let mut watch = ZoneWatch::new(&middle()).unwrap();
    let steps = [
        (20.0, TrackState::Tentative, true),
        (51.0, TrackState::Confirmed, true),
        (80.0, TrackState::Confirmed, true),
    ];
    let events = observe(&mut watch, &steps);
    let crossed = ZoneChange::Crossed { line: "middle".into(), from: LineSide::Right };
    let changes: Vec<ZoneChange> = events.into_iter().map(|event| event.change).collect();
    // It has entered the zone at once: the first box that counts may be at its edge.
    assert_eq!(changes, [entered(1).1, crossed]);
}

#[test]
fn predicted_boxes_count_nothing() {
    let mut watch = ZoneWatch::new(&middle()).unwrap();
    let steps = [
        (20.0, TrackState::Confirmed, true),
        (80.0, TrackState::Confirmed, false),
        (80.0, TrackState::Lost, false),
    ];
    assert_eq!(observe(&mut watch, &steps), []);
}

#[test]
fn a_board_shows_what_its_counters_count() {
    let board = ZoneBoard::default();
    board.set(CameraId(2), &middle()).unwrap();
    let mut counter = board.counter(CameraId(2)).unwrap();
    observe(&mut *counter, &[(20.0, TrackState::Confirmed, true), (80.0, TrackState::Confirmed, true)]);
    let figures = board.figures();
    assert_eq!(
        (figures[0].camera, figures[0].zones[0].inside, figures[0].lines[0].right_to_left),
        (CameraId(2), 1, 1)
    );
    // A wrong plan changes nothing, and a right one begins again.
    let wrong = ZonePlan { margin: 9.0, ..middle() };
    assert_eq!(board.set(CameraId(2), &wrong), Err(ZoneError::Margin(9.0)));
    assert_eq!(board.figures(), figures);
    board.set(CameraId(2), &right_half()).unwrap();
    let events = observe(&mut *counter, &[(60.0, TrackState::Confirmed, true)]);
    assert_eq!((events.len(), board.figures()[0].zones[0].entered), (1, 1));
    board.remove(CameraId(2));
    assert!(board.plan(CameraId(2)).is_none() && board.figures().is_empty());
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
