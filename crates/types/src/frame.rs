//! A frame: one picture of one camera, with its number and its times.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::{Image, Timestamp};

/// One camera of a run. The caller gives the numbers; names are in [`crate::SourceInfo`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CameraId(pub u32);

impl fmt::Display for CameraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "camera {}", self.0)
    }
}

/// What a [`crate::FrameSource`] gives: an upright picture and its place in the stream.
#[derive(Debug)]
pub struct Picture {
    /// The picture.
    pub image: Image,
    /// The presentation time since the start of the stream, where the stream has one. Rises from picture to picture.
    pub pts: Option<Duration>,
    /// How old the picture is when it is given: the time since the last byte of it arrived at this machine. Zero where
    /// nobody waited for anything, as with files.
    pub age: Duration,
}

impl Picture {
    /// A picture that is as new as can be.
    #[must_use]
    pub fn new(image: Image, pts: Option<Duration>) -> Self {
        Self { image, pts, age: Duration::ZERO }
    }
}

/// Which frame it is, and its times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameMeta {
    /// The camera.
    pub camera: CameraId,
    /// The frame's number at its camera: 0 for the first, in display order, one more for each frame the source
    /// gave or lost. A gap means that frames were dropped on the way.
    pub seq: u64,
    /// When the frame arrived: before it was decoded, at sources that know.
    pub captured: Timestamp,
    /// The presentation time since the start of the stream, where the stream has one.
    pub pts: Option<Duration>,
    /// The time of day when the frame arrived.
    pub wall: SystemTime,
}

/// One picture of one camera. A clone shares the picture.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Which frame it is.
    pub meta: FrameMeta,
    /// The picture, upright, in the layout its source gave.
    pub image: Arc<Image>,
}
