//! Opens a database to change its persons.

use std::path::Path;
use std::sync::Arc;

use passerby::Settings;
use passerby::reid::Gallery;
use passerby::store::{JournalSettings, SqliteJournal, StoreError};
use passerby::types::{BoxError, EntryId, SystemClock};

use crate::output::lasting_gallery::{BUSY_TIMEOUT, policy};

/// Opens the journal of a database that exists.
///
/// # Errors
/// The file does not exist, a run or another command has opened its gallery, or as for [`SqliteJournal::open`].
pub(super) fn journal(database: &Path) -> Result<SqliteJournal, BoxError> {
    // A mistyped name must not become a new database.
    database.metadata().map_err(|e| format!("{}: {e}", database.display()))?;
    let settings = JournalSettings { network: None, run: None, busy_timeout: BUSY_TIMEOUT };
    SqliteJournal::open(database, settings).map_err(|e: StoreError| e.into())
}

/// Opens the gallery of a database, changes it, and makes the change durable. Returns what `change` returned.
///
/// # Errors
/// As for [`journal`], and the error of `change`.
pub(super) fn change<T>(
    database: &Path,
    change: impl FnOnce(&mut Gallery) -> Result<T, BoxError>,
) -> Result<T, BoxError> {
    let journal = journal(database)?;
    let mut gallery = Gallery::open(policy(&Settings::default()), journal, Arc::new(SystemClock::new()))?;
    let done = change(&mut gallery)?;
    gallery.flush()?;
    Ok(done)
}

/// Returns the command that takes a correction back.
pub(super) fn undo_hint(database: &Path, entry: EntryId) -> String {
    format!("undo with: passerby persons {} undo {}", database.display(), entry.0)
}
