//! Faces, their embeddings and their attributes.

use std::fmt;

mod attributes;
mod embedding;

pub use attributes::{Age, Attributes, Gender};
pub use embedding::{Embedding, EmbeddingError};

use crate::geometry::{BBox, Landmarks};

/// One detection in one frame.
///
/// ```
/// use passerby_types::{BBox, Face};
///
/// let face = Face::new(BBox::from_xywh(10.0, 20.0, 40.0, 56.0), 0.9);
/// assert_eq!(face.size(), 40.0);
/// assert_eq!(face.quality(), 0.0, "a face without landmarks cannot be aligned");
/// ```
#[derive(Clone, Copy, PartialEq)]
pub struct Face {
    /// The box, in pixels of the upright picture.
    pub bbox: BBox,
    /// The confidence of the detector, 0 to 1.
    pub score: f32,
    /// The five landmarks, if the detector finds them. A face without landmarks is tracked but never identified.
    pub landmarks: Option<Landmarks>,
}

impl Face {
    /// Creates a face without landmarks.
    #[must_use]
    pub const fn new(bbox: BBox, score: f32) -> Self {
        Self { bbox, score, landmarks: None }
    }

    /// Returns the face with these landmarks.
    #[must_use]
    pub const fn with_landmarks(mut self, landmarks: Landmarks) -> Self {
        self.landmarks = Some(landmarks);
        self
    }

    /// Returns the shorter side of the box in pixels, or 0 if the box is empty.
    #[must_use]
    pub fn size(&self) -> f32 {
        if self.bbox.is_empty() { 0.0 } else { self.bbox.width().min(self.bbox.height()) }
    }

    /// Returns the value of this view for identity and attributes, 0 to 1, or 0 if there are no landmarks.
    ///
    /// It is the product of the score, of the size (linear up to 112 pixels, the most that the embedder samples) and of
    /// [`Landmarks::frontality`] (from 0.5 for a full profile to 1).
    ///
    /// The size counts because the embeddings of faces below about 30 pixels become similar to each other.
    #[must_use]
    pub fn quality(&self) -> f32 {
        let Some(landmarks) = &self.landmarks else {
            return 0.0;
        };
        let size = (self.size() / 112.0).min(1.0);
        let quality = self.score * size * (0.5 + 0.5 * landmarks.frontality());
        if quality.is_finite() { quality.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Returns the face moved by (dx, dy) pixels.
    #[must_use]
    pub fn shifted(&self, dx: f32, dy: f32) -> Self {
        Self {
            bbox: self.bbox.shifted(dx, dy),
            score: self.score,
            landmarks: self.landmarks.map(|l| l.shifted(dx, dy)),
        }
    }
}

/// Prints box and score only: landmarks are biometric.
impl fmt::Debug for Face {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Face").field("bbox", &self.bbox).field("score", &self.score).finish_non_exhaustive()
    }
}
