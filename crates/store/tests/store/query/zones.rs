//! Stays in zones, and crossings of lines.

use passerby_store::query::{LineRow, ZoneRow};
use passerby_types::{LineSide, ZoneChange, ZoneEvent};

use super::*;

fn entered(zone: &str) -> ZoneChange {
    ZoneChange::Entered { zone: zone.into() }
}

fn left(zone: &str, seconds: u64) -> ZoneChange {
    ZoneChange::Left { zone: zone.into(), dwell: Duration::from_secs(seconds) }
}

fn crossed(line: &str, from: LineSide) -> ZoneChange {
    ZoneChange::Crossed { line: line.into(), from }
}

/// Returns the frame at a moment, in which a track of a person did this.
fn frame(camera: u32, when: &str, track: u64, person: u64, change: ZoneChange) -> Observation {
    let wall = SystemTime::from(at(when));
    let pts = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let meta = FrameMeta::new(camera, pts.as_secs()).with_wall(wall).with_pts(pts);
    let mut observation = Observation::new(meta, 640, 360);
    let mut face = ObservedFace::new(track, BBox::from_xywh(10.0, 20.0, 40.0, 50.0));
    face.identity = Identity::Person { id: PersonId(person), similarity: 0.8 };
    observation.faces.push(face);
    observation.zone_events.push(ZoneEvent { track: TrackId(track), at: pts, change });
    observation
}

/// Returns the answers about a database with these frames, in which the cameras are named.
fn answers(frames: &[Observation], question: &Question) -> Answers {
    let database = Database::new();
    let mut sink = database.run(&[(0, "door"), (1, "hall")], &[]);
    sink.write(frames).unwrap();
    sink.finish().unwrap();
    let reader = Reader::open(&database.path).unwrap();
    reader.check().unwrap();
    Answers::read(&reader, question).unwrap()
}

/// Returns what a row of a zone says: the camera, the zone, entries, the peak and the median stay in seconds.
fn said(row: &ZoneRow) -> (&str, &str, u64, u64, Option<u64>) {
    (&row.camera, &row.zone, row.entered, row.peak, row.median.map(|median| median.as_secs()))
}

#[test]
fn stays_are_counted_by_period_and_zone() {
    let frames = [
        frame(0, "2026-06-01T10:00:00Z", 1, 1, entered("counter")),
        frame(0, "2026-06-01T10:30:00Z", 2, 2, entered("counter")),
        frame(0, "2026-06-01T10:40:00Z", 2, 2, left("counter", 600)),
        frame(0, "2026-06-01T11:30:00Z", 1, 1, left("counter", 5400)),
        frame(1, "2026-06-01T11:45:00Z", 1, 1, entered("bench")),
        frame(1, "2026-06-01T11:46:00Z", 1, 1, left("bench", 60)),
    ];
    let answers = answers(&frames, &Question::default());
    let hours = answers.zones(Period::Hour);
    let rows: Vec<_> = hours.iter().map(said).collect();
    assert_eq!(
        rows,
        [
            ("door", "counter", 2, 2, Some(600)),
            ("door", "counter", 0, 1, None),
            ("hall", "bench", 1, 1, Some(60))
        ]
    );
    // Track 1 for the whole hour, and track 2 for ten minutes.
    assert!((hours[0].mean - 70.0 / 60.0).abs() < 1e-9 && (hours[1].mean - 0.5).abs() < 1e-9, "{hours:?}");
    let totals = answers.zone_totals();
    let rows: Vec<_> = totals.iter().map(said).collect();
    assert_eq!(rows, [("door", "counter", 2, 2, Some(600)), ("hall", "bench", 1, 1, Some(60))]);
    assert_eq!(totals[0].longest, Some(Duration::from_secs(5400)));
}

#[test]
fn a_stay_without_an_end_lasts_as_long_as_its_track() {
    let mut later = frame(0, "2026-06-01T10:20:00Z", 1, 1, entered("other"));
    later.zone_events.clear();
    let frames = [frame(0, "2026-06-01T10:00:00Z", 1, 1, entered("counter")), later];
    let answers = answers(&frames, &Question::default());
    let hours = answers.zones(Period::Hour);
    assert_eq!(hours.iter().map(said).collect::<Vec<_>>(), [("door", "counter", 1, 1, None)]);
    assert!((hours[0].mean - 20.0 / 60.0).abs() < 1e-6, "{hours:?}");
}

#[test]
fn a_track_that_ended_left_at_its_last_box() {
    let mut ended = frame(0, "2026-06-01T10:00:40Z", 2, 2, left("counter", 10));
    // The tracker gives a face up half a minute after it saw it last.
    ended.zone_events[0].track = TrackId(1);
    ended.zone_events[0].at -= Duration::from_secs(30);
    let frames = [frame(0, "2026-06-01T10:00:00Z", 1, 1, entered("counter")), ended];
    let minutes = answers(&frames, &Question::default()).zones(Period::Minute);
    assert!((minutes[0].mean - 10.0 / 60.0).abs() < 1e-9, "{minutes:?}");
}

#[test]
fn crossings_are_counted_by_direction() {
    let frames = [
        frame(0, "2026-06-01T10:00:00Z", 1, 1, crossed("gate", LineSide::Left)),
        frame(0, "2026-06-01T10:01:00Z", 2, 2, crossed("gate", LineSide::Left)),
        frame(0, "2026-06-01T10:02:00Z", 1, 1, crossed("gate", LineSide::Right)),
        frame(0, "2026-06-01T12:00:00Z", 3, 3, crossed("gate", LineSide::Right)),
    ];
    let counts = |rows: &[LineRow]| -> Vec<[u64; 2]> {
        rows.iter().map(|row| [row.left_to_right, row.right_to_left]).collect()
    };
    let all = answers(&frames, &Question::default());
    assert_eq!(counts(&all.lines(Period::Hour)), [[2, 1], [0, 1]]);
    assert_eq!(counts(&all.line_totals()), [[2, 2]]);
    let morning = Question { to: Some(at("2026-06-01T11:00Z")), ..Question::default() };
    assert_eq!(counts(&answers(&frames, &morning).line_totals()), [[2, 1]]);
    let hall = Question { cameras: vec!["hall".into()], ..Question::default() };
    assert_eq!(answers(&frames, &hall).line_totals(), []);
}

#[test]
fn a_question_about_a_person_counts_the_tracks_of_that_person() {
    let frames = [
        frame(0, "2026-06-01T10:00:00Z", 1, 1, crossed("gate", LineSide::Left)),
        frame(0, "2026-06-01T10:01:00Z", 2, 2, crossed("gate", LineSide::Left)),
    ];
    let person = PersonKey { run: Some(RunId(1)), id: PersonId(2) };
    let question = Question { persons: vec![person], ..Question::default() };
    assert_eq!(answers(&frames, &question).line_totals()[0].left_to_right, 1);
}

#[test]
fn an_event_of_a_track_without_rows_is_stored() {
    // A full queue lost the frames with the track, and the frame in which it entered.
    let mut crossing = frame(0, "2026-06-01T10:00:00Z", 1, 1, crossed("gate", LineSide::Left));
    crossing.faces.clear();
    let mut leaving = frame(0, "2026-06-01T10:01:00Z", 1, 1, left("counter", 60));
    leaving.faces.clear();
    let answers = answers(&[crossing, leaving], &Question::default());
    assert_eq!((answers.line_totals().len(), answers.zone_totals().len()), (1, 0));
}
