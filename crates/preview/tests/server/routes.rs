//! What each route answers.

use std::time::Duration;

use passerby_testkit::{ScriptedSource, SourceStep};
use serde_json::{Value, json};

use crate::client::{change, get, open, read_until, send};
use crate::site::{Paced, Site};

fn frames(n: usize) -> ScriptedSource {
    ScriptedSource::new(vec![SourceStep::Picture(64, 48); n])
}

#[test]
fn the_page_and_its_files_come_from_the_binary() {
    let site = Site::new();
    let page = get(site.address, "/");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("<!doctype html>") || page.text().contains("<!DOCTYPE html>"));
    assert_eq!(get(site.address, "/assets/main.js").status, 200);
    for path in
        ["/assets/../Cargo.toml", "/assets/%2e%2e/Cargo.toml", "/assets//etc/passwd", "/assets/", "/nothing"]
    {
        assert_eq!(get(site.address, path).status, 404, "{path}");
    }
    let _ = site.stop();
}

#[test]
fn every_described_route_is_answered() {
    let site = Site::new();
    let document = get(site.address, "/api/openapi.json").json();
    let mut checked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let path = path.replace("{camera}", "77").replace("{person}", "77").replace("{path}", "main.js");
            if path == "/api/events" {
                continue;
            }
            let answer = change(site.address, &method.to_uppercase(), &path, &Value::Null);
            assert!(![405, 500].contains(&answer.status), "{method} {path}: {answer:?}");
            if answer.status == 404 {
                let text = answer.text();
                assert!(
                    text.contains("there is no camera 77") || text.contains("person 77"),
                    "{method} {path}: {text}"
                );
            }
            checked += 1;
        }
    }
    assert!(checked > 25, "{checked}");
    let _ = site.stop();
}

#[test]
fn cameras_have_their_exact_ledger_also_for_prometheus() {
    let site = Site::new();
    let camera = site.cameras.put(frames(25), "door");
    site.cameras.wait(camera);
    let list = get(site.address, "/api/cameras").json();
    assert_eq!(list[0]["name"], "door");
    assert_eq!(list[0]["state"], "ended");
    let ledger = json!({ "captured": 25, "analysed": 25, "coasted": 0, "dropped": {}, "in_flight": 0 });
    assert_eq!(list[0]["ledger"], ledger);
    assert_eq!((&list[0]["zones"], &list[0]["video"]), (&json!([]), &json!("none")));
    let text = get(site.address, "/metrics").text();
    assert!(text.contains("passerby_frames_total{camera=\"0\",outcome=\"analysed\"} 25"), "{text}");
    let _ = site.stop();
}

#[test]
fn health_says_that_all_cameras_have_ended() {
    let site = Site::new();
    assert_eq!(get(site.address, "/health").json(), json!({ "status": "ok" }));
    let camera = site.cameras.put(frames(1), "door");
    site.cameras.wait(camera);
    let answer = get(site.address, "/health");
    assert_eq!((answer.status, answer.json()["status"].as_str()), (503, Some("failing")));
    let _ = site.stop();
}

#[test]
fn a_camera_is_added_paused_resumed_and_removed() {
    let site = Site::new();
    let mut events = open(site.address, "/api/events?kinds=camera");
    read_until(&mut events, ": passerby");
    let added = change(site.address, "POST", "/api/cameras", &json!({ "uri": "test:", "name": "yard" }));
    assert_eq!((added.status, added.json()["name"].as_str()), (201, Some("yard")));
    read_until(&mut events, "\"name\":\"yard\"");
    let paused = change(site.address, "POST", "/api/cameras/0/pause", &Value::Null);
    assert_eq!((paused.status, paused.json()["state"].as_str()), (200, Some("paused")));
    assert_eq!(change(site.address, "POST", "/api/cameras/0/resume", &Value::Null).status, 200);
    assert_eq!(change(site.address, "DELETE", "/api/cameras/0", &Value::Null).status, 204);
    read_until(&mut events, "\"removed\":true");
    assert_eq!(get(site.address, "/api/cameras").json(), json!([]));
    let refused = change(site.address, "POST", "/api/cameras", &json!({ "uri": "nonsense" }));
    assert_eq!((refused.status, refused.json()), (400, json!({ "error": "nonsense: no such camera" })));
    let _ = site.stop();
}

#[test]
fn observations_and_figures_are_events() {
    let site = Site::new();
    let mut events = open(site.address, "/api/events?cameras=0&kinds=observation,figures");
    read_until(&mut events, ": passerby");
    site.cameras.put(Paced::new(300, Duration::from_millis(10)), "door");
    let text = read_until(&mut events, "event: figures");
    let observation = text.split("event: observation\ndata: ").nth(1).unwrap().lines().next().unwrap();
    let observation: Value = serde_json::from_str(observation).unwrap();
    assert_eq!((&observation["camera"], &observation["width"]), (&json!(0), &json!(64)));
    assert_eq!(get(site.address, "/api/events?kinds=nonsense").status, 400);
    let _ = site.stop();
}

#[test]
fn pictures_are_encoded_only_while_someone_looks() {
    let site = Site::new();
    site.cameras.put(Paced::new(400, Duration::from_millis(10)), "door");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(site.server.encoded_pictures(), 0);
    let picture = get(site.address, "/api/cameras/0/picture.jpg");
    assert_eq!(picture.status, 200, "{picture:?}");
    assert_eq!(picture.body[..2], [0xff, 0xd8]);
    assert!(picture.head.contains("x-pts: 0.") || picture.head.contains("x-pts: "), "{}", picture.head);
    let after = site.server.encoded_pictures();
    assert!(after > 0);
    std::thread::sleep(Duration::from_millis(600));
    let later = site.server.encoded_pictures();
    assert!(later <= after + 2, "{after} {later}");
    assert_eq!(get(site.address, "/api/cameras/9/picture.jpg").status, 404);
    let _ = site.stop();
}

#[test]
fn coded_video_is_refused_for_a_camera_without_it() {
    let site = Site::new();
    site.cameras.put(Paced::new(100, Duration::from_millis(10)), "door");
    let upgrade =
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let request = format!(
        "GET /api/cameras/0/video HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade, close\r\n{upgrade}\r\n",
        site.address
    );
    let answer = crate::client::exchange(site.address, request.as_bytes()).unwrap();
    assert_eq!(answer.status, 409, "{answer:?}");
    assert_eq!(send(site.address, "GET", "/api/cameras/0/video", "", b"").status, 426);
    let _ = site.stop();
}
