//! Measures age and gender: the estimate of one face, and the update of a track's attributes.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use passerby::demographics::{AttributeVote, DlibAgeGender};
use passerby::types::{
    Age, AttributeFusion, Attributes, BBox, CameraId, ChipPool, Classifier, Face, FaceChip, PixelLayout,
    TrackId, TrackKey,
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

fn classify(c: &mut Criterion) {
    let mut group = c.benchmark_group("classify/dlib");
    let mut classifier = DlibAgeGender::bundled().expect("the bundled weights load");
    for n in [1, 8] {
        let chips = chips(n);
        group.throughput(Throughput::Elements(n));
        group.bench_with_input(BenchmarkId::from_parameter(n), &chips, |b, chips| {
            let mut out = vec![None; chips.len()];
            b.iter(|| {
                classifier.classify(chips, &mut out).expect("good chips classify");
                black_box(&out);
            });
        });
    }
    group.finish();
}

fn vote(c: &mut Criterion) {
    let mut vote = AttributeVote::new();
    let estimate =
        |years: f32| Attributes { age: Age { years, low: years - 8.0, high: years + 9.0 }, p_male: 0.8 };
    let mut n = 0_u64;
    c.bench_function("vote/one view, 100 tracks", |b| {
        b.iter(|| {
            n += 1;
            let track = TrackKey { camera: CameraId(0), track: TrackId(n % 100) };
            vote.fuse(track, &estimate((n % 60) as f32 + 10.0), 0.6);
            black_box(vote.attributes(track))
        });
    });
}

criterion_group!(benches, classify, vote);
criterion_main!(benches);
