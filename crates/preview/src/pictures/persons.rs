//! A picture of each person's face, in memory alone and only if the settings allow it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use passerby::annotate::{ContactSheet, SheetSettings};
use passerby::reid::SharedGallery;
use passerby_pipeline::{PipelineOutputs, TappedFrame};
use passerby_types::{Image, PersonId};

use super::encode::jpeg;

/// The side of a picture in pixels. The page shows no larger ones.
const SIDE: u32 = 128;
/// The most persons of whom there is a picture. They need 48 MiB.
const MAX_PERSONS: usize = 1000;
/// The interval between two looks at the newest frames. A better view than the one before comes seldom.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// The interval between two looks at the gallery for persons that were forgotten elsewhere.
const FORGET_INTERVAL: Duration = Duration::from_secs(60);

/// The best view of each person since the start. If there are too many persons, those go whom no camera has seen for longest.
pub(crate) struct PersonPictures {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    sheet: ContactSheet,
    /// The number of the look at which each person was last seen.
    seen: BTreeMap<PersonId, u64>,
    looks: u64,
    has_stopped: bool,
}

impl PersonPictures {
    pub(crate) fn new() -> Arc<Self> {
        let settings = SheetSettings { tile: SIDE, max_persons: MAX_PERSONS, ..SheetSettings::default() };
        let sheet = ContactSheet::new(settings);
        let state = State { sheet, seen: BTreeMap::new(), looks: 0, has_stopped: false };
        Arc::new(Self { state: Mutex::new(state), changed: Condvar::new() })
    }

    /// Returns the picture of a person as JPEG, or `None` before the first view. `numbers` are all that stand for the person.
    pub(crate) fn jpeg(&self, numbers: &[PersonId]) -> Option<Vec<u8>> {
        let image: Image = {
            let state = self.state.lock();
            numbers.iter().find_map(|number| state.sheet.picture(*number))?
        };
        jpeg(image.to_rgb(), image.width(), image.height())
    }

    /// Returns true if there is a picture of a person.
    pub(crate) fn has(&self, numbers: &[PersonId]) -> bool {
        let state = self.state.lock();
        numbers.iter().any(|number| state.sheet.has_picture(*number))
    }

    /// Forgets a person.
    pub(crate) fn forget(&self, numbers: &[PersonId]) {
        let mut state = self.state.lock();
        numbers.iter().for_each(|number| state.forget(*number));
    }

    /// Ends the thread.
    pub(crate) fn stop(&self) {
        self.state.lock().has_stopped = true;
        self.changed.notify_all();
    }

    /// Looks at the newest frames until the stop.
    pub(crate) fn run(&self, outputs: &PipelineOutputs, gallery: &SharedGallery) {
        let tap = outputs.frames();
        let mut next_forget = Instant::now() + FORGET_INTERVAL;
        loop {
            let frames = tap.take_all();
            let known = (Instant::now() >= next_forget)
                .then(|| gallery.persons().into_iter().map(|person| person.id));
            let known: Option<BTreeSet<PersonId>> = known.map(Iterator::collect);
            let mut state = self.state.lock();
            frames.iter().for_each(|frame| state.add(frame));
            if let Some(known) = known {
                next_forget = Instant::now() + FORGET_INTERVAL;
                let gone: Vec<PersonId> =
                    state.seen.keys().copied().filter(|number| !known.contains(number)).collect();
                gone.into_iter().for_each(|number| state.forget(number));
            }
            let until = Instant::now() + LOOK_INTERVAL;
            while !state.has_stopped && !self.changed.wait_until(&mut state, until).timed_out() {}
            if state.has_stopped {
                return;
            }
        }
    }
}

impl State {
    fn add(&mut self, frame: &TappedFrame) {
        self.looks += 1;
        for face in &frame.observation.faces {
            if let Some(person) = face.identity.person() {
                self.seen.insert(person, self.looks);
            }
        }
        while self.seen.len() > MAX_PERSONS {
            let Some(longest) = self.seen.iter().min_by_key(|(_, look)| **look).map(|(person, _)| *person)
            else {
                break;
            };
            self.forget(longest);
        }
        self.sheet.add(&frame.frame, &frame.observation);
    }

    fn forget(&mut self, person: PersonId) {
        self.seen.remove(&person);
        self.sheet.forget(person);
    }
}

#[cfg(test)]
mod tests {
    use passerby_testkit::suite::observation;
    use passerby_testkit::{LAYOUTS, frame, uniform};
    use passerby_types::Identity;

    use super::*;

    /// Shows one face, which is of this person.
    fn show(pictures: &PersonPictures, seq: u64, person: u64) {
        let mut observation = observation(0, 0);
        observation.faces.truncate(1);
        observation.faces[0].track.0 = person;
        observation.faces[0].identity = Identity::Person { id: PersonId(person), similarity: 0.9 };
        let frame = frame(seq, uniform(LAYOUTS[0], 640, 360, 90));
        pictures.state.lock().add(&TappedFrame { frame, observation: Arc::new(observation) });
    }

    #[test]
    fn a_person_has_a_picture_under_all_numbers_until_it_is_forgotten() {
        let pictures = PersonPictures::new();
        assert!(!pictures.has(&[PersonId(3)]));
        show(&pictures, 0, 3);
        let numbers = [PersonId(1), PersonId(3)];
        assert!(pictures.has(&numbers));
        let jpeg = pictures.jpeg(&numbers).unwrap();
        assert_eq!(jpeg[..2], [0xFF, 0xD8]);
        pictures.forget(&numbers);
        assert!(!pictures.has(&numbers) && pictures.jpeg(&numbers).is_none());
    }

    #[test]
    fn beyond_the_limit_those_go_whom_no_one_has_seen_for_longest() {
        let pictures = PersonPictures::new();
        let most = MAX_PERSONS as u64;
        (0..most).for_each(|person| show(&pictures, person, person));
        show(&pictures, most, 0);
        show(&pictures, most + 1, most);
        assert!(pictures.has(&[PersonId(0)]) && pictures.has(&[PersonId(most)]));
        assert!(!pictures.has(&[PersonId(1)]) && pictures.has(&[PersonId(2)]));
    }
}
