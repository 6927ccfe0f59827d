//! Why there is no classifier.

use passerby_inference::ModelError;
use passerby_types::StageError;

use crate::STAGE;

/// Why a classifier cannot be made. Trying again does not help: the file has to be another.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read, is no network that can run here, or takes pictures of another size. Says which file.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The network's first answer has another shape. Check that the file is what it should be, and that age and
    /// gender are not exchanged.
    #[error(
        "{model}: not a network for {what}: output {output} is {found:?} for a batch, not [batch, {expected}]"
    )]
    Output {
        /// Which network.
        model: String,
        /// What it was to estimate: `age` or `gender`.
        what: &'static str,
        /// What the output is called.
        output: String,
        /// Its shape, without the batch.
        found: Vec<usize>,
        /// How many probabilities there should be.
        expected: usize,
    },
}

/// `Fatal`, since it does not help to try again; for [`StageFactory`](passerby_types::StageFactory) closures.
impl From<LoadError> for StageError {
    fn from(error: LoadError) -> Self {
        Self::fatal(STAGE, error)
    }
}
