//! Measures CenterFace on a 1280x720 frame at the three input sizes of a 16:9 camera: scaling, network and decoding
//! together.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use passerby::detect::{CenterFace, CenterFaceSettings};
use passerby::types::{Detector, PixelLayout};

fn detect(c: &mut Criterion) {
    let frame = passerby_testkit::frame(0, passerby_testkit::noise(PixelLayout::I420, 1280, 720, 1));
    let frames = [frame];
    let mut group = c.benchmark_group("detect");
    group.sample_size(20);
    for (long_side, input) in [(320, "320x192"), (480, "480x288"), (640, "640x384")] {
        let settings = CenterFaceSettings { long_side, ..CenterFaceSettings::default() };
        let mut faces = [Vec::new()];
        let model = CenterFace::bundled_model().expect("the bundled weights load");
        let mut detector = CenterFace::with_settings(model, settings).expect("the settings are in range");
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
