//! How many people cross a line, and how long do they stay in a zone? Counts the faces of a video at places of the picture.
//!
//! ```text
//! cargo run --release --example count_crossings -- [INPUT]
//! ```

#![allow(clippy::print_stdout, reason = "an example prints its results")]

use std::sync::Arc;

use passerby::pipeline::{Pipeline, PipelineSettings, WhenFull};
use passerby::types::{BoxError, CameraId, Observation, SystemClock, TrackState};
use passerby::zones::{
    AreaPlan, LinePlan, LineSide, ZoneChange, ZoneEvent, ZonePlan, ZoneSubject, ZoneWatch,
};

fn main() -> Result<(), BoxError> {
    let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/passersby.mp4").to_owned();
    let input = std::env::args().nth(1).unwrap_or(clip);

    // Places are parts of the picture, so the plan fits every resolution. Seen from the lower end of this line, which is its
    // beginning, its left is the left of the picture.
    let plan = ZonePlan {
        lines: vec![LinePlan { name: "middle".into(), from: [0.5, 1.0], to: [0.5, 0.0] }],
        zones: vec![AreaPlan {
            name: "right third".into(),
            polygon: vec![[0.66, 0.0], [1.0, 0.0], [1.0, 1.0], [0.66, 1.0]],
        }],
        ..ZonePlan::default()
    };
    let mut watch = ZoneWatch::new(&plan)?;

    let stages = passerby::stages(&passerby::Settings::default())?;
    let pipeline = Pipeline::new(stages, PipelineSettings::default(), Arc::new(SystemClock::new()))
        .camera(CameraId(0), passerby::capture::open(&input)?);
    let observations = pipeline.subscribe("zones", 64, WhenFull::Block);
    let run = std::thread::Builder::new().name("pipeline".into()).spawn(|| pipeline.run())?;
    let mut events = Vec::new();
    for observation in observations {
        events.clear();
        count(&mut watch, &observation, &mut events);
        for event in &events {
            print(&watch, event);
        }
    }
    run.join().map_err(|_| "the pipeline panicked")??;

    for line in watch.lines() {
        println!("{}: {} to the right, {} to the left", line.name, line.left_to_right, line.right_to_left);
    }
    for zone in watch.zones() {
        let mean = zone.dwell.checked_div(u32::try_from(zone.left)?).unwrap_or_default();
        println!(
            "{}: entered {} times, at most {} at once, {mean:.1?} on average",
            zone.name, zone.entered, zone.peak
        );
    }
    Ok(())
}

/// Counts the confirmed tracks whose faces were found in this frame: a predicted box may run on over a line.
fn count(watch: &mut ZoneWatch, observation: &Observation, events: &mut Vec<ZoneEvent>) {
    let found =
        observation.faces.iter().filter(|face| face.state == TrackState::Confirmed && face.face.is_some());
    let subjects: Vec<ZoneSubject> =
        found.map(|face| ZoneSubject { track: face.track, bbox: face.bbox }).collect();
    let at = observation.meta.pts.unwrap_or_default();
    watch.update(at, [observation.width, observation.height], &subjects, &observation.ended, events);
}

fn print(watch: &ZoneWatch, event: &ZoneEvent) {
    let (seconds, track) = (event.at.as_secs_f64(), event.track.0);
    match event.change {
        ZoneChange::Entered { zone } => {
            println!("{seconds:5.2} s: track {track} enters {}", watch.zones()[zone].name);
        }
        ZoneChange::Left { zone, dwell } => {
            println!("{seconds:5.2} s: track {track} leaves {} after {dwell:.1?}", watch.zones()[zone].name);
        }
        ZoneChange::Crossed { line, from } => {
            let to = if from == LineSide::Left { "right" } else { "left" };
            println!("{seconds:5.2} s: track {track} crosses {} to the {to}", watch.lines()[line].name);
        }
    }
}
