//! Finding the ranges within which a network's numbers become bytes.

use std::fmt;

use crate::ModelError;

/// Watches a network run on pictures like those it is for, and finds what the bytes stand for that its pointwise convolutions
/// multiply in [`Precision::Int8`](crate::Precision::Int8): what [`Model::with_ranges`](crate::Model::with_ranges) takes. From
/// [`Model::calibration`](crate::Model::calibration). Keeps every item that it saw.
pub struct Calibration {
    inner: passerby_cnn::Calibration,
    model: String,
}

impl Calibration {
    pub(crate) fn new(inner: passerby_cnn::Calibration, model: &str) -> Self {
        Self { inner, model: model.to_owned() }
    }

    /// Where the next item goes, channel by channel, row by row.
    pub fn input(&mut self) -> &mut [f32] {
        self.inner.input()
    }

    /// Runs the item in [`Calibration::input`] and keeps it.
    pub fn observe(&mut self) {
        self.inner.observe();
    }

    /// Adds what another calibration of the same network saw, one for another size of input.
    ///
    /// # Errors
    /// [`ModelError::Ranges`] for one of another network.
    pub fn include(&mut self, other: Self) -> Result<(), ModelError> {
        self.inner.include(other.inner).map_err(|e| self.failed(&e))
    }

    /// The ranges that follow from everything seen, as text with `provenance` as comments: which pictures of which source.
    /// Without a line for a convolution where nothing was seen. Runs the network on every item many times.
    ///
    /// # Errors
    /// [`ModelError::Ranges`] where a part of the network makes no plan by itself.
    pub fn text(&self, provenance: &str) -> Result<String, ModelError> {
        let ranges = self.inner.ranges().map_err(|e| self.failed(&e))?;
        Ok(ranges.to_text(provenance))
    }

    fn failed(&self, error: &passerby_cnn::GraphError) -> ModelError {
        ModelError::Ranges { model: self.model.clone(), what: error.to_string() }
    }
}

/// The network's name, and no numbers.
impl fmt::Debug for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Calibration of {}", self.model)
    }
}
