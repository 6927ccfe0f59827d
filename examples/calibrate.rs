//! Finds the ranges that the bundled detector and embedder need to multiply bytes (`Precision::Int8`). It reads
//! pictures and videos of people, and writes the files that the crates include.
//!
//! `cargo run --release --example calibrate -- [--from TEXT] DETECTOR.ranges EMBEDDER.ranges [--every N] INPUT...`
//!
//! The detector sees each N-th picture (default 1) of the inputs after `--every` at long sides of 320, 480 and 640. The
//! embedder sees each face as it is in the picture, and again after the picture was reduced to each of these sides.
//! TEXT should name the source of the pictures: it becomes part of both files.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to its user")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use lexopt::prelude::*;
use passerby::detect::{CenterFace, CenterFaceSettings};
use passerby::inference::Calibration;
use passerby::pixels::{Letterbox, LetterboxScratch, Normalize, letterbox};
use passerby::reid::{INPUT_SIDE, MobileFaceNet};
use passerby::types::{
    BoxError, CameraId, ChipPool, Clock, ColorSpace, Detector, FaceChip, Frame, FrameMeta, FrameSource,
    Image, PixelLayout, SystemClock,
};

/// The long sides that users choose among.
const LONG_SIDES: [u32; 3] = [320, 480, 640];

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
    let mut every = 1;
    let mut origin = String::new();
    let mut paths: Vec<(PathBuf, u64)> = Vec::new();
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("every") => every = parser.value()?.parse::<u64>()?.max(1),
            Long("from") => origin = parser.value()?.string()?,
            Value(path) => paths.push((path.into(), every)),
            _ => return Err(arg.unexpected().into()),
        }
    }
    let [(detector, _), (embedder, _), inputs @ ..] = paths.as_slice() else {
        return Err("expected DETECTOR.ranges EMBEDDER.ranges INPUT...".into());
    };
    if inputs.is_empty() {
        return Err("expected INPUT...".into());
    }
    let mut calibrator = Calibrator::new()?;
    let mut provenance = String::from("made by examples/calibrate.rs from\n");
    for (input, every) in inputs {
        let pictures = calibrator.pictures;
        let faces = calibrator.faces;
        let mut source = passerby::capture::open(input)?;
        calibrator.source(&mut *source, *every).map_err(|e| format!("{}: {e}", input.display()))?;
        let pictures = calibrator.pictures - pictures;
        let faces = calibrator.faces - faces;
        let name = input.file_name().unwrap_or(input.as_os_str()).to_string_lossy();
        let each = if *every > 1 { format!(", one in {every}") } else { String::new() };
        let _ = writeln!(provenance, "{name}{each}: {pictures} pictures, {faces} views of faces");
    }
    provenance.push_str(&origin);
    println!("{provenance}");
    calibrator.write(detector, embedder, &provenance)?;
    Ok(())
}

/// Both networks, with a calibration that observes them.
struct Calibrator {
    /// One calibration for each input shape.
    detector: BTreeMap<[usize; 3], Calibration>,
    embedder: Calibration,
    finder: CenterFace,
    scratch: LetterboxScratch,
    pool: ChipPool,
    pictures: usize,
    faces: usize,
}

impl Calibrator {
    fn new() -> Result<Self, BoxError> {
        let settings =
            CenterFaceSettings { threshold: 0.5, long_side: LONG_SIDES[2], ..CenterFaceSettings::default() };
        Ok(Self {
            detector: BTreeMap::new(),
            embedder: MobileFaceNet::bundled_model()?.calibration([3, INPUT_SIDE, INPUT_SIDE])?,
            finder: CenterFace::with_settings(CenterFace::bundled_model()?, settings)?,
            scratch: LetterboxScratch::default(),
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
            if frame.image.width().max(frame.image.height()) > long_side {
                let image = Arc::new(smaller(&frame.image, long_side, &mut self.scratch)?);
                self.embed(Frame { meta: frame.meta, image })?;
            }
        }
        self.embed(frame)
    }

    /// Detects the faces of a picture and shows each to the embedder's calibration.
    fn embed(&mut self, frame: Frame) -> Result<(), BoxError> {
        let frames = [frame];
        let mut faces = [Vec::new()];
        self.finder.detect(&frames, &mut faces)?;
        for face in faces.concat() {
            let chip = FaceChip::cut(&frames[0], &face, &self.pool)?;
            if MobileFaceNet::sample(&chip, self.embedder.input()) {
                self.embedder.observe();
                self.faces += 1;
            }
        }
        Ok(())
    }

    fn detect(&mut self, image: &Image, long_side: u32) -> Result<(), BoxError> {
        let place = CenterFace::letterbox(image, long_side);
        let calibration = match self.detector.entry(place.item()) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => {
                new.insert(CenterFace::bundled_model()?.calibration(place.item())?)
            }
        };
        letterbox(image, &place, &Normalize::NONE, &mut self.scratch, calibration.input());
        calibration.observe();
        Ok(())
    }

    fn write(self, detector: &Path, embedder: &Path, provenance: &str) -> Result<(), BoxError> {
        let mut sizes = self.detector.into_values();
        let mut all = sizes.next().ok_or("the inputs have no picture")?;
        sizes.try_for_each(|other| all.include(other))?;
        let write = |path: &Path, text: String| {
            std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
        };
        write(detector, all.to_text(provenance)?)?;
        write(embedder, self.embedder.to_text(provenance)?)?;
        Ok(())
    }
}

/// Returns the picture, reduced to this longer side.
fn smaller(image: &Image, long_side: u32, scratch: &mut LetterboxScratch) -> Result<Image, BoxError> {
    let place = Letterbox::new(image.width(), image.height(), long_side, 1);
    let width = place.input_width;
    let height = place.input_height;
    let mut planes = vec![0.0; 3 * width * height];
    letterbox(image, &place, &Normalize::NONE, scratch, &mut planes);
    let pixels = width * height;
    let bytes = (0..3 * pixels).map(|i| planes[i % 3 * pixels + i / 3] as u8).collect();
    Ok(Image::from_vec(PixelLayout::Rgb8, width as u32, height as u32, ColorSpace::JPEG, bytes)?)
}
