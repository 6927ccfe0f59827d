//! How do I wait for observations together with other things? One loop for observations, events and a timer.
//!
//! ```text
//! cargo run --release --example select_loop -- [INPUT...]
//! ```
//!
//! The channels are `crossbeam-channel`s, so channels of your own program fit into the same `select!`.

#![allow(clippy::print_stdout, reason = "an example prints its results")]

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{select, tick};
use passerby::pipeline::{GovernorLimits, Pipeline, PipelineSettings, WhenFull};
use passerby::types::{BoxError, CameraId, SystemClock};

fn main() -> Result<(), BoxError> {
    let mut inputs: Vec<String> = std::env::args().skip(1).collect();
    if inputs.is_empty() {
        // The clip as two live cameras. A live camera does not wait: the governor thins out detections to keep up.
        let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/passersby.mp4");
        inputs = vec![format!("{clip}?live=own"), format!("{clip}?live=own&offset=4s")];
    }
    let settings =
        PipelineSettings { governor: Some(GovernorLimits::default()), ..PipelineSettings::default() };
    let stages = passerby::stages(&passerby::Settings::default())?;
    let mut pipeline = Pipeline::new(stages, settings, Arc::new(SystemClock::new()));
    for (camera, input) in (1..).zip(&inputs) {
        pipeline = pipeline.camera(CameraId(camera), passerby::capture::open(input)?);
    }
    // If this loop is late, the oldest observation makes room for the newest.
    let observations = pipeline.subscribe("loop", 64, WhenFull::DropOldest);
    let events = pipeline.events();
    let handle = pipeline.start()?;
    let metrics = handle.metrics();
    let every_second = tick(Duration::from_secs(1));

    let mut faces = 0;
    while !handle.cameras().is_empty() {
        select! {
            recv(observations.receiver()) -> observation => {
                if let Ok(observation) = observation {
                    faces += observation.faces.len();
                }
            }
            recv(events.receiver()) -> event => {
                if let Ok(event) = event {
                    println!("event: {event}");
                }
            }
            recv(every_second) -> _ => {
                let ledger = metrics.snapshot().ledger();
                let dropped: u64 = ledger.dropped.values().sum();
                println!(
                    "{faces} faces in {} analysed and {} coasted frames, {dropped} dropped",
                    ledger.analysed, ledger.coasted
                );
            }
        }
    }
    let report = handle.stop(Duration::from_secs(5));
    while let Some(event) = events.try_recv() {
        println!("event: {event}");
    }
    for report in &report.reports {
        println!("{} ({}): {:?}", report.camera, report.name, report.ledger);
    }
    println!("{} observations came too late for this loop", observations.stats().dropped);
    Ok(())
}
