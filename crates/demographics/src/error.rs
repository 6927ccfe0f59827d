//! The error of making a classifier.

use passerby_inference::ModelError;
use passerby_types::StageError;

/// The name of this stage in errors.
pub(crate) const STAGE: &str = "classify";

/// The reason why a classifier cannot be made. It does not help to try again: the caller must use another file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClassifierError {
    /// The file cannot be read, or the engine cannot run its network, or the network takes pictures of another size or
    /// returns another number of probabilities ([`ModelError::Output`]). The message names the file. Check that age and
    /// gender are not swapped.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Converts to a `Fatal` error, because it does not help to try again. This lets
/// [`StageFactory`](passerby_types::StageFactory) closures use `?`.
impl From<ClassifierError> for StageError {
    fn from(error: ClassifierError) -> Self {
        Self::fatal(STAGE, error)
    }
}
