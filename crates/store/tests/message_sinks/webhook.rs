use std::time::{Duration, Instant};

use passerby_store::{EventSettings, Webhook, WebhookSettings};
use passerby_testkit::suite;
use passerby_types::{CameraId, DeliveryCounts, ErrorClass, MessageSink, Sink};

use crate::web_server::{Reply, WebServer};
use crate::{cameras_only, faces, frames, frames_only, wait_for};

fn start(server: &WebServer, events: EventSettings) -> Webhook {
    let settings = WebhookSettings { url: server.url(), token: Some("hunter2".into()), events };
    Webhook::start(settings).unwrap()
}

#[test]
fn webhook_is_a_sink() {
    let server = WebServer::start([]);
    suite::sink(start(&server, frames_only()), || faces(&server.acknowledged()));
}

#[test]
fn webhook_is_a_sink_of_messages() {
    let server = WebServer::start([]);
    suite::message_sink(start(&server, cameras_only()), || {
        server.acknowledged().iter().map(ToString::to_string).collect()
    });
}

#[test]
fn a_server_that_fails_stalls_and_cuts_gets_every_message_in_order() {
    use Reply::{Cut, CutAnswer, Stall, Status};
    let replies =
        [Status(500), Cut, Status(200), CutAnswer, Status(429), Stall, Status(503), Status(200), Status(408)];
    let server = WebServer::start(replies);
    let events = EventSettings { answer_timeout: Duration::from_secs(2), ..frames_only() };
    let mut sink = start(&server, events);
    for first in (0..500).step_by(10) {
        let batch: Vec<_> = (first..first + 10).map(|seq| suite::observation(0, seq)).collect();
        sink.write(&batch).unwrap();
    }
    sink.flush().unwrap();
    assert_eq!(server.replies_left(), 0);
    let expected = DeliveryCounts { offered: 500, delivered: 500, lost: 0, waiting: 0, failures: 7 };
    assert_eq!(sink.counts(), expected);
    let messages = server.acknowledged();
    let seqs: Vec<_> = messages.iter().map(|m| m["observation"]["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (0..500).collect::<Vec<_>>(), "each acknowledged once, in order");
}

#[test]
fn refused_messages_are_lost_and_counted_and_the_next_ones_go_on() {
    let server = WebServer::start([Reply::Status(400), Reply::Status(301)]);
    let mut sink = start(&server, frames_only());
    sink.write(&[suite::observation(0, 0)]).unwrap();
    sink.flush().unwrap();
    sink.write(&[suite::observation(0, 1)]).unwrap();
    sink.flush().unwrap();
    let expected = DeliveryCounts { offered: 2, delivered: 1, lost: 1, waiting: 0, failures: 1 };
    assert_eq!(sink.counts(), expected);
    assert_eq!(frames(&server.acknowledged()), [(0, 1)].into());
}

#[test]
fn a_server_may_ask_for_a_pause() {
    let server = WebServer::start([Reply::Later]);
    let mut sink = start(&server, frames_only());
    let begin = Instant::now();
    sink.write(&[suite::observation(0, 0)]).unwrap();
    sink.flush().unwrap();
    assert!(begin.elapsed() >= Duration::from_secs(1), "{:?}", begin.elapsed());
    assert_eq!(sink.counts().failures, 1);
}

#[test]
fn a_queue_is_bounded_while_the_server_stalls() {
    let server = WebServer::start([Reply::Stall]);
    let events =
        EventSettings { max_waiting_bytes: 100_000, answer_timeout: Duration::from_secs(1), ..frames_only() };
    let mut sink = start(&server, events);
    let mut taken = 0;
    let error = loop {
        match sink.write(&[suite::observation(0, taken)]) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 10_000, "the queue has no bound");
    };
    assert_eq!(error.class(), ErrorClass::Reset);
    assert_eq!((sink.counts().offered, sink.counts().waiting), (taken, taken));
    wait_for("the delivery", || sink.counts().waiting == 0);
    sink.write(&[suite::observation(0, taken)]).unwrap();
    sink.flush().unwrap();
    assert_eq!(frames(&server.acknowledged()), (0..=taken).map(|seq| (0, seq)).collect());
}

#[test]
fn a_request_has_the_documented_shape() {
    let server = WebServer::start([]);
    let mut sink = start(&server, EventSettings::default());
    sink.name_cameras(&[(CameraId(0), "Front door")]);
    sink.write(&[suite::observation(0, 0)]).unwrap();
    sink.flush().unwrap();
    let request = server.requests().remove(0);
    let head = request.head.to_ascii_lowercase();
    assert!(head.starts_with("post /hook http/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nauthorization: bearer hunter2\r\n"), "{head}");
    assert!(head.contains("\r\ncontent-type: application/json\r\n"), "{head}");
    assert_eq!((&request.body["version"], &request.body["node"]), (&1.into(), &"passerby".into()));
    let message = &request.body["messages"][0];
    assert_eq!(message["topic"], "camera/Front door/person");
    assert_eq!(message["message"]["event_type"], "new");
}

#[test]
fn an_address_that_is_not_of_http_is_an_error() {
    let settings = WebhookSettings { url: "door.local/hook".into(), ..WebhookSettings::default() };
    let error = Webhook::start(settings).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}
