//! Persons enrolled, searched, listed and removed by hand.

use std::time::Duration;

use crate::scene::{face, key, show, sighting, toward};
use passerby_reid::{EnrollError, Gallery, GalleryPolicy, Match, SharedGallery};
use passerby_types::{Embedding, Identifier, Identity, PersonId, Timestamp};

/// A gallery with the enrolled persons 1 to `count`.
fn enrolled(count: usize) -> Gallery {
    let mut gallery = Gallery::new();
    for who in 1..=count {
        assert_eq!(gallery.enroll(&[face(who)]), Ok(PersonId(who as u64)));
    }
    gallery
}

/// The persons of a search result, in its order.
fn persons(found: &[Match]) -> Vec<u64> {
    found.iter().map(|m| m.person.0).collect()
}

#[test]
fn a_search_of_an_empty_gallery_finds_no_person() {
    assert_eq!(Gallery::new().search(&face(1), 10), []);
}

#[test]
fn a_search_returns_the_nearest_persons_first() {
    let gallery = enrolled(4);
    let found = gallery.search(&toward(3, 2, 0.8), 2);
    assert_eq!(persons(&found), [3, 2]);
    assert!((found[0].similarity - 0.8).abs() < 1e-6 && (found[1].similarity - 0.6).abs() < 1e-6);
}

#[test]
fn a_search_returns_the_older_of_two_equal_persons_first() {
    let gallery = enrolled(4);
    assert_eq!(persons(&gallery.search(&face(9), 3)), [1, 2, 3]);
}

#[test]
fn a_search_has_no_threshold() {
    let gallery = enrolled(1);
    let opposite = Embedding::new(face(1).as_slice().iter().map(|v| -v).collect()).unwrap();
    let found = gallery.search(&opposite, 1);
    assert_eq!((found[0].person, found[0].similarity), (PersonId(1), -1.0));
    assert!(!found[0].is_same());
}

#[test]
fn a_search_with_limit_zero_finds_no_person() {
    assert_eq!(enrolled(1).search(&face(1), 0), []);
}

#[test]
fn a_search_with_another_length_finds_no_person() {
    let short = Embedding::new(vec![1.0; 128]).unwrap();
    assert_eq!(enrolled(1).search(&short, 1), []);
}

#[test]
fn a_search_finds_persons_of_live_tracks() {
    let mut gallery = Gallery::new();
    let person = show(&mut gallery, 1, 0, 2, &face(1)).person().unwrap();
    assert_eq!(gallery.search(&face(1), 1)[0].person, person);
}

#[test]
fn an_enrolled_person_is_recognised_at_one_good_view() {
    let mut gallery = enrolled(2);
    assert_eq!(show(&mut gallery, 1, 0, 1, &toward(2, 3, 0.6)).person(), Some(PersonId(2)));
}

#[test]
fn a_pending_track_becomes_the_enrolled_person() {
    let mut gallery = Gallery::new();
    assert_eq!(show(&mut gallery, 1, 0, 1, &face(1)), Identity::Pending);
    let person = gallery.enroll(&[face(1)]).unwrap();
    assert_eq!(gallery.identity(key(1)), Identity::Pending, "until its next view");
    assert_eq!(show(&mut gallery, 1, 1, 1, &face(1)).person(), Some(person));
}

#[test]
fn a_live_track_keeps_its_person_if_the_face_is_enrolled() {
    let mut gallery = Gallery::new();
    let founded = show(&mut gallery, 1, 0, 3, &face(1)).person();
    let person = gallery.enroll(&[face(1)]).unwrap();
    assert_eq!(show(&mut gallery, 1, 3, 5, &face(1)).person(), founded);
    assert_ne!(founded, Some(person));
}

#[test]
fn an_enrolled_person_was_never_seen() {
    let mut gallery = enrolled(1);
    let person = gallery.iter().next().unwrap();
    assert_eq!((person.first_seen, person.last_seen, person.tracks, person.templates), (None, None, 0, 1));
    show(&mut gallery, 1, 5, 1, &face(1));
    let person = gallery.iter().next().unwrap();
    let seen = Some(Timestamp(Duration::from_millis(200)));
    assert_eq!((person.first_seen, person.last_seen, person.tracks), (seen, seen, 1));
}

#[test]
fn enrolling_takes_at_least_one_embedding() {
    assert_eq!(Gallery::new().enroll(&[]), Err(EnrollError::NoEmbeddings));
}

