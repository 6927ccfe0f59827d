//! Multi-object tracking: follows each face through the frames of one camera.
//!
//! The crate has two implementations of [`passerby_types::Tracker`]. [`Sort`] predicts the motion of each face and is
//! the default for faces. [`Iou`] compares each detection with the last one only. Neither looks at pixels, landmarks or
//! embeddings.
//!
//! ```
//! use passerby_track::Sort;
//! use passerby_types::{BBox, Face, TrackState};
//!
//! let mut tracker = Sort::new();
//! for frame in 0..10 {
//!     // A face that walks to the right by 4 pixels a frame.
//!     let faces = [Face::new(BBox::from_xywh(100.0 + 4.0 * frame as f32, 50.0, 40.0, 52.0), 0.9)];
//!     let tracks = tracker.step(&faces);
//!     assert_eq!(tracks.len(), 1);
//!     assert_eq!(tracks[0].track.0, 1);
//!     // SORT confirms a track at its third detection.
//!     assert_eq!(tracks[0].state == TrackState::Confirmed, frame >= 2);
//! }
//! ```
//!
//! `step` counts the frames itself. If you number them, or if the detector skips some of them, call
//! [`Tracker::update`](passerby_types::Tracker::update) instead: it takes the frame's number, and `None` in place of
//! the faces if the detector did not run.
//!
//! # The rules of both trackers
//!
//! - **States.** A track is `Tentative` until it has `min_hits` detections. If a tentative track is missed once, it
//!   ends. A confirmed track becomes `Lost` if the detector ran and did not find it, and `Confirmed` again as soon as it
//!   is found. It ends after more than `max_age` frames in a row without a detection.
//! - **Coasting.** If the detector did not run on a frame, no track counts as missed, and each keeps its state. [`Sort`]
//!   moves the boxes on by their velocity, [`Iou`] leaves them in place. The frame counts towards `max_age`, so that
//!   tracks end even if the detector never runs again.
//! - **Gaps.** A gap in `seq` counts as that many coasted frames. If `seq` does not rise, the frame counts as the one
//!   after the last frame, and counting goes on from its number.
//! - **Outages.** If the presentation times of two frames are further apart than `max_age` usual frames, and by more than a
//!   second, the camera was away: every track ends, even if `seq` has no gap. The usual frame is the average of the last
//!   frames. Frames without a presentation time are counted by `seq` alone.
//! - **Order.** Ids count from 1, and a tracker never uses one twice. [`passerby_types::TrackUpdate::tracks`] and
//!   `ended` are sorted by id. The same frames always give the same tracks.
//! - **Broken input.** Both trackers ignore a detection with an empty box, a coordinate that is not finite, a side below
//!   a hundredth of a pixel, or a corner more than a million pixels from the origin.
//!
//! # Features
//! - `serde`: the settings as serde types, for configuration files.

mod assign;
mod frame_counter;
mod heading;
mod iou;
mod kalman;
mod lifecycle;
mod mean_score;
mod overlap;
mod sort;

pub use iou::{Iou, IouSettings};
pub use sort::{Sort, SortSettings};
