//! `passerby report`: exact figures in every format, clear errors, and the page in a browser.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use passerby::store::{Sqlite, SqliteSettings};
use passerby::types::{
    Age, Attributes, BBox, CameraId, Face, FrameMeta, Identity, LineSide, Observation, ObservedFace,
    PersonId, Sink, TrackId, TrackState, ZoneChange, ZoneEvent,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::text;

/// 2026-06-01 08:00 UTC, 10:00 in Berlin, in seconds since 1970.
const BEGIN_S: u64 = 1_780_300_800;
/// A name that would be markup, a script and an escape sequence.
const HOSTILE: &str = "</script><script>document.title='taken'</script> & \"hall\" \u{1b}[31m";

/// A folder with the database `door.sqlite`: person 1 in the morning and again at noon, person 2, and a face without a
/// person.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = Sqlite::open(folder.path().join("door.sqlite"), SqliteSettings::default()).unwrap();
    sink.name_cameras(&[(CameraId(0), "door"), (CameraId(1), HOSTILE)]).unwrap();
    let tracks = [
        (0, Some(1), 0, 30),
        (1, Some(1), 60, 90),
        (0, Some(2), 600, 660),
        (0, None, 700, 710),
        (0, Some(1), 7200, 7230),
    ];
    let mut seq = 0;
    for (track, (camera, person, first, last)) in (1..).zip(tracks) {
        for second in [first, last] {
            let bbox = BBox::from_xywh(10.0, 20.0, 40.0, 50.0);
            let mut face = ObservedFace::new(track, bbox);
            face.face = Some(Face::new(bbox, 0.9));
            face.state = TrackState::Confirmed;
            if let Some(person) = person {
                face.identity = Identity::Person { id: PersonId(person), similarity: 0.8 };
                let age = Age { years: 34.0, low: 30.0, high: 40.0 };
                face.attributes = (person == 1).then_some(Attributes { age, p_male: 0.1 });
            }
            let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(BEGIN_S + second);
            let mut observation = Observation::new(FrameMeta::new(camera, seq).with_wall(wall), 640, 360);
            observation.faces.push(face);
            if track == 3 {
                // Person 2 crosses a line and stays at the counter for a minute.
                observation.zone_events = zone_events(second == first);
            }
            sink.write(&[observation]).unwrap();
            seq += 1;
        }
    }
    sink.finish().unwrap();
    folder
}

/// Returns the events of the first frame of track 3, or those of its last.
fn zone_events(is_first: bool) -> Vec<ZoneEvent> {
    let minute = Duration::from_secs(60);
    let changes = match is_first {
        true => vec![
            ZoneChange::Crossed { line: "gate".into(), from: LineSide::Left },
            ZoneChange::Entered { zone: HOSTILE.into() },
        ],
        false => vec![ZoneChange::Left { zone: HOSTILE.into(), dwell: minute }],
    };
    // The frames have no times in a stream.
    changes.into_iter().map(|change| ZoneEvent { track: TrackId(3), at: Duration::ZERO, change }).collect()
}

fn report(folder: &Path, args: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_passerby"));
    program.current_dir(folder).env("TZ", "UTC").arg("report").args(args).output().unwrap()
}

fn success(folder: &Path, args: &[&str]) -> String {
    let done = report(folder, args);
    assert_eq!((done.status.code(), text(&done.stderr)), (Some(0), ""), "{args:?}");
    text(&done.stdout).to_owned()
}

/// Returns the only line on standard error of a command that ends with exit code 2.
fn failure(folder: &Path, args: &[&str]) -> String {
    let done = report(folder, args);
    let line = text(&done.stderr);
    assert_eq!((done.status.code(), line.lines().count()), (Some(2), 1), "{args:?}: {line}");
    line.trim_end().to_owned()
}

fn json(folder: &Path, args: &[&str]) -> Value {
    serde_json::from_str(&success(folder, &[args, &["--format", "json", "door.sqlite"]].concat())).unwrap()
}

