//! The record of one template beside its numbers.

use std::cmp::Ordering;
use std::time::Duration;

use passerby_types::{
    Embedding, EntryId, FaceTemplate, JournalChange, PersonEdits, PersonId, Timestamp, TrackKey,
};

use crate::lasting::recorder::{Recorder, moment, wall};

/// The origin of a template.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// It was entered by hand.
    Enrolled,
    /// A track of this run taught it.
    Track(TrackKey),
    /// A track of an earlier run taught it.
    Earlier,
}

/// The record of one row of the matrix.
#[derive(Clone)]
pub(super) struct Template {
    pub(super) id: EntryId,
    /// The person whose row it is: for whom `owner` stands after all merges.
    pub(super) person: PersonId,
    /// The number whose template it is, as long as no merge is counted.
    pub(super) owner: PersonId,
    /// The number that it was added for.
    pub(super) added_for: PersonId,
    pub(super) origin: Origin,
    pub(super) quality: f32,
    /// The time at which the template, or a view like it, was seen last.
    pub(super) last_seen: Timestamp,
    /// The last of these times that the journal got.
    pub(super) noted: Timestamp,
}

/// A template with its numbers, outside the matrix.
pub(crate) struct Kept {
    pub(super) template: Template,
    pub(super) values: Vec<f32>,
}

impl Kept {
    /// Returns a template as a journal has it.
    pub(crate) fn restored(stored: &FaceTemplate) -> Self {
        let seen = stored.last_seen.map(moment);
        let last_seen = seen.unwrap_or_default();
        let template = Template {
            id: stored.id,
            person: stored.person,
            owner: stored.person,
            added_for: stored.person,
            origin: if seen.is_some() { Origin::Earlier } else { Origin::Enrolled },
            quality: stored.quality,
            last_seen,
            noted: last_seen,
        };
        Self { template, values: stored.embedding.as_slice().to_vec() }
    }

    /// Sets the owner by the edits, and returns the person for whom the owner stands.
    pub(crate) fn assign(&mut self, edits: &PersonEdits) -> PersonId {
        self.template.owner = edits.owner(self.template.id, self.template.added_for);
        edits.root(self.template.owner)
    }
}

impl Template {
    pub(super) fn is_enrolled(&self) -> bool {
        self.origin == Origin::Enrolled
    }

    /// Returns the time since the template was seen last. An enrolled template never ages.
    pub(super) fn age(&self, now: Timestamp) -> Duration {
        if self.is_enrolled() { Duration::ZERO } else { now.since(self.last_seen) }
    }

    /// Returns the template as a journal has it.
    pub(super) fn with(&self, id: EntryId, embedding: Embedding) -> FaceTemplate {
        FaceTemplate {
            id,
            person: self.added_for,
            embedding,
            quality: self.quality,
            last_seen: (!self.is_enrolled()).then(|| wall(self.last_seen)),
            track: if let Origin::Track(track) = self.origin { Some(track) } else { None },
        }
    }

    /// Returns the template as a journal has it. `None` never happens: the numbers are those of an embedding.
    pub(super) fn stored(&self, values: &[f32]) -> Option<FaceTemplate> {
        Some(self.with(self.id, Embedding::restored(values.to_vec()).ok()?))
    }

    /// Compares how much two templates are worth: enrolled ones are worth more, then those with more quality, then the
    /// more recent ones.
    pub(super) fn cmp_worth(&self, other: &Self) -> Ordering {
        let by_quality = self.quality.total_cmp(&other.quality);
        self.is_enrolled()
            .cmp(&other.is_enrolled())
            .then(by_quality)
            .then(self.last_seen.cmp(&other.last_seen))
    }
}

/// Records that a template goes for good.
pub(super) fn retire(template: &Template, reason: &'static str, recorder: &mut Recorder) {
    let Template { id, added_for, .. } = *template;
    if !recorder.take_back(id) {
        recorder.record(None, reason, |_| JournalChange::TemplateRetired { person: added_for, template: id });
    }
}
