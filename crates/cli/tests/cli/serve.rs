//! `passerby serve`: the check of a configuration, a reload that costs other cameras no frame, and the end.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a failed expectation is a failed test")]

#[cfg(all(feature = "mqtt", feature = "webhook"))]
mod messages;
mod server;

use std::fs;
use std::path::Path;
use std::process::Command;

use passerby::store::{Reader, RunId, Sqlite, SqliteSettings};
use passerby::types::{Observation, Sink};
use passerby_testkit::suite::observation;
use serde_json::Value;

use server::{Folder, Server, request};

/// The folder of the workspace.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// The bundled clip, which has 240 pictures.
const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/passersby.mp4");

/// Returns the exit code, and the text of both streams.
fn check(path: &Path) -> (i32, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_passerby"));
    let done = program.args(["serve", "--check"]).arg(path).output().unwrap();
    let said = [done.stdout, done.stderr].concat();
    (done.status.code().unwrap(), String::from_utf8(said).unwrap())
}

/// Returns the numbers of a line such as `passerby: door: 240 frames (80 analysed, 160 coasted, 0 dropped), 93 faces`.
fn numbers(line: &str) -> Vec<u64> {
    line.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

#[test]
fn the_configuration_in_deploy_is_right() {
    let path = Path::new(ROOT).join("deploy/passerby.toml");
    let (code, said) = check(&path);
    assert_eq!((code, said), (0, format!("{}: right, with 2 cameras\n", path.display())));
}

#[test]
fn a_check_names_the_fault_and_never_a_password() {
    let folder = Folder::new();
    let path = folder.path("passerby.toml");
    let said = |camera: (&str, &str, &str)| {
        folder.write(&[camera]);
        let (code, said) = check(&path);
        assert_eq!(code, 2, "{said}");
        assert!(!said.contains("hunter2"), "{said}");
        said.replace(&path.display().to_string(), "FILE")
    };
    let uri = "rtsp://name:hunter2@door.local/live";
    assert_eq!(
        said(("door", uri, "rotat = 90")),
        "passerby: FILE:6: camera.rotat: no such key; did you mean rotate?\n"
    );
    assert_eq!(
        said(("door", uri, "password_env = \"PASSERBY_TEST_UNSET\"")),
        "passerby: FILE: the password of camera \"door\": the environment variable PASSERBY_TEST_UNSET is not set\n"
    );
    let unknown = said(("door", "gopher://name:hunter2@door.local/live", ""));
    assert!(unknown.starts_with("passerby: FILE: camera.uri of \"door\": "), "{unknown}");
}

#[test]
fn a_reload_costs_the_other_cameras_no_frame() {
    let folder = Folder::new();
    let clip = format!("{CLIP}?live=24");
    let line = "[camera.zones]\nlines = [{ name = \"middle\", from = [0.5, 1.0], to = [0.5, 0.0] }]";
    folder.write(&[("door", &clip, ""), ("yard", "scene:people=1,size=320x180,live=10", "")]);
    let mut server = Server::start(&folder);
    server.wait_for("door: connected");
    server.wait_for("yard: connected");

    folder.write(&[("door", &clip, line), ("hall", "scene:people=1,size=320x180,live=10", "")]);
    server.signal("HUP");
    server.wait_for("read again: added hall; removed yard; changed the zones of door");
    server.wait_for("hall: connected");

    // A wrong file changes nothing. Without a signal it is found as well.
    fs::write(folder.path("passerby.toml"), "[[camera]]\nnam = 1\n").unwrap();
    let refused = server.wait_for("the cameras stay as they are");
    assert!(
        refused.starts_with("passerby: passerby.toml:2: camera.nam: no such key; did you mean name?"),
        "{refused}"
    );

    server.wait_for("door: ended");
    server.signal("TERM");
    assert_eq!(server.end(), Some(143), "{:#?}", server.said);
    let line = server
        .said
        .iter()
        .find(|line| line.starts_with("passerby: door: ") && line.contains(" analysed"))
        .unwrap();
    let [frames, analysed, coasted, dropped] = numbers(line)[..4] else { panic!("{line}") };
    assert_eq!(frames, analysed + coasted + dropped, "{line}");
    // On a machine that is too slow, the clip's schedule moves on, which counts as frames that are stale.
    let stale = line.split(", ").find_map(|part| part.split_once(" stale")?.0.parse().ok()).unwrap_or(0);
    assert_eq!(frames - stale, 240, "each picture of the clip came once: {line}");

    let reader = Reader::open(folder.path("passerby.sqlite")).unwrap();
    let cameras = reader.cameras(RunId(1)).unwrap();
    let stored: Vec<(&str, u64)> =
        cameras.iter().map(|c| (c.name.as_deref().unwrap(), c.analysed + c.coasted)).collect();
    assert_eq!(stored.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["door", "yard", "hall"]);
    assert_eq!(stored[0].1, analysed + coasted);
}

#[test]
fn the_page_lists_adds_pauses_and_removes_cameras() {
    let folder = Folder::new();
    folder.write_with("address = \"127.0.0.1:0\"", &[("door", "scene:people=1,size=320x180,live=10", "")]);
    let mut server = Server::start(&folder);
    let line = server.wait_for("the live page is at http://");
    let address = line.rsplit_once("http://").unwrap().1.trim_end_matches('/').to_owned();
    server.wait_for("door: connected");
    let listed = || -> Vec<Value> {
        let (status, body) = request(&address, "GET", "/api/cameras", "");
        assert_eq!(status, 200, "{body}");
        let Value::Array(cameras) = serde_json::from_str(&body).unwrap() else { panic!("{body}") };
        cameras
    };
    assert_eq!(listed()[0]["name"], "door");
    assert_eq!(request(&address, "GET", "/", "").0, 200);
    assert_eq!(request(&address, "GET", "/health", "").0, 200);

    let new = "{\"uri\": \"scene:people=2,size=320x180,live=10\", \"name\": \"hall\"}";
    let (status, body) = request(&address, "POST", "/api/cameras", new);
    assert_eq!(status, 201, "{body}");
    server.wait_for("hall: connected");
    let (status, body) = request(&address, "POST", "/api/cameras", "{\"uri\": \"/etc/passwd\"}");
    assert!((400..500).contains(&status) && body.contains("error"), "{status} {body}");

    let hall = listed()[1]["camera"].as_u64().unwrap();
    let (status, body) = request(&address, "POST", &format!("/api/cameras/{hall}/pause"), "");
    assert!((200..300).contains(&status), "{status} {body}");
    assert_eq!(listed()[1]["state"], "paused");
    let (status, body) = request(&address, "POST", &format!("/api/cameras/{hall}/resume"), "");
    assert!((200..300).contains(&status), "{status} {body}");
    assert_ne!(listed()[1]["state"], "paused");
    assert_eq!(listed()[1]["camera"], hall, "a camera keeps its number over a pause");

    // A reload keeps the camera of the page.
    server.signal("HUP");
    server.wait_for("read again: no camera changed");
    let again = listed()[1]["camera"].as_u64().unwrap();
    let (status, body) = request(&address, "DELETE", &format!("/api/cameras/{again}"), "");
    assert!((200..300).contains(&status), "{status} {body}");
    assert_eq!(listed().len(), 1);
    server.signal("TERM");
    assert_eq!(server.end(), Some(143), "{:#?}", server.said);
}

#[test]
fn an_address_that_others_reach_needs_a_token() {
    let folder = Folder::new();
    folder.write_with("address = \"0.0.0.0:0\"", &[("door", "scene:people=1,size=320x180,live=10", "")]);
    let mut server = Server::start(&folder);
    let line = server.wait_for("the live page: ");
    assert!(line.contains("needs a token"), "{line}");
    assert_eq!(server.end(), Some(2));
}

#[test]
fn a_changed_source_keeps_the_number_and_counts_on() {
    let folder = Folder::new();
    let scene = |people: u32| format!("scene:people={people},size=320x180,live=10");
    folder.write(&[("door", &scene(1), "")]);
    let mut server = Server::start(&folder);
    server.wait_for("door: connected");
    folder.write(&[("door", &scene(2), "")]);
    server.signal("HUP");
    server.wait_for("read again: connected anew door");
    // A picture of the new source comes within a few of the old one's intervals.
    std::thread::sleep(std::time::Duration::from_secs(1));
    server.signal("TERM");
    assert_eq!(server.end(), Some(143), "{:#?}", server.said);
    let cameras = Reader::open(folder.path("passerby.sqlite")).unwrap().cameras(RunId(1)).unwrap();
    let [camera] = &cameras[..] else { panic!("{cameras:?}") };
    assert_eq!((camera.id.0, camera.name.as_deref()), (0, Some("door")));
}

#[test]
fn rows_that_are_too_old_are_removed_at_the_start() {
    let folder = Folder::new();
    let path = folder.path("passerby.sqlite");
    let mut sink = Sqlite::open(&path, SqliteSettings::default()).unwrap();
    let old: Vec<Observation> = (0..5).map(|seq| observation(0, seq)).collect();
    sink.write(&old).unwrap();
    sink.finish().unwrap();
    let text = "[preview]\naddress = \"127.0.0.1:0\"\n[store]\nkeep = \"30d\"\n[[camera]]\nname = \"door\"\n\
        uri = \"scene:people=1,size=320x180,live=10\"\n";
    fs::write(folder.path("passerby.toml"), text).unwrap();
    let mut server = Server::start(&folder);
    let line = server.wait_for("removed rows from before ");
    assert!(line.ends_with(": 10 observation, 2 track, 1 person"), "{line}");
    let line = server.wait_for("the live page is at http://");
    let address = line.rsplit_once("http://").unwrap().1.trim_end_matches('/').to_owned();
    let figures = request(&address, "GET", "/metrics", "").1;
    for (table, rows) in [("observation", 10), ("track", 2), ("person", 1), ("run", 0)] {
        let figure = format!("passerby_store_expired_rows_total{{table=\"{table}\"}} {rows}\n");
        assert!(figures.contains(&figure), "{figure}: {figures}");
    }
    server.signal("TERM");
    assert_eq!(server.end(), Some(143), "{:#?}", server.said);
}
