//! Persons of runs whose numbers are the gallery's.

use std::collections::BTreeMap;

use passerby_store::RunId;
use passerby_store::query::PersonKey;
use passerby_types::PersonId;
use rusqlite::Connection;

use super::{Database, seen, unidentified};

fn lasting(id: u64) -> PersonKey {
    PersonKey { run: None, id: PersonId(id) }
}

const GALLERY_PERSONS: &str = "INSERT INTO gallery_person (person, root, name, enrolled, tracks) VALUES
    (1, 1, NULL, 0, 2), (2, 2, 'Ada', 0, 1), (3, 3, NULL, 0, 1);";

#[test]
fn a_number_of_the_gallery_is_one_person_in_all_runs() {
    let database = Database::new();
    database.lasting_run(&[seen(0, 1, "2026-06-01T10:00Z", "2026-06-01T10:01Z")]);
    database.lasting_run(&[seen(0, 1, "2026-06-02T10:00Z", "2026-06-02T10:01Z")]);
    let answers = database.answers();
    let total = &answers.totals()[0];
    assert_eq!((total.persons, total.new, total.returning), (1, 1, 1));
    assert_eq!(answers.path(lasting(1)).len(), 2);
}

#[test]
fn merged_persons_are_one_with_its_name() {
    let database = Database::new();
    database.lasting_run(&[
        seen(0, 1, "2026-06-01T10:00Z", "2026-06-01T10:01Z"),
        seen(1, 2, "2026-06-01T10:02Z", "2026-06-01T10:03Z"),
        seen(0, 3, "2026-06-01T11:00Z", "2026-06-01T11:01Z"),
    ]);
    database.change(&format!("{GALLERY_PERSONS} UPDATE gallery_person SET root = 1 WHERE person = 2"));
    let answers = database.answers();
    let found: Vec<_> = answers.last_seen(9).into_iter().map(|row| (row.person, row.name)).collect();
    assert_eq!(found, [(lasting(3), None), (lasting(1), Some("Ada".to_owned()))]);
    let total = &answers.totals()[0];
    assert_eq!((total.visits, total.persons), (2, 2));
}

#[test]
fn persons_are_those_of_the_view_track_identity() {
    let database = Database::new();
    let track = |camera, person| seen(camera, person, "2026-06-01T10:00Z", "2026-06-01T10:01Z");
    // A run of a gallery in memory, whose numbers mean nothing elsewhere.
    database.run(&[(0, "door")], &[track(0, 1), track(0, 2)]).finish().unwrap();
    database.lasting_run(&[
        track(0, 1),
        track(1, 1),
        track(0, 2),
        track(1, 3),
        unidentified(0, "2026-06-01T10:00Z", "2026-06-01T10:00Z"),
    ]);
    // The second track of person 1 was another person, and 3 stands for 2.
    database.change(&format!(
        "{GALLERY_PERSONS} INSERT INTO gallery_person (person, root, enrolled, tracks) VALUES (4, 4, 0, 1);
        UPDATE gallery_person SET root = 2 WHERE person = 3;
        INSERT INTO gallery_track (run, camera, track, person) VALUES (2, 1, 2, 4), (1, 0, 1, 9);"
    ));
    let conn = Connection::open(&database.path).unwrap();
    let sql = "SELECT iif(run.gallery, NULL, run), person, count(DISTINCT camera)
        FROM track_identity JOIN run ON run.id = run WHERE person IS NOT NULL GROUP BY 1, 2";
    let mut view = conn.prepare(sql).unwrap();
    let key = |row: &rusqlite::Row<'_>| {
        let id = PersonId(row.get::<_, i64>(1)?.unsigned_abs());
        Ok((
            PersonKey { run: row.get::<_, Option<i64>>(0)?.map(RunId), id },
            row.get::<_, isize>(2)?.unsigned_abs(),
        ))
    };
    let expected: BTreeMap<PersonKey, usize> = view.query_map([], key).unwrap().map(Result::unwrap).collect();
    let answers = database.answers();
    let found: BTreeMap<PersonKey, usize> =
        answers.last_seen(99).iter().map(|row| (row.person, answers.path(row.person).len())).collect();
    assert_eq!(found, expected);
    assert_eq!(found.len(), 5);
}
