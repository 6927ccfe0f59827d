//! Runs the bundled clip from file to persons: faces are found, tracked, told apart, recognised on return and
//! described.

#![cfg(feature = "bundled")]
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use passerby::Settings;
use passerby::pipeline::{CameraReport, Flow, FlowSettings, Summary};
use passerby::types::{BBox, CameraId, FrameKind, Observation, PersonId, SystemClock, TrackState};

const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/passersby.mp4");
const TRUTH: &str = include_str!("../assets/passersby.txt");

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

fn run() -> (CameraReport, Vec<Observation>, Summary) {
    let stages = passerby::stages(&Settings::default()).unwrap();
    let mut flow = Flow::new(stages, FlowSettings::default(), Arc::new(SystemClock::new())).unwrap();
    let (mut seen, mut summary) = (Vec::new(), Summary::default());
    let mut video = passerby::capture::open(CLIP).unwrap();
    let report = flow.run(CameraId(0), &mut *video, None, &mut |observation| {
        summary.add(observation);
        seen.push(observation.clone());
        ControlFlow::Continue(())
    });
    (report, seen, summary)
}

#[test]
fn three_people_are_found_told_apart_recognised_and_described() {
    let (report, seen, summary) = run();
    assert!(report.error.is_none() && report.notes.is_empty() && report.failures.is_empty());
    assert_eq!((report.ledger.captured, report.ledger.analysed), (240, 240));
    assert!(report.ledger.balances() && seen.iter().all(|o| o.kind == FrameKind::Analysed));

    // Each visible face is found, nothing else is, and each face keeps one person.
    let truth = truth();
    let (mut visible, mut found, mut wrong) = (0, 0, 0);
    let mut persons: BTreeMap<u32, BTreeMap<PersonId, u32>> = BTreeMap::new();
    for observation in &seen {
        let people = truth.get(&observation.meta.seq).map_or(&[][..], Vec::as_slice);
        let faces: Vec<_> = observation.faces.iter().filter(|f| f.face.is_some()).collect();
        for person in people.iter().filter(|p| p.visible > 0.6) {
            visible += 1;
            found += u32::from(faces.iter().any(|f| f.bbox.iou(&person.bbox) > 0.4));
        }
        for face in faces.iter().filter(|f| f.state == TrackState::Confirmed) {
            // If a face is half outside, the detector sees the half inside.
            let overlap = |p: &True| face.face.map_or(0.0, |f| f.bbox.iou(&p.bbox.clamped(1280, 720)));
            let nearest =
                people.iter().max_by(|a, b| overlap(a).total_cmp(&overlap(b))).filter(|p| overlap(p) > 0.3);
            wrong += u32::from(nearest.is_none());
            if let (Some(nearest), Some(id)) = (nearest, face.identity.person()) {
                *persons.entry(nearest.person).or_default().entry(id).or_default() += 1;
            }
        }
    }
    assert!(found * 100 >= visible * 97, "{found} of {visible} visible faces found");
    assert_eq!(wrong, 0, "confirmed tracks on nobody");
    assert_eq!(persons.len(), 3);
    let ids: Vec<PersonId> = persons.values().map(|ids| *ids.keys().next().unwrap()).collect();
    assert!(persons.values().all(|ids| ids.len() == 1), "nobody is two persons: {persons:?}");
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2], "no two are one person: {persons:?}");

    // Two persons leave and come back: five tracks, three persons.
    let summaries = summary.persons();
    assert_eq!(summaries.len(), 3);
    let tracks = |person: usize| summaries.iter().find(|p| p.id == ids[person]).unwrap().tracks.len();
    assert_eq!([tracks(0), tracks(1), tracks(2)], [2, 2, 1]);

    // The ages are compared with the estimates from the photographs.
    for (person, age, male) in [(0, 42.4, true), (1, 70.1, true), (2, 44.7, false)] {
        let attributes = summaries.iter().find(|p| p.id == ids[person]).unwrap().attributes.unwrap();
        assert!((attributes.age.years - age).abs() <= 8.0, "person {person}: {:?}", attributes.age);
        assert_eq!(attributes.p_male > 0.5, male, "person {person}: {}", attributes.p_male);
    }
}
