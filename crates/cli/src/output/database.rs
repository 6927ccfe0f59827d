//! The SQLite database.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use passerby::pipeline::Stages;
use passerby::store::{ExpiredRows, Sqlite, SqliteSettings, TemplateKey};
use passerby::types::{BoxError, CameraId, Clock, ErrorClass, Observation, Sink, SinkError, SystemClock};
use passerby::{Settings, stages, stages_with};

use super::lasting_gallery::{BUSY_TIMEOUT, LastingGallery};
use crate::terminal;

/// The size of the write-ahead log, in bytes, from which the program says why it grows.
const LARGE_LOG_BYTES: u64 = 64 << 20;

/// The database that all pipelines write.
#[derive(Clone)]
pub(crate) struct Database {
    sink: Arc<Mutex<DatabaseSink>>,
    names: CameraNames,
    gallery: Option<LastingGallery>,
}

/// The meaning of the numbers of persons.
#[derive(Clone, Debug)]
pub(crate) enum PersonNumbers {
    /// Each run begins at 1, and stores no templates.
    OfThisRun,
    /// A person of an earlier run has the same number again.
    OfAllRuns {
        /// The key of the templates, or `None` if they are not encrypted.
        key: Option<TemplateKey>,
    },
}

impl PersonNumbers {
    /// Returns the numbers of a run with or without a gallery.
    pub(crate) fn new(has_gallery: bool, key: Option<TemplateKey>) -> Self {
        if has_gallery { Self::OfAllRuns { key } } else { Self::OfThisRun }
    }
}

/// The names of cameras that are not stored yet.
type CameraNames = Arc<Mutex<Vec<(CameraId, String)>>>;

/// Writes the names of cameras with their first frames, so that the writer's patience is that of the names as well.
struct DatabaseSink {
    sqlite: Sqlite,
    names: CameraNames,
    log: PathBuf,
    is_log_named: bool,
    /// True after an error that ends the sink.
    has_failed: bool,
}

impl Database {
    /// Opens the database and begins a run in it. With a gallery the persons of earlier runs are known.
    ///
    /// # Errors
    /// As for [`Sqlite::open`] and [`LastingGallery::open`].
    pub(crate) fn open(path: &Path, networks: &Settings, numbers: PersonNumbers) -> Result<Self, BoxError> {
        let journal = match numbers {
            PersonNumbers::OfAllRuns { key } => Some(LastingGallery::journal(path, networks, key)?),
            PersonNumbers::OfThisRun => None,
        };
        let settings = SqliteSettings {
            busy_timeout: BUSY_TIMEOUT,
            lasting_persons: journal.is_some(),
            ..SqliteSettings::default()
        };
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let names = CameraNames::default();
        let sink = DatabaseSink {
            sqlite: Sqlite::open(path, settings)?,
            names: Arc::clone(&names),
            log: log.into(),
            is_log_named: false,
            has_failed: false,
        };
        let run = sink.sqlite.run();
        let gallery = journal.map(|journal| LastingGallery::open(journal, run, networks)).transpose()?;
        Ok(Self { sink: Arc::new(Mutex::new(sink)), names, gallery })
    }

    /// Returns the gallery of the persons of all runs, or `None` if this run numbers them anew.
    pub(crate) fn gallery(&self) -> Option<&LastingGallery> {
        self.gallery.as_ref()
    }

    /// Returns the sink for a pipeline.
    pub(crate) fn sink(&self) -> impl Sink + 'static {
        Arc::clone(&self.sink)
    }

    /// Removes rows about frames before a time of day, at most `most` of each table.
    ///
    /// # Errors
    /// As for [`Sqlite::expire`].
    pub(crate) fn expire(&self, before: SystemTime, most: u32) -> Result<ExpiredRows, BoxError> {
        Ok(self.sink.lock().unwrap_or_else(PoisonError::into_inner).sqlite.expire(before, most)?)
    }

    /// Names a camera. The name is stored with the next frames. Never waits.
    pub(crate) fn name(&self, camera: CameraId, name: &str) {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).push((camera, name.to_owned()));
    }

    /// Ends the run in the database. If a writer thread hangs and still holds the database, the run stays without an
    /// end.
    ///
    /// # Errors
    /// The database cannot be written, and the reports of the cameras have not said so.
    pub(crate) fn finish(self) -> Result<(), BoxError> {
        let persons = self.gallery.map_or(Ok(()), LastingGallery::finish);
        let sink = Arc::into_inner(self.sink).and_then(|mutex| mutex.into_inner().ok());
        match sink {
            Some(mut sink) if !sink.has_failed => {
                sink.store_names()?;
                sink.sqlite.finish()?;
                persons
            }
            _ => persons,
        }
    }
}

/// Returns the default stages, and the clock of their pipeline. The persons are those of the database's gallery if it has one.
///
/// # Errors
/// A network does not load.
pub(crate) fn known_stages(
    networks: &Settings,
    database: Option<&Database>,
) -> Result<(Stages, Arc<dyn Clock>), BoxError> {
    Ok(match database.and_then(Database::gallery) {
        Some(gallery) => {
            let handle = gallery.handle();
            (stages_with(networks, move || handle.clone())?, gallery.clock())
        }
        None => (stages(networks)?, Arc::new(SystemClock::new())),
    })
}

impl DatabaseSink {
    fn store_names(&mut self) -> Result<(), SinkError> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !names.is_empty() {
            self.sqlite.name_cameras(&names)?;
            // Others may have come in the meantime.
            self.names.lock().unwrap_or_else(PoisonError::into_inner).drain(..names.len());
        }
        Ok(())
    }

    /// Says once that the log has become large.
    fn check_log(&mut self) {
        let is_large = || self.log.metadata().is_ok_and(|meta| meta.len() >= LARGE_LOG_BYTES);
        if !self.is_log_named && is_large() {
            self.is_log_named = true;
            let log = self.log.display();
            terminal::warning(format_args!(
                "{log} has grown to {} MiB: another program reads the database in one long transaction",
                LARGE_LOG_BYTES >> 20
            ));
        }
    }

    fn note<T>(&mut self, done: Result<T, SinkError>) -> Result<T, SinkError> {
        self.has_failed |= done.as_ref().is_err_and(|e| e.class() == ErrorClass::Fatal);
        done
    }
}

impl Sink for DatabaseSink {
    fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
        let done = self.store_names().and_then(|()| self.sqlite.write(batch));
        self.check_log();
        self.note(done)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        let done = self.store_names().and_then(|()| self.sqlite.flush());
        self.note(done)
    }
}
