//! The error of a pipeline that does not start, or does not take a camera.

use std::io;

use passerby_types::{CameraId, StageError};

/// Why a pipeline does not start, or does not take a camera.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// The factory of a stage failed. The pipeline cannot run without the stage.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// The system has no more threads.
    #[error("cannot start the thread {name}: {cause}")]
    Thread {
        /// The name of the thread.
        name: String,
        /// The system's error.
        #[source]
        cause: io::Error,
    },
    /// A camera has this number already, or had it before it ended. Observations name cameras by number, so a number is
    /// never used twice.
    #[error("{0} is in use already")]
    CameraInUse(CameraId),
}
