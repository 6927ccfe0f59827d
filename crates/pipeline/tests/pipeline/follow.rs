//! A person's number follows the face: over cuts, changes of places, gaps and meetings, each face has its own person again within
//! a second, at every cadence of the detector and every frame rate.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use passerby_pipeline::{CameraReport, Flow, FlowSettings, Pipeline, PipelineSettings, Stages, TrackEnd};
use passerby_reid::Gallery;
use passerby_testkit::suite::frontal;
use passerby_testkit::{RecordingSink, SimulatedClock};
use passerby_track::Sort;
use passerby_types::{
    BBox, CameraId, ColorSpace, Detector, Embedder, Embedding, Face, FaceChip, Frame, FrameKind, FrameSource,
    Image, Observation, PersonId, Picture, PixelLayout, SourceError, SourceInfo, StageError,
};

const WIDTH: usize = 320;
const HEIGHT: usize = 240;
/// The side of a face in pixels.
const SIDE: f32 = 60.0;
/// The time of the event in every story, in seconds.
const EVENT: f64 = 3.0;
/// The time that a person may take to have the number back.
const LIMIT: f64 = 1.0;

/// A person in front of the camera: who, and the centre of the face in pixels.
type Stands = (u8, f32, f32);

/// What happens in front of a camera.
struct Story {
    name: &'static str,
    /// The background and the people at a time in seconds. The event is at [`EVENT`].
    scene: fn(f64) -> (u64, Vec<Stands>),
    /// The time after the event from which all faces are visible, in seconds.
    settled: f64,
    /// The number of persons in all.
    persons: usize,
    /// The number of changes of the scene.
    changes: u64,
}

/// The stories. Person 0 is never there twice under another number, and persons above 3 are strangers until the event.
static STORIES: [Story; 7] = [
    Story {
        name: "a cut to a stranger at the same place",
        scene: |t| if t < EVENT { (1, vec![(0, 100.0, 120.0)]) } else { (2, vec![(4, 100.0, 120.0)]) },
        settled: 0.0,
        persons: 2,
        changes: 1,
    },
    Story {
        name: "a cut to somebody who was there before",
        scene: |t| match t {
            t if t < 1.2 => (1, vec![(1, 100.0, 120.0)]),
            t if t < EVENT => (2, vec![(0, 100.0, 120.0)]),
            _ => (1, vec![(1, 104.0, 120.0)]),
        },
        settled: 0.0,
        persons: 2,
        changes: 2,
    },
    Story {
        name: "a camera that turns to another scene with two other people at the same places",
        scene: |t| {
            let (scene, first) = if t < EVENT { (1, 0) } else { (5, 4) };
            (scene, vec![(first, 90.0, 120.0), (first + 1, 230.0, 110.0)])
        },
        settled: 0.0,
        persons: 4,
        changes: 1,
    },
    Story {
        name: "two people who change places from one frame to the next",
        scene: |t| {
            let (left, right) = if t < EVENT { (0, 1) } else { (1, 0) };
            (1, vec![(left, 90.0, 120.0), (right, 230.0, 120.0)])
        },
        settled: 0.0,
        persons: 2,
        changes: 0,
    },
    Story {
        name: "three people who change places in a ring",
        scene: |t| {
            let turn = u8::from(t >= EVENT);
            (1, (0..3).map(|i| ((i + turn) % 3, 60.0 + 95.0 * f32::from(i), 120.0)).collect())
        },
        settled: 0.0,
        persons: 3,
        changes: 0,
    },
    Story {
        name: "a person who is replaced by another behind a short gap",
        scene: |t| match t {
            t if t < EVENT - 0.5 => (1, vec![(0, 100.0, 120.0)]),
            t if t < EVENT => (1, vec![]),
            _ => (1, vec![(1, 102.0, 121.0)]),
        },
        settled: 0.0,
        persons: 2,
        changes: 0,
    },
    Story {
        name: "two people who meet, of whom one hides the other, and who turn back",
        scene: |t| {
            // They approach until the event at 60 pixels a second each, and go back from there.
            let apart = (60.0 * (t - EVENT).abs()) as f32;
            let left = (0, 160.0 - apart.min(110.0), 120.0);
            let right = (1, 160.0 + apart.min(110.0), 120.0);
            (1, if apart < 25.0 { vec![right] } else { vec![left, right] })
        },
        // The left person is hidden until then.
        settled: 25.0 / 60.0,
        persons: 2,
        changes: 0,
    },
];

