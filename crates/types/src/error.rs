//! Errors of stages, sources and sinks. Each names its place and its cause, and says how the caller should go on.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::frame::{CameraId, FrameMeta};
use crate::ledger::DropReason;
use crate::visible::visible;

/// The cause of an error, of any type.
pub type BoxError = Box<dyn Error + Send + Sync + 'static>;

/// How the caller of a stage, a source or a sink should go on after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// Drop this item, count it, and go on with the next one.
    Skip,
    /// Drop this instance, make a new one with its factory, and go on. The pipeline handles a panic in the same way.
    Reset,
    /// Stop this camera or this sink, and report the error.
    Fatal,
}

/// The error of a stage: its name, the frame if it is known, the cause, and how to go on.
///
/// ```
/// use passerby_types::{ErrorClass, FrameMeta, StageError};
///
/// let error = StageError::skip("detect", "the model returned NaN").at(&FrameMeta::new(2, 40));
/// assert_eq!(error.class(), ErrorClass::Skip);
/// assert_eq!(error.to_string(), "detect (camera 2, frame 40): the model returned NaN");
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{}", visible(&format!("{stage}{}: {cause}", self.place())))]
pub struct StageError {
    class: ErrorClass,
    stage: &'static str,
    at: Option<(CameraId, u64)>,
    #[source]
    cause: BoxError,
}

impl StageError {
    /// Creates the error of a stage. `stage` is the stage's name, for example "detect".
    pub fn new(class: ErrorClass, stage: &'static str, cause: impl Into<BoxError>) -> Self {
        Self { class, stage, at: None, cause: cause.into() }
    }

    /// Creates an error after which the caller should drop the item and go on.
    pub fn skip(stage: &'static str, cause: impl Into<BoxError>) -> Self {
        Self::new(ErrorClass::Skip, stage, cause)
    }

    /// Creates an error after which the caller should rebuild the stage and go on.
    pub fn reset(stage: &'static str, cause: impl Into<BoxError>) -> Self {
        Self::new(ErrorClass::Reset, stage, cause)
    }

    /// Creates an error after which the caller should stop the camera.
    pub fn fatal(stage: &'static str, cause: impl Into<BoxError>) -> Self {
        Self::new(ErrorClass::Fatal, stage, cause)
    }

    /// Adds the frame on which the stage failed.
    #[must_use]
    pub fn at(mut self, meta: &FrameMeta) -> Self {
        self.at = Some((meta.camera, meta.seq));
        self
    }

    /// Returns how the caller should go on.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        self.class
    }

    /// Returns the name of the stage.
    #[must_use]
    pub fn stage(&self) -> &'static str {
        self.stage
    }

    /// Returns the camera and the number of the frame on which the stage failed, or `None` if they are unknown.
    #[must_use]
    pub fn frame(&self) -> Option<(CameraId, u64)> {
        self.at
    }

    fn place(&self) -> String {
        self.at.map(|(camera, seq)| format!(" ({camera}, frame {seq})")).unwrap_or_default()
    }
}

