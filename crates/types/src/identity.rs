//! Persons and identities.

use std::fmt;

use crate::clock::Timestamp;
use crate::face::Embedding;
use crate::track::TrackKey;

/// The number of a person in a gallery. A gallery counts from 1 and never uses a number twice.
///
/// ```
/// use passerby_types::PersonId;
///
/// assert_eq!(PersonId::from(7), PersonId(7));
/// assert_eq!(u64::from(PersonId(7)), 7);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonId(pub u64);

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "person {}", self.0)
    }
}

impl From<u64> for PersonId {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl From<PersonId> for u64 {
    fn from(person: PersonId) -> Self {
        person.0
    }
}

/// One view of a track for the gallery: an embedding and the quality of the view.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// The track.
    pub track: TrackKey,
    /// The frame's number at its camera.
    pub seq: u64,
    /// The moment when the frame arrived.
    pub captured: Timestamp,
    /// The embedding of the face.
    pub embedding: Embedding,
    /// The quality of the view, 0 to 1: see [`Face::quality`](crate::Face::quality).
    pub quality: f32,
    /// The shorter side of the face's box in pixels: see [`Face::size`](crate::Face::size).
    pub size: f32,
}

/// The person of a track, if it is known.
///
/// ```
/// use passerby_types::{Identity, PersonId};
///
/// let known = Identity::Person { id: PersonId(4), similarity: 0.7 };
/// assert_eq!(known.person(), Some(PersonId(4)));
/// assert_eq!(Identity::default().person(), None);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Identity {
    /// There are not enough good sightings yet.
    #[default]
    Pending,
    /// The face is too small or too blurred to distinguish it from others. It has a track but no identity.
    Unidentified,
    /// The track is this person.
    Person {
        /// The person's number in the gallery.
        id: PersonId,
        /// The cosine to the person's nearest template, -1 to 1. It is 1 for a person who is new in this track.
        similarity: f32,
    },
}

impl Identity {
    /// Returns the person, or `None` if the track has none.
    #[must_use]
    pub fn person(&self) -> Option<PersonId> {
        match self {
            Self::Person { id, .. } => Some(*id),
            Self::Pending | Self::Unidentified => None,
        }
    }
}
