//! A client that can send anything.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::Value;

use crate::shape::Shapes;

/// The longest wait for an answer.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream.set_write_timeout(Some(TIMEOUT)).unwrap();
    stream
}

/// Sends bytes and says that no more follow. Returns everything until the server closes, or `None` if it is not an answer of HTTP.
pub(crate) fn exchange_all(address: SocketAddr, request: &[u8]) -> Option<Answer> {
    let mut stream = connect(address);
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(request);
    let _ = stream.shutdown(Shutdown::Write);
    answer(stream)
}

/// Sends a request, and returns everything until the server closes, or `None` if it is not an answer of HTTP.
pub(crate) fn exchange(address: SocketAddr, request: &[u8]) -> Option<Answer> {
    let mut stream = connect(address);
    stream.write_all(request).unwrap();
    answer(stream)
}

fn answer(mut stream: TcpStream) -> Option<Answer> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(e) => assert!(!matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "no end: {e}"),
    }
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head: head.to_lowercase(), body: bytes[end + 4..].to_vec() })
}

/// Sends a request with these header lines.
pub(crate) fn send(address: SocketAddr, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
    let host =
        if headers.to_lowercase().contains("host:") { String::new() } else { format!("Host: {address}\r\n") };
    let head = format!(
        "{method} {path} HTTP/1.1\r\n{host}Connection: close\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    let answer = exchange(address, &[head.as_bytes(), body].concat());
    let answer = answer.unwrap_or_else(|| panic!("{method} {path}: no answer"));
    if answer.head.contains("content-type: application/json") && is_described(path, answer.status) {
        shapes().check_answer(method, path, answer.status, &answer.json());
    }
    answer
}

/// Returns false for answers that every path may have: no such page, no such method.
fn is_described(path: &str, status: u16) -> bool {
    status != 405 && (path.starts_with("/api/") || path.starts_with("/health"))
}

/// Returns the OpenAPI document and the fields that the tests have seen.
pub(crate) fn shapes() -> &'static Shapes {
    static SHAPES: LazyLock<Shapes> = LazyLock::new(|| {
        let document = include_str!("../../src/routes/openapi.json");
        Shapes::new(serde_json::from_str(document).unwrap())
    });
    &SHAPES
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Answer {
    send(address, "GET", path, "", b"")
}

/// Sends a change as the page does.
pub(crate) fn change(address: SocketAddr, method: &str, path: &str, body: &Value) -> Answer {
    let headers = format!("Origin: http://{address}\r\nContent-Type: application/json\r\n");
    let body = if body.is_null() { String::new() } else { body.to_string() };
    send(address, method, path, &headers, body.as_bytes())
}

/// Begins a request whose answer has no end, and returns the connection.
pub(crate) fn open(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = connect(address);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    stream
}

/// Reads until the text was seen.
pub(crate) fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut read = Vec::new();
    let mut part = [0; 4096];
    loop {
        let n = stream.read(&mut part).unwrap();
        assert!(n > 0, "the stream ended: {}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&part[..n]);
        let seen = String::from_utf8_lossy(&read);
        if seen.contains(text) {
            return seen.into_owned();
        }
    }
}

/// Reads the head of an answer, and not a byte more.
pub(crate) fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}
