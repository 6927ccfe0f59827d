//! RTSP cameras that break the rules in ways that the public reports of other programs describe.

use std::io::Write;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use md5::{Digest, Md5};
use passerby_capture::{OpenSettings, Rtsp, RtspSettings, RtspTransport, open_with};
use passerby_types::{ErrorClass, FrameSource, SourceError};

use crate::common::{checksum, drain, golden};
use crate::rtsp::camera::{Act, Request, RtspCamera, clip, packets, set_up};

const MS: Duration = Duration::from_millis(1);

fn patient() -> RtspSettings {
    RtspSettings { max_age: Duration::from_secs(60), ..RtspSettings::default() }
}

/// Reads a camera until its connection ends, and checks that all ten pictures of the clip came.
fn plays(url: &str) {
    let mut source = Rtsp::connect(url, patient()).expect("it plays");
    let seen = drain(&mut source);
    assert_eq!(seen.frames.iter().map(|frame| frame.1).collect::<Vec<_>>(), sums(), "{:?}", seen.damaged);
}

fn sums() -> Vec<u32> {
    golden("tiny").iter().map(|frame| frame.1).collect()
}

#[test]
fn packets_without_a_key_frame_are_not_a_stall() {
    let connections = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&connections);
    let camera = RtspCamera::new(move |request, stream| {
        if request.method != "PLAY" {
            return Act::Usual;
        }
        count.fetch_add(1, Ordering::AcqRel);
        let _ = write!(stream, "RTSP/1.0 200 OK\r\nCSeq: {}\r\nSession: 1\r\n\r\n", request.number);
        // Pictures that need an earlier one, for longer than a stall.
        let start = Instant::now();
        let mut number = 0;
        while start.elapsed() < 4500 * MS {
            let _ = stream.write_all(&packets(&clip()[1..2], 9, number, number.into()));
            number += clip()[1].len() as u16;
            thread::sleep(100 * MS);
        }
        let _ = stream.write_all(&packets(&clip(), 9, number, u32::from(number) + 9));
        Act::Close
    });
    let address = format!("{}#stall=2s&age=60s", camera.url());
    let mut source = open_with(address, &OpenSettings::default()).expect("an address");
    let error = source.next_picture().expect_err("the wait is said");
    assert!(matches!(error, SourceError::AwaitingKeyFrame { .. }), "{error}");
    assert_eq!((error.class(), error.lost().0), (ErrorClass::Skip, 0));
    assert!(error.to_string().contains("waits for a key frame"), "{error}");
    assert!(source.next_picture().expect("the stream has begun").is_some());
    assert_eq!(connections.load(Ordering::Acquire), 1);
}

#[test]
fn a_camera_without_key_frames_is_given_up() {
    let camera = RtspCamera::playing(packets(&clip()[1..2], 9, 0, 0)).staying();
    let settings = RtspSettings { key_frame_timeout: 500 * MS, ..patient() };
    let mut source = Rtsp::connect(&camera.url(), settings).expect("it plays");
    let error = source.next_picture().expect_err("no key frame comes");
    assert!(error.to_string().contains("no key frame within"), "{error}");
    assert_eq!(error.class(), ErrorClass::Reset);
}

/// Returns true if the request has a correct digest by MD5.
fn is_logged_in(request: &Request) -> bool {
    let Some(value) = request.header("authorization").filter(|value| value.starts_with("Digest ")) else {
        return false;
    };
    let part = |name: &str| {
        let at = value.find(&format!("{name}=\""))? + name.len() + 2;
        value[at..].split('"').next()
    };
    let hash = |text: String| Md5::digest(text).iter().map(|b| format!("{b:02x}")).collect::<String>();
    let user = hash("ana:cam:s3cret".into());
    let what = hash(format!("{}:{}", request.method, part("uri").unwrap_or_default()));
    part("response") == Some(hash(format!("{user}:n0nce:{what}")).as_str())
}

#[test]
fn a_camera_with_two_digests_logs_the_user_in() {
    let stream = packets(&clip(), 9, 0, 0);
    let attempts = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&attempts);
    let camera = RtspCamera::new(move |request, out| {
        if !is_logged_in(request) {
            count.fetch_add(1, Ordering::AcqRel);
            // It announces SHA-256 first, and reads MD5 alone.
            let ask = ["SHA-256", "MD5"].map(|name| {
                format!("WWW-Authenticate: Digest realm=\"cam\", nonce=\"n0nce\", algorithm=\"{name}\"\r\n")
            });
            let _ = write!(out, "RTSP/1.0 401 No\r\nCSeq: {}\r\n{}\r\n", request.number, ask.concat());
            return Act::Answered;
        }
        if request.method == "PLAY" { Act::Play(stream.clone()) } else { Act::Usual }
    });
    plays(&camera.url().replace("//", "//ana:s3cret@"));
    assert_eq!(attempts.load(Ordering::Acquire), 2, "one request without a login, one by SHA-256");
    let error = Rtsp::connect(&camera.url().replace("//", "//ana:wrong@"), patient()).expect_err("wrong");
    assert!(matches!(error, SourceError::Denied { .. }), "{error}");
}

#[test]
fn the_sender_of_the_packets_may_be_another_than_announced() {
    let stream = packets(&clip(), 9, 0, 0);
    let camera = RtspCamera::new(move |request, out| match request.method.as_str() {
        "SETUP" => {
            set_up(request, out, "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=0000a0c6");
            Act::Answered
        }
        "PLAY" => Act::Play(stream.clone()),
        _ => Act::Usual,
    });
    plays(&camera.url());
}

