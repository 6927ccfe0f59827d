//! Finds faces in pictures and frames: [`CenterFace`] is a [`Detector`](passerby_types::Detector) that returns a box, a
//! score and five landmarks for each face.
//!
//! ```
//! use passerby_detect::CenterFace;
//! use passerby_types::{ColorSpace, Image, PixelLayout};
//!
//! # #[cfg(feature = "bundled")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let pixels = vec![90; 3 * 320 * 180];
//! let image = Image::from_vec(PixelLayout::Rgb8, 320, 180, ColorSpace::JPEG, pixels)?;
//! let mut detector = CenterFace::bundled()?;
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
//! - `bundled` (default): the weights (3.7 MB) are part of the binary. Without it, load them with
//!   [`CenterFace::from_path`].
//! - `tract` (default): ONNX files. Without it this crate compiles much faster, and only the bundled weights or a
//!   network of [`Model::from_graph_bytes`](passerby_inference::Model::from_graph_bytes) can be used.
//! - `serde`: the settings as a serde type, for configuration files.
//!
//! # Workers
//! Each worker of a pool has its own detector. Make them from one [`Model`](passerby_inference::Model), for example
//! [`CenterFace::bundled_model`], so that the weights are in memory only once.
//!
//! # Networks of your own
//! If your network returns several overlapping boxes for a face, [`nms()`] reduces them to one.

mod centerface;
mod decode;
mod error;
mod lru_cache;
mod nms;
mod settings;

pub use centerface::CenterFace;
pub use error::DetectorError;
pub use nms::nms;
pub use settings::CenterFaceSettings;
