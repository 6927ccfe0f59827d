//! Where a gallery keeps its changes.

use crate::error::SinkError;
use crate::journal::{GallerySnapshot, JournalEntry};

/// Keeps the changes of a gallery, so that its persons outlive the process.
///
/// `passerby-store` has implementations for memory and SQLite, and `passerby-reid` a gallery that writes one.
pub trait GalleryJournal: Send {
    /// Returns what the journal adds up to. It is the default snapshot if the journal is empty.
    ///
    /// # Errors
    /// The class is `Reset` if the same call may succeed later. Otherwise the journal is damaged or cannot be read, and the
    /// error names the file and the row.
    fn load(&mut self) -> Result<GallerySnapshot, SinkError>;

    /// Adds entries, whose numbers rise. Adds all of them or none.
    ///
    /// The journal leaves out an entry about a person or a template that it does not have, because the entry that added it was
    /// lost. It returns the number of those.
    ///
    /// # Errors
    /// If the error's class is `Skip`, these entries can never be added and the caller counts them as lost. If it is `Reset`,
    /// the same call may succeed later. If it is `Fatal`, the journal cannot go on.
    fn append(&mut self, entries: &[JournalEntry]) -> Result<u64, SinkError>;

    /// Makes everything until now survive a power cut.
    ///
    /// # Errors
    /// As for [`GalleryJournal::append`].
    fn flush(&mut self) -> Result<(), SinkError>;
}
