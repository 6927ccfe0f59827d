//! Who was seen before the range of a question.

use std::collections::HashSet;

use rusqlite::params;

use super::passage::CameraNames;
use super::persons::Persons;
use super::question::TimeRange;
use crate::error::StoreError;
use crate::sqlite::Reader;

/// The persons of the confirmed tracks that began before a moment.
const EARLIER: &str = "
SELECT DISTINCT run, camera, person FROM track WHERE confirmed AND person IS NOT NULL AND first_us < ?1";

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
            let run = row.get(0)?;
            let person = persons.find(persons.resolve(run, row.get(2)?));
            if let (Some(camera), Some(person)) = (cameras.number(run, row.get(1)?), person) {
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
