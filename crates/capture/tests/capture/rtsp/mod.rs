//! RTSP cameras: GStreamer's server, if it is installed, and a small server that breaks the rules.
#![cfg(feature = "rtsp")]
#![allow(clippy::print_stderr, reason = "skipped tests are reported")]

pub(crate) mod camera;
mod coded;
mod quirks;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use self::camera::units;
use crate::common::{checksum, data, drain, golden};
use crate::gstreamer::{self, Camera};
use passerby_capture::{DecodeLimits, Images, Rtsp, RtspSettings, RtspTransport, SourceContext, Video};
use passerby_testkit::suite;
use passerby_types::{DropReason, ErrorClass, FrameSource, Picture, SourceError};

const MS: Duration = Duration::from_millis(1);

/// Returns true if GStreamer's RTSP server is installed. Otherwise reports that the test is skipped.
fn gstreamer(test: &str) -> bool {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    let installed = *INSTALLED.get_or_init(gstreamer::is_installed);
    if !installed {
        eprintln!("SKIPPED {test}: no RTSP server of GStreamer");
    }
    installed
}

fn path(name: &str) -> String {
    data(name).display().to_string()
}

/// Returns settings with which no frame is too old, even on a busy machine.
fn patient() -> RtspSettings {
    RtspSettings { max_age: Duration::from_secs(60), ..RtspSettings::default() }
}

fn connect(url: &str) -> Rtsp {
    Rtsp::connect(url, patient()).expect("the camera plays")
}

/// The results of one connection until its end.
#[derive(Default)]
struct Seen {
    pictures: Vec<Picture>,
    lost: Vec<(u64, DropReason)>,
    end: Option<SourceError>,
}

impl Seen {
    fn lost(&self, reason: DropReason) -> u64 {
        self.lost.iter().filter(|lost| lost.1 == reason).map(|lost| lost.0).sum()
    }

    fn sums(&self) -> Vec<u32> {
        self.pictures.iter().map(|picture| checksum(&picture.image)).collect()
    }
}

/// Reads to the end, with this pause after each picture.
fn watch(mut source: Rtsp, pause: Duration) -> Seen {
    let mut seen = Seen::default();
    loop {
        match source.next_picture() {
            Ok(Some(picture)) => {
                seen.pictures.push(picture);
                thread::sleep(pause);
            }
            Ok(None) => break,
            Err(e) if e.class() == ErrorClass::Skip => seen.lost.push(e.lost()),
            Err(e) => {
                assert!(seen.end.is_none(), "the end is reported once");
                seen.end = Some(e);
            }
        }
    }
    assert!(matches!(source.next_picture(), Ok(None)));
    seen
}

fn is_disconnected(error: Option<&SourceError>) -> bool {
    matches!(error, Some(SourceError::Disconnected { .. }))
}

