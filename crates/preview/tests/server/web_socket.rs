//! The viewer's end of a WebSocket (RFC 6455).

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::client::{connect, read_head};

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;

/// Set in the first byte of the last frame of a message.
pub(crate) const FINAL: u8 = 0x80;

/// Asks for a camera's video. Returns the status, and the connection behind the head of the answer.
pub(crate) fn ask(address: SocketAddr, camera: u32) -> (u16, TcpStream) {
    let mut stream = connect(address);
    let request = format!(
        "GET /api/cameras/{camera}/video HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let head = read_head(&mut stream);
    (head.split(' ').nth(1).unwrap().parse().unwrap(), stream)
}

/// Returns a frame with a mask of zeros, which leaves the content as it is. `first` is the kind, with [`FINAL`] or without.
pub(crate) fn frame(first: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len();
    let mut frame = vec![first];
    match len {
        0..126 => frame.push(0x80 | len as u8),
        126..=0xFFFF => {
            frame.push(0x80 | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(content);
    frame
}

/// Reads a message of the server: its kind and its content. Returns `None` at the end of the connection.
pub(crate) fn message(reader: &mut impl Read) -> Option<(u8, Vec<u8>)> {
    let head = take(reader, 2)?;
    let len = match head[1] {
        126 => take(reader, 2)?.iter().fold(0, |len, &b| len << 8 | usize::from(b)),
        127 => take(reader, 8)?.iter().fold(0, |len, &b| len << 8 | usize::from(b)),
        len => len.into(),
    };
    assert_eq!(head[0] & FINAL, FINAL, "a whole message");
    Some((head[0] & 0x0F, take(reader, len)?))
}

/// Reads to the end. Returns the code and the reason that the server gave for it.
pub(crate) fn end(reader: &mut impl Read) -> Option<(u16, String)> {
    while let Some((kind, content)) = message(reader) {
        if kind == CLOSE {
            let reason = String::from_utf8(content[2..].to_vec()).unwrap();
            return Some((u16::from_be_bytes([content[0], content[1]]), reason));
        }
    }
    None
}

fn take(reader: &mut impl Read, len: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; len];
    match reader.read_exact(&mut bytes) {
        Ok(()) => Some(bytes),
        Err(e) => {
            assert!(!matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "no end: {e}");
            None
        }
    }
}
