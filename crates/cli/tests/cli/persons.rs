//! The persons of a database: known again in the next run and after a kill, and what `passerby persons` does with them.

#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use passerby::store::{JournalSettings, Reader, SqliteJournal};
use passerby::types::{FaceTemplate, PersonEdits, PersonId};
use serde_json::Value;

use crate::{PORTRAITS, failure, run, success, text};

const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/passersby.mp4");

/// The number of kills.
const KILLS: u64 = 20;

/// A folder with the database `db` of the three portraits of one man, another man, and a woman.
fn portraits() -> tempfile::TempDir {
    /// One run analyses the portraits for all tests.
    static DATABASE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let photos = ["obama.jpg", "obama2.jpg", "biden.jpg", "astronaut.jpg"]
            .map(|name| format!("{PORTRAITS}/{name}"));
        let mut args = vec!["analyze", "--quiet", "--db", "db"];
        args.extend(photos.iter().map(String::as_str));
        success(folder.path(), &args);
        assert!(!folder.path().join("db-wal").exists(), "the run has written everything to the database");
        fs::read(folder.path().join("db")).unwrap()
    });
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("db"), &*DATABASE).unwrap();
    folder
}

fn persons(folder: &Path, args: &[&str]) -> String {
    success(folder, &[&["persons", "db"], args].concat())
}

fn json(folder: &Path, args: &[&str]) -> Value {
    serde_json::from_str(&persons(folder, args)).unwrap()
}

#[test]
fn a_clip_twice_on_one_database_has_the_same_persons_with_the_same_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["analyze", "--quiet", "--json", "--cadence", "3", "--db", "db", CLIP];
    let persons = |report: &str| -> Vec<(u64, u64)> {
        let report: Value = serde_json::from_str(report).unwrap();
        let each = report["people"].as_array().unwrap().iter();
        each.map(|p| (p["person"].as_u64().unwrap(), p["frames"].as_u64().unwrap())).collect()
    };
    let first = persons(&success(folder.path(), &args));
    assert!(first.len() >= 3, "{first:?}");
    let done = run(folder.path(), &args);
    assert_eq!(persons(text(&done.stdout)), first);
    assert_eq!(text(&done.stderr), format!("passerby: {} persons known\n", first.len()));

    // The table has the same persons as the summary, in both runs, and the gallery no others.
    let reader = Reader::open(folder.path().join("db")).unwrap();
    for run in reader.runs().unwrap() {
        let rows: Vec<(u64, u64)> =
            reader.persons(run.id).unwrap().iter().map(|p| (p.id.0, p.frames)).collect();
        assert_eq!(rows, first);
        assert_eq!(reader.counts(run.id).unwrap().persons, first.len() as u64);
    }
    assert_eq!(reader.known_persons().unwrap().len(), first.len());
    let conn = rusqlite::Connection::open(folder.path().join("db")).unwrap();
    let rows: i64 = conn.query_row("SELECT count(*) FROM person", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 2 * first.len() as i64);
}

#[test]
fn without_a_gallery_no_template_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    success(
        folder.path(),
        &["analyze", "--quiet", "--no-gallery", "--db", "db", &format!("{PORTRAITS}/obama.jpg")],
    );
    assert_eq!(persons(folder.path(), &["list"]), "0 persons\n");
}

#[test]
fn a_second_process_is_refused() {
    let folder = portraits();
    let journal = SqliteJournal::open(folder.path().join("db"), JournalSettings::default()).unwrap();
    let own = std::process::id();
    let refused = format!("passerby: db: its gallery is in use by process {own}");
    let photo = format!("{PORTRAITS}/obama.jpg");
    assert_eq!(failure(folder.path(), &["analyze", "--quiet", "--db", "db", &photo]), refused);
    assert_eq!(failure(folder.path(), &["persons", "db", "name", "1", "Ann"]), refused);
    assert!(persons(folder.path(), &["list"]).starts_with("3 persons\n"), "a list needs no lock");
    drop(journal);
    persons(folder.path(), &["name", "1", "Ann"]);
}

#[test]
fn the_embedder_of_another_precision_needs_another_database() {
    let folder = portraits();
    let photo = format!("{PORTRAITS}/obama.jpg");
    let line = failure(folder.path(), &["analyze", "--quiet", "--precision", "int8", "--db", "db", &photo]);
    let expected =
        "its gallery has templates of mobilefacenet float, not of mobilefacenet int8: use another database";
    assert!(line.ends_with(expected), "{line}");
}

