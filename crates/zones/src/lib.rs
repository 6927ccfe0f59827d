//! Counts people at places of a camera's picture: directed crossings of lines, and how many are in zones, and for how long.
//!
//! A [`ZoneWatch`] follows the boxes of one camera's tracks through its [`ZonePlan`]. It reads no pixels and no files, and allocates
//! nothing for a frame, unless the frame has more tracks than any before. A [`ZoneBoard`] has one for each camera: give its counters to
//! `Stages::counting` of the crate `passerby-pipeline`, and read the counts from any thread.
//!
//! ```
//! use std::time::Duration;
//!
//! use passerby_types::{BBox, TrackId};
//! use passerby_zones::{AreaPlan, ZoneChange, ZonePlan, ZoneSubject, ZoneWatch};
//!
//! let counter = AreaPlan { name: "counter".into(), polygon: vec![[0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 1.0]] };
//! let mut watch = ZoneWatch::new(&ZonePlan { zones: vec![counter], ..ZonePlan::default() })?;
//! let mut events = Vec::new();
//! for second in 0..10 {
//!     // A face that walks in from the left, and stays at three quarters of the picture.
//!     let x = (100.0 * second as f32).min(460.0);
//!     let people = [ZoneSubject { track: TrackId(1), bbox: BBox::from_xywh(x, 200.0, 40.0, 50.0) }];
//!     watch.update(Duration::from_secs(second), [640, 480], &people, &[], &mut events);
//! }
//! watch.update(Duration::from_secs(30), [640, 480], &[], &[TrackId(1)], &mut events);
//! assert_eq!(events.len(), 2);
//! // Seen in the zone from second 4 to second 9. The track ended later.
//! assert_eq!(events[1].change, ZoneChange::Left { zone: "counter".into(), dwell: Duration::from_secs(5) });
//! # Ok::<(), passerby_zones::ZoneError>(())
//! ```
//!
//! # The rules
//! - **Place.** A person is where the centre of the box is. Boxes that are empty are left out.
//! - **Units.** Places of a plan are parts of the picture: `[0, 0]` is its upper left corner and `[1, 1]` its lower right one. A plan
//!   fits a camera at every resolution.
//! - **Trembling.** Near an edge or a line a person stays where the person was: within [`ZonePlan::margin`] of the box's size. A crossing
//!   counts when the person is on the other side beyond that margin, and then again only after the way back.
//! - **Ends of lines.** A crossing counts if the way from the last place on one side to the first on the other passes between the two
//!   ends of the line. A person who walks around an end is on the other side without a crossing.
//! - **Hidden people.** A track without a box in some frames keeps its side and its zones. The way from the last box to the next counts.
//! - **New tracks.** The first box decides the side and the zones: a person who appears in a zone has entered it.
//! - **Doubtful tracks.** A track that the tracker has not confirmed counts nothing. Once it is confirmed, it counts from its first box on.
//! - **Ends of tracks.** A track that ends leaves its zones at its last box.
//! - **Regions.** Boxes in a region of [`ZonePlan::ignore`], or outside [`ZonePlan::interest`], are as good as hidden.
//!   [`ZoneWatch::watches`] says which detections a tracker need not see at all.
//!
//! # Features
//! - `serde`: the plan as serde types, for configuration files.

mod board;
mod line;
mod plan;
mod polygon;
mod tracks;
mod watch;

pub use board::{CameraZones, ZoneBoard};
pub use passerby_types::{LineSide, ZoneChange, ZoneEvent};
pub use plan::{AreaPlan, LinePlan, ZoneError, ZonePlan};
pub use watch::{LineFigures, ZoneFigures, ZoneSubject, ZoneWatch};
