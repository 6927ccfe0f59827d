//! Tracks that a vote meets, each told as the estimates it gets.

use passerby_demographics::{AttributeVote, VoteSettings};
use passerby_testkit::suite;
use passerby_types::{Age, AttributeFusion, Attributes, CameraId, Gender, TrackId, TrackKey};
use proptest::prelude::*;

fn key(track: u64) -> TrackKey {
    TrackKey { camera: CameraId(0), track: TrackId(track) }
}

fn view(years: f32, p_male: f32) -> Attributes {
    Attributes { age: Age { years, low: years - 6.0, high: years + 8.0 }, p_male }
}

/// Adds an estimate and returns the attributes of the track after it.
fn fuse(
    vote: &mut AttributeVote,
    track: TrackKey,
    estimate: &Attributes,
    quality: f32,
) -> Option<Attributes> {
    vote.fuse(track, estimate, quality);
    vote.attributes(track)
}

#[test]
fn it_is_a_fusion() {
    suite::attribute_fusion(AttributeVote::new);
}

#[test]
fn nothing_is_known_until_enough_was_seen() {
    let mut vote = AttributeVote::new();
    let answers: Vec<bool> =
        (0..4).map(|_| fuse(&mut vote, key(1), &view(30.0, 0.9), 0.9).is_some()).collect();
    assert_eq!(answers, [false, false, true, true], "three views");
    let answers: Vec<bool> =
        (0..7).map(|_| fuse(&mut vote, key(2), &view(30.0, 0.9), 0.1).is_some()).collect();
    assert_eq!(answers.iter().filter(|known| !**known).count(), 4, "five poor ones: {answers:?}");
    assert_eq!(vote.attributes(key(3)), None);
}

#[test]
fn views_that_agree_keep_their_own_interval_and_views_that_do_not_widen_it() {
    let (mut agree, mut differ) = (AttributeVote::new(), AttributeVote::new());
    let (mut a, mut d) = (None, None);
    for i in 0..100 {
        a = fuse(&mut agree, key(1), &view(40.0, 0.9), 0.5);
        d = fuse(&mut differ, key(1), &view(if i % 2 == 0 { 30.0 } else { 50.0 }, 0.9), 0.5);
    }
    let (a, d) = (a.unwrap().age, d.unwrap().age);
    assert!((a.low - 34.0).abs() < 0.1 && (a.high - 48.0).abs() < 0.1, "{a:?}");
    assert!((d.years - 40.0).abs() < 0.5, "{d:?}");
    // sqrt(6^2 + (1.645 * 10)^2) and sqrt(8^2 + (1.645 * 10)^2)
    assert!((d.years - d.low - 17.5).abs() < 0.3 && (d.high - d.years - 18.3).abs() < 0.3, "{d:?}");
}

#[test]
fn many_views_are_surer_than_one_but_never_certain() {
    let mut vote = AttributeVote::new();
    let mut known = Vec::new();
    for _ in 0..10_000 {
        known.extend(fuse(&mut vote, key(1), &view(40.0, 0.8), 0.5));
    }
    let (first, last) = (known[0].p_male, known[known.len() - 1].p_male);
    assert!(0.8 < first && first < last && last < 0.95, "{first} {last}");
    for _ in 0..10_000 {
        vote.fuse(key(2), &view(40.0, 1.0), 1.0);
    }
    let sure = vote.attributes(key(2)).unwrap().p_male;
    assert!(sure > 0.99 && sure < 0.9999, "{sure}");
}

#[test]
fn one_view_that_is_wrong_and_sure_does_not_decide() {
    let mut vote = AttributeVote::new();
    vote.fuse(key(1), &view(40.0, 0.0), 0.9);
    for _ in 0..4 {
        vote.fuse(key(1), &view(40.0, 0.85), 0.9);
    }
    let known = vote.attributes(key(1)).unwrap();
    assert!(known.p_male > 0.5, "{known:?}");
    assert_eq!(known.gender(0.9), None, "but it is not sure");
}

#[test]
fn views_that_contradict_one_another_leave_the_gender_open() {
    let mut vote = AttributeVote::new();
    for i in 0..40 {
        vote.fuse(key(1), &view(40.0, if i % 2 == 0 { 0.97 } else { 0.03 }), 0.8);
    }
    let known = vote.attributes(key(1)).unwrap();
    assert_eq!(known.gender(0.6), None, "{known:?}");
}

#[test]
fn a_track_that_moved_to_another_face_comes_to_say_so() {
    let mut vote = AttributeVote::new();
    for _ in 0..1000 {
        vote.fuse(key(1), &view(20.0, 0.05), 0.5);
    }
    for _ in 0..200 {
        vote.fuse(key(1), &view(60.0, 0.95), 0.5);
    }
    let known = vote.attributes(key(1)).unwrap();
    assert!((known.age.years - 60.0).abs() < 1.0, "{known:?}");
    assert_eq!(known.gender(0.9), Some(Gender::Male));
}

#[test]
fn estimates_that_are_none_change_nothing() {
    let mut vote = AttributeVote::new();
    for _ in 0..3 {
        vote.fuse(key(1), &view(30.0, 0.8), 0.7);
    }
    let before = vote.attributes(key(1));
    let mut no_low = view(30.0, 0.8);
    no_low.age.low = f32::NEG_INFINITY;
    for (estimate, quality) in [
        (view(f32::NAN, 0.8), 0.7),
        (view(90.0, f32::NAN), 0.7),
        (view(90.0, 1.5), 0.7),
        (view(90.0, -0.1), 0.7),
        (view(f32::INFINITY, 0.8), 0.7),
        (no_low, 0.7),
        (view(90.0, 0.8), f32::NAN),
        (view(90.0, 0.8), 0.0),
        (view(90.0, 0.8), -1.0),
    ] {
        assert_eq!(fuse(&mut vote, key(1), &estimate, quality), before);
        assert_eq!(fuse(&mut vote, key(9), &estimate, quality), None);
    }
    assert_eq!(vote.len(), 1, "and takes no room");
}

#[test]
fn tracks_are_bounded() {
    let settings = VoteSettings { tracks: 10, ..VoteSettings::default() };
    let mut vote = AttributeVote::with(settings);
    for track in 0..100 {
        for _ in 0..3 {
            vote.fuse(key(0), &view(30.0, 0.8), 0.7);
            vote.fuse(key(track), &view(30.0, 0.8), 0.7);
        }
    }
    assert_eq!(vote.len(), 10);
    assert!(vote.attributes(key(0)).is_some(), "the one in use stays");
    assert!(vote.attributes(key(1)).is_none(), "the one not heard of goes");
    vote.end(key(0));
    assert_eq!(vote.len(), 9);
}

proptest! {
    #[test]
    fn an_answer_is_always_sound(
        views in prop::collection::vec((-5f32..120.0, 0f32..40.0, 0f32..40.0, 0f32..=1.0, 0f32..2.0), 1..60),
        memory in 0f32..5.0,
    ) {
        let mut vote = AttributeVote::with(VoteSettings { memory, ..VoteSettings::default() });
        for (years, below, above, p_male, quality) in views {
            let age = Age { years, low: years - below, high: years + above };
            if let Some(Attributes { age, p_male }) = fuse(&mut vote, key(1), &Attributes { age, p_male }, quality) {
                prop_assert!(age.low <= age.years && age.years <= age.high, "{age:?}");
                prop_assert!((-5.01..=120.01).contains(&age.years));
                prop_assert!((0.0..=1.0).contains(&p_male));
            }
        }
    }
}
