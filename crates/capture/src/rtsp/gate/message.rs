//! Cuts the bytes of an RTSP connection into messages (RFC 2326).

use std::ops::Range;

/// The most bytes of the lines of a message.
const MAX_HEAD_LEN: usize = 64 << 10;
/// The most bytes of a body. The description of a camera has a few thousand.
const MAX_BODY_LEN: usize = 1 << 20;

/// A message of an RTSP connection.
#[derive(Debug)]
pub(super) enum Message {
    /// A packet of a stream, at this place of the reader's bytes.
    Data {
        channel: u8,
        payload: Range<usize>,
    },
    Text(TextMessage),
}

/// A request or a response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TextMessage {
    /// The first line.
    pub(super) start: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// Cuts bytes into messages. An unfinished message takes at most about a megabyte.
#[derive(Debug, Default)]
pub(super) struct MessageReader {
    bytes: Vec<u8>,
    /// The messages before this offset were returned.
    start: usize,
    /// The bytes from `start` up to here don't hold the end of a head.
    searched: usize,
}

impl MessageReader {
    /// Adds bytes behind those that wait. All ranges that were returned before become invalid.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.searched = self.searched.saturating_sub(self.start);
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns the bytes at a place that [`MessageReader::next`] returned.
    pub(super) fn bytes(&self, place: Range<usize>) -> &[u8] {
        &self.bytes[place]
    }

    /// Returns the next complete message, or `None` if more bytes are needed. The error describes an invalid message, or one
    /// that is over a limit. After an error nothing more can be read.
    pub(super) fn next(&mut self) -> Result<Option<Message>, String> {
        while matches!(self.bytes.get(self.start), Some(b'\r' | b'\n')) {
            self.start += 1;
        }
        let waiting = &self.bytes[self.start..];
        match waiting {
            [] => Ok(None),
            [b'$', channel, high, low, rest @ ..] => {
                let len = usize::from(u16::from_be_bytes([*high, *low]));
                if rest.len() < len {
                    return Ok(None);
                }
                let at = self.start + 4;
                self.start = at + len;
                Ok(Some(Message::Data { channel: *channel, payload: at..at + len }))
            }
            [b'$', ..] => Ok(None),
            [first, ..] if !first.is_ascii_uppercase() => {
                Err("bytes that are neither a message nor a packet".into())
            }
            _ => self.text(),
        }
    }

    fn text(&mut self) -> Result<Option<Message>, String> {
        let from = self.searched.max(self.start);
        let Some(head_end) = head_end(&self.bytes, from) else {
            if self.bytes.len() - self.start > MAX_HEAD_LEN {
                return Err(format!("a message without an end: more than {} KiB", MAX_HEAD_LEN >> 10));
            }
            // The end may have begun.
            self.searched = self.bytes.len().saturating_sub(3);
            return Ok(None);
        };
        if head_end - self.start > MAX_HEAD_LEN {
            return Err(format!("a message with more than {} KiB of lines", MAX_HEAD_LEN >> 10));
        }
        let mut message = TextMessage::parse(&String::from_utf8_lossy(&self.bytes[self.start..head_end]));
        let len = message.header("content-length").map_or(Ok(0), str::parse::<usize>);
        let len = len.map_err(|_| "a message whose length is not a number")?;
        if len > MAX_BODY_LEN {
            return Err(format!("a message of {len} bytes, over the limit of {MAX_BODY_LEN}"));
        }
        let Some(body) = self.bytes.get(head_end..head_end + len) else {
            self.searched = head_end.saturating_sub(4).max(self.start);
            return Ok(None);
        };
        message.body = body.to_vec();
        self.start = head_end + len;
        Ok(Some(Message::Text(message)))
    }
}

