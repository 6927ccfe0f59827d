//! The decisions of one frame, in their order.

use std::collections::BTreeSet;

use passerby_types::{PersonId, TrackKey};

use crate::Gallery;
use crate::views::{Group, Views};

/// Tracks of one frame, each once, in order.
type Keys = [TrackKey];

impl Gallery {
    /// Decides what the `fresh` tracks, the ones with a new view, say about themselves. `frame` names all tracks of
    /// the frame.
    pub(crate) fn decide(&mut self, frame: &Keys, fresh: &Keys) {
        self.separate(frame);
        self.bar(frame, fresh);
        for &key in fresh {
            self.resolve(key, frame);
        }
        self.assign(frame, fresh);
        for &key in fresh {
            self.establish(key, frame);
            self.give_way(key, frame);
        }
    }

    /// Of the tracks of one frame that hold the same person, the nearest keeps it.
    fn separate(&mut self, frame: &Keys) {
        let mut holders = std::mem::take(&mut self.holders);
        holders.clear();
        holders.extend(frame.iter().filter_map(|&key| {
            let held = self.tracks.get(key)?.held?;
            Some((held.person, held.similarity, key))
        }));
        holders.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
        for pair in holders.windows(2) {
            if pair[0].0 == pair[1].0 {
                self.release(pair[1].2);
                if let Some(live) = self.tracks.get_mut(pair[1].2) {
                    live.doubt.clear();
                    live.bar(pair[0].0);
                }
            }
        }
        self.holders = holders;
    }

    /// A track is none of the persons that were seen beside it.
    fn bar(&mut self, frame: &Keys, fresh: &Keys) {
        for &key in fresh {
            let Some(live) = self.tracks.get(key).filter(|t| t.doubt.is_empty()) else {
                continue;
            };
            let beside: Vec<PersonId> = frame
                .iter()
                .filter(|&&other| other != key && self.firm(other, live.first))
                .filter_map(|&other| self.tracks.person(other))
                .filter(|person| !live.barred.contains(person))
                .collect();
            if let Some(live) = self.tracks.get_mut(key) {
                beside.into_iter().for_each(|person| live.bar(person));
            }
        }
    }

    /// True where a track was seen at frame `since` or later and nothing speaks against its person: then it and a
    /// track first seen at `since` are two faces.
    fn firm(&self, key: TrackKey, since: u64) -> bool {
        let live = self.tracks.get(key);
        live.is_some_and(|t| t.last >= since && t.doubt.is_empty())
    }

    /// The other track of the frame that holds this person.
    fn holder(&self, person: PersonId, frame: &Keys, but: TrackKey) -> Option<TrackKey> {
        let mut others = frame.iter().copied().filter(|&key| key != but);
        others.find(|&key| self.tracks.person(key) == Some(person))
    }

    /// Settles the doubt of a track about its person, where it has grown enough.
    fn resolve(&mut self, key: TrackKey, frame: &Keys) {
        let Some(live) = self.tracks.get(key) else { return };
        let (Some(held), Some(group)) = (live.held, live.doubt.group(&self.policy)) else {
            return;
        };
        let count = group.views.len();
        let since = live.doubt.since().unwrap_or(live.last);
        let ripe = count >= self.policy.patience;
        let floor = if ripe { self.policy.same } else { self.policy.sure };
        if count < 2 && !ripe {
            return;
        }
        for (person, cosine) in self.index.search(&group.mean, floor) {
            let holder = self.holder(person, frame, key);
            match holder {
                _ if person == held.person => {}
                None => {
                    self.hand_over(key, group);
                    self.hold(key, person, cosine);
                    return;
                }
                Some(other) if self.firm(other, since) => {}
                Some(other) => {
                    self.exchange((key, group), (other, person), cosine);
                    return;
                }
            }
        }
        if ripe {
            // Somebody else, who is free or new: decided with the other tracks of the frame.
            self.hand_over(key, group);
        }
    }

    /// The track follows the face of these views now.
    fn hand_over(&mut self, key: TrackKey, group: Group) {
        self.release(key);
        if let Some(live) = self.tracks.get_mut(key) {
            live.turn(Views::from(group));
        }
    }

