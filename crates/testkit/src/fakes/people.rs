//! Identifiers and attribute fusions with known answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use passerby_types::{AttributeFusion, Attributes, Identifier, Identity, PersonId, Sighting, TrackKey};

/// An [`Identifier`] for which every track is person 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct OnePerson;

impl Identifier for OnePerson {
    fn identify(&mut self, _: &[Sighting], _: &[TrackKey]) {}

    fn identity(&self, _: TrackKey) -> Identity {
        Identity::Person { id: PersonId(1), similarity: 1.0 }
    }

    fn end(&mut self, _: TrackKey) {}
}

/// An [`Identifier`] for which every track is a person of its own. It numbers the persons from 1 in the order of their first
/// sightings, so that a test notices any change of that order.
#[derive(Clone, Debug, Default)]
pub struct PersonPerTrack {
    persons: BTreeMap<TrackKey, PersonId>,
}

impl Identifier for PersonPerTrack {
    fn identify(&mut self, sightings: &[Sighting], _: &[TrackKey]) {
        for sighting in sightings {
            let next = PersonId(self.persons.len() as u64 + 1);
            self.persons.entry(sighting.track).or_insert(next);
        }
    }

    fn identity(&self, track: TrackKey) -> Identity {
        let person = |id: &PersonId| Identity::Person { id: *id, similarity: 1.0 };
        self.persons.get(&track).map_or(Identity::Pending, person)
    }

    fn end(&mut self, _: TrackKey) {}
}

/// An [`AttributeFusion`] whose result for a track is the latest estimate. A clone has tracks of its own, but shares the count
/// of ended tracks.
#[derive(Clone, Debug, Default)]
pub struct LatestEstimate {
    tracks: BTreeMap<TrackKey, Attributes>,
    ended: Arc<AtomicU64>,
}

impl LatestEstimate {
    /// Returns the number of tracks that ended, over all clones.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.ended.load(Ordering::Acquire)
    }
}

impl AttributeFusion for LatestEstimate {
    fn fuse(&mut self, track: TrackKey, estimate: &Attributes, _quality: f32) {
        self.tracks.insert(track, *estimate);
    }

    fn attributes(&self, track: TrackKey) -> Option<Attributes> {
        self.tracks.get(&track).copied()
    }

    fn end(&mut self, track: TrackKey) {
        self.tracks.remove(&track);
        self.ended.fetch_add(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FixedClassifier;
    use crate::suite::sighting;

    #[test]
    fn persons_are_numbered_by_their_first_sighting() {
        let mut persons = PersonPerTrack::default();
        let [first, second] = [sighting(7, 0, 1), sighting(3, 0, 2)];
        persons.identify(&[first.clone(), second.clone()], &[first.track, second.track]);
        persons.identify(std::slice::from_ref(&second), &[second.track]);
        let person = |sighting: &Sighting| persons.identity(sighting.track).person();
        assert_eq!((person(&first), person(&second)), (Some(PersonId(1)), Some(PersonId(2))));
    }

    #[test]
    fn clones_count_their_ended_tracks_together() {
        let first = LatestEstimate::default();
        let mut second = first.clone();
        let track = sighting(1, 0, 1).track;
        second.fuse(track, &FixedClassifier::default().0, 1.0);
        second.end(track);
        assert_eq!((first.ended(), second.attributes(track)), (1, None));
    }
}
