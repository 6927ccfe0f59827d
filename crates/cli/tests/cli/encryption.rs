//! A database whose templates are encrypted: one key over several runs, and the commands of `passerby persons`.
#![cfg(feature = "encryption")]
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::path::Path;
use std::process::{Command, Output};

const PORTRAITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../capture/portraits");

fn run(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_passerby")).current_dir(folder).args(args).output().unwrap()
}

/// Returns the standard output of a command that succeeds.
fn success(folder: &Path, args: &[&str]) -> String {
    let done = run(folder, args);
    assert_eq!(done.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// Returns the only line on standard error of a command that ends with exit code 2.
fn failure(folder: &Path, args: &[&str]) -> String {
    let done = run(folder, args);
    let line = String::from_utf8(done.stderr).unwrap();
    assert_eq!((done.status.code(), line.lines().count()), (Some(2), 1), "{args:?}: {line}");
    line.trim_end().to_owned()
}

/// Analyses a portrait into the database `db`, and returns the standard error.
fn analyze(folder: &Path, portrait: &str, options: &[&str]) -> String {
    let photo = format!("{PORTRAITS}/{portrait}");
    let done = run(folder, &[&["analyze", "--quiet", "--db", "db", &photo], options].concat());
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stderr).unwrap()
}

#[test]
fn a_database_is_encrypted_used_and_decrypted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    analyze(folder, "obama.jpg", &[]);
    let said = success(folder, &["persons", "db", "encrypt", "door.key"]);
    assert_eq!(
        said,
        "door.key has a new key\n\
        the templates of db are encrypted: give --key-file door.key from now on\n\
        without this key the templates are lost: keep a copy of it, apart from the database\n"
    );

    // Without the key, nothing that needs templates goes on, and lists do.
    let needed = "passerby: db: its templates are encrypted: give their key";
    let photo = format!("{PORTRAITS}/obama2.jpg");
    assert_eq!(failure(folder, &["analyze", "--quiet", "--db", "db", &photo]), needed);
    assert_eq!(failure(folder, &["persons", "db", "search", &photo]), needed);
    assert!(success(folder, &["persons", "db", "list"]).starts_with("1 persons\n"));

    // With it, the person is known again, in later runs and in pictures.
    let key = ["--key-file", "door.key"];
    assert_eq!(analyze(folder, "obama2.jpg", &key), "passerby: 1 person known\n");
    let found = success(folder, &["persons", "db", "--key-file", "door.key", "search", &photo]);
    assert!(found.contains(" same: person 1, last seen "), "{found}");
    let named = success(folder, &["persons", "db", "name", "1", "Ann", "--key-file", "door.key"]);
    assert!(named.contains("undo with: passerby persons db --key-file door.key undo "), "{named}");

    success(folder, &["persons", "db", "decrypt", "--key-file", "door.key"]);
    assert_eq!(analyze(folder, "obama.jpg", &[]), "passerby: 1 person known\n");
}

#[test]
fn a_new_database_is_encrypted_from_its_first_template_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // An empty database makes the key.
    success(folder, &["analyze", "--quiet", "--db", "other", &format!("{PORTRAITS}/obama.jpg")]);
    success(folder, &["persons", "other", "encrypt", "door.key"]);
    analyze(folder, "biden.jpg", &["--key-file", "door.key"]);
    let refused = "passerby: db: its templates are encrypted: give their key";
    assert_eq!(failure(folder, &["persons", "db", "show", "1"]), refused);
    let shown = success(folder, &["persons", "db", "show", "1", "--key-file", "door.key"]);
    assert!(shown.contains("templates:"), "{shown}");
}

#[test]
fn a_key_file_that_is_none_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let missing = failure(folder, &["persons", "db", "list", "--key-file", "door.key"]);
    assert!(missing.starts_with("passerby: door.key: "), "{missing}");
}
