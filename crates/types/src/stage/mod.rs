//! The contracts of the stages.
//!
//! Stages work on batches: `out[i]` belongs to `in[i]`, and an empty batch is valid. The methods that end in `_one` do the
//! same for a single item.
//!
//! The caller lends the memory that a stage writes its answers to, and lends the same memory again for the next batch.
//! A stage that keeps its own buffers therefore allocates nothing in the steady state. The lent memory holds the answers of an
//! earlier batch, maybe of another camera. A stage must replace all of them if it returns `Ok`. If it returns an error, the
//! caller ignores the memory.
//!
//! An instance works on one thread. A pool makes one instance for each worker with a [`StageFactory`]; the instances share
//! what never changes, such as weights.

mod journal;
mod message_sink;
mod sink;
mod source;
mod zone_counter;

use std::slice;
use std::sync::Arc;

pub use journal::GalleryJournal;
pub use message_sink::{CameraLink, DeliveryCounts, MessageSink};
pub use sink::Sink;
pub use source::{FrameSource, Pictures, SourceInfo};
pub use zone_counter::ZoneCounter;

use crate::chip::FaceChip;
use crate::error::StageError;
use crate::face::{Attributes, Embedding, Face};
use crate::frame::{Frame, FrameMeta};
use crate::identity::{Identity, Sighting};
use crate::track::{TrackKey, TrackUpdate};

/// Makes the instances of a stage. The pipeline calls it when a worker starts and again after a failure. A clone is the
/// same factory.
pub type StageFactory<S> = Arc<dyn Fn() -> Result<Box<S>, StageError> + Send + Sync>;

/// Finds faces in single frames.
///
/// ```
/// use passerby_types::{BBox, ColorSpace, Detector, Face, Frame, FrameMeta, Image, PixelLayout, StageError};
///
/// /// Reports one face that covers the whole frame.
/// struct WholeFrame;
///
/// impl Detector for WholeFrame {
///     fn detect(&mut self, frames: &[Frame], faces: &mut [Vec<Face>]) -> Result<(), StageError> {
///         for (frame, faces) in frames.iter().zip(faces) {
///             let bbox = BBox::from_xywh(0.0, 0.0, frame.image.width() as f32, frame.image.height() as f32);
///             faces.clear();
///             faces.push(Face::new(bbox, 1.0));
///         }
///         Ok(())
///     }
/// }
///
/// let image = Image::from_vec(PixelLayout::Gray8, 8, 4, ColorSpace::JPEG, vec![0; 32])?;
/// let faces = WholeFrame.detect_one(&Frame::new(FrameMeta::new(0, 0), image))?;
/// assert_eq!(faces[0].bbox.width(), 8.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Detector: Send {
    /// Writes the faces of `frames[i]` to `faces[i]`: best score first, in pixels of the upright picture. A frame without
    /// a face gets an empty list. Frames may differ in size, layout and camera.
    ///
    /// There are as many lists as frames.
    ///
    /// # Implementers
    /// Clear each list first: it may hold the faces of another frame. Keep no state from one frame to the next: a pool hands
    /// the frames of all cameras to any instance.
    ///
    /// # Errors
    /// If the error's class is `Skip`, the caller drops the frames of this batch and counts them. If it is `Reset`, the caller
    /// also rebuilds the instance. If it is `Fatal`, the caller stops the cameras of this batch.
    fn detect(&mut self, frames: &[Frame], faces: &mut [Vec<Face>]) -> Result<(), StageError>;

    /// Returns the faces of one frame, best score first, or an empty list if it has no face.
    ///
    /// Allocates the list. A loop over many frames should call [`Detector::detect`] with lists that it keeps.
    ///
    /// ```
    /// # use passerby_types::{BBox, ColorSpace, Detector, Face, Frame, FrameMeta, Image, PixelLayout, StageError};
    /// # struct Middle;
    /// # impl Detector for Middle {
    /// #     fn detect(&mut self, frames: &[Frame], faces: &mut [Vec<Face>]) -> Result<(), StageError> {
    /// #         for (frame, faces) in frames.iter().zip(faces) {
    /// #             let x = frame.image.width() as f32 / 2.0;
    /// #             *faces = vec![Face::new(BBox::from_xywh(x - 20.0, 30.0, 40.0, 50.0), 0.9)];
    /// #         }
    /// #         Ok(())
    /// #     }
    /// # }
    /// let mut detector = Middle; // any detector, for example `passerby_detect::YuNet`
    /// let image = Image::from_vec(PixelLayout::Gray8, 160, 120, ColorSpace::JPEG, vec![0; 160 * 120])?;
    /// let frame = Frame::new(FrameMeta::new(0, 0), image);
    ///
    /// let faces = detector.detect_one(&frame)?;
    /// assert_eq!(faces[0].bbox.center().x, 80.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Detector::detect`].
    fn detect_one(&mut self, frame: &Frame) -> Result<Vec<Face>, StageError> {
        let mut faces = Vec::new();
        self.detect(slice::from_ref(frame), slice::from_mut(&mut faces))?;
        Ok(faces)
    }

    /// Returns the number of boxes that the last call of [`Detector::detect`] left out of the frame with this index, because the
    /// frame had more faces than the detector's limit. Several of these boxes may be of one face. Returns 0 if the last call
    /// had fewer frames.
    ///
    /// A detector without a limit needs no method of its own: the default returns 0.
    fn left_out(&self, frame: usize) -> u64 {
        let _ = frame;
        0
    }
}

