//! Opens a database to read or to change its persons.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use passerby::Settings;
use passerby::reid::Gallery;
use passerby::store::{JournalSettings, Reader, SqliteJournal, StoreError};
use passerby::types::{BoxError, EntryId, FaceTemplate, GallerySnapshot, PersonEdits, PersonId, SystemClock};

use crate::output::lasting_gallery::{BUSY_TIMEOUT, policy};

/// The gallery of a database as it is now.
pub(super) struct Persons {
    pub(super) reader: Reader,
    pub(super) sum: GallerySnapshot,
    pub(super) edits: PersonEdits,
}

impl Persons {
    /// Reads the gallery.
    ///
    /// # Errors
    /// The file cannot be read, or a row of the gallery is damaged.
    pub(super) fn read(database: &Path) -> Result<Self, BoxError> {
        let reader = Reader::open(database)?;
        let sum = reader.gallery()?;
        let edits = PersonEdits::of(&sum.edits).map_err(|(entry, e)| format!("{entry}: {e}"))?;
        Ok(Self { reader, sum, edits })
    }

    /// Returns the person with this number or name.
    ///
    /// # Errors
    /// No person has it, or several have the name.
    pub(super) fn find(&self, text: &str) -> Result<PersonId, BoxError> {
        let known = |id: PersonId| self.sum.persons.iter().any(|person| person.id == id);
        let number = text.parse().ok().map(PersonId);
        if let Some(number) = number.filter(|number| known(*number)) {
            return Ok(self.edits.root(number));
        }
        let persons = self.sum.persons.iter().map(|person| person.id);
        let roots = persons.filter(|id| self.edits.root(*id) == *id);
        let named: Vec<PersonId> = roots.filter(|id| self.edits.name(*id) == Some(text)).collect();
        match named[..] {
            [person] => Ok(person),
            [] if number.is_some() => Err(format!("person {text} is not known").into()),
            [] => Err(format!("no person has the name {text}").into()),
            _ => {
                let numbers: Vec<String> = named.iter().map(|id| id.0.to_string()).collect();
                Err(format!("{} persons have the name {text}: {}", named.len(), numbers.join(", ")).into())
            }
        }
    }

    /// Returns the templates of each person, by rising number.
    pub(super) fn templates(&self) -> BTreeMap<PersonId, Vec<&FaceTemplate>> {
        let mut templates: BTreeMap<PersonId, Vec<&FaceTemplate>> = BTreeMap::new();
        for template in &self.sum.templates {
            let person = self.edits.root(self.edits.owner(template.id, template.person));
            templates.entry(person).or_default().push(template);
        }
        templates
    }
}

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
