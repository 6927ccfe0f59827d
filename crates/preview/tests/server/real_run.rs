//! The shapes of all answers in a run of the bundled clip with real networks and a database.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use passerby::reid::{Gallery, GalleryPolicy, SharedGallery};
use passerby::store::{JournalSettings, Sqlite, SqliteJournal, SqliteSettings};
use passerby::zones::{AreaPlan, LinePlan, ZoneBoard, ZonePlan};
use passerby::{Settings, stages_with};
use passerby_capture::{Video, open};
use passerby_pipeline::{Pipeline, PipelineSettings};
use passerby_preview::PreviewSettings;
use passerby_types::{CameraId, FrameSource, SystemClock};
use serde_json::{Value, json};

use crate::client::{change, get, open as open_stream, read_until, send, shapes};
use crate::dice::alone;
use crate::site::{Site, settings};

/// Fields of answers that this run does not have: the gallery is sure of all persons, no viewer is slow, and there is one camera.
const ABSENT: [&str; 3] = ["Suggestion.", "Lost.", "Report.transitions[]."];

fn clip() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/assets/passersby.mp4")
}

/// A site that keeps its observations and persons in a database.
fn site(folder: &Path) -> Site {
    let path = folder.join("passerby.sqlite");
    let clock = Arc::new(SystemClock::new());
    let mut journal = SqliteJournal::open(&path, JournalSettings::default()).unwrap();
    let mut sink =
        Sqlite::open(&path, SqliteSettings { lasting_persons: true, ..SqliteSettings::default() }).unwrap();
    sink.name_cameras(&[(CameraId(0), "door")]).unwrap();
    journal.set_run(sink.run());
    let gallery = Gallery::open(GalleryPolicy::default(), journal, clock.clone()).unwrap();
    let gallery = SharedGallery::of(gallery);
    let zones = ZoneBoard::default();
    let whole = AreaPlan {
        name: "picture".into(),
        polygon: vec![[0.02, 0.02], [0.98, 0.02], [0.98, 0.98], [0.02, 0.98]],
    };
    let line = |name: &str, x: f32| LinePlan { name: name.into(), from: [x, 1.0], to: [x, 0.0] };
    let lines = vec![line("left", 0.35), line("middle", 0.5), line("right", 0.65)];
    zones.set(CameraId(0), &ZonePlan { zones: vec![whole], lines, ..ZonePlan::default() }).unwrap();
    let (counters, handle) = (zones.clone(), gallery.clone());
    let stages = stages_with(&Settings::default(), move || handle.clone()).unwrap();
    let stages = stages.counting(move |camera| counters.counter(camera));
    let pipeline = Pipeline::new(stages, PipelineSettings::default(), clock).sink(sink);
    let settings = PreviewSettings { person_pictures: true, ..settings() };
    Site::of(settings, pipeline, zones, (Some(path), Some(gallery)))
}

/// Reads events until the camera has ended, and checks each. Returns their numbers by name.
fn follow(site: &Site) -> BTreeMap<String, u64> {
    let mut stream = open_stream(site.address, "/api/events");
    read_until(&mut stream, ": passerby");
    site.cameras.put(open(clip()).unwrap(), "door");
    let mut counts = BTreeMap::new();
    let mut name = String::new();
    for line in BufReader::new(stream).lines() {
        let line = line.unwrap();
        if let Some(event) = line.strip_prefix("event: ") {
            event.clone_into(&mut name);
        }
        let Some(data) = line.strip_prefix("data: ") else { continue };
        let data: Value = serde_json::from_str(data).unwrap();
        shapes().check_event(&name, &data);
        *counts.entry(name.clone()).or_default() += 1;
        if name == "pipeline" && data["kind"] == "camera_ended" {
            return counts;
        }
    }
    panic!("the events end before the camera");
}

/// Returns a picture of the clip as JPEG.
fn picture(folder: &Path) -> Vec<u8> {
    let mut video = Video::open(clip()).unwrap();
    let picture = video.pictures().nth(120).unwrap().unwrap();
    let path = folder.join("picture.jpg");
    passerby::write_image(&path, &picture.image).unwrap();
    std::fs::read(path).unwrap()
}

