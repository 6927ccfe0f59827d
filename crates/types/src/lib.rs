//! The data and the contracts of passerby: the values that move through the pipeline, and the traits of its stages.
//!
//! 1. A [`FrameSource`] returns a [`Picture`], which becomes a [`Frame`] of one camera.
//! 2. A [`Detector`] finds the [`Face`]s in the frame.
//! 3. A [`Tracker`] follows them from frame to frame as tracks.
//! 4. An [`Embedder`] and a [`Classifier`] analyse [`FaceChip`]s, which are cut out of the frame.
//! 5. An [`Identifier`] decides which person a track is, and an [`AttributeFusion`] combines its age and gender estimates.
//! 6. A [`Sink`] takes the [`Observation`] of the frame.
//!
//! A [`Ledger`] counts every frame on this way.
//!
//! A stage of your own needs only this crate:
//!
//! ```
//! use passerby_types::{BBox, Detector, Face, Frame, StageError};
//!
//! /// Reports one face in the middle of every frame.
//! struct Middle;
//!
//! impl Detector for Middle {
//!     fn detect(&mut self, frames: &[Frame], faces: &mut [Vec<Face>]) -> Result<(), StageError> {
//!         for (frame, faces) in frames.iter().zip(faces) {
//!             let w = frame.image.width() as f32;
//!             let h = frame.image.height() as f32;
//!             faces.clear();
//!             faces.push(Face::new(BBox::new(w * 0.4, h * 0.4, w * 0.6, h * 0.6), 0.9));
//!         }
//!         Ok(())
//!     }
//! }
//! ```
//!
//! # Features
//! - `image`: conversions between [`Image`] and the pictures of the `image` crate.
//! - `serde`: serialization of observations, faces, ids and counts. `ObservationRecord` describes the JSON shape, and
//!   `duration_text` how durations look in configuration files.
//!
//! # Coordinates
//! All boxes and landmarks are in pixels of the upright picture. The origin is at the top left, x points to the right and y
//! down. An integer is the centre of a pixel, as in OpenCV.

mod cancel;
mod chip;
mod clock;
#[cfg(feature = "serde")]
pub mod duration_text;
mod error;
mod face;
mod frame;
mod geometry;
mod identity;
mod image;
mod ledger;
mod observation;
mod pool;
#[cfg(feature = "serde")]
mod record;
mod recycler;
mod stage;
mod track;
mod visible;

pub use cancel::CancelHandle;
pub use chip::{ChipPool, FaceChip};
pub use clock::{Clock, SystemClock, Timestamp};
pub use error::{BoxError, ErrorClass, SinkError, SourceError, StageError};
pub use face::{Age, Attributes, Embedding, EmbeddingError, Face, Gender};
pub use frame::{CameraId, Frame, FrameMeta, Picture};
pub use geometry::{BBox, Landmarks, Point, Similarity};
pub use identity::{Identity, PersonId, Sighting};
pub use image::{ColorSpace, Image, ImageError, Matrix, PixelLayout, Plane, Range, Region};
pub use ledger::{DropReason, Ledger};
pub use observation::{FrameKind, Observation, ObservedFace};
pub use pool::{Buffer, BufferPool, BufferPoolStats, EmbeddingPool, FramePool};
#[cfg(feature = "serde")]
pub use record::ObservationRecord;
pub use recycler::Recycler;
pub use stage::{
    AttributeFusion, Classifier, Detector, Embedder, FrameSource, Identifier, Pictures, Sink, SourceInfo,
    StageFactory, Tracker,
};
pub use track::{TrackId, TrackKey, TrackState, TrackUpdate, TrackedFace};
pub use visible::visible;
