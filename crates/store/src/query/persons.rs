//! Who a row of the database is. This is the only place that turns the numbers of a row into a person.

use std::collections::HashMap;
use std::fmt;

use passerby_types::PersonId;

use crate::error::StoreError;
use crate::sqlite::{Reader, RunId};

/// A person of a database.
///
/// A gallery that counts from 1 in each run makes numbers that mean the same person only within a run.
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonKey {
    /// The run that the number belongs to.
    #[cfg_attr(feature = "serde", serde(serialize_with = "run_number"))]
    pub run: RunId,
    /// The number.
    pub id: PersonId,
}

impl fmt::Display for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.id, self.run)
    }
}

#[cfg(feature = "serde")]
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn run_number<S: serde::Serializer>(run: &RunId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(run.0)
}

/// The persons of the rows that were read, each with a small number of its own.
#[derive(Debug, Default)]
pub(super) struct Persons {
    numbers: HashMap<PersonKey, u32>,
    keys: Vec<PersonKey>,
}

impl Persons {
    /// Reads who is who.
    ///
    /// # Errors
    /// As for [`Reader::runs`].
    pub(super) fn read(_reader: &Reader) -> Result<Self, StoreError> {
        Ok(Self::default())
    }

    /// Returns the person of a row's numbers.
    pub(super) fn resolve(&self, run: i64, person: i64) -> PersonKey {
        PersonKey { run: RunId(run), id: PersonId(person.unsigned_abs()) }
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
    #[allow(clippy::unused_self, reason = "names come with the gallery's tables")]
    pub(super) fn name(&self, _number: u32) -> Option<String> {
        None
    }
}
