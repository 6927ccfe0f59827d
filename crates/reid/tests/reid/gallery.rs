//! The gallery in made-up scenes. Each test lists the sightings of a scene.

use std::time::Duration;

use crate::scene::{at, face, key, show, sighting, toward};
use passerby_reid::{Gallery, GalleryPolicy, MatchRule, SharedGallery};
use passerby_testkit::suite;
use passerby_types::{Embedding, Identifier, Identity, PersonId, Sighting, Timestamp, TrackKey};

/// Returns a different face for each number, nearly at right angles to the others.
fn stranger(n: u64) -> Embedding {
    // SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    let number = |i: u64| {
        let z = (192 * n + i).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    Embedding::new((0..192).map(number).collect()).expect("finite and not zero")
}

/// Shows tracks together in one frame.
fn together(gallery: &mut Gallery, seq: u64, faces: &[(u64, Embedding)]) {
    let sightings: Vec<Sighting> = faces.iter().map(|(t, e)| sighting(*t, seq, e.clone())).collect();
    let visible: Vec<TrackKey> = faces.iter().map(|(t, _)| key(*t)).collect();
    gallery.identify(&sightings, &visible);
}

#[test]
fn both_galleries_keep_the_contract() {
    suite::identifier(Gallery::new);
    suite::identifier(|| SharedGallery::new(GalleryPolicy::default()));
}

/// Shows a face once, as the track 1 of a camera, and returns the person.
fn glance(gallery: &mut SharedGallery, camera: u32, seq: u64, embedding: Embedding) -> Option<PersonId> {
    let sighting = Sighting { track: at(camera, 1), ..sighting(1, seq, embedding) };
    gallery.identify(std::slice::from_ref(&sighting), &[sighting.track]);
    gallery.identity(sighting.track).person()
}

#[test]
fn handles_share_persons() {
    let mut video = SharedGallery::new(GalleryPolicy::default());
    let mut still = video.clone().with_min_enroll_views(1);
    let founded = glance(&mut still, 1, 1, face(1));
    assert!(founded.is_some());
    still.end(at(1, 1));
    glance(&mut video, 2, 2, face(1));
    assert_eq!(glance(&mut video, 2, 3, face(1)), founded);
}

#[test]
fn each_handle_has_its_own_number_of_views_for_a_new_person() {
    let mut video = SharedGallery::new(GalleryPolicy::default());
    let mut still = video.clone().with_min_enroll_views(1);
    assert_eq!(glance(&mut video, 0, 0, face(0)), None, "a video needs two views");
    let founded = glance(&mut still, 1, 1, face(1));
    assert!(founded.is_some(), "a photograph needs one");
    let second = glance(&mut video, 0, 4, face(0));
    assert!(second.is_some() && second != founded);
}

#[test]
fn a_new_person_takes_two_sightings_that_agree() {
    let mut gallery = Gallery::new();
    assert_eq!(show(&mut gallery, 1, 0, 1, &face(1)), Identity::Pending);
    assert_eq!(
        show(&mut gallery, 1, 0, 1, &face(1)),
        Identity::Pending,
        "the same frame again does not count as a second sighting"
    );
    assert_eq!(
        show(&mut gallery, 1, 1, 1, &face(2)),
        Identity::Pending,
        "two sightings that disagree make no person"
    );
    assert!(gallery.is_empty());
    let who = show(&mut gallery, 1, 2, 1, &toward(1, 3, 0.7));
    assert_eq!(who, Identity::Person { id: PersonId(1), similarity: 1.0 });
}

