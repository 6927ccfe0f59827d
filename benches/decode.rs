//! Frames a second: the bundled clip with each H.264 decoder, and a JPEG picture.

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use passerby::capture::{Decoder, Images, Video, VideoSettings};
use passerby::types::FrameSource;

/// Reads a source to its end and counts its pictures.
fn count(mut source: impl FrameSource) -> u64 {
    let mut pictures = 0;
    while let Some(picture) = source.next_picture().expect("a good input") {
        black_box(&picture);
        pictures += 1;
    }
    pictures
}

#[allow(clippy::print_stderr, reason = "a skipped bench says so")]
fn video(c: &mut Criterion) {
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/passersby.mp4");
    if !clip.is_file() {
        eprintln!("SKIPPED decode: no clip at {}", clip.display());
        return;
    }
    let mut group = c.benchmark_group("decode/h264");
    group.sample_size(10);
    for decoder in [Decoder::Rusty, Decoder::OpenH264] {
        let open = || {
            let settings = VideoSettings { decoder, ..VideoSettings::default() };
            Video::open_with(&clip, settings)
        };
        let Ok(first) = open() else {
            eprintln!("SKIPPED decode/h264/{decoder:?}: built without the feature `openh264`");
            continue;
        };
        group.throughput(Throughput::Elements(count(first)));
        group.bench_function(format!("{decoder:?}"), |b| {
            b.iter(|| count(open().expect("it opened before")));
        });
    }
    group.finish();
}

fn jpeg(c: &mut Criterion) {
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/capture/tests/data/pattern.jpg");
    let mut group = c.benchmark_group("decode/jpeg");
    group.throughput(Throughput::Elements(1));
    group.bench_function("640x480", |b| {
        b.iter(|| count(Images::open(&picture).expect("the picture is there")));
    });
    group.finish();
}

criterion_group!(benches, video, jpeg);
criterion_main!(benches);
