//! The verbs for single pictures.

use std::sync::{Mutex, PoisonError};

use passerby_detect::{YuNet, YuNetSettings};
use passerby_reid::{MatchRule, MobileFaceNet};
use passerby_types::{
    ChipPool, Detector, Embedder, Embedding, Face, FaceChip, Frame, FrameMeta, Image, StageError,
};

use crate::error::Error;

static DETECTORS: InstanceCache<YuNet> = InstanceCache::new();
static EMBEDDERS: InstanceCache<MobileFaceNet> = InstanceCache::new();

/// The answer of [`same_person`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// The cosine of the two faces' embeddings, from -1 to 1.
    pub similarity: f32,
    /// True if the similarity reaches the threshold of a small gallery ([`MatchRule::threshold`]), 0.53, which 1 of 10 000 pairs of
    /// different people reach.
    pub same: bool,
}

/// Returns the faces of a picture, best score first, in pixels of the picture. The list is empty if the picture shows no face.
///
/// It uses YuNet with the bundled weights, a threshold of 0.55 and the detail of a photograph. The first call loads the network; later calls
/// use it again. Threads may call it at the same time: each then works with an instance of its own, and as many
/// instances stay in memory as ever worked at once.
///
/// ```
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/capture/portraits/biden.jpg");
/// let image = passerby::read_image(path)?;
/// let faces = passerby::faces(&image)?;
/// assert_eq!(faces.len(), 1);
/// assert!(faces[0].score > 0.5 && faces[0].bbox.width() > 30.0);
/// # Ok::<(), passerby::Error>(())
/// ```
///
/// # Errors
/// [`Error::Detector`] if the network cannot be loaded: this build is broken. [`Error::Stage`] if the network fails on this
/// picture.
pub fn faces(image: &Image) -> Result<Vec<Face>, Error> {
    detect(&frame(image))
}

/// Returns whether two pictures show the same person. If a picture shows several faces, its largest one is compared.
///
/// It uses YuNet and MobileFaceNet with the bundled weights, loaded and shared as in [`faces`]. Faces below about 30
/// pixels look alike to the network, so a verdict on them is worth little.
///
/// ```
/// # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/capture/portraits");
/// let a = passerby::read_image(format!("{folder}/obama.jpg"))?;
/// let b = passerby::read_image(format!("{folder}/obama2.jpg"))?;
/// let c = passerby::read_image(format!("{folder}/biden.jpg"))?;
/// assert!(passerby::same_person(&a, &b)?.same);
/// assert!(!passerby::same_person(&a, &c)?.same);
/// # Ok::<(), passerby::Error>(())
/// ```
///
/// # Errors
/// [`Error::NoFace`] if a picture shows no face that can be aligned: use another picture. [`Error::Detector`] and
/// [`Error::Embedder`] if a network cannot be loaded: this build is broken. [`Error::Stage`] if a network fails on a
/// picture.
pub fn same_person(a: &Image, b: &Image) -> Result<Verdict, Error> {
    let first = embedding(a, "first")?;
    let second = embedding(b, "second")?;
    let similarity = first.cosine(&second);
    Ok(Verdict { similarity, same: similarity >= MatchRule::default().threshold(1) })
}

fn frame(image: &Image) -> Frame {
    Frame::new(FrameMeta::new(0, 0).with_detail(FrameMeta::PHOTO_DETAIL), image.clone())
}

fn detect(frame: &Frame) -> Result<Vec<Face>, Error> {
    let make = || {
        let settings =
            YuNetSettings { threshold: YuNetSettings::PHOTO_THRESHOLD, ..YuNetSettings::default() };
        Ok(YuNet::with_settings(YuNet::bundled_model()?, settings)?)
    };
    DETECTORS.with(make, |detector| detector.detect_one(frame))
}

/// Returns the embedding of the picture's largest face.
fn embedding(image: &Image, which: &'static str) -> Result<Embedding, Error> {
    let frame = frame(image);
    let faces = detect(&frame)?;
    let largest = faces.iter().max_by(|a, b| a.size().total_cmp(&b.size()));
    let largest = largest.ok_or(Error::NoFace { which })?;
    let chip = FaceChip::cut(&frame, largest, &ChipPool::default())?;
    let embedding = EMBEDDERS.with(|| Ok(MobileFaceNet::bundled()?), |embedder| embedder.embed_one(&chip))?;
    embedding.ok_or(Error::NoFace { which })
}

/// Instances of a network that are idle. A call takes one, or makes one if none is idle, so calls never wait for each
/// other.
struct InstanceCache<T> {
    idle: Mutex<Vec<T>>,
}

impl<T> InstanceCache<T> {
    const fn new() -> Self {
        Self { idle: Mutex::new(Vec::new()) }
    }

    /// Calls `work` with an instance. An instance that failed is dropped, and a later call makes another.
    fn with<R>(
        &self,
        make: impl FnOnce() -> Result<T, Error>,
        work: impl FnOnce(&mut T) -> Result<R, StageError>,
    ) -> Result<R, Error> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut instance = match idle {
            Some(instance) => instance,
            None => make()?,
        };
        let answer = work(&mut instance)?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(instance);
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use passerby_types::{ColorSpace, PixelLayout};

    use super::*;

    #[test]
    fn an_instance_serves_again() {
        let cache = InstanceCache::new();
        assert_eq!(cache.with(|| Ok(1), |n| Ok(*n)).unwrap(), 1);
        assert_eq!(cache.with(|| Ok(2), |n| Ok(*n)).unwrap(), 1);
    }

    #[test]
    fn a_failed_instance_is_replaced() {
        let cache = InstanceCache::new();
        let failed = cache.with(|| Ok(1), |_| Err::<i32, _>(StageError::skip("test", "failed")));
        assert_eq!(failed.unwrap_err().to_string(), "test: failed");
        assert_eq!(cache.with(|| Ok(2), |n| Ok(*n)).unwrap(), 2);
    }

    #[test]
    fn calls_at_the_same_time_have_instances_of_their_own() {
        let cache = InstanceCache::new();
        let inner = |_: &mut i32| Ok(cache.with(|| Ok(2), |n| Ok(*n)).unwrap());
        assert_eq!(cache.with(|| Ok(1), inner).unwrap(), 2);
        assert_eq!(cache.idle.lock().unwrap().len(), 2);
    }

    #[test]
    fn a_picture_without_a_face_has_no_faces() {
        assert_eq!(faces(&grey()).unwrap(), []);
    }

    #[test]
    fn a_picture_without_a_face_cannot_be_compared() {
        let error = same_person(&grey(), &grey()).unwrap_err();
        assert!(matches!(error, Error::NoFace { which: "first" }), "{error}");
    }

    fn grey() -> Image {
        Image::from_vec(PixelLayout::Gray8, 64, 48, ColorSpace::JPEG, vec![128; 64 * 48]).unwrap()
    }
}
