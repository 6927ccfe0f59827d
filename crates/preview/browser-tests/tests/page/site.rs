//! A running page: the example `live_page`, or one that is there already.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The longest that the example may take to print its address.
const START_LIMIT: Duration = Duration::from_secs(120);

/// The folder of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").canonicalize().unwrap()
}

/// A page. Its server ends with it, unless it was there before.
pub struct Site {
    pub url: String,
    server: Option<Child>,
}

impl Site {
    /// Starts a server of its own on a free port, or takes the one that `PASSERBY_PAGE` names.
    pub fn start() -> Self {
        if let Ok(url) = std::env::var("PASSERBY_PAGE") {
            return Self { url, server: None };
        }
        let mut server = Command::new(example())
            .arg("127.0.0.1:0")
            .current_dir(root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example starts");
        let lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(url) = line.split_whitespace().find(|word| word.starts_with("http://")) {
                    let _ = sender.send(url.to_owned());
                }
            }
        });
        let url = receiver.recv_timeout(START_LIMIT);
        let site = Self { url: url.clone().unwrap_or_default(), server: Some(server) };
        url.expect("the example prints its address in time");
        site
    }

    /// Kills the server, as a crash would. Returns false if the server is not ours.
    pub fn kill(&mut self) -> bool {
        let Some(mut server) = self.server.take() else { return false };
        let _ = server.kill();
        let _ = server.wait();
        true
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Builds the example once, and returns its path.
fn example() -> &'static Path {
    static EXAMPLE: OnceLock<PathBuf> = OnceLock::new();
    EXAMPLE.get_or_init(|| {
        let target =
            std::env::var_os("PASSERBY_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
        let built = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
            .args([
                "build",
                "--quiet",
                "--package",
                "passerby-preview",
                "--example",
                "live_page",
                "--target-dir",
            ])
            .arg(&target)
            .current_dir(root())
            .status()
            .expect("cargo runs");
        assert!(built.success(), "the example live_page does not build");
        target.join("debug/examples/live_page")
    })
}
