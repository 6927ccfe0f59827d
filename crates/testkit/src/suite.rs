//! One conformance suite for each stage trait.
//!
//! A suite asserts that an implementation keeps the contract of its trait, and panics with the broken rule if it does not.
//! `make` must return a new instance at each call. The memory that a suite lends to a stage holds the answers of another batch,
//! none of which may be left.

use std::collections::BTreeSet;
use std::time::Duration;

use passerby_types::{
    AttributeFusion, Attributes, BBox, CameraId, CameraLink, ChipPool, Classifier, ColorSpace,
    DeliveryCounts, Detector, Embedder, Embedding, ErrorClass, Face, FaceChip, FrameSource, Identifier,
    Identity, Image, Landmarks, MessageSink, Observation, ObservedFace, PixelLayout, Point, Sighting, Sink,
    Timestamp, TrackId, TrackKey, TrackState, Tracker,
};

use crate::call;
use crate::fixtures::{LAYOUTS, frame, meta, noise, random, uniform};

pub use crate::journal_suite::journal;

/// Asserts the contract of a [`FrameSource`]: time stamps rise, pictures have a size, a fatal error ends the source, and the end
/// is for ever. Returns the numbers of pictures and of `Skip` errors.
pub fn source(mut source: impl FrameSource) -> (u64, u64) {
    let mut pictures = 0;
    let mut skipped = 0;
    let mut last = None;
    loop {
        match source.next_picture() {
            Ok(Some(picture)) => {
                pictures += 1;
                assert!(picture.image.width() > 0 && picture.image.height() > 0);
                if let Some(pts) = picture.pts {
                    assert!(
                        last.is_none_or(|l: Duration| pts > l),
                        "a time stamp must rise, but {pts:?} follows {last:?}"
                    );
                    last = Some(pts);
                }
            }
            Ok(None) => break,
            Err(e) if e.class() == ErrorClass::Skip => skipped += 1,
            Err(_) => break,
        }
        assert!(pictures + skipped < 1_000_000, "a source in a test must end");
    }
    for _ in 0..3 {
        assert!(
            matches!(source.next_picture(), Ok(None)),
            "a source must return Ok(None) for ever after its end"
        );
    }
    assert!(!source.info().name.is_empty(), "a source must have a name");
    (pictures, skipped)
}

/// Asserts the contract of a [`Detector`]: it accepts any layout and size, the faces of a frame do not depend on its batch, boxes
/// have an area, and scores fall.
pub fn detector<D: Detector>(make: impl Fn() -> D) {
    let mut detector = make();
    assert!(call::detect(&mut detector, &[]).expect("a detector must accept an empty batch").is_empty());
    let mut frames = Vec::new();
    for (i, layout) in LAYOUTS.into_iter().enumerate() {
        for (j, (w, h)) in [(64, 48), (1, 1), (2, 2), (3, 200), (200, 3), (161, 91)].into_iter().enumerate() {
            frames.push(frame((i * 10 + j) as u64, noise(layout, w, h, 1 + i as u64)));
        }
    }
    let together = call::detect(&mut detector, &frames).expect("a detector must accept any layout and size");
    assert_eq!(together.len(), frames.len(), "a detector must return one list for each frame");
    let mut fresh = make();
    for (frame, faces) in frames.iter().zip(&together) {
        let alone = call::detect(&mut fresh, std::slice::from_ref(frame))
            .expect("a detector must accept a batch of one");
        assert_eq!(alone.len(), 1);
        assert_eq!(&alone[0], faces, "the faces of a frame must not depend on its batch");
        assert!(faces.windows(2).all(|w| w[0].score >= w[1].score), "the best score must be first");
        assert!(faces.iter().all(|f| !f.bbox.is_empty()), "a box must have an area");
        assert!(faces.iter().all(|f| (0.0..=1.0).contains(&f.score)), "a score must be 0 to 1");
    }
}

