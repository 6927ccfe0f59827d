//! Answers from a database: who came, when, how long, and by which way.
//!
//! [`Answers::read`] reads the passages that a [`Question`] selects: one for each confirmed track. Its methods answer from them.
//!
//! | question | method |
//! |---|---|
//! | how many visits and persons, by minute, hour or day and by camera; who was new and who came back | [`Answers::traffic`], [`Answers::totals`] |
//! | how long did they stay | [`Answers::dwell`] |
//! | how many were there at the same time | [`Answers::occupancy`] |
//! | how many were in a zone, how often it was entered, and for how long | [`Answers::zones`], [`Answers::zone_totals`] |
//! | how often a line was crossed, and in which direction | [`Answers::lines`], [`Answers::line_totals`] |
//! | how old were they, and of which gender | [`Answers::ages`], [`Answers::genders`] |
//! | who was seen last, and where | [`Answers::last_seen`] |
//! | which way did a person take, and which ways are usual | [`Answers::path`], [`Answers::transitions`] |
//!
//! ```
//! use passerby_store::query::{Answers, Period, Question, TimeZone};
//! use passerby_store::{Reader, Sqlite, SqliteSettings};
//! use passerby_types::{BBox, FrameMeta, Identity, Observation, ObservedFace, PersonId, Sink, TrackState};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("passerby.sqlite");
//! let mut sink = Sqlite::open(&path, SqliteSettings::default())?;
//! let mut face = ObservedFace::new(1, BBox::from_xywh(10.0, 20.0, 40.0, 50.0));
//! face.state = TrackState::Confirmed;
//! face.identity = Identity::Person { id: PersonId(1), similarity: 0.8 };
//! let mut observation = Observation::new(FrameMeta::new(0, 12), 640, 360);
//! observation.faces.push(face);
//! sink.write(&[observation])?;
//! sink.finish()?;
//!
//! let question = Question { time_zone: TimeZone::get("Europe/Berlin")?, ..Question::default() };
//! let answers = Answers::read(&Reader::open(&path)?, &question)?;
//! for row in answers.traffic(Period::Hour) {
//!     println!("{}: {} visits by {} persons", row.start, row.visits, row.persons);
//! }
//! # assert_eq!(answers.totals()[0].persons, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Words
//! - A *passage* is a confirmed track, from its first to its last frame. Tracks that were never confirmed may be false
//!   detections, and count nowhere.
//! - A *visit* is the time of a person from the first passage on, for as long as no break between two passages is longer than
//!   [`Question::visit_gap`]. A passage without a person is a visit of its own: it counts as *unidentified*.
//! - A visit is *new* if the cameras of its row never saw the person before, and *returning* otherwise. So
//!   `visits = new + returning + unidentified`.
//! - Cameras of the same name are one camera, also over several runs. A camera without a name is called `camera 0`, `camera 1`, and
//!   so on.
//!
//! - A *stay* is the time of a track in a zone. Stays and crossings count tracks, so a person whose face is lost and found again in a
//!   zone stays twice.
//!
//! Rows without a camera are those of all selected cameras together: a person whom two cameras see counts once in them.
//!
//! Times are the times of day when frames arrived. For a file that is analysed faster than it was recorded, these are the times
//! of the analysis.

mod answers;
mod calendar;
mod dwell;
mod earlier;
mod histogram;
mod movement;
mod occupancy;
mod passage;
mod persons;
mod question;
mod traffic;
mod visits;
mod zones;

pub use answers::Answers;
pub use calendar::Period;
pub use dwell::DwellRow;
pub use histogram::{AgeBand, AgeHistogram, GenderCounts};
pub use jiff::tz::TimeZone;
pub use jiff::{Timestamp, Zoned};
pub use movement::{LastSeenRow, PathStep, Transition};
pub use occupancy::OccupancyRow;
pub use persons::PersonKey;
pub use question::Question;
pub use traffic::TrafficRow;
pub use zones::{LineRow, ZoneRow};
