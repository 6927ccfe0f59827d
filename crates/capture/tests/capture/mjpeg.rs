//! Cameras that give JPEG over HTTP: faulty ones, hostile ones, and ffmpeg as a camera.
#![cfg(feature = "mjpeg")]

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use crate::camera::{Camera, Request, answer};
use crate::clock::ArrivalClock;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, Rgb, RgbImage};
use md5::{Digest, Md5};
use passerby_capture::{Mjpeg, MjpegSettings, SourceContext};
use passerby_testkit::suite;
use passerby_types::{Codec, CodedDemand, DropReason, FrameSource, SourceError};
use sha2::Sha256;

const SECOND: Duration = Duration::from_secs(1);

/// Returns settings with which no picture is too old, even on a busy machine.
fn patient() -> MjpegSettings {
    MjpegSettings { max_age: 60 * SECOND, ..MjpegSettings::default() }
}

/// Returns a picture whose brightness is ten times its number.
fn jpeg(number: u8) -> Vec<u8> {
    let picture = RgbImage::from_pixel(40, 24, Rgb([10 * number; 3]));
    let mut bytes = Vec::new();
    JpegEncoder::new(&mut bytes).encode(&picture, 40, 24, ExtendedColorType::Rgb8).expect("a picture");
    bytes
}

/// The numbers of the pictures that came, in order, and the numbers of lost ones by reason.
#[derive(Debug, Default)]
struct Outcome {
    pictures: Vec<u8>,
    stale: u64,
    undecodable: u64,
    network: u64,
    end: Option<SourceError>,
}

/// Reads to the end.
fn drain(source: &mut Mjpeg) -> Outcome {
    let mut out = Outcome::default();
    loop {
        match source.next_picture() {
            Ok(Some(picture)) => {
                assert_eq!((picture.image.width(), picture.image.height()), (40, 24));
                out.pictures.push((picture.image.rgb_at(20, 12)[0] + 5) / 10);
            }
            Ok(None) => break,
            Err(e) => match e.lost() {
                (0, _) => out.end = Some(e),
                (n, DropReason::Stale) => out.stale += n,
                (n, DropReason::Undecodable) => out.undecodable += n,
                (n, DropReason::Network) => out.network += n,
                other => panic!("{other:?}: {e}"),
            },
        }
    }
    assert!(matches!(source.next_picture(), Ok(None)), "nothing comes after the end");
    out
}

fn connect(camera: &Camera) -> Mjpeg {
    Mjpeg::connect(&camera.url(), patient()).expect("the camera connects")
}

fn refused(url: &str) -> SourceError {
    let settings = MjpegSettings { connect_timeout: SECOND, ..patient() };
    Mjpeg::connect(url, settings).expect_err("this camera cannot be read")
}

/// Returns an answer's header with this content type, and without a length.
fn head(kind: &str) -> Vec<u8> {
    format!("HTTP/1.0 200 OK\r\n{kind}\r\n\r\n").into_bytes()
}

/// Returns two pictures with `before` and `after` around each.
fn two(before: &str, after: &str) -> Vec<u8> {
    [1, 2].map(|n| [before.as_bytes(), &jpeg(n), after.as_bytes()].concat()).concat()
}

const MULTIPART: &str = "Content-Type: multipart/x-mixed-replace; boundary=frame";