#[test]
fn every_frame_arrives_over_both_transports() {
    if !gstreamer("every_frame_arrives_over_both_transports") {
        return;
    }
    // With B frames.
    let camera = Camera::start(&[&path("tiny.mp4"), "--loops", "2"]);
    let file = drain(&mut Video::open(data("tiny.mp4")).expect("a good clip opens"));
    let over = |transport| {
        let settings = RtspSettings { transport, ..patient() };
        let source = Rtsp::connect(&camera.url(), settings).expect("the camera plays");
        assert!(source.info().live && source.info().name == camera.url());
        assert_eq!(source.info().frame_rate, Some(10.0));
        watch(source, Duration::ZERO)
    };
    thread::scope(|scope| {
        for (name, run) in [RtspTransport::Tcp, RtspTransport::Udp]
            .map(|transport| (format!("{transport:?}"), scope.spawn(move || over(transport))))
        {
            let seen = run.join().expect("no panic");
            assert_eq!(seen.lost, [], "{name}");
            let sums: Vec<_> = file.frames.iter().chain(&file.frames).map(|frame| frame.1).collect();
            // The end of the connection can overtake the last datagrams, whose number isn't known. They hold the last pictures
            // in the order of decoding, so any of the last four in the order of time can be missing.
            let certain = if name == "Udp" { 16 } else { 20 };
            assert!((certain..=20).contains(&seen.pictures.len()), "{name}");
            let mut expected = sums.iter().enumerate();
            for (i, picture) in seen.pictures.iter().enumerate() {
                let found = expected.find(|(_, sum)| **sum == checksum(&picture.image));
                let (place, _) =
                    found.unwrap_or_else(|| panic!("{name}: picture {i} is none of those that follow"));
                assert!(place == i || i >= certain, "{name}: picture {place} came as number {i}");
                let micros = picture.pts.expect("a time").as_micros() as u64;
                // RTP counts in units of 11 us.
                assert!(
                    micros.abs_diff(place as u64 * 100_000) <= 12,
                    "{name} picture {place} at {micros} us"
                );
            }
            // Each B frame causes a delay of a tenth of a second. Without it a picture is younger than that.
            let youngest = seen.pictures.iter().map(|picture| picture.age).min().expect("pictures");
            assert!(Duration::ZERO < youngest && youngest < 100 * MS, "{name}: {youngest:?}");
            assert!(is_disconnected(seen.end.as_ref()), "{name}: {:?}", seen.end);
        }
    });
}

#[test]
fn a_login_is_needed_if_the_camera_asks() {
    if !gstreamer("a_login_is_needed_if_the_camera_asks") {
        return;
    }
    let camera = Camera::start(&[&path("tiny.mp4"), "--login", "viewer:p@ss/word"]);
    let with = |login: &str| {
        Rtsp::connect(&format!("rtsp://{login}127.0.0.1:{}/live", camera.port), RtspSettings::default())
    };
    let mut source = with("viewer:p%40ss%2Fword@").expect("the right password");
    assert!(source.next_picture().expect("a picture").is_some());
    assert_eq!(source.info().name, camera.url());
    assert!(!format!("{source:?}").contains("viewer"));
    for (login, says) in
        [("viewer:secret@", "wrong name or password"), ("", "asks for a name and a password")]
    {
        let error = with(login).expect_err("the login is wrong");
        assert!(
            matches!(error, SourceError::Denied { .. }) && error.class() == ErrorClass::Fatal,
            "{error:?}"
        );
        let text = format!("{error} {error:?}");
        assert!(text.contains(says) && !text.contains("secret") && !text.contains("viewer"), "{text}");
    }
}

#[test]
fn a_killed_camera_is_a_broken_connection() {
    if !gstreamer("a_killed_camera_is_a_broken_connection") {
        return;
    }
    let clip = path("tiny.mp4");
    let mut camera = Camera::start(&[&clip]);
    let url = camera.url();
    let mut source = connect(&url);
    assert!(source.next_picture().expect("a picture").is_some());
    camera.kill();
    let start = Instant::now();
    let seen = watch(source, Duration::ZERO);
    assert!(is_disconnected(seen.end.as_ref()), "{:?}", seen.end);
    assert!(start.elapsed() < 20_000 * MS, "reported {:?} later", start.elapsed());
    let refused = Rtsp::connect(&url, RtspSettings::default()).expect_err("the camera is off");
    assert_eq!(refused.class(), ErrorClass::Reset, "{refused}");
    camera.restart();
    assert!(connect(&url).next_picture().expect("a picture").is_some());
}

#[test]
fn the_size_may_change_in_the_middle() {
    if !gstreamer("the_size_may_change_in_the_middle") {
        return;
    }
    let camera = Camera::start(&[&path("tiny.mp4"), &path("tiny_bt709_full.mp4"), "--loops", "1"]);
    let seen = watch(connect(&camera.url()), Duration::ZERO);
    let want = [golden("tiny"), golden("tiny_bt709_full")].concat();
    assert_eq!(seen.sums(), want.iter().map(|frame| frame.1).collect::<Vec<_>>());
    let heights: Vec<_> = seen.pictures.iter().map(|picture| picture.image.height()).collect();
    assert_eq!(heights, [[42; 10], [48; 10]].concat());
    assert_eq!(seen.lost, []);
}

