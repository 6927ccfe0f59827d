//! How do I use a detector of my own? Puts one into the pipeline; all later stages stay as they are.
//!
//! ```text
//! cargo run --release --example own_detector -- [INPUT]
//! ```
//!
//! This detector runs YuNet on two overlapping halves of each frame. It finds faces that are too small in the whole
//! frame, and takes several times as long.

#![allow(clippy::print_stdout, reason = "an example prints its results")]

use std::sync::Arc;

use passerby::detect::{YuNet, YuNetSettings, nms};
use passerby::pipeline::{FlowSettings, Pipeline, PipelineSettings, Summary, WhenFull};
use passerby::types::{
    BoxError, CameraId, Detector, Face, Frame, FramePool, Region, StageError, SystemClock,
};

/// Detects on the left and on the right 60 % of a frame, each 960 pixels long in the detector's input.
struct Halves {
    inner: YuNet,
    pool: FramePool,
    /// The faces of one half.
    found: Vec<Face>,
}

impl Detector for Halves {
    fn detect(&mut self, frames: &[Frame], faces: &mut [Vec<Face>]) -> Result<(), StageError> {
        for (frame, faces) in frames.iter().zip(faces) {
            self.detect_halves(frame, faces)?;
        }
        Ok(())
    }
}

impl Halves {
    fn detect_halves(&mut self, frame: &Frame, faces: &mut Vec<Face>) -> Result<(), StageError> {
        let (width, height) = (frame.image.width(), frame.image.height());
        let part = (width * 3).div_ceil(5);
        // The list may still hold another frame's faces.
        faces.clear();
        for x in [0, width - part] {
            // If the chroma samples require it, the crop begins a pixel further left: `at` is its real place.
            let (image, at) = frame
                .image
                .crop(Region { x, y: 0, width: part, height }, &self.pool)
                .map_err(|e| StageError::skip("halves", e).at(&frame.meta))?;
            let half = Frame::new(frame.meta, image);
            self.inner.detect(&[half], std::slice::from_mut(&mut self.found))?;
            faces.extend(self.found.iter().map(|face| face.shifted(at.x as f32, at.y as f32)));
        }
        // Both halves may have found the same face.
        nms(faces, 0.3, 256);
        Ok(())
    }
}

fn main() -> Result<(), BoxError> {
    let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/passersby.mp4").to_owned();
    let input = std::env::args().nth(1).unwrap_or(clip);

    // The pipeline calls this once for each worker, and again after a failure. All instances share the model's weights.
    let model = YuNet::bundled_model()?;
    let stages = passerby::stages(&passerby::Settings::default())?.with_detector(move || {
        let halves = YuNetSettings { long_side: Some(960), ..YuNetSettings::default() };
        let inner =
            YuNet::with_settings(model.clone(), halves).map_err(|e| StageError::fatal("halves", e))?;
        Ok::<_, StageError>(Halves { inner, pool: FramePool::default(), found: Vec::new() })
    });
    // A slow detector need not see every frame: the tracker moves the boxes in between.
    let flow = FlowSettings { cadence: 4, ..FlowSettings::default() };
    let settings = PipelineSettings { flow, ..PipelineSettings::default() };
    let pipeline = Pipeline::new(stages, settings, Arc::new(SystemClock::new()))
        .camera(CameraId(0), passerby::capture::open(&input)?);
    let observations = pipeline.subscribe("summary", 64, WhenFull::Block);
    let run = std::thread::Builder::new().name("pipeline".into()).spawn(|| pipeline.run())?;

    let mut summary = Summary::default();
    for observation in observations {
        summary.add(&observation);
        if observation.meta.seq % 48 == 0 {
            println!("frame {}: {} faces", observation.meta.seq, observation.faces.len());
        }
    }
    let report = run.join().map_err(|_| "the pipeline panicked")??;
    println!("{input}: {} frames, {} faces", report.figures.ledger().captured, report.reports[0].faces);
    for person in summary.persons() {
        println!("{}: frames {}, tracks {}", person.id, person.frames, person.tracks.len());
    }
    Ok(())
}