#[test]
fn faulty_multipart_streams_are_understood() {
    let len = jpeg(1).len();
    let right = format!("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len}\r\n\r\n");
    let kind = |rest: &str| format!("Content-Type: multipart/x-mixed-replace{rest}");
    let bad_length = |n: &str| format!("--frame\r\nContent-Length: {n}\r\n\r\n");
    let cases: Vec<(&str, String, Vec<u8>)> = vec![
        ("a correct stream", MULTIPART.into(), two(&right, "\r\n")),
        ("a closing boundary", MULTIPART.into(), [two(&right, "\r\n"), b"--frame--\r\n".to_vec()].concat()),
        ("quotes", kind(";boundary=\"frame\""), two(&right, "\r\n")),
        ("odd case", "CONTENT-type: Multipart/X-Mixed-Replace; BOUNDARY = frame".into(), two(&right, "\r\n")),
        ("dashes in the header too", kind("; boundary=--frame"), two(&right, "\r\n")),
        ("more dashes in the body", kind("; boundary=frame"), two("----frame\r\n\r\n", "\r\n")),
        ("another boundary", kind("; boundary=other"), two(&right, "\r\n")),
        ("no boundary declared", kind(""), two(&right, "\r\n")),
        ("no line end after a part", MULTIPART.into(), two(&right, "")),
        ("no length", MULTIPART.into(), two("--frame\r\nContent-Type: image/jpeg\r\n\r\n", "\r\n")),
        ("no header at all", MULTIPART.into(), two("--frame\r\n", "\r\n")),
        ("a length too small", MULTIPART.into(), two(&bad_length("7"), "\r\n")),
        ("a length too large", MULTIPART.into(), two(&bad_length("99999999999999999999"), "\r\n")),
        ("line feeds only", MULTIPART.into(), two("--frame\nCONTENT-LENGTH: x\nX-Timestamp: 1.5\n\n", "\n")),
        ("a preamble", MULTIPART.into(), [b"hello\r\nthere\r\n".to_vec(), two(&right, "\r\n")].concat()),
        ("blank lines before a picture", MULTIPART.into(), two("--frame\r\nA: b\r\n\r\n\r\n", "\r\n\r\n")),
        ("text/plain", "Content-Type: text/plain".into(), two(&right, "\r\n")),
        ("no content type", "X: y".into(), two(&right, "\r\n")),
        ("pictures alone", "Content-Type: application/octet-stream".into(), two("", "")),
        ("a length of a stream", format!("Content-Length: 5\r\n{MULTIPART}"), two(&right, "\r\n")),
    ];
    for (case, kind, body) in cases {
        let camera = Camera::sending([head(&kind), body].concat());
        let out = drain(&mut connect(&camera));
        assert_eq!((out.pictures, out.stale, out.undecodable), (vec![1, 2], 0, 0), "{case}");
        assert!(matches!(out.end, Some(SourceError::Disconnected { .. })), "{case}: {:?}", out.end);
    }
}

#[test]
fn a_camera_is_a_source() {
    let camera = Camera::sending([head(MULTIPART), two("--frame\r\n\r\n", "\r\n")].concat());
    let source = connect(&camera);
    assert!(source.info().live && source.info().name == camera.url());
    assert_eq!(suite::source(source), (2, 0));
}

#[test]
fn a_viewer_gets_the_pictures_as_they_came() {
    let camera = Camera::sending([head(MULTIPART), two("--frame\r\n\r\n", "\r\n")].concat());
    let mut source = connect(&camera);
    assert_eq!(source.info().codec, Some(Codec::Jpeg));
    let demand = CodedDemand::default();
    source.offer_coded(&demand);
    let _request = demand.request();
    for number in [1, 2] {
        let picture = source.next_picture().expect("no loss").expect("a picture");
        let coded = picture.coded.expect("coded data");
        assert_eq!((&coded.data[..], coded.number), (&jpeg(number)[..], u64::from(number - 1)));
        assert_eq!((coded.key, coded.width, coded.height, coded.rotation), (true, 40, 24, 0));
    }
}

