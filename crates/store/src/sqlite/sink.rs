//! The sink that writes the file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{CameraId, Clock, ErrorClass, Observation, Sink, SinkError, SystemClock};
use rusqlite::{Connection, TransactionBehavior, params};

use super::convert::micros;
use super::records::RunId;
use super::rollup::Rollup;
use super::{file, statements, zone_rows};
use crate::error::{StoreError, StoreFault};

/// The settings of a [`Sqlite`].
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[derive(Clone)]
pub struct SqliteSettings {
    /// Stores embeddings. Off by default: they are biometric.
    pub embeddings: bool,
    /// States that the persons of this run have the numbers of the gallery in the same file, so that a number means the same
    /// person in all such runs. Off by default: a gallery in memory counts from 1 in each run.
    pub lasting_persons: bool,
    /// The time that a call waits for another connection that holds the file. 2 s by default.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub busy_timeout: Duration,
    /// The clock for the times when the run began, was flushed and ended. The system's by default; not serialized.
    #[cfg_attr(feature = "serde", serde(skip, default = "system_clock"))]
    pub clock: Arc<dyn Clock>,
}

fn system_clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

impl Default for SqliteSettings {
    fn default() -> Self {
        Self {
            embeddings: false,
            lasting_persons: false,
            busy_timeout: Duration::from_secs(2),
            clock: system_clock(),
        }
    }
}

impl fmt::Debug for SqliteSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteSettings")
            .field("embeddings", &self.embeddings)
            .field("lasting_persons", &self.lasting_persons)
            .field("busy_timeout", &self.busy_timeout)
            .finish_non_exhaustive()
    }
}

/// Keeps observations in an SQLite file.
///
/// Every opening is a run of its own, and cameras, tracks and persons belong to a run. A gallery in memory counts its persons
/// from 1 in each process, so person 1 of two runs is two persons, unless both runs have [`SqliteSettings::lasting_persons`].
///
/// | table | rows |
/// |---|---|
/// | `run` | one for each opening |
/// | `camera` | one for each camera, with the number of its frames, also those without a face |
/// | `person` | one for each person |
/// | `track` | one for each track: first and last frame, person and attributes as last known |
/// | `observation` | one for each live track of each frame: frame, times, box, score and state |
/// | `zone_stay` | one for each time of a track in a zone |
/// | `line_crossing` | one for each crossing of a line |
/// | `template` | the embeddings; empty unless [`SqliteSettings::embeddings`] is set |
///
/// Times are whole microseconds, rounded down. A number that is NaN or infinite is `NULL`; if one number of the attributes is,
/// all of them are `NULL`. `.schema` in the `sqlite3` shell shows the columns with their meaning.
///
/// A batch is one transaction. After a kill the file holds every batch whose write returned, and after a power cut at least
/// those before the last flush. Readers and one writer do not wait for each other, because the file has a write-ahead log:
/// while it is open, it has companions `-wal` and `-shm`, and a copy must include all three.
///
/// On Unix a new file is for its owner alone (mode 0600), and so are its companions. A file that exists keeps its rights.
///
/// The sink refuses a batch that holds the same track twice in one frame, or a frame that was written before (`Skip`).
///
/// ```
/// use passerby_store::{Reader, Sqlite, SqliteSettings};
/// use passerby_types::{BBox, CameraId, FrameMeta, Identity, Observation, ObservedFace, PersonId, Sink};
///
/// let mut face = ObservedFace::new(1, BBox::from_xywh(10.0, 20.0, 40.0, 50.0));
/// face.identity = Identity::Person { id: PersonId(1), similarity: 0.8 };
/// let mut observation = Observation::new(FrameMeta::new(0, 12), 640, 360);
/// observation.faces.push(face);
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("passerby.db");
/// let mut sink = Sqlite::open(&path, SqliteSettings::default())?;
/// sink.name_cameras(&[(CameraId(0), "entrance")])?;
/// sink.write(&[observation])?;
/// sink.finish()?;
///
/// let reader = Reader::open(&path)?;
/// let run = reader.runs()?.pop().ok_or("no run")?;
/// assert!(run.ended.is_some());
/// for person in reader.persons(run.id)? {
///     println!("{} from {:?} to {:?}", person.id, person.first_seen, person.last_seen);
/// }
/// # assert_eq!(reader.persons(run.id)?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Sqlite {
    conn: Connection,
    path: PathBuf,
    /// The file that the connection writes: [`file::identity`].
    identity: Option<(u64, u64)>,
    run: i64,
    settings: SqliteSettings,
    /// True if the sink has written since the last flush.
    dirty: bool,
    /// True if the run's row has its end, or must not get one.
    over: bool,
}

