//! Outputs that are inputs, that are not read, that fail, and that others must not see.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use passerby::store::{Reader, RunId};
use serde_json::Value;

use crate::text;

/// A video of ten pictures, 160x120.
const VIDEO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../capture/tests/data/tiny.mp4");
/// A scene with a face in each of its 60 pictures.
const SCENE: &str = "scene:people=2,face=60,seed=3,size=320x180,frames=60";
/// A longer wait shows that something hangs.
const PATIENCE: Duration = Duration::from_secs(60);

fn program(folder: &Path) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_passerby"));
    program.current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::piped());
    program
}

fn analyze(folder: &Path, args: &[&str]) -> Output {
    program(folder).args(["analyze", "--quiet"]).args(args).output().unwrap()
}

fn summary(done: &Output) -> Value {
    serde_json::from_slice(&done.stdout).unwrap_or_else(|e| panic!("no summary: {e}: {}", text(&done.stderr)))
}

/// Waits for the end. Kills the program and fails if it takes too long.
fn wait(mut child: Child) -> Output {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("the program hangs");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().unwrap()
}

fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn no_output_overwrites_an_input() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("in")).unwrap();
    for name in ["in/a.mp4", "in/b.mp4", "in/b.txt"] {
        fs::copy(VIDEO, path(name)).unwrap();
    }
    fs::hard_link(path("in/a.mp4"), path("hard")).unwrap();
    symlink("in", path("linked")).unwrap();
    fs::write(path("det.txt"), "1,-1,10,20,30,40,0.9\n").unwrap();
    symlink("det.txt", path("tracks.txt")).unwrap();
    let cases: [&[&str]; 9] = [
        &["analyze", "--faces", "in/a.mp4", "in"],
        &["analyze", "--csv", "in/../in/a.mp4", "in/*.mp4"],
        &["analyze", "--faces", "linked/a.mp4", "in/a.mp4"],
        &["analyze", "--mot", "hard", "in/a.mp4"],
        &["analyze", "--mot", "in", "in/a.mp4", "in/b.txt"],
        &["analyze", "--db", "hard", "in"],
        &["demo", "--db", "hard", "in"],
        &["track", "det.txt", "tracks.txt"],
        &["calibrate", "d.ranges", "in/a.mp4", "in"],
    ];
    for args in cases {
        let done = program(folder.path()).args(args).output().unwrap();
        let line = text(&done.stderr);
        assert_eq!((done.status.code(), line.lines().count()), (Some(2), 1), "{args:?}: {line}");
        assert!(line.contains("is the file of the input"), "{args:?}: {line}");
    }
    let video = fs::read(VIDEO).unwrap();
    for name in ["in/a.mp4", "in/b.mp4", "in/b.txt"] {
        assert!(fs::read(path(name)).unwrap() == video, "{name} was changed");
    }
    assert_eq!(fs::read_to_string(path("det.txt")).unwrap().lines().count(), 1);
    assert_eq!(fs::read_dir(path("in")).unwrap().count(), 3, "nothing was made either");
}