#[test]
fn slow_small_chunks_are_one_stream() {
    let body = two("--frame\r\n\r\n", "\r\n");
    let camera = Camera::new(move |stream, _| {
        let head = format!("HTTP/1.1 200 OK\r\n{MULTIPART}\r\nTransfer-Encoding: chunked\r\n\r\n");
        let mut bytes = head.into_bytes();
        for chunk in body.chunks(37) {
            bytes.extend(format!("{:x};x=y\r\n", chunk.len()).into_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"0\r\n\r\n");
        for piece in bytes.chunks(11) {
            if stream.write_all(piece).is_err() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    });
    let out = drain(&mut connect(&camera));
    assert_eq!(out.pictures, [1, 2]);
    assert!(out.end.is_some());
}

#[test]
fn a_broken_part_does_not_end_the_stream() {
    let begin = b"--frame\r\n\r\n";
    let mut corrupt = jpeg(3);
    let quarter = corrupt.len() / 4;
    corrupt.truncate(3 * quarter);
    let large = [&[0xFF, 0xD8, 0xFF, 0xDA, 0, 2], &[7; 9000][..], &[0xFF, 0xD9]].concat();
    let parts: [&[u8]; 5] = [&jpeg(1), &corrupt, b"no picture", &large, &jpeg(2)];
    let (next, wait) = sync_channel::<()>(9);
    let wait = std::sync::Mutex::new(wait);
    let bodies = parts.map(|part| [begin, part, b"\r\n"].concat());
    let half = jpeg(4)[..quarter].to_vec();
    let camera = Camera::new(move |stream, _| {
        let _ = stream.write_all(&head(MULTIPART));
        // One at a time, so that no picture has to make room for another.
        for body in &bodies {
            let _ = stream.write_all(body);
            let _ = stream.write_all(begin);
            let _ = wait.lock().unwrap().recv_timeout(10 * SECOND);
        }
        let _ = stream.write_all(&half);
        false
    });
    let settings = MjpegSettings { max_picture_bytes: 8000, ..patient() };
    let mut source = Mjpeg::connect(&camera.url(), settings).unwrap();
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(match source.next_picture() {
            Ok(picture) => picture.is_some().to_string(),
            Err(e) => format!("{:?}", e.lost()),
        });
        next.send(()).unwrap();
    }
    let lost = format!("{:?}", (1, DropReason::Undecodable));
    assert_eq!(seen, ["true", &lost, &lost, &lost, "true"]);
    let out = drain(&mut source);
    assert_eq!((out.pictures.len(), out.network), (0, 1), "the half picture at the end");
    assert!(matches!(out.end, Some(SourceError::Disconnected { .. })));
}

/// Creates a camera of single pictures. It gives five pictures, each of them twice, and then no more.
fn single(kind: &'static str, keep: bool) -> Camera {
    Camera::new(move |stream, request| {
        let number = request.number / 2 + 1;
        if number > 5 {
            return false;
        }
        let header = if keep { kind.to_owned() } else { format!("Connection: close\r\n{kind}") };
        let _ = stream.write_all(&answer("200 OK", &header, &jpeg(number as u8)));
        keep
    })
}

#[test]
fn a_camera_of_single_pictures_is_asked_repeatedly() {
    for (kind, keep) in
        [("Content-Type: image/jpeg\r\n", true), ("", true), ("Content-Type: image/jpeg\r\n", false)]
    {
        let camera = single(kind, keep);
        let settings = MjpegSettings { rate: 40.0, ..patient() };
        let start = Instant::now();
        let out = drain(&mut Mjpeg::connect(&camera.url(), settings).unwrap());
        assert!(out.pictures.is_sorted_by(|a, b| a < b), "{out:?}");
        assert_eq!(out.pictures.len() as u64 + out.stale, 5, "a copy does not count: {out:?}");
        assert_eq!(out.pictures.last(), Some(&5));
        assert!(start.elapsed() > Duration::from_millis(9 * 25), "no faster than the rate");
        let connections = camera.connections.load(Ordering::Acquire);
        assert_eq!(
            connections,
            if keep { 2 } else { 11 },
            "one for all requests, and another try at the end"
        );
    }
}

/// Checks the response of a digest login, as RFC 7616 section 3.4 defines it.
fn digest(request: &Request, name: &str, hash: fn(&str) -> String, nonce: &str) -> bool {
    let Some(value) = request.authorization.as_deref().and_then(|a| a.strip_prefix("Digest ")) else {
        return false;
    };
    let get = |key: &str| {
        let at = value.find(&format!("{key}="))? + key.len() + 1;
        let rest = &value[at..];
        Some(match rest.strip_prefix('"') {
            Some(rest) => rest.split('"').next()?.to_owned(),
            None => rest.split(',').next()?.trim().to_owned(),
        })
    };
    let (Some(nc), Some(cnonce), Some(got)) = (get("nc"), get("cnonce"), get("response")) else {
        return false;
    };
    let a1 = hash("admin:a camera:s3 cret");
    let a2 = hash(&format!("GET:{}", request.path));
    let want = hash(&format!("{a1}:{nonce}:{nc}:{cnonce}:auth:{a2}"));
    got == want
        && value.contains("username=\"admin\"")
        && value.contains(&format!("uri=\"{}\"", request.path))
        && value.contains(&format!("nonce=\"{nonce}\""))
        && value.contains("opaque=\"0q\"")
        && value.contains(name)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn login(camera: &Camera, login: &str) -> String {
    format!("http://{login}@{}/snap?channel=1", camera.address)
}

#[test]
fn the_login_follows_the_challenge_of_the_camera() {
    type Check = Box<dyn Fn(&Request) -> bool + Send + Sync>;
    let md5: fn(&str) -> String = |text| hex(&Md5::digest(text));
    let sha: fn(&str) -> String = |text| hex(&Sha256::digest(text));
    let ask = |algorithm| {
        format!("Digest realm=\"a camera\", nonce=\"n0\", opaque=\"0q\", qop=\"auth\"{algorithm}")
    };
    let basic: Check = Box::new(|r| r.authorization.as_deref() == Some("Basic YWRtaW46czMgY3JldA=="));
    let cases: [(String, Check); 4] = [
        ("Basic realm=\"a camera\"".into(), basic),
        (ask(""), Box::new(move |r| digest(r, "", md5, "n0"))),
        (ask(", algorithm=SHA-256"), Box::new(move |r| digest(r, "algorithm=SHA-256", sha, "n0"))),
        (
            format!("Basic realm=\"a camera\", {}", ask(", algorithm=MD5")),
            Box::new(move |r| digest(r, "algorithm=MD5", md5, "n0")),
        ),
    ];
    for (challenge, check) in cases {
        let ask = format!("WWW-Authenticate: {challenge}\r\n");
        let served = AtomicU32::new(0);
        let camera = Camera::new(move |stream, request| {
            if !check(request) {
                return stream.write_all(&answer("401 Unauthorized", &ask, b"who are you?")).is_ok();
            }
            let number = served.fetch_add(1, Ordering::AcqRel) as u8 + 1;
            let picture = answer("200 OK", "Content-Type: image/jpeg\r\n", &jpeg(number));
            number <= 3 && stream.write_all(&picture).is_ok()
        });
        let mut source = Mjpeg::connect(&login(&camera, "admin:s3%20cret"), patient()).unwrap();
        assert!(!source.info().name.contains("admin") && !format!("{source:?}").contains("cret"));
        let out = drain(&mut source);
        assert_eq!(out.pictures.len() as u64 + out.stale, 3, "{challenge}: {out:?}");
        let connections = camera.connections.load(Ordering::Acquire);
        assert_eq!(connections, 2, "the login uses the same connection");
        let counts: Vec<_> = camera.requests().iter().filter_map(|r| r.authorization.clone()).collect();
        assert!(!challenge.contains("Digest") || counts[1].contains("nc=00000002"), "{counts:?}");
        for wrong in ["admin:other", "admin"] {
            let error = refused(&login(&camera, wrong));
            assert!(matches!(error, SourceError::Denied { .. }), "{error}");
            assert!(!error.to_string().contains("admin"), "{error}");
        }
        let before = camera.requests().len();
        assert!(matches!(refused(&camera.url()), SourceError::Denied { .. }));
        assert_eq!(camera.requests().len(), before + 1, "without a login there is no second try");
    }
}

#[test]
fn a_redirection_to_another_port_gets_no_login_and_one_to_another_host_is_refused() {
    let body = [head(MULTIPART), two("--frame\r\n\r\n", "\r\n")].concat();
    let ask = "WWW-Authenticate: Basic realm=\"r\"\r\n";
    let other = Camera::new(move |stream, request| match request.path.as_str() {
        "/open" => stream.write_all(&body).is_err(),
        _ => stream.write_all(&answer("401 Unauthorized", ask, b"")).is_ok(),
    });
    let open = format!("http://x:y@{}/open", other.address);
    let closed = format!("http://{}/in", other.address);
    let camera = Camera::new(move |stream, request| {
        let to = match request.path.as_str() {
            _ if request.authorization.is_none() => {
                return stream.write_all(&answer("401 Unauthorized", ask, b"")).is_ok();
            }
            "/video" => "there?x=1",
            "/there?x=1" => &open,
            "/closed" => &closed,
            _ => "/round",
        };
        stream.write_all(&answer("302 Found", &format!("Location: {to}\r\n"), b"over there")).is_ok()
    });
    let url = |path: &str| format!("http://me:secret@{}{path}", camera.address);
    let mut source = Mjpeg::connect(&url("/video"), patient()).unwrap();
    assert_eq!(drain(&mut source).pictures, [1, 2]);
    assert!(matches!(refused(&url("/closed")), SourceError::Denied { .. }));
    assert!(other.requests().iter().all(|r| r.authorization.is_none()), "{:?}", other.requests());
    let there = camera.requests().len();
    let elsewhere = camera.url().replace("127.0.0.1", "me:secret@localhost");
    let error = refused(&elsewhere.replace("/video", "/closed")).to_string();
    assert!(error.contains("redirects to another host, 127.0.0.1"), "{error}");
    assert_eq!(camera.requests().len(), there + 2, "a login and its redirection");
    let before = camera.requests().len();
    assert!(refused(&url("/round")).to_string().contains("more than 5 redirections"));
    assert_eq!(camera.requests().len(), before + 7, "a login, and five redirections after the first answer");
}

#[test]
fn an_invalid_response_is_refused() {
    let web = answer("200 OK", "Content-Type: text/html\r\n", b"<html>hello</html>");
    let lie = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_vec();
    let many = [b"HTTP/1.1 200 OK\r\n".to_vec(), b"A: b\r\n".repeat(500)].concat();
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("garbage", vec![0x80; 5000], "not HTTP"),
        ("a long line", [b"HTTP/1.1 200 OK\r\nA: ".to_vec(), vec![b'x'; 200_000]].concat(), "endless header"),
        ("many lines", many, "too many lines"),
        ("not found", answer("404 Not Found", "", b""), "has no stream /video"),
        ("too busy", answer("503 Too Many Clients", "", b""), "responds with 503"),
        ("a web page", web, "a web page"),
        ("an untrue chunk", lie, "a chunk without a size"),
        ("nothing", answer("200 OK", "", b""), "empty"),
        ("closed at once", Vec::new(), "without a response"),
    ];
    for (case, bytes, says) in cases {
        let camera = Camera::sending(bytes);
        let error = refused(&camera.url()).to_string();
        assert!(error.contains(says), "{case}: {error}");
    }
}

#[test]
fn a_missing_response_is_reported_in_time() {
    // One camera never ends its header, one accepts and sends nothing, and one doesn't exist.
    let trickle = Camera::new(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(b"A: b\r\n").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    });
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let start = Instant::now();
    let urls =
        [trickle.url(), format!("http://{}/", silent.local_addr().unwrap()), "http://127.0.0.1:1/".into()];
    for url in urls {
        assert!(matches!(refused(&url), SourceError::Disconnected { .. }), "{url}");
    }
    assert!(start.elapsed() < 15 * SECOND, "one second each: {:?}", start.elapsed());
}

