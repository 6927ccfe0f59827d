//! Answers from hand-made rows, with exact counts.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "tests")]

mod gallery;
mod minutes;
mod zones;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use passerby_store::query::{AgeBand, Answers, Period, PersonKey, Question, TimeZone, Timestamp, TrafficRow};
use passerby_store::{Reader, RunId, Sqlite, SqliteSettings, StoreFault};
use passerby_types::{
    Age, Attributes, BBox, CameraId, Face, FrameMeta, Identity, Observation, ObservedFace, PersonId, Sink,
    TrackId, TrackState,
};
use rusqlite::Connection;
use tempfile::TempDir;

/// One confirmed track of a run: its camera, its person, its first and last frame.
#[derive(Clone, Debug)]
struct Seen {
    camera: u32,
    person: Option<u64>,
    first: Timestamp,
    last: Timestamp,
    attributes: Option<Attributes>,
    state: TrackState,
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Returns a track of a person from one moment to another.
fn seen(camera: u32, person: u64, first: &str, last: &str) -> Seen {
    Seen {
        camera,
        person: Some(person),
        first: at(first),
        last: at(last),
        attributes: None,
        state: TrackState::Confirmed,
    }
}

fn unidentified(camera: u32, first: &str, last: &str) -> Seen {
    Seen { person: None, ..seen(camera, 1, first, last) }
}

fn described(person: u64, years: f32, p_male: f32) -> Seen {
    let age = Age { years, low: years - 5.0, high: years + 5.0 };
    let day = "2026-06-01T10:00Z";
    Seen { attributes: Some(Attributes { age, p_male }), ..seen(0, person, day, day) }
}

struct Database {
    _folder: TempDir,
    path: PathBuf,
}

impl Database {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passerby.sqlite");
        Self { _folder: folder, path }
    }

    fn of(tracks: &[Seen]) -> Self {
        let database = Self::new();
        database.run(&[(0, "door"), (1, "hall"), (2, "yard")], tracks).finish().unwrap();
        database
    }

    /// Writes a run, and returns its sink.
    fn run(&self, names: &[(u32, &str)], tracks: &[Seen]) -> Sqlite {
        self.run_with(SqliteSettings::default(), names, tracks)
    }

    /// Writes a run whose persons have the gallery's numbers.
    fn lasting_run(&self, tracks: &[Seen]) {
        let settings = SqliteSettings { lasting_persons: true, ..SqliteSettings::default() };
        self.run_with(settings, &[(0, "door"), (1, "hall")], tracks).finish().unwrap();
    }

    /// Changes the gallery's tables.
    fn change(&self, sql: &str) {
        Connection::open(&self.path).unwrap().execute_batch(sql).unwrap();
    }

    fn run_with(&self, settings: SqliteSettings, names: &[(u32, &str)], tracks: &[Seen]) -> Sqlite {
        let mut sink = Sqlite::open(&self.path, settings).unwrap();
        let names: Vec<(CameraId, &str)> =
            names.iter().map(|&(camera, name)| (CameraId(camera), name)).collect();
        sink.name_cameras(&names).unwrap();
        let mut seq = 0;
        for (track, seen) in tracks.iter().enumerate() {
            let frames = BTreeSet::from([seen.first, seen.last]);
            for wall in frames {
                let bbox = BBox::from_xywh(10.0, 20.0, 40.0, 50.0);
                let mut face = ObservedFace::new(track as u64 + 1, bbox);
                face.face = Some(Face::new(bbox, 0.9));
                face.state = seen.state;
                face.attributes = seen.attributes;
                if let Some(person) = seen.person {
                    face.identity = Identity::Person { id: PersonId(person), similarity: 0.8 };
                }
                let meta = FrameMeta::new(seen.camera, seq).with_wall(SystemTime::from(wall));
                let mut observation = Observation::new(meta, 640, 360);
                observation.faces.push(face);
                observation.ended = vec![TrackId(track as u64)];
                sink.write(&[observation]).unwrap();
                seq += 1;
            }
        }
        sink
    }