impl Sqlite {
    /// Opens a file and begins a run in it. Creates the file and its tables if it does not exist or is empty, and upgrades a file of an
    /// older version.
    ///
    /// # Errors
    /// - [`StoreFault::Io`] if the folder does not exist, or the path is a folder.
    /// - [`StoreFault::NotDatabase`], [`StoreFault::Foreign`] or [`StoreFault::Newer`] if the file is something else. The sink
    ///   did not change it; the caller should use another path.
    /// - [`StoreFault::Damaged`] if the file is broken. The caller should restore it or use another path.
    /// - [`StoreFault::ReadOnly`] or [`StoreFault::NoWal`] if the caller should use another folder.
    /// - [`StoreFault::Busy`], [`StoreFault::Full`] or [`StoreFault::Disk`] if the call may succeed later.
    pub fn open(path: impl AsRef<Path>, settings: SqliteSettings) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let conn = file::open_to_write(&path, settings.busy_timeout)?;
        let identity = file::identity(&path);
        let mut sink = Self { conn, path, identity, run: 0, settings, dirty: false, over: true };
        let begun = sink.now();
        let insert = "INSERT INTO run (started_us, version, gallery) VALUES (?1, ?2, ?3)";
        let values = params![begun, env!("CARGO_PKG_VERSION"), sink.settings.lasting_persons];
        sink.conn.execute(insert, values).map_err(|e| sink.error(e))?;
        sink.run = sink.conn.last_insert_rowid();
        sink.over = false;
        Ok(sink)
    }

    /// Returns the run that this opening began.
    #[must_use]
    pub fn run(&self) -> RunId {
        RunId(self.run)
    }

    /// Stores the names of cameras. A camera needs no name: its frames may also come before the name, or without.
    ///
    /// # Errors
    /// As for [`Sink::write`]. After an error, no name is stored.
    pub fn name_cameras(&mut self, names: &[(CameraId, impl AsRef<str>)]) -> Result<(), StoreError> {
        let run = self.run;
        self.transaction(|conn| {
            let upsert = "INSERT INTO camera (run, camera, name) VALUES (?1, ?2, ?3)
                ON CONFLICT (run, camera) DO UPDATE SET name = excluded.name";
            let mut statement = conn.prepare_cached(upsert)?;
            for (camera, name) in names {
                statement.execute(params![run, camera.0, name.as_ref()])?;
            }
            Ok(())
        })
    }

    /// Makes everything durable, ends the run and its live tracks, and closes the file.
    ///
    /// Dropping the sink does the same but ignores errors. If a panic unwinds, the drop leaves the run without an end, as after
    /// a kill.
    ///
    /// # Errors
    /// As for [`Sink::write`]. After an error, all earlier batches are stored, but the run may have no end.
    pub fn finish(mut self) -> Result<(), StoreError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), StoreError> {
        self.over = true;
        self.durable(|conn, run, now| {
            // A track that is live when the run ends has ended with its last frame.
            conn.execute(
                "UPDATE track SET ended_seq = last_seq WHERE run = ?1 AND ended_seq IS NULL",
                params![run],
            )?;
            conn.execute("UPDATE run SET flushed_us = ?2, ended_us = ?2 WHERE id = ?1", params![run, now])
        })
    }

    /// Calls `mark` with the run and the time to change the run's row, and makes everything until then durable.
    fn durable(
        &mut self,
        mark: impl FnOnce(&Connection, i64, i64) -> rusqlite::Result<usize>,
    ) -> Result<(), StoreError> {
        // With FULL a commit syncs the log, and with it all commits before. A checkpoint could be delayed by readers.
        self.check_presence()?;
        let run = self.run;
        let now = self.now();
        let marked = self.conn.pragma_update(None, "synchronous", "FULL").and_then(|()| {
            let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            mark(&tx, run, now)?;
            tx.commit()
        });
        let restored = self.conn.pragma_update(None, "synchronous", "NORMAL");
        marked.and(restored).map_err(|e| self.error(e))?;
        self.dirty = false;
        Ok(())
    }

    pub(super) fn transaction(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<(), StoreFault>,
    ) -> Result<(), StoreError> {
        self.check_presence()?;
        let begun = self.conn.transaction_with_behavior(TransactionBehavior::Immediate);
        let done = begun.map_err(StoreFault::from).and_then(|tx| {
            work(&tx)?; // An error drops the transaction, which rolls it back.
            Ok(tx.commit()?)
        });
        done.map_err(|fault| self.error(fault))?;
        self.dirty = true;
        Ok(())
    }

    /// Returns an error if the path no longer names the file that the connection writes. SQLite would go on in a file that
    /// has no name.
    fn check_presence(&self) -> Result<(), StoreError> {
        if self.identity == file::identity(&self.path) {
            Ok(())
        } else {
            Err(self.error(StoreFault::Removed))
        }
    }

    fn error(&self, fault: impl Into<StoreFault>) -> StoreError {
        StoreError::new(&self.path, fault)
    }

    fn now(&self) -> i64 {
        micros(self.settings.clock.wall()).unwrap_or_default()
    }
}

