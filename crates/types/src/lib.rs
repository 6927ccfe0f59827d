//! The data and the contracts of passerby: what moves through the pipeline, and the traits that move it.
//!
//! A [`Picture`] comes out of a [`FrameSource`] and becomes a [`Frame`] of one camera. A [`Detector`] finds
//! [`Face`]s in it, a [`Tracker`] follows them as tracks, an [`Embedder`] and a [`Classifier`] look at
//! [`FaceChip`]s cut out of it, [`Identifier`] and [`AttributeFusion`] settle who and what a track is, and the frame's
//! [`Observation`] goes to a [`Sink`]. A [`Ledger`] counts every frame.
//!
//! A stage of your own needs this crate alone:
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
//!             let (w, h) = (frame.image.width() as f32, frame.image.height() as f32);
//!             faces.clear();
//!             faces.push(Face::new(BBox::new(w * 0.4, h * 0.4, w * 0.6, h * 0.6), 0.9));
//!         }
//!         Ok(())
//!     }
//! }
//! ```
//!
//! # Coordinates
//! All boxes and landmarks are in pixels of the upright picture, origin at the top left, x to the right, y down,
//! in pixel-index coordinates: an integer is the centre of a pixel, as in OpenCV.

mod cancel;
mod chip;
mod clock;
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
