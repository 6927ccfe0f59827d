//! Embeddings of faces.

use std::fmt;

use crate::pool::{Buffer, EmbeddingPool};

/// The error of numbers without a direction: the list is empty, all are zero, or one is not finite.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("an embedding needs finite numbers that are not all zero")]
pub struct EmbeddingError;

/// A face as a vector of unit length. The embeddings of two similar faces point in similar directions.
///
/// Only embeddings of the same network can be compared. `Debug` never prints the numbers, and `serde` never writes them: they
/// are biometric. A clone of an embedding from a pool takes its memory from the same pool.
///
/// ```
/// use passerby_types::Embedding;
///
/// let a = Embedding::try_from(vec![3.0, 4.0])?;
/// let b = Embedding::try_from([4.0, 3.0].as_slice())?;
/// assert_eq!(a.as_ref(), [0.6, 0.8]);
/// assert!((a.cosine(&b) - 0.96).abs() < 1e-6);
/// # Ok::<(), passerby_types::EmbeddingError>(())
/// ```
pub struct Embedding(Buffer<f32>);

/// Copies the numbers. A copy is a few hundred bytes, and each goes back to the pool by itself, whichever thread drops it.
impl Clone for Embedding {
    fn clone(&self) -> Self {
        Self(self.0.copied())
    }
}

impl Embedding {
    /// Creates the embedding with the direction of `values`, scaled to unit length.
    ///
    /// # Errors
    /// [`EmbeddingError`] if there are no values, all of them are zero, or one is not finite. The caller should treat the face as
    /// not embedded.
    pub fn new(values: Vec<f32>) -> Result<Self, EmbeddingError> {
        Self::scaled(values.into())
    }

    /// Copies `values` into a buffer of `pool` and scales them to unit length. An embedder that keeps a pool allocates nothing
    /// for a steady stream of faces.
    ///
    /// # Errors
    /// As for [`Embedding::new`].
    pub fn new_in(pool: &EmbeddingPool, values: &[f32]) -> Result<Self, EmbeddingError> {
        let mut buffer = pool.take(values.len());
        buffer.copy_from_slice(values);
        Self::scaled(buffer)
    }

    /// Creates an embedding of numbers that an embedding had before, without a change to any bit.
    ///
    /// # Errors
    /// [`EmbeddingError`] if a number is not finite, or the length of the vector is not 1 within 0.001. The numbers are then
    /// damaged, or from elsewhere.
    pub fn restored(values: Vec<f32>) -> Result<Self, EmbeddingError> {
        let square = values.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>();
        // A number that is not finite makes the sum infinite or NaN.
        if (square - 1.0).abs() < 0.002 { Ok(Self(values.into())) } else { Err(EmbeddingError) }
    }

    /// Returns the direction of the weighted sum of embeddings of one length, or `None` if the list is empty or they cancel out.
    /// The result lies in the pool of the first one.
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

    /// Returns the numbers. The sum of their squares is 1.
    #[must_use]
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    /// Returns the similarity to `other`: the cosine of the angle between the two, -1 to 1. Returns -1 if the lengths differ,
    /// because the two are then of different networks.
    #[must_use]
    pub fn cosine(&self, other: &Self) -> f32 {
        if self.0.len() != other.0.len() {
            return -1.0;
        }
        self.0.iter().zip(&*other.0).map(|(a, b)| a * b).sum()
    }
}

/// Copies the numbers and scales them to unit length, like [`Embedding::new`].
impl TryFrom<&[f32]> for Embedding {
    type Error = EmbeddingError;

    fn try_from(values: &[f32]) -> Result<Self, EmbeddingError> {
        Self::new(values.to_vec())
    }
}

/// Scales the numbers to unit length, like [`Embedding::new`].
impl TryFrom<Vec<f32>> for Embedding {
    type Error = EmbeddingError;

    fn try_from(values: Vec<f32>) -> Result<Self, EmbeddingError> {
        Self::new(values)
    }
}

impl AsRef<[f32]> for Embedding {
    fn as_ref(&self) -> &[f32] {
        self.as_slice()
    }
}

/// Two embeddings are equal if their numbers are.
impl PartialEq for Embedding {
    fn eq(&self, other: &Self) -> bool {
        *self.0 == *other.0
    }
}

/// Prints the length only: the numbers are biometric.
impl fmt::Debug for Embedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Embedding({} numbers)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_embedding_has_unit_length() {
        let e = Embedding::new(vec![3.0, 4.0]).unwrap();
        assert_eq!(e.as_slice(), [0.6, 0.8]);
        assert!((e.cosine(&e) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn embeddings_of_different_lengths_are_opposite() {
        let e = Embedding::new(vec![3.0, 4.0]).unwrap();
        assert_eq!(e.cosine(&Embedding::new(vec![1.0]).unwrap()), -1.0);
    }

    #[test]
    fn debug_output_shows_no_number() {
        let e = Embedding::new(vec![3.0, 4.0]).unwrap();
        assert_eq!(format!("{e:?}"), "Embedding(2 numbers)");
    }

    #[test]
    fn an_embedding_in_a_pool_is_equal() {
        let e = Embedding::new(vec![3.0, 4.0]).unwrap();
        assert_eq!(Embedding::new_in(&EmbeddingPool::default(), &[3.0, 4.0]).unwrap().clone(), e);
    }

    #[test]
    fn a_mean_points_between_its_parts() {
        let e = Embedding::new(vec![3.0, 4.0]).unwrap();
        let across = Embedding::new(vec![-4.0, 3.0]).unwrap();
        let between = Embedding::new(vec![-0.28, 0.96]).unwrap();
        assert!(Embedding::mean([(&e, 3.0), (&across, 4.0)]).unwrap().cosine(&between) > 1.0 - 1e-6);
        assert_eq!(e.as_slice(), [0.6, 0.8], "the parts do not change");
    }

    #[test]
    fn a_mean_without_a_direction_is_none() {
        let e = Embedding::new(vec![3.0, 4.0]).unwrap();
        assert_eq!(Embedding::mean([(&e, 0.5), (&e, -0.5)]), None);
        assert_eq!(Embedding::mean([]), None);
    }

    #[test]
    fn a_restored_embedding_has_the_same_bits() {
        let e = Embedding::new(vec![0.1, 0.7, -0.3]).unwrap();
        assert_eq!(Embedding::restored(e.as_slice().to_vec()).unwrap(), e);
        for broken in [vec![], vec![3.0, 4.0], vec![f32::NAN, 1.0]] {
            assert_eq!(Embedding::restored(broken), Err(EmbeddingError));
        }
    }

    #[test]
    fn numbers_without_a_direction_are_an_error() {
        let pool = EmbeddingPool::default();
        for broken in [vec![], vec![0.0; 3], vec![f32::NAN, 1.0], vec![f32::INFINITY]] {
            assert_eq!(Embedding::new_in(&pool, &broken), Err(EmbeddingError));
            assert_eq!(Embedding::try_from(broken.as_slice()), Err(EmbeddingError));
            assert_eq!(Embedding::new(broken), Err(EmbeddingError));
        }
    }
}