#[test]
fn a_person_who_returns_after_a_month_is_recognised() {
    let mut gallery = Gallery::new();
    show(&mut gallery, 1, 0, 5, &face(1));
    show(&mut gallery, 2, 0, 5, &face(2));
    gallery.end(key(1));
    gallery.end(key(2));
    let later = 45 * 24 * 3600 * 25;
    let who = show(&mut gallery, 3, later, 2, &toward(1, 7, 0.75));
    assert_eq!(who.person(), Some(PersonId(1)));
    let Identity::Person { similarity, .. } = who else { unreachable!() };
    assert!((similarity - 0.75).abs() < 1e-3, "similarity to the templates of other tracks: {similarity}");
    let person = gallery.iter().next().unwrap();
    assert_eq!((person.id, person.tracks, gallery.len()), (PersonId(1), 2, 2));
    assert_eq!(person.first_seen, Some(Timestamp::default()));
    assert_eq!(person.last_seen, Some(Timestamp(Duration::from_millis(40 * (later + 1)))));
    assert_eq!(person.templates, 2, "the new view was learnt");
}

#[test]
fn a_fixed_threshold_separates_lookalikes() {
    let matching =
        MatchRule::Fixed { match_threshold: 0.5, confident_threshold: 0.58, suggest_threshold: 0.45 };
    for (cosine, times, same) in [(0.49, 4, false), (0.51, 2, true), (0.57, 1, false), (0.59, 1, true)] {
        let mut gallery = Gallery::with_policy(GalleryPolicy { matching, ..GalleryPolicy::default() });
        show(&mut gallery, 1, 0, 3, &face(1));
        gallery.end(key(1));
        let who = show(&mut gallery, 2, 100, times, &toward(1, 2, cosine)).person();
        assert_eq!(who == Some(PersonId(1)), same, "{times} sightings at {cosine}: {who:?}");
    }
}

#[test]
fn the_threshold_rises_with_the_number_of_persons() {
    let limit = MatchRule::default().threshold(5000);
    for (others, same) in [(0, true), (4999, false)] {
        let mut gallery = Gallery::new();
        show(&mut gallery, 1, 0, 3, &face(1));
        gallery.end(key(1));
        for n in 0..others {
            gallery.enroll(&[stranger(n)]).expect("room");
        }
        let who = show(&mut gallery, 2, 100, 2, &toward(1, 2, limit - 0.02)).person();
        assert_eq!(who == Some(PersonId(1)), same, "beside {others} others: {who:?}");
    }
}

#[test]
fn a_weak_match_teaches_nothing() {
    let mut gallery = Gallery::new();
    show(&mut gallery, 1, 0, 3, &face(1));
    gallery.end(key(1));
    let who = show(&mut gallery, 2, 100, 5, &toward(1, 2, 0.53));
    assert_eq!(who.person(), Some(PersonId(1)));
    gallery.end(key(2));
    // This face is far from the person and near to the weak match. It must not become the person by that chain.
    let who = show(&mut gallery, 3, 200, 5, &toward(2, 1, 0.9));
    assert_eq!(who.person(), Some(PersonId(2)));
}

/// A gallery that has seen two lookalikes side by side as the tracks 1 and 2, and their persons.
fn lookalikes() -> (Gallery, Option<PersonId>, Option<PersonId>) {
    let mut gallery = Gallery::new();
    for seq in 0..5 {
        together(&mut gallery, seq, &[(1, face(1)), (2, toward(1, 2, 0.8))]);
    }
    let first = gallery.identity(key(1)).person();
    let second = gallery.identity(key(2)).person();
    (gallery, first, second)
}

#[test]
fn lookalikes_in_one_frame_are_two_persons() {
    let (_, a, b) = lookalikes();
    assert!(a.is_some() && b.is_some() && a != b, "{a:?} {b:?}");
}

#[test]
fn a_lookalike_that_stays_does_not_become_the_one_that_left() {
    let (mut gallery, _, b) = lookalikes();
    gallery.end(key(1));
    assert_eq!(show(&mut gallery, 2, 5, 20, &toward(1, 2, 0.8)).person(), b);
}

#[test]
fn lookalikes_that_return_get_the_nearest_person_each() {
    let (mut gallery, a, b) = lookalikes();
    gallery.end(key(1));
    show(&mut gallery, 2, 5, 20, &toward(1, 2, 0.8));
    gallery.end(key(2));
    // They return in the other order.
    for seq in 100..105 {
        together(&mut gallery, seq, &[(3, toward(1, 2, 0.8)), (4, face(1))]);
    }
    assert_eq!(gallery.identity(key(3)).person(), b);
    assert_eq!(gallery.identity(key(4)).person(), a);
    assert_eq!(gallery.len(), 2);
}