/// Asserts that a detector keeps the best faces within its limit, and counts the boxes beyond it for each frame of a batch.
///
/// Both detectors must find faces in noise and keep overlapping ones, `unlimited` all of them and `limited` at most `limit`, which
/// is less than ten.
pub fn detector_limit(mut unlimited: impl Detector, mut limited: impl Detector, limit: usize) {
    let noisy = frame(0, noise(PixelLayout::Rgb8, 96, 64, 3));
    let plain = frame(1, uniform(PixelLayout::Gray8, 96, 64, 128));
    let all = unlimited.detect_one(&noisy).expect("noise is a picture");
    assert!(all.len() > 10, "{} faces", all.len());
    assert_eq!(unlimited.left_out(0), 0, "a detector without a limit must leave out nothing");

    // Without suppression, each box is kept or left out.
    let batch = [noisy.clone(), noisy, plain];
    let faces = call::detect(&mut limited, &batch).expect("a detector must accept a batch");
    assert_eq!(faces[0], all[..limit], "the best faces must be kept");
    let counted: Vec<usize> = (0..4).map(|frame| limited.left_out(frame) as usize).collect();
    assert!(counted[0] >= all.len() - limit, "the boxes beyond the limit must be counted: {counted:?}");
    assert_eq!((counted[1], counted[3]), (counted[0], 0), "each frame must have its own count");
    assert!(faces[2].len() < limit && counted[2] == 0 || faces[2].len() == limit);
}

/// Returns two faces that walk from left to right, one above the other.
fn walkers(seq: u64) -> Vec<Face> {
    [100.0, 300.0].map(|y| Face::new(BBox::from_xywh(50.0 + 4.0 * seq as f32, y, 40.0, 50.0), 0.9)).to_vec()
}

