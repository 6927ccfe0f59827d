//! Corrections by a user: merges, splits, names, and undo.

use std::collections::{BTreeMap, BTreeSet};

use passerby_types::{EditError, EntryId, FaceTemplate, JournalChange, PersonEdits, PersonId, TrackKey};

use crate::gallery::Gallery;
use crate::index::Kept;
use crate::policy::GalleryPolicy;
use crate::state::{GalleryState, PersonRecord};

impl Gallery {
    /// Returns the person for whom a number stands, or `None` if the gallery does not know the number.
    ///
    /// A number stands for itself until a merge makes it an alias.
    #[must_use]
    pub fn person_of(&self, number: PersonId) -> Option<PersonId> {
        self.state().person_of(number).ok()
    }

    /// Returns the name of a person, or `None` if the person has none or is not known.
    #[must_use]
    pub fn name(&self, number: PersonId) -> Option<&str> {
        self.state().edits.name(self.person_of(number)?)
    }

    /// Returns the templates of a person by rising number, or an empty list if the person is not known.
    ///
    /// They may be more than [`GalleryPolicy::templates_per_person`]: those that merged persons brought are kept for an undo.
    #[must_use]
    pub fn templates_of(&self, number: PersonId) -> Vec<FaceTemplate> {
        self.person_of(number).map_or_else(Vec::new, |person| self.state().index.list(person))
    }

    /// Makes `other` an alias of `person`: both numbers stand for `person` from now on. Returns the number of the edit, with
    /// which [`Gallery::undo`] takes it back.
    ///
    /// ```
    /// use passerby_reid::Gallery;
    /// use passerby_types::Embedding;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut gallery = Gallery::new();
    /// let ann = gallery.enroll(&[Embedding::new(vec![1.0, 0.0])?])?;
    /// let ann_in_disguise = gallery.enroll(&[Embedding::new(vec![0.0, 1.0])?])?;
    ///
    /// let edit = gallery.merge(ann, ann_in_disguise)?;
    /// assert_eq!(gallery.person_of(ann_in_disguise), Some(ann));
    /// gallery.undo(edit)?;
    /// assert_eq!(gallery.person_of(ann_in_disguise), Some(ann_in_disguise));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`EditError::UnknownPerson`], [`EditError::Same`], and [`EditError::SeenTogether`] if live tracks of one camera are
    /// these two persons. The gallery is unchanged after an error.
    pub fn merge(&mut self, person: PersonId, other: PersonId) -> Result<EntryId, EditError> {
        self.edit(|state, policy| {
            let (into, from) = (state.person_of(person)?, state.person_of(other)?);
            if into == from {
                return Err(EditError::Same(person, other));
            }
            check_apart(state, |person| if person == from { into } else { person })?;
            let entry = state.merge(from, into, None, "two numbers of one person", policy);
            entry.ok_or(EditError::Same(person, other))
        })
    }

    /// Gives some templates of a person to a new person, and returns the new person and the number of the edit.
    ///
    /// [`Gallery::templates_of`] lists the templates. The tracks that taught them belong to the new person, too. Tracks that are
    /// live keep the person that they hold until their next views are decided.
    ///
    /// # Errors
    /// [`EditError::UnknownPerson`], [`EditError::UnknownTemplate`], [`EditError::EmptySide`] if the list is empty or has all
    /// templates, and [`EditError::Full`]. The gallery is unchanged after an error.
    pub fn split_person(
        &mut self,
        person: PersonId,
        templates: &[EntryId],
    ) -> Result<(PersonId, EntryId), EditError> {
        self.edit(|state, policy| {
            let person = state.person_of(person)?;
            let all: BTreeSet<EntryId> =
                state.index.list(person).iter().map(|template| template.id).collect();
            let chosen: BTreeSet<EntryId> = templates.iter().copied().collect();
            if let Some(&template) = chosen.difference(&all).next() {
                return Err(EditError::UnknownTemplate { person, template });
            }
            if chosen.is_empty() || chosen.len() == all.len() {
                return Err(EditError::EmptySide(person));
            }
            if !state.has_room(policy) {
                return Err(EditError::Full { max_persons: policy.max_persons });
            }
            // A person whom a user made is never forgotten to make room.
            let new = state.add_person(PersonRecord::new(None));
            let templates = chosen.into_iter().collect();
            let change = JournalChange::Split { person: new, from: person, templates };
            let entry = state.recorder.record(None, "two persons under one number", |_| change.clone());
            state.edits.apply(entry, &change)?;
            let kept = state.index.take(person);
            place_all(state, kept, policy);
            Ok((new, entry))
        })
    }

