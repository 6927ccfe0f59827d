//! One suite per stage trait: what its contract asks of every implementation.
//!
//! Each suite panics with what was broken. `make` gives a fresh instance. What a stage writes to is lent with the answers of
//! another batch in it, of which nothing may be left.

use std::collections::BTreeSet;
use std::time::Duration;

use passerby_types::{
    AttributeFusion, Attributes, BBox, CameraId, ChipPool, Classifier, Detector, Embedder, Embedding,
    ErrorClass, Face, FaceChip, FrameKind, FrameSource, Identifier, Identity, Landmarks, Observation,
    ObservedFace, Point, Sighting, Sink, Timestamp, TrackId, TrackKey, TrackState, Tracker,
};

use crate::call;
use crate::fixtures::{LAYOUTS, frame, meta, noise, random, uniform};

/// A source: time stamps rise, pictures have a size, the end is for ever, and errors of the class `Fatal` end it.
/// Returns how many pictures and how many `Skip` errors there were.
pub fn source(mut source: impl FrameSource) -> (u64, u64) {
    let (mut pictures, mut skipped, mut last) = (0, 0, None);
    loop {
        match source.next_picture() {
            Ok(Some(picture)) => {
                pictures += 1;
                assert!(picture.image.width() > 0 && picture.image.height() > 0);
                if let Some(pts) = picture.pts {
                    assert!(
                        last.is_none_or(|l: Duration| pts > l),
                        "time stamps rise: {pts:?} after {last:?}"
                    );
                    last = Some(pts);
                }
            }
            Ok(None) => break,
            Err(e) if e.class() == ErrorClass::Skip => skipped += 1,
            Err(_) => break,
        }
        assert!(pictures + skipped < 1_000_000, "a test source ends");
    }
    for _ in 0..3 {
        assert!(matches!(source.next_picture(), Ok(None)), "after its end a source gives Ok(None) for ever");
    }
    assert!(!source.info().name.is_empty(), "a source has a name");
    (pictures, skipped)
}

/// A detector: batches keep their order and do not change results, any layout and size is fine, results are the same
/// at every call and whatever stood in the lists, boxes are real and scores fall.
pub fn detector<D: Detector>(make: impl Fn() -> D) {
    let mut detector = make();
    assert!(call::detect(&mut detector, &[]).expect("an empty batch is fine").is_empty());
    let mut frames = Vec::new();
    for (i, layout) in LAYOUTS.into_iter().enumerate() {
        for (j, (w, h)) in [(64, 48), (1, 1), (2, 2), (3, 200), (200, 3), (161, 91)].into_iter().enumerate() {
            frames.push(frame((i * 10 + j) as u64, noise(layout, w, h, 1 + i as u64)));
        }
    }
    let together = call::detect(&mut detector, &frames).expect("any layout and size is fine");
    assert_eq!(together.len(), frames.len(), "one list a frame");
    let mut fresh = make();
    for (frame, faces) in frames.iter().zip(&together) {
        let alone = call::detect(&mut fresh, std::slice::from_ref(frame)).expect("a batch of one is fine");
        assert_eq!(alone.len(), 1);
        assert_eq!(&alone[0], faces, "a frame's faces do not depend on its batch");
        assert!(faces.windows(2).all(|w| w[0].score >= w[1].score), "best score first");
        assert!(faces.iter().all(|f| !f.bbox.is_empty()), "boxes have an area");
        assert!(faces.iter().all(|f| (0.0..=1.0).contains(&f.score)), "scores are 0 to 1");
    }
}

/// Two faces that walk from left to right on two rows.
fn walkers(seq: u64) -> Vec<Face> {
    [100.0, 300.0].map(|y| Face::new(BBox::from_xywh(50.0 + 4.0 * seq as f32, y, 40.0, 50.0), 0.9)).to_vec()
}

