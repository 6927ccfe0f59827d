//! The gallery when faces change their tracks: the number follows the face.

use std::collections::BTreeSet;

use crate::scene::{face, key, show, sighting, toward};
use passerby_reid::{Gallery, GalleryPolicy};
use passerby_types::{Embedding, Identifier, Identity, PersonId, Sighting, TrackKey};

/// Shows tracks together in one frame, each with a face.
fn together(gallery: &mut Gallery, seq: u64, faces: &[(u64, Embedding)]) {
    let sightings: Vec<Sighting> = faces.iter().map(|(t, e)| sighting(*t, seq, e.clone())).collect();
    let visible: Vec<TrackKey> = faces.iter().map(|(t, _)| key(*t)).collect();
    gallery.identify(&sightings, &visible);
}

/// Shows the tracks 1, 2 and 3 together in five frames, each with the face of its number.
fn three() -> Gallery {
    let mut gallery = Gallery::new();
    for seq in 0..5 {
        together(&mut gallery, seq, &[(1, face(1)), (2, face(2)), (3, face(3))]);
    }
    gallery
}

fn persons(gallery: &Gallery, tracks: [u64; 3]) -> [Option<u64>; 3] {
    tracks.map(|track| gallery.identity(key(track)).person().map(|id| id.0))
}

/// Gives each changed track the number that is ten higher, and returns the changed tracks.
fn split(gallery: &mut Gallery) -> Vec<u64> {
    let mut changed = Vec::new();
    gallery.split(&mut |track| {
        changed.push(track.track.0);
        Some(key(track.track.0 + 10))
    });
    changed
}

#[test]
fn three_faces_that_change_places_in_a_ring_keep_their_persons() {
    let mut gallery = three();
    assert_eq!(persons(&gallery, [1, 2, 3]), [Some(1), Some(2), Some(3)]);
    together(&mut gallery, 5, &[(1, face(2)), (2, face(3)), (3, face(1))]);
    assert_eq!(persons(&gallery, [1, 2, 3]), [Some(1), Some(2), Some(3)], "one sighting changes no person");
    together(&mut gallery, 6, &[(1, face(2)), (2, face(3)), (3, face(1))]);
    assert_eq!(persons(&gallery, [1, 2, 3]), [Some(2), Some(3), Some(1)]);
    assert_eq!(gallery.len(), 3);
}

#[test]
fn a_split_ends_the_track_of_the_earlier_face() {
    let mut gallery = three();
    for seq in 5..7 {
        together(&mut gallery, seq, &[(1, face(2)), (2, face(1)), (3, face(3))]);
    }
    assert_eq!(split(&mut gallery), [1, 2]);
    assert_eq!(persons(&gallery, [1, 2, 3]), [Some(1), Some(2), Some(3)], "as before the change");
    assert_eq!(persons(&gallery, [11, 12, 3]), [Some(2), Some(1), Some(3)]);
    assert_eq!(split(&mut gallery), [0; 0], "a change is told once");
    // The ended numbers take no more sightings.
    together(&mut gallery, 7, &[(1, face(9)), (11, face(2)), (12, face(1))]);
    assert_eq!(persons(&gallery, [1, 11, 12]), [Some(1), Some(2), Some(1)]);
}

#[test]
fn a_change_without_a_new_number_stays_under_the_old_one() {
    let mut gallery = three();
    for seq in 5..8 {
        show(&mut gallery, 1, seq, 1, &face(7));
    }
    gallery.split(&mut |_| None);
    assert_eq!(gallery.identity(key(1)).person(), Some(PersonId(4)));
    assert_eq!(split(&mut gallery), [1], "it is told again");
}

#[test]
fn an_ended_track_is_not_split() {
    let mut gallery = three();
    show(&mut gallery, 1, 5, 3, &face(7));
    gallery.end(key(1));
    assert_eq!(split(&mut gallery), [0; 0]);
}

#[test]
fn a_person_that_a_split_track_founded_can_still_merge() {
    let mut gallery = three();
    [1, 2, 3].into_iter().for_each(|track| gallery.end(key(track)));
    // A stranger's track moves to the profile of person 1, which looks like nobody, and then the face turns.
    show(&mut gallery, 4, 100, 3, &face(8));
    show(&mut gallery, 4, 103, 3, &toward(1, 9, 0.4));
    assert_eq!(split(&mut gallery), [4]);
    assert_eq!(gallery.identity(key(14)).person(), Some(PersonId(5)));
    for seq in 106..110 {
        let turned = Sighting { quality: 0.9, ..sighting(14, seq, toward(1, 9, 0.75)) };
        gallery.identify(std::slice::from_ref(&turned), &[key(14)]);
    }
    assert_eq!(gallery.identity(key(14)).person(), Some(PersonId(1)));
    assert_eq!(gallery.identity(key(4)).person(), Some(PersonId(4)), "the stranger");
}

