//! Removes rows that are older than a run may keep them.

use std::ops::AddAssign;
use std::time::SystemTime;

use rusqlite::{Connection, params};

use super::convert::micros;
use super::sink::Sqlite;
use crate::error::StoreError;

/// The rows that [`Sqlite::expire`] removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpiredRows {
    /// Boxes of these tracks.
    pub observations: u64,
    /// Tracks whose last frame was too old.
    pub tracks: u64,
    /// Times of tracks in zones.
    pub zone_stays: u64,
    /// Crossings of lines.
    pub line_crossings: u64,
    /// Persons of runs, of whom no track was left. Their names and templates in the gallery stay.
    pub persons: u64,
    /// Runs that have ended, of which nothing was left.
    pub runs: u64,
}

impl ExpiredRows {
    /// Returns each table with its number of removed rows.
    #[must_use]
    pub fn by_table(&self) -> [(&'static str, u64); 6] {
        [
            ("observation", self.observations),
            ("track", self.tracks),
            ("zone_stay", self.zone_stays),
            ("line_crossing", self.line_crossings),
            ("person", self.persons),
            ("run", self.runs),
        ]
    }

    /// Returns true if no row was removed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_table().iter().all(|(_, rows)| *rows == 0)
    }
}

impl AddAssign for ExpiredRows {
    fn add_assign(&mut self, other: Self) {
        self.observations += other.observations;
        self.tracks += other.tracks;
        self.zone_stays += other.zone_stays;
        self.line_crossings += other.line_crossings;
        self.persons += other.persons;
        self.runs += other.runs;
    }
}

/// The boxes of the tracks that [`TRACKS`] removes. `?1` is the time, and `?2` the most rows.
const OBSERVATIONS: &str = "SELECT count(*) FROM observation WHERE (run, camera, track) IN
    (SELECT run, camera, track FROM track WHERE last_us < ?1 ORDER BY run, camera, track LIMIT ?2)";

/// A track goes with all of its boxes, or stays with all of them, so that its counts are always those of its rows.
const TRACKS: &str = "DELETE FROM track WHERE (run, camera, track) IN
    (SELECT run, camera, track FROM track WHERE last_us < ?1 ORDER BY run, camera, track LIMIT ?2)";

/// Tracks that a split gave to another person, and that are gone.
const SPLITS: &str = "DELETE FROM gallery_track AS g WHERE NOT EXISTS
    (SELECT 1 FROM track AS t WHERE t.run = g.run AND t.camera = g.camera AND t.track = g.track)";

/// A stay without an end goes on, if its run does.
const ZONE_STAYS: &str = "DELETE FROM zone_stay WHERE (run, camera, zone, track, entered_seq) IN
    (SELECT run, camera, zone, track, entered_seq FROM zone_stay
        WHERE entered_us < ?1 AND iif(left_us IS NULL AND run = ?3, ?1, ifnull(left_us, entered_us)) < ?1 LIMIT ?2)";

const LINE_CROSSINGS: &str = "DELETE FROM line_crossing WHERE (run, camera, line, track, seq) IN
    (SELECT run, camera, line, track, seq FROM line_crossing WHERE wall_us < ?1 LIMIT ?2)";

const PERSONS: &str = "DELETE FROM person WHERE (run, person) IN (SELECT run, person FROM person AS p
    WHERE last_us < ?1 AND NOT EXISTS
        (SELECT 1 FROM track AS t INDEXED BY track_person WHERE t.run = p.run AND t.person = p.person) LIMIT ?2)";

/// A run without an end may be that of another program.
const RUNS: &str = "DELETE FROM run WHERE id IN (SELECT id FROM run AS r WHERE id <> ?3 AND ended_us < ?1
    AND NOT EXISTS (SELECT 1 FROM track WHERE run = r.id)
    AND NOT EXISTS (SELECT 1 FROM zone_stay WHERE run = r.id)
    AND NOT EXISTS (SELECT 1 FROM line_crossing WHERE run = r.id) LIMIT ?2)";

impl Sqlite {
    /// Removes tracks whose last frame is before a time of day with their boxes, and stays and crossings before it, of all runs
    /// of the file, in one transaction of at most `most` tracks and `most` rows of each other table. So that other writers wait
    /// for a short time only, the caller should call it with a small number until [`ExpiredRows::is_empty`] is true.
    ///
    /// The gallery keeps its persons, with the numbers of their tracks. The file does not become smaller: SQLite uses the
    /// free pages for new rows. [`SqliteJournal::erase_traces`](crate::SqliteJournal::erase_traces) rewrites the file without them.
    ///
    /// # Errors
    /// As for [`Sink::write`](passerby_types::Sink::write). Nothing of the call has changed then.
    pub fn expire(&mut self, before: SystemTime, most: u32) -> Result<ExpiredRows, StoreError> {
        // A time that the file cannot hold is before all of its rows.
        let Some(before) = micros(before) else { return Ok(ExpiredRows::default()) };
        let run = self.run().0;
        let mut removed = ExpiredRows::default();
        self.transaction(|conn| {
            let delete = |conn: &Connection, sql: &str| -> rusqlite::Result<u64> {
                let mut statement = conn.prepare_cached(sql)?;
                let rows = match statement.parameter_count() {
                    2 => statement.execute(params![before, most])?,
                    _ => statement.execute(params![before, most, run])?,
                };
                Ok(rows as u64)
            };
            let boxes: i64 = conn.query_row(OBSERVATIONS, params![before, most], |row| row.get(0))?;
            removed.observations = boxes.unsigned_abs();
            removed.tracks = delete(conn, TRACKS)?;
            if removed.tracks > 0 {
                conn.execute(SPLITS, [])?;
            }
            removed.zone_stays = delete(conn, ZONE_STAYS)?;
            removed.line_crossings = delete(conn, LINE_CROSSINGS)?;
            removed.persons = delete(conn, PERSONS)?;
            removed.runs = delete(conn, RUNS)?;
            Ok(())
        })?;
        Ok(removed)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use passerby_testkit::SimulatedClock;
    use passerby_testkit::suite::observation;
    use passerby_types::{LineSide, Observation, Sink, TrackId, ZoneChange, ZoneEvent};

    use super::*;
    use crate::{Reader, RunId, SqliteSettings};

    /// A frame of two tracks at this second of 2026.
    fn at(camera: u32, seq: u64, second: u64) -> Observation {
        let mut observation = observation(camera, seq);
        observation.meta = observation.meta.with_wall(moment(second));
        observation
    }

    fn moment(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600 + second)
    }

