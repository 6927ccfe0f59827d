//! Finds faces in frames: [`CenterFace`], a [`Detector`](passerby_types::Detector) with five landmarks a face.
//!
//! ```
//! use passerby_detect::{CenterFace, CenterFaceSettings};
//! use passerby_types::{Detector, StageFactory};
//!
//! # #[cfg(feature = "bundled")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let settings = CenterFaceSettings {
//!     long_side: 320, // close cameras: faces from about a thirtieth of the picture's width
//!     ..CenterFaceSettings::default()
//! };
//!
//! // Each worker of a pool has its own instance; the weights are in memory once.
//! let factory: StageFactory<dyn Detector> = std::sync::Arc::new(move || Ok(Box::new(CenterFace::bundled(&settings)?)));
//! let mut detector = factory()?;
//! detector.detect(&[], &mut [])?;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "bundled"))]
//! # fn main() {}
//! ```
//!
//! # Features
//! - `bundled` (default): the weights (3.7 MB) are part of the binary. Without it, load them with
//!   [`CenterFace::from_path`].
//!
//! # Networks of your own
//! A detector that answers with boxes for every place of a grid needs one face from many: [`nms()`] does that.

mod centerface;
mod decode;
mod error;
mod nms;
mod recent;
mod settings;

pub use centerface::CenterFace;
pub use error::DetectorError;
pub use nms::nms;
pub use settings::CenterFaceSettings;

/// What errors call this stage.
const STAGE: &str = "detect";
