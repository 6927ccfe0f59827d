//! The persons of today.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use passerby::store::query::{AgeHistogram, GenderCounts};
use passerby_types::{Attributes, CameraId, Observation, PersonId, TrackState};

/// The most persons of one day.
const MAX_PERSONS: usize = 100_000;
/// A person who was away for this long is seen anew.
const SEEN_AGAIN: Duration = Duration::from_secs(60);

/// The persons of today, and those who are there now.
#[derive(Default)]
pub(super) struct PersonTally {
    day: Option<Date>,
    today: BTreeMap<PersonId, SeenToday>,
    /// The confirmed faces in the newest frame of each camera, as persons or as unknown ones.
    now: BTreeMap<CameraId, Vec<Option<PersonId>>>,
}

struct SeenToday {
    last: SystemTime,
    attributes: Option<Attributes>,
}

/// A person who came into view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Appeared {
    pub(super) person: PersonId,
    /// True if the person was not seen before on this day.
    pub(super) is_first: bool,
}

impl PersonTally {
    /// Adds an observation. Returns the persons who came into view with it.
    pub(super) fn add(&mut self, observation: &Observation) -> Vec<Appeared> {
        let at = observation.meta.wall;
        let day = Timestamp::try_from(at).ok().map(|at| at.to_zoned(TimeZone::system()).date());
        if day != self.day {
            self.day = day;
            self.today.clear();
        }
        let confirmed = observation.faces.iter().filter(|face| face.state == TrackState::Confirmed);
        self.now
            .insert(observation.meta.camera, confirmed.clone().map(|face| face.identity.person()).collect());
        let mut appeared = Vec::new();
        for face in confirmed {
            let Some(person) = face.identity.person() else { continue };
            let has_room = self.today.len() < MAX_PERSONS;
            match self.today.get_mut(&person) {
                Some(seen) => {
                    let away = at.duration_since(seen.last).unwrap_or_default();
                    if away > SEEN_AGAIN {
                        appeared.push(Appeared { person, is_first: false });
                    }
                    seen.last = seen.last.max(at);
                    seen.attributes = face.attributes.or(seen.attributes);
                }
                None if has_room => {
                    appeared.push(Appeared { person, is_first: true });
                    self.today.insert(person, SeenToday { last: at, attributes: face.attributes });
                }
                None => {}
            }
        }
        appeared
    }

    /// Forgets the faces of a camera that gives none any more.
    pub(super) fn end(&mut self, camera: CameraId) {
        self.now.remove(&camera);
    }

    /// Returns the number of persons who are there now. Two cameras that see one person count one.
    pub(super) fn now(&self) -> usize {
        let faces = self.now.values().flatten();
        let unknown = faces.clone().filter(|person| person.is_none()).count();
        let mut known: Vec<PersonId> = faces.flatten().copied().collect();
        known.sort_unstable();
        known.dedup();
        unknown + known.len()
    }

    /// Returns the number of persons of today.
    pub(super) fn today(&self) -> usize {
        self.today.len()
    }

    /// Returns the ages and genders of today's persons.
    pub(super) fn attributes(&self) -> (AgeHistogram, GenderCounts) {
        let attributes = || self.today.values().map(|seen| seen.attributes);
        (AgeHistogram::of(attributes()), GenderCounts::of(attributes()))
    }
}

#[cfg(test)]
mod tests {
    use passerby_types::{BBox, FrameMeta, Identity, ObservedFace};

    use super::*;

    fn observation(camera: u32, at_s: u64, persons: &[Option<u64>]) -> Observation {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000 + at_s);
        let mut observation = Observation::new(FrameMeta::new(camera, at_s).with_wall(wall), 640, 360);
        for (track, person) in persons.iter().enumerate() {
            let mut face = ObservedFace::new(track as u64 + 1, BBox::from_xywh(10.0, 10.0, 50.0, 50.0));
            face.state = TrackState::Confirmed;
            if let Some(id) = person {
                face.identity = Identity::Person { id: PersonId(*id), similarity: 0.9 };
            }
            observation.faces.push(face);
        }
        observation
    }

    #[test]
    fn a_person_whom_two_cameras_see_counts_once() {
        let mut tally = PersonTally::default();
        tally.add(&observation(0, 0, &[Some(1), None]));
        tally.add(&observation(1, 0, &[Some(1), Some(2)]));
        assert_eq!((tally.now(), tally.today()), (3, 2));
        tally.end(CameraId(0));
        assert_eq!((tally.now(), tally.today()), (2, 2));
    }

    #[test]
    fn a_person_appears_once_and_again_after_a_minute() {
        let mut tally = PersonTally::default();
        let person = PersonId(1);
        assert_eq!(tally.add(&observation(0, 0, &[Some(1)])), [Appeared { person, is_first: true }]);
        assert_eq!(tally.add(&observation(0, 50, &[Some(1)])), []);
        assert_eq!(tally.add(&observation(1, 200, &[Some(1)])), [Appeared { person, is_first: false }]);
    }

    #[test]
    fn a_new_day_begins_with_no_person() {
        let mut tally = PersonTally::default();
        tally.add(&observation(0, 0, &[Some(1), Some(2)]));
        tally.add(&observation(0, 2 * 86_400, &[Some(2)]));
        assert_eq!(tally.today(), 1);
        assert_eq!(tally.attributes().0.unknown, 1);
    }
}
