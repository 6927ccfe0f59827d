//! Who passed, from the observations.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use passerby_types::{Age, Attributes, CameraId, FrameMeta, Observation, PersonId, TrackKey, TrackState};

/// One track from its first to its last frame.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackSummary {
    /// Which track.
    pub track: TrackKey,
    /// The frame in which the track was first seen.
    pub first: FrameMeta,
    /// The frame in which its face was last found.
    pub last: FrameMeta,
    /// Frames in which its face was found.
    pub frames: u64,
    /// Who it is, as far as was known at last.
    pub person: Option<PersonId>,
    /// Its age and gender, as far as was known at last.
    pub attributes: Option<Attributes>,
}

/// One person over all tracks and cameras.
#[derive(Clone, Debug, PartialEq)]
pub struct PersonSummary {
    /// Who.
    pub id: PersonId,
    /// The first frame of the person's first track.
    pub first: FrameMeta,
    /// The last frame in which the person's face was found.
    pub last: FrameMeta,
    /// Frames in which the face was found, over all tracks.
    pub frames: u64,
    /// The person's tracks in the order in which they began.
    pub tracks: Vec<TrackKey>,
    /// The cameras that saw the person, by rising number.
    pub cameras: Vec<CameraId>,
    /// Age and gender: the tracks' mean, weighted by their frames. `None` where no track has any.
    pub attributes: Option<Attributes>,
}

/// Adds up observations to tracks and persons. Counts only tracks that were ever confirmed. Memory grows with the
/// number of tracks: about 200 bytes each.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    tracks: BTreeMap<TrackKey, (TrackSummary, bool)>,
}

impl Summary {
    /// Adds one frame.
    pub fn add(&mut self, observation: &Observation) {
        let meta = observation.meta;
        for face in &observation.faces {
            let key = TrackKey { camera: meta.camera, track: face.track };
            let (summary, confirmed) = self.tracks.entry(key).or_insert_with(|| {
                let new = TrackSummary {
                    track: key,
                    first: meta,
                    last: meta,
                    frames: 0,
                    person: None,
                    attributes: None,
                };
                (new, false)
            });
            *confirmed |= face.state == TrackState::Confirmed;
            if face.face.is_some() {
                summary.last = meta;
                summary.frames += 1;
            }
            summary.person = face.identity.person();
            summary.attributes = face.attributes.or(summary.attributes);
        }
    }

    /// The tracks that were confirmed, by camera and rising id.
    pub fn tracks(&self) -> impl Iterator<Item = &TrackSummary> {
        self.tracks.values().filter(|(_, confirmed)| *confirmed).map(|(track, _)| track)
    }

    /// The persons, by rising id. Empty where nobody was identified.
    #[must_use]
    pub fn persons(&self) -> Vec<PersonSummary> {
        let mut groups: BTreeMap<PersonId, Vec<&TrackSummary>> = BTreeMap::new();
        for track in self.tracks() {
            if let Some(person) = track.person {
                groups.entry(person).or_default().push(track);
            }
        }
        groups.into_iter().filter_map(|(id, tracks)| person(id, tracks)).collect()
    }
}

/// When a frame was: its place in the stream where it has one (of which there is one a camera), else its arrival.
fn time(meta: &FrameMeta) -> (SystemTime, Option<Duration>, u64) {
    (meta.wall, meta.pts, meta.seq)
}

fn person(id: PersonId, mut tracks: Vec<&TrackSummary>) -> Option<PersonSummary> {
    tracks.sort_by_key(|t| (time(&t.first), t.track));
    let first = tracks.first()?.first;
    let last = tracks.iter().map(|t| t.last).max_by_key(time)?;
    let mut cameras: Vec<CameraId> = tracks.iter().map(|t| t.track.camera).collect();
    cameras.sort_unstable();
    cameras.dedup();
    Some(PersonSummary {
        id,
        first,
        last,
        frames: tracks.iter().map(|t| t.frames).sum(),
        tracks: tracks.iter().map(|t| t.track).collect(),
        cameras,
        attributes: mean(&tracks),
    })
}

/// The tracks' attributes, weighted by their frames.
fn mean(tracks: &[&TrackSummary]) -> Option<Attributes> {
    let known: Vec<(f32, Attributes)> =
        tracks.iter().filter_map(|t| Some((t.frames.max(1) as f32, t.attributes?))).collect();
    let total: f32 = known.iter().map(|(weight, _)| weight).sum();
    let mean =
        |of: fn(&Attributes) -> f32| known.iter().map(|(weight, a)| weight * of(a)).sum::<f32>() / total;
    let age = || Age { years: mean(|a| a.age.years), low: mean(|a| a.age.low), high: mean(|a| a.age.high) };
    (total > 0.0).then(|| Attributes { age: age(), p_male: mean(|a| a.p_male) })
}

#[cfg(test)]
mod tests {
    use passerby_testkit::suite::observation;
    use passerby_types::TrackId;

    use super::*;

    #[test]
    fn tracks_of_one_person_over_two_cameras_add_up() {
        let mut summary = Summary::default();
        for seq in 0..10 {
            summary.add(&observation(0, seq));
        }
        for seq in 20..25 {
            let mut second = observation(1, seq);
            second.faces[0].attributes = None;
            second.faces[1].state = TrackState::Tentative;
            summary.add(&second);
        }
        assert_eq!(summary.tracks().count(), 3, "a track that was never confirmed does not count");
        let persons = summary.persons();
        assert_eq!(persons.len(), 1);
        let person = &persons[0];
        assert_eq!((person.id, person.frames, person.tracks.len()), (PersonId(1), 15, 2));
        assert_eq!(person.cameras, [CameraId(0), CameraId(1)]);
        assert_eq!((person.first.seq, person.last.seq), (0, 24));
        assert_eq!(person.tracks[0].track, TrackId(1));
        assert_eq!(person.attributes.unwrap().age.years, 41.5);
        assert!(Summary::default().persons().is_empty());
    }
}