    fn ask(&self, question: &Question) -> Answers {
        Answers::read(&Reader::open(&self.path).unwrap(), question).unwrap()
    }

    fn answers(&self) -> Answers {
        self.ask(&Question::default())
    }
}

fn berlin() -> Question {
    Question { time_zone: TimeZone::get("Europe/Berlin").unwrap(), ..Question::default() }
}

fn person(id: u64) -> PersonKey {
    PersonKey { run: Some(RunId(1)), id: PersonId(id) }
}

/// Returns the rows of all cameras: start with offset, visits, persons, new, returning, unidentified.
fn overall(rows: &[TrafficRow]) -> Vec<(String, [u64; 5])> {
    let rows = rows.iter().filter(|row| row.camera.is_none());
    rows.map(|row| {
        let start = row.start.strftime("%m-%dT%H:%M%:z").to_string();
        (start, [row.visits, row.persons, row.new, row.returning, row.unidentified])
    })
    .collect()
}

fn rows(expected: &[(&str, [u64; 5])]) -> Vec<(String, [u64; 5])> {
    expected.iter().map(|(start, counts)| ((*start).to_owned(), *counts)).collect()
}

#[test]
fn an_empty_database_has_empty_answers() {
    let answers = Database::of(&[]).answers();
    assert!(answers.traffic(Period::Hour).is_empty() && answers.totals().is_empty());
    assert!(answers.dwell().is_empty() && answers.occupancy(Period::Minute).is_empty());
    assert!(answers.last_seen(10).is_empty() && answers.transitions().is_empty());
    assert!(answers.path(person(1)).is_empty() && answers.extent().is_none());
    assert_eq!((answers.ages().unknown, answers.ages().unknown_share), (0, 0.0));
    assert_eq!((answers.genders().female, answers.genders().unknown_share), (0, 0.0));
    assert_eq!(answers.cameras(), ["door", "hall", "yard"]);
}

#[test]
fn hours_count_visits_and_persons() {
    let database = Database::of(&[
        seen(0, 1, "2026-06-01T10:05Z", "2026-06-01T10:06Z"),
        seen(1, 2, "2026-06-01T10:20Z", "2026-06-01T10:21Z"),
        unidentified(0, "2026-06-01T10:30Z", "2026-06-01T10:31Z"),
        seen(0, 1, "2026-06-01T10:50Z", "2026-06-01T10:51Z"),
        seen(0, 3, "2026-06-01T12:00Z", "2026-06-01T12:01Z"),
    ]);
    let traffic = database.answers().traffic(Period::Hour);
    let expected = [("06-01T10:00+00:00", [4, 2, 2, 1, 1]), ("06-01T12:00+00:00", [1, 1, 1, 0, 0])];
    assert_eq!(overall(&traffic), rows(&expected));
}

#[test]
fn each_camera_has_rows_of_its_own() {
    let database = Database::of(&[
        seen(0, 1, "2026-06-01T10:00Z", "2026-06-01T10:01Z"),
        seen(1, 1, "2026-06-01T10:02Z", "2026-06-01T10:03Z"),
        seen(1, 2, "2026-06-01T10:04Z", "2026-06-01T10:05Z"),
    ]);
    let totals = database.answers().totals();
    let counts: Vec<_> = totals.iter().map(|r| (r.camera.as_deref(), r.visits, r.persons, r.new)).collect();
    assert_eq!(
        counts,
        [(None, 2, 2, 2), (Some("door"), 1, 1, 1), (Some("hall"), 2, 2, 2), (Some("yard"), 0, 0, 0)]
    );
}

#[test]
fn the_hour_that_does_not_exist_has_no_row() {
    // At 02:00 the clock goes to 03:00.
    let database = Database::of(&[
        seen(0, 1, "2026-03-29T00:59:59Z", "2026-03-29T01:00:01Z"),
        seen(0, 2, "2026-03-29T01:30Z", "2026-03-29T01:31Z"),
    ]);
    let traffic = database.ask(&berlin()).traffic(Period::Hour);
    let expected = [("03-29T01:00+01:00", [1, 1, 1, 0, 0]), ("03-29T03:00+02:00", [1, 2, 1, 0, 0])];
    assert_eq!(overall(&traffic), rows(&expected));
}

