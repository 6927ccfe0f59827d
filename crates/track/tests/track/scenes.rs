//! The trackers in made-up scenes.

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

/// Tracks one frame and returns the live tracks with their states, and the ids that ended.
fn states(tracker: &mut dyn Tracker, seq: u64, faces: Option<&[Face]>) -> (Vec<(u64, TrackState)>, Vec<u64>) {
    let update = track(tracker, &FrameMeta { seq, ..meta(0, 0) }, faces);
    let tracks = update.tracks.iter().map(|t| (t.track.0, t.state)).collect();
    (tracks, update.ended.iter().map(|t| t.0).collect())
}

#[test]
fn sort_keeps_the_ids_of_crossing_walkers() {
    let mut tracker = Sort::default();
    let at = |seq: u64| [10.0 + 6.0 * seq as f32, 370.0 - 6.0 * seq as f32];
    for seq in 0..60 {
        let [right, left] = at(seq);
        // If the walkers overlap by more than a quarter, the detector finds only the nearer one; face on face, neither.
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

/// Returns the number of tracks that a face with this many pixels a frame gets in twenty frames.
fn tracks_of_walker(pixels_per_frame: f32, tracker: &mut dyn Tracker) -> Option<u64> {
    (0..20)
        .flat_map(|seq| {
            let faces = [face(pixels_per_frame * seq as f32, 0.0)];
            track(tracker, &meta(0, seq), Some(&faces)).tracks
        })
        .map(|t| t.track.0)
        .max()
}

#[test]
fn iou_follows_a_slow_walker() {
    assert_eq!(tracks_of_walker(10.0, &mut Iou::default()), Some(1));
}

#[test]
fn iou_loses_a_fast_walker() {
    assert_eq!(tracks_of_walker(30.0, &mut Iou::default()), Some(20));
}

#[test]
fn sort_follows_a_fast_walker() {
    assert_eq!(tracks_of_walker(30.0, &mut Sort::default()), Some(1));
}

#[test]
fn coasting_moves_the_boxes_on() {
    // The detector runs on every fifth frame. In between, the boxes move by their velocity.
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
    // The detector stops: the track coasts, confirmed, for max_age frames after its last detection.
    for seq in 60..=85 {
        assert_eq!(states(&mut tracker, seq, None), (vec![(1, Confirmed)], vec![]), "frame {seq}");
    }
    assert_eq!(states(&mut tracker, 86, None), (vec![], vec![1]));
}

/// The faces of a frame, and the live and the ended tracks that are expected after it.
type Scene<'a> = (Option<&'a [Face]>, &'a [(u64, TrackState)], &'a [u64]);

#[test]
fn sort_changes_states_frame_by_frame() {
    let settings = SortSettings { max_age: 2, ..SortSettings::default() };
    let mut tracker = Sort::with_settings(settings);
    let here = [face(50.0, 50.0)];
    let two = [face(50.0, 50.0), face(300.0, 50.0)];
    let frames: [Scene<'_>; 15] = [
        (Some(&here), &[(1, Tentative)], &[]),
        (Some(&here), &[(1, Tentative)], &[]),
        (Some(&here), &[(1, Confirmed)], &[]),
        (None, &[(1, Confirmed)], &[]),
        (Some(&[]), &[(1, Lost)], &[]),
        (Some(&here), &[(1, Confirmed)], &[]),
        // A second face is detected once, and its first miss ends it.
        (Some(&two), &[(1, Confirmed), (2, Tentative)], &[]),
        (None, &[(1, Confirmed), (2, Tentative)], &[]),
        (Some(&here), &[(1, Confirmed)], &[2]),
        // The face is missed twice, then found. A third miss in a row ends the track.
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
fn iou_changes_states_frame_by_frame() {
    let mut tracker = Iou::with_settings(IouSettings { max_age: 1, ..IouSettings::default() });
    let here = [face(50.0, 50.0)];
    assert_eq!(states(&mut tracker, 0, Some(&here)), (vec![(1, Confirmed)], vec![]));
    assert_eq!(states(&mut tracker, 1, Some(&[])), (vec![(1, Lost)], vec![]));
    assert_eq!(states(&mut tracker, 2, Some(&here)), (vec![(1, Confirmed)], vec![]));
    assert_eq!(states(&mut tracker, 3, None), (vec![(1, Confirmed)], vec![]));
    assert_eq!(states(&mut tracker, 4, None), (vec![], vec![1]));
}

/// A face that walks to the right by 5 pixels a frame.
fn walk(seq: u64) -> Face {
    face(20.0 + 5.0 * seq as f32, 80.0)
}

/// A tracker that has followed the walk for twenty frames.
fn trained() -> Sort {
    let mut tracker = Sort::default();
    for seq in 0..20 {
        track(&mut tracker, &meta(0, seq), Some(&[walk(seq)]));
    }
    tracker
}

#[test]
fn a_gap_counts_as_coasted_frames() {
    // After ten lost frames the walker is 55 pixels on, more than the width of a face, and keeps its track.
    let update = track(&mut trained(), &meta(0, 30), Some(&[walk(30)]));
    assert_eq!((update.tracks.len(), update.tracks[0].track.0), (1, 1));
    // Coasting over each of the frames gives the same result.
    let mut coasted = trained();
    for seq in 20..30 {
        track(&mut coasted, &meta(0, seq), None);
    }
    assert_eq!(track(&mut coasted, &meta(0, 30), Some(&[walk(30)])), update);
}

#[test]
fn a_gap_longer_than_max_age_ends_the_track() {
    // Thirty frames may be missing.
    assert_eq!(states(&mut trained(), 50, Some(&[walk(50)])).0, [(1, Confirmed)]);
    let late = states(&mut trained(), 51, Some(&[walk(51)]));
    assert_eq!(late, (vec![(2, Tentative)], vec![1]));
    // The longest possible gap.
    let late = states(&mut trained(), u64::MAX, Some(&[walk(20)]));
    assert_eq!(late, (vec![(2, Tentative)], vec![1]));
}

#[test]
fn a_large_max_age_bridges_a_large_gap() {
    let settings = SortSettings { max_age: u32::MAX, ..SortSettings::default() };
    let mut tracker = Sort::with_settings(settings);
    track(&mut tracker, &meta(0, 0), Some(&[walk(0)]));
    let late = track(&mut tracker, &meta(0, u64::from(u32::MAX)), Some(&[walk(0)]));
    assert_eq!((late.tracks.len(), late.tracks[0].track.0), (1, 1));
}

#[test]
fn a_seq_that_does_not_rise_is_the_next_frame() {
    let mut even = Sort::default();
    let mut odd = Sort::default();
    for (seq, number) in [0, 0, 0, 5, 5, 4, 5, 6, 0, 1].into_iter().enumerate() {
        // From 0 to 5 is a gap of four frames, which the numbers of the even tracker show too.
        let seq = seq as u64 + if seq >= 3 { 4 } else { 0 };
        let faces = [walk(seq)];
        assert_eq!(
            track(&mut odd, &meta(0, number), Some(&faces)),
            track(&mut even, &meta(0, seq), Some(&faces))
        );
    }
}

/// A tracker with one confirmed track at (50, 50), after the frames 1 to 3.
fn confirmed() -> Sort {
    let mut tracker = Sort::default();
    for seq in 1..4 {
        track(&mut tracker, &meta(0, seq), Some(&[face(50.0, 50.0)]));
    }
    tracker
}

#[test]
fn weak_detections_start_no_track() {
    let mut tracker = Sort::default();
    assert_eq!(states(&mut tracker, 0, Some(&[weak(50.0, 50.0)])), (vec![], vec![]));
}

#[test]
fn a_weak_detection_continues_a_confirmed_track() {
    let both = [weak(50.0, 50.0), weak(300.0, 50.0)];
    assert_eq!(states(&mut confirmed(), 4, Some(&both)), (vec![(1, Confirmed)], vec![]));
}

#[test]
fn a_strong_detection_wins_over_a_weak_one_that_fits_better() {
    let both = [weak(50.0, 50.0), face(56.0, 50.0)];
    let update = track(&mut confirmed(), &meta(0, 4), Some(&both));
    assert_eq!(update.tracks[0].face, Some(both[1]));
}

#[test]
fn a_second_box_on_a_face_does_not_take_the_face_away() {
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

/// Tracks a face that stands still at (50, 50) and is confirmed, is hidden for a frame, and appears at `x`. Returns the id that it then has.
fn id_after_jump(x: f32, settings: SortSettings) -> u64 {
    let mut tracker = Sort::with_settings(settings);
    for seq in 0..6 {
        track(&mut tracker, &meta(0, seq), Some(&[face(50.0, 50.0)]));
    }
    track(&mut tracker, &meta(0, 6), Some(&[]));
    let update = track(&mut tracker, &meta(0, 7), Some(&[face(x, 50.0)]));
    let found = update.tracks.iter().find(|t| t.face.is_some());
    found.map_or(0, |t| t.track.0)
}

#[test]
fn a_lost_face_is_found_farther_away_than_one_that_was_not_lost() {
    // The boxes, which are 40 pixels wide, no longer overlap.
    assert_eq!(id_after_jump(95.0, SortSettings::default()), 1);
    assert_eq!(id_after_jump(95.0, SortSettings { lost_margin: 0.0, ..SortSettings::default() }), 2);
    assert_eq!(id_after_jump(150.0, SortSettings::default()), 2);
}

#[test]
fn of_two_detections_that_fit_alike_the_one_ahead_wins() {
    let taken = |direction_weight: f32| {
        let mut tracker = Sort::with_settings(SortSettings { direction_weight, ..SortSettings::default() });
        for seq in 0..20 {
            track(&mut tracker, &meta(0, seq), Some(&[walk(seq)]));
        }
        // Both are off the predicted place, the one behind by a little less.
        let ahead = face(walk(20).bbox.x1 + 21.0, 80.0);
        let behind = face(walk(20).bbox.x1 - 20.0, 80.0);
        let update = track(&mut tracker, &meta(0, 20), Some(&[behind, ahead]));
        update.tracks[0].face == Some(ahead)
    };
    assert!(taken(0.1) && !taken(0.0));
}

#[test]
fn a_doubtful_detection_must_fit_better() {
    let matched = |score: f32, x: f32| {
        let mut tracker = Sort::with_settings(SortSettings { lost_margin: 0.0, ..SortSettings::default() });
        for seq in 0..6 {
            track(&mut tracker, &meta(0, seq), Some(&[face(50.0, 50.0)]));
        }
        let doubtful = Face { score, ..face(x, 50.0) };
        track(&mut tracker, &meta(0, 6), Some(&[doubtful])).tracks[0].face.is_some()
    };
    // Usual scores are 0.9.
    assert_eq!([0.9, 0.6].map(|score| matched(score, 80.0)), [true, false]);
    assert_eq!([0.9, 0.6].map(|score| matched(score, 60.0)), [true, true]);
}

#[test]
fn a_faint_track_is_confirmed_one_detection_later() {
    let mut tracker = Sort::default();
    for seq in 0..4 {
        track(&mut tracker, &meta(0, seq), Some(&[face(50.0, 50.0)]));
    }
    let faint = Face { score: 0.7, ..face(300.0, 50.0) };
    let usual = Face { score: 0.85, ..face(500.0, 50.0) };
    let found: Vec<_> = (4..8)
        .map(|seq| {
            let (tracks, _) = states(&mut tracker, seq, Some(&[face(50.0, 50.0), faint, usual]));
            (tracks[1].1, tracks[2].1)
        })
        .collect();
    let expected =
        [(Tentative, Tentative), (Tentative, Tentative), (Tentative, Confirmed), (Confirmed, Confirmed)];
    assert_eq!(found, expected);
}

#[test]
fn alone_in_the_picture_a_face_with_low_scores_is_as_good_as_any() {
    let mut tracker = Sort::default();
    let low = Face { score: 0.61, ..face(50.0, 50.0) };
    let confirmed: Vec<_> =
        (0..3).map(|seq| states(&mut tracker, seq, Some(&[low])).0[0].1 == Confirmed).collect();
    assert_eq!(confirmed, [false, false, true]);
}

#[test]
fn a_crowd_of_five_hundred_keeps_its_ids() {
    // 25 by 20 faces whose boxes overlap those of their neighbours, all walking to the right.
    let crowd = |seq: u64| -> Vec<Face> {
        (0..500)
            .map(|i| {
                let x = (i % 25) as f32 * 36.0;
                let y = (i / 25) as f32 * 45.0;
                face(x + 3.0 * seq as f32, y)
            })
            .collect()
    };
    let trackers: [&mut dyn Tracker; 2] = [&mut Iou::default(), &mut Sort::default()];
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
fn each_of_five_hundred_equal_boxes_gets_a_track() {
    let stack = vec![face(100.0, 100.0); 500];
    let mut tracker = Sort::default();
    for seq in 0..4 {
        let update = track(&mut tracker, &meta(0, seq), Some(&stack));
        assert_eq!(update.tracks.len(), 500);
        assert_eq!(update.tracks.iter().filter(|t| t.face.is_some()).count(), 500);
    }
}

#[test]
fn step_equals_update_with_rising_numbers() {
    let mut stepped = Sort::new();
    let mut updated = Sort::new();
    let mut stepped_iou = Iou::new();
    let mut updated_iou = Iou::new();
    for seq in 0..60 {
        // The walker hides for the frames 10 to 19, and leaves at frame 25.
        let faces: &[Face] = if (10..20).contains(&seq) || seq >= 25 { &[] } else { &[walk(seq)] };
        let update = track(&mut updated, &meta(0, seq), Some(faces));
        assert_eq!(stepped.step(faces), update.tracks, "frame {seq}");
        assert_eq!(stepped.ended(), update.ended, "frame {seq}");
        let update = track(&mut updated_iou, &meta(0, seq), Some(faces));
        assert_eq!(stepped_iou.step(faces), update.tracks, "frame {seq}");
        assert_eq!(stepped_iou.ended(), update.ended, "frame {seq}");
    }
}

#[test]
fn a_step_follows_the_latest_update() {
    let mut stepped = trained();
    let mut updated = trained();
    let update = track(&mut updated, &meta(0, 20), Some(&[walk(20)]));
    assert_eq!(stepped.step(&[walk(20)]), update.tracks);
}
