//! Runs every sink of the crate through the suite of the `Sink` contract.

use passerby_store::Memory;
#[cfg(feature = "jsonl")]
use passerby_store::{Jsonl, JsonlSettings};
#[cfg(feature = "sqlite")]
use passerby_store::{Reader, Sqlite, SqliteSettings};
use passerby_testkit::suite;

#[test]
fn memory_is_a_sink() {
    let memory = Memory::new();
    let reader = memory.clone();
    suite::sink(memory, || reader.observations().iter().map(|o| o.faces.len() as u64).sum());
}

#[test]
#[cfg(feature = "jsonl")]
fn jsonl_is_a_sink() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faces.jsonl");
    let sink = Jsonl::create(&path, JsonlSettings::default()).unwrap();
    suite::sink(sink, || {
        let text = std::fs::read_to_string(&path).unwrap();
        let faces = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["faces"].as_array().unwrap().len() as u64
        };
        text.lines().map(faces).sum()
    });
}

#[test]
#[cfg(feature = "sqlite")]
fn sqlite_is_a_sink() {
    for embeddings in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("faces.db");
        let settings = SqliteSettings { embeddings, ..SqliteSettings::default() };
        let sink = Sqlite::open(&path, settings).unwrap();
        let run = sink.run();
        let reader = Reader::open(&path).unwrap();
        suite::sink(sink, || reader.counts(run).unwrap().observations);
        reader.check().unwrap();
        let templates = reader.counts(run).unwrap().templates;
        assert_eq!(templates, if embeddings { 201 } else { 0 });
        assert!(reader.runs().unwrap()[0].ended.is_some(), "a dropped sink ends its run");
    }
}
