//! Why a pipeline does not start, or does not take a camera.

use std::io;

use passerby_types::{CameraId, StageError};

/// Why a pipeline does not start, or does not take a camera.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// A stage's factory failed: nothing can run without the stage.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// The system has no more threads to give.
    #[error("no thread for {name}: {cause}")]
    Thread {
        /// Whose.
        name: String,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// There is or was a camera of this number. Observations name cameras by it, so it is not used twice.
    #[error("{0} is there already")]
    Taken(CameraId),
}
