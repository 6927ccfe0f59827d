//! Who a track is, over all cameras.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use passerby_types::{Identifier, Identity, PersonId, Sighting, Timestamp, TrackKey};

use crate::GalleryPolicy;
use crate::index::Index;
use crate::tracks::{Held, Tracks};
use crate::views::View;

/// How much nearer than its own person another one must be before a sighting speaks against the track's person: two
/// rows of the table of [`GalleryPolicy`], a hundred times fewer false accepts.
const NEARER: f32 = 0.1;

/// An open-set gallery in memory: it tells persons it knows from persons it does not, and makes the latter known.
///
/// **Who is used.** A view below [`GalleryPolicy::min_size`] or [`GalleryPolicy::min_quality`], or whose embedding has another
/// length than the first one ever kept, decides nothing; a track of which nothing better was seen is
/// [`Identity::Unidentified`].
///
/// **Who a new track is.** Its best views that agree with one another, weighted by quality, make one direction. Two
/// such views that lie at [`GalleryPolicy::same`] to a template of a person, or one at [`GalleryPolicy::sure`], are that person.
/// [`GalleryPolicy::founding`] of them, two by default, that lie at nobody are a new person. Of all tracks and persons of a frame the nearest pair is decided first,
/// and a person that any other track of the frame holds is not to be had: two tracks of one frame are never the same
/// person, nor ever become it later.
///
/// **Whom it must wait for.** A tracker may go on showing a track whose face it has lost, and the face comes back as
/// a new track. So a new track that looks like a person held by a track that was not sighted since, or is in doubt
/// (below), stays [`Identity::Pending`] until that one ends, is sighted, or is resolved; it does not become a second
/// person meanwhile.
///
/// **When a track changes its person.** It keeps it, whatever single sightings say, but for three cases:
/// - Its sightings speak against the person: below [`GalleryPolicy::differ`] to all its templates and to the track so far,
///   or at [`GalleryPolicy::sure`] to another person and nearer to it by 0.1. After [`GalleryPolicy::patience`] of them that agree,
///   with none for the person between (after two where they are at [`GalleryPolicy::sure`] to somebody), the tracker has
///   moved the track to another face: it is decided anew by these sightings alone. Where two tracks of a frame are in
///   doubt and each looks like the other's person, they exchange persons. What the track taught the gallery before
///   stays: it was the person then.
/// - The track founded its person and nobody else was ever recognised as it, and with better views the track is at
///   [`GalleryPolicy::sure`] to an older person: the younger gives way, its templates go to the older, its number is not
///   used again.
/// - Two tracks of one frame hold the same person after all (their sightings came late, say): the one nearer to it
///   keeps it, the other is decided anew.
///
/// **What is kept.** Everything is bounded by [`GalleryPolicy`]: views a track, templates a person, persons, live and ended
/// tracks. Where every person is held by a live track and there is no room, new ones stay [`Identity::Pending`].
/// A track at less than [`GalleryPolicy::sure`] to a person it did not found teaches it nothing, so that a person does not
/// drift into another by small steps. Search is exact and takes one pass over all templates.
///
/// The same calls give the same answers: no clock, no randomness, no order of a hash table.
pub struct Gallery {
    pub(crate) policy: GalleryPolicy,
    pub(crate) index: Index,
    pub(crate) persons: BTreeMap<PersonId, Person>,
    pub(crate) tracks: Tracks,
    last_id: u64,
    /// The tracks of a frame, those of them with a new view, and who they are, to be written over.
    keys: (Vec<TrackKey>, Vec<TrackKey>),
    pub(crate) holders: Vec<(PersonId, f32, TrackKey)>,
}

/// What is known of a person besides the templates.
pub(crate) struct Person {
    pub(crate) first_seen: Timestamp,
    pub(crate) last_seen: Timestamp,
    pub(crate) tracks: u64,
    /// The track that founded it, while no other track was ever recognised as it.
    pub(crate) founder: Option<TrackKey>,
}

/// One person of a [`Gallery`], without anything biometric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GalleryPerson {
    /// Who.
    pub id: PersonId,
    /// When the first of the person's sightings was captured.
    pub first_seen: Timestamp,
    /// When the last one was, however small.
    pub last_seen: Timestamp,
    /// How many times a track became this person, the first one included.
    pub tracks: u64,
    /// How many templates of the person there are.
    pub templates: usize,
}

impl Gallery {
    /// An empty gallery with the default [`GalleryPolicy`].
    #[must_use]
    pub fn new() -> Self {
        Self::with(GalleryPolicy::default())
    }

    /// An empty gallery that goes by `policy`.
    #[must_use]
    pub fn with(policy: GalleryPolicy) -> Self {
        Self {
            policy: policy.checked(),
            index: Index::default(),
            persons: BTreeMap::new(),
            tracks: Tracks::default(),
            last_id: 0,
            keys: (Vec::new(), Vec::new()),
            holders: Vec::new(),
        }
    }

