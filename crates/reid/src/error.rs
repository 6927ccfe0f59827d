//! The errors of the gallery and of the embedder.

#[cfg(feature = "mobilefacenet")]
use passerby_inference::ModelError;
#[cfg(feature = "mobilefacenet")]
use passerby_types::StageError;

/// The name of this stage in errors.
#[cfg(feature = "mobilefacenet")]
pub(crate) const STAGE: &str = "embed";

/// The reason why [`Gallery::enroll`](crate::Gallery::enroll) added no person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnrollError {
    /// There were no embeddings. A person needs at least one.
    #[error("a person needs at least one embedding")]
    NoEmbeddings,
    /// An embedding has another length than the others or the gallery's templates, so it comes from another network.
    #[error("the embedding has {found} numbers, but {expected} are expected")]
    Length {
        /// The length of the embedding.
        found: usize,
        /// The length of the gallery's templates or, if it has none, of the first embedding.
        expected: usize,
    },
    /// The gallery has as many persons as [`GalleryPolicy::max_persons`](crate::GalleryPolicy::max_persons) allows, and
    /// all of them are enrolled or held by live tracks.
    #[error("the gallery is full: all {max_persons} persons are enrolled or in view")]
    Full {
        /// The most persons that the gallery keeps.
        max_persons: usize,
    },
}

/// The reason why an embedder cannot be made. It does not help to try again: the caller must use another file.
#[cfg(feature = "mobilefacenet")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedderError {
    /// The file cannot be read, or the engine cannot run the network, or the network takes pictures of another size or
    /// returns embeddings of another length ([`ModelError::Output`]). The message names the file. Check that it is a
    /// MobileFaceNet.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Converts to a `Fatal` error, because it does not help to try again. This lets
/// [`StageFactory`](passerby_types::StageFactory) closures use `?`.
#[cfg(feature = "mobilefacenet")]
impl From<EmbedderError> for StageError {
    fn from(error: EmbedderError) -> Self {
        Self::fatal(STAGE, error)
    }
}