/// The error of a source. `input` is the file or the address as the user gave it, without credentials.
///
/// [`SourceError::class`] says how the caller should go on, and [`SourceError::lost`] how many frames are lost. The text of an
/// error is one line that can be shown and logged: it passes through [`visible`].
///
/// ```
/// use passerby_types::{DropReason, ErrorClass, SourceError};
///
/// let error = SourceError::Damaged { input: "clip.mp4".into(), frame: 7, what: "no slice data".into() };
/// assert_eq!(error.class(), ErrorClass::Skip);
/// assert_eq!(error.lost(), (1, DropReason::Undecodable));
/// assert_eq!(error.to_string(), "clip.mp4: frame 7: no slice data");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The system cannot open or read the input.
    Io {
        /// The file or the address.
        input: String,
        /// The error of the system.
        #[source]
        cause: std::io::Error,
    },
    /// The file has no bytes.
    Empty {
        /// The file or the address.
        input: String,
    },
    /// The input has no format that passerby knows.
    Unrecognised {
        /// The file or the address.
        input: String,
        /// The format that it seems to have, if it is known.
        found: Option<&'static str>,
    },
    /// The format is known, but this build cannot read it.
    Unsupported {
        /// The file or the address.
        input: String,
        /// The codec, profile or property, and the feature or program that can read it.
        what: String,
        /// The feature of `passerby-capture` (and of the crates above it) with which a build can read the input, if there
        /// is one. A program can add the command for its own build.
        feature: Option<&'static str>,
    },
    /// The input breaks its own format, and no picture can be read from it.
    Malformed {
        /// The file or the address.
        input: String,
        /// The reason.
        what: String,
        /// The error behind the reason, if there is one.
        #[source]
        cause: Option<BoxError>,
    },
    /// The input exceeds a limit that keeps memory bounded.
    TooLarge {
        /// The file or the address.
        input: String,
        /// The name and the size of the part that is too large.
        what: String,
        /// The limit.
        limit: String,
    },
    /// One frame cannot be decoded. The next ones may be.
    Damaged {
        /// The file or the address.
        input: String,
        /// The number of the frame in storage order, from 0.
        frame: u64,
        /// The reason.
        what: String,
    },
    /// The input is incomplete. The source has returned the pictures before the end.
    Truncated {
        /// The file or the address.
        input: String,
        /// The number of frames that the source returned.
        frames: u64,
        /// The number of frames that the file announces, if it does.
        expected: Option<u64>,
    },
    /// Frames are lost: the network lost them, or they were too old to decode. The next ones are not affected.
    Lost {
        /// The file or the address.
        input: String,
        /// The number of lost frames.
        frames: u64,
        /// The reason that the ledger counts them under.
        reason: DropReason,
        /// A description of the loss.
        what: String,
    },
    /// Packets of video come, but none of a key frame, so no picture can be decoded yet. No frame is lost, and the connection
    /// is good.
    AwaitingKeyFrame {
        /// The file or the address.
        input: String,
        /// The time since the first packet.
        after: Duration,
    },
    /// The source goes on, but not quite as the user may expect. No frame is lost.
    Notice {
        /// The file or the address.
        input: String,
        /// The difference.
        what: String,
    },
    /// The connection to the camera is broken, or the device is gone.
    Disconnected {
        /// The file or the address.
        input: String,
        /// The reason, if the source could observe it.
        what: String,
        /// The error behind the reason, if there is one.
        #[source]
        cause: Option<BoxError>,
    },
    /// The camera sent no picture for too long.
    Stalled {
        /// The file or the address.
        input: String,
        /// The time since the last picture.
        after: Duration,
    },
    /// The camera sent the same picture again and again.
    Frozen {
        /// The file or the address.
        input: String,
        /// The time since the last picture that was different.
        after: Duration,
    },
    /// The camera refuses the connection, for example because of a wrong password.
    Denied {
        /// The file or the address.
        input: String,
        /// The answer of the camera, or the missing credential.
        what: String,
        /// The error behind the answer, if there is one.
        #[source]
        cause: Option<BoxError>,
    },
}

/// Writes one line without control characters, whatever the input or the camera put into it.
impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&visible(&self.text()))
    }
}

impl SourceError {
    /// Creates the error of a path that the system cannot open or read.
    pub fn io(path: impl Into<PathBuf>, cause: std::io::Error) -> Self {
        Self::Io { input: path.into().display().to_string(), cause }
    }

    /// Creates a [`SourceError::Unsupported`]. `what` names the part of the input, and the program or feature that can read it.
    pub fn unsupported(input: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Unsupported { input: input.into(), what: what.into(), feature: None }
    }

    /// Creates a [`SourceError::Malformed`].
    pub fn malformed(input: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Malformed { input: input.into(), what: what.into(), cause: None }
    }

    /// Creates a [`SourceError::Notice`].
    pub fn notice(input: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Notice { input: input.into(), what: what.into() }
    }

    /// Creates a [`SourceError::Disconnected`].
    pub fn disconnected(input: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Disconnected { input: input.into(), what: what.into(), cause: None }
    }

    /// Creates a [`SourceError::Denied`].
    pub fn denied(input: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Denied { input: input.into(), what: what.into(), cause: None }
    }

    /// Sets the error that [`source`](Error::source) returns. Only [`SourceError::Malformed`],
    /// [`SourceError::Disconnected`] and [`SourceError::Denied`] keep one; the other variants stay as they are.
    ///
    /// ```
    /// use std::error::Error;
    /// use std::io::ErrorKind;
    ///
    /// use passerby_types::SourceError;
    ///
    /// let refused = std::io::Error::from(ErrorKind::ConnectionRefused);
    /// let error = SourceError::disconnected("rtsp://door/", "the camera refuses the connection").caused_by(refused);
    /// let cause = error.source().and_then(|cause| cause.downcast_ref::<std::io::Error>());
    /// assert_eq!(cause.map(std::io::Error::kind), Some(ErrorKind::ConnectionRefused));
    /// ```
    #[must_use]
    pub fn caused_by(mut self, error: impl Into<BoxError>) -> Self {
        if let Self::Malformed { cause, .. } | Self::Disconnected { cause, .. } | Self::Denied { cause, .. } =
            &mut self
        {
            *cause = Some(error.into());
        }
        self
    }

    /// Sets the feature with which a build can read the input. Only [`SourceError::Unsupported`] keeps it; the other
    /// variants stay as they are.
    #[must_use]
    pub fn needs_feature(mut self, name: &'static str) -> Self {
        if let Self::Unsupported { feature, .. } = &mut self {
            *feature = Some(name);
        }
        self
    }

