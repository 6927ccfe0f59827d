//! Lines of JSON: exact values, biometric data, and disks that fail.

#![cfg(feature = "jsonl")]
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "tests")]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use passerby_store::{Jsonl, JsonlSettings};
use passerby_testkit::suite::{direction, observation};
use passerby_types::{BBox, ErrorClass, FrameKind, Observation, PersonId, Sink, TrackId, TrackState};
use serde_json::{Value, json};

/// The bytes that were written to a disk, and the room that is left on it.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<(Vec<u8>, usize)>>);

impl Disk {
    fn with_room(room: usize) -> Self {
        Self(Arc::new(Mutex::new((Vec::new(), room))))
    }
    fn lines(&self) -> Vec<Value> {
        let bytes = self.0.lock().unwrap().0.clone();
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (written, room) = &mut *self.0.lock().unwrap();
        let n = bytes.len().min(*room).min(1000);
        if n == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        written.extend(&bytes[..n]);
        *room -= n;
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lines(batch: &[Observation], settings: JsonlSettings) -> Vec<Value> {
    let disk = Disk::with_room(usize::MAX);
    let mut sink = Jsonl::to_writer("disk", disk.clone(), settings);
    sink.write(batch).unwrap();
    drop(sink);
    disk.lines()
}

#[test]
fn a_line_has_the_documented_shape() {
    let mut one = observation(3, 12);
    one.kind = FrameKind::Coasted;
    one.faces[1].state = TrackState::Lost;
    one.faces[1].face = None;
    one.ended = vec![TrackId(7)];
    let want = json!({
        "camera": 3, "seq": 12, "pts_s": 0.48, "wall": "2026-01-01T00:00:00.480000Z",
        "width": 640, "height": 360, "kind": "coasted",
        "faces": [
            {"track": 1, "state": "confirmed", "box": [22.0, 50.0, 62.0, 100.0], "score": 0.9, "person": 1,
             "similarity": 0.8, "age": 41.5, "age_interval": [33.0, 50.0], "p_male": 0.97},
            {"track": 2, "state": "lost", "box": [300.0, 50.0, 340.0, 100.0], "score": null, "person": null,
             "similarity": null, "age": null, "age_interval": null, "p_male": null},
        ],
        "ended": [7],
    });
    assert_eq!(lines(&[one], JsonlSettings::default()), [want]);
}

#[test]
fn biometric_data_is_written_exactly() {
    let settings = JsonlSettings { landmarks: true, embeddings: true };
    let line = &lines(&[observation(0, 5)], settings)[0];
    let embedding: Vec<f32> = serde_json::from_value(line["faces"][0]["embedding"].clone()).unwrap();
    assert_eq!(embedding, direction(1, 5).as_slice());
    assert_eq!(line["faces"][1]["embedding"], Value::Null);
    assert_eq!(line["faces"][0]["landmarks"].as_array().unwrap().len(), 5);
}

#[test]
fn biometric_data_is_left_out_by_default() {
    let plain = &lines(&[observation(0, 5)], JsonlSettings::default())[0];
    for key in ["embedding", "landmarks"] {
        assert!(plain["faces"][0].as_object().unwrap().get(key).is_none());
    }
}

#[test]
fn the_largest_ids_are_exact() {
    let mut one = observation(0, 0);
    one.meta.seq = u64::MAX;
    one.faces[0].identity = passerby_types::Identity::Person { id: PersonId(u64::MAX), similarity: 0.5 };
    let line = &lines(&[one], JsonlSettings::default())[0];
    assert_eq!(line["seq"].as_u64(), Some(u64::MAX));
    assert_eq!(line["faces"][0]["person"].as_u64(), Some(u64::MAX));
}

#[test]
fn a_number_that_is_not_finite_is_null() {
    let mut one = observation(0, 0);
    one.faces[0].bbox = BBox::new(f32::NAN, f32::INFINITY, 1.5, f32::NEG_INFINITY);
    one.faces[0].attributes.as_mut().unwrap().age.low = f32::NAN;
    one.faces[0].identity = passerby_types::Identity::Person { id: PersonId(1), similarity: f32::NAN };
    let line = &lines(&[one], JsonlSettings::default())[0];
    let face = &line["faces"][0];
    assert_eq!(face["box"], json!([null, null, 1.5, null]));
    for key in ["similarity", "age", "age_interval", "p_male"] {
        assert_eq!(face[key], Value::Null);
    }
}

#[test]
fn a_full_disk_loses_no_line() {
    let disk = Disk::with_room(100_000);
    let mut sink = Jsonl::to_writer("disk", disk.clone(), JsonlSettings::default());
    let mut taken = 0;
    let mut refused = 0;
    for seq in 0..3000 {
        match sink.write(&[observation(0, seq), observation(1, seq)]) {
            Ok(()) => taken += 2,
            Err(e) => {
                assert_eq!(e.class(), ErrorClass::Reset);
                refused += 1;
            }
        }
    }
    assert!(taken > 300 && refused > 300, "{taken} taken, {refused} refused");
    assert_eq!(sink.flush().unwrap_err().class(), ErrorClass::Reset);
    disk.0.lock().unwrap().1 = usize::MAX;
    sink.flush().unwrap();
    assert_eq!(disk.lines().len(), taken);
}

#[test]
#[cfg(target_os = "linux")]
fn the_error_of_a_full_disk_names_the_file() {
    let mut sink = Jsonl::append("/dev/full", JsonlSettings::default()).unwrap();
    sink.write(&[observation(0, 0)]).unwrap();
    let error = sink.flush().unwrap_err();
    assert_eq!(error.class(), ErrorClass::Reset);
    assert!(error.to_string().starts_with("/dev/full: "), "{error}");
}

#[test]
fn a_closed_pipe_is_fatal() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut sink = Jsonl::to_writer("pipe", Closed, JsonlSettings::default());
    sink.write(&[observation(0, 0)]).unwrap();
    assert_eq!(sink.flush().unwrap_err().class(), ErrorClass::Fatal);
}

#[test]
fn appending_keeps_the_lines_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faces.jsonl");
    for (before, whole) in [(None, 0), (Some("{\"whole\":1}\n"), 1), (Some("{\"cut\":"), 0)] {
        if let Some(before) = before {
            std::fs::write(&path, before).unwrap();
        }
        for seq in 0..2 {
            let mut sink = Jsonl::append(&path, JsonlSettings::default()).unwrap();
            sink.write(&[observation(0, seq)]).unwrap();
            sink.flush().unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(before.unwrap_or_default()));
        let good = text.lines().filter(|l| serde_json::from_str::<Value>(l).is_ok()).count();
        assert_eq!(good, 2 + whole);
    }
}

#[test]
fn the_error_of_a_missing_folder_names_the_path() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_owned(), folder.path().join("missing/faces.jsonl")] {
        for open in [Jsonl::create, Jsonl::append] {
            let error = open(&path, JsonlSettings::default()).unwrap_err();
            assert_eq!(error.class(), ErrorClass::Fatal);
            assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
        }
    }
}

#[test]
fn debug_output_shows_no_face() {
    let settings = JsonlSettings { landmarks: true, embeddings: true };
    let mut sink = Jsonl::to_writer("disk", io::sink(), settings);
    sink.write(&[observation(0, 0)]).unwrap();
    let text = format!("{sink:?}");
    let number = format!("{}", direction(1, 0).as_slice()[0]);
    assert!(!text.contains(&number) && text.len() < 200, "{text}");
}
