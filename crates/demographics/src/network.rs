//! One of dlib's networks, with its own alignment: takes pixels and returns probabilities.

use passerby_inference::{Model, ModelError, RunError, Session};
use passerby_pixels::{Border, ChannelOrder, Normalize, warp};
use passerby_types::{Image, Similarity};

use crate::distribution::normalized;

/// The value of one level of 255 in the input.
pub(crate) const UNIT: f32 = 1.0 / 256.0;

/// RGB, `(v - mean) / 256`, as in dlib, `dlib/dnn/input.h`, `input_rgb_image_sized`, whose means equal these to 2e-6.
const NORMALIZE: Normalize =
    Normalize { mean: [122.782, 117.001, 104.298], scale: [UNIT; 3], order: ChannelOrder::Rgb };

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

    /// Samples the face at `picture_from_chip` into the input, and returns the input.
    pub(crate) fn sample(&mut self, image: &Image, picture_from_chip: &Similarity) -> &[f32] {
        warp(image, picture_from_chip, SIDE, Border::Replicate, &NORMALIZE, self.session.input());
        self.session.input()
    }

    /// Returns the probabilities for the sampled face, with a sum of 1, or `None` if the network's output is not a probability
    /// distribution. The face must be sampled again before each run.
    pub(crate) fn probabilities(&mut self) -> Result<Option<[f32; CLASSES]>, RunError> {
        let answers = self.session.run()?;
        Ok(normalized(answers.data(0)))
    }
}
