//! Sinks of passerby: where observations go.
//!
//! - [`Memory`] keeps them in memory, for tests and live displays.
//! - [`Jsonl`] writes one line of JSON a frame, for other programs.
//! - [`Sqlite`] keeps frames, tracks and persons in a database file that survives a killed process; [`Reader`]
//!   reads it back, also while it is written.
//!
//! Embeddings and landmarks are biometric data: no file gets them unless its settings ask for them, and nothing here
//! prints them.
//!
//! ```
//! use passerby_store::{Reader, Sqlite, SqliteSettings};
//! use passerby_types::{CameraId, Sink};
//! # use std::time::{Duration, SystemTime};
//! # use passerby_types::{BBox, Face, FrameKind, FrameMeta, Identity, Observation, ObservedFace, PersonId};
//! # use passerby_types::{Timestamp, TrackId, TrackState};
//! # let bbox = BBox::new(10.0, 20.0, 50.0, 70.0);
//! # let face = ObservedFace {
//! #     track: TrackId(1),
//! #     state: TrackState::Confirmed,
//! #     bbox,
//! #     face: Some(Face::new(bbox, 0.9)),
//! #     embedding: None,
//! #     estimate: None,
//! #     identity: Identity::Person { id: PersonId(1), similarity: 1.0 },
//! #     attributes: None,
//! # };
//! # let meta = FrameMeta {
//! #     camera: CameraId(0),
//! #     seq: 0,
//! #     captured: Timestamp::default(),
//! #     pts: Some(Duration::ZERO),
//! #     wall: SystemTime::UNIX_EPOCH,
//! # };
//! # let observation =
//! #     Observation { meta, width: 640, height: 360, kind: FrameKind::Analysed, faces: vec![face], ended: vec![] };
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("passerby.db");
//!
//! let mut sink = Sqlite::open(&path, SqliteSettings::default())?;
//! sink.cameras(&[(CameraId(0), "entrance")])?;
//! sink.write(&[observation])?;
//! sink.finish()?;
//!
//! let reader = Reader::open(&path)?;
//! let run = reader.runs()?.pop().ok_or("no run")?;
//! assert!(run.ended.is_some());
//! for person in reader.persons(run.id)? {
//!     println!("{} from {:?} to {:?}", person.id, person.first_seen, person.last_seen);
//! }
//! # assert_eq!(reader.persons(run.id)?.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod jsonl;
mod line;
mod memory;
mod query;
mod rows;
mod sqlite;
mod value;

pub use error::{StoreError, StoreFault};
pub use jsonl::{Jsonl, JsonlSettings};
pub use memory::Memory;
pub use query::Reader;
pub use rows::{CameraRow, Counts, PersonRow, RunId, RunRow, TrackRow};
pub use sqlite::{Sqlite, SqliteSettings};
