//! Anything that can be opened.

#[cfg(any(feature = "rtsp", feature = "mjpeg", feature = "webcam", feature = "ffmpeg"))]
mod camera;
mod input;
mod options;
mod play;

use std::ffi::OsStr;
use std::fmt;
use std::sync::Arc;

use passerby_types::{Clock, FramePool, FrameSource, SourceError, SystemClock};

use crate::decode::Decoder;
use crate::limits::DecodeLimits;
use crate::reconnect::{Event, ReconnectSettings};
pub use input::Input;

/// Told of what happens to a camera's connections: which camera, and what.
pub type Watch = Arc<dyn Fn(&str, &Event<'_>) + Send + Sync>;

/// What all inputs have in common. Options of the input itself go before it.
#[derive(Clone)]
pub struct OpenSettings {
    /// Which decoder to use for H.264.
    pub decoder: Decoder,
    /// What keeps memory bounded. A picture of an HTTP camera may have 16 MiB at most all the same.
    pub limits: DecodeLimits,
    /// Who lends the buffers of the pictures.
    pub pool: FramePool,
    /// What tells age and pace.
    pub clock: Arc<dyn Clock>,
    /// How cameras are kept going. `None`: each is connected at once and only once, and ends with its connection.
    pub reconnect: Option<ReconnectSettings>,
    /// Told of what happens to cameras that are kept going, on the thread that asks for their pictures. Nobody by default.
    pub watch: Watch,
}

impl Default for OpenSettings {
    fn default() -> Self {
        Self {
            decoder: Decoder::default(),
            limits: DecodeLimits::default(),
            pool: FramePool::default(),
            clock: Arc::new(SystemClock::new()),
            reconnect: Some(ReconnectSettings::default()),
            watch: Arc::new(|_, _| ()),
        }
    }
}

impl fmt::Debug for OpenSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenSettings")
            .field("decoder", &self.decoder)
            .field("limits", &self.limits)
            .field("reconnect", &self.reconnect)
            .finish_non_exhaustive()
    }
}

/// Opens a file, a camera or a scene by its name.
///
/// | input | what it is | feature |
/// |---|---|---|
/// | `clip.mp4`, `portrait.jpg` | a video or picture; the content decides, not the name | |
/// | `folder` | the pictures in it, by name | |
/// | `door/*.jpg` | the pictures that match (`*`, `?`, `[a-z]`, `**`), by name; a single match may be a video | |
/// | `scene:people=5,seed=1` | people who walk through a hall ([`Scene`](crate::Scene)) | |
/// | `rtsp://name:password@camera/path` | a network camera ([`Rtsp`](crate::Rtsp)) | `rtsp` |
/// | `http://name:password@camera/video.mjpg` | a camera that gives JPEG over HTTP ([`Mjpeg`](crate::Mjpeg)); `https` needs `tls` | `mjpeg` |
/// | `webcam:0`, `webcam:NAME`, `v4l:/dev/video0` | a camera at this machine (`Webcam`) | `webcam` |
/// | `ffmpeg:clip.mkv`, `ffmpeg:srt://camera:9000` | whatever the ffmpeg program reads (`Ffmpeg`): an existing file as a file, all else as a camera | `ffmpeg` |
///
/// An existing file of the very name goes before every other meaning. Options follow a `?`, as `name=value`, with `&` or `,`
/// between them: `clip.mp4?live=24&loop`, `webcam:0?size=640x480`; those of a scene follow its colon at once. A network
/// camera's query is the camera's own, so there, and behind `ffmpeg:`, they follow a `#`:
/// `rtsp://camera/live?channel=1#transport=udp`. Values are percent-decoded, as are names and passwords, where `@` is `%40`
/// and `#` is `%23`; a time is `2s`, `500ms` or a number of seconds.
///
/// | option | of | what it does |
/// |---|---|---|
/// | `live=FPS`, `live=own` | files, scenes | plays it as a live camera ([`LivePlayback`](crate::LivePlayback)), so many pictures a second, or at its own times |
/// | `loop` | files, scenes | plays it live, and again and again |
/// | `offset=TIME` | files, scenes | plays it live, from so far into it on |
/// | `decoder=auto`, `rusty`, `openh264` | videos, RTSP | who decodes H.264 ([`Decoder`]) |
/// | `people=3`, `face=PIXELS`, `speed=PIXELS`, `seed=1`, `size=1280x720`, `fps=24`, `frames=240`, `noise=1` | scenes | who walks in it ([`Crowd`](crate::Crowd)), and [`SceneSettings`](crate::SceneSettings) |
/// | `transport=tcp`, `udp` | RTSP, ffmpeg | how an RTSP camera sends its packets |
/// | `damage=off`, `on` | RTSP | gives pictures with traces of a loss, too |
/// | `rate=25` | HTTP | how often a camera of single pictures is asked, a second |
/// | `size=1280x720`, `rate=30`, `pixels=NV12` … | webcams | what is wanted of it; `pixels` by V4L2's four letters (`Pixels::code`) |
/// | `threads=1`, `hwaccel=NAME`, `format=NAME` | ffmpeg | as its own options; `threads=0` leaves the number to it |
/// | `connect=5s` | cameras | how long connecting may take (ffmpeg: 8 s) |
/// | `age=500ms` | cameras | how old a picture may get before it is dropped and counted |
/// | `stall=5s`, `frozen=30s`, `frozen=never`, `attempts=N`, `attempts=ever` | cameras | when a connection is given up, and after how many failures in a row the camera is ([`ReconnectSettings`]) |
///
/// Cameras are kept going: they are connected when the first picture is asked for, and again whenever the connection breaks
/// ([`Reconnect`](crate::Reconnect)). So a camera that is off is no error here.
///
/// ```
/// use passerby_types::ErrorClass;
///
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.mp4");
/// let mut source = passerby_capture::open(path)?;
/// let (mut pictures, mut lost) = (0, 0);
/// loop {
///     match source.next_picture() {
///         Ok(Some(picture)) => pictures += u32::from(picture.image.width() > 0),
///         Ok(None) => break,
///         Err(e) if e.class() == ErrorClass::Skip => lost += 1,
///         Err(e) => return Err(e.into()),
///     }
/// }
/// assert_eq!((pictures, lost), (10, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`open_with`].
pub fn open(input: impl AsRef<OsStr>) -> Result<Box<dyn FrameSource>, SourceError> {
    open_with(input, &OpenSettings::default())
}

/// As [`open`] with these settings.
///
/// # Errors
/// Those of [`Input::parse`], and those of the source: [`Video::auto`](crate::Video::auto) and
/// [`Images::open_with`](crate::Images::open_with) for files, with [`SourceError::Unrecognised`] for what is neither;
/// [`SourceError::Malformed`] for a scene that cannot be. A camera fails here only where
/// [`OpenSettings::reconnect`] is `None`, and else when it is asked for pictures.
pub fn open_with(
    input: impl AsRef<OsStr>,
    settings: &OpenSettings,
) -> Result<Box<dyn FrameSource>, SourceError> {
    Input::parse(input)?.open(settings)
}
