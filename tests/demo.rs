//! Runs the `demo` example without a terminal: it prints the summary alone, writes an SQLite file, and exits with code
//! 0.

#![cfg(feature = "bundled")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a failed expectation is a failed test, a skipped one says so"
)]

use std::path::PathBuf;
use std::process::Command;

use passerby::store::{Reader, RunId};

/// Returns the example beside the test: cargo builds examples with the tests.
fn example() -> Option<PathBuf> {
    let me = std::env::current_exe().unwrap();
    let name = format!("demo{}", std::env::consts::EXE_SUFFIX);
    let path = me.parent()?.parent()?.join("examples").join(name);
    if !path.exists() {
        eprintln!("SKIPPED: {} is not built; plain `cargo test` builds it", path.display());
        return None;
    }
    Some(path)
}

#[test]
fn piped_output_has_no_control_codes() {
    let Some(example) = example() else { return };
    let out = tempfile::tempdir().unwrap();
    let database = out.path().join("db.sqlite");
    let video = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/capture/tests/data/tiny.mp4");
    let done = Command::new(example).arg("--db").arg(&database).args([video, video]).output().unwrap();
    let (said, complaints) =
        (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap());
    assert_eq!((done.status.code(), complaints.as_str()), (Some(0), ""), "{said}");
    assert!(!said.contains('\u{1b}'), "{said}");
    assert!(said.starts_with("person  cameras") && said.contains("20 frames captured = "), "{said}");

    let reader = Reader::open(&database).unwrap();
    reader.check().unwrap();
    let cameras = reader.cameras(RunId(1)).unwrap();
    assert_eq!(cameras.iter().map(|c| c.id.0).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn help_prints_the_usage() {
    let Some(example) = example() else { return };
    let done = Command::new(example).arg("--help").output().unwrap();
    assert!(done.status.success() && done.stdout.starts_with(b"usage: demo"), "{done:?}");
}
