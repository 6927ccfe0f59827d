//! The face of a picture of one person.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use passerby::detect::{YuNet, YuNetSettings};
use passerby::reid::{GalleryPolicy, MobileFaceNet};
use passerby::types::{BoxError, Embedding};

/// How many times as large as the next face a face must be to be the one that its picture is of.
const LARGEST_FACTOR: f32 = 2.0;

/// The longer side of the detector's input. The face that a picture is of is large in it, and landmarks are best for faces of 100 to
/// 200 pixels of the input.
const LONG_SIDE: u32 = 480;

/// The face of a picture.
#[derive(Clone)]
pub(super) struct FaceView {
    pub(super) embedding: Embedding,
    pub(super) quality: f32,
    /// In pixels, as `Face::size`.
    pub(super) size: f32,
}

/// The pictures that were read, and those that were left out.
#[derive(Debug, Default, serde::Serialize)]
pub(super) struct PictureCounts {
    pub(super) used: usize,
    /// Of those used: the pictures with several faces, of which the largest was taken.
    pub(super) largest_of_several: usize,
    /// The number of pictures that were left out for each reason.
    pub(super) left_out: BTreeMap<&'static str, usize>,
}

/// What became of a picture.
enum Reading {
    Face { view: FaceView, of_several: bool },
    LeftOut(&'static str),
}

/// Reads the pictures on all cores and returns the face of each, in the order of `paths`, or `None` if it was left out.
///
/// # Errors
/// A network cannot be loaded or fails, or a thread cannot be started.
pub(super) fn read_faces(
    paths: &[PathBuf],
    counts: &mut PictureCounts,
) -> Result<Vec<Option<FaceView>>, BoxError> {
    let next = AtomicUsize::new(0);
    let readings: Mutex<Vec<Option<Reading>>> = Mutex::new(paths.iter().map(|_| None).collect());
    let work = || -> Result<(), BoxError> {
        let mut reader = FaceReader::new()?;
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = paths.get(index) else { return Ok(()) };
            let reading = reader.read(path)?;
            readings.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(reading);
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from).min(paths.len());
    thread::scope(|scope| -> Result<(), BoxError> {
        let mut threads = Vec::new();
        for n in 0..workers {
            let name = format!("passerby-evaluate-{n}");
            threads.push(thread::Builder::new().name(name).spawn_scoped(scope, work)?);
        }
        for thread in threads {
            thread.join().map_err(|_| "a thread that reads pictures panicked")??;
        }
        Ok(())
    })?;
    let readings = readings.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(readings.into_iter().flatten().map(|reading| count(reading, counts)).collect())
}

/// Counts a reading and returns its face.
fn count(reading: Reading, counts: &mut PictureCounts) -> Option<FaceView> {
    match reading {
        Reading::Face { view, of_several } => {
            counts.used += 1;
            counts.largest_of_several += usize::from(of_several);
            Some(view)
        }
        Reading::LeftOut(reason) => {
            *counts.left_out.entry(reason).or_default() += 1;
            None
        }
    }
}

/// The networks of one thread.
struct FaceReader {
    detector: YuNet,
    embedder: MobileFaceNet,
    policy: GalleryPolicy,
}

impl FaceReader {
    fn new() -> Result<Self, BoxError> {
        let settings = YuNetSettings {
            threshold: YuNetSettings::PHOTO_THRESHOLD,
            long_side: Some(LONG_SIDE),
            ..YuNetSettings::default()
        };
        Ok(Self {
            detector: YuNet::with_settings(YuNet::bundled_model()?, settings)?,
            embedder: MobileFaceNet::bundled()?,
            policy: GalleryPolicy::default(),
        })
    }

    /// Finds the face that a picture is of.
    fn read(&mut self, path: &Path) -> Result<Reading, BoxError> {
        let Ok(image) = passerby::read_image(path) else { return Ok(Reading::LeftOut("no picture")) };
        let mut faces = self.detector.detect_image(&image)?;
        let area = |face: &passerby::types::Face| face.bbox.width() * face.bbox.height();
        faces.sort_by(|a, b| area(b).total_cmp(&area(a)));
        let Some(face) = faces.first() else { return Ok(Reading::LeftOut("no face")) };
        if faces.get(1).is_some_and(|second| area(face) < LARGEST_FACTOR * area(second)) {
            return Ok(Reading::LeftOut("several faces of one size"));
        }
        if face.size() < self.policy.min_size || face.quality() < self.policy.min_quality {
            return Ok(Reading::LeftOut("too small or too poor"));
        }
        let Some(embedding) = self.embedder.embed_face(&image, face)? else {
            return Ok(Reading::LeftOut("no landmarks that fit a face"));
        };
        let view = FaceView { embedding, quality: face.quality(), size: face.size() };
        Ok(Reading::Face { view, of_several: faces.len() > 1 })
    }
}
