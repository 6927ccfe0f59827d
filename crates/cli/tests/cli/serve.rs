//! `passerby serve`: the check of a configuration, a reload that costs other cameras no frame, and the end.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use passerby::store::{Reader, RunId};
use serde_json::Value;

/// The folder of the workspace.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// The bundled clip, which has 240 pictures.
const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/passersby.mp4");
/// The longest wait for a line.
const PATIENCE: Duration = Duration::from_secs(120);

/// Returns the exit code, and the text of both streams.
fn check(path: &Path) -> (i32, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_passerby"));
    let done = program.args(["serve", "--check"]).arg(path).output().unwrap();
    let said = [done.stdout, done.stderr].concat();
    (done.status.code().unwrap(), String::from_utf8(said).unwrap())
}

/// A folder with a configuration.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, cameras: &[(&str, &str, &str)]) {
        self.write_with("enabled = false", cameras);
    }

    /// Writes a configuration with this content of the table `[preview]`.
    fn write_with(&self, preview: &str, cameras: &[(&str, &str, &str)]) {
        let mut text = format!("[preview]\n{preview}\n");
        for (name, uri, more) in cameras {
            text += &format!("[[camera]]\nname = \"{name}\"\nuri = \"{uri}\"\n{more}\n");
        }
        fs::write(self.path("passerby.toml"), text).unwrap();
    }
}

/// A running server, and the lines on its standard error.
struct Server {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Server {
    fn start(folder: &Folder) -> Self {
        let mut program = Command::new(env!("CARGO_BIN_EXE_passerby"));
        let program = program.arg("serve").current_dir(folder.0.path()).stderr(Stdio::piped());
        let mut child = program.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::sync_channel(1000);
        let read = move || stderr.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        thread::Builder::new().name("stderr".into()).spawn(read).unwrap();
        Self { child, lines, said: Vec::new() }
    }

    /// Waits for a line with this text, which may have come already.
    fn wait_for(&mut self, text: &str) -> String {
        let begin = Instant::now();
        loop {
            if let Some(line) = self.said.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            let left = PATIENCE.saturating_sub(begin.elapsed());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.said.push(line),
                Err(_) => panic!("no line with {text:?} in {:#?}", self.said),
            }
        }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits for the end, and returns the exit code.
    fn end(&mut self) -> Option<i32> {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.said.extend(self.lines.iter());
                return status.code();
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("the server did not end: {:#?}", self.said);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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

/// Sends a request to the page, and returns the status and the body.
fn request(address: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nConnection: close\r\n\
        Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
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
