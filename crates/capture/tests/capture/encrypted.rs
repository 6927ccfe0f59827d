//! Encrypted cameras, whose certificates must be accepted before a login is sent.
#![cfg(all(feature = "rtsp", feature = "mjpeg", feature = "tls"))]
#![allow(clippy::print_stderr, reason = "skipped tests are reported")]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::common::{bytes, data, drain};
use crate::rtsp::camera::{RtspCamera, clip, packets};
use passerby_capture::{
    AcceptedCertificates, Mjpeg, MjpegSettings, OpenSettings, Rtsp, RtspSettings, open_with,
};
use passerby_types::{ErrorClass, SourceError};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

/// Starts a server with the certificate of the test's camera, in front of the one at `inner`. Returns its address.
///
/// It connects to `inner` when the client has accepted its certificate.
fn encrypt(inner: SocketAddr) -> SocketAddr {
    let certificate = CertificateDer::from_pem_file(data("camera.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(data("camera.key")).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_no_client_auth().with_single_cert(vec![certificate], key);
    let config = Arc::new(config.expect("a server"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let serve = move || {
        for client in listener.incoming().map_while(Result::ok) {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            let _ = relay(client, connection, inner);
        }
    };
    thread::Builder::new().name("tls-camera".into()).spawn(serve).expect("a thread");
    address
}

fn relay(mut client: TcpStream, mut tls: ServerConnection, inner: SocketAddr) -> std::io::Result<()> {
    while tls.is_handshaking() {
        tls.complete_io(&mut client)?;
    }
    let mut inner = TcpStream::connect(inner)?;
    client.set_nonblocking(true)?;
    inner.set_nonblocking(true)?;
    let mut buffer = vec![0; 65_536];
    loop {
        match tls.read_tls(&mut client) {
            Ok(0) => return Ok(()),
            Ok(_) => {
                tls.process_new_packets().map_err(std::io::Error::other)?;
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
        if let Ok(len @ 1..) = tls.reader().read(&mut buffer) {
            inner.write_all(&buffer[..len])?;
        }
        let mut ended = false;
        match inner.read(&mut buffer) {
            Ok(0) => ended = true,
            Ok(len) => tls.writer().write_all(&buffer[..len])?,
            Err(e) if e.kind() == ErrorKind::WouldBlock => thread::sleep(Duration::from_millis(1)),
            Err(e) => return Err(e),
        }
        while tls.wants_write() {
            match tls.write_tls(&mut client) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => thread::sleep(Duration::from_millis(1)),
                written => {
                    written?;
                }
            }
        }
        if ended {
            return Ok(());
        }
    }
}

/// Starts a camera that answers every HTTP request with these bytes. Returns its address.
fn http_camera(answer: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let serve = move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(&answer);
        }
    };
    thread::Builder::new().name("http-camera".into()).spawn(serve).expect("a thread");
    address
}

fn picture() -> SocketAddr {
    let jpeg = bytes("tiny.jpg");
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", jpeg.len());
    http_camera([head.as_bytes(), &jpeg].concat())
}

/// The accepted certificates of each case, and true if the camera's is among them.
fn cases() -> [(AcceptedCertificates, bool); 4] {
    [
        (AcceptedCertificates::System, false),
        (AcceptedCertificates::Named(data("camera.pem")), true),
        (AcceptedCertificates::Named(data("other.pem")), false),
        (AcceptedCertificates::Any, true),
    ]
}

fn is_refused(error: &SourceError, certificates: &AcceptedCertificates) {
    let text = error.to_string();
    assert!(text.contains("certificate is not accepted") && text.contains("#certificate="), "{text}");
    assert!(!text.contains("secret"), "{text}");
    assert_eq!(error.class(), ErrorClass::Reset, "{certificates:?}");
}

#[test]
fn an_rtsp_camera_gets_the_login_only_if_its_certificate_is_accepted() {
    for (certificates, accepted) in cases() {
        let camera = RtspCamera::playing(packets(&clip(), 9, 0, 0));
        let url = format!("rtsps://me:secret@{}/live", encrypt(camera.address()));
        let settings = RtspSettings {
            certificates: certificates.clone(),
            max_age: Duration::from_secs(60),
            ..RtspSettings::default()
        };
        match Rtsp::connect(&url, settings) {
            Ok(mut source) => assert_eq!(drain(&mut source).frames.len(), 10, "{certificates:?}"),
            Err(error) => is_refused(&error, &certificates),
        }
        assert_eq!(camera.connections(), u32::from(accepted), "{certificates:?}");
    }
}

#[test]
fn an_http_camera_gets_the_login_only_if_its_certificate_is_accepted() {
    for (certificates, accepted) in cases() {
        let url = format!("https://me:secret@{}/snap", encrypt(picture()));
        let settings = MjpegSettings { certificates: certificates.clone(), ..MjpegSettings::default() };
        match Mjpeg::connect(&url, settings) {
            Ok(_) => assert!(accepted, "{certificates:?}"),
            Err(error) => {
                assert!(!accepted, "{certificates:?}: {error}");
                is_refused(&error, &certificates);
            }
        }
    }
}

#[test]
fn a_certificate_is_named_in_the_address() {
    let address = encrypt(picture());
    let pem = data("camera.pem").display().to_string();
    let settings = OpenSettings { reconnect: None, ..OpenSettings::default() };
    assert!(open_with(format!("https://{address}/snap#certificate={pem}"), &settings).is_ok());
    assert!(open_with(format!("https://{address}/snap#certificate=any"), &settings).is_ok());
    let missing = open_with(format!("https://{address}/snap#certificate=missing.pem"), &settings);
    let error = missing.err().expect("no such file").to_string();
    assert!(error.contains("missing.pem"), "{error}");
}

#[cfg(feature = "ffmpeg")]
#[test]
fn ffmpeg_gets_the_login_through_only_if_the_certificate_is_accepted() {
    use passerby_capture::{Ffmpeg, FfmpegSettings};
    let installed = std::process::Command::new("ffmpeg").arg("-version").output();
    if !installed.is_ok_and(|out| out.status.success()) {
        eprintln!(
            "SKIPPED ffmpeg_gets_the_login_through_only_if_the_certificate_is_accepted: no ffmpeg program"
        );
        return;
    }
    let video = bytes("tiny_fragmented.mp4");
    let address = encrypt(http_camera([b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &video].concat()));
    let connect = |scheme: &str, certificates| {
        let settings = FfmpegSettings {
            certificates,
            connect_timeout: Duration::from_secs(30),
            ..FfmpegSettings::default()
        };
        Ffmpeg::connect(&format!("{scheme}://me:secret@{address}/video"), settings)
    };
    is_refused(
        &connect("https", AcceptedCertificates::System).expect_err("unknown"),
        &AcceptedCertificates::System,
    );
    for certificates in [AcceptedCertificates::Named(data("camera.pem")), AcceptedCertificates::Any] {
        assert!(connect("https", certificates).is_ok());
    }
    let error = connect("rtsps", AcceptedCertificates::System).expect_err("it cannot be checked");
    assert!(error.to_string().contains("does not check"), "{error}");
}