/// A tracker: ids are unique and never come back, live tracks are sorted and each once, a steady walker keeps its id
/// through coasting and through gaps in `seq`, tracks end, and no input makes it fail.
pub fn tracker<T: Tracker>(make: impl Fn() -> T) {
    // Steady walkers: every fifth frame not detected on, and three frames that never came.
    let mut tracker = make();
    let mut seen = BTreeSet::new();
    for seq in (0..40).filter(|s| !(20..23).contains(s)) {
        let faces = walkers(seq);
        let detected = seq % 5 != 4;
        let update = call::track(&mut tracker, &meta(0, seq), detected.then_some(faces.as_slice()));
        assert!(update.tracks.windows(2).all(|w| w[0].track < w[1].track), "by rising id, each once");
        assert!(update.tracks.iter().all(|t| t.face.is_none() || detected), "no detection without detecting");
        for tracked in &update.tracks {
            seen.insert(tracked.track);
            if let Some(face) = &tracked.face {
                assert!(faces.contains(face), "a matched face is one of the detections");
                assert!(tracked.bbox.iou(&face.bbox) > 0.3, "a track stays near its detection");
            }
        }
        if seq >= 10 {
            let confirmed = update.tracks.iter().filter(|t| t.state == TrackState::Confirmed).count();
            assert_eq!(confirmed, 2, "two steady walkers are two confirmed tracks at frame {seq}");
        }
        assert!(update.ended.is_empty(), "steady walkers do not end");
    }
    assert_eq!(seen.len(), 2, "two steady walkers are two tracks");

    // They leave: their tracks end, each once.
    let mut ended = BTreeSet::new();
    for seq in 40..1040 {
        for id in call::track(&mut tracker, &meta(0, seq), Some(&[])).ended {
            assert!(ended.insert(id), "a track ends once");
        }
    }
    assert_eq!(ended, seen, "tracks nobody feeds end");

    // They come back: new ids.
    let update = call::track(&mut tracker, &meta(0, 1040), Some(&walkers(0)));
    assert!(update.tracks.iter().all(|t| !seen.contains(&t.track)), "an id never comes back");

    // A camera of its own begins anew, and times that do not rise or numbers that are none do not break it.
    let mut tracker = make();
    let broken = Face::new(BBox::new(f32::NAN, 0.0, f32::INFINITY, 5.0), f32::NAN);
    let empty = Face::new(BBox::new(9.0, 9.0, 9.0, 9.0), 0.9);
    for seq in [5, 5, 3, 0, u64::MAX, 0, 7] {
        let update = call::track(&mut tracker, &meta(0, seq), Some(&[broken, empty, walkers(0)[0]]));
        assert!(update.tracks.iter().all(|t| [t.bbox.x1, t.bbox.y2].iter().all(|v| v.is_finite())));
    }
    let crowd: Vec<Face> = (0..300)
        .map(|i| Face::new(BBox::from_xywh((i % 20) as f32 * 50.0, (i / 20) as f32 * 50.0, 45.0, 45.0), 0.8))
        .collect();
    let mut tracker = make();
    for seq in 0..5 {
        let update = call::track(&mut tracker, &meta(0, seq), Some(&crowd));
        assert!(update.tracks.len() <= crowd.len());
    }
}

/// Landmarks of an upright frontal face in this box, at the places the common 112x112 alignment expects.
#[must_use]
pub fn frontal(bbox: BBox) -> Landmarks {
    let at = [(0.31, 0.46), (0.69, 0.46), (0.5, 0.64), (0.35, 0.82), (0.65, 0.82)];
    Landmarks(at.map(|(x, y)| Point::new(bbox.x1 + x * bbox.width(), bbox.y1 + y * bbox.height())))
}

/// Chips of every layout: good ones, and ones that no embedder can align.
fn chips() -> Vec<FaceChip> {
    let pool = ChipPool::default();
    let bbox = BBox::from_xywh(60.0, 40.0, 60.0, 75.0);
    let mut chips = Vec::new();
    for (i, layout) in LAYOUTS.into_iter().enumerate() {
        let frame = frame(i as u64, noise(layout, 200, 160, 7));
        for landmarks in [Some(frontal(bbox)), None, Some(Landmarks::default())] {
            let face = Face { bbox, score: 0.9, landmarks };
            chips.push(FaceChip::cut(&frame, &face, &pool).expect("the box lies inside"));
        }
    }
    let tiny = frame(99, uniform(LAYOUTS[0], 1, 1, 90));
    let face =
        Face::new(BBox::new(0.0, 0.0, 1.0, 1.0), 0.5).with_landmarks(frontal(BBox::new(0.0, 0.0, 1.0, 1.0)));
    chips.push(FaceChip::cut(&tiny, &face, &pool).expect("one pixel is a picture"));
    chips
}

/// What [`embedder`] and [`classifier`] ask alike: one answer a chip, the same alone as in a batch, `None` exactly
/// where no alignment is possible.
fn per_chip<T: PartialEq>(
    mut batch: impl FnMut(&[FaceChip]) -> Vec<Option<T>>,
    mut fresh: impl FnMut(&[FaceChip]) -> Vec<Option<T>>,
) {
    assert!(batch(&[]).is_empty(), "an empty batch is fine");
    let chips = chips();
    let together = batch(&chips);
    assert_eq!(together.len(), chips.len(), "one answer a chip");
    for (chip, answer) in chips.iter().zip(&together) {
        let alone = fresh(std::slice::from_ref(chip));
        assert!(alone.len() == 1 && &alone[0] == answer, "a chip's answer does not depend on its batch");
        let alignable = chip.face.landmarks.is_some_and(|l| l.eye_distance() > 0.0);
        assert_eq!(answer.is_some(), alignable, "None exactly where a face cannot be aligned: {chip:?}");
    }
}