#[test]
fn the_hour_that_comes_twice_has_two_rows() {
    let database = Database::of(&[
        seen(0, 1, "2026-10-25T00:30Z", "2026-10-25T00:31Z"),
        seen(0, 2, "2026-10-25T01:30Z", "2026-10-25T01:31Z"),
    ]);
    let traffic = database.ask(&berlin()).traffic(Period::Hour);
    let expected = [("10-25T02:00+02:00", [1, 1, 1, 0, 0]), ("10-25T02:00+01:00", [1, 1, 1, 0, 0])];
    assert_eq!(overall(&traffic), rows(&expected));
}

#[test]
fn a_day_of_25_hours_counts_both_its_ends() {
    let database = Database::of(&[
        seen(0, 1, "2026-10-24T22:00Z", "2026-10-24T22:01Z"),
        seen(0, 2, "2026-10-25T22:59Z", "2026-10-25T22:59:59Z"),
        seen(0, 3, "2026-10-25T23:00Z", "2026-10-25T23:01Z"),
    ]);
    let traffic = database.ask(&berlin()).traffic(Period::Day);
    let expected = [("10-25T00:00+02:00", [2, 2, 2, 0, 0]), ("10-26T00:00+01:00", [1, 1, 1, 0, 0])];
    assert_eq!(overall(&traffic), rows(&expected));
    assert_eq!(traffic[0].end.timestamp(), at("2026-10-25T23:00Z"));
}

#[test]
fn a_track_over_midnight_is_one_visit_and_a_person_of_both_days() {
    let database = Database::of(&[seen(0, 1, "2026-06-01T23:58Z", "2026-06-02T00:03Z")]);
    let traffic = database.answers().traffic(Period::Day);
    let expected = [("06-01T00:00+00:00", [1, 1, 1, 0, 0]), ("06-02T00:00+00:00", [0, 1, 0, 0, 0])];
    assert_eq!(overall(&traffic), rows(&expected));
}

#[test]
fn a_track_that_ends_at_midnight_is_seen_at_midnight() {
    let database = Database::of(&[seen(0, 1, "2026-06-01T23:58Z", "2026-06-02T00:00Z")]);
    assert_eq!(overall(&database.answers().traffic(Period::Day)).len(), 2);
}

#[test]
fn equal_numbers_of_two_runs_are_two_persons() {
    let database = Database::new();
    let names = [(0, "door")];
    database.run(&names, &[seen(0, 1, "2026-06-01T10:00Z", "2026-06-01T10:01Z")]).finish().unwrap();
    database.run(&names, &[seen(0, 1, "2026-06-01T10:02Z", "2026-06-01T10:03Z")]).finish().unwrap();
    let answers = database.answers();
    let total = &answers.totals()[0];
    assert_eq!((total.visits, total.persons, total.new, total.returning), (2, 2, 2, 0));
    assert_eq!(answers.cameras(), ["door"]);
    let persons: Vec<_> = answers.last_seen(9).iter().map(|row| row.person).collect();
    assert_eq!(persons, [PersonKey { run: Some(RunId(2)), id: PersonId(1) }, person(1)]);
}

#[test]
fn a_run_that_broke_off_counts() {
    let database = Database::new();
    let sink = database.run(&[(0, "door")], &[seen(0, 1, "2026-06-01T10:00Z", "2026-06-01T10:04Z")]);
    // As after a kill: the run and its tracks have no end.
    std::mem::forget(sink);
    let answers = database.answers();
    assert_eq!((answers.totals()[0].visits, answers.totals()[0].persons), (1, 1));
    assert_eq!(answers.dwell()[0].median, Duration::from_mins(4));
}

