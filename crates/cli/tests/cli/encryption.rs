//! A database whose templates are encrypted: one key over several runs, and the commands of `passerby persons`.
#![cfg(feature = "encryption")]
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::{PORTRAITS, failure, run, success, text};

/// Analyses a portrait into the database `db`, and returns the standard error.
fn analyze(folder: &Path, portrait: &str, options: &[&str]) -> String {
    let photo = format!("{PORTRAITS}/{portrait}");
    let done = run(folder, &[&["analyze", "--quiet", "--db", "db", &photo], options].concat());
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    text(&done.stderr).to_owned()
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

#[cfg(unix)]
#[test]
fn serve_reads_a_key_once_so_that_it_may_come_through_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let pipe = folder.join("door.key");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let video = concat!(env!("CARGO_MANIFEST_DIR"), "/../capture/tests/data/tiny.mp4");
    let config = format!(
        "[store]\ndatabase = \"db\"\nkey_file = \"door.key\"\n[preview]\nenabled = false\n[[camera]]\nname = \"door\"\nuri = \"{video}\"\n"
    );
    fs::write(folder.join("passerby.toml"), config).unwrap();
    let mut serve = Command::new(env!("CARGO_BIN_EXE_passerby"));
    let mut serve = serve.current_dir(folder).arg("serve").spawn().unwrap();
    // It waits until the program opens the pipe.
    let give_key = move || fs::write(pipe, "5a".repeat(32));
    thread::Builder::new().name("key".into()).spawn(give_key).unwrap();
    // With a second read, the program would wait for ever, and make no database.
    let encrypted = "passerby: db: its templates are encrypted: give their key\n";
    let until = Instant::now() + Duration::from_secs(60);
    let mut said = String::new();
    while said != encrypted && Instant::now() < until {
        thread::sleep(Duration::from_millis(50));
        said = text(&run(folder, &["persons", "db", "show", "1"]).stderr).to_owned();
    }
    serve.kill().unwrap();
    serve.wait().unwrap();
    assert_eq!(said, encrypted);
}