    /// Expires rows in small steps until nothing is left. Returns the sum.
    fn expire(sink: &mut Sqlite, second: u64) -> ExpiredRows {
        let mut sum = ExpiredRows::default();
        loop {
            let step = sink.expire(moment(second), 7).unwrap();
            if step.is_empty() {
                return sum;
            }
            assert!(step.by_table()[1..].iter().all(|(_, rows)| *rows <= 7), "{step:?}");
            sum += step;
        }
    }

    #[test]
    fn rows_before_a_time_are_removed_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passerby.db");
        // A run of which nothing is left, and one whose second half is.
        let clock = SimulatedClock::new();
        let mut sink =
            Sqlite::open(&path, SqliteSettings { clock: Arc::new(clock), ..Default::default() }).unwrap();
        sink.write(&(0..10).map(|seq| at(0, seq, seq)).collect::<Vec<_>>()).unwrap();
        sink.finish().unwrap();
        let mut sink = Sqlite::open(&path, SqliteSettings::default()).unwrap();
        let mut frames: Vec<Observation> = (0..20).map(|seq| at(0, seq, 100 + seq)).collect();
        frames[3].faces.iter_mut().for_each(|face| face.track = TrackId(50 + face.track.0));
        let zone =
            |seq: usize, change| ZoneEvent { track: TrackId(1), at: Duration::from_secs(seq as u64), change };
        let hall = || Arc::from("hall");
        frames[1].zone_events = vec![zone(1, ZoneChange::Entered { zone: hall() })];
        frames[4].zone_events = vec![
            zone(4, ZoneChange::Left { zone: hall(), dwell: Duration::from_secs(3) }),
            zone(4, ZoneChange::Crossed { line: Arc::from("gate"), from: LineSide::Left }),
            zone(4, ZoneChange::Entered { zone: hall() }),
        ];
        frames[15].zone_events =
            vec![zone(15, ZoneChange::Crossed { line: Arc::from("gate"), from: LineSide::Left })];
        sink.write(&frames).unwrap();

        let removed = expire(&mut sink, 110);
        // Of the first run 20 boxes, two tracks and a person. Of the second one the two tracks of a single frame: the others go on.
        let expected = ExpiredRows {
            observations: 22,
            tracks: 4,
            zone_stays: 1,
            line_crossings: 1,
            persons: 1,
            runs: 1,
        };
        assert_eq!(removed, expected);
        assert_eq!(expire(&mut sink, 110), ExpiredRows::default(), "a second time there is nothing");

        let reader = Reader::open(&path).unwrap();
        reader.check().unwrap();
        assert_eq!(reader.runs().unwrap().iter().map(|run| run.id).collect::<Vec<_>>(), [RunId(2)]);
        assert_eq!(reader.counts(RunId(2)).unwrap().observations, 38);
        let tracks: Vec<u64> = reader.tracks(RunId(2)).unwrap().iter().map(|row| row.key.track.0).collect();
        assert_eq!(tracks, [1, 2], "tracks that go on stay");
        let conn = Connection::open(&path).unwrap();
        assert_eq!(
            conn.query_row("SELECT count(*) FROM zone_stay WHERE left_us IS NULL", [], |row| row
                .get::<_, i64>(0))
                .unwrap(),
            1,
            "a stay goes on"
        );
        // The run goes on, too.
        sink.write(&[at(0, 30, 130)]).unwrap();
        sink.finish().unwrap();
        assert_eq!(reader.counts(RunId(2)).unwrap().observations, 40);
    }

    #[test]
    fn rows_of_another_program_s_run_expire_but_its_run_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passerby.db");
        let mut other = Sqlite::open(&path, SqliteSettings::default()).unwrap();
        let mut sink = Sqlite::open(&path, SqliteSettings::default()).unwrap();
        other.write(&[at(0, 1, 1)]).unwrap();
        assert_eq!(expire(&mut sink, 50).observations, 2);
        other.write(&[at(0, 2, 60)]).unwrap();
        other.finish().unwrap();
        assert_eq!(Reader::open(&path).unwrap().runs().unwrap().len(), 2);
    }
}
