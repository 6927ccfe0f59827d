//! Multi-object tracking: the same face followed through the frames of one camera.
//!
//! Two implementations of [`passerby_types::Tracker`]: [`Sort`] expects each face where its motion takes it, and is the
//! default for faces; [`Iou`] compares with the last detection only. Neither looks at pixels, landmarks or embeddings.
//!
//! ```
//! use passerby_track::Sort;
//! use passerby_types::{BBox, CameraId, Face, FrameMeta, Timestamp, TrackState, TrackUpdate, Tracker};
//!
//! let (mut tracker, mut update) = (Sort::default(), TrackUpdate::default());
//! for seq in 0..10 {
//!     let meta = FrameMeta {
//!         camera: CameraId(0),
//!         seq,
//!         captured: Timestamp::default(),
//!         pts: None,
//!         wall: std::time::SystemTime::UNIX_EPOCH,
//!     };
//!     // A face that walks to the right, looked for in every second frame.
//!     let faces = [Face::new(BBox::from_xywh(100.0 + 8.0 * seq as f32, 50.0, 40.0, 52.0), 0.9)];
//!     tracker.update(&meta, (seq % 2 == 0).then_some(&faces), &mut update);
//!     assert_eq!(update.tracks.len(), 1);
//!     assert_eq!(update.tracks[0].track.0, 1);
//!     assert_eq!(update.tracks[0].state == TrackState::Confirmed, seq >= 4);
//! }
//! ```
//!
//! # What both do
//!
//! - **Life.** A track is `Tentative` until it has its `min_hits` detections, and its first miss before that ends it.
//!   Then it is `Confirmed`; `Lost` when a frame was detected on and it was not found; `Confirmed` again when it is
//!   found. It ends when more than `max_age` frames in a row went by without it.
//! - **Coasting.** Over a frame that was not detected on no track is missed: each keeps its state, [`Sort`] moves its
//!   box on and [`Iou`] leaves it where it is. The frame counts towards `max_age`, so that a track ends even where
//!   nobody detects any more.
//! - **Gaps.** A gap in `seq` counts as that many frames coasted over. A frame whose `seq` does not rise is the one
//!   after the last, and counting goes on from it.
//! - **Order.** Ids count from 1 and are never used twice. [`passerby_types::TrackUpdate::tracks`] and `ended` are by
//!   rising id. The same frames give the same tracks, always.
//! - **Broken input.** A detection with an empty box, a number that is not finite, a side below a hundredth of a pixel,
//!   or a corner more than a million pixels out is ignored.

mod assign;
mod iou;
mod kalman;
mod life;
mod pair;
mod sort;

pub use iou::{Iou, IouSettings};
pub use sort::{Sort, SortSettings};
