//! Measures sampling from pixels to network inputs, on one core: scaling a picture for a detector and cutting out an
//! aligned face, for every layout.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use passerby::pixels::{Border, Letterbox, LetterboxScratch, Normalize, letterbox, warp};
use passerby::types::Similarity;
use passerby_testkit::{LAYOUTS, noise};

fn scaling(c: &mut Criterion) {
    let mut group = c.benchmark_group("letterbox");
    for layout in LAYOUTS {
        for (width, height) in [(1280, 720), (1920, 1080)] {
            let image = noise(layout, width, height, 1);
            for long_side in [480, 320] {
                let place = Letterbox::new(width, height, long_side, 32);
                let mut scratch = LetterboxScratch::default();
                let mut out = vec![0.0; place.item().iter().product()];
                group.bench_function(format!("{layout:?}/{width}x{height}/{long_side}"), |b| {
                    b.iter(|| letterbox(black_box(&image), &place, &Normalize::NONE, &mut scratch, &mut out));
                });
            }
        }
    }
    group.finish();
}

/// A face 180 pixels wide, turned by 14 degrees.
fn alignment(c: &mut Criterion) {
    let mut group = c.benchmark_group("warp");
    for layout in LAYOUTS {
        let image = noise(layout, 300, 300, 1);
        for size in [112, 64, 32] {
            let scale = 180.0 / size as f32;
            let map = Similarity { a: scale * 0.97, b: scale * 0.24, tx: 60.0, ty: 20.0 };
            let mut out = vec![0.0; 3 * size * size];
            group.bench_function(format!("{layout:?}/{size}"), |b| {
                b.iter(|| warp(black_box(&image), &map, size, Border::Black, &Normalize::NONE, &mut out));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, scaling, alignment);
criterion_main!(benches);