#[test]
fn jpeg_pictures_arrive_unchanged() {
    if !gstreamer("jpeg_pictures_arrive_unchanged") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let dump = folder.path().display().to_string();
    let camera = Camera::start(&["--jpeg", "24", "--dump", &dump, "--loops", "1"]);
    let files = drain(&mut Images::open(folder.path()).expect("pictures"));
    let seen = watch(connect(&camera.url()), Duration::ZERO);
    assert_eq!(seen.lost, []);
    assert_eq!(seen.sums(), files.frames.iter().map(|frame| frame.1).collect::<Vec<_>>());
    let last = seen.pictures.last().and_then(|picture| picture.pts).expect("a time");
    assert!(last.abs_diff(23 * Duration::from_secs(1) / 24) < MS, "{last:?}");
}

#[test]
fn a_slow_reader_gets_young_frames() {
    if !gstreamer("a_slow_reader_gets_young_frames") {
        return;
    }
    let clip = format!("{}/../../assets/passersby.mp4", env!("CARGO_MANIFEST_DIR"));
    // The clip has a key frame every two seconds.
    let mut camera = Camera::start(&[&clip, "--loops", "1", "--first", "120"]);
    let settings = RtspSettings { max_age: 300 * MS, ..RtspSettings::default() };
    let seen = watch(Rtsp::connect(&camera.url(), settings).expect("the camera plays"), 70 * MS);
    let sent: u64 = camera.wait_for("sent ").parse().expect("a number");
    assert_eq!(sent, 120);
    assert_eq!(seen.pictures.len() as u64 + seen.lost(DropReason::Stale), sent, "{:?}", seen.lost);
    assert!((1..=100).contains(&seen.pictures.len()), "{} pictures", seen.pictures.len());
    let oldest = seen.pictures.iter().map(|picture| picture.age).max().expect("pictures");
    // The bound, plus the time to decode a picture on a busy machine. Without the bound the last picture is more than
    // three seconds old.
    assert!(oldest < 1500 * MS, "{oldest:?}");
}

/// Reads a request of the client. Returns its method and sequence number, or `None` at the end.
fn request(stream: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let mut method = String::new();
    let mut number = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if method.is_empty() {
            method = line.split(' ').next().unwrap_or_default().to_owned();
        }
        if let Some(value) = line.strip_prefix("CSeq: ") {
            number = value.trim().to_owned();
        }
        if line.trim().is_empty() {
            return Some((method, number));
        }
    }
}

/// Starts a camera that offers `media` (lines of SDP) and calls `play` when the client asks it to play. Returns its URL.
fn fake(media: &str, play: impl FnOnce(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("rtsp://{}/x", listener.local_addr().expect("bound"));
    let sdp = format!("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\n{media}");
    let serve = move || {
        let Ok((mut stream, _)) = listener.accept() else { return };
        let mut requests = BufReader::new(stream.try_clone().expect("a clone"));
        while let Some((method, number)) = request(&mut requests) {
            let more = match method.as_str() {
                "DESCRIBE" => {
                    format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len())
                }
                "SETUP" => "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n".into(),
                _ => "Session: 1\r\n\r\n".into(),
            };
            let _ = write!(stream, "RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{more}");
            if method == "PLAY" {
                return play(stream);
            }
        }
    };
    thread::Builder::new().name("fake-camera".into()).spawn(serve).expect("a thread");
    url
}

const H264: &str =
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:v\r\n";

/// Returns the packets of the units that `keep` selects, at 10 units per second. The other units leave gaps.
fn packets(units: &[Vec<Vec<u8>>], keep: impl Fn(usize) -> bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut number = 7_u16;
    for (i, unit) in units.iter().enumerate() {
        for (j, nal) in unit.iter().enumerate() {
            let mark = if j + 1 == unit.len() { 0xe0 } else { 0x60 };
            let mut packet = vec![0x80, mark];
            packet.extend(number.to_be_bytes());
            packet.extend((i as u32 * 9000).wrapping_sub(20_000).to_be_bytes());
            packet.extend([0, 0, 0, 9]);
            packet.extend(nal);
            number = number.wrapping_add(1);
            if keep(i) {
                out.extend([b'$', 0]);
                out.extend((packet.len() as u16).to_be_bytes());
                out.extend(packet);
            }
        }
    }
    out
}

