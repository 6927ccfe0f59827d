//! With the real networks, on drawn scenes of real faces: a person's number follows the face when the camera is turned, when two
//! people change places, and when a person is replaced behind a short gap.

#![cfg(feature = "bundled")]
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use passerby::Settings;
use passerby::capture::{Portrait, Scene, SceneCast, ScenePerson, SceneSettings, SceneWalk, Waypoint};
use passerby::pipeline::{CameraReport, Flow, FlowSettings};
use passerby::types::{
    BBox, CameraId, FrameKind, FramePool, FrameSource, Observation, PersonId, Picture, Region, SourceError,
    SourceInfo, SystemClock,
};

const FPS: f64 = 12.0;
/// The frame of the event: at 3 seconds.
const EVENT: u64 = 36;
/// The frame after the last: at 5.5 seconds.
const END: u64 = 66;
/// The size of the camera's picture in pixels. It shows a part of a hall that is twice as wide and high.
const SIZE: (u32, u32) = (640, 360);

/// A camera in the hall: it shows the part at the first place before the event, and at the second from then on.
struct TurningCamera {
    hall: Scene,
    places: [(u32, u32); 2],
    pool: FramePool,
    frame: u64,
}

impl TurningCamera {
    fn new(walks: Vec<SceneWalk>, places: [(u32, u32); 2]) -> Self {
        let settings = SceneSettings {
            width: 2 * SIZE.0,
            height: 2 * SIZE.1,
            fps: FPS,
            frames: END,
            cast: SceneCast::Script(walks),
            ..SceneSettings::default()
        };
        Self { hall: Scene::new(settings).unwrap(), places, pool: FramePool::default(), frame: 0 }
    }

    /// Returns the part of the hall that a frame shows.
    fn region(&self, frame: u64) -> Region {
        let (x, y) = self.places[usize::from(frame >= EVENT)];
        Region { x, y, width: SIZE.0, height: SIZE.1 }
    }

    /// Returns the people whose faces are in a frame, with their boxes.
    fn people(&self, frame: u64) -> Vec<(ScenePerson, BBox)> {
        let Region { x, y, .. } = self.region(frame);
        let (dx, dy) = (x as f32, y as f32);
        let moved = |b: BBox| BBox::new(b.x1 - dx, b.y1 - dy, b.x2 - dx, b.y2 - dy);
        let faces = self.hall.truth(frame).into_iter().map(|face| (face.person(), moved(face.bbox)));
        let is_inside =
            |b: &BBox| b.x1 >= 0.0 && b.y1 >= 0.0 && b.x2 <= SIZE.0 as f32 && b.y2 <= SIZE.1 as f32;
        faces.filter(|(_, bbox)| is_inside(bbox)).collect()
    }
}

impl FrameSource for TurningCamera {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        let Some(picture) = self.hall.next_picture()? else { return Ok(None) };
        let (image, _) = picture.image.crop(self.region(self.frame), &self.pool).unwrap();
        self.frame += 1;
        Ok(Some(Picture { image, ..picture }))
    }

    fn info(&self) -> &SourceInfo {
        self.hall.info()
    }
}

/// A person who stands still at a place of the hall from one frame to another.
fn stands(portrait: Portrait, from: u64, to: u64, x: f64, y: f64) -> SceneWalk {
    let at = |frame: u64| Waypoint::new(frame as f64 / FPS - 0.01, x, y, 70.0);
    SceneWalk { portrait, path: vec![at(from), at(to)] }
}

/// Runs the story at this cadence, and asserts that from a second after the event on, every face that is found has the number of
/// its person, which no other person has. Returns the report.
fn check(walks: &[SceneWalk], places: [(u32, u32); 2], cadence: u64) -> CameraReport {
    let stages = passerby::stages(&Settings::default()).unwrap();
    let settings = FlowSettings { cadence, ..FlowSettings::default() };
    let mut flow = Flow::new(stages, settings, Arc::new(SystemClock::new())).unwrap();
    let mut camera = TurningCamera::new(walks.to_vec(), places);
    let mut observations: Vec<Observation> = Vec::new();
    let report = flow.run(CameraId(0), &mut camera, None, &mut |observation| {
        observations.push(observation.clone());
        ControlFlow::Continue(())
    });

    let mut numbers: BTreeMap<ScenePerson, BTreeSet<Option<PersonId>>> = BTreeMap::new();
    let mut found = 0;
    // The first second of each part is the time in which a number is found.
    let settled = |seq: u64| (12..EVENT - 6).contains(&seq) || seq >= EVENT + 12;
    for observation in observations.iter().filter(|o| o.kind == FrameKind::Analysed && settled(o.meta.seq)) {
        for (person, bbox) in camera.people(observation.meta.seq) {
            let mut faces =
                observation.faces.iter().filter(|f| f.face.is_some_and(|f| f.bbox.iou(&bbox) > 0.4));
            let Some(face) = faces.next() else { continue };
            found += 1;
            numbers.entry(person).or_default().insert(face.identity.person());
        }
    }
    assert!(found >= 30 / cadence, "{found} faces were found");
    assert!(
        numbers.values().all(|numbers| numbers.len() == 1),
        "more than one number of a person: {numbers:?}"
    );
    let distinct: BTreeSet<_> = numbers.values().flatten().flatten().collect();
    assert_eq!(distinct.len(), numbers.len(), "two persons with one number, or one without: {numbers:?}");
    assert_eq!(
        distinct.len(),
        walks.iter().map(|walk| walk.portrait.person()).collect::<BTreeSet<_>>().len()
    );
    report
}

const STILL: [(u32, u32); 2] = [(320, 100); 2];

#[test]
fn a_turned_camera_shows_another_person_at_the_same_place() {
    let walks =
        [stands(Portrait::Obama, 0, END, 200.0, 200.0), stands(Portrait::Biden, 0, END, 900.0, 380.0)];
    for cadence in [1, 2] {
        let report = check(&walks, [(0, 0), (700, 180)], cadence);
        assert_eq!(report.scene_changes, 1);
    }
}

#[test]
fn two_people_change_places() {
    let walks = [
        stands(Portrait::Obama, 0, EVENT, 480.0, 280.0),
        stands(Portrait::Astronaut, 0, EVENT, 780.0, 280.0),
        stands(Portrait::Astronaut, EVENT, END, 480.0, 280.0),
        stands(Portrait::Obama, EVENT, END, 780.0, 280.0),
    ];
    for cadence in [1, 2] {
        let report = check(&walks, STILL, cadence);
        assert_eq!(report.scene_changes, 0);
    }
}

#[test]
fn a_person_is_replaced_behind_a_short_gap() {
    let walks = [
        stands(Portrait::Astronaut, 0, EVENT - 5, 600.0, 280.0),
        stands(Portrait::Biden, EVENT, END, 605.0, 282.0),
    ];
    for cadence in [1, 2] {
        let report = check(&walks, STILL, cadence);
        assert_eq!(report.scene_changes, 0);
    }
}
