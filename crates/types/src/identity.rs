//! A person: one identity over all cameras and runs.

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

/// One look at a track: its embedding and what the look is worth.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// Whose.
    pub track: TrackKey,
    /// The frame's number at its camera.
    pub seq: u64,
    /// When the frame arrived.
    pub captured: Timestamp,
    /// The embedding.
    pub embedding: Embedding,
    /// [`crate::Face::quality`] of the view, 0 to 1.
    pub quality: f32,
    /// [`crate::Face::size`] of the view: the shorter side of the face's box, in pixels.
    pub size: f32,
}

/// Who a track is, as far as is known.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Identity {
    /// Not enough good sightings yet.
    #[default]
    Pending,
    /// The face is too small or too poor to be told apart from others. It has a track but no identity.
    Unidentified,
    /// This person.
    Person {
        /// Who.
        id: PersonId,
        /// The cosine to the person's nearest template, -1 to 1; 1 for a person first seen in this track.
        similarity: f32,
    },
}

impl Identity {
    /// The person, where there is one.
    #[must_use]
    pub fn person(&self) -> Option<PersonId> {
        match self {
            Self::Person { id, .. } => Some(*id),
            Self::Pending | Self::Unidentified => None,
        }
    }
}
