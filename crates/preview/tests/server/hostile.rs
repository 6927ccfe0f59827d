//! Ten thousand requests by someone who means harm.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use passerby_preview::PreviewSettings;

use crate::client::{connect, exchange_all, get, send};
use crate::dice::{Dice, alone, memory};
use crate::site::{Paced, Site, settings};

const REQUESTS: u64 = 10_000;
const THREADS: u64 = 4;
const FRAMES: usize = 3_000;
const TOKEN: &str = "correct-horse-battery";

const METHODS: &[&str] =
    &["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "TRACE", "CONNECT", "GE\0T", "get"];
const PATHS: &[&str] = &[
    "/",
    "/assets/../../etc/passwd",
    "/assets/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "/api/cameras",
    "/api/cameras/0",
    "/api/cameras/-1/picture.jpg",
    "/api/cameras/99999999999999999999/video",
    "/api/cameras/0/video",
    "/api/cameras/0/stream.mjpg",
    "/api/persons",
    "/api/persons/search",
    "/api/persons/1/merge",
    "/api/persons/undo",
    "/api/report?from=%00",
    "/api/events?cameras=x",
    "/metrics",
    "/?token=",
    "/?token=correct-horse-batterx",
    "//api/info",
    "/api/%",
    "/\u{fc}",
    "http://evil.example/api/info",
    "*",
    "/api/openapi.json/..",
];
const HOSTS: &[&str] =
    &["evil.example", "127.0.0.1", "localhost", "127.0.0.1\r\nHost: evil.example", "", "a b", "[::"];
const TOKENS: &[&str] = &[
    "",
    "Bearer",
    "Bearer ",
    "Bearer x",
    "Basic YTpi",
    "bearer correct-horse-batterx",
    "Bearer correct-horse-batter",
];

/// Returns a request, which never has the token.
fn request(dice: &mut Dice) -> Vec<u8> {
    let (method, path) = (dice.of(METHODS), dice.of(PATHS));
    let (host, token) = (dice.of(HOSTS), dice.of(TOKENS));
    let plain = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {token}\r\nConnection: close\r\n"
    );
    match dice.below(8) {
        0 => {
            let n = dice.below(300);
            dice.bytes(n)
        }
        1 => format!("{plain}{}\r\n", "X: y\r\n".repeat(dice.below(300))).into_bytes(),
        2 => format!("{plain}X: {}\r\n\r\n", "z".repeat(dice.below(100_000))).into_bytes(),
        3 => format!("{plain}Content-Length: {}\r\n\r\nshort", dice.next()).into_bytes(),
        4 => {
            let body = dice.bytes(100_000);
            [format!("{plain}Content-Length: {}\r\n\r\n", body.len()).as_bytes(), &body].concat()
        }
        5 => format!("{plain}Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\nx").into_bytes(),
        6 => {
            let head = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n";
            [
                format!("GET /api/cameras/0/video HTTP/1.1\r\nHost: {host}\r\n{head}").as_bytes(),
                &dice.bytes(64),
            ]
            .concat()
        }
        _ => format!("{plain}\r\n").into_bytes(),
    }
}

/// Sends requests, and returns the number of answers that gave something away.
fn attack(address: SocketAddr, seed: u64, requests: u64, wins: &AtomicU64) {
    let mut dice = Dice::new(seed);
    for _ in 0..requests {
        let bytes = request(&mut dice);
        if dice.below(50) == 0 {
            // Goes away in the middle.
            let mut stream = connect(address);
            let _ = stream.write_all(&bytes[..bytes.len() / 2]);
            continue;
        }
        let Some(answer) = exchange_all(address, &bytes) else { continue };
        let is_public = answer.text().starts_with("<!") || answer.body.is_empty();
        if answer.status < 300 && !is_public || answer.text().contains("root:") || answer.status == 500 {
            wins.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn ten_thousand_hostile_requests_gain_nothing_and_cost_no_frame() {
    let _turn = alone();
    let token = Some(TOKEN.into());
    let timeout = Duration::from_secs(2);
    let settings = PreviewSettings { token, request_timeout: timeout, ..settings() };
    let site = Site::with(settings, None, None);
    site.cameras.put(Paced::new(FRAMES, Duration::from_millis(2)), "door");
    let address = site.address;
    let wins = Arc::new(AtomicU64::new(0));
    // Heads that never end hold places of connections, and lose them by the timeout.
    let slow: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = connect(address);
            stream.write_all(b"GET / HTTP/1.1\r\nHost: ").unwrap();
            stream
        })
        .collect();

    // The allocator and the pools grow at first.
    attack(address, 77, 500, &wins);
    let before = memory();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let wins = Arc::clone(&wins);
            scope.spawn(move || attack(address, 1000 + thread, REQUESTS / THREADS, &wins));
        }
    });
    let grown = memory().saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes more");
    assert_eq!(wins.load(Ordering::Relaxed), 0, "answers that gave something away");
    for mut stream in slow {
        let mut rest = Vec::new();
        assert!(
            stream.read_to_end(&mut rest).is_ok() || rest.is_empty(),
            "a head that never ends is cut off"
        );
    }

    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    let answer = send(address, "GET", "/api/cameras", &bearer, b"");
    assert_eq!(answer.status, 200, "the server still serves");
    assert_eq!(get(address, "/").status, 200);
    let camera = passerby_types::CameraId(0);
    site.cameras.wait(camera);
    let report = site.stop();
    let ledger = &report.reports[0].ledger;
    assert_eq!((ledger.captured, ledger.analysed), (FRAMES as u64, FRAMES as u64));
}