#[test]
fn cameras_share_persons_at_the_same_time() {
    let mut gallery = Gallery::new();
    let who = show(&mut gallery, 1, 0, 3, &face(1)).person();
    let mut elsewhere = sighting(1, 2, toward(1, 5, 0.7));
    elsewhere.track = at(1, 1);
    gallery.identify(std::slice::from_ref(&elsewhere), &[elsewhere.track]);
    assert_eq!(gallery.identity(elsewhere.track).person(), who);
}

#[test]
fn small_or_poor_faces_match_no_person() {
    let mut gallery = Gallery::new();
    show(&mut gallery, 1, 0, 3, &face(1));
    gallery.end(key(1));
    for (track, size, quality) in [(2, 29.9, 0.9), (3, 80.0, 0.09), (4, f32::NAN, 0.5), (5, 80.0, f32::NAN)] {
        for seq in 100..110 {
            let unusable = Sighting { size, quality, ..sighting(track, seq, face(1)) };
            gallery.identify(std::slice::from_ref(&unusable), &[key(track)]);
            assert_eq!(gallery.identity(key(track)), Identity::Unidentified);
        }
    }
    assert_eq!(gallery.iter().next().unwrap().tracks, 1);
}

#[test]
fn small_faces_take_no_identity_away() {
    let mut gallery = Gallery::new();
    show(&mut gallery, 1, 0, 3, &face(1));
    gallery.end(key(1));
    // A walker is far away, then near, then far away again with an embedding that has drifted.
    let far = |seq| Sighting { size: 12.0, ..sighting(6, seq, face(9)) };
    gallery.identify(&[far(200)], &[key(6)]);
    assert_eq!(show(&mut gallery, 6, 201, 2, &face(1)).person(), Some(PersonId(1)));
    for seq in 203..220 {
        gallery.identify(&[far(seq)], &[key(6)]);
        assert_eq!(gallery.identity(key(6)).person(), Some(PersonId(1)));
    }
}

#[test]
fn a_face_that_changes_tracks_stays_one_person() {
    let mut gallery = Gallery::new();
    show(&mut gallery, 1, 0, 5, &face(1));
    // The tracker still shows track 1, but without a face. The face is track 2 now.
    for seq in 10..30 {
        gallery.identify(&[sighting(2, seq, toward(1, 3, 0.8))], &[key(1), key(2)]);
        assert_eq!(gallery.identity(key(2)), Identity::Pending);
    }
    gallery.end(key(1));
    assert_eq!(show(&mut gallery, 2, 31, 1, &toward(1, 3, 0.8)).person(), Some(PersonId(1)));
    assert_eq!(gallery.len(), 1);
}

#[test]
fn tracks_that_swap_faces_swap_persons() {
    let mut gallery = Gallery::new();
    for seq in 0..5 {
        together(&mut gallery, seq, &[(1, face(1)), (2, face(2))]);
    }
    let persons = |gallery: &Gallery| [key(1), key(2)].map(|track| gallery.identity(track).person());
    let before = persons(&gallery);
    together(&mut gallery, 5, &[(1, face(2)), (2, face(1))]);
    assert_eq!(persons(&gallery), before, "one sighting changes no person");
    for seq in 6..10 {
        together(&mut gallery, seq, &[(1, face(2)), (2, face(1))]);
    }
    assert_eq!(persons(&gallery), [before[1], before[0]]);
    assert_eq!(gallery.len(), 2, "no new person");
}

#[test]
fn swapped_tracks_that_are_seen_in_turn_swap_persons() {
    let mut gallery = Gallery::new();
    for seq in 0..5 {
        together(&mut gallery, seq, &[(1, face(1)), (2, face(2))]);
    }
    let visible = [key(1), key(2)];
    for seq in 0..12 {
        let (track, who) = if seq % 2 == 0 { (1, 2) } else { (2, 1) };
        gallery.identify(&[sighting(track, 20 + 12 * seq, face(who))], &visible);
        let held = visible.map(|k| gallery.identity(k).person());
        assert_ne!(held[0], held[1]);
    }
    assert_eq!(visible.map(|k| gallery.identity(k).person()), [Some(PersonId(2)), Some(PersonId(1))]);
    assert_eq!(gallery.len(), 2);
}

