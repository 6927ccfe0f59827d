//! Finds the ranges within which the bundled detector and embedder multiply bytes (`Precision::Int8`), from pictures and
//! videos of people, and writes them where the crates include them.
//!
//! `cargo run --release --example calibrate -- [--every N] DETECTOR.ranges EMBEDDER.ranges INPUT...`
//!
//! Each N-th picture (default 12) of each input is seen by the detector at long sides of 320, 480 and 640, and each face of
//! 30 pixels or more by the embedder.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to its user")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use lexopt::prelude::*;
use passerby::detect::{CenterFace, CenterFaceSettings};
use passerby::inference::{Calibration, Normalize, Scratch, letterbox};
use passerby::reid::{MobileFaceNet, SIDE};
use passerby::types::{
    BoxError, CameraId, ChipPool, Clock, Detector, FaceChip, Frame, FrameMeta, FrameSource, Image,
    SystemClock,
};

/// The longer sides that users choose among.
const LONG_SIDES: [u32; 3] = [320, 480, 640];

/// Faces below this are not embedded, so they do not count here either.
const SMALLEST: f32 = 30.0;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("calibrate: {e}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), BoxError> {
    let mut every = 12;
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("every") => every = parser.value()?.parse::<u64>()?.max(1),
            Value(path) => paths.push(path.into()),
            _ => return Err(arg.unexpected().into()),
        }
    }
    let [detector, embedder, inputs @ ..] = paths.as_slice() else {
        return Err("expected DETECTOR.ranges EMBEDDER.ranges INPUT...".into());
    };
    if inputs.is_empty() {
        return Err("expected INPUT...".into());
    }
    let mut watch = Watch::new()?;
    for input in inputs {
        let mut source = passerby::capture::open(input)?;
        watch.source(&mut *source, every).map_err(|e| format!("{}: {e}", input.display()))?;
    }
    let name = |path: &PathBuf| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let names: Vec<String> = inputs.iter().map(name).collect();
    let provenance = format!(
        "made by examples/calibrate.rs from every {every}. picture of {}\n{} pictures, {} faces",
        names.join(", "),
        watch.pictures,
        watch.faces
    );
    println!("{} pictures, {} faces", watch.pictures, watch.faces);
    watch.write(detector, embedder, &provenance)?;
    Ok(())
}

/// Both networks, watched.
struct Watch {
    /// By input shape.
    detector: HashMap<[usize; 3], Calibration>,
    embedder: Calibration,
    finder: CenterFace,
    scratch: Scratch,
    pool: ChipPool,
    pictures: usize,
    faces: usize,
}

impl Watch {
    fn new() -> Result<Self, BoxError> {
        Ok(Self {
            detector: HashMap::new(),
            embedder: MobileFaceNet::bundled_model()?.calibration([3, SIDE, SIDE])?,
            finder: CenterFace::bundled(&CenterFaceSettings {
                threshold: 0.5,
                ..CenterFaceSettings::default()
            })?,
            scratch: Scratch::default(),
            pool: ChipPool::default(),
            pictures: 0,
            faces: 0,
        })
    }

    fn source(&mut self, source: &mut dyn FrameSource, every: u64) -> Result<(), BoxError> {
        let captured = SystemClock::new().now();
        let mut seq = 0;
        while let Some(picture) = source.next_picture()? {
            if seq % every == 0 {
                let meta = FrameMeta {
                    camera: CameraId(0),
                    seq,
                    captured,
                    pts: picture.pts,
                    wall: SystemTime::now(),
                };
                self.picture(Frame { meta, image: Arc::new(picture.image) })?;
            }
            seq += 1;
        }
        Ok(())
    }

    fn picture(&mut self, frame: Frame) -> Result<(), BoxError> {
        self.pictures += 1;
        for long_side in LONG_SIDES {
            self.detect(&frame.image, long_side)?;
        }
        let frames = [frame];
        let mut faces = [Vec::new()];
        self.finder.detect(&frames, &mut faces)?;
        for face in faces.concat() {
            if face.bbox.width().min(face.bbox.height()) < SMALLEST {
                continue;
            }
            let chip = FaceChip::cut(&frames[0], &face, &self.pool)?;
            if MobileFaceNet::sample(&chip, self.embedder.input()) {
                self.embedder.observe();
                self.faces += 1;
            }
        }
        Ok(())
    }

    fn detect(&mut self, image: &Image, long_side: u32) -> Result<(), BoxError> {
        let place = CenterFace::place(image, long_side);
        let calibration = match self.detector.entry(place.item()) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => {
                new.insert(CenterFace::bundled_model()?.calibration(place.item())?)
            }
        };
        letterbox(image, &place, &Normalize::NONE, &mut self.scratch, calibration.input());
        calibration.observe();
        Ok(())
    }

    fn write(mut self, detector: &Path, embedder: &Path, provenance: &str) -> Result<(), BoxError> {
        let shapes: Vec<[usize; 3]> = self.detector.keys().copied().collect();
        let first = shapes.first().and_then(|shape| self.detector.remove(shape));
        let mut all = first.ok_or("the inputs have no picture")?;
        self.detector.values().for_each(|other| all.include(other));
        let write = |path: &Path, text: String| {
            std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
        };
        write(detector, all.text(provenance))?;
        write(embedder, self.embedder.text(provenance))?;
        Ok(())
    }
}
