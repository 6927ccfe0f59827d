//! Adds up the edits of a journal: merges, splits, names, and what was undone.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::{JournalChange, JournalEntry};
use super::template::EntryId;
use crate::identity::PersonId;

/// The reason why an edit cannot be made or undone. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The gallery does not know this person.
    #[error("{0} is not known")]
    UnknownPerson(PersonId),
    /// Both numbers stand for the same person already.
    #[error("{0} and {1} are the same person already")]
    Same(PersonId, PersonId),
    /// The person does not have this template.
    #[error("{person} has no template {}", template.0)]
    UnknownTemplate {
        /// The person.
        person: PersonId,
        /// The number of the template.
        template: EntryId,
    },
    /// A split must leave at least one template on either side.
    #[error("a split of {0} must name some of the person's templates and leave others")]
    EmptySide(PersonId),
    /// Two faces of one frame were these two persons, so they cannot be one.
    #[error("{0} and {1} were seen as two faces of one frame")]
    SeenTogether(PersonId, PersonId),
    /// The journal has no such edit, or another kind of entry with this number.
    #[error("{0} is not an edit that can be undone")]
    NotAnEdit(EntryId),
    /// The edit is undone already.
    #[error("{entry} was undone already, by {by}")]
    AlreadyUndone {
        /// The edit.
        entry: EntryId,
        /// The entry that undid it.
        by: EntryId,
    },
    /// Another edit stands in the way. Undo that one first.
    #[error("{by} stands in the way: undo it first")]
    Conflict {
        /// The entry that stands in the way.
        by: EntryId,
    },
    /// The name is empty, too long, or has control characters.
    #[error("a name must have 1 to 200 bytes and no control characters")]
    InvalidName,
    /// The gallery has as many persons as it may have.
    #[error("the gallery is full: it has {max_persons} persons")]
    Full {
        /// The most persons that the gallery keeps.
        max_persons: usize,
    },
}

/// What the edits of a journal add up to: for whom each number stands, whose each template is, and the names.
///
/// A merge makes one number an alias of another one. Numbers and templates are never rewritten, so an undone edit leaves no
/// trace in the result.
///
/// ```
/// use passerby_types::{EntryId, JournalChange, PersonEdits, PersonId};
///
/// let mut edits = PersonEdits::default();
/// let (ann, bob) = (PersonId(1), PersonId(2));
/// edits.apply(EntryId(10), &JournalChange::Merged { person: bob, into: ann })?;
/// assert_eq!(edits.root(bob), ann);
/// edits.apply(EntryId(11), &JournalChange::Undone { entry: EntryId(10) })?;
/// assert_eq!(edits.root(bob), bob);
/// # Ok::<(), passerby_types::EditError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct PersonEdits {
    edits: BTreeMap<EntryId, JournalChange>,
    sum: Sum,
}

/// What the edits that hold add up to.
#[derive(Clone, Debug, Default, PartialEq)]
struct Sum {
    /// For whom a number stands, and the entry that made it so.
    parents: BTreeMap<PersonId, (PersonId, EntryId)>,
    /// The numbers that stand for each one directly.
    children: BTreeMap<PersonId, BTreeSet<PersonId>>,
    /// The persons that templates have been split off for.
    owners: BTreeMap<EntryId, PersonId>,
    names: BTreeMap<PersonId, String>,
}

