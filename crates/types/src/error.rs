//! Errors that say where, why, and what the caller does about it.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use crate::frame::{CameraId, FrameMeta};
use crate::ledger::DropReason;

/// Any cause of an error.
pub type BoxError = Box<dyn Error + Send + Sync + 'static>;

/// What the caller does about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// Give up this item, count it, go on with the next.
    Skip,
    /// Throw this instance away and have its factory make a new one, then go on. A panic counts as this.
    Reset,
    /// Stop this camera, or this sink, with the reason.
    Fatal,
}

/// Why a stage failed, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{stage}{}: {cause}", self.place())]
pub struct StageError {
    class: ErrorClass,
    stage: &'static str,
    at: Option<(CameraId, u64)>,
    #[source]
    cause: BoxError,
}

impl StageError {
    /// `stage` failed because of `cause`; do what `class` says.
    pub fn new(class: ErrorClass, stage: &'static str, cause: impl Into<BoxError>) -> Self {
        Self { class, stage, at: None, cause: cause.into() }
    }

    /// Give up this item and go on.
    pub fn skip(stage: &'static str, cause: impl Into<BoxError>) -> Self {
        Self::new(ErrorClass::Skip, stage, cause)
    }

    /// Rebuild the instance and go on.
    pub fn reset(stage: &'static str, cause: impl Into<BoxError>) -> Self {
        Self::new(ErrorClass::Reset, stage, cause)
    }

    /// Stop this camera.
    pub fn fatal(stage: &'static str, cause: impl Into<BoxError>) -> Self {
        Self::new(ErrorClass::Fatal, stage, cause)
    }

    /// The error with the frame it happened on.
    #[must_use]
    pub fn at(mut self, meta: &FrameMeta) -> Self {
        self.at = Some((meta.camera, meta.seq));
        self
    }

    /// What the caller does about it.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        self.class
    }

    /// Which stage failed.
    #[must_use]
    pub fn stage(&self) -> &'static str {
        self.stage
    }

    /// The camera and the frame's number, where known.
    #[must_use]
    pub fn frame(&self) -> Option<(CameraId, u64)> {
        self.at
    }

    fn place(&self) -> String {
        self.at.map(|(camera, seq)| format!(" ({camera}, frame {seq})")).unwrap_or_default()
    }
}

/// Why a source gives no picture. `input` is the file or address as the user gave it, without credentials.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The input cannot be opened or read.
    #[error("{input}: {cause}")]
    Io {
        /// Which input.
        input: String,
        /// What the system says.
        #[source]
        cause: std::io::Error,
    },
    /// The file has no bytes.
    #[error("{input}: empty file")]
    Empty {
        /// Which input.
        input: String,
    },
    /// Nothing that passerby knows.
    #[error("{input}: unrecognised format{}", found.map(|f| format!(" ({f})")).unwrap_or_default())]
    Unrecognised {
        /// Which input.
        input: String,
        /// What it looks like, where that can be told.
        found: Option<&'static str>,
    },
    /// A known format that cannot be read, with what would read it.
    #[error("{input}: unsupported {what}")]
    Unsupported {
        /// Which input.
        input: String,
        /// The codec, profile or property, and what can read it.
        what: String,
    },
    /// The file breaks its own format and nothing can be read from it.
    #[error("{input}: {what}")]
    Malformed {
        /// Which input.
        input: String,
        /// What is wrong with it.
        what: String,
    },
    /// Larger than the limit that keeps memory bounded.
    #[error("{input}: {what} is over the limit of {limit}")]
    TooLarge {
        /// Which input.
        input: String,
        /// What is too large.
        what: String,
        /// The limit.
        limit: String,
    },
    /// One picture could not be made; the next ones may.
    #[error("{input}: frame {frame}: {what}")]
    Damaged {
        /// Which input.
        input: String,
        /// The frame's number in the stream, from 0, in the order in which it is stored.
        frame: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The input ends before its time; the pictures until then were given.
    #[error("{input}: truncated after {frames} frames{}", expected.map(|n| format!(" of {n}")).unwrap_or_default())]
    Truncated {
        /// Which input.
        input: String,
        /// How many frames were given.
        frames: u64,
        /// How many there should have been, where the file says so.
        expected: Option<u64>,
    },
    /// Frames that never became pictures: the network lost them, or they were too old when their turn came. The next
    /// ones come.
    #[error("{input}: {frames} frame{} lost: {what}", if *frames == 1 { "" } else { "s" })]
    Lost {
        /// Which input.
        input: String,
        /// How many.
        frames: u64,
        /// What they count as in the ledger.
        reason: DropReason,
        /// What happened.
        what: String,
    },
    /// The connection to the camera, or the device, is gone.
    #[error("{input}: {what}")]
    Disconnected {
        /// Which input.
        input: String,
        /// What was seen of it.
        what: String,
    },
    /// No picture came for too long.
    #[error("{input}: no picture for {after:.1?}")]
    Stalled {
        /// Which input.
        input: String,
        /// How long.
        after: Duration,
    },
    /// The very same picture came again and again.
    #[error("{input}: the picture is frozen for {after:.1?}")]
    Frozen {
        /// Which input.
        input: String,
        /// How long.
        after: Duration,
    },
    /// The camera does not let us in.
    #[error("{input}: refused: {what}")]
    Denied {
        /// Which input.
        input: String,
        /// What it says, or what is missing.
        what: String,
    },
}

