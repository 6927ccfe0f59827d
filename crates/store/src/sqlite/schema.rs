//! The tables, and the steps that upgrade older files.

use rusqlite::{Connection, TransactionBehavior};

use super::gallery::schema::{V3, V6};
use crate::error::StoreFault;

/// The value of `PRAGMA application_id` in every file of passerby: "pass".
pub(super) const APPLICATION_ID: i64 = 0x7061_7373;

/// Step `i` upgrades a file from `user_version` i to i + 1. A released step must never change.
pub(super) const MIGRATIONS: &[&str] = &[V1, V2, V3, V4, V5, V6];

/// Times are microseconds: `*_us` since 1970-01-01 UTC, `pts_us` since the start of the stream.
///
/// `observation` and `track` have no rowid: the rows of a track lie together, and their key serves the queries by track, the
/// foreign keys and the deletion of a track. Time has an index of its own. SQLite checks `track.person` at the commit,
/// because the row of a person is made from those of the person's tracks.
const V1: &str = "
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    started_us INTEGER NOT NULL,
    flushed_us INTEGER, -- last time everything until then was durable
    ended_us INTEGER, -- NULL: goes on, or broke off
    version TEXT NOT NULL -- of the program
) STRICT;

CREATE TABLE camera (
    run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    camera INTEGER NOT NULL,
    name TEXT,
    width INTEGER, -- of the last picture, pixels
    height INTEGER,
    analysed INTEGER NOT NULL DEFAULT 0, -- frames the detector ran on
    coasted INTEGER NOT NULL DEFAULT 0, -- frames the tracker alone handled
    first_seq INTEGER,
    last_seq INTEGER,
    first_us INTEGER,
    last_us INTEGER,
    PRIMARY KEY (run, camera)
) STRICT, WITHOUT ROWID;

CREATE TABLE person (
    run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    person INTEGER NOT NULL, -- the gallery's number: the same person only within its run
    first_us INTEGER NOT NULL,
    last_us INTEGER NOT NULL,
    sightings INTEGER NOT NULL, -- embedded looks
    age REAL, -- years; since step 2 the mean of the confirmed tracks, weighted by `track.found`
    age_low REAL,
    age_high REAL,
    p_male REAL,
    PRIMARY KEY (run, person)
) STRICT, WITHOUT ROWID;