#[test]
fn two_outputs_cannot_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [&[&str]; 3] = [
        &["--mot", "out", "--faces", "./out", VIDEO],
        &["--db", "x.db", "--csv", "x.db-wal", VIDEO],
        &["--mot", "m", "--faces", "m/tiny.txt", VIDEO, VIDEO],
    ];
    for args in cases {
        let done = analyze(folder.path(), args);
        assert_eq!(done.status.code(), Some(2));
        assert!(text(&done.stderr).contains("is the file of --"), "{}", text(&done.stderr));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_pipe_that_is_not_read_does_not_stop_a_live_run() {
    let folder = tempfile::tempdir().unwrap();
    make_pipe(&folder.path().join("pipe"));
    let args =
        ["--live", "24", "--seconds", "2", "--json", "--faces", "pipe", "--mot", "m", "--db", "db", VIDEO];
    let child = program(folder.path()).args(["analyze", "--quiet"]).args(args).spawn().unwrap();
    let done = wait(child);
    assert_eq!(done.status.code(), Some(2));
    let captured = summary(&done)["ledger"]["captured"].as_u64().unwrap();
    let complaints = text(&done.stderr);
    assert!(complaints.contains("frames not written: it has no reader"), "{complaints}");
    let cameras = Reader::open(folder.path().join("db")).unwrap().cameras(RunId(1)).unwrap();
    assert!(captured > 20 && cameras[0].analysed + cameras[0].coasted > 0, "{cameras:?}");
}

#[test]
fn a_signal_ends_a_run_whose_output_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    make_pipe(&folder.path().join("pipe"));
    let args = ["analyze", "--quiet", "--json", "--faces", "pipe", "--mot", "m", SCENE];
    let child = program(folder.path()).args(args).spawn().unwrap();
    let begun = Instant::now();
    while fs::metadata(folder.path().join("m")).map_or(0, |meta| meta.len()) == 0 {
        assert!(begun.elapsed() < PATIENCE, "no row");
        std::thread::sleep(Duration::from_millis(10));
    }
    let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let done = wait(child);
    assert_eq!(done.status.code(), Some(2), "{}", text(&done.stderr));
    assert!(summary(&done)["frames"].as_u64().unwrap() > 0);
}

#[test]
fn standard_error_that_is_not_read_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (_reader, mut writer) = std::io::pipe().unwrap();
    // As much as a pipe holds. The program's messages wait behind it.
    writer.write_all(&[b'\n'; 65536]).unwrap();
    let mut program = program(folder.path());
    program.args(["analyze", "--quiet", "--json", "no/such.mp4", VIDEO]).stderr(writer);
    let done = wait(program.spawn().unwrap());
    assert_eq!(done.status.code(), Some(2));
    assert_eq!(summary(&done)["frames"], 10);
}

#[test]
fn a_reader_that_goes_away_costs_its_own_output_alone() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    make_pipe(&pipe);
    let args =
        ["--every-frame", "--json", "--faces", "pipe", "--csv", "faces.csv", "--mot", "m", SCENE, VIDEO];
    let child = program(folder.path()).args(["analyze", "--quiet"]).args(args).spawn().unwrap();
    let mut byte = [0];
    fs::File::open(&pipe).unwrap().read_exact(&mut byte).unwrap();
    let done = wait(child);
    assert_eq!(done.status.code(), Some(2));
    assert_eq!(summary(&done)["frames"], 70, "the second input was begun");
    let complaints = text(&done.stderr);
    assert!(complaints.contains("pipe: ") && complaints.contains("Broken pipe"), "{complaints}");
    assert!(fs::read_to_string(folder.path().join("faces.csv")).unwrap().lines().count() > 1);
    assert_eq!(fs::read_dir(folder.path().join("m")).unwrap().count(), 2);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_costs_its_own_output_alone() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["--every-frame", "--json", "--faces", "/dev/full", "--mot", "m.txt", SCENE];
    let done = analyze(folder.path(), &args);
    assert_eq!(done.status.code(), Some(2));
    assert_eq!(summary(&done)["frames"], 60);
    let complaints = text(&done.stderr);
    assert!(complaints.contains("60 of 60 frames not written: No space left on device"), "{complaints}");
    assert!(fs::read_to_string(folder.path().join("m.txt")).unwrap().ends_with("-1\n"));
}

#[test]
fn a_file_at_the_size_limit_is_an_error_and_not_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut shell = Command::new("sh");
    shell.current_dir(folder.path()).args([
        "-c",
        "ulimit -f 1 && exec \"$0\" analyze --quiet --json --every-frame --faces f \"$1\"",
        env!("CARGO_BIN_EXE_passerby"),
        SCENE,
    ]);
    let done = shell.output().unwrap();
    assert_eq!(done.status.code(), Some(2), "{}", text(&done.stderr));
    assert_eq!(summary(&done)["frames"], 60);
    assert!(text(&done.stderr).contains("frames not written: File too large"), "{}", text(&done.stderr));
}

