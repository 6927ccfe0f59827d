//! Runs the built program as its users do.

#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

mod analyze;
mod demo;
mod encryption;
mod evaluate;
mod kill;
mod outputs;
mod persons;
mod photographs;
mod pictures;
mod program;
mod report;
mod serve;
mod zones;

use std::path::Path;
use std::process::{Command, Output};

/// The folder of the portraits.
pub(crate) const PORTRAITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../capture/portraits");

pub(crate) fn run(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_passerby")).current_dir(folder).args(args).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Returns the standard output of a command that succeeds.
pub(crate) fn success(folder: &Path, args: &[&str]) -> String {
    let done = run(folder, args);
    assert_eq!(done.status.code(), Some(0), "{args:?}: {}", text(&done.stderr));
    text(&done.stdout).to_owned()
}

/// Returns the only line on standard error of a command that ends with exit code 2.
pub(crate) fn failure(folder: &Path, args: &[&str]) -> String {
    let done = run(folder, args);
    let line = text(&done.stderr);
    assert_eq!((done.status.code(), line.lines().count()), (Some(2), 1), "{args:?}: {line}");
    line.trim_end().to_owned()
}
