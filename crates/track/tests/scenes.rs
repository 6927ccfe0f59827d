//! What the trackers do in scenes made up for it.

use passerby_testkit::{meta, track};
use passerby_track::{Iou, IouSettings, Sort, SortSettings};
use passerby_types::TrackState::{Confirmed, Lost, Tentative};
use passerby_types::{BBox, Face, FrameMeta, TrackState, Tracker};

fn face(x: f32, y: f32) -> Face {
    Face::new(BBox::from_xywh(x, y, 40.0, 50.0), 0.9)
}

fn weak(x: f32, y: f32) -> Face {
    Face { score: 0.3, ..face(x, y) }
}

/// The states of the live tracks, by id, and the ids that ended.
fn states(tracker: &mut dyn Tracker, seq: u64, faces: Option<&[Face]>) -> (Vec<(u64, TrackState)>, Vec<u64>) {
    let update = track(tracker, &FrameMeta { seq, ..meta(0, 0) }, faces);
    let tracks = update.tracks.iter().map(|t| (t.track.0, t.state)).collect();
    (tracks, update.ended.iter().map(|t| t.0).collect())
}

#[test]
fn sort_keeps_the_ids_of_walkers_who_cross_and_hide_each_other() {
    let mut tracker = Sort::default();
    let at = |seq: u64| [10.0 + 6.0 * seq as f32, 370.0 - 6.0 * seq as f32];
    for seq in 0..60 {
        let [right, left] = at(seq);
        // Side by side by less than a third of a face, the detector finds the nearer one only; head on head, none.
        let faces = match (right - left).abs() {
            apart if apart > 30.0 => vec![face(right, 100.0), face(left, 104.0)],
            apart if apart > 10.0 => vec![face(left, 104.0)],
            _ => vec![],
        };
        let update = track(&mut tracker, &meta(0, seq), Some(&faces));
        if seq >= 2 {
            assert_eq!(update.tracks.len(), 2, "frame {seq}");
            for (tracked, x) in update.tracks.iter().zip([right, left]) {
                let off = (tracked.bbox.x1 - x).abs();
                assert!(off < 12.0, "frame {seq}: {} is {off} off its walker", tracked.track);
            }
        }
    }
}

#[test]
fn iou_follows_a_slow_walker_and_loses_a_fast_one() {
    let ids = |pace: f32, tracker: &mut dyn Tracker| {
        (0..20)
            .flat_map(|seq| track(tracker, &meta(0, seq), Some(&[face(pace * seq as f32, 0.0)])).tracks)
            .map(|t| t.track.0)
            .max()
    };
    assert_eq!(ids(10.0, &mut Iou::default()), Some(1));
    assert_eq!(ids(30.0, &mut Iou::default()), Some(20));
    assert_eq!(ids(30.0, &mut Sort::default()), Some(1));
}

#[test]
fn coasting_moves_the_tracks_on_and_misses_none() {
    // Detected on in every fifth frame; in between the boxes go on by themselves.
    let mut tracker = Sort::default();
    for seq in 0..60 {
        let here = face(20.0 + 3.0 * seq as f32, 80.0);
        let detected = seq % 5 == 0;
        let update = track(&mut tracker, &meta(0, seq), detected.then_some(&[here]));
        assert_eq!(update.tracks.len(), 1);
        let tracked = update.tracks[0];
        assert_eq!(tracked.face, detected.then_some(here));
        assert_eq!(tracked.state, if seq >= 10 { Confirmed } else { Tentative });
        if seq >= 25 {
            assert!(tracked.bbox.iou(&here.bbox) > 0.85, "frame {seq}: {tracked:?}");
        }
    }
    // Nobody detects any more: it coasts, confirmed, for max_age frames, counted from the last detection.
    for seq in 60..=85 {
        assert_eq!(states(&mut tracker, seq, None), (vec![(1, Confirmed)], vec![]), "frame {seq}");
    }
    assert_eq!(states(&mut tracker, 86, None), (vec![], vec![1]));
}

/// What a frame tells the tracker, and the live tracks and the ended ones it is answered with.
type Told<'a> = (Option<&'a [Face]>, &'a [(u64, TrackState)], &'a [u64]);

