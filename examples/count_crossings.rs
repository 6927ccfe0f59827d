//! How many people cross a line, and how long do they stay in a zone? Counts the faces of a video at places of the picture.
//!
//! ```text
//! cargo run --release --example count_crossings -- [INPUT]
//! ```

#![allow(clippy::print_stdout, reason = "an example prints its results")]

use std::sync::Arc;

use passerby::pipeline::{Pipeline, PipelineSettings, WhenFull};
use passerby::types::{BoxError, CameraId, SystemClock};
use passerby::zones::{AreaPlan, LinePlan, LineSide, ZoneBoard, ZoneChange, ZoneEvent, ZonePlan};

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
    let board = ZoneBoard::default();
    board.set(CameraId(0), &plan)?;

    let counters = board.clone();
    let stages = passerby::stages(&passerby::Settings::default())?.counting(move |id| counters.counter(id));
    let pipeline = Pipeline::new(stages, PipelineSettings::default(), Arc::new(SystemClock::new()))
        .camera(CameraId(0), passerby::capture::open(&input)?);
    let observations = pipeline.subscribe("zones", 64, WhenFull::Block);
    let run = std::thread::Builder::new().name("pipeline".into()).spawn(|| pipeline.run())?;
    for observation in observations {
        observation.zone_events.iter().for_each(print);
    }
    run.join().map_err(|_| "the pipeline panicked")??;

    let figures = board.figures();
    for line in figures.iter().flat_map(|camera| &camera.lines) {
        println!("{}: {} to the right, {} to the left", line.name, line.left_to_right, line.right_to_left);
    }
    for zone in figures.iter().flat_map(|camera| &camera.zones) {
        let mean = zone.dwell.checked_div(u32::try_from(zone.left)?).unwrap_or_default();
        println!(
            "{}: entered {} times, at most {} at once, {mean:.1?} on average",
            zone.name, zone.entered, zone.peak
        );
    }
    Ok(())
}

fn print(event: &ZoneEvent) {
    let (seconds, track) = (event.at.as_secs_f64(), event.track.0);
    match &event.change {
        ZoneChange::Entered { zone } => {
            println!("{seconds:5.2} s: track {track} enters {zone}");
        }
        ZoneChange::Left { zone, dwell } => {
            println!("{seconds:5.2} s: track {track} leaves {zone} after {dwell:.1?}");
        }
        ZoneChange::Crossed { line, from } => {
            let to = if *from == LineSide::Left { "right" } else { "left" };
            println!("{seconds:5.2} s: track {track} crosses {line} to the {to}");
        }
    }
}
