//! What a camera of this machine is, and what reaches it.

use std::fmt;
use std::time::Duration;

use passerby_types::{Buffer, ColorSpace, FramePool, SourceError};

/// How a webcam's pixels come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Pixels {
    /// Y', then Cb and Cr interleaved, 4:2:0. Becomes [`Nv12`](passerby_types::PixelLayout::Nv12) as it is.
    Nv12,
    /// Y', Cb, Cr, 4:2:0 (V4L2's YU12). Becomes [`I420`](passerby_types::PixelLayout::I420) as it is.
    I420,
    /// Y', Cr, Cb, 4:2:0. Becomes [`I420`](passerby_types::PixelLayout::I420) as it is.
    Yv12,
    /// Y' Cb Y' Cr, 4:2:2 (YUY2). Becomes [`Yuyv`](passerby_types::PixelLayout::Yuyv) as it is.
    Yuyv,
    /// Cb Y' Cr Y', 4:2:2. Becomes [`Yuyv`](passerby_types::PixelLayout::Yuyv), bytes swapped in place.
    Uyvy,
    /// R, G, B. Becomes [`Rgb8`](passerby_types::PixelLayout::Rgb8) as it is.
    Rgb,
    /// B, G, R. Becomes [`Rgb8`](passerby_types::PixelLayout::Rgb8), bytes swapped in place.
    Bgr,
    /// JPEG pictures. Decoded to `Rgb8`, or `Gray8` where they have no colour.
    Mjpeg,
    /// Grey. Becomes [`Gray8`](passerby_types::PixelLayout::Gray8) as it is.
    Grey,
}

impl Pixels {
    /// The four letters by which V4L2 knows them.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Nv12 => "NV12",
            Self::I420 => "YU12",
            Self::Yv12 => "YV12",
            Self::Yuyv => "YUYV",
            Self::Uyvy => "UYVY",
            Self::Rgb => "RGB3",
            Self::Bgr => "BGR3",
            Self::Mjpeg => "MJPG",
            Self::Grey => "GREY",
        }
    }
}

/// Something that a camera can give.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WebcamFormat {
    /// How its pixels come.
    pub pixels: Pixels,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// The highest rate at this size, in frames a second, where the driver says so.
    pub rate: Option<f64>,
}

impl fmt::Display for WebcamFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}x{}", self.pixels.code(), self.width, self.height)?;
        self.rate.map_or(Ok(()), |rate| write!(f, " {rate:.4}/s"))
    }
}

/// A camera at this machine.
#[derive(Clone, Debug, PartialEq)]
pub struct WebcamInfo {
    /// Its number: N of `/dev/videoN` on Linux, its place in the system's list elsewhere. Another one may have it after
    /// a camera was plugged out and in.
    pub index: u32,
    /// What its maker calls it. Cameras of the same make have the same name.
    pub name: String,
    /// What stays the same, where the system has such a thing: the link in `/dev/v4l/by-id` (or `by-path`) on Linux, the
    /// unique id on macOS, the symbolic link on Windows.
    pub id: Option<String>,
    /// What it can give and passerby can read. Empty where it gives nothing of that kind.
    pub formats: Vec<WebcamFormat>,
}

/// Which camera at this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// The one with this number.
    Index(u32),
    /// The first one with this [`name`](WebcamInfo::name) or [`id`](WebcamInfo::id); on Linux also the path of its node.
    Name(String),
}

impl From<u32> for Selector {
    fn from(index: u32) -> Self {
        Self::Index(index)
    }
}

/// A number is an index, all else a name. `webcam:` and `v4l:` before it do not belong to it.
impl From<&str> for Selector {
    fn from(text: &str) -> Self {
        let rest = text.strip_prefix("webcam:").or_else(|| text.strip_prefix("v4l:")).unwrap_or(text);
        rest.parse().map_or_else(|_| Self::Name(rest.to_owned()), Self::Index)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "webcam:{index}"),
            Self::Name(name) => write!(f, "webcam:{name}"),
        }
    }
}

/// The first camera of this name or id.
pub(crate) fn named<'a>(cameras: &'a [WebcamInfo], name: &str) -> Result<&'a WebcamInfo, Fault> {
    let named = |c: &&WebcamInfo| c.name == name || c.id.as_deref() == Some(name);
    cameras.iter().find(named).ok_or_else(|| Fault::Gone("no camera of this name".into()))
}

/// Why a driver does not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The device is not there, or cannot be had now. It may come back.
    Gone(String),
    /// Its user may not have it.
    Denied(String),
    /// It is nothing that can be read.
    Unsupported(String),
}

impl Fault {
    pub(crate) fn of(self, input: &str) -> SourceError {
        let input = input.to_owned();
        match self {
            Self::Gone(what) => SourceError::Disconnected { input, what },
            Self::Denied(what) => SourceError::Denied { input, what },
            Self::Unsupported(what) => SourceError::Unsupported { input, what },
        }
    }
}

/// What the driver has agreed to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stream {
    /// What it gives; the rate is the one at which it does.
    pub(crate) format: WebcamFormat,
    /// The bytes from one row to the next, of the first plane where there are several. 0: the driver does not say.
    pub(crate) stride: usize,
    /// How the numbers stand for colours. Means nothing for JPEG.
    pub(crate) color: ColorSpace,
}

/// One frame as the driver gave it.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) bytes: Buffer,
    /// Its number, where the driver counts: a gap means that frames are missing.
    pub(crate) number: Option<u32>,
    /// When it was taken, on a clock of the driver's that never goes back.
    pub(crate) time: Option<Duration>,
    /// The driver says that it is not whole.
    pub(crate) damaged: bool,
}

/// What reaches the cameras of a machine. Any call may hang, or panic: drivers do.
pub(crate) trait Backend: Send + Sync + 'static {
    fn list(&self) -> Result<Vec<WebcamInfo>, Fault>;
    fn open(&self, selector: &Selector) -> Result<Box<dyn Device>, Fault>;
}

/// A camera that is open. Stays on the thread that opened it, and is closed by dropping it.
pub(crate) trait Device {
    /// What it can give.
    fn formats(&mut self) -> Result<Vec<WebcamFormat>, Fault>;
    /// Makes it give this, at about this rate.
    fn start(&mut self, format: &WebcamFormat, rate: f64) -> Result<Stream, Fault>;
    /// The next frame in a buffer of the pool. `None`: none came; a driver that can, waits so long at most.
    fn next(&mut self, patience: Duration, pool: &FramePool) -> Result<Option<Raw>, Fault>;
}
