//! Adds a detector of your own: CenterFace on two overlapping halves of each frame, which finds faces that are too
//! small in the whole frame. All later stages stay as they are.
//!
//! `cargo run --release --example custom_stage -- [VIDEO]`

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to its user")]

use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::Arc;

use passerby::detect::{CenterFace, nms};
use passerby::pipeline::{Flow, FlowSettings, Summary};
use passerby::types::{
    BoxError, CameraId, Detector, Face, Frame, FramePool, Region, StageError, SystemClock,
};

/// Detects on the left and on the right 60 % of a frame, each as large as the detector's input allows.
struct Halves {
    inner: CenterFace,
    pool: FramePool,
    /// The faces of one half.
    found: Vec<Face>,
}

impl Detector for Halves {
    fn detect(&mut self, frames: &[Frame], faces: &mut [Vec<Face>]) -> Result<(), StageError> {
        for (frame, faces) in frames.iter().zip(faces) {
            self.one(frame, faces)?;
        }
        Ok(())
    }
}

impl Halves {
    fn one(&mut self, frame: &Frame, faces: &mut Vec<Face>) -> Result<(), StageError> {
        let width = frame.image.width();
        let height = frame.image.height();
        let part = (width * 3).div_ceil(5);
        // The list may still hold another frame's faces.
        faces.clear();
        for x in [0, width - part] {
            // If the chroma samples require it, the crop begins a pixel further left: `at` is its real place.
            let (image, at) = frame
                .image
                .crop(Region { x, y: 0, width: part, height }, &self.pool)
                .map_err(|e| StageError::skip("halves", e).at(&frame.meta))?;
            let half = Frame { meta: frame.meta, image: Arc::new(image) };
            self.inner.detect(&[half], std::slice::from_mut(&mut self.found))?;
            faces.extend(self.found.iter().map(|face| face.shifted(at.x as f32, at.y as f32)));
        }
        nms(faces, 0.3, 256);
        Ok(())
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("custom_stage: {e}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), BoxError> {
    let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/passersby.mp4").to_string();
    let video = std::env::args().nth(1).unwrap_or(clip);

    let model = CenterFace::bundled_model()?;
    let stages = passerby::stages(&passerby::Settings::default())?.with_detector(move || {
        let inner = CenterFace::new(model.clone());
        let inner = inner.map_err(|e| StageError::fatal("halves", e))?;
        Ok::<_, StageError>(Halves { inner, pool: FramePool::default(), found: Vec::new() })
    });

    let mut flow = Flow::new(stages, FlowSettings::default(), Arc::new(SystemClock::new()))?;
    let mut source = passerby::capture::open(&video)?;
    let mut summary = Summary::default();
    let report = flow.run(CameraId(0), &mut *source, None, &mut |observation| {
        summary.add(observation);
        ControlFlow::Continue(())
    });
    report.error.map_or(Ok(()), Err)?;
    println!(
        "{video}: {} frames, {} faces, {} persons",
        report.ledger.captured,
        report.faces,
        summary.persons().len()
    );
    Ok(())
}
