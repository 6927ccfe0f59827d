//! The errors of network cameras that cannot be opened: one line for the user that names the fault and gives advice, with the
//! cause behind it, and never a password.
#![cfg(all(feature = "rtsp", feature = "mjpeg"))]

use std::error::Error;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use passerby_capture::{Mjpeg, MjpegSettings, Rtsp, RtspSettings};
use passerby_types::{ErrorClass, SourceError};

const TIMEOUT: Duration = Duration::from_secs(2);
const LOGIN: &str = "ana:s3cret@";

/// A server on loopback that gives this answer to every request of one connection.
fn server(answer: impl Into<String>) -> String {
    let answer = answer.into();
    serve(move |stream, cseq| stream.write_all(answer.replace("{cseq}", cseq).as_bytes()).is_ok())
}

/// A server on loopback that accepts a connection and never answers.
fn silent_server() -> String {
    serve(|_, _| true)
}

/// Serves the first connection on a thread, until the client closes it or `answer` returns false. Returns host and port.
fn serve(answer: impl Fn(&mut TcpStream, &str) -> bool + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = listener.local_addr().expect("bound").to_string();
    let run = move || {
        let Ok((mut stream, _)) = listener.accept() else { return };
        let requests = BufReader::new(stream.try_clone().expect("a clone"));
        let mut cseq = "1".to_owned();
        for line in requests.lines().map_while(Result::ok) {
            if let Some(number) = line.strip_prefix("CSeq: ") {
                number.clone_into(&mut cseq);
            }
            if line.is_empty() && !answer(&mut stream, &cseq) {
                return;
            }
        }
    };
    thread::Builder::new().name("camera".into()).spawn(run).expect("a thread");
    host
}

/// Returns a host and a port without a server.
fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").to_string()
}

fn rtsp(login: &str, host: &str) -> SourceError {
    let url = format!("rtsp://{login}{host}/hall/2?channel=1&pwd=s3cret");
    let settings = RtspSettings { connect_timeout: TIMEOUT, ..RtspSettings::default() };
    checked(Rtsp::connect(&url, settings).expect_err("the camera cannot be opened"))
}

fn http(login: &str, host: &str) -> SourceError {
    let url = format!("http://{login}{host}/hall/2?channel=1&pwd=s3cret");
    let settings = MjpegSettings { connect_timeout: TIMEOUT, ..MjpegSettings::default() };
    checked(Mjpeg::connect(&url, settings).expect_err("the camera cannot be opened"))
}

/// Checks what holds for every error: one line that begins with the address, and no login in it or in its causes.
fn checked(error: SourceError) -> SourceError {
    let text = error.to_string();
    let (scheme, _) = text.split_once("://").expect("the address comes first");
    assert!(matches!(scheme, "rtsp" | "http"), "{text}");
    assert!(text.len() < 400 && !text.contains('\n'), "{text}");
    let mut all = format!("{error:?}");
    let mut cause: Option<&dyn Error> = Some(&error);
    while let Some(error) = cause {
        all.push_str(&format!("{error} {error:?}"));
        cause = error.source();
    }
    assert!(!all.contains("s3cret") && !all.contains("ana:"), "{all}");
    error
}

fn says(error: &SourceError, words: &str) {
    assert!(error.to_string().contains(words), "{error}");
}

/// Returns the kind of the system's error behind this one.
fn io_cause(error: &SourceError) -> Option<ErrorKind> {
    error.source()?.downcast_ref::<std::io::Error>().map(std::io::Error::kind)
}

fn cause(error: &SourceError) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}

