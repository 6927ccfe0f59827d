//! `passerby analyze` on a folder of photographs, one of them broken, with every output.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use passerby::store::Reader;
use serde_json::Value;

use crate::analyze::{analyze, folder, text};

/// A run on a folder of photographs, one of them broken, with every output.
struct PhotographRun {
    code: Option<i32>,
    complaints: String,
    summary: Value,
    /// The texts of the files that it wrote, by their paths.
    texts: BTreeMap<String, String>,
    /// The fault of its database, if it has one.
    fault: Option<String>,
}

impl PhotographRun {
    fn new(input: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let args = [
            "--every-frame",
            "--json",
            "--detector-size",
            "640x384",
            "--mot",
            &path("mot"),
            "--faces",
            &path("faces.jsonl"),
            "--embeddings",
            "--db",
            &path("db.sqlite"),
            &input.display().to_string(),
        ];
        let output = analyze(&args);
        let summary = serde_json::from_slice(&output.stdout).unwrap();
        let files = ["faces.jsonl", "mot/obama.txt", "mot/obama2.txt", "mot/biden.txt", "mot/astronaut.txt"];
        let texts = files.map(|name| (name.to_owned(), fs::read_to_string(path(name)).unwrap())).into();
        let checked = Reader::open(path("db.sqlite")).and_then(|reader| reader.check());
        let fault = checked.err().map(|e| e.to_string());
        Self { code: output.status.code(), complaints: text(&output.stderr), summary, texts, fault }
    }

    /// Returns a run that several tests look at.
    fn shared() -> &'static Self {
        static RUN: LazyLock<PhotographRun> = LazyLock::new(|| PhotographRun::new(folder().path()));
        &RUN
    }
}

#[test]
fn one_bad_photograph_fails_alone() {
    let run = PhotographRun::shared();
    // Exit code 2 and one line that names the bad file. The other files were analysed.
    assert_eq!(run.code, Some(2));
    let complaints = &run.complaints;
    assert_eq!(complaints.lines().count(), 1, "{complaints}");
    assert!(complaints.contains("broken.jpg") && complaints.contains("unrecognised format"), "{complaints}");
    let summary = &run.summary;
    assert_eq!(
        (&summary["frames"], &summary["faces"], &summary["tracks"]),
        (&4.into(), &4.into(), &4.into())
    );
    assert_eq!(summary["ledger"]["captured"], 4);
    assert!(summary["stages_ms"]["detect"].as_f64().unwrap() > 0.0);
}

#[test]
fn the_summary_names_the_first_and_last_photograph_of_each_person() {
    let summary = &PhotographRun::shared().summary;
    assert_eq!(summary["persons"], 3, "two of the four photographs show one person: {summary}");
    let seen_in = |person: &Value, which: &str| {
        Path::new(person[which].as_str().unwrap()).file_name().unwrap().to_str().unwrap().to_owned()
    };
    let people = summary["people"].as_array().unwrap();
    let mut spans: Vec<_> =
        people.iter().map(|p| [seen_in(p, "first_seen_in"), seen_in(p, "last_seen_in")]).collect();
    spans.sort();
    assert_eq!(
        spans,
        [["astronaut.jpg"; 2], ["biden.jpg"; 2], ["obama.jpg", "obama2.jpg"]].map(|s| s.map(String::from))
    );
}

#[test]
fn each_photograph_gives_a_mot_row() {
    let run = PhotographRun::shared();
    for name in ["obama", "obama2", "biden", "astronaut"] {
        let rows = &run.texts[&format!("mot/{name}.txt")];
        assert_eq!(rows.lines().count(), 1, "{name}");
        assert!(rows.starts_with("1,1,") && rows.trim_end().ends_with(",-1,-1,-1"), "{rows}");
    }
}

#[test]
fn each_photograph_gives_a_json_line() {
    let run = PhotographRun::shared();
    let lines = &run.texts["faces.jsonl"];
    for line in lines.lines() {
        let frame: Value = serde_json::from_str(line).unwrap();
        let face = &frame["faces"][0];
        assert_eq!(face["embedding"].as_array().unwrap().len(), 192);
        assert_eq!(face["landmarks"].as_array().unwrap().len(), 5);
        assert!(face["age"].is_number() && face["p_male"].is_number() && face["box"][3].is_number());
        assert_eq!(frame["frame"], 1);
    }
    assert_eq!(lines.lines().count(), 4);
    assert_eq!(run.fault, None, "in the database");
}

#[test]
fn a_second_run_gives_the_same_result() {
    let pictures = folder();
    let [first, second] = [(); 2].map(|()| PhotographRun::new(pictures.path()));
    let without_times = |run: &PhotographRun| {
        let mut summary = run.summary.clone();
        summary.as_object_mut().unwrap().remove("stages_ms");
        summary
    };
    assert_eq!(without_times(&first), without_times(&second));
    assert_eq!(first.texts["faces.jsonl"], second.texts["faces.jsonl"]);
}
