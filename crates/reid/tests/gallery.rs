//! Scenes that a gallery meets, each told as the sightings it gets.

use std::time::Duration;

use passerby_reid::{Gallery, GalleryPolicy, SharedGallery};
use passerby_testkit::suite;
use passerby_types::{
    CameraId, Embedding, Identifier, Identity, PersonId, Sighting, Timestamp, TrackId, TrackKey,
};

/// Directions at right angles to one another: people who have nothing in common.
fn face(who: usize) -> Embedding {
    toward(who, who, 1.0)
}

/// A face at this cosine to `who`, the rest of it towards `other`.
fn toward(who: usize, other: usize, cosine: f32) -> Embedding {
    let mut values = vec![0.0; 192];
    values[other] = (1.0 - cosine * cosine).max(0.0).sqrt();
    values[who] = cosine;
    Embedding::new(values).expect("finite and not zero")
}

/// Another direction for each number, nearly at right angles to the others.
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

fn key(track: u64) -> TrackKey {
    at(0, track)
}

fn at(camera: u32, track: u64) -> TrackKey {
    TrackKey { camera: CameraId(camera), track: TrackId(track) }
}

fn sighting(track: u64, seq: u64, embedding: Embedding) -> Sighting {
    Sighting {
        track: key(track),
        seq,
        captured: Timestamp(Duration::from_millis(40 * seq)),
        embedding,
        quality: 0.6,
        size: 80.0,
    }
}

/// Shows one track `times` times from frame `seq` on and says who it is then.
fn show(gallery: &mut Gallery, track: u64, seq: u64, times: u64, embedding: &Embedding) -> Identity {
    for i in 0..times {
        gallery.identify(&[sighting(track, seq + i, embedding.clone())], &[key(track)]);
    }
    gallery.identity(key(track))
}

/// Shows tracks together in one frame.
fn together(gallery: &mut Gallery, seq: u64, faces: &[(u64, Embedding)]) {
    let sightings: Vec<Sighting> = faces.iter().map(|(t, e)| sighting(*t, seq, e.clone())).collect();
    let visible: Vec<TrackKey> = faces.iter().map(|(t, _)| key(*t)).collect();
    gallery.identify(&sightings, &visible);
}

#[test]
fn it_is_a_gallery() {
    suite::identifier(Gallery::new);
    suite::identifier(|| SharedGallery::new(GalleryPolicy::default()));
}

#[test]
fn handles_share_persons_and_found_them_each_in_its_own_way() {
    let mut video = SharedGallery::new(GalleryPolicy::default());
    let mut still = video.clone().founding(1);
    let show = |gallery: &mut SharedGallery, camera, seq, embedding| {
        let sighting = Sighting { track: at(camera, 1), ..sighting(1, seq, embedding) };
        gallery.identify(std::slice::from_ref(&sighting), &[sighting.track]);
        gallery.identity(sighting.track).person()
    };
    assert_eq!(show(&mut video, 0, 0, face(0)), None, "a video takes two looks");
    let founded = show(&mut still, 1, 1, face(1));
    assert!(founded.is_some(), "a photograph takes one");
    still.end(at(1, 1));
    show(&mut video, 2, 2, face(1));
    assert_eq!(show(&mut video, 2, 3, face(1)), founded, "and the video knows who it was");
    let second = show(&mut video, 0, 4, face(0));
    assert!(second.is_some() && second != founded);
}

#[test]
fn a_new_person_takes_two_sightings_that_agree() {
    let mut gallery = Gallery::new();
    assert_eq!(show(&mut gallery, 1, 0, 1, &face(1)), Identity::Pending);
    assert_eq!(
        show(&mut gallery, 1, 0, 1, &face(1)),
        Identity::Pending,
        "the same frame again is no second sighting"
    );
    assert_eq!(show(&mut gallery, 1, 1, 1, &face(2)), Identity::Pending, "two that disagree say nothing");
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
    assert!((similarity - 0.75).abs() < 1e-3, "to the templates of other tracks: {similarity}");
    let person = gallery.persons().next().unwrap();
    assert_eq!((person.id, person.tracks, gallery.len()), (PersonId(1), 2, 2));
    assert_eq!(person.first_seen, Timestamp::default());
    assert_eq!(person.last_seen, Timestamp(Duration::from_millis(40 * (later + 1))));
    assert_eq!(person.templates, 2, "the new view was learnt");
}

