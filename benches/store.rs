//! Measures rows a second into each sink, in batches of 200 rows, as the writer thread makes them. One row is one face
//! of one frame.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use passerby::pipeline::{Pipeline, PipelineSettings, Stages};
use passerby::store::{Jsonl, JsonlSettings, Memory, Sqlite, SqliteSettings};
use passerby::types::{BBox, CameraId, Face, Observation, Sink, SystemClock};
use passerby_testkit::suite::observation;
use passerby_testkit::{OrderTracker, ScriptedDetector, ScriptedSource, SourceStep};

/// The number of rows in a batch, at two faces a frame.
const ROWS: u64 = 200;

/// Returns batches of consecutive frames of two cameras. Each track lives 10 s at 25 frames a second.
fn batches() -> impl FnMut() -> Vec<Observation> {
    let mut seq = 0;
    move || {
        let mut batch: Vec<_> =
            (seq..seq + ROWS / 4).flat_map(|s| [observation(0, s), observation(1, s)]).collect();
        for observation in &mut batch {
            for face in &mut observation.faces {
                face.track.0 += observation.meta.seq / 250 * 2;
            }
        }
        seq += ROWS / 4;
        batch
    }
}

fn write(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut group = c.benchmark_group("store");
    group.throughput(Throughput::Elements(ROWS));
    let mut sinks: Vec<(&str, Box<dyn Sink>)> = vec![("memory", Box::new(Memory::bounded(10_000)))];
    let lines = folder.path().join("faces.jsonl");
    let lines = Jsonl::create(lines, JsonlSettings::default()).expect("a file");
    sinks.push(("jsonl", Box::new(lines)));
    for (name, embeddings) in [("sqlite", false), ("sqlite with embeddings", true)] {
        let settings = SqliteSettings { embeddings, ..SqliteSettings::default() };
        let path = folder.path().join(format!("{name}.db"));
        sinks.push((name, Box::new(Sqlite::open(path, settings).expect("a file"))));
    }
    for (name, mut sink) in sinks {
        // The frames continue after the last measurement, because no frame may be written twice.
        let mut next = batches();
        group.bench_function(name, |b| {
            b.iter_batched_ref(
                &mut next,
                |batch| sink.write(black_box(batch)).expect("a batch is written"),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

/// Measures rows a second from cameras through the pipeline's writer thread into SQLite, from the first frame to the
/// last flush.
fn through_the_writer(c: &mut Criterion) {
    const CAMERAS: u32 = 4;
    const FRAMES: u64 = 500;
    const FACES: u64 = 20;
    let faces: Vec<Face> =
        (0..FACES).map(|i| Face::new(BBox::from_xywh(30.0 * i as f32, 20.0, 28.0, 28.0), 0.9)).collect();
    let detector = ScriptedDetector {
        faces: (0..FRAMES).map(|seq| (seq, faces.clone())).collect(),
        ..Default::default()
    };
    let run = || {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let sink = Sqlite::open(folder.path().join("faces.db"), SqliteSettings::default()).expect("a file");
        let detector = detector.clone();
        let stages = Stages::new(move || detector.clone(), OrderTracker::default);
        let clock = Arc::new(SystemClock::new());
        let mut pipeline = Pipeline::new(stages, PipelineSettings::default(), clock).sink(sink);
        for camera in 0..CAMERAS {
            let source = ScriptedSource::new((0..FRAMES).map(|_| SourceStep::Picture(64, 48)));
            pipeline = pipeline.camera(CameraId(camera), source);
        }
        let start = Instant::now();
        let finished = pipeline.run().expect("fakes build");
        let took = start.elapsed();
        assert_eq!(finished.written.total().written, u64::from(CAMERAS) * FRAMES);
        took
    };
    let mut group = c.benchmark_group("store");
    group.sample_size(10).throughput(Throughput::Elements(u64::from(CAMERAS) * FRAMES * FACES));
    group.bench_function("sqlite through the pipeline's writer", |b| {
        b.iter_custom(|times| (0..times).map(|_| run()).sum());
    });
    group.finish();
}

criterion_group!(benches, write, through_the_writer);
criterion_main!(benches);
