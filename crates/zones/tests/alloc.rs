//! A frame allocates nothing once as many tracks have been there at the same time.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

#[path = "../../pipeline/tests/support/counted.rs"]
mod counted;

use std::time::Duration;

use passerby_types::{BBox, TrackId};
use passerby_zones::{AreaPlan, LinePlan, ZonePlan, ZoneSubject, ZoneWatch};

// The harness has threads of its own, whose memory would count.
fn main() {
    let plan = ZonePlan {
        zones: vec![AreaPlan {
            name: "all".into(),
            polygon: vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]],
        }],
        lines: vec![LinePlan { name: "middle".into(), from: [0.5, 0.0], to: [0.5, 1.0] }],
        ..ZonePlan::default()
    };
    let mut watch = ZoneWatch::new(&plan).unwrap();
    let mut events = Vec::with_capacity(100);
    let mut step = |frame: u64| {
        // Eight faces that move. Each frame one of them is a new track, and an earlier one has ended.
        let subjects: [ZoneSubject; 8] = std::array::from_fn(|i| {
            let x = (37 * frame + 80 * i as u64) % 600;
            ZoneSubject {
                track: TrackId(frame + i as u64),
                bbox: BBox::from_xywh(x as f32, 200.0, 30.0, 40.0),
            }
        });
        let ended = frame.checked_sub(1).map(TrackId);
        events.clear();
        watch.update(Duration::from_millis(40 * frame), [640, 480], &subjects, ended.as_slice(), &mut events);
        events.len()
    };
    (0..20).map(&mut step).sum::<usize>();
    counted::reset();
    counted::count(true);
    let changes: usize = (20..200).map(&mut step).sum();
    counted::count(false);
    assert_eq!(counted::taken(), (0, 0));
    assert!(changes > 360, "{changes}");
}
