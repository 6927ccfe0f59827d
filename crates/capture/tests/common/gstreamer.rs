//! A camera played by GStreamer's RTSP server.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const PYTHON: &str = "/usr/bin/python3";
const SCRIPT: &str = include_str!("../peers/rtsp.py");

/// A process of GStreamer that plays a camera. Dropping it kills the process.
pub struct Camera {
    child: Child,
    _stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    arguments: Vec<String>,
    pub port: u16,
}

/// Returns true if GStreamer's RTSP server is installed.
pub fn is_installed() -> bool {
    let probe = "import gi; gi.require_version('GstRtspServer', '1.0'); \
        from gi.repository import Gst, GstRtspServer; Gst.init(None); \
        assert all(Gst.ElementFactory.find(e) for e in ('qtdemux', 'h264parse', 'rtph264pay', 'jpegenc'))";
    let run = Command::new(PYTHON).args(["-c", probe]).stderr(Stdio::null()).status();
    run.is_ok_and(|status| status.success())
}

impl Camera {
    /// Starts the script with these arguments, at any port, and waits until it listens.
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
        camera.port = camera.wait_for("port ").parse().expect("a port");
        camera
    }

    /// Waits for the next line of output that begins with this word, and returns the rest of the line.
    pub fn wait_for(&mut self, word: &str) -> String {
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

    /// Kills the camera, as a power cut does.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Kills the camera and starts it again at the same port. Waits until it listens.
    pub fn restart(&mut self) {
        self.kill();
        *self = Self::begin(std::mem::take(&mut self.arguments), self.port);
    }

    /// Pauses or continues the camera. While it is paused, it keeps its connections and sends nothing. Returns false if the
    /// system cannot do that.
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
