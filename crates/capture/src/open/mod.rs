//! Opens any input by its name.

#[cfg(feature = "_live")]
mod camera;
mod file;
mod input;
mod missing_feature;
mod options;
#[cfg(feature = "_address")]
mod password;
mod playback;
#[cfg(feature = "scene")]
mod scene;
mod settings;
mod turned;

use std::ffi::OsStr;

use passerby_types::{FrameSource, SourceError};

pub use input::Input;
pub use settings::{OpenSettings, ReconnectListener};

/// Opens a file, a camera or a scene by its name.
///
/// | input | meaning | feature |
/// |---|---|---|
/// | `clip.mp4` | a video; the content decides, not the name | `video`, `libav` for more formats |
/// | `portrait.jpg` | a picture; the content decides, not the name | `images` |
/// | `folder` | the pictures in it, by name | `images` |
/// | `door/*.jpg` | the pictures that match (`*`, `?`, `[a-z]`, `**`), by name; a single match may be a video | `images` |
/// | `scene:people=5,seed=1` | people who walk through a hall (`Scene`) | `scene` |
/// | `rtsp://name:password@camera/path` | a network camera (`Rtsp`) | `rtsp` |
/// | `http://name:password@camera/video.mjpg` | a camera that gives JPEG over HTTP (`Mjpeg`); `https` needs `tls` | `mjpeg` |
/// | `webcam:0`, `webcam:NAME`, `v4l:/dev/video0` | a camera at this machine (`Webcam`) | `webcam` |
/// | `ffmpeg:clip.mkv`, `ffmpeg:srt://camera:9000` | anything that the ffmpeg program reads (`Ffmpeg`): an existing file as a file, all else as a camera | `ffmpeg` |
///
/// If a file of exactly this name exists, the name means that file. Options follow a `?`, as `name=value`, separated by `&`
/// or `,`: `clip.mp4?live=24&loop`, `webcam:0?size=640x480`. Those of a scene follow its colon. The query of a network
/// camera belongs to the camera. For a network camera, and behind `ffmpeg:`, the options therefore follow a `#`:
/// `rtsp://camera/live?channel=1#transport=udp`. Values are percent-decoded, and so are names and passwords, in which `@` is
/// `%40` and `#` is `%23`. A time is `2s`, `500ms` or a number of seconds.
///
/// | option | inputs | effect |
/// |---|---|---|
/// | `live=FPS`, `live=own` | files, scenes | plays it as a live camera ([`LivePlayback`](crate::LivePlayback)), with this number of pictures per second, or at its own times |
/// | `loop` | files, scenes | plays it live, again and again |
/// | `offset=TIME` | files, scenes | plays it live, from this time on |
/// | `decoder=auto`, `rusty`, `openh264`, `libav` | videos, RTSP | the decoder of H.264 ([`Decoder`](crate::Decoder)) |
/// | `people=3`, `face=PIXELS`, `speed=PIXELS`, `seed=1`, `size=1280x720`, `fps=24`, `frames=240`, `noise=1` | scenes | the people (`SceneCrowd`) and the other settings (`SceneSettings`) |
/// | `transport=auto`, `tcp`, `udp` | RTSP, ffmpeg | how an RTSP camera sends its packets |
/// | `key=60s` | RTSP | how long packets may come without a key frame |
/// | `redirect=same`, `any` | RTSP, HTTP | to which hosts the camera may redirect |
/// | `damage=off`, `on` | RTSP | also gives pictures with traces of a loss |
/// | `rate=25` | HTTP | how often per second a camera of single pictures is asked |
/// | `size=1280x720`, `rate=30`, `pixels=NV12` … | webcams | the wanted format; `pixels` takes V4L2's four letters (`WebcamPixels::code`) |
/// | `rotate=90`, `180`, `270` | all | turns the pictures by this number of degrees, clockwise |
/// | `password-env=NAME`, `password-file=FILE` | RTSP, HTTP, addresses of ffmpeg | the password, which then isn't in the address |
/// | `certificate=system`, `any`, `FILE` | RTSP, HTTP, ffmpeg | the certificates that are accepted on encrypted connections ([`AcceptedCertificates`](crate::AcceptedCertificates)) |
/// | `threads=1`, `hwaccel=NAME`, `format=NAME` | ffmpeg | ffmpeg's own options; with `threads=0` ffmpeg decides |
/// | `unrestricted=on` | ffmpeg | allows every format and protocol, also those that read and write other files |
/// | `connect=5s` | cameras | how long connecting may take (ffmpeg: 8 s) |
/// | `age=500ms` | cameras | how old a picture may get before it is dropped and counted |
/// | `stall=5s`, `frozen=30s`, `frozen=never`, `attempts=N`, `attempts=ever` | cameras | when a connection is given up, and after how many failures in a row the camera is ([`ReconnectSettings`](crate::ReconnectSettings)) |
///
/// Cameras are kept going ([`Reconnect`](crate::Reconnect)): they connect when the first picture is asked for, and again
/// whenever the connection breaks. If a camera is off, this function therefore returns no error.
///
/// ```
/// use passerby_types::{ErrorClass, FrameSource};
///
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.mp4");
/// let mut source = passerby_capture::open(path)?;
/// let mut pictures = 0;
/// let mut lost = 0;
/// for picture in source.pictures() {
///     match picture {
///         Ok(picture) => pictures += u32::from(picture.image.width() > 0),
///         // A lost frame. The next picture may follow.
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

/// Works as [`open`], with these settings.
///
/// # Errors
/// The errors of [`Input::parse`] and those of the source: of `Video::auto` and `Images::open_with` for files, and
/// [`SourceError::Unrecognised`] if a file is neither a video nor a picture; [`SourceError::Unsupported`] if the feature
/// for this kind of file is off; [`SourceError::Malformed`] if a scene's settings are impossible. A camera fails here only
/// if [`OpenSettings::reconnect`] is `None`. Otherwise it fails when it is asked for pictures.
pub fn open_with(
    input: impl AsRef<OsStr>,
    settings: &OpenSettings,
) -> Result<Box<dyn FrameSource>, SourceError> {
    Input::parse(input)?.open(settings)
}
