//! A hostile RTSP server cannot make the process hold more than 64 MiB, whatever it sends and however much of it.
//!
//! A test binary of its own, because it measures the memory of the process.
#![cfg(all(feature = "rtsp", target_os = "linux"))]

#[path = "../capture/rtsp/camera.rs"]
mod camera;
#[path = "../common/mod.rs"]
mod common;

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use camera::{Act, Request, RtspCamera};
use passerby_capture::{Rtsp, RtspSettings};
use passerby_types::{ErrorClass, FrameSource};

/// The most memory that one server may cost.
const LIMIT: u64 = 64 << 20;
/// The bytes that a server sends, if it can.
const FLOOD: usize = 600 << 20;

/// Returns the most memory that this process ever held, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

/// Sends `start` and then `part` again and again, until the client closes the connection.
fn flood(stream: &mut TcpStream, start: &[u8], part: &[u8]) {
    let _ = stream.write_all(start);
    let part = part.repeat((1 << 20) / part.len() + 1);
    for _ in 0..FLOOD / part.len() {
        if stream.write_all(&part).is_err() {
            return;
        }
    }
}

/// Returns an interleaved packet with this number, time and payload.
fn packet(number: u16, time: u32, mark: bool, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![b'$', 0];
    out.extend((12 + payload.len() as u16).to_be_bytes());
    out.extend([0x80, if mark { 0xe0 } else { 0x60 }]);
    out.extend(number.to_be_bytes());
    out.extend(time.to_be_bytes());
    out.extend([0, 0, 0, 9]);
    out.extend(payload);
    out
}

type Script = fn(&Request, &mut TcpStream) -> Act;

/// The ways to make a client hold memory before a login, and while it plays.
const SCRIPTS: [(&str, Script); 9] = [
    ("a line without an end", |_, stream| {
        flood(stream, b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nX: ", b"x");
        Act::Close
    }),
    ("lines without an end", |_, stream| {
        flood(stream, b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n", b"A: b\r\n");
        Act::Close
    }),
    ("a body that is never filled", |request, stream| {
        let head =
            format!("RTSP/1.0 200 OK\r\nCSeq: {}\r\nContent-Length: 4000000000\r\n\r\n", request.number);
        flood(stream, head.as_bytes(), &[b'v'; 4096]);
        Act::Close
    }),
    ("packets before the login", |_, stream| {
        flood(stream, b"", &packet(0, 0, false, &[0; 60_000]));
        Act::Close
    }),
    ("fragments without an end", |request, stream| {
        while_playing(request, stream, |n| {
            let start = if n == 0 { 0x85 } else { 0x05 };
            packet(n as u16, 0, false, &[&[0x7c, start], &[7; 1400][..]].concat())
        })
    }),
    ("parameter sets without an end", |request, stream| {
        while_playing(request, stream, |n| packet(n as u16, n, true, &[&[0x67], &[7; 1400][..]].concat()))
    }),
    ("tiny units in packets", |request, stream| {
        while_playing(request, stream, |n| {
            packet(n as u16, 0, false, &[&[0x78], &[0, 1, 6].repeat(400)[..]].concat())
        })
    }),
    ("packets of the control channel", |request, stream| {
        while_playing(request, stream, |n| {
            let mut packet = packet(n as u16, 0, false, &[&[0x65, 0x88], &[7; 1400][..]].concat());
            packet[1] = u8::from(n > 0);
            packet
        })
    }),
    ("packets of another channel", |request, stream| {
        while_playing(request, stream, |n| {
            let mut packet = packet(n as u16, 0, false, &[&[0x65, 0x88], &[7; 1400][..]].concat());
            packet[1] = if n > 0 { 9 } else { 0 };
            packet
        })
    }),
];

/// Sends the packets with the numbers 0, 1 and so on while the client plays.
fn while_playing(request: &Request, stream: &mut TcpStream, packet: impl Fn(u32) -> Vec<u8>) -> Act {
    if request.method != "PLAY" {
        return Act::Usual;
    }
    let head = format!("RTSP/1.0 200 OK\r\nCSeq: {}\r\nSession: 1\r\n\r\n", request.number);
    let _ = stream.write_all(head.as_bytes());
    let mut sent = 0;
    let mut number = 0;
    while sent < FLOOD {
        let part: Vec<u8> = (number..number + 100).flat_map(&packet).collect();
        if stream.write_all(&part).is_err() {
            break;
        }
        sent += part.len();
        number += 100;
    }
    Act::Close
}

#[test]
fn a_server_costs_at_most_64_mib() {
    for (name, script) in SCRIPTS {
        let camera = RtspCamera::new(script);
        let settings = RtspSettings { connect_timeout: Duration::from_secs(20), ..RtspSettings::default() };
        let before = peak();
        match Rtsp::connect(&camera.url(), settings) {
            Err(error) => assert_eq!(error.class(), ErrorClass::Reset, "{name}: {error}"),
            Ok(mut source) => loop {
                match source.next_picture() {
                    Ok(None) => break,
                    Ok(Some(_)) => panic!("{name}: a picture"),
                    Err(error) => assert_ne!(error.class(), ErrorClass::Fatal, "{name}: {error}"),
                }
            },
        }
        let grown = peak() - before;
        assert!(grown < LIMIT, "{name}: {} MiB", grown >> 20);
    }
}