#[test]
fn a_track_that_jumps_to_a_stranger_is_a_new_person() {
    let mut gallery = Gallery::new();
    show(&mut gallery, 1, 0, 5, &face(1));
    assert_eq!(show(&mut gallery, 1, 5, 2, &face(2)).person(), Some(PersonId(1)));
    assert_eq!(show(&mut gallery, 1, 7, 1, &face(2)).person(), Some(PersonId(2)));
    // Another track can become the first person again, even in the same frame.
    gallery.identify(&[sighting(2, 8, face(1))], &[key(1), key(2)]);
    assert_eq!(gallery.identity(key(2)).person(), Some(PersonId(1)));
}

#[test]
fn a_few_odd_views_do_not_change_the_person() {
    let mut gallery = Gallery::new();
    show(&mut gallery, 1, 0, 5, &face(1));
    for seq in (5..60).step_by(3) {
        // Two odd views that agree, then one of the person.
        show(&mut gallery, 1, seq, 2, &face(2));
        assert_eq!(show(&mut gallery, 1, seq + 2, 1, &face(1)).person(), Some(PersonId(1)));
    }
    // Odd views in a row that do not agree with one another.
    for seq in 60..90 {
        let who = show(&mut gallery, 1, seq, 1, &face(10 + seq as usize));
        assert_eq!(who.person(), Some(PersonId(1)));
    }
    assert_eq!(gallery.len(), 1);
}

/// A gallery with person 1, into whom person 2, a profile of the same face, was merged by track 2.
fn merged() -> Gallery {
    let mut gallery = Gallery::new();
    show(&mut gallery, 1, 0, 5, &face(1));
    gallery.end(key(1));
    // The profile looks like a stranger. Then the face turns to the camera.
    assert_eq!(show(&mut gallery, 2, 100, 2, &toward(1, 2, 0.4)).person(), Some(PersonId(2)));
    for seq in 102..106 {
        let turned = Sighting { quality: 0.9, ..sighting(2, seq, toward(1, 2, 0.75)) };
        gallery.identify(std::slice::from_ref(&turned), &[key(2)]);
    }
    gallery
}

#[test]
fn a_person_of_poor_views_merges_into_an_older_person() {
    let gallery = merged();
    assert_eq!(gallery.identity(key(2)).person(), Some(PersonId(1)));
    assert_eq!(gallery.iter().map(|p| p.id).collect::<Vec<_>>(), [PersonId(1)]);
}

#[test]
fn a_merged_person_keeps_the_templates_of_both() {
    let mut gallery = merged();
    gallery.end(key(2));
    assert_eq!(show(&mut gallery, 3, 200, 2, &toward(1, 2, 0.4)).person(), Some(PersonId(1)));
}

#[test]
fn the_number_of_a_merged_person_is_not_used_again() {
    let mut gallery = merged();
    gallery.end(key(2));
    assert_eq!(show(&mut gallery, 4, 300, 2, &face(7)).person(), Some(PersonId(3)));
}

#[test]
fn only_the_nearest_of_two_tracks_keeps_their_common_person() {
    let mut gallery = Gallery::new();
    show(&mut gallery, 1, 0, 3, &face(1));
    // The gallery recognises it because the caller does not list the other track as visible.
    show(&mut gallery, 2, 1, 3, &toward(1, 2, 0.7));
    assert_eq!(gallery.identity(key(2)).person(), Some(PersonId(1)));
    for seq in 10..12 {
        together(&mut gallery, seq, &[(1, face(1)), (2, toward(1, 2, 0.7))]);
    }
    assert_eq!(gallery.identity(key(1)).person(), Some(PersonId(1)));
    assert_eq!(gallery.identity(key(2)).person(), Some(PersonId(2)));
}