#[test]
fn a_database_that_is_locked_for_seconds_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("db");
    let child = program(folder.path())
        .args(["analyze", "--quiet", "--json", "--db", "db", VIDEO, SCENE, VIDEO])
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let is_begun =
        || Reader::open(&database).is_ok_and(|reader| reader.runs().is_ok_and(|runs| !runs.is_empty()));
    while !is_begun() {
        assert!(begun.elapsed() < PATIENCE, "no run");
        std::thread::sleep(Duration::from_millis(5));
    }
    let other = rusqlite::Connection::open(&database).unwrap();
    other.busy_timeout(Duration::from_secs(5)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    std::thread::sleep(Duration::from_secs(3));
    other.execute_batch("ROLLBACK").unwrap();
    let done = wait(child);
    assert_eq!((done.status.code(), text(&done.stderr)), (Some(0), ""));
    let cameras = Reader::open(&database).unwrap().cameras(RunId(1)).unwrap();
    let frames: u64 = cameras.iter().map(|camera| camera.analysed + camera.coasted).sum();
    assert_eq!((cameras.len(), frames), (3, 80));
    assert!(cameras.iter().all(|camera| camera.name.is_some()));
}

#[test]
fn mot_rows_belong_to_the_place_of_their_input_and_replace_those_of_an_earlier_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["x", "y", "m"] {
        fs::create_dir(path(name)).unwrap();
    }
    fs::write(path("x/door.mp4"), "no video").unwrap();
    fs::copy(VIDEO, path("y/door.mp4")).unwrap();
    fs::write(path("m/gone.txt"), "1,9,of an earlier run\n").unwrap();
    let done = analyze(folder.path(), &["--mot", "m", "x/door.mp4", "y/door.mp4", "gone.mp4"]);
    assert_eq!(done.status.code(), Some(2));
    let mut names: Vec<PathBuf> =
        fs::read_dir(path("m")).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert_eq!(names, ["m/door-2.txt", "m/door.txt", "m/gone.txt"].map(path));
    assert_eq!(fs::read_to_string(path("m/gone.txt")).unwrap(), "");
}

#[test]
fn embeddings_and_databases_are_for_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mode = |name: &str| folder.path().join(name).metadata().unwrap().permissions().mode() & 0o777;
    let done = analyze(folder.path(), &["--faces", "faces.jsonl", "--embeddings", "--db", "db", VIDEO]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    assert_eq!((mode("faces.jsonl"), mode("db")), (0o600, 0o600));
}

#[test]
fn nothing_from_outside_controls_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let name = "a\x1b[31m\u{9b}2J\r\nb";
    fs::copy(VIDEO, folder.path().join(name)).unwrap();
    fs::write(folder.path().join("c\x1b[32m.jpg"), "no picture").unwrap();
    let done = analyze(folder.path(), &[name, "c\x1b[32m.jpg", "no\x1b]0;such\x07.mp4"]);
    let shown = [text(&done.stdout), text(&done.stderr)].concat();
    assert!(shown.contains(r"a\u{1b}[31m\u{9b}2J\r\nb: 10 frames"), "{shown}");
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
    assert_eq!(text(&done.stderr).lines().count(), 2, "{shown}");
}

#[test]
fn a_live_run_writes_the_time_of_day() {
    let folder = tempfile::tempdir().unwrap();
    let keys = |args: &[&str]| {
        let done = analyze(folder.path(), &[args, &["--faces", "f", VIDEO]].concat());
        assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
        let lines = fs::read_to_string(folder.path().join("f")).unwrap();
        let line: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        (line["camera"].is_number(), line["wall"].is_string())
    };
    assert_eq!(keys(&["--live", "24"]), (true, true));
    assert_eq!(keys(&[]), (true, false), "two runs on a file give the same lines");
}

