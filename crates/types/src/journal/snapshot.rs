//! What a journal adds up to.

use std::time::SystemTime;

use super::entry::JournalEntry;
use super::template::FaceTemplate;
use crate::identity::PersonId;

/// One number of a gallery, with the figures of this number alone, as if it had never been merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownPerson {
    /// The number.
    pub id: PersonId,
    /// True if the person was entered by hand.
    pub enrolled: bool,
    /// The time of the first sighting, or `None` if the person was never seen.
    pub first_seen: Option<SystemTime>,
    /// The time of the latest sighting, or `None` if the person was never seen.
    pub last_seen: Option<SystemTime>,
    /// The number of times that a track became this person.
    pub tracks: u64,
}

/// A gallery at one moment. The default is an empty gallery, whose first person gets the number 1.
#[derive(Clone, Debug, PartialEq)]
pub struct GallerySnapshot {
    /// Every number, by rising number, also those that became aliases.
    pub persons: Vec<KnownPerson>,
    /// Every template, by rising number, also those of aliases.
    pub templates: Vec<FaceTemplate>,
    /// Every edit and every `Undone`, by rising number.
    pub edits: Vec<JournalEntry>,
    /// The number of the next person.
    pub next_person: u64,
    /// The number of the next entry.
    pub next_entry: u64,
}

impl Default for GallerySnapshot {
    fn default() -> Self {
        Self { persons: Vec::new(), templates: Vec::new(), edits: Vec::new(), next_person: 1, next_entry: 1 }
    }
}
