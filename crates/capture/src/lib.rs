//! Frame sources: video files, picture files and folders, cameras, and synthetic scenes.
//!
//! [`open()`] opens any input by its name: files by their content, cameras by their address. The loop is the same for all:
//!
//! ```
//! use passerby_types::{ErrorClass, FrameSource};
//!
//! // A video, a picture, a folder of pictures, a camera's address, or a scene.
//! let mut source = passerby_capture::open("portraits/obama.jpg")?;
//! let mut pictures = 0;
//! for picture in source.pictures() {
//!     match picture {
//!         Ok(picture) => {
//!             let image = &picture.image;
//!             println!("{}x{} {:?}, time {:?}", image.width(), image.height(), image.layout(), picture.pts);
//!             pictures += 1;
//!         }
//!         // A frame was lost. The next picture may follow.
//!         Err(error) if error.class() == ErrorClass::Skip => println!("{error}"),
//!         Err(error) => return Err(error),
//!     }
//! }
//! assert_eq!(pictures, 1);
//! # Ok::<(), passerby_types::SourceError>(())
//! ```
//!
//! A scene needs no file and no camera: `scene:people=2,size=640x360,frames=48` shows two people who walk through a hall.
//! [`Image::to_rgb`](passerby_types::Image::to_rgb) gives the pixels of any picture.
//!
//! # A camera
//! [`open()`] keeps a network camera going. An error of the class `Reset` means that the connection broke; the next picture follows
//! when the camera is back:
//!
//! ```no_run
//! use passerby_types::{ErrorClass, FrameSource};
//!
//! let mut camera = passerby_capture::open("rtsp://name:password@192.168.1.20/stream1")?;
//! for picture in camera.pictures() {
//!     match picture {
//!         Ok(picture) => println!("a picture, {:?} after its arrival", picture.age),
//!         Err(error) if error.class() == ErrorClass::Fatal => return Err(error), // for example, an unknown codec
//!         Err(error) => println!("{error}"),
//!     }
//! }
//! # Ok::<(), passerby_types::SourceError>(())
//! ```
//!
//! [`Reconnect`] does this for any source, also for one of your own. It opens the source again if it breaks, stalls, freezes or
//! hangs, and reports each step:
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use passerby_capture::{Reconnect, ReconnectEvent, ReconnectSettings};
//! use passerby_types::{FrameSource, SourceError};
//!
//! # #[cfg(feature = "rtsp")]
//! # fn main() -> Result<(), SourceError> {
//! use passerby_capture::{Rtsp, RtspSettings};
//!
//! // Reconnect calls it for each connection.
//! let open = || -> Result<Box<dyn FrameSource>, SourceError> {
//!     Ok(Box::new(Rtsp::connect("rtsp://192.168.1.20/stream1", RtspSettings::default())?))
//! };
//! let settings = ReconnectSettings { stall_timeout: Duration::from_secs(3), ..ReconnectSettings::default() };
//! let mut camera = Reconnect::new("door", open, settings).on_event(|event| match event {
//!     ReconnectEvent::Recovered { outage } => println!("pictures again after {outage:.1?}"),
//!     ReconnectEvent::Failed { error, retry_in, .. } => println!("{error}; next try in {retry_in:.1?}"),
//!     _ => {}
//! });
//! let first = camera.next_picture()?;
//! # drop(first);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "rtsp"))]
//! # fn main() {}
//! ```
//!
//! # The sources
//! Each kind of source also has a type of its own, with settings:
//!
//! | type | pictures from | feature |
//! |---|---|---|
//! | `Video` | MP4, MOV (fragmented, too) and bare H.264 | `video` (default) |
//! | `Images` | JPEG, PNG, GIF, BMP, WebP, TIFF, alone or in a folder | `images` (default) |
//! | `Scene` | people who walk over a background, with exact ground truth | `scene` (default) |
//! | `Rtsp` | network cameras | `rtsp` (default) |
//! | `Mjpeg` | cameras that give JPEG pictures over HTTP | `mjpeg` (default) |
//! | `Webcam` | cameras at this machine | `webcam` |
//! | `Libav` | files of nearly every format, by FFmpeg's libraries in this process | `libav` |
//! | `Ffmpeg` | anything that an installed ffmpeg program reads | `ffmpeg` |
//!
//! Two more sources change the behaviour of others. [`LivePlayback`] plays any source as a live camera. [`Reconnect`] keeps
//! a source going if it breaks, stalls, freezes or hangs. [`open()`] puts it around every camera.
//!
//! A source returns each picture in its decoder's own layout, upright, with its time in the stream. The class of an error says how
//! to go on: see [`FrameSource`](passerby_types::FrameSource), which is also the trait for a source of your own.
//!
//! # Features
//! Each source of the table is a feature. `libav` also adds decoders of H.264 and H.265, the feature `openh264` one more of H.264, and
//! `tls` adds encrypted connections. If the
//! feature for an input is off, [`open()`] returns [`SourceError::Unsupported`](passerby_types::SourceError::Unsupported)
//! with the feature's name. `webcam` needs libclang and the kernel's headers on Linux; `tls` and `openh264` need a C
//! compiler; `libav` needs FFmpeg's libraries with their headers (5.1 or later), pkg-config and libclang.
//!
//! # Memory
//! Every reader bounds its memory by [`DecodeLimits`]. Before it allocates memory for a length or count from a file, it
//! checks that number against the bytes that the file really has.

