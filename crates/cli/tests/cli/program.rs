//! Runs the small commands of `passerby` as their users do.

#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::fs;
use std::process::{Command, Output};

use crate::text;

/// A video of ten pictures, 160x120.
const VIDEO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../capture/tests/data/tiny.mp4");

fn passerby(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_passerby")).args(args).output().unwrap()
}

/// Returns the standard output of a command that succeeds.
fn success(args: &[&str]) -> String {
    let done = passerby(args);
    assert_eq!((done.status.code(), text(&done.stderr)), (Some(0), ""), "{args:?}");
    text(&done.stdout).to_owned()
}

/// Returns the only line on standard error of a command that ends with exit code 2.
fn failure(args: &[&str]) -> String {
    let done = passerby(args);
    let line = text(&done.stderr);
    assert_eq!((done.status.code(), line.lines().count()), (Some(2), 1), "{args:?}: {line}");
    assert!(line.starts_with("passerby: "), "{line}");
    line.trim_end().to_owned()
}

#[test]
fn the_version_is_that_of_the_package() {
    assert_eq!(success(&["--version"]), concat!("passerby ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn help_groups_the_options() {
    let help = success(&["analyze", "--help"]);
    for part in
        ["Usage: passerby analyze", "Run:", "Networks:", "Output:", "--faces <FILE.jsonl>", "Examples:"]
    {
        assert!(help.contains(part), "{part} is not in: {help}");
    }
}

#[test]
fn without_a_command_the_help_is_shown() {
    let done = passerby(&[]);
    assert_eq!(done.status.code(), Some(2));
    assert!(text(&done.stderr).contains("Usage: passerby"), "{done:?}");
}

#[test]
fn a_misspelt_command_names_the_right_one() {
    assert!(failure(&["analyse", "x.mp4"]).contains("did you mean analyze?"));
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(success(&["completions", shell]).contains("analyze"), "{shell}");
    }
}

#[test]
fn each_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    success(&["man", folder.path().to_str().unwrap()]);
    let page = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(page("passerby.1").contains(".TH"));
    assert!(page("passerby-analyze.1").contains("detector"));
    assert!(success(&["man"]).contains(".TH"));
}

#[test]
fn a_probe_shows_coding_size_and_rate_of_a_video() {
    let line = success(&["probe", VIDEO]);
    assert!(
        line.contains("tiny.mp4: H.264, ") && line.contains("I420 ") && line.contains("10 pictures"),
        "{line}"
    );
    assert_eq!(line.lines().count(), 1, "{line}");
}

#[test]
fn a_probe_shows_the_latency_of_a_live_input() {
    let line = success(&["probe", "--seconds", "2", "scene:people=1,size=320x180,frames=5,live=own"]);
    assert!(line.contains("320x180") && line.contains("latency p50"), "{line}");
}

#[test]
fn a_probe_of_several_inputs_goes_on_after_an_error() {
    let done = passerby(&["probe", "no/such.mp4", VIDEO]);
    assert_eq!(done.status.code(), Some(2));
    assert!(
        text(&done.stderr).contains("no/such.mp4") && text(&done.stdout).contains("tiny.mp4"),
        "{done:?}"
    );
}

#[cfg(not(feature = "webcam"))]
#[test]
fn a_build_without_webcams_names_the_command_that_adds_them() {
    let expected = "cargo install --locked --path crates/cli --features webcam";
    assert!(failure(&["cameras"]).contains(expected));
    assert!(failure(&["probe", "webcam:0"]).contains(expected));
}

#[cfg(not(any(feature = "libav", feature = "ffmpeg")))]
#[test]
fn a_video_with_another_codec_names_the_command_that_adds_it() {
    let video = concat!(env!("CARGO_MANIFEST_DIR"), "/../capture/tests/data/tiny_mpeg4.mp4");
    let line = failure(&["analyze", video]);
    assert!(line.contains("cargo install --locked --path crates/cli --features libav"), "{line}");
}

#[test]
fn detections_become_tracks() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let rows: String = (1..=5).map(|frame| format!("{frame},-1,{},20,30,40,0.9\n", 10 + frame)).collect();
    fs::write(path("det.txt"), rows).unwrap();
    success(&["track", "--tracker", "iou", "--min-hits", "1", &path("det.txt"), &path("out.txt")]);
    let out = fs::read_to_string(path("out.txt")).unwrap();
    assert_eq!(out.lines().next(), Some("1,1,11.00,20.00,30.00,40.00,0.90,-1,-1,-1"));
    assert_eq!(out.lines().count(), 5);
}

#[test]
fn a_wrong_detection_names_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let det = folder.path().join("det.txt").to_str().unwrap().to_owned();
    fs::write(&det, "1,-1,10,20,30,40,0.9\n2,-1,x,20,30,40,0.9\n").unwrap();
    assert!(failure(&["track", &det, "out.txt"]).contains("det.txt:2: x \"x\" is not a number"));
}