#[test]
fn a_wrong_path_is_named() {
    let words = "the camera has no stream /hall/2: check the path after the host";
    let error = rtsp("", &server("RTSP/1.0 404 Not Found\r\nCSeq: {cseq}\r\n\r\n"));
    says(&error, words);
    assert!(cause(&error).contains("404"), "{:?}", cause(&error));
    let error = http("", &server("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
    says(&error, words);
    assert_eq!(cause(&error), "404 Not Found");
}

#[test]
fn a_missing_login_shows_how_to_write_one() {
    let ask = "CSeq: {cseq}\r\nWWW-Authenticate: Basic realm=\"door\"\r\nContent-Length: 0\r\n\r\n";
    let rtsp_answer = format!("RTSP/1.0 401 Unauthorized\r\n{ask}");
    let http_answer = format!("HTTP/1.1 401 Unauthorized\r\n{ask}");
    for (error, scheme) in
        [(rtsp("", &server(rtsp_answer)), "rtsp"), (http("", &server(http_answer)), "http")]
    {
        says(&error, &format!("asks for a name and a password ({scheme}://name:password@camera/)"));
        assert!(matches!(error, SourceError::Denied { .. }), "{error:?}");
        assert!(cause(&error).contains("401"), "{:?}", cause(&error));
    }
}

#[test]
fn a_wrong_password_is_named() {
    let ask = "CSeq: {cseq}\r\nWWW-Authenticate: Basic realm=\"door\"\r\nContent-Length: 0\r\n\r\n";
    let rtsp_answer = format!("RTSP/1.0 401 Unauthorized\r\n{ask}");
    let http_answer = format!("HTTP/1.1 401 Unauthorized\r\n{ask}");
    for error in [rtsp(LOGIN, &server(rtsp_answer)), http(LOGIN, &server(http_answer))] {
        says(&error, "wrong name or password");
        assert!(matches!(error, SourceError::Denied { .. }) && error.class() == ErrorClass::Fatal);
        assert!(cause(&error).contains("401"), "{:?}", cause(&error));
    }
}

#[test]
fn a_forbidden_stream_is_denied() {
    let rtsp = rtsp(LOGIN, &server("RTSP/1.0 403 Forbidden\r\nCSeq: {cseq}\r\n\r\n"));
    let http = http(LOGIN, &server("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"));
    for error in [rtsp, http] {
        says(&error, "check the rights of this user name");
        assert!(matches!(error, SourceError::Denied { .. }), "{error:?}");
        assert!(cause(&error).contains("403"), "{:?}", cause(&error));
    }
}

#[test]
fn a_refused_connection_names_the_port() {
    for open in [rtsp, http] {
        let host = closed_port();
        let error = open("", &host);
        let port = host.rsplit_once(':').expect("a port").1;
        says(&error, &format!("connection refused at port {port}: check the port"));
        assert_eq!(io_cause(&error), Some(ErrorKind::ConnectionRefused));
        assert_eq!(error.class(), ErrorClass::Reset);
    }
}

#[test]
fn an_unknown_host_is_named() {
    for open in [rtsp, http] {
        let error = open("", "no-such-camera.invalid");
        // A resolver that is out of reach may take longer than the timeout.
        if io_cause(&error) != Some(ErrorKind::TimedOut) {
            says(&error, "unknown host no-such-camera.invalid: check the name of the camera");
            assert!(io_cause(&error).is_some(), "{error:?}");
        }
        assert_eq!(error.class(), ErrorClass::Reset);
    }
}

#[test]
fn a_silent_camera_is_given_up_in_time() {
    for open in [rtsp, http] {
        let error = open("", &silent_server());
        says(&error, "no answer within 2.0s: check the address, and that the camera is on");
        assert_eq!(io_cause(&error), Some(ErrorKind::TimedOut));
        assert_eq!(error.class(), ErrorClass::Reset);
    }
}

#[test]
fn a_port_of_the_other_protocol_is_named() {
    let web = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\n<html";
    let host = server(web);
    let port = host.rsplit_once(':').expect("a port").1.to_owned();
    says(&rtsp("", &host), &format!("port {port} speaks HTTP, not RTSP: check the port"));
    let error = http("", &server("RTSP/1.0 400 Bad Request\r\nCSeq: {cseq}\r\n\r\n"));
    says(&error, "the camera speaks RTSP at this port");
}

#[test]
fn a_web_page_is_named() {
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>";
    says(&http("", &server(page)), "a web page; the stream has another path");
}

#[test]
fn a_video_over_http_names_the_way_that_plays_it() {
    for kind in ["video/mp4", "application/octet-stream"] {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: 16\r\n\r\n");
        let error = http("", &server(format!("{head}\0\0\0\u{20}ftypisom\0\0\u{2}\0")));
        says(&error, "a video, not JPEG pictures; ffmpeg:http://");
    }
}

#[test]
fn a_busy_camera_is_tried_again() {
    let rtsp = rtsp("", &server("RTSP/1.0 503 Service Unavailable\r\nCSeq: {cseq}\r\n\r\n"));
    let http = http("", &server("HTTP/1.1 503 Too Many Clients\r\nContent-Length: 0\r\n\r\n"));
    for error in [rtsp, http] {
        says(&error, "503");
        assert_eq!(error.class(), ErrorClass::Reset);
    }
}

/// Returns the error of a camera whose only stream has this codec.
fn refused_codec(name: &str) -> SourceError {
    let media = format!(
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
        m=video 0 RTP/AVP 96\r\na=rtpmap:96 {name}/90000\r\n"
    );
    let describe = format!(
        "RTSP/1.0 200 OK\r\nCSeq: {{cseq}}\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{media}",
        media.len()
    );
    rtsp("", &server(describe))
}

#[test]
fn an_unsupported_codec_names_the_feature_that_reads_it() {
    let error = refused_codec("VP8");
    says(&error, "codec VP8; set the camera to H.264, or read it through ffmpeg");
    assert_eq!(error.feature(), (!cfg!(feature = "ffmpeg")).then_some("ffmpeg"));
}

#[cfg(not(feature = "libav"))]
#[test]
fn h265_names_both_ways_to_read_it() {
    let error = refused_codec("H265");
    says(
        &error,
        "codec H265; set the camera to H.264, build with the feature `libav` (--features libav), or read it",
    );
    says(&error, "ffmpeg:rtsp://");
    assert_eq!(error.feature(), Some("libav"));
}

#[cfg(not(feature = "tls"))]
#[test]
fn an_encrypted_camera_names_the_feature_that_reads_it() {
    let error = Rtsp::connect("rtsps://ana:s3cret@camera/live", RtspSettings::default());
    assert_eq!(error.expect_err("a build without TLS").feature(), Some("tls"));
    let error = Mjpeg::connect("https://ana:s3cret@camera/", MjpegSettings::default());
    assert_eq!(error.expect_err("a build without TLS").feature(), Some("tls"));
}
