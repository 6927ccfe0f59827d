//! A face, and what the networks say about one.

use std::fmt;

mod attributes;
mod embedding;

pub use attributes::{Age, Attributes, Gender};
pub use embedding::{Embedding, EmbeddingError};

use crate::geometry::{BBox, Landmarks};

/// One detection in one frame.
#[derive(Clone, Copy, PartialEq)]
pub struct Face {
    /// Where, in pixels of the upright picture.
    pub bbox: BBox,
    /// How sure the detector is, 0 to 1.
    pub score: f32,
    /// The five landmarks, where the detector gives them. Without them a face is tracked but never identified.
    pub landmarks: Option<Landmarks>,
}

impl Face {
    /// A face without landmarks.
    #[must_use]
    pub const fn new(bbox: BBox, score: f32) -> Self {
        Self { bbox, score, landmarks: None }
    }

    /// The face with these landmarks.
    #[must_use]
    pub const fn with_landmarks(mut self, landmarks: Landmarks) -> Self {
        self.landmarks = Some(landmarks);
        self
    }

    /// The shorter side of the box in pixels; 0 for an empty box.
    #[must_use]
    pub fn size(&self) -> f32 {
        if self.bbox.is_empty() { 0.0 } else { self.bbox.width().min(self.bbox.height()) }
    }

    /// How much a view of this face is worth for identity and attributes, 0 to 1: the product of the score, of
    /// the size (linear up to the 112 pixels that the embedder samples at the most) and of
    /// [`Landmarks::frontality`] (from a half at a full profile to one). 0 without landmarks.
    ///
    /// The size counts since an embedding of a face below about 30 pixels drifts towards every other's.
    #[must_use]
    pub fn quality(&self) -> f32 {
        let Some(landmarks) = &self.landmarks else {
            return 0.0;
        };
        let size = (self.size() / 112.0).min(1.0);
        let quality = self.score * size * (0.5 + 0.5 * landmarks.frontality());
        if quality.is_finite() { quality.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// The face moved by (dx, dy) pixels.
    #[must_use]
    pub fn shifted(&self, dx: f32, dy: f32) -> Self {
        Self {
            bbox: self.bbox.shifted(dx, dy),
            score: self.score,
            landmarks: self.landmarks.map(|l| l.shifted(dx, dy)),
        }
    }
}

/// Box and score only: landmarks are biometric.
impl fmt::Debug for Face {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Face").field("bbox", &self.bbox).field("score", &self.score).finish_non_exhaustive()
    }
}
