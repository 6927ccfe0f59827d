//! Why there is no classifier.

use passerby_inference::ModelError;
use passerby_types::StageError;

use crate::STAGE;

/// Why a classifier cannot be made. Trying again does not help: the file has to be another.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClassifierError {
    /// The file cannot be read, is no network that can run here, takes pictures of another size, or gives another number of
    /// probabilities ([`ModelError::Output`]): check that it is what it should be, and that age and gender are not
    /// exchanged. Says which file.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// `Fatal`, since it does not help to try again; for [`StageFactory`](passerby_types::StageFactory) closures.
impl From<ClassifierError> for StageError {
    fn from(error: ClassifierError) -> Self {
        Self::fatal(STAGE, error)
    }
}