#[test]
fn a_name_a_merge_and_their_undo() {
    let folder = portraits();
    let folder = folder.path();
    let before = persons(folder, &["list"]);
    assert!(
        persons(folder, &["name", "1", "Barack Obama"]).starts_with("person 1 is Barack Obama; undo with: ")
    );
    assert!(persons(folder, &["merge", "Barack Obama", "2"]).starts_with("person 2 is person 1 now"));
    let list = json(folder, &["list", "--json"]);
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!((&list[0]["name"], &list[0]["aliases"]), (&"Barack Obama".into(), &1.into()));
    let shown = json(folder, &["show", "2", "--json"]);
    assert_eq!(shown["numbers"], serde_json::json!([1, 2]));
    let entries: Vec<(String, u64)> = shown["journal"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (e["kind"].as_str().unwrap().to_owned(), e["entry"].as_u64().unwrap()))
        .collect();
    for (kind, entry) in entries.iter().filter(|(kind, _)| kind == "merged" || kind == "named") {
        persons(folder, &["undo", &entry.to_string()]);
        let again = failure(folder, &["persons", "db", "undo", &entry.to_string()]);
        assert!(again.contains("was undone already"), "{kind}: {again}");
    }
    assert_eq!(persons(folder, &["list"]), before);
    assert!(persons(folder, &["show", "1"]).contains("named 1 Barack Obama, undone by"));
}

#[test]
fn templates_that_show_another_person_are_split_off() {
    let folder = portraits();
    let folder = folder.path();
    persons(folder, &["merge", "1", "2"]);
    let templates = |person: &str| -> Vec<u64> {
        let shown = json(folder, &["show", person, "--json"]);
        shown["templates"].as_array().unwrap().iter().map(|t| t["template"].as_u64().unwrap()).collect()
    };
    let all = templates("1");
    let last = all.last().unwrap().to_string();
    assert!(persons(folder, &["split", "1", &last]).starts_with("person 4 has 1 templates of person 1 now"));
    assert_eq!(templates("4"), all[all.len() - 1..]);
    assert_eq!(templates("1"), all[..all.len() - 1]);
    let nothing = failure(folder, &["persons", "db", "split", "4", &last]);
    assert!(nothing.ends_with("must name some of the person's templates and leave others"), "{nothing}");
}

#[test]
fn a_photo_finds_its_person() {
    let folder = portraits();
    let photo = format!("{PORTRAITS}/obama3.jpg");
    let found = json(folder.path(), &["search", "--json", "--limit", "2", &photo]);
    assert_eq!((found.as_array().unwrap().len(), &found[0]["person"]), (2, &1.into()));
    assert_ne!(found[0]["verdict"], "other");
    assert_eq!(found[1]["verdict"], "other");
    assert!(persons(folder.path(), &["search", &photo]).contains(": person 1, last seen "));
}

