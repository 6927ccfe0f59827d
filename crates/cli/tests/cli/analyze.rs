//! Runs `passerby analyze` as its users do: files, exit codes, and the text on each stream.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a failed expectation is a failed test, a skipped one says so"
)]

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use passerby::store::{Reader, RunId};
use serde_json::Value;

/// The folder of the workspace.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// The longest wait for work that takes a second or two.
const PATIENCE: Duration = Duration::from_secs(120);

/// Returns the program with the command `analyze` and without progress, which has its own test.
fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_passerby"));
    program.args(["analyze", "--quiet"]);
    program
}

pub(crate) fn analyze(args: &[&str]) -> Output {
    program().args(args).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Returns a folder with the portraits and a file that is not a picture.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["obama", "obama2", "biden", "astronaut"] {
        let from = format!("{ROOT}/crates/capture/portraits/{name}.jpg");
        fs::copy(from, folder.path().join(format!("{name}.jpg"))).unwrap();
    }
    fs::write(folder.path().join("broken.jpg"), "no picture").unwrap();
    fs::write(folder.path().join("notes.md"), "# not a picture").unwrap();
    folder
}

#[test]
fn faces_have_no_embedding_unless_asked() {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("faces.jsonl").display().to_string();
    let photograph = format!("{ROOT}/crates/capture/portraits/biden.jpg");
    let done = analyze(&["--every-frame", "--faces", &path, &photograph]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let frame: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let face = &frame["faces"][0];
    assert!(face["landmarks"].is_array() && face.get("embedding").is_none(), "{face}");
}

#[test]
fn each_face_and_frame_is_a_row_of_the_table() {
    let out = tempfile::tempdir().unwrap();
    let path = |name: &str| out.path().join(name).display().to_string();
    let pictures = folder();
    let input = pictures.path().display().to_string();
    analyze(&["--every-frame", "--faces", &path("faces.jsonl"), "--csv", &path("faces.csv"), &input]);
    let table = fs::read_to_string(path("faces.csv")).unwrap();
    let mut rows = table.lines();
    let columns: Vec<&str> = rows.next().unwrap().split(',').collect();
    let lines = fs::read_to_string(path("faces.jsonl")).unwrap();
    for (row, line) in rows.by_ref().zip(lines.lines()) {
        let frame: Value = serde_json::from_str(line).unwrap();
        let face = &frame["faces"][0];
        let cells: Vec<&str> = row.split(',').collect();
        let cell = |name: &str| cells[columns.iter().position(|column| *column == name).unwrap()];
        let number = |name: &str| cell(name).parse::<f32>().unwrap();
        assert_eq!(cell("input"), frame["input"]);
        assert_eq!((cell("frame"), number("x")), ("1", face["box"][0].as_f64().unwrap() as f32));
        assert_eq!(number("age"), face["age"].as_f64().unwrap() as f32);
        assert_eq!(number("person"), face["person"].as_f64().unwrap() as f32);
    }
    assert_eq!((lines.lines().count(), table.lines().count()), (4, 5));
}

#[test]
fn a_photograph_is_named_once_in_the_table() {
    let pictures = folder();
    let done = analyze(&[&pictures.path().display().to_string()]);
    let table = text(&done.stdout);
    let row = table.lines().find(|line| line.contains("person ") && line.contains("biden.jpg")).unwrap();
    assert_eq!(row.matches("biden.jpg").count(), 1, "{row}");
    assert!(!table.contains("- of"), "{table}");
}

#[test]
fn faces_that_are_too_small_are_the_reason_for_missing_persons() {
    let scene = "scene:people=1,face=20,size=640x360,frames=24,seed=3";
    let done = analyze(&["--detector-side", "640", scene]);
    let table = text(&done.stdout);
    assert!(table.contains("0 persons") && table.contains("30 are needed to identify a person"), "{table}");
}

#[test]
fn photographs_beside_a_video_are_taken_as_photographs() {
    let photograph = format!("{ROOT}/crates/capture/portraits/biden.jpg");
    let video = format!("{ROOT}/crates/capture/tests/data/tiny.mp4");
    let out = analyze(&["--json", &video, &photograph]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let summary: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((&summary["frames"], &summary["persons"]), (&11.into(), &1.into()), "{summary}");
    let person = &summary["people"][0];
    assert_eq!(person["first_seen_in"], photograph);
    assert!(person["age"].is_number(), "a photograph is the only view of its person: {person}");
}

/// Returns the number of observed frames. Fails if the ledger does not balance, or a frame is still in flight.
fn observed(ledger: &Value) -> u64 {
    let count = |name: &str| ledger[name].as_u64().unwrap();
    let dropped: u64 = ledger["dropped"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    let observed = count("analysed") + count("coasted");
    assert_eq!((count("captured"), count("in_flight")), (observed + dropped, 0), "{ledger}");
    observed
}

/// Checks the database and returns the number of frames in its first run.
fn stored(database: &Path) -> u64 {
    let reader = Reader::open(database).unwrap();
    reader.check().unwrap();
    reader.cameras(RunId(1)).unwrap().iter().map(|c| c.analysed + c.coasted).sum()
}

#[test]
fn the_number_of_workers_does_not_change_the_result() {
    let out = tempfile::tempdir().unwrap();
    let inputs = ["assets/passersby.mp4", "crates/capture/portraits/biden.jpg", "no/such.mp4"];
    let run = |workers: &str| {
        let path = |name: &str| out.path().join(format!("{workers}-{name}"));
        let done = program()
            .current_dir(ROOT)
            .args(["--json", "--detector-size", "320x192", "--cadence", "2", "--workers", workers, "--mot"])
            .args([&path("mot"), Path::new("--faces"), &path("faces.jsonl")])
            .args(inputs)
            .output()
            .unwrap();
        let mut summary: Value = serde_json::from_slice(&done.stdout).unwrap();
        summary.as_object_mut().unwrap().remove("stages_ms");
        let read = |name: &str| fs::read_to_string(path(name)).unwrap();
        let files = [read("mot/passersby.txt"), read("mot/biden.txt"), read("faces.jsonl")];
        (summary, files, text(&done.stderr), done.status.code())
    };
    let one = run("1");
    let four = run("4");
    assert!(one == four, "{}\n{}", one.0, four.0);
    let (summary, _, complaints, code) = one;
    assert_eq!((complaints.lines().count(), code), (1, Some(2)), "{complaints}");
    assert_eq!(observed(&summary["ledger"]), 241);
    assert_eq!(summary["inputs"][0]["ledger"]["coasted"], 120, "every other frame: {summary}");
    assert!(summary["inputs"][2]["error"].is_string(), "{summary}");
}

/// Plays the bundled clip and a clip of ten pictures as live cameras for four seconds, once for all tests. Returns the summary and
/// the frames in the database.
fn live_run() -> &'static (Value, u64) {
    static RUN: LazyLock<(Value, u64)> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("db.sqlite");
        let path = database.display().to_string();
        let clip = format!("{ROOT}/assets/passersby.mp4");
        let tiny = format!("{ROOT}/crates/capture/tests/data/tiny.mp4");
        let args = ["--json", "--live", "24", "--seconds", "4", "--db", &path, &clip, &tiny];
        let done = analyze(&args);
        assert_eq!((done.status.code(), text(&done.stderr)), (Some(0), String::new()));
        (serde_json::from_slice(&done.stdout).unwrap(), stored(&database))
    });
    &RUN
}

