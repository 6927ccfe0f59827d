//! Sums of observations by track and by person.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use passerby_types::{Attributes, CameraId, FrameMeta, Observation, PersonId, TrackKey, TrackState};

/// One track from its first to its last frame.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TrackSummary {
    /// The camera and number of the track.
    pub track: TrackKey,
    /// The first frame of the track.
    pub first: FrameMeta,
    /// The last frame in which the face was found.
    pub last: FrameMeta,
    /// The number of frames in which the face was found. Frames with a predicted box do not count.
    pub frames: u64,
    /// The size of the track's largest face, in pixels: see [`Face::size`](passerby_types::Face::size). 0 if the detector
    /// never found the face. A pipeline identifies only faces that reach
    /// [`SamplingPolicy::min_size`](crate::SamplingPolicy::min_size).
    pub largest_face: f32,
    /// The last person that the track was while it was not tentative, or `None` if it was none.
    pub person: Option<PersonId>,
    /// The latest age and gender of the track, or `None` if they were never estimated.
    pub attributes: Option<Attributes>,
}

/// One person over all tracks and cameras.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PersonSummary {
    /// The person's number.
    pub id: PersonId,
    /// The first frame of the person's first track.
    pub first: FrameMeta,
    /// The last frame in which the person's face was found.
    pub last: FrameMeta,
    /// The number of frames in which the person's face was found, over all tracks.
    pub frames: u64,
    /// The person's tracks, in the order in which they began.
    pub tracks: Vec<TrackKey>,
    /// The cameras that saw the person, by rising number.
    pub cameras: Vec<CameraId>,
    /// The age and gender by [`Attributes::weighted_mean`] over the tracks, or `None` if no track has any.
    pub attributes: Option<Attributes>,
}

/// Sums up observations by track and by person. Only tracks that were confirmed at some time count. The memory grows by
/// about 200 bytes for each track.
///
/// ```
/// use passerby_pipeline::Summary;
/// use passerby_testkit::suite::observation;
/// use passerby_types::PersonId;
///
/// let mut summary = Summary::default();
/// for seq in 0..10 {
///     summary.add(&observation(0, seq));
/// }
/// let persons = summary.persons();
/// assert_eq!((persons[0].id, persons[0].frames), (PersonId(1), 10));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Summary {
    tracks: BTreeMap<TrackKey, TrackEntry>,
}

#[derive(Clone, Debug)]
struct TrackEntry {
    summary: TrackSummary,
    confirmed: bool,
}

impl Summary {
    /// Adds the observation of one frame. The frames of a camera must come in order.
    pub fn add(&mut self, observation: &Observation) {
        let meta = observation.meta;
        for face in &observation.faces {
            let track = TrackKey { camera: meta.camera, track: face.track };
            let entry = self.tracks.entry(track).or_insert_with(|| TrackEntry {
                summary: TrackSummary {
                    track,
                    first: meta,
                    last: meta,
                    frames: 0,
                    largest_face: 0.0,
                    person: None,
                    attributes: None,
                },
                confirmed: false,
            });
            entry.confirmed |= face.state == TrackState::Confirmed;
            let summary = &mut entry.summary;
            if let Some(found) = face.face {
                summary.last = meta;
                summary.frames += 1;
                summary.largest_face = summary.largest_face.max(found.size());
            }
            // A tentative track may be a false detection.
            if face.state != TrackState::Tentative {
                summary.person = face.identity.person().or(summary.person);
            }
            summary.attributes = face.attributes.or(summary.attributes);
        }
    }

    /// Returns the confirmed tracks by camera and rising number.
    pub fn tracks(&self) -> impl Iterator<Item = &TrackSummary> {
        self.tracks.values().filter(|entry| entry.confirmed).map(|entry| &entry.summary)
    }

    /// Returns the persons by rising number, or an empty list if no track was identified.
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

/// Returns the key by which frames of all cameras are ordered: the time of day, then the time in the stream, then the number.
fn time(meta: &FrameMeta) -> (SystemTime, Option<Duration>, u64) {
    (meta.wall, meta.pts, meta.seq)
}

/// Sums up the tracks of one person. Returns `None` if there are no tracks.
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
        attributes: Attributes::weighted_mean(tracks.iter().filter_map(|t| Some((t.frames, t.attributes?)))),
    })
}

#[cfg(test)]
mod tests {
    use passerby_testkit::suite::observation;
    use passerby_types::{BBox, Face, TrackId};

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

    #[test]
    fn a_track_knows_the_size_of_its_largest_face() {
        let mut summary = Summary::default();
        for (seq, side) in [(0, 12.0), (1, 25.0), (2, 18.0)] {
            let mut frame = observation(0, seq);
            frame.faces.truncate(1);
            let bbox = BBox::from_xywh(0.0, 0.0, side, 2.0 * side);
            frame.faces[0].face = Some(Face::new(bbox, 0.9));
            summary.add(&frame);
        }
        assert_eq!(summary.tracks().next().map(|track| track.largest_face), Some(25.0));
    }
}
