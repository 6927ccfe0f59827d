//! The JSON shape: exact text, biometric data, and reading back.

#![cfg(feature = "serde")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::{Duration, SystemTime};

use passerby_types::{
    Age, Attributes, BBox, CameraId, DropReason, Embedding, Face, FrameKind, FrameMeta, Gender, Identity,
    Landmarks, Ledger, LineSide, Observation, ObservationRecord, ObservedFace, PersonId, Point, Timestamp,
    TrackId, TrackKey, TrackState, TrackedFace, ZoneChange, ZoneEvent,
};
use serde_json::{from_str, from_value, json, to_string, to_value};

fn known_face() -> ObservedFace {
    let bbox = BBox::new(10.0, 50.0, 50.0, 100.0);
    let landmarks = Landmarks([Point::new(20.0, 60.0); 5]);
    ObservedFace {
        track: TrackId(1),
        state: TrackState::Confirmed,
        bbox,
        face: Some(Face::new(bbox, 0.9).with_landmarks(landmarks)),
        embedding: Some(Embedding::new(vec![3.0, 4.0]).unwrap()),
        estimate: None,
        identity: Identity::Person { id: PersonId(1), similarity: 0.8 },
        attributes: Some(Attributes { age: Age { years: 41.5, low: 33.0, high: 50.0 }, p_male: 0.97 }),
    }
}

fn predicted_face() -> ObservedFace {
    ObservedFace {
        track: TrackId(2),
        state: TrackState::Lost,
        bbox: BBox::new(1.0, 2.0, 3.0, 4.0),
        face: None,
        embedding: None,
        estimate: None,
        identity: Identity::Pending,
        attributes: None,
    }
}

fn observation(faces: Vec<ObservedFace>) -> Observation {
    let meta = FrameMeta::new(0, 12)
        .with_pts(Duration::from_millis(480))
        .with_wall(SystemTime::UNIX_EPOCH + Duration::from_micros(1_767_225_600_480_000));
    Observation { faces, ended: vec![TrackId(7)], ..Observation::new(meta, 640, 360) }
}

const KNOWN: &str = r#"{"track":1,"state":"confirmed","box":[10.0,50.0,50.0,100.0],"score":0.9,"person":1,"similarity":0.8,"age":41.5,"age_interval":[33.0,50.0],"p_male":0.97}"#;

#[test]
fn an_observation_is_written_byte_for_byte() {
    let text = to_string(&observation(vec![known_face()])).unwrap();
    let frame = r#"{"camera":0,"seq":12,"pts_s":0.48,"wall":"2026-01-01T00:00:00.480000Z","width":640,"height":360,"kind":"analysed","faces":["#;
    assert_eq!(text, format!("{frame}{KNOWN}],\"ended\":[7]}}"));
}

#[test]
fn zone_events_are_written_and_read() {
    let second = Duration::from_secs;
    let changes = [
        ZoneChange::Entered { zone: "counter".into() },
        ZoneChange::Left { zone: "counter".into(), dwell: Duration::from_millis(1500) },
        ZoneChange::Crossed { line: "gate".into(), from: LineSide::Left },
    ];
    let event = |change| ZoneEvent { track: TrackId(3), at: second(2), change };
    let mut written = observation(Vec::new());
    written.zone_events = changes.into_iter().map(event).collect();
    let value = to_value(&written).unwrap();
    let expected = json!([
        {"track": 3, "at_s": 2.0, "kind": "entered", "zone": "counter"},
        {"track": 3, "at_s": 2.0, "kind": "left", "zone": "counter", "dwell_s": 1.5},
        {"track": 3, "at_s": 2.0, "kind": "crossed", "line": "gate", "from": "left"},
    ]);
    assert_eq!(value["zone_events"], expected);
    let read: Observation = from_value(value).unwrap();
    assert_eq!(read.zone_events, written.zone_events);
}

#[test]
fn an_unknown_value_is_null() {
    let face = to_value(predicted_face()).unwrap();
    let want = json!({
        "track": 2, "state": "lost", "box": [1.0, 2.0, 3.0, 4.0], "score": null, "person": null,
        "similarity": null, "age": null, "age_interval": null, "p_male": null,
    });
    assert_eq!(face, want);
}

#[test]
fn biometric_data_is_left_out_by_default() {
    let texts = [
        to_string(&observation(vec![known_face()])).unwrap(),
        to_string(&known_face()).unwrap(),
        to_string(&known_face().face).unwrap(),
    ];
    for text in texts {
        assert!(!text.contains("landmarks") && !text.contains("embedding"), "{text}");
    }
}

#[test]
fn a_record_holds_biometric_data_if_asked_to() {
    let observation = observation(vec![known_face(), predicted_face()]);
    let record = to_value(ObservationRecord::new(&observation).with_landmarks().with_embeddings()).unwrap();
    let [known, predicted] = [&record["faces"][0], &record["faces"][1]];
    let embedding: Vec<f32> = from_value(known["embedding"].clone()).unwrap();
    assert_eq!(embedding, [0.6, 0.8]);
    assert_eq!(known["landmarks"], json!(vec![[20.0, 60.0]; 5]));
    assert!(predicted["embedding"].is_null() && predicted["landmarks"].is_null());
}

