//! Reads the passages that a question selects.

use std::collections::HashMap;

use jiff::Timestamp;
use passerby_types::{Age, Attributes};
use rusqlite::params;

use super::persons::{PersonKey, Persons};
use super::question::{Question, TimeRange};
use crate::error::{StoreError, StoreFault};
use crate::sqlite::Reader;

/// The longest passage that counts, in microseconds: 366 days. A longer one comes from a clock that was set while the track lived.
const MAX_PASSAGE_US: i64 = 366 * 24 * 3_600_000_000;

/// The confirmed tracks that overlap a time range. All of it comes from one index.
const PASSAGES: &str = "
SELECT run, camera, track, person, first_us, last_us, found, age, age_low, age_high, p_male
FROM track INDEXED BY track_passage WHERE confirmed AND first_us < ?1 AND last_us >= ?2";

/// One confirmed track. The times are microseconds since 1970, and the numbers those of [`CameraNames`] and [`Persons`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Passage {
    pub(super) camera: u32,
    pub(super) person: Option<u32>,
    pub(super) first: i64,
    pub(super) last: i64,
    /// The number of frames in which the face was found.
    pub(super) found: u64,
    pub(super) attributes: Option<Attributes>,
}

/// The cameras of a database by name.
#[derive(Debug)]
pub(super) struct CameraNames {
    pub(super) names: Vec<String>,
    /// The place in `names` of each run's camera. Cameras that a question leaves out are not in it.
    numbers: HashMap<(i64, i64), u32>,
}

impl CameraNames {
    /// Reads the cameras that the question selects. Their numbers follow the order of their names.
    ///
    /// # Errors
    /// [`StoreFault::Unknown`] if the question names a camera that the database does not have, and as for [`Reader::runs`].
    pub(super) fn read(reader: &Reader, question: &Question) -> Result<Self, StoreError> {
        let sql = "SELECT run, camera, ifnull(nullif(name, ''), 'camera ' || camera) FROM camera";
        let rows = reader.all(sql, [], |row| Ok(((row.get(0)?, row.get(1)?), row.get::<_, String>(2)?)))?;
        for name in &question.cameras {
            if !rows.iter().any(|(_, known)| known == name) {
                return Err(reader.error(StoreFault::Unknown { what: "camera", name: name.clone() }));
            }
        }
        let is_selected =
            |name: &String| question.cameras.is_empty() || question.cameras.iter().any(|n| n == name);
        let mut names: Vec<String> = rows.iter().map(|(_, name)| name.clone()).filter(is_selected).collect();
        names.sort_unstable();
        names.dedup();
        let number = |name: &String| names.binary_search(name).ok().map(|place| place as u32);
        let numbers = rows.iter().filter_map(|(key, name)| Some((*key, number(name)?))).collect();
        Ok(Self { names, numbers })
    }

    /// Returns the number of a run's camera, or `None` if the question leaves it out.
    pub(super) fn number(&self, run: i64, camera: i64) -> Option<u32> {
        self.numbers.get(&(run, camera)).copied()
    }
}

/// Reads the passages, in no particular order, and the number of those that are left out because of their times. Passages that end
/// at most a gap before the range are among them, because a visit may have begun with them.
///
/// # Errors
/// As for [`Reader::runs`].
pub(super) fn read(
    reader: &Reader,
    wanted: &[PersonKey],
    range: TimeRange,
    cameras: &CameraNames,
    persons: &mut Persons,
) -> Result<(Vec<Passage>, u64), StoreError> {
    let mut passages = Vec::new();
    let mut left_out = 0;
    reader.each(PASSAGES, params![range.to, range.from.saturating_sub(range.gap)], |row| {
        let (run, camera, track) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let Some(number) = cameras.number(run, camera) else { return Ok(()) };
        let person = row.get::<_, Option<i64>>(3)?;
        let person = person.map(|person| persons.resolve([run, camera, track], person));
        if !wanted.is_empty() && !person.is_some_and(|person| wanted.contains(&person)) {
            return Ok(());
        }
        let (first, last): (i64, i64) = (row.get(4)?, row.get(5)?);
        if !is_plausible(first, last) {
            left_out += 1;
            return Ok(());
        }
        let attributes = match row.get(10)? {
            Some(p_male) => {
                let age = Age { years: row.get(7)?, low: row.get(8)?, high: row.get(9)? };
                Some(Attributes { age, p_male })
            }
            None => None,
        };
        passages.push(Passage {
            camera: number,
            person: person.map(|key| persons.number(key)),
            first,
            // What comes after the range is not known.
            last: last.min(range.to.saturating_sub(1)),
            found: row.get::<_, i64>(6)?.unsigned_abs(),
            attributes,
        });
        Ok(())
    })?;
    Ok((passages, left_out))
}

/// Returns true if the calendar has both times, and the passage is not too long.
fn is_plausible(first: i64, last: i64) -> bool {
    let calendar = Timestamp::MIN.as_microsecond()..=Timestamp::MAX.as_microsecond();
    calendar.contains(&first)
        && calendar.contains(&last)
        && (0..=MAX_PASSAGE_US).contains(&last.saturating_sub(first))
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
        let sql = format!("EXPLAIN QUERY PLAN {PASSAGES}");
        let plan =
            Reader::open(&path).unwrap().all(&sql, params![1, 0], |row| row.get::<_, String>(3)).unwrap();
        assert_eq!(plan, ["SEARCH track USING COVERING INDEX track_passage (last_us>?)"]);
    }
}
