//! Runs `passerby evaluate` as its users do, on folders made of the repository's portraits.

#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::PORTRAITS;

fn evaluate(folder: &Path, options: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_passerby"));
    program.args(["evaluate", "persons"]).args(options).arg(folder).output().unwrap()
}

/// Makes a folder with three people: the first has three pictures, the second a picture and a
/// text file, the third a picture.
fn people() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let people = [
        ("obama", &["obama.jpg", "obama2.jpg", "obama3.jpg"][..]),
        ("biden", &["biden.jpg"]),
        ("astronaut", &["astronaut.jpg"]),
    ];
    for (person, pictures) in people {
        let to = folder.path().join(person);
        fs::create_dir(&to).unwrap();
        for picture in pictures {
            fs::copy(Path::new(PORTRAITS).join(picture), to.join(picture)).unwrap();
        }
    }
    fs::write(folder.path().join("biden/broken.jpg"), "no picture").unwrap();
    folder
}

#[test]
fn the_pictures_of_three_people_become_three_persons() {
    let folder = people();
    let done = evaluate(folder.path(), &["--json"]);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(report["people"], 3);
    assert_eq!(report["people_to_know"], 0, "no person has four pictures");
    assert_eq!(report["pictures"]["used"], 5);
    assert_eq!(report["pictures"]["left_out"]["no picture"], 1);
    assert_eq!(report["galleries_left_out"], serde_json::json!([100, 1000, 10_000]));
    let stream = &report["stream"];
    assert_eq!((&stream["pictures"], &stream["persons"]), (&5.into(), &3.into()));
    assert_eq!((&stream["pairwise_f"], &stream["people_who_share"]), (&1.0.into(), &0.0.into()));
}

#[test]
fn the_text_says_what_was_left_out() {
    let folder = people();
    let done = evaluate(folder.path(), &[]);
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(text.starts_with("3 people, 5 pictures"), "{text}");
    assert!(text.contains("left out: 1 pictures, no picture"), "{text}");
    assert!(text.contains("left out: a gallery of 100, which needs 200 people"), "{text}");
    assert!(text.contains("3 persons of 3 people"), "{text}");
}

#[test]
fn each_picture_of_the_strangers_is_another_person() {
    let folder = people();
    let strangers = folder.path().join("biden");
    let done = evaluate(folder.path(), &["--json", "--strangers", strangers.to_str().unwrap()]);
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(report["people"], 4);
    assert_eq!(report["stream"]["persons"], 3, "one man is in the folder under two names");
    assert_eq!(report["stream"]["people_who_share"], 0.5);
}

#[test]
fn a_folder_without_people_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let done = evaluate(folder.path(), &[]);
    let line = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(2));
    assert!(line.contains("each subfolder is a person"), "{line}");
}

/// Makes a folder with three portraits whose names tell an age and a gender, and a picture whose name does not.
fn portraits_with_ages() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (portrait, name) in [
        ("obama.jpg", "47_0_1_a.jpg"),
        ("biden.jpg", "70_0_0_b.jpg"),
        ("astronaut.jpg", "43_1_0_c.jpg"),
        ("obama2.jpg", "unnamed.jpg"),
    ] {
        fs::copy(Path::new(PORTRAITS).join(portrait), folder.path().join(name)).unwrap();
    }
    folder
}

fn evaluate_attributes(folder: &Path, options: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_passerby"));
    program.args(["evaluate", "attributes"]).args(options).arg(folder).output().unwrap()
}

#[test]
fn the_errors_of_attributes_are_those_of_the_named_pictures() {
    let folder = portraits_with_ages();
    let done = evaluate_attributes(folder.path(), &["--json"]);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(report["pictures"]["used"], 3);
    assert_eq!(report["pictures"]["left_out"]["no age and gender in its name"], 1);
    let all = &report["rows"][0];
    assert_eq!((&all["pictures"], &all["estimated"]), (&3.into(), &1.0.into()));
    assert!(all["error_years"].as_f64().unwrap() < 10.0, "{all}");
    assert_eq!(all["gender_right"], 1.0, "{all}");
    let bands: Vec<&Value> = report["rows"].as_array().unwrap().iter().map(|row| &row["ages"]).collect();
    assert_eq!(bands, ["all", "40 to 59", "60 to 79"]);
}

#[test]
fn a_folder_without_named_pictures_fails_with_one_line() {
    let folder = people();
    let done = evaluate_attributes(folder.path(), &[]);
    let text = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(2), "{text}");
    assert!(text.lines().count() == 1 && text.contains("no picture whose name begins with age"), "{text}");
}
