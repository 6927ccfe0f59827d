//! Reads the pictures of a folder on all cores, and counts those that are left out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use passerby::detect::{YuNet, YuNetSettings};
use passerby::types::{BoxError, Face};

/// How many times as large as the next face a face must be to be the one that its picture is of.
const LARGEST_FACTOR: f32 = 2.0;

/// The longer side of the detector's input. The face that a picture is of is large in it, and landmarks are best for faces of 100 to
/// 200 pixels of the input.
const LONG_SIDE: u32 = 480;

/// The pictures that were read, and those that were left out.
#[derive(Debug, Default, serde::Serialize)]
pub(super) struct PictureCounts {
    pub(super) used: usize,
    /// Of those used: the pictures with several faces, of which the largest was taken.
    pub(super) largest_of_several: usize,
    /// The number of pictures that were left out for each reason.
    pub(super) left_out: BTreeMap<&'static str, usize>,
}

/// The face that a picture is of.
pub(super) struct MainFace {
    pub(super) face: Face,
    /// True if the picture shows smaller ones, too.
    pub(super) of_several: bool,
}

/// What became of a picture.
pub(super) enum Reading<T> {
    Used { answer: T, of_several: bool },
    LeftOut(&'static str),
}

/// The networks of one thread.
pub(super) trait PictureReader {
    /// The result of reading a picture.
    type Answer: Send;

    /// Reads a picture.
    ///
    /// # Errors
    /// A network fails.
    fn read(&mut self, path: &Path) -> Result<Reading<Self::Answer>, BoxError>;
}

/// Reads the pictures on all cores, each core with a reader of `make`, and returns the answer of each, in the order of `paths`, or
/// `None` if it was left out.
///
/// # Errors
/// A network cannot be loaded or fails, or a thread cannot be started.
pub(super) fn read_pictures<R: PictureReader>(
    paths: &[PathBuf],
    counts: &mut PictureCounts,
    make: impl Fn() -> Result<R, BoxError> + Sync,
) -> Result<Vec<Option<R::Answer>>, BoxError> {
    let next = AtomicUsize::new(0);
    let readings: Mutex<Vec<Option<Reading<R::Answer>>>> = Mutex::new(paths.iter().map(|_| None).collect());
    let work = || -> Result<(), BoxError> {
        let mut reader = make()?;
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
    Ok(readings.into_iter().flatten().map(|reading| counts.count(reading)).collect())
}

impl PictureCounts {
    /// Counts a reading and returns its answer.
    fn count<T>(&mut self, reading: Reading<T>) -> Option<T> {
        match reading {
            Reading::Used { answer, of_several } => {
                self.used += 1;
                self.largest_of_several += usize::from(of_several);
                Some(answer)
            }
            Reading::LeftOut(reason) => {
                *self.left_out.entry(reason).or_default() += 1;
                None
            }
        }
    }
}

/// Returns the detector for [`main_face`].
///
/// # Errors
/// The network cannot be loaded.
pub(super) fn main_face_detector() -> Result<YuNet, BoxError> {
    let settings = YuNetSettings {
        threshold: YuNetSettings::PHOTO_THRESHOLD,
        long_side: Some(LONG_SIDE),
        ..YuNetSettings::default()
    };
    Ok(YuNet::with_settings(YuNet::bundled_model()?, settings)?)
}

/// Returns the face that a picture with these faces is of, or the reason why the picture is left out.
pub(super) fn main_face(mut faces: Vec<Face>) -> Result<MainFace, &'static str> {
    let area = |face: &Face| face.bbox.width() * face.bbox.height();
    faces.sort_by(|a, b| area(b).total_cmp(&area(a)));
    let Some(face) = faces.first() else { return Err("no face") };
    if faces.get(1).is_some_and(|second| area(face) < LARGEST_FACTOR * area(second)) {
        return Err("several faces of one size");
    }
    Ok(MainFace { face: *face, of_several: faces.len() > 1 })
}
