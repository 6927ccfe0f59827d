//! The trackers on real detections.

#![allow(clippy::unwrap_used, reason = "a file that cannot be read is a failed test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use passerby_testkit::{meta, shared, track};
use passerby_track::{Iou, Sort, SortSettings};
use passerby_types::{BBox, Face, TrackState, TrackUpdate, Tracker};

/// Reads the detections of a MOTChallenge file by frame, from 1.
fn read(path: &Path) -> BTreeMap<u64, Vec<Face>> {
    let mut frames: BTreeMap<u64, Vec<Face>> = BTreeMap::new();
    for line in fs::read_to_string(path).unwrap().lines() {
        let n: Vec<f32> = line.split(',').map(|f| f.trim().parse().unwrap()).collect();
        let face = Face::new(BBox::from_xywh(n[2], n[3], n[4], n[5]), n[6]);
        frames.entry(n[0] as u64).or_default().push(face);
    }
    frames
}

fn follow(tracker: &mut dyn Tracker, frames: &BTreeMap<u64, Vec<Face>>) -> Vec<TrackUpdate> {
    let last = *frames.last_key_value().unwrap().0;
    (1..=last)
        .map(|frame| {
            let faces = frames.get(&frame).map_or(&[][..], Vec::as_slice);
            track(tracker, &meta(0, frame - 1), Some(faces))
        })
        .collect()
}

#[test]
fn two_runs_over_a_sequence_are_equal() {
    let Some(folder) = shared("two_runs_over_a_sequence_are_equal") else {
        return;
    };
    let frames = read(&folder.join("data/mot/PETS09-S2L1/det.txt"));
    assert_eq!(follow(&mut Sort::default(), &frames), follow(&mut Sort::default(), &frames));
    assert_eq!(follow(&mut Iou::default(), &frames), follow(&mut Iou::default(), &frames));
}

#[test]
fn each_person_of_a_clip_is_one_track() {
    let Some(folder) = shared("each_person_of_a_clip_is_one_track") else {
        return;
    };
    for (clip, people) in [("classroom4", 4), ("headpose_fm", 2), ("walk2", 2), ("walkpause3", 3)] {
        let frames = read(&folder.join(format!("data/gt/{clip}/det_centerface.txt")));
        let mut ids: Vec<_> = follow(&mut Sort::default(), &frames)
            .iter()
            .flat_map(|u| &u.tracks)
            .filter(|t| t.state == TrackState::Confirmed)
            .map(|t| t.track)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), people, "{clip}");
    }
}

/// Returns the number of tracks that were confirmed on each of the five public sequences.
fn confirmed_tracks(folder: &Path, settings: &SortSettings) -> [usize; 5] {
    ["ADL-Rundle-6", "ETH-Sunnyday", "KITTI-17", "PETS09-S2L1", "TUD-Campus"].map(|sequence| {
        let frames = read(&folder.join(format!("data/mot/{sequence}/det.txt")));
        let mut ids: Vec<_> = follow(&mut Sort::with_settings(settings.clone()), &frames)
            .iter()
            .flat_map(|u| &u.tracks)
            .filter(|t| t.state == TrackState::Confirmed)
            .map(|t| t.track)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids.len()
    })
}

#[test]
fn the_number_of_tracks_of_public_sequences_stays() {
    let Some(folder) = shared("the_number_of_tracks_of_public_sequences_stays") else {
        return;
    };
    // Without the additions that have a weight, and as near to the paper as the settings go: see the docs of `Sort`.
    let plain = SortSettings {
        lost_margin: 0.0,
        score_weight: 0.0,
        faint_hits: 0,
        direction_weight: 0.0,
        noise_adaptation: 0.0,
        ..SortSettings::default()
    };
    let paper = SortSettings { match_threshold: 0.3, box_margin: 0.0, strong_score: 0.0, ..plain.clone() };
    let counts = [SortSettings::default(), plain, paper].map(|settings| confirmed_tracks(&folder, &settings));
    assert_eq!(counts, [[45, 46, 9, 27, 9], [56, 52, 9, 32, 10], [73, 67, 16, 55, 13]]);
}