#[test]
fn a_wrong_address_is_refused() {
    for url in ["ftp://camera/", "http://", "rtsp://a:b@c/"] {
        assert!(matches!(refused(url), SourceError::Malformed { .. }), "{url}");
    }
}

#[test]
fn an_encrypted_connection_needs_its_feature() {
    let camera = Camera::sending(Vec::new());
    let secret = refused(&format!("https://{}/", camera.address));
    #[cfg(not(feature = "tls"))]
    assert!(matches!(secret, SourceError::Unsupported { .. }), "{secret}");
    #[cfg(feature = "tls")]
    assert!(matches!(secret, SourceError::Disconnected { .. }), "{secret}");
}

#[test]
fn cancelling_ends_a_wait_at_once() {
    let stream = || {
        let body =
            [head(MULTIPART), b"--frame\r\n\r\n".to_vec(), jpeg(1), b"\r\n--frame\r\n\r\n\xFF\xD8".to_vec()];
        let body = body.concat();
        Camera::new(move |stream, _| stream.write_all(&body).is_ok())
    };
    // One source waits for the stream, and the other one sleeps until the next request.
    for (camera, rate) in [(stream(), 25.0), (single("Content-Type: image/jpeg\r\n", true), 0.001)] {
        let settings = MjpegSettings { rate, ..patient() };
        let mut source = Mjpeg::connect(&camera.url(), settings.clone()).unwrap();
        assert!(source.next_picture().unwrap().is_some());
        let cancel = source.cancel_handle().unwrap();
        let thread = std::thread::Builder::new().name("reader".into());
        let reader = thread.spawn(move || (source.next_picture().unwrap().is_none(), source)).unwrap();
        let start = Instant::now();
        cancel.cancel();
        let (none, mut source) = reader.join().unwrap();
        assert!(none && source.next_picture().unwrap().is_none());
        drop(source);
        cancel.cancel();
        let mut source = Mjpeg::connect(&camera.url(), settings).unwrap();
        assert!(source.next_picture().unwrap().is_some());
        drop(source);
        assert!(start.elapsed() < 10 * SECOND, "{:?}", start.elapsed());
    }
}

