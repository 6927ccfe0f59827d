//! The errors of a pipeline's start.

use std::io;

use passerby_types::{CameraId, StageError};

/// The reason why a pipeline does not start, or does not accept a camera.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// A stage's factory failed. Fix its cause, for example a missing weights file, and start again.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// The system has no more threads. Use fewer cameras or workers.
    #[error("cannot start the thread {name}: {cause}")]
    Thread {
        /// The name of the thread.
        name: String,
        /// The system's error.
        #[source]
        cause: io::Error,
    },
    /// The pipeline has or had a camera with this number. Observations name cameras by number, so each can be used once.
    #[error("{0} is already in use")]
    CameraInUse(CameraId),
}