#[test]
fn live_files_run_together_until_their_time_is_up() {
    let (summary, _) = live_run();
    let inputs = summary["inputs"].as_array().unwrap();
    assert_eq!(inputs.len(), 2);
    for input in inputs {
        let captured = input["frames"].as_u64().unwrap();
        assert!((11..=97).contains(&captured), "ten pictures begin anew, none comes early: {input}");
    }
}

#[test]
fn a_live_run_reports_the_age_of_its_results() {
    let (summary, _) = live_run();
    let inputs = summary["inputs"].as_array().unwrap();
    assert_eq!(inputs.len(), 2);
    for input in inputs {
        let age = |of: &str| input["age_ms"][of].as_f64().unwrap();
        assert!(0.0 < age("p50") && age("p50") <= age("p95") && age("p95") <= age("p99"), "{input}");
        assert!(input["cadence"].as_u64().unwrap() >= 1, "{input}");
    }
}

#[test]
fn a_live_run_stores_every_observed_frame() {
    let (summary, stored) = live_run();
    let frames: u64 =
        summary["inputs"].as_array().unwrap().iter().map(|input| observed(&input["ledger"])).sum();
    assert_eq!(frames, observed(&summary["ledger"]));
    assert_eq!(frames, *stored);
}

/// Starts a camera at this machine that sends this picture 25 times a second to each client, until the test has ended.
fn camera(picture: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://me:secret@{}/video?fps=25#age=2s", listener.local_addr().unwrap());
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n";
    let serve = move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut sent = stream.write_all(head);
            while sent.is_ok() {
                let part = format!("--b\r\nContent-Length: {}\r\n\r\n", picture.len());
                sent = stream.write_all(&[part.as_bytes(), &picture, b"\r\n"].concat());
                std::thread::sleep(Duration::from_millis(40));
            }
        }
    };
    std::thread::Builder::new().name("test-camera".into()).spawn(serve).unwrap();
    address
}

