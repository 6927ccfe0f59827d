//! The journal that writes the file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use passerby_types::{GalleryJournal, GallerySnapshot, JournalChange, JournalEntry, PersonEdits, SinkError};
use rusqlite::{Connection, TransactionBehavior, params};

use super::cipher::TemplateCipher;
use super::key::TemplateKey;
use super::lock::GalleryLock;
use super::{append, load};
use crate::error::{StoreError, StoreFault};
use crate::sqlite::convert::integer;
use crate::sqlite::file;
use crate::sqlite::records::RunId;

/// The settings of a [`SqliteJournal`].
#[derive(Clone, Debug)]
pub struct JournalSettings {
    /// The network that makes the embeddings, for example "mobilefacenet float". A gallery keeps those of one network, because
    /// others cannot be compared. `None` accepts any, and should only be used if nothing is compared.
    pub network: Option<String>,
    /// The run whose tracks the gallery sees, or `None` if it sees none.
    pub run: Option<RunId>,
    /// The key of the templates, or `None` if they are not encrypted, which is the default. A gallery without templates becomes one
    /// that is encrypted with this key.
    pub key: Option<TemplateKey>,
    /// The time that a call waits for another connection that holds the file. 2 s by default.
    pub busy_timeout: Duration,
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self { network: None, run: None, key: None, busy_timeout: Duration::from_secs(2) }
    }
}

/// Keeps a gallery's journal in an SQLite file, beside the observations of [`Sqlite`](crate::Sqlite).
///
/// | table | rows |
/// |---|---|
/// | `gallery_journal` | one for each change of who is who, with time, author, score and reason; only grows |
/// | `gallery_split` | the templates that a split gave to a new person |
/// | `gallery_person` | one for each number, with the person whom it stands for |
/// | `gallery_template` | one for each template, with its embedding |
/// | `gallery_track` | the tracks that a split gave to another person |
/// | `gallery` | one: the next numbers, and the network of the embeddings |
///
/// The view `track_identity` has the person of each track after merges and splits, and `known_person` each person once, with
/// the name.
///
/// ```
/// use std::sync::Arc;
///
/// use passerby_reid::{Gallery, GalleryPolicy};
/// use passerby_store::{BackgroundJournal, BackgroundSettings, JournalSettings, Reader, SqliteJournal};
/// use passerby_types::{Embedding, SystemClock};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("passerby.db");
/// let network = Some("my network".to_owned());
/// let journal = SqliteJournal::open(&path, JournalSettings { network, ..JournalSettings::default() })?;
/// // A thread writes the changes, so that no camera waits for a disk.
/// let journal = BackgroundJournal::start(journal, BackgroundSettings::default(), |notice| eprintln!("{notice}"))?;
/// let mut gallery = Gallery::open(GalleryPolicy::default(), journal, Arc::new(SystemClock::new()))?;
///
/// let ann = gallery.enroll(&[Embedding::new(vec![0.6, 0.8])?])?; // from an embedder
/// gallery.set_name(ann, Some("Ann"))?;
/// gallery.flush()?;
/// assert_eq!(Reader::open(&path)?.known_persons()?[0].name.as_deref(), Some("Ann"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A call of [`append`](GalleryJournal::append) is one transaction: after a kill the file holds every call that returned, and
/// no part of another. One process at a time writes a gallery, and holds the file `FILE-gallery` for it; readers need no lock.
pub struct SqliteJournal {
    pub(super) conn: Connection,
    pub(super) path: PathBuf,
    /// The file that the connection writes: [`file::identity`].
    identity: Option<(u64, u64)>,
    settings: JournalSettings,
    pub(super) cipher: TemplateCipher,
    pub(super) edits: PersonEdits,
    _lock: GalleryLock,
}