#[test]
fn weak_detections_are_said_and_can_be_taken() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (1..=5).map(|frame| format!("{frame},-1,{},20,30,40,0.4\n", 10 + frame)).collect();
    fs::write(folder.path().join("det.txt"), rows).unwrap();
    let track = |args: &[&str]| {
        let done =
            program(folder.path()).arg("track").args(args).args(["det.txt", "out.txt"]).output().unwrap();
        assert_eq!(done.status.code(), Some(0));
        let rows = fs::read_to_string(folder.path().join("out.txt")).unwrap().lines().count();
        (rows, text(&done.stderr).to_owned())
    };
    let (rows, warning) = track(&[]);
    assert!(rows == 0 && warning.contains("5 of 5 detections have a score below 0.6"), "{rows}: {warning}");
    assert_eq!(track(&["--min-score", "0.3"]), (5, String::new()));
}

#[test]
fn a_margin_joins_boxes_that_do_not_overlap() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (1..=5).map(|frame| format!("{frame},-1,{},20,30,40,0.9\n", 34 * frame)).collect();
    fs::write(folder.path().join("det.txt"), rows).unwrap();
    let tracks = |margin: &str| {
        let args = ["track", "--min-hits", "1", "--box-margin", margin, "det.txt", "out.txt"];
        assert!(program(folder.path()).args(args).status().unwrap().success());
        let rows = fs::read_to_string(folder.path().join("out.txt")).unwrap();
        let ids: BTreeSet<String> =
            rows.lines().filter_map(|row| row.split(',').nth(1)).map(str::to_owned).collect();
        ids.len()
    };
    assert_eq!((tracks("0"), tracks("1")), (5, 1));
}

#[test]
fn an_endless_file_of_detections_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let done = program(folder.path()).args(["track", "/dev/zero", "out.txt"]).output().unwrap();
    assert_eq!(done.status.code(), Some(2));
    assert!(text(&done.stderr).contains("/dev/zero:1: a line of more than 4096 bytes"));
    assert!(!folder.path().join("out.txt").exists());
}

#[test]
fn a_detector_that_cannot_see_small_faces_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let scene = "scene:people=1,size=1280x720,frames=2";
    let done = analyze(folder.path(), &["--min-face", "20", "--detector-side", "160", scene]);
    assert!(text(&done.stderr).contains("finds those from 80 on"), "{}", text(&done.stderr));
    assert!(text(&done.stdout).contains("faces of less than 80 pixels were not looked for"));
}

/// Adds the keys of a JSON value and of all values in it. The keys of maps by reason, stage or network are data.
fn add_keys(value: &Value, keys: &mut BTreeSet<String>) {
    const MAPS: [&str; 4] = ["dropped", "failures", "networks", "stages_ms"];
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                keys.insert(key.clone());
                if !MAPS.contains(&key.as_str()) {
                    add_keys(value, keys);
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| add_keys(value, keys)),
        _ => {}
    }
}

#[test]
fn every_key_is_in_the_page_on_output_formats() {
    let page = include_str!("../../../../docs/output-formats.md");
    let folder = tempfile::tempdir().unwrap();
    let portrait = concat!(env!("CARGO_MANIFEST_DIR"), "/../capture/portraits/obama.jpg");
    let mut keys = BTreeSet::new();
    for mode in [&["--live", "30", "--seconds", "2", SCENE][..], &[portrait][..]] {
        let outputs =
            ["--json", "--db", "db", "--faces", "faces.jsonl", "--embeddings", "--csv", "faces.csv"];
        let done = analyze(folder.path(), &[&outputs[..], mode].concat());
        assert!(done.status.success(), "{}", text(&done.stderr));
        add_keys(&summary(&done), &mut keys);
        for line in fs::read_to_string(folder.path().join("faces.jsonl")).unwrap().lines() {
            add_keys(&serde_json::from_str(line).unwrap(), &mut keys);
        }
        let table = fs::read_to_string(folder.path().join("faces.csv")).unwrap();
        keys.extend(table.lines().next().unwrap().split(',').map(String::from));
    }
    for key in ["age_ms", "embedding", "ledger", "p95", "time_s", "wall"] {
        assert!(keys.contains(key), "the run did not write {key}");
    }
    let missing: Vec<_> = keys.iter().filter(|key| !page.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