#[test]
fn the_threshold_divides_lookalikes() {
    for (cosine, times, same) in [(0.49, 4, false), (0.51, 2, true), (0.57, 1, false), (0.59, 1, true)] {
        let mut gallery = Gallery::new();
        show(&mut gallery, 1, 0, 3, &face(1));
        gallery.end(key(1));
        let who = show(&mut gallery, 2, 100, times, &toward(1, 2, cosine)).person();
        assert_eq!(who == Some(PersonId(1)), same, "{times} sightings at {cosine}: {who:?}");
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
    // Far from the person, near to the weak match: no chain.
    let who = show(&mut gallery, 3, 200, 5, &toward(2, 1, 0.9));
    assert_eq!(who.person(), Some(PersonId(2)));
}

#[test]
fn lookalikes_in_one_frame_are_two_persons_and_stay_so() {
    let (one, other) = (face(1), toward(1, 2, 0.8));
    let mut gallery = Gallery::new();
    for seq in 0..5 {
        together(&mut gallery, seq, &[(1, one.clone()), (2, other.clone())]);
    }
    let (a, b) = (gallery.identity(key(1)).person(), gallery.identity(key(2)).person());
    assert!(a.is_some() && b.is_some() && a != b, "{a:?} {b:?}");
    // The first leaves; the second does not become it.
    gallery.end(key(1));
    assert_eq!(show(&mut gallery, 2, 5, 20, &other).person(), b);
    gallery.end(key(2));
    // Both come back, in the other order: the nearest pair counts.
    for seq in 100..105 {
        together(&mut gallery, seq, &[(3, other.clone()), (4, one.clone())]);
    }
    assert_eq!((gallery.identity(key(3)).person(), gallery.identity(key(4)).person()), (b, a));
    assert_eq!(gallery.len(), 2);
}

#[test]
fn cameras_share_persons_even_at_one_moment() {
    let mut gallery = Gallery::new();
    let who = show(&mut gallery, 1, 0, 3, &face(1)).person();
    let mut elsewhere = sighting(1, 2, toward(1, 5, 0.7));
    elsewhere.track = at(1, 1);
    gallery.identify(std::slice::from_ref(&elsewhere), &[elsewhere.track]);
    assert_eq!(gallery.identity(elsewhere.track).person(), who);
}

#[test]
fn small_and_poor_faces_never_merge_and_take_no_identity_away() {
    let mut gallery = Gallery::new();
    show(&mut gallery, 1, 0, 3, &face(1));
    gallery.end(key(1));
    for (track, size, quality) in [(2, 29.9, 0.9), (3, 80.0, 0.09), (4, f32::NAN, 0.5), (5, 80.0, f32::NAN)] {
        let mut small = sighting(track, 100, face(1));
        (small.size, small.quality) = (size, quality);
        for seq in 100..110 {
            small.seq = seq;
            gallery.identify(std::slice::from_ref(&small), &[key(track)]);
            assert_eq!(gallery.identity(key(track)), Identity::Unidentified);
        }
    }
    assert_eq!(gallery.persons().next().unwrap().tracks, 1);
    // From afar, then near, then far again, with an embedding that has drifted.
    let mut walker = sighting(6, 200, face(9));
    walker.size = 12.0;
    gallery.identify(std::slice::from_ref(&walker), &[key(6)]);
    assert_eq!(show(&mut gallery, 6, 201, 2, &face(1)).person(), Some(PersonId(1)));
    for seq in 203..220 {
        walker.seq = seq;
        gallery.identify(std::slice::from_ref(&walker), &[key(6)]);
        assert_eq!(gallery.identity(key(6)).person(), Some(PersonId(1)));
    }
}

#[test]
fn a_track_lost_and_found_is_not_a_second_person() {
    let mut gallery = Gallery::new();
    show(&mut gallery, 1, 0, 5, &face(1));
    // The tracker still shows track 1, without a face; the face is track 2 now.
    for seq in 10..30 {
        gallery.identify(&[sighting(2, seq, toward(1, 3, 0.8))], &[key(1), key(2)]);
        assert_eq!(gallery.identity(key(2)), Identity::Pending);
    }
    gallery.end(key(1));
    assert_eq!(show(&mut gallery, 2, 31, 1, &toward(1, 3, 0.8)).person(), Some(PersonId(1)));
    assert_eq!(gallery.len(), 1);
}

#[test]
fn two_tracks_swapped_exchange_their_persons() {
    let mut gallery = Gallery::new();
    for seq in 0..5 {
        together(&mut gallery, seq, &[(1, face(1)), (2, face(2))]);
    }
    let before = (gallery.identity(key(1)).person(), gallery.identity(key(2)).person());
    together(&mut gallery, 5, &[(1, face(2)), (2, face(1))]);
    let meanwhile = (gallery.identity(key(1)).person(), gallery.identity(key(2)).person());
    assert_eq!(meanwhile, before, "one sighting takes nobody's identity away");
    for seq in 6..10 {
        together(&mut gallery, seq, &[(1, face(2)), (2, face(1))]);
    }
    let after = (gallery.identity(key(1)).person(), gallery.identity(key(2)).person());
    assert_eq!(after, (before.1, before.0));
    assert_eq!(gallery.len(), 2, "and nobody new");
}

#[test]
fn two_tracks_swapped_and_seen_in_turn_exchange_their_persons() {
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
    // The person it left can be had again, even in the same frame.
    gallery.identify(&[sighting(2, 8, face(1))], &[key(1), key(2)]);
    assert_eq!(gallery.identity(key(2)).person(), Some(PersonId(1)));
}

#[test]
fn a_few_odd_views_change_nothing() {
    let mut gallery = Gallery::new();
    show(&mut gallery, 1, 0, 5, &face(1));
    for seq in (5..60).step_by(3) {
        // Two alike, then one of the person itself.
        show(&mut gallery, 1, seq, 2, &face(2));
        assert_eq!(show(&mut gallery, 1, seq + 2, 1, &face(1)).person(), Some(PersonId(1)));
    }
    // Odd ones in succession that do not agree with one another.
    for seq in 60..90 {
        let who = show(&mut gallery, 1, seq, 1, &face(10 + seq as usize));
        assert_eq!(who.person(), Some(PersonId(1)));
    }
    assert_eq!(gallery.len(), 1);
}

#[test]
fn a_person_made_of_poor_views_gives_way_to_the_one_it_is() {
    let mut gallery = Gallery::new();
    show(&mut gallery, 1, 0, 5, &face(1));
    gallery.end(key(1));
    // In profile it is a stranger; it turns, step by step.
    assert_eq!(show(&mut gallery, 2, 100, 2, &toward(1, 2, 0.4)).person(), Some(PersonId(2)));
    let mut turned = sighting(2, 102, toward(1, 2, 0.75));
    turned.quality = 0.9;
    for seq in 102..106 {
        turned.seq = seq;
        gallery.identify(std::slice::from_ref(&turned), &[key(2)]);
    }
    assert_eq!(gallery.identity(key(2)).person(), Some(PersonId(1)));
    assert_eq!(gallery.persons().map(|p| p.id).collect::<Vec<_>>(), [PersonId(1)]);
    gallery.end(key(2));
    // The profile is known now, and the number of the one who gave way is not given again.
    assert_eq!(show(&mut gallery, 3, 200, 2, &toward(1, 2, 0.4)).person(), Some(PersonId(1)));
    assert_eq!(show(&mut gallery, 4, 300, 2, &face(7)).person(), Some(PersonId(3)));
}

#[test]
fn two_tracks_of_one_frame_that_hold_one_person_are_told_apart() {
    let mut gallery = Gallery::new();
    show(&mut gallery, 1, 0, 3, &face(1));
    // Recognised while the other was not said to be visible.
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
    let policy = GalleryPolicy { persons: 50, ended: 20, tracks: 30, ..GalleryPolicy::default() };
    let mut gallery = Gallery::with(policy);
    show(&mut gallery, 1_000_000, 0, 2, &stranger(9999));
    for n in 0..400 {
        // Every other track's end is never told.
        show(&mut gallery, n, 10 * n, 2, &stranger(n));
        if n % 2 == 0 {
            gallery.end(key(n));
        }
        // The regular is never gone for long.
        show(&mut gallery, 1_000_000 + n, 10 * n + 5, 2, &stranger(9999));
        gallery.end(key(1_000_000 + n));
    }
    assert_eq!(gallery.len(), 50);
    // Thirty, but for the regular's that just ended.
    let debug = format!("{gallery:?}");
    assert!(debug.contains("live_tracks: 29") && debug.contains("ended_tracks: 20"), "{debug}");
    assert_eq!(gallery.persons().map(|p| p.templates).sum::<usize>(), 50);
    let regular = gallery.persons().max_by_key(|p| p.tracks).unwrap();
    assert_eq!(regular.id, PersonId(1));
    assert_eq!(gallery.identity(key(0)), Identity::Pending, "forgotten");
}

#[test]
fn without_room_strangers_wait() {
    let policy = GalleryPolicy { persons: 1, ..GalleryPolicy::default() };
    let mut gallery = Gallery::with(policy);
    for seq in 0..5 {
        together(&mut gallery, seq, &[(1, face(1)), (2, face(2))]);
    }
    assert_eq!(gallery.identity(key(1)).person(), Some(PersonId(1)));
    assert_eq!(gallery.identity(key(2)), Identity::Pending);
    gallery.end(key(1));
    assert_eq!(show(&mut gallery, 2, 5, 1, &face(2)).person(), Some(PersonId(2)));
}

#[test]
fn templates_are_bounded_and_cover_the_poses() {
    let mut gallery = Gallery::new();
    for seq in 0..200 {
        let turn = 1.0 - 0.4 * (seq % 20) as f32 / 20.0;
        show(&mut gallery, 1, seq, 1, &toward(1, 2 + (seq / 20) as usize, turn));
    }
    let person = gallery.persons().next().unwrap();
    assert_eq!((gallery.len(), person.templates), (1, GalleryPolicy::default().templates));
}

#[test]
fn sightings_of_an_ended_track_and_of_another_network_decide_nothing() {
    let mut gallery = Gallery::new();
    show(&mut gallery, 1, 0, 3, &face(1));
    gallery.end(key(1));
    gallery.identify(&[sighting(1, 4, face(2))], &[]);
    assert_eq!(gallery.identity(key(1)).person(), Some(PersonId(1)));
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
        (answers, gallery.persons().collect::<Vec<_>>())
    };
    assert_eq!(run(), run());
}