#[test]
fn json_has_every_figure() {
    let folder = folder();
    let all = json(folder.path(), &["--time-zone", "Europe/Berlin"]);
    let total = &all["totals"][0];
    let counts =
        ["visits", "persons", "new", "returning", "unidentified"].map(|key| total[key].as_u64().unwrap());
    assert_eq!(counts, [4, 2, 2, 1, 1]);
    assert_eq!((&all["by"], &all["time_zone"]), (&"hour".into(), &"Europe/Berlin".into()));
    assert_eq!(
        (&all["first"], &all["last"]),
        (&"2026-06-01T10:00:00+02:00".into(), &"2026-06-01T12:00:30+02:00".into())
    );
    assert_eq!((&all["dwell"][0]["median_s"], &all["dwell"][0]["p90_s"]), (&60.0.into(), &90.0.into()));
    assert_eq!(
        (&all["ages"]["bands"][3]["persons"], &all["ages"]["unknown_share"]),
        (&1.into(), &0.5.into())
    );
    assert_eq!((&all["genders"]["female"], &all["genders"]["unknown"]), (&1.into(), &1.into()));
    assert_eq!(all["last_seen"][0]["person"]["id"], 1);
    assert_eq!((all["transitions"].as_array().unwrap().len(), &all["left_out"]), (2, &0.into()));
}

#[test]
fn lines_and_zones_are_counted_in_every_format() {
    let folder = folder();
    let places = json(folder.path(), &[])["places"].clone();
    let (line, zone) = (&places["line_totals"][0], &places["zone_totals"][0]);
    assert_eq!(
        (&line["line"], &line["left_to_right"], &line["right_to_left"]),
        (&"gate".into(), &1.into(), &0.into())
    );
    assert_eq!((&zone["entered"], &zone["peak"], &zone["median_s"]), (&1.into(), &1.into(), &60.0.into()));
    // A minute of the hour.
    assert!((places["zones"][0]["mean"].as_f64().unwrap() - 1.0 / 60.0).abs() < 1e-9, "{places}");
    assert_eq!(places["lines"].as_array().unwrap().len(), 1);
    let table = success(folder.path(), &["door.sqlite"]);
    assert!(table.contains("gate") && table.contains("1:00 min") && !table.contains('\u{1b}'), "{table}");
    let hall = json(folder.path(), &["--camera", HOSTILE])["places"].clone();
    assert_eq!(hall["zone_totals"], Value::Array(Vec::new()));
}

#[test]
fn a_range_a_camera_and_a_person_select() {
    let folder = folder();
    let persons = |args: &[&str]| json(folder.path(), args)["totals"][0]["persons"].clone();
    assert_eq!(persons(&["--from", "2026-06-01T09:00"]), 1);
    assert_eq!(persons(&["--to", "2026-06-01T10:05", "--time-zone", "Europe/Berlin"]), 1);
    assert_eq!(persons(&["--from", "2026-06-01", "--to", "2026-06-01"]), 2);
    assert_eq!(persons(&["--camera", HOSTILE]), 1);
    let one = json(folder.path(), &["--person", "1:1"]);
    let steps = one["paths"][0]["steps"].as_array().unwrap();
    let cameras: Vec<_> = steps.iter().map(|step| step["camera"].as_str().unwrap()).collect();
    assert_eq!(cameras, ["door", HOSTILE, "door"]);
}

#[test]
fn csv_has_a_row_for_each_period_with_each_camera_zone_and_line() {
    let folder = folder();
    let args = ["--format", "csv", "--by", "day", "--camera", "door", "--output", "door.csv", "door.sqlite"];
    assert_eq!(success(folder.path(), &args), "");
    let rows = fs::read_to_string(folder.path().join("door.csv")).unwrap();
    let day = "2026-06-01T00:00:00+00:00,2026-06-02T00:00:00+00:00";
    let zone = format!("\"{}\"", HOSTILE.replace('"', "\"\""));
    let expected = format!(
        "start,end,camera,visits,persons,new,returning,unidentified,mean_present,peak_present,\
         zone,entered,median_stay_s,p90_stay_s,longest_stay_s,line,left_to_right,right_to_left\n\
         {day},,4,2,2,1,1,0.002,1,,,,,,,,\n{day},door,4,2,2,1,1,0.002,1,,,,,,,,\n\
         {day},door,,,,,,0.001,1,{zone},1,60.000,60.000,60.000,,,\n\
         {day},door,,,,,,,,,,,,,gate,1,0\n"
    );
    assert_eq!(rows, expected);
}

#[test]
fn tables_show_no_control_characters() {
    let folder = folder();
    let tables = success(folder.path(), &["--time-zone", "Europe/Berlin", "door.sqlite"]);
    assert!(!tables.contains('\u{1b}'), "{tables}");
    assert!(
        tables.starts_with("2026-06-01 10:00 to 2026-06-01 12:00 (Europe/Berlin)\n\nCameras\n"),
        "{tables}"
    );
    assert!(tables.contains("Mon 2026-06-01 12:00 CEST"), "{tables}");
}

