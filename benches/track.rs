//! Measures one update of each tracker with 10, 100 and 500 faces in the picture.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use passerby::track::{Iou, Sort};
use passerby::types::{BBox, Face, FrameMeta, TrackUpdate, Tracker};

/// The number of frames after which the walk begins again, backwards.
const FRAMES: usize = 64;

/// Returns faces of about 40x50 pixels in a 1920x1080 picture that walk to and fro, each at its own speed, some through
/// each other.
fn walk(count: usize) -> Vec<Vec<Face>> {
    // The scatter is fixed: fractional parts of multiples of the golden ratio and of the square root of two.
    let spread = |i: usize, step: f32, span: f32| (i as f32 * step).fract() * span;
    (0..2 * FRAMES)
        .map(|frame| {
            let along = if frame < FRAMES { frame } else { 2 * FRAMES - frame } as f32;
            (0..count)
                .map(|i| {
                    let pace = spread(i, 0.732_05, 6.0) - 3.0;
                    let x = spread(i, 0.618_034, 1880.0);
                    let y = spread(i, 0.414_214, 1030.0);
                    let grow = 1.0 + spread(i, 0.236_07, 0.2);
                    Face::new(BBox::from_xywh(x + pace * along, y, 40.0 * grow, 50.0 * grow), 0.9)
                })
                .collect()
        })
        .collect()
}

fn run(c: &mut Criterion, name: &str, make: impl Fn() -> Box<dyn Tracker>) {
    let mut group = c.benchmark_group(name);
    for count in [10, 100, 500] {
        let frames = walk(count);
        let mut tracker = make();
        let mut update = TrackUpdate::default();
        let mut seq = 0_u64;
        group.bench_function(BenchmarkId::from_parameter(count), |b| {
            b.iter(|| {
                let meta = FrameMeta::new(0, seq);
                let faces = &frames[seq as usize % frames.len()];
                seq += 1;
                tracker.update(&meta, Some(black_box(faces)), &mut update);
                black_box(&update);
            });
        });
    }
    group.finish();
}

fn track(c: &mut Criterion) {
    run(c, "track/iou", || Box::new(Iou::default()));
    run(c, "track/sort", || Box::new(Sort::default()));
}

criterion_group!(benches, track);
criterion_main!(benches);
