//! Runs the bundled clip from file to persons: faces are found, tracked, told apart, recognised on return and
//! described.

#![cfg(feature = "bundled")]
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};

use passerby::Settings;
use passerby::pipeline::{CameraReport, Flow, FlowSettings, Summary};
use passerby::types::{BBox, CameraId, FrameKind, Observation, PersonId, SystemClock, TrackState};

const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/passersby.mp4");
const TRUTH: &str = include_str!("../../assets/passersby.txt");

/// One face of the truth.
struct True {
    person: u32,
    bbox: BBox,
    visible: f32,
}

/// Returns the truth by frame, from 0.
fn truth() -> BTreeMap<u64, Vec<True>> {
    let mut frames: BTreeMap<u64, Vec<True>> = BTreeMap::new();
    for line in TRUTH.lines() {
        let v: Vec<f32> = line.split(',').map(|n| n.parse().unwrap()).collect();
        let bbox = BBox::from_xywh(v[2], v[3], v[4], v[5]);
        frames.entry(v[0] as u64 - 1).or_default().push(True { person: v[1] as u32, bbox, visible: v[8] });
    }
    frames
}

/// The clip's run, and its confirmed faces compared with the truth.
struct Run {
    report: CameraReport,
    observations: Vec<Observation>,
    summary: Summary,
    /// The number of faces of the truth that are more than 60 % visible.
    visible: u32,
    /// The number of those that were found.
    found: u32,
    /// The number of faces of confirmed tracks that are not in the truth.
    wrong: u32,
    /// The frames in which each person of the truth had each identity.
    persons: BTreeMap<u32, BTreeMap<PersonId, u32>>,
}

/// The tests share one run.
static RUN: LazyLock<Run> = LazyLock::new(Run::new);

impl Run {
    fn new() -> Self {
        let stages = passerby::stages(&Settings::default()).unwrap();
        let mut flow = Flow::new(stages, FlowSettings::default(), Arc::new(SystemClock::new())).unwrap();
        let mut observations = Vec::new();
        let mut summary = Summary::default();
        let mut video = passerby::capture::open(CLIP).unwrap();
        let report = flow.run(CameraId(0), &mut *video, None, &mut |observation| {
            summary.add(observation);
            observations.push(observation.clone());
            ControlFlow::Continue(())
        });
        let persons = BTreeMap::new();
        let mut run = Self { report, observations, summary, visible: 0, found: 0, wrong: 0, persons };
        run.compare();
        run
    }

    fn compare(&mut self) {
        let truth = truth();
        for observation in &self.observations {
            let people = truth.get(&observation.meta.seq).map_or(&[][..], Vec::as_slice);
            let faces: Vec<_> = observation.faces.iter().filter(|f| f.face.is_some()).collect();
            for person in people.iter().filter(|p| p.visible > 0.6) {
                self.visible += 1;
                self.found += u32::from(faces.iter().any(|f| f.bbox.iou(&person.bbox) > 0.4));
            }
            for face in faces.iter().filter(|f| f.state == TrackState::Confirmed) {
                // If a face is half outside, the detector sees the half inside.
                let overlap = |p: &True| face.face.map_or(0.0, |f| f.bbox.iou(&p.bbox.clamped(1280, 720)));
                let nearest = people
                    .iter()
                    .max_by(|a, b| overlap(a).total_cmp(&overlap(b)))
                    .filter(|p| overlap(p) > 0.3);
                self.wrong += u32::from(nearest.is_none());
                if let (Some(nearest), Some(id)) = (nearest, face.identity.person()) {
                    *self.persons.entry(nearest.person).or_default().entry(id).or_default() += 1;
                }
            }
        }
    }

    /// Returns the identity of each person of the truth in most of the frames.
    fn ids(&self) -> Vec<PersonId> {
        self.persons.values().map(|ids| *ids.iter().max_by_key(|(_, frames)| **frames).unwrap().0).collect()
    }
}

#[test]
fn every_frame_is_analysed() {
    let report = &RUN.report;
    assert!(report.error.is_none() && report.notes.is_empty() && report.failures.is_empty());
    assert_eq!((report.ledger.captured, report.ledger.analysed), (240, 240));
    assert!(report.ledger.balances() && RUN.observations.iter().all(|o| o.kind == FrameKind::Analysed));
}

#[test]
fn visible_faces_are_found() {
    assert!(RUN.found * 100 >= RUN.visible * 97, "{} of {} visible faces found", RUN.found, RUN.visible);
}

#[test]
fn confirmed_tracks_are_faces() {
    assert_eq!(RUN.wrong, 0, "confirmed tracks without a face");
}

#[test]
fn each_person_has_one_identity() {
    let ids = RUN.ids();
    let persons = &RUN.persons;
    assert_eq!(persons.len(), 3);
    // One person enters beside another who leaves, both half outside the picture: the tracker may exchange them for some frames.
    let is_one = |ids: &BTreeMap<PersonId, u32>| {
        let all: u32 = ids.values().sum();
        ids.values().max().is_some_and(|most| most * 100 >= all * 95)
    };
    assert!(persons.values().all(is_one), "a person has two identities: {persons:?}");
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2], "two persons share one: {persons:?}");
}

#[test]
fn persons_who_come_back_are_recognised() {
    // Two persons leave and come back.
    let ids = RUN.ids();
    let summaries = RUN.summary.persons();
    assert_eq!(summaries.len(), 3);
    let tracks = |person: usize| summaries.iter().find(|p| p.id == ids[person]).unwrap().tracks.len();
    assert!(tracks(0) >= 2 && tracks(1) >= 2, "{} and {} tracks", tracks(0), tracks(1));
}

#[test]
fn attributes_are_near_those_of_the_photographs() {
    let ids = RUN.ids();
    let summaries = RUN.summary.persons();
    for (person, age, male) in [(0, 42.4, true), (1, 70.1, true), (2, 44.7, false)] {
        let attributes = summaries.iter().find(|p| p.id == ids[person]).unwrap().attributes.unwrap();
        assert!(
            (attributes.age.low..=attributes.age.high).contains(&age),
            "person {person}: {:?}",
            attributes.age
        );
        assert_eq!(attributes.p_male > 0.5, male, "person {person}: {}", attributes.p_male);
    }
}