#[test]
fn a_late_reader_gets_the_newest_pictures() {
    let camera = Camera::new(move |stream, _| {
        let parts = (1..=20).map(|n| [b"--frame\r\n\r\n", jpeg(n).as_slice(), b"\r\n"].concat());
        let _ = stream.write_all(&[head(MULTIPART), parts.collect::<Vec<_>>().concat()].concat());
        false
    });
    let clock = ArrivalClock::new("capture-mjpeg");
    let context = SourceContext { clock: Arc::new(clock.clone()), ..SourceContext::default() };
    let mut source = Mjpeg::connect(&camera.url(), MjpegSettings { context, ..patient() }).unwrap();
    clock.wait_for_arrivals(20);
    let out = drain(&mut source);
    assert_eq!((out.pictures.len() as u64 + out.stale, out.pictures.last()), (20, Some(&20)), "{out:?}");
    assert!(out.stale > 0 && out.pictures.is_sorted(), "{out:?}");
}

#[test]
fn a_picture_that_became_too_old_is_lost() {
    let clock = ArrivalClock::new("capture-mjpeg");
    let body = [head(MULTIPART), two("--frame\r\n\r\n", "\r\n")].concat();
    let (go, wait) = sync_channel::<()>(9);
    let wait = std::sync::Mutex::new(wait);
    let camera = Camera::new(move |stream, _| {
        let _ = stream.write_all(&body);
        let _ = wait.lock().unwrap().recv_timeout(10 * SECOND);
        false
    });
    let context = SourceContext { clock: Arc::new(clock.clone()), ..SourceContext::default() };
    let settings = MjpegSettings { context, ..MjpegSettings::default() };
    let mut source = Mjpeg::connect(&camera.url(), settings).unwrap();
    let first = source.next_picture().unwrap().unwrap();
    assert_eq!((first.pts, first.age), (Some(Duration::ZERO), Duration::ZERO));
    clock.wait_for_arrivals(2);
    clock.clock.advance(SECOND);
    go.send(()).unwrap();
    let out = drain(&mut source);
    assert_eq!((out.pictures.len(), out.stale), (0, 1));
}