CREATE TABLE track (
    run INTEGER NOT NULL,
    camera INTEGER NOT NULL,
    track INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    first_us INTEGER NOT NULL,
    last_us INTEGER NOT NULL,
    frames INTEGER NOT NULL, -- predicted boxes included
    confirmed INTEGER NOT NULL, -- 1: was believed at some time
    ended_seq INTEGER, -- NULL: lives, or the run broke off
    person INTEGER,
    similarity REAL,
    age REAL, -- years
    age_low REAL,
    age_high REAL,
    p_male REAL,
    PRIMARY KEY (run, camera, track),
    FOREIGN KEY (run, camera) REFERENCES camera (run, camera) ON DELETE CASCADE,
    FOREIGN KEY (run, person) REFERENCES person (run, person) DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;
CREATE INDEX track_person ON track (run, person) WHERE person IS NOT NULL;
CREATE INDEX track_time ON track (first_us);

CREATE TABLE observation (
    run INTEGER NOT NULL,
    camera INTEGER NOT NULL,
    track INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    pts_us INTEGER,
    wall_us INTEGER NOT NULL,
    state INTEGER NOT NULL, -- 0 tentative, 1 confirmed, 2 lost
    x1 REAL, -- pixels of the upright picture; NULL: not a number
    y1 REAL,
    x2 REAL,
    y2 REAL,
    score REAL, -- NULL: the box is a prediction
    PRIMARY KEY (run, camera, track, seq),
    FOREIGN KEY (run, camera, track) REFERENCES track (run, camera, track) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX observation_time ON observation (wall_us);

CREATE TABLE template ( -- empty unless embeddings are asked for
    run INTEGER NOT NULL,
    camera INTEGER NOT NULL,
    track INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    quality REAL,
    embedding BLOB NOT NULL, -- 32-bit floats, little-endian, of length 1 together
    PRIMARY KEY (run, camera, track, seq),
    FOREIGN KEY (run, camera, track) REFERENCES track (run, camera, track) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
";

/// Counts the frames of each track in which its face was found, and makes the attributes of a person their mean over the
/// confirmed tracks, weighted by these frames. Version 1 held those of the latest track.
const V2: &str = "
ALTER TABLE track ADD COLUMN found INTEGER NOT NULL DEFAULT 0; -- frames in which the face was found
UPDATE track SET found = (SELECT count(score) FROM observation AS o
    WHERE o.run = track.run AND o.camera = track.camera AND o.track = track.track);
UPDATE person SET (age, age_low, age_high, p_male) = (
    SELECT sum(age * w) / sum(w), sum(age_low * w) / sum(w), sum(age_high * w) / sum(w), sum(p_male * w) / sum(w)
    FROM (SELECT age, age_low, age_high, p_male, max(found, 1) AS w FROM track
        WHERE track.run = person.run AND track.person = person.person AND confirmed AND p_male IS NOT NULL));
";

/// All that answers read of a track, in the order of time: an answer about a part of the file reads that part of this index, and no
/// row of a table.
const V4: &str = "
CREATE INDEX track_passage ON track (last_us, first_us, person, found, age, age_low, age_high, p_male, confirmed)
    WHERE confirmed;
DROP INDEX track_time;
";

/// What tracks did at zones and lines. The rows belong to the camera and not to the track, because a full queue may lose the frame
/// with which a track began. The time of a stay is that of the stream, which differs from the time of day for a file that was
/// analysed faster than it was recorded.
const V5: &str = "
CREATE TABLE zone_stay (
    run INTEGER NOT NULL,
    camera INTEGER NOT NULL,
    zone TEXT NOT NULL,
    track INTEGER NOT NULL,
    entered_seq INTEGER NOT NULL,
    entered_us INTEGER NOT NULL,
    left_us INTEGER, -- NULL: was in the zone when its camera or the run ended
    dwell_us INTEGER, -- in the time of the stream
    PRIMARY KEY (run, camera, zone, track, entered_seq),
    FOREIGN KEY (run, camera) REFERENCES camera (run, camera) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX zone_stay_time ON zone_stay (entered_us);

CREATE TABLE line_crossing (
    run INTEGER NOT NULL,
    camera INTEGER NOT NULL,
    line TEXT NOT NULL,
    track INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    wall_us INTEGER NOT NULL,
    to_right INTEGER NOT NULL, -- 1: from the left of the line to its right, as seen from its beginning
    PRIMARY KEY (run, camera, line, track, seq),
    FOREIGN KEY (run, camera) REFERENCES camera (run, camera) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX line_crossing_time ON line_crossing (wall_us);
";

/// The content of a database file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// No tables yet.
    Blank,
    /// Tables of this version.
    Version(i64),
}

/// Returns the content of the file without a change to it. `conn` must be in a transaction if others may write, because this
/// takes several reads.
pub(super) fn content(conn: &Connection, known: i64) -> Result<Content, StoreFault> {
    let number = |pragma| conn.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let application = number("application_id")?;
    let version = number("user_version")?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, version) {
        (APPLICATION_ID, found) if found > known => Err(StoreFault::Newer { found, known }),
        (APPLICATION_ID, found) if found > 0 => Ok(Content::Version(found)),
        (0, 0) if tables == 0 => Ok(Content::Blank),
        _ => Err(StoreFault::Foreign),
    }
}

/// Upgrades the file to the version of the last step. Each step is a transaction of its own: a step that fails leaves the
/// file at the step before.
pub(super) fn migrate(conn: &mut Connection, steps: &[&str]) -> Result<(), StoreFault> {
    let known = steps.len() as i64;
    loop {
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // This read is under the lock, because another process may have upgraded the file in the meantime.
        let version = match content(&tx, known)? {
            Content::Blank => 0,
            Content::Version(version) => version,
        };
        let Some(step) = usize::try_from(version).ok().and_then(|v| steps.get(v)) else {
            return Ok(());
        };
        tx.execute_batch(step)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", version + 1)?;
        tx.commit()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(conn: &Connection) -> i64 {
        conn.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    #[test]
    fn an_upgraded_file_keeps_its_rows() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn, MIGRATIONS).unwrap();
        conn.execute("INSERT INTO run (started_us, version) VALUES (5, 'old')", []).unwrap();
        let mut steps = MIGRATIONS.to_vec();
        steps.push("ALTER TABLE run ADD COLUMN note TEXT NOT NULL DEFAULT 'none'");
        steps.push("CREATE TABLE more (id INTEGER PRIMARY KEY)");
        migrate(&mut conn, &steps).unwrap();
        assert_eq!(version(&conn), steps.len() as i64);
        let row: (i64, String) = conn
            .query_row("SELECT started_us, note FROM run", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!(row, (5, "none".into()));
        migrate(&mut conn, &steps).unwrap();
        // The version before refuses the file now.
        let newer = content(&conn, MIGRATIONS.len() as i64).unwrap_err();
        assert!(matches!(newer, StoreFault::Newer { found: 8, known: 6 }), "{newer}");
        assert!(matches!(migrate(&mut conn, MIGRATIONS), Err(StoreFault::Newer { .. })));
    }

    #[test]
    fn step_2_computes_the_figures_of_older_rows() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn, &MIGRATIONS[..1]).unwrap();
        conn.execute_batch(
            "INSERT INTO run (id, started_us, version) VALUES (1, 0, 'old');
            INSERT INTO camera (run, camera) VALUES (1, 0);
            INSERT INTO person (run, person, first_us, last_us, sightings, age, age_low, age_high, p_male)
                VALUES (1, 7, 0, 9, 3, 40, 35, 45, 0.5);
            INSERT INTO track (run, camera, track, first_seq, last_seq, first_us, last_us, frames, confirmed,
                    person, age, age_low, age_high, p_male)
                VALUES (1, 0, 1, 0, 3, 0, 3, 4, 1, 7, 30, 25, 35, 0.5), (1, 0, 2, 4, 4, 4, 4, 1, 1, 7, 40, 35, 45, 0.5);
            INSERT INTO observation (run, camera, track, seq, wall_us, state, score)
                VALUES (1, 0, 1, 0, 0, 1, 0.9), (1, 0, 1, 1, 1, 1, 0.9), (1, 0, 1, 2, 2, 1, 0.9), (1, 0, 1, 3, 3, 2, NULL),
                    (1, 0, 2, 4, 4, 1, 0.9);",
        )
        .unwrap();
        migrate(&mut conn, MIGRATIONS).unwrap();
        let found: Vec<i64> = (1..=2)
            .map(|track| {
                conn.query_row("SELECT found FROM track WHERE track = ?1", [track], |row| row.get(0)).unwrap()
            })
            .collect();
        assert_eq!(found, [3, 1]);
        let age: f64 = conn.query_row("SELECT age FROM person", [], |row| row.get(0)).unwrap();
        assert_eq!(age, 32.5);
    }

    #[test]
    fn a_step_that_fails_leaves_the_file_as_it_was() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn, MIGRATIONS).unwrap();
        let mut steps = MIGRATIONS.to_vec();
        steps.push("CREATE TABLE half (id INTEGER); CREATE TABLE run (id INTEGER)");
        assert!(migrate(&mut conn, &steps).is_err());
        assert_eq!(version(&conn), MIGRATIONS.len() as i64);
        let half: i64 = conn
            .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'half'", [], |row| row.get(0))
            .unwrap();
        assert_eq!(half, 0);
    }

    #[test]
    fn a_database_of_another_program_is_foreign() {
        let conn = Connection::open_in_memory().unwrap();
        assert_eq!(content(&conn, 1).unwrap(), Content::Blank);
        conn.execute_batch("CREATE TABLE theirs (id INTEGER)").unwrap();
        assert!(matches!(content(&conn, 1), Err(StoreFault::Foreign)));
    }
}
