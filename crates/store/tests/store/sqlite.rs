//! The database: exact values, whole batches, runs, and readers beside the writer.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "tests")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use passerby_store::{Reader, RunId, Sqlite, SqliteSettings, StoreFault};
use passerby_testkit::suite::{direction, observation};
use passerby_testkit::{SimulatedClock, meta};
use passerby_types::{
    Age, Attributes, BBox, CameraId, Clock, ErrorClass, FrameKind, Identity, Observation, PersonId, Sink,
    TrackId, TrackKey, TrackState,
};
use rusqlite::Connection;
use tempfile::TempDir;

fn file() -> (TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("passerby.db");
    (folder, path)
}

fn open(path: &std::path::Path) -> Sqlite {
    Sqlite::open(path, SqliteSettings::default()).unwrap()
}

fn number(conn: &Connection, sql: &str) -> i64 {
    conn.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn person(id: u64, similarity: f32) -> Identity {
    Identity::Person { id: PersonId(id), similarity }
}

/// A frame without a face.
fn empty(camera: u32, seq: u64) -> Observation {
    Observation { faces: vec![], ..observation(camera, seq) }
}

/// The four frames of camera 4 that [`write_frames`] writes: one by one a tentative face, a coasted frame, a lost face, and a
/// frame without faces in which two tracks end.
fn frames() -> [Observation; 4] {
    let mut first = observation(4, 10);
    first.faces[0].state = TrackState::Tentative;
    first.faces[0].identity = Identity::Pending;
    first.faces[0].attributes = None;
    first.faces[0].bbox = BBox::new(-1.25, 0.1, 1e-30, 1920.7);
    let mut second = observation(4, 11);
    second.kind = FrameKind::Coasted;
    second.faces[0].identity = person(1, 0.7);
    let mut third = observation(4, 13);
    third.meta.pts = None;
    third.faces[0].face = None;
    third.faces[0].state = TrackState::Lost;
    third.faces[0].attributes = None;
    let mut last = empty(4, 20);
    last.ended = vec![TrackId(2), TrackId(99)];
    last.width = 1280;
    last.height = 720;
    [first, second, third, last]
}

/// Writes [`frames`] with their embeddings and ends the run 10 s after its begin. Returns a reader that has checked the file.
fn write_frames(path: &std::path::Path) -> (Reader, RunId) {
    let clock = SimulatedClock::new();
    let settings =
        SqliteSettings { embeddings: true, clock: Arc::new(clock.clone()), ..SqliteSettings::default() };
    let mut sink = Sqlite::open(path, settings).unwrap();
    let run = sink.run();
    sink.name_cameras(&[(CameraId(4), "Tür ä"), (CameraId(9), "never")]).unwrap();
    let frames = frames();
    sink.write(&frames[..2]).unwrap();
    clock.advance(Duration::from_secs(5));
    sink.flush().unwrap();
    sink.write(&frames[2..]).unwrap();
    clock.advance(Duration::from_secs(5));
    sink.finish().unwrap();
    let reader = Reader::open(path).unwrap();
    reader.check().unwrap();
    (reader, run)
}

fn known_attributes() -> Attributes {
    Attributes { age: Age { years: 41.5, low: 33.0, high: 50.0 }, p_male: 0.97 }
}

#[test]
fn a_run_reads_back() {
    let (_folder, path) = file();
    let (reader, run) = write_frames(&path);
    let start = SimulatedClock::new().wall();
    let runs = reader.runs().unwrap();
    assert_eq!((runs.len(), runs[0].id, runs[0].started), (1, run, start));
    let at = |s| Some(start + Duration::from_secs(s));
    assert_eq!((runs[0].flushed, runs[0].ended), (at(10), at(10)));
    assert_eq!(runs[0].version, env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_camera_reads_back() {
    let (_folder, path) = file();
    let (reader, run) = write_frames(&path);
    let cameras = reader.cameras(run).unwrap();
    assert_eq!(cameras.len(), 2);
    let camera = &cameras[0];
    assert_eq!((camera.id, camera.name.as_deref()), (CameraId(4), Some("Tür ä")));
    assert_eq!((camera.width, camera.height), (Some(1280), Some(720)));
    assert_eq!((camera.analysed, camera.coasted), (3, 1));
    assert_eq!((camera.first_seq, camera.last_seq), (Some(10), Some(20)));
    assert_eq!(camera.last_seen, Some(meta(4, 20).wall));
    assert_eq!((cameras[1].analysed, cameras[1].first_seq), (0, None));
}

#[test]
fn a_track_reads_back() {
    let (_folder, path) = file();
    let (reader, run) = write_frames(&path);
    let [first, _, third, _] = frames();
    let tracks = reader.tracks(run).unwrap();
    assert_eq!(tracks.len(), 2);
    let key = TrackKey { camera: CameraId(4), track: TrackId(1) };
    assert_eq!(tracks[0].key, key);
    assert_eq!((tracks[0].first_seq, tracks[0].last_seq), (10, 13));
    assert_eq!(tracks[0].frames, 3);
    assert_eq!((tracks[0].first_seen, tracks[0].last_seen), (first.meta.wall, third.meta.wall));
    assert_eq!((tracks[0].person, tracks[0].similarity), (Some(PersonId(1)), Some(0.8)));
    assert_eq!((tracks[0].attributes, tracks[0].ended_seq), (Some(known_attributes()), Some(13)));
    assert_eq!((tracks[1].person, tracks[1].ended_seq), (None, Some(20)));
}

#[test]
fn a_person_reads_back() {
    let (_folder, path) = file();
    let (reader, run) = write_frames(&path);
    let [first, _, third, _] = frames();
    let persons = reader.persons(run).unwrap();
    assert_eq!(persons.len(), 1);
    assert_eq!((persons[0].first_seen, persons[0].last_seen), (first.meta.wall, third.meta.wall));
    assert_eq!(
        (persons[0].sightings, persons[0].tracks, persons[0].frames),
        (2, 1, 2),
        "one box is a prediction"
    );
    assert_eq!((persons[0].attributes, persons[0].cameras), (Some(known_attributes()), 1));
}

#[test]
fn only_frames_with_a_face_are_listed() {
    let (_folder, path) = file();
    let (reader, run) = write_frames(&path);
    assert_eq!(reader.frames(run, CameraId(4)).unwrap(), [10, 11, 13]);
    assert!(reader.frames(run, CameraId(5)).unwrap().is_empty());
}

#[test]
fn an_observation_is_stored_exactly() {
    let (_folder, path) = file();
    write_frames(&path);
    let conn = Connection::open(&path).unwrap();
    type Row = (Option<i64>, i64, i64, Option<f32>, f32, Option<f32>, f32, Option<f32>);
    let row = |seq: i64| -> Row {
        let sql = "SELECT pts_us, wall_us, state, x1, y1, x2, y2, score FROM observation
            WHERE camera = 4 AND track = 1 AND seq = ?1";
        let read = |row: &rusqlite::Row<'_>| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
                row.get(6)?,
                row.get(7)?,
            ))
        };
        conn.query_row(sql, [seq], read).unwrap()
    };
    let start_us = 1_767_225_600_000_000_i64;
    let want = (Some(400_000), start_us + 400_000, 0, Some(-1.25), 0.1, Some(1e-30), 1920.7, Some(0.9));
    assert_eq!(row(10), want);
    assert_eq!((row(13).0, row(13).2, row(13).7), (None, 2, None));
}