/// Returns a number from 0 to 1 that depends on its arguments only.
fn random(a: u64, b: u64, c: u64) -> f32 {
    let z = (a * 7919 + b * 104_729 + c * 1_299_709 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((z ^ (z >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40) as f32 / (1 << 24) as f32
}

/// Returns the brightness by which the middle of a person's face is recognised.
fn mark(person: u8) -> u8 {
    10 + 30 * person
}

/// Paints the frame: the background, and each face with patches of its own around the mark.
fn paint(scene: u64, people: &[Stands]) -> Image {
    let mut bytes = vec![0; WIDTH * HEIGHT];
    let mut fill = |left: usize, top: usize, side: usize, level: u8| {
        for row in bytes.chunks_exact_mut(WIDTH).skip(top).take(side) {
            row[left..left + side].fill(level);
        }
    };
    let patches = |across: usize, down: usize| (0..down).flat_map(move |j| (0..across).map(move |i| (i, j)));
    for (i, j) in patches(WIDTH / 20, HEIGHT / 20) {
        fill(20 * i, 20 * j, 20, (60.0 + 120.0 * random(scene, i as u64, j as u64)) as u8);
    }
    for &(person, x, y) in people {
        let (left, top) = ((x - SIDE / 2.0) as usize, (y - SIDE / 2.0) as usize);
        for (i, j) in patches(6, 6) {
            let level = 255.0 * random(1000 + u64::from(person), i as u64, j as u64);
            fill(left + 10 * i, top + 10 * j, 10, level as u8);
        }
        fill(left + 24, top + 24, 12, mark(person));
    }
    Image::from_vec(PixelLayout::Gray8, WIDTH as u32, HEIGHT as u32, ColorSpace::JPEG, bytes).expect("a size")
}

fn face(&(_, x, y): &Stands) -> Face {
    let bbox = BBox::from_xywh(x - SIDE / 2.0, y - SIDE / 2.0, SIDE, SIDE);
    Face::new(bbox, 0.9).with_landmarks(frontal(bbox))
}

/// The pictures of a story at a frame rate, as a camera or as a file. A camera's clock stands at the time of the picture.
struct Stage {
    story: &'static Story,
    fps: f64,
    frame: u64,
    frames: u64,
    info: SourceInfo,
    clock: SimulatedClock,
}

impl FrameSource for Stage {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        if self.frame == self.frames {
            return Ok(None);
        }
        let time = self.frame as f64 / self.fps;
        self.frame += 1;
        let (scene, people) = (self.story.scene)(time);
        self.clock.advance(Duration::from_secs_f64(1.0 / self.fps));
        Ok(Some(Picture::new(paint(scene, &people), Some(Duration::from_secs_f64(time)))))
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }
}

/// Finds the faces of the story at the time of the frame.
struct StoryDetector(&'static Story);

impl Detector for StoryDetector {
    fn detect(&mut self, frames: &[Frame], faces: &mut [Vec<Face>]) -> Result<(), StageError> {
        for (frame, faces) in frames.iter().zip(faces) {
            let time = frame.meta.pts.expect("every picture has a time").as_secs_f64();
            faces.clear();
            faces.extend((self.0.scene)(time).1.iter().map(face));
        }
        Ok(())
    }
}

/// Recognises a person by the mark in the middle of the face. Faces of different persons are at right angles.
struct MarkEmbedder;

impl Embedder for MarkEmbedder {
    fn embed(&mut self, chips: &[FaceChip], out: &mut [Option<Embedding>]) -> Result<(), StageError> {
        for (chip, out) in chips.iter().zip(out) {
            let middle = chip.face.bbox.center();
            let [grey, ..] = chip.image.rgb_at(middle.x as u32, middle.y as u32);
            let mut values = vec![0.0; 64];
            values[usize::from((grey.saturating_sub(10) + 15) / 30)] = 1.0;
            *out = Embedding::new(values).ok();
        }
        Ok(())
    }
}

/// The results of one run of a story.
struct Run {
    observations: Vec<Observation>,
    report: CameraReport,
    /// The number of looks at faces.
    looks: usize,
}

/// Returns the stages that see this story, and the settings.
fn parts(story: &'static Story, cadence: u64) -> (Stages, FlowSettings) {
    let stages =
        Stages::new(move || StoryDetector(story), Sort::default).identifying(|| MarkEmbedder, Gallery::new);
    (stages, FlowSettings { cadence, ..FlowSettings::default() })
}

/// Returns the pictures of a story.
fn stage(story: &'static Story, fps: f64, live: bool, clock: &SimulatedClock) -> Stage {
    let info = SourceInfo { name: story.name.into(), live, frame_rate: Some(fps), ..SourceInfo::default() };
    Stage { story, fps, frame: 0, frames: (5.5 * fps) as u64, info, clock: clock.clone() }
}

/// Runs a story at this frame rate and cadence, as a camera if `live`, else as a file.
fn run(story: &'static Story, fps: f64, cadence: u64, live: bool) -> Run {
    let clock = SimulatedClock::new();
    let (stages, settings) = parts(story, cadence);
    let mut flow = Flow::new(stages, settings, Arc::new(clock.clone())).expect("fakes build");
    let mut source = stage(story, fps, live, &clock);
    let frames = source.frames;
    let mut observations = Vec::new();
    let report = flow.run(CameraId(0), &mut source, None, &mut |observation| {
        observations.push(observation.clone());
        ControlFlow::Continue(())
    });
    assert_eq!(report.ledger.captured, frames);
    let faces = observations.iter().flat_map(|o| &o.faces);
    let looks = faces.filter(|face| face.embedding.is_some()).count();
    Run { observations, report, looks }
}

impl Run {
    /// Returns the frames on which the detector ran, each with its time in seconds.
    fn detections(&self) -> impl DoubleEndedIterator<Item = (f64, &Observation)> {
        let seconds = |o: &Observation| o.meta.pts.expect("every picture has a time").as_secs_f64();
        self.observations.iter().filter(|o| o.kind == FrameKind::Analysed).map(move |o| (seconds(o), o))
    }

    /// Returns how long after the event each face has its own number for good, in milliseconds, and the number of each person. On
    /// frames without detection a face keeps what it has.
    fn delay(&self, story: &Story) -> (u64, BTreeMap<u8, PersonId>) {
        let last = self.detections().next_back().expect("frames");
        let before = self.detections().filter(|(time, _)| *time < EVENT - 0.6);
        let numbers: BTreeMap<u8, PersonId> = before
            .chain([last])
            .flat_map(|(time, o)| numbers(story, time, o))
            .filter_map(|(person, number)| Some((person, number?)))
            .collect();
        let is_right = |(time, observation): &(f64, &Observation)| {
            let mut shown = self::numbers(story, *time, observation).into_iter();
            shown.all(|(person, number)| number == numbers.get(&person).copied())
        };
        let after = self.detections().filter(|(time, _)| *time >= EVENT + story.settled);
        let right = after.rev().take_while(is_right).last().expect("all are right at the end");
        (((right.0 - EVENT - story.settled) * 1000.0).round() as u64, numbers)
    }
}

/// Returns the number that each person has on a frame, by the detections at their faces. It is `None` for a person without a
/// number.
fn numbers(story: &Story, time: f64, observation: &Observation) -> Vec<(u8, Option<PersonId>)> {
    let (_, people) = (story.scene)(time);
    let number = |person: &Stands| {
        let mut found = observation.faces.iter().filter(|found| found.face == Some(face(person)));
        (person.0, found.next().and_then(|found| found.identity.person()))
    };
    people.iter().map(number).collect()
}

const RATES: [f64; 7] = [5.0, 7.0, 10.0, 12.5, 15.0, 25.0, 30.0];

/// Asserts that every face of the story has its own number within the limit, and returns the longest time that it took.
fn check(story: &'static Story, fps: f64, cadence: u64, live: bool) -> u64 {
    let what = format!("{}, {fps} frames a second, cadence {cadence}, live {live}", story.name);
    let run = run(story, fps, cadence, live);
    let (delay, numbers) = run.delay(story);
    let distinct: BTreeSet<PersonId> = numbers.values().copied().collect();
    assert_eq!(numbers.len(), story.persons, "{what}: each person has a number");
    assert_eq!(distinct.len(), story.persons, "{what}: a number of one's own, {numbers:?}");
    assert_eq!(distinct.last(), Some(&PersonId(story.persons as u64)), "{what}: no other persons");
    assert_eq!(run.report.scene_changes, story.changes, "{what}");
    for observation in &run.observations {
        let shown: Vec<PersonId> = observation.faces.iter().filter_map(|f| f.identity.person()).collect();
        let once: BTreeSet<&PersonId> = shown.iter().collect();
        assert_eq!(once.len(), shown.len(), "{what}: two tracks with one number");
        assert!(observation.faces.is_sorted_by(|a, b| a.track < b.track), "{what}: sorted by track");
    }
    assert!(delay as f64 <= 1000.0 * LIMIT, "{what}: right after {delay} ms");
    delay
}

/// Returns the longest time of each story over all frame rates at these cadences whose detections are at most `interval` seconds
/// apart, in milliseconds.
fn longest(live: bool, interval: f64) -> [u64; 7] {
    STORIES.each_ref().map(|story| {
        let rates = [1, 2, 4].into_iter().flat_map(|cadence| RATES.map(|fps| (fps, cadence)));
        let close = rates.filter(|(fps, cadence)| *cadence as f64 / fps <= interval);
        close.map(|(fps, cadence)| check(story, fps, cadence, live)).max().unwrap_or(0)
    })
}

#[test]
fn on_a_camera_each_face_has_its_own_number_within_a_second() {
    assert_eq!(longest(true, 1.0), [200, 40, 200, 571, 571, 714, 783]);
}

#[test]
fn in_a_file_each_face_has_its_own_number_within_a_second() {
    // The detector of a file keeps to its cadence, and three looks must fit into a second.
    assert_eq!(longest(false, 0.3), [200, 40, 200, 467, 467, 733, 183]);
}

/// Whether the detector ran on a frame, its tracks with their numbers, and how many tracks ended.
type Shown = (FrameKind, Vec<(u64, Option<PersonId>)>, usize);

/// Returns the tracks and the numbers of every frame.
fn shown(observations: &[Observation]) -> Vec<Shown> {
    let faces = |o: &Observation| o.faces.iter().map(|f| (f.track.0, f.identity.person())).collect();
    observations.iter().map(|o| (o.kind, faces(o), o.ended.len())).collect()
}

#[test]
fn a_pipeline_shows_the_same_numbers_of_a_file_as_the_flow() {
    for story in &STORIES {
        for cadence in [1, 4] {
            let expected = run(story, 15.0, cadence, false);
            let (stages, settings) = parts(story, cadence);
            let source = stage(story, 15.0, false, &SimulatedClock::new());
            let sink = RecordingSink::new();
            let settings =
                PipelineSettings { flow: settings, detect_workers: 2, ..PipelineSettings::default() };
            let done = Pipeline::new(stages, settings, Arc::new(SimulatedClock::new()))
                .camera(CameraId(0), source)
                .sink(sink.clone())
                .run()
                .expect("it starts");
            assert_eq!(shown(&sink.observations()), shown(&expected.observations), "{}", story.name);
            let report = &done.reports[0];
            assert_eq!(report.track_ends, expected.report.track_ends, "{}", story.name);
            assert_eq!(report.scene_changes, story.changes, "{}", story.name);
            assert_eq!(done.figures.cameras[0].track_ends, report.track_ends);
            assert_eq!(done.figures.cameras[0].scene_changes, report.scene_changes);
        }
    }
}

#[test]
fn a_change_of_the_scene_ends_all_tracks() {
    let run = run(&STORIES[2], 25.0, 1, false);
    assert_eq!(
        run.report.track_ends,
        BTreeMap::from([(TrackEnd::SceneChanged, 2), (TrackEnd::CameraEnded, 2)])
    );
    let cut = run.observations.iter().find(|o| !o.ended.is_empty()).expect("tracks end");
    assert_eq!((cut.meta.seq, cut.meta.scene, cut.ended.len(), cut.faces.len()), (75, 1, 2, 2));
    let tracks: Vec<u64> = cut.faces.iter().map(|face| face.track.0).collect();
    assert_eq!(tracks, [3, 4]);
}

#[test]
fn two_people_who_change_places_get_tracks_of_their_own() {
    let run = run(&STORIES[3], 25.0, 1, false);
    assert_eq!(run.report.track_ends, BTreeMap::from([(TrackEnd::OtherFace, 2), (TrackEnd::CameraEnded, 2)]));
    let split = run.observations.iter().find(|o| !o.ended.is_empty()).expect("tracks end");
    assert_eq!(split.ended.iter().map(|track| track.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(split.faces.iter().map(|face| face.track.0).collect::<Vec<_>>(), [3, 4]);
}

#[test]
fn a_lost_track_ends_if_its_person_is_seen_elsewhere() {
    static JUMPS: Story = Story {
        name: "a person who jumps to the other side and back",
        scene: |t| (1, vec![(0, if (EVENT..EVENT + 0.8).contains(&t) { 230.0 } else { 90.0 }, 120.0)]),
        settled: 0.0,
        persons: 1,
        changes: 0,
    };
    let run = run(&JUMPS, 25.0, 1, false);
    assert_eq!(run.report.track_ends, BTreeMap::from([(TrackEnd::Elsewhere, 2), (TrackEnd::CameraEnded, 1)]));
    // The tracker still follows the first place, but the face that it finds there again is a track of its own.
    let tracks = |seq: usize| run.observations[seq].faces.iter().map(|f| f.track.0).collect::<Vec<_>>();
    assert_eq!([74, 75, 94, 95].map(tracks), [[1], [2], [2], [3]]);
    let ended = run.observations.iter().filter(|o| !o.ended.is_empty()).map(|o| (o.meta.seq, o.ended[0].0));
    assert_eq!(ended.collect::<Vec<_>>(), [(75, 1), (95, 2)]);
    let person = |o: &Observation| o.faces[0].identity.person();
    assert!(run.observations[3..].iter().all(|o| person(o) == Some(PersonId(1))));
}

#[test]
fn a_steady_scene_costs_a_look_every_three_seconds() {
    static STEADY: Story = Story {
        name: "two people who stand still",
        scene: |_| (1, vec![(0, 90.0, 120.0), (1, 230.0, 120.0)]),
        settled: 0.0,
        persons: 2,
        changes: 0,
    };
    let run = run(&STEADY, 25.0, 1, false);
    // Three at first, and one more after three seconds, each of two tracks.
    assert_eq!(run.looks, 8);
    assert_eq!(run.report.track_ends, BTreeMap::from([(TrackEnd::CameraEnded, 2)]));
}