/// Follows faces through the frames of one camera.
pub trait Tracker: Send {
    /// Takes the faces of the next frame and writes every live track, and the tracks that ended with this frame, to `out`.
    ///
    /// If `faces` is `None`, the detector did not run on this frame: the tracker predicts where its tracks are. An empty
    /// slice means that the detector ran and found nothing.
    ///
    /// `meta.seq` should rise from call to call. A gap stands for that many frames without detection. If `meta.seq` does
    /// not rise, the tracker takes the frame as the one after the last.
    ///
    /// `meta.pts` shows outages, which leave no gap in `meta.seq`. If the time since the last frame is longer than a track
    /// lives without a detection, every track must end with this frame. Frames without `pts` are counted by `meta.seq`
    /// alone.
    ///
    /// # Implementers
    /// Clear `out` first: it may hold the tracks of an earlier frame.
    fn update(&mut self, meta: &FrameMeta, faces: Option<&[Face]>, out: &mut TrackUpdate);
}

/// Turns faces into embeddings: vectors that point in similar directions if the faces are alike.
pub trait Embedder: Send {
    /// Writes the embedding of `chips[i]` to `out[i]`, or `None` if the face cannot be aligned: it has no landmarks, or
    /// landmarks that fit no face.
    ///
    /// There are as many places as chips.
    ///
    /// # Implementers
    /// Write every place. [`Embedding::new_in`] makes embeddings whose memory returns to a pool.
    ///
    /// # Errors
    /// If the error's class is `Skip`, these chips get no embedding for now. If it is `Reset`, the caller also rebuilds the
    /// instance. If it is `Fatal`, the caller stops embedding for good.
    fn embed(&mut self, chips: &[FaceChip], out: &mut [Option<Embedding>]) -> Result<(), StageError>;

    /// Returns the embedding of one face, or `None` if it cannot be aligned.
    ///
    /// ```
    /// # use passerby_types::{
    /// #     BBox, ChipPool, ColorSpace, Embedder, Embedding, Face, FaceChip, Frame, FrameMeta, Image, PixelLayout, StageError,
    /// # };
    /// # struct Aligned;
    /// # impl Embedder for Aligned {
    /// #     fn embed(&mut self, chips: &[FaceChip], out: &mut [Option<Embedding>]) -> Result<(), StageError> {
    /// #         for (chip, out) in chips.iter().zip(out) {
    /// #             *out = chip.face.landmarks.and_then(|_| Embedding::new(vec![0.6, 0.8]).ok());
    /// #         }
    /// #         Ok(())
    /// #     }
    /// # }
    /// let mut embedder = Aligned; // any embedder, for example `passerby_reid::MobileFaceNet`
    /// let image = Image::from_vec(PixelLayout::Gray8, 160, 120, ColorSpace::JPEG, vec![0; 160 * 120])?;
    /// let frame = Frame::new(FrameMeta::new(0, 0), image);
    /// let face = Face::new(BBox::from_xywh(60.0, 30.0, 40.0, 50.0), 0.9); // from a detector
    /// let chip = FaceChip::cut(&frame, &face, &ChipPool::default())?;
    ///
    /// assert_eq!(embedder.embed_one(&chip)?, None, "a face without landmarks cannot be aligned");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Embedder::embed`].
    fn embed_one(&mut self, chip: &FaceChip) -> Result<Option<Embedding>, StageError> {
        let mut embedding = None;
        self.embed(slice::from_ref(chip), slice::from_mut(&mut embedding))?;
        Ok(embedding)
    }
}

