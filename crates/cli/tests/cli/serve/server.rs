//! A running `passerby serve`, and its page.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// The longest wait for a line.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A folder with a configuration.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, cameras: &[(&str, &str, &str)]) {
        self.write_with("enabled = false", cameras);
    }

    /// Writes a configuration with this content of the table `[preview]`.
    pub(crate) fn write_with(&self, preview: &str, cameras: &[(&str, &str, &str)]) {
        let mut text = format!("[preview]\n{preview}\n");
        for (name, uri, more) in cameras {
            text += &format!("[[camera]]\nname = \"{name}\"\nuri = \"{uri}\"\n{more}\n");
        }
        fs::write(self.path("passerby.toml"), text).unwrap();
    }
}

/// A running server, and the lines on its standard error.
pub(crate) struct Server {
    child: Child,
    lines: Receiver<String>,
    pub(crate) said: Vec<String>,
}

impl Server {
    pub(crate) fn start(folder: &Folder) -> Self {
        Self::start_with(folder, &[])
    }

    /// Starts the program with these variables of the environment.
    pub(crate) fn start_with(folder: &Folder, variables: &[(&str, &str)]) -> Self {
        let mut program = Command::new(env!("CARGO_BIN_EXE_passerby"));
        let program = program.arg("serve").current_dir(folder.0.path()).stderr(Stdio::piped());
        program.envs(variables.iter().copied());
        let mut child = program.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::sync_channel(1000);
        let read = move || stderr.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        thread::Builder::new().name("stderr".into()).spawn(read).unwrap();
        Self { child, lines, said: Vec::new() }
    }

    /// Waits for a line with this text, which may have come already.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
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

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits for the end, and returns the exit code.
    pub(crate) fn end(&mut self) -> Option<i32> {
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

/// Sends a request to the page, and returns the status and the body.
pub(crate) fn request(address: &str, method: &str, path: &str, body: &str) -> (u16, String) {
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
