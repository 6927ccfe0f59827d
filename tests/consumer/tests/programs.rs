//! Runs the programs of this package, and counts their lines: they are the shortest use of each crate.

use std::process::Command;

const PORTRAITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crates/capture/portraits");

fn output(program: &str, args: &[&str]) -> String {
    let out = Command::new(program).args(args).output().unwrap();
    assert!(out.status.success(), "{program}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// Returns the number of lines without comments and blank lines.
fn lines(source: &str) -> usize {
    source.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

#[test]
fn a_photo_shows_its_faces() {
    let faces = output(env!("CARGO_BIN_EXE_photo_faces"), &[&format!("{PORTRAITS}/obama.jpg")]);
    assert_eq!(faces.lines().count(), 1, "{faces}");
}

#[test]
fn two_photos_of_one_person_match() {
    let [a, b] = ["obama", "obama2"].map(|name| format!("{PORTRAITS}/{name}.jpg"));
    let verdict = output(env!("CARGO_BIN_EXE_photo_pair"), &[&a, &b]);
    assert!(verdict.starts_with("same person: true"), "{verdict}");
}

#[test]
fn an_own_detector_runs_in_a_pipeline() {
    let frames = output(env!("CARGO_BIN_EXE_own_detector"), &["scene:frames=12,size=320x180"]);
    assert!(frames.starts_with("frame 0: 1 tracks\n"), "{frames}");
    assert!(frames.ends_with("\n12 frames\n"), "{frames}");
}

#[test]
fn the_programs_are_short() {
    assert!(lines(include_str!("../src/bin/photo_faces.rs")) <= 12);
    assert!(lines(include_str!("../src/bin/photo_pair.rs")) <= 12);
    assert!(lines(include_str!("../src/bin/own_detector.rs")) <= 40);
}