    /// A track in doubt looks like the person that another track holds. Where that one is in doubt too and looks like
    /// this one's person, they exchange persons; else it waits.
    fn exchange(
        &mut self,
        (key, group): (TrackKey, Group),
        (other, person): (TrackKey, PersonId),
        cosine: f32,
    ) {
        let theirs = self.tracks.get(other).and_then(|t| t.doubt.group(&self.policy));
        let (Some(own), Some(theirs)) = (self.tracks.person(key), theirs) else {
            return;
        };
        let back = self.index.nearest(own, &theirs.mean, None);
        if let Some(back) = back.filter(|c| *c >= self.policy.same) {
            self.hand_over(key, group);
            self.hand_over(other, theirs);
            self.hold(key, person, cosine);
            self.hold(other, own, back);
        }
    }

    /// Gives known persons to tracks without one, the nearest pair of the frame first.
    fn assign(&mut self, frame: &Keys, fresh: &Keys) {
        let mut pairs: Vec<(f32, TrackKey, PersonId)> = Vec::new();
        for &key in fresh {
            let Some(live) = self.tracks.get(key).filter(|t| t.held.is_none()) else {
                continue;
            };
            let Some((mean, count)) = live.views.mean(&self.policy) else { continue };
            let floor = if count > 1 { self.policy.same } else { self.policy.sure };
            let found = self.index.search(&mean, floor);
            let free = found.into_iter().filter(|(person, _)| !live.barred.contains(person));
            pairs.extend(free.map(|(person, cosine)| (cosine, key, person)));
        }
        if pairs.is_empty() {
            return;
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        let mut taken: BTreeSet<PersonId> = frame.iter().filter_map(|&key| self.tracks.person(key)).collect();
        for (cosine, key, person) in pairs {
            if self.tracks.person(key).is_none() && taken.insert(person) {
                self.hold(key, person, cosine);
            }
        }
    }

    /// Makes a new person of a track that is nobody known, once enough sightings agree.
    fn establish(&mut self, key: TrackKey, frame: &Keys) {
        let Some(live) = self.tracks.get(key).filter(|t| t.held.is_none()) else {
            return;
        };
        let group = live.views.mean(&self.policy).filter(|(_, count)| *count >= self.policy.founding);
        let Some((mean, _)) = group else { return };
        let first = live.first;
        let waits = self.index.near(&mean, self.policy.same).any(|(person, _)| {
            let holder = self.holder(person, frame, key);
            !live.barred.contains(&person) && holder.is_some_and(|other| !self.firm(other, first))
        });
        if !waits {
            self.found(key);
        }
    }

    /// A person that only this track ever was gives way to an older one that the track proves to be.
    fn give_way(&mut self, key: TrackKey, frame: &Keys) {
        let Some(live) = self.tracks.get(key).filter(|t| t.doubt.is_empty()) else {
            return;
        };
        let Some(young) = live.held.map(|h| h.person) else { return };
        if self.persons.get(&young).is_none_or(|p| p.founder != Some(key)) {
            return;
        }
        let group = live.views.mean(&self.policy).filter(|(_, count)| *count >= self.policy.founding);
        let Some((mean, _)) = group else { return };
        let near = self.index.near(&mean, self.policy.sure).filter(|(person, _)| {
            *person < young && !live.barred.contains(person) && self.holder(*person, frame, key).is_none()
        });
        // The nearest; of equals the older.
        let older = near.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        let Some((older, cosine)) = older else { return };
        self.index.merge(young, older, &self.policy);
        let gone = self.persons.remove(&young);
        if let (Some(gone), Some(stays)) = (gone, self.persons.get_mut(&older)) {
            stays.first_seen = stays.first_seen.min(gone.first_seen);
            stays.last_seen = stays.last_seen.max(gone.last_seen);
        }
        for other in self.tracks.live_mut().filter(|t| t.barred.contains(&young)) {
            other.bar(older);
        }
        self.hold(key, older, cosine);
    }
}
