//! Sinks of passerby: stores of observations.
//!
//! - [`Memory`] keeps observations in memory, for tests and live displays.
//! - [`Jsonl`] writes one line of JSON for each frame, for other programs.
//! - [`Sqlite`] keeps frames, tracks and persons in a database file that survives a killed process. [`Reader`] reads the file,
//!   also while it is written.
//!
//! Embeddings and landmarks are biometric data. A file holds them only if its settings ask for them, and no `Debug` output
//! shows them.
//!
//! Every sink implements [`Sink`](passerby_types::Sink), and so can one of your own:
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
//! - `serde`: the settings as serde types, for configuration files.

#[cfg(any(feature = "sqlite", feature = "jsonl"))]
mod error;
#[cfg(feature = "jsonl")]
mod jsonl;
mod memory;
mod owner_only;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(any(feature = "sqlite", feature = "jsonl"))]
pub use error::{StoreError, StoreFault};
#[cfg(feature = "jsonl")]
pub use jsonl::{Jsonl, JsonlSettings};
pub use memory::Memory;
pub use owner_only::create_owner_only;
#[cfg(feature = "sqlite")]
pub use sqlite::{
    CameraRow, PersonRow, Reader, RunId, RunRow, Sqlite, SqliteSettings, StoredCounts, TrackRow,
};