#[test]
fn enrolling_takes_embeddings_of_one_length() {
    let short = Embedding::new(vec![1.0; 128]).unwrap();
    let mut gallery = Gallery::new();
    let error = Err(EnrollError::Length { found: 128, expected: 192 });
    assert_eq!(gallery.enroll(&[face(1), short.clone()]), error);
    assert!(gallery.is_empty());
    gallery.enroll(&[face(1)]).unwrap();
    assert_eq!(gallery.enroll(&[short]), error);
    assert_eq!(gallery.len(), 1);
}

#[test]
fn enrolling_makes_room_for_the_person() {
    let mut gallery = Gallery::with_policy(GalleryPolicy { max_persons: 2, ..GalleryPolicy::default() });
    show(&mut gallery, 1, 0, 2, &face(1));
    show(&mut gallery, 2, 10, 2, &face(2));
    gallery.end(key(1));
    gallery.end(key(2));
    gallery.enroll(&[face(3)]).unwrap();
    assert_eq!(gallery.iter().map(|p| p.id.0).collect::<Vec<_>>(), [2, 3], "the one unseen for longest went");
}

#[test]
fn an_enrolled_person_is_never_forgotten() {
    let mut gallery = Gallery::with_policy(GalleryPolicy { max_persons: 2, ..GalleryPolicy::default() });
    let person = gallery.enroll(&[face(100)]).unwrap();
    for n in 0..20 {
        show(&mut gallery, n, 10 * n, 2, &face(n as usize));
        gallery.end(key(n));
    }
    assert!(gallery.iter().any(|p| p.id == person));
    assert_eq!(gallery.len(), 2);
}

#[test]
fn a_gallery_full_of_enrolled_persons_takes_no_other() {
    let mut gallery = Gallery::with_policy(GalleryPolicy { max_persons: 1, ..GalleryPolicy::default() });
    gallery.enroll(&[face(1)]).unwrap();
    assert_eq!(gallery.enroll(&[face(2)]), Err(EnrollError::Full { max_persons: 1 }));
    assert_eq!(show(&mut gallery, 1, 0, 5, &face(2)), Identity::Pending);
    assert_eq!(gallery.len(), 1);
}

#[test]
fn a_removed_person_is_not_found() {
    let mut gallery = enrolled(2);
    assert!(gallery.remove(PersonId(1)));
    assert_eq!(persons(&gallery.search(&face(1), 10)), [2]);
    assert_eq!(gallery.iter().count(), 1);
}

#[test]
fn removing_an_unknown_person_changes_nothing() {
    let mut gallery = enrolled(1);
    assert!(!gallery.remove(PersonId(7)));
    assert_eq!(gallery.len(), 1);
}

#[test]
fn tracks_of_a_removed_person_are_pending() {
    let mut gallery = Gallery::new();
    let person = show(&mut gallery, 1, 0, 3, &face(1)).person().unwrap();
    gallery.end(key(1));
    assert_eq!(show(&mut gallery, 2, 10, 3, &face(1)).person(), Some(person));
    gallery.remove(person);
    assert_eq!(gallery.identity(key(1)), Identity::Pending, "the ended track");
    assert_eq!(gallery.identity(key(2)), Identity::Pending, "the live track");
}

#[test]
fn a_live_track_of_a_removed_person_becomes_a_new_person() {
    let mut gallery = Gallery::new();
    let person = show(&mut gallery, 1, 0, 3, &face(1)).person().unwrap();
    gallery.remove(person);
    assert_eq!(show(&mut gallery, 1, 3, 1, &face(1)).person(), Some(PersonId(person.0 + 1)));
}

#[test]
fn a_removed_number_is_not_used_again() {
    let mut gallery = enrolled(2);
    gallery.remove(PersonId(2));
    assert_eq!(gallery.enroll(&[face(2)]), Ok(PersonId(3)));
}

#[test]
fn iterating_a_gallery_yields_its_persons_by_number() {
    let mut gallery = enrolled(3);
    gallery.remove(PersonId(2));
    let ids: Vec<u64> = (&gallery).into_iter().map(|person| person.id.0).collect();
    assert_eq!(ids, [1, 3]);
    assert_eq!(gallery.iter().len(), 2);
}

#[test]
fn handles_enroll_into_one_gallery() {
    let gallery = SharedGallery::new(GalleryPolicy::default());
    let mut camera = gallery.clone();
    let person = gallery.enroll(&[face(1)]).unwrap();
    assert_eq!(gallery.search(&face(1), 1)[0].person, person);
    camera.identify(&[sighting(1, 0, face(1))], &[key(1)]);
    assert_eq!(camera.identity(key(1)).person(), Some(person));
    assert_eq!(gallery.persons().len(), gallery.len());
    assert!(gallery.remove(person) && gallery.is_empty());
}