#[test]
fn an_embedding_is_stored_exactly() {
    let (_folder, path) = file();
    write_frames(&path);
    let bytes: Vec<u8> = Connection::open(&path)
        .unwrap()
        .query_row("SELECT embedding FROM template WHERE track = 1 AND seq = 11", [], |row| row.get(0))
        .unwrap();
    let stored: Vec<f32> = bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    assert_eq!(stored, direction(1, 11).as_slice());
}

#[test]
fn a_refused_batch_leaves_nothing() {
    let (_folder, path) = file();
    let mut sink = open(&path);
    let run = sink.run();
    let reader = Reader::open(&path).unwrap();
    sink.write(&[observation(0, 0), observation(1, 0)]).unwrap();
    let before = (reader.counts(run).unwrap(), reader.tracks(run).unwrap(), reader.persons(run).unwrap());

    let mut twice = observation(0, 9);
    twice.faces.push(twice.faces[0].clone());
    let mut late = observation(0, 9);
    late.meta.wall = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::MAX / 2);
    let far = |change: fn(&mut Observation)| {
        let mut one = observation(0, 9);
        change(&mut one);
        one
    };
    let refused = [
        observation(1, 0),
        twice,
        late,
        far(|o| o.meta.seq = u64::MAX),
        far(|o| o.meta.pts = Some(Duration::MAX)),
        far(|o| o.faces[1].track = TrackId(1 << 63)),
        far(|o| o.faces[0].identity = person(u64::MAX, 0.5)),
        far(|o| o.ended = vec![TrackId(u64::MAX)]),
    ];
    for bad in refused {
        let batch = [observation(0, 7), observation(2, 7), bad, observation(0, 8)];
        let error = sink.write(&batch).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Skip, "{error}");
        assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
        let after = (reader.counts(run).unwrap(), reader.tracks(run).unwrap(), reader.persons(run).unwrap());
        assert_eq!(before, after);
    }
    sink.write(&[observation(0, 7)]).unwrap();
    sink.finish().unwrap();
    reader.check().unwrap();
    assert_eq!(reader.frames(run, CameraId(0)).unwrap(), [0, 7]);
}

