//! The live tracks with everything that decides who they are, and the ended ones with their last identity.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use passerby_types::{Identity, PersonId, Sighting, Timestamp, TrackKey};

use crate::policy::GalleryPolicy;
use crate::views::{View, Views};

/// The most persons that a track can exclude. Beyond it, the persons with the lowest numbers are dropped first.
const MAX_EXCLUDED_PERSONS: usize = 256;

/// The person that a track holds.
#[derive(Clone, Copy)]
pub(crate) struct HeldPerson {
    pub(crate) person: PersonId,
    pub(crate) similarity: f32,
    /// True if the person was first seen in this track.
    pub(crate) is_founder: bool,
    /// True if the track's views become templates of the person.
    pub(crate) teaches: bool,
}

/// A live track.
#[derive(Default)]
pub(crate) struct LiveTrack {
    /// The best views of the face that the track follows.
    pub(crate) views: Views,
    /// The latest sightings in a row that contradict the held person.
    pub(crate) contradictions: Views,
    pub(crate) held: Option<HeldPerson>,
    /// The persons that were seen beside this track, each as a track of its own.
    pub(crate) excluded: BTreeSet<PersonId>,
    /// The first frame in which the face that the track follows was seen.
    pub(crate) first_seq: u64,
    /// The last frame in which it was seen.
    pub(crate) last_seq: u64,
    last_captured: Timestamp,
    /// True if the track could be a new person, but is a little like a known one, and more views may decide it.
    pub(crate) is_undecided: bool,
    /// True if a view was too small or too poor to be used.
    pub(crate) has_unusable_view: bool,
    /// True if another track looks like this track's person, and no usable view has come since.
    pub(crate) is_asked: bool,
    /// True if the track must be decided again with the next sighting of its camera, even without a new view of its own.
    pub(crate) is_waiting: bool,
}

impl LiveTrack {
    pub(crate) fn identity(&self) -> Identity {
        match self.held {
            Some(HeldPerson { person, similarity, .. }) => Identity::Person { id: person, similarity },
            None if self.has_unusable_view && self.views.is_empty() => Identity::Unidentified,
            None => Identity::Pending,
        }
    }

    /// Returns true if another view would help to decide who this track, or another one, is.
    pub(crate) fn needs_look(&self) -> bool {
        self.is_asked || !self.contradictions.is_empty() || (self.is_waiting && self.held.is_none())
    }

    /// Returns true if no sighting contradicts the track's person.
    pub(crate) fn is_consistent(&self) -> bool {
        self.contradictions.is_empty()
    }

    /// Records that the track cannot be this person.
    pub(crate) fn exclude(&mut self, person: PersonId) {
        self.excluded.insert(person);
        if self.excluded.len() > MAX_EXCLUDED_PERSONS {
            self.excluded.pop_first();
        }
    }

    /// Starts the track anew with these views, which show another face than before. It then holds no person.
    pub(crate) fn restart(&mut self, views: Views) {
        self.first_seq = views.first_seq().unwrap_or(self.last_seq);
        self.views = views;
        self.contradictions.clear();
        self.excluded.clear();
        self.held = None;
        self.is_asked = false;
    }

    /// Records a sighting that contradicts the held person.
    pub(crate) fn add_contradiction(&mut self, view: View, policy: &GalleryPolicy) {
        self.contradictions.add_latest(view, policy.max_contradictions());
    }
}

/// The live tracks, and the identities of the ended ones.
#[derive(Default)]
pub(crate) struct Tracks {
    live: BTreeMap<TrackKey, LiveTrack>,
    ended: BTreeMap<TrackKey, Identity>,
    /// The ended tracks in the order in which they ended.
    ended_order: VecDeque<TrackKey>,
    /// The live tracks that show another face than before, each with the identity that it had then.
    changed: Vec<(TrackKey, Identity)>,
}

impl Tracks {
    pub(crate) fn get(&self, key: TrackKey) -> Option<&LiveTrack> {
        self.live.get(&key)
    }

    pub(crate) fn get_mut(&mut self, key: TrackKey) -> Option<&mut LiveTrack> {
        self.live.get_mut(&key)
    }

    pub(crate) fn live(&self) -> impl Iterator<Item = &LiveTrack> {
        self.live.values()
    }

    /// Returns the live tracks that hold a person, with their numbers.
    pub(crate) fn holders(&self) -> impl Iterator<Item = (TrackKey, PersonId)> {
        self.live.iter().filter_map(|(key, live)| Some((*key, live.held?.person)))
    }

    /// Returns the number of live tracks.
    pub(crate) fn live_len(&self) -> usize {
        self.live.len()
    }

    /// Returns the number of ended tracks that are remembered.
    pub(crate) fn ended_len(&self) -> usize {
        self.ended.len()
    }

