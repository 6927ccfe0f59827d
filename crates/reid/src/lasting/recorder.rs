//! Collects the changes of a gallery for its journal.

use std::mem;
use std::time::SystemTime;

use passerby_types::{EntryId, JournalAuthor, JournalChange, JournalEntry, Timestamp, TrackKey};

/// Numbers the changes of a gallery, and collects them if the gallery has a journal.
pub(crate) struct Recorder {
    pub(crate) is_on: bool,
    /// Who decides the changes of the current call.
    pub(crate) author: JournalAuthor,
    pub(crate) next_entry: u64,
    /// The changes that the journal does not have yet.
    pub(crate) entries: Vec<JournalEntry>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self { is_on: false, author: JournalAuthor::Gallery, next_entry: 1, entries: Vec::new() }
    }
}

impl Recorder {
    /// Records a change and returns its number. `change` is called with the number, and only if there is a journal.
    pub(crate) fn record(
        &mut self,
        score: Option<f32>,
        reason: &'static str,
        change: impl FnOnce(EntryId) -> JournalChange,
    ) -> EntryId {
        let id = EntryId(self.next_entry);
        self.next_entry += 1;
        if self.is_on {
            let (author, reason) = (self.author, reason.into());
            let at = SystemTime::UNIX_EPOCH;
            self.entries.push(JournalEntry { id, at, author, score, reason, change: change(id) });
        }
        id
    }

    /// Takes back the entry that added a template, if the journal does not have it yet. Returns false if it has.
    pub(crate) fn take_back(&mut self, template: EntryId) -> bool {
        let added = self.entries.iter().rposition(|entry| entry.id == template);
        added.map(|i| self.entries.remove(i)).is_some()
    }

    /// Gives a track another number in the entries that the journal does not have yet.
    pub(crate) fn rename_track(&mut self, old: TrackKey, new: TrackKey) {
        for entry in &mut self.entries {
            let track = match &mut entry.change {
                JournalChange::Founded { track, .. } | JournalChange::Assigned { track, .. } => Some(track),
                JournalChange::TemplateAdded(template) => template.track.as_mut(),
                _ => None,
            };
            track.filter(|track| **track == old).into_iter().for_each(|track| *track = new);
        }
    }

    /// Gives the entries that have no time yet the time `now`.
    pub(crate) fn stamp(&mut self, now: SystemTime) {
        for entry in &mut self.entries {
            if entry.at == SystemTime::UNIX_EPOCH {
                entry.at = now;
            }
        }
    }

    /// Runs `work` as the decision of a user.
    pub(crate) fn begin_user(&mut self) -> JournalAuthor {
        mem::replace(&mut self.author, JournalAuthor::User)
    }
}

/// Returns the time of day of a moment on the clock of a gallery with a journal, which counts from 1970.
pub(crate) fn wall(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + at.0
}

/// Returns the moment of a time of day on the clock of a gallery with a journal: 0 if it is before 1970.
pub(crate) fn moment(wall: SystemTime) -> Timestamp {
    Timestamp(wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}
