//! The formats of output files.

use passerby::types::{BoxError, CameraId, Observation};

/// Turns observations into rows.
pub(super) trait RowFormat {
    /// Adds the rows to `out` that are final after this observation, and returns the number of frames that they are of.
    ///
    /// # Errors
    /// The format cannot hold the observation. `out` is then unchanged.
    fn add(&mut self, input: &str, observation: &Observation, out: &mut Vec<u8>) -> Result<u64, BoxError>;

    /// Adds the rows to `out` that are final because the input has ended, and returns the number of frames that they are of.
    fn end(&mut self, camera: CameraId, out: &mut Vec<u8>) -> u64;
}