#[test]
fn a_flood_of_strangers_keeps_memory_bounded() {
    let policy =
        GalleryPolicy { max_persons: 50, max_ended_tracks: 20, max_tracks: 30, ..GalleryPolicy::default() };
    let mut gallery = Gallery::with_policy(policy);
    show(&mut gallery, 1_000_000, 0, 2, &stranger(9999));
    for n in 0..400 {
        // The caller ends only every other track.
        show(&mut gallery, n, 10 * n, 2, &stranger(n));
        if n % 2 == 0 {
            gallery.end(key(n));
        }
        // The regular returns often.
        show(&mut gallery, 1_000_000 + n, 10 * n + 5, 2, &stranger(9999));
        gallery.end(key(1_000_000 + n));
    }
    assert_eq!(gallery.len(), 50);
    // There are thirty live tracks, except for the one of the regular, which has just ended.
    let debug = format!("{gallery:?}");
    assert!(debug.contains("live_tracks: 29") && debug.contains("ended_tracks: 20"), "{debug}");
    assert_eq!(gallery.iter().map(|p| p.templates).sum::<usize>(), 50);
    let regular = gallery.iter().max_by_key(|p| p.tracks).unwrap();
    assert_eq!(regular.id, PersonId(1));
    assert_eq!(gallery.identity(key(0)), Identity::Pending, "forgotten");
}

#[test]
fn strangers_wait_in_a_full_gallery() {
    let policy = GalleryPolicy { max_persons: 1, ..GalleryPolicy::default() };
    let mut gallery = Gallery::with_policy(policy);
    for seq in 0..5 {
        together(&mut gallery, seq, &[(1, face(1)), (2, face(2))]);
    }
    assert_eq!(gallery.identity(key(1)).person(), Some(PersonId(1)));
    assert_eq!(gallery.identity(key(2)), Identity::Pending);
    gallery.end(key(1));
    assert_eq!(show(&mut gallery, 2, 5, 1, &face(2)).person(), Some(PersonId(2)));
}

#[test]
fn templates_are_bounded() {
    let mut gallery = Gallery::new();
    for seq in 0..200 {
        let turn = 1.0 - 0.4 * (seq % 20) as f32 / 20.0;
        show(&mut gallery, 1, seq, 1, &toward(1, 2 + (seq / 20) as usize, turn));
    }
    let person = gallery.iter().next().unwrap();
    assert_eq!((gallery.len(), person.templates), (1, GalleryPolicy::default().templates_per_person));
}

#[test]
fn sightings_of_an_ended_track_change_nothing() {
    let mut gallery = Gallery::new();
    show(&mut gallery, 1, 0, 3, &face(1));
    gallery.end(key(1));
    gallery.identify(&[sighting(1, 4, face(2))], &[]);
    assert_eq!(gallery.identity(key(1)).person(), Some(PersonId(1)));
}

#[test]
fn embeddings_of_another_network_are_unidentified() {
    let mut gallery = Gallery::new();
    show(&mut gallery, 1, 0, 3, &face(1));
    gallery.end(key(1));
    let short = Embedding::new(vec![1.0; 128]).unwrap();
    assert_eq!(show(&mut gallery, 2, 10, 5, &short), Identity::Unidentified);
    assert_eq!(gallery.len(), 1);
}

#[test]
fn the_same_calls_give_the_same_answers() {
    let run = || {
        let mut gallery = Gallery::new();
        let mut answers = Vec::new();
        for seq in 0..60_u64 {
            let sightings: Vec<Sighting> =
                (0..6).map(|t| sighting(t + 6 * (seq / 15), seq, stranger((t * 7 + seq / 15) % 9))).collect();
            let visible: Vec<TrackKey> = sightings.iter().map(|s| s.track).collect();
            gallery.identify(&sightings, &visible);
            answers.extend(visible.iter().map(|&track| gallery.identity(track)));
        }
        (answers, gallery.iter().collect::<Vec<_>>())
    };
    assert_eq!(run(), run());
}