#[test]
fn a_database_without_tracks_says_so() {
    let folder = tempfile::tempdir().unwrap();
    Sqlite::open(folder.path().join("door.sqlite"), SqliteSettings::default()).unwrap().finish().unwrap();
    assert_eq!(success(folder.path(), &["door.sqlite"]), "no visits\n");
    assert!(success(folder.path(), &["--format", "html", "door.sqlite"]).contains("\"first\":null"));
}

#[test]
fn wrong_options_are_named() {
    let folder = folder();
    let cases: [(&[&str], &str); 7] = [
        (&["--from", "yesterday"], "--from yesterday: expected a day"),
        (&["--from", "2026-06-02", "--to", "2026-06-01"], "--from must be before --to"),
        (&["--time-zone", "Mars/Base"], "--time-zone Mars/Base: no such time zone"),
        (&["--camera", "dor"], "door.sqlite: there is no camera \"dor\""),
        (&["--person", "x"], "--person x: expected a number"),
        (&["--person", "2"], "person 2 was not seen; if numbers mean a person only within a run"),
        (&["--person", "9:2"], "person 2 of run 9 was not seen"),
    ];
    for (args, expected) in cases {
        let line = failure(folder.path(), &[args, &["door.sqlite"]].concat());
        assert!(line.starts_with(&format!("passerby: {expected}")), "{args:?}: {line}");
    }
}

#[test]
fn the_database_is_never_the_output() {
    let folder = folder();
    let before = fs::read(folder.path().join("door.sqlite")).unwrap();
    for output in ["door.sqlite", "./door.sqlite", "door.sqlite-wal"] {
        let line = failure(folder.path(), &["--output", output, "door.sqlite"]);
        assert!(line.contains("is the file of DATABASE too"), "{line}");
    }
    assert_eq!(fs::read(folder.path().join("door.sqlite")).unwrap(), before);
}

#[cfg(unix)]
#[test]
fn the_output_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;

    let folder = folder();
    success(folder.path(), &["--format", "html", "--output", "week.html", "door.sqlite"]);
    let mode = fs::metadata(folder.path().join("week.html")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// Returns the browser, or `None` if there is none.
fn browser() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    std::env::split_paths(&folders)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|path| path.is_file())
}

/// Returns the document after its scripts have run, and the lines that they wrote to the console.
fn open(browser: &Path, folder: &Path, page: &str) -> (String, Vec<String>) {
    let profile = folder.join("profile");
    let done = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            "--virtual-time-budget=4000",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", folder.join(page).display()))
        .output()
        .unwrap();
    let console =
        text(&done.stderr).lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
    (text(&done.stdout).to_owned(), console)
}

#[test]
fn the_page_runs_in_a_browser_without_a_message() {
    let Some(browser) = browser() else {
        eprintln!("skipped: there is no Chromium");
        return;
    };
    let folder = folder();
    // A page with an error, so that this test would see one.
    fs::write(folder.path().join("wrong.html"), "<script>throw new Error('wrong')</script>").unwrap();
    let (_, console) = open(&browser, folder.path(), "wrong.html");
    assert!(console.iter().any(|line| line.contains("wrong")), "{console:?}");

    success(folder.path(), &["--format", "html", "--output", "week.html", "door.sqlite"]);
    let (document, console) = open(&browser, folder.path(), "week.html");
    assert_eq!(console, Vec::<String>::new());
    assert!(document.contains("data-ready=\"true\""));
    assert_eq!(document.matches("<canvas").count(), 3);
    assert!(document.contains("<b>4</b><span>visits</span>"), "{document}");
    assert!(document.contains("Lines and zones") && document.contains("<td>gate</td>"), "{document}");
    // The hostile name is text: the title is the page's own.
    assert!(document.contains("<title>passerby report</title>"));
    assert!(document.contains("&lt;/script&gt;&lt;script&gt;document.title='taken'"));

    fs::remove_file(folder.path().join("door.sqlite")).unwrap();
    Sqlite::open(folder.path().join("door.sqlite"), SqliteSettings::default()).unwrap().finish().unwrap();
    success(folder.path(), &["--format", "html", "--output", "empty.html", "door.sqlite"]);
    let (document, console) = open(&browser, folder.path(), "empty.html");
    assert_eq!((console, document.contains("No visits.")), (Vec::<String>::new(), true));
}
