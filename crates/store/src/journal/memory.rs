//! A journal in memory.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use passerby_types::{
    GalleryJournal, GallerySnapshot, JournalChange, JournalEntry, KnownPerson, PersonEdits, PersonId,
    SinkError,
};

/// Keeps a gallery's journal in memory, for tests and for programs that store it themselves.
///
/// A clone shares the journal: give one to the gallery and keep the other to read.
///
/// ```
/// use passerby_store::MemoryJournal;
/// use passerby_types::GalleryJournal;
///
/// let mut journal = MemoryJournal::default();
/// assert_eq!(journal.load()?.next_person, 1);
/// # Ok::<(), passerby_types::SinkError>(())
/// ```
#[derive(Clone, Default)]
pub struct MemoryJournal {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    sum: GallerySnapshot,
    entries: Vec<JournalEntry>,
}

impl MemoryJournal {
    /// Returns a copy of all entries that are rows of the journal, in their order, without those of persons who were removed.
    #[must_use]
    pub fn entries(&self) -> Vec<JournalEntry> {
        self.lock().entries.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GalleryJournal for MemoryJournal {
    /// Returns a copy of the sum of the journal. Never fails.
    fn load(&mut self) -> Result<GallerySnapshot, SinkError> {
        Ok(self.lock().sum.clone())
    }

    /// Adds the entries. Never fails.
    fn append(&mut self, entries: &[JournalEntry]) -> Result<u64, SinkError> {
        let mut shared = self.lock();
        let mut left_out = 0;
        for entry in entries {
            shared.sum.next_entry = shared.sum.next_entry.max(entry.id.0 + 1);
            if !shared.add(entry) {
                left_out += 1;
            } else if entry.change.is_recorded() {
                shared.entries.push(entry.clone());
            }
        }
        Ok(left_out)
    }

    /// Does nothing: memory cannot be made durable. Never fails.
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

impl Shared {
    /// Adds up one entry. Returns false if it is about a person or a template that is not there.
    fn add(&mut self, entry: &JournalEntry) -> bool {
        let sum = &mut self.sum;
        match &entry.change {
            JournalChange::Founded { person, .. } => sum.found(*person, false),
            JournalChange::Enrolled { person } => sum.found(*person, true),
            JournalChange::TemplateAdded(template) => {
                let is_known = sum.find(template.person).is_some();
                if is_known {
                    sum.templates.push(template.clone());
                }
                return is_known;
            }
            JournalChange::TemplateRetired { template, .. } => {
                let before = sum.templates.len();
                sum.templates.retain(|other| other.id != *template);
                return sum.templates.len() < before;
            }
            JournalChange::TemplateSeen { template, at } => {
                let found = sum.templates.iter_mut().find(|other| other.id == *template);
                return found.map(|found| found.last_seen = found.last_seen.max(Some(*at))).is_some();
            }
            JournalChange::Assigned { person, first_seen, last_seen, .. } => {
                let Some(found) = sum.find(*person) else { return false };
                found.tracks += 1;
                found.first_seen = Some(found.first_seen.map_or(*first_seen, |at| at.min(*first_seen)));
                found.last_seen = found.last_seen.max(Some(*last_seen));
            }
            JournalChange::Seen { person, at } => {
                let Some(found) = sum.find(*person) else { return false };
                found.last_seen = found.last_seen.max(Some(*at));
            }
            JournalChange::Removed { person } => return self.remove(*person),
            JournalChange::Split { person, .. } => {
                sum.found(*person, true);
                return self.edit(entry);
            }
            JournalChange::Merged { .. } | JournalChange::Named { .. } | JournalChange::Undone { .. } => {
                return self.edit(entry);
            }
        }
        true
    }

    /// Keeps an edit unless it contradicts those before.
    fn edit(&mut self, entry: &JournalEntry) -> bool {
        self.sum.edits.push(entry.clone());
        let fits = PersonEdits::of(&self.sum.edits).is_ok();
        if !fits {
            self.sum.edits.pop();
        }
        fits
    }

    fn remove(&mut self, person: PersonId) -> bool {
        let Ok(edits) = PersonEdits::of(&self.sum.edits) else { return false };
        let person = edits.root(person);
        let numbers: BTreeSet<PersonId> = edits.numbers(person).into_iter().collect();
        let (about, settled) = (edits.about(&numbers), edits.settled(&numbers));
        let sum = &mut self.sum;
        let before = sum.persons.len();
        sum.persons.retain(|other| !numbers.contains(&other.id));
        sum.templates.retain(|template| edits.root(edits.owner(template.id, template.person)) != person);
        for template in &mut sum.templates {
            template.person = settled.get(&template.id).copied().unwrap_or(template.person);
        }
        sum.edits.retain(|edit| !about.contains(&edit.id));
        self.entries.retain(|entry| !about.contains(&entry.id) && !mentions(&entry.change, &numbers));
        sum.persons.len() < before
    }
}

/// Returns true if an entry is about one of these persons.
fn mentions(change: &JournalChange, numbers: &BTreeSet<PersonId>) -> bool {
    match change {
        JournalChange::Founded { person, .. }
        | JournalChange::Enrolled { person }
        | JournalChange::TemplateRetired { person, .. }
        | JournalChange::Assigned { person, .. } => numbers.contains(person),
        JournalChange::TemplateAdded(template) => numbers.contains(&template.person),
        _ => false,
    }
}

/// Adds to a snapshot.
trait Grow {
    fn found(&mut self, person: PersonId, enrolled: bool);
    fn find(&mut self, person: PersonId) -> Option<&mut KnownPerson>;
}

impl Grow for GallerySnapshot {
    fn found(&mut self, id: PersonId, enrolled: bool) {
        self.next_person = self.next_person.max(id.0 + 1);
        self.persons.push(KnownPerson { id, enrolled, first_seen: None, last_seen: None, tracks: 0 });
    }

    fn find(&mut self, person: PersonId) -> Option<&mut KnownPerson> {
        self.persons.iter_mut().find(|other| other.id == person)
    }
}

/// Prints counts only.
impl fmt::Debug for MemoryJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = self.lock();
        f.debug_struct("MemoryJournal")
            .field("persons", &shared.sum.persons.len())
            .field("templates", &shared.sum.templates.len())
            .field("entries", &shared.entries.len())
            .finish()
    }
}