#[test]
fn an_observation_reads_back() {
    let before = observation(vec![known_face(), predicted_face()]);
    let text = to_string(&ObservationRecord::new(&before).with_landmarks().with_embeddings()).unwrap();
    let after: Observation = from_str(&text).unwrap();
    assert_eq!(after.meta, before.meta);
    assert_eq!((after.width, after.height, after.kind), (640, 360, FrameKind::Analysed));
    assert_eq!(after.ended, before.ended);
    for (after, before) in after.faces.iter().zip(&before.faces) {
        assert_eq!((after.track, after.state, after.bbox), (before.track, before.state, before.bbox));
        assert_eq!(after.face, before.face);
        assert_eq!(after.identity, before.identity);
        assert_eq!(after.attributes, before.attributes);
        assert_eq!(after.embedding.is_some(), before.embedding.is_some());
    }
    let again = to_string(&ObservationRecord::new(&after).with_landmarks()).unwrap();
    assert_eq!(again, to_string(&ObservationRecord::new(&before).with_landmarks()).unwrap());
}

#[test]
fn the_moment_of_capture_is_not_written() {
    let meta = FrameMeta::new(2, 5).with_captured(Timestamp(Duration::from_secs(9)));
    let text = to_string(&meta).unwrap();
    assert_eq!(text, r#"{"camera":2,"seq":5,"pts_s":null,"wall":"1970-01-01T00:00:00.000000Z"}"#);
    assert_eq!(from_str::<FrameMeta>(&text).unwrap(), FrameMeta::new(2, 5));
}

#[test]
fn a_number_that_is_not_finite_becomes_null_then_nan() {
    let bbox = BBox::new(f32::NAN, f32::INFINITY, 1.5, -2.0);
    let text = to_string(&bbox).unwrap();
    assert_eq!(text, "[null,null,1.5,-2.0]");
    let read: BBox = from_str(&text).unwrap();
    assert!(read.x1.is_nan() && read.y1.is_nan() && read.x2 == 1.5 && read.y2 == -2.0);
}

#[test]
fn attributes_with_one_bad_number_are_null() {
    let mut face = known_face();
    face.attributes.as_mut().unwrap().age.low = f32::NAN;
    let value = to_value(face).unwrap();
    assert!(["age", "age_interval", "p_male"].iter().all(|key| value[key].is_null()));
}

#[test]
fn ids_are_numbers() {
    assert_eq!(
        to_string(&(CameraId(3), TrackId(u64::MAX), PersonId(1))).unwrap(),
        "[3,18446744073709551615,1]"
    );
    let key: TrackKey = from_str(r#"{"camera":3,"track":7}"#).unwrap();
    assert_eq!(key, TrackKey { camera: CameraId(3), track: TrackId(7) });
}

#[test]
fn enumerations_are_words() {
    assert_eq!(to_value([Gender::Female, Gender::Male]).unwrap(), json!(["female", "male"]));
    assert_eq!(to_value([FrameKind::Analysed, FrameKind::Coasted]).unwrap(), json!(["analysed", "coasted"]));
    let identities =
        [Identity::Pending, Identity::Unidentified, Identity::Person { id: PersonId(4), similarity: 0.5 }];
    let value = to_value(identities).unwrap();
    assert_eq!(value, json!(["pending", "unidentified", {"person": {"id": 4, "similarity": 0.5}}]));
    assert_eq!(from_value::<[Identity; 3]>(value).unwrap(), identities);
}

#[test]
fn every_drop_reason_is_written_by_its_name() {
    use DropReason::{Late, Network, QueueFull, StageFailed, Stale, Stopped, Undecodable};
    for reason in [Undecodable, Network, Stale, QueueFull, StageFailed, Late, Stopped] {
        assert_eq!(to_value(reason).unwrap(), reason.name());
    }
}

#[test]
fn a_ledger_reads_back() {
    let mut ledger = Ledger::default();
    ledger.capture();
    ledger.lose(2, DropReason::Stale);
    let text = to_string(&ledger).unwrap();
    assert_eq!(text, r#"{"captured":3,"analysed":0,"coasted":0,"dropped":{"stale":2},"in_flight":1}"#);
    assert_eq!(from_str::<Ledger>(&text).unwrap(), ledger);
}

#[test]
fn a_tracked_face_reads_back_without_landmarks() {
    let face = known_face().face.unwrap();
    let tracked =
        TrackedFace { track: TrackId(1), state: TrackState::Tentative, bbox: face.bbox, face: Some(face) };
    let text = to_string(&tracked).unwrap();
    let want = TrackedFace { face: Some(Face::new(face.bbox, face.score)), ..tracked };
    assert_eq!(from_str::<TrackedFace>(&text).unwrap(), want);
}

#[test]
fn attributes_read_back() {
    let attributes = known_face().attributes.unwrap();
    let text = to_string(&attributes).unwrap();
    assert_eq!(text, r#"{"age":41.5,"age_interval":[33.0,50.0],"p_male":0.97}"#);
    assert_eq!(from_str::<Attributes>(&text).unwrap(), attributes);
}

#[test]
fn an_impossible_value_is_refused() {
    let frame = |pts: &str| format!(r#"{{"camera":0,"seq":1,"pts_s":{pts}}}"#);
    assert!(from_str::<FrameMeta>(&frame("0.04")).is_ok());
    for text in [frame("-1"), frame("1e300"), frame("\"soon\"")] {
        assert!(from_str::<FrameMeta>(&text).is_err(), "{text}");
    }
    let zero = KNOWN.replace("\"p_male\"", "\"embedding\":[0.0,0.0],\"p_male\"");
    assert!(from_str::<ObservedFace>(KNOWN).is_ok());
    assert!(from_str::<ObservedFace>(&zero).is_err());
}
