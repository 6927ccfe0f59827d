//! A gallery whose persons outlive the process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{
    Clock, ErrorClass, GalleryJournal, GallerySnapshot, KnownPerson, PersonEdits, PersonId, SinkError,
    Timestamp,
};

use crate::gallery::Gallery;
use crate::index::{Kept, TemplateIndex};
use crate::lasting::journal_link::{JournalCounts, JournalLink};
use crate::lasting::recorder::{Recorder, moment};
use crate::policy::GalleryPolicy;
use crate::state::{GalleryState, PersonRecord};

impl Gallery {
    /// Opens a gallery with the persons of a journal, and writes every change into it from then on.
    ///
    /// The gallery hands its changes over at the end of each call. A journal that waits for a disk should do so on a thread of
    /// its own, as `passerby_store::BackgroundJournal` does. If the journal fails, the gallery goes on in memory and hands
    /// the changes over later, at most 65,536 of them: see [`Gallery::journal_counts`].
    ///
    /// `clock` must be the clock of the sightings. The times of persons then count from 1970, so that the times of several
    /// runs can be compared. A gallery with more persons than [`GalleryPolicy::max_persons`] keeps all of them.
    ///
    /// # Errors
    /// The error of the journal's [`load`](GalleryJournal::load), and a `Fatal` error if its entries contradict each other.
    pub fn open(
        policy: GalleryPolicy,
        journal: impl GalleryJournal + 'static,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SinkError> {
        let mut link = JournalLink::new(Box::new(journal), clock);
        let snapshot = link.load()?;
        let mut gallery = Self::with_policy(policy);
        let state = restored(&snapshot, gallery.policy(), link.origin())?;
        gallery.connect(state, link);
        Ok(gallery)
    }

    /// Writes what waits for the journal, and makes everything until now survive a power cut. Does nothing without a journal.
    ///
    /// # Errors
    /// The error of the journal. What could be written later still waits.
    pub fn flush(&mut self) -> Result<(), SinkError> {
        let (state, link) = self.parts();
        link.map_or(Ok(()), |link| link.flush(&mut state.recorder))
    }

    /// Returns the counts of the entries that were handed to the journal. All are zero without a journal.
    #[must_use]
    pub fn journal_counts(&self) -> JournalCounts {
        self.link().map_or_else(JournalCounts::default, |link| link.counts)
    }

    /// Starts anew after a call that panicked: with the persons of the journal, or empty without a journal. Numbers never come back.
    pub(crate) fn restart(&mut self) {
        let policy = self.policy().clone();
        let (state, link) = self.parts();
        let (last_id, next_entry) = (state.last_id, state.recorder.next_entry);
        let origin = state.origin;
        let is_on = state.recorder.is_on;
        let snapshot = link.map(JournalLink::load);
        let loaded =
            snapshot.and_then(Result::ok).and_then(|snapshot| restored(&snapshot, &policy, origin).ok());
        let (state, _) = self.parts();
        *state = loaded.unwrap_or_default();
        state.origin = origin;
        state.last_id = state.last_id.max(last_id);
        state.recorder.next_entry = state.recorder.next_entry.max(next_entry);
        state.recorder.is_on = is_on;
    }
}

/// Returns the memory of a gallery with these persons.
fn restored(
    snapshot: &GallerySnapshot,
    policy: &GalleryPolicy,
    origin: Duration,
) -> Result<GalleryState, SinkError> {
    let damaged = |what: String| SinkError::new(ErrorClass::Fatal, "gallery", what);
    let edits = PersonEdits::of(&snapshot.edits).map_err(|(entry, e)| damaged(format!("{entry}: {e}")))?;
    let mut persons = BTreeMap::new();
    let mut aliases = BTreeMap::new();
    let mut last_id = snapshot.next_person.saturating_sub(1);
    for person in &snapshot.persons {
        let list = if edits.root(person.id) == person.id { &mut persons } else { &mut aliases };
        list.insert(person.id, record(person));
        last_id = last_id.max(person.id.0);
    }
    let mut groups: Vec<(PersonId, Vec<Kept>)> = Vec::new();
    let mut of_person: BTreeMap<PersonId, usize> = BTreeMap::new();
    let mut length = None;
    for template in &snapshot.templates {
        let found = template.embedding.as_slice().len();
        if *length.get_or_insert(found) != found {
            return Err(damaged(format!(
                "template {}: it has {found} numbers, others another count",
                template.id.0
            )));
        }
        let mut kept = Kept::restored(template);
        let person = kept.assign(&edits);
        if !persons.contains_key(&person) {
            return Err(damaged(format!("template {}: {person} is not known", template.id.0)));
        }
        let group = *of_person.entry(person).or_insert_with(|| {
            groups.push((person, Vec::new()));
            groups.len() - 1
        });
        groups[group].1.push(kept);
    }
    let mut index = TemplateIndex::default();
    for (person, kept) in groups {
        index.place(person, kept, policy);
    }
    let recorder = Recorder { is_on: true, next_entry: snapshot.next_entry, ..Recorder::default() };
    Ok(GalleryState { index, persons, aliases, edits, recorder, last_id, origin, ..GalleryState::default() })
}

fn record(person: &KnownPerson) -> PersonRecord {
    PersonRecord {
        first_seen: person.first_seen.map_or(Timestamp(Duration::MAX), moment),
        last_seen: person.last_seen.map(moment).unwrap_or_default(),
        tracks: person.tracks,
        founder: None,
        is_enrolled: person.enrolled,
    }
}
