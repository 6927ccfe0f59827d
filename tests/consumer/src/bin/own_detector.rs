//! Runs a detector of your own in a pipeline: `own_detector VIDEO`.

use std::error::Error;
use std::sync::Arc;

use passerby_pipeline::{Pipeline, PipelineSettings, Stages, WhenFull};
use passerby_track::Sort;
use passerby_types::{BBox, CameraId, Detector, Face, Frame, StageError, SystemClock};

/// Reports one face in the middle of every frame.
struct Middle;

impl Detector for Middle {
    fn detect(&mut self, frames: &[Frame], faces: &mut [Vec<Face>]) -> Result<(), StageError> {
        for (frame, faces) in frames.iter().zip(faces) {
            let width = frame.image.width() as f32;
            let height = frame.image.height() as f32;
            faces.clear();
            faces.push(Face::new(BBox::new(width * 0.4, height * 0.4, width * 0.6, height * 0.6), 0.9));
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let video = std::env::args().nth(1).unwrap_or_else(|| "scene:frames=24".into());
    let stages = Stages::new(|| Middle, Sort::default);
    let pipeline = Pipeline::new(stages, PipelineSettings::default(), Arc::new(SystemClock::new()))
        .camera(CameraId(0), passerby_capture::open(&video)?);
    let observations = pipeline.subscribe("printer", 16, WhenFull::Block);
    let run = std::thread::spawn(|| pipeline.run());
    for observation in observations {
        println!("frame {}: {} tracks", observation.meta.seq, observation.faces.len());
    }
    let report = run.join().expect("the pipeline does not panic")?;
    println!("{} frames", report.reports[0].ledger.analysed);
    Ok(())
}