#[test]
fn an_encoder_that_starts_anew_keeps_the_connection() {
    // Another sender, other numbers and another time, from one picture to the next. The first packets decide who sends.
    let stream =
        [packets(&clip(), 9, 60_000, 0), packets(&clip(), 77, 5, 5), packets(&clip(), 77, 60, 50)].concat();
    let camera = RtspCamera::playing(stream);
    let seen = drain(&mut Rtsp::connect(&camera.url(), patient()).expect("it plays"));
    assert!(seen.frames.len() >= 20, "{} pictures, {:?}", seen.frames.len(), seen.damaged);
    assert_eq!(camera.connections(), 1);
}

#[test]
fn packets_before_the_response_to_play_are_kept() {
    let stream = packets(&clip(), 9, 0, 0);
    let camera = RtspCamera::new(move |request, out| {
        if request.method == "PLAY" {
            let _ = out.write_all(&stream);
            let _ = write!(out, "RTSP/1.0 200 OK\r\nCSeq: {}\r\nSession: 1\r\n\r\n", request.number);
            return Act::Close;
        }
        Act::Usual
    });
    plays(&camera.url());
}

/// Sends each of these packets twice to a port of this machine. The second copy is old.
fn send_datagrams(stream: &[u8], port: u16) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let mut rest = stream;
    while let [_, _, high, low, after @ ..] = rest {
        let (packet, next) = after.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        let _ = socket.send_to(packet, ("127.0.0.1", port));
        let _ = socket.send_to(packet, ("127.0.0.1", port));
        rest = next;
    }
}

#[test]
fn a_camera_that_refuses_tcp_sends_over_udp_and_that_is_said() {
    let stream = packets(&clip(), 9, 0, 0);
    let port = AtomicU16::new(0);
    let camera = RtspCamera::new(move |request, out| match request.method.as_str() {
        "SETUP" if request.header("transport").is_some_and(|transport| transport.contains("TCP")) => {
            let _ = write!(out, "RTSP/1.0 461 Unsupported transport\r\nCSeq: {}\r\n\r\n", request.number);
            Act::Answered
        }
        "SETUP" => {
            let transport = request.header("transport").unwrap_or_default().to_owned();
            set_up(request, out, &format!("{transport};server_port=4000-4001"));
            let given = transport.split("client_port=").nth(1).and_then(|ports| ports.split('-').next());
            let given = given.and_then(|port| port.parse().ok()).expect("a port");
            port.store(given, Ordering::Release);
            Act::Answered
        }
        "PLAY" => {
            // Datagrams may overtake the response.
            send_datagrams(&stream, port.load(Ordering::Acquire));
            Act::Usual
        }
        _ => Act::Usual,
    });
    let mut source = Rtsp::connect(&camera.url(), patient()).expect("it plays");
    let notice = source.next_picture().expect_err("it is said");
    assert!(matches!(notice, SourceError::Notice { .. }), "{notice}");
    assert!(notice.to_string().contains("#transport=udp"), "{notice}");
    // A decoder may hold the last two back until others show that their turn has come.
    let sums = sums();
    for sum in &sums[..sums.len() - 2] {
        let picture = source.next_picture().expect("a picture").expect("a picture");
        assert_eq!(checksum(&picture.image), *sum);
    }
    drop(source);
    let settings = RtspSettings { transport: RtspTransport::Tcp, ..patient() };
    let error = Rtsp::connect(&camera.url(), settings).expect_err("TCP alone");
    assert!(error.to_string().contains("#transport=udp"), "{error}");
}

#[test]
fn a_redirection_is_followed_within_the_camera_s_host() {
    let real = RtspCamera::playing(packets(&clip(), 9, 0, 0));
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let to = real.url();
    let camera = RtspCamera::new(move |request, out| {
        count.fetch_add(1, Ordering::AcqRel);
        let _ = write!(out, "RTSP/1.0 302 Moved\r\nCSeq: {}\r\nLocation: {to}\r\n\r\n", request.number);
        Act::Answered
    });
    plays(&camera.url());
    let other = camera.url().replace("127.0.0.1", "localhost");
    let error = Rtsp::connect(&other, patient()).expect_err("another host");
    assert!(error.to_string().contains("redirects to another host, 127.0.0.1"), "{error}");
    let settings = RtspSettings { any_redirect: true, ..patient() };
    assert!(Rtsp::connect(&other, settings).is_ok());
    assert_eq!(asked.load(Ordering::Acquire), 3);
}

#[test]
fn a_camera_that_is_starting_may_answer_anything() {
    let tries = AtomicU32::new(0);
    let stream = packets(&clip(), 9, 0, 0);
    let camera = RtspCamera::new(move |request, out| {
        let answer = match (request.method.as_str(), tries.load(Ordering::Acquire)) {
            ("DESCRIBE", 0) => "RTSP/1.0 404 Not Found",
            ("DESCRIBE", 1) => "HTTP/1.1 200 OK",
            ("DESCRIBE", 2) => "RTSP/1.0 401 Unauthorized",
            ("PLAY", _) => return Act::Play(stream.clone()),
            _ => return Act::Usual,
        };
        tries.fetch_add(1, Ordering::AcqRel);
        let _ = write!(out, "{answer}\r\nCSeq: {}\r\n\r\n", request.number);
        Act::Close
    });
    let mut settings = OpenSettings::default();
    settings.reconnect.as_mut().expect("the default").login_wait = 300 * MS;
    let mut source = open_with(format!("{}#age=60s", camera.url()), &settings).expect("an address");
    let error = source.next_picture().expect_err("the first answer is said");
    assert!(error.to_string().contains("has no stream"), "{error}");
    assert!(source.next_picture().expect("the others are not said").is_some());
}