#[test]
fn inputs_of_every_kind_run_at_once() {
    let portrait = fs::read(format!("{ROOT}/crates/capture/portraits/biden.jpg")).unwrap();
    let address = camera(portrait);
    let out = tempfile::tempdir().unwrap();
    let mot = out.path().join("mot").display().to_string();
    let pattern = format!("{ROOT}/crates/capture/tests/data/tin?.mp4");
    let inputs =
        [address.as_str(), "scene:people=2,seed=3,size=640x360,frames=24,live=own", pattern.as_str()];
    let done = analyze(&[&["--json", "--seconds", "10", "--mot", &mot], &inputs[..]].concat());
    // If the machine is busy, a camera's pictures get too old or are not played, and the program warns of it.
    let complaints = text(&done.stderr);
    let is_lateness = |line: &str| {
        line.ends_with("lost: too old to be decoded") || line.ends_with("too slow, and not played")
    };
    assert!(complaints.lines().all(is_lateness), "{complaints}");
    assert_eq!(done.status.code(), Some(0), "{complaints}");
    let summary: Value = serde_json::from_slice(&done.stdout).unwrap();
    let inputs = summary["inputs"].as_array().unwrap();
    let names: Vec<&str> = inputs.iter().map(|input| input["input"].as_str().unwrap()).collect();
    assert!(names[0].ends_with("/video") && !text(&done.stdout).contains("secret"), "{names:?}");
    assert!(names[1].starts_with("scene:") && names[2].ends_with("tiny.mp4"), "{names:?}");
    assert_eq!(inputs[1]["frames"], 24, "a scene has an end: {summary}");
    for input in inputs {
        assert!(observed(&input["ledger"]) > 5, "{input}");
    }
    assert!(inputs[0]["faces"].as_u64().unwrap() > 0, "{summary}");
    assert_eq!(fs::read_dir(&mot).unwrap().count(), 3);
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_has_all_its_outputs() {
    let clip = format!("{ROOT}/assets/passersby.mp4");
    let live = &["--live", "24", "--seconds", "100"][..];
    for (signal, code, mode, inputs) in [
        ("-INT", 130, live, 1),
        ("-INT", 130, &["--every-frame"], 3),
        ("-TERM", 143, live, 1),
        ("-HUP", 129, live, 1),
    ] {
        if signal == "-HUP" && is_hangup_ignored() {
            eprintln!("SKIPPED: {signal}: this test runs under nohup, and so does the program");
            continue;
        }
        let out = tempfile::tempdir().unwrap();
        let path = |name: &str| out.path().join(name);
        let child = program()
            .args(mode)
            .arg("--json")
            .args([Path::new("--db"), &path("db.sqlite"), Path::new("--faces"), &path("faces.jsonl")])
            .args([Path::new("--csv"), &path("faces.csv")])
            .args(vec![&clip; inputs])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        let committed = || Reader::open(path("db.sqlite")).and_then(|r| r.cameras(RunId(1)));
        while !committed().is_ok_and(|cameras| cameras.iter().any(|c| c.analysed > 0)) {
            assert!(begun.elapsed() < PATIENCE, "no frame after {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
        let kill = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        let done = child.wait_with_output().unwrap();
        assert!(begun.elapsed() < PATIENCE);
        assert_eq!(done.status.code(), Some(code), "{}", text(&done.stderr));

        let summary: Value = serde_json::from_slice(&done.stdout).unwrap();
        let frames = observed(&summary["ledger"]);
        assert!(frames > 0 && frames < 720, "{summary}");
        assert_eq!(stored(&path("db.sqlite")), frames);
        let lines = fs::read_to_string(path("faces.jsonl")).unwrap();
        assert!(lines.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
        assert_eq!(lines.lines().count() as u64, frames);
        assert!(fs::read_to_string(path("faces.csv")).unwrap().ends_with('\n'));
        let run = &Reader::open(path("db.sqlite")).unwrap().runs().unwrap()[0];
        assert!(run.ended.is_some());
    }
}

/// Returns true if this process ignores SIGHUP, as under `nohup`. The program that it starts then keeps on ignoring it.
fn is_hangup_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let signals = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    signals.is_some_and(|signals| signals & 1 != 0)
}

/// Asserts that the program ends with exit code 2 and one line on standard error, which contains `expected`.
fn assert_refused(args: &[&str], expected: &str) {
    let out = analyze(args);
    let line = text(&out.stderr);
    assert_eq!(out.status.code(), Some(2), "{args:?}: {line}");
    assert!(line.lines().count() == 1 && line.contains(expected), "{args:?}: {line}");
}

#[test]
fn a_bad_argument_fails_with_one_line() {
    let cases: [(&[&str], &str); 13] = [
        (&[], "no input given"),
        (&["--frobnicate", "x.mp4"], "--frobnicate"),
        (&["--detector-size", "480", "x.mp4"], "--detector-size 480"),
        (&["--detector-size", "9x9", "x.mp4"], "--detector-size 9x9"),
        (&["--detector-size", "480x320", "x.mp4"], "480x288; use --detector-side 480"),
        (&["--detector-side", "31", "x.mp4"], "--detector-side 31"),
        (&["--threshold", "1.5", "x.mp4"], "--threshold 1.5"),
        (&["--mot"], "--mot"),
        (&["--live", "0", "x.mp4"], "--live 0"),
        (&["--seconds", "NaN", "x.mp4"], "--seconds NaN"),
        (&["--workers", "0", "x.mp4"], "--workers 0"),
        (&["--cadence", "0", "x.mp4"], "--cadence 0"),
        (&["--cadence", "auto", "x.mp4"], "--cadence auto"),
    ];
    for (args, expected) in cases {
        assert_refused(args, expected);
    }
}

#[test]
fn an_unreadable_input_fails_with_one_line() {
    let missing = format!("{ROOT}/no/such/file.mp4");
    let manifest = format!("{ROOT}/Cargo.toml");
    assert_refused(&[&missing], "no/such/file.mp4");
    assert_refused(&[&manifest], "Cargo.toml: unrecognised format");
}

#[test]
fn a_camera_without_a_frame_fails_with_one_line() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", silent.local_addr().unwrap());
    assert_refused(&["--seconds", "1", &address], "no frame came");
}

#[test]
fn a_camera_that_is_away_is_reported_once() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = format!("http://{closed}/video");
    let done = analyze(&["--seconds", "1", &address]);
    let complaints = text(&done.stderr);
    assert_eq!((done.status.code(), text(&done.stdout).as_str()), (Some(2), ""), "{complaints}");
    assert_eq!((complaints.lines().count(), complaints.matches("/video").count()), (1, 1), "{complaints}");
}

#[test]
fn a_database_path_of_another_file_is_left_alone() {
    let missing = format!("{ROOT}/no/such/file.mp4");
    let manifest = format!("{ROOT}/Cargo.toml");
    let database = analyze(&["--db", &manifest, &missing]);
    assert_eq!(database.status.code(), Some(2));
    assert!(text(&database.stderr).contains("Cargo.toml"), "{}", text(&database.stderr));
    assert!(fs::read_to_string(&manifest).unwrap().contains("[workspace]"), "the file was overwritten");
}

#[cfg(target_os = "linux")]
#[test]
fn bad_files_are_analysed_in_a_gibibyte_of_address_space() {
    use passerby::types::ErrorClass;
    let Some(shared) = passerby_testkit::shared("bad_files_are_analysed_in_a_gibibyte_of_address_space")
    else {
        return;
    };
    let entries = fs::read_dir(shared.join("data/bad")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let run = "ulimit -v 1048576 && exec \"$0\" analyze --quiet --json --workers 1 --detector-size 160x96 --cadence 8 \"$@\"";
    let done = Command::new("sh")
        .args(["-c", run])
        .arg(env!("CARGO_BIN_EXE_passerby"))
        .args(&files)
        .output()
        .unwrap();
    let complaints = text(&done.stderr);
    assert_eq!(done.status.code(), Some(2), "{complaints}");
    assert!(!complaints.contains("panicked"), "{complaints}");

    // Each file must give exactly its own frames, whatever is wrong with the others.
    let summary: Value = serde_json::from_slice(&done.stdout).unwrap();
    let inputs = summary["inputs"].as_array().unwrap();
    assert_eq!(inputs.len(), files.len());
    for file in &files {
        let name = file.display().to_string();
        let input = inputs.iter().find(|input| input["input"] == *name).unwrap();
        let mut pictures = 0;
        let mut lost = 0;
        let mut error = Value::Null;
        match passerby::capture::open(file) {
            Err(e) => error = e.to_string().into(),
            Ok(mut source) => loop {
                match source.next_picture() {
                    Ok(Some(_)) => pictures += 1,
                    Ok(None) => break,
                    Err(e) if e.class() == ErrorClass::Skip => lost += e.lost().0,
                    Err(e) => error = e.to_string().into(),
                }
            },
        }
        let undecodable = input["ledger"]["dropped"]["undecodable"].as_u64().unwrap_or(0);
        assert_eq!(
            (observed(&input["ledger"]), undecodable, &input["error"]),
            (pictures, lost, &error),
            "{name}"
        );
    }
}

#[test]
fn a_missing_device_falls_back_with_a_warning_for_each_network() {
    let picture = format!("{ROOT}/crates/capture/portraits/obama.jpg");
    let run = |args: &[&str]| {
        let output = analyze(args);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        (summary, text(&output.stderr))
    };
    let (usual, quiet) = run(&["--json", &picture]);
    let (summary, warnings) = run(&["--json", "--device", "cuda:99", &picture]);
    assert_eq!(quiet, "");
    assert_eq!(warnings.matches("not on cuda:99").count(), 5, "{warnings}");
    assert_eq!(summary["networks"], usual["networks"]);
    assert_eq!(summary["networks"].as_object().unwrap().len(), 5);
    assert_eq!((&summary["faces"], &summary["people"]), (&usual["faces"], &usual["people"]));
}

#[test]
fn the_detector_size_is_that_of_its_longer_side() {
    let picture = format!("{ROOT}/crates/capture/portraits/obama.jpg");
    let people = |args: &[&str]| {
        let output = analyze(&[args, &["--json", &picture]].concat());
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        summary["people"].clone()
    };
    assert_eq!(people(&["--detector-side", "320"]), people(&["--detector-size", "320x192"]));
}

#[test]
fn the_threshold_applies_to_photographs() {
    let picture = format!("{ROOT}/crates/capture/portraits/obama.jpg");
    let faces = |threshold: &str| {
        let output = analyze(&["--json", "--threshold", threshold, &picture]);
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        summary["faces"].clone()
    };
    assert_eq!((faces("0.5"), faces("1")), (1.into(), 0.into()));
}

#[test]
fn an_unknown_device_is_refused() {
    let picture = format!("{ROOT}/crates/capture/portraits/obama.jpg");
    assert_eq!(analyze(&["--device", "gpu", &picture]).status.code(), Some(2));
}