#[test]
fn a_number_that_is_not_finite_is_null() {
    let (_folder, path) = file();
    let mut sink = open(&path);
    let run = sink.run();
    let mut one = observation(0, 0);
    one.faces[0].bbox = BBox::new(f32::NAN, f32::INFINITY, 2.0, f32::NEG_INFINITY);
    one.faces[0].face.as_mut().unwrap().score = f32::NAN;
    one.faces[0].identity = person(1, f32::INFINITY);
    one.faces[0].attributes.as_mut().unwrap().age.high = f32::INFINITY;
    sink.write(&[one]).unwrap();
    let reader = Reader::open(&path).unwrap();
    let track = reader.tracks(run).unwrap()[0];
    assert_eq!((track.person, track.similarity, track.attributes), (Some(PersonId(1)), None, None));
    assert_eq!(reader.persons(run).unwrap()[0].attributes, None);
    let conn = Connection::open(&path).unwrap();
    let sql = "SELECT count(*) FROM observation WHERE track = 1 AND x1 IS NULL AND y1 IS NULL AND x2 = 2
        AND y2 IS NULL AND score IS NULL";
    assert_eq!(number(&conn, sql), 1);
}

#[test]
fn runs_do_not_mix() {
    let (_folder, path) = file();
    for _ in 0..2 {
        let mut sink = open(&path);
        sink.write(&[observation(0, 0), observation(0, 1)]).unwrap();
        sink.finish().unwrap();
    }
    let reader = Reader::open(&path).unwrap();
    let runs = reader.runs().unwrap();
    assert_eq!(runs.iter().map(|r| r.id.0).collect::<Vec<_>>(), [1, 2]);
    for run in &runs {
        assert_eq!(reader.persons(run.id).unwrap().len(), 1);
        assert_eq!(reader.counts(run.id).unwrap().observations, 4);
    }
}

#[test]
fn the_end_of_a_run_ends_its_tracks() {
    let (_folder, path) = file();
    let mut sink = open(&path);
    let run = sink.run();
    sink.write(&[observation(0, 0), observation(0, 1)]).unwrap();
    sink.finish().unwrap();
    let reader = Reader::open(&path).unwrap();
    assert!(reader.runs().unwrap()[0].ended.is_some());
    let ended = reader.tracks(run).unwrap().into_iter().map(|t| t.ended_seq);
    assert!(ended.eq([Some(1), Some(1)]), "a live track ends with its last frame");
}

#[test]
fn a_run_that_broke_off_has_no_end() {
    let (_folder, path) = file();
    let mut sink = open(&path);
    let run = sink.run();
    sink.write(&[observation(0, 0)]).unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _sink = sink;
        panic!("the test asked for a panic");
    }));
    assert!(panicked.is_err());
    let reader = Reader::open(&path).unwrap();
    assert!(reader.runs().unwrap()[0].ended.is_none());
    let tracks = reader.tracks(run).unwrap();
    assert!(
        tracks.len() == 2 && tracks.iter().all(|t| t.ended_seq.is_none()),
        "its tracks have no end either"
    );
}

