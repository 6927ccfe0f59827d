//! Why there is no embedder.

use passerby_inference::ModelError;
use passerby_types::StageError;

use crate::STAGE;

/// Why an embedder cannot be made. Trying again does not help: the file has to be another.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedderError {
    /// The file cannot be read, is no network that can run here, takes pictures of another size, or gives embeddings of
    /// another length ([`ModelError::Output`]): check that it is a MobileFaceNet. Says which file.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// `Fatal`, since it does not help to try again; for [`StageFactory`](passerby_types::StageFactory) closures.
impl From<EmbedderError> for StageError {
    fn from(error: EmbedderError) -> Self {
        Self::fatal(STAGE, error)
    }
}