#[test]
fn an_export_can_be_imported_once() {
    let folder = portraits();
    let folder = folder.path();
    persons(folder, &["name", "1", "Barack Obama"]);
    assert_eq!(persons(folder, &["export", "all.jsonl"]), "3 persons are in all.jsonl\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(folder.join("all.jsonl").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(persons(folder, &["import", "all.jsonl"]).ends_with("0 persons added, 3 known already\n"));
    assert!(persons(folder, &["forget", "1"]).starts_with("person 1 is forgotten: "));
    let imported = persons(folder, &["import", "all.jsonl"]);
    assert_eq!(imported, "person 1 of the file is person 4\n1 persons added, 2 known already\n");
    assert!(persons(folder, &["show", "Barack Obama"]).contains("entered by hand"));

    let lines = fs::read_to_string(folder.join("all.jsonl")).unwrap();
    let cases = [
        ("1", lines.replace("passerby-persons", "others"), "not a file of persons"),
        ("4", lines.lines().take(3).collect::<Vec<_>>().join("\n"), "cut off: 2 persons of 3"),
        ("2", lines.replacen("\"embedding\":[", "\"embedding\":[9,", 1), "an embedding is not of length 1"),
        ("2", lines.replacen("\"person\":1", "\"person\":\"x\"", 1), "not a person"),
    ];
    for (line, content, expected) in cases {
        fs::write(folder.join("bad.jsonl"), content).unwrap();
        let refused = failure(folder, &["persons", "db", "import", "bad.jsonl"]);
        assert!(refused.contains(&format!("bad.jsonl:{line}: {expected}")), "{refused}");
    }
}

#[test]
fn nothing_of_a_forgotten_person_is_in_the_database_or_a_new_export() {
    let folder = portraits();
    let folder = folder.path();
    let name = "Bartholomew Featherstonehaugh";
    persons(folder, &["name", "1", name]);
    persons(folder, &["export", "before.jsonl"]);
    let sum = Reader::open(folder.join("db")).unwrap().gallery().unwrap();
    let mine = sum.templates.iter().filter(|t| t.person == PersonId(1));
    let bytes = |t: &FaceTemplate| t.embedding.as_slice()[..8].iter().flat_map(|v| v.to_le_bytes()).collect();
    let mut secrets: Vec<Vec<u8>> = mine.map(bytes).collect();
    secrets.push(name.into());
    let is_in = |file: &str, secret: &[u8]| {
        fs::read(folder.join(file)).unwrap_or_default().windows(secret.len()).any(|window| window == secret)
    };
    assert!(secrets.len() > 1 && secrets.iter().all(|s| is_in("db", s) || is_in("db-wal", s)));
    assert!(is_in("before.jsonl", name.as_bytes()));
    let said = persons(folder, &["forget", name]);
    assert!(said.contains("no template and no name of the person is left"), "{said}");
    persons(folder, &["export", "after.jsonl"]);
    for file in ["db", "db-wal", "after.jsonl"] {
        assert!(secrets.iter().all(|secret| !is_in(file, secret)), "{file}");
    }
    assert!(failure(folder, &["persons", "db", "show", "1"]).ends_with("person 1 is not known"));
}

#[test]
fn mistakes_are_named() {
    let folder = portraits();
    let folder = folder.path();
    let cases: [(&[&str], &str); 6] = [
        (&["persons", "no.db", "list"], "no.db: "),
        (&["persons", "no.db", "undo", "1"], "no.db: "),
        (&["persons", "db", "show", "77"], "person 77 is not known"),
        (&["persons", "db", "name", "Ann", "Bob"], "no person has the name Ann"),
        (&["persons", "db", "undo", "1"], "entry 1 is not an edit that can be undone"),
        (&["persons", "db", "export", "db"], "is the file of DATABASE too"),
    ];
    for (args, expected) in cases {
        let line = failure(folder, args);
        assert!(line.contains(expected), "{args:?}: {line}");
    }
    assert!(!folder.join("no.db").exists(), "a mistyped name makes no database");
    persons(folder, &["name", "1", "Twin"]);
    persons(folder, &["name", "2", "Twin"]);
    let line = failure(folder, &["persons", "db", "show", "Twin"]);
    assert!(line.ends_with("2 persons have the name Twin: 1, 2"), "{line}");
}

/// Returns the templates of each person of a database that a killed process may have left. Empty if it has no tables yet.
fn known(database: &Path) -> BTreeMap<PersonId, Vec<FaceTemplate>> {
    let Ok(reader) = Reader::open(database) else { return BTreeMap::new() };
    let sum = reader.gallery().unwrap();
    let edits = PersonEdits::of(&sum.edits).unwrap();
    let mut known: BTreeMap<PersonId, Vec<FaceTemplate>> = BTreeMap::new();
    for person in sum.persons.iter().filter(|person| edits.root(person.id) == person.id) {
        known.insert(person.id, Vec::new());
    }
    for template in sum.templates {
        let person = edits.root(edits.owner(template.id, template.person));
        known.get_mut(&person).unwrap().push(template);
    }
    known
}

#[test]
fn a_killed_run_loses_no_person_and_makes_none_twice() {
    let folder = tempfile::tempdir().unwrap();
    let database: PathBuf = folder.path().join("db");
    let mut written: BTreeMap<PersonId, Vec<FaceTemplate>> = BTreeMap::new();
    let mut hits = 0;
    for round in 0..KILLS {
        let mut child = Command::new(env!("CARGO_BIN_EXE_passerby"))
            .current_dir(folder.path())
            .args(["analyze", "--quiet", "--cadence", "2", "--db", "db", CLIP])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The kill comes at another moment of each run, often between two commits of the gallery.
        let moment = Instant::now() + Duration::from_millis(150 + round * 7919 % 1700);
        let mut seen = written.clone();
        while Instant::now() < moment {
            std::thread::sleep(Duration::from_millis(10));
            let now = known(&database);
            seen = if now.is_empty() { seen } else { now };
        }
        hits += u64::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        let after = known(&database);
        assert!(
            seen.keys().all(|person| after.contains_key(person)),
            "{:?} and then {:?}",
            seen.keys(),
            after.keys()
        );
        assert!(after.values().all(|templates| !templates.is_empty()), "a person without a template");
        written = after;
    }
    assert!(hits > KILLS / 2, "only {hits} runs were killed");
    success(folder.path(), &["analyze", "--quiet", "--cadence", "2", "--db", "db", CLIP]);
    let last = known(&database);
    let clean = folder.path().join("clean");
    success(folder.path(), &["analyze", "--quiet", "--cadence", "2", "--db", "clean", CLIP]);
    assert_eq!(last.len(), known(&clean).len(), "as many persons as one run without a kill");
    for (person, templates) in &last {
        for (other, others) in last.range(PersonId(person.0 + 1)..) {
            let cosines =
                templates.iter().flat_map(|t| others.iter().map(|o| t.embedding.cosine(&o.embedding)));
            let nearest = cosines.max_by(f32::total_cmp).unwrap();
            assert!(nearest < 0.5, "{person} and {other} are alike: {nearest}");
        }
    }
}
