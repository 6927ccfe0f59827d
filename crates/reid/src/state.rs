//! The persons, templates and tracks of a gallery, and the elementary changes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use passerby_types::{
    Embedding, EntryId, JournalChange, PersonEdits, PersonId, Sighting, Timestamp, TrackKey,
};

use crate::error::EnrollError;
use crate::index::TemplateIndex;
use crate::lasting::recorder::{Recorder, wall};
use crate::policy::GalleryPolicy;
use crate::similarity::{Candidate, Probe, Thresholds};
use crate::suggestions::Suggestions;
use crate::tracks::{HeldPerson, LiveTrack, Tracks};
use crate::views::View;

/// How much nearer than its own person another person must be before a sighting contradicts the track's person. For the bundled
/// network it means about a hundred times fewer false accepts.
const CONTRADICTION_MARGIN: f32 = 0.1;

/// The most templates that the reserve of a person keeps for merges that the gallery decided.
const MAX_RESERVE: usize = 64;

/// The data of a number beside its templates, as if it had never been merged.
#[derive(Clone, Copy)]
pub(crate) struct PersonRecord {
    /// The time of the first sighting; [`Duration::MAX`] if there was none.
    pub(crate) first_seen: Timestamp,
    pub(crate) last_seen: Timestamp,
    /// The number of times a track became this person.
    pub(crate) tracks: u64,
    /// The track that founded the person, as long as no other track was ever recognised as it.
    pub(crate) founder: Option<TrackKey>,
    pub(crate) is_enrolled: bool,
}

impl PersonRecord {
    /// Creates the record of a person who was never seen.
    pub(crate) fn new(founder: Option<TrackKey>) -> Self {
        Self {
            first_seen: Timestamp(Duration::MAX),
            last_seen: Timestamp::default(),
            tracks: 0,
            founder,
            is_enrolled: founder.is_none(),
        }
    }
}

/// The memory of a gallery.
#[derive(Default)]
pub(crate) struct GalleryState {
    pub(crate) index: TemplateIndex,
    pub(crate) persons: BTreeMap<PersonId, PersonRecord>,
    /// The numbers that merges made aliases.
    pub(crate) aliases: BTreeMap<PersonId, PersonRecord>,
    pub(crate) edits: PersonEdits,
    pub(crate) tracks: Tracks,
    pub(crate) suggestions: Suggestions,
    pub(crate) recorder: Recorder,
    pub(crate) last_id: u64,
    /// The time from 1970 to the origin of the clock of the sightings, so that times of several runs can be compared. Zero
    /// without a journal.
    pub(crate) origin: Duration,
}

impl GalleryState {
    /// Takes one sighting. Returns true if it is a new view of the track's face, so that there is something to decide.
    pub(crate) fn observe(
        &mut self,
        sighting: &Sighting,
        policy: &GalleryPolicy,
        thresholds: &Thresholds,
    ) -> bool {
        let captured = self.moment_of(sighting.captured);
        let Some(live) = self.tracks.track_of(sighting, policy) else {
            return false;
        };
        if let Some(person) = live.held.and_then(|h| self.persons.get_mut(&h.person)) {
            person.last_seen = person.last_seen.max(captured);
        }
        let is_good = sighting.size >= policy.min_size && sighting.quality >= policy.min_quality;
        if !(is_good && sighting.quality.is_finite() && self.index.fits(&sighting.embedding)) {
            live.has_unusable_view = true;
            return false;
        }
        live.is_asked = false;
        let view = View { captured, ..View::from(sighting) };
        let Some(held) = live.held else {
            live.views.add_best(view, policy.views_per_track, policy);
            return true;
        };
        let probe = &view.embedding;
        let to_track = live.views.mean(policy).map(|(mean, _)| mean.cosine(probe));
        let to_person = self.index.nearest(held.person, probe, None);
        let own = to_track.unwrap_or(-1.0).max(to_person.unwrap_or(-1.0));
        if own >= thresholds.in_track {
            live.contradictions.clear();
            live.views.add_best(view.clone(), policy.views_per_track, policy);
            self.confirm_person(sighting.track, &view, policy, thresholds);
            return true;
        }
        let probe = Probe::single(&view.embedding, policy);
        let is_clearly_nearer = |candidate: Candidate| {
            candidate.is_match()
                && candidate.person != held.person
                && candidate.cosine >= own + CONTRADICTION_MARGIN
        };
        if own < policy.reject_threshold
            || self.index.candidates(&probe, thresholds.certain).any(is_clearly_nearer)
        {
            live.add_contradiction(view, policy);
            return true;
        }
        false
    }