#[test]
fn every_frame_comes_or_is_counted_as_lost() {
    let clip = units("tiny.264");
    let all = clip.len();
    assert_eq!(all, 10);
    let three = [clip.clone(), clip.clone(), clip].concat();
    for allow_damaged in [false, true] {
        // The first frame of the second loop, which is a key frame, and two frames of the third loop.
        let lost = [all, 2 * all + 3, 2 * all + 4];
        let stream = packets(&three, |i| !lost.contains(&i));
        let url = fake(H264, move |mut camera| {
            let _ = camera.write_all(&stream);
        });
        let settings = RtspSettings { allow_damaged, ..patient() };
        let seen = watch(Rtsp::connect(&url, settings).expect("it plays"), Duration::ZERO);
        let network = seen.lost(DropReason::Network);
        if allow_damaged {
            assert_eq!(network, 3, "{:?}", seen.lost);
        }
        assert_eq!(seen.pictures.len() as u64 + seen.lost.iter().map(|l| l.0).sum::<u64>(), 3 * all as u64);
        assert!(is_disconnected(seen.end.as_ref()));
        if !allow_damaged {
            let whole = golden("tiny");
            assert_eq!(network, seen.lost.iter().map(|l| l.0).sum::<u64>());
            assert!(network > 3, "{:?}", seen.lost);
            let sums = seen.sums();
            assert!(sums.iter().all(|sum| whole.iter().any(|frame| frame.1 == *sum)), "no damage is shown");
        }
    }
}

#[test]
fn a_stream_with_other_key_frames_than_idr_pictures_is_read() {
    let clip = units("tiny_open.264");
    let file = drain(&mut Video::open(data("tiny_open.264")).expect("a good clip opens"));
    assert_eq!((clip.len(), file.frames.len()), (15, 15));
    assert!(clip[1..].iter().flatten().all(|nal| nal[0] & 0x1f != 5), "no other IDR picture");
    // The client joins after the IDR picture. No picture can be decoded before the next I picture.
    let stream = packets(&clip[1..], |_| true);
    let url = fake(H264, move |mut camera| {
        let _ = camera.write_all(&stream);
    });
    let seen = watch(connect(&url), Duration::ZERO);
    assert_eq!(seen.lost, []);
    assert_eq!(seen.sums(), file.frames[5..].iter().map(|frame| frame.1).collect::<Vec<_>>());
}

#[test]
fn cancelling_ends_a_wait_at_once() {
    let (sender, received) = std::sync::mpsc::sync_channel(1);
    let url = fake(H264, move |mut camera| {
        // Send nothing. The client must send a TEARDOWN and close the connection.
        let mut rest = Vec::new();
        let _ = camera.read_to_end(&mut rest);
        let _ = sender.send(String::from_utf8_lossy(&rest).into_owned());
    });
    let mut source = connect(&url);
    let cancel = source.cancel_handle().expect("the source can be cancelled");
    let canceller = thread::Builder::new().name("canceller".into()).spawn(move || {
        thread::sleep(50 * MS);
        cancel.cancel();
        Instant::now()
    });
    assert!(matches!(source.next_picture(), Ok(None)));
    let cancelled = canceller.expect("a thread").join().expect("no panic");
    assert!(cancelled.elapsed() < 5000 * MS, "{:?}", cancelled.elapsed());
    assert!(matches!(source.next_picture(), Ok(None)));
    // Dropping the source ends its thread and the session.
    let start = Instant::now();
    drop(source);
    assert!(start.elapsed() < 10_000 * MS, "{:?}", start.elapsed());
    let rest = received.recv_timeout(Duration::from_secs(10)).expect("the connection is closed");
    assert!(rest.starts_with("TEARDOWN "), "{rest}");
}