impl SqliteJournal {
    /// Opens the gallery of a file to read and write. Creates the file if it does not exist, and upgrades an older one.
    ///
    /// # Errors
    /// - [`StoreFault::GalleryInUse`] if another process has opened the gallery. The caller should wait for its end.
    /// - [`StoreFault::OtherNetwork`] if the templates are of another network. The caller should use another file.
    /// - [`StoreFault::KeyNeeded`], [`StoreFault::WrongKey`] or [`StoreFault::NotEncrypted`] if the key does not fit the templates,
    ///   and [`StoreFault::NoEncryption`] if there is a key, without the feature `encryption`.
    /// - [`StoreFault::Damaged`] with the table and the row, if an edit is damaged or contradicts the others.
    ///   [`load`](GalleryJournal::load) checks all other rows.
    /// - As for [`Sqlite::open`](crate::Sqlite::open).
    pub fn open(path: impl AsRef<Path>, settings: JournalSettings) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let conn = file::open_to_write(&path, settings.busy_timeout)?;
        let lock = GalleryLock::take(&path)?;
        let identity = file::identity(&path);
        let cipher = load::cipher(&conn, settings.key.as_ref());
        let cipher = cipher.map_err(|fault| StoreError::new(&path, fault))?;
        let edits = PersonEdits::default();
        let mut journal = Self { conn, path, identity, settings, cipher, edits, _lock: lock };
        journal.prepare().map_err(|fault| journal.error(fault))?;
        Ok(journal)
    }

    /// Sets the run whose tracks the gallery sees from now on.
    pub fn set_run(&mut self, run: RunId) {
        self.settings.run = Some(run);
    }

    /// Returns the key of the templates, or `None` if they are not encrypted.
    #[must_use]
    pub fn key(&self) -> Option<&TemplateKey> {
        self.settings.key.as_ref()
    }

    /// Encrypts the templates with another key, or decrypts them if `key` is `None`, and removes every byte of the old ones from the
    /// file and its write-ahead log. Rewrites the whole file for it.
    ///
    /// Copies elsewhere, such as backups, keep the old templates and need the old key.
    ///
    /// ```
    /// # #[cfg(feature = "encryption")] {
    /// use passerby_store::{JournalSettings, SqliteJournal, TemplateKey};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let (path, key_file) = (folder.path().join("passerby.sqlite"), folder.path().join("passerby.key"));
    /// let key = TemplateKey::create_file(&key_file)?;
    /// SqliteJournal::open(&path, JournalSettings::default())?.change_key(Some(key.clone()))?;
    ///
    /// let settings = JournalSettings { key: Some(key), ..JournalSettings::default() };
    /// SqliteJournal::open(&path, settings)?.change_key(None)?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreFault::Busy`] if another connection reads the file: the new key is used then, but old pages are left until
    /// [`SqliteJournal::erase_traces`] runs alone. Otherwise as for [`SqliteJournal::open`]; nothing has changed then.
    pub fn change_key(&mut self, key: Option<TemplateKey>) -> Result<(), StoreError> {
        let converted = TemplateCipher::new(key.as_ref()).and_then(|cipher| {
            let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            convert(&tx, &self.cipher, &cipher)?;
            tx.commit()?;
            Ok(cipher)
        });
        self.cipher = converted.map_err(|fault| self.error(fault))?;
        self.settings.key = key;
        self.erase_traces()
    }

    fn prepare(&mut self) -> Result<(), StoreFault> {
        // Deleted rows are overwritten: templates are biometric.
        self.conn.pragma_update(None, "secure_delete", true)?;
        if self.settings.key.is_some() && load::key_check(&self.conn)?.is_none() {
            set_key_check(&self.conn, &self.cipher)?;
        }
        self.edits = load::sum_of_edits(&load::edits(&self.conn)?)?;
        let stored = load::network(&self.conn)?;
        match (&self.settings.network, stored) {
            (Some(expected), Some(found)) if *expected != found => {
                return Err(StoreFault::OtherNetwork { found, expected: expected.clone() });
            }
            (Some(network), None) => {
                self.conn.execute("UPDATE gallery SET network = ?1", params![network])?;
            }
            _ => {}
        }
        Ok(())
    }

    fn write(&mut self, entries: &[JournalEntry]) -> Result<u64, StoreFault> {
        // SQLite would go on in a file that has no name.
        if self.identity != file::identity(&self.path) {
            return Err(StoreFault::Removed);
        }
        let changes_edits = |entry: &JournalEntry| {
            entry.change.is_edit() || matches!(entry.change, JournalChange::Removed { .. })
        };
        let before = entries.iter().any(changes_edits).then(|| self.edits.clone());
        let run = self.settings.run.map(|run| run.0);
        let (edits, cipher) = (&mut self.edits, &self.cipher);
        let done =
            self.conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(StoreFault::from);
        let done = done.and_then(|tx| {
            let left_out = append::entries(&tx, cipher, edits, run, entries)?;
            tx.commit()?;
            Ok(left_out)
        });
        if done.is_err()
            && let Some(before) = before
        {
            self.edits = before;
        }
        done
    }

    pub(super) fn error(&self, fault: impl Into<StoreFault>) -> StoreError {
        StoreError::new(&self.path, fault)
    }
}

