//! Who a row of the database is. This is the only place that turns the numbers of a row into a person.

use std::collections::{HashMap, HashSet};
use std::fmt;

use passerby_types::PersonId;

use crate::error::StoreError;
use crate::sqlite::{Reader, RunId};

/// A person of a database.
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonKey {
    /// The run that the number belongs to, or `None` if the number is the gallery's, which means the same person in all runs.
    #[cfg_attr(feature = "serde", serde(serialize_with = "run_number"))]
    pub run: Option<RunId>,
    /// The number.
    pub id: PersonId,
}

impl fmt::Display for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.run {
            Some(run) => write!(f, "{} of {run}", self.id),
            None => self.id.fmt(f),
        }
    }
}

#[cfg(feature = "serde")]
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn run_number<S: serde::Serializer>(run: &Option<RunId>, serializer: S) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&run.map(|run| run.0), serializer)
}

/// The persons of the rows that were read, each with a small number of its own.
#[derive(Debug, Default)]
pub(super) struct Persons {
    numbers: HashMap<PersonKey, u32>,
    keys: Vec<PersonKey>,
    gallery: GalleryNumbers,
}

/// What the gallery's tables say about the numbers of tracks: the view `track_identity` for rows that were read already, which takes
/// a third of the time of a join with it.
#[derive(Debug, Default)]
struct GalleryNumbers {
    /// The runs whose persons have the gallery's numbers.
    runs: HashSet<i64>,
    /// The tracks that a split gave to another person.
    splits: HashMap<[i64; 3], i64>,
    /// The persons that aliases stand for.
    roots: HashMap<i64, i64>,
    names: HashMap<PersonId, String>,
}

impl GalleryNumbers {
    fn read(reader: &Reader) -> Result<Self, StoreError> {
        let runs = reader.all("SELECT id FROM run WHERE gallery", [], |row| row.get(0))?;
        let splits = reader.all("SELECT run, camera, track, person FROM gallery_track", [], |row| {
            Ok(([row.get(0)?, row.get(1)?, row.get(2)?], row.get(3)?))
        })?;
        let roots = "SELECT person, root FROM gallery_person WHERE person <> root";
        let roots = reader.all(roots, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let names = "SELECT person, name FROM known_person WHERE name IS NOT NULL";
        let names = reader.all(names, [], |row| Ok((person_id(row.get(0)?), row.get(1)?)))?;
        Ok(Self {
            runs: runs.into_iter().collect(),
            splits: splits.into_iter().collect(),
            roots: roots.into_iter().collect(),
            names: names.into_iter().collect(),
        })
    }
}

fn person_id(number: i64) -> PersonId {
    PersonId(number.unsigned_abs())
}

impl Persons {
    /// Reads what the gallery says about numbers.
    ///
    /// # Errors
    /// As for [`Reader::runs`].
    pub(super) fn read(reader: &Reader) -> Result<Self, StoreError> {
        Ok(Self { gallery: GalleryNumbers::read(reader)?, ..Self::default() })
    }

    /// Returns the person of a track, after merges and splits. `track` is its run, camera and number, and `person` is the number
    /// that its row has.
    pub(super) fn resolve(&self, track: [i64; 3], person: i64) -> PersonKey {
        let [run, ..] = track;
        if !self.gallery.runs.contains(&run) {
            return PersonKey { run: Some(RunId(run)), id: person_id(person) };
        }
        let person = *self.gallery.splits.get(&track).unwrap_or(&person);
        let root = *self.gallery.roots.get(&person).unwrap_or(&person);
        PersonKey { run: None, id: person_id(root) }
    }

    /// Returns the small number of the person, a new one if it has none.
    pub(super) fn number(&mut self, key: PersonKey) -> u32 {
        *self.numbers.entry(key).or_insert_with(|| {
            self.keys.push(key);
            (self.keys.len() - 1) as u32
        })
    }

    /// Returns the small number of the person, or `None` if it has none.
    pub(super) fn find(&self, key: PersonKey) -> Option<u32> {
        self.numbers.get(&key).copied()
    }

    /// Returns the person of a small number.
    pub(super) fn key(&self, number: u32) -> PersonKey {
        self.keys[number as usize]
    }

    /// Returns the name of the person, or `None` if it has none.
    pub(super) fn name(&self, number: u32) -> Option<String> {
        let key = self.key(number);
        self.gallery.names.get(&key.id).filter(|_| key.run.is_none()).cloned()
    }
}