    /// Updates a track with a view that agrees with its person: the similarity, and the person's templates.
    fn confirm_person(
        &mut self,
        key: TrackKey,
        view: &View,
        policy: &GalleryPolicy,
        thresholds: &Thresholds,
    ) {
        let Some(live) = self.tracks.get_mut(key) else { return };
        let (Some(held), Some(probe)) = (&mut live.held, live.views.probe(policy)) else {
            return;
        };
        if !held.is_founder {
            let others = self.index.nearest(held.person, &probe.embedding, Some(key));
            held.similarity = others.unwrap_or(held.similarity);
        }
        let candidate = self.index.candidate_of(held.person, &probe, thresholds.certain);
        let is_certain = candidate.is_some_and(|candidate| held.similarity >= candidate.required());
        let begins_to_teach = !held.teaches && is_certain;
        held.teaches |= begins_to_teach;
        if held.teaches {
            let all = if begins_to_teach { live.views.group(policy) } else { None };
            let lessons = all.as_ref().map_or(std::slice::from_ref(view), |group| group.views.as_slice());
            for lesson in lessons {
                self.index.learn(held.person, key, lesson, policy, &mut self.recorder);
            }
        }
    }

    /// Makes a track hold this person from now on. The track teaches the person if it founded the person or `is_certain`.
    pub(crate) fn hold_person(
        &mut self,
        key: TrackKey,
        id: PersonId,
        similarity: f32,
        is_certain: bool,
        policy: &GalleryPolicy,
    ) {
        let (Some(live), Some(person)) = (self.tracks.get_mut(key), self.persons.get_mut(&id)) else {
            return;
        };
        let is_founder = person.founder == Some(key);
        if !is_founder {
            person.founder = None;
        }
        let held = HeldPerson {
            person: id,
            similarity: similarity.clamp(-1.0, 1.0),
            is_founder,
            teaches: is_founder || is_certain,
        };
        live.held = Some(held);
        person.tracks += 1;
        let group = live.views.group(policy);
        for view in group.iter().flat_map(|g| &g.views) {
            person.first_seen = person.first_seen.min(view.captured);
            person.last_seen = person.last_seen.max(view.captured);
        }
        let reason = if is_founder { "the first track" } else { "the views match" };
        let (first_seen, last_seen) = (person.first_seen, person.last_seen);
        self.recorder.record(Some(held.similarity), reason, |_| JournalChange::Assigned {
            person: id,
            track: key,
            // A track without views has taught nothing about times.
            first_seen: wall(first_seen.min(last_seen)),
            last_seen: wall(last_seen),
        });
        for view in group.iter().flat_map(|g| &g.views).filter(|_| held.teaches) {
            self.index.learn(id, key, view, policy, &mut self.recorder);
        }
    }

    /// Takes the person away from a track. If the track founded the person, the person no longer belongs to it alone.
    pub(crate) fn release_person(&mut self, key: TrackKey) {
        let held = self.tracks.get_mut(key).and_then(|live| live.held.take());
        if let Some(person) = held.and_then(|held| self.persons.get_mut(&held.person)) {
            person.founder = None;
        }
    }

    /// Continues the tracks that show another face than before under the numbers that `renumber` returns for them.
    pub(crate) fn split(
        &mut self,
        renumber: &mut dyn FnMut(TrackKey) -> Option<TrackKey>,
        policy: &GalleryPolicy,
    ) {
        for (old, new) in self.tracks.split(renumber, policy) {
            self.recorder.rename_track(old, new);
            let Some(held) = self.tracks.get(new).and_then(|live| live.held) else { continue };
            self.index.rename_track(held.person, old, new);
            if let Some(person) = self.persons.get_mut(&held.person).filter(|p| p.founder == Some(old)) {
                person.founder = Some(new);
            }
        }
    }

    /// Makes a new person of a track. Does nothing if the gallery is full.
    pub(crate) fn found_person(&mut self, key: TrackKey, policy: &GalleryPolicy) {
        if self.make_room(policy) {
            let id = self.add_person(PersonRecord::new(Some(key)));
            self.recorder.record(None, "agreeing views that match no known person", |_| {
                JournalChange::Founded { person: id, track: key }
            });
            self.hold_person(key, id, 1.0, true, policy);
        }
    }

    /// Makes a new person of these embeddings.
    pub(crate) fn enroll(
        &mut self,
        embeddings: &[Embedding],
        policy: &GalleryPolicy,
    ) -> Result<PersonId, EnrollError> {
        let first = embeddings.first().ok_or(EnrollError::NoEmbeddings)?;
        let expected = self.index.template_length().unwrap_or(first.as_slice().len());
        for embedding in embeddings {
            let found = embedding.as_slice().len();
            if found != expected {
                return Err(EnrollError::Length { found, expected });
            }
        }
        if !self.make_room(policy) {
            return Err(EnrollError::Full { max_persons: policy.max_persons });
        }
        let id = self.add_person(PersonRecord::new(None));
        self.recorder.record(None, "entered by hand", |_| JournalChange::Enrolled { person: id });
        self.index.enroll(id, embeddings, policy, &mut self.recorder);
        Ok(id)
    }

