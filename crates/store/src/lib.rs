//! Sinks of passerby: stores of observations.
//!
//! - [`Sqlite`] keeps frames, tracks and persons in a database file that survives a killed process. [`Reader`] reads the file,
//!   also while it is written, and [`query`] answers who came, when, and for how long.
//! - [`Jsonl`] writes one line of JSON for each frame, for other programs.
//! - `Mqtt` and `Webhook` (features of these names) send messages about persons, tracks, lines, zones and cameras to other programs.
//! - [`Memory`] keeps observations in memory, for tests and live displays.
//! - [`SqliteJournal`] keeps the persons of a gallery in the same file over all runs, and [`MemoryJournal`] in memory.
//!   [`BackgroundJournal`] writes either on a thread of its own.
//!
//! Give a sink to a pipeline with `Pipeline::sink`, or write to it yourself:
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use passerby_store::{Reader, Sqlite, SqliteSettings};
//! use passerby_types::{BBox, CameraId, Face, FrameMeta, Identity, Observation, ObservedFace, PersonId, Sink};
//!
//! # let folder = tempfile::tempdir()?;
//! # std::env::set_current_dir(folder.path())?;
//! let file = "passerby.sqlite";
//! let mut sink = Sqlite::open(file, SqliteSettings::default())?;
//! sink.name_cameras(&[(CameraId(0), "entrance")])?;
//! for seq in 0..3 {
//!     // From a pipeline: one observation for each frame.
//!     let mut face = ObservedFace::new(1, BBox::from_xywh(10.0 + seq as f32, 20.0, 40.0, 50.0));
//!     face.face = Some(Face::new(face.bbox, 0.9)); // the detector found it in this frame
//!     face.identity = Identity::Person { id: PersonId(1), similarity: 0.8 };
//!     let mut observation = Observation::new(FrameMeta::new(0, seq), 640, 360);
//!     observation.faces.push(face);
//!     sink.write(&[observation])?;
//! }
//! sink.finish()?;
//!
//! // Each opening for writing is a run.
//! let reader = Reader::open(file)?;
//! let run = reader.runs()?.pop().ok_or("no run")?;
//! for person in reader.persons(run.id)? {
//!     println!("{}: {} frames of {} cameras", person.id, person.frames, person.cameras);
//!     assert_eq!((person.id, person.frames), (PersonId(1), 3));
//! }
//! # assert_eq!(reader.persons(run.id)?.len(), 1);
//! # std::env::set_current_dir(std::env::temp_dir())?;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "sqlite"))]
//! # fn main() {}
//! ```
//!
//! The table `observation` has every box. The sqlite3 program and every other tool for SQLite read the file, too; the tables are in the
//! documentation of [`Sqlite`]. A database keeps embeddings and landmarks only if [`SqliteSettings`] asks for them: they are
//! biometric data. The same is true for [`Jsonl`], and no `Debug` output shows them.
//!
//! # Other sinks
//! Every sink implements [`Sink`](passerby_types::Sink), and so can one of your own. A clone of [`Memory`] reads the observations
//! that a pipeline writes:
//!
//! ```
//! use passerby_store::Memory;
//! use passerby_types::{FrameMeta, Observation, Sink};
//!
//! let mut sink = Memory::new();
//! let reader = sink.clone();
//! sink.write(&[Observation::new(FrameMeta::new(0, 12), 640, 360)])?;
//! assert_eq!(reader.observations()[0].meta.seq, 12);
//! # Ok::<(), passerby_types::SinkError>(())
//! ```
//!
//! # Features
//! - `sqlite` (default): [`Sqlite`] and [`Reader`]. It builds SQLite's C code, which needs a C compiler.
//! - `jsonl` (default): [`Jsonl`].
//! - `mqtt`: `Mqtt`, messages to an MQTT broker with discovery by Home Assistant.
//! - `webhook`: `Webhook`, messages to a web server. It builds the C code of ring, which needs a C compiler.
//! - `encryption`: a [`TemplateKey`] encrypts the templates of a gallery.
//! - `serde`: the settings as serde types, for configuration files.

#[cfg(any(feature = "sqlite", feature = "jsonl"))]
mod error;
#[cfg(any(feature = "mqtt", feature = "webhook"))]
mod events;
mod journal;
#[cfg(feature = "jsonl")]
mod jsonl;
mod memory;
mod owner_only;
#[cfg(feature = "sqlite")]
pub mod query;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(any(feature = "sqlite", feature = "jsonl"))]
pub use error::{StoreError, StoreFault};
#[cfg(any(feature = "mqtt", feature = "webhook"))]
pub use events::EventSettings;
#[cfg(feature = "mqtt")]
pub use events::{Mqtt, MqttSettings};
#[cfg(feature = "webhook")]
pub use events::{Webhook, WebhookSettings};
pub use journal::{BackgroundJournal, BackgroundSettings, JournalNotice, MemoryJournal};
#[cfg(feature = "jsonl")]
pub use jsonl::{Jsonl, JsonlSettings};
pub use memory::Memory;
pub use owner_only::create_owner_only;
#[cfg(feature = "sqlite")]
pub use sqlite::{
    CameraRow, ExpiredRows, Forgotten, JournalRow, JournalSettings, KnownPersonRow, PersonRow, PresenceRow,
    Reader, RunId, RunRow, Sqlite, SqliteJournal, SqliteSettings, StoredCounts, TemplateKey, TrackRow,
};
