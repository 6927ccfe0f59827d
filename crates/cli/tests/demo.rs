//! Runs `passerby demo` without a terminal: it prints the summary alone, writes an SQLite file, and exits with code
//! 0.

#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::process::Command;

use passerby::store::{Reader, RunId};

fn demo() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_passerby"));
    program.arg("demo");
    program
}

#[test]
fn piped_output_has_no_control_codes() {
    let out = tempfile::tempdir().unwrap();
    let database = out.path().join("db.sqlite");
    let video = concat!(env!("CARGO_MANIFEST_DIR"), "/../capture/tests/data/tiny.mp4");
    let done = demo().arg("--db").arg(&database).args([video, video]).output().unwrap();
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
    let done = demo().arg("--help").output().unwrap();
    let help = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success() && help.contains("Usage: passerby demo"), "{help}");
}
