//! The search for the ranges within which a network's activations become bytes.

use std::fmt;

use passerby_cnn::{GraphError, RangeCalibrator};

use crate::error::ModelError;

/// Finds the activation ranges of a network for [`Precision::Int8`](crate::Precision::Int8) by running it on example
/// pictures. [`Model::calibration`](crate::Model::calibration) creates it, and
/// [`Model::with_ranges`](crate::Model::with_ranges) takes the result. Keeps a copy of every item.
///
/// ```no_run
/// use passerby_inference::{Model, Precision};
///
/// let model = Model::from_path("detector.onnx")?;
/// let mut calibration = model.calibration([3, 288, 480])?;
/// for example in [0.25, 0.5, 0.75] {
///     calibration.input().fill(example); // a real program writes its pictures here
///     calibration.observe();
/// }
/// let ranges = calibration.to_text("three uniform pictures")?;
/// let quantized = model.with_ranges(&ranges)?.with_precision(Precision::Int8)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Calibration {
    inner: RangeCalibrator,
    model: String,
}

impl Calibration {
    pub(crate) fn new(inner: RangeCalibrator, model: &str) -> Self {
        Self { inner, model: model.to_owned() }
    }

    /// Returns the memory of the next item: channel by channel, row by row.
    pub fn input(&mut self) -> &mut [f32] {
        self.inner.input()
    }

    /// Runs the item in [`Calibration::input`] and keeps a copy of it.
    pub fn observe(&mut self) {
        self.inner.observe();
    }

    /// Adds the observations of another calibration of the same network, with another size of input.
    ///
    /// # Errors
    /// Returns [`ModelError::Ranges`] if `other` belongs to another network.
    pub fn include(&mut self, other: Self) -> Result<(), ModelError> {
        self.inner.include(other.inner).map_err(|e| self.failed(&e))
    }

    /// Returns the ranges as text, with `provenance` as comments, which should name the pictures and their source. A
    /// convolution without observations has no line. Runs the network on every item many times.
    ///
    /// # Errors
    /// Returns [`ModelError::Ranges`] if a part of the network cannot be planned on its own.
    pub fn to_text(&self, provenance: &str) -> Result<String, ModelError> {
        let ranges = self.inner.ranges().map_err(|e| self.failed(&e))?;
        Ok(ranges.to_text(provenance))
    }

    fn failed(&self, error: &GraphError) -> ModelError {
        ModelError::Ranges { model: self.model.clone(), reason: error.to_string() }
    }
}

/// Prints the name of the network, without any value.
impl fmt::Debug for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Calibration of {}", self.model)
    }
}
