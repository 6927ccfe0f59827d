//! A process that writes and is killed: everything it called flushed is there, and the file is sound.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "tests")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use passerby_store::{Reader, Sqlite, SqliteSettings};
use passerby_testkit::suite::observation;
use passerby_types::{CameraId, Observation, Sink};

/// Names the file that [`child`] writes.
const FILE: &str = "PASSERBY_STORE_CRASH";
/// Frames a batch.
const BATCH: u64 = 30;

/// The process that is killed: writes batches for ever and says of each that it is flushed.
#[test]
fn child() {
    let Some(path) = std::env::var_os(FILE) else {
        return;
    };
    let mut sink = Sqlite::open(path, SqliteSettings::default()).unwrap();
    // A parent that died itself kills nobody.
    let begun = Instant::now();
    for batch in 0.. {
        let frames: Vec<Observation> = (0..BATCH).map(|i| observation(0, batch * BATCH + i)).collect();
        sink.write(&frames).unwrap();
        sink.flush().unwrap();
        println!("flushed {} {batch}", sink.run().0);
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody killed the child");
    }
}

/// Starts the child, kills it after so long, and gives the run and the last batch that it called flushed.
fn killed(path: &Path, after: Duration) -> Option<(i64, u64)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture", "--test-threads=1"])
        .env(FILE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = child.stdout.take().unwrap();
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    let mut last = None;
    for line in BufReader::new(out).lines() {
        let line = line.unwrap();
        // The last line may be cut short: then its batch is not called flushed.
        let words: Vec<&str> = line.split(' ').collect();
        if let ["flushed", run, batch] = words[..] {
            let next = (run.parse().unwrap(), batch.parse().unwrap_or(0));
            last = last.max(Some(next));
        }
    }
    last
}

#[test]
fn a_killed_process_leaves_every_flushed_batch_and_a_sound_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("killed.db");
    let mut with_batches = 0;
    // Delays of all sizes, from before the file is made to many batches.
    for round in 0..16_u64 {
        let after = Duration::from_millis(5 + (round * 7919) % 250);
        let last = killed(&path, after);
        if !path.exists() {
            continue;
        }
        // As a restart would: the run of the killed process keeps no end.
        let sink = Sqlite::open(&path, SqliteSettings::default()).unwrap();
        let reader = Reader::open(&path).unwrap();
        reader.check().unwrap();
        sink.finish().unwrap();
        let Some((run, batch)) = last else {
            continue;
        };
        with_batches += 1;
        let runs = reader.runs().unwrap();
        let row = runs.iter().find(|r| r.id.0 == run).unwrap();
        assert!(row.ended.is_none() && row.flushed.is_some());
        let frames = reader.frames(row.id, CameraId(0)).unwrap();
        let count = frames.len() as u64;
        assert!(count >= (batch + 1) * BATCH, "{count} frames, and batch {batch} was flushed");
        assert_eq!(count % BATCH, 0, "whole batches only");
        assert!(frames.iter().copied().eq(0..count), "no batch is missing");
        assert_eq!(reader.counts(row.id).unwrap().observations, count * 2);
        assert_eq!(reader.cameras(row.id).unwrap()[0].last_seq, Some(count - 1));
    }
    assert!(with_batches >= 10, "only {with_batches} rounds wrote something");
}
