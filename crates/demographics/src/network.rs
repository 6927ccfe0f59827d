//! One of dlib's networks, with its own alignment: takes pixels and returns probabilities.

use passerby_inference::{Model, ModelError, RunError, Session};
use passerby_pixels::{Border, ChannelOrder, Normalize, warp};
use passerby_types::{Image, Similarity};

/// RGB, `(v - mean) / 256`, as in dlib, `dlib/dnn/input.h`, `input_rgb_image_sized`, whose means equal these to 2e-6.
const NORMALIZE: Normalize =
    Normalize { mean: [122.782, 117.001, 104.298], scale: [1.0 / 256.0; 3], order: ChannelOrder::Rgb };

/// A network that takes `SIDE` x `SIDE` pixels and returns `CLASSES` probabilities.
pub(crate) struct Network<const SIDE: usize, const CLASSES: usize> {
    model: Model,
    session: Session,
}

impl<const SIDE: usize, const CLASSES: usize> Network<SIDE, CLASSES> {
    pub(crate) fn new(model: Model) -> Result<Self, ModelError> {
        let session = model.session_with_outputs([3, SIDE, SIDE], CLASSES)?;
        Ok(Self { model, session })
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Returns the name of the network in errors.
    pub(crate) fn name(&self) -> &str {
        self.model.name()
    }

    /// Returns the probabilities for the face at `picture_from_chip`, with a sum of 1, or `None` if the network's output is
    /// not a probability distribution.
    pub(crate) fn probabilities(
        &mut self,
        image: &Image,
        picture_from_chip: &Similarity,
    ) -> Result<Option<[f32; CLASSES]>, RunError> {
        warp(image, picture_from_chip, SIDE, Border::Replicate, &NORMALIZE, self.session.input());
        let answers = self.session.run()?;
        Ok(normalize(answers.data(0)))
    }
}

/// Returns the values divided by their sum, or `None` if there are not `N` of them, one is negative or not finite, or all
/// are 0.
fn normalize<const N: usize>(values: &[f32]) -> Option<[f32; N]> {
    let mut p: [f32; N] = values.try_into().ok()?;
    let sum: f32 = p.iter().sum();
    let is_valid = p.iter().all(|v| *v >= 0.0) && sum > 0.0 && sum.is_finite();
    p.iter_mut().for_each(|v| *v /= sum);
    is_valid.then_some(p)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_divided_by_their_sum() {
        assert_eq!(normalize::<2>(&[0.25, 0.75]), Some([0.25, 0.75]));
        assert_eq!(normalize::<2>(&[1.0, 3.0]), Some([0.25, 0.75]));
    }

    #[test]
    fn values_that_are_not_probabilities_are_refused() {
        for broken in [&[0.5][..], &[0.0, 0.0], &[-0.5, 1.5], &[f32::NAN, 1.0], &[f32::INFINITY, 1.0]] {
            assert_eq!(normalize::<2>(broken), None, "{broken:?}");
        }
    }
}
