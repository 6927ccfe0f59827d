//! The decisions of one frame: which person each track is.

use std::collections::BTreeSet;

use passerby_types::{PersonId, TrackKey};

use crate::policy::GalleryPolicy;
use crate::similarity::{Candidate, Thresholds};
use crate::state::GalleryState;
use crate::suggestions::{Suggestion, SuggestionReason};
use crate::tracks::LiveTrack;
use crate::views::{Group, Views};

/// A track, the similarity to a person that it holds, and that person.
pub(crate) type Holder = (PersonId, f32, TrackKey);

/// Decides the identities of one frame's tracks by changing the state of a gallery.
pub(crate) struct Decision<'a> {
    pub(crate) state: &'a mut GalleryState,
    pub(crate) policy: &'a GalleryPolicy,
    /// The thresholds at the gallery's present size.
    pub(crate) thresholds: Thresholds,
    /// The number of agreeing views that make a new person. It takes the place of [`GalleryPolicy::min_enroll_views`].
    pub(crate) min_enroll_views: usize,
    /// The tracks of the frame, each once, sorted.
    pub(crate) visible: &'a [TrackKey],
    /// The tracks with a new view, and those that wait for a decision, each once.
    pub(crate) fresh: &'a mut Vec<TrackKey>,
    /// A buffer that the gallery keeps from frame to frame.
    pub(crate) holders: &'a mut Vec<Holder>,
}