impl Sink for Sqlite {
    /// Writes a batch in one transaction.
    ///
    /// # Errors
    /// `Skip` if a number is out of range, a frame was written before, or a track is twice in a frame. `Reset` if the file is
    /// locked, or the disk is full or failing: nothing was written. `Fatal` if the file is damaged, cannot be written, or was
    /// deleted or replaced.
    fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
        if batch.is_empty() {
            return Ok(());
        }
        let rollup = Rollup::of(batch).map_err(|fault| self.error(fault))?;
        let run = self.run;
        let embeddings = self.settings.embeddings;
        let done = self.transaction(|conn| {
            statements::sums(conn, run, &rollup)?;
            statements::faces(conn, run, batch, embeddings)?;
            zone_rows::write(conn, run, batch)
        });
        if let Err(error) = &done {
            self.over |= error.class() == ErrorClass::Fatal;
        }
        Ok(done?)
    }

    /// Makes every batch until now survive a power cut.
    ///
    /// # Errors
    /// As for [`Sink::write`]. Even after an error, the batches survive a killed process.
    fn flush(&mut self) -> Result<(), SinkError> {
        if self.dirty {
            self.durable(|conn, run, now| {
                conn.prepare_cached("UPDATE run SET flushed_us = ?2 WHERE id = ?1")?
                    .execute(params![run, now])
            })?;
        }
        Ok(())
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        if !self.over && !std::thread::panicking() {
            // A drop cannot return an error. A caller that needs the error must call `finish`.
            let _ = self.end();
        }
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite")
            .field("path", &self.path)
            .field("run", &self.run)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use passerby_testkit::suite::observation;

    use super::*;
    use crate::sqlite::reader::Reader;

    #[test]
    fn a_full_disk_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("full.db");
        let mut sink = Sqlite::open(&path, SqliteSettings::default()).unwrap();
        let run = sink.run();
        let limit = |sink: &Sqlite, pages: i64| {
            sink.conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
        };
        limit(&sink, 40);
        let mut written = 0;
        let error = loop {
            let batch: Vec<_> = (0..100).map(|i| observation(0, written + i)).collect();
            match sink.write(&batch) {
                Ok(()) => written += 100,
                Err(e) => break e,
            }
        };
        assert_eq!(error.class(), ErrorClass::Reset, "{error}");
        let reader = Reader::open(&path).unwrap();
        let stored = reader.counts(run).unwrap();
        assert!(written > 0 && stored.analysed == written && stored.observations == 2 * written);
        limit(&sink, 1_000_000);
        let batch: Vec<_> = (0..100).map(|i| observation(0, written + i)).collect();
        sink.write(&batch).unwrap();
        sink.finish().unwrap();
        assert_eq!(reader.counts(run).unwrap().analysed, written + 100);
        reader.check().unwrap();
    }

    #[test]
    fn a_file_that_became_read_only_is_fatal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("read.db");
        let mut sink = Sqlite::open(&path, SqliteSettings::default()).unwrap();
        sink.conn.pragma_update(None, "query_only", true).unwrap();
        let error = sink.write(&[observation(0, 0)]).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Fatal, "{error}");
        drop(sink);
        assert!(Reader::open(&path).unwrap().runs().unwrap()[0].ended.is_none());
    }
}
