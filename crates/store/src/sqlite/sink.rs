//! The sink itself.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{CameraId, Clock, ErrorClass, Observation, Sink, SinkError, SystemClock};
use rusqlite::{Connection, TransactionBehavior, params};

use super::rollup::Rollup;
use super::{file, statements};
use crate::value::micros;
use crate::{RunId, StoreError, StoreFault};

/// How a [`Sqlite`] works.
#[derive(Clone)]
pub struct SqliteSettings {
    /// Whether embeddings are stored. Off by default: they are biometric.
    pub embeddings: bool,
    /// How long a call waits for another connection that holds the file. 2 s by default.
    pub busy_timeout: Duration,
    /// Says when the run began, was flushed and ended. The system's by default.
    pub clock: Arc<dyn Clock>,
}

impl Default for SqliteSettings {
    fn default() -> Self {
        Self { embeddings: false, busy_timeout: Duration::from_secs(2), clock: Arc::new(SystemClock::new()) }
    }
}

impl fmt::Debug for SqliteSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteSettings")
            .field("embeddings", &self.embeddings)
            .field("busy_timeout", &self.busy_timeout)
            .finish_non_exhaustive()
    }
}

/// Keeps observations in an SQLite file.
///
/// Every opening is a run of its own, and cameras, tracks and persons are kept by run: a gallery counts its persons
/// from 1 in each process, so person 1 of two runs are two persons.
///
/// Tables: `run`; `camera` (frames by what was done with them, also those without a face); `person`; `track` (from
/// when to when, who, attributes as last known); `observation` (one row a live track a frame: frame, times, box,
/// score, state); `template` (embeddings, empty unless [`SqliteSettings::embeddings`]). Times are whole
/// microseconds, rounded down. A number that is NaN or infinite is `NULL`, and so are the attributes of which one
/// number is. `.schema` in the `sqlite3` shell shows the columns with their meaning.
///
/// A batch is one transaction. After a kill the file holds every batch whose write returned; after a power cut at
/// least those before the last flush. Readers and one writer do not wait for each other (write-ahead log: the file
/// has companions `-wal` and `-shm` while it is open, and copying it then means copying all three).
///
/// The same track twice in one frame, or a frame written twice, is refused with its whole batch (`Skip`).
pub struct Sqlite {
    conn: Connection,
    path: PathBuf,
    run: i64,
    settings: SqliteSettings,
    /// Something was written since the last flush.
    dirty: bool,
    /// The run's row has its end, or must not get one.
    over: bool,
}

impl Sqlite {
    /// Opens a file and begins a run in it. The file is made where there is none, or where it is empty; one of an
    /// older version is upgraded.
    ///
    /// # Errors
    /// [`StoreFault::Io`]: there is no such folder, or the path is one. [`StoreFault::NotDatabase`], [`StoreFault::Foreign`],
    /// [`StoreFault::Newer`]: something else is there, which was not changed; use another path. [`StoreFault::Damaged`]: the
    /// file is broken; restore it or use another. [`StoreFault::ReadOnly`], [`StoreFault::NoWal`]: use another place.
    /// [`StoreFault::Busy`], [`StoreFault::Full`], [`StoreFault::Disk`]: may succeed later.
    pub fn open(path: impl AsRef<Path>, settings: SqliteSettings) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let conn = file::open_to_write(&path, settings.busy_timeout)?;
        let mut sink = Self { conn, path, run: 0, settings, dirty: false, over: true };
        let begun = sink.now();
        let insert = "INSERT INTO run (started_us, version) VALUES (?1, ?2)";
        sink.conn.execute(insert, params![begun, env!("CARGO_PKG_VERSION")]).map_err(|e| sink.error(e))?;
        (sink.run, sink.over) = (sink.conn.last_insert_rowid(), false);
        Ok(sink)
    }

    /// The run that this opening began.
    #[must_use]
    pub fn run(&self) -> RunId {
        RunId(self.run)
    }

    /// Gives cameras their names. A camera may also write before it has one, or without.
    ///
    /// # Errors
    /// As for [`Sink::write`]; no camera was named.
    pub fn cameras(&mut self, names: &[(CameraId, impl AsRef<str>)]) -> Result<(), StoreError> {
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

    /// Makes everything durable, ends the run, and with it the tracks that live, and closes the file. Dropping the sink does the same without a word of
    /// errors, except while a panic unwinds: then the run's row keeps no end, as after a kill.
    ///
    /// # Errors
    /// As for [`Sink::write`]. What was written before is there, but the run's row may have no end.
    pub fn finish(mut self) -> Result<(), StoreError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), StoreError> {
        self.over = true;
        self.durable(|conn, run, now| {
            // Who was still there when the last source ended was last seen in its last frame.
            conn.execute(
                "UPDATE track SET ended_seq = last_seq WHERE run = ?1 AND ended_seq IS NULL",
                params![run],
            )?;
            conn.execute("UPDATE run SET flushed_us = ?2, ended_us = ?2 WHERE id = ?1", params![run, now])
        })
    }

    /// Marks the run's row with `mark`, which is given the run and the time, with everything until then made durable.
    fn durable(
        &mut self,
        mark: impl FnOnce(&Connection, i64, i64) -> rusqlite::Result<usize>,
    ) -> Result<(), StoreError> {
        // With FULL a commit syncs the log, and with it all commits before; a checkpoint could be held up by readers.
        let (run, now) = (self.run, self.now());
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

    fn transaction(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<(), StoreFault>,
    ) -> Result<(), StoreError> {
        let begun = self.conn.transaction_with_behavior(TransactionBehavior::Immediate);
        let done = begun.map_err(StoreFault::from).and_then(|tx| {
            work(&tx)?; // Dropped on error, and so rolled back.
            Ok(tx.commit()?)
        });
        done.map_err(|fault| self.error(fault))?;
        self.dirty = true;
        Ok(())
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
    /// `Skip`: a number is out of range, a frame was written before, or a track is twice in a frame. `Reset`: the
    /// file is locked, the disk full or failing; nothing was written. `Fatal`: the file is damaged or cannot be
    /// written.
    fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
        if batch.is_empty() {
            return Ok(());
        }
        let rollup = Rollup::of(batch).map_err(|fault| self.error(fault))?;
        let (run, embeddings) = (self.run, self.settings.embeddings);
        let done = self.transaction(|conn| {
            statements::sums(conn, run, &rollup)?;
            statements::faces(conn, run, batch, embeddings)
        });
        if let Err(error) = &done {
            self.over |= error.class() == ErrorClass::Fatal;
        }
        Ok(done?)
    }

    /// Makes every batch written so far survive a power cut.
    ///
    /// # Errors
    /// As for [`Sink::write`]; what was written still survives a killed process.
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
            // Nobody is left to hear of an error; who wants to hear calls `finish`.
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
    use crate::Reader;

    #[test]
    fn a_full_disk_takes_nothing_and_everything_once_there_is_room() {
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
    fn a_file_that_became_read_only_is_the_end() {
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