#[test]
fn tracks_that_were_never_confirmed_count_nowhere() {
    let mut maybe = seen(0, 1, "2026-06-01T10:00Z", "2026-06-01T10:01Z");
    maybe.state = TrackState::Tentative;
    assert!(Database::of(&[maybe]).answers().totals().is_empty());
}

#[test]
fn a_person_who_was_seen_before_the_range_returns() {
    let database = Database::of(&[
        seen(0, 1, "2026-06-01T10:00Z", "2026-06-01T10:01Z"),
        seen(0, 1, "2026-06-02T10:00Z", "2026-06-02T10:01Z"),
        seen(1, 1, "2026-06-02T11:00Z", "2026-06-02T11:01Z"),
        seen(0, 2, "2026-06-02T12:00Z", "2026-06-02T12:01Z"),
    ]);
    let totals =
        database.ask(&Question { from: Some(at("2026-06-02T00:00Z")), ..Question::default() }).totals();
    let counts: Vec<_> = totals.iter().map(|r| (r.visits, r.new, r.returning)).collect();
    // The hall never saw person 1 before.
    assert_eq!(counts, [(3, 1, 2), (2, 1, 1), (1, 1, 0), (0, 0, 0)]);
}

#[test]
fn a_break_as_long_as_the_gap_joins_and_a_longer_one_does_not() {
    let tracks = |second: &str| {
        [seen(0, 1, "2026-06-01T10:00Z", "2026-06-01T10:01Z"), seen(1, 1, second, "2026-06-01T10:30Z")]
    };
    let visits = |second| Database::of(&tracks(second)).answers().totals()[0].visits;
    assert_eq!(visits("2026-06-01T10:06:00Z"), 1);
    assert_eq!(visits("2026-06-01T10:06:00.000001Z"), 2);
}

#[test]
fn a_visit_that_began_before_the_range_is_a_person_but_no_visit() {
    let database = Database::of(&[
        seen(0, 1, "2026-06-01T09:50Z", "2026-06-01T09:58Z"),
        seen(0, 1, "2026-06-01T10:01Z", "2026-06-01T10:02Z"),
    ]);
    let answers = database.ask(&Question { from: Some(at("2026-06-01T10:00Z")), ..Question::default() });
    let total = &answers.totals()[0];
    assert_eq!((total.visits, total.persons), (0, 1));
    assert!(answers.dwell().is_empty());
    assert_eq!(answers.extent().unwrap().0.timestamp(), at("2026-06-01T10:01Z"));
}

#[test]
fn the_range_ends_before_its_last_moment() {
    let database = Database::of(&[
        seen(0, 1, "2026-06-01T10:00Z", "2026-06-01T12:00Z"),
        seen(0, 2, "2026-06-01T11:00Z", "2026-06-01T11:01Z"),
    ]);
    let answers = database.ask(&Question { to: Some(at("2026-06-01T11:00Z")), ..Question::default() });
    assert_eq!(answers.totals()[0].persons, 1);
    assert_eq!(answers.dwell()[0].longest, Duration::from_hours(1) - Duration::from_micros(1));
}

#[test]
fn dwell_is_by_nearest_rank() {
    let tracks: Vec<Seen> = (1..=10)
        .map(|n| seen(0, n, "2026-06-01T10:00Z", &format!("2026-06-01T10:{n:02}Z")))
        .chain([unidentified(0, "2026-06-01T10:00Z", "2026-06-01T11:00Z")])
        .collect();
    let dwell = Database::of(&tracks).answers().dwell();
    let minutes = Duration::from_mins;
    assert_eq!(dwell.len(), 2);
    for row in &dwell {
        assert_eq!((row.visits, row.median, row.p90, row.longest), (10, minutes(5), minutes(9), minutes(10)));
    }
    assert_eq!((dwell[0].camera.as_deref(), dwell[1].camera.as_deref()), (None, Some("door")));
}

