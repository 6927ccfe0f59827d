//! The journal of a gallery: every change of who is who, and what the changes add up to.

mod edits;
mod entry;
mod snapshot;
mod template;

pub use edits::{EditError, PersonEdits};
pub use entry::{JournalAuthor, JournalChange, JournalEntry};
pub use snapshot::{GallerySnapshot, KnownPerson};
pub use template::{EntryId, FaceTemplate};
