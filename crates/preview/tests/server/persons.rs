//! Corrections of persons, which the database keeps.

use std::sync::Arc;

use passerby::reid::{Gallery, GalleryPolicy, SharedGallery};
use passerby::store::{JournalSettings, SqliteJournal};
use passerby_testkit::suite::direction;
use passerby_types::SystemClock;
use serde_json::{Value, json};

use crate::client::{change, get, open, read_until, send};
use crate::site::{Site, settings};

/// Returns a site with two persons in a database.
fn site(folder: &tempfile::TempDir) -> Site {
    let path = folder.path().join("passerby.sqlite");
    let journal = SqliteJournal::open(&path, JournalSettings::default()).unwrap();
    let gallery = Gallery::open(GalleryPolicy::default(), journal, Arc::new(SystemClock::new())).unwrap();
    let gallery = SharedGallery::of(gallery);
    gallery.enroll(&[direction(4, 0)]).unwrap();
    gallery.enroll(&[direction(4, 1)]).unwrap();
    Site::with(settings(), Some(path), Some(gallery))
}

#[test]
fn a_person_is_named_merged_undone_and_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(&folder);
    let to = site.address;
    let mut events = open(to, "/api/events?kinds=person");
    read_until(&mut events, ": passerby");

    let list = get(to, "/api/persons").json();
    assert_eq!((&list["total"], list["persons"].as_array().unwrap().len()), (&json!(2), 2));
    let named = change(to, "PATCH", "/api/persons/1", &json!({ "name": " Ann " })).json();
    assert_eq!((&named["person"], &named["name"]), (&json!(1), &json!("Ann")));
    read_until(&mut events, "\"kind\":\"named\"");
    assert_eq!(get(to, "/api/persons?search=an").json()["total"], 1);

    let merged = change(to, "POST", "/api/persons/2/merge", &json!({ "into": 1 })).json();
    assert_eq!((&merged["person"], &merged["aliases"]), (&json!(1), &json!(1)));
    assert_eq!(get(to, "/api/persons").json()["total"], 1);
    assert_eq!(get(to, "/api/persons/2").json()["numbers"], json!([1, 2]));
    let undone = change(to, "POST", "/api/persons/undo", &json!({ "entry": merged["entry"] }));
    assert_eq!(undone.status, 200, "{}", undone.text());
    assert_eq!(get(to, "/api/persons").json()["total"], 2);
    let journal = get(to, "/api/persons/journal?limit=2").json();
    let kinds: Vec<&str> =
        journal["journal"].as_array().unwrap().iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["undone", "merged"]);

    assert_eq!(change(to, "DELETE", "/api/persons/2", &Value::Null).status, 200);
    assert_eq!(get(to, "/api/persons").json()["total"], 1);
    assert_eq!(get(to, "/api/persons/2").status, 404);
    read_until(&mut events, "\"kind\":\"forgotten\"");
    let _ = site.stop();
}

#[test]
fn templates_are_split_off() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(&folder);
    change(site.address, "POST", "/api/persons/2/merge", &json!({ "into": 1 }));
    let detail = get(site.address, "/api/persons/1").json();
    assert_eq!(detail["templates"].as_array().unwrap().len(), 2);
    let one = &detail["templates"][1]["template"];
    let split = change(site.address, "POST", "/api/persons/1/split", &json!({ "templates": [one] })).json();
    assert_eq!((&split["person"], &split["templates"]), (&json!(3), &json!(1)));
    assert_eq!(get(site.address, "/api/persons").json()["total"], 2);
    let _ = site.stop();
}

#[test]
fn wrong_corrections_are_refused_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(&folder);
    let to = site.address;
    let refused = [
        ("PATCH", "/api/persons/1", json!({ "name": "" }), 400),
        ("PATCH", "/api/persons/9", json!({ "name": "Ann" }), 404),
        ("PATCH", "/api/persons/1", json!({ "title": 3 }), 200),
        ("POST", "/api/persons/1/merge", json!({ "into": 1 }), 409),
        ("POST", "/api/persons/1/merge", json!({ "into": 9 }), 404),
        ("POST", "/api/persons/1/split", json!({ "templates": [] }), 409),
        ("POST", "/api/persons/undo", json!({ "entry": 999 }), 409),
        ("POST", "/api/persons/undo", json!("nonsense"), 400),
        ("DELETE", "/api/persons/9", Value::Null, 404),
    ];
    for (method, path, body, status) in refused {
        let answer = change(to, method, path, &body);
        assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.text());
    }
    assert_eq!(get(to, "/api/persons").json()["total"], 2);
    let _ = site.stop();
}

#[test]
fn a_run_without_a_database_has_no_persons_and_no_answers() {
    let site = Site::new();
    assert_eq!(get(site.address, "/api/persons").json(), json!({ "persons": [], "total": 0 }));
    assert_eq!(get(site.address, "/api/report").status, 409);
    assert_eq!(change(site.address, "PATCH", "/api/persons/1", &json!({ "name": "Ann" })).status, 409);
    let _ = site.stop();
}

#[test]
fn answers_are_those_of_the_question() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(&folder);
    let answer = get(site.address, "/api/report?by=day&time_zone=Europe/Berlin").json();
    assert_eq!((&answer["by"], &answer["time_zone"]), (&json!("day"), &json!("Europe/Berlin")));
    for query in
        ["from=yesterday", "by=year", "time_zone=Nowhere", "visit_gap=-1", "from=2026-06-02&to=2026-06-01"]
    {
        assert_eq!(get(site.address, &format!("/api/report?{query}")).status, 400, "{query}");
    }
    let _ = site.stop();
}

#[test]
fn a_picture_without_a_face_finds_no_one() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(&folder);
    let origin = format!("Origin: http://{}\r\n", site.address);
    let answer = send(site.address, "POST", "/api/persons/search", &origin, b"not a picture");
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("the picture"), "{}", answer.text());
    let _ = site.stop();
}
