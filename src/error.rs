//! The error of the facade's own functions.

use std::path::PathBuf;

use passerby_demographics::ClassifierError;
use passerby_detect::DetectorError;
use passerby_reid::EmbedderError;
use passerby_types::{ImageError, SourceError, StageError};

/// An error of this crate's own functions. Its text names the file, the network or the stage that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The detector's network or its settings are wrong, or its required device is missing.
    #[error(transparent)]
    Detector(#[from] DetectorError),
    /// The embedder's network is wrong, or its required device is missing.
    #[error(transparent)]
    Embedder(#[from] EmbedderError),
    /// A network of the age and gender classifier is wrong, or its required device is missing.
    #[error(transparent)]
    Classifier(#[from] ClassifierError),
    /// A network failed on this picture. Another picture may succeed.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// A face cannot be cut out of its picture.
    #[error("the face cannot be cut out: {0}")]
    Image(#[from] ImageError),
    /// The file cannot be read as a picture.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A picture cannot be written into a file.
    #[error("{}: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason, for example that the disk is full.
        reason: String,
    },
    /// A picture shows no face that can be compared.
    #[error("the {which} picture shows no face that can be compared")]
    NoFace {
        /// "first" or "second".
        which: &'static str,
    },
}
