//! Observations in an SQLite file.

mod file;
mod rollup;
mod schema;
mod sink;
mod statements;

pub(crate) use file::open_to_read;
pub use sink::{Sqlite, SqliteSettings};
