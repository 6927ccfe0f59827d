//! A camera that was away: its tracks end, even if the outage leaves no gap in the numbers of the frames.

use std::time::Duration;

use passerby_track::{Iou, IouSettings, Sort, SortSettings};
use passerby_types::{BBox, Face, FrameMeta, TrackId, TrackUpdate, Tracker};

const FRAME: Duration = Duration::from_millis(40);
const MAX_AGE: u32 = 50;

/// Returns both trackers, which wait for two seconds at 25 frames a second.
fn trackers() -> [(&'static str, Box<dyn Tracker>); 2] {
    let iou = Iou::with_settings(IouSettings { max_age: MAX_AGE, ..IouSettings::default() });
    let sort = Sort::with_settings(SortSettings { max_age: MAX_AGE, ..SortSettings::default() });
    [("iou", Box::new(iou)), ("sort", Box::new(sort))]
}

fn face() -> [Face; 1] {
    [Face::new(BBox::from_xywh(100.0, 50.0, 40.0, 52.0), 0.9)]
}

/// Gives five frames with one face that stands still, and then a frame after this gap. Returns the last update.
fn after_gap(tracker: &mut dyn Tracker, gap: Duration, faces: Option<&[Face]>) -> TrackUpdate {
    let mut update = TrackUpdate::default();
    for seq in 0..5 {
        let meta = FrameMeta::new(0, seq).with_pts(FRAME * seq as u32);
        tracker.update(&meta, Some(&face()), &mut update);
        assert_eq!(update.tracks.len(), 1);
    }
    tracker.update(&FrameMeta::new(0, 5).with_pts(FRAME * 4 + gap), faces, &mut update);
    update
}

#[test]
fn after_an_outage_the_same_place_is_a_new_track() {
    for (name, mut tracker) in trackers() {
        let update = after_gap(&mut *tracker, Duration::from_secs(60), Some(&face()));
        assert_eq!(update.ended, [TrackId(1)], "{name}");
        assert_eq!(update.tracks.iter().map(|t| t.track).collect::<Vec<_>>(), [TrackId(2)], "{name}");
    }
}

#[test]
fn an_outage_ends_tracks_without_a_detection_too() {
    for (name, mut tracker) in trackers() {
        let update = after_gap(&mut *tracker, Duration::from_secs(60), None);
        assert_eq!((update.ended, update.tracks), (vec![TrackId(1)], vec![]), "{name}");
    }
}

#[test]
fn a_gap_within_the_patience_keeps_the_track() {
    for (name, mut tracker) in trackers() {
        let update = after_gap(&mut *tracker, FRAME * MAX_AGE, Some(&face()));
        assert_eq!(update.ended, [], "{name}");
        assert_eq!(update.tracks[0].track, TrackId(1), "{name}");
    }
}