/// Asserts the contract of a [`Tracker`].
///
/// Numbers of tracks are unique and never come back. Live tracks are sorted, each once. A steady walker keeps its number over
/// frames without detection and gaps in `seq`. Tracks end. No input makes the tracker panic.
pub fn tracker<T: Tracker>(make: impl Fn() -> T) {
    // Two steady walkers. The detector skips every fifth frame, and three frames are missing.
    let mut tracker = make();
    let mut seen = BTreeSet::new();
    for seq in (0..40).filter(|s| !(20..23).contains(s)) {
        let faces = walkers(seq);
        let detected = seq % 5 != 4;
        let update = call::track(&mut tracker, &meta(0, seq), detected.then_some(faces.as_slice()));
        assert!(
            update.tracks.windows(2).all(|w| w[0].track < w[1].track),
            "live tracks must be sorted, each once"
        );
        assert!(
            update.tracks.iter().all(|t| t.face.is_none() || detected),
            "a coasted frame must have no detection"
        );
        for tracked in &update.tracks {
            seen.insert(tracked.track);
            if let Some(face) = &tracked.face {
                assert!(faces.contains(face), "a matched face must be one of the detections");
                assert!(tracked.bbox.iou(&face.bbox) > 0.3, "a track must stay near its detection");
            }
        }
        if seq >= 10 {
            let confirmed = update.tracks.iter().filter(|t| t.state == TrackState::Confirmed).count();
            assert_eq!(confirmed, 2, "two steady walkers must be two confirmed tracks at frame {seq}");
        }
        assert!(update.ended.is_empty(), "the track of a steady walker must not end");
    }
    assert_eq!(seen.len(), 2, "two steady walkers must be two tracks");

    // They leave, and their tracks end, each once.
    let mut ended = BTreeSet::new();
    for seq in 40..1040 {
        for id in call::track(&mut tracker, &meta(0, seq), Some(&[])).ended {
            assert!(ended.insert(id), "a track must end once");
        }
    }
    assert_eq!(ended, seen, "a track without detections must end");

    // They come back with new numbers.
    let update = call::track(&mut tracker, &meta(0, 1040), Some(&walkers(0)));
    assert!(update.tracks.iter().all(|t| !seen.contains(&t.track)), "a number must never come back");

    // The camera is away for an hour, which leaves no gap in the numbers.
    let mut tracker = make();
    let at = |seq, millis| meta(0, seq).with_pts(Duration::from_millis(millis));
    let before: BTreeSet<_> = (0..10)
        .flat_map(|seq| call::track(&mut tracker, &at(seq, 40 * seq), Some(&walkers(seq))).tracks)
        .map(|tracked| tracked.track)
        .collect();
    let update = call::track(&mut tracker, &at(10, 3_600_000), Some(&walkers(10)));
    assert_eq!(BTreeSet::from_iter(update.ended), before, "a track must not outlive an outage");
    assert!(update.tracks.iter().all(|t| !before.contains(&t.track)), "an outage must make new tracks");

    // A new tracker survives numbers that do not rise and boxes that are not finite.
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

/// Returns the landmarks of an upright frontal face in this box, as the common 112x112 alignment expects them.
#[must_use]
pub fn frontal(bbox: BBox) -> Landmarks {
    let at = [(0.31, 0.46), (0.69, 0.46), (0.5, 0.64), (0.35, 0.82), (0.65, 0.82)];
    Landmarks(at.map(|(x, y)| Point::new(bbox.x1 + x * bbox.width(), bbox.y1 + y * bbox.height())))
}

/// Returns chips of every layout, some of which no embedder can align.
fn chips() -> Vec<FaceChip> {
    let pool = ChipPool::default();
    let bbox = BBox::from_xywh(60.0, 40.0, 60.0, 75.0);
    let mut chips = Vec::new();
    for (i, layout) in LAYOUTS.into_iter().enumerate() {
        let frame = frame(i as u64, noise(layout, 200, 160, 7));
        for landmarks in [Some(frontal(bbox)), None, Some(Landmarks::default())] {
            let face = Face { bbox, score: 0.9, landmarks };
            chips.push(FaceChip::cut(&frame, &face, &pool).expect("the box is inside the picture"));
        }
    }
    let tiny = frame(99, uniform(LAYOUTS[0], 1, 1, 90));
    let face =
        Face::new(BBox::new(0.0, 0.0, 1.0, 1.0), 0.5).with_landmarks(frontal(BBox::new(0.0, 0.0, 1.0, 1.0)));
    chips.push(FaceChip::cut(&tiny, &face, &pool).expect("one pixel is a picture"));
    chips
}

/// Returns a chip of soft shapes, which is neither noisy nor blurred.
fn clear_chip() -> FaceChip {
    /// The distance of the points between which the picture is interpolated, in pixels.
    const STEP: usize = 6;
    let bbox = BBox::from_xywh(60.0, 40.0, 60.0, 75.0);
    let (width, height) = (200, 160);
    let point = |x: usize, y: usize| (random((y * width + x) as u64) as u8) as f32;
    let pixel = |i: usize| {
        let (x, y) = (i % width, i / width);
        let (right, down) = ((x % STEP) as f32 / STEP as f32, (y % STEP) as f32 / STEP as f32);
        let row = |y: usize| point(x / STEP, y) * (1.0 - right) + point(x / STEP + 1, y) * right;
        (row(y / STEP) * (1.0 - down) + row(y / STEP + 1) * down) as u8
    };
    let bytes = (0..width * height).map(pixel).collect();
    let image = Image::from_vec(PixelLayout::Gray8, width as u32, height as u32, ColorSpace::JPEG, bytes);
    let face = Face::new(bbox, 0.9).with_landmarks(frontal(bbox));
    let frame = frame(98, image.expect("the bytes fit the size"));
    FaceChip::cut(&frame, &face, &ChipPool::default()).expect("the box is inside the picture")
}

/// Asserts the common rules of [`embedder`] and [`classifier`]: one answer for each chip, which does not depend on the batch, and
/// `None` if the face cannot be aligned. If `only_then` is set, every other face must have an answer.
fn assert_per_chip<T: PartialEq>(
    only_then: bool,
    mut batch: impl FnMut(&[FaceChip]) -> Vec<Option<T>>,
    mut fresh: impl FnMut(&[FaceChip]) -> Vec<Option<T>>,
) {
    assert!(batch(&[]).is_empty(), "a stage must accept an empty batch");
    let chips = chips();
    let together = batch(&chips);
    assert_eq!(together.len(), chips.len(), "a stage must return one answer for each chip");
    for (chip, answer) in chips.iter().zip(&together) {
        let alone = fresh(std::slice::from_ref(chip));
        assert!(alone.len() == 1 && &alone[0] == answer, "the answer of a chip must not depend on its batch");
        let alignable = chip.face.landmarks.is_some_and(|l| l.eye_distance() > 0.0);
        assert!(
            alignable || answer.is_none(),
            "the answer must be None if the face cannot be aligned: {chip:?}"
        );
        assert!(
            !alignable || !only_then || answer.is_some(),
            "there must be an answer if the face can be aligned: {chip:?}"
        );
    }
    let clear = batch(&[clear_chip()]);
    assert!(clear[0].is_some(), "there must be an answer for a clear view of a face that can be aligned");
}

/// Asserts the contract of an [`Embedder`]: one answer for each chip, which does not depend on the batch, and `None` if and only
/// if the face cannot be aligned.
pub fn embedder<E: Embedder>(make: impl Fn() -> E) {
    let mut a = make();
    let mut b = make();
    assert_per_chip(
        true,
        |c| call::embed(&mut a, c).expect("an embedder must accept good chips"),
        |c| call::embed(&mut b, c).expect("an embedder must accept good chips"),
    );
}

/// Asserts the contract of a [`Classifier`]: one answer for each chip, which does not depend on the batch; `None` if the face cannot be
/// aligned; an answer for a clear view; ages of 0 to 120 years; and probabilities. A view of noise may have an answer or none.
pub fn classifier<C: Classifier>(make: impl Fn() -> C) {
    let mut a = make();
    let mut b = make();
    let checked = |answers: Vec<Option<Attributes>>| {
        for Attributes { age, p_male } in answers.iter().flatten() {
            assert!((0.0..=1.0).contains(p_male), "a probability must be 0 to 1");
            assert!(
                0.0 <= age.low && age.low <= age.years && age.years <= age.high && age.high <= 120.0,
                "an age must be 0 to 120 and lie in its interval: {age:?}"
            );
        }
        answers
    };
    assert_per_chip(
        false,
        |c| checked(call::classify(&mut a, c).expect("a classifier must accept good chips")),
        |c| checked(call::classify(&mut b, c).expect("a classifier must accept good chips")),
    );
}

/// Returns an embedding of 192 numbers. `person` selects its direction, and each `jitter` turns it a little.
#[must_use]
pub fn direction(person: u64, jitter: u64) -> Embedding {
    let hash = |seed: u64, i: u64| {
        random(seed.wrapping_mul(0xD134_2543_DE82_EF95) ^ i) as f32 / u64::MAX as f32 - 0.5
    };
    let values =
        (0..192).map(|i| hash(person + 1, i) + 0.3 * hash(u64::MAX - jitter, i ^ person << 8)).collect();
    Embedding::new(values).expect("finite and not zero")
}

/// Returns a good sighting of `person` by a track of camera 0 in frame `seq`.
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

/// Asserts the contract of an [`Identifier`].
///
/// An unknown track is pending. Strangers become different persons, and a person who returns is recognised. Two tracks of one
/// frame are never one person. A small face has no identity.
pub fn identifier<I: Identifier>(make: impl Fn() -> I) {
    let mut gallery = make();
    let key = |track: u64| TrackKey { camera: CameraId(0), track: TrackId(track) };
    assert_eq!(gallery.identity(key(77)), Identity::Pending);
    gallery.end(key(77));
    gallery.identify(&[], &[]);
    assert_eq!(gallery.identity(key(77)), Identity::Pending);

    // Two strangers appear together. Then one of them returns in a new track.
    for seq in 0..6 {
        gallery.identify(&[sighting(1, seq, 10), sighting(2, seq, 20)], &[key(1), key(2)]);
    }
    let a = gallery.identity(key(1)).person();
    let b = gallery.identity(key(2)).person();
    assert!(a.is_some() && b.is_some() && a != b, "two strangers must be two persons: {a:?} {b:?}");
    gallery.end(key(1));
    gallery.end(key(2));
    assert_eq!(gallery.identity(key(1)).person(), a, "an ended track must keep its person");
    for seq in 100..106 {
        gallery.identify(&[sighting(3, seq, 20)], &[key(3)]);
    }
    assert_eq!(gallery.identity(key(3)).person(), b, "a person who returns must be recognised");

    // The same face is twice in one frame, and only one of the two can be that person.
    for seq in 200..206 {
        gallery.identify(&[sighting(4, seq, 10), sighting(5, seq, 10)], &[key(4), key(5)]);
    }
    let c = gallery.identity(key(4)).person();
    let d = gallery.identity(key(5)).person();
    assert!(c.is_none() || c != d, "two tracks of one frame must never be one person");
    assert!([c, d].contains(&a), "one of them must be the known person");

    // A face is too small to distinguish it.
    let mut small = sighting(6, 300, 30);
    small.size = 12.0;
    small.quality = 0.1;
    for _ in 0..6 {
        gallery.identify(std::slice::from_ref(&small), &[key(6)]);
    }
    assert_eq!(gallery.identity(key(6)), Identity::Unidentified, "a tiny face must have no identity");

    // A steady face does not change its track.
    for seq in 400..406 {
        gallery.identify(&[sighting(7, seq, 40)], &[key(7)]);
    }
    gallery.split(&mut |track| panic!("{track:?} shows the same face as before and must not be split"));
    assert!(!gallery.needs_look(key(7)), "a steady face must not need a look");
}

/// Asserts the contract of an [`AttributeFusion`].
///
/// Equal estimates result in their value. Tracks do not mix. Good views count for more than poor ones. An ended track is
/// forgotten. Numbers that are not finite do not count.
pub fn attribute_fusion<F: AttributeFusion>(make: impl Fn() -> F) {
    let mut fusion = make();
    let key = |track: u64| TrackKey { camera: CameraId(0), track: TrackId(track) };
    let estimate = |years: f32, p_male: f32| Attributes {
        age: passerby_types::Age { years, low: years - 10.0, high: years + 10.0 },
        p_male,
    };
    fusion.end(key(9));
    for _ in 0..20 {
        fusion.fuse(key(1), &estimate(60.0, 0.95), 0.8);
        fusion.fuse(key(2), &estimate(20.0, 0.05), 0.8);
    }
    let old = fusion.attributes(key(1)).expect("twenty equal estimates must be enough");
    let young = fusion.attributes(key(2)).expect("twenty equal estimates must be enough");
    assert!((old.age.years - 60.0).abs() < 0.5 && (young.age.years - 20.0).abs() < 0.5, "{old:?} {young:?}");
    assert!(old.p_male > 0.9 && young.p_male < 0.1);
    assert!(old.age.low <= old.age.years && old.age.years <= old.age.high);

    for _ in 0..20 {
        fusion.fuse(key(3), &estimate(30.0, 0.9), 0.9);
        fusion.fuse(key(3), &estimate(70.0, 0.1), 0.05);
    }
    fusion.fuse(key(3), &estimate(30.0, 0.9), 0.9);
    let mixed = fusion.attributes(key(3)).expect("forty estimates must be enough");
    assert!(mixed.age.years < 40.0 && mixed.p_male > 0.5, "a good view must count for more: {mixed:?}");

    fusion.end(key(1));
    for _ in 0..20 {
        fusion.fuse(key(1), &estimate(20.0, 0.05), 0.8);
    }
    assert!(fusion.attributes(key(1)).is_none_or(|a| a.age.years < 25.0), "an ended track must be forgotten");
    for broken in [estimate(f32::NAN, 0.5), estimate(40.0, f32::NAN)] {
        fusion.fuse(key(4), &broken, 0.5);
        fusion.fuse(key(4), &estimate(40.0, 0.9), f32::NAN);
    }
    for _ in 0..20 {
        fusion.fuse(key(4), &estimate(40.0, 0.9), 0.8);
    }
    let healed = fusion.attributes(key(4)).expect("twenty good estimates must be enough");
    assert!((healed.age.years - 40.0).abs() < 1.0, "a number that is not finite must not count: {healed:?}");
}

/// Returns an observation of two faces at frame `seq` of a camera. One of them is identified.
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
    let faces = vec![face(1, 10.0 + seq as f32, Some(1)), face(2, 300.0, None)];
    Observation { faces, ..Observation::new(meta(camera, seq), 640, 360) }
}