/// Stores every template as another cipher seals it. `conn` must be in a transaction.
fn convert(conn: &Connection, from: &TemplateCipher, to: &TemplateCipher) -> Result<(), StoreFault> {
    let mut update = conn.prepare("UPDATE gallery_template SET embedding = ?2 WHERE template = ?1")?;
    for template in load::templates(conn, from)? {
        let bytes = to.seal(template.id.0, &template.embedding)?;
        update.execute(params![integer("template", template.id.0)?, bytes])?;
    }
    set_key_check(conn, to)
}

/// Writes the bytes that prove the key of the templates.
fn set_key_check(conn: &Connection, cipher: &TemplateCipher) -> Result<(), StoreFault> {
    conn.execute("UPDATE gallery SET key_check = ?1", params![cipher.key_check()?])?;
    Ok(())
}

impl GalleryJournal for SqliteJournal {
    /// Reads the sum of the journal.
    ///
    /// # Errors
    /// `Fatal` with the table and the row if a row is damaged. `Reset` if the file is locked or the disk fails.
    fn load(&mut self) -> Result<GallerySnapshot, SinkError> {
        let read = self.conn.unchecked_transaction().map_err(StoreFault::from);
        Ok(read.and_then(|tx| load::snapshot(&tx, &self.cipher)).map_err(|fault| self.error(fault))?)
    }

    /// Adds entries in one transaction. Entries that the file has already are left as they are.
    ///
    /// # Errors
    /// `Skip` if a number is out of range. `Reset` if the file is locked, or the disk is full or failing: nothing was written.
    /// `Fatal` if the file is damaged, cannot be written, or was deleted or replaced.
    fn append(&mut self, entries: &[JournalEntry]) -> Result<u64, SinkError> {
        if entries.is_empty() {
            return Ok(0);
        }
        Ok(self.write(entries).map_err(|fault| self.error(fault))?)
    }

    /// Makes everything until now survive a power cut.
    ///
    /// # Errors
    /// As for [`append`](GalleryJournal::append). Even after an error, the entries survive a killed process.
    fn flush(&mut self) -> Result<(), SinkError> {
        // With FULL a commit syncs the log, and with it all commits before.
        let synced = self.conn.pragma_update(None, "synchronous", "FULL").and_then(|()| {
            let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            tx.execute("UPDATE gallery SET next_entry = next_entry", [])?;
            tx.commit()
        });
        let restored = self.conn.pragma_update(None, "synchronous", "NORMAL");
        Ok(synced.and(restored).map_err(|e| self.error(e))?)
    }
}

impl fmt::Debug for SqliteJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteJournal")
            .field("path", &self.path)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use passerby_testkit::suite::direction;
    use passerby_types::{EntryId, ErrorClass, FaceTemplate, JournalAuthor, PersonId};

    use super::*;

    fn person(number: u64) -> [JournalEntry; 2] {
        let entry = |id, change| JournalEntry {
            id: EntryId(id),
            at: SystemTime::UNIX_EPOCH,
            author: JournalAuthor::Gallery,
            score: None,
            reason: "".into(),
            change,
        };
        let id = EntryId(2 * number + 1);
        let (person, embedding) = (PersonId(number), direction(number, 0));
        let template = FaceTemplate { id, person, embedding, quality: 0.5, last_seen: None, track: None };
        let enrolled = JournalChange::Enrolled { person };
        [entry(2 * number, enrolled), entry(id.0, JournalChange::TemplateAdded(template))]
    }

    #[test]
    fn a_full_disk_keeps_its_cause_and_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("full.db");
        let mut journal = SqliteJournal::open(&path, JournalSettings::default()).unwrap();
        let limit = |journal: &SqliteJournal, pages: i64| {
            journal.conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
        };
        limit(&journal, 80);
        let mut next = 1;
        let error = loop {
            match journal.append(&person(next)) {
                Ok(left_out) => assert_eq!(left_out, 0),
                Err(error) => break error,
            }
            next += 1;
        };
        assert_eq!(
            (error.class(), error.to_string().ends_with("full.db: disk full")),
            (ErrorClass::Reset, true)
        );
        assert_eq!(journal.load().unwrap().persons.len() as u64, next - 1);
        limit(&journal, 1_000_000);
        journal.append(&person(next)).unwrap();
        let sum = journal.load().unwrap();
        assert_eq!((sum.persons.len() as u64, sum.templates.len() as u64), (next, next));
    }
}
