//! A running page: the program's, with the bundled clip as four cameras, or one that is there already.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The longest that the program may take to print its address.
const START_LIMIT: Duration = Duration::from_secs(120);

/// The folder of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").canonicalize().unwrap()
}

/// A page. Its server ends with it, unless it was there before.
pub struct Site {
    pub url: String,
    server: Option<Child>,
    _folder: Option<tempfile::TempDir>,
}

/// Returns the configuration of the program: these cameras, a database of its own, and a free port.
fn config(folder: &Path, inputs: &[String]) -> String {
    let camera = |(n, uri)| format!("[[camera]]\nname = \"Camera {n}\"\nuri = {uri:?}\n");
    let cameras: String = inputs.iter().enumerate().map(camera).collect();
    let database = folder.join("page.sqlite");
    format!("{cameras}[store]\ndatabase = {database:?}\n[preview]\naddress = \"127.0.0.1:0\"\n")
}

impl Site {
    /// Starts a server of its own with these cameras on a free port, or takes the one that `PASSERBY_PAGE` names.
    pub fn start(inputs: &[String]) -> Self {
        if let Ok(url) = std::env::var("PASSERBY_PAGE") {
            return Self { url, server: None, _folder: None };
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("passerby.toml");
        std::fs::write(&file, config(folder.path(), inputs)).unwrap();
        let mut server = Command::new(program())
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let lines = BufReader::new(server.stderr.take().unwrap()).lines();
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(url) = line.split_whitespace().find(|word| word.starts_with("http://")) {
                    let _ = sender.send(url.to_owned());
                }
            }
        });
        let url = receiver.recv_timeout(START_LIMIT);
        let site = Self { url: url.clone().unwrap_or_default(), server: Some(server), _folder: Some(folder) };
        url.expect("the program prints its address in time");
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

/// Returns the path of the program: the one that `PASSERBY_PROGRAM` names, or one that is built now, once.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(program) = std::env::var_os("PASSERBY_PROGRAM") {
            return program.into();
        }
        let target =
            std::env::var_os("PASSERBY_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
        let built = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
            .args(["build", "--quiet", "--package", "passerby-cli", "--target-dir"])
            .arg(&target)
            .current_dir(root())
            .status()
            .expect("cargo runs");
        assert!(built.success(), "the program does not build");
        target.join("debug/passerby")
    })
}