    /// Names a person, or takes the name away. Returns the number of the edit.
    ///
    /// # Errors
    /// [`EditError::UnknownPerson`], and [`EditError::InvalidName`] if the name is empty, longer than 200 bytes, or has
    /// control characters. The gallery is unchanged after an error.
    pub fn set_name(&mut self, person: PersonId, name: Option<&str>) -> Result<EntryId, EditError> {
        self.edit(|state, _| {
            let person = state.person_of(person)?;
            if name.is_some_and(|name| {
                name.trim().is_empty() || name.len() > 200 || name.chars().any(char::is_control)
            }) {
                return Err(EditError::InvalidName);
            }
            let change = JournalChange::Named { person, name: name.map(str::to_owned) };
            let entry = state.recorder.record(None, "", |_| change.clone());
            state.edits.apply(entry, &change)?;
            Ok(entry)
        })
    }

    /// Undoes an edit, or an earlier undo. Merges that the gallery decided can be undone as well. Returns the number of the
    /// edit that undoes it, which can itself be undone.
    ///
    /// Afterwards the gallery is as if the edit had never been, to the last bit. Templates that the gallery has learned since
    /// stay with the number under which it learned them.
    ///
    /// # Errors
    /// [`EditError::NotAnEdit`], [`EditError::AlreadyUndone`], [`EditError::Conflict`] if a later edit depends on it, and
    /// [`EditError::SeenTogether`]. The gallery is unchanged after an error.
    pub fn undo(&mut self, entry: EntryId) -> Result<EntryId, EditError> {
        self.edit(|state, policy| {
            let change = JournalChange::Undone { entry };
            let mut after = state.edits.clone();
            after.apply(EntryId(state.recorder.next_entry), &change)?;
            check_apart(state, |person| after.root(person))?;
            let id = state.recorder.record(None, "undone by hand", |_| change.clone());
            let before = std::mem::replace(&mut state.edits, after);
            regroup(state, &before, policy);
            Ok(id)
        })
    }

    /// Runs a correction as the decision of a user, and hands it to the journal.
    fn edit<T>(
        &mut self,
        work: impl FnOnce(&mut GalleryState, &GalleryPolicy) -> Result<T, EditError>,
    ) -> Result<T, EditError> {
        let policy = self.policy().clone();
        let (state, _) = self.parts();
        let before = state.recorder.begin_user();
        let done = work(state, &policy);
        state.recorder.author = before;
        self.commit();
        done
    }
}

impl GalleryState {
    fn person_of(&self, number: PersonId) -> Result<PersonId, EditError> {
        let person = self.edits.root(number);
        let is_known = self.persons.contains_key(&number) || self.aliases.contains_key(&number);
        if is_known { Ok(person) } else { Err(EditError::UnknownPerson(number)) }
    }

    fn has_room(&self, policy: &GalleryPolicy) -> bool {
        self.persons.len() < policy.max_persons
    }
}

/// Returns an error if two live tracks of one camera, which are two persons now, would be one after `root`.
fn check_apart(state: &GalleryState, root: impl Fn(PersonId) -> PersonId) -> Result<(), EditError> {
    let mut holders: BTreeMap<(_, PersonId), PersonId> = BTreeMap::new();
    for (TrackKey { camera, .. }, person) in state.tracks.holders() {
        let other = *holders.entry((camera, root(person))).or_insert(person);
        if other != person {
            return Err(EditError::SeenTogether(other.min(person), other.max(person)));
        }
    }
    Ok(())
}

/// Brings persons, templates and tracks in line with the edits, which were `before` until now.
fn regroup(state: &mut GalleryState, before: &PersonEdits, policy: &GalleryPolicy) {
    let numbers: Vec<PersonId> = state.persons.keys().chain(state.aliases.keys()).copied().collect();
    let mut changed: BTreeSet<PersonId> = BTreeSet::new();
    for number in numbers {
        let (old, new) = (before.root(number), state.edits.root(number));
        if old != new {
            changed.extend([old, new]);
        }
        let (from, to) = if new == number {
            (&mut state.aliases, &mut state.persons)
        } else {
            (&mut state.persons, &mut state.aliases)
        };
        let record = from.remove(&number);
        to.extend(record.map(|record| (number, record)));
        if new != number {
            state.tracks.replace_person(number, new);
        }
    }
    // The templates of splits that begin or cease to hold may be those of yet other persons.
    let moved = |edits: &PersonEdits| -> BTreeMap<EntryId, PersonId> {
        edits.splits().flat_map(|(person, ids)| ids.iter().map(move |id| (*id, person))).collect()
    };
    let (old, new) = (moved(before), moved(&state.edits));
    if old != new {
        let ids: BTreeSet<EntryId> = old.into_keys().chain(new.into_keys()).collect();
        changed.extend(state.index.persons_with(&ids));
    }
    let kept = changed.into_iter().flat_map(|person| state.index.take(person)).collect();
    place_all(state, kept, policy);
}

/// Gives each template to its person, together with those that the person has already.
fn place_all(state: &mut GalleryState, kept: Vec<Kept>, policy: &GalleryPolicy) {
    let mut groups: BTreeMap<PersonId, Vec<Kept>> = BTreeMap::new();
    for mut kept in kept {
        let person = kept.assign(&state.edits);
        groups.entry(person).or_default().push(kept);
    }
    for (person, mut group) in groups {
        group.extend(state.index.take(person));
        state.index.place(person, group, policy);
    }
}