mod context;
#[cfg_attr(not(any(feature = "_address", feature = "ffmpeg")), allow(dead_code, reason = "for logins only"))]
mod credentials;
mod decoder_choice;
#[cfg(feature = "ffmpeg")]
mod ffmpeg;
mod file;
#[cfg(fuzzing)]
pub mod fuzzing;
#[cfg(feature = "_h264")]
mod h264;
mod handover;
#[cfg(feature = "images")]
mod images;
#[cfg(feature = "_jpeg")]
mod jpeg;
#[cfg(feature = "libav")]
mod libav;
mod limits;
#[cfg(feature = "_live")]
mod live;
mod live_playback;
#[cfg(feature = "mjpeg")]
mod mjpeg;
mod monotonic_pts;
mod open;
#[cfg(any(feature = "_h264", feature = "libav"))]
mod planes;
mod random;
mod reconnect;
mod rotation;
#[cfg(feature = "rtsp")]
mod rtsp;
#[cfg(feature = "scene")]
mod scene;
mod switched;
#[cfg(feature = "video")]
mod video;
#[cfg(feature = "webcam")]
mod webcam;

pub use context::SourceContext;
pub use decoder_choice::Decoder;
#[cfg(feature = "ffmpeg")]
pub use ffmpeg::{Ffmpeg, FfmpegSettings};
pub use file::folder::list;
#[cfg(all(feature = "libav", feature = "_h264"))]
pub use h264::LibavDecoder;
#[cfg(feature = "openh264")]
pub use h264::OpenH264Decoder;
#[cfg(feature = "_h264")]
pub use h264::{AccessUnit, DecodeError, RustyDecoder, VideoDecoder};
#[cfg(feature = "images")]
pub use images::{Images, ImagesSettings};
#[cfg(feature = "libav")]
pub use libav::{Libav, LibavSettings};
pub use limits::DecodeLimits;
#[cfg(feature = "_live")]
pub use live::certificates::AcceptedCertificates;
#[cfg(any(feature = "rtsp", feature = "ffmpeg"))]
pub use live::rtsp_transport::RtspTransport;
pub use live_playback::LivePlayback;
#[cfg(feature = "mjpeg")]
pub use mjpeg::{Mjpeg, MjpegSettings};
pub use open::{Input, OpenSettings, ReconnectListener, open, open_with};
pub use reconnect::{Reconnect, ReconnectEvent, ReconnectSettings};
#[cfg(feature = "rtsp")]
pub use rtsp::{Rtsp, RtspSettings};
#[cfg(feature = "scene")]
pub use scene::{
    Portrait, Scene, SceneCast, SceneCrowd, SceneError, ScenePerson, SceneSettings, SceneWalk, TruthFace,
    Waypoint,
};
pub use switched::{SourceSwitch, SwitchedSource};
#[cfg(feature = "video")]
pub use video::{Video, VideoSettings};
#[cfg(feature = "webcam")]
pub use webcam::{Webcam, WebcamFormat, WebcamInfo, WebcamPixels, WebcamSelector, WebcamSettings};
