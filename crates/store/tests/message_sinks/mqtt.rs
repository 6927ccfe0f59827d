use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use passerby_store::{EventSettings, Mqtt, MqttSettings};
use passerby_testkit::suite;
use passerby_types::{CameraId, CameraLink, DeliveryCounts, ErrorClass, EventKind, MessageSink, Sink};

use crate::broker::{Broker, Gate, Received, Subscriber, settled, values};
use crate::{LIMIT, cameras_only, faces, frames, frames_only, wait_for};

fn settings(port: u16, events: EventSettings) -> MqttSettings {
    MqttSettings { host: "127.0.0.1".into(), port, events, ..MqttSettings::default() }
}

fn received() -> Arc<Mutex<Vec<Received>>> {
    Arc::default()
}

#[test]
fn mqtt_is_a_sink() {
    let Some(broker) = Broker::start() else { return };
    let subscriber = Subscriber::connect(&broker, &received());
    let sink = Mqtt::start(settings(broker.port(), frames_only())).unwrap();
    suite::sink(sink, || faces(&subscriber.values("observation")));
}

#[test]
fn mqtt_is_a_sink_of_messages() {
    let Some(broker) = Broker::start() else { return };
    let list = received();
    let _subscriber = Subscriber::connect(&broker, &list);
    let sink = Mqtt::start(settings(broker.port(), cameras_only())).unwrap();
    suite::message_sink(sink, || {
        settled(&list);
        let list = list.lock().unwrap();
        list.iter().map(|message| String::from_utf8(message.payload.clone()).unwrap()).collect()
    });
}

#[test]
fn a_broker_that_is_killed_five_times_gets_every_message() {
    let Some(mut broker) = Broker::start() else { return };
    let received = received();
    let mut subscriber = Some(Subscriber::connect(&broker, &received));
    let gate = Gate::open(&broker);
    let mut sink = Mqtt::start(settings(gate.port(), frames_only())).unwrap();
    let mut seq = 0;
    let mut write = |sink: &mut Mqtt, frames: u64| {
        for _ in 0..frames / 10 {
            let batch: Vec<_> = (seq..seq + 10).map(|seq| suite::observation(0, seq)).collect();
            sink.write(&batch).unwrap();
            seq += 10;
        }
    };
    for _ in 0..5 {
        let before = sink.counts().delivered;
        write(&mut sink, 400);
        // Kills it in the middle of a delivery.
        wait_for("a delivery", || sink.counts().delivered > before);
        gate.set_open(false);
        broker.kill();
        drop(subscriber.take());
        write(&mut sink, 200);
        broker.restart();
        subscriber = Some(Subscriber::connect(&broker, &received));
        gate.set_open(true);
    }
    sink.flush().unwrap();
    let DeliveryCounts { failures, .. } = sink.counts();
    let expected = DeliveryCounts { offered: 3000, delivered: 3000, lost: 0, waiting: 0, failures };
    assert_eq!(sink.counts(), expected);
    assert!(failures >= 5, "{failures} attempts failed");
    settled(&received);
    let messages = values(&received, "observation");
    assert_eq!(frames(&messages), (0..3000).map(|seq| (0, seq)).collect());
    println!("3000 messages, {} of them again, {failures} attempts failed", messages.len() - 3000);
}

#[test]
fn a_queue_without_a_broker_is_bounded_and_loses_nothing_that_it_took() {
    let Some(mut broker) = Broker::start() else { return };
    broker.kill();
    let max_waiting_bytes = 100_000;
    let mut sink = Mqtt::start(settings(
        broker.port(),
        EventSettings { max_waiting_bytes, flush_timeout: Duration::from_millis(50), ..frames_only() },
    ))
    .unwrap();
    let mut taken = 0;
    let error = loop {
        match sink.write(&[suite::observation(0, taken)]) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 10_000, "the queue has no bound");
    };
    assert_eq!(error.class(), ErrorClass::Reset);
    assert!((100..500).contains(&taken), "{taken} messages of about 600 bytes");
    // Further calls take nothing, and the end of waiting says why.
    assert!(sink.write(&[suite::observation(0, taken)]).is_err());
    assert_eq!((sink.counts().offered, sink.counts().waiting), (taken, taken));
    wait_for("an attempt", || sink.counts().failures > 0);
    let error = sink.flush().unwrap_err();
    assert_eq!(error.class(), ErrorClass::Reset);
    assert!(error.to_string().contains("refused"), "{error}");

    let received = received();
    broker.restart();
    // The sink may have connected before the subscriber: the messages until then are not in the list.
    let _subscriber = Subscriber::connect(&broker, &received);
    wait_for("the delivery", || sink.counts().waiting == 0);
    let counts = sink.counts();
    assert_eq!((counts.offered, counts.delivered, counts.lost), (taken, taken, 0));
}

#[test]
fn what_waits_at_the_end_is_given_up_in_time() {
    let Some(mut broker) = Broker::start() else { return };
    broker.kill();
    let events = EventSettings { flush_timeout: Duration::from_millis(10), ..frames_only() };
    let mut sink = Mqtt::start(settings(broker.port(), events)).unwrap();
    sink.write(&[suite::observation(0, 0)]).unwrap();
    let (ended, has_ended) = std::sync::mpsc::channel();
    thread::spawn(move || {
        drop(sink);
        let _ = ended.send(());
    });
    has_ended.recv_timeout(LIMIT).unwrap();
}

#[test]
fn a_broker_keeps_the_state_of_the_node_and_of_cameras_also_after_a_restart() {
    let Some(mut broker) = Broker::start() else { return };
    let events = EventSettings {
        node: "shop/1".into(),
        kinds: vec![EventKind::Camera, EventKind::Person],
        ..frames_only()
    };
    let mut sink = Mqtt::start(settings(broker.port(), events)).unwrap();
    sink.name_cameras(&[(CameraId(0), "door")]);
    sink.camera_link(CameraId(0), CameraLink::Live, None);
    sink.write(&[suite::observation(0, 0)]).unwrap();
    sink.flush().unwrap();
    for _ in 0..2 {
        broker.restart();
        // The new broker knows nothing until the sink has come back.
        let list = received();
        let subscriber = Subscriber::connect(&broker, &list);
        let topics = || {
            let list = list.lock().unwrap();
            let mut topics: Vec<String> = list.iter().map(|message| message.topic.clone()).collect();
            topics.sort();
            topics.dedup();
            topics
        };
        let expected = [
            "homeassistant/binary_sensor/passerby_shop_2F1_door/connection/config",
            "homeassistant/event/passerby_shop_2F1_door/person/config",
            "homeassistant/sensor/passerby_shop_2F1_door/faces/config",
            "passerby/shop%2F1/camera/door/state",
            "passerby/shop%2F1/status",
        ];
        wait_for("the kept messages", || topics() == expected);
        drop(subscriber);
    }
    drop(sink);
    let list = received();
    let _subscriber = Subscriber::connect(&broker, &list);
    wait_for("the farewell", || {
        let list = list.lock().unwrap();
        list.iter().any(|m| m.topic == "passerby/shop%2F1/status" && m.retained && m.payload == b"offline")
    });
}
