//! Cameras of this machine, their formats, and the interface to their drivers.

use std::fmt;
use std::time::Duration;

use passerby_types::{Buffer, ColorSpace, FramePool, SourceError};

/// The pixel format of a webcam.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum WebcamPixels {
    /// Y', then Cb and Cr interleaved, 4:2:0. Becomes [`Nv12`](passerby_types::PixelLayout::Nv12) unchanged.
    Nv12,
    /// Y', Cb, Cr, 4:2:0 (V4L2's YU12). Becomes [`I420`](passerby_types::PixelLayout::I420) unchanged.
    I420,
    /// Y', Cr, Cb, 4:2:0. Becomes [`I420`](passerby_types::PixelLayout::I420) unchanged.
    Yv12,
    /// Y' Cb Y' Cr, 4:2:2 (YUY2). Becomes [`Yuyv`](passerby_types::PixelLayout::Yuyv) unchanged.
    Yuyv,
    /// Cb Y' Cr Y', 4:2:2. Becomes [`Yuyv`](passerby_types::PixelLayout::Yuyv), bytes swapped in place.
    Uyvy,
    /// R, G, B. Becomes [`Rgb8`](passerby_types::PixelLayout::Rgb8) unchanged.
    Rgb,
    /// B, G, R. Becomes [`Rgb8`](passerby_types::PixelLayout::Rgb8), bytes swapped in place.
    Bgr,
    /// JPEG pictures. Decoded to `Gray8` if they have no colour, and to `Rgb8` otherwise.
    Mjpeg,
    /// Grey. Becomes [`Gray8`](passerby_types::PixelLayout::Gray8) unchanged.
    Grey,
}

impl WebcamPixels {
    /// Every pixel format.
    pub(crate) const ALL: [Self; 9] = [
        Self::Nv12,
        Self::I420,
        Self::Yv12,
        Self::Yuyv,
        Self::Uyvy,
        Self::Rgb,
        Self::Bgr,
        Self::Mjpeg,
        Self::Grey,
    ];

    /// Returns the four letters by which V4L2 knows the format.
    ///
    /// ```
    /// assert_eq!(passerby_capture::WebcamPixels::Mjpeg.code(), "MJPG");
    /// ```
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

/// A format that a camera offers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WebcamFormat {
    /// The pixel format.
    pub pixels: WebcamPixels,
    /// The width in pixels.
    pub width: u32,
    /// The height in pixels.
    pub height: u32,
    /// The highest rate at this size in frames per second, if the driver reports it.
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
    /// The camera's index: N of `/dev/videoN` on Linux, and the place in the system's list elsewhere. After a camera is
    /// unplugged and plugged in, another one may have this index.
    pub index: u32,
    /// The name of the product. Cameras of the same product have the same name.
    pub name: String,
    /// An id that never changes, if the system has one: the link in `/dev/v4l/by-id` (or `by-path`) on Linux, the unique id on
    /// macOS, the symbolic link on Windows.
    pub id: Option<String>,
    /// The camera's formats that passerby can read. Empty if there are none.
    pub formats: Vec<WebcamFormat>,
}

/// Selects a camera at this machine.
///
/// ```
/// use passerby_capture::WebcamSelector;
///
/// assert_eq!(WebcamSelector::from("webcam:2"), WebcamSelector::Index(2));
/// assert_eq!(WebcamSelector::from("HD Camera"), WebcamSelector::Name("HD Camera".into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebcamSelector {
    /// The camera with this index.
    Index(u32),
    /// The first camera with this [`name`](WebcamInfo::name) or [`id`](WebcamInfo::id). On Linux also the path of a camera's
    /// node.
    Name(String),
}

impl From<u32> for WebcamSelector {
    fn from(index: u32) -> Self {
        Self::Index(index)
    }
}

/// A number is an index, and everything else a name. A `webcam:` or `v4l:` before it is dropped.
impl From<&str> for WebcamSelector {
    fn from(text: &str) -> Self {
        let rest = text.strip_prefix("webcam:").or_else(|| text.strip_prefix("v4l:")).unwrap_or(text);
        rest.parse().map_or_else(|_| Self::Name(rest.to_owned()), Self::Index)
    }
}

impl fmt::Display for WebcamSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "webcam:{index}"),
            Self::Name(name) => write!(f, "webcam:{name}"),
        }
    }
}

/// Returns the first camera with this name or id.
pub(super) fn find_named<'a>(cameras: &'a [WebcamInfo], name: &str) -> Result<&'a WebcamInfo, DriverFault> {
    let matches = |c: &&WebcamInfo| c.name == name || c.id.as_deref() == Some(name);
    cameras.iter().find(matches).ok_or_else(|| DriverFault::Gone("no camera of this name".into()))
}

/// Why a driver doesn't do its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DriverFault {
    /// The device isn't there or isn't available now. It may come back.
    Gone(String),
    /// The user has no right to use the device.
    Denied(String),
    /// The device cannot be read.
    Unsupported(String),
}

impl DriverFault {
    pub(super) fn into_error(self, input: &str) -> SourceError {
        let input = input.to_owned();
        match self {
            Self::Gone(what) => SourceError::disconnected(input, what),
            Self::Denied(what) => SourceError::denied(input, what),
            Self::Unsupported(what) => SourceError::unsupported(input, what),
        }
    }
}

/// The format that the driver has agreed to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct NegotiatedFormat {
    /// The format of the frames. The rate is the real one.
    pub(super) format: WebcamFormat,
    /// The bytes from one row to the next, of the first plane if there are several. 0 if the driver doesn't report it.
    pub(super) stride: usize,
    /// The colour space. Ignored for JPEG.
    pub(super) color: ColorSpace,
}

/// A frame as the driver returned it.
#[derive(Debug)]
pub(super) struct RawFrame {
    pub(super) bytes: Buffer,
    /// The frame's number, if the driver counts frames. A gap means that frames are missing.
    pub(super) number: Option<u32>,
    /// The time at which it was taken, by a clock of the driver that never goes back.
    pub(super) time: Option<Duration>,
    /// True if the driver reports that it is incomplete.
    pub(super) damaged: bool,
}

/// Access to the cameras of a machine. Any call may hang or panic, because drivers do.
pub(super) trait WebcamBackend: Send + Sync + 'static {
    fn list(&self) -> Result<Vec<WebcamInfo>, DriverFault>;
    fn open(&self, selector: &WebcamSelector) -> Result<Box<dyn WebcamDevice>, DriverFault>;
}

/// An open camera. It stays on the thread that opened it. Dropping it closes it.
pub(super) trait WebcamDevice {
    /// Returns the formats that the camera offers.
    fn formats(&mut self) -> Result<Vec<WebcamFormat>, DriverFault>;
    /// Starts the camera with this format, at about this rate.
    fn start(&mut self, format: &WebcamFormat, rate: f64) -> Result<NegotiatedFormat, DriverFault>;
    /// Returns the next frame in a buffer of the pool, or `None` if no frame came within `timeout`. Some drivers wait longer.
    fn next(&mut self, timeout: Duration, pool: &FramePool) -> Result<Option<RawFrame>, DriverFault>;
}
