//! Runs `passerby demo` without a terminal: it prints the summary alone, writes an SQLite file, and exits with code
//! 0.

#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::io::{Read, Write};
use std::net::TcpListener;
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
    assert_eq!(cameras.iter().map(|c| c.id.0).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn each_video_of_a_folder_is_a_camera() {
    let out = tempfile::tempdir().unwrap();
    let database = out.path().join("db.sqlite");
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.mp4", "b.mp4"] {
        let video = concat!(env!("CARGO_MANIFEST_DIR"), "/../capture/tests/data/tiny.mp4");
        std::fs::copy(video, folder.path().join(name)).unwrap();
    }
    let done = demo().arg("--db").arg(&database).arg(folder.path()).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let cameras = Reader::open(&database).unwrap().cameras(RunId(1)).unwrap();
    let names: Vec<_> = cameras.iter().filter_map(|camera| camera.name.as_deref()).collect();
    assert!(names.len() == 2 && names[0].ends_with("a.mp4") && names[1].ends_with("b.mp4"), "{names:?}");
}

/// Starts a camera at this machine that refuses every name and password.
fn refusing_camera() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://me:secret@{}/video", listener.local_addr().unwrap());
    let answer =
        b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"camera\"\r\nContent-Length: 0\r\n\r\n";
    let serve = move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer);
        }
    };
    std::thread::Builder::new().name("test-camera".into()).spawn(serve).unwrap();
    address
}

#[test]
fn a_wrong_password_gives_one_line_and_no_tables() {
    let out = tempfile::tempdir().unwrap();
    let done = demo()
        .arg("--db")
        .arg(out.path().join("db.sqlite"))
        .arg(format!("{}#attempts=1", refusing_camera()))
        .output()
        .unwrap();
    let complaints = String::from_utf8(done.stderr).unwrap();
    assert_eq!((done.status.code(), String::from_utf8(done.stdout).unwrap()), (Some(2), String::new()));
    assert_eq!(complaints.lines().count(), 1, "{complaints}");
    assert!(complaints.contains("password") && !complaints.contains("secret"), "{complaints}");
}

#[test]
fn help_prints_the_usage() {
    let done = demo().arg("--help").output().unwrap();
    let help = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success() && help.contains("Usage: passerby demo"), "{help}");
}
