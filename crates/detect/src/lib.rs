//! Finds faces in pictures and frames: [`YuNet`] is a [`Detector`](passerby_types::Detector) that returns a box, a score and
//! five landmarks for each face.
//!
//! ```
//! use passerby_detect::YuNet;
//!
//! # #[cfg(feature = "bundled")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("passerby-detect-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # std::env::set_current_dir(&folder)?;
//! # std::fs::write("photo.jpg", passerby_capture::Portrait::Obama.jpeg())?;
//! // `passerby-capture` opens pictures, videos and cameras.
//! let picture = passerby_capture::open("photo.jpg")?.next_picture()?.ok_or("no picture")?;
//!
//! let mut detector = YuNet::bundled()?;
//! let faces = detector.detect_image(&picture.image)?;
//! for face in &faces {
//!     let (x, y) = (face.bbox.x1, face.bbox.y1);
//!     let (width, height) = (face.bbox.width(), face.bbox.height());
//!     println!("a face of {width:.0}x{height:.0} pixels at {x:.0}, {y:.0}, score {:.2}", face.score);
//! }
//! assert_eq!(faces.len(), 1);
//! # assert!(faces[0].score > 0.6 && faces[0].landmarks.is_some());
//! # std::env::set_current_dir(std::env::temp_dir())?;
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "bundled"))]
//! # fn main() {}
//! ```
//!
//! # Pictures
//! The detector reads every pixel layout without a conversion. Other ways to an [`Image`](passerby_types::Image):
//!
//! | you have | call |
//! |---|---|
//! | a picture of the `image` crate | `Image::try_from(image::open("photo.jpg")?)?`, with the feature `image` of `passerby-types` |
//! | bytes of pixels | [`Image::from_vec`](passerby_types::Image::from_vec) |
//! | the crate `passerby` | `passerby::read_image("photo.jpg")?`, and `passerby::faces` for the whole example |
//!
//! For frames of a video, call [`Detector::detect`](passerby_types::Detector::detect) with lists that you keep.
//! [`YuNetSettings`] sets the smallest face and the threshold; for photographs [`YuNetSettings::PHOTO_THRESHOLD`] gives
//! fewer false faces.
//!
//! # Features
//! - `bundled` (default): the weights (230 kB) are part of the binary. Without it, load them with
//!   [`YuNet::from_path`].
//! - `centerface`: the detector `CenterFace`, whose weights have 3.7 MB. It is slower, and multiplies bytes if asked to.
//! - `tract` (default): ONNX files. Without it this crate compiles much faster, and only the bundled weights or a
//!   network of [`Model::from_graph_bytes`](passerby_inference::Model::from_graph_bytes) can be used.
//! - `serde`: the settings as a serde type, for configuration files.
//!
//! # Workers
//! Each worker of a pool has its own detector. Make them from one [`Model`](passerby_inference::Model), for example
//! [`YuNet::bundled_model`], so that the weights are in memory only once.
//!
//! # Networks of your own
//! If your network returns several overlapping boxes for a face, [`nms()`] reduces them to one.

mod boxes;
#[cfg(feature = "centerface")]
mod centerface;
mod error;
mod lru_cache;
mod network;
mod nms;
mod setting_ranges;
mod yunet;

#[cfg(feature = "centerface")]
pub use centerface::{CenterFace, CenterFaceSettings};
pub use error::DetectorError;
pub use nms::nms;
pub use yunet::{YuNet, YuNetSettings};