/// Asserts the contract of a [`Sink`]: it accepts empty batches, and all written and flushed observations can be read back.
/// `count` must return the number of faces that a reader of the sink sees.
pub fn sink<S: Sink>(mut sink: S, count: impl Fn() -> u64) {
    sink.write(&[]).expect("a sink must accept an empty batch");
    sink.flush().expect("a sink must accept a flush without a write");
    for batch in 0..10 {
        let batch: Vec<Observation> =
            (0..20).map(|i| observation((i % 2) as u32, batch * 10 + i / 2)).collect();
        sink.write(&batch).expect("a sink must accept a good batch");
    }
    sink.flush().expect("a flush must succeed");
    assert_eq!(count(), 400, "10 batches of 20 observations of 2 faces");
    sink.write(&[observation(0, 1000)]).expect("a sink must accept a batch after a flush");
    sink.flush().expect("a flush must succeed");
    drop(sink);
    assert_eq!(count(), 402);
}

/// Asserts the contract of a [`MessageSink`] that sends messages about cameras. `received` must return the texts that the other side
/// has acknowledged.
pub fn message_sink<S: MessageSink>(mut sink: S, received: impl Fn() -> Vec<String>) {
    let consistent = |sink: &S| {
        let DeliveryCounts { offered, delivered, lost, waiting, .. } = sink.counts();
        assert_eq!(offered, delivered + lost + waiting, "every message has one fate");
        offered
    };
    let delivered = |sink: &mut S| {
        sink.flush().expect("a flush must succeed while the other side takes messages");
        let DeliveryCounts { offered, delivered, .. } = sink.counts();
        assert_eq!(offered, delivered, "after a flush nothing waits");
    };
    let sent = |words: &[&str]| {
        let texts = received();
        assert!(
            texts.iter().any(|text| words.iter().all(|word| text.contains(word))),
            "no message has {words:?}"
        );
    };
    assert!(
        !sink.name().is_empty() && !sink.name().contains(['\n', '@']),
        "a name must be a line without a login"
    );
    assert_eq!(consistent(&sink), 0, "a new sink has no message");
    sink.name_cameras(&[]);
    sink.write(&[]).expect("a sink must accept an empty batch");
    assert_eq!(consistent(&sink), 0, "nothing happened, so there is no message");

    sink.name_cameras(&[(CameraId(0), "door"), (CameraId(1), "hall")]);
    sink.camera_link(CameraId(0), CameraLink::Live, None);
    sink.camera_link(CameraId(1), CameraLink::Lost, Some("no route to host\n"));
    let offered = consistent(&sink);
    assert!(offered >= 2, "each state must be a message");
    delivered(&mut sink);
    sent(&["\"door\"", "\"live\""]);
    sent(&["\"hall\"", "\"lost\"", "no route to host"]);

    sink.name_cameras(&[(CameraId(0), "door")]);
    assert_eq!(consistent(&sink), offered, "a name that is known already must not be sent again");
    sink.name_cameras(&[(CameraId(0), "gate")]);
    sink.camera_link(CameraId(0), CameraLink::Ended, None);
    sink.camera_link(CameraId(7), CameraLink::Live, None);
    sink.write(&[observation(0, 0), observation(7, 0)]).expect("a sink must accept a good batch");
    consistent(&sink);
    delivered(&mut sink);
    sent(&["\"gate\"", "\"ended\""]);
    sent(&["camera 7", "\"live\""]);
    drop(sink);
}