#[test]
fn ages_and_genders_have_their_unknown_share() {
    let database = Database::of(&[
        described(1, 9.9, 0.9),
        described(2, 10.0, 0.1),
        described(3, 120.0, 0.5),
        seen(0, 4, "2026-06-01T10:00Z", "2026-06-01T10:01Z"),
    ]);
    let answers = database.answers();
    let ages = answers.ages();
    let persons: Vec<u64> = ages.bands.iter().map(|band| band.persons).collect();
    assert_eq!(persons, [1, 1, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(ages.bands[8], AgeBand { from: 80, to: None, persons: 1 });
    assert_eq!((ages.unknown, ages.unknown_share), (1, 0.25));
    let genders = answers.genders();
    assert_eq!((genders.female, genders.male, genders.unknown, genders.unknown_share), (1, 1, 2, 0.5));
}

#[test]
fn a_person_has_the_mean_age_of_the_passages() {
    // Two frames of one track and one of the other: (2 * 20 + 41) / 3 = 27. Without the weights it would be 30.5.
    let mut first = described(1, 20.0, 0.5);
    first.last = at("2026-06-01T10:01Z");
    let mut second = described(1, 41.0, 0.5);
    second.first = at("2026-06-01T10:10Z");
    second.last = second.first;
    let ages = Database::of(&[first, second]).answers().ages();
    let bands: Vec<u32> = ages.bands.iter().filter(|band| band.persons == 1).map(|band| band.from).collect();
    assert_eq!((bands, ages.unknown), (vec![20], 0));
}

#[test]
fn a_path_has_the_visits_to_each_camera() {
    let database = Database::of(&[
        seen(1, 1, "2026-06-01T10:02Z", "2026-06-01T10:03Z"),
        seen(0, 1, "2026-06-01T10:00Z", "2026-06-01T10:01Z"),
        seen(0, 1, "2026-06-01T10:01:30Z", "2026-06-01T10:01:40Z"),
        seen(0, 1, "2026-06-01T11:00Z", "2026-06-01T11:01Z"),
        seen(2, 2, "2026-06-01T10:30Z", "2026-06-01T10:31Z"),
    ]);
    let answers = database.answers();
    let path: Vec<_> = answers
        .path(person(1))
        .into_iter()
        .map(|s| (s.camera, s.from.timestamp(), s.to.timestamp()))
        .collect();
    assert_eq!(
        path,
        [
            ("door".to_owned(), at("2026-06-01T10:00Z"), at("2026-06-01T10:01:40Z")),
            ("hall".to_owned(), at("2026-06-01T10:02Z"), at("2026-06-01T10:03Z")),
            ("door".to_owned(), at("2026-06-01T11:00Z"), at("2026-06-01T11:01Z")),
        ]
    );
    let ways: Vec<_> = answers.transitions().into_iter().map(|t| (t.from, t.to, t.times)).collect();
    assert_eq!(ways, [("door".into(), "hall".into(), 1), ("hall".into(), "door".into(), 1)]);
}

#[test]
fn the_last_seen_comes_first() {
    let database = Database::of(&[
        seen(0, 1, "2026-06-01T10:00Z", "2026-06-01T10:01Z"),
        seen(1, 1, "2026-06-01T10:30Z", "2026-06-01T10:31Z"),
        seen(0, 2, "2026-06-01T10:10Z", "2026-06-01T10:40Z"),
        seen(0, 3, "2026-06-01T09:00Z", "2026-06-01T09:01Z"),
    ]);
    let answers = database.answers();
    let row = |r: &passerby_store::query::LastSeenRow| (r.person, r.camera.clone(), r.visits);
    let found: Vec<_> = answers.last_seen(2).iter().map(row).collect();
    assert_eq!(found, [(person(2), "door".into(), 1), (person(1), "hall".into(), 2)]);
    assert_eq!(answers.last_seen(9).len(), 3);
}

#[test]
fn occupancy_has_the_mean_and_the_peak() {
    let database = Database::of(&[
        // Two cameras see the same person at the same time.
        seen(0, 1, "2026-06-01T10:00Z", "2026-06-01T10:30Z"),
        seen(1, 1, "2026-06-01T10:10Z", "2026-06-01T10:20Z"),
        seen(0, 2, "2026-06-01T10:15Z", "2026-06-01T11:15Z"),
        unidentified(1, "2026-06-01T11:30Z", "2026-06-01T11:30Z"),
    ]);
    let occupancy = database.answers().occupancy(Period::Hour);
    let found: Vec<_> = occupancy.iter().map(|r| (r.camera.as_deref(), r.mean, r.peak)).collect();
    assert_eq!(
        found,
        [
            (None, 1.25, 2),
            (Some("door"), 1.25, 2),
            (Some("hall"), 1.0 / 6.0, 1),
            (None, 0.25, 1),
            (Some("door"), 0.25, 1),
            (Some("hall"), 0.0, 1),
        ]
    );
}

#[test]
fn only_the_cameras_of_the_question_count() {
    let database = Database::of(&[
        seen(0, 1, "2026-06-01T10:00Z", "2026-06-01T10:01Z"),
        seen(1, 1, "2026-06-01T10:02Z", "2026-06-01T10:03Z"),
        seen(1, 2, "2026-06-01T10:02Z", "2026-06-01T10:03Z"),
    ]);
    let answers = database.ask(&Question { cameras: vec!["door".into()], ..Question::default() });
    assert_eq!(answers.totals().len(), 2);
    assert_eq!((answers.totals()[0].persons, answers.cameras()), (1, &["door".to_owned()][..]));
}

#[test]
fn a_camera_that_does_not_exist_is_refused() {
    let database = Database::of(&[]);
    let question = Question { cameras: vec!["dor".into()], ..Question::default() };
    let error = Answers::read(&Reader::open(&database.path).unwrap(), &question).unwrap_err();
    assert!(matches!(error.fault(), StoreFault::Unknown { what: "camera", .. }), "{error}");
}

#[test]
fn only_the_persons_of_the_question_count() {
    let database = Database::of(&[
        seen(0, 1, "2026-06-01T10:00Z", "2026-06-01T10:01Z"),
        seen(0, 2, "2026-06-01T10:00Z", "2026-06-01T10:01Z"),
        unidentified(0, "2026-06-01T10:00Z", "2026-06-01T10:01Z"),
    ]);
    let answers = database.ask(&Question { persons: vec![person(2)], ..Question::default() });
    assert_eq!((answers.totals()[0].visits, answers.totals()[0].unidentified), (1, 0));
    assert!(answers.path(person(1)).is_empty());
}

#[test]
fn a_track_that_lives_while_the_clock_is_set_is_left_out() {
    let database = Database::of(&[
        seen(0, 1, "1970-01-01T00:00:10Z", "2026-06-01T10:00Z"),
        seen(0, 2, "2026-06-01T10:00Z", "2026-06-01T10:01Z"),
    ]);
    let answers = database.answers();
    assert_eq!((answers.left_out(), answers.totals()[0].persons), (1, 1));
}

#[cfg(feature = "serde")]
#[test]
fn a_row_is_json_with_local_times() {
    let database = Database::of(&[seen(0, 1, "2026-06-01T10:00Z", "2026-06-01T10:01Z")]);
    let answers = database.ask(&berlin());
    let row = serde_json::to_value(&answers.traffic(Period::Day)[0]).unwrap();
    let expected = serde_json::json!({
        "start": "2026-06-01T00:00:00+02:00", "end": "2026-06-02T00:00:00+02:00", "camera": null,
        "visits": 1, "persons": 1, "new": 1, "returning": 0, "unidentified": 0,
    });
    assert_eq!(row, expected);
    let person = serde_json::to_value(&answers.last_seen(1)[0]).unwrap();
    assert_eq!((&person["person"]["run"], &person["person"]["id"]), (&1.into(), &1.into()));
    assert_eq!(serde_json::to_value(answers.dwell()).unwrap()[0]["median_s"], 60.0);
}
