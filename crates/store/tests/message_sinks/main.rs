//! The sinks that send messages, against a real broker and a web server that misbehaves.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed expectation is a failed test")]
#![allow(
    clippy::disallowed_methods,
    reason = "the threads of a test need no names, and its channels no bounds"
)]

mod broker;
mod mqtt;
mod web_server;
mod webhook;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use passerby_store::EventSettings;
use passerby_types::EventKind;
use serde_json::Value;

/// How long a test waits for anything.
const LIMIT: Duration = Duration::from_secs(30);

/// Sends every frame, and tries again soon.
fn frames_only() -> EventSettings {
    EventSettings {
        kinds: vec![EventKind::Observation],
        max_pause: Duration::from_millis(100),
        answer_timeout: Duration::from_secs(5),
        flush_timeout: LIMIT,
        ..EventSettings::default()
    }
}

/// Sends the states of cameras alone.
fn cameras_only() -> EventSettings {
    EventSettings { kinds: vec![EventKind::Camera], ..frames_only() }
}

/// Waits until `is_true` holds.
fn wait_for(what: &str, mut is_true: impl FnMut() -> bool) {
    let until = Instant::now() + LIMIT;
    while !is_true() {
        assert!(Instant::now() < until, "{what} did not happen within {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Returns the cameras and numbers of the frames that came, each once.
fn frames(messages: &[Value]) -> BTreeSet<(u64, u64)> {
    let frame = |message: &Value| {
        let observation = &message["observation"];
        (observation["camera"].as_u64().unwrap(), observation["seq"].as_u64().unwrap())
    };
    messages.iter().map(frame).collect()
}

/// Returns the number of faces in the messages, each message once.
fn faces(messages: &[Value]) -> u64 {
    let mut ids = BTreeSet::new();
    let of = |message: &Value| message["observation"]["faces"].as_array().unwrap().len() as u64;
    messages.iter().filter(|message| ids.insert(message["id"].to_string())).map(of).sum()
}