impl SourceError {
    /// Wraps what the system says of a path.
    pub fn io(path: impl Into<PathBuf>, cause: std::io::Error) -> Self {
        Self::Io { input: path.into().display().to_string(), cause }
    }

    /// What the caller does about it: [`ErrorClass::Skip`] counts the frames that are lost
    /// ([`lost`](SourceError::lost)) and asks for the next picture, [`ErrorClass::Reset`] notes an interruption and
    /// asks for the next picture, too, [`ErrorClass::Fatal`] ends this camera.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Damaged { .. } | Self::Lost { .. } => ErrorClass::Skip,
            Self::Disconnected { .. } | Self::Stalled { .. } | Self::Frozen { .. } => ErrorClass::Reset,
            _ => ErrorClass::Fatal,
        }
    }

    /// How many frames are lost with it, and what they count as. Zero where the error is of no frame.
    #[must_use]
    pub fn lost(&self) -> (u64, DropReason) {
        match self {
            Self::Damaged { .. } => (1, DropReason::Undecodable),
            Self::Lost { frames, reason, .. } => (*frames, *reason),
            _ => (0, DropReason::Undecodable),
        }
    }

    /// Which input.
    #[must_use]
    pub fn input(&self) -> &str {
        match self {
            Self::Io { input, .. }
            | Self::Empty { input }
            | Self::Unrecognised { input, .. }
            | Self::Unsupported { input, .. }
            | Self::Malformed { input, .. }
            | Self::TooLarge { input, .. }
            | Self::Damaged { input, .. }
            | Self::Truncated { input, .. }
            | Self::Lost { input, .. }
            | Self::Disconnected { input, .. }
            | Self::Stalled { input, .. }
            | Self::Frozen { input, .. }
            | Self::Denied { input, .. } => input,
        }
    }
}

/// Why a sink did not take a batch.
#[derive(Debug, thiserror::Error)]
#[error("{sink}: {cause}")]
pub struct SinkError {
    class: ErrorClass,
    sink: String,
    #[source]
    cause: BoxError,
}

impl SinkError {
    /// `sink` (a file, say) failed because of `cause`. [`ErrorClass::Skip`]: this batch cannot be written, count
    /// it lost. [`ErrorClass::Reset`]: nothing of the batch was written, the same call may succeed later.
    /// [`ErrorClass::Fatal`]: this sink is done for.
    pub fn new(class: ErrorClass, sink: impl Into<String>, cause: impl Into<BoxError>) -> Self {
        Self { class, sink: sink.into(), cause: cause.into() }
    }

    /// What the caller does about it.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        self.class
    }
}
