//! Finds faces in pictures and frames: [`YuNet`] is a [`Detector`](passerby_types::Detector) that returns a box, a score and
//! five landmarks for each face.
//!
//! ```
//! use passerby_detect::YuNet;
//! use passerby_types::{ColorSpace, Image, PixelLayout};
//!
//! # #[cfg(feature = "bundled")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let pixels = vec![90; 3 * 320 * 180];
//! let image = Image::from_vec(PixelLayout::Rgb8, 320, 180, ColorSpace::JPEG, pixels)?;
//! let mut detector = YuNet::bundled()?;
//! for face in detector.detect_image(&image)? {
//!     println!("a face at {:?}, score {}", face.bbox, face.score);
//! }
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "bundled"))]
//! # fn main() {}
//! ```
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
