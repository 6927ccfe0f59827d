//! Observations in an SQLite file.

mod convert;
mod expiry;
mod file;
mod gallery;
mod mean;
mod reader;
mod records;
mod rollup;
mod schema;
mod sink;
mod statements;
mod zone_rows;

pub use expiry::ExpiredRows;
pub use gallery::{
    Forgotten, JournalRow, JournalSettings, KnownPersonRow, PresenceRow, SqliteJournal, TemplateKey,
};
pub use reader::Reader;
pub use records::{CameraRow, PersonRow, RunId, RunRow, StoredCounts, TrackRow};
pub use sink::{Sqlite, SqliteSettings};