impl Decision<'_> {
    /// Makes the decisions in their order.
    pub(crate) fn run(mut self) {
        self.add_waiting_tracks();
        self.separate_duplicates();
        self.exclude_visible_persons();
        for index in 0..self.fresh.len() {
            self.resolve_contradictions(self.fresh[index]);
        }
        // A track that lost its person may have one at once.
        self.add_waiting_tracks();
        self.assign_known_persons();
        for index in 0..self.fresh.len() {
            let key = self.fresh[index];
            self.found_new_person(key);
            self.merge_into_older_person(key);
        }
    }

    /// Adds the tracks of the frame that wait for a decision to the fresh ones.
    fn add_waiting_tracks(&mut self) {
        for &key in self.visible {
            let is_waiting =
                self.state.tracks.get_mut(key).is_some_and(|live| std::mem::take(&mut live.is_waiting));
            if is_waiting && !self.fresh.contains(&key) {
                self.fresh.push(key);
            }
        }
    }

    /// If several tracks of the frame hold the same person, lets only the nearest keep it.
    fn separate_duplicates(&mut self) {
        let state = &mut *self.state;
        self.holders.clear();
        self.holders.extend(self.visible.iter().filter_map(|&key| {
            let held = state.tracks.get(key)?.held?;
            Some((held.person, held.similarity, key))
        }));
        self.holders.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
        for pair in self.holders.windows(2) {
            let (person, ..) = pair[0];
            let (other_person, _, loser) = pair[1];
            if person == other_person {
                state.release_person(loser);
                if let Some(live) = state.tracks.get_mut(loser) {
                    live.contradictions.clear();
                    live.exclude(person);
                }
            }
        }
    }

    /// Excludes from each fresh track the persons that were seen beside it.
    fn exclude_visible_persons(&mut self) {
        for &key in self.fresh.iter() {
            let Some(live) = self.consistent_track(key) else { continue };
            let others = self.visible.iter().filter(|&&other| other != key);
            let persons: Vec<PersonId> = others
                .filter(|&&other| self.is_certain_since(other, live.first_seq))
                .filter_map(|&other| self.state.tracks.person(other))
                .filter(|person| !live.excluded.contains(person))
                .collect();
            if let Some(live) = self.state.tracks.get_mut(key) {
                persons.into_iter().for_each(|person| live.exclude(person));
            }
        }
    }

    /// Lets a track change its person if enough sightings contradict the one that it holds.
    fn resolve_contradictions(&mut self, key: TrackKey) {
        let Some(live) = self.state.tracks.get(key) else { return };
        let (Some(held), Some(group)) = (live.held, live.contradictions.group(self.policy)) else {
            return;
        };
        let count = group.views.len();
        let first_seq = live.contradictions.first_seq().unwrap_or(live.last_seq);
        let is_enough = count >= self.policy.max_disagreeing_views;
        let threshold = if is_enough { self.thresholds.several } else { self.thresholds.certain };
        if count < 2 && !is_enough {
            return;
        }
        for candidate in self.state.index.search(&group.probe, threshold) {
            let person = candidate.person;
            if person == held.person {
                continue;
            }
            let Some(other) = self.other_holder(person, key) else {
                self.restart_track(key, group.into());
                self.hold_candidate(key, candidate);
                return;
            };
            if !self.is_certain_since(other, first_seq) {
                self.take_person((key, group), other, candidate);
                return;
            }
        }
        if is_enough {
            // The track is a free person or a new one. The next steps decide it together with the other tracks.
            self.restart_track(key, group.into());
        }
    }

    /// Takes the person away from a track and starts the track anew with these views.
    fn restart_track(&mut self, key: TrackKey, views: Views) {
        let before = self.state.tracks.identity(key);
        self.state.release_person(key);
        self.state.tracks.restart(key, before, views);
    }

    /// Decides about a track that looks like the person of another track, of which no sighting since says whether it still shows
    /// that person:
    /// - If sightings contradict the other track as well, and it looks like the first track's person, the two swap persons.
    /// - If two or more sightings that agree contradict the other track, it has moved on to a third face: the first track takes
    ///   its person, and the other track is decided anew.
    /// - If as many sightings of the first track agree as the gallery keeps, and the other track has given no usable view
    ///   since, the first track takes the person, and the other track has none.
    /// - Otherwise the first track waits, and the other one needs a look.
    fn take_person(&mut self, (key, group): (TrackKey, Group), other: TrackKey, candidate: Candidate) {
        let Some(own) = self.state.tracks.person(key) else { return };
        let other_group = self.state.tracks.get(other).and_then(|t| t.contradictions.group(self.policy));
        let swapped = other_group
            .as_ref()
            .and_then(|group| self.state.index.candidate_of(own, &group.probe, self.thresholds.several))
            .filter(Candidate::is_match);
        let has_moved_on = other_group.as_ref().is_some_and(|group| group.views.len() > 1);
        let is_silent = other_group.is_none() && group.views.len() >= self.policy.max_contradictions();
        if swapped.is_none() && !has_moved_on && !is_silent {
            if let Some(live) = self.state.tracks.get_mut(other) {
                live.is_asked = true;
            }
            return;
        }
        self.restart_track(key, group.into());
        self.restart_track(other, other_group.map(Views::from).unwrap_or_default());
        self.hold_candidate(key, candidate);
        if let Some(swapped) = swapped {
            self.hold_candidate(other, swapped);
        }
    }

    /// Makes a track hold the person that it was found to be.
    fn hold_candidate(&mut self, key: TrackKey, candidate: Candidate) {
        let is_certain = candidate.at(self.thresholds.certain).is_match();
        self.state.hold_person(key, candidate.person, candidate.cosine, is_certain, self.policy);
    }

    /// Gives known persons to fresh tracks without one. The nearest pair of the frame comes first.
    fn assign_known_persons(&mut self) {
        let mut pairs: Vec<(Candidate, TrackKey)> = Vec::new();
        for &key in self.fresh.iter() {
            let Some(live) = self.track_without_person(key) else { continue };
            let Some(probe) = live.views.probe(self.policy) else { continue };
            let found = self.state.index.search(&probe, self.thresholds.of_views(probe.count));
            let allowed = found.into_iter().filter(|candidate| !live.excluded.contains(&candidate.person));
            pairs.extend(allowed.map(|candidate| (candidate, key)));
        }
        if pairs.is_empty() {
            return;
        }
        pairs.sort_by(|a, b| a.0.nearest_first(&b.0).then(a.1.cmp(&b.1)));
        let held = self.visible.iter().filter_map(|&key| self.state.tracks.person(key));
        let mut taken: BTreeSet<PersonId> = held.collect();
        for (candidate, key) in pairs {
            if self.state.tracks.person(key).is_none() && taken.insert(candidate.person) {
                self.hold_candidate(key, candidate);
            }
        }
    }

    /// Makes a new person of a track that matches no known person, if enough views agree.
    fn found_new_person(&mut self, key: TrackKey) {
        let Some(live) = self.track_without_person(key) else { return };
        let probe = live.views.probe(self.policy).filter(|probe| probe.count >= self.min_enroll_views);
        let Some(probe) = probe else { return };
        let near = self.state.index.candidates(&probe, self.thresholds.several).filter(Candidate::is_match);
        let allowed = near.filter(|candidate| !live.excluded.contains(&candidate.person));
        let holders = allowed.filter_map(|candidate| self.other_holder(candidate.person, key));
        let uncertain: Vec<TrackKey> =
            holders.filter(|&other| !self.is_certain_since(other, live.first_seq)).collect();
        if uncertain.is_empty() {
            let threshold = self.thresholds.of_views(probe.count);
            let near = self.state.index.candidates(&probe, self.thresholds.suggested);
            let near = near.filter(Candidate::is_match).map(|candidate| candidate.at(threshold));
            // A person who matches and was not taken is that of another face of the frame.
            let almost = near.filter(|c| !c.is_match() && !live.excluded.contains(&c.person));
            let almost = almost.min_by(Candidate::nearest_first);
            let is_undecided = almost.is_some() && probe.count < self.patient_views();
            if let Some(live) = self.state.tracks.get_mut(key) {
                live.is_undecided = is_undecided;
            }
            if is_undecided {
                return;
            }
            self.state.found_person(key, self.policy);
            if let (Some(person), Some(almost)) = (self.state.tracks.person(key), almost) {
                self.suggest(person, almost, SuggestionReason::AlmostMatched);
            }
            return;
        }
        if let Some(live) = self.state.tracks.get_mut(key) {
            live.is_waiting = true;
        }
        for other in uncertain {
            if let Some(live) = self.state.tracks.get_mut(other) {
                live.is_asked = true;
            }
        }
    }

    /// Merges a person that only this track ever was into an older person, if the track's views prove that they are one.
    fn merge_into_older_person(&mut self, key: TrackKey) {
        let Some(live) = self.consistent_track(key) else { return };
        let Some(young) = live.held.map(|h| h.person) else { return };
        if self.state.persons.get(&young).is_none_or(|p| p.founder != Some(key)) {
            return;
        }
        let probe = live.views.probe(self.policy).filter(|probe| probe.count >= self.min_enroll_views);
        let Some(probe) = probe else { return };
        let near = self.state.index.candidates(&probe, self.thresholds.several).filter(Candidate::is_match);
        let candidates = near.filter(|Candidate { person, .. }| {
            *person < young && !live.excluded.contains(person) && self.other_holder(*person, key).is_none()
        });
        let Some(nearest) = candidates.min_by(Candidate::nearest_first) else { return };
        let nearest = nearest.at(self.thresholds.certain);
        if !nearest.is_match() {
            self.suggest(young, nearest, SuggestionReason::NotEnoughToMerge);
            return;
        }
        self.state.merge_younger(young, nearest.person, nearest.cosine, self.policy);
        self.hold_candidate(key, nearest);
    }

    /// Returns the number of agreeing views after which a track becomes a new person although it is a little like a known one. A
    /// photograph, for which one view is enough, gets no other.
    fn patient_views(&self) -> usize {
        if self.min_enroll_views > 1 { self.policy.views_per_track } else { 1 }
    }

    /// Records that two persons may be one, although the similarity is not enough to act.
    fn suggest(&mut self, person: PersonId, found: Candidate, reason: SuggestionReason) {
        let other = found.person;
        let suggestion =
            Suggestion { person, other, similarity: found.cosine, threshold: found.required(), reason };
        self.state.suggestions.add(suggestion);
    }

    /// Returns a live track if no sighting contradicts its person.
    fn consistent_track(&self, key: TrackKey) -> Option<&LiveTrack> {
        self.state.tracks.get(key).filter(|live| live.is_consistent())
    }

    /// Returns a live track if it holds no person.
    fn track_without_person(&self, key: TrackKey) -> Option<&LiveTrack> {
        self.state.tracks.get(key).filter(|live| live.held.is_none())
    }

    /// Returns true if a track was seen at frame `seq` or later and no sighting contradicts its person. Then the track
    /// and another one that was first seen at `seq` are two faces.
    fn is_certain_since(&self, key: TrackKey, seq: u64) -> bool {
        self.consistent_track(key).is_some_and(|live| live.last_seq >= seq)
    }

    /// Returns the other track of the frame that holds this person.
    fn other_holder(&self, person: PersonId, except: TrackKey) -> Option<TrackKey> {
        let mut others = self.visible.iter().copied().filter(|&key| key != except);
        others.find(|&key| self.state.tracks.person(key) == Some(person))
    }
}