    /// How many persons are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.persons.len()
    }

    /// True where nobody is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.persons.is_empty()
    }

    /// Every person known, by rising id.
    pub fn persons(&self) -> impl Iterator<Item = GalleryPerson> {
        self.persons.iter().map(|(&id, person)| GalleryPerson {
            id,
            first_seen: person.first_seen,
            last_seen: person.last_seen,
            tracks: person.tracks,
            templates: self.index.count(id),
        })
    }

    /// Takes one sighting. True where it is a new view of whoever the track follows, so that there is something to
    /// decide.
    fn take(&mut self, sighting: &Sighting) -> bool {
        let policy = &self.policy;
        let Some(live) = self.tracks.see(sighting, policy) else {
            return false;
        };
        if let Some(person) = live.held.and_then(|h| self.persons.get_mut(&h.person)) {
            person.last_seen = person.last_seen.max(sighting.captured);
        }
        let good = sighting.size >= policy.min_size && sighting.quality >= policy.min_quality;
        if !(good && sighting.quality.is_finite() && self.index.fits(&sighting.embedding)) {
            live.poor = true;
            return false;
        }
        let view = View::from(sighting);
        let Some(held) = live.held else {
            live.views.add(view, policy.views, policy);
            return true;
        };
        let probe = &view.embedding;
        let so_far = live.views.mean(policy).map(|(mean, _)| mean.cosine(probe));
        let known = self.index.nearest(held.person, probe, None);
        let own = so_far.unwrap_or(-1.0).max(known.unwrap_or(-1.0));
        if own >= policy.same {
            live.doubt.clear();
            live.views.add(view.clone(), policy.views, policy);
            self.confirm(sighting.track, &view);
            return true;
        }
        let nearer = |(person, cosine): (PersonId, f32)| person != held.person && cosine >= own + NEARER;
        if own < policy.differ || self.index.near(probe, policy.sure).any(nearer) {
            live.object(view, policy);
            return true;
        }
        false
    }

    /// A view of a track agrees with its person: the track's similarity is settled anew, and the person learns.
    fn confirm(&mut self, key: TrackKey, view: &View) {
        let policy = &self.policy;
        let Some(live) = self.tracks.get_mut(key) else { return };
        let (Some(held), Some((mean, _))) = (&mut live.held, live.views.mean(policy)) else {
            return;
        };
        if !held.founded {
            let others = self.index.nearest(held.person, &mean, Some(key));
            held.similarity = others.unwrap_or(held.similarity);
        }
        let begins = !held.teaches && held.similarity >= policy.sure;
        held.teaches |= begins;
        if held.teaches {
            let all = if begins { live.views.group(policy) } else { None };
            for lesson in all.as_ref().map_or(std::slice::from_ref(view), |group| group.views.as_slice()) {
                self.index.learn(held.person, key, lesson, policy);
            }
        }
    }

    /// The track is this person from now on, at this similarity.
    pub(crate) fn hold(&mut self, key: TrackKey, id: PersonId, similarity: f32) {
        let policy = &self.policy;
        let (Some(live), Some(person)) = (self.tracks.get_mut(key), self.persons.get_mut(&id)) else {
            return;
        };
        let founded = person.founder == Some(key);
        if !founded {
            person.founder = None;
        }
        let held = Held {
            person: id,
            similarity: similarity.clamp(-1.0, 1.0),
            founded,
            teaches: founded || similarity >= policy.sure,
        };
        live.held = Some(held);
        person.tracks += 1;
        let group = live.views.group(policy);
        for view in group.iter().flat_map(|g| &g.views) {
            person.first_seen = person.first_seen.min(view.captured);
            person.last_seen = person.last_seen.max(view.captured);
            if held.teaches {
                self.index.learn(id, key, view, policy);
            }
        }
    }

    /// The track no longer holds a person; the person is no longer this track's alone.
    pub(crate) fn release(&mut self, key: TrackKey) -> Option<PersonId> {
        let held = self.tracks.get_mut(key)?.held.take()?;
        if let Some(person) = self.persons.get_mut(&held.person) {
            person.founder = None;
        }
        Some(held.person)
    }

    /// A new person, seen in this track. `None` where there is no room.
    pub(crate) fn found(&mut self, key: TrackKey) -> Option<PersonId> {
        if self.persons.len() >= self.policy.persons {
            let held: BTreeSet<PersonId> = self.tracks.live().filter_map(|t| Some(t.held?.person)).collect();
            let free = self.persons.iter().filter(|(id, _)| !held.contains(id));
            let (&oldest, _) = free.min_by_key(|(_, person)| person.last_seen)?;
            self.persons.remove(&oldest);
            self.index.forget(oldest);
        }
        self.last_id += 1;
        let id = PersonId(self.last_id);
        let person = Person {
            first_seen: Timestamp(std::time::Duration::MAX),
            last_seen: Timestamp::default(),
            tracks: 0,
            founder: Some(key),
        };
        self.persons.insert(id, person);
        self.hold(key, id, 1.0);
        Some(id)
    }
}

impl Identifier for Gallery {
    fn identify(&mut self, sightings: &[Sighting], visible: &[TrackKey]) {
        let (mut frame, mut fresh) = std::mem::take(&mut self.keys);
        frame.clear();
        frame.extend(visible.iter().copied().chain(sightings.iter().map(|s| s.track)));
        fresh.clear();
        fresh.extend(sightings.iter().filter(|s| self.take(s)).map(|s| s.track));
        for keys in [&mut frame, &mut fresh] {
            keys.sort_unstable();
            keys.dedup();
        }
        self.decide(&frame, &fresh);
        self.keys = (frame, fresh);
    }

    fn identity(&self, track: TrackKey) -> Identity {
        self.tracks.identity(track)
    }

    fn end(&mut self, track: TrackKey) {
        self.tracks.end(track, &self.policy);
    }
}

impl Default for Gallery {
    fn default() -> Self {
        Self::new()
    }
}

/// Counts only.
impl fmt::Debug for Gallery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (live, ended) = self.tracks.len();
        f.debug_struct("Gallery")
            .field("persons", &self.len())
            .field("templates", &self.index.len())
            .field("live_tracks", &live)
            .field("ended_tracks", &ended)
            .finish_non_exhaustive()
    }
}