#[test]
fn a_contradiction_asks_for_a_look() {
    let mut gallery = three();
    assert!(![1, 2, 3].iter().any(|&track| gallery.needs_look(key(track))));
    show(&mut gallery, 1, 5, 1, &face(7));
    assert!(gallery.needs_look(key(1)) && !gallery.needs_look(key(2)));
    show(&mut gallery, 1, 6, 1, &face(1));
    assert!(!gallery.needs_look(key(1)), "it was an odd view");
    assert!(!gallery.needs_look(key(99)), "never seen");
}

#[test]
fn the_holder_of_a_face_that_is_seen_elsewhere_is_asked_for_a_look() {
    let mut gallery = three();
    let visible = [key(1), key(2)];
    // Track 1 shows face 2 now. Track 2 has no new view yet.
    for seq in 10..12 {
        gallery.identify(&[sighting(1, seq, face(2))], &visible);
    }
    assert_eq!(persons(&gallery, [1, 2, 3]), [Some(1), Some(2), Some(3)], "it may be a lookalike");
    assert!(gallery.needs_look(key(1)) && gallery.needs_look(key(2)));
    // Track 2 shows a stranger, twice: it has moved on.
    gallery.identify(&[sighting(2, 13, face(7))], &visible);
    gallery.identify(&[sighting(1, 14, face(2)), sighting(2, 14, face(7))], &visible);
    assert_eq!(gallery.identity(key(1)).person(), Some(PersonId(2)));
    gallery.identify(&[sighting(2, 15, face(7))], &visible);
    assert_eq!(gallery.identity(key(2)).person(), Some(PersonId(4)), "a new person");
}

#[test]
fn a_holder_that_is_seen_again_keeps_its_person() {
    let mut gallery = three();
    let visible = [key(1), key(2)];
    for seq in 10..12 {
        gallery.identify(&[sighting(1, seq, toward(2, 9, 0.7))], &visible);
    }
    gallery.identify(&[sighting(2, 12, face(2))], &visible);
    assert!(!gallery.needs_look(key(2)));
    gallery.identify(&[sighting(1, 13, toward(2, 9, 0.7))], &visible);
    assert_eq!(gallery.identity(key(2)).person(), Some(PersonId(2)));
    assert_eq!(gallery.identity(key(1)).person(), Some(PersonId(4)), "a lookalike beside the person");
}

#[test]
fn a_holder_without_a_usable_view_gives_its_person_up() {
    let mut gallery = three();
    let visible = [key(1), key(2)];
    for seq in 10..15 {
        gallery.identify(&[sighting(1, seq, face(2))], &visible);
        assert_eq!(gallery.identity(key(1)).person(), Some(PersonId(1)), "frame {seq}");
    }
    gallery.identify(&[sighting(1, 15, face(2))], &visible);
    assert_eq!(persons(&gallery, [1, 2, 3]), [Some(2), None, Some(3)]);
    assert_eq!(split(&mut gallery), [1, 2]);
    assert_eq!(persons(&gallery, [1, 2, 11]), [Some(1), Some(2), Some(2)]);
    assert_eq!(gallery.identity(key(12)), Identity::Pending);
}

#[test]
fn a_new_track_gets_the_person_of_a_track_that_moved_on() {
    let mut gallery = three();
    let visible = [key(2), key(4)];
    // Track 2 shows a stranger, and face 2 is the new track 4.
    for seq in 10..12 {
        gallery.identify(&[sighting(2, seq, face(7)), sighting(4, seq, face(2))], &visible);
        assert_eq!(gallery.identity(key(4)), Identity::Pending);
    }
    gallery.identify(&[sighting(2, 12, face(7))], &visible);
    assert_eq!(persons(&gallery, [2, 4, 3]), [Some(4), Some(2), Some(3)]);
    assert_eq!(split(&mut gallery), [2]);
}

#[test]
fn two_tracks_of_a_frame_never_share_a_person() {
    // Faces that change places at random, seen by some of the tracks in each frame, with splits after each.
    let mut gallery = Gallery::with_policy(GalleryPolicy::default());
    let mut faces = [1, 2, 3, 4, 5];
    let mut tracks = [1_u64, 2, 3, 4, 5];
    let mut next = 6;
    let mut state = 9_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % below as u64) as usize
    };
    for seq in 0..3000 {
        if random(15) == 0 {
            faces.swap(random(5), random(5));
        }
        if random(40) == 0 {
            faces[random(5)] = 6 + random(20);
        }
        let sightings: Vec<Sighting> = (0..5)
            .filter(|_| random(3) > 0)
            .map(|place| sighting(tracks[place], seq, face(faces[place])))
            .collect();
        let visible = tracks.map(key);
        gallery.identify(&sightings, &visible);
        gallery.split(&mut |track| {
            let place = tracks.iter().position(|&t| key(t) == track)?;
            tracks[place] = next;
            next += 1;
            Some(key(tracks[place]))
        });
        let held: Vec<PersonId> = tracks.iter().filter_map(|&t| gallery.identity(key(t)).person()).collect();
        assert_eq!(held.iter().collect::<BTreeSet<_>>().len(), held.len(), "frame {seq}: {held:?}");
    }
    assert!(next > 100, "many tracks were split: {next}");
}