#[test]
fn a_life_frame_by_frame() {
    let settings = SortSettings { max_age: 2, ..SortSettings::default() };
    let mut tracker = Sort::new(settings);
    let here = [face(50.0, 50.0)];
    let two = [face(50.0, 50.0), face(300.0, 50.0)];
    let frames: [Told<'_>; 15] = [
        (Some(&here), &[(1, Tentative)], &[]),
        (Some(&here), &[(1, Tentative)], &[]),
        (Some(&here), &[(1, Confirmed)], &[]),
        (None, &[(1, Confirmed)], &[]),
        (Some(&[]), &[(1, Lost)], &[]),
        (Some(&here), &[(1, Confirmed)], &[]),
        // A second face, seen once: its first miss ends it.
        (Some(&two), &[(1, Confirmed), (2, Tentative)], &[]),
        (None, &[(1, Confirmed), (2, Tentative)], &[]),
        (Some(&here), &[(1, Confirmed)], &[2]),
        // Missed twice, then found; missed three times is one too many.
        (Some(&[]), &[(1, Lost)], &[]),
        (None, &[(1, Lost)], &[]),
        (Some(&here), &[(1, Confirmed)], &[]),
        (Some(&[]), &[(1, Lost)], &[]),
        (Some(&[]), &[(1, Lost)], &[]),
        (Some(&here), &[(1, Confirmed)], &[]),
    ];
    for (seq, (faces, tracks, ended)) in frames.into_iter().enumerate() {
        let got = states(&mut tracker, seq as u64, faces);
        assert_eq!(got, (tracks.to_vec(), ended.to_vec()), "frame {seq}");
    }
    for (seq, tracks, ended) in
        [(15, vec![(1, Lost)], vec![]), (16, vec![(1, Lost)], vec![]), (17, vec![], vec![1])]
    {
        assert_eq!(states(&mut tracker, seq, Some(&[])), (tracks, ended), "frame {seq}");
    }
    assert_eq!(states(&mut tracker, 18, Some(&here)), (vec![(3, Tentative)], vec![]));
}

#[test]
fn iou_lives_by_the_same_rules() {
    let mut tracker = Iou::new(IouSettings { max_age: 1, ..IouSettings::default() });
    let here = [face(50.0, 50.0)];
    assert_eq!(states(&mut tracker, 0, Some(&here)), (vec![(1, Confirmed)], vec![]));
    assert_eq!(states(&mut tracker, 1, Some(&[])), (vec![(1, Lost)], vec![]));
    assert_eq!(states(&mut tracker, 2, Some(&here)), (vec![(1, Confirmed)], vec![]));
    assert_eq!(states(&mut tracker, 3, None), (vec![(1, Confirmed)], vec![]));
    assert_eq!(states(&mut tracker, 4, None), (vec![], vec![1]));
}

#[test]
fn a_gap_counts_as_frames_coasted_over() {
    let walk = |seq: u64| face(20.0 + 5.0 * seq as f32, 80.0);
    let trained = || {
        let mut tracker = Sort::default();
        for seq in 0..20 {
            track(&mut tracker, &meta(0, seq), Some(&[walk(seq)]));
        }
        tracker
    };
    // Ten frames lost: the walker is 55 pixels on, more than the width of a face, and is the same track.
    let update = track(&mut trained(), &meta(0, 30), Some(&[walk(30)]));
    assert_eq!((update.tracks.len(), update.tracks[0].track.0), (1, 1));
    // The same as being told of every one of them.
    let mut told = trained();
    for seq in 20..30 {
        track(&mut told, &meta(0, seq), None);
    }
    assert_eq!(track(&mut told, &meta(0, 30), Some(&[walk(30)])), update);
    // Thirty frames may be lost, and no more.
    assert_eq!(states(&mut trained(), 50, Some(&[walk(50)])).0, [(1, Confirmed)]);
    let late = states(&mut trained(), 51, Some(&[walk(51)]));
    assert_eq!(late, (vec![(2, Tentative)], vec![1]));
    // However large the gap is.
    let late = states(&mut trained(), u64::MAX, Some(&[walk(20)]));
    assert_eq!(late, (vec![(2, Tentative)], vec![1]));
    let still = Sort::new(SortSettings { max_age: u32::MAX, ..SortSettings::default() });
    let mut patient = still;
    track(&mut patient, &meta(0, 0), Some(&[walk(0)]));
    let late = track(&mut patient, &meta(0, u64::from(u32::MAX)), Some(&[walk(0)]));
    assert_eq!((late.tracks.len(), late.tracks[0].track.0), (1, 1));
}