#[test]
fn an_unknown_run_is_empty() {
    let (_folder, path) = file();
    open(&path).finish().unwrap();
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.counts(RunId(77)).unwrap().observations, 0);
    assert!(reader.persons(RunId(77)).unwrap().is_empty());
}

#[test]
fn a_track_belongs_to_its_last_person() {
    let (_folder, path) = file();
    let mut sink = open(&path);
    let run = sink.run();
    let frame = |camera, seq, id, years: f32| {
        let mut one = observation(camera, seq);
        one.faces.truncate(1);
        one.faces[0].identity = person(id, 0.9);
        one.faces[0].attributes.as_mut().unwrap().age.years = years;
        one
    };
    // Person 1 is at two cameras.
    sink.write(&[frame(0, 5, 1, 30.0), frame(1, 3, 1, 20.0)]).unwrap();
    // The track of camera 2 was person 2 and turns out to be person 1.
    sink.write(&[frame(2, 6, 2, 50.0)]).unwrap();
    assert_eq!(Reader::open(&path).unwrap().persons(run).unwrap().len(), 2);
    sink.write(&[frame(2, 7, 1, 40.0)]).unwrap();
    sink.finish().unwrap();
    let persons = Reader::open(&path).unwrap().persons(run).unwrap();
    assert_eq!(persons.len(), 1);
    let one = persons[0];
    assert_eq!((one.id, one.tracks, one.cameras, one.frames), (PersonId(1), 3, 3, 4));
    assert_eq!((one.first_seen, one.last_seen), (meta(0, 3).wall, meta(0, 7).wall));
    assert_eq!(one.attributes.unwrap().age.years, (30.0 + 20.0 + 2.0 * 40.0) / 4.0);
}

#[test]
fn the_age_of_a_person_is_the_mean_of_the_tracks() {
    let (_folder, path) = file();
    let mut sink = open(&path);
    let run = sink.run();
    let frame = |camera, seq, years: f32| {
        let mut one = observation(camera, seq);
        one.faces.truncate(1);
        one.faces[0].attributes.as_mut().unwrap().age.years = years;
        one
    };
    sink.write(&[frame(0, 5, 30.0), frame(1, 3, 20.0)]).unwrap();
    let reader = Reader::open(&path).unwrap();
    let age = |reader: &Reader| reader.persons(run).unwrap()[0].attributes.unwrap().age.years;
    assert_eq!(age(&reader), 25.0);
    sink.write(&[frame(0, 6, 30.0), frame(0, 7, 30.0)]).unwrap();
    assert_eq!(age(&reader), 27.5, "a track counts by its frames");
}

#[test]
fn a_predicted_box_does_not_count_for_the_person() {
    let (_folder, path) = file();
    let mut sink = open(&path);
    let run = sink.run();
    let mut predicted = observation(0, 1);
    predicted.faces[0].face = None;
    sink.write(&[observation(0, 0), predicted]).unwrap();
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.tracks(run).unwrap()[0].frames, 2);
    assert_eq!(reader.persons(run).unwrap()[0].frames, 1);
}

#[test]
fn a_track_that_was_never_confirmed_is_no_ones() {
    let (_folder, path) = file();
    let mut sink = open(&path);
    let run = sink.run();
    let mut tentative = observation(0, 0);
    tentative.faces[0].state = TrackState::Tentative;
    sink.write(&[tentative]).unwrap();
    assert!(Reader::open(&path).unwrap().persons(run).unwrap().is_empty());
}

