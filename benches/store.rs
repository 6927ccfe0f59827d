//! Rows a second into each sink, in batches of 200 rows as the writer thread makes them: one row is one face of one
//! frame.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use passerby::store::{Jsonl, JsonlSettings, Memory, Sqlite, SqliteSettings};
use passerby::types::{Observation, Sink};
use passerby_testkit::suite::observation;

/// Rows a batch, at two faces a frame.
const ROWS: u64 = 200;

/// Batches of consecutive frames of two cameras; each track lives 10 s at 25 frames a second.
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
        // Frames go on from where the last measurement stopped: none may be written twice.
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

criterion_group!(benches, write);
criterion_main!(benches);
