//! The SQLite database.

use std::path::Path;
use std::sync::{Arc, Mutex};

use passerby::store::{Sqlite, SqliteSettings};
use passerby::types::{BoxError, CameraId, Sink};

/// The database that all pipelines write.
#[derive(Clone)]
pub(crate) struct Database(Arc<Mutex<Sqlite>>);

impl Database {
    pub(super) fn open(path: &Path) -> Result<Self, BoxError> {
        Ok(Self(Arc::new(Mutex::new(Sqlite::open(path, SqliteSettings::default())?))))
    }

    /// Returns the sink for a pipeline.
    pub(crate) fn sink(&self) -> impl Sink + 'static {
        Arc::clone(&self.0)
    }

    pub(super) fn begin(&self, camera: CameraId, name: &str) -> Result<(), BoxError> {
        let mut sqlite = self.0.lock().map_err(|_| "the database failed")?;
        Ok(sqlite.name_cameras(&[(camera, name)])?)
    }

    /// Ends the run in the database. If a writer thread hangs and still holds the database, the run stays without an
    /// end.
    pub(super) fn finish(self) -> Result<(), BoxError> {
        let sqlite = Arc::into_inner(self.0).and_then(|mutex| mutex.into_inner().ok());
        Ok(sqlite.map_or(Ok(()), Sqlite::finish)?)
    }
}
