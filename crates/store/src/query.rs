//! Reading a database back.

use std::fmt;
use std::path::{Path, PathBuf};

use passerby_types::{Age, Attributes, CameraId, PersonId, TrackId, TrackKey};
use rusqlite::{Connection, Params, Row, params};

use crate::rows::{CameraRow, Counts, PersonRow, RunId, RunRow, TrackRow};
use crate::value::wall;
use crate::{StoreError, StoreFault, sqlite};

/// Reads a database of [`crate::Sqlite`], also while another connection or process writes it: each call sees one
/// state of the file, that of the last batch committed before it.
pub struct Reader {
    conn: Connection,
    path: PathBuf,
}

impl Reader {
    /// Opens a file to read. It is not changed; companions `-wal` and `-shm` may appear beside it.
    ///
    /// # Errors
    /// [`StoreFault::Io`]: there is no such file, or it cannot be read. [`StoreFault::Blank`]: nothing was written yet; try
    /// later. [`StoreFault::NotDatabase`], [`StoreFault::Foreign`], [`StoreFault::Newer`]: something else is there.
    /// [`StoreFault::Older`]: [`crate::Sqlite::open`] upgrades it. [`StoreFault::Damaged`]: the file is broken.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let conn = sqlite::open_to_read(&path)?;
        Ok(Self { conn, path })
    }

    /// The runs, oldest first. Empty where the file was made but no run began.
    ///
    /// # Errors
    /// [`StoreFault::Busy`], [`StoreFault::Disk`]: may succeed later. [`StoreFault::Damaged`]: the file is broken. So for all calls
    /// below.
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

    /// The cameras of a run, by number. Empty where there is no such run, or it has none.
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

    /// The persons of a run who have a track, by number. One whose tracks all turned out to be another's is not
    /// among them. Empty where nobody was identified.
    ///
    /// # Errors
    /// As for [`Reader::runs`].
    pub fn persons(&self, run: RunId) -> Result<Vec<PersonRow>, StoreError> {
        let sql = "SELECT p.person, p.first_us, p.last_us, p.sightings, count(*), count(DISTINCT t.camera),
                sum(t.frames), p.age, p.age_low, p.age_high, p.p_male
            FROM person p JOIN track t ON t.run = p.run AND t.person = p.person
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

    /// The tracks of a run, by camera and number. Empty where there are none.
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

    /// The numbers of the frames of a camera in which there is a face, rising, each once. Empty where there is none.
    /// Frames without a face are in [`CameraRow`]'s counts alone.
    ///
    /// # Errors
    /// As for [`Reader::runs`].
    pub fn frames(&self, run: RunId, camera: CameraId) -> Result<Vec<u64>, StoreError> {
        let sql = "SELECT DISTINCT seq FROM observation WHERE run = ?1 AND camera = ?2 ORDER BY seq";
        self.all(sql, params![run.0, camera.0], |row| number(row, 0))
    }

    /// How much there is of a run; all zero where there is no such run.
    ///
    /// # Errors
    /// As for [`Reader::runs`].
    pub fn counts(&self, run: RunId) -> Result<Counts, StoreError> {
        // The tracks' counts stand for the rows of `observation`, which may be millions.
        let sql = "SELECT
                (SELECT count(*) FROM camera WHERE run = ?1),
                (SELECT ifnull(sum(analysed), 0) FROM camera WHERE run = ?1),
                (SELECT ifnull(sum(coasted), 0) FROM camera WHERE run = ?1),
                ifnull(sum(frames), 0), count(*), ifnull(sum(confirmed), 0), count(DISTINCT person),
                (SELECT count(*) FROM template WHERE run = ?1)
            FROM track WHERE run = ?1";
        let rows = self.all(sql, params![run.0], |row| {
            Ok(Counts {
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

    /// Checks the whole file: its structure, that every row's parent exists, and that every track has as many rows
    /// in `observation` as it counts. Takes time in proportion to the file.
    ///
    /// # Errors
    /// [`StoreFault::Damaged`] with the first thing found wrong, and as for [`Reader::runs`].
    pub fn check(&self) -> Result<(), StoreError> {
        let said = self.all("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0))?;
        let wrong = said.into_iter().find(|line| line != "ok");
        let wrong = match wrong {
            Some(line) => Some(line),
            None => self.orphan()?,
        };
        let wrong = match wrong {
            Some(line) => Some(line),
            None => self.miscount()?,
        };
        match wrong {
            Some(what) => Err(StoreError::new(&self.path, StoreFault::Damaged(what))),
            None => Ok(()),
        }
    }

    fn orphan(&self) -> Result<Option<String>, StoreError> {
        let found = self.all("PRAGMA foreign_key_check", [], |row| {
            let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
            Ok(format!("a row of {table} without its {parent}"))
        })?;
        Ok(found.into_iter().next())
    }

    fn miscount(&self) -> Result<Option<String>, StoreError> {
        let sql = "SELECT t.run, t.camera, t.track, t.frames, count(o.seq) AS rows
            FROM track t LEFT JOIN observation o
                ON o.run = t.run AND o.camera = t.camera AND o.track = t.track
            GROUP BY t.run, t.camera, t.track HAVING t.frames <> rows LIMIT 1";
        let found = self.all(sql, [], |row| {
            let [run, camera, track, frames, rows] = [0, 1, 2, 3, 4].map(|i| row.get::<_, i64>(i));
            let (run, camera, track) = (run?, camera?, track?);
            let (frames, rows) = (frames?, rows?);
            Ok(format!(
                "track {track} of camera {camera} in run {run} counts {frames} frames and has {rows} rows"
            ))
        })?;
        Ok(found.into_iter().next())
    }

    fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let run = || -> rusqlite::Result<Vec<T>> {
            let mut statement = self.conn.prepare_cached(sql)?;
            statement.query_map(params, read)?.collect()
        };
        run().map_err(|e| StoreError::new(&self.path, e))
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A count or an id. The sink writes none below zero.
fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::unsigned_abs)
}

fn maybe(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    row.get::<_, Option<i64>>(column).map(|n| n.map(i64::unsigned_abs))
}

/// Years, low, high and the probability of male from this column on; `None` where the last is NULL.
fn attributes(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Attributes>> {
    let Some(p_male) = row.get(first + 3)? else {
        return Ok(None);
    };
    let age = Age { years: row.get(first)?, low: row.get(first + 1)?, high: row.get(first + 2)? };
    Ok(Some(Attributes { age, p_male }))
}