impl PersonEdits {
    /// Adds up edits, which must come by rising number. Other entries are ignored.
    ///
    /// # Errors
    /// The number of the entry that contradicts the earlier ones, and why.
    pub fn of<'a>(entries: impl IntoIterator<Item = &'a JournalEntry>) -> Result<Self, (EntryId, EditError)> {
        let edits = entries.into_iter().filter(|entry| entry.change.is_edit());
        let edits = edits.map(|entry| (entry.id, entry.change.clone())).collect();
        let sum = Sum::of(&edits)?;
        Ok(Self { edits, sum })
    }

    /// Adds an edit, whose number must be above those of all earlier ones. Ignores other changes.
    ///
    /// # Errors
    /// [`EditError::Same`], [`EditError::NotAnEdit`], [`EditError::AlreadyUndone`] or [`EditError::Conflict`]. Nothing has
    /// changed then.
    pub fn apply(&mut self, id: EntryId, change: &JournalChange) -> Result<(), EditError> {
        if !change.is_edit() {
            return Ok(());
        }
        if let JournalChange::Undone { entry } = change {
            if !self.edits.contains_key(entry) {
                return Err(EditError::NotAnEdit(*entry));
            }
            if let Some(by) = undone_by(&self.edits).get(entry) {
                return Err(EditError::AlreadyUndone { entry: *entry, by: *by });
            }
            self.edits.insert(id, change.clone());
            match Sum::of(&self.edits) {
                Ok(sum) => self.sum = sum,
                Err((by, _)) => {
                    self.edits.remove(&id);
                    return Err(EditError::Conflict { by });
                }
            }
            return Ok(());
        }
        self.sum.add(id, change, true)?;
        self.edits.insert(id, change.clone());
        Ok(())
    }

    /// Returns the person for whom a number stands: itself, unless it was merged.
    #[must_use]
    pub fn root(&self, person: PersonId) -> PersonId {
        self.sum.root(person)
    }

    /// Returns all numbers that stand for a person, with the person's own first, then by rising number.
    #[must_use]
    pub fn numbers(&self, root: PersonId) -> Vec<PersonId> {
        let mut numbers = vec![root];
        let mut next = 0;
        while let Some(number) = numbers.get(next) {
            numbers.extend(self.sum.children.get(number).into_iter().flatten().copied());
            next += 1;
        }
        numbers[1..].sort_unstable();
        numbers
    }

    /// Returns the person whose a template is, as long as no merge is counted. `added_for` is the person whom it was added
    /// for.
    #[must_use]
    pub fn owner(&self, template: EntryId, added_for: PersonId) -> PersonId {
        self.sum.owners.get(&template).copied().unwrap_or(added_for)
    }

    /// Returns the name that was given to this number itself, or `None` if it has none.
    #[must_use]
    pub fn own_name(&self, person: PersonId) -> Option<&str> {
        self.sum.names.get(&person).map(String::as_str)
    }

    /// Returns the name of a person: that of the number itself, or else of the first alias that has one.
    #[must_use]
    pub fn name(&self, root: PersonId) -> Option<&str> {
        self.numbers(root).into_iter().find_map(|number| self.own_name(number))
    }

    /// Returns the edits that mention one of these persons, and the entries that undo those, by rising number.
    #[must_use]
    pub fn about(&self, persons: &BTreeSet<PersonId>) -> BTreeSet<EntryId> {
        let mut about = BTreeSet::new();
        for (id, change) in &self.edits {
            let mentions = match change {
                JournalChange::Merged { person, into } => persons.contains(person) || persons.contains(into),
                JournalChange::Split { person, from, .. } => {
                    persons.contains(person) || persons.contains(from)
                }
                JournalChange::Named { person, .. } => persons.contains(person),
                JournalChange::Undone { entry } => about.contains(entry),
                _ => false,
            };
            if mentions {
                about.insert(*id);
            }
        }
        about
    }

    /// Returns the templates whose split [`PersonEdits::forget`] would drop, each with the person who keeps it: as if it had been
    /// added for that person.
    #[must_use]
    pub fn settled(&self, persons: &BTreeSet<PersonId>) -> BTreeMap<EntryId, PersonId> {
        let undone = undone_by(&self.edits);
        let mut settled = BTreeMap::new();
        for id in self.about(persons).iter().filter(|id| !undone.contains_key(id)) {
            if let Some(JournalChange::Split { person, templates, .. }) = self.edits.get(id) {
                settled.extend(templates.iter().map(|template| (*template, *person)));
            }
        }
        settled
    }

    /// Forgets every edit of a person who is removed with all aliases, so that nothing in the result mentions them.
    pub fn forget(&mut self, persons: &BTreeSet<PersonId>) {
        for id in self.about(persons) {
            self.edits.remove(&id);
        }
        // What is left cannot contradict itself: all that depended on a number of the person is gone with it.
        self.sum = Sum::of(&self.edits).unwrap_or_default();
    }

    /// Returns the entry that undid this edit, or `None` if it holds.
    #[must_use]
    pub fn undone_by(&self, entry: EntryId) -> Option<EntryId> {
        undone_by(&self.edits).get(&entry).copied()
    }

    /// Returns every split that holds: the new person and the templates, by rising number.
    pub fn splits(&self) -> impl Iterator<Item = (PersonId, &[EntryId])> {
        let undone = undone_by(&self.edits);
        self.edits.iter().filter_map(move |(id, change)| match change {
            JournalChange::Split { person, templates, .. } if !undone.contains_key(id) => {
                Some((*person, templates.as_slice()))
            }
            _ => None,
        })
    }
}

/// Returns the edits that do not hold, each with the entry that undid it.
fn undone_by(edits: &BTreeMap<EntryId, JournalChange>) -> BTreeMap<EntryId, EntryId> {
    let mut undone = BTreeMap::new();
    // An entry that undoes another one may itself be undone by a later one.
    for (id, change) in edits.iter().rev() {
        if let JournalChange::Undone { entry } = change
            && !undone.contains_key(id)
        {
            undone.insert(*entry, *id);
        }
    }
    undone
}

impl Sum {
    fn of(edits: &BTreeMap<EntryId, JournalChange>) -> Result<Self, (EntryId, EditError)> {
        let undone = undone_by(edits);
        let mut sum = Self::default();
        for (id, change) in edits {
            sum.add(*id, change, !undone.contains_key(id)).map_err(|error| (*id, error))?;
        }
        Ok(sum)
    }

