//! The face of a picture of one person.

use std::path::Path;

use passerby::detect::{YuNet, YuNetSettings};
use passerby::reid::{GalleryPolicy, MobileFaceNet};
use passerby::types::{BoxError, Embedding};

use super::pictures::{MainFace, PictureReader, Reading, main_face};

/// The longer side of the detector's input. The face that a picture is of is large in it, and landmarks are best for faces of 100 to
/// 200 pixels of the input.
pub(super) const LONG_SIDE: u32 = 480;

/// The face of a picture.
#[derive(Clone)]
pub(super) struct FaceView {
    pub(super) embedding: Embedding,
    pub(super) quality: f32,
    /// In pixels, as `Face::size`.
    pub(super) size: f32,
}

/// The networks of one thread.
pub(super) struct FaceReader {
    detector: YuNet,
    embedder: MobileFaceNet,
    policy: GalleryPolicy,
}

impl FaceReader {
    pub(super) fn new() -> Result<Self, BoxError> {
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
}

impl PictureReader for FaceReader {
    type Answer = FaceView;

    /// Finds the face that a picture is of.
    fn read(&mut self, path: &Path) -> Result<Reading<FaceView>, BoxError> {
        let Ok(image) = passerby::read_image(path) else { return Ok(Reading::LeftOut("no picture")) };
        let MainFace { face, of_several } = match main_face(self.detector.detect_image(&image)?) {
            Ok(found) => found,
            Err(reason) => return Ok(Reading::LeftOut(reason)),
        };
        if face.size() < self.policy.min_size || face.quality() < self.policy.min_quality {
            return Ok(Reading::LeftOut("too small or too poor"));
        }
        let Some(embedding) = self.embedder.embed_face(&image, &face)? else {
            return Ok(Reading::LeftOut("no landmarks that fit a face"));
        };
        let answer = FaceView { embedding, quality: face.quality(), size: face.size() };
        Ok(Reading::Used { answer, of_several })
    }
}
