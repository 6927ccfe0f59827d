//! Both trackers in the contract's suite, and with arbitrary input.

use std::collections::BTreeSet;

use passerby_testkit::{meta, suite, track};
use passerby_track::{Iou, Sort, SortSettings};
use passerby_types::{BBox, Face, FrameMeta, TrackId, Tracker};
use proptest::prelude::*;

#[test]
fn iou_keeps_the_contract() {
    suite::tracker(Iou::default);
}

#[test]
fn sort_keeps_the_contract() {
    suite::tracker(Sort::default);
}

#[test]
fn settings_out_of_range_give_finite_boxes() {
    for odd in [f32::NAN, f32::INFINITY, -1.0, 0.0, 2.0] {
        let mut tracker = Sort::with_settings(SortSettings {
            min_hits: 0,
            match_threshold: odd,
            box_margin: odd,
            strong_score: odd,
            max_age: u32::MAX,
            lost_margin: odd,
            score_weight: odd,
            faint_hits: u32::MAX,
            direction_weight: odd,
            noise_adaptation: odd,
        });
        let face = Face::new(BBox::from_xywh(10.0, 10.0, 20.0, 20.0), 0.9);
        for seq in [0, 1, 2, u64::MAX - 1, u64::MAX] {
            let meta = FrameMeta { seq, ..meta(0, 0) };
            for tracked in track(&mut tracker, &meta, Some(&[face, face])).tracks {
                assert!(tracked.bbox.x1.is_finite());
            }
        }
    }
}

/// Mostly numbers that make boxes, and some of any kind.
fn number() -> impl Strategy<Value = f32> {
    prop_oneof![
        8 => -20f32..300.0,
        1 => any::<f32>(),
        1 => prop::sample::select(vec![0.0, 1e6, -1e6, 1e-3, f32::MAX, f32::MIN_POSITIVE, f32::NAN]),
    ]
}

fn face() -> impl Strategy<Value = Face> {
    let near = (0u8..4, 0u8..4, 0f32..8.0).prop_map(|(x, y, shift)| {
        let x = f32::from(x) * 30.0 + shift;
        let y = f32::from(y) * 30.0 - shift;
        BBox::from_xywh(x, y, 28.0, 28.0)
    });
    let any_box = (number(), number(), number(), number()).prop_map(|(a, b, c, d)| BBox::new(a, b, c, d));
    (prop_oneof![2 => near, 1 => any_box], number()).prop_map(|(bbox, score)| Face::new(bbox, score))
}

/// A frame: the step of its number, and the detections, or `None` if the detector did not run.
fn frame() -> impl Strategy<Value = (u64, Option<Vec<Face>>)> {
    let step = prop_oneof![8 => Just(1u64), 1 => 0u64..60, 1 => Just(u64::MAX)];
    (step, prop::option::weighted(0.8, prop::collection::vec(face(), 0..12)))
}

/// Returns true if both are the same detection, even if the score is NaN.
fn same(a: &Face, b: &Face) -> bool {
    a.bbox == b.bbox && a.score.to_bits() == b.score.to_bits()
}

fn check(tracker: &mut dyn Tracker, frames: &[(u64, Option<Vec<Face>>)], max_age: usize) {
    let mut live = BTreeSet::<TrackId>::new();
    let mut ended = BTreeSet::new();
    let mut seq = 0u64;
    let mut detections = std::collections::VecDeque::new();
    for (step, faces) in frames {
        seq = seq.wrapping_add(*step);
        let update = track(tracker, &meta(0, seq % (1 << 40)), faces.as_deref());
        assert!(update.tracks.windows(2).all(|w| w[0].track < w[1].track));
        assert!(update.ended.windows(2).all(|w| w[0] < w[1]));
        let now: BTreeSet<TrackId> = update.tracks.iter().map(|t| t.track).collect();
        let gone: BTreeSet<TrackId> = live.difference(&now).copied().collect();
        assert_eq!(gone, update.ended.iter().copied().collect(), "a track that is gone is listed as ended");
        for id in &update.ended {
            assert!(ended.insert(*id), "a track ends once");
        }
        assert!(now.is_disjoint(&ended), "an ended track never comes back");
        let mut matched: Vec<Face> = update.tracks.iter().filter_map(|t| t.face).collect();
        for face in faces.iter().flatten() {
            if let Some(at) = matched.iter().position(|m| same(m, face)) {
                matched.swap_remove(at);
            }
        }
        assert!(matched.is_empty(), "each matched face is a detection of this frame, and is matched once");
        for t in &update.tracks {
            let b = t.bbox;
            assert!([b.x1, b.y1, b.x2, b.y2].iter().all(|v| v.is_finite()), "{t:?}");
        }
        // Each live track was detected in one of the last frames, and a detection makes at most one track.
        detections.push_back(faces.as_ref().map_or(0, Vec::len));
        if detections.len() > max_age + 1 {
            detections.pop_front();
        }
        assert!(update.tracks.len() <= detections.iter().sum::<usize>());
        live = now;
    }
}

proptest! {
    #[test]
    fn any_input_keeps_the_invariants_of_tracks(
        frames in prop::collection::vec(frame(), 0..80),
    ) {
        check(&mut Iou::default(), &frames, 30);
        check(&mut Sort::default(), &frames, 30);
        check(&mut Sort::with_settings(SortSettings { max_age: 3, strong_score: 0.0, ..SortSettings::default() }), &frames, 3);
    }

    #[test]
    fn the_same_frames_give_the_same_tracks(frames in prop::collection::vec(frame(), 0..30)) {
        let mut a = Sort::default();
        let mut b = Sort::default();
        for (seq, (_, faces)) in frames.iter().enumerate() {
            let meta = meta(0, seq as u64);
            let x = track(&mut a, &meta, faces.as_deref());
            let y = track(&mut b, &meta, faces.as_deref());
            // The text is compared, since a face's score may be NaN.
            prop_assert_eq!(format!("{x:?}"), format!("{y:?}"));
        }
    }
}