#[test]
fn a_frame_that_does_not_rise_is_the_next_one() {
    let walk = |seq: u64| face(20.0 + 5.0 * seq as f32, 80.0);
    let (mut even, mut odd) = (Sort::default(), Sort::default());
    for (seq, number) in [0, 0, 0, 5, 5, 4, 5, 6, 0, 1].into_iter().enumerate() {
        // 0 to 5 is a gap of four frames, which the even one is told of.
        let seq = seq as u64 + if seq >= 3 { 4 } else { 0 };
        let faces = [walk(seq)];
        assert_eq!(
            track(&mut odd, &meta(0, number), Some(&faces)),
            track(&mut even, &meta(0, seq), Some(&faces))
        );
    }
}

#[test]
fn weak_detections_carry_on_what_is_confirmed_and_start_nothing() {
    let mut tracker = Sort::default();
    assert_eq!(states(&mut tracker, 0, Some(&[weak(50.0, 50.0)])), (vec![], vec![]));
    for seq in 1..4 {
        track(&mut tracker, &meta(0, seq), Some(&[face(50.0, 50.0)]));
    }
    let both = [weak(50.0, 50.0), weak(300.0, 50.0)];
    assert_eq!(states(&mut tracker, 4, Some(&both)), (vec![(1, Confirmed)], vec![]));
    // A strong one goes before a weak one that fits better.
    let both = [weak(50.0, 50.0), face(56.0, 50.0)];
    let update = track(&mut tracker, &meta(0, 5), Some(&both));
    assert_eq!(update.tracks[0].face, Some(both[1]));
}

#[test]
fn a_second_box_on_a_face_does_not_take_it_away() {
    let mut tracker = Sort::default();
    for seq in 0..5 {
        track(&mut tracker, &meta(0, seq), Some(&[face(50.0, 50.0)]));
    }
    let doubled = [face(50.0, 50.0), face(64.0, 50.0)];
    assert_eq!(states(&mut tracker, 5, Some(&doubled)).0, [(1, Confirmed), (2, Tentative)]);
    // The next box fits the tentative track better.
    let update = track(&mut tracker, &meta(0, 6), Some(&[face(62.0, 50.0)]));
    assert_eq!((update.tracks.len(), update.tracks[0].track.0), (1, 1));
    assert!(update.tracks[0].face.is_some());
}

#[test]
fn a_crowd_of_five_hundred_keeps_its_ids() {
    // 25 by 20 faces that stand close enough for neighbours to overlap, all walking to the right.
    let crowd = |seq: u64| -> Vec<Face> {
        (0..500)
            .map(|i| {
                let (x, y) = ((i % 25) as f32 * 36.0, (i / 25) as f32 * 45.0);
                face(x + 3.0 * seq as f32, y)
            })
            .collect()
    };
    let (mut iou, mut sort) = (Iou::default(), Sort::default());
    let trackers: [&mut dyn Tracker; 2] = [&mut iou, &mut sort];
    for tracker in trackers {
        for seq in 0..30 {
            let faces = crowd(seq);
            let update = track(tracker, &meta(0, seq), Some(&faces));
            assert_eq!(update.tracks.len(), 500);
            assert!(update.ended.is_empty());
            for (i, tracked) in update.tracks.iter().enumerate() {
                assert_eq!((tracked.track.0, tracked.face), (i as u64 + 1, Some(faces[i])), "frame {seq}");
            }
        }
    }
}

#[test]
fn five_hundred_boxes_in_one_place_are_five_hundred_tracks() {
    let heap = vec![face(100.0, 100.0); 500];
    let mut tracker = Sort::default();
    for seq in 0..4 {
        let update = track(&mut tracker, &meta(0, seq), Some(&heap));
        assert_eq!(update.tracks.len(), 500);
        assert_eq!(update.tracks.iter().filter(|t| t.face.is_some()).count(), 500);
    }
}
