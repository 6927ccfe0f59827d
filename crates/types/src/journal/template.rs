//! The templates of persons, and the numbers of entries, which are theirs as well.

use std::fmt;
use std::time::SystemTime;

use crate::face::Embedding;
use crate::identity::PersonId;
use crate::track::TrackKey;

/// The number of an entry of a gallery's journal. Numbers rise, may have gaps, and are never used twice. A template has the
/// number of the entry that added it.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub u64);

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {}", self.0)
    }
}

/// One face of a person, by which the person is recognised.
#[derive(Clone, Debug, PartialEq)]
pub struct FaceTemplate {
    /// The number of the entry that added it.
    pub id: EntryId,
    /// The person whom it was added for. Splits may have given it to another one since.
    pub person: PersonId,
    /// The embedding.
    pub embedding: Embedding,
    /// The quality of the view, 0 to 1.
    pub quality: f32,
    /// The time at which a view like it was seen last, exact to the microsecond, or `None` if it was entered by hand.
    pub last_seen: Option<SystemTime>,
    /// The track that showed it, or `None` if it was entered by hand, or comes from an earlier run.
    pub track: Option<TrackKey>,
}