#[test]
fn concurrent_readers_see_whole_batches() {
    let (_folder, path) = file();
    let mut sink = open(&path);
    let run = sink.run();
    let watch = move |path: std::path::PathBuf| {
        let reader = Reader::open(path).unwrap();
        let mut last = 0;
        while last < 200 * 40 {
            let seen = reader.counts(run).unwrap().observations;
            assert!(seen >= last && seen.is_multiple_of(40), "whole batches only: {seen} after {last}");
            last = seen;
        }
    };
    let spawn = |work: Box<dyn FnOnce() + Send>| std::thread::Builder::new().spawn(work).unwrap();
    let mut threads = Vec::new();
    for _ in 0..2 {
        let path = path.clone();
        threads.push(spawn(Box::new(move || watch(path))));
    }
    let other = path.clone();
    threads.push(spawn(Box::new(move || {
        let mut sink = open(&other);
        for seq in 0..200 {
            sink.write(&[observation(0, seq)]).unwrap();
        }
        sink.finish().unwrap();
    })));
    for batch in 0..200 {
        let batch: Vec<_> = (0..20).map(|i| observation(0, batch * 20 + i)).collect();
        sink.write(&batch).unwrap();
    }
    for thread in threads {
        thread.join().unwrap();
    }
    sink.finish().unwrap();
    Reader::open(&path).unwrap().check().unwrap();
}

#[test]
fn several_processes_may_create_a_file_at_once() {
    let (_folder, path) = file();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let path = path.clone();
            let work = move || {
                let settings =
                    SqliteSettings { busy_timeout: Duration::from_secs(20), ..SqliteSettings::default() };
                Sqlite::open(&path, settings).unwrap().finish().unwrap();
            };
            std::thread::Builder::new().spawn(work).unwrap()
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.runs().unwrap().len(), 4);
    reader.check().unwrap();
}

#[test]
fn a_locked_file_takes_the_same_batch_later() {
    let (_folder, path) = file();
    let settings = SqliteSettings { busy_timeout: Duration::from_millis(20), ..SqliteSettings::default() };
    let mut sink = Sqlite::open(&path, settings).unwrap();
    let run = sink.run();
    let holder = Connection::open(&path).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let batch = [observation(0, 0)];
    for _ in 0..2 {
        assert_eq!(sink.write(&batch).unwrap_err().class(), ErrorClass::Reset);
    }
    holder.execute_batch("COMMIT").unwrap();
    sink.write(&batch).unwrap();
    assert_eq!(Reader::open(&path).unwrap().counts(run).unwrap().observations, 2);
}

#[test]
fn opening_a_locked_file_is_busy() {
    let (_folder, path) = file();
    let settings = SqliteSettings { busy_timeout: Duration::from_millis(20), ..SqliteSettings::default() };
    Sqlite::open(&path, settings.clone()).unwrap().finish().unwrap();
    let holder = Connection::open(&path).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = Sqlite::open(&path, settings).unwrap_err();
    assert!(matches!(error.fault(), StoreFault::Busy), "{error}");
}

#[test]
fn debug_output_shows_no_embedding() {
    let (_folder, path) = file();
    let mut sink = open(&path);
    sink.write(&[observation(0, 0)]).unwrap();
    let text = format!("{sink:?}");
    assert!(!text.contains("0.0") && text.len() < 300, "{text}");
}

#[test]
fn embeddings_are_not_stored_by_default() {
    let (_folder, path) = file();
    let mut sink = open(&path);
    sink.write(&[observation(0, 0)]).unwrap();
    sink.finish().unwrap();
    let conn = Connection::open(&path).unwrap();
    assert_eq!(number(&conn, "SELECT count(*) FROM template"), 0);
    let bytes = std::fs::read(&path).unwrap();
    let needle: Vec<u8> = direction(1, 0).as_slice()[..4].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert!(!bytes.windows(needle.len()).any(|w| w == needle));
}

#[cfg(unix)]
#[test]
fn a_file_that_is_deleted_or_replaced_while_it_is_open_is_an_error() {
    for replace in [false, true] {
        let (_folder, path) = file();
        let mut sink = open(&path);
        sink.write(&[observation(0, 0)]).unwrap();
        std::fs::remove_file(&path).unwrap();
        if replace {
            open(&path).finish().unwrap();
        }
        let error = sink.write(&[observation(0, 1)]).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Fatal);
        assert!(error.to_string().ends_with("the file was deleted or replaced while it was open"), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_database_is_for_its_owner_alone_with_its_companions() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = file();
    let mut sink = open(&path);
    sink.write(&[observation(0, 0)]).unwrap();
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(files.len(), 3);
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_exists_keeps_its_rights() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = file();
    open(&path).finish().unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    open(&path).finish().unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
}
