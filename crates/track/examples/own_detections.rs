//! Which of my detections are the same face? Takes the boxes of a detector through a tracker, frame by frame.
//!
//! ```text
//! cargo run -p passerby-track --example own_detections
//! ```
//!
//! Two people walk towards each other and pass. The detector misses one of them twice, reports a reflection once, and does
//! not run at all on every fifth frame.

#![allow(clippy::print_stdout, reason = "an example prints its results")]

use passerby_track::{Sort, SortSettings};
use passerby_types::{BBox, Face, FrameMeta, TrackState, TrackUpdate, Tracker};

fn main() {
    // Keeps a track for at most 30 frames after the detector has lost its face.
    let mut tracker = Sort::with_settings(SortSettings { max_age: 30, ..SortSettings::default() });
    // The tracker empties this list and fills it again, so a loop needs one list only.
    let mut update = TrackUpdate::default();

    println!("frame  detections  tracks");
    for seq in 0..40 {
        let detections = detect(seq);
        tracker.update(&FrameMeta::new(0, seq), detections.as_deref(), &mut update);

        let found = detections.map_or("-".to_owned(), |faces| faces.len().to_string());
        let tracks: Vec<String> = update
            .tracks
            .iter()
            .map(|track| {
                let state = match track.state {
                    TrackState::Tentative => "new",
                    TrackState::Confirmed => "confirmed",
                    TrackState::Lost => "lost",
                };
                // `track.face` is the detection of this frame. Without one, the box is a prediction.
                let mark = if track.face.is_none() { ", predicted" } else { "" };
                format!("{} at x = {:.0} ({state}{mark})", track.track, track.bbox.center().x)
            })
            .collect();
        println!("{seq:5}  {found:>10}  {}", tracks.join("; "));
        for ended in &update.ended {
            println!("{:5}  {:>10}  {ended} has ended", "", "");
        }
    }
}

/// Returns the faces of a frame, or `None` if the detector does not run on it. Call your own detector here.
fn detect(seq: u64) -> Option<Vec<Face>> {
    if seq % 5 == 4 {
        return None;
    }
    let face = |x: f32, y: f32, score: f32| Face::new(BBox::from_xywh(x, y, 48.0, 60.0), score);
    let mut faces = vec![face(100.0 + 9.0 * seq as f32, 80.0, 0.95)];
    // The other person is hidden while the two pass each other.
    if !(21..23).contains(&seq) {
        faces.push(face(500.0 - 9.0 * seq as f32, 95.0, 0.9));
    }
    // A reflection in a window: one detection does not make a track that counts.
    if seq == 10 {
        faces.push(face(300.0, 300.0, 0.7));
    }
    Some(faces)
}
