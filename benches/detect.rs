//! Measures both detectors on a 1280x720 frame at three input sizes of a 16:9 camera: scaling, network and decoding
//! together.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use passerby::detect::{CenterFace, CenterFaceSettings, YuNet, YuNetSettings};
use passerby::types::{Detector, PixelLayout};

const SIZES: [(u32, &str); 3] = [(320, "320x192"), (480, "480x288"), (640, "640x384")];

fn detect(c: &mut Criterion) {
    measure(c, "yunet", |long_side| {
        let settings = YuNetSettings { long_side: Some(long_side), ..YuNetSettings::default() };
        let model = YuNet::bundled_model().expect("the bundled weights load");
        YuNet::with_settings(model, settings).expect("the settings are in range")
    });
    measure(c, "centerface", |long_side| {
        let settings = CenterFaceSettings { long_side, ..CenterFaceSettings::default() };
        let model = CenterFace::bundled_model().expect("the bundled weights load");
        CenterFace::with_settings(model, settings).expect("the settings are in range")
    });
}

fn measure<D: Detector>(c: &mut Criterion, name: &str, make: impl Fn(u32) -> D) {
    let frame = passerby_testkit::frame(0, passerby_testkit::noise(PixelLayout::I420, 1280, 720, 1));
    let frames = [frame];
    let mut group = c.benchmark_group(name);
    group.sample_size(20);
    for (long_side, input) in SIZES {
        let mut faces = [Vec::new()];
        let mut detector = make(long_side);
        detector.detect(&frames, &mut faces).expect("the first frame makes the network ready");
        group.bench_function(input, |b| {
            b.iter(|| {
                detector.detect(black_box(&frames), &mut faces).expect("noise is a picture");
                black_box(&faces);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, detect);
criterion_main!(benches);