    pub(crate) fn identity(&self, key: TrackKey) -> Identity {
        let live = self.live.get(&key).map(LiveTrack::identity);
        live.or_else(|| self.ended.get(&key).copied()).unwrap_or_default()
    }

    /// Returns the person that a live track holds.
    pub(crate) fn person(&self, key: TrackKey) -> Option<PersonId> {
        Some(self.live.get(&key)?.held?.person)
    }

    /// Returns the live track of this sighting, and creates it if it is new. Returns `None` if the track has ended.
    pub(crate) fn track_of(&mut self, sighting: &Sighting, policy: &GalleryPolicy) -> Option<&mut LiveTrack> {
        let Sighting { track, seq, captured, .. } = *sighting;
        if self.ended.contains_key(&track) {
            return None;
        }
        if !self.live.contains_key(&track) && self.live.len() >= policy.max_tracks {
            let oldest = self.live.iter().min_by_key(|(_, live)| live.last_captured);
            oldest.map(|(&key, _)| key).into_iter().for_each(|key| self.end(key, policy));
        }
        let live = self.live.entry(track).or_insert_with(|| LiveTrack {
            first_seq: seq,
            last_seq: seq,
            ..LiveTrack::default()
        });
        live.first_seq = live.first_seq.min(seq);
        live.last_seq = live.last_seq.max(seq);
        live.last_captured = live.last_captured.max(captured);
        Some(live)
    }

    pub(crate) fn end(&mut self, key: TrackKey, policy: &GalleryPolicy) {
        let Some(live) = self.live.remove(&key) else { return };
        self.changed.retain(|(changed, _)| *changed != key);
        self.remember(key, live.identity(), policy);
    }

    /// Remembers the identity of a track that has ended.
    fn remember(&mut self, key: TrackKey, identity: Identity, policy: &GalleryPolicy) {
        self.ended.insert(key, identity);
        self.ended_order.push_back(key);
        if self.ended_order.len() > policy.max_ended_tracks {
            let first = self.ended_order.pop_front();
            first.map(|key| self.ended.remove(&key));
        }
    }

    /// Notes that a live track shows another face than before, and starts it anew with these views.
    pub(crate) fn restart(&mut self, key: TrackKey, before: Identity, views: Views) {
        let Some(live) = self.live.get_mut(&key) else { return };
        live.restart(views);
        live.is_waiting = true;
        if self.changed.iter().all(|(changed, _)| *changed != key) {
            self.changed.push((key, before));
        }
    }

    /// Returns true if a track shows another face than before, and [`Tracks::split`] may give it another number.
    pub(crate) fn awaits_numbers(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Ends each track that shows another face than before, with the identity that it had then, and continues it under the
    /// number that `renumber` returns for it. Returns the old and the new numbers. Tracks without a new number stay as they are.
    pub(crate) fn split(
        &mut self,
        renumber: &mut dyn FnMut(TrackKey) -> Option<TrackKey>,
        policy: &GalleryPolicy,
    ) -> Vec<(TrackKey, TrackKey)> {
        let mut renumbered = Vec::new();
        for (key, before) in std::mem::take(&mut self.changed) {
            let new =
                renumber(key).filter(|new| !self.live.contains_key(new) && !self.ended.contains_key(new));
            let Some(new) = new else {
                self.changed.push((key, before));
                continue;
            };
            if let Some(live) = self.live.remove(&key) {
                self.live.insert(new, live);
                self.remember(key, before, policy);
                renumbered.push((key, new));
            }
        }
        renumbered
    }

    /// Makes every track that holds a person, or excludes it, hold or exclude another one as well.
    pub(crate) fn replace_person(&mut self, person: PersonId, by: PersonId) {
        for live in self.live.values_mut() {
            if live.excluded.contains(&person) {
                live.exclude(by);
            }
            if let Some(held) = live.held.as_mut().filter(|held| held.person == person) {
                held.person = by;
                held.is_founder = false;
            }
        }
        let changed = self.changed.iter_mut().map(|(_, identity)| identity);
        for identity in self.ended.values_mut().chain(changed) {
            if let Identity::Person { id, .. } = identity
                && *id == person
            {
                *id = by;
            }
        }
    }

    /// Removes a person from every track that holds it or held it at its end: those become [`Identity::Pending`].
    pub(crate) fn forget_person(&mut self, person: PersonId) {
        for live in self.live.values_mut().filter(|live| live.held.is_some_and(|h| h.person == person)) {
            live.held = None;
            live.contradictions.clear();
        }
        let before = self.changed.iter_mut().map(|(_, before)| before);
        for identity in self.ended.values_mut().chain(before).filter(|i| i.person() == Some(person)) {
            *identity = Identity::Pending;
        }
    }
}