    /// Returns the feature with which a build can read the input, or `None` if no feature helps.
    ///
    /// ```
    /// use passerby_types::SourceError;
    ///
    /// let error = SourceError::unsupported("clip.mkv", "container Matroska").needs_feature("ffmpeg");
    /// assert_eq!(error.feature(), Some("ffmpeg"));
    /// ```
    #[must_use]
    pub fn feature(&self) -> Option<&'static str> {
        match self {
            Self::Unsupported { feature, .. } => *feature,
            _ => None,
        }
    }

    /// Returns how the caller should go on.
    ///
    /// - [`ErrorClass::Skip`]: count the [`lost`](SourceError::lost) frames, and ask for the next picture.
    /// - [`ErrorClass::Reset`]: count an interruption, and ask for the next picture.
    /// - [`ErrorClass::Fatal`]: end the camera.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Damaged { .. }
            | Self::Lost { .. }
            | Self::AwaitingKeyFrame { .. }
            | Self::Notice { .. } => ErrorClass::Skip,
            Self::Disconnected { .. } | Self::Stalled { .. } | Self::Frozen { .. } => ErrorClass::Reset,
            _ => ErrorClass::Fatal,
        }
    }

    /// Returns how many frames are lost, and the reason that the ledger counts them under. The number is zero if no frame is
    /// lost.
    #[must_use]
    pub fn lost(&self) -> (u64, DropReason) {
        match self {
            Self::Damaged { .. } => (1, DropReason::Undecodable),
            Self::Lost { frames, reason, .. } => (*frames, *reason),
            _ => (0, DropReason::Undecodable),
        }
    }

    /// Returns the file or the address.
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
            | Self::AwaitingKeyFrame { input, .. }
            | Self::Notice { input, .. }
            | Self::Disconnected { input, .. }
            | Self::Stalled { input, .. }
            | Self::Frozen { input, .. }
            | Self::Denied { input, .. } => input,
        }
    }

    /// Returns the text with everything that came from outside as it came.
    fn text(&self) -> String {
        match self {
            Self::Io { input, cause } => format!("{input}: {cause}"),
            Self::Empty { input } => format!("{input}: empty file"),
            Self::Unrecognised { input, found: None } => format!("{input}: unrecognised format"),
            Self::Unrecognised { input, found: Some(found) } => {
                format!("{input}: unrecognised format ({found})")
            }
            Self::Unsupported { input, what, .. } => format!("{input}: unsupported {what}"),
            Self::Malformed { input, what, .. }
            | Self::Disconnected { input, what, .. }
            | Self::Notice { input, what } => format!("{input}: {what}"),
            Self::AwaitingKeyFrame { input, after } => {
                format!("{input}: waits for a key frame: packets have come for {after:.1?}, but no key frame")
            }
            Self::TooLarge { input, what, limit } => format!("{input}: {what} is over the limit of {limit}"),
            Self::Damaged { input, frame, what } => format!("{input}: frame {frame}: {what}"),
            Self::Truncated { input, frames, expected: None } => {
                format!("{input}: truncated after {frames} frames")
            }
            Self::Truncated { input, frames, expected: Some(n) } => {
                format!("{input}: truncated after {frames} frames of {n}")
            }
            Self::Lost { input, frames, what, .. } => {
                format!("{input}: {frames} frame{} lost: {what}", if *frames == 1 { "" } else { "s" })
            }
            Self::Stalled { input, after } => format!("{input}: no picture for {after:.1?}"),
            Self::Frozen { input, after } => format!("{input}: the picture has been frozen for {after:.1?}"),
            Self::Denied { input, what, .. } => format!("{input}: refused: {what}"),
        }
    }
}

/// The error of a sink: its name, the cause, and how to go on.
///
/// ```
/// use passerby_types::{ErrorClass, SinkError};
///
/// let error = SinkError::new(ErrorClass::Reset, "faces.jsonl", "disk full");
/// assert_eq!(error.to_string(), "faces.jsonl: disk full");
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{}", visible(&format!("{sink}: {cause}")))]
pub struct SinkError {
    class: ErrorClass,
    sink: String,
    #[source]
    cause: BoxError,
}

impl SinkError {
    /// Creates the error of a sink. `sink` is its name, for example the path of a file.
    ///
    /// - [`ErrorClass::Skip`]: this batch can never be written. The caller should count it as lost.
    /// - [`ErrorClass::Reset`]: nothing of the batch was written, and the same call may succeed later.
    /// - [`ErrorClass::Fatal`]: the sink cannot go on.
    pub fn new(class: ErrorClass, sink: impl Into<String>, cause: impl Into<BoxError>) -> Self {
        Self { class, sink: sink.into(), cause: cause.into() }
    }

    /// Returns how the caller should go on.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        self.class
    }
}
