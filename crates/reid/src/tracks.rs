//! What is known of the tracks: of the live ones all that decides who they are, of the ended ones who they were.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use passerby_types::{Identity, PersonId, Sighting, Timestamp, TrackKey};

use crate::GalleryPolicy;
use crate::views::{View, Views};

/// How many persons a track remembers not to be. The ones with the lowest numbers go first.
const BARRED: usize = 256;

/// The person a track is.
#[derive(Clone, Copy)]
pub(crate) struct Held {
    pub(crate) person: PersonId,
    pub(crate) similarity: f32,
    /// The person was first seen in this track.
    pub(crate) founded: bool,
    /// The track's views become templates of the person.
    pub(crate) teaches: bool,
}

/// A live track.
#[derive(Default)]
pub(crate) struct Live {
    /// The views that show whom the track follows.
    pub(crate) views: Views,
    /// The latest sightings that speak against the person held, in succession.
    pub(crate) doubt: Views,
    pub(crate) held: Option<Held>,
    /// Persons seen beside this track, each as a track of its own.
    pub(crate) barred: BTreeSet<PersonId>,
    /// The first and the last frame in which the face that the track follows was seen.
    pub(crate) first: u64,
    pub(crate) last: u64,
    seen: Timestamp,
    /// A face was seen that was too small or too poor.
    pub(crate) poor: bool,
}

impl Live {
    pub(crate) fn identity(&self) -> Identity {
        match self.held {
            Some(Held { person, similarity, .. }) => Identity::Person { id: person, similarity },
            None if self.poor && self.views.is_empty() => Identity::Unidentified,
            None => Identity::Pending,
        }
    }

    /// The track will not be this person.
    pub(crate) fn bar(&mut self, person: PersonId) {
        self.barred.insert(person);
        if self.barred.len() > BARRED {
            self.barred.pop_first();
        }
    }

    /// The track follows another face than before, the one of these views; who it is remains to be told.
    pub(crate) fn turn(&mut self, views: Views) {
        self.first = views.since().unwrap_or(self.last);
        self.views = views;
        self.doubt.clear();
        self.barred.clear();
        self.held = None;
    }

    /// A sighting speaks against the person held.
    pub(crate) fn object(&mut self, view: View, policy: &GalleryPolicy) {
        self.doubt.add_latest(view, 2 * policy.patience.max(2));
    }
}

/// The tracks.
#[derive(Default)]
pub(crate) struct Tracks {
    live: BTreeMap<TrackKey, Live>,
    ended: BTreeMap<TrackKey, Identity>,
    order: VecDeque<TrackKey>,
}

impl Tracks {
    pub(crate) fn get(&self, key: TrackKey) -> Option<&Live> {
        self.live.get(&key)
    }

    pub(crate) fn get_mut(&mut self, key: TrackKey) -> Option<&mut Live> {
        self.live.get_mut(&key)
    }

    pub(crate) fn live(&self) -> impl Iterator<Item = &Live> {
        self.live.values()
    }

    pub(crate) fn live_mut(&mut self) -> impl Iterator<Item = &mut Live> {
        self.live.values_mut()
    }

    /// How many tracks are live, and how many ended ones are remembered.
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.live.len(), self.ended.len())
    }

    pub(crate) fn identity(&self, key: TrackKey) -> Identity {
        let live = self.live.get(&key).map(Live::identity);
        live.or_else(|| self.ended.get(&key).copied()).unwrap_or_default()
    }

    /// The person that a live track holds.
    pub(crate) fn person(&self, key: TrackKey) -> Option<PersonId> {
        Some(self.live.get(&key)?.held?.person)
    }

    /// The live track of this sighting, made where it is new; `None` where it ended.
    pub(crate) fn see(&mut self, sighting: &Sighting, policy: &GalleryPolicy) -> Option<&mut Live> {
        let Sighting { track, seq, captured, .. } = *sighting;
        if self.ended.contains_key(&track) {
            return None;
        }
        if !self.live.contains_key(&track) && self.live.len() >= policy.tracks {
            let oldest = self.live.iter().min_by_key(|(_, live)| live.seen);
            oldest.map(|(&key, _)| key).into_iter().for_each(|key| self.end(key, policy));
        }
        let live =
            self.live.entry(track).or_insert_with(|| Live { first: seq, last: seq, ..Live::default() });
        live.first = live.first.min(seq);
        live.last = live.last.max(seq);
        live.seen = live.seen.max(captured);
        Some(live)
    }

    pub(crate) fn end(&mut self, key: TrackKey, policy: &GalleryPolicy) {
        let Some(live) = self.live.remove(&key) else { return };
        self.ended.insert(key, live.identity());
        self.order.push_back(key);
        if self.order.len() > policy.ended {
            let first = self.order.pop_front();
            first.map(|key| self.ended.remove(&key));
        }
    }
}
