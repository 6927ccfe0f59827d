//! Measures age and gender: the estimate of one face, and the update of a track's attributes.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use passerby::demographics::{AgeGender, AttributeVote, DlibAgeGender};
use passerby::detect::YuNet;
use passerby::types::{
    Age, AttributeFusion, Attributes, CameraId, ChipPool, Classifier, Detector, FaceChip, Frame, FrameMeta,
    TrackId, TrackKey,
};

/// Returns the chip of a portrait's face, `n` times.
fn chips(n: usize) -> Vec<FaceChip> {
    let portrait = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/capture/portraits/biden.jpg");
    let image = passerby::read_image(portrait).expect("the portrait is a picture");
    let mut detector = YuNet::bundled().expect("the bundled weights load");
    let picture = Frame::new(FrameMeta::new(0, 0), image);
    let faces = detector.detect_one(&picture).expect("the portrait has a face");
    let chip = FaceChip::cut(&picture, &faces[0], &ChipPool::default()).expect("the face lies inside");
    vec![chip; n]
}

fn classify(c: &mut Criterion) {
    let full = AgeGender::bundled().expect("the bundled weights load");
    measure(c, "classify/full", full);
    let light = DlibAgeGender::bundled().expect("the bundled weights load");
    measure(c, "classify/light", light);
}

fn measure(c: &mut Criterion, name: &str, mut classifier: impl Classifier) {
    let mut group = c.benchmark_group(name);
    for n in [1, 8] {
        let chips = chips(n);
        group.throughput(Throughput::Elements(n as u64));
        group.bench_with_input(BenchmarkId::from_parameter(n), &chips, |b, chips| {
            let mut out = vec![None; chips.len()];
            b.iter(|| {
                classifier.classify(chips, &mut out).expect("good chips classify");
                assert!(out.iter().all(Option::is_some), "the chips are clear");
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
