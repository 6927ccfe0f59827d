//! The face of a picture of one person.

use std::path::Path;

use passerby::detect::YuNet;
use passerby::reid::{GalleryPolicy, MobileFaceNet};
use passerby::types::{BoxError, Embedding};

use super::pictures::{MainFace, PictureReader, Reading, main_face, main_face_detector};

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
        Ok(Self {
            detector: main_face_detector()?,
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
