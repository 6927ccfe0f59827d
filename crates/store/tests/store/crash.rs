//! A process that writes and is killed: the file is sound and holds every batch that the process reported as flushed.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "tests")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use passerby_store::{Reader, Sqlite, SqliteSettings};
use passerby_testkit::suite::observation;
use passerby_types::{CameraId, Observation, Sink};

/// The environment variable that names the file of [`child`].
const FILE_VARIABLE: &str = "PASSERBY_STORE_CRASH";
/// The number of frames in a batch.
const BATCH: u64 = 30;

/// Writes batches until the parent kills it, and prints the number of each flushed batch.
#[test]
fn child() {
    let Some(path) = std::env::var_os(FILE_VARIABLE) else {
        return;
    };
    let mut sink = Sqlite::open(path, SqliteSettings::default()).unwrap();
    // If the parent dies first, the child must end by itself.
    let begun = Instant::now();
    for batch in 0.. {
        let frames: Vec<Observation> = (0..BATCH).map(|i| observation(0, batch * BATCH + i)).collect();
        sink.write(&frames).unwrap();
        sink.flush().unwrap();
        println!("flushed {} {batch} end", sink.run().0);
        assert!(begun.elapsed() < Duration::from_secs(60), "the parent did not kill the child");
    }
}

/// The moment at which the parent kills the child.
#[derive(Clone, Copy, Debug)]
enum Kill {
    /// This time after the child's start, which may be before it has created the file.
    AfterDelay(Duration),
    /// After the child has reported this number of batches. It goes on writing, so the kill hits any point of a batch.
    AfterBatches(usize),
}

/// Starts the child, kills it, and returns the run and the last batch that it reported as flushed.
fn run_and_kill(path: &Path, kill: Kill) -> Option<(i64, u64)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["crash::child", "--exact", "--nocapture", "--test-threads=1"])
        .env(FILE_VARIABLE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut last = None;
    match kill {
        Kill::AfterDelay(delay) => std::thread::sleep(delay),
        Kill::AfterBatches(batches) => {
            last = lines.by_ref().filter_map(|line| flushed(&line)).take(batches).last();
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    lines.filter_map(|line| flushed(&line)).last().or(last)
}

/// Returns the run and the batch of a whole line of the child.
fn flushed(line: &str) -> Option<(i64, u64)> {
    let words: Vec<&str> = line.split(' ').collect();
    let ["flushed", run, batch, "end"] = words[..] else { return None };
    Some((run.parse().unwrap(), batch.parse().unwrap()))
}

#[test]
fn a_killed_process_leaves_every_flushed_batch() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("killed.db");
    let mut with_batches = 0;
    let early = [5, 20, 60, 150].map(|millis| Kill::AfterDelay(Duration::from_millis(millis)));
    let late = (0..12).map(|round| Kill::AfterBatches(1 + round * 7 % 30));
    for kill in early.into_iter().chain(late) {
        let last = run_and_kill(&path, kill);
        if !path.exists() {
            continue;
        }
        // A restart opens the file too. The run of the killed process keeps no end.
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
        assert!(count >= (batch + 1) * BATCH, "{count} frames, but batch {batch} was flushed");
        assert_eq!(count % BATCH, 0, "whole batches only");
        assert!(frames.iter().copied().eq(0..count), "no batch is missing");
        assert_eq!(reader.counts(row.id).unwrap().observations, count * 2);
        assert_eq!(reader.cameras(row.id).unwrap()[0].last_seq, Some(count - 1));
    }
    assert!(with_batches >= 12, "only {with_batches} rounds wrote a batch");
}