#[test]
fn an_unsupported_codec_is_refused_by_name() {
    let vp9 = "m=audio 0 RTP/AVP 0\r\na=control:a\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 VP9/90000\r\na=control:v\r\n";
    for (media, says) in [(vp9, "codec VP9"), ("m=audio 0 RTP/AVP 0\r\na=control:a\r\n", "no video")] {
        let error = Rtsp::connect(&fake(media, drop), RtspSettings::default()).expect_err("not to be read");
        assert!(
            matches!(error, SourceError::Unsupported { .. }) && error.to_string().contains(says),
            "{error}"
        );
    }
}

#[test]
fn a_stream_over_the_limit_ends() {
    let stream = packets(&units("tiny.264"), |_| true);
    let url = fake(H264, move |mut camera| {
        let _ = camera.write_all(&stream);
    });
    let limits = DecodeLimits { video_pixels: 64 * 47, ..DecodeLimits::default() };
    let context = SourceContext { limits, ..SourceContext::default() };
    let settings = RtspSettings { context, ..patient() };
    let seen = watch(Rtsp::connect(&url, settings).expect("it plays"), Duration::ZERO);
    assert!(
        matches!(seen.end, Some(SourceError::TooLarge { .. })) && seen.pictures.is_empty(),
        "{:?}",
        seen.end
    );
}

#[test]
fn a_wrong_address_is_refused() {
    for (url, says) in [
        #[cfg(not(feature = "tls"))]
        ("rtsps://a:secret@camera/", "feature `tls`"),
        ("http://a:secret@camera/", "rtsp://"),
        ("rtsp://a:secret@", "no"),
    ] {
        let error = Rtsp::connect(url, RtspSettings::default()).expect_err("the address is wrong");
        let text = format!("{error} {error:?}");
        assert!(
            error.class() == ErrorClass::Fatal && text.contains(says) && !text.contains("secret"),
            "{text}"
        );
    }
}

