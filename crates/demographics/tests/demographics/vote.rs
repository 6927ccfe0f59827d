//! The vote over made-up tracks. Each test lists the estimates of a track.

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

/// Adds an estimate and returns the attributes of the track.
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
fn it_keeps_the_contract_of_a_fusion() {
    suite::attribute_fusion(AttributeVote::new);
}

#[test]
fn a_track_without_estimates_is_unknown() {
    assert_eq!(AttributeVote::new().attributes(key(3)), None);
}

#[test]
fn a_track_is_known_after_three_views() {
    let mut vote = AttributeVote::new();
    let is_known: Vec<bool> =
        (0..4).map(|_| fuse(&mut vote, key(1), &view(30.0, 0.9), 0.9).is_some()).collect();
    assert_eq!(is_known, [false, false, true, true]);
}

#[test]
fn poor_views_must_add_up_to_the_total_quality() {
    let mut vote = AttributeVote::new();
    let is_known: Vec<bool> =
        (0..7).map(|_| fuse(&mut vote, key(2), &view(30.0, 0.9), 0.1).is_some()).collect();
    assert_eq!(is_known.iter().filter(|known| !**known).count(), 4, "five poor views: {is_known:?}");
}

/// Returns the age of a track after a hundred views, which alternate between these ages.
fn age_of_views(years: [f32; 2]) -> Age {
    let mut vote = AttributeVote::new();
    for i in 0..100 {
        vote.fuse(key(1), &view(years[i % 2], 0.9), 0.5);
    }
    vote.attributes(key(1)).expect("enough views came").age
}

#[test]
fn views_that_agree_keep_their_own_interval() {
    let age = age_of_views([40.0, 40.0]);
    assert!((age.low - 34.0).abs() < 0.1 && (age.high - 48.0).abs() < 0.1, "{age:?}");
}

#[test]
fn views_that_disagree_widen_the_interval() {
    let age = age_of_views([30.0, 50.0]);
    assert!((age.years - 40.0).abs() < 0.5, "{age:?}");
    // sqrt(6^2 + (1.645 * 10)^2) and sqrt(8^2 + (1.645 * 10)^2)
    assert!((age.years - age.low - 17.5).abs() < 0.3 && (age.high - age.years - 18.3).abs() < 0.3, "{age:?}");
}

#[test]
fn many_views_are_more_certain_than_one() {
    let mut vote = AttributeVote::new();
    let mut known = Vec::new();
    for _ in 0..10_000 {
        known.extend(fuse(&mut vote, key(1), &view(40.0, 0.8), 0.5));
    }
    let first = known[0].p_male;
    let last = known[known.len() - 1].p_male;
    assert!(0.8 < first && first < last && last < 0.95, "{first} {last}");
}

#[test]
fn many_certain_views_are_never_quite_certain() {
    let mut vote = AttributeVote::new();
    for _ in 0..10_000 {
        vote.fuse(key(2), &view(40.0, 1.0), 1.0);
    }
    let sure = vote.attributes(key(2)).unwrap().p_male;
    assert!(sure > 0.99 && sure < 0.9999, "{sure}");
}

#[test]
fn one_wrong_view_does_not_decide() {
    let mut vote = AttributeVote::new();
    vote.fuse(key(1), &view(40.0, 0.0), 0.9);
    for _ in 0..4 {
        vote.fuse(key(1), &view(40.0, 0.85), 0.9);
    }
    let known = vote.attributes(key(1)).unwrap();
    assert!(known.p_male > 0.5, "{known:?}");
    assert_eq!(known.gender(0.9), None, "the vote is not certain");
}

#[test]
fn contradicting_views_leave_the_gender_open() {
    let mut vote = AttributeVote::new();
    for i in 0..40 {
        vote.fuse(key(1), &view(40.0, if i % 2 == 0 { 0.97 } else { 0.03 }), 0.8);
    }
    let known = vote.attributes(key(1)).unwrap();
    assert_eq!(known.gender(0.6), None, "{known:?}");
}

#[test]
fn a_track_that_moves_to_another_face_gets_its_attributes() {
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
fn broken_estimates_change_nothing() {
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
    assert_eq!(vote.len(), 1, "an ignored estimate makes no track");
}

#[test]
fn tracks_are_bounded() {
    let settings = VoteSettings { max_tracks: 10, ..VoteSettings::default() };
    let mut vote = AttributeVote::with_settings(settings);
    for track in 0..100 {
        for _ in 0..3 {
            vote.fuse(key(0), &view(30.0, 0.8), 0.7);
            vote.fuse(key(track), &view(30.0, 0.8), 0.7);
        }
    }
    assert_eq!(vote.len(), 10);
    assert!(vote.attributes(key(0)).is_some(), "a track in use stays");
    assert!(vote.attributes(key(1)).is_none(), "the track without an estimate for the longest time goes");
}

#[test]
fn an_ended_track_is_forgotten() {
    let mut vote = AttributeVote::new();
    for track in 0..10 {
        vote.fuse(key(track), &view(30.0, 0.8), 0.7);
    }
    vote.end(key(0));
    assert_eq!(vote.len(), 9);
    assert_eq!(vote.attributes(key(0)), None);
}

#[cfg(feature = "serde")]
#[test]
fn a_configuration_may_name_only_some_settings() {
    let settings: VoteSettings = serde_json::from_str(r#"{ "min_views": 1 }"#).unwrap();
    assert_eq!(settings, VoteSettings { min_views: 1, ..VoteSettings::default() });
}

proptest! {
    #[test]
    fn a_result_is_always_valid(
        views in prop::collection::vec((-5f32..120.0, 0f32..40.0, 0f32..40.0, 0f32..=1.0, 0f32..2.0), 1..60),
        max_total_quality in 0f32..5.0,
    ) {
        let settings = VoteSettings { max_total_quality, ..VoteSettings::default() };
        let mut vote = AttributeVote::with_settings(settings);
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
