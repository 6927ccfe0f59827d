//! `passerby analyze --zones`: the counts of the summary, of the database and of `passerby report` agree.

#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// The bundled clip, in which people walk through the picture.
const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/passersby.mp4");

fn passerby(folder: &Path, args: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_passerby"));
    program.current_dir(folder).args(args).output().unwrap()
}

fn json(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn analyze(folder: &Path, zones: &str, more: &[&str]) -> Value {
    fs::write(folder.join("zones.toml"), zones).unwrap();
    let args = ["analyze", "--quiet", "--json", "--cadence", "3", "--zones", "zones.toml"];
    json(&passerby(folder, &[&args[..], more, &[CLIP]].concat()))
}

#[test]
fn the_counts_of_summary_database_and_lines_of_json_agree() {
    let folder = tempfile::tempdir().unwrap();
    let zones = "[[camera]]
name = \"passersby\"
[camera.zones]
lines = [{ name = \"middle\", from = [0.5, 1.0], to = [0.5, 0.0] }]
zones = [{ name = \"right\", polygon = [[0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 1.0]] }]
";
    let summary = analyze(folder.path(), zones, &["--db", "door.sqlite", "--faces", "faces.jsonl"]);
    let counts = &summary["zones"][0];
    let (line, zone) = (&counts["lines"][0], &counts["zones"][0]);
    let crossings = line["left_to_right"].as_u64().unwrap() + line["right_to_left"].as_u64().unwrap();
    assert!(crossings > 0 && zone["entered"].as_u64().unwrap() > 0, "{counts}");
    // The end of the clip ended every stay.
    assert_eq!((&zone["inside"], &zone["left"]), (&Value::from(0), &zone["entered"]));

    let report = json(&passerby(folder.path(), &["report", "--format", "json", "door.sqlite"]));
    let places = &report["places"];
    for key in ["left_to_right", "right_to_left"] {
        assert_eq!(places["line_totals"][0][key], line[key], "{places}");
    }
    assert_eq!(places["zone_totals"][0]["entered"], zone["entered"]);
    assert_eq!(places["zone_totals"][0]["peak"], zone["peak"]);

    let faces = fs::read_to_string(folder.path().join("faces.jsonl")).unwrap();
    assert_eq!(faces.matches("\"kind\":\"crossed\"").count() as u64, crossings);

    let table = passerby(folder.path(), &["report", "door.sqlite"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("\nLines\n") && table.contains("\nZones\n"), "{table}");
}

#[test]
fn faces_outside_the_region_of_interest_are_counted_and_not_tracked() {
    let folder = tempfile::tempdir().unwrap();
    let all = analyze(folder.path(), "[[camera]]\n", &[]);
    let half = "[[camera]]\n[camera.zones]\ninterest = [[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]]\n";
    let part = analyze(folder.path(), half, &["--faces", "faces.jsonl"]);
    assert_eq!(all["faces"], part["faces"], "the detector sees all of the picture");
    let outside = |summary: &Value| summary["inputs"][0]["faces_outside_region"].as_u64().unwrap();
    assert_eq!(outside(&all), 0);
    assert!(outside(&part) > 0, "{part}");
    let frames = fs::read_to_string(folder.path().join("faces.jsonl")).unwrap();
    let frames: Vec<Value> = frames.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let found: Vec<&Value> = frames
        .iter()
        .flat_map(|frame| frame["faces"].as_array().unwrap())
        .filter(|face| face["score"].is_number())
        .collect();
    let width = frames[0]["width"].as_f64().unwrap();
    let is_left =
        |face: &Value| face["box"][0].as_f64().unwrap() + face["box"][2].as_f64().unwrap() < width + 20.0;
    assert!(!found.is_empty() && found.into_iter().all(is_left), "{part}");
}

#[test]
fn a_wrong_file_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("zones.toml"), "[[camera]]\n[camera.zone]\n").unwrap();
    let done = passerby(folder.path(), &["analyze", "--zones", "zones.toml", CLIP]);
    assert_eq!(done.status.code(), Some(2));
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(said, "passerby: zones.toml:2: camera.zone: no such key; did you mean zones?\n");
}
