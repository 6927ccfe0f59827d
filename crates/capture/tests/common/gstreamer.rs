//! GStreamer's RTSP server as a camera.
#![allow(dead_code, unreachable_pub, reason = "each user of it uses a part of it")]

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const PYTHON: &str = "/usr/bin/python3";
const SCRIPT: &str = include_str!("../peers/rtsp.py");

/// A camera played by GStreamer, which goes with it.
pub struct Camera {
    child: Child,
    _stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    arguments: Vec<String>,
    pub port: u16,
}

/// True where GStreamer's RTSP server is installed.
pub fn is_there() -> bool {
    let probe = "import gi; gi.require_version('GstRtspServer', '1.0'); \
        from gi.repository import Gst, GstRtspServer; Gst.init(None); \
        assert all(Gst.ElementFactory.find(e) for e in ('qtdemux', 'h264parse', 'rtph264pay', 'jpegenc'))";
    let run = Command::new(PYTHON).args(["-c", probe]).stderr(Stdio::null()).status();
    run.is_ok_and(|status| status.success())
}

impl Camera {
    /// One with these arguments of the script, at any port. It listens.
    pub fn start(arguments: &[&str]) -> Self {
        Self::begin(arguments.iter().map(|&argument| argument.into()).collect(), 0)
    }

    fn begin(arguments: Vec<String>, port: u16) -> Self {
        let mut child = Command::new(PYTHON)
            .args(["-c", SCRIPT])
            .args(&arguments)
            .args(["--port", &port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the camera starts");
        let stdin = child.stdin.take().expect("piped");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut camera = Self { child, _stdin: stdin, stdout, arguments, port: 0 };
        camera.port = camera.said("port ").parse().expect("a port");
        camera
    }

    /// What follows this word in what it says next.
    pub fn said(&mut self, word: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.stdout.read_line(&mut line).expect("text") > 0, "the camera ended before `{word}`");
            if let Some(rest) = line.strip_prefix(word) {
                return rest.trim().to_owned();
            }
        }
    }

    pub fn url(&self) -> String {
        format!("rtsp://127.0.0.1:{}/live", self.port)
    }

    /// Kills it, as a power cut does.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The same camera again at the same port, the one before being killed. It listens.
    pub fn again(&mut self) {
        self.kill();
        *self = Self::begin(std::mem::take(&mut self.arguments), self.port);
    }

    /// Has it stand still, or go on: it keeps its connections and says nothing. False where the system cannot do that.
    pub fn stop(&self, stop: bool) -> bool {
        let signal = if stop { "-STOP" } else { "-CONT" };
        let kill = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        kill.is_ok_and(|status| status.success())
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.kill();
    }
}
