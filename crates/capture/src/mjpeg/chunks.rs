//! The chunked transfer coding of HTTP/1.1 (RFC 9112 section 7.1).

/// The most bytes of the line before a chunk, and of the lines after the last chunk.
const MAX_LINE_LEN: usize = 16 << 10;

/// Decodes a chunked body, which may come in any pieces.
#[derive(Debug, Default)]
pub(super) struct ChunkDecoder {
    state: State,
    /// The bytes of the present line until now.
    line_len: usize,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// In the size: its value until now, and true after the first digit.
    Size(u64, bool),
    /// Behind the size, on its line.
    Extension(u64),
    /// In a chunk, with this number of bytes left.
    Data(u64),
    /// Behind a chunk, before the end of its line.
    End,
    /// In the lines behind the last chunk.
    Trailer,
    Ended,
}

impl Default for State {
    fn default() -> Self {
        Self::Size(0, false)
    }
}

impl ChunkDecoder {
    /// Decodes the front of `bytes` and appends the content to `out`. `bytes` keeps the bytes behind the body.
    ///
    /// The error describes the fault.
    pub(super) fn push(&mut self, bytes: &mut &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
        while !self.has_ended() {
            if let State::Data(left) = self.state {
                let take = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                let (data, rest) = bytes.split_at(take);
                out.extend_from_slice(data);
                *bytes = rest;
                self.state = if take as u64 == left { State::End } else { State::Data(left - take as u64) };
                if !matches!(self.state, State::End) {
                    break;
                }
            }
            let Some((&byte, rest)) = bytes.split_first() else { break };
            *bytes = rest;
            self.line_len += 1;
            if self.line_len > MAX_LINE_LEN {
                return Err("an endless line between two chunks");
            }
            self.state = self.next(byte)?;
            if byte == b'\n' {
                self.line_len = 0;
            }
        }
        Ok(())
    }

    /// Returns true if the body has ended.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    fn next(&self, byte: u8) -> Result<State, &'static str> {
        let begin = |size| if size == 0 { State::Trailer } else { State::Data(size) };
        match (self.state, byte) {
            (State::Size(size, _), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
                let size = size.checked_mul(16).ok_or("a chunk whose size is not a number")?;
                Ok(State::Size(size | digit, true))
            }
            (State::Size(size, true), b'\n') | (State::Extension(size), b'\n') => Ok(begin(size)),
            (State::Size(size, true), b'\r' | b';' | b' ' | b'\t') | (State::Extension(size), _) => {
                Ok(State::Extension(size))
            }
            (State::Size(..), _) => Err("a chunk without a size"),
            (State::End, b'\r') => Ok(State::End),
            (State::End, b'\n') => Ok(State::default()),
            (State::End, _) => Err("a chunk that is longer than its size"),
            (State::Trailer, b'\n') if self.line_len <= 2 => Ok(State::Ended),
            (State::Trailer, _) => Ok(State::Trailer),
            (other, _) => Ok(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8], piece: usize) -> Result<(Vec<u8>, Vec<u8>, bool), &'static str> {
        let mut chunks = ChunkDecoder::default();
        let mut out = Vec::new();
        let mut after = Vec::new();
        for mut bytes in bytes.chunks(piece) {
            chunks.push(&mut bytes, &mut out)?;
            after.extend_from_slice(bytes);
        }
        Ok((out, after, chunks.has_ended()))
    }

    #[test]
    fn the_pieces_of_a_body_do_not_matter() {
        let coded = b"4\r\nwiki\r\n0A;name=\"a\"\r\n0123456789\r\n1\nx\n000\r\nAfter: it\r\n\r\nHTTP";
        for piece in 1..coded.len() {
            let want = (b"wiki0123456789x".to_vec(), b"HTTP".to_vec(), true);
            assert_eq!(decode(coded, piece), Ok(want), "in pieces of {piece}");
        }
        assert_eq!(decode(b"5\r\nabc", 2), Ok((b"abc".to_vec(), Vec::new(), false)));
    }

    #[test]
    fn an_invalid_chunk_is_an_error() {
        for coded in [&b"\r\n"[..], b"x", b"-1\r\n", b"11111111111111111\r\n", b"1\r\nab\r\n"] {
            assert!(decode(coded, 3).is_err(), "{coded:?}");
        }
    }

    #[test]
    fn an_endless_line_is_an_error() {
        assert!(decode(&[b"1;".as_slice(), &[b'x'; MAX_LINE_LEN + 1]].concat(), 1000).is_err());
        assert!(decode(&[b"0\n".as_slice(), &[b'x'; MAX_LINE_LEN + 1]].concat(), 1000).is_err());
    }
}