#[test]
fn every_answer_of_a_real_run_has_the_described_shape() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let to = site.address;
    let counts = follow(&site);
    for name in ["observation", "figures", "camera", "pipeline", "person", "zone"] {
        assert!(counts.contains_key(name), "{counts:?}");
    }
    // The sink has the last frames when the camera has ended.
    site.cameras.wait(CameraId(0));

    let cameras = get(to, "/api/cameras").json();
    assert_eq!((&cameras[0]["state"], cameras[0]["zones"].as_array().unwrap().len()), (&json!("ended"), 1));
    for path in ["/api/info", "/api/openapi.json", "/api/persons/journal", "/api/persons/suggestions"] {
        assert_eq!(get(to, path).status, 200, "{path}");
    }
    assert_eq!(get(to, "/health").status, 503);

    let mut list = Value::Null;
    for _ in 0..300 {
        list = get(to, "/api/persons").json();
        if list["persons"].as_array().unwrap().iter().filter(|person| !person["age"].is_null()).count() >= 3 {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let persons = list["persons"].as_array().unwrap();
    assert!(persons.len() >= 3, "{list}");
    for person in persons {
        assert!(person["first_seen"].as_str() < person["last_seen"].as_str(), "{person}");
        assert!(person["age"].as_f64().is_some_and(|age| (15.0..90.0).contains(&age)), "{person}");
        assert_eq!(person["cameras"], json!(["door"]), "{person}");
    }
    // The newest frames are looked at twice a second, so that a fast machine may miss a face.
    let mut pictures = 0;
    for person in persons {
        let picture = get(to, &format!("/api/persons/{}/picture.jpg", person["person"]));
        assert_eq!(picture.status == 200, person["has_picture"] == true, "{person}: {}", picture.status);
        pictures += u32::from(picture.body.starts_with(&[0xFF, 0xD8]));
    }
    assert!(pictures > 0);
    let number = persons[0]["person"].as_u64().unwrap();
    let path = format!("/api/persons/{number}");
    let named = change(to, "PATCH", &path, &json!({ "name": "Ann" })).json();
    assert_eq!(change(to, "POST", "/api/persons/undo", &json!({ "entry": named["entry"] })).status, 200);
    let detail = get(to, &path).json();
    assert_eq!((&detail["age"], &detail["dwell_s"]), (&persons[0]["age"], &persons[0]["dwell_s"]));
    let templates = detail["templates"].as_array().unwrap();
    assert!(templates.len() > 1, "{detail}");
    let split = json!({ "templates": [templates[0]["template"]] });
    let new = change(to, "POST", &format!("{path}/split"), &split);
    assert_eq!(new.status, 200, "{}", new.text());
    let merge = format!("/api/persons/{}/merge", new.json()["person"]);
    let merged = change(to, "POST", &merge, &json!({ "into": number }));
    assert!([200, 409].contains(&merged.status), "{}", merged.text());

    let origin = format!("Origin: http://{to}\r\n");
    let found = send(to, "POST", "/api/persons/search", &origin, &picture(folder.path()));
    assert_eq!(
        (found.status, &found.json()["matches"][0]["verdict"]),
        (200, &json!("same")),
        "{}",
        found.text()
    );
    let report = get(to, &format!("/api/report?by=minute&person={number}")).json();
    assert!(report["totals"][0]["visits"].as_u64() > Some(0), "{report}");

    let forgotten = change(to, "DELETE", &path, &Value::Null);
    assert_eq!(forgotten.status, 200, "{}", forgotten.text());
    assert_eq!(get(to, &format!("{path}/picture.jpg")).status, 404);
    // A test camera that is added, paused, resumed and removed.
    assert_eq!(change(to, "POST", "/api/cameras", &json!({ "uri": "test:" })).status, 201);
    for action in ["pause", "resume"] {
        assert_eq!(change(to, "POST", &format!("/api/cameras/1/{action}"), &Value::Null).status, 200);
    }
    let mut events = open_stream(to, "/api/events?kinds=camera");
    read_until(&mut events, ": passerby");
    assert_eq!(change(to, "DELETE", "/api/cameras/1", &Value::Null).status, 204);
    let removed = read_until(&mut events, "\"removed\"");
    let data = removed.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    shapes().check_event("camera", &serde_json::from_str(data).unwrap());

    let unseen = shapes().unseen();
    let unseen: Vec<_> =
        unseen.iter().filter(|field| !ABSENT.iter().any(|absent| field.starts_with(absent))).collect();
    assert!(unseen.is_empty(), "described, and in no answer: {unseen:#?}");
    let _ = site.stop();
}
