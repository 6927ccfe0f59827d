//! Who was seen before the range of a question.

use std::collections::HashSet;

use rusqlite::params;

use super::passage::CameraNames;
use super::persons::Persons;
use super::question::TimeRange;
use crate::error::StoreError;
use crate::sqlite::Reader;

/// The confirmed tracks that began before a moment and have a person.
const EARLIER: &str = "
SELECT run, camera, track, person FROM track INDEXED BY track_passage
WHERE confirmed AND first_us < ?1 AND person IS NOT NULL";

/// The persons that the selected cameras saw before the range. Holds only persons with a passage in the range.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    by_camera: HashSet<(u32, u32)>,
    by_any: HashSet<u32>,
}

impl Earlier {
    /// Reads who was seen before the range. Reads nothing if the range has no beginning.
    ///
    /// # Errors
    /// As for [`Reader::runs`].
    pub(super) fn read(
        reader: &Reader,
        range: TimeRange,
        cameras: &CameraNames,
        persons: &Persons,
    ) -> Result<Self, StoreError> {
        let mut earlier = Self::default();
        if range.from == i64::MIN {
            return Ok(earlier);
        }
        reader.each(EARLIER, params![range.from], |row| {
            let (run, camera, track) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let person = persons.find(persons.resolve([run, camera, track], row.get(3)?));
            if let (Some(camera), Some(person)) = (cameras.number(run, camera), person) {
                earlier.by_camera.insert((camera, person));
                earlier.by_any.insert(person);
            }
            Ok(())
        })?;
        Ok(earlier)
    }

    /// Returns true if the camera saw the person before the range, or any selected camera did for `None`.
    pub(super) fn contains(&self, camera: Option<u32>, person: u32) -> bool {
        match camera {
            Some(camera) => self.by_camera.contains(&(camera, person)),
            None => self.by_any.contains(&person),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::{Sqlite, SqliteSettings};

    #[test]
    fn the_query_reads_an_index_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.db");
        Sqlite::open(&path, SqliteSettings::default()).unwrap().finish().unwrap();
        let sql = format!("EXPLAIN QUERY PLAN {EARLIER}");
        let plan = Reader::open(&path).unwrap().all(&sql, params![0], |row| row.get::<_, String>(3)).unwrap();
        assert_eq!(plan, ["SCAN track USING COVERING INDEX track_passage"]);
    }
}
