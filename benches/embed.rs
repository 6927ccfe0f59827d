//! Measures re-identification: a face's embedding, and the search of a gallery.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use passerby::reid::{Gallery, MobileFaceNet};
use passerby::types::{
    BBox, CameraId, ChipPool, Embedder, Embedding, Face, FaceChip, Identifier, PixelLayout, Sighting,
    Timestamp, TrackId, TrackKey,
};
use passerby_testkit::{frame, noise, suite};

/// Returns chips with faces of 90 pixels, from 1280x720 pictures in a video's layout.
fn chips(n: u64) -> Vec<FaceChip> {
    let pool = ChipPool::default();
    let picture = frame(0, noise(PixelLayout::I420, 1280, 720, 1));
    (0..n)
        .map(|i| {
            let bbox = BBox::from_xywh(100.0 + 120.0 * i as f32, 300.0, 75.0, 90.0);
            let face = Face::new(bbox, 0.9).with_landmarks(suite::frontal(bbox));
            FaceChip::cut(&picture, &face, &pool).expect("the face lies inside")
        })
        .collect()
}

fn embed(c: &mut Criterion) {
    let mut group = c.benchmark_group("embed/mobilefacenet");
    let mut embedder = MobileFaceNet::bundled().expect("the bundled weights load");
    for n in [1, 8] {
        let chips = chips(n);
        group.throughput(Throughput::Elements(n));
        group.bench_with_input(BenchmarkId::from_parameter(n), &chips, |b, chips| {
            let mut out = vec![None; chips.len()];
            b.iter(|| {
                embedder.embed(chips, &mut out).expect("good chips embed");
                black_box(&out);
            });
        });
    }
    group.finish();
}

/// Returns a different direction for each number, nearly at right angles to all others.
fn direction(n: u64) -> Embedding {
    // SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    let number = |i: u64| {
        let z = (192 * n + i).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    Embedding::new((0..192).map(number).collect()).expect("finite and not zero")
}

fn sighting(track: u64, seq: u64, person: u64) -> Sighting {
    Sighting {
        track: TrackKey { camera: CameraId(0), track: TrackId(track) },
        seq,
        captured: Timestamp(Duration::from_millis(40 * seq)),
        embedding: direction(person),
        quality: 0.6,
        size: 80.0,
    }
}

/// Returns a gallery of this many persons of one template each, whose tracks have ended.
fn gallery(persons: u64) -> Gallery {
    let mut gallery = Gallery::new();
    for person in 0..persons {
        for seq in 0..2 {
            let sighting = sighting(person, seq, person);
            gallery.identify(std::slice::from_ref(&sighting), &[sighting.track]);
        }
        gallery.end(sighting(person, 0, person).track);
    }
    assert_eq!(gallery.len() as u64, persons);
    gallery
}

fn identify(c: &mut Criterion) {
    let mut group = c.benchmark_group("identify");
    for persons in [1_000, 10_000] {
        let mut gallery = gallery(persons);
        let mut track = persons;
        group.bench_function(BenchmarkId::new("a new track", persons), |b| {
            b.iter_batched(
                || {
                    track += 1;
                    sighting(track, 10, track % persons)
                },
                |sighting| {
                    gallery.identify(std::slice::from_ref(&sighting), &[sighting.track]);
                    gallery.end(sighting.track);
                    gallery.identity(sighting.track)
                },
                BatchSize::SmallInput,
            );
        });
        let mut seq = 10;
        group.bench_function(BenchmarkId::new("a settled track", persons), |b| {
            b.iter_batched(
                || {
                    seq += 1;
                    sighting(1_000_000_000, seq, 7)
                },
                |sighting| {
                    gallery.identify(std::slice::from_ref(&sighting), &[sighting.track]);
                    gallery.identity(sighting.track)
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, embed, identify);
criterion_main!(benches);