    /// Removes a person with all aliases. Returns false if the gallery does not know the number.
    pub(crate) fn remove(&mut self, person: PersonId, reason: &'static str) -> bool {
        let person = self.edits.root(person);
        if self.persons.remove(&person).is_none() {
            return false;
        }
        self.recorder.record(None, reason, |_| JournalChange::Removed { person });
        self.index.remove_person(person);
        self.tracks.forget_person(person);
        let numbers: BTreeSet<PersonId> = self.edits.numbers(person).into_iter().collect();
        self.aliases.retain(|number, _| !numbers.contains(number));
        if !self.edits.about(&numbers).is_empty() {
            self.index.settle(&self.edits.settled(&numbers));
            self.edits.forget(&numbers);
        }
        true
    }

    /// Makes a person an alias of another one. Both must be persons, and not the same.
    pub(crate) fn merge(
        &mut self,
        person: PersonId,
        into: PersonId,
        score: Option<f32>,
        reason: &'static str,
        policy: &GalleryPolicy,
    ) -> Option<EntryId> {
        let change = JournalChange::Merged { person, into };
        let entry = self.recorder.record(score, reason, |_| change.clone());
        self.edits.apply(entry, &change).ok()?;
        let mut kept = self.index.take(person);
        kept.extend(self.index.take(into));
        self.index.place(into, kept, policy);
        let removed = self.persons.remove(&person);
        self.aliases.extend(removed.map(|record| (person, record)));
        self.tracks.replace_person(person, into);
        Some(entry)
    }

    /// Merges the younger person of a track into an older one, as a decision of the gallery.
    pub(crate) fn merge_younger(
        &mut self,
        young: PersonId,
        older: PersonId,
        cosine: f32,
        policy: &GalleryPolicy,
    ) {
        self.merge(young, older, Some(cosine), "better views match an older person", policy);
        self.index.trim_reserve(older, MAX_RESERVE, &mut self.recorder);
    }

    /// Ends a track.
    pub(crate) fn end(&mut self, key: TrackKey, policy: &GalleryPolicy) {
        let is_undecided = |live: &LiveTrack| live.held.is_none() && live.is_undecided;
        if self.tracks.get(key).is_some_and(is_undecided) {
            // No more views will decide it.
            self.found_person(key, policy);
        }
        if let Some(person) = self.tracks.person(key)
            && let Some(record) = self.persons.get(&person)
        {
            let at = wall(record.last_seen);
            self.recorder.record(None, "", |_| JournalChange::Seen { person, at });
            self.index.note_times(person, &mut self.recorder);
        }
        self.tracks.end(key, policy);
    }

    /// Returns the record of a person with the figures of all aliases.
    pub(crate) fn combined(&self, person: PersonId, record: &PersonRecord) -> PersonRecord {
        let mut sum = *record;
        for alias in self.edits.numbers(person).iter().filter_map(|number| self.aliases.get(number)) {
            sum.first_seen = sum.first_seen.min(alias.first_seen);
            sum.last_seen = sum.last_seen.max(alias.last_seen);
            sum.tracks += alias.tracks;
            sum.is_enrolled |= alias.is_enrolled;
        }
        sum
    }

    /// Returns a moment on the gallery's clock. With a journal it is whole microseconds since 1970.
    fn moment_of(&self, captured: Timestamp) -> Timestamp {
        if self.origin.is_zero() {
            return captured;
        }
        let micros = self.origin.saturating_add(captured.0).as_micros();
        Timestamp(Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX)))
    }

    pub(crate) fn add_person(&mut self, record: PersonRecord) -> PersonId {
        self.last_id += 1;
        let id = PersonId(self.last_id);
        self.persons.insert(id, record);
        id
    }

    /// Returns true if there is room for another person, and forgets the person who was not seen for the longest if that
    /// is needed. Persons who were enrolled or named, and those whom a live track holds, are never forgotten.
    pub(crate) fn make_room(&mut self, policy: &GalleryPolicy) -> bool {
        if self.persons.len() < policy.max_persons {
            return true;
        }
        let held: BTreeSet<PersonId> = self.tracks.live().filter_map(|t| Some(t.held?.person)).collect();
        let forgettable = self.persons.iter().filter(|(id, _)| !held.contains(id));
        let forgettable = forgettable.map(|(&id, record)| (id, self.combined(id, record)));
        let forgettable = forgettable.filter(|(id, all)| !all.is_enrolled && self.edits.name(*id).is_none());
        let Some((oldest, _)) = forgettable.min_by_key(|(_, all)| all.last_seen) else {
            return false;
        };
        self.remove(oldest, "no room: not seen for the longest")
    }
}
