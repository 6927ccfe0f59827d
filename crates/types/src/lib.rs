//! The data and the contracts of passerby: the values that move through the pipeline, and the traits of its stages.
//!
//! 1. A [`FrameSource`] returns a [`Picture`], which becomes a [`Frame`] of one camera.
//! 2. A [`Detector`] finds the [`Face`]s in the frame.
//! 3. A [`Tracker`] follows them from frame to frame as tracks.
//! 4. An [`Embedder`] and a [`Classifier`] analyse [`FaceChip`]s, which are cut out of the frame.
//! 5. An [`Identifier`] decides which person a track is, and an [`AttributeFusion`] combines its age and gender estimates.
//! 6. A [`Sink`] takes the [`Observation`] of the frame.
//!
//! A [`Ledger`] counts every frame on this way. A [`GalleryJournal`] keeps the changes of a gallery, so that its persons outlive
//! the process.
//!
//! A stage of your own needs only this crate. This detector reads the pixels of each frame and reports the bright part of it:
//!
//! ```
//! use passerby_types::{BBox, ColorSpace, Detector, Face, Frame, FrameMeta, Image, PixelLayout, StageError};
//!
//! struct BrightPart;
//!
//! impl Detector for BrightPart {
//!     fn detect(&mut self, frames: &[Frame], faces: &mut [Vec<Face>]) -> Result<(), StageError> {
//!         for (frame, faces) in frames.iter().zip(faces) {
//!             faces.clear(); // the list may hold the faces of another frame
//!             let width = frame.image.width() as usize;
//!             let mut part: Option<[usize; 4]> = None;
//!             for (i, rgb) in frame.image.to_rgb().chunks_exact(3).enumerate() {
//!                 if rgb.iter().all(|&value| value > 200) {
//!                     let (x, y) = (i % width, i / width);
//!                     let [x1, y1, x2, _] = part.unwrap_or([x, y, x, y]);
//!                     part = Some([x1.min(x), y1, x2.max(x), y]);
//!                 }
//!             }
//!             let bbox = part.map(|part| part.map(|side| side as f32));
//!             faces.extend(bbox.map(|[x1, y1, x2, y2]| Face::new(BBox::new(x1, y1, x2 + 1.0, y2 + 1.0), 0.9)));
//!         }
//!         Ok(())
//!     }
//! }
//!
//! // A dark picture with a bright rectangle.
//! let mut image = Image::from_vec(PixelLayout::Gray8, 64, 48, ColorSpace::JPEG, vec![20; 64 * 48])?;
//! for y in 10..30 {
//!     image.row_mut(0, y)[16..40].fill(250);
//! }
//! let faces = BrightPart.detect_one(&Frame::new(FrameMeta::new(0, 0), image))?;
//! assert_eq!(faces[0].bbox, BBox::new(16.0, 10.0, 40.0, 30.0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Pixels
//! An [`Image`] keeps the layout of its decoder ([`PixelLayout`]): planes of luma and chroma from most videos, YUYV from many
//! webcams, RGB or grey from picture files.
//!
//! | you want | call |
//! |---|---|
//! | every pixel as RGB, from any layout | [`Image::to_rgb`] |
//! | a single pixel | [`Image::rgb_at`] |
//! | the bytes as they are, without a copy | [`Image::layout`], [`Image::plane`] |
//! | a part of the picture | [`Image::crop`] |
//! | a picture from your own bytes | [`Image::from_vec`], [`Image::from_planes`] |
//! | a JPEG or PNG file | feature `image`: `Image::try_from(image::open("photo.jpg")?)?`; or `passerby-capture` |
//! | a picture for the `image` crate | feature `image`: `Image::to_rgb_image` |
//!
//! The brightness of a frame needs no colours. In three of the five layouts it is the first plane:
//!
//! ```
//! use passerby_types::{Image, PixelLayout};
//!
//! /// Returns the mean brightness of a picture, 0 to 255.
//! fn brightness(image: &Image) -> f64 {
//!     let pixels = f64::from(image.width()) * f64::from(image.height());
//!     if let PixelLayout::I420 | PixelLayout::Nv12 | PixelLayout::Gray8 = image.layout() {
//!         let luma = image.plane(0);
//!         let sum: u64 = (0..luma.rows).flat_map(|y| luma.row(y)).map(|&value| u64::from(value)).sum();
//!         return sum as f64 / pixels;
//!     }
//!     let rgb = image.to_rgb();
//!     rgb.iter().map(|&value| u64::from(value)).sum::<u64>() as f64 / (3.0 * pixels)
//! }
//! # use passerby_types::ColorSpace;
//! # for layout in [PixelLayout::I420, PixelLayout::Rgb8] {
//! #     let bytes = vec![128; layout.tight_len(33, 17)];
//! #     assert_eq!(brightness(&Image::from_vec(layout, 33, 17, ColorSpace::JPEG, bytes)?), 128.0);
//! # }
//! # Ok::<(), passerby_types::ImageError>(())
//! ```
//!
//! # Sources and sinks
//! A source returns one picture after another, and `Ok(None)` at its end. A sink takes the observations in batches. This source
//! reads grey pictures of 160x120 from any reader, and this sink writes a line for each face:
//!
//! ```
//! use std::io::{ErrorKind, Read, Write};
//!
//! use passerby_types::{
//!     ColorSpace, ErrorClass, FrameSource, Image, Observation, Picture, PixelLayout, Sink, SinkError, SourceError,
//!     SourceInfo,
//! };
//!
//! struct RawPictures<R> {
//!     reader: R,
//!     info: SourceInfo,
//! }
//!
//! impl<R: Read + Send> FrameSource for RawPictures<R> {
//!     fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
//!         let mut bytes = vec![0; 160 * 120];
//!         match self.reader.read_exact(&mut bytes) {
//!             Err(cause) if cause.kind() == ErrorKind::UnexpectedEof => return Ok(None),
//!             read => read.map_err(|cause| SourceError::Io { input: self.info.name.clone(), cause })?,
//!         }
//!         let image = Image::from_vec(PixelLayout::Gray8, 160, 120, ColorSpace::JPEG, bytes);
//!         Ok(image.ok().map(|image| Picture::new(image, None)))
//!     }
//!
//!     fn info(&self) -> &SourceInfo {
//!         &self.info
//!     }
//! }
//!
//! struct Lines<W>(W);
//!
//! impl<W: Write + Send> Sink for Lines<W> {
//!     fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
//!         for observation in batch {
//!             for face in &observation.faces {
//!                 writeln!(self.0, "frame {}: track {}", observation.meta.seq, face.track.0)
//!                     .map_err(|cause| SinkError::new(ErrorClass::Fatal, "lines", cause))?;
//!             }
//!         }
//!         Ok(())
//!     }
//!
//!     fn flush(&mut self) -> Result<(), SinkError> {
//!         self.0.flush().map_err(|cause| SinkError::new(ErrorClass::Fatal, "lines", cause))
//!     }
//! }
//!
//! let info = SourceInfo { name: "raw".into(), ..SourceInfo::default() };
//! let mut source = RawPictures { reader: &[7; 2 * 160 * 120][..], info };
//! assert_eq!(source.pictures().count(), 2);
//! # use passerby_types::{BBox, FrameMeta, ObservedFace};
//! # let mut observation = Observation::new(FrameMeta::new(0, 5), 160, 120);
//! # observation.faces.push(ObservedFace::new(1, BBox::from_xywh(10.0, 10.0, 40.0, 50.0)));
//! # let mut sink = Lines(Vec::new());
//! # sink.write(&[observation])?;
//! # sink.flush()?;
//! # assert_eq!(sink.0, b"frame 5: track 1\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `passerby-testkit` has a suite for each trait, which tests whether your stage keeps the trait's contract.
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
mod event_kind;
mod face;
mod frame;
mod geometry;
mod identity;
mod image;
mod journal;
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
pub use event_kind::EventKind;
pub use face::{Age, Attributes, Embedding, EmbeddingError, Face, Gender};
pub use frame::{
    CameraId, Codec, CodedDemand, CodedOffer, CodedPicture, CodedRequest, Frame, FrameMeta, Picture,
    nal_units, start_code,
};
pub use geometry::{BBox, Landmarks, Point, Similarity};
pub use identity::{Identity, PersonId, Sighting};
pub use image::{ColorSpace, Image, ImageError, Matrix, PixelLayout, Plane, Range, Region};
pub use journal::{
    EditError, EntryId, FaceTemplate, GallerySnapshot, JournalAuthor, JournalChange, JournalEntry,
    KnownPerson, PersonEdits,
};
pub use ledger::{DropReason, Ledger};
pub use observation::{FrameKind, LineSide, Observation, ObservedFace, ZoneChange, ZoneEvent};
pub use pool::{Buffer, BufferPool, BufferPoolStats, EmbeddingPool, FramePool};
#[cfg(feature = "serde")]
pub use record::ObservationRecord;
pub use recycler::Recycler;
pub use stage::{
    AttributeFusion, CameraLink, Classifier, DeliveryCounts, Detector, Embedder, FrameSource, GalleryJournal,
    Identifier, MessageSink, Pictures, Sink, SourceInfo, StageFactory, Tracker, ZoneCounter,
};
pub use track::{TrackId, TrackKey, TrackState, TrackUpdate, TrackedFace};
pub use visible::visible;