/// An embedder: one answer a chip, independent of the batch, `None` exactly for faces that cannot be aligned.
pub fn embedder<E: Embedder>(make: impl Fn() -> E) {
    let (mut a, mut b) = (make(), make());
    per_chip(
        |c| call::embed(&mut a, c).expect("good chips embed"),
        |c| call::embed(&mut b, c).expect("good chips embed"),
    );
}

/// A classifier: as [`embedder`], with ages of a human and probabilities.
pub fn classifier<C: Classifier>(make: impl Fn() -> C) {
    let (mut a, mut b) = (make(), make());
    let checked = |answers: Vec<Option<Attributes>>| {
        for Attributes { age, p_male } in answers.iter().flatten() {
            assert!((0.0..=1.0).contains(p_male), "a probability is 0 to 1");
            assert!(
                0.0 <= age.low && age.low <= age.years && age.years <= age.high && age.high <= 120.0,
                "{age:?}"
            );
        }
        answers
    };
    per_chip(
        |c| checked(call::classify(&mut a, c).expect("good chips classify")),
        |c| checked(call::classify(&mut b, c).expect("good chips classify")),
    );
}

/// A direction in 192 dimensions: `person` picks it, `jitter` (0 to 1) turns it a little.
#[must_use]
pub fn direction(person: u64, jitter: u64) -> Embedding {
    let hash = |seed: u64, i: u64| {
        random(seed.wrapping_mul(0xD134_2543_DE82_EF95) ^ i) as f32 / u64::MAX as f32 - 0.5
    };
    let values =
        (0..192).map(|i| hash(person + 1, i) + 0.3 * hash(u64::MAX - jitter, i ^ person << 8)).collect();
    Embedding::new(values).expect("finite and not zero")
}

/// A good sighting of `person` by a track of camera 0 in frame `seq`.
#[must_use]
pub fn sighting(track: u64, seq: u64, person: u64) -> Sighting {
    Sighting {
        track: TrackKey { camera: CameraId(0), track: TrackId(track) },
        seq,
        captured: Timestamp(Duration::from_millis(40 * seq)),
        embedding: direction(person, seq),
        quality: 0.9,
        size: 100.0,
    }
}

/// A gallery: strangers become different persons, a person who returns is recognised, two tracks of one frame are
/// never one person, small faces have no identity, and who is not known is pending.
pub fn identify<I: Identifier>(make: impl Fn() -> I) {
    let mut gallery = make();
    let key = |track: u64| TrackKey { camera: CameraId(0), track: TrackId(track) };
    assert_eq!(gallery.identity(key(77)), Identity::Pending);
    gallery.end(key(77));
    gallery.identify(&[], &[]);
    assert_eq!(gallery.identity(key(77)), Identity::Pending);

    // Two strangers together, then each again in a new track.
    for seq in 0..6 {
        gallery.identify(&[sighting(1, seq, 10), sighting(2, seq, 20)], &[key(1), key(2)]);
    }
    let (a, b) = (gallery.identity(key(1)).person(), gallery.identity(key(2)).person());
    assert!(a.is_some() && b.is_some() && a != b, "two strangers are two persons: {a:?} {b:?}");
    gallery.end(key(1));
    gallery.end(key(2));
    assert_eq!(gallery.identity(key(1)).person(), a, "an ended track keeps its person");
    for seq in 100..106 {
        gallery.identify(&[sighting(3, seq, 20)], &[key(3)]);
    }
    assert_eq!(gallery.identity(key(3)).person(), b, "who returns is recognised");

    // The same face twice in one frame: only one of them can be that person.
    for seq in 200..206 {
        gallery.identify(&[sighting(4, seq, 10), sighting(5, seq, 10)], &[key(4), key(5)]);
    }
    let (c, d) = (gallery.identity(key(4)).person(), gallery.identity(key(5)).person());
    assert!(c.is_none() || c != d, "two tracks of one frame are never one person");
    assert!([c, d].contains(&a), "one of them is the person known");

    // A face too small to tell.
    let mut small = sighting(6, 300, 30);
    (small.size, small.quality) = (12.0, 0.1);
    for _ in 0..6 {
        gallery.identify(std::slice::from_ref(&small), &[key(6)]);
    }
    assert_eq!(gallery.identity(key(6)), Identity::Unidentified, "a tiny face has no identity");
}

