//! Opens a database to read or change its persons.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use passerby::Settings;
use passerby::persons::KnownPersons;
use passerby::reid::Gallery;
use passerby::store::{JournalSettings, SqliteJournal, StoreError, TemplateKey};
use passerby::types::{BoxError, EntryId, SystemClock};

use crate::output::lasting_gallery::{BUSY_TIMEOUT, policy};

/// A database and the key of its templates.
pub(super) struct PersonsDatabase {
    pub(super) path: PathBuf,
    /// The file of the key, and the key, or `None` if the templates are not encrypted.
    pub(super) key: Option<(PathBuf, TemplateKey)>,
}

impl PersonsDatabase {
    /// Reads the persons.
    ///
    /// # Errors
    /// As for [`KnownPersons::read`].
    pub(super) fn read(&self) -> Result<KnownPersons, BoxError> {
        KnownPersons::read(&self.path, self.key())
    }

    /// Opens the journal of a database that exists.
    ///
    /// # Errors
    /// The file does not exist, a run or another command has opened its gallery, or as for [`SqliteJournal::open`].
    pub(super) fn journal(&self) -> Result<SqliteJournal, BoxError> {
        // A mistyped name must not become a new database.
        self.path.metadata().map_err(|e| format!("{}: {e}", self.path.display()))?;
        let key = self.key();
        let settings = JournalSettings { network: None, run: None, key, busy_timeout: BUSY_TIMEOUT };
        SqliteJournal::open(&self.path, settings).map_err(|e: StoreError| e.into())
    }

    /// Opens the gallery, changes it, and makes the change durable. Returns what `change` returned.
    ///
    /// # Errors
    /// As for [`PersonsDatabase::journal`], and the error of `change`.
    pub(super) fn change<T>(
        &self,
        change: impl FnOnce(&mut Gallery) -> Result<T, BoxError>,
    ) -> Result<T, BoxError> {
        let policy = policy(&Settings::default());
        let mut gallery = Gallery::open(policy, self.journal()?, Arc::new(SystemClock::new()))?;
        let done = change(&mut gallery)?;
        gallery.flush()?;
        Ok(done)
    }

    /// Returns the command that takes a correction back.
    pub(super) fn undo_hint(&self, entry: EntryId) -> String {
        let key_file = self.key.as_ref().map(|(file, _)| format!(" --key-file {}", file.display()));
        let key_file = key_file.unwrap_or_default();
        format!("undo with: passerby persons {}{key_file} undo {}", self.path().display(), entry.0)
    }

    fn key(&self) -> Option<TemplateKey> {
        self.key.as_ref().map(|(_, key)| key.clone())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