/// Returns the offset behind the empty line that ends a head.
fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    (from..bytes.len()).find_map(|at| match &bytes[at..] {
        [b'\n', b'\n', ..] => Some(at + 2),
        [b'\n', b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

impl TextMessage {
    fn parse(head: &str) -> Self {
        let mut lines = head.lines();
        let start = lines.next().unwrap_or_default().to_owned();
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            match (headers.last_mut(), line.split_once(':')) {
                // A line that continues the one before.
                (Some((_, value)), _) if line.starts_with([' ', '\t']) => {
                    value.extend([" ", line.trim()]);
                }
                (_, Some((name, value))) => headers.push((name.trim().to_owned(), value.trim().to_owned())),
                _ => {}
            }
        }
        Self { start, headers, body: Vec::new() }
    }

    /// Returns the status of a response, or `None` for a request.
    pub(super) fn status(&self) -> Option<u16> {
        let rest = self.start.strip_prefix("RTSP/")?;
        rest.split_whitespace().nth(1)?.parse().ok()
    }

    /// Returns the value of the first line with this name, which is given in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Returns the values of all lines with this name.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let named = self.headers.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.clone()).collect()
    }

    /// Removes all lines with this name, and adds one with this value, if there is one.
    pub(super) fn set(&mut self, name: &str, value: Option<String>) {
        self.headers.retain(|(given, _)| !given.eq_ignore_ascii_case(name));
        self.headers.extend(value.map(|value| (name.to_owned(), value)));
    }

    /// Returns the message as it is sent.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.start.clone();
        out.push_str("\r\n");
        for (name, value) in &self.headers {
            out.extend([name, ": ", value, "\r\n"]);
        }
        out.push_str("\r\n");
        let mut out = out.into_bytes();
        out.extend_from_slice(&self.body);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], piece: usize) -> Result<Vec<String>, String> {
        let mut reader = MessageReader::default();
        let mut out = Vec::new();
        for piece in bytes.chunks(piece) {
            reader.push(piece);
            while let Some(message) = reader.next()? {
                out.push(match message {
                    Message::Data { channel, payload } => format!("{channel}: {:?}", reader.bytes(payload)),
                    Message::Text(text) => String::from_utf8(text.to_bytes()).unwrap(),
                });
            }
            assert!(reader.bytes.len() <= MAX_HEAD_LEN + MAX_BODY_LEN + 65_540);
        }
        Ok(out)
    }

    #[test]
    fn the_pieces_of_a_connection_do_not_matter() {
        let bytes = b"RTSP/1.0 200 OK\r\nCSeq:1\r\nX: a\r\n b\r\nContent-Length: 3\r\n\r\nv=0$\x01\0\x02hi\r\nRTSP/1.0 404 No\nCSeq: 2\n\n$\0\0\0";
        let want = [
            "RTSP/1.0 200 OK\r\nCSeq: 1\r\nX: a b\r\nContent-Length: 3\r\n\r\nv=0",
            "1: [104, 105]",
            "RTSP/1.0 404 No\r\nCSeq: 2\r\n\r\n",
            "0: []",
        ];
        for piece in 1..bytes.len() {
            assert_eq!(read(bytes, piece).unwrap(), want, "in pieces of {piece}");
        }
    }

    #[test]
    fn an_unfinished_message_is_bounded() {
        let line = [b"RTSP/1.0 200 ".as_slice(), &[b'x'; 70_000]].concat();
        assert!(read(&line, 7).unwrap_err().contains("without an end"));
        let lines = [b"RTSP/1.0 200 OK\r\n".as_slice(), &b"A: b\r\n".repeat(12_000), b"\r\n"].concat();
        assert!(read(&lines, 100_000).unwrap_err().contains("KiB of lines"));
        let body = b"RTSP/1.0 200 OK\r\nContent-Length: 1048577\r\n\r\n";
        assert!(read(body, 10).unwrap_err().contains("over the limit"));
        assert!(read(b"RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n", 10).is_err());
        assert!(read(&[7; 10], 10).unwrap_err().contains("neither"));
    }

    #[test]
    fn a_status_is_read() {
        let status = |start: &str| TextMessage { start: start.into(), ..TextMessage::default() }.status();
        assert_eq!(status("RTSP/1.0 401 Unauthorized"), Some(401));
        assert_eq!(status("RTSP/1.0  200 OK"), Some(200));
        assert_eq!(status("OPTIONS rtsp://x RTSP/1.0"), None);
    }
}