/// Estimates age and gender from single views.
pub trait Classifier: Send {
    /// Writes the attributes of `chips[i]` to `out[i]`, or `None` if the face cannot be aligned, or if the classifier knows that its
    /// estimate would be worth nothing, for example because the view is blurred.
    ///
    /// There are as many places as chips.
    ///
    /// # Implementers
    /// Write every place.
    ///
    /// # Errors
    /// As for [`Embedder::embed`].
    fn classify(&mut self, chips: &[FaceChip], out: &mut [Option<Attributes>]) -> Result<(), StageError>;

    /// Returns the attributes of one face, or `None` if it cannot be aligned or shows too little.
    ///
    /// ```
    /// # use passerby_types::{
    /// #     Age, Attributes, BBox, ChipPool, Classifier, ColorSpace, Face, FaceChip, Frame, FrameMeta, Gender, Image,
    /// #     PixelLayout, StageError,
    /// # };
    /// # struct Thirty;
    /// # impl Classifier for Thirty {
    /// #     fn classify(&mut self, chips: &[FaceChip], out: &mut [Option<Attributes>]) -> Result<(), StageError> {
    /// #         out.fill(Some(Attributes { age: Age { years: 30.0, low: 22.0, high: 41.0 }, p_male: 0.1 }));
    /// #         Ok(())
    /// #     }
    /// # }
    /// let mut classifier = Thirty; // any classifier, for example `passerby_demographics::AgeGender`
    /// let image = Image::from_vec(PixelLayout::Gray8, 160, 120, ColorSpace::JPEG, vec![0; 160 * 120])?;
    /// let frame = Frame::new(FrameMeta::new(0, 0), image);
    /// let face = Face::new(BBox::from_xywh(60.0, 30.0, 40.0, 50.0), 0.9); // from a detector
    /// let chip = FaceChip::cut(&frame, &face, &ChipPool::default())?;
    ///
    /// let attributes = classifier.classify_one(&chip)?.ok_or("the face shows too little")?;
    /// assert_eq!(attributes.age.years, 30.0);
    /// assert_eq!(attributes.gender(0.8), Some(Gender::Female));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Embedder::embed`].
    fn classify_one(&mut self, chip: &FaceChip) -> Result<Option<Attributes>, StageError> {
        let mut attributes = None;
        self.classify(slice::from_ref(chip), slice::from_mut(&mut attributes))?;
        Ok(attributes)
    }
}

/// Decides which person a track is. One instance serves all cameras.
pub trait Identifier: Send {
    /// Takes the sightings of one frame, at most one for each track, and decides which persons their tracks are. Call
    /// [`Identifier::identity`] for the result.
    ///
    /// `visible` must name every track whose face was found in that frame: two of them are never the same person. A track that
    /// the tracker only predicts must not be in the list, because its face may be there under another number.
    fn identify(&mut self, sightings: &[Sighting], visible: &[TrackKey]);

    /// Returns the identity of a track by the sightings until now, or [`Identity::Pending`] if there was none.
    ///
    /// The answer may change between two sightings of the track, for example if two persons are merged.
    fn identity(&self, track: TrackKey) -> Identity;

    /// Returns true if another sighting of the track would help to decide a question now: if the latest one showed another
    /// face than before, or if another track looks like this track's person. The caller should sight the track again at the
    /// next frames.
    ///
    /// The default returns false.
    fn needs_look(&self, track: TrackKey) -> bool {
        let _ = track;
        false
    }

    /// Ends each track that has turned out to show another face than before, and continues it under the number that `renumber`
    /// returns for it. The ended track keeps the identity that it had before; the new one has the sightings of the other face,
    /// and the identity by them. If `renumber` returns `None`, because the caller does not know the track, nothing changes.
    ///
    /// Call it after [`Identifier::identify`]. A caller that never does so gets the new identity under the old number.
    ///
    /// The default does nothing.
    fn split(&mut self, renumber: &mut dyn FnMut(TrackKey) -> Option<TrackKey>) {
        let _ = renumber;
    }

    /// Forgets a track that has ended. Does nothing if the track was never seen.
    fn end(&mut self, track: TrackKey);
}

/// Combines the single age and gender estimates of a track. One instance serves all cameras.
pub trait AttributeFusion: Send {
    /// Adds one estimate of a track. `quality` is the quality of its view, 0 to 1. Call [`AttributeFusion::attributes`] for
    /// the result.
    fn fuse(&mut self, track: TrackKey, estimate: &Attributes, quality: f32);

    /// Returns the attributes of a track over all its estimates, or `None` while there are too few.
    fn attributes(&self, track: TrackKey) -> Option<Attributes>;

    /// Forgets a track that has ended. Does nothing if the track was never seen.
    fn end(&mut self, track: TrackKey);
}
