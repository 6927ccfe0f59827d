//! Why there is no detector.

use passerby_inference::ModelError;
use passerby_types::StageError;

use crate::STAGE;

/// Why a detector cannot be made. Trying again does not help: the file, or the setting, has to be another.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectorError {
    /// The file cannot be read, or is no network that can run here. Says which file.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The network is not CenterFace: an input or output is missing or has other channels. Check the file.
    #[error("{model}: not CenterFace: {what}")]
    Interface {
        /// Which network.
        model: String,
        /// What is missing or different.
        what: String,
    },
    /// A setting is outside its range.
    #[error("{setting} {value} is outside {range}")]
    Setting {
        /// Which field of the settings.
        setting: &'static str,
        /// What it was set to.
        value: String,
        /// What it may be.
        range: &'static str,
    },
}

/// `Fatal`, since it does not help to try again; for [`StageFactory`](passerby_types::StageFactory) closures.
impl From<DetectorError> for StageError {
    fn from(error: DetectorError) -> Self {
        Self::fatal(STAGE, error)
    }
}
