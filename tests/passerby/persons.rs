//! A person's figures are the same in the summary of a pipeline and in the database.

use passerby::pipeline::Summary;
use passerby::store::{Reader, Sqlite, SqliteSettings};
use passerby::types::{Age, Attributes, Identity, Observation, PersonId, Sink, TrackState};
use passerby_testkit::suite::observation;

/// Returns one frame of camera `camera` with one confirmed face of person 3.
fn seen(camera: u32, seq: u64, years: f32, found: bool) -> Observation {
    let mut observation = observation(camera, seq);
    observation.faces.truncate(1);
    let face = &mut observation.faces[0];
    face.state = TrackState::Confirmed;
    face.identity = Identity::Person { id: PersonId(3), similarity: 0.9 };
    let age = Age { years, low: years - 4.0, high: years + 6.0 };
    face.attributes = Some(Attributes { age, p_male: 0.75 });
    if !found {
        face.face = None;
    }
    observation
}

#[test]
fn the_summary_and_the_database_agree_on_a_person() {
    // Two tracks of unequal length, the longer one with predicted boxes, in several batches.
    let long = (0..30).map(|seq| seen(0, seq, 30.0 + (seq % 3) as f32, seq % 5 != 4));
    let short = (40..47).map(|seq| seen(1, seq, 41.0, true));
    let observations: Vec<Observation> = long.chain(short).collect();
    let mut summary = Summary::default();
    observations.iter().for_each(|observation| summary.add(observation));

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("persons.db");
    let mut sink = Sqlite::open(&path, SqliteSettings::default()).expect("a database");
    for batch in observations.chunks(8) {
        sink.write(batch).expect("it writes");
    }
    sink.flush().expect("it flushes");
    drop(sink);
    let reader = Reader::open(&path).expect("a database");
    let run = reader.runs().expect("runs")[0].id;

    let [person] = &summary.persons()[..] else { panic!("one person") };
    let [row] = &reader.persons(run).expect("persons")[..] else { panic!("one row") };
    assert_eq!((row.id, row.frames, row.tracks), (person.id, person.frames, 2));
    assert_eq!(person.frames, 24 + 7, "frames with predicted boxes do not count");
    let mean = person.attributes.expect("known");
    let stored = row.attributes.expect("known");
    let numbers = |a: Attributes| [a.age.years, a.age.low, a.age.high, a.p_male];
    for (mean, stored) in numbers(mean).into_iter().zip(numbers(stored)) {
        assert!((mean - stored).abs() < 1e-4 * mean, "{mean} and {stored}");
    }
}