    /// Adds one edit, which does not hold if `holds` is false.
    fn add(&mut self, id: EntryId, change: &JournalChange, holds: bool) -> Result<(), EditError> {
        match change {
            JournalChange::Merged { person, into } if holds => self.join(id, *person, *into)?,
            // The new number has been given away, so it stands for the old person.
            JournalChange::Split { person, from, .. } if !holds => self.join(id, *person, *from)?,
            JournalChange::Split { person, templates, .. } => {
                self.owners.extend(templates.iter().map(|template| (*template, *person)));
            }
            JournalChange::Named { person, name } if holds => {
                match name {
                    Some(name) => self.names.insert(*person, name.clone()),
                    None => self.names.remove(person),
                };
            }
            _ => {}
        }
        Ok(())
    }

    fn join(&mut self, id: EntryId, person: PersonId, into: PersonId) -> Result<(), EditError> {
        if let Some((_, by)) = self.parents.get(&person) {
            return Err(EditError::Conflict { by: *by });
        }
        if self.root(into) == person {
            return Err(EditError::Same(person, into));
        }
        self.parents.insert(person, (into, id));
        self.children.entry(into).or_default().insert(person);
        Ok(())
    }

    fn root(&self, mut person: PersonId) -> PersonId {
        while let Some((into, _)) = self.parents.get(&person) {
            person = *into;
        }
        person
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: PersonId = PersonId(1);
    const B: PersonId = PersonId(2);
    const C: PersonId = PersonId(3);

    fn merged(person: PersonId, into: PersonId) -> JournalChange {
        JournalChange::Merged { person, into }
    }

    fn undone(entry: u64) -> JournalChange {
        JournalChange::Undone { entry: EntryId(entry) }
    }

    fn edits(changes: &[JournalChange]) -> PersonEdits {
        let mut edits = PersonEdits::default();
        for (i, change) in changes.iter().enumerate() {
            edits.apply(EntryId(i as u64), change).unwrap();
        }
        edits
    }

    #[test]
    fn aliases_of_aliases_stand_for_the_last_one() {
        let edits = edits(&[merged(C, B), merged(B, A)]);
        assert_eq!((edits.root(C), edits.numbers(A)), (A, vec![A, B, C]));
    }

    #[test]
    fn an_earlier_merge_is_undone_by_itself() {
        let edits = edits(&[merged(C, B), merged(B, A), undone(0)]);
        assert_eq!((edits.root(C), edits.root(B)), (C, A));
    }

    #[test]
    fn an_undone_undo_brings_the_edit_back() {
        let edits = edits(&[merged(B, A), undone(0), undone(1)]);
        assert_eq!(edits.root(B), A);
        assert_eq!(edits.undone_by(EntryId(0)), None);
    }

    #[test]
    fn an_edit_is_undone_once() {
        let mut edits = edits(&[merged(B, A), undone(0)]);
        let again = edits.apply(EntryId(9), &undone(0)).unwrap_err();
        assert_eq!(again, EditError::AlreadyUndone { entry: EntryId(0), by: EntryId(1) });
        assert_eq!(edits.apply(EntryId(9), &undone(7)).unwrap_err(), EditError::NotAnEdit(EntryId(7)));
    }

    #[test]
    fn an_undo_that_contradicts_a_later_edit_names_it() {
        let mut edits = edits(&[merged(B, A), undone(0), merged(B, C)]);
        assert_eq!(edits.apply(EntryId(9), &undone(1)).unwrap_err(), EditError::Conflict { by: EntryId(2) });
        assert_eq!(edits.root(B), C);
    }

    #[test]
    fn a_circle_is_refused() {
        let mut edits = edits(&[merged(B, A), merged(C, B)]);
        assert!(matches!(edits.apply(EntryId(9), &merged(A, C)), Err(EditError::Same(..))));
    }

    #[test]
    fn the_number_of_an_undone_split_stands_for_the_old_person() {
        let split = JournalChange::Split { person: B, from: A, templates: vec![EntryId(50)] };
        let mut edits = edits(&[split]);
        assert_eq!((edits.root(B), edits.owner(EntryId(50), A)), (B, B));
        edits.apply(EntryId(1), &undone(0)).unwrap();
        assert_eq!((edits.root(B), edits.owner(EntryId(50), A)), (A, A));
    }

    #[test]
    fn the_name_before_comes_back() {
        let named = |name: &str| JournalChange::Named { person: A, name: Some(name.into()) };
        let mut edits = edits(&[named("Ann"), named("Anna")]);
        assert_eq!(edits.name(A), Some("Anna"));
        edits.apply(EntryId(2), &undone(1)).unwrap();
        assert_eq!(edits.name(A), Some("Ann"));
        edits.apply(EntryId(3), &undone(0)).unwrap();
        assert_eq!(edits.name(A), None);
    }

    #[test]
    fn a_person_has_the_name_of_an_alias() {
        let named = JournalChange::Named { person: B, name: Some("Ben".into()) };
        assert_eq!(edits(&[named, merged(B, A)]).name(A), Some("Ben"));
    }

    #[test]
    fn nothing_of_a_forgotten_person_is_left() {
        let split = JournalChange::Split { person: C, from: A, templates: vec![EntryId(50)] };
        let mut edits = edits(&[merged(B, A), split, undone(0), merged(B, A)]);
        edits.forget(&BTreeSet::from([A, B]));
        assert!(edits.edits.is_empty() && edits.sum == Sum::default());
    }
}