/// A fusion: estimates of nothing but one value give that value, tracks do not mix, good views count for more, an
/// ended track forgets.
pub fn fuse<F: AttributeFusion>(make: impl Fn() -> F) {
    let mut fuse = make();
    let key = |track: u64| TrackKey { camera: CameraId(0), track: TrackId(track) };
    let estimate = |years: f32, p_male: f32| Attributes {
        age: passerby_types::Age { years, low: years - 10.0, high: years + 10.0 },
        p_male,
    };
    fuse.end(key(9));
    for _ in 0..20 {
        fuse.fuse(key(1), &estimate(60.0, 0.95), 0.8);
        fuse.fuse(key(2), &estimate(20.0, 0.05), 0.8);
    }
    let old = fuse.attributes(key(1)).expect("twenty agreeing views are enough");
    let young = fuse.attributes(key(2)).expect("twenty agreeing views are enough");
    assert!((old.age.years - 60.0).abs() < 0.5 && (young.age.years - 20.0).abs() < 0.5, "{old:?} {young:?}");
    assert!(old.p_male > 0.9 && young.p_male < 0.1);
    assert!(old.age.low <= old.age.years && old.age.years <= old.age.high);

    for _ in 0..20 {
        fuse.fuse(key(3), &estimate(30.0, 0.9), 0.9);
        fuse.fuse(key(3), &estimate(70.0, 0.1), 0.05);
    }
    fuse.fuse(key(3), &estimate(30.0, 0.9), 0.9);
    let mixed = fuse.attributes(key(3)).expect("forty views are enough");
    assert!(mixed.age.years < 40.0 && mixed.p_male > 0.5, "good views count for more: {mixed:?}");

    fuse.end(key(1));
    for _ in 0..20 {
        fuse.fuse(key(1), &estimate(20.0, 0.05), 0.8);
    }
    assert!(fuse.attributes(key(1)).is_none_or(|a| a.age.years < 25.0), "an ended track is forgotten");
    for broken in [estimate(f32::NAN, 0.5), estimate(40.0, f32::NAN)] {
        fuse.fuse(key(4), &broken, 0.5);
        fuse.fuse(key(4), &estimate(40.0, 0.9), f32::NAN);
    }
    for _ in 0..20 {
        fuse.fuse(key(4), &estimate(40.0, 0.9), 0.8);
    }
    let healed = fuse.attributes(key(4)).expect("twenty good views are enough");
    assert!((healed.age.years - 40.0).abs() < 1.0, "numbers that are none do not count: {healed:?}");
}

/// An observation of two faces of camera `camera` at frame `seq`, one of them identified.
#[must_use]
pub fn observation(camera: u32, seq: u64) -> Observation {
    let face = |track: u64, x: f32, person: Option<u64>| {
        let bbox = BBox::from_xywh(x, 50.0, 40.0, 50.0);
        ObservedFace {
            track: TrackId(track),
            state: TrackState::Confirmed,
            bbox,
            face: Some(Face::new(bbox, 0.9).with_landmarks(frontal(bbox))),
            embedding: person.map(|p| direction(p, seq)),
            estimate: None,
            identity: person.map_or(Identity::Pending, |p| Identity::Person {
                id: passerby_types::PersonId(p),
                similarity: 0.8,
            }),
            attributes: person.map(|_| Attributes {
                age: passerby_types::Age { years: 41.5, low: 33.0, high: 50.0 },
                p_male: 0.97,
            }),
        }
    };
    Observation {
        meta: meta(camera, seq),
        width: 640,
        height: 360,
        kind: FrameKind::Analysed,
        faces: vec![face(1, 10.0 + seq as f32, Some(1)), face(2, 300.0, None)],
        ended: vec![],
    }
}

/// A sink: empty batches are fine, and what was written and flushed can be read back. `count` says how many
/// observations of faces the sink holds for everybody to see.
pub fn sink<S: Sink>(mut sink: S, count: impl Fn() -> u64) {
    sink.write(&[]).expect("an empty batch is fine");
    sink.flush().expect("nothing to flush is fine");
    for batch in 0..10 {
        let batch: Vec<Observation> =
            (0..20).map(|i| observation((i % 2) as u32, batch * 10 + i / 2)).collect();
        sink.write(&batch).expect("a good batch is written");
    }
    sink.flush().expect("a flush succeeds");
    assert_eq!(count(), 400, "10 batches of 20 observations of 2 faces");
    sink.write(&[observation(0, 1000)]).expect("writing after a flush is fine");
    sink.flush().expect("a flush succeeds");
    drop(sink);
    assert_eq!(count(), 402);
}
