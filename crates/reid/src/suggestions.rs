//! Persons who may be one, for a human to decide.

use std::collections::VecDeque;

use passerby_types::PersonId;

/// The number of suggestions that a gallery keeps. The oldest go first.
const MAX_SUGGESTIONS: usize = 256;

/// Why a gallery suggests that two persons are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SuggestionReason {
    /// A track founded a person because it was too unlike all others, but one of them lies only a little below the threshold.
    AlmostMatched,
    /// Later views of the track that founded the person match an older person, but not well enough for a merge.
    NotEnoughToMerge,
}

/// Two persons who may be one. The gallery never acts on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Suggestion {
    /// The younger person.
    pub person: PersonId,
    /// The older person, whom the younger one resembles.
    pub other: PersonId,
    /// The cosine of the younger person's views and the older one's mean template, -1 to 1.
    pub similarity: f32,
    /// The similarity from which the gallery would have acted.
    pub threshold: f32,
    /// Why the gallery suggests it.
    pub reason: SuggestionReason,
}

/// The latest suggestions, at most one of each two persons.
#[derive(Default)]
pub(crate) struct Suggestions(VecDeque<Suggestion>);

impl Suggestions {
    /// Adds a suggestion. It takes the place of an earlier one about the same persons.
    pub(crate) fn add(&mut self, new: Suggestion) {
        let is_same = |old: &&mut Suggestion| (old.person, old.other) == (new.person, new.other);
        if let Some(old) = self.0.iter_mut().find(is_same) {
            *old = new;
            return;
        }
        if self.0.len() >= MAX_SUGGESTIONS {
            self.0.pop_front();
        }
        self.0.push_back(new);
    }

    /// Returns the suggestions about persons who both exist, the latest first.
    pub(crate) fn of(&self, exists: impl Fn(PersonId) -> bool) -> Vec<Suggestion> {
        let latest_first = self.0.iter().rev().copied();
        latest_first.filter(|suggestion| exists(suggestion.person) && exists(suggestion.other)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suggestion(person: u64, similarity: f32) -> Suggestion {
        let reason = SuggestionReason::AlmostMatched;
        Suggestion { person: PersonId(person), other: PersonId(1), similarity, threshold: 0.6, reason }
    }

    #[test]
    fn a_later_suggestion_about_the_same_persons_takes_its_place() {
        let mut suggestions = Suggestions::default();
        suggestions.add(suggestion(2, 0.5));
        suggestions.add(suggestion(2, 0.55));
        assert_eq!(suggestions.of(|_| true), [suggestion(2, 0.55)]);
    }

    #[test]
    fn the_oldest_suggestions_go_first() {
        let mut suggestions = Suggestions::default();
        let count = MAX_SUGGESTIONS as u64 + 10;
        (2..2 + count).for_each(|person| suggestions.add(suggestion(person, 0.5)));
        let kept = suggestions.of(|_| true);
        assert_eq!(kept.len(), MAX_SUGGESTIONS);
        assert_eq!(kept[0].person, PersonId(1 + count));
        assert!(kept.iter().all(|suggestion| suggestion.person > PersonId(11)));
    }

    #[test]
    fn persons_who_are_gone_are_not_suggested() {
        let mut suggestions = Suggestions::default();
        suggestions.add(suggestion(2, 0.5));
        suggestions.add(suggestion(3, 0.5));
        assert_eq!(suggestions.of(|person| person != PersonId(2)), [suggestion(3, 0.5)]);
    }
}
