//! Suggestions of persons who may be one, in made-up scenes.

use crate::scene::{face, key, show, sighting, toward};
use passerby_reid::{Gallery, GalleryPolicy, MatchRule, SharedGallery, SuggestionReason};
use passerby_types::{Identifier, Identity, PersonId};

/// A gallery that has seen person 1, whose track has ended.
fn one_person() -> Gallery {
    let mut gallery = Gallery::new();
    show(&mut gallery, 1, 0, 3, &face(1));
    gallery.end(key(1));
    gallery
}

#[test]
fn a_face_in_the_band_is_a_new_person_and_a_suggestion() {
    let mut gallery = one_person();
    let cosine = MatchRule::default().threshold(1) - 0.03;
    let who = show(&mut gallery, 2, 100, 5, &toward(1, 2, cosine)).person();
    assert_eq!((who, gallery.len()), (Some(PersonId(2)), 2), "a suggestion changes no person");
    let [suggestion] = gallery.suggestions()[..] else { panic!("{:?}", gallery.suggestions()) };
    assert_eq!((suggestion.person, suggestion.other), (PersonId(2), PersonId(1)));
    assert_eq!(suggestion.reason, SuggestionReason::AlmostMatched);
    assert!((suggestion.similarity - cosine).abs() < 1e-5);
    assert!(suggestion.similarity < suggestion.threshold, "{suggestion:?}");
}

#[test]
fn a_face_in_the_band_waits_for_more_views() {
    let mut gallery = one_person();
    assert_eq!(show(&mut gallery, 2, 100, 3, &toward(1, 2, 0.5)), Identity::Pending);
    let who = show(&mut gallery, 2, 103, 1, &toward(1, 2, 0.9)).person();
    assert_eq!((who, gallery.len()), (Some(PersonId(1)), 1), "a better view decides it");
}

#[test]
fn a_face_in_the_band_that_leaves_is_a_new_person() {
    let mut gallery = one_person();
    assert_eq!(show(&mut gallery, 2, 100, 3, &toward(1, 2, 0.5)), Identity::Pending);
    gallery.end(key(2));
    assert_eq!(gallery.identity(key(2)).person(), Some(PersonId(2)));
}

#[test]
fn a_photograph_in_the_band_does_not_wait() {
    let mut gallery = SharedGallery::new(GalleryPolicy::default()).with_min_enroll_views(1);
    gallery.enroll(&[face(1)]).unwrap();
    gallery.identify(&[sighting(2, 100, toward(1, 2, 0.5))], &[key(2)]);
    assert_eq!(gallery.identity(key(2)).person(), Some(PersonId(2)));
    assert_eq!(gallery.suggestions().len(), 1);
}

#[test]
fn a_face_below_the_band_is_no_suggestion() {
    let mut gallery = one_person();
    let cosine = MatchRule::default().suggest_threshold(1) - 0.03;
    assert_eq!(show(&mut gallery, 2, 100, 3, &toward(1, 2, cosine)).person(), Some(PersonId(2)));
    assert_eq!(gallery.suggestions(), []);
}

#[test]
fn a_person_who_is_recognised_is_no_suggestion() {
    let mut gallery = one_person();
    assert_eq!(show(&mut gallery, 2, 100, 3, &toward(1, 2, 0.7)).person(), Some(PersonId(1)));
    assert_eq!(gallery.suggestions(), []);
}

#[test]
fn views_that_are_too_few_for_a_merge_are_a_suggestion() {
    let mut gallery = one_person();
    assert_eq!(show(&mut gallery, 2, 100, 2, &toward(1, 2, 0.4)).person(), Some(PersonId(2)));
    show(&mut gallery, 2, 102, 2, &toward(1, 2, 0.68));
    assert_eq!(gallery.len(), 2);
    let [suggestion] = gallery.suggestions()[..] else { panic!("{:?}", gallery.suggestions()) };
    assert_eq!((suggestion.person, suggestion.other), (PersonId(2), PersonId(1)));
    assert_eq!(suggestion.reason, SuggestionReason::NotEnoughToMerge);
    assert!(suggestion.similarity < suggestion.threshold, "{suggestion:?}");
}

#[test]
fn a_removed_person_is_not_suggested() {
    let mut gallery = one_person();
    show(&mut gallery, 2, 100, 5, &toward(1, 2, 0.5));
    assert_eq!(gallery.suggestions().len(), 1);
    gallery.remove(PersonId(1));
    assert_eq!(gallery.suggestions(), []);
}
