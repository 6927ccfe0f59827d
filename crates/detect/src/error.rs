//! The error of making a detector.

use passerby_inference::ModelError;
use passerby_types::StageError;

/// The name of this stage in errors.
pub(crate) const STAGE: &str = "detect";

/// The reason why a detector cannot be made. It does not help to try again: the caller must change the file or the setting.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectorError {
    /// The file cannot be read, or the engine cannot run its network. The message names the file.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The network is another one: an input or output is missing or has another number of channels. Check the file.
    #[error("{model} is not {network}: {problem}")]
    Interface {
        /// The name of the model.
        model: String,
        /// The network that the detector needs.
        network: &'static str,
        /// The input or output that is missing or different.
        problem: String,
    },
    /// A setting is outside its range.
    #[error("{setting} is {value}, but must be {range}")]
    Setting {
        /// The field of the settings.
        setting: &'static str,
        /// Its value.
        value: String,
        /// The values that are allowed, for example "0 to 1".
        range: &'static str,
    },
}

/// Converts to a `Fatal` error, because it does not help to try again. This lets
/// [`StageFactory`](passerby_types::StageFactory) closures use `?`.
impl From<DetectorError> for StageError {
    fn from(error: DetectorError) -> Self {
        Self::fatal(STAGE, error)
    }
}