#[test]
fn a_hostile_server_cannot_delay_the_connection() {
    type Act = fn(&mut TcpStream);
    let acts: [(&str, Act); 7] = [
        ("says nothing", |_| thread::sleep(5000 * MS)),
        ("says nonsense", |s| drop(s.write_all(&[7; 100_000]))),
        ("trickles", |s| {
            for byte in b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nX: ".iter().chain(std::iter::repeat(&b'x')) {
                if s.write_all(&[*byte]).is_err() {
                    return;
                }
                thread::sleep(5 * MS);
            }
        }),
        ("promises much", |s| {
            let _ = s.write_all(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 99999999999999\r\n\r\nv=0");
            thread::sleep(5000 * MS);
        }),
        ("closes in the middle", |s| drop(s.write_all(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Le"))),
        ("has no description", |s| {
            let _ = s.write_all(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 3\r\n\r\nv=1");
        }),
        ("knows no such thing", |s| drop(s.write_all(b"RTSP/1.0 404 Not Found\r\nCSeq: 1\r\n\r\n"))),
    ];
    thread::scope(|scope| {
        for (name, act) in acts {
            scope.spawn(move || {
                let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
                let url = format!("rtsp://{}/x", listener.local_addr().expect("bound"));
                let serve = move || {
                    if let Ok((mut stream, _)) = listener.accept() {
                        let mut requests = BufReader::new(stream.try_clone().expect("a clone"));
                        let _ = request(&mut requests);
                        act(&mut stream);
                    }
                };
                thread::Builder::new().name("hostile".into()).spawn(serve).expect("a thread");
                let start = Instant::now();
                let settings = RtspSettings { connect_timeout: 400 * MS, ..RtspSettings::default() };
                let error = Rtsp::connect(&url, settings).expect_err(name);
                assert_eq!(error.class(), ErrorClass::Reset, "{name}: {error}");
                assert!(start.elapsed() < 10_000 * MS, "{name}: {:?}", start.elapsed());
                assert!(
                    error.to_string().len() < 400 && !error.to_string().contains('\n'),
                    "{name}: {error}"
                );
            });
        }
    });
}

#[test]
fn an_unknown_host_is_a_broken_connection() {
    let settings = RtspSettings { connect_timeout: 400 * MS, ..RtspSettings::default() };
    let error = Rtsp::connect("rtsp://no-such-camera.invalid/x", settings).expect_err("no such host");
    assert_eq!(error.class(), ErrorClass::Reset, "{error}");
}

#[test]
fn invalid_packets_end_the_stream() {
    for junk in [vec![b'$', 0, 0, 4, 1, 2, 3, 4], vec![0; 5000], b"$\0\xff\xff".to_vec()] {
        let junk = junk.repeat(40);
        let url = fake(H264, move |mut camera| {
            let _ = camera.write_all(&junk);
        });
        let seen = watch(connect(&url), Duration::ZERO);
        assert!(is_disconnected(seen.end.as_ref()) && seen.pictures.is_empty(), "{:?}", seen.end);
    }
}

/// Sends `part` again and again until the client closes the connection, at most 2 GiB. Returns the MiB that were sent.
fn flood(stream: &mut TcpStream, part: &[u8]) -> u64 {
    let mut sent = 0;
    while sent < 2 << 30 {
        for part in part.chunks(65_536) {
            if stream.write_all(part).is_err() {
                return sent >> 20;
            }
            sent += part.len() as u64;
            thread::sleep(MS);
        }
    }
    sent >> 20
}

#[test]
fn an_endless_response_is_not_kept() {
    let (sender, sent) = std::sync::mpsc::sync_channel(1);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("rtsp://{}/x", listener.local_addr().expect("bound"));
    let serve = move || {
        let Ok((mut stream, _)) = listener.accept() else { return };
        let mut requests = BufReader::new(stream.try_clone().expect("a clone"));
        let _ = request(&mut requests);
        let _ = stream.write_all(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 99999999999999\r\n\r\n");
        let _ = sender.send(flood(&mut stream, &[0; 65_536]));
    };
    thread::Builder::new().name("hostile".into()).spawn(serve).expect("a thread");
    let settings = RtspSettings { connect_timeout: Duration::from_secs(60), ..RtspSettings::default() };
    let error = Rtsp::connect(&url, settings).expect_err("the response never ends");
    assert!(is_disconnected(Some(&error)), "{error}");
    let sent = sent.recv().expect("it was counted");
    assert!(sent < 500, "{sent} MiB");
}

#[test]
fn an_endless_frame_is_not_kept() {
    let (sender, sent) = std::sync::mpsc::sync_channel(1);
    // Fragments of a picture, none of which is the last.
    let url = fake(H264, move |mut camera| {
        let mut part = Vec::new();
        for number in 0..=u16::MAX {
            let start = if number == 0 { 0x85 } else { 0x05 };
            part.extend([b'$', 0, 4, 14, 0x80, 0x60]);
            part.extend(number.to_be_bytes());
            part.extend([0, 0, 0, 0, 0, 0, 0, 9, 0x7c, start]);
            part.extend([7; 1024]);
        }
        // The number continues from 65535 to 0. The first packet of each later round continues the picture.
        let _ = camera.write_all(&part[..1042]);
        part[17] = 0x05;
        let turned = [&part[1042..], &part[..1042]].concat();
        let _ = sender.send(flood(&mut camera, &turned));
    });
    let seen = watch(connect(&url), Duration::ZERO);
    assert!(is_disconnected(seen.end.as_ref()) && seen.pictures.is_empty(), "{:?}", seen.end);
    let sent = sent.recv().expect("it was counted");
    assert!(sent < 1500, "{sent} MiB");
}

#[test]
fn a_camera_is_a_source() {
    let stream = packets(&units("tiny.264"), |_| true);
    let url = fake(H264, move |mut camera| {
        let _ = camera.write_all(&stream);
    });
    assert_eq!(suite::source(connect(&url)), (10, 0));
}