/// Runs ffmpeg quietly.
fn ffmpeg(arguments: &[&str]) -> std::io::Result<std::process::Child> {
    let mut command = std::process::Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y"]).args(arguments).spawn()
}

/// ffmpeg is the camera. Its pictures must be those that it decodes from its own file, in order.
#[test]
fn ffmpeg_is_a_camera() {
    const ENCODE: [&str; 4] = ["-c:v", "mjpeg", "-q:v", "3"];
    const WIDTH: usize = 162;
    const HEIGHT: usize = 118;
    const FRAMES: usize = 25;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let scene = format!("testsrc2=s={WIDTH}x{HEIGHT}:r=25:d=1,gblur=sigma=3");
    let input = ["-f", "lavfi", "-i", &scene, "-pix_fmt", "yuvj420p"];
    let coded = path("coded.mjpeg");
    let plain = path("plain.yuv");
    let encode = [&input[..], &ENCODE, &["-f", "mjpeg", &coded]].concat();
    let Ok(mut child) = ffmpeg(&encode) else {
        println!("skipped: there is no ffmpeg");
        return;
    };
    assert!(child.wait().unwrap().success());
    let decode = ["-i", &coded, "-f", "rawvideo", "-pix_fmt", "yuvj420p", &plain];
    assert!(ffmpeg(&decode).unwrap().wait().unwrap().success());
    let plain = std::fs::read(&plain).unwrap();
    let want: Vec<_> = plain.chunks_exact(WIDTH * HEIGHT * 3 / 2).collect();
    assert_eq!(want.len(), FRAMES);

    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/");
    let serve = [&["-re"], &input[..], &ENCODE, &["-f", "mpjpeg", "-listen", "1", &url]].concat();
    let mut child = ffmpeg(&serve).unwrap();
    let start = Instant::now();
    let mut source = loop {
        match Mjpeg::connect(&url, patient()) {
            Ok(source) => break source,
            Err(SourceError::Disconnected { .. }) if start.elapsed() < 10 * SECOND => {
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(e) => panic!("{e}"),
        }
    };
    let mut at = 0;
    let mut given = 0;
    let mut stale = 0;
    let mut last = None;
    loop {
        match source.next_picture() {
            Ok(Some(picture)) => {
                assert!(picture.pts > last);
                last = picture.pts;
                // Only luma is compared, since decoders interpolate chroma differently.
                let got: Vec<f64> = (0..HEIGHT)
                    .flat_map(|y| picture.image.plane(0).row(y).chunks_exact(3))
                    .map(|p| 0.299 * f64::from(p[0]) + 0.587 * f64::from(p[1]) + 0.114 * f64::from(p[2]))
                    .collect();
                let off = |want: &[u8]| {
                    let sum: f64 = got.iter().zip(want).map(|(a, b)| (a - f64::from(*b)).abs()).sum();
                    sum / got.len() as f64
                };
                let best = (at..FRAMES).map(|i| (off(want[i]), i)).min_by(|a, b| a.0.total_cmp(&b.0));
                let (least, found) = best.expect("no more pictures than there are");
                assert!(least < 1.0, "no such picture: {least}");
                at = found + 1;
                given += 1;
            }
            Ok(None) => break,
            Err(e) => stale += e.lost().0,
        }
    }
    assert_eq!((given + stale, at), (FRAMES as u64, FRAMES));
    child.wait().unwrap();
}
