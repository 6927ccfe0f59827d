//! Reads a database back.

use std::fmt;
use std::path::{Path, PathBuf};

use passerby_types::{Age, Attributes, CameraId, PersonId, TrackId, TrackKey};
use rusqlite::{Connection, Params, Row, params};

use super::convert::wall;
use super::file;
use super::gallery::TemplateKey;
use super::records::{CameraRow, PersonRow, RunId, RunRow, StoredCounts, TrackRow};
use crate::error::{StoreError, StoreFault};

/// Reads a database of [`crate::Sqlite`], also while another connection or process writes it. Each call sees one state of
/// the file: that after the last batch that was committed before the call. See [`crate::Sqlite`] for an example.
pub struct Reader {
    pub(super) conn: Connection,
    pub(super) path: PathBuf,
    pub(super) key: Option<TemplateKey>,
}

impl Reader {
    /// Opens a file to read. Does not change the file; companions `-wal` and `-shm` may appear beside it.
    ///
    /// # Errors
    /// - [`StoreFault::Io`] if the file does not exist or cannot be read.
    /// - [`StoreFault::Blank`] if no sink has written to the file yet. The caller may try again later.
    /// - [`StoreFault::NotDatabase`], [`StoreFault::Foreign`] or [`StoreFault::Newer`] if the file is something else.
    /// - [`StoreFault::Older`] if the file must be upgraded with [`crate::Sqlite::open`].
    /// - [`StoreFault::Damaged`] if the file is broken.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let conn = file::open_to_read(&path)?;
        Ok(Self { conn, path, key: None })
    }

    /// Decrypts the templates of [`Reader::gallery`] with this key. Nothing else of a file is encrypted.
    #[must_use]
    pub fn with_key(self, key: Option<TemplateKey>) -> Self {
        Self { key, ..self }
    }

    /// Returns the runs, oldest first, or an empty list if no run has begun.
    ///
    /// # Errors
    /// [`StoreFault::Busy`] or [`StoreFault::Disk`] if the call may succeed later, and [`StoreFault::Damaged`] if the file is
    /// broken.
    pub fn runs(&self) -> Result<Vec<RunRow>, StoreError> {
        let sql = "SELECT id, started_us, flushed_us, ended_us, version FROM run ORDER BY id";
        self.all(sql, [], |row| {
            Ok(RunRow {
                id: RunId(row.get(0)?),
                started: wall(row.get(1)?),
                flushed: row.get::<_, Option<i64>>(2)?.map(wall),
                ended: row.get::<_, Option<i64>>(3)?.map(wall),
                version: row.get(4)?,
            })
        })
    }

    /// Returns the cameras of a run by rising number, or an empty list if the run does not exist or has no camera.
    ///
    /// # Errors
    /// As for [`Reader::runs`].
    pub fn cameras(&self, run: RunId) -> Result<Vec<CameraRow>, StoreError> {
        let sql =
            "SELECT camera, name, width, height, analysed, coasted, first_seq, last_seq, first_us, last_us
            FROM camera WHERE run = ?1 ORDER BY camera";
        self.all(sql, params![run.0], |row| {
            Ok(CameraRow {
                id: CameraId(row.get(0)?),
                name: row.get(1)?,
                width: row.get(2)?,
                height: row.get(3)?,
                analysed: number(row, 4)?,
                coasted: number(row, 5)?,
                first_seq: maybe(row, 6)?,
                last_seq: maybe(row, 7)?,
                first_seen: row.get::<_, Option<i64>>(8)?.map(wall),
                last_seen: row.get::<_, Option<i64>>(9)?.map(wall),
            })
        })
    }

    /// Returns the persons of a run by rising number, or an empty list if no track was identified.
    ///
    /// Only confirmed tracks count. Leaves out a person whose tracks all turned out to be another person's.
    ///
    /// # Errors
    /// As for [`Reader::runs`].
    pub fn persons(&self, run: RunId) -> Result<Vec<PersonRow>, StoreError> {
        let sql = "SELECT p.person, p.first_us, p.last_us, p.sightings, count(*), count(DISTINCT t.camera),
                sum(t.found), p.age, p.age_low, p.age_high, p.p_male
            FROM person p JOIN track t ON t.run = p.run AND t.person = p.person AND t.confirmed
            WHERE p.run = ?1 GROUP BY p.person ORDER BY p.person";
        self.all(sql, params![run.0], |row| {
            Ok(PersonRow {
                id: PersonId(number(row, 0)?),
                first_seen: wall(row.get(1)?),
                last_seen: wall(row.get(2)?),
                sightings: number(row, 3)?,
                tracks: number(row, 4)?,
                cameras: number(row, 5)?,
                frames: number(row, 6)?,
                attributes: attributes(row, 7)?,
            })
        })
    }

    /// Returns the tracks of a run by rising camera and number, or an empty list if the run has no track.
    ///
    /// # Errors
    /// As for [`Reader::runs`].
    pub fn tracks(&self, run: RunId) -> Result<Vec<TrackRow>, StoreError> {
        let sql =
            "SELECT camera, track, first_seq, last_seq, first_us, last_us, frames, confirmed, ended_seq,
                person, similarity, age, age_low, age_high, p_male
            FROM track WHERE run = ?1 ORDER BY camera, track";
        self.all(sql, params![run.0], |row| {
            Ok(TrackRow {
                key: TrackKey { camera: CameraId(row.get(0)?), track: TrackId(number(row, 1)?) },
                first_seq: number(row, 2)?,
                last_seq: number(row, 3)?,
                first_seen: wall(row.get(4)?),
                last_seen: wall(row.get(5)?),
                frames: number(row, 6)?,
                confirmed: row.get(7)?,
                ended_seq: maybe(row, 8)?,
                person: maybe(row, 9)?.map(PersonId),
                similarity: row.get(10)?,
                attributes: attributes(row, 11)?,
            })
        })
    }

    /// Returns the numbers of the frames of a camera that hold a face, rising, each once.
    ///
    /// Frames without a face have no row of their own: only the counts of [`CameraRow`] include them.
    ///
    /// # Errors
    /// As for [`Reader::runs`].
    pub fn frames(&self, run: RunId, camera: CameraId) -> Result<Vec<u64>, StoreError> {
        let sql = "SELECT DISTINCT seq FROM observation WHERE run = ?1 AND camera = ?2 ORDER BY seq";
        self.all(sql, params![run.0, camera.0], |row| number(row, 0))
    }

    /// Returns the numbers of rows of a run, which are all zero if the run does not exist.
    ///
    /// # Errors
    /// As for [`Reader::runs`].
    pub fn counts(&self, run: RunId) -> Result<StoredCounts, StoreError> {
        // The counts of the tracks replace a count of the rows of `observation`, which may be millions.
        let sql = "SELECT
                (SELECT count(*) FROM camera WHERE run = ?1),
                (SELECT ifnull(sum(analysed), 0) FROM camera WHERE run = ?1),
                (SELECT ifnull(sum(coasted), 0) FROM camera WHERE run = ?1),
                ifnull(sum(frames), 0), count(*), ifnull(sum(confirmed), 0), count(DISTINCT person),
                (SELECT count(*) FROM template WHERE run = ?1)
            FROM track WHERE run = ?1";
        let rows = self.all(sql, params![run.0], |row| {
            Ok(StoredCounts {
                cameras: number(row, 0)?,
                analysed: number(row, 1)?,
                coasted: number(row, 2)?,
                observations: number(row, 3)?,
                tracks: number(row, 4)?,
                confirmed: number(row, 5)?,
                persons: number(row, 6)?,
                templates: number(row, 7)?,
            })
        })?;
        Ok(rows.first().copied().unwrap_or_default())
    }

    /// Checks the whole file: its structure, that the parent of every row exists, and that the frame count of every track
    /// equals its number of rows in `observation`. The time is proportional to the size of the file.
    ///
    /// # Errors
    /// [`StoreFault::Damaged`] with the first damage, and as for [`Reader::runs`].
    pub fn check(&self) -> Result<(), StoreError> {
        let lines = self.all("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0))?;
        let mut damage = lines.into_iter().find(|line| line != "ok");
        if damage.is_none() {
            damage = self.orphan()?;
        }
        if damage.is_none() {
            damage = self.miscount()?;
        }
        damage.map_or(Ok(()), |damage| Err(self.error(StoreFault::Damaged(damage))))
    }

    /// Returns a description of a row without its parent, or `None` if every row has one.
    fn orphan(&self) -> Result<Option<String>, StoreError> {
        let found = self.all("PRAGMA foreign_key_check", [], |row| {
            let table: String = row.get(0)?;
            let parent: String = row.get(2)?;
            Ok(format!("a row of {table} without its {parent}"))
        })?;
        Ok(found.into_iter().next())
    }

    /// Returns a description of a track whose frame count is wrong, or `None` if all are right.
    fn miscount(&self) -> Result<Option<String>, StoreError> {
        let sql = "SELECT t.run, t.camera, t.track, t.frames, count(o.seq) AS rows
            FROM track t LEFT JOIN observation o
                ON o.run = t.run AND o.camera = t.camera AND o.track = t.track
            GROUP BY t.run, t.camera, t.track HAVING t.frames <> rows LIMIT 1";
        let found = self.all(sql, [], |row| {
            let [run, camera, track, frames, rows] = [0, 1, 2, 3, 4].map(|i| row.get::<_, i64>(i));
            let key = format!("track {} of camera {} in run {}", track?, camera?, run?);
            Ok(format!("{key} counts {} frames and has {} rows", frames?, rows?))
        })?;
        Ok(found.into_iter().next())
    }

    /// Calls `read` with every row of a query.
    pub(crate) fn each(
        &self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        let run = || -> rusqlite::Result<()> {
            let mut statement = self.conn.prepare_cached(sql)?;
            let mut rows = statement.query(params)?;
            while let Some(row) = rows.next()? {
                read(row)?;
            }
            Ok(())
        };
        run().map_err(|e| self.error(e))
    }

    /// Calls `read`, whose queries all see the same state of the file.
    pub(crate) fn snapshot<T>(&self, read: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        // Dropping a transaction that wrote nothing ends it.
        let _state = self.conn.unchecked_transaction().map_err(|e| self.error(e))?;
        read()
    }

    pub(crate) fn error(&self, fault: impl Into<StoreFault>) -> StoreError {
        StoreError::new(&self.path, fault)
    }

    pub(crate) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let run = || -> rusqlite::Result<Vec<T>> {
            let mut statement = self.conn.prepare_cached(sql)?;
            statement.query_map(params, read)?.collect()
        };
        run().map_err(|e| self.error(e))
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Reads a count or an id. The sink never writes a negative one.
pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::unsigned_abs)
}

/// Reads a count or an id, or `None` if the column is NULL.
pub(super) fn maybe(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    row.get::<_, Option<i64>>(column).map(|n| n.map(i64::unsigned_abs))
}

/// Reads years, low, high and the probability of male from column `first` on. Returns `None` if the last is NULL.
pub(super) fn attributes(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Attributes>> {
    let Some(p_male) = row.get(first + 3)? else {
        return Ok(None);
    };
    let age = Age { years: row.get(first)?, low: row.get(first + 1)?, high: row.get(first + 2)? };
    Ok(Some(Attributes { age, p_male }))
}
