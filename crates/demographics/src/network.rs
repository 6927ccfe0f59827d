//! One of dlib's networks with its own chip: pixels in, probabilities out.

use passerby_inference::{Model, ModelError, RunError, Session};
use passerby_pixels::{Border, ChannelOrder, Normalize, warp};
use passerby_types::{Image, Similarity};

/// RGB, `(v - mean) / 256`: dlib, `dlib/dnn/input.h`, `input_rgb_image_sized`, whose means are these to 2e-6.
const NORMALIZE: Normalize =
    Normalize { mean: [122.782, 117.001, 104.298], scale: [1.0 / 256.0; 3], order: ChannelOrder::Rgb };

/// A network of `SIDE` x `SIDE` pixels and `CLASSES` probabilities.
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

    /// What errors call it.
    pub(crate) fn name(&self) -> &str {
        self.model.name()
    }

    /// The probabilities for the face at `picture_from_chip`, of the sum 1; `None` where the network's answer is no
    /// distribution.
    pub(crate) fn probabilities(
        &mut self,
        image: &Image,
        picture_from_chip: &Similarity,
    ) -> Result<Option<[f32; CLASSES]>, RunError> {
        warp(image, picture_from_chip, SIDE, Border::Replicate, &NORMALIZE, self.session.input());
        let answers = self.session.run()?;
        Ok(distribution(answers.data(0)))
    }
}

/// The numbers over their sum; `None` where they are not `N`, one is negative or not finite, or all are 0.
fn distribution<const N: usize>(values: &[f32]) -> Option<[f32; N]> {
    let mut p: [f32; N] = values.try_into().ok()?;
    let sum: f32 = p.iter().sum();
    let sound = p.iter().all(|v| *v >= 0.0) && sum > 0.0 && sum.is_finite();
    p.iter_mut().for_each(|v| *v /= sum);
    sound.then_some(p)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_probabilities_are_a_distribution() {
        assert_eq!(distribution::<2>(&[0.25, 0.75]), Some([0.25, 0.75]));
        assert_eq!(distribution::<2>(&[1.0, 3.0]), Some([0.25, 0.75]));
        for broken in [&[0.5][..], &[0.0, 0.0], &[-0.5, 1.5], &[f32::NAN, 1.0], &[f32::INFINITY, 1.0]] {
            assert_eq!(distribution::<2>(broken), None, "{broken:?}");
        }
    }
}
