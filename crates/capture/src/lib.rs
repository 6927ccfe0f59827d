//! Where pictures come from: video files, picture files and folders, cameras, and synthetic scenes.
//!
//! - [`open()`] opens anything that has a name: files by their content, cameras by their address.
//! - [`Video`]: MP4, MOV (fragmented, too) and bare H.264. Decoding is behind [`VideoDecoder`]: [`RustyDecoder`] is
//!   pure Rust; the feature `openh264` brings `OpenH264Decoder`, built from source.
//! - `Ffmpeg` (feature `ffmpeg`): whatever an installed ffmpeg program reads.
//! - [`Images`]: JPEG, PNG, GIF, BMP, WebP, TIFF, alone or a folder of them.
//! - `Mjpeg` (feature `mjpeg`): cameras that give JPEG pictures over HTTP.
//! - [`LivePlayback`]: plays any of them as a live camera.
//! - [`Reconnect`]: keeps any source going that breaks, stalls, freezes or hangs.
//! - `Rtsp` (feature `rtsp`): network cameras.
//! - [`Scene`]: people made from portraits who walk over a background, with exact ground truth.
//! - `Webcam` (feature `webcam`): cameras at this machine.
//!
//! ```
//! use passerby_capture::{Scene, SceneSettings};
//! use passerby_types::FrameSource;
//!
//! let mut scene = Scene::new(SceneSettings { width: 320, height: 180, frames: 3, ..SceneSettings::default() })?;
//! let mut pictures = 0;
//! while let Some(picture) = scene.next_picture()? {
//!     assert_eq!((picture.image.width(), picture.image.height()), (320, 180));
//!     pictures += 1;
//! }
//! assert_eq!(pictures, 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Every reader bounds its memory by [`DecodeLimits`] and allocates nothing by a number in a file that the file's own bytes
//! do not bear out.

#[cfg_attr(
    not(any(feature = "rtsp", feature = "mjpeg")),
    allow(dead_code, reason = "addresses are only checked")
)]
mod address;
mod annexb;
mod decode;
#[cfg(feature = "ffmpeg")]
mod ffmpeg;
mod file;
#[cfg(fuzzing)]
pub mod fuzzing;
mod gif;
mod h264;
mod images;
#[cfg(any(feature = "rtsp", feature = "mjpeg", feature = "ffmpeg", feature = "webcam"))]
#[cfg_attr(
    not(any(feature = "rtsp", feature = "mjpeg", feature = "webcam")),
    allow(dead_code, reason = "ffmpeg loses nothing on the way")
)]
mod inbox;
#[cfg(any(feature = "rtsp", feature = "mjpeg", feature = "webcam"))]
mod jpeg;
mod limits;
mod live_playback;
#[cfg(feature = "mjpeg")]
mod mjpeg;
mod mp4;
mod open;
mod random;
mod reconnect;
mod rising;
#[cfg(feature = "rtsp")]
mod rtsp;
mod scene;
mod sniff;
mod still;
#[cfg(any(feature = "rtsp", feature = "ffmpeg"))]
mod transport;
mod turn;
mod units;
mod video;
#[cfg(feature = "webcam")]
mod webcam;

pub use decode::Decoder;
#[cfg(feature = "ffmpeg")]
pub use ffmpeg::{Ffmpeg, FfmpegSettings};
#[cfg(feature = "openh264")]
pub use h264::OpenH264Decoder;
pub use h264::{AccessUnit, DecodeError, RustyDecoder, VideoDecoder};
pub use images::{Images, ImagesSettings, list};
pub use limits::DecodeLimits;
pub use live_playback::LivePlayback;
#[cfg(feature = "mjpeg")]
pub use mjpeg::{Mjpeg, MjpegSettings};
pub use open::{Input, OpenSettings, Watch, open, open_with};
pub use reconnect::{Event, Reconnect, ReconnectSettings};
#[cfg(feature = "rtsp")]
pub use rtsp::{Rtsp, RtspSettings};
pub use scene::{Cast, Crowd, Person, Portrait, Scene, SceneError, SceneSettings, TruthFace, Walk, Waypoint};
#[cfg(any(feature = "rtsp", feature = "ffmpeg"))]
pub use transport::RtspTransport;
pub use video::{Video, VideoSettings};
#[cfg(feature = "webcam")]
pub use webcam::{Pixels, Selector, Webcam, WebcamFormat, WebcamInfo, WebcamSettings};
