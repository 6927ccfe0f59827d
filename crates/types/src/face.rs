//! A face, and what the networks say about one.

use std::fmt;

use crate::{BBox, Buffer, EmbeddingPool, Landmarks};

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

/// Why numbers are not an [`Embedding`].
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("an embedding needs finite numbers that are not all zero")]
pub struct EmbeddingError;

/// A face as a direction: a vector of unit length in which near means alike. Only embeddings of the same network
/// compare. Never printed.
#[derive(Clone)]
pub struct Embedding(Buffer<f32>);

impl Embedding {
    /// The direction of `values`, scaled to unit length.
    ///
    /// # Errors
    /// [`EmbeddingError`] for no values, all zero, or one that is not finite: treat the face as not embedded.
    pub fn new(values: Vec<f32>) -> Result<Self, EmbeddingError> {
        Self::scaled(values.into())
    }

    /// The same of a copy of `values` in a buffer lent by `pool`, as are the copies that are made of it: an embedder that
    /// keeps a pool allocates nothing for a steady stream of faces.
    ///
    /// # Errors
    /// As for [`Embedding::new`].
    pub fn new_in(pool: &EmbeddingPool, values: &[f32]) -> Result<Self, EmbeddingError> {
        let mut buffer = pool.take(values.len());
        buffer.copy_from_slice(values);
        Self::scaled(buffer)
    }

    /// The direction of the weighted sum of some embeddings of one length, in the pool of the first one; `None` where there
    /// are none, or they cancel out.
    #[must_use]
    pub fn mean<'a>(weighted: impl IntoIterator<Item = (&'a Self, f32)>) -> Option<Self> {
        let mut weighted = weighted.into_iter();
        let (first, weight) = weighted.next()?;
        let mut sum = first.0.clone();
        sum.iter_mut().for_each(|s| *s *= weight);
        for (embedding, weight) in weighted {
            for (s, v) in sum.iter_mut().zip(embedding.as_slice()) {
                *s += weight * v;
            }
        }
        Self::scaled(sum).ok()
    }

    fn scaled(mut values: Buffer<f32>) -> Result<Self, EmbeddingError> {
        let norm = values.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>().sqrt();
        if !(norm > 0.0 && norm.is_finite()) {
            return Err(EmbeddingError);
        }
        for value in values.iter_mut() {
            *value = (f64::from(*value) / norm) as f32;
        }
        Ok(Self(values))
    }

    /// The numbers; their squares sum to 1.
    #[must_use]
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    /// The cosine of the angle to `other`, -1 to 1: how alike the two are. -1 where they have not the same length
    /// and so cannot be of one network.
    #[must_use]
    pub fn cosine(&self, other: &Self) -> f32 {
        if self.0.len() != other.0.len() {
            return -1.0;
        }
        self.0.iter().zip(&*other.0).map(|(a, b)| a * b).sum()
    }
}

/// The numbers are the same.
impl PartialEq for Embedding {
    fn eq(&self, other: &Self) -> bool {
        *self.0 == *other.0
    }
}

/// The length only.
impl fmt::Debug for Embedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Embedding({} numbers)", self.0.len())
    }
}

/// An age in years with the interval it lies in about nine times out of ten.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Age {
    /// The best guess.
    pub years: f32,
    /// The low end of the interval.
    pub low: f32,
    /// The high end of the interval.
    pub high: f32,
}

/// What the gender network calls a face.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gender {
    /// Female.
    Female,
    /// Male.
    Male,
}

/// Age and gender of a face, or of a track over many of its faces.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attributes {
    /// The age.
    pub age: Age,
    /// The probability that the gender network would call this face male, 0 to 1.
    pub p_male: f32,
}

impl Attributes {
    /// The gender where the network is at least `confidence` sure of one (0.5 to 1), else `None`: unknown.
    #[must_use]
    pub fn gender(&self, confidence: f32) -> Option<Gender> {
        if self.p_male >= confidence {
            Some(Gender::Male)
        } else if 1.0 - self.p_male >= confidence {
            Some(Gender::Female)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embeddings_are_unit_length_and_silent() {
        let e = Embedding::new(vec![3.0, 4.0]).unwrap();
        assert_eq!(e.as_slice(), [0.6, 0.8]);
        assert!((e.cosine(&e) - 1.0).abs() < 1e-6);
        assert_eq!(e.cosine(&Embedding::new(vec![1.0]).unwrap()), -1.0);
        assert_eq!(format!("{e:?}"), "Embedding(2 numbers)");
        let pool = EmbeddingPool::default();
        assert_eq!(Embedding::new_in(&pool, &[3.0, 4.0]).unwrap().clone(), e);
        let across = Embedding::new(vec![-4.0, 3.0]).unwrap();
        let between = Embedding::new(vec![-0.28, 0.96]).unwrap();
        assert!(Embedding::mean([(&e, 3.0), (&across, 4.0)]).unwrap().cosine(&between) > 1.0 - 1e-6);
        assert_eq!(Embedding::mean([(&e, 0.5), (&e, -0.5)]), None);
        assert_eq!(Embedding::mean([]), None);
        for broken in [vec![], vec![0.0; 3], vec![f32::NAN, 1.0], vec![f32::INFINITY]] {
            assert_eq!(Embedding::new_in(&pool, &broken), Err(EmbeddingError));
            assert_eq!(Embedding::new(broken), Err(EmbeddingError));
        }
    }

    #[test]
    fn a_gender_is_unknown_until_sure_enough() {
        let age = Age { years: 30.0, low: 20.0, high: 40.0 };
        let gender = |p_male| Attributes { age, p_male }.gender(0.8);
        assert_eq!(gender(0.9), Some(Gender::Male));
        assert_eq!(gender(0.1), Some(Gender::Female));
        assert_eq!(gender(0.7), None);
        assert_eq!(gender(f32::NAN), None);
    }
}
